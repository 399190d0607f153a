/**
 * Replica synchronisation with Merkle trees (Dynamo, SOSP 2007, 4.7; Olety, DynamoDB: An Inside Look Into NoSQL, part 6): leaves
 * are hashes of objects, parents hashes of children; equal roots need nothing, different ones are followed down.
 */
import { describe, expect, it } from 'vitest';
import { nodeId, zoneId, type RingMember } from '@app/contracts';
import { favorites, MemoryRow, testCluster, type TestCluster } from '@app/store/testing';
import { tokenOf, TokenRing } from '@app/store';
import { actorIdFrom } from '../../libs/store/src/core/causality/dot.js';
import { leafOf, MerkleTree, rowHash } from '../../libs/store/src/core/merkle/merkle-tree.js';
import type { Token } from '../../libs/store/src/core/ring/token.js';
import { SLOT_COUNT } from '../../libs/store/src/core/ring/token-allocator.js';
import { NO_HINTS, print, users } from './schedule.js';

const ROWS = 600;

/** Two nodes that hold the same 600 rows, and a way to give one of them more. */
function twoEqualNodes(): { cluster: TestCluster; change: (count: number) => void; cost: () => { messages: number; bytes: number } } {
  const cluster = testCluster({ zones: ['a', 'b'], replicationFactor: 2, settings: { hints: NO_HINTS } });
  const rows = users(ROWS).map((user, number) => ({ user, row: new MemoryRow(actorIdFrom(Buffer.from(String(number).padStart(8, '0')))) }));
  for (const { user, row } of rows) {
    const delta = row.add('film-1');
    for (const name of cluster.nodes) cluster.node(name).rows.applyAll(favorites(user), [delta], (error) => expect(error).toBeUndefined());
  }
  cluster.advance(25_000);
  let changes = 0;
  const total = (count: 'messages' | 'bytes'): number => cluster.nodes.reduce((sum, name) => sum + cluster.node(name).stats().antiEntropy[count], 0);
  return {
    cluster,
    change: (count) => {
      changes++;
      for (const { user, row } of rows.slice(0, count)) cluster.node('a1').rows.applyAll(favorites(user), [row.add(`more-${changes}`)], () => {});
      cluster.advance(1);
    },
    cost: () => ({ messages: total('messages'), bytes: total('bytes') }),
  };
}

describe('anti-entropy with Merkle trees (Dynamo, 4.7)', () => {
  it('"if the hash values of the root of two trees are equal, then the values of the leaf nodes in the tree are equal and the nodes require no synchronization": one question and an empty answer, 17 bytes', () => {
    const { cluster, cost } = twoEqualNodes();
    const [before, roundsBefore] = [cost(), cluster.node('a1').stats().antiEntropy.rounds + cluster.node('b1').stats().antiEntropy.rounds];
    cluster.advance(60_000);
    const rounds = cluster.node('a1').stats().antiEntropy.rounds + cluster.node('b1').stats().antiEntropy.rounds - roundsBefore;
    const after = cost();
    expect(rounds).toBeGreaterThan(5);
    expect({ messages: after.messages - before.messages, bytes: after.bytes - before.bytes }).toEqual({ messages: rounds, bytes: 17 * rounds });
  });

  it('"minimizes the amount of data that needs to be transferred": what d differing rows cost follows d, not the 600 there are', () => {
    const { cluster, change, cost } = twoEqualNodes();
    const costs = [1, 10, 100].map((d) => {
      const before = cost();
      change(d);
      const isEqual = (): boolean => users(d).every((user) => cluster.digestAt('a1', user) === cluster.digestAt('b1', user));
      expect(cluster.clock.runUntil(isEqual, 60_000)).toBe(true);
      cluster.advance(100);
      const after = cost();
      return { d, messages: after.messages - before.messages, bytes: after.bytes - before.bytes };
    });
    print('anti-entropy of d rows of 600', costs);
    const [one, ten, hundred] = costs as [typeof costs[0], typeof costs[0], typeof costs[0]];
    expect(one!.bytes).toBeLessThan(2_000);
    expect(one!.messages).toBeLessThan(12);
    expect(ten!.bytes / one!.bytes).toBeLessThan(12);
    expect(hundred!.bytes / ten!.bytes).toBeLessThan(12);
  });

  it('"many key ranges change when a node joins or leaves the system thereby requiring the trees to be recalculated": not here, the leaves are fixed and two nodes compare those that both hold', () => {
    const member = (node: string): RingMember => ({ node: nodeId(node), zone: zoneId(`zone-${node[0]}`), region: 'local', host: node, port: 1, weight: 1 });
    const before = ['a1', 'b1', 'c1'].map(member);
    const [old, joined] = [new TokenRing(before, 3), new TokenRing([...before, member('c2')], 3)];
    /** The slots of which both nodes hold a copy. */
    const shared = (ring: TokenRing, one: string, other: string): Uint8Array =>
      Uint8Array.from({ length: SLOT_COUNT }, (_, slot) => Number([one, other].every((name) => ring.isReplica(nodeId(name), (BigInt(slot) << 52n) as Token))));
    const tree = new MerkleTree();
    for (const user of users(500)) tree.toggle(leafOf(tokenOf('favorites', user)), rowHash(new Uint8Array(16), 'favorites', user, new Uint8Array(16)));
    // One tree, kept as it was, over whatever slots two nodes share: XOR puts the root together when it is asked for.
    const root = (ring: TokenRing, one: string, other: string): Buffer => Buffer.from(tree.hash(0, 0, shared(ring, one, other)));
    expect(root(joined, 'a1', 'b1')).toEqual(root(old, 'a1', 'b1'));
    const [kept, given] = [root(joined, 'a1', 'c1'), root(joined, 'a1', 'c2')];
    expect(kept).not.toEqual(root(old, 'a1', 'c1'));
    expect(Buffer.from(kept.map((byte, i) => byte ^ given[i]!))).toEqual(root(old, 'a1', 'c1'));
  });
});
