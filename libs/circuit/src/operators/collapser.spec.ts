import { TriptychError, type CallContext } from '@app/contracts';
import { SimClock } from '@app/time';
import { NEVER, Observable, from, take } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { Diary } from '../testing/fake-call.js';
import { marbles } from '../testing/marbles.js';
import { Collapser, pageLookups, type BatchCall, type BatchEntry } from './collapser.js';
import { callContext } from '../testing/call-context.js';
import { ScriptedBatches } from '../testing/scripted-batches.js';

const POLICY = { windowMs: 10, keysMax: 4 };

function scene(policy = POLICY) {
  const clock = new SimClock();
  const batches = new ScriptedBatches();
  const collapser = new Collapser<string, string>(policy, clock, batches.call);
  const load = (key: string, change: Partial<CallContext> = {}) => new Diary(collapser.load(key, callContext(change)));
  return { clock, batches, collapser, load };
}

describe('a collapser', () => {
  it('makes one call of what is asked within its window', () => {
    marbles(({ cold, expectObservable, clock }) => {
      const asked: (readonly string[])[] = [];
      const batchCall: BatchCall<string, string> = (keys) => {
        asked.push(keys);
        return cold('--(xy|)', Object.fromEntries(['x', 'y'].map((name, at) => [name, { key: keys[at]!, value: name }])));
      };
      const collapser = new Collapser({ windowMs: 3, keysMax: 50 }, clock, batchCall);
      const first = '   -----(x|)';
      const second = '  -----(y|)';
      expectObservable(collapser.load('7', callContext())).toBe(first);
      expectObservable(collapser.load('8', callContext()), '--^').toBe(second);
      clock.after(20, () => expect(asked).toEqual([['7', '8']]));
    });
  });

  it('sends at the end of the window, counted from the first to ask, and begins another batch then', () => {
    const { clock, batches, load } = scene();
    load('1');
    clock.advance(9);
    load('2');
    expect(batches.sent).toEqual([]);
    clock.advance(1);
    expect(batches.keys).toEqual([['1', '2']]);
    load('3');
    clock.advance(10);
    expect(batches.keys).toEqual([['1', '2'], ['3']]);
  });

  it('sends at once what is full', () => {
    const { clock, batches, collapser, load } = scene();
    for (const key of ['1', '2', '3', '4', '5']) load(key);
    expect(batches.keys).toEqual([['1', '2', '3', '4']]);
    clock.advance(10);
    expect(batches.keys[1]).toEqual(['5']);
    expect(collapser.statistics()).toEqual({ callers: 5, batches: 2, keys: 5 });
  });

  it('makes a handful of calls of the 150 lookups of a page', () => {
    const { clock, batches, collapser, load } = scene(pageLookups);
    for (let film = 0; film < 150; film++) load(`film ${film}`);
    clock.advance(pageLookups.windowMs);
    expect(batches.keys.map((keys) => keys.length)).toEqual([50, 50, 50]);
    expect(collapser.statistics()).toEqual({ callers: 150, batches: 3, keys: 150 });
  });

  it('asks once for a key that several want, and answers each of them', () => {
    const { clock, batches, load } = scene();
    const both = [load('7'), load('7')];
    clock.advance(10);
    expect(batches.keys).toEqual([['7']]);
    batches.tell({ key: '7', value: 'film' });
    expect(both.map(({ lines }) => lines)).toEqual([['film', 'complete'], ['film', 'complete']]);
  });

  it('is cold, and each subscription asks', () => {
    const { clock, batches, collapser } = scene();
    const film$ = collapser.load('7', callContext());
    clock.advance(100);
    expect([batches.sent.length, clock.pending]).toEqual([0, 0]);
    new Diary(film$);
    clock.advance(10);
    batches.complete();
    new Diary(film$);
    clock.advance(10);
    expect(batches.keys).toEqual([['7'], ['7']]);
  });

  describe('answers', () => {
    it('each caller as soon as its own result comes, with its value or its error', () => {
      const { clock, batches, load } = scene();
      const [first, second, third] = [load('1'), load('2'), load('3')];
      clock.advance(10);
      batches.tell({ key: '2', value: 'b' });
      batches.tell({ key: '1', error: new Error('no such film') });
      expect([first, second, third].map(({ lines }) => lines)).toEqual([['no such film'], ['b', 'complete'], []]);
    });

    it('those who still wait with the error of the batch, when it fails', () => {
      const { clock, batches, load } = scene();
      const [first, second] = [load('1'), load('2')];
      clock.advance(10);
      batches.tell({ key: '1', value: 'a' });
      batches.fail(new TriptychError('CIRCUIT_OPEN', 'open'));
      expect([first.lines, second.lines]).toEqual([['a', 'complete'], ['CIRCUIT_OPEN']]);
    });

    it('those of whom the batch said nothing before it completed with INTERNAL', () => {
      const { clock, batches, load } = scene();
      const [first, second] = [load('1'), load('2')];
      clock.advance(10);
      batches.tell({ key: '1', value: 'a' });
      batches.complete();
      expect([first.lines, second.lines]).toEqual([['a', 'complete'], ['INTERNAL']]);
      expect(second.errors[0]).toMatchObject({ details: { key: '2' } });
    });

    it('nobody with what nobody asked for, and nobody twice', () => {
      const { clock, batches, load } = scene();
      const [first, second] = [load('1'), load('2')];
      clock.advance(10);
      for (const value of ['a', 'again']) batches.tell({ key: '1', value });
      batches.tell({ key: 'unasked', value: 'x' });
      expect([first.lines, second.lines]).toEqual([['a', 'complete'], []]);
    });

    it('with its error where the batch call cannot be made', () => {
      const clock = new SimClock();
      const collapser = new Collapser<string, string>(POLICY, clock, () => {
        throw new Error('cannot be made');
      });
      const diary = new Diary(collapser.load('1', callContext()));
      clock.advance(10);
      expect(diary.lines).toEqual(['cannot be made']);
      expect(clock.pending).toBe(0);
    });

    it('from a batch that answers at once, even the caller who fills it', () => {
      const collapser = new Collapser<string, string>({ windowMs: 10, keysMax: 2 }, new SimClock(), (keys) =>
        from(keys.map((key) => ({ key, value: `film ${key}` }))),
      );
      const diaries = ['1', '2'].map((key) => new Diary(collapser.load(key, callContext())));
      expect(diaries.map(({ lines }) => lines[0])).toEqual(['film 1', 'film 2']);
    });

    it('callers who ask for more from within their answer', () => {
      const { clock, batches, collapser } = scene();
      const related: Diary[] = [];
      collapser.load('1', callContext()).subscribe(() => related.push(new Diary(collapser.load('2', callContext()))));
      clock.advance(10);
      batches.tell({ key: '1', value: 'a' });
      clock.advance(10);
      batches.tell({ key: '2', value: 'b' });
      expect([batches.keys, related[0]!.lines]).toEqual([[['1'], ['2']], ['b', 'complete']]);
    });
  });

  describe('a caller who leaves', () => {
    it('before the batch is sent is not asked for', () => {
      const { clock, batches, load } = scene();
      const [first] = [load('1'), load('2')];
      first.leave();
      clock.advance(10);
      expect(batches.keys).toEqual([['2']]);
    });

    it('is still asked for where another wants the same', () => {
      const { clock, batches, load } = scene();
      const [first, second] = [load('1'), load('1')];
      first.leave();
      clock.advance(10);
      batches.tell({ key: '1', value: 'a' });
      expect([batches.keys, first.lines, second.lines]).toEqual([[['1']], [], ['a', 'complete']]);
    });

    it('as the last before it is sent takes the batch along: no call, no timer, and a new window for the next', () => {
      const { clock, batches, load } = scene();
      load('1', { deadlineMs: 500 }).leave();
      expect(clock.pending).toBe(0);
      clock.advance(9);
      load('2');
      clock.advance(9);
      expect(batches.sent).toEqual([]);
      clock.advance(1);
      expect(batches.keys).toEqual([['2']]);
    });

    it('as the last tears the call down, also where the others were answered', () => {
      const { clock, batches, load } = scene();
      const [first, second, third] = [load('1'), load('2'), load('3')];
      clock.advance(10);
      first.leave();
      batches.tell({ key: '2', value: 'b' });
      expect(batches.live).toBe(1);
      third.leave();
      expect(batches.live).toBe(0);
      expect(second.lines).toEqual(['b', 'complete']);
    });

    it('tears the call down once all are answered, before the last of them hears', () => {
      const { clock, batches, collapser } = scene();
      let liveWhenHeard = -1;
      collapser.load('1', callContext()).subscribe({ complete: () => (liveWhenHeard = batches.live) });
      clock.advance(10);
      batches.tell({ key: '1', value: 'a' });
      expect(liveWhenHeard).toBe(0);
    });

    it('stops a batch that tells without end', () => {
      let told = 0;
      const endless$ = new Observable<BatchEntry<string, string>>((subscriber) => {
        while (!subscriber.closed) subscriber.next({ key: told++ === 2 ? '1' : 'unasked', value: 'a' });
      });
      const collapser = new Collapser<string, string>({ windowMs: 10, keysMax: 1 }, new SimClock(), () => endless$);
      collapser.load('1', callContext()).pipe(take(1)).subscribe();
      expect(told).toBe(3);
    });
  });

  describe('deadlines', () => {
    it('are each kept for its own caller; the batch carries the latest', () => {
      const { clock, batches, load } = scene();
      const [hurried, patient] = [load('1', { deadlineMs: 30 }), load('2', { deadlineMs: 300 })];
      clock.advance(10);
      expect(batches.sent[0]!.context.deadlineMs).toBe(300);
      clock.advance(20);
      expect([hurried.lines, patient.lines]).toEqual([['DEADLINE_EXCEEDED'], []]);
      expect(batches.live).toBe(1);
      batches.tell({ key: '2', value: 'b' });
      expect(patient.lines).toEqual(['b', 'complete']);
      expect(clock.pending).toBe(0);
    });

    it('of all who wait tear the batch down', () => {
      const { clock, batches, load } = scene();
      const both = [load('1', { deadlineMs: 30 }), load('2', { deadlineMs: 40 })];
      clock.advance(39);
      expect(batches.live).toBe(1);
      clock.advance(1);
      expect(batches.live).toBe(0);
      expect(both.map(({ lines }) => lines)).toEqual([['DEADLINE_EXCEEDED'], ['DEADLINE_EXCEEDED']]);
      expect(clock.pending).toBe(0);
    });

    it('of one who has left are no longer carried', () => {
      const { clock, batches, load } = scene();
      load('1', { deadlineMs: 40 });
      load('2', { deadlineMs: 300 }).leave();
      clock.advance(10);
      expect(batches.sent[0]!.context.deadlineMs).toBe(40);
    });

    it('that have passed let nobody join', () => {
      const { clock, batches, load } = scene();
      clock.advance(50);
      expect(load('1', { deadlineMs: 50 }).lines).toEqual(['DEADLINE_EXCEEDED']);
      clock.advance(10);
      expect([batches.sent.length, clock.pending]).toEqual([0, 0]);
    });

    it('shorter than the window end the wait for it', () => {
      const { clock, batches, load } = scene();
      const diary = load('1', { deadlineMs: 5 });
      clock.advance(10);
      expect([diary.lines, batches.sent.length]).toEqual([['DEADLINE_EXCEEDED'], 0]);
    });

    it('take one timer for a whole batch', () => {
      const { clock, load } = scene({ windowMs: 10, keysMax: 500 });
      for (let film = 0; film < 150; film++) load(`${film}`, { deadlineMs: 300 });
      expect(clock.pending).toBe(2);
    });
  });

  describe('the context of a batch', () => {
    it('has the most urgent priority of its callers, and the trace of the first', () => {
      const { clock, batches, load } = scene();
      load('1', { priority: 'prefetch', traceId: 'gone' }).leave();
      load('2', { priority: 'prefetch', traceId: 'first' });
      load('3', { priority: 'read', traceId: 'second' });
      clock.advance(10);
      expect(batches.sent[0]!.context).toMatchObject({ priority: 'read', traceId: 'first' });
    });

    it('is on behalf of one principal: others are in batches of their own', () => {
      const { clock, batches, load } = scene();
      for (const name of ['ann', 'bob', 'ann']) load(`of ${name}`, { principal: { kind: 'device', name } });
      clock.advance(10);
      expect(batches.sent.map(({ keys, context }) => [context.principal.name, keys])).toEqual([
        ['ann', ['of ann']],
        ['bob', ['of bob']],
      ]);
    });

    it('is shared by all where the grouping says so', () => {
      const clock = new SimClock();
      const batches = new ScriptedBatches();
      const collapser = new Collapser<string, string>(POLICY, clock, batches.call, () => 'all');
      for (const name of ['ann', 'bob']) new Diary(collapser.load(`of ${name}`, callContext({ principal: { kind: 'device', name } })));
      clock.advance(10);
      expect(batches.keys).toEqual([['of ann', 'of bob']]);
    });
  });

  it('with a window of nothing gathers what is asked in one turn', () => {
    const { clock, batches, load } = scene({ windowMs: 0, keysMax: 50 });
    load('1');
    load('2');
    expect(batches.sent).toEqual([]);
    clock.advance(0);
    expect(batches.keys).toEqual([['1', '2']]);
  });

  it('refuses a policy that means nothing', () => {
    const made = (change: Partial<typeof POLICY>) => () => new Collapser({ ...POLICY, ...change }, new SimClock(), () => NEVER);
    expect(made({ windowMs: -1 })).toThrow('windowMs');
    expect(made({ keysMax: 0 })).toThrow('keysMax');
  });
});
