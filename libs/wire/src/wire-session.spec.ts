import { TriptychError, type CallContext } from '@app/contracts';
import { SeededRandom } from '@app/time';
import fc from 'fast-check';
import { concat, NEVER, Observable, of, range, take, throwError } from 'rxjs';
import { beforeEach, describe, expect, it } from 'vitest';
import { FrameKind } from './frame.js';
import type { Peer } from './handshake.js';
import type { WireHandler } from './server-session.js';
import { SimWire, Watched } from './testing/sim-wire.js';

describe('a call', () => {
  it('is cold: nothing is sent until it is subscribed, and each subscription is a call of its own', () => {
    let calls = 0;
    const wire = new SimWire({ handlers: { count: () => of(++calls) } }).connected();
    const call = wire.client.call('count', null, wire.context());
    wire.settle();
    expect(calls).toBe(0);
    const [first, second] = [wire.see(call), wire.see(call)];
    wire.settle();
    expect([first.values, second.values]).toEqual([[1], [2]]);
  });

  it('of one answer costs one frame each way', () => {
    const wire = new SimWire({ handlers: { echo: (payload) => of(payload) } }).connected();
    const frames = wire.recordFrames();
    const seen = wire.call('echo', { text: 'hello' });
    wire.settle();
    expect(seen).toMatchObject({ values: [{ text: 'hello' }], completed: true, error: undefined });
    expect(frames.map(({ by, kind }) => [by, kind])).toEqual([['client', FrameKind.request], ['server', FrameKind.result]]);
  });

  it('and all others of the same tick are sent together, and so are their answers', () => {
    const wire = new SimWire({ handlers: { echo: (payload) => of(payload) }, network: { maxPieceBytes: 1 << 20, minLatencyMs: 1, maxLatencyMs: 1 } }).connected();
    const sent = { client: 0, server: 0 };
    wire.network.tap = (_bytes, byCaller) => sent[byCaller ? 'client' : 'server']++;
    const pending = wire.clock.pending;
    const seen = Array.from({ length: 100 }, (_, n) => wire.call('echo', n));
    // One flush, and one deadline for all of them.
    expect(wire.clock.pending).toBe(pending + 2);
    wire.settle();
    expect(seen.every(({ completed }) => completed)).toBe(true);
    expect(sent.client).toBe(1);
    expect(sent.server).toBeLessThanOrEqual(3);
  });

  it('is answered by a stream in order, and by nothing with its end alone', () => {
    const wire: SimWire = new SimWire({ handlers: { numbers: (count) => range(0, count as number), late: () => timerOf(wire, 5) } }).connected();
    const [many, none, late] = [wire.call('numbers', 100), wire.call('numbers', 0), wire.call('late')];
    wire.clock.advance(100);
    expect(many).toMatchObject({ values: Array.from({ length: 100 }, (_, i) => i), completed: true });
    expect(none).toMatchObject({ values: [], completed: true });
    expect(late).toMatchObject({ values: ['late'], completed: true });
  });

  it('brings its context: time left, trace id, priority, principal, and who calls', () => {
    const heard: [CallContext, Peer][] = [];
    const offset = 1_000_000;
    const wire = new SimWire({
      handlers: { ctx: (_payload, context, peer) => (heard.push([context, peer]), of(1)) },
      serverClock: (clock) => ({ wallMs: () => 0, monotonicMs: () => clock.monotonicMs() + offset, after: (ms, task) => clock.after(ms, task) }),
    }).connected();
    const context: CallContext = { deadlineMs: wire.clock.monotonicMs() + 700, traceId: 'ab~9', priority: 'background', principal: { kind: 'admin', name: 'Zoë' } };
    wire.see(wire.client.call('ctx', undefined, context));
    wire.see(wire.client.call('ctx', undefined, { ...context, deadlineMs: Infinity }));
    wire.settle();
    const [[first, peer], [second]] = heard as [[CallContext, Peer], [CallContext, Peer]];
    expect(first).toMatchObject({ traceId: 'ab~9', priority: 'background', principal: { kind: 'admin', name: 'Zoë' } });
    expect(first.deadlineMs - offset).toBeGreaterThan(context.deadlineMs - 1);
    expect(first.deadlineMs - offset).toBeLessThan(context.deadlineMs + 3);
    expect(second.deadlineMs).toBe(Infinity);
    expect(peer).toEqual({ name: 'a1', role: 'store', remote: 'sim' });
  });

  it('brings patterns and principals as they were sent, whichever came before', () => {
    const heard: string[] = [];
    const patterns = ['a', 'aa', 'ba', 'ab', 'Zoë', 'x'.repeat(200), 'aa', 'Zoë'];
    const handlers = Object.fromEntries(patterns.map((pattern): [string, WireHandler] => [pattern, (_payload, { principal }) => of(heard.push(`${pattern} ${principal.name}`))]));
    const wire = new SimWire({ handlers }).connected();
    for (const pattern of patterns) wire.client.call(pattern, null, { ...wire.context(), principal: { kind: 'device', name: pattern } }).subscribe();
    wire.settle();
    expect(heard).toEqual(patterns.map((pattern) => `${pattern} ${pattern}`));
  });

  it('does not wait for a slower one, and gets its own answer, however the bytes are cut', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e6 }), fc.integer({ min: 1, max: 200 }), (seed, maxPieceBytes) => {
        const delays = new SeededRandom(seed);
        const wire: SimWire = new SimWire({ seed, network: { maxPieceBytes }, handlers: { later: (payload) => timerOf(wire, (payload as { delayMs: number }).delayMs, payload) } }).connected();
        const sent = Array.from({ length: 50 }, (_, n) => ({ n, delayMs: delays.below(200), blob: Buffer.from(delays.bytes(delays.below(300))) }));
        const seen = sent.map((payload) => wire.call('later', payload));
        wire.clock.advance(300);
        expect(seen.map(({ values }) => values)).toEqual(sent.map((payload) => [payload]));
        const quick = seen.filter(({ endedAtMs }, i) => endedAtMs! > sent[i]!.delayMs + 20);
        expect(quick).toEqual([]);
      }),
      { numRuns: 20 },
    );
  });

  it('may be made from within the answer of another', () => {
    const wire = new SimWire({ handlers: { echo: (payload) => of(payload) } }).connected();
    const values: unknown[] = [];
    wire.client.call('echo', 1, wire.context()).subscribe(() => wire.client.call('echo', 2, wire.context()).subscribe((value) => values.push(value)));
    wire.settle();
    expect(values).toEqual([2]);
    expect(wire.client.callsInFlight).toBe(0);
  });
});

