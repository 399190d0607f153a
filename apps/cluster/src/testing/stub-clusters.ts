/** Clusters whose processes are stubs, each test with a data directory of its own, and none left behind. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect } from 'vitest';
import type { ProcessRecord } from '../cluster-file.js';
import { Supervisor, type ClusterOptions } from '../supervisor.js';

export const STUB = fileURLToPath(new URL('stub-child.mjs', import.meta.url));
/** Two zones of one node: the fewest processes in which there is an order, and a zone to lose. */
export const ALL = ['round-robin', 'gateway-a', 'gateway-b', 'a1', 'b1'];
export const WARNING =
  'warning: 2 zones of 1 store node cannot lose a zone: 1 of 2 copies would be left and a quorum is 2; three zones can';

/** Call it once in a file. Each `stubs` is how the stubs behave: stub-child.mjs */
export function stubClusters() {
  const made: Supervisor[] = [];
  const place = {
    directory: '',
    /** Where the stubs note what they do. */
    events: '',
    options: (stubs: NodeJS.ProcessEnv = {}, more: Partial<ClusterOptions> = {}): ClusterOptions => ({
      zones: 2,
      nodesPerZone: 1,
      port: 0,
      dataDirectory: place.directory,
      entries: { gateway: STUB, store: STUB, 'round-robin': STUB },
      environment: { PATH: process.env.PATH, STUB_EVENTS: place.events, ...stubs },
      ...more,
    }),
    /** Not started yet. */
    supervisor: (stubs?: NodeJS.ProcessEnv, more?: Partial<ClusterOptions>): Supervisor => {
      const one = new Supervisor(place.options(stubs, more));
      made.push(one);
      return one;
    },
    cluster: async (stubs?: NodeJS.ProcessEnv, more?: Partial<ClusterOptions>): Promise<Supervisor> => {
      const one = place.supervisor(stubs, more);
      await one.launch();
      return one;
    },
    /** The one line with which a start is refused; 'accepted' when it is not. */
    refusal: async (stubs: NodeJS.ProcessEnv, more?: Partial<ClusterOptions>): Promise<string> => {
      const line = await place.cluster(stubs, more).then(
        () => 'accepted',
        (error: Error) => error.message,
      );
      expect(line).not.toContain('\n');
      return line;
    },
  };
  beforeEach(() => {
    const parent = mkdtempSync(path.join(tmpdir(), 'triptych-cluster-'));
    place.directory = path.join(parent, 'data');
    place.events = path.join(parent, 'events');
  });
  afterEach(async () => {
    for (const one of made.splice(0)) await one.stopAtOnce();
    rmSync(path.dirname(place.events), { recursive: true, force: true });
  });
  return place;
}

export function record(one: Supervisor, name: string): ProcessRecord {
  const found = one.processes.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no ${name}`);
  return found;
}
export const pidOf = (one: Supervisor, name: string) => record(one, name).pid ?? 0;
export const pids = (one: Supervisor) => one.processes.flatMap(({ pid }) => pid ?? []);
export const states = (one: Supervisor) => Object.fromEntries(one.processes.map(({ name, state }) => [name, state]));
