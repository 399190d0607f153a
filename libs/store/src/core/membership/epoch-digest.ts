/**
 * What one node tells another each second: which epoch it is in, and who is known to be in it too. 25 bytes in a cluster of
 * 72 nodes, beside names of fields; the members themselves travel only to a node that is behind.
 */
import type { NodeId } from '@app/contracts';

export interface EpochDigest {
  /** 0 for a node that has not heard of its cluster yet. */
  readonly epoch: number;
  /** Of the membership: two nodes in one epoch whose hashes differ are of two clusters. Empty with epoch 0. */
  readonly hash: string;
  /** One bit for each member, by node id: set where that one is known to be in this epoch, durably. */
  readonly adopted: Uint8Array;
  /** Whether the sender has voted on the next epoch. */
  readonly hasVoted: boolean;
}

/** @param everyone in the order of their ids */
export function adoptedBits(everyone: readonly NodeId[], adopted: ReadonlySet<NodeId>): Uint8Array {
  const bits = new Uint8Array(Math.ceil(everyone.length / 8));
  everyone.forEach((node, i) => {
    if (adopted.has(node)) bits[i >> 3]! |= 1 << (i & 7);
  });
  return bits;
}

export const adoptedNodes = (everyone: readonly NodeId[], bits: Uint8Array): NodeId[] => everyone.filter((_, i) => ((bits[i >> 3] ?? 0) & (1 << (i & 7))) !== 0);
