/**
 * "When the number of (node, counter) pairs in the vector clock reaches a threshold (say 10), the oldest pair is removed from
 * the clock" (Dynamo, SOSP 2007, 4.4; "say 15" in Olety, DynamoDB: An Inside Look Into NoSQL, part 5). Dynamo adds that the
 * scheme "can lead to inefficiencies in reconciliation". It leads to more: a removed item comes back. Here nothing is cut, and
 * what bounds a context is who may write in it: replicas, one actor for each of their incarnations, and never a client.
 */
import { describe, expect, it } from 'vitest';
import { codeOf, favorites, MemoryRow, testCluster } from '@app/store/testing';
import { ByteWriter } from '../../libs/store/src/core/codec/byte-writer.js';
import { actorIdFrom, type ActorId } from '../../libs/store/src/core/causality/dot.js';
import type { RowKnowledge } from '../../libs/store/src/core/row/causal-map.js';
import { areEqual } from './schedule.js';
import { UnionCart } from './union-cart.js';

const TRUNCATE_AT = 15;

/** A cart on two replicas of which one is away; `coordinators` write in the other's name, one after another; the last removes x. */
function removedByManyWhileOneIsAway(cart: UnionCart, coordinators: number): string[] {
  cart.add('here', 'x');
  cart.exchange('here', 'away');
  for (let i = 0; i < coordinators; i++) cart.change('here', (items) => items.add('y'), `coordinator-${i}`);
  cart.change('here', (items) => items.delete('x'), 'coordinator-0');
  expect(cart.items('here')).toEqual(['y']);
  cart.exchange('here', 'away');
  return cart.items('here');
}

const contextBytes = ({ context }: RowKnowledge): number => {
  const writer = new ByteWriter();
  context.encode(writer);
  return writer.finish().length;
};

const actor = (number: number): ActorId => actorIdFrom(Buffer.from(String(number).padStart(8, '0')));

describe('clock truncation (Dynamo, 4.4; Olety, part 5)', () => {
  it('a clock cut at 15 entries no longer descends from what it has seen, and the removed item is back; uncut, it stays away', () => {
    expect(removedByManyWhileOneIsAway(new UnionCart(['here', 'away'], TRUNCATE_AT), 14)).toEqual(['y']);
    const cut = new UnionCart(['here', 'away'], TRUNCATE_AT);
    expect(removedByManyWhileOneIsAway(cut, 15)).toEqual(['x', 'y']);
    expect(cut.largestClock).toBeLessThanOrEqual(TRUNCATE_AT);
    expect(removedByManyWhileOneIsAway(new UnionCart(['here', 'away']), 1_000)).toEqual(['y']);
  });

  it('"only nodes from the preference list handle the operation": 1,000 clients write through six nodes, and a row knows three actors', () => {
    const cluster = testCluster({ nodesPerZone: 2 });
    const replicas = cluster.replicasOf('ann');
    const others = cluster.nodes.filter((name) => !replicas.includes(name));
    expect(codeOf(() => cluster.add('ann', 'x', { via: others[0]! }))).toBe('STORE_NOT_REPLICA');
    for (let client = 0; client < 1_000; client++) {
      const via = replicas[client % 3]!;
      if (client % 2 === 0) cluster.add('ann', `film-${client % 20}`, { via, level: 'ONE' });
      else cluster.remove('ann', `film-${(client - 7) % 20}`, { via, level: 'ONE' });
    }
    cluster.advance(20_000);
    expect(areEqual(cluster, ['ann'])).toBe(true);
    const { context } = cluster.node(replicas[0]!).rows.header(favorites('ann'));
    expect(context.actorCount).toBe(3);
    expect(context.dotCount).toBeGreaterThan(500);
  });

  it('over 15 incarnations of a coordinator nothing is cut: what was removed while a replica was away does not come back with it', () => {
    const cluster = testCluster();
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.advance(50);
    cluster.crash('c1');
    const INCARNATIONS = 30;
    for (let i = 0; i < INCARNATIONS; i++) {
      cluster.restart('a1');
      cluster.add('ann', `film-${i}`, { via: 'a1' });
    }
    cluster.remove('ann', 'x', { via: 'b1' });
    cluster.start('c1');
    expect(cluster.locally('c1', 'ann')).toEqual(['x']);
    cluster.advance(20_000);
    for (const name of cluster.nodes) expect(cluster.locally(name, 'ann').sort()).toEqual(Array.from({ length: INCARNATIONS }, (_, i) => `film-${i}`).sort());
    const header = cluster.node('c1').rows.header(favorites('ann'));
    expect(header.context.actorCount).toBe(INCARNATIONS + 2);
    expect(contextBytes(header) / header.context.actorCount).toBeLessThan(13);
  });

  it('with 1,000 actors, more than a row will ever meet, the context still drops nothing: about 12 bytes each', () => {
    const away = new MemoryRow(actor(0));
    const here = new MemoryRow(actor(1));
    const add = away.add('x');
    here.apply(add);
    for (let number = 2; number <= 1_000; number++) {
      const coordinator = new MemoryRow(actor(number));
      coordinator.apply(add);
      here.apply(number === 1_000 ? coordinator.remove('x') : coordinator.add(`film-${number}`));
    }
    for (const [to, from] of [[here, away], [away, here]] as const) to.merge(from.snapshotFor(to.knowledge));
    for (const row of [here, away]) {
      expect(row.versions('x')).toEqual([]);
      expect(row.live()).toHaveLength(998);
      expect(row.knowledge.context.actorCount).toBe(1_000);
    }
    expect(contextBytes(here.knowledge)).toBeLessThan(12 * 1_000);
  });
});
