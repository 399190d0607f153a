import { lastValueFrom, of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { type Achieved, type CallContext, nodeId, PATTERNS, type RingMember, zoneId } from '@app/contracts';
import { COMMIT, LIST, PREPARE, schemaHash } from '@app/store';
import { type Clock, SeededRandom, SimClock, systemClock, systemRandom } from '@app/time';
import { tcpNetwork, WireServer, type WireNetwork } from '@app/wire';
import { SimWireNetwork } from '../../../wire/src/testing/sim-wire-network.js';
import type { WriteRequest } from '../list-store.js';
import { PLAIN } from '../testing/memory-list-store.js';
import { MemoryRows } from '../testing/memory-rows.js';
import { connectListStore } from './connect-list-store.js';

const ADD: WriteRequest = { table: 'favorites', row: 'user-7', item: 'film-1', level: 'QUORUM', operation: { kind: 'add', value: Uint8Array.of(1) } };
const PAGE = { table: 'favorites', row: 'user-7', limit: 10, level: 'QUORUM' } as const;

/** Three nodes on the wire that keep their rows together, and tell the ring that they are. */
class Nodes {
  readonly servers: WireServer[] = [];
  readonly members: RingMember[] = [];

  constructor(clock: Clock, network: WireNetwork, host: string, clusterId = 'test') {
    const rows = new MemoryRows({ maxItems: 100, wallMs: () => clock.wallMs() });
    for (const [name, zone] of [['a1', 'zone-a'], ['b1', 'zone-b'], ['c1', 'zone-c']] as const) {
      const achieved: Achieved = { level: 'QUORUM', node: nodeId(name), zone: zoneId(zone), replicas: [nodeId(name)], zones: [zoneId(zone)], replicationFactor: 3, ...PLAIN };
      const server = new WireServer({ identity: { clusterId, name, role: 'store', schemaHash: schemaHash() }, network, clock, report: () => {} })
        .handle(PATTERNS.ring, () => of({ clusterId, epoch: 1, replicationFactor: 3, members: this.members }))
        .handle(PATTERNS.prepare, (request) => of(PREPARE.encodeReply({ ...rows.prepare(PREPARE.decodeRequest(request)), achieved })))
        .handle(PATTERNS.list, (bytes) => {
          const request = LIST.decodeRequest(bytes);
          return of(LIST.encodeReply({ ...rows.list(request), seen: rows.seenAfterRead(request), achieved }));
        })
        .handle(PATTERNS.commit, (request) => {
          rows.commit(COMMIT.decodeRequest(request));
          return of(COMMIT.encodeReply({ achieved, seen: new Uint8Array(0) }));
        });
      this.servers.push(server);
      server.listen({ host, port: 0 }).subscribe((port) => this.members.push({ node: nodeId(name), zone: zoneId(zone), region: 'r', host, port, weight: 1 }));
    }
  }

  /** As configuration knows them: without names. */
  get seeds(): { host: string; port: number }[] {
    return this.members.map(({ host, port }) => ({ host, port }));
  }
}

function simulated() {
  const clock = new SimClock();
  const network = new SimWireNetwork(clock, new SeededRandom(1));
  const nodes = new Nodes(clock, network, 'sim');
  clock.advance(1);
  const connect = (over = {}) =>
    connectListStore({ seeds: nodes.seeds, clusterId: 'test', nodeName: 'gateway-a', zone: zoneId('zone-a'), clock, network, random: new SeededRandom(2), ...over });
  return { clock, network, nodes, connect };
}

const contextOf = (clock: Clock): CallContext => ({ deadlineMs: clock.monotonicMs() + 2_000, traceId: 't', priority: 'read', principal: { kind: 'device', name: 'user-7' } });

describe('a connected list store', () => {
  it('is ready when it has learnt the ring, writes and reads over the wire, and leaves nothing when closed', () => {
    const { clock, network, connect } = simulated();
    const connection = connect();
    expect([connection.ready(), connection.obstacle()?.code]).toEqual([false, 'STORE_QUORUM_UNAVAILABLE']);
    clock.advance(20);
    expect([connection.ready(), connection.obstacle(), connection.state().epoch]).toEqual([true, null, 1]);
    const heard: unknown[] = [];
    connection.store.write(ADD, contextOf(clock)).subscribe(({ item }) => heard.push(item!.item));
    clock.advance(20);
    connection.store.list(PAGE, contextOf(clock)).subscribe(({ items }) => heard.push(items.map(({ item }) => item)));
    clock.advance(20);
    expect(heard).toEqual(['film-1', ['film-1']]);
    expect(connection.state().nodes).toMatchObject([
      { node: 'a1', zone: 'zone-a', connection: 'up', late: false },
      { node: 'b1', connection: 'idle' },
      { node: 'c1', connection: 'idle' },
    ]);
    expect(connection.state().attempts).toMatchObject({ requests: 3, attempts: 3 });
    expect(connection.state().circuits.map(({ circuit }) => circuit)).toContain('store-write/a1');
    connection.close();
    clock.advance(5_000);
    expect([network.connections, clock.pending]).toEqual([0, 0]);
  });

  it('answers from another zone when the own one dies, the request under way included', () => {
    const { clock, nodes, connect } = simulated();
    const connection = connect();
    clock.advance(20);
    connection.store.list(PAGE, contextOf(clock)).subscribe();
    clock.advance(20);
    const zones: string[] = [];
    connection.store.list(PAGE, contextOf(clock)).subscribe(({ achieved }) => zones.push(achieved.zone));
    nodes.servers[0]!.close();
    clock.advance(100);
    expect(zones).toHaveLength(1);
    expect(zones[0]).not.toBe('zone-a');
    expect(connection.state().nodes[0]!.connection).toBe('down');
    expect(connection.ready()).toBe(true);
    nodes.servers.forEach((server) => server.close());
    for (let turn = 0; turn < 10; turn++) {
      connection.store.list(PAGE, contextOf(clock)).subscribe({ error: () => {} });
      clock.advance(1_000);
    }
    expect([connection.ready(), connection.obstacle()?.message]).toEqual([false, 'no node of the store can be reached']);
    connection.close();
  });

  it('believes no other cluster', () => {
    const { clock, connect } = simulated();
    const connection = connect({ clusterId: 'another' });
    clock.advance(10_000);
    expect(connection.ready()).toBe(false);
    expect(connection.state().ringFailure).toMatch(/another cluster/);
    connection.close();
  });

  it('runs on real sockets and the system’s clock when told nothing else', async () => {
    const nodes = new Nodes(systemClock, tcpNetwork(), '127.0.0.1');
    await expect.poll(() => nodes.members.length).toBe(3);
    const connection = connectListStore({ seeds: nodes.seeds, clusterId: 'test', nodeName: `gateway-${systemRandom.fraction()}`, zone: zoneId('zone-b') });
    await expect.poll(() => connection.ready()).toBe(true);
    await lastValueFrom(connection.store.write(ADD, contextOf(systemClock)));
    const { items, achieved } = await lastValueFrom(connection.store.list(PAGE, contextOf(systemClock)));
    expect([items.map(({ item }) => item), achieved.zone]).toEqual([['film-1'], 'zone-b']);
    connection.close();
    nodes.servers.forEach((server) => server.close());
    await expect.poll(() => nodes.servers.every(({ connections }) => connections === 0)).toBe(true);
  });
});
