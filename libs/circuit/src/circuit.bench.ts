/**
 * What a closed circuit costs per call, beside a bare subscription measured in the same run: differences and ratios are
 * to be trusted, figures of different runs are not. Also runs tiny, in circuit.bench.spec.ts, so that it cannot rot.
 */
import type { CallContext } from '@app/contracts';
import { systemClock, systemRandom } from '@app/time';
import CircuitBreaker from 'opossum';
import { Observable, from, of, type Subscriber } from 'rxjs';
import { storeRead } from './circuit-policy.js';
import { Bulkhead, shortLine, throughBulkhead } from './operators/bulkhead.js';
import { Collapser, pageLookups } from './operators/collapser.js';
import { ExtraLoadBudget, tenPercentMore } from './operators/extra-load-budget.js';
import { protect, type Protection } from './operators/protect.js';
import { RequestCache } from './operators/request-cache.js';
import { withFallback } from './operators/with-fallback.js';
import { lateHedge, withHedge } from './operators/with-hedge.js';
import { briefRetry, withRetry } from './operators/with-retry.js';
import { withDeadline } from './operators/with-timeout.js';
import { opossumCircuit } from './opossum-circuit.js';
import { ownCircuit } from './own-circuit.js';

/** CPU-microseconds (user and system, all threads) per call: the lowest of the rounds, since what is above it is other people's work. */
export interface CircuitBenchResult {
  /** A call answered after it was subscribed, as every call over a wire is: its timeout is armed and disarmed. */
  readonly later: { readonly bare: number; readonly own: number; readonly opossum: number };
  /** A call answered within its subscription, as from a cache. */
  readonly atOnce: { readonly bare: number; readonly own: number; readonly opossum: number };
  /** A call refused by an open circuit: an error with its stack. */
  readonly refused: { readonly own: number; readonly opossum: number };
  /** opossum as it comes, fired with an action whose promise is settled, beside awaiting such a promise. */
  readonly promise: { readonly bare: number; readonly opossumAlone: number };
  /** Each operator on a call answered later that needs none of what it offers; `protected` is all of them but the fallback. */
  readonly operators: Readonly<Record<OperatorName, number>>;
  /** A lookup among 50 made together: asked as one batch, and asked of a cache that has its answer. */
  readonly lookup: { readonly collapsed: number; readonly cached: number };
}

export type OperatorName = 'deadline' | 'bulkhead' | 'retry' | 'hedge' | 'fallback' | 'protected';

/** @param callCount calls per round and case   @param roundCount rounds, each through all cases */
export async function circuitBench(callCount: number, roundCount: number): Promise<CircuitBenchResult> {
  const own = ownCircuit('bench', storeRead, systemClock);
  const opossum = opossumCircuit('bench', storeRead);
  const staysOpen = { ...storeRead, openMs: 600_000 };
  const openOwn = ownCircuit('bench', staysOpen, systemClock);
  const openOpossum = opossumCircuit('bench', staysOpen);
  const alone = new CircuitBreaker(() => Promise.resolve(1), { timeout: storeRead.timeoutMs, capacity: storeRead.capacity });
  for (const circuit of [openOwn, openOpossum]) {
    for (let i = 0; i < storeRead.volumeThreshold; i++) circuit.protect(failing$).subscribe(LISTENER);
  }

  const clock = systemClock;
  const bulkhead = new Bulkhead('bench', shortLine, clock);
  const extraLoad = { budget: new ExtraLoadBudget(tenPercentMore), random: systemRandom, retry: briefRetry, hedge: lateHedge };

  const cases: Record<string, () => void | Promise<void>> = {
    laterBare: () => answeredLater(callCount, (call$) => call$),
    laterOwn: () => answeredLater(callCount, (call$) => own.protect(call$)),
    laterOpossum: () => answeredLater(callCount, (call$) => opossum.protect(call$)),
    atOnceBare: () => subscribed(callCount, () => one$),
    atOnceOwn: () => subscribed(callCount, () => own.protect(one$)),
    atOnceOpossum: () => subscribed(callCount, () => opossum.protect(one$)),
    refusedOwn: () => subscribed(callCount, () => openOwn.protect(one$)),
    refusedOpossum: () => subscribed(callCount, () => openOpossum.protect(one$)),
    promiseBare: () => awaited(callCount, () => Promise.resolve(1)),
    opossumAlone: () => awaited(callCount, () => alone.fire()),
    ...operatorCases(callCount, { clock, circuit: own, bulkhead, extraLoad }),
    collapsed: () => gathered(callCount),
    cached: () => remembered(callCount),
  };
  const taken = new Map<string, number[]>();
  for (let round = 0; round < roundCount; round++) {
    for (const [name, run] of Object.entries(cases)) {
      const began = process.cpuUsage();
      await run();
      const { user, system } = process.cpuUsage(began);
      const us = (user + system) / callCount;
      taken.set(name, [...(taken.get(name) ?? []), us]);
    }
  }
  for (const circuit of [own, opossum, openOwn, openOpossum]) circuit.stop();
  alone.shutdown();

  const lowest = (name: string): number => Math.min(...taken.get(name)!);
  return {
    later: { bare: lowest('laterBare'), own: lowest('laterOwn'), opossum: lowest('laterOpossum') },
    atOnce: { bare: lowest('atOnceBare'), own: lowest('atOnceOwn'), opossum: lowest('atOnceOpossum') },
    refused: { own: lowest('refusedOwn'), opossum: lowest('refusedOpossum') },
    promise: { bare: lowest('promiseBare'), opossumAlone: lowest('opossumAlone') },
    operators: {
      deadline: lowest('deadline'),
      bulkhead: lowest('bulkhead'),
      retry: lowest('retry'),
      hedge: lowest('hedge'),
      fallback: lowest('fallback'),
      protected: lowest('protected'),
    },
    lookup: { collapsed: lowest('collapsed'), cached: lowest('cached') },
  };
}

