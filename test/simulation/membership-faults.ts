/**
 * Changes of the members while everything goes on and everything else goes wrong: a node joins, leaves, is replaced, or is given
 * more or less to hold. Asked of any node that is up; whether it comes about, and when, is the cluster's to say.
 */
import { nodeId } from '@app/contracts';
import { isThere, NOTHING_TO_UNDO, type Fault, type FaultScene } from './fault.js';

const ZONES = ['a', 'b', 'c'];
const NODES_AT_MOST = 8;
const LOOK_EVERY_MS = 500;
/** One that has not left by then stays on, and serves or does not. */
const LOOKS_FOR_MS = 60_000;

type Change = Parameters<FaultScene['cluster']['beginChange']>[0];

const isMember = ({ cluster }: FaultScene, name: string): boolean =>
  [...cluster.membership.members, ...(cluster.membership.next ?? [])].some(({ node }) => node === name);

/**
 * Asks for it. A node that has left is switched off when an epoch without it is known; a new one stays, member or not: a change that
 * was refused for want of answers may still come about when those are there again.
 */
function change(scene: FaultScene, via: string, wanted: Change, leaving: string | null = null): void {
  const { cluster } = scene;
  const { epoch } = cluster.membership;
  cluster.beginChange(wanted, { via });
  if (leaving === null) return;
  const untilMs = cluster.clock.monotonicMs() + LOOKS_FOR_MS;
  const look = (): void => {
    if (!isThere(cluster, leaving) || cluster.clock.monotonicMs() > untilMs) return;
    // Of a higher epoch: those that are up may know an older one only.
    if (cluster.isSettled && cluster.membership.epoch > epoch && !isMember(scene, leaving)) cluster.discard(leaving);
    else cluster.clock.after(LOOK_EVERY_MS, look);
  };
  cluster.clock.after(LOOK_EVERY_MS, look);
}

function membershipFault(name: string, begin: (scene: FaultScene, victim: string) => boolean): Fault {
  return { name, lastsMs: [0, 0], begin: (scene, victim) => (scene.mayChangeMembers() && isMember(scene, victim) && begin(scene, victim) ? NOTHING_TO_UNDO : null) };
}

export const MEMBERSHIP_FAULTS: readonly Fault[] = [
  membershipFault('node joins', (scene, victim) => {
    const { cluster, random } = scene;
    if (cluster.nodes.length >= NODES_AT_MOST) return false;
    const name = cluster.newNode(random.pick(ZONES), random.pick([1, 1, 2]));
    change(scene, victim, { kind: 'join', member: cluster.memberOf(name) });
    return true;
  }),
  membershipFault('node leaves', (scene, victim) => {
    const { cluster, random } = scene;
    // One that leaves a zone empty would be refused, as it should be: not every time.
    const others = cluster.membership.members.filter(({ zone }) => cluster.membership.members.filter((member) => member.zone === zone).length > 1);
    if (others.length === 0 && random.fraction() < 0.8) return false;
    const { node } = random.pick(others.length > 0 ? others : cluster.membership.members);
    change(scene, victim, { kind: 'leave', node }, node);
    return true;
  }),
  membershipFault('node replaced', (scene, victim) => {
    const { cluster, random } = scene;
    if (cluster.nodes.length >= NODES_AT_MOST) return false;
    const { node, zone } = random.pick(cluster.membership.members);
    const name = cluster.newNode(zone.slice('zone-'.length));
    change(scene, victim, { kind: 'replace', node: nodeId(node), member: cluster.memberOf(name) }, node);
    return true;
  }),
  membershipFault('weight changed', (scene, victim) => {
    const { node } = scene.random.pick(scene.cluster.membership.members);
    change(scene, victim, { kind: 'weigh', node, weight: scene.random.pick([0.5, 1, 2]) });
    return true;
  }),
];
