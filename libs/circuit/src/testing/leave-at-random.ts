/**
 * Callers who leave at random moments, before, during and after the answer, of a dependency that is ill now and then: what
 * a leak test puts a circuit through.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { SeededRandom } from '@app/time';
import { Observable, type Subscriber, type Subscription } from 'rxjs';
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

/** What `callCount` calls through a circuit leave behind, most of whose callers leave; about a tenth of that many warm up first. */
export async function leaveAtRandom(world: CircuitWorld, callCount: number): Promise<Remains> {
  const policy = { ...SMALL_POLICY, capacity: 64, volumeThreshold: 20, slow: { callMs: 60, rateThreshold: 0.9 } };
  const circuit = world.circuit(policy);
  return remainsOf(callCount, {
    protect: (call$) => circuit.protect(call$),
    advance: (durationMs) => world.advance(durationMs),
    end: () => {
      world.advance(policy.timeoutMs);
      const { inFlight } = circuit.statistics();
      circuit.stop();
      return { permits: inFlight, timers: world.pendingTimers() };
    },
  });
}

/** What stands between the callers and the dependency. */
export interface LeftAlone {
  readonly protect: (call$: Observable<string>) => Observable<string>;
  readonly advance: (durationMs: number) => void;
  /** Lets all that is timed run out, stops what can be stopped, and counts what is held even so. */
  end(): { readonly permits: number; readonly timers: number };
}

/** As `leaveAtRandom`, through anything. */
export async function remainsOf(callCount: number, alone: LeftAlone): Promise<Remains> {
  callAtRandom(alone, Math.ceil(callCount / 10));
  const before = await heapBytes();
  const { leavers, live } = callAtRandom(alone, callCount);
  const held = alone.end();
  return { leavers, subscriptions: live(), ...held, heapGrowthBytes: (await heapBytes()) - before };
}

/** Each step begins a call and ends any of those in flight. `live`: subscriptions that the dependency has. */
function callAtRandom({ protect, advance }: LeftAlone, callCount: number): { leavers: number; live: () => number } {
  const random = new SeededRandom(41);
  let live = 0;
  let leavers = 0;
  let latest: Subscriber<string> | undefined;
  const call$ = protect(
    new Observable<string>((subscriber) => {
      latest = subscriber;
      live++;
      return () => live--;
    }),
  );
  const listener = { next() {}, error() {}, complete() {} };
  const flying: { readonly caller: Subscription; readonly called: Subscriber<string> | undefined }[] = [];
  let ill = false;
  const leave = (caller: Subscription) => {
    if (!caller.closed) leavers++;
    caller.unsubscribe();
  };
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
    leave(ended.caller);
    if (random.below(20) === 0) advance(random.below(15));
  }
  for (const { caller } of flying) leave(caller);
  return { leavers, live: () => live };
}

/** After the microtasks that opossum's promises left, and a full collection. */
export async function heapBytes(): Promise<number> {
  await Promise.resolve();
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}
