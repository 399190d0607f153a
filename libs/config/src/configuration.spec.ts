import path from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  clusterConfiguration,
  ConfigurationRefused,
  gatewayConfiguration,
  roundRobinConfiguration,
  storeConfiguration,
} from './configuration.js';

const MEMBER = { node: 'a1', zone: 'zone-a', region: 'local', host: '127.0.0.1', port: 3004, weight: 1 };
const COMMON = {
  TRIPTYCH_NODE_ID: 'a1',
  TRIPTYCH_REGION: 'local',
  TRIPTYCH_HOST: '127.0.0.1',
  TRIPTYCH_CLUSTER_ID: 'c-1',
};
const ZONED = {
  ...COMMON,
  TRIPTYCH_ZONE: 'zone-a',
  TRIPTYCH_PORT_ADMIN: '3010',
  TRIPTYCH_SECRET_FILE: 'data/secret',
  TRIPTYCH_ADMIN_TOKEN_FILE: 'data/admin-token',
  TRIPTYCH_MEMBERS: JSON.stringify([MEMBER]),
  TRIPTYCH_SEEDS: '127.0.0.1:3004, b1.example:3005',
};
const STORE = { ...ZONED, TRIPTYCH_PORT_WIRE: '3004', TRIPTYCH_DATA_DIR: 'data/a1' };

/** What whoever started the process gets to read. */
function complaint(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    if (error instanceof ConfigurationRefused) return error.message;
    throw error;
  }
  return 'accepted';
}

describe('the configuration of a cluster', () => {
  it('needs nothing: three zones of two nodes on port 3000, data under .triptych', () => {
    expect(clusterConfiguration([], {})).toEqual({
      zones: 3,
      nodesPerZone: 2,
      port: 3000,
      dataDirectory: path.resolve('.triptych'),
      fresh: false,
      faults: false,
      console: true,
      logLevel: 'info',
    });
  });

  it('takes every setting as a variable and as a flag; the flag wins', () => {
    const environment = {
      TRIPTYCH_ZONES: '1',
      TRIPTYCH_NODES_PER_ZONE: '4',
      TRIPTYCH_PORT: '0',
      TRIPTYCH_DATA: 'elsewhere',
      TRIPTYCH_LOG_LEVEL: 'debug',
    };
    expect(clusterConfiguration([], environment)).toEqual({
      zones: 1,
      nodesPerZone: 4,
      port: 0,
      dataDirectory: path.resolve('elsewhere'),
      fresh: false,
      faults: false,
      console: true,
      logLevel: 'debug',
    });
    const flags = ['--zones', '5', '--nodes-per-zone=1', '--port', '4000', '--data', 'there', '--fresh', '--faults', '--console', 'off'];
    expect(clusterConfiguration(flags, environment)).toEqual({
      zones: 5,
      nodesPerZone: 1,
      port: 4000,
      dataDirectory: path.resolve('there'),
      fresh: true,
      faults: true,
      console: false,
      logLevel: 'debug',
    });
  });

  it('takes an empty variable as one that is not set', () => {
    expect(clusterConfiguration([], { TRIPTYCH_ZONES: '' }).zones).toBe(3);
  });

  it.each([
    [{ TRIPTYCH_ZONES: '10' }, 'TRIPTYCH_ZONES is "10": expected a whole number from 1 to 9'],
    [{ TRIPTYCH_ZONES: '0' }, 'TRIPTYCH_ZONES is "0": expected a whole number from 1 to 9'],
    [{ TRIPTYCH_ZONES: '2.5' }, 'TRIPTYCH_ZONES is "2.5": expected a whole number from 1 to 9'],
    [{ TRIPTYCH_ZONES: '0x3' }, 'TRIPTYCH_ZONES is "0x3": expected a whole number from 1 to 9'],
    [{ TRIPTYCH_NODES_PER_ZONE: 'two' }, 'TRIPTYCH_NODES_PER_ZONE is "two": expected a whole number from 1 to 9'],
    [{ TRIPTYCH_PORT: '-1' }, 'TRIPTYCH_PORT is "-1": expected a whole number from 0 to 65000'],
    [
      { TRIPTYCH_LOG_LEVEL: 'loud' },
      'TRIPTYCH_LOG_LEVEL is "loud": expected one of fatal, error, warn, info, debug, trace, silent',
    ],
  ])('refuses %o in one line that names the variable, the value and what was expected', (environment, line) => {
    expect(complaint(() => clusterConfiguration([], environment))).toBe(line);
  });

  it('names the flag when the value came from one, and one line for each wrong value', () => {
    expect(complaint(() => clusterConfiguration(['--zones', 'x'], { TRIPTYCH_PORT: 'y' }))).toBe(
      '--zones is "x": expected a whole number from 1 to 9\nTRIPTYCH_PORT is "y": expected a whole number from 0 to 65000',
    );
  });

  it.each([
    ['--zone', "Unknown option '--zone'"],
    ['--zones', "Option '--zones <value>' argument missing"],
    ['three', "Unexpected argument 'three'"],
  ])('refuses %s and says which flags there are', (flag, fault) => {
    expect(complaint(() => clusterConfiguration([flag], {}))).toBe(
      `${fault}: expected --zones N, --nodes-per-zone N, --port N, --data DIR, --survive zone|node|nothing, --console on|off, --fresh or --faults`,
    );
  });
});

