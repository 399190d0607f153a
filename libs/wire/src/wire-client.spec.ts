import { NEVER, of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { LinkFaults } from './link-faults.js';
import { RawPeer, SimWire } from './testing/sim-wire.js';

describe('a client', () => {
  it('connects with its first call, and not before', () => {
    const wire = new SimWire({ handlers: { echo: (payload) => of(payload) } });
    wire.clock.advance(10_000);
    expect(wire.client.state).toEqual({ kind: 'idle' });
    const seen = [1, 2, 3].map((n) => wire.call('echo', n));
    expect(wire.client.state).toEqual({ kind: 'connecting' });
    wire.settle();
    expect(wire.client.state).toEqual({ kind: 'up' });
    expect(seen.map(({ values }) => values)).toEqual([[1], [2], [3]]);
    expect(wire.network.connections).toBe(1);
  });

  it('tells of every change of its connection', () => {
    const wire = new SimWire();
    const kinds: string[] = [];
    wire.client.state$.subscribe(({ kind }) => kinds.push(kind));
    wire.connected();
    wire.network.killAll();
    wire.clock.advance(1000);
    wire.client.close();
    expect(kinds).toEqual(['idle', 'connecting', 'up', 'down', 'connecting', 'up', 'idle']);
  });

  it('whose peer refuses connections fails its calls at once, not at their deadline', () => {
    const wire = new SimWire({ handlers: { echo: (payload) => of(payload) } });
    wire.network.refusing = true;
    const waiting = wire.call('echo', 1, 60_000);
    wire.clock.advance(2);
    expect(waiting.error).toMatchObject({ code: 'WIRE_UNREACHABLE', applied: 'no', details: { peer: 'b1' } });
    const next = wire.call('echo', 1, 60_000);
    expect(next.error).toMatchObject({ code: 'WIRE_UNREACHABLE', applied: 'no' });
  });

  it('waits for a peer that does not answer no longer than connectTimeoutMs', () => {
    const wire = new SimWire({ limits: { connectTimeoutMs: 300 } });
    wire.network.frozen = true;
    const startMs = wire.clock.monotonicMs();
    const seen = wire.call('echo', 1, 60_000);
    wire.clock.advance(1000);
    expect(seen.error).toMatchObject({ code: 'WIRE_UNREACHABLE', applied: 'no' });
    expect(seen.endedAtMs! - startMs).toBe(300);
  });

  it('waits no longer than the call has time, and says that nothing was sent', () => {
    const wire = new SimWire({ limits: { connectTimeoutMs: 300 } });
    wire.network.frozen = true;
    const startMs = wire.clock.monotonicMs();
    const seen = wire.call('echo', 1, 100);
    wire.clock.advance(150);
    expect(seen.error).toMatchObject({ code: 'WIRE_UNREACHABLE', applied: 'no' });
    expect(seen.endedAtMs! - startMs).toBeLessThanOrEqual(102);
  });

  it('has sent a call once it has waited for the connection: its deadline then leaves the outcome unknown', () => {
    const wire = new SimWire({ handlers: { never: () => NEVER } });
    const seen = wire.call('never', null, 100);
    wire.clock.advance(200);
    expect(seen.error).toMatchObject({ code: 'WIRE_DEADLINE', applied: 'unknown', details: { sent: true } });
    expect(wire.server.callsInFlight).toBe(0);
  });

  it('does not send a waiting call that another, which failed just before it, has called off', () => {
    const heard: unknown[] = [];
    const wire = new SimWire({ handlers: { echo: (payload) => (heard.push(payload), of(payload)) } });
    wire.client.call('echo', new Uint8Array(5 * 1024 * 1024), wire.context()).subscribe({ error: () => second.unsubscribe() });
    const second = wire.client.call('echo', 2, wire.context()).subscribe();
    wire.settle();
    expect(wire.client.isConnected).toBe(true);
    expect(heard).toEqual([]);
  });

  it('waits not at all for a call that was left before there was a connection', () => {
    let calls = 0;
    const wire = new SimWire({ handlers: { echo: () => of(++calls) } });
    wire.call('echo').subscription.unsubscribe();
    expect(wire.client.callsInFlight).toBe(0);
    wire.settle();
    expect(calls).toBe(0);
    expect(wire.client.isConnected).toBe(true);
  });

  it('lets only so many calls wait', () => {
    const wire = new SimWire({ handlers: { echo: (payload) => of(payload) }, limits: { maxCallsWaiting: 2 } });
    const seen = [1, 2, 3].map((n) => wire.call('echo', n));
    expect(seen[2]!.error).toMatchObject({ code: 'WIRE_OVERLOADED', applied: 'no' });
    wire.settle();
    expect(seen.map(({ values }) => values)).toEqual([[1], [2], []]);
  });

  it('tries again and again, ever more rarely and never in step with others, and at once takes calls when it is back', () => {
    const wire = new SimWire({ handlers: { echo: (payload) => of(payload) }, limits: { reconnectMinMs: 50, reconnectMaxMs: 1000 } }).connected();
    wire.network.refusing = true;
    const attemptsAtMs: number[] = [];
    wire.client.state$.subscribe(({ kind }) => kind === 'connecting' && attemptsAtMs.push(wire.clock.monotonicMs()));
    wire.network.killAll();
    wire.clock.advance(30_000);
    const gaps = attemptsAtMs.slice(1).map((at, i) => at - attemptsAtMs[i]!);
    expect(Math.max(...gaps.slice(0, 2))).toBeLessThan(210);
    expect(Math.max(...gaps)).toBeLessThan(1002);
    expect(new Set(gaps.map(Math.round)).size).toBeGreaterThan(gaps.length / 2);
    expect(gaps.length).toBeGreaterThan(40);
    wire.network.refusing = false;
    expect(wire.clock.runUntil(() => wire.client.isConnected, 1100)).toBe(true);
    const seen = wire.call('echo', 'back');
    wire.settle();
    expect(seen.values).toEqual(['back']);
  });

  it('that is closed ends its calls, makes no new ones, and leaves nothing behind', () => {
    const wire = new SimWire({ handlers: { never: () => NEVER } });
    const waiting = wire.call('never');
    wire.client.close();
    expect(waiting.error).toMatchObject({ code: 'WIRE_UNREACHABLE', applied: 'no' });
    expect(wire.call('never').error).toMatchObject({ code: 'WIRE_UNREACHABLE' });
    wire.client.connect();
    wire.clock.advance(10_000);
    expect(wire.client.state).toEqual({ kind: 'idle' });
    expect([wire.network.connections, wire.clock.pending, wire.server.connections]).toEqual([0, 0, 0]);
  });

  it('that is closed ends the calls on a connection that drains, too', () => {
    const wire = new SimWire({ handlers: { never: () => NEVER } }).connected();
    const draining = wire.call('never');
    wire.settle();
    wire.server.drain(10_000).subscribe();
    wire.settle();
    expect(wire.client.callsInFlight).toBe(1);
    wire.client.close();
    expect(draining.error).toMatchObject({ code: 'WIRE_CONNECTION_LOST' });
    wire.settle();
    expect(wire.clock.pending).toBe(0);
  });

  it('does not speak with another process at the address of its peer', () => {
    const wire = new SimWire({ handlers: { echo: (payload) => of(payload) } });
    const client = wire.clientOf({ peer: 'c1' });
    const seen = wire.see(client.call('echo', 1, wire.context()));
    wire.settle();
    expect(seen.error).toMatchObject({ code: 'WIRE_HANDSHAKE_REFUSED', applied: 'no', details: { reason: 'name', ours: 'c1', theirs: 'b1' } });
    client.close();
  });
});

describe('a stranger', () => {
  it.each([
    ['cluster', { clusterId: 'cluster-2' }],
    ['schema', { schemaHash: 'schemas-2' }],
  ] as const)('of another %s is refused, and its calls say why', (reason, difference) => {
    const wire = new SimWire({ handlers: { echo: (payload) => of(payload) } });
    const client = wire.clientOf({ identity: { clusterId: 'cluster-1', name: 'a1', role: 'store', schemaHash: 'schemas-1', ...difference } });
    const seen = wire.see(client.call('echo', 1, wire.context()));
    wire.settle();
    expect(seen.error).toMatchObject({ code: 'WIRE_HANDSHAKE_REFUSED', applied: 'no', details: { reason } });
    expect(client.state).toMatchObject({ kind: 'down', reason: { code: 'WIRE_HANDSHAKE_REFUSED' } });
    expect(wire.reports).toMatchObject([{ kind: 'peer-refused', peer: { name: 'a1' }, error: { details: { reason } } }]);
    expect(wire.server.connections).toBe(0);
    client.close();
  });

  it('that says nothing is cut off', () => {
    const wire = new SimWire({ limits: { connectTimeoutMs: 1000 } });
    const peer = RawPeer.connect(wire);
    expect(wire.server.connections).toBe(1);
    wire.clock.advance(1100);
    expect(peer.isClosed).toBe(true);
    expect([wire.server.connections, wire.clock.pending]).toEqual([0, 0]);
  });

  it('that is cut off by an injected fault is refused at both ends, while the fault lasts', () => {
    const faults = new LinkFaults();
    const wire = new SimWire({ handlers: { never: () => NEVER, echo: (payload) => of(payload) }, serverFaults: faults }).connected();
    const seen = wire.call('never');
    wire.settle();
    const lift = faults.add({ peer: 'a1', fault: 'refuse' });
    wire.settle();
    expect(seen.error).toMatchObject({ code: 'WIRE_CONNECTION_LOST' });
    wire.clock.advance(3000);
    expect(wire.client.state).toMatchObject({ kind: 'down', reason: { details: { reason: 'fault' } } });
    lift();
    expect(wire.clock.runUntil(() => wire.client.isConnected, 2000)).toBe(true);
  });
});
