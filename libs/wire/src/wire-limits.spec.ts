import { NEVER, of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { SimWire, Watched, type SimWireOptions } from './testing/sim-wire.js';

describe('heartbeats', () => {
  const silent: SimWireOptions = { handlers: { never: () => NEVER }, limits: { heartbeatIntervalMs: 500, silenceLimitMs: 2000 } };

  it('keep a quiet connection', () => {
    const wire = new SimWire(silent).connected();
    wire.clock.advance(3_600_000);
    expect(wire.client.isConnected).toBe(true);
    expect(wire.reports).toEqual([]);
  });

  it('find a silent peer dead, at both ends, and end its calls', () => {
    const wire = new SimWire(silent).connected();
    const seen = wire.call('never', null, 60_000);
    wire.settle();
    const frozenAtMs = wire.clock.monotonicMs();
    wire.network.frozen = true;
    wire.clock.advance(3000);
    expect(seen.error).toMatchObject({ code: 'WIRE_CONNECTION_LOST', applied: 'unknown' });
    expect(seen.endedAtMs! - frozenAtMs).toBeGreaterThan(1900);
    expect(seen.endedAtMs! - frozenAtMs).toBeLessThan(2600);
    expect(wire.server).toMatchObject({ connections: 0, callsInFlight: 0 });
    wire.network.frozen = false;
    expect(wire.clock.runUntil(() => wire.client.isConnected, 3000)).toBe(true);
  });

  it('do not take a pause of our own for the silence of the peer', () => {
    let pausedMs = 0;
    const wire = new SimWire({ ...silent, serverClock: (clock) => ({ wallMs: () => 0, monotonicMs: () => clock.monotonicMs() + pausedMs, after: (ms, task) => clock.after(ms, task) }) }).connected();
    wire.clock.advance(600);
    pausedMs = 10_000;
    wire.clock.advance(5000);
    expect(wire.client.isConnected).toBe(true);
    expect(wire.reports).toEqual([]);
  });

  it('find a silent peer dead even when we stand still again and again', () => {
    const wire = new SimWire({ ...silent, serverClock: (clock) => ({ wallMs: () => 0, monotonicMs: () => clock.monotonicMs(), after: (ms, task) => clock.after(ms === 500 ? 900 : ms, task) }) }).connected();
    wire.network.frozen = true;
    wire.clock.advance(6000);
    expect(wire.server.connections).toBe(0);
  });
});

describe('bounds', () => {
  it('on calls in flight refuse the next one at the client, without sending it', () => {
    const wire = new SimWire({ handlers: { never: () => NEVER }, limits: { maxCallsInFlight: 3 } }).connected();
    const seen = Array.from({ length: 4 }, () => wire.call('never'));
    expect(seen.map(({ error }) => error?.code)).toEqual([undefined, undefined, undefined, 'WIRE_OVERLOADED']);
    seen[0]!.subscription.unsubscribe();
    expect(wire.call('never').error).toBeUndefined();
  });

  it('on calls in flight refuse the next one at the server, which never runs', () => {
    const watched = new Watched();
    const wire = new SimWire({ handlers: { never: watched.handler }, serverLimits: { maxCallsInFlight: 3 } }).connected();
    const seen = Array.from({ length: 5 }, () => wire.call('never'));
    wire.settle();
    expect(seen.map(({ error }) => error?.code)).toEqual([undefined, undefined, undefined, 'WIRE_OVERLOADED', 'WIRE_OVERLOADED']);
    expect(watched.started).toBe(3);
  });

  it('on frames refuse a request before anything of it is sent, and the connection lives on', () => {
    const wire = new SimWire({ handlers: { echo: (payload) => of(payload) }, limits: { maxFrameBytes: 5000 } }).connected();
    const frames = wire.recordFrames();
    const tooLarge = wire.call('echo', { field: 'x'.repeat(5000) });
    expect(tooLarge.error).toMatchObject({ code: 'WIRE_FRAME_TOO_LARGE', applied: 'no', details: { maxFrameBytes: 5000 } });
    wire.settle();
    expect(frames).toEqual([]);
    const seen = wire.call('echo', { field: 'x' });
    wire.settle();
    expect(seen.values).toEqual([{ field: 'x' }]);
  });

  it('on frames: the lower of both ends counts, and an answer over it fails the call alone', () => {
    const wire = new SimWire({ handlers: { big: () => of({ field: 'x'.repeat(5000) }), echo: (payload) => of(payload) }, serverLimits: { maxFrameBytes: 5000 } }).connected();
    expect(wire.call('echo', 'x'.repeat(5000)).error).toMatchObject({ code: 'WIRE_FRAME_TOO_LARGE' });
    const [big, small] = [wire.call('big'), wire.call('echo', { field: 1 })];
    wire.settle();
    expect(big.error).toMatchObject({ code: 'WIRE_FRAME_TOO_LARGE' });
    expect(small.values).toEqual([{ field: 1 }]);
  });

  it('on a call\'s context refuse what cannot be sent, and the connection lives on', () => {
    const wire = new SimWire({ handlers: { echo: (payload) => of(payload) } }).connected();
    const good = wire.context();
    const contexts = [{ ...good, traceId: 'x'.repeat(256) }, { ...good, priority: 'urgent' as never }, { ...good, principal: { kind: 'robot' as never, name: 'x' } }];
    for (const context of contexts) expect(wire.see(wire.client.call('echo', { shape: 1 }, context)).error).toMatchObject({ code: 'REQUEST_INVALID' });
    expect(wire.call('p'.repeat(256), { shape: 1 }).error).toMatchObject({ code: 'REQUEST_INVALID', details: { patternBytes: 256 } });
    const seen = wire.call('echo', { shape: 2 });
    wire.settle();
    expect(seen.values).toEqual([{ shape: 2 }]);
  });

  it('on bytes that the peer does not take: a client stops calling', () => {
    const wire = new SimWire({ handlers: { echo: (payload) => of(payload) }, limits: { maxUnsentBytes: 10_000 } }).connected();
    wire.network.frozen = true;
    for (let i = 0; i < 20; i++) {
      wire.call('echo', new Uint8Array(1000));
      wire.clock.advance(0);
    }
    expect(wire.call('echo', 1).error).toMatchObject({ code: 'WIRE_OVERLOADED', applied: 'no' });
  });
});
