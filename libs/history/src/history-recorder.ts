/**
 * Keeps the history while it happens. What it knows and a list of events does not: which operation an attempt belongs to. A
 * write whose outcome stayed unknown and that was carried on with is the same operation, begun when the device first
 * asked; once it is unknown, a later attempt can only make it acknowledged: being refused then proves nothing about the
 * attempts before.
 */
import { assert } from '@app/contracts';
import type { Operation, ReadOperation, WriteOperation } from './history.js';

type Begun<T extends Operation> = Omit<T, 'id' | 'startMs' | 'endMs' | 'outcome'>;

export class HistoryRecorder {
  readonly #operations: Operation[] = [];
  readonly #counts = new Map<string, number>();

  /** @param nowMs the one clock that dates everything */
  constructor(private readonly nowMs: () => number) {}

  get operations(): readonly Operation[] {
    return this.#operations;
  }

  beginRead(read: Omit<Begun<ReadOperation>, 'kind' | 'films'>): ReadOperation {
    return this.#begin<ReadOperation>({ ...read, kind: 'read', films: [] });
  }

  beginWrite(write: Begun<WriteOperation>): WriteOperation {
    return this.#begin<WriteOperation>(write);
  }

  /**
   * An attempt of the operation has ended: its first one, or a later one of a write that was unknown.
   * @param keptToken see OperationBase
   */
  ended(operation: Operation, outcome: Operation['outcome'], keptToken = false): void {
    assert(operation.outcome === 'unknown', `${operation.id} has ended before`);
    const isRetried = operation.endMs !== null;
    operation.endMs = this.nowMs();
    operation.outcome = isRetried && outcome === 'refused' ? 'unknown' : outcome;
    operation.keptToken = keptToken && outcome === 'acknowledged';
  }

  #begin<T extends Operation>(begun: Begun<T>): T {
    const number = this.#counts.get(begun.session) ?? 0;
    this.#counts.set(begun.session, number + 1);
    const operation = { ...begun, id: `${begun.session}.${number}`, startMs: this.nowMs(), endMs: null, outcome: 'unknown' } as unknown as T;
    this.#operations.push(operation);
    return operation;
  }
}
