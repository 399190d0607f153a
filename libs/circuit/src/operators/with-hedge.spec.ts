import { TriptychError } from '@app/contracts';
import { SimClock } from '@app/time';
import fc from 'fast-check';
import { Observable, concat, of, take } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { Diary, FakeCall } from '../testing/fake-call.js';
import { marbles, type MarbleHelpers } from '../testing/marbles.js';
import { ExtraLoadBudget, earning } from './extra-load-budget.js';
import { lateHedge, withHedge } from './with-hedge.js';

const plenty = () => new ExtraLoadBudget({ perCall: 1, burst: 1_000 });
const UNREACHABLE = new TriptychError('WIRE_UNREACHABLE', 'no way there');
const LOST = new TriptychError('WIRE_CONNECTION_LOST', 'lost on the way');

/** The first subscription goes to `first$`, the second to `second$`, 3 ms later. */
function race({ clock }: MarbleHelpers, first$: Observable<string>, second$: Observable<string>, budget = plenty()) {
  const attempts = [first$, second$];
  const call$ = new Observable<string>((subscriber) => attempts.shift()!.subscribe(subscriber));
  return call$.pipe(withHedge({ delayMs: 3 }, { clock, budget }));
}

describe('a hedge', () => {
  it('asks a second time when the first attempt is late; the first value wins, and the loser is torn down', () => {
    marbles((helpers) => {
      const { cold, expectObservable, expectSubscriptions } = helpers;
      const first$ = cold(' ---------a|');
      const second$ = cold('   --b|     ');
      const firstSubs = '   ^----!     ';
      const secondSubs = '  ---^--!    ';
      const expected = '    -----b|    ';
      expectObservable(race(helpers, first$, second$)).toBe(expected);
      expectSubscriptions(first$.subscriptions).toBe(firstSubs);
      expectSubscriptions(second$.subscriptions).toBe(secondSubs);
    });
  });

  it('leaves a first attempt that answers later the race to win', () => {
    marbles((helpers) => {
      const { cold, expectObservable, expectSubscriptions } = helpers;
      const first$ = cold(' ----a-b|   ');
      const second$ = cold('   ----c|   ');
      const secondSubs = '  ---^!      ';
      const expected = '    ----a-b|   ';
      expectObservable(race(helpers, first$, second$)).toBe(expected);
      expectSubscriptions(second$.subscriptions).toBe(secondSubs);
    });
  });

  it('does not ask twice where the first attempt answers in time, though it goes on', () => {
    marbles((helpers) => {
      const { cold, expectObservable, expectSubscriptions } = helpers;
      const first$ = cold('--a-----b|');
      const second$ = cold('|');
      expectObservable(race(helpers, first$, second$)).toBe('--a-----b|');
      expectSubscriptions(second$.subscriptions).toBe([]);
    });
  });

  it('takes the first answer, and not the first end: an attempt that fails leaves the other to answer', () => {
    marbles((helpers) => {
      const { cold, expectObservable } = helpers;
      expectObservable(race(helpers, cold('-----#'), cold('----a|'))).toBe('-------a|');
      expectObservable(race(helpers, cold('-------a|'), cold('-#'))).toBe('-------a|');
    });
  });

  it('takes a completion without a value for an answer', () => {
    marbles((helpers) => {
      const { cold, expectObservable, expectSubscriptions } = helpers;
      const first$ = cold('------a|');
      expectObservable(race(helpers, first$, cold('-|'))).toBe('----|');
      expectSubscriptions(first$.subscriptions).toBe('^---!');
    });
  });

  it('is no retry: what fails before it is due has failed', () => {
    marbles((helpers) => {
      const { cold, expectObservable, expectSubscriptions } = helpers;
      const second$ = cold('a|');
      expectObservable(race(helpers, cold('--#'), second$)).toBe('--#');
      expectSubscriptions(second$.subscriptions).toBe([]);
    });
  });

  it('fails when both have failed, and reports the doubt that either left', () => {
    marbles((helpers) => {
      const { cold, expectObservable } = helpers;
      const bothWays = [
        race(helpers, cold('----#', {}, LOST), cold('----#', {}, UNREACHABLE)),
        race(helpers, cold('-------#', {}, UNREACHABLE), cold('--#', {}, LOST)),
      ];
      for (const call$ of bothWays) expectObservable(call$).toBe('-------#', {}, LOST);
    });
  });

  it('does without where the budget does not pay', () => {
    marbles((helpers) => {
      const { cold, expectObservable } = helpers;
      const spent = new ExtraLoadBudget({ perCall: 0.1, burst: 1 });
      spent.spend('hedge');
      expectObservable(race(helpers, cold('-----a|'), cold('b|'), spent)).toBe('-----a|');
    });
  });

  it('is torn down with its caller, timer and both attempts', () => {
    const clock = new SimClock();
    const call = new FakeCall();
    const hedged$ = call.call$.pipe(withHedge({ delayMs: 3 }, { clock, budget: plenty() }));
    const early = new Diary(hedged$);
    early.leave();
    expect([call.live, clock.pending]).toEqual([0, 0]);
    const late = new Diary(hedged$);
    clock.advance(3);
    expect(call.live).toBe(2);
    late.leave();
    expect([call.live, clock.pending]).toEqual([0, 0]);
  });

  it('holds no timer for an answer at once, and lets a source that emits without end be stopped', () => {
    const clock = new SimClock();
    const ports = { clock, budget: plenty() };
    expect(new Diary(of('now').pipe(withHedge(lateHedge, ports))).lines).toEqual(['now', 'complete']);
    let emitted = 0;
    const endless$ = new Observable<number>((subscriber) => {
      while (!subscriber.closed) subscriber.next(emitted++);
    });
    endless$.pipe(withHedge(lateHedge, ports), take(3)).subscribe();
    expect([emitted, clock.pending]).toEqual([3, 0]);
  });

  it('asks no second time where the first value came at once, though the stream goes on', () => {
    const clock = new SimClock();
    const call = new FakeCall();
    const stream$ = concat(of('now'), call.call$);
    const diary = new Diary(stream$.pipe(withHedge({ delayMs: 3 }, { clock, budget: plenty() })));
    clock.advance(10);
    expect([diary.lines, call.subscriptions]).toEqual([['now'], 1]);
  });

  it('passes the value on even when the teardown of the loser throws', () => {
    const clock = new SimClock();
    const call = new FakeCall();
    const stubborn$ = new Observable<string>(() => () => {
      throw new Error('teardown failed');
    });
    const attempts = [stubborn$, call.call$];
    const call$ = new Observable<string>((subscriber) => attempts.shift()!.subscribe(subscriber));
    const diary = new Diary(call$.pipe(withHedge({ delayMs: 3 }, { clock, budget: plenty() })));
    clock.advance(3);
    expect(() => call.value('a')).toThrow('teardown failed');
    expect(diary.lines).toEqual(['a']);
  });

  it('may measure its delay, and asks for it once a call', () => {
    const clock = new SimClock();
    const delays = [5, 2];
    const call = new FakeCall();
    const hedged$ = call.call$.pipe(withHedge({ delayMs: () => delays.shift()! }, { clock, budget: plenty() }));
    const first = new Diary(hedged$);
    clock.advance(4);
    expect(call.live).toBe(1);
    clock.advance(1);
    expect(call.live).toBe(2);
    first.leave();
    new Diary(hedged$);
    clock.advance(2);
    expect(call.live).toBe(2);
    expect(() => withHedge({ delayMs: 0 }, { clock, budget: plenty() })).toThrow('delay');
  });
});

