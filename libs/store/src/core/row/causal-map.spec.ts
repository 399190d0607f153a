/**
 * The rules of the row, each first as the schedule that breaks a row without it, then all of them against the dumb model
 * that keeps every operation.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryRow } from '../../testing/memory-row.js';
import { RowModel } from '../../testing/row-model.js';
import { actorIdFrom } from '../causality/dot.js';
import { coversKnowledge, knowledgeOfIntact, NOTHING_KNOWN, showItem } from './causal-map.js';
import type { Delta } from './delta.js';

const replica = (name: number): MemoryRow => new MemoryRow(actorIdFrom(new Uint8Array(8).fill(name + 1)));
const shows = (row: MemoryRow, item: string): boolean => showItem(row.versions(item), 'latest') !== null;
const positionOf = (row: MemoryRow, item: string): string | undefined => showItem(row.versions(item), 'latest')?.position;

describe('removals', () => {
  it('[F1] a removal changes the context: a replica that lacks it cannot claim to have seen as much', () => {
    const [a, b] = [replica(0), replica(1)];
    const add = a.add('x');
    b.apply(add);
    a.remove('x');
    expect(coversKnowledge(b.knowledge, a.knowledge)).toBe(false);
    expect(a.knowledge.context.equals(b.knowledge.context)).toBe(false);
  });

  it('[F2] a dot that was only superseded does not count as applied', () => {
    const [a, b] = [replica(0), replica(1)];
    const d1 = a.add('x');
    const d2 = a.add('x');
    const d3 = a.add('x');
    b.apply(d1);
    b.apply(d3);
    // d2 superseded d1, and b has not heard so: it must not claim d2, or it would claim to have dropped d1.
    expect(b.knowledge.context.has(d2.dot)).toBe(false);
    expect(b.knowledge.voided.has(d2.dot)).toBe(true);
    expect(coversKnowledge(b.knowledge, a.knowledge)).toBe(false);
    b.apply(d2);
    expect(b.live()).toEqual(a.live());
    expect(b.knowledge.voided.isEmpty).toBe(true);
  });

  it('an add that comes to light after its removal stays away', () => {
    const [a, b] = [replica(0), replica(1)];
    const add = a.add('x');
    const removal = a.remove('x');
    b.apply(removal);
    b.apply(add);
    b.apply(add);
    expect(shows(b, 'x')).toBe(false);
    expect(b.knowledge.voided.isEmpty).toBe(true);
  });

  it('an add that the remover had not seen stays', () => {
    const [a, b] = [replica(0), replica(1)];
    b.apply(a.add('x'));
    const removal = a.remove('x');
    const concurrent = b.add('x');
    a.apply(concurrent);
    b.apply(removal);
    expect(shows(a, 'x')).toBe(true);
    expect(a.live()).toEqual(b.live());
  });
});

describe('merging', () => {
  it('[F7] a version that arrives by merge brings what it supersedes: an older one that comes late does not stand beside it', () => {
    const [a, b] = [replica(0), replica(1)];
    const d1 = a.add('x');
    const d2 = a.add('x');
    for (const version of a.versions('x')) b.apply(version); // as a repair of the range would
    b.apply(d1);
    expect(b.versions('x').map((version) => version.dot)).toEqual([d2.dot]);
  });

  it('[F6] the context of a row is taken on only with all of its cells', () => {
    const [a, b] = [replica(0), replica(1)];
    a.add('x');
    a.add('y');
    const whole = a.snapshotFor(NOTHING_KNOWN);
    // A page of the row is sent as deltas: it brings their dots and nothing more.
    for (const version of whole.versions.filter((version) => version.item === 'x')) b.apply(version);
    expect(b.knowledge.context.dotCount).toBe(1);
    const other = replica(2);
    other.merge(whole);
    other.merge(b.snapshotFor(NOTHING_KNOWN));
    expect(shows(other, 'y')).toBe(true);
  });

  it('[F8] a damaged row forgets what it cannot prove, so its loss does not spread as a removal', () => {
    const [a, b] = [replica(0), replica(1)];
    for (const delta of [a.add('x'), a.add('y'), a.add('y')]) b.apply(delta);
    const [intact] = b.versions('y');
    b.items.delete('x'); // the record rotted
    b.knowledge = knowledgeOfIntact([intact!]);
    a.merge(b.snapshotFor(a.knowledge));
    expect(shows(a, 'x')).toBe(true);
    // What the intact version superseded stays void, or its older sibling would come back here.
    expect(b.knowledge.voided.dotCount).toBe(1);
    b.merge(a.snapshotFor(b.knowledge));
    expect(b.live()).toEqual(a.live());
  });
});

describe('moves', () => {
  it('[F13] a move does not bring back what was removed', () => {
    const [a, b] = [replica(0), replica(1)];
    b.apply(a.add('x'));
    const removal = a.remove('x');
    const move = b.move('x', 'elsewhere');
    for (const row of [a, b]) {
      row.apply(removal);
      row.apply(move);
      expect(shows(row, 'x')).toBe(false);
    }
  });

  it('[F13] a place counts only while a version that it is based on is live: a new add has its own', () => {
    const a = replica(0);
    a.add('x', 'first');
    a.move('x', 'second');
    expect(positionOf(a, 'x')).toBe('second');
    const b = replica(1);
    b.merge(a.snapshotFor(NOTHING_KNOWN));
    // The remover did not see the move, so its place survives as an orphan.
    const c = replica(2);
    for (const version of a.versions('x')) if (version.version.facet === 'cell') c.apply(version);
    b.apply(c.remove('x'));
    expect(b.versions('x')).toHaveLength(1);
    expect(shows(b, 'x')).toBe(false);
    const again = c.add('x', 'third');
    b.apply(again);
    expect(positionOf(b, 'x')).toBe('third');
    b.remove('x');
    expect(b.versions('x')).toHaveLength(0);
  });

  it('of concurrent moves one place wins, the same everywhere', () => {
    const [a, b] = [replica(0), replica(1)];
    b.apply(a.add('x'));
    const here = a.move('x', 'here');
    const there = b.move('x', 'there');
    a.apply(there);
    b.apply(here);
    expect(positionOf(a, 'x')).toBe(positionOf(b, 'x'));
  });
});

describe('[C3] against the dumb model', () => {
  const ITEMS = ['x', 'y'];
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('add' as const), at: fc.nat(2), item: fc.constantFrom(...ITEMS) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('remove' as const), at: fc.nat(2), item: fc.constantFrom(...ITEMS) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('move' as const), at: fc.nat(2), item: fc.constantFrom(...ITEMS) }) },
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('deliver' as const), at: fc.nat(2), which: fc.nat(30) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('merge' as const), at: fc.nat(2), from: fc.nat(2) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('repairItem' as const), at: fc.nat(2), from: fc.nat(2), item: fc.constantFrom(...ITEMS) }) },
  );

  it('holds the same operations, live versions and void dots, in any order of deliveries, repeats and merges', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const rows = [replica(0), replica(1), replica(2)];
        const models = rows.map(() => new RowModel());
        const deltas: Delta[] = [];
        let place = 0;
        for (const each of steps) {
          const row = rows[each.at]!;
          const model = models[each.at]!;
          if (each.kind === 'deliver') {
            const delta = deltas[each.which % Math.max(1, deltas.length)];
            if (delta === undefined) continue;
            row.apply(delta);
            model.apply(delta);
          } else if (each.kind === 'merge') {
            const source = rows[each.from]!;
            row.merge(source.snapshotFor(row.knowledge));
            model.merge(models[each.from]!);
          } else if (each.kind === 'repairItem') {
            for (const version of rows[each.from]!.versions(each.item)) {
              row.apply(version);
              model.apply(version);
            }
          } else {
            const delta = each.kind === 'add' ? row.add(each.item) : each.kind === 'remove' ? row.remove(each.item) : row.move(each.item, `p${place++}`);
            model.apply(delta);
            deltas.push(delta);
          }
          expect(row.context()).toEqual(model.context());
          expect(row.live()).toEqual(model.live());
          expect(row.voided()).toEqual(model.voided());
        }
        // Whatever happened: once all of them have merged with all, they are equal.
        for (const row of rows) for (const other of rows) row.merge(other.snapshotFor(row.knowledge));
        for (const row of rows) for (const other of rows) row.merge(other.snapshotFor(row.knowledge));
        for (const row of rows) expect([row.context(), row.live(), row.voided()]).toEqual([rows[0]!.context(), rows[0]!.live(), rows[0]!.voided()]);
      }),
      { numRuns: 1_000 },
    );
  });

  it('applies and merges idempotently, and in any order to one state', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), fc.infiniteStream(fc.nat()), (steps, draws) => {
        const rows = [replica(0), replica(1), replica(2)];
        const deltas: Delta[] = [];
        for (const each of steps) {
          const row = rows[each.at]!;
          if (each.kind === 'add') deltas.push(row.add(each.item));
          else if (each.kind === 'remove') deltas.push(row.remove(each.item));
          else if (each.kind === 'move') deltas.push(row.move(each.item, 'p'));
          else if (each.kind === 'deliver' && deltas.length > 0) row.apply(deltas[each.which % deltas.length]!);
        }
        const inOrder = replica(7);
        for (const delta of deltas) inOrder.apply(delta);
        const shuffled = replica(8);
        const left = [...deltas, ...deltas];
        while (left.length > 0) shuffled.apply(left.splice(draws.next().value % left.length, 1)[0]!);
        expect([shuffled.context(), shuffled.live(), shuffled.voided()]).toEqual([inOrder.context(), inOrder.live(), inOrder.voided()]);
        shuffled.merge(shuffled.snapshotFor(NOTHING_KNOWN));
        expect(shuffled.live()).toEqual(inOrder.live());
      }),
    );
  });
});
