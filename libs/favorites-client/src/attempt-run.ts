/**
 * Carries out an attempt plan: starts attempts when the plan says so, keeps one timer for its next look, hands on the
 * first success and tears the other attempts down. It decides nothing but that.
 *
 * Cold: each subscription is a run of its own. Unsubscribing cancels the timer and every pending attempt; on the wire
 * that is a CANCEL each.
 */
import { InvariantViolation, type NodeId, TriptychError } from '@app/contracts';
import { type HedgeBudget, STOOD_STILL_MS } from '@app/store';
import type { Cancel, Clock } from '@app/time';
import { Observable, Subscriber } from 'rxjs';
import { type Attempt, type AttemptPolicy, type GiveUp, mayBeApplied, meaningOf, nextStep } from './attempt-plan.js';

export interface AttemptRun<T, R> {
  /** Best first. Asked at the start and whenever an attempt failed or is late: the ring or the nodes may have changed. */
  candidates(): readonly NodeId[];
  attempt(node: NodeId): Observable<T>;
  /** What the first success is to the caller, and what it is that there was none. */
  answer(value: T, node: NodeId): R;
  failure(failed: AttemptsFailed): unknown;
  /** 'write': attempts may take effect. 'sent-write': so may attempts of an earlier run. */
  readonly effect: 'none' | 'write' | 'sent-write';
  readonly deadlineMs: number;
  readonly policy: AttemptPolicy;
}

/** What attempts have in common, whatever they are for. */
export interface AttemptSurroundings {
  readonly clock: Clock;
  readonly budget: HedgeBudget;
  readonly reach: Reach;
  readonly listener: AttemptListener;
}

/** What is known of the ways to the nodes. */
export interface Reach {
  /** See AttemptPlan. */
  outOfReachFromMs(node: NodeId): number;
  /** An attempt could do with it and has been waiting for some time: it is asked for a sign of life, unless there was one just now. */
  doubted(node: NodeId): void;
  /** This process stood still for so long, until now, ms. */
  stoodStill(lateMs: number): void;
}

export interface AttemptListener {
  begun(): void;
  started(node: NodeId, why: 'first' | 'failover' | 'hedge'): void;
  answered(node: NodeId): void;
  failed(node: NodeId, error: TriptychError): void;
  /** An attempt that was late when another one, begun after it, won. */
  overtaken(node: NodeId): void;
}

/** Why a run ended without an answer, for whoever knows what the request was for. Never leaves this library. */
export class AttemptsFailed extends Error {
  override readonly name = 'AttemptsFailed';

  constructor(
    readonly why: GiveUp,
    readonly attempts: readonly Attempt[],
    /** A write may have been applied, or may still come to be. */
    readonly uncertain: boolean,
  ) {
    super(`no attempt succeeded: ${why}`);
  }
}

/** Errors: what the run makes of AttemptsFailed; and whatever is no failure of a call (a broken invariant, a bug) as it is, at once. */
export function runAttempts<T, R>(run: AttemptRun<T, R>, surroundings: AttemptSurroundings): Observable<R> {
  return new Observable((subscriber) => {
    const going = new Going(run, surroundings, subscriber);
    subscriber.add(() => going.stop());
    going.step();
  });
}

/** It says, by its silence or in words, that nodes may be out of reach. */
const isDoubtful = ({ startedAtMs, failure }: Attempt, beforeMs: number): boolean =>
  failure === undefined ? startedAtMs <= beforeMs : meaningOf(failure.error) === 'no-quorum';

class Going<T, R> {
  /** What the plan is told of, in the order they were started; each has the same place in `#live`. */
  readonly #attempts: Attempt[] = [];
  readonly #live: LiveAttempt<T, R>[] = [];
  #candidates: readonly NodeId[] | null = null;
  #cancelTimer: Cancel | null = null;
  /** An attempt may end within its own subscription: the step that is under way then goes round once more. */
  #stepping = false;
  #again = false;
  #over = false;

  constructor(
    readonly run: AttemptRun<T, R>,
    readonly surroundings: AttemptSurroundings,
    readonly subscriber: Subscriber<R>,
  ) {
    surroundings.listener.begun();
    surroundings.budget.earn();
  }

