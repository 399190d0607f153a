/** Nothing is left behind, whatever happens to calls: no entry, no timer, no subscription. */
import { SeededRandom } from '@app/time';
import { concat, Observable, of, range, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { CreditWindow, drawnBy } from './credit.js';
import type { WireHandler } from './server-session.js';
import { SimWire, type Seen } from './testing/sim-wire.js';

describe('after thousands of calls that end in every possible way', () => {
  it.each([1, 2, 3])('nothing of them remains (seed %i)', (seed) => {
    let live = 0;
    const counted = (handler: WireHandler): WireHandler => (...args) => new Observable((subscriber) => {
      live++;
      const inner = handler(...args).subscribe(subscriber);
      return () => {
        live--;
        inner.unsubscribe();
      };
    });
    const later = (delayMs: number, source: Observable<unknown>) => new Observable((subscriber) => {
      const cancel = wire.clock.after(delayMs, () => source.subscribe(subscriber));
      return () => cancel();
    });
    const random = new SeededRandom(seed);
    const wire: SimWire = new SimWire({
      seed,
      limits: { maxCallsInFlight: 200, connectTimeoutMs: 200, heartbeatIntervalMs: 100, silenceLimitMs: 400, creditWindow: 4, maxQueuedBytes: 4000 },
      network: { maxPieceBytes: 300, maxLatencyMs: 5 },
      handlers: {
        echo: counted((payload) => of(payload)),
        later: counted((payload) => later(random.below(60), of(payload))),
        fails: counted(() => later(random.below(60), throwError(() => new Error('x')))),
        stream: counted(() => range(0, 30)),
        flood: counted(() => range(0, 3000)),
        drawn: counted((_payload, _context, _peer, demand) => drawnBy(demand, new Set(Array(50).keys()))),
        forever: counted(() => concat(range(0, 3), new Observable<number>())),
      },
    }).connected();
    const patterns = ['echo', 'later', 'fails', 'stream', 'flood', 'drawn', 'forever', 'unknown'];
    const codes = new Set<string>();
    const seen: Seen[] = [];
    const calls = 4000;
    for (let i = 0; i < calls; i++) {
      const window = random.below(4) === 0 ? new CreditWindow(1 + random.below(5)) : undefined;
      const payload = random.below(3) === 0 ? new Uint8Array(random.below(2000)) : { n: i, ['key' + random.below(100)]: i };
      const call = wire.see(wire.client.call(random.pick(patterns), payload, wire.context(5 + random.below(200)), window));
      seen.push(call);
      if (random.below(3) === 0) wire.clock.after(random.below(30), () => call.subscription.unsubscribe());
      if (window !== undefined) wire.clock.after(random.below(30), () => window.taken(call.values.length));
      if (random.below(2) === 0) wire.clock.advance(random.below(10));
      if (random.below(200) === 0) wire.network.killAll();
      if (random.below(800) === 0) {
        wire.network.frozen = true;
        wire.clock.after(random.below(600), () => (wire.network.frozen = false));
      }
    }
    wire.clock.advance(3000);
    for (const { error } of seen) if (error !== undefined) codes.add(error.code);
    expect([...codes]).toEqual(expect.arrayContaining(['WIRE_DEADLINE', 'WIRE_CONNECTION_LOST', 'WIRE_UNREACHABLE', 'WIRE_OVERLOADED', 'ROUTE_UNKNOWN', 'INTERNAL']));
    expect(seen.filter(({ completed }) => completed).length).toBeGreaterThan(calls / 10);
    expect({ client: wire.client.callsInFlight, server: wire.server.callsInFlight, live }).toEqual({ client: 0, server: 0, live: 0 });
    expect(seen.filter(({ subscription }) => !subscription.closed)).toEqual([]);
    expect(wire.clock.runUntil(() => wire.client.isConnected && wire.server.connections === 1, 5000)).toBe(true);
    wire.settle();
    // Heartbeats: one timer at each end of the one connection, and what is on its way because of them.
    expect(wire.clock.pending).toBeLessThanOrEqual(4);
    wire.client.close();
    wire.clock.advance(1000);
    wire.server.close();
    wire.clock.advance(0);
    expect({ timers: wire.clock.pending, connections: wire.network.connections }).toEqual({ timers: 0, connections: 0 });
  });
});
