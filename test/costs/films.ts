/** The history of a list, made without a cluster. */
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

const actorOf = (number: number): ActorId => actorIdFrom(new Uint8Array(8).fill(number));
