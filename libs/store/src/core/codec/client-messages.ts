/**
 * What a client and a coordinator say to each other with every request, as bytes: LIST, PREPARE, COMMIT and their replies. They are
 * most of the wire's messages, and msgpack was a tenth of what a node did for an add. What is asked now and then (GET, COUNT,
 * WATCH, the ring) stays msgpack, where a new field needs no thought.
 *
 * Fields stand one after another in the order in which they are written here, as ByteWriter writes them. One that may be absent
 * has a byte before it that says whether it is there; a level that is absent is the empty text. A new field does not
 * compile before it is read here (`Whole`), and its bytes are a new version of the wire.
 */
import {
  PATTERNS,
  TriptychError,
  type Achieved,
  type CommitReply,
  type CommitRequest,
  type ConsistencyLevel,
  type ErrorCode,
  type Item,
  type ListReply,
  type ListRequest,
  type NodeId,
  type Operation,
  type Placement,
  type PrepareReply,
  type PrepareRequest,
  type RowReply,
  type RowRequest,
  type ZoneId,
} from '@app/contracts';
import { ByteReader } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import { packItems, unpackItems } from './packed-list.js';

/** With every field of it, be it undefined: what is read names all that there are. */
export type Whole<Message> = { readonly [Field in keyof Required<Message>]: Message[Field] };

/** Both directions of one message. Bytes in what is read are views of what it was read from. */
export interface MessageCodec<Request, Reply> {
  /** @throws TriptychError REQUEST_INVALID on what has no spelling: half a surrogate pair, a limit that is no count */
  readonly encodeRequest: (request: Request) => Uint8Array;
  /** @throws TriptychError REQUEST_INVALID on what `encodeRequest` did not write */
  readonly decodeRequest: (payload: unknown) => Request;
  readonly encodeReply: (reply: Reply) => Uint8Array;
  /** @throws TriptychError WIRE_PROTOCOL on what `encodeReply` did not write */
  readonly decodeReply: (payload: unknown) => Reply;
}

export const PREPARE: MessageCodec<PrepareRequest, PrepareReply> = {
  encodeRequest: (request) => {
    const writer = new ByteWriter();
    writeRowRequest(writer, request);
    writer.string(request.item);
    writeOperation(writer, request.operation);
    writeOptionalBytes(writer, request.pending);
    return writer.finish();
  },
  decodeRequest: (payload) =>
    readMessage(payload, 'REQUEST_INVALID', (reader): Whole<PrepareRequest> => ({
      table: reader.name(),
      row: reader.string(),
      level: readLevel(reader),
      seen: readOptionalBytes(reader),
      item: reader.string(),
      operation: readOperation(reader),
      pending: readOptionalBytes(reader),
    })),
  encodeReply: (reply) => {
    const writer = new ByteWriter(256);
    writeRowReply(writer, reply);
    writeOptionalBytes(writer, reply.delta ?? undefined);
    writeItem(writer, reply.item);
    return writer.finish();
  },
  decodeReply: (payload) =>
    readMessage(payload, 'WIRE_PROTOCOL', (reader): Whole<PrepareReply> => ({
      achieved: readAchieved(reader),
      seen: reader.bytes(),
      delta: readOptionalBytes(reader) ?? null,
      item: readItem(reader),
    })),
};

export const COMMIT: MessageCodec<CommitRequest, CommitReply> = {
  encodeRequest: (request) => {
    const writer = new ByteWriter(256);
    writeRowRequest(writer, request);
    writer.bytes(request.delta);
    return writer.finish();
  },
  decodeRequest: (payload) => readMessage(payload, 'REQUEST_INVALID', (reader): Whole<CommitRequest> => ({
      table: reader.name(),
      row: reader.string(),
      level: readLevel(reader),
      seen: readOptionalBytes(reader),
      delta: reader.bytes(),
    })),
  encodeReply: (reply) => {
    const writer = new ByteWriter();
    writeRowReply(writer, reply);
    return writer.finish();
  },
  decodeReply: (payload) => readMessage(payload, 'WIRE_PROTOCOL', (reader): Whole<CommitReply> => ({ achieved: readAchieved(reader), seen: reader.bytes() })),
};

