/**
 * Changes of the membership as admin calls, at any member:
 *
 *     GET    /admin/members            epoch, members, the change under way and how far it is, history
 *     POST   /admin/members            {"change": {"kind": "join", "member": {...}}, "by": "ann"}
 *                                      {"kind": "leave", "node": "b2"} {"kind": "replace", "node": "b2", "member": {...}}
 *                                      {"kind": "weigh", "node": "b2", "weight": 2}; 0 drains it
 *     DELETE /admin/members/change     calls the change off that is under way
 *
 * The answer comes when a majority of the members has agreed, or will not: MEMBERSHIP_REFUSED, with the reason. What was
 * agreed is begun, not over; GET tells when it is.
 */
import { z } from 'zod';
import type { AdminRoute } from '@app/admin';
import { ID_PATTERN, nodeId, TriptychError, zoneId } from '@app/contracts';
import { imbalancesOf, type ChangeAnswer, type MemberChange, type StoreNode } from '@app/store';

/** How long a majority may take to agree, ms. */
const AGREEMENT_TIMEOUT_MS = 10_000;

const name = z.string().regex(ID_PATTERN, { error: '1 to 128 characters of A-Z a-z 0-9 . _ ~ -' });
const Node = name.transform(nodeId);
const Member = z.strictObject({
  node: Node,
  zone: name.transform(zoneId),
  region: name,
  host: z.string().min(1),
  port: z.int().min(1).max(65_535),
  weight: z.number().positive(),
});
const Request = z.strictObject({
  change: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('join'), member: Member }),
    z.strictObject({ kind: z.literal('leave'), node: Node }),
    z.strictObject({ kind: z.literal('replace'), node: Node, member: Member }),
    z.strictObject({ kind: z.literal('weigh'), node: Node, weight: z.number().min(0) }),
  ]),
  by: z.string().min(1).max(128),
});

export function memberRoutes(node: StoreNode): AdminRoute[] {
  const post: AdminRoute<{ change: MemberChange; by: string }> = {
    method: 'POST',
    path: 'members',
    body: Request,
    handle: ({ change, by }) => answered((settle) => node.members.change(change, by, AGREEMENT_TIMEOUT_MS, settle)),
  };
  return [
    { method: 'GET', path: 'members', handle: () => state(node) },
    post as AdminRoute,
    { method: 'DELETE', path: 'members/change', handle: () => answered((settle) => node.members.cancelChange(AGREEMENT_TIMEOUT_MS, settle)) },
  ];
}

function state(node: StoreNode) {
  const { members } = node;
  const status = members.status();
  const stats = node.stats();
  return {
    ...status,
    imbalances: imbalancesOf(members.membership),
    history: members.history,
    /** What this node itself still has to do: rows to fetch, operations to hand over. */
    waiting: { slots: stats.slotSync.waitingSlots, hints: stats.hints.waitingCount },
  };
}

function answered(ask: (settle: (answer: ChangeAnswer) => void) => void): Promise<{ epoch: number }> {
  return new Promise((resolve, reject) => {
    ask((answer) => {
      if (answer.ok) resolve({ epoch: answer.membership.epoch });
      else reject(new TriptychError('MEMBERSHIP_REFUSED', answer.reason));
    });
  });
}
