import { nodeId, zoneId, type RingMember } from '@app/contracts';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { TokenRing } from '../ring/token-ring.js';
import { begun, ended, everyone, founded, HISTORY_MAX, isMajorityOfEach, type MemberChange, type Membership, type Verdict } from './membership.js';
import { encodeVote, type Vote } from './epoch-vote.js';
import { decodeMembership, encodeMembership, membershipHash } from './membership-record.js';

const member = (node: string, weight = 1): RingMember => ({ node: nodeId(node), zone: zoneId(`zone-${node[0]}`), region: 'local', host: node, port: 1, weight });
const members = (...nodes: string[]): RingMember[] => nodes.map((node) => member(node));
const names = (list: readonly RingMember[]): string => list.map(({ node }) => node).join(' ');
const SIX = founded(members('a1', 'a2', 'b1', 'b2', 'c1', 'c2'), 3, 'zone');
const GOLDEN = new URL('../../../../../test/golden/store/membership.json', import.meta.url);
const GOLDEN_VOTE: Vote = { promised: { round: 3, attempt: '00112233445566ff' }, accepted: { ballot: { round: 2, attempt: 'ffeeddccbbaa9988' }, value: new Uint8Array([1, 2, 3]) } };
const reason = (verdict: Verdict): string => (verdict.ok ? 'ok' : verdict.reason);
const ask = (now: Membership, change: MemberChange): Verdict => begun(now, change, 'ann', 5);
const joined = (verdict: Verdict): Membership => {
  if (!verdict.ok) throw new Error(verdict.reason);
  return verdict.membership;
};

