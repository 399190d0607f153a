import { SimClock } from '@app/time';
import { EMPTY, NEVER, Observable, of, range, take } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { Diary, FakeCall } from '../testing/fake-call.js';
import { marbles } from '../testing/marbles.js';
import { deadlineError, withDeadline, withTimeout } from './with-timeout.js';

const late = expect.objectContaining({ code: 'CIRCUIT_TIMEOUT', details: { circuit: 'films', timeoutMs: 5 } });

describe('a timeout', () => {
  it('covers the whole of a call', () => {
    marbles(({ cold, expectObservable, expectSubscriptions, clock }) => {
      const call$ = cold('  --a---b|  ');
      const subscribed = '  ^----!    ';
      const expected = '    --a--#    ';
      expectObservable(call$.pipe(withTimeout(clock, 'films', { timeoutMs: 5, until: 'end' }))).toBe(expected, undefined, late);
      expectSubscriptions(call$.subscriptions).toBe(subscribed);
    });
  });

  it('covers a stream to its first value where it says so', () => {
    marbles(({ cold, expectObservable, clock }) => {
      const call$ = cold('  --a---b------c|');
      const expected = '    --a---b------c|';
      expectObservable(call$.pipe(withTimeout(clock, 'films', { timeoutMs: 5, until: 'first-value' }))).toBe(expected);
      const silent$ = cold('------a|');
      const refused = '     -----#  ';
      expectObservable(silent$.pipe(withTimeout(clock, 'films', { timeoutMs: 5, until: 'first-value' }))).toBe(refused, undefined, late);
    });
  });

  it('leaves no timer: not after an end, not when the caller leaves, not for an answer at once', () => {
    const clock = new SimClock();
    const inTime = <T>(call$: Observable<T>) => call$.pipe(withTimeout<T>(clock, 'films', { timeoutMs: 5, until: 'end' }));
    expect(new Diary(inTime(of('now'))).lines).toEqual(['now', 'complete']);
    new Diary(inTime(EMPTY));
    new Diary(inTime(NEVER)).leave();
    const call = new FakeCall();
    const diary = new Diary(inTime(call.call$));
    expect(clock.pending).toBe(1);
    call.answer();
    expect(diary.lines).toEqual(['answer', 'complete']);
    expect(clock.pending).toBe(0);
  });

  it('touches no neighbour, though they share the operator', () => {
    const clock = new SimClock();
    const timeout = withTimeout<string>(clock, 'films', { timeoutMs: 5, until: 'end' });
    const [first, second] = [new FakeCall(), new FakeCall()];
    const late = new Diary(first.call$.pipe(timeout));
    clock.advance(3);
    const inTime = new Diary(second.call$.pipe(timeout));
    clock.advance(2);
    second.answer();
    expect([late.lines, inTime.lines]).toEqual([['CIRCUIT_TIMEOUT'], ['answer', 'complete']]);
  });

  it('tells its caller even when the teardown throws', () => {
    const clock = new SimClock();
    const stubborn$ = new Observable<string>(() => () => {
      throw new Error('teardown failed');
    });
    const diary = new Diary(stubborn$.pipe(withTimeout(clock, 'films', { timeoutMs: 5, until: 'end' })));
    expect(() => clock.advance(5)).toThrow('teardown failed');
    expect(diary.lines).toEqual(['CIRCUIT_TIMEOUT']);
  });

  it('lets a source that emits without end be stopped', () => {
    const clock = new SimClock();
    let emitted = 0;
    const endless$ = new Observable<number>((subscriber) => {
      while (!subscriber.closed) subscriber.next(emitted++);
    });
    endless$.pipe(withTimeout(clock, 'films', { timeoutMs: 5, until: 'first-value' }), take(3)).subscribe();
    expect(emitted).toBe(3);
    expect(clock.pending).toBe(0);
  });
});

describe('a deadline', () => {
  it('ends a call at its moment, whenever the call began', () => {
    marbles(({ cold, expectObservable, expectSubscriptions, clock }) => {
      const call$ = cold('   --a---b|');
      const subscribed = '---^---!   ';
      const expected = '  -----a-#   ';
      expectObservable(call$.pipe(withDeadline(clock, 7)), '---^----').toBe(expected, undefined, deadlineError(0));
      expectSubscriptions(call$.subscriptions).toBe(subscribed);
    });
  });

  it('that has passed lets nothing begin', () => {
    const clock = new SimClock();
    const call = new FakeCall();
    const call$ = call.call$.pipe(withDeadline(clock, 10));
    clock.advance(12);
    const diary = new Diary(call$);
    expect(diary.lines).toEqual(['DEADLINE_EXCEEDED']);
    expect(diary.errors[0]).toMatchObject({ details: { lateMs: 2 } });
    expect(call.subscriptions).toBe(0);
  });

  it('of Infinity is none, and costs nothing', () => {
    const source$ = range(3);
    expect(source$.pipe(withDeadline(new SimClock(), Infinity))).toBe(source$);
  });
});
