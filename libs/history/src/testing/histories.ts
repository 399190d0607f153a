/** Operations for histories by hand: of user ann and film x at QUORUM, acknowledged, unless said otherwise. */
import type { Operation, ReadOperation, WriteOperation } from '../history.js';

const base = (id: string, startMs: number, endMs: number) => ({ id, session: 's', user: 'ann', level: 'QUORUM' as const, startMs, endMs });

export const write = (kind: WriteOperation['kind'], startMs: number, endMs: number, more: Partial<WriteOperation> = {}): WriteOperation => ({
  ...base(`${kind}-${startMs}`, startMs, endMs),
  outcome: 'acknowledged',
  kind,
  film: 'x',
  ...more,
});

export const read = (startMs: number, endMs: number, films: readonly string[], more: Partial<ReadOperation> = {}): ReadOperation => ({
  ...base(`read-${startMs}`, startMs, endMs),
  outcome: 'acknowledged',
  kind: 'read',
  films,
  ...more,
});

/** All of them with these fields. */
export const each = (more: Partial<Pick<Operation, 'session' | 'level' | 'keptToken'>>, ...operations: Operation[]): Operation[] =>
  operations.map((operation) => ({ ...operation, ...more }) as Operation);
