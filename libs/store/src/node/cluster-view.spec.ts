import { nodeId, zoneId, type RingMember } from '@app/contracts';
import { describe, expect, it } from 'vitest';
import { begun, electorates, ended, founded, type MemberChange, type Membership } from '../core/membership/membership.js';
import { SLOT_COUNT } from '../core/ring/token-allocator.js';
import { ClusterView, slotsGained, slotsLost } from './cluster-view.js';

const memberOf = (node: string): RingMember => ({ node: nodeId(node), zone: zoneId(`zone-${node[0]}`), region: 'local', host: node, port: 1, weight: 1 });
const SIX = founded(['a1', 'a2', 'b1', 'b2', 'c1', 'c2'].map(memberOf), 3, 'zone');
const begin = (now: Membership, change: MemberChange): Membership => {
  const verdict = begun(now, change, 'ann', 1);
  if (!verdict.ok) throw new Error(verdict.reason);
  return verdict.membership;
};
const weigh = (node: string, weight: number): MemberChange => ({ kind: 'weigh', node: nodeId(node), weight });
const viewOf = (node: string, membership: Membership): ClusterView => {
  const view = new ClusterView(memberOf(node), 'c', 3);
  view.adopt(membership);
  return view;
};
const B1 = nodeId('b1');
const rows = Array.from({ length: 300 }, (_, i) => ({ table: 'favorites', row: `user-${i}` }));

describe('[M26] a view of the cluster', () => {
  it('places a row in two sets while the members change, and its quorums are of both; before and after in one', () => {
    const joint = begin(SIX, { kind: 'replace', node: nodeId('b2'), member: memberOf('b3') });
    expect(electorates(joint).map((set) => set.join(' '))).toEqual(['a1 a2 b1 b2 c1 c2', 'a1 a2 b1 b3 c1 c2']);
    const [before, during, after] = [SIX, joint, ended(joint, 'done', 2)].map((membership) => viewOf('a1', membership));
    let moved = 0;
    for (const row of rows) {
      const placement = during!.placementOf(row);
      if (placement === null) continue;
      const [old, next] = placement.sets;
      expect([placement.epoch, old, next]).toEqual([2, before!.placementOf(row)!.sets[0], after!.placementOf(row)!.sets[0]]);
      expect(new Set(placement.others)).toEqual(new Set([...old!, ...next!].filter((node) => node !== 'a1')));
      expect(placement.others).toHaveLength(new Set(placement.others).size);
      moved += Number(old!.some((node) => node === 'b2'));
    }
    expect(moved).toBeGreaterThan(10);
    expect(during!.gaining).toEqual(['b3']);
  });

  it('gives clients the members of before until the change is over, and the drained never', () => {
    const joint = begin(SIX, weigh('b2', 0));
    const names = (membership: Membership): string => viewOf('a1', membership).describe().members.map(({ node }) => node).join(' ');
    expect([names(SIX), names(joint), names(ended(joint, 'done', 2))]).toEqual(['a1 a2 b1 b2 c1 c2', 'a1 a2 b1 b2 c1 c2', 'a1 a2 b1 c1 c2']);
    const drained = viewOf('b2', ended(joint, 'done', 2));
    expect([drained.isMember(nodeId('b2')), drained.ownSlots.includes(1), rows.every((row) => drained.placementOf(row) === null)]).toEqual([true, false, true]);
  });

  it('a node that gains slots syncs them from the replicas of before', () => {
    const joint = begin(SIX, { kind: 'replace', node: nodeId('b2'), member: memberOf('b3') });
    const gainer = viewOf('b3', joint);
    const keeper = viewOf('b2', SIX);
    for (const slot of slotsGained(nodeId('b3'), null, joint)) expect(new Set([...gainer.sourcesOf(slot)!])).toEqual(new Set(['b2', ...keeper.sourcesOf(slot)!]));
  });

  it('knows its address by configuration where it has one', () => {
    const view = new ClusterView(memberOf('a1'), 'c', 3, [{ node: B1, host: 'elsewhere', port: 9 }]);
    view.adopt(SIX);
    expect(view.describe().members.map(({ host, port }) => `${host}:${port}`)).toEqual(['a1:1', 'a2:1', 'elsewhere:9', 'b2:1', 'c1:1', 'c2:1']);
  });
});

describe('[M27] what a node cannot be sure to hold', () => {
  const heavier = begin(SIX, weigh('b1', 3));
  const done = ended(heavier, 'done', 2);

  it('is what it did not hold in the epoch that it comes from', () => {
    const gained = slotsGained(B1, SIX, heavier);
    expect(gained.length).toBeGreaterThan(500);
    expect(slotsGained(B1, heavier, done)).toEqual([]);
    expect(slotsGained(B1, SIX, done)).toEqual(gained);
    expect(slotsLost(nodeId('b2'), SIX, done)).toEqual(gained);
    expect(slotsGained(nodeId('b2'), SIX, done)).toEqual([]);
  });

  it('is all of it after a change that it missed from beginning to end, and more', () => {
    const back = ended(begin(done, weigh('b1', 1)), 'done', 4);
    // By the members alone nothing has changed since epoch 1, but b2 gave slots away and was given them back.
    expect(slotsGained(nodeId('b2'), SIX, back)).toHaveLength(viewOf('b2', back).ownSlots.filter((slot) => slot === 1).length);
    expect(slotsGained(nodeId('b2'), done, back).length).toBeGreaterThan(500);
    expect(slotsGained(nodeId('a1'), null, SIX).length).toBeGreaterThan(SLOT_COUNT / 3);
  });

  it('is what a cancelled change would have given it, though it had begun to fetch that', () => {
    const again = begin(ended(heavier, 'cancelled', 2), weigh('b1', 3));
    expect(slotsGained(B1, heavier, again)).toEqual(slotsGained(B1, SIX, heavier));
  });
});
