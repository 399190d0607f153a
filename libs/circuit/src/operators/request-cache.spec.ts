import { InvariantViolation } from '@app/contracts';
import fc from 'fast-check';
import { NEVER, Observable, defer, of, retry, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { Diary, FakeCall } from '../testing/fake-call.js';
import { marbles } from '../testing/marbles.js';
import { RequestCache } from './request-cache.js';

function scene(cache = new RequestCache<string>()) {
  const call = new FakeCall();
  const ask = (key = 'film 7') => new Diary(cache.get(key, () => call.call$));
  return { cache, call, ask };
}

describe('a request cache', () => {
  it('asks once, and shares the answer with all who ask, early and late', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const cache = new RequestCache<string>();
      const film$ = cold('   ---a-b|     ');
      const once = '         ^-----!     ';
      const first = '        ---a-b|     ';
      const second = '       ----ab|     ';
      const third = '        -------(ab|)';
      expectObservable(cache.get('film 7', () => film$)).toBe(first);
      expectObservable(cache.get('film 7', () => film$), '----^').toBe(second);
      expectObservable(cache.get('film 7', () => film$), '-------^').toBe(third);
      expectSubscriptions(film$.subscriptions).toBe(once);
    });
  });

  it('is cold, and each key is a question of its own', () => {
    const { cache, call, ask } = scene();
    cache.get('film 7', () => call.call$);
    expect(call.subscriptions).toBe(0);
    ask('film 7');
    ask('film 8');
    expect(call.subscriptions).toBe(2);
    expect(cache.statistics()).toEqual({ asked: 2, called: 2 });
  });

  it('passes an error to those who wait for it, and keeps none', () => {
    const { call, ask } = scene();
    const waiting = [ask(), ask()];
    call.fail();
    expect(waiting.map(({ lines }) => lines)).toEqual([['dependency failed'], ['dependency failed']]);
    const later = ask();
    call.answer('film');
    expect(later.lines).toEqual(['film', 'complete']);
    expect(call.subscriptions).toBe(2);
  });

  it('asks anew for a retry that comes from within the error, with the call of whoever retries', () => {
    const cache = new RequestCache<string>();
    const [first, second] = [new FakeCall(), new FakeCall()];
    const calls = [first, second];
    const ask = () => defer(() => {
      const { call$ } = calls.shift()!;
      return cache.get('film 7', () => call$);
    });
    const retried = new Diary(ask().pipe(retry(1)));
    first.fail();
    const another = new Diary(cache.get<string>('film 7', () => NEVER));
    second.answer('film');
    expect([retried.lines, another.lines]).toEqual([['film', 'complete'], ['film', 'complete']]);
  });

  it('makes the call of whoever asks anew, not that of whoever asked first', () => {
    const cache = new RequestCache<string>();
    const first = new FakeCall();
    new Diary(cache.get('film 7', () => first.call$));
    first.fail();
    expect(new Diary(cache.get('film 7', () => of('by the second'))).lines).toEqual(['by the second', 'complete']);
  });

  it('tears the call down when all who wait have left, and not before', () => {
    const { call, ask } = scene();
    const [first, second] = [ask(), ask()];
    first.leave();
    expect(call.live).toBe(1);
    second.leave();
    expect(call.live).toBe(0);
    const third = ask();
    expect(call.subscriptions).toBe(2);
    call.answer('film');
    expect(third.lines).toEqual(['film', 'complete']);
  });

  it('keeps the answer though all who waited have gone', () => {
    const { call, ask } = scene();
    const first = ask();
    call.answer('film');
    first.leave();
    expect(ask().lines).toEqual(['film', 'complete']);
    expect(call.subscriptions).toBe(1);
  });

  it('asks anew for what is to be forgotten; those who wait get what they wait for', () => {
    const { cache, call, ask } = scene();
    const waiting = ask();
    const old = call;
    cache.forget('film 7');
    const other = new FakeCall();
    const later = new Diary(cache.get('film 7', () => other.call$));
    old.fail();
    other.answer('as it is');
    expect([waiting.lines[0], later.lines[0]]).toEqual(['dependency failed', 'as it is']);
    expect(new Diary(cache.get<string>('film 7', () => NEVER)).lines[0]).toBe('as it is');
    cache.clear();
    expect(new Diary(cache.get<string>('film 7', () => NEVER)).lines).toEqual([]);
  });

  it('remembers so many questions, and asks the others each time', () => {
    const cache = new RequestCache<string>({ entriesMax: 1, valuesMax: 10 });
    let calls = 0;
    const ask = (key: string) => new Diary(cache.get(key, () => of(String(++calls)))).lines[0];
    expect([ask('a'), ask('b'), ask('a'), ask('b')]).toEqual(['1', '2', '1', '3']);
  });

  it('has room again for other questions when a call failed or was left', () => {
    const cache = new RequestCache<string>({ entriesMax: 1, valuesMax: 10 });
    new Diary(cache.get('a', () => NEVER)).leave();
    new Diary(cache.get('b', () => throwError(() => new Error('dependency failed'))));
    new Diary(cache.get('c', () => of('kept')));
    expect(new Diary(cache.get<string>('c', () => NEVER)).lines).toEqual(['kept', 'complete']);
  });

  it('is not for streams: one with too many values fails, and is stopped though it emits without end', () => {
    const cache = new RequestCache<string>({ entriesMax: 1, valuesMax: 3 });
    expect(new Diary(cache.get('three', () => of('a', 'b', 'c'))).lines).toHaveLength(4);
    cache.clear();
    let emitted = 0;
    const endless$ = new Observable<number>((subscriber) => {
      while (!subscriber.closed) subscriber.next(emitted++);
    });
    let error: unknown;
    cache.get('endless', () => endless$).subscribe({ error: (heard) => (error = heard) });
    expect(error).toBeInstanceOf(InvariantViolation);
    expect(emitted).toBe(4);
  });

  it('takes a call that cannot be made for one that failed', () => {
    const cache = new RequestCache<string>();
    const broken = () => {
      throw new Error('cannot be made');
    };
    expect(new Diary(cache.get<string>('a', broken)).lines).toEqual(['cannot be made']);
    expect(new Diary(cache.get('a', () => of('well'))).lines).toEqual(['well', 'complete']);
  });

  it('refuses bounds that bound nothing', () => {
    expect(() => new RequestCache({ entriesMax: 0, valuesMax: 1 })).toThrow(InvariantViolation);
    expect(() => new RequestCache({ entriesMax: 1, valuesMax: 0 })).toThrow(InvariantViolation);
  });

  it('does what a table of answers would do, for any sequence of questions, leavers and ends', () => {
    const steps = fc.array(
      fc.record({ kind: fc.constantFrom('ask', 'leave', 'answer', 'fail'), key: fc.nat({ max: 2 }), which: fc.nat({ max: 3 }) }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(steps, (sequence) => {
        const cache = new RequestCache<number>();
        const model = [0, 1, 2].map(() => ({ answer: null as string | null, waiting: new Set<Diary>(), call: new FakeCall(), calls: 0 }));
        const expected = new Map<Diary, string[]>();
        let serial = 0;
        for (const { kind, key, which } of sequence) {
          const entry = model[key]!;
          const { call } = entry;
          if (kind === 'ask') {
            if (entry.answer === null && entry.waiting.size === 0) entry.calls++;
            const diary = new Diary(cache.get(key, () => call.call$));
            if (entry.answer === null) entry.waiting.add(diary);
            expected.set(diary, entry.answer === null ? [] : [entry.answer, 'complete']);
          } else if (kind === 'leave') {
            const leaver = [...entry.waiting][which];
            leaver?.leave();
            if (leaver) entry.waiting.delete(leaver);
          } else if (entry.waiting.size > 0) {
            const text = `${++serial}`;
            for (const diary of entry.waiting) expected.set(diary, kind === 'answer' ? [text, 'complete'] : [text]);
            entry.waiting.clear();
            if (kind === 'answer') entry.answer = text;
            if (kind === 'answer') call.answer(text);
            else call.fail(new Error(text));
          }
          expect(model.map(({ call: { subscriptions } }) => subscriptions)).toEqual(model.map(({ calls }) => calls));
          expect(model.map(({ call: { live } }) => live)).toEqual(model.map(({ waiting }) => Math.min(1, waiting.size)));
          for (const [diary, lines] of expected) expect(diary.lines).toEqual(lines);
        }
      }),
    );
  });
});
