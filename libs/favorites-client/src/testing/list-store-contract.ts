/**
 * What every ListStore promises, as one suite: the in-memory one and the replicated one pass it, and whatever is to take
 * their place must. It runs in virtual time: the harness owns a SimClock, and every answer is waited for by advancing it.
 */
import fc from 'fast-check';
import type { Observable, Subscription } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { Item, Operation, Placement } from '@app/contracts';
import { SeededRandom } from '@app/time';
import { getContract } from './get-contract.js';
import { ListStoreDriver, type ListStoreHarness } from './list-store-driver.js';
import { setContract } from './set-contract.js';
import { watchContract } from './watch-contract.js';

export interface ListStoreHarnessOptions {
  /** What a list holds at most. */
  readonly maxItems: number;
}

const MAX_ITEMS = 60;
const encoder = new TextEncoder();

export function listStoreContract(name: string, open: (options: ListStoreHarnessOptions) => ListStoreHarness): void {
  const run = (test: (list: ListStoreDriver) => void): void => {
    const harness = open({ maxItems: MAX_ITEMS });
    try {
      test(new ListStoreDriver(harness));
    } finally {
      harness.close?.();
    }
  };

  describe(`${name} keeps the contract of a ListStore`, () => {
    it('does nothing before a subscriber comes', () =>
      run((list) => {
        void list.write('film-1', { kind: 'add', value: encoder.encode('x') });
        list.rest();
        expect(list.items()).toEqual([]);
      }));

    it('answers with one value and completion', () =>
      run((list) => {
        expect(list.endingOf(list.write('film-1', list.add()))).toEqual(['value', 'complete']);
        expect(list.endingOf(list.write('film-1', { kind: 'remove' }))).toEqual(['value', 'complete']);
        expect(list.endingOf(list.page({ limit: 5 }))).toEqual(['value', 'complete']);
        expect(list.endingOf(list.get('film-1'))).toEqual(['value', 'complete']);
      }));

    it('or with one error and nothing after it', () =>
      run((list) => {
        expect(list.endingOf(list.write('film-1', { kind: 'move', placement: 'first' }))).toEqual(['ITEM_NOT_FOUND']);
      }));

    it('makes each subscription an operation of its own', () =>
      run((list) => {
        const page$ = list.page({ limit: 5 });
        expect(list.answer(page$).items).toEqual([]);
        list.added('film-1');
        expect(list.answer(page$).items).toHaveLength(1);
      }));

    it('tells a caller who left nothing more', () =>
      run((list) => {
        const calls: Observable<unknown>[] = [list.page({ limit: 5 }), list.get('film-1'), list.write('film-1', list.add())];
        for (const call$ of calls) {
          const heard: string[] = [];
          const left: Subscription = call$.subscribe({ next: () => heard.push('value'), error: () => heard.push('error') });
          const heardBefore = heard.length;
          left.unsubscribe();
          list.rest();
          expect(heard).toHaveLength(heardBefore);
        }
      }));

    it('says what an answer rests on', () =>
      run((list) => {
        for (const { achieved } of [list.answer(list.write('film-1', list.add())), list.answer(list.page({ limit: 1 })), list.answer(list.get('film-1'))]) {
          expect(achieved.level).toBe('QUORUM');
          expect(achieved.replicas).toContain(achieved.node);
          expect(achieved.zones).toContain(achieved.zone);
          expect(achieved.replicas.length).toBeGreaterThan(achieved.replicationFactor / 2);
        }
      }));

    it('answers at the level asked for, at the table’s where none is, and says when it is the fallback', () =>
      run((list) => {
        for (const level of ['ONE', 'SESSION', 'QUORUM', 'ALL', 'LINEARIZABLE'] as const) {
          list.terms = { level, fallback: 'ONE' };
          const replies = [list.answer(list.write(`film-${level}`, list.add())), list.answer(list.page({ limit: 1 })), list.answer(list.get('film-1'))];
          for (const { achieved } of replies) expect(achieved).toMatchObject({ level, fallback: false, tokenAhead: false, sloppy: false });
        }
        list.terms = {};
        expect(list.answer(list.page({ limit: 1 })).achieved.level).toBe('QUORUM');
      }));

    it('tells a session what it has seen, and takes that with any request, at any level', () =>
      run((list) => {
        list.terms = { level: 'SESSION' };
        let { seen } = list.answer(list.write('film-1', list.add()));
        for (const level of ['SESSION', 'ONE', 'QUORUM', 'LINEARIZABLE'] as const) {
          list.terms = { level, seen };
          const page = list.answer(list.page({ limit: 5 }));
          expect(page.items.map(({ item }) => item)).toEqual(['film-1']);
          list.terms = { level, seen: page.seen };
          const found = list.answer(list.get('film-1'));
          expect([found.items[0]?.item, found.achieved.tokenAhead]).toEqual(['film-1', false]);
          seen = found.seen;
        }
        list.terms = { level: 'SESSION', seen };
        ({ seen } = list.answer(list.write('film-1', { kind: 'remove' })));
        list.terms = { level: 'SESSION', seen };
        expect(list.items()).toEqual([]);
      }));

    it('gives back what was stored, byte for byte, with the place and the date of the add', () =>
      run((list) => {
        const value = Uint8Array.from({ length: 256 }, (_, at) => at);
        const beforeMs = list.clock.wallMs();
        const { item } = list.answer(list.write('film-1', { kind: 'add', value }));
        expect(item).toMatchObject({ item: 'film-1', position: expect.any(String) });
        expect(item!.value).toEqual(value);
        expect(item!.writtenAtMs).toBeGreaterThanOrEqual(beforeMs - 1_000);
        expect(item!.writtenAtMs).toBeLessThanOrEqual(list.clock.wallMs() + 1_000);
        expect(list.found('film-1')).toEqual(item);
        expect(list.itemsInFull()).toEqual([item]);
      }));

    it('finds no item that is not there', () =>
      run((list) => {
        list.added('film-1');
        expect(list.found('film-2')).toBeNull();
      }));

    it('keeps rows and tables apart', () =>
      run((list) => {
        list.added('film-1');
        expect(list.answer(list.page({ limit: 5, row: 'someone-else' })).items).toEqual([]);
        expect(list.answer(list.page({ limit: 5, table: 'catalog' })).items).toEqual([]);
      }));

    it('adds at the end', () =>
      run((list) => {
        list.added('film-3', 'film-1', 'film-2');
        expect(list.items()).toEqual(['film-3', 'film-1', 'film-2']);
      }));

    it('leaves an item that is added again as it is', () =>
      run((list) => {
        list.added('film-1', 'film-2');
        const before = list.itemsInFull();
        list.rest();
        const { item } = list.answer(list.write('film-1', { kind: 'add', value: encoder.encode('another value') }));
        expect(item).toEqual(before[0]);
        expect(list.itemsInFull()).toEqual(before);
      }));

    const placements: [string, Placement, string[]][] = [
      ['first', 'first', ['new', 'a', 'b', 'c']],
      ['last', 'last', ['a', 'b', 'c', 'new']],
      ['before the first', { before: 'a' }, ['new', 'a', 'b', 'c']],
      ['before another', { before: 'c' }, ['a', 'b', 'new', 'c']],
      ['after another', { after: 'a' }, ['a', 'new', 'b', 'c']],
      ['after the last', { after: 'c' }, ['a', 'b', 'c', 'new']],
    ];
    it.each(placements)('adds %s', (_, placement, expected) =>
      run((list) => {
        list.added('a', 'b', 'c');
        const { item } = list.answer(list.write('new', { ...list.add(), placement }));
        expect(list.items()).toEqual(expected);
        expect(list.found('new')).toEqual(item);
      }),
    );
    it.each(placements)('moves an item %s, with its value and date', (_, placement, expected) =>
      run((list) => {
        list.added('a', 'b', 'c');
        list.answer(list.write('new', { ...list.add(), placement: { after: 'b' } }));
        const before = list.found('new')!;
        const { item } = list.answer(list.write('new', { kind: 'move', placement }));
        expect(list.items()).toEqual(expected);
        expect(item).toEqual({ ...before, position: item!.position });
        expect(list.found('new')).toEqual(item);
      }),
    );
    it('moves an item that is added again with a placement', () =>
      run((list) => {
        list.added('a', 'b', 'c');
        const before = list.found('c')!;
        const { item } = list.answer(list.write('c', { ...list.add(), placement: 'first' }));
        expect(list.items()).toEqual(['c', 'a', 'b']);
        expect(item).toEqual({ ...before, position: item!.position });
      }));

    it('keeps the order of any run of placements', () =>
      run((list) => {
        const random = new SeededRandom(12);
        let expected: string[] = [];
        for (let turn = 0; turn < 60; turn++) {
          const item = `film-${random.below(20)}`;
          const others = expected.filter((other) => other !== item);
          const neighbour = others.length === 0 ? null : random.pick(others);
          const placement = random.pick<Placement>(
            neighbour === null ? ['first', 'last'] : ['first', 'last', { before: neighbour }, { after: neighbour }],
          );
          list.answer(list.write(item, { ...list.add(), placement }));
          expected = placedIn(others, item, placement);
          expect(list.items()).toEqual(expected);
        }
      }));

    it('refuses a neighbour that is not there, and changes nothing', () =>
      run((list) => {
        list.added('a', 'b');
        const before = list.itemsInFull();
        for (const placement of [{ before: 'ghost' }, { after: 'ghost' }]) {
          expect(list.failure(list.write('new', { ...list.add(), placement })).code).toBe('NEIGHBOUR_NOT_FOUND');
          expect(list.failure(list.write('a', { kind: 'move', placement })).code).toBe('NEIGHBOUR_NOT_FOUND');
        }
        expect(list.itemsInFull()).toEqual(before);
      }));

    it('does not move what is not there', () =>
      run((list) => {
        list.added('a');
        list.answer(list.write('a', { kind: 'remove' }));
        expect(list.failure(list.write('a', { kind: 'move', placement: 'first' })).code).toBe('ITEM_NOT_FOUND');
        expect(list.items()).toEqual([]);
      }));

    it('removes, and is content to remove what is not there', () =>
      run((list) => {
        list.added('a', 'b');
        expect(list.answer(list.write('a', { kind: 'remove' })).item).toBeNull();
        expect(list.answer(list.write('a', { kind: 'remove' })).item).toBeNull();
        expect(list.answer(list.write('ghost', { kind: 'remove' })).item).toBeNull();
        expect(list.items()).toEqual(['b']);
        expect(list.found('a')).toBeNull();
      }));

    it('adds anew, at the end, what was removed', () =>
      run((list) => {
        list.added('a', 'b');
        list.answer(list.write('a', { kind: 'remove' }));
        const value = encoder.encode('anew');
        expect(list.answer(list.write('a', { kind: 'add', value })).item!.value).toEqual(value);
        expect(list.items()).toEqual(['b', 'a']);
      }));

    it('pages: no more than asked for, and says whether there is more', () =>
      run((list) => {
        list.added('a', 'b', 'c');
        const first = list.answer(list.page({ limit: 2 }));
        expect([first.items.map(({ item }) => item), first.more]).toEqual([['a', 'b'], true]);
        const second = list.answer(list.page({ limit: 2, after: first.items[1]! }));
        expect([second.items.map(({ item }) => item), second.more]).toEqual([['c'], false]);
        const exact = list.answer(list.page({ limit: 3 }));
        expect([exact.items.length, exact.more]).toEqual([3, false]);
        expect(list.answer(list.page({ limit: 2, after: second.items[0]! }))).toMatchObject({ items: [], more: false });
      }));

    it('pages on after an item that is gone by then', () =>
      run((list) => {
        list.added('a', 'b', 'c');
        const [, last] = list.answer(list.page({ limit: 2 })).items;
        list.answer(list.write('b', { kind: 'remove' }));
        expect(list.answer(list.page({ limit: 2, after: last! })).items.map(({ item }) => item)).toEqual(['c']);
      }));

    it('shows an item that stays and is not moved exactly once over the pages, whatever others add, remove and move', () => {
      fc.assert(
        fc.property(fc.integer(), fc.integer({ min: 1, max: 4 }), (seed, limit) =>
          run((list) => {
            const random = new SeededRandom(seed);
            const staying = Array.from({ length: 8 }, (_, at) => `stay-${at}`);
            const passing = Array.from({ length: 6 }, (_, at) => `pass-${at}`);
            for (const item of [...staying, ...passing]) {
              list.answer(list.write(item, { ...list.add(), placement: random.pick<Placement>(['first', 'last']) }));
            }
            const seen: string[] = [];
            let after: Item | undefined;
            for (let more = true; more; ) {
              const page = list.answer(list.page({ limit, ...(after && { after }) }));
              expect(page.items.length).toBeLessThanOrEqual(limit);
              expect(page.more && page.items.length === 0).toBe(false);
              seen.push(...page.items.map(({ item }) => item));
              after = page.items.at(-1) ?? after;
              more = page.more;
              for (let turn = random.below(4); turn > 0; turn--) disturb(list, random, staying, passing);
            }
            expect(seen.filter((item) => item.startsWith('stay-')).sort()).toEqual(staying);
          }),
        ),
        { numRuns: 15 },
      );
    });

    it.runIf(probe(open).maxItems === undefined)('is full at its limit: no new item until one is removed, all else goes on', () =>
      run((list) => {
        for (let at = 0; at < MAX_ITEMS; at++) list.added(`film-${at}`);
        expect(list.failure(list.write('one-more', list.add())).code).toBe('LIST_FULL');
        expect(list.answer(list.write('film-3', list.add())).item?.item).toBe('film-3');
        list.answer(list.write('film-3', { kind: 'move', placement: 'first' }));
        list.answer(list.write('film-4', { kind: 'remove' }));
        list.added('one-more');
        expect(list.items()).toHaveLength(MAX_ITEMS);
      }));

    it.runIf(probe(open).loseNextReply !== undefined).each([true, false])('carries on with a write whose reply was lost (applied: %s): one effect', (applied) =>
      run((list) => {
        list.added('a', 'b');
        const operation = { ...list.add(), placement: 'first' } as const;
        const pending = list.lose('new', operation, applied);
        const { item } = list.answer(list.write('new', operation, pending));
        expect(list.items()).toEqual(['new', 'a', 'b']);
        expect(item).toEqual(pending.result);
        expect(list.found('new')).toEqual(item);
        list.answer(list.write('new', { kind: 'move', placement: 'last' }));
        list.answer(list.write('new', operation, pending));
        expect(list.items()).toEqual(['a', 'b', 'new']);
      }),
    );

    it.runIf(probe(open).loseNextReply !== undefined).each([true, false])('lets another write supersede one whose reply was lost (applied: %s), for good', (applied) =>
      run((list) => {
        const add = list.add();
        const pending = list.lose('a', add, applied);
        list.answer(list.write('a', { kind: 'remove' }, pending));
        expect(list.items()).toEqual([]);
        list.answer(list.write('a', add, pending));
        expect(list.items()).toEqual([]);
      }),
    );

    it.runIf(probe(open).loseNextReply !== undefined).each([true, false])('lets a session supersede a write whose reply was lost (applied: %s) by what it has seen alone', (applied) =>
      run((list) => {
        const add = list.add();
        const { pending, seen } = list.lost('a', add, applied);
        list.terms = { level: 'QUORUM', seen: seen! };
        const removed = list.answer(list.write('a', { kind: 'remove' }));
        list.terms = { level: 'QUORUM', seen: removed.seen };
        expect(list.items()).toEqual([]);
        list.answer(list.write('a', add, pending));
        expect(list.items()).toEqual([]);
      }),
    );

    getContract(run);
    setContract(run, probe(open));
    watchContract(run);
  });
}

/** What a harness is like, before any test. */
function probe(open: (options: ListStoreHarnessOptions) => ListStoreHarness): ListStoreHarness {
  const harness = open({ maxItems: MAX_ITEMS });
  harness.close?.();
  return harness;
}

function placedIn(others: readonly string[], item: string, placement: Placement): string[] {
  if (placement === 'first') return [item, ...others];
  if (placement === 'last') return [...others, item];
  const at = 'before' in placement ? others.indexOf(placement.before) : others.indexOf(placement.after) + 1;
  return [...others.slice(0, at), item, ...others.slice(at)];
}

function disturb(list: ListStoreDriver, random: SeededRandom, staying: readonly string[], passing: readonly string[]): void {
  const placement: Placement = random.pick([{ before: random.pick(staying) }, { after: random.pick(staying) }]);
  const operation = random.pick<Operation>([{ kind: 'remove' }, list.add(), { ...list.add(), placement }]);
  list.answer(list.write(random.pick(passing), operation));
}