export const LIST: MessageCodec<ListRequest, ListReply> = {
  encodeRequest: (request) => {
    const writer = new ByteWriter();
    writeRowRequest(writer, request);
    if (!Number.isSafeInteger(request.limit) || request.limit < 0) throw new TriptychError('REQUEST_INVALID', 'a limit is a count');
    writer.varint(request.limit);
    writePlace(writer, request.after);
    const wanted = request.where === undefined ? null : Object.entries(request.where);
    writer.varint(wanted === null ? 0 : 1 + wanted.length);
    for (const [attribute, text] of wanted ?? []) {
      writer.string(attribute);
      writer.string(text);
    }
    return writer.finish();
  },
  decodeRequest: (payload) =>
    readMessage(payload, 'REQUEST_INVALID', (reader): Whole<ListRequest> => ({
      table: reader.name(),
      row: reader.string(),
      level: readLevel(reader),
      seen: readOptionalBytes(reader),
      limit: reader.varint(),
      after: readPlace(reader),
      where: readWhere(reader),
    })),
  encodeReply: (reply) => {
    const items = packItems(reply.items);
    const writer = new ByteWriter(256 + items.length);
    writeRowReply(writer, reply);
    writer.u8(reply.more ? 1 : 0);
    writePlace(writer, reply.lookedTo);
    writer.bytes(items);
    return writer.finish();
  },
  decodeReply: (payload) =>
    readMessage(payload, 'WIRE_PROTOCOL', (reader): Whole<ListReply> => ({
      achieved: readAchieved(reader),
      seen: reader.bytes(),
      more: isNext(reader),
      lookedTo: readPlace(reader),
      items: unpackItems(reader.bytes()),
    })),
};

const CODECS: Readonly<Record<string, Pick<MessageCodec<never, unknown>, 'encodeRequest' | 'decodeReply'>>> = { [PATTERNS.prepare]: PREPARE, [PATTERNS.commit]: COMMIT, [PATTERNS.list]: LIST };

/** A request of any pattern as the payload in which it travels: bytes, or itself where it goes as msgpack. */
export function encodeClientRequest(pattern: string, request: unknown): unknown {
  return CODECS[pattern]?.encodeRequest(request as never) ?? request;
}

/** The reply to a request of this pattern. @throws TriptychError WIRE_PROTOCOL */
export function decodeClientReply(pattern: string, payload: unknown): unknown {
  const codec = CODECS[pattern];
  return codec === undefined ? payload : codec.decodeReply(payload);
}

/** Reads all of a message. @throws TriptychError of this code, where it is not bytes of ours */
export function readMessage<Message>(payload: unknown, code: Extract<ErrorCode, 'REQUEST_INVALID' | 'WIRE_PROTOCOL'>, fields: (reader: ByteReader) => Message): Message {
  if (!(payload instanceof Uint8Array)) throw new TriptychError(code, 'a message that travels as bytes came as something else');
  try {
    const reader = new ByteReader(payload);
    const message = fields(reader);
    reader.end();
    return message;
  } catch (cause) {
    if (!(cause instanceof TriptychError)) throw cause;
    throw new TriptychError(code, 'a message cannot be read', {}, { cause });
  }
}

// ---- parts of messages

function writeRowRequest(writer: ByteWriter, { table, row, level, seen }: RowRequest): void {
  writer.string(table);
  writer.string(row);
  writer.string(level ?? '');
  writeOptionalBytes(writer, seen);
}

/** Only that it is a text: what it names is judged, and refused, by who is to keep it. */
const readLevel = (reader: ByteReader): ConsistencyLevel | undefined => (reader.name() || undefined) as ConsistencyLevel | undefined;

const REPAIRED = 1;
const HEDGED = 2;
const FALLBACK = 4;
const TOKEN_AHEAD = 8;
const SLOPPY = 16;

function writeRowReply(writer: ByteWriter, { achieved, seen }: RowReply): void {
  const { level, node, zone, replicas, zones, replicationFactor, repaired, hedged, versions, fallback, tokenAhead, sloppy } = achieved;
  writer.string(level);
  writer.string(node);
  writer.string(zone);
  writeStrings(writer, replicas);
  writeStrings(writer, zones);
  writer.varint(replicationFactor);
  writer.varint(versions);
  writer.u8((repaired ? REPAIRED : 0) | (hedged ? HEDGED : 0) | (fallback ? FALLBACK : 0) | (tokenAhead ? TOKEN_AHEAD : 0) | (sloppy ? SLOPPY : 0));
  writer.bytes(seen);
}

function readAchieved(reader: ByteReader): Achieved {
  const level = reader.name() as ConsistencyLevel;
  const node = reader.name() as NodeId;
  const zone = reader.name() as ZoneId;
  const replicas = readNames(reader) as NodeId[];
  const zones = readNames(reader) as ZoneId[];
  const replicationFactor = reader.varint();
  const versions = reader.varint();
  const flags = reader.u8();
  const [repaired, hedged] = [(flags & REPAIRED) !== 0, (flags & HEDGED) !== 0];
  const [fallback, tokenAhead, sloppy] = [(flags & FALLBACK) !== 0, (flags & TOKEN_AHEAD) !== 0, (flags & SLOPPY) !== 0];
  return { level, node, zone, replicas, zones, replicationFactor, repaired, hedged, versions, fallback, tokenAhead, sloppy } satisfies Whole<Achieved>;
}

