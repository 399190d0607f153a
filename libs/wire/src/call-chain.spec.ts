/** Three processes in a row, as a gateway, a coordinator and a replica are: what a caller's leaving, and its deadline, do to all of them. */
import type { CallContext } from '@app/contracts';
import { SeededRandom, SimClock } from '@app/time';
import fc from 'fast-check';
import { Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { identityOf } from './testing/sim-wire.js';
import { SimWireNetwork } from './testing/sim-wire-network.js';
import { WireClient } from './wire-client.js';
import { WireServer } from './wire-server.js';

const ONE_WAY_MS = 5;

/** gateway -> a1 -> b1, which never answers. */
function chain(latencyMs: readonly [number, number] = [ONE_WAY_MS, ONE_WAY_MS], seed = 1) {
  const clock = new SimClock();
  const random = new SeededRandom(seed);
  const network = new SimWireNetwork(clock, random, { minLatencyMs: latencyMs[0], maxLatencyMs: latencyMs[1] });
  const given: Record<string, CallContext> = {};
  const serverNamed = (name: string, answer: (payload: unknown, context: CallContext) => Observable<unknown>): { server: WireServer; port: number } => {
    const server = new WireServer({ identity: identityOf(name), network, clock, report: () => {} });
    let port = 0;
    server.handle('ask', (payload, context) => {
      given[name] = context;
      return answer(payload, context);
    });
    server.listen({ host: 'sim', port: 0 }).subscribe((listening) => (port = listening));
    clock.advance(0);
    return { server, port };
  };
  const clientTo = (peer: string, port: number, name: string): WireClient => new WireClient({ address: { host: 'sim', port }, peer, identity: identityOf(name), network, clock, random });
  const b1 = serverNamed('b1', () => new Observable(() => {}));
  const toB1 = clientTo('b1', b1.port, 'a1');
  const a1 = serverNamed('a1', (payload, context) => toB1.call('ask', payload, context));
  const toA1 = clientTo('a1', a1.port, 'gateway');
  toB1.connect();
  toA1.connect();
  clock.advance(100);
  const ends = { gateway: toA1, coordinator: a1.server, 'to the replica': toB1, replica: b1.server };
  return {
    clock,
    given,
    ask: (timeoutMs: number) => {
      const failed: unknown[] = [];
      const context: CallContext = { deadlineMs: clock.monotonicMs() + timeoutMs, traceId: 'device-7', priority: 'prefetch', principal: { kind: 'device', name: 'ann' } };
      const subscription = toA1.call('ask', null, context).subscribe({ error: (error: unknown) => failed.push(error) });
      return { subscription, failed, context };
    },
    inFlight: () => Object.values(ends).map((end) => end.callsInFlight),
    counts: () => Object.values(ends).map((end) => end.account().counts),
    oldest: () => Object.values(ends).map((end) => end.account().oldest),
  };
}

describe('a caller that leaves', () => {
  it('has no work left anywhere one round trip later, long before its deadline', () => {
    const { clock, ask, inFlight, counts } = chain();
    const { subscription } = ask(60_000);
    clock.advance(2 * ONE_WAY_MS);
    expect(inFlight()).toEqual([1, 1, 1, 1]);
    subscription.unsubscribe();
    expect(inFlight()).toEqual([0, 1, 1, 1]);
    clock.advance(ONE_WAY_MS);
    expect(inFlight()).toEqual([0, 0, 0, 1]);
    clock.advance(ONE_WAY_MS);
    expect(inFlight()).toEqual([0, 0, 0, 0]);
    const left = { begun: 1, answered: 0, failed: 0, expired: 0, cancelled: 1 };
    expect(counts()).toEqual([{ ...left, cancelsHeard: 0 }, { ...left, cancelsHeard: 1 }, { ...left, cancelsHeard: 0 }, { ...left, cancelsHeard: 1 }]);
  });
});

describe('a deadline', () => {
  it('ends the work everywhere as it passes, although nobody hears of anybody', () => {
    const { clock, ask, inFlight, counts } = chain();
    const { failed } = ask(500);
    clock.advance(499);
    expect(failed).toEqual([]);
    clock.advance(1 + 2 * ONE_WAY_MS + 4);
    expect(inFlight()).toEqual([0, 0, 0, 0]);
    expect(failed).toMatchObject([{ code: 'WIRE_DEADLINE' }]);
    expect(counts()[0]).toMatchObject({ begun: 1, cancelled: 0 });
  });

  it('is given on, with trace id, priority and principal, as the time that is left: never more than the caller has', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1_000 }), fc.double({ min: 20, max: 5_000, noNaN: true }), (seed, timeoutMs) => {
        const { clock, ask, given, oldest } = chain([0, 4], seed);
        const { context } = ask(timeoutMs);
        clock.advance(10);
        for (const name of ['a1', 'b1']) {
          const { deadlineMs, ...rest } = given[name]!;
          // Less by the way there, which nobody can measure, more by nothing.
          expect(deadlineMs - context.deadlineMs).toBeLessThanOrEqual(8);
          const { deadlineMs: _, ...sent } = context;
          expect(rest).toEqual(sent);
        }
        for (const [call] of oldest()) expect(call).toMatchObject({ pattern: 'ask', traceId: 'device-7' });
      }),
      { numRuns: 50 },
    );
  });

  it('on a way that takes no time is never later at the replica than at the device', () => {
    fc.assert(
      fc.property(fc.double({ min: 1, max: 5_000, noNaN: true }), (timeoutMs) => {
        const { clock, ask, given } = chain([0, 0]);
        const { context } = ask(timeoutMs);
        clock.advance(0);
        expect(given['b1']!.deadlineMs).toBeLessThanOrEqual(context.deadlineMs);
        expect(given['b1']!.deadlineMs).toBeGreaterThan(context.deadlineMs - 2);
      }),
      { numRuns: 50 },
    );
  });
});
