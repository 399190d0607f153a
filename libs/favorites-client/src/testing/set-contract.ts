/** Of the contract of a ListStore: the tables in which an add sets, bookmarks and ratings: the last one counts. */
import { expect, it } from 'vitest';
import type { ListStoreDriver, ListStoreHarness } from './list-store-driver.js';

/** @param like what a harness is like: whether it can lose replies, and be full */
export function setContract(run: (test: (list: ListStoreDriver) => void) => void, like: ListStoreHarness): void {
  const runOn = (test: (list: ListStoreDriver) => void): void =>
    run((list) => {
      list.table = 'bookmarks';
      test(list);
    });
  const values = (list: ListStoreDriver): string[] => list.itemsInFull().map(({ value }) => new TextDecoder().decode(value));
  const set = (value: string) => ({ kind: 'add', value: new TextEncoder().encode(value) }) as const;

  it('sets what is there anew: its value and date, at its place', () =>
    runOn((list) => {
      list.added('a', 'b', 'c');
      const before = list.itemsInFull();
      list.rest();
      const { item } = list.answer(list.write('b', set('later')));
      expect(item).toEqual({ item: 'b', position: before[1]!.position, value: set('later').value, writtenAtMs: item!.writtenAtMs });
      expect(item!.writtenAtMs).toBeGreaterThan(before[1]!.writtenAtMs);
      expect(list.itemsInFull()).toEqual([before[0], item, before[2]]);
      expect(list.found('b')).toEqual(item);
    }));

  it('and at another place, where one is named; a move leaves value and date as they are', () =>
    runOn((list) => {
      list.added('a', 'b');
      const { item } = list.answer(list.write('b', { ...set('later'), placement: 'first' }));
      expect(list.items()).toEqual(['b', 'a']);
      expect([item!.value, list.found('b')]).toEqual([set('later').value, item]);
      const moved = list.answer(list.write('b', { kind: 'move', placement: 'last' })).item;
      expect(list.items()).toEqual(['a', 'b']);
      expect(moved).toEqual({ ...item, position: moved!.position });
    }));

  it('shows the last of any number of sets, at every level', () =>
    runOn((list) => {
      for (const level of ['ONE', 'SESSION', 'QUORUM', 'ALL', 'LINEARIZABLE'] as const) {
        list.terms = { level };
        for (const value of ['1', '2', '3']) {
          list.answer(list.write('a', set(`${level} ${value}`)));
          expect(values(list)).toEqual([`${level} ${value}`]);
        }
      }
    }));

  it('removes what was set, and sets anew what was removed', () =>
    runOn((list) => {
      list.answer(list.write('a', set('1')));
      list.answer(list.write('a', set('2')));
      list.answer(list.write('a', { kind: 'remove' }));
      expect(list.items()).toEqual([]);
      list.answer(list.write('a', set('3')));
      expect(values(list)).toEqual(['3']);
    }));

  it('shows one value of several that are set at once, the same to all from then on', () =>
    runOn((list) => {
      const sets = ['1', '2', '3'].map((value) => list.write('a', set(value)));
      let acknowledged = 0;
      for (const set$ of sets) set$.subscribe(() => acknowledged++);
      list.rest();
      const [value] = values(list);
      expect([acknowledged, ['1', '2', '3'].includes(value!)]).toEqual([3, true]);
      for (const level of ['ONE', 'QUORUM', 'ALL', 'LINEARIZABLE'] as const) {
        list.terms = { level };
        expect(values(list)).toEqual([value]);
      }
    }));

  it.runIf(like.loseNextReply !== undefined).each([true, false])('carries on with a set whose reply was lost (applied: %s), and brings it back over no later one', (applied) =>
    runOn((list) => {
      list.answer(list.write('a', set('1')));
      const pending = list.lose('a', set('2'), applied);
      list.answer(list.write('a', set('2'), pending));
      expect(values(list)).toEqual(['2']);
      list.answer(list.write('a', set('3')));
      list.answer(list.write('a', set('2'), pending));
      expect(values(list)).toEqual(['3']);
    }),
  );

  it.runIf(like.loseNextReply !== undefined).each([true, false])('lets a set supersede another whose reply was lost (applied: %s), for good', (applied) =>
    runOn((list) => {
      const pending = list.lose('a', set('1'), applied);
      list.answer(list.write('a', set('2'), pending));
      list.answer(list.write('a', set('1'), pending));
      expect(values(list)).toEqual(['2']);
    }),
  );
}
