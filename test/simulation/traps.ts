/**
 * Faults that wait for their moment: between a replica's acknowledgement and the answer, in the middle of a read repair, in the
 * middle of a write to disk. At random such moments are hit too seldom to find what goes wrong in them.
 */
import type { SimMessage } from '@app/store/testing';
import { between, isThere, onceThere, startIfDown, type Fault, type FaultScene } from './fault.js';

const WAITS_MS = 5_000;

type Role = 'from' | 'to';

/** What happens to a node, for a while. */
const BLOWS: readonly ((scene: FaultScene, node: string, lastsMs: number) => void)[] = [
  ({ cluster }, node, lastsMs) => {
    cluster.crash(node);
    cluster.clock.after(lastsMs, () => startIfDown(cluster, node));
  },
  (scene, node, lastsMs) => {
    const { cluster } = scene;
    if (scene.mayLosePowerAt(node)) cluster.powerLoss(node);
    else cluster.crash(node);
    cluster.clock.after(lastsMs, () => startIfDown(cluster, node));
  },
  ({ cluster }, node, lastsMs) => {
    cluster.isolate(node);
    cluster.clock.after(lastsMs, () => {
      for (const other of cluster.nodes) {
        cluster.network.mend(node, other);
        cluster.network.mend(other, node);
      }
    });
  },
  ({ cluster }, node, lastsMs) => {
    cluster.stop(node);
    cluster.clock.after(lastsMs, onceThere(cluster, node, () => cluster.goOn(node)));
  },
];

/** Strikes the node in `role` of one of the next messages that fit; the message itself arrives, or is lost with it. */
function trap(name: string, fits: (message: SimMessage) => boolean, roles: readonly Role[], afterMs: readonly [number, number] = [0, 0]): Fault {
  return {
    name,
    lastsMs: [0, 0],
    begin: (scene) => {
      const { random, cluster } = scene;
      let skipped = random.below(4);
      const strike = random.pick(BLOWS);
      const role = random.pick(roles);
      const lastsMs = between(random, [100, 8_000]);
      const isLost = random.fraction() < 0.3;
      const delayMs = between(random, afterMs);
      scene.trap(name, WAITS_MS, (message) => {
        if (!fits(message) || !cluster.nodes.includes(message[role]) || !cluster.isUp(message[role]) || skipped-- > 0) return null;
        const blow = (): void => {
          if (scene.isHarming && isThere(cluster, message[role]) && cluster.isUp(message[role])) strike(scene, message[role], lastsMs);
        };
        if (delayMs === 0) blow();
        else cluster.clock.after(delayMs, blow);
        return isLost ? 'lost' : 'delivered';
      });
      return null;
    },
  };
}

const replyOf =
  (...kinds: string[]) =>
  ({ kind, isReply }: SimMessage): boolean =>
    isReply && kinds.includes(kind);
const requestOf =
  (...kinds: string[]) =>
  ({ kind, isReply }: SimMessage): boolean =>
    !isReply && kinds.includes(kind);

export const TRAPS: readonly Fault[] = [
  trap('between acknowledgement and answer', replyOf('applied'), ['from', 'to']),
  trap('as the answer to a write leaves', replyOf('store.commit'), ['from']),
  trap('between PREPARE and COMMIT', requestOf('store.commit'), ['to']),
  trap('in the middle of a read repair', replyOf('pulled', 'pushed'), ['from', 'to']),
  trap('in the middle of a write to disk', requestOf('apply', 'push'), ['to'], [0.01, 0.8]),
];
