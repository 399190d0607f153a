/** Of the contract of a ListStore: a list that is watched. */
import { expect, it } from 'vitest';
import type { Operation } from '@app/contracts';
import { SeededRandom } from '@app/time';
import type { ListStoreDriver } from './list-store-driver.js';

export function watchContract(run: (test: (list: ListStoreDriver) => void) => void): void {
  it('tells who watches the list as it is, and then what becomes of it', () =>
    run((list) => {
      list.added('a', 'b');
      const watching = list.watch();
      expect(watching.take()).toEqual(['full a b']);
      list.added('c');
      list.settle();
      list.answer(list.write('c', { kind: 'move', placement: 'first' }));
      list.settle();
      list.answer(list.write('a', { kind: 'remove' }));
      list.settle();
      expect(watching.take()).toEqual(['added c', 'moved c', 'removed a']);
      expect(watching.items).toEqual(list.itemsInFull());
      watching.subscription.unsubscribe();
    }));

  it('tells nothing of what changes nothing', () =>
    run((list) => {
      list.added('a');
      const watching = list.watch();
      watching.take();
      list.added('a');
      list.answer(list.write('b', { kind: 'remove' }));
      list.rest();
      expect(watching.heard).toEqual([]);
      watching.subscription.unsubscribe();
    }));

  it('begins to watch when a subscriber comes, for each anew, and tells one who left nothing more', () =>
    run((list) => {
      const left = list.watch();
      left.subscription.unsubscribe();
      list.added('a');
      const [one, two] = [list.watch(), list.watch()];
      list.added('b');
      list.settle();
      expect([left.heard, one.heard, two.heard]).toEqual([['full'], ['full a', 'added b'], ['full a', 'added b']]);
      one.subscription.unsubscribe();
      list.added('c');
      list.settle();
      expect([one.heard.length, two.heard.at(-1)]).toEqual([2, 'added c']);
      two.subscription.unsubscribe();
    }));

  it('goes on for a watcher from what it has seen, with what it missed and nothing else', () =>
    run((list) => {
      list.added('a', 'b');
      const before = list.watch();
      before.subscription.unsubscribe();
      const same = list.watch(before.seen);
      expect(same.heard).toEqual([]);
      same.subscription.unsubscribe();
      list.added('c', 'gone');
      list.answer(list.write('a', { kind: 'remove' }));
      list.answer(list.write('gone', { kind: 'remove' }));
      list.answer(list.write('b', { kind: 'move', placement: 'last' }));
      const after = list.watch(before.seen);
      expect(after.heard.flatMap((step) => step.split(' + ')).sort()).toEqual(['added c', 'moved b', 'removed a']);
      list.added('d');
      list.settle();
      expect(after.heard.at(-1)).toBe('added d');
      after.subscription.unsubscribe();
    }));

  it('tells a watcher the whole list where it is not known any more what it missed', () =>
    run((list) => {
      list.added('a', 'b');
      const before = list.watch();
      before.subscription.unsubscribe();
      list.answer(list.write('a', { kind: 'remove' }));
      list.forgetSteps();
      const after = list.watch(before.seen);
      expect(after.take()).toEqual(['full b']);
      list.added('c');
      list.settle();
      expect(after.take()).toEqual(['added c']);
      after.subscription.unsubscribe();
    }));

  it('watches until the deadline, where there is one', () =>
    run((list) => {
      const [short, long] = [list.watch(undefined, 1_000), list.watch()];
      list.rest();
      expect([short.heard, long.heard]).toEqual([['full', 'STORE_READ_TIMEOUT'], ['full']]);
      long.subscription.unsubscribe();
    }));

  it('tells any run of writes so that who listens has the list', () =>
    run((list) => {
      const random = new SeededRandom(31);
      let watching = list.watch();
      for (let turn = 0; turn < 60; turn++) {
        const item = `film-${random.below(8)}`;
        const operation = random.pick<Operation>([{ kind: 'remove' }, list.add(), { ...list.add(), placement: random.pick(['first', 'last'] as const) }]);
        list.answer(list.write(item, operation));
        if (random.fraction() < 0.2) {
          watching.subscription.unsubscribe();
          const [{ seen }, { list: kept }] = [watching, watching];
          for (let missed = random.below(6); missed > 0; missed--) list.answer(list.write(`film-${random.below(8)}`, random.pick([{ kind: 'remove' }, list.add()] as const)));
          watching = list.watch(seen);
          if (!watching.heard[0]?.startsWith('full')) {
            const told = [...watching.list];
            const gone = watching.heard.flatMap((step) => step.split(' + ')).filter((step) => step.startsWith('removed ')).map((step) => step.slice('removed '.length));
            watching.list.clear();
            for (const [name, held] of kept) if (!gone.includes(name)) watching.list.set(name, held);
            for (const [name, held] of told) watching.list.set(name, held);
          }
        }
        list.settle();
        expect(watching.items).toEqual(list.itemsInFull());
      }
      watching.subscription.unsubscribe();
    }));
}
