/** What the supervisor says is what the children's own schema reads. */
import path from 'node:path';
import { gatewayConfiguration, roundRobinConfiguration, storeConfiguration } from '@app/config';
import { expect, it } from 'vitest';
import { environmentOf } from './child-environment.js';
import { planCluster, ringMembersOf } from './cluster-plan.js';

const DATA = path.resolve('data');
const plan = planCluster({ zones: 3, nodesPerZone: 1 }, 3000, DATA);
const identity = { clusterId: 'c-1', secretFile: path.join(DATA, 'secret'), adminTokenFile: path.join(DATA, 'token') };
const told = (name: string, inherited: NodeJS.ProcessEnv = {}) => {
  const child = plan.processes.find((candidate) => candidate.name === name);
  if (child === undefined) throw new Error(`no ${name}`);
  return environmentOf(child, plan, identity, inherited);
};
const zoned = {
  region: 'local',
  host: '127.0.0.1',
  clusterId: 'c-1',
  logLevel: 'info',
  secretFile: identity.secretFile,
  adminTokenFile: identity.adminTokenFile,
  members: ringMembersOf(plan),
  seeds: [4, 5, 6].map((offset) => ({ host: '127.0.0.1', port: 3000 + offset })),
  replicationFactor: 3,
};

it('a store node is told its place, its ports, its peers and its directory', () => {
  expect(storeConfiguration(told('b1'))).toEqual({
    ...zoned,
    nodeId: 'b1',
    zone: 'zone-b',
    wirePort: 3005,
    adminPort: 3008,
    dataDirectory: path.join(DATA, 'b1', 'data'),
    faults: false,
    survive: 'nothing',
    durability: 'commit',
    periodicSyncMs: 10_000,
  });
});

it('a gateway is told its place, its ports and the store nodes', () => {
  expect(gatewayConfiguration(told('gateway-c'))).toEqual({
    ...zoned,
    nodeId: 'gateway-c',
    zone: 'zone-c',
    httpPort: 3003,
    adminPort: 3012,
    faults: false,
  });
});

it('the round robin is told the gateways, and no secret', () => {
  const environment = told('round-robin');
  expect(roundRobinConfiguration(environment)).toMatchObject({
    nodeId: 'round-robin',
    httpPort: 3000,
    gateways: [1, 2, 3].map((offset) => ({ host: '127.0.0.1', port: 3000 + offset })),
  });
  expect(Object.keys(environment).filter((name) => /SECRET|TOKEN/.test(name))).toEqual([]);
});

it('what the supervisor was told for its children reaches them, and what it was told for itself does not', () => {
  const environment = told('a1', {
    PATH: '/bin',
    TRIPTYCH_LOG_LEVEL: 'debug',
    TRIPTYCH_FAULTS: 'on',
    TRIPTYCH_ZONES: '3',
    TRIPTYCH_NODES_PER_ZONE: '1',
    TRIPTYCH_PORT: '3000',
    TRIPTYCH_DATA: 'data',
    TRIPTYCH_FRESH: 'on',
    TRIPTYCH_NODE_ID: 'not this one',
  });
  expect(environment).toMatchObject({ PATH: '/bin', TRIPTYCH_LOG_LEVEL: 'debug', TRIPTYCH_FAULTS: 'on', TRIPTYCH_NODE_ID: 'a1' });
  expect(Object.keys(environment).filter((name) => /_(ZONES|NODES_PER_ZONE|PORT|DATA|FRESH)$/.test(name))).toEqual([]);
});
