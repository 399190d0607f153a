import { describe, expect, it } from 'vitest';
import { actorIdFrom } from '../core/causality/dot.js';
import { CausalContext } from '../core/causality/causal-context.js';
import { UnacknowledgedWrites } from './unacknowledged-writes.js';

const actor = actorIdFrom(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
const [first, second] = [1, 2].map((counter) => ({ actor, counter })) as [{ actor: typeof actor; counter: number }, { actor: typeof actor; counter: number }];

const rowOf = (row: string) => ({ table: 'favorites', row });
const [ann, bob] = [rowOf('ann'), rowOf('bob')];

describe('writes that no quorum acknowledged', () => {
  it('are remembered until a quorum holds all of the row', () => {
    const writes = new UnacknowledgedWrites();
    writes.add(ann, first);
    writes.add(ann, second);
    writes.onQuorum(ann, CausalContext.of([second]));
    writes.onQuorum(bob, CausalContext.of([first, second]));
    expect([writes.has(ann), writes.has(bob)]).toEqual([true, false]);
    writes.onQuorum(ann, CausalContext.of([first, second]));
    expect(writes.has(ann)).toBe(false);
  });

  it('are forgotten, the oldest row first, where there are too many', () => {
    const writes = new UnacknowledgedWrites();
    for (let row = 0; row <= 10_000; row++) writes.add(rowOf(`row-${row}`), first);
    expect([writes.has(rowOf('row-0')), writes.has(rowOf('row-1')), writes.has(rowOf('row-10000'))]).toEqual([false, true, true]);
  });
});
