/** All planted bugs. */
import { COORDINATION_MUTANTS } from './coordination-mutants.js';
import { LEVEL_MUTANTS } from './level-mutants.js';
import { MEMBERSHIP_MUTANTS } from './membership-mutants.js';
import type { Mutant } from './mutant.js';
import { PEER_MUTANTS } from './peer-mutants.js';
import { REPAIR_MUTANTS } from './repair-mutants.js';
import { ROW_MUTANTS } from './row-mutants.js';
import { SCRUB_MUTANTS } from './scrub-mutants.js';
import { STORAGE_MUTANTS } from './storage-mutants.js';
import { SYNC_MUTANTS } from './sync-mutants.js';
import { WATCH_MUTANTS } from './watch-mutants.js';

export const MUTANTS: readonly Mutant[] = [
  ...ROW_MUTANTS,
  ...STORAGE_MUTANTS,
  ...COORDINATION_MUTANTS,
  ...REPAIR_MUTANTS,
  ...LEVEL_MUTANTS,
  ...PEER_MUTANTS,
  ...MEMBERSHIP_MUTANTS,
  ...SYNC_MUTANTS,
  ...SCRUB_MUTANTS,
  ...WATCH_MUTANTS,
];
