/**
 * What became of calls, and which are in flight: one account for each end, so that it can be seen from outside that a caller
 * who leaves stops the work, down to the last process, and how much time each was given. Plain counts; nothing is kept of a
 * call that is over.
 */
import type { CallContext } from '@app/contracts';

/** Since the process started. Whatever was begun and is in none of the others is in flight. */
export interface CallCounts {
  begun: number;
  answered: number;
  failed: number;
  /** The deadline passed first. */
  expired: number;
  /** The caller left, or the connection was lost, first. */
  cancelled: number;
  /** CANCEL frames that came, also for calls that had just ended; a server's. */
  cancelsHeard: number;
}

/** How a call ended. */
export type CallEnd = 'answered' | 'failed' | 'expired' | 'cancelled';

export const noCalls = (): CallCounts => ({ begun: 0, answered: 0, failed: 0, expired: 0, cancelled: 0, cancelsHeard: 0 });

function sumOfCalls(all: readonly CallCounts[]): CallCounts {
  const sum = noCalls();
  for (const counts of all) for (const key of Object.keys(sum) as (keyof CallCounts)[]) sum[key] += counts[key];
  return sum;
}

export interface CallInFlight {
  readonly pattern: string;
  /** The process at the other end. */
  readonly peer: string;
  readonly traceId: string;
  /** ms; null without a deadline. */
  readonly timeLeftMs: number | null;
}

export function inFlight(pattern: string, peer: string, { traceId, deadlineMs }: CallContext, nowMs: number): CallInFlight {
  return { pattern, peer, traceId, timeLeftMs: deadlineMs === Infinity ? null : Math.round(10 * (deadlineMs - nowMs)) / 10 };
}

/** What an administrator is shown: all counts, and the calls in flight for the longest, so many at most. */
export interface CallAccount {
  readonly counts: CallCounts;
  readonly oldest: readonly CallInFlight[];
}

export const CALLS_SHOWN = 50;

export function oldestOf(ends: Iterable<{ inFlight(): Iterable<CallInFlight> }>): CallInFlight[] {
  const shown: CallInFlight[] = [];
  for (const end of ends) {
    for (const call of end.inFlight()) {
      if (shown.length === CALLS_SHOWN) return shown;
      shown.push(call);
    }
  }
  return shown;
}

export function sumOfAccounts(accounts: readonly CallAccount[]): CallAccount {
  return { counts: sumOfCalls(accounts.map(({ counts }) => counts)), oldest: accounts.flatMap(({ oldest }) => oldest).slice(0, CALLS_SHOWN) };
}
