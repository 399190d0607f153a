/**
 * What is owed to whoever sets values: bookmarks, ratings. Each set has a value of its own, so a read tells which set it saw.
 *
 * A value is *known* from the first moment that somebody was told of it: that its set was acknowledged, or by a quorum read that
 * shows it. From then on it is in effect, and whoever sets or removes afterwards overwrites it.
 *
 * Where only sets are made the item is one register in one place, which for values that differ can be judged without a
 * search: Gibbons and Korach, Testing shared memories (1997). A remove takes away what it saw and nothing that is set beside it, so
 * an item that is removed now and then is no register, and is owed only that what was overwritten stays away.
 */
import { groupBy } from './group-by.js';
import { isQuorum, isRead, isWrite, lastEffectMs, type Operation, type ReadOperation, type WriteOperation } from './history.js';
import type { Violation } from './violation.js';

/** One item of one list. */
interface Register {
  readonly film: string;
  /** Without those that were refused. */
  readonly writes: readonly WriteOperation[];
  /** Answered reads at any level, by when they were answered. */
  readonly reads: readonly ReadOperation[];
  readonly isSetAlone: boolean;
}

/** @param operations of one list */
export function checkRegisters(operations: readonly Operation[]): Violation[] {
  const violations: Violation[] = [];
  const reads = operations.filter(isRead).filter(({ outcome, values }) => outcome === 'acknowledged' && values !== undefined).sort((a, b) => a.endMs! - b.endMs!);
  const writesByFilm = groupBy(operations.filter(isWrite).filter(({ outcome }) => outcome !== 'refused'), ({ film }) => film);
  for (const [film, writes] of writesByFilm) {
    if (writes.every(({ value }) => value === undefined)) continue;
    const isSetAlone = writes.every((write) => write.kind === 'add' && isQuorum(write));
    const register: Register = { film, writes, reads, isSetAlone };
    violations.push(...valuesFromNowhere(register), ...overwrittenCameBack(register), ...inTwoPlaces(register), ...sessionValuesWentBack(register));
  }
  return violations;
}

/** A read shows, at every level, only a value that somebody had begun to set before it was answered. */
function valuesFromNowhere({ film, writes, reads }: Register): Violation[] {
  return reads
    .filter((read) => shown(read, film) !== undefined && !writes.some(({ value, startMs }) => value === shown(read, film) && startMs <= read.endMs!))
    .map((read) => ({ rule: 'from-nowhere', what: `${film} is ${shown(read, film)} in ${read.id}, and nobody had set that`, operations: [read.id] }) as const);
}

/**
 * What was overwritten stays away: where a value was known before another set or a remove of the item began, and that was
 * acknowledged at a quorum, no quorum read that begins later shows that value; nor does any later read of the session that
 * made it, at any level, if it carries its token.
 */
function overwrittenCameBack({ film, writes, reads }: Register): Violation[] {
  const violations: Violation[] = [];
  const known = knownFrom({ film, writes, reads });
  for (const over of writes) {
    if (over.outcome !== 'acknowledged' || !isQuorum(over)) continue;
    for (const read of reads) {
      const value = shown(read, film);
      if (value === undefined || value === over.value || read.startMs <= over.endMs!) continue;
      const isOwn = read.session === over.session && read.keptToken === true && over.keptToken === true;
      if (!isQuorum(read) && !isOwn) continue;
      if (!(known.get(value)! < over.startMs)) continue;
      violations.push({ rule: 'overwritten-came-back', what: `${film} is ${value} in ${read.id}, though ${over.id} had overwritten that`, operations: [over.id, read.id] });
    }
  }
  return violations;
}

/**
 * Where nobody removes, and every set is made at a quorum, an item is one register in one place. A value that is known before the
 * last quorum read that shows it begins was certainly the item's all that time: nothing else was at any moment of it, nor can
 * another set, begun and known within that time, have come in between.
 */
function inTwoPlaces({ film, writes, reads, isSetAlone }: Register): Violation[] {
  if (!isSetAlone) return [];
  const quorumReads = reads.filter(isQuorum);
  const known = knownFrom({ film, writes, reads });
  const spans = groupBy(quorumReads, (read) => shown(read, film));
  const violations: Violation[] = [];
  const times = [undefined, ...writes.map(({ value }) => value)].map((value) => {
    const starts = (spans.get(value) ?? []).map(({ startMs }) => startMs);
    const set = writes.find((write) => write.value === value);
    // Nothing was there from the beginning; a set that nobody was told of says nothing.
    const fromMs = value === undefined ? -Infinity : (known.get(value!) ?? Infinity);
    return { value, fromMs, toMs: Math.max(-Infinity, set?.startMs ?? -Infinity, ...starts) };
  });
  const told = times.filter(({ fromMs }) => fromMs < Infinity);
  for (const one of told.filter(({ fromMs, toMs }) => fromMs < toMs)) {
    for (const other of told) {
      if (other === one) continue;
      const isCertain = other.fromMs < other.toMs;
      const [from, to] = isCertain ? [other.fromMs, other.toMs] : [other.toMs, other.fromMs];
      const isBroken = isCertain ? from < one.toMs && one.fromMs < to : one.fromMs < from && to < one.toMs;
      // Two that are certain at once are found from both sides, and told once.
      if (!isBroken || (isCertain && told.indexOf(other) < told.indexOf(one))) continue;
      violations.push({ rule: 'not-a-register', what: `${film} was ${one.value} from ${one.fromMs} to ${one.toMs}, and ${other.value} within that time`, operations: [] });
    }
  }
  return violations;
}

/** A session with a token that saw a value, and then another one, does not see the first again, at any level. */
function sessionValuesWentBack({ film, reads, isSetAlone }: Register): Violation[] {
  if (!isSetAlone) return [];
  const violations: Violation[] = [];
  for (const own of groupBy(reads.filter(({ keptToken }) => keptToken === true), ({ session }) => session).values()) {
    const left = new Set<string | undefined>();
    let last: string | undefined;
    for (const read of own) {
      const value = shown(read, film);
      if (value !== last) left.add(last);
      if (left.has(value)) violations.push({ rule: 'session-went-back', what: `${film} is ${value} in ${read.id}, as once before, after another value`, operations: [read.id] });
      last = value;
    }
  }
  return violations;
}

/** When each value was known, ms. */
function knownFrom({ film, writes, reads }: Pick<Register, 'film' | 'writes' | 'reads'>): Map<string, number> {
  const known = new Map<string, number>();
  const tell = (value: string | undefined, atMs: number): void => {
    if (value !== undefined) known.set(value, Math.min(known.get(value) ?? Infinity, atMs));
  };
  for (const write of writes) tell(write.value, lastEffectMs(write));
  for (const read of reads) if (isQuorum(read)) tell(shown(read, film), read.endMs!);
  return known;
}

const shown = (read: ReadOperation, film: string): string | undefined => read.values![film];
