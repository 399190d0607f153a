/**
 * Callers who leave at random moments, before, during and after the answer, of a dependency that is ill now and then: what
 * a leak test puts a circuit through.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { SeededRandom } from '@app/time';
import { Observable, type Subscriber, type Subscription } from 'rxjs';
import type { Circuit } from '../circuit.js';
import { SMALL_POLICY, type CircuitWorld } from './circuit-scene.js';

const FLYING_COUNT = 40;

/** What is still there when all is over; counts, and bytes for the heap. */
export interface Remains {
  readonly leavers: number;
  readonly subscriptions: number;
  readonly permits: number;
  readonly timers: number;
  readonly heapGrowthBytes: number;
}

/** What `callCount` calls leave behind, most of whose callers leave; about a tenth of that many warm up first. */
export async function leaveAtRandom(world: CircuitWorld, callCount: number): Promise<Remains> {
  const policy = { ...SMALL_POLICY, capacity: 64, volumeThreshold: 20, slow: { callMs: 60, rateThreshold: 0.9 } };
  const circuit = world.circuit(policy);
  const advance = (durationMs: number) => world.advance(durationMs);
  callAtRandom(circuit, Math.ceil(callCount / 10), advance);
  const before = { heapBytes: await heapBytes(), leavers: circuit.statistics().totals.cancelled };
  const subscriptions = callAtRandom(circuit, callCount, advance);
  world.advance(policy.timeoutMs);
  const { inFlight, totals } = circuit.statistics();
  circuit.stop();
  return {
    leavers: totals.cancelled - before.leavers,
    subscriptions,
    permits: inFlight,
    timers: world.pendingTimers(),
    heapGrowthBytes: (await heapBytes()) - before.heapBytes,
  };
}

/** Each step begins a call and ends any of those in flight. @returns subscriptions that the dependency has at the end */
function callAtRandom(circuit: Circuit, callCount: number, advance: (durationMs: number) => void): number {
  const random = new SeededRandom(41);
  let live = 0;
  let latest: Subscriber<string> | undefined;
  const call$ = circuit.protect(
    new Observable<string>((subscriber) => {
      latest = subscriber;
      live++;
      return () => live--;
    }),
  );
  const listener = { next() {}, error() {}, complete() {} };
  const flying: { readonly caller: Subscription; readonly called: Subscriber<string> | undefined }[] = [];
  let ill = false;
  for (let i = 0; i < callCount; i++) {
    if (random.below(ill ? 200 : 4_000) === 0) ill = !ill;
    latest = undefined;
    const caller = call$.subscribe(listener);
    const begun = { caller, called: latest };
    if (flying.length < FLYING_COUNT) flying.push(begun);
    const at = random.below(flying.length);
    const ended = flying[at]!;
    flying[at] = begun;
    const fate = random.fraction();
    if (fate < (ill ? 0.9 : 0.01)) ended.called?.error(new Error('dependency failed'));
    else if (fate < 0.12) ended.called?.complete();
    else if (fate < 0.2) ended.called?.next('answer');
    ended.caller.unsubscribe();
    if (random.below(20) === 0) advance(random.below(15));
  }
  for (const { caller } of flying) caller.unsubscribe();
  return live;
}

/** After the microtasks that opossum's promises left, and a full collection. */
async function heapBytes(): Promise<number> {
  await Promise.resolve();
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}
