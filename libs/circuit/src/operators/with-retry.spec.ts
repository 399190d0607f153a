import { TriptychError, type ErrorCode } from '@app/contracts';
import { SeededRandom, SimClock, type Random } from '@app/time';
import fc from 'fast-check';
import { Observable, concat, defer, of, take, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { Diary } from '../testing/fake-call.js';
import { marbles } from '../testing/marbles.js';
import { ExtraLoadBudget, earning } from './extra-load-budget.js';
import { briefRetry, retryWaitMs, withRetry, type FailedAttempt, type RetryPolicy, type RetryTerms } from './with-retry.js';

const POLICY: RetryPolicy = { attemptsMax: 3, backoffMs: 4, backoffMaxMs: 6 };
const ANY_TIME: RetryTerms = { idempotent: true, deadlineMs: Infinity };
const ofCode = (code: ErrorCode) => new TriptychError(code, code);
const UNREACHABLE = ofCode('WIRE_UNREACHABLE');
const LOST = ofCode('WIRE_CONNECTION_LOST');

/** Draws the longest wait that there is room for. */
const longest: Random = { fraction: () => 1, bytes: (count) => new Uint8Array(count) };
const plenty = () => new ExtraLoadBudget({ perCall: 1, burst: 1_000 });

/** A source that fails with each of `errors`, one an attempt, then answers. */
function failing(...errors: unknown[]) {
  let attempts = 0;
  const call$ = defer(() => (attempts < errors.length ? throwError(() => errors[attempts++]) : of(`answer ${++attempts}`)));
  return { call$, attempts: () => attempts };
}

function retried(call$: Observable<string>, terms: RetryTerms = ANY_TIME, policy = POLICY, budget = plenty()) {
  const clock = new SimClock();
  const diary = new Diary(call$.pipe(withRetry(policy, terms, { clock, random: longest, budget })));
  clock.advance(1_000);
  return { lines: diary.lines, errors: diary.errors, clock, budget };
}

describe('the decision to try again', () => {
  const failed: FailedAttempt = { attempt: 1, error: UNREACHABLE, idempotent: false, nowMs: 100, deadlineMs: Infinity };
  const wait = (change: Partial<FailedAttempt> = {}, draw = 0.5) => retryWaitMs({ ...failed, ...change }, POLICY, draw);

  it('waits a random part of a ceiling that doubles and is capped', () => {
    expect([0, 0.25, 0.999].map((draw) => wait({}, draw))).toEqual([0, 1, 3.996]);
    expect([1, 2].map((attempt) => wait({ attempt }, 0.5))).toEqual([2, 3]);
  });

  it('gives up after so many attempts', () => {
    expect(wait({ attempt: 3 })).toBeNull();
    expect(retryWaitMs(failed, { ...POLICY, attemptsMax: 1 }, 0)).toBeNull();
  });

  it.each<[ErrorCode, boolean, 'yes' | 'no']>([
    ['WIRE_UNREACHABLE', false, 'yes'],
    ['WIRE_UNREACHABLE', true, 'yes'],
    ['WIRE_CONNECTION_LOST', false, 'no'],
    ['WIRE_CONNECTION_LOST', true, 'yes'],
    ['STORE_WRITE_TIMEOUT', false, 'no'],
    ['CIRCUIT_TIMEOUT', true, 'yes'],
    ['CIRCUIT_OPEN', true, 'no'],
    ['CIRCUIT_SATURATED', true, 'no'],
    ['REQUEST_INVALID', true, 'no'],
    ['ITEM_NOT_FOUND', true, 'no'],
  ])('after %s, idempotent: %s, is %s', (code, idempotent, answer) => {
    expect(wait({ error: ofCode(code), idempotent }) === null ? 'no' : 'yes').toBe(answer);
  });

  it('after an error that is not ours takes an effect for possible', () => {
    const error = new Error('from a library');
    expect([wait({ error, idempotent: false }), wait({ error, idempotent: true })]).toEqual([null, 2]);
  });

  it('never begins at the deadline or after it', () => {
    expect(wait({ deadlineMs: 102 })).toBeNull();
    expect(wait({ deadlineMs: 102.001 })).toBe(2);
  });

  it('is the judge of the policy where it has one, which cannot make a call idempotent', () => {
    const policy = { ...POLICY, judge: (error: unknown) => error === LOST || (error as TriptychError).code === 'STORE_DRAINING' };
    const of = (error: unknown, idempotent: boolean) => retryWaitMs({ ...failed, error, idempotent }, policy, 0);
    expect([of(ofCode('STORE_DRAINING'), false), of(UNREACHABLE, true), of(LOST, false)]).toEqual([0, null, null]);
  });
});

describe('a retry', () => {
  it('waits after each failure, and tears the attempt down first', () => {
    marbles(({ cold, expectObservable, expectSubscriptions, clock }) => {
      const call$ = cold('  --#              ', undefined, UNREACHABLE);
      const first = '       ^-!              ';
      const second = '      ------^-!        ';
      const third = '       --------------^-!';
      const expected = '    ----------------#';
      const ports = { clock, random: longest, budget: plenty() };
      expectObservable(call$.pipe(withRetry(POLICY, ANY_TIME, ports))).toBe(expected, undefined, UNREACHABLE);
      expectSubscriptions(call$.subscriptions).toBe([first, second, third]);
    });
  });

  it('ends with the first answer', () => {
    const { call$, attempts } = failing(UNREACHABLE, LOST);
    expect(retried(call$).lines).toEqual(['answer 3', 'complete']);
    expect(attempts()).toBe(3);
  });

  it('never begins a stream again that has begun', () => {
    const stream$ = concat(of('a'), throwError(() => UNREACHABLE));
    expect(retried(stream$).lines).toEqual(['a', 'WIRE_UNREACHABLE']);
  });

  it('is torn down with its caller, in the middle of an attempt or of a wait', () => {
    for (const leavesAtMs of [1, 3]) {
      marbles(({ cold, expectSubscriptions, clock }) => {
        const call$ = cold('--#', undefined, UNREACHABLE);
        const caller = call$.pipe(withRetry(POLICY, ANY_TIME, { clock, random: longest, budget: plenty() })).subscribe();
        clock.after(leavesAtMs, () => caller.unsubscribe());
        expectSubscriptions(call$.subscriptions).toBe(leavesAtMs === 1 ? '^!' : '^-!');
      });
    }
  });

  it('reports the doubt that an earlier attempt left', () => {
    const { call$ } = failing(LOST, UNREACHABLE, ofCode('CIRCUIT_OPEN'));
    expect(retried(call$).errors).toEqual([LOST]);
    expect(retried(failing(UNREACHABLE, LOST, LOST).call$).errors).toEqual([LOST]);
  });

  it('lets a source that emits without end be stopped', () => {
    let emitted = 0;
    const endless$ = new Observable<number>((subscriber) => {
      while (!subscriber.closed) subscriber.next(emitted++);
    });
    const ports = { clock: new SimClock(), random: longest, budget: plenty() };
    endless$.pipe(withRetry(briefRetry, ANY_TIME, ports), take(3)).subscribe();
    expect(emitted).toBe(3);
  });

  it('goes without when the budget does not pay, and the error passes at once', () => {
    const budget = new ExtraLoadBudget({ perCall: 0.1, burst: 1 });
    expect(retried(failing(UNREACHABLE).call$, ANY_TIME, POLICY, budget).lines).toEqual(['answer 2', 'complete']);
    const refused = retried(failing(UNREACHABLE).call$, ANY_TIME, POLICY, budget);
    expect(refused.lines).toEqual(['WIRE_UNREACHABLE']);
    expect(budget.statistics()).toMatchObject({ retries: 1, refused: 1 });
  });

  it.each([
    { attemptsMax: 0, backoffMs: 1, backoffMaxMs: 1 },
    { attemptsMax: 1, backoffMs: 0, backoffMaxMs: 1 },
    { attemptsMax: 1, backoffMs: 2, backoffMaxMs: 1 },
  ])('is not made from a policy that means nothing: %o', (policy) => {
    expect(() => retried(of('answer'), ANY_TIME, policy)).toThrow('attemptsMax');
  });
});

describe('any number of callers of a dependency that is ill now and then', () => {
  it('put a load on it that their budget bounds, none after its deadline, none twice that must not be', () => {
    const calls = fc.array(
      fc.record({
        errors: fc.array(fc.constantFrom(UNREACHABLE, LOST, ofCode('REQUEST_INVALID'), new Error('from a library')), { maxLength: 5 }),
        idempotent: fc.boolean(),
        leftMs: fc.constantFrom(3, 10, Infinity),
        pauseMs: fc.nat({ max: 4 }),
        takesMs: fc.nat({ max: 3 }),
      }),
      { minLength: 1, maxLength: 60 },
    );
    const budgets = fc.record({ perCall: fc.constantFrom(0.1, 0.25), burst: fc.integer({ min: 1, max: 4 }) });
    fc.assert(
      fc.property(calls, budgets, fc.integer(), (made, budgetPolicy, seed) => {
        const clock = new SimClock();
        const random = new SeededRandom(seed);
        const budget = new ExtraLoadBudget(budgetPolicy);
        const wrong: string[] = [];
        let attemptsInAll = 0;
        let ended = 0;
        for (const { errors, idempotent, leftMs, pauseMs, takesMs } of made) {
          const deadlineMs = clock.monotonicMs() + leftMs;
          const seen: unknown[] = [];
          const call$ = new Observable<string>((subscriber) => {
            const before = seen.at(-1);
            if (seen.length > 0) {
              if (clock.monotonicMs() >= deadlineMs) wrong.push('after the deadline');
              if (!idempotent && before !== UNREACHABLE) wrong.push('twice');
              if ((before as TriptychError).code === 'REQUEST_INVALID') wrong.push('a mistake');
            }
            attemptsInAll++;
            const error = errors[seen.length];
            seen.push(error);
            if (seen.length > POLICY.attemptsMax) wrong.push('too often');
            return clock.after(takesMs, () => (error === undefined ? subscriber.complete() : subscriber.error(error)));
          });
          const ports = { clock, random, budget };
          call$
            .pipe(withRetry(POLICY, { idempotent, deadlineMs }, ports), earning(budget))
            .subscribe({ complete: () => ended++, error: () => ended++ });
          clock.advance(pauseMs);
        }
        clock.advance(1_000);
        const { retries } = budget.statistics();
        expect(attemptsInAll).toBe(made.length + retries);
        expect(retries).toBeLessThanOrEqual(budgetPolicy.burst + budgetPolicy.perCall * made.length);
        expect({ wrong, ended, timers: clock.pending }).toEqual({ wrong: [], ended: made.length, timers: 0 });
      }),
    );
  });

  it('a hundred thousand of them, all failing: the load is 110% of what was asked for, where it would have been 300%', () => {
    const load = (budget: ExtraLoadBudget) => {
      const clock = new SimClock();
      let attempts = 0;
      const down$ = new Observable<string>((subscriber) => {
        attempts++;
        subscriber.error(UNREACHABLE);
      });
      const ports = { clock, random: new SeededRandom(7), budget };
      const call$ = down$.pipe(withRetry(briefRetry, ANY_TIME, ports), earning(budget));
      for (let i = 0; i < 100_000; i++) {
        call$.subscribe({ error: () => {} });
        clock.advance(1);
      }
      clock.advance(1_000);
      return attempts / 100_000;
    };
    expect(load(new ExtraLoadBudget({ perCall: 0.1, burst: 20 }))).toBeCloseTo(1.1, 3);
    expect(load(new ExtraLoadBudget({ perCall: 1, burst: 1_000_000 }))).toBe(3);
  });
});
