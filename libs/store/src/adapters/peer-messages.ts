/**
 * What replicas say to each other with every request, as bytes: `apply`, `digest` and their replies. All else that they say is
 * msgpack. So bytes are one of these, and an object is one of the others; what is not known says so in its first byte.
 *
 *     kind u8, hlc varint, then of a question: epoch varint, table, row, of `apply` the delta; of a digest: its vote u8, its bytes
 */
import { TriptychError } from '@app/contracts';
import { ByteReader } from '../core/codec/byte-reader.js';
import { ByteWriter } from '../core/codec/byte-writer.js';
import { readMessage, type Whole } from '../core/codec/client-messages.js';
import type { PeerReply, PeerRequest } from '../ports/transport.js';

const APPLY = 1;
const DIGEST = 2;
/** Beside the bytes of a delta: stamps, table and row. */
const HEAD_BYTES = 96;

/** As it travels: bytes, or itself where it goes as msgpack. */
export function encodePeerRequest(request: PeerRequest): Uint8Array | PeerRequest {
  if (request.kind !== 'apply' && request.kind !== 'digest') return request;
  const isApply = request.kind === 'apply';
  const writer = new ByteWriter(HEAD_BYTES + (isApply ? request.delta.length : 0));
  writer.u8(isApply ? APPLY : DIGEST);
  writer.varint(request.hlc);
  writer.varint(request.epoch);
  writer.string(request.table);
  writer.string(request.row);
  if (isApply) writer.bytes(request.delta);
  return writer.finish();
}

/** @throws TriptychError REQUEST_INVALID on bytes that are none of ours, or what is no message at all */
export function decodePeerRequest(payload: unknown): PeerRequest {
  return isObject(payload) ? (payload as PeerRequest) : readMessage(payload, 'REQUEST_INVALID', readRequest);
}

function readRequest(reader: ByteReader): PeerRequest {
  const kind = reader.u8();
  const hlc = reader.varint();
  const epoch = reader.varint();
  const table = reader.name();
  const row = reader.string();
  if (kind === APPLY) return { hlc, epoch, table, row, kind: 'apply', delta: reader.bytes() } satisfies Whole<Extract<PeerRequest, { kind: 'apply' }>>;
  if (kind === DIGEST) return { hlc, epoch, table, row, kind: 'digest' } satisfies Whole<Extract<PeerRequest, { kind: 'digest' }>>;
  throw unknown(kind);
}

/** As `encodePeerRequest`. */
export function encodePeerReply(reply: PeerReply): Uint8Array | PeerReply {
  if (reply.kind !== 'applied' && reply.kind !== 'digest') return reply;
  const writer = new ByteWriter(32);
  writer.u8(reply.kind === 'applied' ? APPLY : DIGEST);
  writer.varint(reply.hlc);
  if (reply.kind === 'digest') {
    writer.u8(reply.vote ? 1 : 0);
    writer.bytes(reply.digest);
  }
  return writer.finish();
}

/** @throws TriptychError WIRE_PROTOCOL, as `decodePeerRequest` */
export function decodePeerReply(payload: unknown): PeerReply {
  return isObject(payload) ? (payload as PeerReply) : readMessage(payload, 'WIRE_PROTOCOL', readReply);
}

function readReply(reader: ByteReader): PeerReply {
  const kind = reader.u8();
  const hlc = reader.varint();
  if (kind === APPLY) return { hlc, kind: 'applied' } satisfies Whole<Extract<PeerReply, { kind: 'applied' }>>;
  if (kind !== DIGEST) throw unknown(kind);
  const vote = reader.u8();
  if (vote > 1) throw unknown(vote);
  return { hlc, kind: 'digest', vote: vote === 1, digest: reader.bytes() } satisfies Whole<Extract<PeerReply, { kind: 'digest' }>>;
}

/** One that came as msgpack. */
const isObject = (payload: unknown): boolean => typeof payload === 'object' && payload !== null && !(payload instanceof Uint8Array);

const unknown = (kind: number): TriptychError => new TriptychError('STORE_RECORD_CORRUPT', `a message between replicas of kind ${kind} is not known`);
