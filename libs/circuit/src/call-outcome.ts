/**
 * How a call through a circuit ends. Every subscription ends in exactly one of these, and only three of them say
 * anything about the dependency:
 *
 *     success     it answered                                          evidence for
 *     failure     it failed                                            evidence against
 *     timeout     it did not answer in time                            evidence against
 *     mistake     the caller asked for what cannot be had              none
 *     cancelled   the caller left before any answer                    none
 *     rejected    the circuit did not let the call out                 none
 *
 * A mistake is no failure, and no success either: errors marked `breaker: 'ignores'` include refusals made on this side
 * of the wire, which prove nothing about the other side. A policy that knows better says so with its own `judge`.
 * A success that took too long is evidence against, where the policy calls some duration slow.
 *
 * Vocabulary: Hystrix's event types; neutrality of ignored errors: resilience4j, which gives the permission back.
 */
import { TriptychError } from '@app/contracts';

export type CallOutcome = 'success' | 'failure' | 'timeout' | 'mistake' | 'cancelled' | 'rejected';

/** What an error that came out of the call means. */
export type ErrorVerdict = 'success' | 'failure' | 'mistake';

/** What a call proves about the dependency. */
export type Evidence = 'good' | 'bad' | 'none';

/** The judgement of a policy without one of its own: the error table decides, and an unknown error is a failure. */
export function judgeByErrorTable(error: unknown): ErrorVerdict {
  return error instanceof TriptychError && error.breaker === 'ignores' ? 'mistake' : 'failure';
}

/** @param slow the call took at least as long as the policy calls slow */
export function evidenceOf(outcome: CallOutcome, slow: boolean): Evidence {
  if (outcome === 'success') return slow ? 'bad' : 'good';
  return outcome === 'failure' || outcome === 'timeout' ? 'bad' : 'none';
}
