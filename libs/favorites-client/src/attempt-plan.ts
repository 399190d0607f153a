/**
 * Which replica to ask next, and when to stop asking: the whole of retry, failover and hedging as one pure function over
 * what was tried so far. attempt-run.ts acts on what it says.
 *
 * 1. The best replica first. When it fails, the next one at once.
 * 2. When every pending attempt is late (unanswered for `hedgeAfterMs`) or at a node that is out of reach (down, or silent:
 *    node-standing.ts), the next one beside them. The first success wins; an error never beats an attempt that may still succeed
 *    (cassandra-gocql-driver#1707 is the bug refused here).
 * 3. A refusal of the request itself would be the same everywhere: nobody else is asked.
 * 4. A coordinator that cannot reach a quorum may be the one cut off, so the others are asked, all at once. When two say so it is
 *    so, and also when one does and all the others are out of reach from here as well: then the one cut off is the client.
 * 5. Each replica is asked once, and one that is down is better told at once than waited for. Only a write that may have
 *    been applied asks on, round after round with growing pauses: there every answer is worth more than an early one, but not
 *    where rule 4 says that none will come. The caller does better with the delta elsewhere.
 *
 * So a read makes at most N attempts and a COMMIT N times `attemptsPerReplica`, never two at one replica at a time.
 */
import { type ErrorCode, type NodeId, TriptychError } from '@app/contracts';

export interface AttemptPolicy {
  /**
   * How long an attempt may go unanswered before another is made beside it, ms. Lower cuts the tail and costs load: set
   * it above what nearly all answers take, so that a healthy cluster hedges hardly ever.
   */
  readonly hedgeAfterMs: number;
  /** How long an attempt goes unanswered before its node may count as out of reach, ms; then signs of life are asked for. */
  readonly doubtAfterMs: number;
  /** Attempts at one replica while the outcome of a write is unknown, a count >= 1. */
  readonly attemptsPerReplica: number;
  /** Pause before a replica is asked for the second time, ms; twice as long before each later time. */
  readonly retryPauseMs: number;
}

export interface Attempt {
  readonly node: NodeId;
  readonly startedAtMs: number;
  /** How it ended. Absent: pending. A success ends the plan, so it is never recorded. */
  readonly failure?: { readonly error: TriptychError; readonly atMs: number };
}

export interface AttemptPlan {
  /** Replicas that may be asked, best first; may change from step to step with the ring. */
  readonly candidates: readonly NodeId[];
  /** In the order they were started. */
  readonly attempts: readonly Attempt[];
  /** A write may have been applied already: asking on is worth the wait. */
  readonly uncertain: boolean;
  /** Whether the budget allows another attempt beside pending ones. */
  readonly mayHedge: boolean;
  /** From when on a node is out of reach if nothing is heard of it until then: -Infinity where it is down, Infinity where it answers. */
  readonly outOfReachFromMs: (node: NodeId) => number;
  readonly nowMs: number;
  readonly deadlineMs: number;
  readonly policy: AttemptPolicy;
}

export type NextStep =
  | { readonly kind: 'try'; readonly node: NodeId; readonly why: 'first' | 'failover' | 'hedge' }
  /** Nothing to do until an attempt ends or that moment comes. */
  | { readonly kind: 'wait'; readonly untilMs: number }
  | { readonly kind: 'give-up'; readonly why: GiveUp };

export type GiveUp = 'deadline' | 'refused' | 'exhausted';

/** Coordinators that must say so before a quorum counts as out of reach. */
const QUORUM_REFUSALS = 2;

export const nextStep = (plan: AttemptPlan): NextStep => usualStep(plan) ?? stepByRules(plan);

/** What nearly every request comes to, in short: the best is asked, and is not late. Null for all else; it says nothing but what the rules say. */
function usualStep({ candidates, attempts, nowMs, deadlineMs, policy }: AttemptPlan): NextStep | null {
  const asked = attempts[0];
  const best = candidates[0];
  if (nowMs >= deadlineMs || attempts.length > 1) return null;
  if (asked === undefined) return best === undefined ? null : { kind: 'try', node: best, why: 'first' };
  const lookAtMs = asked.startedAtMs + Math.min(policy.hedgeAfterMs, policy.doubtAfterMs);
  return asked.failure === undefined && lookAtMs > nowMs ? { kind: 'wait', untilMs: Math.min(lookAtMs, deadlineMs) } : null;
}

