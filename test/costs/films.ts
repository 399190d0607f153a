/** The history of lists, made without a cluster. */
import { SeededRandom } from '@app/time';
import { actorIdFrom, type ActorId } from '../../libs/store/src/core/causality/dot.js';
import type { Delta } from '../../libs/store/src/core/row/delta.js';
import { lastPosition } from '../../libs/store/src/core/row/position.js';

export const VALUE = Buffer.from('\u0001{"zone":"zone-a","device":"tv in the kitchen"}');

/** Deltas as coordinators make them: films go last, a removal names what it removes. */
export class Films {
  #hlc = 1_700_000_000_000 * 1_024;
  #names = 0;
  #counter = 0;
  #actor: ActorId = actorOf(1);

  /** From here on another incarnation of the node mints. */
  restarted(incarnation: number): void {
    this.#actor = actorOf(1 + incarnation);
    this.#counter = 0;
  }

  add(): Delta {
    const hlc = (this.#hlc += 1_024);
    const dot = { actor: this.#actor, counter: ++this.#counter };
    const item = `film-${String(++this.#names).padStart(6, '0')}`;
    return { item, dot, hlc, supersedes: [], version: { facet: 'cell', position: lastPosition(hlc, dot), value: VALUE } };
  }

  remove({ item, dot }: Delta): Delta {
    return { item, dot: { actor: this.#actor, counter: ++this.#counter }, hlc: (this.#hlc += 1_024), supersedes: [dot], version: null };
  }

  many(count: number): Delta[] {
    return Array.from({ length: count }, () => this.add());
  }
}

const CATALOG_FILMS = 100_000;
const DAY_MS = 86_400_000;
const DEVICES = ['tv in the kitchen', 'tv in the bedroom', 'phone of somebody', 'tablet on a couch'];

/** A list as people leave one: any films, days apart, from one device or another, minted by whichever node was asked. */
export function anyFilms(random: SeededRandom, count: number): Delta[] {
  const items = new Set<string>();
  while (items.size < count) items.add(`film-${String(random.below(CATALOG_FILMS)).padStart(6, '0')}`);
  let ms = 1_700_000_000_000 + random.below(365 * DAY_MS);
  return [...items].map((item) => {
    ms += random.below(10 * DAY_MS);
    const hlc = ms * 1_024;
    const dot = { actor: random.pick(ACTORS), counter: 1 + random.below(10_000_000) };
    const value = Buffer.from(`\u0001{"zone":"zone-${random.pick(['a', 'b', 'c'])}","device":"${random.pick(DEVICES)}"}`);
    return { item, dot, hlc, supersedes: [], version: { facet: 'cell', position: lastPosition(hlc, dot), value } };
  });
}

const actorOf = (number: number): ActorId => actorIdFrom(new Uint8Array(8).fill(number));
/** Nine nodes, each with an id of random bytes as a real one has. */
const ACTORS: readonly ActorId[] = Array.from({ length: 9 }, (_, number) => actorIdFrom(new SeededRandom(number).bytes(8)));
