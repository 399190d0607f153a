/**
 * Whether a list behaved as one set in one place: is there a moment for each operation, between its beginning and its answer,
 * so that every whole-list read shows exactly what the adds and removes of earlier moments leave? Film by film this
 * cannot be asked: two reads {x} and {y} of one list may each be right for each film and still have no common order.
 *
 * Wing and Gong's search in Lowe's just-in-time form: the history is walked in time, and a set of configurations
 * (state of the list, open operations that have had their moment) is kept. An operation has its moment only when some
 * answer demands it, so what is open costs nothing until then. Three things keep the set small, and none of them loses
 * an order: a read has its moment as soon as a state matches it, since it changes nothing; writes of unknown outcome that do the
 * same are interchangeable, so they are counted and not told apart, and one is spent only when an open read or move wants
 * what it does; and of two configurations that differ only in what was spent of those, the thriftier one stays.
 *
 * Bounds: MAX_FILMS films in a list, MAX_OPEN operations open at once, and a number of configurations. A history beyond them
 * is refused with HistoryTooLarge, never called good.
 * Sources: Wing and Gong, Testing and verifying concurrent objects (1993); Lowe, Testing for linearizability (2017).
 */
import { isWrite, type Operation, type WriteOperation } from './history.js';

export const MAX_FILMS = 30;
export const MAX_OPEN = 30;
const MAX_CONFIGURATIONS = 200_000;

export class HistoryTooLarge extends Error {}

export interface NotLinearizable {
  /** The first answer that no order explains, given those before it. */
  readonly operation: Operation;
  /** What the list could have held when that operation was answered. */
  readonly possible: readonly (readonly string[])[];
}

interface Configuration {
  readonly state: number;
  /** Open operations that have had their moment, a bit for each slot. */
  readonly done: number;
  /** How many of each kind of unknown write have been spent. */
  readonly spent: readonly number[];
}

interface Open {
  readonly operation: Operation;
  readonly bit: number;
  /** Films as bits: what a read shows; the film of a write or move. */
  readonly mask: number;
}

/**
 * The first answer that does not fit, or null.
 * @param operations of one list; refused ones and reads without an answer say nothing and are left out
 * @throws HistoryTooLarge
 */
export function findNonLinearizable(operations: readonly Operation[], maxConfigurations = MAX_CONFIGURATIONS): NotLinearizable | null {
  return new Search(operations, maxConfigurations).run();
}

class Search {
  readonly #films: readonly string[];
  readonly #open = new Map<Operation, Open>();
  /** Unknown writes, by what they do: how many have begun. */
  readonly #unknown: { readonly kind: 'add' | 'remove'; readonly mask: number; begun: number }[] = [];
  #configurations: Configuration[] = [{ state: 0, done: 0, spent: [] }];

