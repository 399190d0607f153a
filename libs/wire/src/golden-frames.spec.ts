/**
 * The bytes of every kind of frame, kept in test/golden/wire: what this version says on the wire, for as long as there is
 * one. A change of these bytes is a new version, not a new golden file.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { TriptychError, type CallContext } from '@app/contracts';
import { SimClock } from '@app/time';
import { describe, expect, it } from 'vitest';
import { DeadlineQueue } from './deadline-queue.js';
import { FrameDecoder, FrameKind, WIRE_VERSION } from './frame.js';
import { FrameLink } from './frame-link.js';
import { decodeGreeting, encodeGreeting, greetingOf } from './handshake.js';
import { encodeSelfContained, PayloadDecoder } from './payload-codec.js';
import { readRequestHead } from './request-head.js';
import { decodeError, encodeError } from './wire-error.js';
import { noCalls } from './wire-calls.js';
import { DEFAULT_WIRE_LIMITS } from './wire-limits.js';

const folder = new URL('../../../test/golden/wire/', import.meta.url);
const identity = { clusterId: 'cluster-1', name: 'a1', role: 'store', schemaHash: '0f1e2d3c' };
const greeting = { ...greetingOf(identity, 4 * 1024 * 1024), minVersion: 3, maxVersion: 3 };
const context: CallContext = { deadlineMs: 0, traceId: 'trace-1', priority: 'prefetch', principal: { kind: 'device', name: 'Zoë' } };
const refused = new TriptychError('WIRE_HANDSHAKE_REFUSED', 'no', { reason: 'cluster', ours: 'c1', theirs: 'c2' });
const failed = new TriptychError('STORE_WRITE_TIMEOUT', 'late', { required: 2, acknowledged: 1, zones: ['a'], final: false, node: null });
const row = (n: number) => ({ row: `user:${n}`, delta: Buffer.of(1, 2, 255), nested: { level: 'QUORUM', more: true, n } });

type Send = (link: FrameLink) => void;
type Read = (kind: number, id: number, body: Buffer) => unknown;
const payloads = () => {
  const decoder = new PayloadDecoder();
  return (body: Buffer, from = 0) => decoder.decode(body, from, body.length);
};
const decodePayload = payloads();
const requestRecords = payloads();
const nextRecords = payloads();
const requestOf = (kind: number, id: number, body: Buffer) => {
  const { payloadStart, ...head } = readRequestHead(body, 0, body.length, 1000);
  return [kind, id, head, requestRecords(body, payloadStart)];
};

/** File name: what is sent, and what its frames are read as. */
const frames: Record<string, [send: Send, read: Read, expected: unknown[]]> = {
  hello: [(link) => link.sendBody(FrameKind.hello, encodeGreeting(greeting)), (kind, id, body) => [kind, id, decodeGreeting(body)], [[1, 0, greeting]]],
  welcome: [(link) => link.sendBody(FrameKind.welcome, encodeGreeting(greeting)), (kind, id, body) => [kind, id, decodeGreeting(body)], [[2, 0, greeting]]],
  refuse: [(link) => link.sendPayload(FrameKind.refuse, 0, encodeError(refused), undefined), (kind, id, body) => [kind, id, decodeError(decodePayload(body))], [[3, 0, refused]]],
  request: [
    (link) => {
      link.sendRequest(1, 'store.list', row(1), context, 251, 32);
      link.sendRequest(0xfffffffe, 'store.list', row(2), context, Infinity, 65535);
    },
    requestOf,
    [
      [4, 1, { pattern: 'store.list', context: { ...context, deadlineMs: 1251 }, credit: 32 }, row(1)],
      [4, 0xfffffffe, { pattern: 'store.list', context: { ...context, deadlineMs: Infinity }, credit: 65535 }, row(2)],
    ],
  ],
  next: [
    (link) => {
      link.sendValue(FrameKind.next, 7, undefined, '');
      link.sendValue(FrameKind.next, 7, Uint8Array.of(0, 128, 255), '');
      link.sendPayload(FrameKind.next, 7, encodeSelfContained(row(3)), '');
      link.sendValue(FrameKind.next, 7, row(4), '');
      link.sendValue(FrameKind.next, 7, row(5), '');
    },
    (kind, id, body) => [kind, id, body[0], nextRecords(body)],
    [[5, 7, 0, undefined], [5, 7, 1, Buffer.of(0, 128, 255)], [5, 7, 2, row(3)], [5, 7, 4, row(4)], [5, 7, 3, row(5)]],
  ],
  complete: [(link) => link.sendSignal(FrameKind.complete, 7), (kind, id, body) => [kind, id, body.length], [[6, 7, 0]]],
  result: [
    (link) => link.makeResult(link.sendValue(FrameKind.next, 7, 'only', '')),
    (kind, id, body) => [kind, id, payloads()(body)],
    [[7, 7, 'only']],
  ],
  error: [(link) => link.sendPayload(FrameKind.error, 7, encodeError(failed), ''), (kind, id, body) => [kind, id, decodeError(decodePayload(body))], [[8, 7, failed]]],
  cancel: [(link) => link.sendSignal(FrameKind.cancel, 7), (kind, id, body) => [kind, id, body.length], [[9, 7, 0]]],
  credit: [(link) => link.sendCredit(7, 0x01020304, ''), (kind, id, body) => [kind, id, body.readUInt32BE()], [[10, 7, 0x01020304]]],
  ping: [(link) => link.sendSignal(FrameKind.ping, 3), (kind, id, body) => [kind, id, body.length], [[11, 3, 0]]],
  pong: [(link) => link.sendSignal(FrameKind.pong, 3), (kind, id, body) => [kind, id, body.length], [[12, 3, 0]]],
  goaway: [
    (link) => {
      link.sendSignal(FrameKind.goaway, 0);
      link.sendPayload(FrameKind.goaway, 0, encodeError(failed), undefined);
    },
    (kind, id, body) => [kind, id, body.length === 0 ? null : decodeError(decodePayload(body))],
    [[13, 0, null], [13, 0, failed]],
  ],
};

