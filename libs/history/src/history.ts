/**
 * What devices did and saw, as it can be told from outside: each operation with when it began, when its answer came, and
 * what the answer was. An operation is what the device asked for, however many attempts were made for it: a retried add is one
 * add (history-recorder.ts keeps that book). Times are of one clock, that of whoever records.
 */
export type Level = 'ANY' | 'ONE' | 'TWO' | 'SESSION' | 'QUORUM' | 'ALL' | 'LINEARIZABLE';

export interface OperationBase {
  /** Unique in the history. */
  readonly id: string;
  /** Operations of one session follow each other, the next one after the answer to the last. */
  readonly session: string;
  readonly user: string;
  readonly level: Level;
  readonly startMs: number;
  /** When the last answer came; null while none has. */
  endMs: number | null;
  /**
   * 'acknowledged': it took effect between start and end. 'refused': it never has and never will have an effect.
   * 'unknown': it may take effect at any time after its start, once, or never; so does one that is still waited for.
   */
  outcome: 'acknowledged' | 'refused' | 'unknown';
  /**
   * The session's token went with the request and the answer kept it: of a read, that it covers the token; of a write, that
   * the session's token covers it from then on. False where tokens are not used, or the answer says that it could not.
   */
  keptToken?: boolean;
}

export interface WriteOperation extends OperationBase {
  readonly kind: 'add' | 'remove' | 'move';
  readonly film: string;
  /** What an add sets, in a table where the last one counts: unlike that of any other. */
  readonly value?: string;
}

export interface ReadOperation extends OperationBase {
  readonly kind: 'read';
  /** The whole list, in order; of a read that was answered. */
  films: readonly string[];
  /** The value of each film that is shown, where adds set values. */
  values?: Readonly<Record<string, string>>;
}

export type Operation = WriteOperation | ReadOperation;

/**
 * When a write took effect for quorum reads at the latest: by its acknowledgement; at any time, or never, where its outcome is
 * unknown; at any time too where it was acknowledged by less than a quorum, since nobody knows when it reaches one.
 */
export function lastEffectMs(write: WriteOperation): number {
  if (write.outcome === 'refused') return -Infinity;
  return write.outcome === 'acknowledged' && isQuorum(write) ? (write.endMs ?? Infinity) : Infinity;
}

/** SESSION writes at a quorum, and reads at one replica where that will do. */
const QUORUM_READS: ReadonlySet<Level> = new Set<Level>(['QUORUM', 'ALL', 'LINEARIZABLE']);
const QUORUM_WRITES: ReadonlySet<Level> = new Set<Level>([...QUORUM_READS, 'SESSION']);

/**
 * Whether it was done at a level whose reads and writes meet, whatever the number of copies: what the two promises are made
 * for. TWO of three copies meet as well, TWO of five do not, and a history does not say how many there are.
 */
export const isQuorum = ({ kind, level }: Operation): boolean => (kind === 'read' ? QUORUM_READS : QUORUM_WRITES).has(level);

export const isRead = (operation: Operation): operation is ReadOperation => operation.kind === 'read';
export const isWrite = (operation: Operation): operation is WriteOperation => operation.kind !== 'read';

/** Whether `one` was over before `other` began: the only order that a history knows. Moments that are equal prove none. */
export const isBefore = (one: OperationBase, other: OperationBase): boolean => one.endMs !== null && one.endMs < other.startMs;