describe('hedges of a dependency that is slow for everybody', () => {
  it('add at most what the budget allows, and every call has one outcome: the better of its attempts', () => {
    const attempt = fc.record({ takesMs: fc.integer({ min: 1, max: 12 }), ends: fc.constantFrom('value', 'error') });
    const calls = fc.array(fc.tuple(attempt, attempt), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(calls, fc.integer({ min: 1, max: 3 }), (made, burst) => {
        const clock = new SimClock();
        const budget = new ExtraLoadBudget({ perCall: 0.1, burst });
        let attempts = 0;
        made.forEach((races, index) => {
          const begun = { at: clock.monotonicMs(), attempts: 0 };
          const call$ = new Observable<string>((subscriber) => {
            const { takesMs, ends } = races[begun.attempts++]!;
            attempts++;
            return clock.after(takesMs, () => (ends === 'value' ? subscriber.next(`${index}`) : subscriber.error(UNREACHABLE)));
          });
          let heard = '';
          call$.pipe(withHedge({ delayMs: 4 }, { clock, budget }), earning(budget), take(1)).subscribe({
            next: () => (heard += `value at ${clock.monotonicMs() - begun.at}`),
            error: () => (heard += `error at ${clock.monotonicMs() - begun.at}`),
          });
          clock.advance(30);
          // The dumb version: all ends of the attempts made, in order; the first value, else the last error.
          const ends = races.slice(0, begun.attempts).map(({ takesMs, ends: end }, which) => ({ atMs: takesMs + 4 * which, end }));
          const values = ends.filter(({ end }) => end === 'value').map(({ atMs }) => atMs);
          const errors = ends.map(({ atMs }) => atMs);
          expect(heard).toBe(values.length > 0 ? `value at ${Math.min(...values)}` : `error at ${Math.max(...errors)}`);
        });
        const { hedges } = budget.statistics();
        expect(attempts).toBe(made.length + hedges);
        expect(hedges).toBeLessThanOrEqual(burst + 0.1 * made.length);
        expect(clock.pending).toBe(0);
      }),
    );
  });
});
