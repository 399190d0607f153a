import { EMPTY, NEVER, Observable, of, Subject, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { deferMap, deferThen } from './call-steps.js';

/** All that a subscriber hears, in order. */
function heard(source$: Observable<unknown>): unknown[] {
  const all: unknown[] = [];
  source$.subscribe({ next: (value) => all.push(value), error: (error) => all.push(['error', error]), complete: () => all.push('end') });
  return all;
}
const failing = (error: unknown) => () => throwError(() => error);
const thrower = (error: unknown) => (): never => {
  throw error;
};
const isObserved = (subject: Subject<unknown>) => subject.observed;

describe('deferMap', () => {
  it('calls anew for each subscriber, and answers with what is made of the value', () => {
    let calls = 0;
    const mapped$ = deferMap(() => of(++calls), (value) => value * 10);
    expect(calls).toBe(0);
    expect([heard(mapped$), heard(mapped$)]).toEqual([[10, 'end'], [20, 'end']]);
    expect(heard(deferMap(() => EMPTY, String))).toEqual(['end']);
  });

  it('has its word on every error: of the call, of making it, and of what is made of the value', () => {
    const mapError = (error: unknown) => `not ${error as string}`;
    for (const call of [failing('x'), thrower('x')]) {
      expect(heard(deferMap(call, String))).toEqual([['error', 'x']]);
      expect(heard(deferMap(call, String, mapError))).toEqual([['error', 'not x']]);
    }
    expect(heard(deferMap(() => of(1), thrower('y'), mapError))).toEqual([['error', 'not y']]);
    expect(heard(deferMap(failing('x'), String, thrower('z')))).toEqual([['error', 'z']]);
  });

  it('leaves the call when its subscriber leaves, and when nothing can be made of the value', () => {
    const call = new Subject();
    deferMap(() => call, String).subscribe().unsubscribe();
    expect(isObserved(call)).toBe(false);
    const all = heard(deferMap(() => call, thrower('x')));
    call.next(1);
    expect([all, isObserved(call)]).toEqual([[['error', 'x']], false]);
  });
});

describe('deferThen', () => {
  it('makes the next call with the value of the first, and answers as that one does', () => {
    const first = new Subject<number>();
    const next = new Subject();
    const all = heard(deferThen(() => first, (value) => (expect(value).toBe(1), next)));
    first.next(1);
    first.complete();
    expect([all, isObserved(next)]).toEqual([[], true]);
    next.next(2);
    next.complete();
    expect(all).toEqual([2, 'end']);
    expect(heard(deferThen(() => of(1), (value) => of(value + 1)))).toEqual([2, 'end']);
  });

  it('ends with the first call where that has no value, or fails', () => {
    expect(heard(deferThen(() => EMPTY, of))).toEqual(['end']);
    expect(heard(deferThen(failing('x'), of))).toEqual([['error', 'x']]);
    expect(heard(deferThen(thrower('x'), of))).toEqual([['error', 'x']]);
    expect(heard(deferThen(() => of(1), thrower('y')))).toEqual([['error', 'y']]);
    expect(heard(deferThen(() => of(1), failing('z')))).toEqual([['error', 'z']]);
  });

  it('leaves whichever call is under way', () => {
    const first = new Subject();
    const next = new Subject();
    const early = deferThen(() => first, () => NEVER).subscribe();
    early.unsubscribe();
    expect(isObserved(first)).toBe(false);
    const late = deferThen(() => first, () => next).subscribe();
    first.next(1);
    expect([isObserved(first), isObserved(next)]).toEqual([true, true]);
    late.unsubscribe();
    expect([isObserved(first), isObserved(next)]).toEqual([false, false]);
  });
});