describe('a caller that leaves', () => {
  it('tears the handler down', () => {
    const watched = new Watched();
    const wire = new SimWire({ handlers: { never: watched.handler } }).connected();
    const seen = wire.call('never');
    wire.settle();
    expect(watched).toMatchObject({ started: 1, tornDown: 0 });
    seen.subscription.unsubscribe();
    expect(wire.client.callsInFlight).toBe(0);
    wire.settle();
    expect(watched.tornDown).toBe(1);
    expect(wire.server.callsInFlight).toBe(0);
    expect(seen).toMatchObject({ values: [], error: undefined, completed: false });
  });

  it('with take(1) of a stream tears the handler down, and after its end sends no CANCEL', () => {
    let tornDown = 0;
    const wire = new SimWire({ handlers: { forever: () => concat(of(1, 2, 3), NEVER).pipe((source) => new Observable((s) => { const inner = source.subscribe(s); return () => { tornDown++; inner.unsubscribe(); }; })), one: () => of(1) } }).connected();
    const frames = wire.recordFrames();
    const seen = wire.see(wire.client.call('forever', null, wire.context()).pipe(take(1)));
    const one = wire.see(wire.client.call('one', null, wire.context()).pipe(take(1)));
    wire.settle();
    expect([seen.values, one.values]).toEqual([[1], [1]]);
    expect(tornDown).toBe(1);
    expect(frames.filter(({ kind }) => kind === FrameKind.cancel)).toHaveLength(1);
  });

  it('before the request is sent still ends the call there', () => {
    const watched = new Watched();
    const wire = new SimWire({ handlers: { never: watched.handler } }).connected();
    wire.call('never').subscription.unsubscribe();
    wire.settle();
    expect(watched.tornDown).toBe(watched.started);
    expect(wire.server.callsInFlight).toBe(0);
  });
});

