/**
 * A program that fills the data directory of one store node that does not run: the production row store over the production engine,
 * lists given as the deltas that adds make, one batch a list. What lies there then is what adds would have left, at a tenth
 * of the cost of a request for each. Says how many favorites the node holds now, and ends.
 *
 *     node fill-store.js '{"directory": ..., "clusterId": ..., "nodeId": "a1", "users": 1000, "films": 20, "lists": "any", "ring": null}'
 */
import { nodeId as nodeIdOf, type RingMember } from '@app/contracts';
import { founded, sipHash128, tokenOf, TokenRing } from '@app/store';
import { openLmdbEngine } from '@app/store/adapters';
import { SeededRandom, systemClock } from '@app/time';
import type { Delta } from '../libs/store/src/core/row/delta.js';
import { RowHasher } from '../libs/store/src/core/row/row-header.js';
import { RowStore } from '../libs/store/src/node/row-store.js';
import { anyFilms, Films } from '../test/costs/films.js';

export interface StoreFilling {
  readonly directory: string;
  readonly clusterId: string;
  readonly nodeId: string;
  /** Lists: of user-0 and so on, those of them that the node is a replica of. */
  readonly users: number;
  /** In each list. */
  readonly films: number;
  /** The same films at the same times in every list, or any in each: what repeats compresses as no real lists do. */
  readonly lists: 'same' | 'any';
  /** Whom the rows belong to; null where they are all this node's. */
  readonly ring: { readonly members: readonly RingMember[]; readonly replicationFactor: number } | null;
}

export interface StoreFilled {
  readonly favorites: number;
}

/** Lists on their way to disk at once. */
const AT_ONCE = 1_000;
const LOOK_EVERY_MS = 10;

const { directory, clusterId, nodeId, users, films, lists, ring } = JSON.parse(process.argv[2]!) as StoreFilling;
const { engine } = openLmdbEngine({ directory, clusterId, nodeId, clock: systemClock });
// As the service keys them.
const rows = new RowStore(engine, new RowHasher(sipHash128(new Uint8Array(16), Buffer.from(clusterId))), () => 'latest', () => {});
const tokens = ring === null ? null : new TokenRing(founded(ring.members, ring.replicationFactor, 'nothing').members, ring.replicationFactor);

const isHere = (user: string): boolean => tokens === null || tokens.isReplica(nodeIdOf(nodeId), tokenOf('favorites', user));
const random = new SeededRandom(1);
const listed = (): Delta[] => (lists === 'any' ? anyFilms(random, films) : new Films().many(films));
const written = (user: string): Promise<void> =>
  new Promise((resolve, reject) => rows.applyAll({ table: 'favorites', row: user }, listed(), (error) => (error ? reject(error) : resolve())));

let favorites = 0;
await fill(0, users - 1);
// Two are kept, and the log from the older one on: behind them it is trimmed.
await checkpointTaken();
await fill(users - 1, users);
await checkpointTaken();
await new Promise<void>((resolve, reject) => engine.close((error) => (error ? reject(error) : resolve())));
process.stdout.write(JSON.stringify({ favorites } satisfies StoreFilled));

async function fill(from: number, to: number): Promise<void> {
  let waiting: Promise<void>[] = [];
  for (let number = from; number < to; number++) {
    const user = `user-${number}`;
    if (!isHere(user)) continue;
    favorites += films;
    waiting.push(written(user));
    if (waiting.length < AT_ONCE) continue;
    await Promise.all(waiting);
    waiting = [];
  }
  await Promise.all(waiting);
}

/** One that holds everything written so far: one that is being taken already may not. */
async function checkpointTaken(): Promise<void> {
  const lsn = engine.durableLsn;
  while (engine.stats().checkpointLsn < lsn) {
    engine.takeCheckpoint();
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}
