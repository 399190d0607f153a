/**
 * What a child is told, all of it in environment variables, so that the same program runs under any other supervisor.
 * In return it keeps four promises (testing/stub-child.mjs is the shortest program that does):
 *
 * 1. It listens on the ports it is given, on TRIPTYCH_HOST, and fails at once when it cannot.
 * 2. Once it serves, it says so: `process.send?.({ type: 'listening', ports: { http, wire, admin } })`.
 * 3. On SIGTERM it drains and exits with code 0.
 * 4. When its IPC channel disconnects, its supervisor is dead: it exits (`process.on('disconnect', ...)`).
 */
import type { ClusterPlan, PlannedProcess } from './cluster-plan.js';
import { ringMembersOf } from './cluster-plan.js';

export interface ClusterIdentity {
  readonly clusterId: string;
  readonly secretFile: string;
  readonly adminTokenFile: string;
}

/** Settings of the supervisor itself; to a child they would mean something else or nothing. */
const OWN_SETTINGS = [
  'TRIPTYCH_ZONES',
  'TRIPTYCH_NODES_PER_ZONE',
  'TRIPTYCH_PORT',
  'TRIPTYCH_DATA',
  'TRIPTYCH_FRESH',
  'TRIPTYCH_SURVIVE',
  'TRIPTYCH_CONSOLE',
];

/** @param inherited the supervisor's own environment, handed on except for its own settings */
export function environmentOf(
  child: PlannedProcess,
  plan: ClusterPlan,
  identity: ClusterIdentity,
  inherited: NodeJS.ProcessEnv,
): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = { ...inherited };
  for (const name of OWN_SETTINGS) delete environment[name];
  Object.assign(environment, {
    TRIPTYCH_NODE_ID: child.name,
    TRIPTYCH_REGION: child.region,
    TRIPTYCH_HOST: child.host,
    TRIPTYCH_CLUSTER_ID: identity.clusterId,
  });
  if (child.role === 'round-robin') {
    return {
      ...environment,
      TRIPTYCH_PORT_HTTP: String(child.port),
      TRIPTYCH_GATEWAYS: addressesOf(plan, 'gateway'),
    };
  }
  return {
    ...environment,
    TRIPTYCH_ZONE: child.zone ?? undefined,
    [child.role === 'store' ? 'TRIPTYCH_PORT_WIRE' : 'TRIPTYCH_PORT_HTTP']: String(child.port),
    TRIPTYCH_PORT_ADMIN: String(child.adminPort),
    TRIPTYCH_SECRET_FILE: identity.secretFile,
    TRIPTYCH_ADMIN_TOKEN_FILE: identity.adminTokenFile,
    TRIPTYCH_MEMBERS: JSON.stringify(ringMembersOf(plan)),
    TRIPTYCH_SEEDS: addressesOf(plan, 'store'),
    TRIPTYCH_REPLICATION_FACTOR: String(plan.replicationFactor),
    ...(child.dataDirectory === null ? {} : { TRIPTYCH_DATA_DIR: child.dataDirectory, TRIPTYCH_SURVIVE: plan.survive }),
  };
}

function addressesOf({ processes }: ClusterPlan, role: PlannedProcess['role']): string {
  return processes
    .filter((candidate) => candidate.role === role)
    .map(({ host, port }) => `${host}:${port}`)
    .join(',');
}
