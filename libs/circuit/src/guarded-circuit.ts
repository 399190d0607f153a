/**
 * The half of a circuit that knows Observables: permits, timeouts, teardown, and the caller who leaves. Which calls may
 * go out, and what their ends prove, is asked of a state machine; with either machine, this half is the same.
 *
 * Hot path: one Observable and one Subscriber a call; no promise, no operator, no timer of its own. `ProtectedCall` extends rxjs's Subscriber, as rxjs's own operators do, because only a subscriber that exists
 * before the source is subscribed can stop a source that emits synchronously without end.
 */
import { TriptychError } from '@app/contracts';
import type { Clock } from '@app/time';
import { Observable, Subject, Subscriber } from 'rxjs';
import { evidenceOf, judgeByErrorTable, type CallOutcome } from './call-outcome.js';
import { REFUSED, type CircuitMachine, type TransitionListener } from './circuit-machine.js';
import { assertPolicy, type CircuitPolicy } from './circuit-policy.js';
import type { Circuit, CircuitState, CircuitStatistics, Transition } from './circuit.js';
import { TimeoutQueue, type TimedCall } from './timeout-queue.js';

export class GuardedCircuit implements Circuit {
  readonly #machine: CircuitMachine;
  readonly #transitions = new Subject<Transition>();
  readonly transitions$ = this.#transitions.asObservable();
  readonly #totals: Record<CallOutcome, number> = {
    success: 0,
    failure: 0,
    timeout: 0,
    mistake: 0,
    cancelled: 0,
    rejected: 0,
  };
  readonly #slowCallMs: number;
  readonly timeouts: TimeoutQueue;
  #inFlight = 0;
  #pauseEndsMs = 0;
  #isClosed = true;
  #stopped = false;

  constructor(
    readonly name: string,
    readonly policy: CircuitPolicy,
    private readonly clock: Clock,
    machineOf: (onTransition: TransitionListener) => CircuitMachine,
  ) {
    assertPolicy(policy);
    this.timeouts = new TimeoutQueue(clock);
    this.#slowCallMs = policy.slow?.callMs ?? Infinity;
    this.#machine = machineOf((from, to) => {
      this.#isClosed = to === 'closed';
      if (to === 'open') this.#pauseEndsMs = clock.monotonicMs() + policy.openMs;
      this.#transitions.next({ circuit: name, from, to, atMs: clock.wallMs() });
    });
  }

  protect<T>(call$: Observable<T>): Observable<T> {
    return new Observable<T>((subscriber) => this.#begin(call$, subscriber));
  }

  get state(): CircuitState {
    // Time alone ends a pause and nothing else, so it need not be read; a client asks this of every node at every request.
    return this.#isClosed ? 'closed' : this.#machine.stateAt(this.clock.monotonicMs());
  }

  statistics(): CircuitStatistics {
    const nowMs = this.clock.monotonicMs();
    return {
      circuit: this.name,
      state: this.#machine.stateAt(nowMs),
      inFlight: this.#inFlight,
      window: { ...this.#machine.read(nowMs) },
      totals: { ...this.#totals },
    };
  }

  stop(): void {
    this.#stopped = true;
    this.#machine.stop();
    this.timeouts.close();
    this.#transitions.complete();
  }

  /** Called by each admitted call, once, with what it proved. */
  judge(ticket: number, outcome: CallOutcome, beganMs: number): void {
    this.#totals[outcome]++;
    if (this.#stopped) return;
    const nowMs = this.clock.monotonicMs();
    const slow = nowMs - beganMs >= this.#slowCallMs;
    const failed = outcome === 'failure' || outcome === 'timeout';
    this.#machine.settle(ticket, evidenceOf(outcome, slow), failed, slow, nowMs);
  }

  /** Called by each admitted call, once, when it is over. */
  returnPermit(): void {
    this.#inFlight--;
  }

  outcomeOf(error: unknown): CallOutcome {
    try {
      return (this.policy.judge ?? judgeByErrorTable)(error);
    } catch {
      return 'failure';
    }
  }

  #begin<T>(call$: Observable<T>, subscriber: Subscriber<T>): void {
    if (subscriber.closed) return;
    const nowMs = this.clock.monotonicMs();
    const ticket = this.#stopped ? REFUSED : this.#machine.admit(nowMs);
    if (ticket === REFUSED) {
      this.#totals.rejected++;
      subscriber.error(this.#openError(nowMs));
      return;
    }
    if (this.#inFlight >= this.policy.capacity) {
      this.#totals.rejected++;
      this.#machine.settle(ticket, 'none', false, false, nowMs);
      subscriber.error(this.#saturatedError());
      return;
    }
    this.#inFlight++;
    new ProtectedCall(subscriber, this, ticket, nowMs).begin(call$);
  }

  #openError(nowMs: number): TriptychError {
    const state = this.#machine.stateAt(nowMs);
    const retryAfterMs = state === 'open' ? Math.max(0, this.#pauseEndsMs - nowMs) : 0;
    const why = this.#stopped ? 'was stopped' : state === 'open' ? 'is open' : 'is half-open, all probes are out';
    return new TriptychError('CIRCUIT_OPEN', `circuit ${this.name} ${why}`, { circuit: this.name, state, retryAfterMs });
  }

  #saturatedError(): TriptychError {
    const { capacity } = this.policy;
    const message = `circuit ${this.name} has all of its ${capacity} permits in use`;
    return new TriptychError('CIRCUIT_SATURATED', message, { circuit: this.name, capacity });
  }
}

/** One admitted call: the subscriber of the inner Observable. */
class ProtectedCall<T> extends Subscriber<T> implements TimedCall {
  older: TimedCall | null = null;
  younger: TimedCall | null = null;
  readonly #circuit: GuardedCircuit;
  readonly #ticket: number;
  readonly #beganMs: number;
  /** A value has reached the caller, or is about to. */
  #answered = false;
  #judged = false;
  #over = false;

  constructor(destination: Subscriber<T>, circuit: GuardedCircuit, ticket: number, beganMs: number) {
    super(destination);
    this.#circuit = circuit;
    this.#ticket = ticket;
    this.#beganMs = beganMs;
  }

  begin(call$: Observable<T>): void {
    const { timeouts } = this.#circuit;
    timeouts.enter(this);
    call$.subscribe(this);
    // Only now: if it has ended by now and no other call is in flight, there is nothing to time.
    timeouts.watch();
  }

  get dueMs(): number {
    return this.#beganMs + this.#circuit.policy.timeoutMs;
  }

  override unsubscribe(): void {
    if (this.closed) return;
    this.#end(this.#answered ? 'success' : 'cancelled');
    super.unsubscribe();
  }

  protected override _next(value: T): void {
    if (!this.#answered) {
      this.#answered = true;
      if (this.#circuit.policy.timeoutUntil === 'first-value') this.#judge('success');
    }
    if (!this.closed) this.destination.next(value);
  }

  // A judgement may open or close the circuit, and who listens to that may end this very call: hence each look at `closed`.
  protected override _error(error: unknown): void {
    this.#end(this.#circuit.outcomeOf(error));
    if (!this.closed) super._error(error);
  }

  protected override _complete(): void {
    this.#end('success');
    if (!this.closed) super._complete();
  }

  timeOut(): void {
    this.#end('timeout');
    if (this.closed) return;
    const { name, policy } = this.#circuit;
    const destination = this.destination;
    try {
      this.unsubscribe();
    } finally {
      const message = `a call through circuit ${name} took longer than ${policy.timeoutMs} ms`;
      destination.error(new TriptychError('CIRCUIT_TIMEOUT', message, { circuit: name, timeoutMs: policy.timeoutMs }));
    }
  }

  /** The call is over: its permit goes back, then it is judged, all before the caller hears of it. */
  #end(outcome: CallOutcome): void {
    if (this.#over) return;
    this.#over = true;
    this.#circuit.returnPermit();
    this.#judge(outcome);
  }

  #judge(outcome: CallOutcome): void {
    if (this.#judged) return;
    this.#judged = true;
    this.#circuit.timeouts.leave(this);
    this.#circuit.judge(this.#ticket, outcome, this.#beganMs);
  }
}
