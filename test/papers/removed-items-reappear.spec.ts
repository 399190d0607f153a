/**
 * "An 'add to cart' operation is never lost. However, deleted items can resurface" (Dynamo, SOSP 2007, 4.4): reproduced with
 * a cart of plain unions, and the same schedules played on the store, where it does not happen.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { testCluster } from '@app/store/testing';
import { areEqual, cut } from './schedule.js';
import { UnionCart } from './union-cart.js';

/** A list kept on three replicas of which one can be cut off from the others: by the store or by the dumb model. */
interface List {
  add(via: string, film: string): void;
  remove(via: string, film: string): void;
  cutOff(replica: string): void;
  heal(): void;
  films(via: string): string[];
}

const REPLICAS = ['a1', 'b1', 'c1'];

function plainUnion(): List {
  const cart = new UnionCart(REPLICAS);
  let away: string | null = null;
  const spread = (): void => cart.exchange(...REPLICAS.filter((replica) => replica !== away));
  return {
    add: (via, film) => (cart.add(via, film), spread()),
    remove: (via, film) => (cart.remove(via, film), spread()),
    cutOff: (replica) => void (away = replica),
    heal: () => ((away = null), spread()),
    films: (via) => cart.items(via),
  };
}

/** Every operation at ONE, as Dynamo's cart takes it: both sides of the cut go on writing. */
function store(): List {
  const cluster = testCluster();
  const settle = (): void => cluster.advance(20);
  return {
    add: (via, film) => (cluster.add('ann', film, { via, level: 'ONE' }), settle()),
    remove: (via, film) => (cluster.remove('ann', film, { via, level: 'ONE' }), settle()),
    cutOff: (replica) => {
      const others = REPLICAS.filter((name) => name !== replica);
      cut(cluster, [replica], others);
      cut(cluster, others, [replica]);
    },
    heal: () => {
      cluster.heal();
      cluster.advance(20_000);
      expect(areEqual(cluster, ['ann'])).toBe(true);
    },
    films: (via) => cluster.locally(via, 'ann').sort(),
  };
}

/** x is removed on one side of a cut while something else is added on the other. */
function removedWhileOthersAdd(list: List): string[] {
  for (const film of ['x', 'y']) list.add('a1', film);
  list.cutOff('c1');
  list.remove('a1', 'x');
  expect(list.films('b1')).toEqual(['y']);
  list.add('c1', 'z');
  list.heal();
  for (const via of REPLICAS) expect(list.films(via)).toEqual(list.films('a1'));
  return list.films('a1');
}

describe('"deleted items can resurface" (Dynamo, 4.4)', () => {
  it('with a plain union: x is removed on one side of a partition, something else is added on the other, and x is back', () => {
    expect(removedWhileOthersAdd(plainUnion())).toEqual(['x', 'y', 'z']);
  });

  it('not here: through the same schedule x stays away, and nothing that was added is lost', () => {
    expect(removedWhileOthersAdd(store())).toEqual(['y', 'z']);
  });

  it(`"an 'add to cart' operation is never lost": x added anew on the one side while it is removed on the other is in both lists`, () => {
    for (const list of [plainUnion(), store()]) {
      list.add('a1', 'x');
      list.cutOff('c1');
      list.remove('c1', 'x');
      list.add('c1', 'x');
      list.remove('a1', 'x');
      list.heal();
      expect(list.films('a1')).toEqual(['x']);
    }
  });

  it('over random schedules with a cut: the store shows a film exactly where some add of it was seen by no remove; the union brings removed ones back', () => {
    const step = fc.record({ via: fc.constantFrom(...REPLICAS), film: fc.constantFrom('x', 'y'), kind: fc.constantFrom('add', 'remove') });
    let broughtBack = 0;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 3 }), fc.array(step, { minLength: 3, maxLength: 6 }), (before, during) => {
        const [union, ours] = [plainUnion(), store()];
        // The adds that live, by side; and a remove ends those that its own side has.
        let sides = [new Set<number>(), new Set<number>()];
        const films: string[] = [];
        const play = (steps: typeof before, sideOf: (via: string) => number): void => {
          for (const { via, film, kind } of steps) {
            const side = sides[sideOf(via)]!;
            const live = [...side].filter((add) => films[add] === film);
            if (kind === 'remove') for (const add of live) side.delete(add);
            else if (live.length === 0) side.add(films.push(film) - 1); // what is there stays as it is
            for (const list of [union, ours]) list[kind as 'add' | 'remove'](via, film);
          }
        };
        play(before, () => 0);
        const atCut = sides[0]!;
        sides = [new Set(atCut), new Set(atCut)];
        for (const list of [union, ours]) list.cutOff('c1');
        play(during, (via) => (via === 'c1' ? 1 : 0));
        for (const list of [union, ours]) list.heal();
        const left = films.filter((_, add) => sides.every((side) => side.has(add)) || (!atCut.has(add) && sides.some((side) => side.has(add))));
        const expected = [...new Set(left)].sort();
        for (const via of REPLICAS) expect(ours.films(via)).toEqual(expected);
        if (union.films('a1').some((film) => !expected.includes(film))) broughtBack++;
      }),
      { numRuns: 12, seed: 7 },
    );
    expect(broughtBack).toBeGreaterThan(0);
  });
});
