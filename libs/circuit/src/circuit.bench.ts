/**
 * What a closed circuit costs per call, beside a bare subscription measured in the same run: differences and ratios are
 * to be trusted, figures of different runs are not. Also runs tiny, in circuit.bench.spec.ts, so that it cannot rot.
 */
import { systemClock } from '@app/time';
import CircuitBreaker from 'opossum';
import { Observable, of, type Subscriber } from 'rxjs';
import { storeRead } from './circuit-policy.js';
import { opossumCircuit } from './opossum-circuit.js';
import { ownCircuit } from './own-circuit.js';

/** CPU-microseconds (user and system, all threads) per call, the median of the rounds. */
export interface CircuitBenchResult {
  /** A call answered after it was subscribed, as every call over a wire is: its timeout is armed and disarmed. */
  readonly later: { readonly bare: number; readonly own: number; readonly opossum: number };
  /** A call answered within its subscription, as from a cache. */
  readonly atOnce: { readonly bare: number; readonly own: number; readonly opossum: number };
  /** A call refused by an open circuit: an error with its stack. */
  readonly refused: { readonly own: number; readonly opossum: number };
  /** opossum as it comes, fired with an action whose promise is settled, beside awaiting such a promise. */
  readonly promise: { readonly bare: number; readonly opossumAlone: number };
}

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

  const median = (name: string): number => taken.get(name)!.sort((a, b) => a - b)[Math.floor(roundCount / 2)]!;
  return {
    later: { bare: median('laterBare'), own: median('laterOwn'), opossum: median('laterOpossum') },
    atOnce: { bare: median('atOnceBare'), own: median('atOnceOwn'), opossum: median('atOnceOpossum') },
    refused: { own: median('refusedOwn'), opossum: median('refusedOpossum') },
    promise: { bare: median('promiseBare'), opossumAlone: median('opossumAlone') },
  };
}

const one$ = of(1);
const failing$ = new Observable<number>((subscriber) => subscriber.error(new Error('bench')));
const LISTENER = { next() {}, error() {}, complete() {} };

function subscribed(callCount: number, make: () => Observable<number>): void {
  for (let i = 0; i < callCount; i++) make().subscribe(LISTENER);
}

function answeredLater(callCount: number, protect: (call$: Observable<number>) => Observable<number>): void {
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
