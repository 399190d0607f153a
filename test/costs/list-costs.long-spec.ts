/**
 * The costs of list-costs.spec.ts as time: CPU (user and system, all threads) on the real LMDB and a real disk, coordinator,
 * replica and engine of one node. Groups of operations on the one row and on the other take turns, and medians are compared,
 * so that what else the machine does falls on both.
 */
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Observable, throwError, lastValueFrom } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeId, TriptychError, zoneId, type CallContext, type RingMember } from '@app/contracts';
import { ClusterView, StoreNode, type StorageEngine } from '@app/store';
import { systemClock, systemRandom } from '@app/time';
import { openLmdbEngine } from '../../libs/store/src/adapters/lmdb-engine.js';
import { founded } from '../../libs/store/src/core/membership/membership.js';
import type { Delta } from '../../libs/store/src/core/row/delta.js';
import { Films, VALUE } from './films.js';

const TOLERATED = 1.2;
const GROUPS = 41;
/** Some milliseconds of work each, so that no group is mostly what the collector happened to do in it. */
const GROUP_SIZE = { writes: 200, lists: 2_000 };
/** Groups under way at once, as a gateway would: a disk that syncs one write at a time measures the disk. */
const AT_ONCE = 20;

const member: RingMember = { node: nodeId('a1'), zone: zoneId('zone-a'), region: 'r', host: 'h', port: 1, weight: 1 };
const row = (user: string) => ({ table: 'favorites', row: user });
const context = (): CallContext => ({ deadlineMs: systemClock.monotonicMs() + 60_000, traceId: 't', priority: 'read', principal: { kind: 'service', name: 't' } });

let directory: string;
let engine: StorageEngine;
let node: StoreNode;

beforeAll(() => {
  directory = fs.mkdtempSync(path.join(tmpdir(), 'triptych-costs-'));
  const opened = openLmdbEngine({ directory: path.join(directory, 'data'), clusterId: 'costs', nodeId: 'a1', clock: systemClock });
  engine = opened.engine;
  const transport = { call: () => throwError(() => new TriptychError('WIRE_UNREACHABLE', 'there is nobody else')), isDown: () => true };
  const view = new ClusterView(member, 'costs', 1);
  node = new StoreNode({ view, founding: founded([member], 1, 'nothing'), engine, transport, clock: systemClock, random: systemRandom, digestKey: new Uint8Array(16), recovery: opened.recovery });
});
afterAll(async () => {
  node.stop();
  await new Promise<void>((resolve) => engine.close(() => resolve()));
  fs.rmSync(directory, { recursive: true });
});

async function give(user: string, deltas: readonly Delta[]): Promise<void> {
  for (let from = 0; from < deltas.length; from += 1_000) {
    await new Promise<void>((resolve, reject) => node.rows.applyAll(row(user), deltas.slice(from, from + 1_000), (error) => (error ? reject(error) : resolve())));
  }
}

const ask = <T>(reply$: Observable<T>): Promise<T> => lastValueFrom(reply$);
const list = (user: string): Promise<unknown> => ask(node.list({ ...row(user), limit: 50, level: 'QUORUM' }, context()));
let added = 0;
async function addAndRemove(user: string): Promise<void> {
  const item = `more-${added++}`;
  for (const operation of [{ kind: 'add', value: VALUE }, { kind: 'remove' }] as const) {
    const { delta } = await ask(node.prepare({ ...row(user), item, operation, level: 'QUORUM' }, context()));
    await ask(node.commit({ ...row(user), delta: delta!, level: 'QUORUM' }, context()));
  }
}

/** CPU of one operation, us: medians over groups that took turns. */
async function interleaved(groupSize: number, one: () => Promise<unknown>, other: () => Promise<unknown>): Promise<[number, number]> {
  const times: [number[], number[]] = [[], []];
  const measure = async (operation: () => Promise<unknown>): Promise<number> => {
    const before = process.cpuUsage();
    for (let done = 0; done < groupSize; done += AT_ONCE) await Promise.all(Array.from({ length: AT_ONCE }, operation));
    const { user, system } = process.cpuUsage(before);
    return (user + system) / groupSize;
  };
  for (let group = -3; group < GROUPS; group++) {
    const first = await measure(one);
    const second = await measure(other);
    if (group < 0) continue; // to warm up
    times[0].push(first);
    times[1].push(second);
  }
  const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1]!;
  return [median(times[0]), median(times[1])];
}

describe('[T7] on LMDB', () => {
  it('adding a film to a list of 10,000, and removing it, costs at most 1.2 times what it costs in a list of 10', async () => {
    await give('long', new Films().many(9_900));
    await give('short', new Films().many(10));
    const [long, short] = await interleaved(GROUP_SIZE.writes, () => addAndRemove('long'), () => addAndRemove('short'));
    console.log({ longUs: long, shortUs: short, ratio: long / short });
    expect(long / short).toBeLessThanOrEqual(TOLERATED);
  });

  it('listing 50 films of a row with 100,000 adds and removes behind it costs at most 1.2 times those of a fresh row', async () => {
    const films = new Films();
    for (let incarnation = 0; incarnation < 20; incarnation++) {
      films.restarted(incarnation);
      const history = films.many(2_500);
      await give('old', [...history, ...history.map((film) => films.remove(film))]);
    }
    for (const user of ['old', 'fresh']) await give(user, films.many(60));
    const [old, fresh] = await interleaved(GROUP_SIZE.lists, () => list('old'), () => list('fresh'));
    console.log({ oldUs: old, freshUs: fresh, ratio: old / fresh });
    expect(old / fresh).toBeLessThanOrEqual(TOLERATED);
  });
});
