/**
 * Whether a layout can keep what its operator wants of it, asked before a node starts: better a refusal with its reason
 * than a cluster that turns out, the day a zone is lost, to have had two copies of everything there.
 */
import type { RingMember } from '@app/contracts';
import { replicasRequired } from '../quorum/consistency-level.js';

/** What may be lost while QUORUM still answers for every row. */
export type Survival = 'zone' | 'node' | 'nothing';

export type LayoutVerdict = { readonly ok: true } | { readonly ok: false; readonly reason: string };

export function checkLayout(members: readonly RingMember[], replicationFactor: number, survive: Survival): LayoutVerdict {
  const refused = (reason: string): LayoutVerdict => ({ ok: false, reason });
  if (!Number.isInteger(replicationFactor) || replicationFactor < 1) {
    return refused(`replication factor ${replicationFactor} is not a whole number of at least 1`);
  }
  const nodes = new Set(members.map((member) => member.node));
  if (nodes.size < members.length) return refused('a node is named twice');
  const weightless = members.find(({ weight }) => !(weight > 0 && Number.isFinite(weight)));
  if (weightless !== undefined) return refused(`weight ${weightless.weight} of node ${weightless.node} is not above 0`);
  if (members.length < replicationFactor) {
    return refused(`${replicationFactor} copies need as many nodes; there are ${members.length}`);
  }

  const quorum = replicasRequired('QUORUM', replicationFactor);
  const left = { zone: replicationFactor - mostCopiesInAZone(members, replicationFactor), node: replicationFactor - 1, nothing: replicationFactor };
  if (left[survive] >= quorum) return { ok: true };
  const zoneCount = new Set(members.map((member) => member.zone)).size;
  return refused(
    `losing one ${survive} can leave ${left[survive]} of ${replicationFactor} copies, and a quorum is ${quorum}` +
      (survive === 'zone' && replicationFactor >= 3 ? `; more than ${zoneCount} zone${zoneCount === 1 ? '' : 's'} or more copies would do` : ''),
  );
}

/** Copies go round the zones, one to each that has a node left, until all are placed. */
function mostCopiesInAZone(members: readonly RingMember[], replicationFactor: number): number {
  const sizes = new Map<string, number>();
  for (const { zone } of members) sizes.set(zone, (sizes.get(zone) ?? 0) + 1);
  let rounds = 0;
  for (let left = replicationFactor; left > 0; rounds++) {
    left -= [...sizes.values()].filter((size) => size > rounds).length;
  }
  return rounds;
}
