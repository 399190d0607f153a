import { concat, NEVER, Observable, of, range, throwError } from 'rxjs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CreditWindow, drawnBy } from './credit.js';
import { FrameKind } from './frame.js';
import { SimWire, type SimWireOptions } from './testing/sim-wire.js';

const numbers = { numbers: (count: unknown) => range(0, count as number), endless: () => concat(range(0, 50), NEVER) };
const slowly = (wire: SimWire, pattern: string, payload: unknown, window: CreditWindow) => wire.see(wire.client.call(pattern, payload, wire.context(60_000), window));

describe('credit', () => {
  it('bounds what a stream may be ahead of its subscriber; more comes as values are taken', () => {
    const wire = new SimWire({ handlers: numbers }).connected();
    const window = new CreditWindow(8);
    const seen = slowly(wire, 'numbers', 40, window);
    wire.settle();
    expect(seen.values).toHaveLength(8);
    wire.clock.advance(5000);
    expect(seen.values).toHaveLength(8);
    window.taken(4);
    wire.settle();
    expect(seen.values).toHaveLength(12);
    for (let i = 0; i < 9; i++) {
      window.taken(4);
      wire.settle();
    }
    expect(seen).toMatchObject({ values: Array.from({ length: 40 }, (_, i) => i), completed: true });
  });

  it('is never overdrawn on the wire, for any window and any pace', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 0, max: 100 }), fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 30 }), (size, count, paces) => {
        const wire = new SimWire({ handlers: numbers }).connected();
        const frames = wire.recordFrames();
        const window = new CreditWindow(size);
        const seen = slowly(wire, 'numbers', count, window);
        let taken = 0;
        for (const pace of paces) {
          wire.settle();
          const now = Math.min(pace, seen.values.length - taken);
          taken += now;
          window.taken(now);
          const sent = frames.filter(({ by, kind }) => by === 'server' && (kind === FrameKind.next || kind === FrameKind.result)).length;
          expect(sent).toBeLessThanOrEqual(taken + size);
        }
        while (!seen.completed) {
          window.taken(seen.values.length - taken);
          taken = seen.values.length;
          wire.settle();
        }
        expect(seen.values).toHaveLength(count);
      }),
      { numRuns: 50 },
    );
  });

  it('needs no care of a subscriber that takes a value when `next` returns, and one CREDIT serves half a window', () => {
    const wire = new SimWire({ handlers: numbers, limits: { creditWindow: 10 } }).connected();
    const frames = wire.recordFrames();
    const seen = wire.call('numbers', 1000);
    wire.clock.advance(900);
    expect(seen.values).toHaveLength(1000);
    const credits = frames.filter(({ kind }) => kind === FrameKind.credit).length;
    expect(credits).toBeGreaterThan(100);
    expect(credits).toBeLessThanOrEqual(200);
  });

  it('does not let a stalled stream hold up other calls', () => {
    const wire = new SimWire({ handlers: { ...numbers, echo: (payload) => of(payload) } }).connected();
    slowly(wire, 'endless', null, new CreditWindow(1));
    wire.settle();
    const seen = wire.call('echo', 'quick');
    wire.settle();
    expect(seen.values).toEqual(['quick']);
  });

  it('has a bound on what waits at the server: beyond it the call fails with WIRE_OVERLOADED and the handler is torn down', () => {
    let tornDown = 0;
    const wire = new SimWire({
      handlers: { flood: () => new Observable((subscriber) => { for (let i = 0; i < 1000 && !subscriber.closed; i++) subscriber.next(new Uint8Array(100)); return () => tornDown++; }) },
      serverLimits: { maxQueuedBytes: 10_000 },
    }).connected();
    const seen = slowly(wire, 'flood', null, new CreditWindow(4));
    wire.settle();
    expect(seen.values).toHaveLength(4);
    expect(seen.error).toMatchObject({ code: 'WIRE_OVERLOADED' });
    expect(tornDown).toBe(1);
    expect(wire.server.callsInFlight).toBe(0);
  });

  it('lets one value wait, however large', () => {
    const wire = new SimWire({ handlers: { two: () => of(new Uint8Array(9000), new Uint8Array(9000)) }, serverLimits: { maxQueuedBytes: 100 } }).connected();
    const window = new CreditWindow(1);
    const seen = slowly(wire, 'two', null, window);
    wire.settle();
    window.taken();
    wire.settle();
    expect(seen).toMatchObject({ values: [expect.anything(), expect.anything()], completed: true });
  });

  it('delivers what waited before the end that came after it, an error too', () => {
    const wire = new SimWire({ handlers: { ...numbers, fails: () => concat(range(0, 5), throwError(() => new Error('x'))) } }).connected();
    for (const [pattern, end] of [['numbers', { completed: true }], ['fails', { error: { code: 'INTERNAL' } }]] as const) {
      const window = new CreditWindow(2);
      const seen = slowly(wire, pattern, 5, window);
      for (let i = 0; i < 6; i++) {
        wire.settle();
        expect(seen.completed || seen.error !== undefined).toBe(seen.values.length === 5);
        window.taken(1);
      }
      expect(seen.values).toEqual([0, 1, 2, 3, 4]);
      expect(seen).toMatchObject(end);
    }
  });

  it('keeps a copy of what waits, so that a handler may use its bytes again', () => {
    const shared = new Uint8Array(1);
    const reuses: SimWireOptions['handlers'] = { reuse: () => new Observable((subscriber) => { for (let i = 0; i < 10; i++) { shared[0] = i; subscriber.next(shared); } subscriber.complete(); }) };
    const wire = new SimWire({ handlers: reuses, limits: { creditWindow: 2 } }).connected();
    const seen = wire.call('reuse');
    wire.clock.advance(100);
    expect(seen.values.map((bytes) => (bytes as Uint8Array)[0])).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('is what `drawnBy` draws by: an endless source stands still when nobody takes', () => {
    let drawn = 0;
    let closed = 0;
    function* naturals() {
      try {
        for (;;) yield drawn++;
      } finally {
        closed++;
      }
    }
    const wire = new SimWire({ handlers: { naturals: (_payload, _context, _peer, demand) => drawnBy(demand, naturals()) } }).connected();
    const window = new CreditWindow(10);
    const seen = slowly(wire, 'naturals', null, window);
    wire.settle();
    expect([drawn, seen.values.length]).toEqual([10, 10]);
    window.taken(7);
    wire.settle();
    expect([drawn, seen.values.length]).toEqual([17, 17]);
    seen.subscription.unsubscribe();
    wire.settle();
    expect([drawn, closed]).toEqual([17, 1]);
  });

  it('serves `drawnBy` a source that ends, or fails', () => {
    function* failing() {
      yield 1;
      throw new Error('x');
    }
    const wire = new SimWire({
      handlers: { three: (_p, _c, _peer, demand) => drawnBy(demand, ['a', 'b', 'c']), failing: (_p, _c, _peer, demand) => drawnBy(demand, failing()) },
      limits: { creditWindow: 1 },
    }).connected();
    const [three, failed] = [wire.call('three'), wire.call('failing')];
    wire.clock.advance(100);
    expect(three).toMatchObject({ values: ['a', 'b', 'c'], completed: true });
    expect(failed).toMatchObject({ values: [1], error: { code: 'INTERNAL' } });
  });
});
