import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CONSISTENCY_LEVELS, nodeId, PATTERNS, zoneId, type Achieved, type CommitReply, type CommitRequest, type Item, type ListReply, type ListRequest, type Operation, type Placement, type PrepareReply, type PrepareRequest, type RowReply, type RowRequest } from '@app/contracts';
import { COMMIT, decodeClientReply, encodeClientRequest, LIST, PREPARE, type MessageCodec, type Whole } from './client-messages.js';
import { codeOf } from '../../testing/code-of.js';

/** An arbitrary for each field, of those that may be absent too: a new field does not compile here before it is told. */
type Fields<Message> = { [Field in keyof Whole<Message>]: fc.Arbitrary<Message[Field]> };
const messageOf = <Message>(fields: Fields<Message>) => fc.record(fields) as unknown as fc.Arbitrary<Message>;

const bytes = fc.uint8Array({ maxLength: 300 }).map((values) => Buffer.from(values));
const text = fc.string({ unit: 'binary', maxLength: 200 });
const absent = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const place = messageOf<NonNullable<ListRequest['after']>>({ position: text, item: text });
const placement = fc.oneof(fc.constantFrom<Placement>('first', 'last'), text.map((before) => ({ before })), text.map((after) => ({ after })));
const operation = fc.oneof(
  messageOf<Extract<Operation, { kind: 'add' }>>({ kind: fc.constant('add'), value: bytes, placement: absent(placement) }),
  fc.constant<Operation>({ kind: 'remove' }),
  messageOf<Extract<Operation, { kind: 'move' }>>({ kind: fc.constant('move'), placement }),
);
const ascii = fc.string({ unit: fc.integer({ min: 1, max: 127 }).map((code) => String.fromCharCode(code)), maxLength: 40 });
const item = messageOf<Item>({ item: ascii, position: ascii, value: bytes, writtenAtMs: fc.maxSafeNat() });

const rowRequest: Fields<RowRequest> = { table: text, row: text, level: absent(fc.constantFrom(...CONSISTENCY_LEVELS)), seen: absent(bytes) };
const node = text.map(nodeId);
const zone = text.map(zoneId);
const achieved = messageOf<Achieved>({
  level: fc.constantFrom(...CONSISTENCY_LEVELS),
  node,
  zone,
  replicas: fc.array(node, { maxLength: 5 }),
  zones: fc.array(zone, { maxLength: 5 }),
  replicationFactor: fc.nat(),
  repaired: fc.boolean(),
  hedged: fc.boolean(),
  versions: fc.nat(),
  fallback: fc.boolean(),
  tokenAhead: fc.boolean(),
  sloppy: fc.boolean(),
});
const rowReply: Fields<RowReply> = { achieved, seen: bytes };

interface Case<Request, Reply> {
  readonly codec: MessageCodec<Request, Reply>;
  readonly request: fc.Arbitrary<Request>;
  readonly reply: fc.Arbitrary<Reply>;
}
const prepare: Case<PrepareRequest, PrepareReply> = {
  codec: PREPARE,
  request: messageOf<PrepareRequest>({ ...rowRequest, item: text, operation, pending: absent(bytes) }),
  reply: messageOf<PrepareReply>({ ...rowReply, delta: fc.option(bytes), item: fc.option(item) }),
};
const commit: Case<CommitRequest, CommitReply> = {
  codec: COMMIT,
  request: messageOf<CommitRequest>({ ...rowRequest, delta: bytes }),
  reply: messageOf<CommitReply>(rowReply),
};
const list: Case<ListRequest, ListReply> = {
  codec: LIST,
  request: messageOf<ListRequest>({ ...rowRequest, limit: fc.nat(), after: absent(place), where: absent(fc.dictionary(text, text, { maxKeys: 4 })) }),
  reply: messageOf<ListReply>({ ...rowReply, items: fc.array(item, { maxLength: 10 }), more: fc.boolean(), lookedTo: absent(place) }),
};
const cases = { prepare, commit, list } as unknown as Record<'prepare' | 'commit' | 'list', Case<unknown, unknown>>;

