/**
 * The promises as checks over a recorded history. Each states its rule in words, and calls an operation concurrent with
 * another only when neither was answered before the other began. None of them knows how the store works.
 */
import { isQuorum, lastEffectMs, type Operation, type ReadOperation, type WriteOperation } from './history.js';

export interface Violation {
  readonly rule: 'add-lost' | 'removed-came-back' | 'read-went-back' | 'order-differs' | 'replicas-differ' | 'shown-twice' | 'no-progress' | 'leak';
  readonly what: string;
  /** The operations that show it. */
  readonly operations: readonly string[];
}

interface Lists {
  readonly reads: readonly ReadOperation[];
  readonly writesByFilm: ReadonlyMap<string, readonly WriteOperation[]>;
}

/** Checks everything that a history alone can tell. */
export function checkHistory(history: readonly Operation[]): Violation[] {
  const violations: Violation[] = [];
  for (const operations of groupBy(history, ({ user }) => user).values()) {
    const reads = operations.filter((each): each is ReadOperation => each.kind === 'read' && each.outcome === 'acknowledged' && isQuorum(each));
    const writes = operations.filter((each): each is WriteOperation => each.kind !== 'read' && each.outcome !== 'refused');
    const lists: Lists = { reads: reads.toSorted((a, b) => a.endMs! - b.endMs!), writesByFilm: groupBy(writes, ({ film }) => film) };
    violations.push(...addsLost(lists), ...removedCameBack(lists), ...readsWentBack(lists), ...shownTwice(lists));
  }
  return violations;
}

/**
 * An acknowledged add is never lost: its film is in every quorum read that begins after the acknowledgement, unless a remove
 * of the film may have taken effect after the add began and before that read was answered.
 */
export function addsLost({ reads, writesByFilm }: Lists): Violation[] {
  const violations: Violation[] = [];
  for (const [film, writes] of writesByFilm) {
    const removes = writes.filter(({ kind }) => kind === 'remove');
    for (const add of writes) {
      if (add.kind !== 'add' || add.outcome !== 'acknowledged' || !isQuorum(add)) continue;
      for (const read of reads) {
        if (read.startMs <= add.endMs! || read.films.includes(film)) continue;
        if (removes.some((remove) => lastEffectMs(remove) > add.startMs && remove.startMs < read.endMs!)) continue;
        violations.push({ rule: 'add-lost', what: `${film} is missing in ${read.id}, though ${add.id} was acknowledged before`, operations: [add.id, read.id] });
      }
    }
  }
  return violations;
}

/**
 * A removed film never comes back: it is in no quorum read that begins after the remove was acknowledged, unless an add of
 * it may have taken effect after the remove began and before that read was answered.
 */
export function removedCameBack({ reads, writesByFilm }: Lists): Violation[] {
  const violations: Violation[] = [];
  for (const [film, writes] of writesByFilm) {
    const adds = writes.filter(({ kind }) => kind === 'add');
    for (const remove of writes) {
      if (remove.kind !== 'remove' || remove.outcome !== 'acknowledged' || !isQuorum(remove)) continue;
      for (const read of reads) {
        if (read.startMs <= remove.endMs! || !read.films.includes(film)) continue;
        if (adds.some((add) => lastEffectMs(add) > remove.startMs && add.startMs < read.endMs!)) continue;
        violations.push({ rule: 'removed-came-back', what: `${film} is in ${read.id}, though ${remove.id} was acknowledged before`, operations: [remove.id, read.id] });
      }
    }
  }
  return violations;
}

/**
 * Quorum reads never go back: what one shows, a later one shows unless a remove may have come between; what one does not
 * show, a later one does not unless an add may have come between. Between: in effect after the first read began and before
 * the second was answered.
 */
export function readsWentBack({ reads, writesByFilm }: Lists): Violation[] {
  const violations: Violation[] = [];
  for (const [film, writes] of writesByFilm) {
    for (const second of reads) {
      const isShown = second.films.includes(film);
      for (const first of reads) {
        if (first.endMs! >= second.startMs) break; // sorted by end
        if (first.films.includes(film) === isShown) continue;
        const kind = isShown ? 'add' : 'remove';
        if (writes.some((write) => write.kind === kind && lastEffectMs(write) > first.startMs && write.startMs < second.endMs!)) continue;
        violations.push({
          rule: 'read-went-back',
          what: `${film} is ${isShown ? 'not in' : 'in'} ${first.id} and ${isShown ? 'in' : 'not in'} the later ${second.id}, and nobody ${kind === 'add' ? 'added' : 'removed'} it`,
          operations: [first.id, second.id],
        });
      }
    }
  }
  return violations;
}

/** A film is in a list once. */
export function shownTwice({ reads }: Pick<Lists, 'reads'>): Violation[] {
  return reads
    .filter(({ films }) => new Set(films).size !== films.length)
    .map(({ id }) => ({ rule: 'shown-twice', what: `a film stands twice in ${id}`, operations: [id] }) as const);
}

/**
 * Once everything is healed and quiet, all replicas hold the same row, and so every reader sees the same order.
 * @param replicas per user, what each replica of the row holds, by name
 */
export function checkConvergence(replicas: ReadonlyMap<string, ReadonlyMap<string, { readonly digest: string; readonly films: readonly string[] }>>): Violation[] {
  const violations: Violation[] = [];
  for (const [user, held] of replicas) {
    const [first, ...others] = held;
    for (const [name, state] of others) {
      if (state.films.join() !== first![1].films.join()) {
        violations.push({ rule: 'order-differs', what: `${user}: ${first![0]} shows ${first![1].films.join()}, ${name} ${state.films.join()}`, operations: [] });
      } else if (state.digest !== first![1].digest) {
        violations.push({ rule: 'replicas-differ', what: `${user}: ${first![0]} and ${name} show the same list and hold different rows`, operations: [] });
      }
    }
  }
  return violations;
}

function groupBy<T, K>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}
