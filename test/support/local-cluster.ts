/** A local cluster for end-to-end tests: real processes, sockets and disks, in a directory of its own, gone afterwards. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import supertest from 'supertest';
import { entriesIn } from '../../apps/cluster/src/entries.js';
import { startCluster, type ClusterHandle, type ClusterOptions } from '../../apps/cluster/src/supervisor.js';

export interface LocalCluster extends ClusterHandle {
  /** URL of a zone's gateway. @param zone a, b or c */
  gateway(zone: string): string;
  readonly roundRobin: string;
  /** A supertest agent at a zone's gateway. */
  at(zone: string): ReturnType<typeof supertest>;
  /** Names of the films of a list, read through a zone. */
  films(zone: string, user: string, level?: string): Promise<string[]>;
  /** Ends all processes; with `keepData`, the directory stays. */
  end(options?: { keepData?: boolean }): Promise<void>;
}

export async function localCluster(options: Partial<ClusterOptions> = {}): Promise<LocalCluster> {
  const programs = path.resolve('dist/apps');
  if (!existsSync(path.join(programs, 'cluster/main.js'))) throw new Error('the programs are not built: npm run build');
  const dataDirectory = options.dataDirectory ?? mkdtempSync(path.join(tmpdir(), 'triptych-e2e-'));
  const cluster = await startCluster({
    zones: 3,
    nodesPerZone: 2,
    port: 0,
    entries: entriesIn(programs),
    environment: { ...process.env, TRIPTYCH_LOG_LEVEL: 'info', TRIPTYCH_FAULTS: 'on' },
    ...options,
    dataDirectory,
  });
  const urlOf = (matches: (process: (typeof cluster.processes)[number]) => boolean): string => {
    const found = cluster.processes.find(matches);
    if (found === undefined) throw new Error('there is no such process');
    return `http://${found.host}:${found.port}`;
  };
  const gateway = (zone: string): string => urlOf(({ role, zone: of }) => role === 'gateway' && of === `zone-${zone}`);
  const at = (zone: string): ReturnType<typeof supertest> => supertest(gateway(zone));
  const extras = {
    gateway,
    at,
    roundRobin: urlOf(({ role }) => role === 'round-robin'),
    async films(zone: string, user: string, level = 'quorum'): Promise<string[]> {
      const films: string[] = [];
      let cursor: string | null = null;
      do {
        const query: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
        const { body } = await at(zone).get(`/v1/users/${user}/favorites?limit=500${query}`).set('Consistency', level).expect(200);
        films.push(...(body.items as { filmId: string }[]).map(({ filmId }) => filmId));
        cursor = body.nextCursor as string | null;
      } while (cursor !== null);
      return films;
    },
    async end({ keepData = false } = {}): Promise<void> {
      await cluster.stop();
      if (!keepData) rmSync(dataDirectory, { recursive: true, force: true });
    },
  };
  return new Proxy(cluster as LocalCluster, {
    get: (target, name) => {
      if (name in extras) return extras[name as keyof typeof extras];
      const value = Reflect.get(target, name, target) as unknown;
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** Runs `act` on every item, at most `atOnce` at a time. */
export async function concurrently<T>(items: readonly T[], atOnce: number, act: (item: T) => Promise<unknown>): Promise<void> {
  const left = [...items];
  const worker = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await act(item);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

/** Waits until `holds`, asking again and again. @throws when `withinMs` went by first */
export async function eventually(holds: () => boolean | Promise<boolean>, withinMs: number, what: string): Promise<void> {
  const untilMs = performance.now() + withinMs;
  while (!(await holds())) {
    if (performance.now() > untilMs) throw new Error(`${what}: not within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
