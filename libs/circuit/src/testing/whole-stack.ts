/**
 * All operators round one dependency, in virtual time: cache, collapser, deadline, retry, hedge, bulkhead, circuit, last
 * answers and fallback, for a leak test to go through.
 */
import { SeededRandom, SimClock } from '@app/time';
import { defer, map, type Observable } from 'rxjs';
import { Bulkhead } from '../operators/bulkhead.js';
import { Collapser } from '../operators/collapser.js';
import { ExtraLoadBudget } from '../operators/extra-load-budget.js';
import { LastAnswers } from '../operators/last-answers.js';
import { protect } from '../operators/protect.js';
import { RequestCache } from '../operators/request-cache.js';
import { withFallback } from '../operators/with-fallback.js';
import { withTimeout } from '../operators/with-timeout.js';
import { ownCircuit } from '../own-circuit.js';
import { callContext } from './call-context.js';
import { SMALL_POLICY } from './circuit-scene.js';
import type { LeftAlone } from './leave-at-random.js';

const LONGEST_MS = 300;

export interface WholeStack extends LeftAlone {
  /** What the calls went through: each must be above 0, or the test has tested less than it says. */
  visited(): Readonly<Record<string, number>>;
}

/** Every second call goes alone, the others through cache and collapser; deadlines and keys are drawn. */
export function wholeStack(): WholeStack {
  const clock = new SimClock();
  const random = new SeededRandom(43);
  const circuit = ownCircuit('films', { ...SMALL_POLICY, capacity: 32, volumeThreshold: 20 }, clock);
  const bulkhead = new Bulkhead('films', { capacity: 24, queueLength: 4, queueWaitMs: 20 }, clock);
  const budget = new ExtraLoadBudget({ perCall: 0.1, burst: 20 });
  const extraLoad = { budget, random, retry: { attemptsMax: 3, backoffMs: 5, backoffMaxMs: 20 }, hedge: { delayMs: 10 } };
  const protection = { clock, circuit, bulkhead, extraLoad };
  const answers = new LastAnswers<string, string>({ entriesMax: 20, ageMaxMs: 1_000 }, clock);
  let cache = new RequestCache<string>();
  let shared = 0;
  let degraded = 0;

  return {
    protect(call$: Observable<string>): Observable<string> {
      const collapser = new Collapser<string, string>({ windowMs: 2, keysMax: 4 }, clock, (keys, { deadlineMs }) =>
        defer(() => protect(call$, protection, { idempotent: true, deadlineMs })).pipe(
          map((value) => ({ key: keys[random.below(keys.length)]!, value })),
        ),
      );
      const alone = (deadlineMs: number) => protect(call$, protection, { idempotent: random.below(2) === 0, deadlineMs });
      const gathered = (key: string, deadlineMs: number) => cache.get(key, () => collapser.load(key, callContext({ deadlineMs })));
      return defer(() => {
        if (random.below(50) === 0) {
          shared += cache.statistics().asked - cache.statistics().called;
          cache = new RequestCache<string>();
        }
        const key = String(random.below(30));
        const deadlineMs = clock.monotonicMs() + 1 + random.below(LONGEST_MS);
        return (random.below(2) === 0 ? alone(deadlineMs) : gathered(key, deadlineMs)).pipe(
          withTimeout(clock, 'page', { timeoutMs: 200, until: 'first-value' }),
          answers.remembering(key),
          withFallback(() => answers.recall(key)),
          map((served) => {
            if (served.degraded) degraded++;
            return served.value;
          }),
        );
      });
    },
    advance: (durationMs) => clock.advance(durationMs),
    end() {
      clock.advance(LONGEST_MS + SMALL_POLICY.timeoutMs);
      const { inFlight, waiting } = bulkhead.statistics();
      const permits = circuit.statistics().inFlight + inFlight + waiting;
      circuit.stop();
      return { permits, timers: clock.pending };
    },
    visited() {
      const turnedAway = bulkhead.statistics().refused;
      return { ...budget.statistics(), ...circuit.statistics().totals, turnedAway, shared, degraded };
    },
  };
}