  step(): void {
    this.#again = true;
    if (this.#stepping) return;
    this.#stepping = true;
    while (this.#again && !this.#over) {
      this.#again = false;
      this.#stepOnce();
    }
    this.#stepping = false;
  }

  stop(): void {
    this.#over = true;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    for (const live of this.#live) live.unsubscribe();
  }

  #stepOnce(): void {
    const { run, surroundings } = this;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    const attempts = this.#attempts;
    const uncertain = run.effect === 'sent-write' || (run.effect === 'write' && mayBeApplied(attempts));
    const nowMs = surroundings.clock.monotonicMs();
    const { reach } = surroundings;
    const candidates = (this.#candidates ??= run.candidates());
    if (attempts.some((attempt) => isDoubtful(attempt, nowMs - run.policy.doubtAfterMs))) candidates.forEach((node) => reach.doubted(node));
    const next = nextStep({
      candidates,
      attempts,
      uncertain,
      mayHedge: surroundings.budget.available,
      outOfReachFromMs: (node) => reach.outOfReachFromMs(node),
      nowMs,
      deadlineMs: run.deadlineMs,
      policy: run.policy,
    });
    if (next.kind === 'give-up') {
      this.#over = true;
      this.subscriber.error(run.failure(new AttemptsFailed(next.why, attempts, uncertain)));
    } else if (next.kind === 'wait') {
      this.#cancelTimer = surroundings.clock.after(next.untilMs - nowMs, () => {
        const lateMs = surroundings.clock.monotonicMs() - next.untilMs;
        if (lateMs >= STOOD_STILL_MS) reach.stoodStill(lateMs);
        this.#cancelTimer = null;
        this.#candidates = null;
        this.step();
      });
    } else {
      if (next.why === 'hedge') surroundings.budget.spend();
      this.#start(next.node, next.why, nowMs);
    }
  }

  #start(node: NodeId, why: 'first' | 'failover' | 'hedge', nowMs: number): void {
    const live = new LiveAttempt(this, this.#attempts.length);
    this.#live.push(live);
    this.#attempts.push({ node, startedAtMs: nowMs });
    this.#again = true;
    this.surroundings.listener.started(node, why);
    this.run.attempt(node).subscribe(live);
  }

  succeeded(index: number, value: T): void {
    if (this.#over) return;
    this.#over = true;
    const { run, surroundings, subscriber } = this;
    const winner = this.#attempts[index]!;
    surroundings.listener.answered(winner.node);
    if (this.#attempts.length > 1) this.#tellOfOvertaken(winner);
    subscriber.next(run.answer(value, winner.node));
    subscriber.complete();
  }

  #tellOfOvertaken(winner: Attempt): void {
    const nowMs = this.surroundings.clock.monotonicMs();
    for (const attempt of this.#attempts) {
      const late = attempt.failure === undefined && attempt.startedAtMs + this.run.policy.hedgeAfterMs <= nowMs;
      const laterStarted = attempt !== winner && attempt.startedAtMs < winner.startedAtMs;
      if (late && laterStarted) this.surroundings.listener.overtaken(attempt.node);
    }
  }

  failed(index: number, thrown: unknown): void {
    if (this.#over) return;
    if (thrown instanceof InvariantViolation) {
      this.#over = true;
      this.subscriber.error(thrown);
      return;
    }
    const attempt = this.#attempts[index]!;
    const { node } = attempt;
    const error =
      thrown instanceof TriptychError ? thrown : new TriptychError('INTERNAL', `the call to ${node} failed`, { node }, { cause: thrown });
    this.#attempts[index] = { ...attempt, failure: { error, atMs: this.surroundings.clock.monotonicMs() } };
    this.surroundings.listener.failed(node, error);
    this.#candidates = null;
    this.step();
  }

  endedWithoutAnswer(index: number): void {
    const { node } = this.#attempts[index]!;
    this.failed(index, new TriptychError('WIRE_PROTOCOL', `${node} ended its answer without one`, { node }));
  }
}

/**
 * The subscription to one attempt: a Subscriber, as rxjs's own operators use, because an attempt may end before `subscribe` has
 * returned. It is torn down before its failure is heard of.
 */
class LiveAttempt<T, R> extends Subscriber<T> {
  constructor(
    private readonly going: Going<T, R>,
    private readonly index: number,
  ) {
    super();
  }

  protected override _next(value: T): void {
    this.going.succeeded(this.index, value);
  }

  protected override _error(error: unknown): void {
    try {
      this.unsubscribe();
    } finally {
      this.going.failed(this.index, error);
    }
  }

  protected override _complete(): void {
    try {
      this.unsubscribe();
    } finally {
      this.going.endedWithoutAnswer(this.index);
    }
  }
}
