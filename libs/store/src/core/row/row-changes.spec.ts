import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ItemChange } from '@app/contracts';
import { CausalContext } from '../causality/causal-context.js';
import { type ActorId, sameDot } from '../causality/dot.js';
import { applyDelta, asItem, NOTHING_KNOWN, type RowKnowledge, showItem } from './causal-map.js';
import { isCell, type Delta, type LiveDelta } from './delta.js';
import { rowChanges } from './row-changes.js';

/** A row made by applying operations, which keeps all of them. */
class Row {
  knowledge: RowKnowledge = NOTHING_KNOWN;
  readonly items = new Map<string, readonly LiveDelta[]>();
  readonly applied: Delta[] = [];

  apply(delta: Delta): void {
    const effect = applyDelta(this.knowledge, this.versionsOf(delta.item), delta);
    if (effect === null) return;
    this.knowledge = effect.knowledge;
    this.items.set(delta.item, effect.versions);
    this.applied.push(delta);
  }

  versionsOf(item: string): readonly LiveDelta[] {
    return this.items.get(item) ?? [];
  }

  deltasOf(item: string): readonly Delta[] {
    return this.applied.filter((delta) => delta.item === item);
  }

  changesSince(seen: CausalContext): ItemChange[] {
    return rowChanges(seen, this.applied.filter(({ dot }) => !seen.has(dot)), this, 'earliest');
  }

  /** "a@position", in no order. */
  shown(): string[] {
    return [...this.items].flatMap(([item, versions]) => {
      const shown = showItem(versions, 'earliest');
      return shown === null ? [] : [`${item}@${shown.position} ${shown.cell.hlc}`];
    });
  }
}

const ITEMS = ['a', 'b', 'c'];
interface Step {
  readonly actor: number;
  readonly item: number;
  readonly kind: 'add' | 'remove' | 'move';
}

/** Three replicas that write, each on what it has, and hear of each other as `hears` says; all deltas, in order of minting. */
function history(steps: readonly (Step | { readonly from: number; readonly to: number })[]): Delta[] {
  const replicas = [new Row(), new Row(), new Row()];
  const counters = [0, 0, 0];
  const minted: Delta[] = [];
  for (const [at, step] of steps.entries()) {
    if ('from' in step) {
      for (const delta of replicas[step.from]!.applied) replicas[step.to]!.apply(delta);
      continue;
    }
    const row = replicas[step.actor]!;
    const item = ITEMS[step.item]!;
    const versions = row.versionsOf(item);
    const dot = { actor: `000000000000000${step.actor}` as ActorId, counter: ++counters[step.actor]! };
    const position = `p${(at * 7) % 10}`;
    const common = { item, dot, hlc: 1_000 - ((at * 13) % 50) };
    const cells = versions.filter(isCell);
    let delta: Delta;
    if (step.kind === 'move' && cells.length > 0) {
      delta = { ...common, supersedes: versions.filter((held) => !isCell(held)).map((held) => held.dot), version: { facet: 'place', position, bases: cells.map((cell) => cell.dot) } };
    } else if (step.kind === 'remove') delta = { ...common, supersedes: versions.map((held) => held.dot), version: null };
    else delta = { ...common, supersedes: versions.map((held) => held.dot), version: { facet: 'cell', position, value: new Uint8Array(0) } };
    row.apply(delta);
    minted.push(delta);
  }
  return minted;
}

const someOf = (minted: readonly Delta[], picks: readonly number[]): Delta[] => (minted.length === 0 ? [] : picks.map((pick) => minted[pick % minted.length]!));

const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ actor: fc.nat(2), item: fc.nat(2), kind: fc.constantFrom('add', 'remove', 'move') }) },
  { weight: 1, arbitrary: fc.record({ from: fc.nat(2), to: fc.nat(2) }) },
) as fc.Arbitrary<Step | { from: number; to: number }>;

