/**
 * Statistics over time, for metrics and the console. They are pulled, so a circuit that nobody watches spends nothing on
 * being watchable, and one that is watched spends nothing per call.
 */
import type { Clock } from '@app/time';
import { Observable } from 'rxjs';
import type { Circuit, CircuitStatistics } from './circuit.js';

/**
 * A snapshot at once, one at each change of state, and one every `everyMs`; completes when the circuit stops. Cold: each
 * subscription has its own timer, which unsubscribing cancels.
 * @param everyMs > 0
 */
export function watchStatistics(circuit: Circuit, clock: Clock, everyMs: number): Observable<CircuitStatistics> {
  return new Observable((subscriber) => {
    let cancelTick = () => {};
    const tell = () => subscriber.next(circuit.statistics());
    const tellEvery = () => {
      tell();
      if (!subscriber.closed) cancelTick = clock.after(everyMs, tellEvery);
    };
    subscriber.add(() => cancelTick());
    subscriber.add(circuit.transitions$.subscribe({ next: tell, complete: () => subscriber.complete() }));
    tellEvery();
  });
}
