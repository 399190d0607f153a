/**
 * Marble tests of operators that take a `Clock`: rxjs's TestScheduler is the time of both. In a picture, a character is a
 * millisecond.
 */
import type { Clock } from '@app/time';
import { TestScheduler, type RunHelpers } from 'rxjs/testing';
import { expect } from 'vitest';

export interface MarbleHelpers extends RunHelpers {
  readonly clock: Clock;
}

export function marbles(draw: (helpers: MarbleHelpers) => void): void {
  const scheduler = new TestScheduler((actual, expected) => expect(actual).toEqual(expected));
  scheduler.run((helpers) => draw({ ...helpers, clock: clockOf(scheduler) }));
}

function clockOf(scheduler: TestScheduler): Clock {
  return {
    wallMs: () => scheduler.now(),
    monotonicMs: () => scheduler.now(),
    after(delayMs, task) {
      const scheduled = scheduler.schedule(task, delayMs);
      return () => scheduled.unsubscribe();
    },
  };
}
