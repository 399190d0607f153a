/**
 * A circuit stands between callers and one dependency. It lets calls out while the dependency is well, gives up on it
 * for a while when it is not, and keeps one that hangs from holding everything else. It knows Observables: it sees a
 * call begin (subscription), answer (a value), end, and above all it sees a caller leave.
 *
 *              a bad call, and a rate at its threshold
 *     closed ─────────────────────────────────────────> open
 *       ^                                               │  ^
 *       │ probeCount good probes        openMs went by  │  │ one bad probe
 *       └───────────────────────── half-open <──────────┘  │
 *                                      └───────────────────┘
 *
 * This is the port. Two state machines stand behind it, opossum's and our own, and one suite says what both promise:
 * circuit-contract.ts. Operators that need no circuit (retry, hedge, fallback, collapse, cache) are files of their own.
 *
 * Refused: wrapping `from(breaker.fire())` as is usually done. A promise cannot see its caller leave, so abandoned calls
 * keep running and keep their permits.
 */
import type { Observable, OperatorFunction } from 'rxjs';
import type { CallOutcome } from './call-outcome.js';
import type { WindowReading } from './call-window.js';
import type { CircuitPolicy } from './circuit-policy.js';

export type CircuitState = 'closed' | 'open' | 'half-open';

export interface Circuit {
  /** What errors, logs and metrics call it: the dependency, or dependency/instance. */
  readonly name: string;
  readonly policy: CircuitPolicy;

  /**
   * `call$` behind this circuit: cold, and each subscription is one call. It asks for admission, subscribes to `call$`
   * exactly once if admitted, passes everything on as it is, and is judged once (call-outcome.ts).
   *
   * Unsubscribing tears `call$` down and gives the permit back. Before the first value that is a cancelled call: it
   * counts nothing, and a cancelled probe leaves the circuit half-open. After a value the caller was answered, and the
   * call is a success: `first()` and `firstValueFrom` leave in just this way.
   *
   * Whatever ends the call, its permit is back before the caller hears of the end, so a retry does not meet itself.
   *
   * Errors besides those of `call$`, none of which counts against anything unless said:
   * - CIRCUIT_OPEN {circuit, state, retryAfterMs}: not subscribed; the circuit is open, or half-open with all probes out
   * - CIRCUIT_SATURATED {circuit, capacity}: not subscribed; all permits are in use
   * - CIRCUIT_TIMEOUT {circuit, timeoutMs}: `call$` was torn down, and no other call was touched; counts against the
   *   dependency, once. Whether it took effect there is unknown.
   */
  protect<T>(call$: Observable<T>): Observable<T>;

  /** The state a call made now would meet. */
  readonly state: CircuitState;

  /**
   * Each change of state, as it happens; hot, completes when the circuit stops. Half-open is entered by a timer (opossum)
   * or by the first call after `openMs` (our own), so it may be told later than `state` shows it.
   */
  readonly transitions$: Observable<Transition>;

  /** A snapshot; costs nothing when nobody asks. For a stream of them see `watchStatistics`. */
  statistics(): CircuitStatistics;

  /**
   * The dependency is gone for good: timers are freed, calls in flight run to their ends and prove nothing any more, new
   * ones are refused with CIRCUIT_OPEN. Calling it twice does nothing.
   */
  stop(): void;
}

export interface Transition {
  readonly circuit: string;
  readonly from: CircuitState;
  readonly to: CircuitState;
  /** Wall time, ms since 1970: for people. */
  readonly atMs: number;
}

export interface CircuitStatistics {
  readonly circuit: string;
  readonly state: CircuitState;
  /** Permits in use now, a count. */
  readonly inFlight: number;
  /** The calls the rates are taken over. While the circuit is not closed: what opened it, as far as not yet forgotten. */
  readonly window: WindowReading;
  /** Calls by how they were judged, since the circuit was made; grows for ever, as counters for metrics do. */
  readonly totals: Readonly<Record<CallOutcome, number>>;
}

/** The circuit as an operator: `source$.pipe(throughCircuit(circuit))`. */
export function throughCircuit<T>(circuit: Circuit): OperatorFunction<T, T> {
  return (call$) => circuit.protect(call$);
}
