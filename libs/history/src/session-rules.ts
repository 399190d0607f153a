/**
 * What a session is owed that carries its token: it sees its own writes, and what it has seen stays seen, through whichever
 * zone and at whichever level it asks next. Nothing here is said of other sessions' writes: a replica that covers a
 * token may yet be behind everybody else.
 */
import { groupBy } from './group-by.js';
import { isQuorum, isRead, isWrite, lastEffectMs, type Operation, type ReadOperation, type WriteOperation } from './history.js';
import type { Violation } from './violation.js';

/** @param operations of one list */
export function checkSessions(operations: readonly Operation[]): Violation[] {
  const violations: Violation[] = [];
  const writesByFilm = groupBy(operations.filter(isWrite).filter(({ outcome }) => outcome !== 'refused'), ({ film }) => film);
  for (const own of groupBy(operations.filter(({ keptToken }) => keptToken === true), ({ session }) => session).values()) {
    const reads = own.filter(isRead).filter(({ outcome }) => outcome === 'acknowledged').sort((a, b) => a.startMs - b.startMs);
    for (const [film, writes] of writesByFilm) {
      const ownWrites = own.filter(isWrite).filter((write) => write.film === film && write.outcome === 'acknowledged');
      violations.push(...ownWritesUnseen(film, ownWrites, reads, writes), ...wentBack(film, reads, ownWrites, writes));
    }
  }
  return violations;
}

/**
 * A session reads its own writes. After its acknowledged add a read shows the film, unless a remove may have taken effect
 * after the add began; after its acknowledged remove a read does not show it, unless an add may have taken effect after the
 * remove began. A write below a quorum rests on what one replica knew, so it is excused by what others did at any time, but
 * not by what this session itself was told before.
 */
function ownWritesUnseen(film: string, own: readonly WriteOperation[], reads: readonly ReadOperation[], writes: readonly WriteOperation[]): Violation[] {
  const violations: Violation[] = [];
  for (const write of own) {
    if (write.kind === 'move') continue;
    const isAdd = write.kind === 'add';
    const opposite = writes.filter(({ kind }) => kind === (isAdd ? 'remove' : 'add'));
    for (const read of reads) {
      if (write.endMs! > read.startMs || read.films.includes(film) === isAdd) continue;
      const isExcused = opposite.some((other) => {
        if (other.startMs >= read.endMs!) return false;
        const isOwn = other.session === write.session && other.keptToken === true && other.outcome === 'acknowledged';
        if (isOwn) return other.endMs! > write.startMs;
        return lastEffectMs(other) >= write.startMs || !isQuorum(write);
      });
      if (isExcused) continue;
      violations.push({
        rule: 'own-write-unseen',
        what: `${film} is ${isAdd ? 'missing' : 'still'} in ${read.id}, after ${write.id} of the same session`,
        operations: [write.id, read.id],
      });
    }
  }
  return violations;
}

/**
 * A session never goes back. What it sees of a film changes only by operations whose effect it had not seen: each change from
 * absent to present needs an add of its own, each change back a remove of its own, begun before that read was answered. A write
 * of the session itself, acknowledged before the first of two reads, was in effect for both and explains no difference.
 */
function wentBack(film: string, reads: readonly ReadOperation[], own: readonly WriteOperation[], writes: readonly WriteOperation[]): Violation[] {
  const violations: Violation[] = [];
  const seen: Record<'add' | 'remove', Set<WriteOperation>> = { add: new Set(), remove: new Set() };
  let last: ReadOperation | null = null;
  for (const read of reads) {
    const isShown = read.films.includes(film);
    const wasShown = last?.films.includes(film) ?? false;
    if (isShown !== wasShown) {
      const kind = isShown ? 'add' : 'remove';
      const from = last;
      if (from !== null) for (const write of own) if (write.kind === kind && write.endMs! <= from.startMs) seen[kind].add(write);
      const isOwnBefore = (write: WriteOperation): boolean => own.includes(write) && write.endMs! <= read.startMs;
      // First what is in effect for later reads anyway, then the earliest: the rest may yet explain a later change.
      const cause = writes
        .filter((write) => write.kind === kind && write.startMs < read.endMs! && !seen[kind].has(write))
        .sort((a, b) => Number(isOwnBefore(b)) - Number(isOwnBefore(a)) || a.startMs - b.startMs)[0];
      if (cause !== undefined) seen[kind].add(cause);
      else {
        violations.push({
          rule: 'session-went-back',
          what: `${film} is ${isShown ? 'not in' : 'in'} ${from?.id ?? 'an empty list'} and ${isShown ? 'in' : 'not in'} the later ${read.id} of the same session, and nobody had ${kind === 'add' ? 'added' : 'removed'} it anew`,
          operations: [...(from === null ? [] : [from.id]), read.id],
        });
      }
    }
    last = read;
  }
  return violations;
}
