/** What the caller is told when no attempt succeeded: the code says what may have happened, the details who said what. */
import { TriptychError } from '@app/contracts';
import { meaningOf } from './attempt-plan.js';
import type { AttemptsFailed } from './attempt-run.js';
import type { PendingWrite } from './list-store.js';
import { UncertainWrite } from './uncertain-write.js';

/**
 * Nothing was applied, and nothing will be: the refusal of the request as it is, or what was found of the session or of the
 * row's being written; STORE_READ_TIMEOUT at the deadline, else
 * STORE_QUORUM_UNAVAILABLE. A replica that was reached but could not coordinate is counted as not alive, unless a
 * coordinator has counted for itself.
 * @param needed replicas that the level needs
 */
export function plainFailure(failed: AttemptsFailed, needed: number): TriptychError {
  const errors = failed.attempts.flatMap(({ failure }) => failure?.error ?? []);
  const refusal = errors.find((error) => meaningOf(error) === 'refused');
  if (failed.why === 'refused' && refusal !== undefined) return refusal;
  // What a coordinator that reached the others found says more than that others could not be reached.
  const told = errors.findLast(({ code }) => code === 'STORE_SESSION_AHEAD' || code === 'STORE_LINEARIZE_TIMEOUT');
  if (told !== undefined) return told;
  const attempts = attemptsText(failed);
  const cause = errors.at(-1);
  if (failed.why === 'deadline') {
    return new TriptychError('STORE_READ_TIMEOUT', 'the deadline passed without an answer', { attempts }, { cause });
  }
  const counted = errors.filter((error) => error.code === 'STORE_QUORUM_UNAVAILABLE').sort((a, b) => aliveIn(b) - aliveIn(a));
  const [best] = counted;
  const message = best?.message ?? 'no replica of the row could coordinate the request';
  return new TriptychError('STORE_QUORUM_UNAVAILABLE', message, { needed, alive: 0, ...best?.details, attempts }, { cause });
}

/** Whether a weaker level may yet answer: it is not the request that was refused. */
export const isUnavailable = (error: unknown): boolean => error instanceof TriptychError && meaningOf(error) !== 'refused';

/** A COMMIT was sent, and the outcome is unknown. */
export function uncertainFailure(failed: AttemptsFailed, pending: PendingWrite, seen: Uint8Array | undefined): UncertainWrite {
  const attempts = attemptsText(failed);
  const cause = failed.attempts.findLast(({ failure }) => failure !== undefined)?.failure?.error;
  return failed.why === 'deadline'
    ? new UncertainWrite('DEADLINE_EXCEEDED', 'the deadline passed while the write was under way', { attempts }, pending, seen, { cause })
    : new UncertainWrite('STORE_WRITE_UNCERTAIN', 'no replica confirmed the write', { attempts }, pending, seen, { cause });
}

/** "b1 WIRE_UNREACHABLE", in the order of the attempts. */
const attemptsText = ({ attempts }: AttemptsFailed): string[] =>
  attempts.map(({ node, failure }) => `${node} ${failure?.error.code ?? 'pending'}`);

const aliveIn = ({ details }: TriptychError): number => (typeof details['alive'] === 'number' ? details['alive'] : 0);
