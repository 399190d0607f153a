/**
 * The promises as checks over a recorded history. Each states its rule in words, and calls an operation concurrent with
 * another only when neither was answered before the other began. None of them knows how the store works.
 */
import { groupBy } from './group-by.js';
import { isQuorum, isRead, isWrite, lastEffectMs, type Operation, type ReadOperation, type WriteOperation } from './history.js';
import { findNonLinearizable } from './linearizability.js';
import { checkRegisters } from './register-rules.js';
import { checkSessions } from './session-rules.js';
import type { Violation } from './violation.js';

interface Lists {
  /** Answered quorum reads, by when they were answered. */
  readonly reads: readonly ReadOperation[];
  /** Without those that were refused. */
  readonly writesByFilm: ReadonlyMap<string, readonly WriteOperation[]>;
}

/**
 * Checks everything that a history alone can tell.
 * @throws HistoryTooLarge when a list that has to be linearizable is beyond what can be judged
 */
export function checkHistory(history: readonly Operation[]): Violation[] {
  const violations: Violation[] = [];
  for (const operations of groupBy(history, ({ user }) => user).values()) {
    const answered = operations.filter(isRead).filter(({ outcome }) => outcome === 'acknowledged');
    const writes = operations.filter(isWrite).filter(({ outcome }) => outcome !== 'refused');
    const writesByFilm = groupBy(writes, ({ film }) => film);
    const lists: Lists = { reads: answered.filter(isQuorum).sort((a, b) => a.endMs! - b.endMs!), writesByFilm };
    violations.push(...addsLost(lists), ...removedCameBack(lists), ...readsWentBack(lists));
    violations.push(...shownTwice(answered), ...fromNowhere(answered, writesByFilm), ...checkSessions(operations), ...checkRegisters(operations), ...linearizable(operations));
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
        if (removes.some((remove) => lastEffectMs(remove) >= add.startMs && remove.startMs < read.endMs!)) continue;
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
        if (adds.some((add) => lastEffectMs(add) >= remove.startMs && add.startMs < read.endMs!)) continue;
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
        if (writes.some((write) => write.kind === kind && lastEffectMs(write) >= first.startMs && write.startMs < second.endMs!)) continue;
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

/** A film is in a list once, at every level. */
export function shownTwice(reads: readonly ReadOperation[]): Violation[] {
  return reads
    .filter(({ films }) => new Set(films).size !== films.length)
    .map(({ id }) => ({ rule: 'shown-twice', what: `a film stands twice in ${id}`, operations: [id] }) as const);
}

/** A read shows, at every level, only what somebody had asked to add before it was answered, and was not refused. */
export function fromNowhere(reads: readonly ReadOperation[], writesByFilm: ReadonlyMap<string, readonly WriteOperation[]>): Violation[] {
  const violations: Violation[] = [];
  for (const read of reads) {
    for (const film of new Set(read.films)) {
      if (writesByFilm.get(film)?.some(({ kind, startMs }) => kind === 'add' && startMs < read.endMs!)) continue;
      violations.push({ rule: 'from-nowhere', what: `${film} is in ${read.id}, and nobody had added it`, operations: [read.id] });
    }
  }
  return violations;
}

/**
 * A list that is only ever used at LINEARIZABLE behaves as one set in one place: see linearizability.ts. Where other levels
 * are used as well it is promised no more than those promise.
 */
export function linearizable(operations: readonly Operation[]): Violation[] {
  if (operations.some(({ level, outcome }) => level !== 'LINEARIZABLE' && outcome !== 'refused')) return [];
  const found = findNonLinearizable(operations);
  if (found === null) return [];
  const { operation, possible } = found;
  const what = operation.kind === 'read' ? `${operation.id} shows {${operation.films.join()}}` : `${operation.id} was acknowledged`;
  const states = possible.map((films) => `{${films.join()}}`).join(' or ');
  return [{ rule: 'not-linearizable', what: `${what}, and no order of what came before leads there: the list held ${states}`, operations: [operation.id] }];
}