  constructor(
    readonly operations: readonly Operation[],
    readonly maxConfigurations: number,
  ) {
    this.#films = [...new Set(operations.flatMap((each) => (isWrite(each) ? [each.film] : each.outcome === 'acknowledged' ? each.films : [])))];
    if (this.#films.length > MAX_FILMS) throw new HistoryTooLarge(`${this.#films.length} films in one list, at most ${MAX_FILMS} can be judged`);
  }

  run(): NotLinearizable | null {
    for (const { operation, isAnswer } of this.#events()) {
      if (!isAnswer) this.#begin(operation);
      else if (!this.#answer(operation)) {
        return { operation, possible: [...new Set(this.#configurations.map(({ state }) => state))].map((state) => this.#namesOf(state)) };
      }
    }
    return null;
  }

  /** Beginnings before answers where the moment is the same: such operations overlapped, for all that is known. */
  #events(): { operation: Operation; isAnswer: boolean }[] {
    const events: { operation: Operation; isAnswer: boolean; atMs: number }[] = [];
    for (const operation of this.operations) {
      if (operation.outcome === 'refused' || (operation.kind === 'read' && operation.outcome !== 'acknowledged')) continue;
      events.push({ operation, isAnswer: false, atMs: operation.startMs });
      if (operation.outcome === 'acknowledged') events.push({ operation, isAnswer: true, atMs: operation.endMs! });
    }
    return events.sort((a, b) => a.atMs - b.atMs || Number(a.isAnswer) - Number(b.isAnswer));
  }

  #begin(operation: Operation): void {
    if (operation.outcome === 'unknown') return this.#beginUnknown(operation as WriteOperation);
    let taken = 0;
    for (const { bit } of this.#open.values()) taken |= bit;
    let slot = 0;
    while ((taken >>> slot) & 1) slot++;
    if (slot >= MAX_OPEN) throw new HistoryTooLarge(`more than ${MAX_OPEN} operations are open at once`);
    const films = operation.kind === 'read' ? operation.films : [operation.film];
    this.#open.set(operation, { operation, bit: 1 << slot, mask: this.#maskOf(films) });
  }

  #beginUnknown({ kind, film }: WriteOperation): void {
    if (kind === 'move') return; // changes no membership, and nobody was told that it found the film
    const mask = this.#maskOf([film]);
    const same = this.#unknown.find((each) => each.kind === kind && each.mask === mask);
    if (same === undefined) this.#unknown.push({ kind, mask, begun: 1 });
    else same.begun++;
  }

  /** Gives the operation its moment in every configuration where it can have had one. False when there is none. */
  #answer(operation: Operation): boolean {
    const { bit } = this.#open.get(operation)!;
    const kept = new Thriftiest();
    const reached = new Thriftiest();
    const toVisit: Configuration[] = [];
    const visit = (configuration: Configuration): void => {
      const settled = this.#withReads(configuration);
      if (settled.done & bit) kept.add({ ...settled, done: settled.done & ~bit });
      else if (reached.add(settled)) toVisit.push(settled);
      if (reached.size + kept.size > this.maxConfigurations) {
        throw new HistoryTooLarge(`more than ${this.maxConfigurations} ways to order the operations up to ${operation.id}`);
      }
    };
    for (const configuration of this.#configurations) visit(configuration);
    for (let next = toVisit.pop(); next !== undefined; next = toVisit.pop()) for (const successor of this.#successors(next)) visit(successor);
    if (kept.size === 0) return false;
    this.#open.delete(operation);
    this.#configurations = [...kept.values()];
    return true;
  }

  /** Open reads that show exactly this state, and moves of a film that is there, have their moment now. */
  #withReads({ state, done, spent }: Configuration): Configuration {
    for (const { operation, bit, mask } of this.#open.values()) {
      const isSatisfied = operation.kind === 'read' ? state === mask : operation.kind === 'move' && (state & mask) !== 0;
      if (isSatisfied) done |= bit;
    }
    return { state, done, spent };
  }

  *#successors({ state, done, spent }: Configuration): Iterable<Configuration> {
    for (const { operation, bit, mask } of this.#open.values()) {
      if (done & bit) continue;
      if (operation.kind === 'add') yield { state: state | mask, done: done | bit, spent };
      if (operation.kind === 'remove') yield { state: state & ~mask, done: done | bit, spent };
    }
    for (const [index, { kind, mask, begun }] of this.#unknown.entries()) {
      const after = kind === 'add' ? state | mask : state & ~mask;
      const count = spent[index] ?? 0;
      if (after === state || count >= begun || !this.#isWanted(kind, mask, done)) continue;
      const more = this.#unknown.map((_, at) => (spent[at] ?? 0) + Number(at === index));
      yield { state: after, done, spent: more };
    }
  }

  /** Whether an open operation waits for what such a write does: otherwise it can as well have its moment later. */
  #isWanted(kind: 'add' | 'remove', film: number, done: number): boolean {
    for (const { operation, bit, mask } of this.#open.values()) {
      if (done & bit) continue;
      const isFilmWanted = (mask & film) !== 0;
      if (operation.kind === 'read' && isFilmWanted === (kind === 'add')) return true;
      if (operation.kind === 'move' && isFilmWanted && kind === 'add') return true;
    }
    return false;
  }

  #maskOf(films: readonly string[]): number {
    return films.reduce((mask, film) => mask | (1 << this.#films.indexOf(film)), 0);
  }

  #namesOf(state: number): string[] {
    return this.#films.filter((_, index) => (state >>> index) & 1);
  }
}

/** Configurations, without those that another one equals and has spent no more than. */
class Thriftiest {
  readonly #byKey = new Map<string, Configuration[]>();
  size = 0;

  /** False where one that is at least as good is there. */
  add(configuration: Configuration): boolean {
    const key = `${configuration.state}/${configuration.done}`;
    const others = this.#byKey.get(key) ?? [];
    if (others.some((other) => spendsNoMore(other, configuration))) return false;
    const left = others.filter((other) => !spendsNoMore(configuration, other));
    left.push(configuration);
    this.size += left.length - others.length;
    this.#byKey.set(key, left);
    return true;
  }

  *values(): Iterable<Configuration> {
    for (const configurations of this.#byKey.values()) yield* configurations;
  }
}

function spendsNoMore(one: Configuration, other: Configuration): boolean {
  return one.spent.every((count, index) => count <= (other.spent[index] ?? 0));
}
