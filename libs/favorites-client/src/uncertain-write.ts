/**
 * A write that may or may not be in effect, or come to be: the failure that carries what is needed to carry on with it.
 * It is the only error of a write with `applied` 'unknown'; with any other, nothing was done.
 */
import { type ErrorDetails, type Operation, type Placement, TriptychError } from '@app/contracts';
import type { PendingWrite, WriteFailure } from './list-store.js';

export class UncertainWrite extends TriptychError implements WriteFailure {
  constructor(
    code: 'STORE_WRITE_UNCERTAIN' | 'DEADLINE_EXCEEDED',
    message: string,
    details: ErrorDetails,
    readonly pending: PendingWrite,
    readonly seen: Uint8Array | undefined,
    options?: { cause?: unknown },
  ) {
    super(code, message, details, options);
  }
}

/** Whether two requests for one item ask for the same, so that carrying on with the one answers the other. */
export function sameOperation(a: Operation, b: Operation): boolean {
  if (a.kind === 'remove' || b.kind === 'remove') return a.kind === b.kind;
  if (a.kind === 'add' && b.kind === 'add') return Buffer.compare(a.value, b.value) === 0 && samePlacement(a.placement, b.placement);
  return a.kind === b.kind && samePlacement(a.placement, b.placement);
}

function samePlacement(a: Placement | undefined, b: Placement | undefined): boolean {
  if (typeof a !== 'object' || typeof b !== 'object') return a === b;
  if ('before' in a) return 'before' in b && a.before === b.before;
  return 'after' in b && a.after === b.after;
}