const ADD = 0;
const REMOVE = 1;
const MOVE = 2;

function writeOperation(writer: ByteWriter, operation: Operation): void {
  switch (operation.kind) {
    case 'add':
      writer.u8(ADD);
      writer.bytes(operation.value);
      return writePlacement(writer, operation.placement);
    case 'remove':
      return writer.u8(REMOVE);
    case 'move':
      writer.u8(MOVE);
      return writePlacement(writer, operation.placement);
    default:
      throw new TriptychError('REQUEST_INVALID', `no operation is called ${String((operation satisfies never as Operation).kind)}`);
  }
}

function readOperation(reader: ByteReader): Operation {
  const kind = reader.u8();
  if (kind === ADD) return { kind: 'add', value: reader.bytes(), placement: readPlacement(reader) } satisfies Whole<Extract<Operation, { kind: 'add' }>>;
  if (kind === REMOVE) return { kind: 'remove' } satisfies Whole<Extract<Operation, { kind: 'remove' }>>;
  const placement = readPlacement(reader);
  if (kind !== MOVE || placement === undefined) throw unknown('operation');
  return { kind: 'move', placement } satisfies Whole<Extract<Operation, { kind: 'move' }>>;
}

const PLACEMENTS = ['none', 'first', 'last', 'before', 'after'] as const;

function writePlacement(writer: ByteWriter, placement: Placement | undefined): void {
  if (placement === undefined) return writer.u8(PLACEMENTS.indexOf('none'));
  if (typeof placement === 'string') return writer.u8(PLACEMENTS.indexOf(placement));
  const isBefore = 'before' in placement;
  writer.u8(PLACEMENTS.indexOf(isBefore ? 'before' : 'after'));
  writer.string(isBefore ? placement.before : placement.after);
}

function readPlacement(reader: ByteReader): Placement | undefined {
  const name = PLACEMENTS[reader.u8()];
  switch (name) {
    case 'none':
      return undefined;
    case 'before':
      return { before: reader.string() };
    case 'after':
      return { after: reader.string() };
    case undefined:
      throw unknown('placement');
    default:
      return name;
  }
}

function writeItem(writer: ByteWriter, item: Item | null): void {
  writer.u8(item === null ? 0 : 1);
  if (item === null) return;
  writer.string(item.item);
  writer.string(item.position);
  writer.bytes(item.value);
  writer.varint(item.writtenAtMs);
}

function readItem(reader: ByteReader): Item | null {
  if (!isNext(reader)) return null;
  return { item: reader.string(), position: reader.string(), value: reader.bytes(), writtenAtMs: reader.varint() } satisfies Whole<Item>;
}

type Place = NonNullable<ListRequest['after']>;

function writePlace(writer: ByteWriter, place: Place | undefined): void {
  writer.u8(place === undefined ? 0 : 1);
  if (place === undefined) return;
  writer.string(place.position);
  writer.string(place.item);
}

function readPlace(reader: ByteReader): Place | undefined {
  return isNext(reader) ? ({ position: reader.string(), item: reader.string() } satisfies Whole<Place>) : undefined;
}

function readWhere(reader: ByteReader): ListRequest['where'] {
  const count = reader.varint();
  if (count === 0) return undefined;
  const wanted: [string, string][] = [];
  for (let left = count - 1; left > 0; left--) wanted.push([reader.string(), reader.string()]);
  return Object.fromEntries(wanted);
}

function writeOptionalBytes(writer: ByteWriter, bytes: Uint8Array | undefined): void {
  writer.u8(bytes === undefined ? 0 : 1);
  if (bytes !== undefined) writer.bytes(bytes);
}

const readOptionalBytes = (reader: ByteReader): Uint8Array | undefined => (isNext(reader) ? reader.bytes() : undefined);

function writeStrings(writer: ByteWriter, texts: readonly string[]): void {
  writer.varint(texts.length);
  for (const text of texts) writer.string(text);
}

function readNames(reader: ByteReader): string[] {
  const texts: string[] = [];
  for (let left = reader.varint(); left > 0; left--) texts.push(reader.name());
  return texts;
}

/** Whether what may be absent is there. */
function isNext(reader: ByteReader): boolean {
  const flag = reader.u8();
  if (flag > 1) throw unknown('flag');
  return flag === 1;
}

const unknown = (what: string): TriptychError => new TriptychError('STORE_RECORD_CORRUPT', `a message has a ${what} that is not known`);
