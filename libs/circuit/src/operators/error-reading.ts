/**
 * What the operators read from an error. The error table answers two questions: may it have taken effect, and is the
 * dependency at fault? A third follows from them, with one list of our own: was it a refusal, which anybody may meet, or
 * a mistake, which only its maker can mend? An error that is not ours says nothing, so the worst is assumed of it.
 */
import { InvariantViolation, TriptychError, type ErrorCode } from '@app/contracts';

/** Refused before anything was sent, for reasons that lie not with the caller: the table tells a circuit to ignore them. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'CIRCUIT_OPEN',
  'CIRCUIT_SATURATED',
  'WIRE_OVERLOADED',
  'GATEWAY_OVERLOADED',
  'STORE_DRAINING',
  'STORE_QUORUM_UNAVAILABLE',
]);

/** May the call have taken effect? */
export function mayHaveApplied(error: unknown): boolean {
  return !(error instanceof TriptychError) || error.applied === 'unknown';
}

/** The dependency failed, so that trying again may help. Neither a refusal nor a mistake nor a bug of ours gets better by it. */
export function isTransient(error: unknown): boolean {
  if (error instanceof InvariantViolation) return false;
  return !(error instanceof TriptychError) || error.breaker === 'counts';
}

/** The answer cannot be had now: something else may stand in for it. Not for a mistake, nor for a bug of ours. */
export function isUnavailable(error: unknown): boolean {
  return isTransient(error) || (error instanceof TriptychError && REFUSALS.has(error.code));
}

/**
 * The error to report for two attempts at one call: the later one, unless it says that nothing was applied and the
 * earlier one leaves that open.
 */
export function keepDoubt(earlier: unknown, later: unknown): unknown {
  return mayHaveApplied(earlier) && !mayHaveApplied(later) ? earlier : later;
}