describe('what became of a row', () => {
  it('is exactly the visible difference of two states, whatever was done in whatever order, told without the first state', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 24, size: 'max' }), fc.array(fc.nat(99)), fc.array(fc.nat(99)), (steps, first, rest) => {
        const minted = history(steps);
        const row = new Row();
        // Any subset, in any order, is a state that a replica may be in.
        for (const delta of someOf(minted, first)) row.apply(delta);
        const before = new Map([...row.items].map(([item, versions]) => [item, showItem(versions, 'earliest')]));
        const { context } = row.knowledge;
        for (const delta of someOf(minted, rest)) row.apply(delta);
        const changes = row.changesSince(context);
        const expected = ITEMS.flatMap((item): ItemChange[] => {
          const [was, is] = [before.get(item) ?? null, showItem(row.versionsOf(item), 'earliest')];
          if (is === null) return was === null ? [] : [{ kind: 'removed', item }];
          if (was === null || !sameDot(was.cell.dot, is.cell.dot)) return [{ kind: 'added', item, now: asItem(is) }];
          return was.position === is.position ? [] : [{ kind: 'moved', item, now: asItem(is) }];
        });
        const byItem = (a: ItemChange, b: ItemChange): number => (a.item < b.item ? -1 : 1);
        expect(changes.toSorted(byItem)).toEqual(expected.toSorted(byItem));
      }),
      { numRuns: 1_000 },
    );
  });

  it('where old bodies are forgotten is still enough: who applies it has the later state, and hears of no item that nothing happened to', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 24, size: 'max' }), fc.array(fc.nat(99)), fc.array(fc.nat(99)), (steps, first, rest) => {
        const minted = history(steps);
        const row = new Row();
        for (const delta of someOf(minted, first)) row.apply(delta);
        const told = new Map([...row.items].flatMap(([item, versions]) => (showItem(versions, 'earliest') === null ? [] : [[item, asItem(showItem(versions, 'earliest')!)] as const])));
        const { context } = row.knowledge;
        for (const delta of someOf(minted, rest)) row.apply(delta);
        const missing = row.applied.filter(({ dot }) => !context.has(dot));
        // Only what came since is known one by one, and what is live.
        const known = { versionsOf: (item: string) => row.versionsOf(item), deltasOf: (item: string) => [...missing.filter((delta) => delta.item === item), ...row.versionsOf(item)] };
        const changes = rowChanges(context, missing, known, 'earliest');
        for (const change of changes) {
          expect(missing.some(({ item }) => item === change.item)).toBe(true);
          if (change.kind === 'removed') told.delete(change.item);
          else told.set(change.item, change.now);
        }
        const shown = new Map([...row.items].flatMap(([item, versions]) => (showItem(versions, 'earliest') === null ? [] : [[item, asItem(showItem(versions, 'earliest')!)] as const])));
        expect(told).toEqual(shown);
      }),
      { numRuns: 1_000 },
    );
  });

  it('is nothing where an operation did what another one had done before: the second of two removals', () => {
    const dot = (actor: number) => ({ actor: `000000000000000${actor}` as ActorId, counter: 1 });
    const added: Delta = { item: 'a', dot: dot(0), hlc: 1, supersedes: [], version: { facet: 'cell', position: 'p', value: new Uint8Array(0) } };
    const [one, other] = [1, 2].map((actor): Delta => ({ item: 'a', dot: dot(actor), hlc: 1 + actor, supersedes: [added.dot], version: null })) as [Delta, Delta];
    const row = new Row();
    for (const each of [added, one]) row.apply(each);
    const { context } = row.knowledge;
    row.apply(other);
    expect(row.applied).toHaveLength(3);
    expect(row.changesSince(context)).toEqual([]);
  });

  it('comes in the order of the operations', () => {
    const delta = (item: string, hlc: number): Delta => ({ item, dot: { actor: '0000000000000001' as ActorId, counter: hlc }, hlc, supersedes: [], version: { facet: 'cell', position: item, value: new Uint8Array(0) } });
    const row = new Row();
    for (const each of [delta('c', 3), delta('a', 1), delta('b', 2)]) row.apply(each);
    expect(row.changesSince(CausalContext.EMPTY).map(({ item }) => item)).toEqual(['a', 'b', 'c']);
  });
});
