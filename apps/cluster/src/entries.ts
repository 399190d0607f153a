/** The programs that a cluster runs: each a script, named by its absolute path. */
import path from 'node:path';
import type { ProcessRole } from './cluster-plan.js';

export type Entries = Readonly<Record<ProcessRole, string>>;

/** Where a build puts them. @param programs the directory that holds one folder for each program: dist/apps */
export function entriesIn(programs: string): Entries {
  return {
    gateway: path.join(programs, 'gateway', 'main.js'),
    store: path.join(programs, 'favorites-service', 'main.js'),
    'round-robin': path.join(programs, 'cluster', 'round-robin.js'),
  };
}
