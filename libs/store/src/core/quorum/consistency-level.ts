/**
 * How many replicas must answer before a request is answered. With R replicas read and W written of N, a read meets every
 * acknowledged write when R + W > N; QUORUM with QUORUM is the cheapest such pair that survives losing a replica.
 *
 * One table: a level is a row of it. The number is always of the N copies that a row is meant to have, never of those
 * that happen to be alive, or two halves of a cut network would each think themselves a quorum. Two levels are ours:
 *
 *   SESSION       reads at one replica where that has all the session has seen, else at a quorum; writes at a quorum.
 *   LINEARIZABLE  reads what was equal on a quorum (quorum-read.ts); writes learn their item at a quorum first.
 *
 * Source: DeCandia et al., Dynamo (SOSP 2007), 4.5.
 */
import { assert, CONSISTENCY_LEVELS, TriptychError, type ConsistencyLevel } from '@app/contracts';
import type { SeenRow } from '../causality/seen-row.js';

type Count = (replicationFactor: number) => number;

const one: Count = () => 1;
const majority: Count = (replicationFactor) => Math.floor(replicationFactor / 2) + 1;
const all: Count = (replicationFactor) => replicationFactor;

const REQUIRED: Readonly<Record<ConsistencyLevel, Count>> = {
  ANY: one,
  ONE: one,
  TWO: () => 2,
  SESSION: majority,
  QUORUM: majority,
  ALL: all,
  LINEARIZABLE: majority,
};

const FORGOTTEN: Readonly<Record<SeenRow['forgotten'], Count>> = { nothing: () => 0, 'on-quorum': majority, anywhere: all };

/**
 * Replicas that must answer, from 1; TWO of one copy is more than there are.
 * @param replicationFactor copies that the row is meant to have, >= 1
 */
export function replicasRequired(level: ConsistencyLevel, replicationFactor: number): number {
  assert(Number.isInteger(replicationFactor) && replicationFactor >= 1, 'a row has at least one copy');
  return REQUIRED[level](replicationFactor);
}

/** Votes that a read of a session begins with; more where their state turns out to lack what the session has seen. */
export function votesToRead(level: ConsistencyLevel, replicationFactor: number, seen: SeenRow): number {
  // A session that has seen nothing of the row is not answered by one replica: that may know nothing of it either.
  if (level === 'SESSION' && seen.forgotten === 'nothing' && !seen.context.isEmpty) return 1;
  return Math.max(replicasRequired(level, replicationFactor), FORGOTTEN[seen.forgotten](replicationFactor));
}

/** Votes to go on with where so many lack what the session has seen: a quorum, then one more each time. Null: all have voted. */
export function votesBeyond(votes: number, replicationFactor: number): number | null {
  return votes >= replicationFactor ? null : Math.max(votes + 1, majority(replicationFactor));
}

/** Levels that mean something only where zones belong to several regions; refused until there are such. */
const REGIONAL_LEVELS = ['LOCAL_ONE', 'LOCAL_QUORUM', 'EACH_QUORUM'];

/** A level by its name, in any letter case. @throws TriptychError LEVEL_UNKNOWN, LEVEL_NEEDS_REGIONS */
export function levelNamed(name: string): ConsistencyLevel {
  const upper = name.toUpperCase();
  const level = CONSISTENCY_LEVELS.find((each) => each === upper);
  if (level !== undefined) return level;
  const known = CONSISTENCY_LEVELS.map((each) => each.toLowerCase());
  if (REGIONAL_LEVELS.includes(upper)) throw new TriptychError('LEVEL_NEEDS_REGIONS', 'this level needs regions, and there are none', { level: name, known });
  throw new TriptychError('LEVEL_UNKNOWN', 'the consistency level asked for is not one of those known', { level: name.slice(0, 32), known });
}