describe('a membership', () => {
  it('[M1] changes by way of a joint epoch that holds the members of before and of after', () => {
    const joint = joined(ask(SIX, { kind: 'replace', node: nodeId('b2'), member: member('b3') }));
    expect([joint.epoch, names(joint.members), names(joint.next!)]).toEqual([2, 'a1 a2 b1 b2 c1 c2', 'a1 a2 b1 b3 c1 c2']);
    expect(names(everyone(joint))).toBe('a1 a2 b1 b2 b3 c1 c2');
    const after = ended(joint, 'done', 9);
    expect([after.epoch, names(after.members), after.next]).toEqual([3, 'a1 a2 b1 b3 c1 c2', null]);
    const back = ended(joint, 'cancelled', 9);
    expect([back.epoch, names(back.members), back.next]).toEqual([3, 'a1 a2 b1 b2 c1 c2', null]);
  });

  it('[M2] takes one change at a time, and says which one is in the way', () => {
    const joint = joined(ask(SIX, { kind: 'leave', node: nodeId('b2') }));
    expect(reason(ask(joint, { kind: 'leave', node: nodeId('c2') }))).toBe('a change is under way since epoch 2 (b2 leaves): only one is made at a time');
    expect(reason(ask(ended(joint, 'done', 9), { kind: 'leave', node: nodeId('c2') }))).toBe('ok');
  });

  it('[M3] refuses a change that takes the layout below what it is to survive, or makes no sense, with the reason', () => {
    const three = founded(members('a1', 'b1', 'c1'), 3, 'zone');
    const refusals: [Membership, MemberChange, string][] = [
      [three, { kind: 'leave', node: nodeId('c1') }, 'the members that are left could not keep the data: 3 copies need as many nodes; there are 2'],
      [
        founded(members('a1', 'a2', 'b1', 'c1'), 3, 'zone'),
        { kind: 'leave', node: nodeId('c1') },
        'the members that are left could not keep the data: losing one zone can leave 1 of 3 copies, and a quorum is 2; more than 2 zones or more copies would do',
      ],
      [SIX, { kind: 'leave', node: nodeId('x9') }, 'x9 is no member'],
      [SIX, { kind: 'join', member: member('b2') }, 'b2 is a member already'],
      [SIX, { kind: 'join', member: { ...member('b3'), host: 'b2' } }, 'b2:1 is the address of b2'],
      [SIX, { kind: 'join', member: member('b3', 0) }, 'weight 0 of node b3 is not above 0'],
      [SIX, { kind: 'replace', node: nodeId('b2'), member: member('c3') }, 'c3 is of zone-c, and b2 of zone-b: a node is replaced within its zone'],
      [SIX, { kind: 'weigh', node: nodeId('b2'), weight: -1 }, 'weight -1 is no number of at least 0'],
      [SIX, { kind: 'weigh', node: nodeId('b2'), weight: 1 }, 'b2 has weight 1 already'],
      [three, { kind: 'weigh', node: nodeId('c1'), weight: 0 }, 'the members that are left could not keep the data: 3 copies need as many nodes; there are 2'],
    ];
    for (const [now, change, why] of refusals) expect(reason(ask(now, change))).toBe(why);
    expect(reason(ask(founded(members('a1', 'b1', 'c1', 'c2'), 3, 'nothing'), { kind: 'leave', node: nodeId('c2') }))).toBe('ok');
  });

  it('[M4] a node that replaces another takes its place on the ring: those rows move, and no others', () => {
    const joint = joined(ask(SIX, { kind: 'replace', node: nodeId('b2'), member: member('b9') }));
    const [before, after] = [new TokenRing(joint.members, 3), new TokenRing(joint.next!, 3)];
    for (let slot = 0n; slot < 4096n; slot++) {
      const token = (slot << 52n) as Parameters<TokenRing['replicas']>[0];
      expect(names(after.replicas(token)).replace('b9', 'b2')).toBe(names(before.replicas(token)));
    }
    // The place is taken: who comes back under the old name gets another one.
    const done = ended(joint, 'done', 9);
    const again = joined(ask(done, { kind: 'join', member: member('b2') }));
    expect(again.next!.find(({ node }) => node === 'b2')?.place).toBe('b2.2');
    expect(joined(ask(done, { kind: 'replace', node: nodeId('b9'), member: member('b8') })).next!.find(({ node }) => node === 'b8')?.place).toBe('b2');
  });

  it('[M5] keeps a history of who did what, when, and how it ended', () => {
    let now = joined(ask(SIX, { kind: 'weigh', node: nodeId('b2'), weight: 2 }));
    now = ended(now, 'done', 7);
    now = ended(joined(ask(now, { kind: 'join', member: member('b3', 2) })), 'cancelled', 8);
    now = joined(ask(now, { kind: 'weigh', node: nodeId('b2'), weight: 0 }));
    expect(now.history).toEqual([
      { epoch: 1, what: 'founded with a1, a2, b1, b2, c1, c2', by: 'configuration', beganAtMs: 0, outcome: 'done', endedAtMs: 0 },
      { epoch: 2, what: 'b2 gets weight 2', by: 'ann', beganAtMs: 5, outcome: 'done', endedAtMs: 7 },
      { epoch: 4, what: 'b3 joins zone-b with weight 2', by: 'ann', beganAtMs: 5, outcome: 'cancelled', endedAtMs: 8 },
      { epoch: 6, what: 'b2 is drained', by: 'ann', beganAtMs: 5, outcome: 'under-way', endedAtMs: null },
    ]);
    for (let i = 0; i < 300; i++) now = joined(ask(ended(now, 'done', i), { kind: 'weigh', node: nodeId('b2'), weight: 1 + (i % 2) }));
    expect(now.history).toHaveLength(HISTORY_MAX);
    expect(now.history.at(-1)?.epoch).toBe(now.epoch);
  });

  it('[M6] is the same bytes wherever it is the same, and a majority is one of every set', () => {
    const joint = joined(ask(SIX, { kind: 'replace', node: nodeId('b2'), member: member('b3', 2.5) }));
    for (const each of [SIX, joint, ended(joint, 'done', 12)]) {
      const bytes = encodeMembership(each);
      expect(decodeMembership(bytes)).toEqual(each);
      expect(Buffer.from(encodeMembership(decodeMembership(bytes))).equals(bytes)).toBe(true);
    }
    expect(membershipHash(encodeMembership(SIX))).not.toBe(membershipHash(encodeMembership(joint)));
    for (let cut = 0; cut < 40; cut++) expect(() => decodeMembership(encodeMembership(SIX).subarray(0, cut))).toThrow(expect.objectContaining({ code: 'STORE_RECORD_CORRUPT' }));
    const written = { membership: Buffer.from(encodeMembership(joint)).toString('hex'), vote: Buffer.from(encodeVote(2, GOLDEN_VOTE)).toString('hex') };
    if (process.env['TRIPTYCH_WRITE_GOLDEN'] === '1') writeFileSync(GOLDEN, `${JSON.stringify(written, null, 2)}\n`);
    expect(written).toEqual(JSON.parse(readFileSync(GOLDEN, 'utf8')));
    const sets = [
      ['a', 'b', 'c'],
      ['b', 'c', 'd', 'e'],
    ].map((set) => set.map(nodeId));
    const isMajority = (...voters: string[]): boolean => isMajorityOfEach(sets, new Set(voters.map(nodeId)));
    expect([isMajority('a', 'b', 'c'), isMajority('b', 'c'), isMajority('b', 'c', 'd'), isMajority('c', 'd', 'e'), isMajority('c', 'd', 'e', 'a')]).toEqual([false, false, true, false, true]);
  });
});
