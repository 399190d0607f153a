import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { planCluster, portCountOf, replicationFactorOf, ringMembersOf, weaknessOf } from './cluster-plan.js';

const DATA = path.resolve('data');
const table = (zones: number, nodesPerZone: number, base = 3000) =>
  planCluster({ zones, nodesPerZone }, base, DATA).processes.map(
    ({ name, role, zone, port, adminPort }) => `${name} ${role} ${zone} ${port} ${adminPort}`,
  );

describe('the plan of a cluster', () => {
  it('puts a gateway and the nodes asked for into each zone: round robin, gateways, nodes, then admin ports', () => {
    expect(table(3, 2)).toEqual([
      'round-robin round-robin null 3000 null',
      'gateway-a gateway zone-a 3001 3016',
      'gateway-b gateway zone-b 3002 3017',
      'gateway-c gateway zone-c 3003 3018',
      'a1 store zone-a 3004 3010',
      'a2 store zone-a 3005 3011',
      'b1 store zone-b 3006 3012',
      'b2 store zone-b 3007 3013',
      'c1 store zone-c 3008 3014',
      'c2 store zone-c 3009 3015',
    ]);
  });

  it('is the same for one zone of one node, from any base', () => {
    expect(table(1, 1, 20_000)).toEqual([
      'round-robin round-robin null 20000 null',
      'gateway-a gateway zone-a 20001 20004',
      'a1 store zone-a 20002 20003',
    ]);
  });

  it.each([
    [1, 1],
    [3, 2],
    [9, 9],
    [26, 1],
  ])('gives %i zones of %i nodes one port each from one block without a gap, and one name each', (zones, nodesPerZone) => {
    const { processes, consolePort } = planCluster({ zones, nodesPerZone }, 10_000, DATA);
    const ports = [consolePort, ...processes.flatMap(({ port, adminPort }) => [port, ...(adminPort === null ? [] : [adminPort])])];
    const block = Array.from({ length: portCountOf({ zones, nodesPerZone }) }, (_, index) => 10_000 + index);
    expect(ports.sort((a, b) => a - b)).toEqual(block);
    expect(new Set(processes.map(({ name }) => name)).size).toBe(1 + zones + zones * nodesPerZone);
  });

  it('keeps data for store nodes alone, apart from their logs, and runs all on loopback in one region', () => {
    const { processes } = planCluster({ zones: 1, nodesPerZone: 2 }, 3000, DATA);
    expect(processes.map(({ dataDirectory }) => dataDirectory)).toEqual([
      null,
      null,
      path.join(DATA, 'a1', 'data'),
      path.join(DATA, 'a2', 'data'),
    ]);
    expect(new Set(processes.map(({ host, region }) => `${host} ${region}`))).toEqual(new Set(['127.0.0.1 local']));
  });

  it('tells everyone the store nodes as the ring, with equal weights', () => {
    expect(ringMembersOf(planCluster({ zones: 2, nodesPerZone: 1 }, 3000, DATA))).toEqual([
      { node: 'a1', zone: 'zone-a', region: 'local', host: '127.0.0.1', port: 3003, weight: 1 },
      { node: 'b1', zone: 'zone-b', region: 'local', host: '127.0.0.1', port: 3004, weight: 1 },
    ]);
  });

  it('is refused where there are no such ports', () => {
    const count = portCountOf({ zones: 3, nodesPerZone: 2 });
    expect(() => table(3, 2, 65_536 - count)).not.toThrow();
    expect(() => table(3, 2, 65_537 - count)).toThrow('the block of ports exists');
  });
});

describe('what a layout can lose', () => {
  it.each([
    [1, 1, 1],
    [1, 2, 2],
    [2, 1, 2],
    [1, 9, 3],
    [3, 1, 3],
    [9, 2, 3],
  ])('%i zones of %i nodes hold %i copies of a row', (zones, nodesPerZone, copies) => {
    expect(replicationFactorOf({ zones, nodesPerZone })).toBe(copies);
  });

  it.each([
    [1, 1, '1 zone of 1 store node cannot lose a zone: 0 of 1 copy would be left and a quorum is 1; three zones can'],
    [1, 6, '1 zone of 6 store nodes cannot lose a zone: 0 of 3 copies would be left and a quorum is 2; three zones can'],
    [2, 1, '2 zones of 1 store node cannot lose a zone: 1 of 2 copies would be left and a quorum is 2; three zones can'],
    [2, 9, '2 zones of 9 store nodes cannot lose a zone: 1 of 3 copies would be left and a quorum is 2; three zones can'],
    [3, 1, null],
    [4, 1, null],
    [9, 9, null],
  ])('%i zones of %i nodes: %s', (zones, nodesPerZone, weakness) => {
    expect(weaknessOf({ zones, nodesPerZone })).toBe(weakness);
  });
});
