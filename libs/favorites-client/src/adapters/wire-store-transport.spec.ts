import { Observable, of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { type CallContext, nodeId, type TriptychError } from '@app/contracts';
import { SeededRandom, SimClock } from '@app/time';
import { type WireIdentity, WireServer } from '@app/wire';
import { SimWireNetwork } from '../../../wire/src/testing/sim-wire-network.js';
import type { NodeAddress } from '../store-transport.js';
import { WireStoreTransport } from './wire-store-transport.js';

const identityOf = (name: string): WireIdentity => ({ clusterId: 'test', name, role: 'store', schemaHash: 'schemas' });

class Bench {
  readonly clock = new SimClock();
  readonly random = new SeededRandom(1);
  readonly network = new SimWireNetwork(this.clock, this.random);
  readonly transport = new WireStoreTransport({ identity: identityOf('gateway-a'), network: this.network, clock: this.clock, random: this.random });
  /** Handlers torn down by their callers. */
  tornDown = 0;

  node(name: string): NodeAddress & { server: WireServer } {
    const server = new WireServer({ identity: identityOf(name), network: this.network, clock: this.clock, report: () => {} });
    server.handle('echo', (payload) => of({ from: name, payload }));
    server.handle('hang', () => new Observable(() => () => this.tornDown++));
    let port = 0;
    server.listen({ host: 'sim', port: 0 }).subscribe((bound) => (port = bound));
    this.clock.advance(1);
    return { host: 'sim', port, node: nodeId(name), server };
  }

  call(to: NodeAddress, pattern = 'echo'): { values: unknown[]; code?: string; leave(): void } {
    const seen: { values: unknown[]; code?: string; leave(): void } = { values: [], leave: () => subscription.unsubscribe() };
    const subscription = this.transport.call(to, pattern, { n: 1 }, this.context()).subscribe({
      next: (value) => seen.values.push(value),
      error: (error: TriptychError) => (seen.code = error.code),
    });
    return seen;
  }

  context(): CallContext {
    return { deadlineMs: this.clock.monotonicMs() + 1_000, traceId: 't', priority: 'read', principal: { kind: 'service', name: 'gateway-a' } };
  }
}

describe('the wire as a store transport', () => {
  it('connects to a node when it is first called, and keeps the connection', () => {
    const bench = new Bench();
    const a1 = bench.node('a1');
    void bench.transport.call(a1, 'echo', null, bench.context());
    bench.clock.advance(10);
    expect([bench.network.connections, bench.transport.stateOf(a1)]).toEqual([0, 'idle']);
    const [first, second] = [bench.call(a1), bench.call(a1)];
    bench.clock.advance(20);
    expect([first.values, second.values]).toEqual([[{ from: 'a1', payload: { n: 1 } }], [{ from: 'a1', payload: { n: 1 } }]]);
    expect([bench.network.connections, bench.transport.stateOf(a1)]).toEqual([1, 'up']);
  });

  it('tears the node’s handler down when the caller leaves', () => {
    const bench = new Bench();
    const seen = bench.call(bench.node('a1'), 'hang');
    bench.clock.advance(20);
    expect(bench.tornDown).toBe(0);
    seen.leave();
    bench.clock.advance(20);
    expect(bench.tornDown).toBe(1);
  });

  it('knows a node to be down from its last attempt until a connection stands again', () => {
    const bench = new Bench();
    const a1 = bench.node('a1');
    expect(bench.transport.isDown(a1)).toBe(false);
    bench.network.refusing = true;
    const seen = bench.call(a1);
    expect(bench.transport.isDown(a1)).toBe(false);
    bench.clock.advance(5);
    expect([seen.code, bench.transport.isDown(a1)]).toEqual(['WIRE_UNREACHABLE', true]);
    for (let turn = 0; turn < 100; turn++) {
      bench.clock.advance(7);
      expect([bench.transport.isDown(a1), bench.transport.stateOf(a1)]).toEqual([true, 'down']);
    }
    bench.network.refusing = false;
    bench.clock.advance(2_000);
    expect(bench.transport.isDown(a1)).toBe(false);
    const again = bench.call(a1);
    bench.clock.advance(20);
    expect(again.values).toHaveLength(1);
  });

  it('does not take another node at the address for the one that was there', () => {
    const bench = new Bench();
    const a1 = bench.node('a1');
    const seen = bench.call({ ...a1, node: nodeId('b1') });
    bench.clock.advance(20);
    expect(seen.code).toBe('WIRE_HANDSHAKE_REFUSED');
    const seed = bench.call({ host: a1.host, port: a1.port });
    bench.clock.advance(20);
    expect(seed.values).toHaveLength(1);
  });

  it('closes the connections to nodes that are gone, and all at the end', () => {
    const bench = new Bench();
    const [a1, b1] = [bench.node('a1'), bench.node('b1')];
    const seed = { host: a1.host, port: a1.port };
    for (const node of [seed, a1, b1]) bench.call(node);
    bench.clock.advance(20);
    expect(bench.network.connections).toBe(3);
    bench.transport.retain([a1]);
    bench.clock.advance(20);
    expect(bench.network.connections).toBe(1);
    const hanging = bench.call(a1, 'hang');
    bench.clock.advance(20);
    bench.transport.close();
    bench.clock.advance(20);
    expect([bench.network.connections, hanging.code]).toEqual([0, 'WIRE_CONNECTION_LOST']);
    expect(bench.call(b1).code).toBe('WIRE_UNREACHABLE');
    bench.clock.advance(10_000);
    expect(bench.network.connections).toBe(0);
  });
});
