import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodeId } from '@app/contracts';
import type { Whole } from '../core/codec/client-messages.js';
import type { PeerReply, PeerRequest } from '../ports/transport.js';
import { decodePeerReply, decodePeerRequest, encodePeerReply, encodePeerRequest } from './peer-messages.js';
import { codeOf } from '../testing/code-of.js';

/** An arbitrary for each field: a new one does not compile here before it is told. */
const messageOf = <Message>(fields: { [Field in keyof Whole<Message>]: fc.Arbitrary<Message[Field]> }) => fc.record(fields) as unknown as fc.Arbitrary<Message>;

const bytes = fc.uint8Array({ maxLength: 300 }).map((values) => Buffer.from(values));
const text = fc.string({ unit: 'binary', maxLength: 200 });
const stamps = { hlc: fc.maxSafeNat(), epoch: fc.maxSafeNat(), table: text, row: text };
const requests = fc.oneof(
  messageOf<Extract<PeerRequest, { kind: 'apply' }>>({ ...stamps, kind: fc.constant('apply'), delta: bytes }),
  messageOf<Extract<PeerRequest, { kind: 'digest' }>>({ ...stamps, kind: fc.constant('digest') }),
);
const replies = fc.oneof(
  messageOf<Extract<PeerReply, { kind: 'applied' }>>({ hlc: fc.maxSafeNat(), kind: fc.constant('applied') }),
  messageOf<Extract<PeerReply, { kind: 'digest' }>>({ hlc: fc.maxSafeNat(), kind: fc.constant('digest'), vote: fc.boolean(), digest: bytes }),
);

const encoded = <Message>(encode: (message: Message) => unknown, messages: fc.Arbitrary<Message>): fc.Arbitrary<Uint8Array> => messages.map((message) => encode(message) as Uint8Array);

describe('a message between replicas that is sent all the time', () => {
  it('is read as it was written, question and answer', () => {
    fc.assert(
      fc.property(requests, (request) => {
        expect(decodePeerRequest(encodePeerRequest(request))).toEqual(request);
      }),
    );
    fc.assert(
      fc.property(replies, (reply) => {
        expect(decodePeerReply(encodePeerReply(reply))).toEqual(reply);
      }),
    );
  });

  it('is refused where it is cut short, or longer than it was', () => {
    for (const [decode, messages, code] of [
      [decodePeerRequest, encoded(encodePeerRequest, requests), 'REQUEST_INVALID'],
      [decodePeerReply, encoded(encodePeerReply, replies), 'WIRE_PROTOCOL'],
    ] as const) {
      fc.assert(
        fc.property(messages, fc.nat(), (whole, at) => {
          expect(codeOf(() => decode(whole.subarray(0, at % whole.length)))).toBe(code);
          expect(codeOf(() => decode(Buffer.concat([whole, Uint8Array.of(0)])))).toBe(code);
        }),
      );
    }
  });

  it('is refused by a code of ours, or read as something else, whatever bytes come', () => {
    const any = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.tuple(fc.oneof(encoded(encodePeerRequest, requests), encoded(encodePeerReply, replies)), fc.nat(), fc.nat(255)).map(([whole, at, byte]) => whole.map((old, index) => (index === at % whole.length ? byte : old))),
    );
    fc.assert(
      fc.property(any, (hostile) => {
        expect(['none', 'REQUEST_INVALID']).toContain(codeOf(() => decodePeerRequest(hostile)));
        expect(['none', 'WIRE_PROTOCOL']).toContain(codeOf(() => decodePeerReply(hostile)));
      }),
    );
  });
});

it.each([undefined, null, 7, 'text'])('%s is no message', (payload) => {
  expect(codeOf(() => decodePeerRequest(payload))).toBe('REQUEST_INVALID');
  expect(codeOf(() => decodePeerReply(payload))).toBe('WIRE_PROTOCOL');
});

it('what is said now and then goes as it is', () => {
  const ping: PeerRequest = { hlc: 1, epoch: 1, kind: 'ping', from: nodeId('a1') };
  const pong: PeerReply = { hlc: 1, kind: 'pong' };
  expect([encodePeerRequest(ping), decodePeerRequest(ping), encodePeerReply(pong), decodePeerReply(pong)]).toEqual([ping, ping, pong, pong]);
});