function sentBy(send: Send): Buffer {
  const sent: Uint8Array[] = [];
  const clock = new SimClock();
  const owner = { opened: () => {}, frame: () => {}, lost: () => {} };
  const link = new FrameLink({ clock, defer: (task) => void clock.after(0, task), limits: DEFAULT_WIRE_LIMITS, counts: noCalls(), deadlines: new DeadlineQueue(clock) }, owner, 'b1');
  link.attach({ send: (bytes) => sent.push(bytes), unsentBytes: 0, end: () => {}, destroy: () => {} });
  send(link);
  clock.advance(0);
  return Buffer.concat(sent);
}

const goldenFile = (name: string) => new URL(`v${WIRE_VERSION}-${name}.hex`, folder);
if (process.env['TRIPTYCH_WRITE_GOLDEN'] === '1') {
  for (const [name, [send]] of Object.entries(frames)) writeFileSync(goldenFile(name), `${sentBy(send).toString('hex').replace(/.{1,64}/g, '$&\n')}`);
}

const golden = (name: string) => Buffer.from(readFileSync(goldenFile(name), 'utf8').replace(/\s/g, ''), 'hex');

describe(`version ${WIRE_VERSION} of the wire`, () => {
  it('has golden bytes for every kind of frame, and no others', () => {
    const kinds = Object.keys(FrameKind);
    expect(Object.keys(frames).sort()).toEqual([...kinds].sort());
    expect(readdirSync(folder).sort()).toEqual(kinds.map((name) => `v${WIRE_VERSION}-${name}.hex`).sort());
  });

  it.each(Object.entries(frames))('writes %s as ever', (name, [send]) => {
    expect(sentBy(send).toString('hex')).toBe(golden(name).toString('hex'));
  });

  it.each(Object.entries(frames))('reads %s as ever', (name, [, read, expected]) => {
    const seen: unknown[] = [];
    new FrameDecoder(1 << 20, (kind, id, bytes, start, end) => seen.push(read(kind, id, Buffer.from(bytes.subarray(start, end))))).push(golden(name));
    expect(seen).toEqual(expected);
  });
});