/** Bytes of a message that are not what was written: cut short, too many, or one of them another. */
const harmed = (message: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> =>
  fc.tuple(message, fc.nat(), fc.integer({ min: 1, max: 255 }), fc.constantFrom('cut', 'longer', 'changed')).map(([whole, at, by, how]) => {
    if (how === 'cut') return whole.subarray(0, at % whole.length);
    if (how === 'longer') return Buffer.concat([whole, Uint8Array.of(by)]);
    return whole.map((byte, index) => (index === at % whole.length ? byte ^ by : byte));
  });

describe.each(Object.entries(cases))('%s between a client and a coordinator', (name, { codec, request, reply }) => {
  it('is read as it was written, request and reply, every field of it', () => {
    fc.assert(
      fc.property(request, (message) => {
        expect(codec.decodeRequest(codec.encodeRequest(message))).toEqual(message);
      }),
    );
    fc.assert(
      fc.property(reply, (message) => {
        expect(codec.decodeReply(codec.encodeReply(message))).toEqual(message);
      }),
    );
  });

  it('is refused by a code of ours, or read as something else, where its bytes are not what was written', () => {
    const requests = harmed(request.map((message) => codec.encodeRequest(message)));
    fc.assert(
      fc.property(requests, (bytes) => {
        expect(['none', 'REQUEST_INVALID']).toContain(codeOf(() => codec.decodeRequest(bytes)));
      }),
    );
    const replies = harmed(reply.map((message) => codec.encodeReply(message)));
    fc.assert(
      fc.property(replies, (bytes) => {
        expect(['none', 'WIRE_PROTOCOL']).toContain(codeOf(() => codec.decodeReply(bytes)));
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        expect(['none', 'REQUEST_INVALID']).toContain(codeOf(() => codec.decodeRequest(bytes)));
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        expect(['none', 'WIRE_PROTOCOL']).toContain(codeOf(() => codec.decodeReply(bytes)));
      }),
    );
  });

  it('is refused where it is cut short anywhere, or is no bytes at all', () => {
    for (const [decode, bytes, code] of [
      [codec.decodeRequest, codec.encodeRequest(fc.sample(request, 1)[0]), 'REQUEST_INVALID'],
      [codec.decodeReply, codec.encodeReply(fc.sample(reply, 1)[0]), 'WIRE_PROTOCOL'],
    ] as const) {
      for (let end = 0; end < bytes.length; end++) expect(codeOf(() => decode(bytes.subarray(0, end)))).toBe(code);
      for (const other of [undefined, null, 7, 'text', { table: 'favorites' }]) expect(codeOf(() => decode(other))).toBe(code);
    }
  });

  it('is found by its pattern', () => {
    const pattern = PATTERNS[name as keyof typeof cases];
    const [asked] = fc.sample(request, 1);
    const [answered] = fc.sample(reply, 1);
    expect(encodeClientRequest(pattern, asked)).toEqual(codec.encodeRequest(asked));
    expect(decodeClientReply(pattern, codec.encodeReply(answered))).toEqual(answered);
  });
});

it('what is asked now and then goes as it is', () => {
  const asked = { items: ['heat-1995'] };
  expect([encodeClientRequest(PATTERNS.get, asked), decodeClientReply(PATTERNS.get, asked)]).toEqual([asked, asked]);
});

it.each([-1, 1.5, NaN, Infinity])('a limit of %s is refused before it is sent', (limit) => {
  expect(() => LIST.encodeRequest({ table: 'favorites', row: 'ada', limit })).toThrow(expect.objectContaining({ code: 'REQUEST_INVALID' }));
});

it('a level that is not known arrives as it was named, so that who is asked for it can refuse it', () => {
  const request = { table: 'favorites', row: 'ada', level: 'LOCAL_QUORUM', delta: Buffer.of(1) } as unknown as CommitRequest;
  expect(COMMIT.decodeRequest(COMMIT.encodeRequest(request))).toEqual({ ...request, seen: undefined });
});