export function stepByRules(plan: AttemptPlan): NextStep {
  const { attempts, outOfReachFromMs, nowMs, deadlineMs, policy } = plan;
  if (nowMs >= deadlineMs) return { kind: 'give-up', why: 'deadline' };
  const pending = attempts.filter(({ failure }) => failure === undefined);
  if (attempts.some(({ failure }) => failure !== undefined && meaningOf(failure.error) === 'refused')) {
    // A write still on its way may yet be acknowledged; that answer is better than "unknown".
    const awaited = plan.uncertain && pending.length > 0;
    return awaited ? { kind: 'wait', untilMs: deadlineMs } : { kind: 'give-up', why: 'refused' };
  }
  const noQuorum = afterNoQuorum(plan, pending);
  if (noQuorum !== null) return noQuorum;

  const waitedFor = pending.filter(({ node, startedAtMs }) => startedAtMs + policy.doubtAfterMs > nowMs || outOfReachFromMs(node) > nowMs);
  const lookAtMs = Math.min(...waitedFor.map((attempt) => nextLookMs(attempt, plan)));
  const waitUntil = (atMs: number): NextStep => ({ kind: 'wait', untilMs: Math.min(atMs, lookAtMs, deadlineMs) });
  const lateAtMs = Math.max(...waitedFor.map(({ startedAtMs }) => startedAtMs + policy.hedgeAfterMs));
  if (lateAtMs > nowMs) return waitUntil(lateAtMs);

  const next = nextCandidate(plan, pending);
  if (next === undefined) return pending.length === 0 ? { kind: 'give-up', why: 'exhausted' } : waitUntil(deadlineMs);
  if (next.readyAtMs > nowMs) return waitUntil(next.readyAtMs);
  if (waitedFor.length === 0) return { kind: 'try', node: next.node, why: attempts.length === 0 ? 'first' : 'failover' };
  return plan.mayHedge ? { kind: 'try', node: next.node, why: 'hedge' } : waitUntil(deadlineMs);
}

/** When a pending attempt is to be looked at although nothing happened: its node may be out of reach by then. */
function nextLookMs({ node, startedAtMs }: Attempt, { outOfReachFromMs, nowMs, policy: { doubtAfterMs } }: AttemptPlan): number {
  const doubtedMs = startedAtMs + doubtAfterMs;
  return doubtedMs > nowMs ? doubtedMs : Math.min(outOfReachFromMs(node), nowMs + doubtAfterMs);
}

/** What follows when coordinators have said that too few replicas can be reached; null where nothing does so far. */
function afterNoQuorum({ candidates, attempts, uncertain, outOfReachFromMs, nowMs, policy }: AttemptPlan, pending: readonly Attempt[]): NextStep | null {
  const told = attempts.filter(({ failure }) => failure !== undefined && meaningOf(failure.error) === 'no-quorum');
  if (told.length === 0) return null;
  const others = candidates.filter((node) => !told.some((attempt) => attempt.node === node));
  const unasked = others.find((node) => !attempts.some((attempt) => attempt.node === node));
  if (unasked !== undefined && (uncertain || told.length < QUORUM_REFUSALS)) return { kind: 'try', node: unasked, why: 'failover' };
  // A read has nothing to hope for from one that failed; a write may ask it again.
  const hopes = uncertain ? others : others.filter((node) => pending.some((attempt) => attempt.node === node));
  if (hopes.length === 0) return null;
  const isHopeless = hopes.every((node) => outOfReachFromMs(node) <= nowMs) && pending.every(({ startedAtMs }) => startedAtMs + policy.doubtAfterMs <= nowMs);
  return isHopeless ? { kind: 'give-up', why: 'exhausted' } : null;
}

