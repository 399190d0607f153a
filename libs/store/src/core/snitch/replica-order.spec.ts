import { nodeId, type NodeId } from '@app/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { swiftFirst } from './replica-order.js';

const NAMES = ['a1', 'b1', 'c1', 'd1'].map(nodeId);
const order = (latencies: (number | null)[]): string => {
  const replicas = NAMES.slice(0, latencies.length);
  return swiftFirst(replicas, (replica) => latencies[replicas.indexOf(replica)]!).join(' ');
};

describe('[D1] replicas are asked the nearest first, but behind those that answer much faster', () => {
  it.each([
    ['near-equals keep their places', [1.9, 1, 1.2], 'a1 b1 c1'],
    ['twice as slow is not enough where it is a matter of a millisecond', [3, 1, 1], 'a1 b1 c1'],
    ['much slower than a farther one comes after it', [12, 1, 1.1], 'b1 c1 a1'],
    ['much slower than another as near comes after it', [1, 10, 1.1], 'a1 c1 b1'],
    ['where all are slow the nearest is first', [50, 40, 60], 'a1 b1 c1'],
    ['of the slow ones the nearest is first', [80, 1, 60], 'b1 a1 c1'],
    ['a slow one comes after a fast one, the slower one after the slow one', [500, 1, 60], 'b1 c1 a1'],
    ['one that does not answer is last', [Infinity, 900, 1], 'c1 b1 a1'],
    ['one that does not answer comes after one of which nothing is known', [Infinity, null, null], 'b1 c1 a1'],
    ['where nobody answers the nearest is first', [Infinity, Infinity, Infinity], 'a1 b1 c1'],
    ['one of which nothing is known keeps its place', [null, 1, 1], 'a1 b1 c1'],
    ['one of which nothing is known is no yardstick', [40, null, 30], 'a1 b1 c1'],
    ['nothing is known of anybody', [null, null, null], 'a1 b1 c1'],
  ])('%s', (_, latencies, expected) => {
    expect(order(latencies)).toBe(expected);
  });

  it('names each replica once, and nobody before one that is nearer and no slower', () => {
    const latency = fc.oneof(fc.constant(null), fc.constant(Infinity), fc.double({ min: 0, max: 1_000, noNaN: true }));
    fc.assert(
      fc.property(fc.array(latency, { minLength: 1, maxLength: 4 }), (latencies) => {
        const replicas = NAMES.slice(0, latencies.length);
        const at = (replica: NodeId): number | null => latencies[replicas.indexOf(replica)]!;
        const ordered = swiftFirst(replicas, at);
        expect(ordered.toSorted()).toEqual(replicas);
        for (const [i, near] of replicas.entries()) {
          for (const far of replicas.slice(i + 1)) {
            if (ordered.indexOf(far) < ordered.indexOf(near)) expect(at(near)! > (at(far) ?? 0)).toBe(true);
          }
        }
      }),
    );
  });
});
