/**
 * So many requests in flight at any moment, the next when one is answered: how much the system can do at most. Its latencies
 * leave out who would have waited, so none are kept.
 */
import type { Clock } from '@app/time';

/**
 * @param inFlight a count @param one begins one request, and says when it has ended
 * @param done told how many ended well, and in how long
 */
export function closedLoop(inFlight: number, durationMs: number, clock: Clock, one: (ended: (ok: boolean) => void) => void, done: (ok: number, tookMs: number) => void): void {
  const startMs = clock.monotonicMs();
  let answered = 0;
  let running = inFlight;
  const again = (ok: boolean): void => {
    if (ok) answered++;
    if (clock.monotonicMs() - startMs < durationMs) return one(again);
    if (--running === 0) done(answered, clock.monotonicMs() - startMs);
  };
  for (let index = 0; index < inFlight; index++) one(again);
}
