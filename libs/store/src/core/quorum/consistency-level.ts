/**
 * How many replicas must answer before a request is answered. With R replicas read and W written of N, a read meets every
 * acknowledged write when R + W > N; QUORUM with QUORUM is the cheapest such pair that survives losing a replica.
 *
 * One table: a level is a row of it. The number is always of the N copies that a row is meant to have, never of those
 * that happen to be alive, or two halves of a cut network would each think themselves a quorum.
 * Source: DeCandia et al., Dynamo (SOSP 2007), 4.5.
 */
import { assert, type ConsistencyLevel } from '@app/contracts';

const REQUIRED: Readonly<Record<ConsistencyLevel, (replicationFactor: number) => number>> = {
  ONE: () => 1,
  QUORUM: (replicationFactor) => Math.floor(replicationFactor / 2) + 1,
  ALL: (replicationFactor) => replicationFactor,
};

/**
 * Replicas that must answer, 1 to `replicationFactor`.
 * @param replicationFactor copies that the row is meant to have, >= 1
 */
export function replicasRequired(level: ConsistencyLevel, replicationFactor: number): number {
  assert(Number.isInteger(replicationFactor) && replicationFactor >= 1, 'a row has at least one copy');
  return REQUIRED[level](replicationFactor);
}