describe('a handler that fails', () => {
  let wire: SimWire;
  beforeEach(() => {
    const full = new TriptychError('LIST_FULL', 'The list is full.', { items: 10_000, zones: ['a', 'b'] });
    wire = new SimWire({
      handlers: {
        known: () => throwError(() => full),
        unknown: () => throwError(() => new Error('secret of the inside')),
        throws: () => { throw new TypeError('at once'); },
        nothing: (() => undefined) as unknown as WireHandler,
        afterTwo: () => concat(of(1, 2), throwError(() => full)),
        unsendable: () => of(Symbol('no')),
        strangeDetails: () => throwError(() => new TriptychError('LIST_FULL', 'x', { symbol: Symbol('no') as never })),
        badTeardown: () => new Observable(() => () => { throw new Error('teardown'); }),
      },
    }).connected();
  });

  it('with a TriptychError fails its caller with the same one', () => {
    const seen = wire.call('known');
    wire.settle();
    expect(seen.error).toBeInstanceOf(TriptychError);
    expect(seen.error).toMatchObject({ code: 'LIST_FULL', message: 'The list is full.', details: { items: 10_000, zones: ['a', 'b'] }, applied: 'no' });
    expect(wire.reports).toEqual([]);
  });

  it.each(['unknown', 'throws', 'nothing', 'unsendable'])('in any other way (%s) is reported, and its caller learns INTERNAL and no more', (pattern) => {
    const seen = wire.call(pattern);
    wire.settle();
    expect(seen.error).toMatchObject({ code: 'INTERNAL', details: {} });
    expect(JSON.stringify([seen.error, seen.error!.message])).not.toMatch(/secret|at once/);
    expect(wire.reports).toMatchObject([{ kind: 'handler-failed', pattern, traceId: 'trace-1', peer: { name: 'a1' }, error: expect.any(Error) as Error }]);
  });

  it('after some values delivers those first', () => {
    const seen = wire.call('afterTwo');
    wire.settle();
    expect(seen).toMatchObject({ values: [1, 2], completed: false, error: { code: 'LIST_FULL' } });
  });

  it('with details that cannot be sent still says its code', () => {
    const seen = wire.call('strangeDetails');
    wire.settle();
    expect(seen.error).toMatchObject({ code: 'LIST_FULL' });
  });

  it('in its teardown is reported, and the connection lives on', () => {
    const seen = wire.call('badTeardown');
    wire.settle();
    seen.subscription.unsubscribe();
    wire.settle();
    expect(wire.reports).toMatchObject([{ kind: 'handler-failed' }]);
    expect(wire.server.callsInFlight).toBe(0);
    expect(wire.client.isConnected).toBe(true);
  });

  it('to exist is ROUTE_UNKNOWN', () => {
    const seen = wire.call('nobody.there');
    wire.settle();
    expect(seen.error).toMatchObject({ code: 'ROUTE_UNKNOWN', applied: 'no', details: { pattern: 'nobody.there' } });
  });
});

