import { InvariantViolation, TriptychError } from '@app/contracts';
import { SimClock } from '@app/time';
import { EMPTY, concat, map, of, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { Diary, FakeCall } from '../testing/fake-call.js';
import { marbles } from '../testing/marbles.js';
import { LastAnswers } from './last-answers.js';
import { withFallback, type Fallback } from './with-fallback.js';

const OPEN = new TriptychError('CIRCUIT_OPEN', 'open');
const MISTAKE = new TriptychError('ITEM_NOT_FOUND', 'no such film');

/** Degraded values in brackets. */
function served(call: FakeCall, fallback: Fallback<string>): Diary {
  const served$ = call.call$.pipe(withFallback(fallback));
  return new Diary(served$.pipe(map(({ value, degraded }) => (degraded ? `(${value})` : value))));
}

describe('a fallback', () => {
  it('stands in for a call that fails, and says so and why', () => {
    marbles(({ cold, expectObservable, expectSubscriptions }) => {
      const call$ = cold('    --#     ', {}, OPEN);
      const stand$ = cold('     --b|  ');
      const standSubs = '     --^--!  ';
      const expected = '      ----s|  ';
      const s = { value: 'b', degraded: true, cause: OPEN };
      expectObservable(call$.pipe(withFallback(() => stand$))).toBe(expected, { s });
      expectSubscriptions(stand$.subscriptions).toBe(standSubs);
    });
  });

  it('is not asked for while the call answers', () => {
    const call = new FakeCall();
    let asked = 0;
    const diary = served(call, () => of(String(++asked)));
    call.answer('film');
    expect([diary.lines, asked]).toEqual([['film', 'complete'], 0]);
  });

  it.each([
    ['a mistake of the caller', MISTAKE],
    ['a bug of ours', new InvariantViolation('broken')],
  ])('does not cover up %s', (_, error) => {
    const call = new FakeCall();
    const diary = served(call, () => of('covered up'));
    call.fail(error);
    expect(diary.errors).toEqual([error]);
  });

  it('stands for what it is told to', () => {
    const call$ = throwError(() => MISTAKE);
    const lines = new Diary(call$.pipe(withFallback(() => of('unknown film'), () => true), map(({ value }) => value))).lines;
    expect(lines).toEqual(['unknown film', 'complete']);
  });

  it('never goes on with a stream that another has begun', () => {
    const call = new FakeCall();
    const diary = served(call, () => of('other'));
    call.value('first half');
    call.fail(OPEN);
    expect(diary.lines).toEqual(['first half', 'CIRCUIT_OPEN']);
  });

  it.each<[string, Fallback<string>]>([
    ['fails', () => throwError(() => new Error('fallback failed'))],
    ['is empty', () => EMPTY],
    ['cannot be made', () => { throw new Error('fallback broken'); }],
  ])('that %s serves nothing: the error of the call passes', (_, fallback) => {
    const call = new FakeCall();
    const diary = served(call, fallback);
    call.fail(OPEN);
    expect(diary.errors).toEqual([OPEN]);
  });

  it('that fails half-way says what itself failed with', () => {
    const call = new FakeCall();
    const diary = served(call, () => concat(of('half'), throwError(() => new Error('fallback failed'))));
    call.fail(OPEN);
    expect(diary.lines).toEqual(['(half)', 'fallback failed']);
  });

  it('is torn down with its caller, as the call is', () => {
    const [call, stand] = [new FakeCall(), new FakeCall()];
    const early = served(call, () => stand.call$);
    early.leave();
    expect([call.live, stand.subscriptions]).toEqual([0, 0]);
    const late = served(call, () => stand.call$);
    call.fail(OPEN);
    expect([call.live, stand.live]).toEqual([0, 1]);
    late.leave();
    expect(stand.live).toBe(0);
  });
});

describe('the last good answer', () => {
  const scene = () => {
    const clock = new SimClock();
    const answers = new LastAnswers<string, string>({ entriesMax: 2, ageMaxMs: 1_000 }, clock);
    const ask = (key: string, call: FakeCall) => {
      const served$ = call.call$.pipe(
        answers.remembering(key),
        withFallback(() => answers.recall(key)),
      );
      return new Diary(served$.pipe(map(({ value, degraded }) => (degraded ? `(${value})` : value))));
    };
    const answered = (key: string, value: string) => {
      const call = new FakeCall();
      ask(key, call);
      call.answer(value);
    };
    const failed = (key: string) => {
      const call = new FakeCall();
      const diary = ask(key, call);
      call.fail(OPEN);
      return diary.lines;
    };
    return { clock, answers, answered, failed };
  };

  it('is served in place of a new one, marked as what it is', () => {
    const { answered, failed } = scene();
    answered('7', 'old');
    answered('7', 'new');
    expect(failed('7')).toEqual(['(new)', 'complete']);
    expect(failed('8')).toEqual(['CIRCUIT_OPEN']);
  });

  it('is none when it is too old, and is not kept then', () => {
    const { clock, answers, answered, failed } = scene();
    answered('7', 'old');
    clock.advance(1_000);
    expect(failed('7')).toEqual(['(old)', 'complete']);
    clock.advance(1);
    expect(failed('7')).toEqual(['CIRCUIT_OPEN']);
    expect(answers.size).toBe(0);
  });

  it('is kept for the questions asked most recently, so many and no more', () => {
    const { answers, answered, failed } = scene();
    answered('1', 'a');
    answered('2', 'b');
    failed('1');
    answered('3', 'c');
    expect(answers.size).toBe(2);
    expect(['1', '2', '3'].map((key) => failed(key)[0])).toEqual(['(a)', 'CIRCUIT_OPEN', '(c)']);
  });

  it('is refused bounds that bound nothing', () => {
    const made = (entriesMax: number, ageMaxMs: number) => () => new LastAnswers({ entriesMax, ageMaxMs }, new SimClock());
    expect(made(0, 1)).toThrow('entriesMax');
    expect(made(1, 0)).toThrow('ageMaxMs');
  });
});