/** The candidate asked least often so far, the better one of equals, and when it may be asked. */
function nextCandidate(
  { candidates, attempts, uncertain, policy }: AttemptPlan,
  pending: readonly Attempt[],
): { node: NodeId; readyAtMs: number } | undefined {
  const quorumRefusals = attempts.filter(({ failure }) => failure !== undefined && meaningOf(failure.error) === 'no-quorum');
  if (!uncertain && quorumRefusals.length >= QUORUM_REFUSALS) return undefined;
  const limit = uncertain ? policy.attemptsPerReplica : 1;
  let best: { node: NodeId; tries: number; readyAtMs: number } | undefined;
  for (const node of candidates) {
    if (pending.some((attempt) => attempt.node === node)) continue;
    const earlier = attempts.filter((attempt) => attempt.node === node);
    const tries = earlier.length;
    if (tries >= limit || (best !== undefined && best.tries <= tries)) continue;
    const pauseMs = policy.retryPauseMs * 2 ** (tries - 1);
    best = { node, tries, readyAtMs: tries === 0 ? -Infinity : earlier[tries - 1]!.failure!.atMs + pauseMs };
  }
  return best;
}

/**
 * Whether a write may have taken effect through these attempts: one is pending, or ended without saying that it did not.
 * Damage does not say so: a coordinator may have found it when the write was already on its way to the others.
 */
export function mayBeApplied(attempts: readonly Attempt[]): boolean {
  return attempts.some(({ failure }) => failure === undefined || failure.error.applied === 'unknown' || meaningOf(failure.error) === 'damaged');
}

/** What one coordinator's error means for the others. */
export type ErrorMeaning =
  /** The request itself is refused; any coordinator would. */
  | 'refused'
  /** This coordinator sees too few replicas. */
  | 'no-quorum'
  /** This coordinator's copy of the row is of no use. */
  | 'damaged'
  /** Something else about this coordinator, or the way to it. */
  | 'elsewhere';

export function meaningOf(error: TriptychError): ErrorMeaning {
  return MEANINGS[error.code];
}

const MEANINGS: Record<ErrorCode, ErrorMeaning> = {
  REQUEST_INVALID: 'refused',
  LEVEL_UNKNOWN: 'refused',
  LEVEL_NEEDS_REGIONS: 'refused',
  LEVEL_NOT_ALLOWED: 'refused',
  SESSION_TOKEN_INVALID: 'refused',
  RETRY_TOKEN_INVALID: 'refused',
  CURSOR_INVALID: 'refused',
  AUTHENTICATION_REQUIRED: 'refused',
  ACCESS_DENIED: 'refused',
  BODY_TOO_LARGE: 'refused',
  MEDIA_TYPE_UNSUPPORTED: 'refused',
  METHOD_NOT_ALLOWED: 'refused',
  ROUTE_UNKNOWN: 'refused',
  ITEM_NOT_FOUND: 'refused',
  NEIGHBOUR_NOT_FOUND: 'refused',
  LIST_FULL: 'refused',
  POSITION_EXHAUSTED: 'refused',
  STORE_VALUE_TOO_LARGE: 'refused',
  STORE_EPOCH_OLD: 'elsewhere',
  STORE_NOT_REPLICA: 'elsewhere',
  STORE_QUORUM_UNAVAILABLE: 'no-quorum',
  STORE_SESSION_AHEAD: 'no-quorum',
  STORE_LINEARIZE_TIMEOUT: 'elsewhere',
  STORE_READ_TIMEOUT: 'elsewhere',
  STORE_WRITE_TIMEOUT: 'no-quorum',
  STORE_WRITE_UNCERTAIN: 'no-quorum',
  STORE_ROW_DAMAGED: 'damaged',
  STORE_RECORD_CORRUPT: 'damaged',
  STORE_NOT_SYNCED: 'elsewhere',
  STORE_READ_ONLY: 'elsewhere',
  STORE_FAILED: 'elsewhere',
  STORE_DRAINING: 'elsewhere',
  WATCH_LIMIT: 'elsewhere',
  MEMBERSHIP_REFUSED: 'refused',
  WIRE_UNREACHABLE: 'elsewhere',
  WIRE_CONNECTION_LOST: 'elsewhere',
  WIRE_DEADLINE: 'elsewhere',
  WIRE_FRAME_TOO_LARGE: 'refused',
  WIRE_PROTOCOL: 'elsewhere',
  WIRE_HANDSHAKE_REFUSED: 'elsewhere',
  WIRE_OVERLOADED: 'elsewhere',
  GATEWAY_OVERLOADED: 'elsewhere',
  CIRCUIT_OPEN: 'elsewhere',
  CIRCUIT_SATURATED: 'elsewhere',
  CIRCUIT_TIMEOUT: 'elsewhere',
  DEADLINE_EXCEEDED: 'elsewhere',
  INTERNAL: 'elsewhere',
};
