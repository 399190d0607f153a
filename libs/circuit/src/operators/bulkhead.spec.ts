import { SimClock } from '@app/time';
import fc from 'fast-check';
import { Observable, defer, of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { times } from '../testing/circuit-scene.js';
import { Diary, FakeCall } from '../testing/fake-call.js';
import { marbles } from '../testing/marbles.js';
import { Bulkhead, shortLine, throughBulkhead, type BulkheadPolicy } from './bulkhead.js';

const SMALL: BulkheadPolicy = { capacity: 2, queueLength: 2, queueWaitMs: 10 };

function scene(policy: BulkheadPolicy = SMALL) {
  const clock = new SimClock();
  const bulkhead = new Bulkhead('films', policy, clock);
  const begin = () => {
    const call = new FakeCall();
    return { call, diary: new Diary(call.call$.pipe(throughBulkhead(bulkhead))) };
  };
  return { clock, bulkhead, begin };
}

describe('a bulkhead', () => {
  it('lets as many in as it has places, a few wait, and the rest are refused unsubscribed', () => {
    const { bulkhead, begin } = scene();
    const guests = [begin(), begin(), begin(), begin(), begin()];
    expect(guests.map(({ call }) => call.subscriptions)).toEqual([1, 1, 0, 0, 0]);
    expect(guests[4]!.diary.lines).toEqual(['CIRCUIT_SATURATED']);
    expect(guests[4]!.diary.errors[0]).toMatchObject({ details: { circuit: 'films', capacity: 2, waiting: 2 } });
    expect(bulkhead.statistics()).toEqual({ inFlight: 2, waiting: 2, refused: 1 });
  });

  it('is one place wide in a picture', () => {
    marbles(({ cold, expectObservable, expectSubscriptions, clock }) => {
      const bulkhead = new Bulkhead('films', { capacity: 1, queueLength: 1, queueWaitMs: 10 }, clock);
      const first$ = cold(' ---a|     ');
      const second$ = cold('    ---b| ');
      const firstSubs = '   ^---!     ';
      const secondSubs = '  ----^---! ';
      expectObservable(bulkhead.protect(first$)).toBe(' ---a|');
      expectObservable(bulkhead.protect(second$)).toBe('-------b|');
      expectSubscriptions(first$.subscriptions).toBe(firstSubs);
      expectSubscriptions(second$.subscriptions).toBe(secondSubs);
    });
  });

  it.each<[string, (call: FakeCall, diary: Diary) => void]>([
    ['completes', (call) => call.complete()],
    ['fails', (call) => call.fail()],
    ['is left', (_, diary) => diary.leave()],
  ])('gives the place of a call that %s to whoever has waited longest', (_, end) => {
    const { bulkhead, begin } = scene();
    const [first, , third, fourth] = [begin(), begin(), begin(), begin()];
    end(first.call, first.diary);
    expect([third.call.live, fourth.call.live]).toEqual([1, 0]);
    expect(bulkhead.statistics()).toMatchObject({ inFlight: 2, waiting: 1 });
  });

  it('forgets a waiting caller who leaves, at once', () => {
    const { clock, bulkhead, begin } = scene();
    const [first, , third, fourth] = [begin(), begin(), begin(), begin()];
    third.diary.leave();
    expect(bulkhead.statistics().waiting).toBe(1);
    first.call.complete();
    expect([third.call.subscriptions, fourth.call.subscriptions]).toEqual([0, 1]);
    clock.advance(SMALL.queueWaitMs);
    expect(clock.pending).toBe(0);
  });

  it('refuses whoever has waited too long, and nobody else', () => {
    const { clock, begin } = scene();
    times(2, begin);
    const third = begin();
    clock.advance(4);
    const fourth = begin();
    clock.advance(6);
    expect([third.diary.lines, fourth.diary.lines]).toEqual([['CIRCUIT_SATURATED'], []]);
    clock.advance(4);
    expect(fourth.diary.lines).toEqual(['CIRCUIT_SATURATED']);
    expect(clock.pending).toBe(0);
  });

  it('never has more calls alive than places: one is torn down before the next begins, and that before its caller hears', () => {
    const { bulkhead } = scene({ ...SMALL, capacity: 1 });
    const told: string[] = [];
    const call = (name: string) =>
      new Observable<string>((subscriber) => {
        told.push(`${name} begins`);
        if (name !== 'a') return () => {};
        end = () => subscriber.complete();
        return () => told.push('a torn down');
      });
    let end = () => {};
    bulkhead.protect(call('a')).subscribe({ complete: () => told.push('a heard') });
    bulkhead.protect(call('b')).subscribe();
    end();
    expect(told).toEqual(['a begins', 'a torn down', 'b begins', 'a heard']);
  });

  it('empties a long line of calls that end at once without nesting them', () => {
    const { bulkhead, begin } = scene({ capacity: 1, queueLength: 5_000, queueWaitMs: 10 });
    const first = begin();
    let ended = 0;
    times(5_000, () => bulkhead.protect(of('at once')).subscribe({ complete: () => ended++ }));
    expect(ended).toBe(0);
    first.call.complete();
    expect(ended).toBe(5_000);
    expect(bulkhead.statistics()).toEqual({ inFlight: 0, waiting: 0, refused: 0 });
  });

  it('gives the place back when a teardown throws', () => {
    const { bulkhead, begin } = scene({ ...SMALL, capacity: 1 });
    const stubborn$ = new Observable<string>(() => () => {
      throw new Error('teardown failed');
    });
    const stubborn = new Diary(bulkhead.protect(stubborn$));
    const next = begin();
    expect(() => stubborn.leave()).toThrow('teardown failed');
    expect(next.call.live).toBe(1);
  });

  it('holds a retry that comes from within the end of its own call to the line like anybody', () => {
    const { bulkhead, begin } = scene({ ...SMALL, capacity: 1 });
    let again: Diary | undefined;
    const call = new FakeCall();
    bulkhead.protect(call.call$).subscribe({ error: () => (again = new Diary(bulkhead.protect(call.call$))) });
    const waiting = begin();
    call.fail();
    expect(waiting.call.live).toBe(1);
    expect(again!.lines).toEqual([]);
    expect(call.subscriptions).toBe(1);
    waiting.call.complete();
    expect(call.subscriptions).toBe(2);
  });

  it('lets nobody past the line, not even who comes from within the end of a call that ended as it began', () => {
    const { bulkhead, begin } = scene({ ...SMALL, capacity: 1 });
    const [first, pusher] = [begin(), new FakeCall()];
    bulkhead.protect(of('at once')).subscribe({ complete: () => bulkhead.protect(pusher.call$).subscribe() });
    const waiting = begin();
    first.call.complete();
    expect([waiting.call.live, pusher.subscriptions]).toEqual([1, 0]);
    waiting.call.complete();
    expect(pusher.live).toBe(1);
  });

  it('without a line refuses at once', () => {
    const { begin, clock } = scene({ capacity: 1, queueLength: 0, queueWaitMs: 10 });
    begin();
    expect(begin().diary.lines).toEqual(['CIRCUIT_SATURATED']);
    expect(clock.pending).toBe(0);
  });

  it('does what a list of guests worked out anew would do, for any sequence of calls, ends and waits', () => {
    const steps = fc.array(
      fc.oneof(
        { weight: 5, arbitrary: fc.constant({ kind: 'call' as const, which: 0 }) },
        { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('end' as const, 'leave' as const), which: fc.nat({ max: 7 }) }) },
        { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), which: fc.integer({ min: 1, max: 8 }) }) },
      ),
      { maxLength: 60 },
    );
    const policies = fc.record({
      capacity: fc.integer({ min: 1, max: 3 }),
      queueLength: fc.integer({ min: 0, max: 3 }),
      queueWaitMs: fc.integer({ min: 1, max: 12 }),
    });
    fc.assert(
      fc.property(policies, steps, (policy, sequence) => {
        const { clock, bulkhead, begin } = scene(policy);
        const model: { stand: 'waiting' | 'inside' | 'refused' | 'gone'; dueMs: number }[] = [];
        const guests: ReturnType<typeof begin>[] = [];
        const count = (stand: string) => model.filter((guest) => guest.stand === stand).length;
        const callIn = () => {
          for (const guest of model) {
            if (guest.stand === 'waiting' && count('inside') < policy.capacity) guest.stand = 'inside';
          }
        };
        for (const { kind, which } of sequence) {
          if (kind === 'call') {
            const room = count('inside') < policy.capacity ? 'inside' : count('waiting') < policy.queueLength ? 'waiting' : 'refused';
            model.push({ stand: room, dueMs: clock.monotonicMs() + policy.queueWaitMs });
            guests.push(begin());
          } else if (kind === 'wait') {
            clock.advance(which);
            for (const guest of model) if (guest.stand === 'waiting' && guest.dueMs <= clock.monotonicMs()) guest.stand = 'refused';
          } else {
            const at = guests.length - 1 - which;
            const guest = model[at];
            if (guest === undefined || guest.stand === 'refused' || (kind === 'end' && guest.stand === 'waiting')) continue;
            guest.stand = 'gone';
            if (kind === 'end') guests[at]!.call.complete();
            else guests[at]!.diary.leave();
            callIn();
          }
          expect(bulkhead.statistics()).toEqual({ inFlight: count('inside'), waiting: count('waiting'), refused: count('refused') });
          expect(guests.map(({ call }) => call.live)).toEqual(model.map(({ stand }) => (stand === 'inside' ? 1 : 0)));
        }
        clock.advance(policy.queueWaitMs);
        expect(clock.pending).toBe(0);
      }),
    );
  });

  it('is not made from a policy that means nothing', () => {
    const made = (change: Partial<BulkheadPolicy>) => () => scene({ ...shortLine, ...change });
    expect(made({ capacity: 0 })).toThrow('capacity');
    expect(made({ queueLength: -1 })).toThrow('queueLength');
    expect(made({ queueWaitMs: 0 })).toThrow('queueWaitMs');
    expect(made({})).not.toThrow();
  });

  it('is cold', () => {
    const { bulkhead } = scene();
    let made = 0;
    const call$ = bulkhead.protect(defer(() => of(++made)));
    expect(made).toBe(0);
    times(2, () => call$.subscribe());
    expect(made).toBe(2);
  });
});