type Protected = Required<Pick<Protection, 'clock' | 'circuit' | 'bulkhead' | 'extraLoad'>>;

function operatorCases(callCount: number, protection: Protected): Record<OperatorName, () => void> {
  const { clock, bulkhead, extraLoad } = protection;
  const { budget, random } = extraLoad;
  const terms = () => ({ idempotent: true, deadlineMs: clock.monotonicMs() + 300 });
  const measured = (operator: (call$: Observable<number>) => Observable<unknown>) => () => answeredLater(callCount, operator);
  return {
    deadline: measured((call$) => call$.pipe(withDeadline(clock, clock.monotonicMs() + 300))),
    bulkhead: measured((call$) => call$.pipe(throughBulkhead(bulkhead))),
    retry: measured((call$) => call$.pipe(withRetry(briefRetry, terms(), { clock, random, budget }))),
    hedge: measured((call$) => call$.pipe(withHedge(lateHedge, { clock, budget }))),
    fallback: measured((call$) => call$.pipe(withFallback(() => one$))),
    protected: measured((call$) => protect(call$, protection, terms())),
  };
}

const KEYS = Array.from({ length: pageLookups.keysMax }, (_, key) => key);
const CONTEXT: CallContext = {
  deadlineMs: Infinity,
  traceId: 'bench',
  priority: 'read',
  principal: { kind: 'service', name: 'bench' },
};

/** Each batch is full, so it is sent at once, and is answered at once. */
function gathered(callCount: number): void {
  const policy = { windowMs: 1, keysMax: KEYS.length };
  const collapser = new Collapser<number, number>(policy, systemClock, (keys) => from(keys.map((key) => ({ key, value: key }))));
  for (let i = 0; i < callCount; i++) collapser.load(KEYS[i % KEYS.length]!, CONTEXT).subscribe(LISTENER);
}

function remembered(callCount: number): void {
  const cache = new RequestCache<number>();
  for (let i = 0; i < callCount; i++) cache.get(KEYS[i % KEYS.length]!, () => one$).subscribe(LISTENER);
}

const one$ = of(1);
const failing$ = new Observable<number>((subscriber) => subscriber.error(new Error('bench')));
const LISTENER = { next() {}, error() {}, complete() {} };

function subscribed(callCount: number, make: () => Observable<number>): void {
  for (let i = 0; i < callCount; i++) make().subscribe(LISTENER);
}

function answeredLater(callCount: number, protect: (call$: Observable<number>) => Observable<unknown>): void {
  let answering: Subscriber<number> | undefined;
  const call$ = new Observable<number>((subscriber) => {
    answering = subscriber;
  });
  for (let i = 0; i < callCount; i++) {
    protect(call$).subscribe(LISTENER);
    answering!.next(i);
    answering!.complete();
  }
}

async function awaited(callCount: number, make: () => Promise<unknown>): Promise<void> {
  for (let i = 0; i < callCount; i++) await make();
}
