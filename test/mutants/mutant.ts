/**
 * Planted bugs: each takes one rule of the store away, and names the test file that must then fail. A rule without a test
 * that notices its absence is a rule that the next change may take away for good.
 */
export interface Mutant {
  readonly name: string;
  /** The rule that is broken, and the promise that breaks with it. */
  readonly breaks: string;
  readonly file: string;
  /** Stands exactly once in the file. */
  readonly find: string;
  readonly replace: string;
  /** The test file that finds it; SEEDS where the simulator does. */
  readonly foundBy: string;
}

/** Simulates seeds until one breaks a promise. */
export const SEEDS = 'test/mutants/seeds.ts';
/** A mutant that this many seeds do not find has survived them. */
export const SEEDS_AT_MOST = 1_000;

export const MAP = 'libs/store/src/core/row/causal-map.ts';
export const MAP_SPEC = 'libs/store/src/core/row/causal-map.spec.ts';
export const HEADER = 'libs/store/src/core/row/row-header.ts';
export const ROWS = 'libs/store/src/node/row-store.ts';
export const ROWS_SPEC = 'libs/store/src/node/row-store.spec.ts';
export const COORDINATOR = 'libs/store/src/node/coordinator.ts';
export const COORDINATOR_SPEC = 'libs/store/src/node/coordinator.spec.ts';
export const HANDOFF = 'libs/store/src/node/hinted-handoff.ts';
export const HANDOFF_SPEC = 'libs/store/src/node/hinted-handoff.spec.ts';
export const TREE_SPEC = 'libs/store/src/node/row-tree.spec.ts';
export const ANTI_ENTROPY_SPEC = 'libs/store/src/node/anti-entropy.spec.ts';
export const LOG = 'libs/store/src/node/commit-log.ts';
export const LOG_SPEC = 'libs/store/src/node/commit-log.spec.ts';
export const ENGINE_SPEC = 'libs/store/src/node/log-engine.spec.ts';
export const WRITE = 'libs/store/src/node/quorum-write.ts';
export const REPAIR = 'libs/store/src/node/read-repair.ts';
export const REBUILD = 'libs/store/src/node/row-rebuild.ts';