describe('a deadline', () => {
  it('ends the call at the client with WIRE_DEADLINE and the handler with CANCEL', () => {
    const watched = new Watched();
    const wire = new SimWire({ handlers: { never: watched.handler } }).connected();
    const startMs = wire.clock.monotonicMs();
    const seen = wire.call('never', null, 200);
    wire.clock.advance(300);
    expect(seen.error).toMatchObject({ code: 'WIRE_DEADLINE', applied: 'unknown' });
    expect(seen.endedAtMs! - startMs).toBeGreaterThanOrEqual(200);
    expect(seen.endedAtMs! - startMs).toBeLessThan(204);
    expect(watched.tornDown).toBe(1);
  });

  it('tears the handler down at the server too when nothing more is heard of the caller', () => {
    const watched = new Watched();
    const wire = new SimWire({ handlers: { never: watched.handler }, limits: { silenceLimitMs: 60_000 } }).connected();
    wire.call('never', null, 200);
    wire.settle();
    wire.network.frozen = true;
    wire.clock.advance(180);
    expect(watched.tornDown).toBe(0);
    wire.clock.advance(30);
    expect(watched.tornDown).toBe(1);
    expect(wire.server.callsInFlight).toBe(0);
  });

  it('that has passed already keeps the call from being sent', () => {
    const wire = new SimWire().connected();
    const frames = wire.recordFrames();
    for (const timeoutMs of [0, -1, NaN]) expect(wire.call('x', null, timeoutMs).error).toMatchObject({ code: 'WIRE_DEADLINE', details: { sent: false } });
    wire.settle();
    expect(frames).toEqual([]);
  });
});

describe('a connection that dies', () => {
  it('settles every call at once, with WIRE_CONNECTION_LOST: it may have been applied', () => {
    const wire = new SimWire({ handlers: { never: () => NEVER } }).connected();
    const sent = Array.from({ length: 10 }, () => wire.call('never'));
    wire.settle();
    const nowMs = wire.clock.monotonicMs();
    wire.network.killAll();
    wire.clock.step();
    expect(wire.clock.monotonicMs()).toBe(nowMs);
    for (const { error } of sent) expect(error).toMatchObject({ code: 'WIRE_CONNECTION_LOST', applied: 'unknown', details: { peer: 'b1', pattern: 'never' } });
    expect(wire.client.callsInFlight).toBe(0);
  });

  it('before the end of the tick has not sent the call: WIRE_UNREACHABLE, applied no', () => {
    const wire = new SimWire({ handlers: { never: () => NEVER } }).connected();
    const sent = wire.call('never');
    wire.clock.advance(0);
    const unsent = wire.call('never');
    wire.client.close();
    expect(sent.error).toMatchObject({ code: 'WIRE_CONNECTION_LOST', applied: 'unknown' });
    expect(unsent.error).toMatchObject({ code: 'WIRE_UNREACHABLE', applied: 'no' });
  });

  it('tears down all its handlers at the server, even if one of them does so badly', () => {
    const watched = new Watched();
    const bad: WireHandler = () => new Observable(() => () => { throw new Error('teardown'); });
    const wire = new SimWire({ handlers: { never: watched.handler, bad } }).connected();
    for (const pattern of ['never', 'bad', 'never']) wire.call(pattern);
    wire.settle();
    wire.network.killAll();
    wire.settle();
    expect(watched.tornDown).toBe(2);
    expect(wire.server).toMatchObject({ callsInFlight: 0, connections: 0 });
  });

  it('has the next attempt under way when the callers learn of it, so that a retry from there is no surprise', () => {
    const wire = new SimWire({ handlers: { never: () => NEVER } }).connected();
    const errors: unknown[] = [];
    wire.client.call('never', null, wire.context()).subscribe({ error: (error) => {
      errors.push(error);
      wire.client.call('never', null, wire.context()).subscribe({ error: (again) => errors.push(again) });
    } });
    wire.settle();
    wire.network.killAll();
    wire.clock.step();
    expect(errors).toMatchObject([{ code: 'WIRE_CONNECTION_LOST' }, { code: 'WIRE_UNREACHABLE', applied: 'no' }]);
    expect(wire.clock.runUntil(() => wire.client.isConnected, 1000)).toBe(true);
  });
});

function timerOf(wire: SimWire, delayMs: number, value: unknown = 'late'): Observable<unknown> {
  return new Observable((subscriber) => wire.clock.after(delayMs, () => { subscriber.next(value); subscriber.complete(); }));
}
