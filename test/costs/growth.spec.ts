/** What an operation costs does not follow the number of nodes, nor does what a node gossips and compares: growth.long-spec.ts goes on to 72. */
import { beforeAll, describe, expect, it } from 'vitest';
import { GrowingCluster } from './growing-cluster.js';

const TOLERATED = 1.1;

describe('with 24 nodes instead of 6', () => {
  let small: GrowingCluster;
  let large: GrowingCluster;
  beforeAll(() => {
    small = new GrowingCluster(6);
    large = new GrowingCluster(24);
  }, 180_000);

  it.each(['add', 'list'] as const)('as many messages and bytes pass for each %s', (kind) => {
    const [one, other] = [small.perOperation(kind, 200), large.perOperation(kind, 200)];
    if (process.env['TRIPTYCH_PRINT']) console.table({ 6: one, 24: other });
    expect(other.messages / one.messages).toBeLessThanOrEqual(TOLERATED);
    expect(other.bytes / one.bytes).toBeLessThanOrEqual(TOLERATED);
  });

  it('no more gossip and anti-entropy pass for each node; heartbeats and witnesses follow the number of peers', () => {
    const [one, other] = [small.background(20), large.background(20)];
    if (process.env['TRIPTYCH_PRINT']) console.log({ 6: one, 24: other });
    for (const mechanism of ['gossip', 'anti-entropy'] as const) {
      expect(other[mechanism].messages / one[mechanism].messages, mechanism).toBeLessThanOrEqual(TOLERATED);
      expect(other[mechanism].bytes / one[mechanism].bytes, mechanism).toBeLessThanOrEqual(TOLERATED);
    }
    for (const mechanism of ['heartbeats', 'witnesses'] as const) {
      expect(other[mechanism].messages / 23, mechanism).toBeLessThanOrEqual(2 * TOLERATED);
    }
  });
});