describe('the configuration of a child', () => {
  it('gives a store node its place, its ports, its peers and its directory', () => {
    expect(storeConfiguration(STORE)).toEqual({
      nodeId: 'a1',
      zone: 'zone-a',
      region: 'local',
      host: '127.0.0.1',
      clusterId: 'c-1',
      logLevel: 'info',
      adminPort: 3010,
      wirePort: 3004,
      secretFile: path.resolve('data/secret'),
      adminTokenFile: path.resolve('data/admin-token'),
      dataDirectory: path.resolve('data/a1'),
      members: [MEMBER],
      seeds: [
        { host: '127.0.0.1', port: 3004 },
        { host: 'b1.example', port: 3005 },
      ],
      replicationFactor: 3,
      faults: false,
      survive: 'nothing',
      durability: 'commit',
      periodicSyncMs: 10_000,
    });
    expect(storeConfiguration({ ...STORE, TRIPTYCH_FAULTS: 'on', TRIPTYCH_REPLICATION_FACTOR: '1' })).toMatchObject({
      faults: true,
      replicationFactor: 1,
    });
  });

  it('gives a gateway its HTTP port, and a round robin the gateways behind it', () => {
    expect(gatewayConfiguration({ ...ZONED, TRIPTYCH_PORT_HTTP: '3001' })).toMatchObject({
      zone: 'zone-a',
      httpPort: 3001,
      members: [MEMBER],
    });
    const roundRobin = { ...COMMON, TRIPTYCH_PORT_HTTP: '3000', TRIPTYCH_GATEWAYS: '127.0.0.1:3001,127.0.0.1:3002' };
    expect(roundRobinConfiguration(roundRobin)).toMatchObject({
      httpPort: 3000,
      gateways: [
        { host: '127.0.0.1', port: 3001 },
        { host: '127.0.0.1', port: 3002 },
      ],
    });
  });

  it('names every variable that is missing', () => {
    expect(complaint(() => roundRobinConfiguration({})).split('\n')).toEqual([
      'TRIPTYCH_NODE_ID is not set: expected 1 to 128 characters of A-Z a-z 0-9 . _ ~ -',
      'TRIPTYCH_REGION is not set: expected 1 to 128 characters of A-Z a-z 0-9 . _ ~ -',
      'TRIPTYCH_HOST is not set: expected a host name or address without a port',
      'TRIPTYCH_CLUSTER_ID is not set: expected 1 to 128 characters of A-Z a-z 0-9 . _ ~ -',
      'TRIPTYCH_PORT_HTTP is not set: expected a whole number from 1 to 65535',
      'TRIPTYCH_GATEWAYS is not set: expected host:port, or several with commas between',
    ]);
  });

  it.each([
    ['TRIPTYCH_NODE_ID', 'a/1', '1 to 128 characters of A-Z a-z 0-9 . _ ~ -'],
    ['TRIPTYCH_NODE_ID', '..', '1 to 128 characters of A-Z a-z 0-9 . _ ~ -'],
    ['TRIPTYCH_PORT_WIRE', '70000', 'a whole number from 1 to 65535'],
    ['TRIPTYCH_SEEDS', 'a1', 'host:port, or several with commas between'],
    ['TRIPTYCH_SEEDS', 'a1:0', 'host:port, or several with commas between'],
    ['TRIPTYCH_SEEDS', 'a1:3004,', 'host:port, or several with commas between'],
    ['TRIPTYCH_MEMBERS', '[', 'a JSON array of at least one ring member'],
    ['TRIPTYCH_MEMBERS', '[]', 'a JSON array of at least one ring member'],
    ['TRIPTYCH_MEMBERS', JSON.stringify([{ ...MEMBER, weight: 0 }]), 'a JSON array of at least one ring member'],
    ['TRIPTYCH_MEMBERS', JSON.stringify([{ ...MEMBER, weigth: 1 }]), 'a JSON array of at least one ring member'],
    ['TRIPTYCH_FAULTS', 'yes', 'one of off, on'],
  ])('refuses %s = %s', (variable, value, expected) => {
    expect(complaint(() => storeConfiguration({ ...STORE, [variable]: value }))).toBe(
      `${variable} is ${JSON.stringify(value)}: expected ${expected}`,
    );
  });

  it('cannot be changed once it is read', () => {
    expect(Object.isFrozen(storeConfiguration(STORE))).toBe(true);
  });
});
