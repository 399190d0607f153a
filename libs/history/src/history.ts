/**
 * What devices did and saw, as it can be told from outside: each operation with when it began, when its answer came, and
 * what the answer was. An operation is what the device asked for, however many attempts were made for it: a retried add is one
 * add. Times are of one clock, that of whoever records.
 */
export interface OperationBase {
  /** Unique in the history. */
  readonly id: string;
  /** Operations of one session follow each other; the device that made them. */
  readonly session: string;
  readonly user: string;
  /** How many replicas the answer was to rest on. */
  readonly level: 'ONE' | 'QUORUM' | 'ALL';
  readonly startMs: number;
  /** When the answer came; null while none has. */
  endMs: number | null;
  /**
   * 'acknowledged': it took effect between start and end. 'refused': it never has and never will have an effect.
   * 'unknown': it may take effect at any time after its start, once, or never; so does one that is still waited for.
   */
  outcome: 'acknowledged' | 'refused' | 'unknown';
}

export interface WriteOperation extends OperationBase {
  readonly kind: 'add' | 'remove' | 'move';
  readonly film: string;
}

export interface ReadOperation extends OperationBase {
  readonly kind: 'read';
  /** The whole list, in order; of a read that was answered. */
  films: readonly string[];
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

/** Levels whose reads and writes meet: what the two promises are made for. */
export const isQuorum = (operation: OperationBase): boolean => operation.level !== 'ONE';
