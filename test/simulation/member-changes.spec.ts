/**
 * Lists at LINEARIZABLE and at SESSION while the members change, without other faults: a node joins, one is replaced, one leaves,
 * and every message about who is a member may be late. The histories of the devices are judged as the simulator judges them.
 */
import { describe, expect, it } from 'vitest';
import { nodeId } from '@app/contracts';
import { checkHistory, HistoryRecorder, type Level } from '@app/history';
import { favorites, testCluster } from '@app/store/testing';
import { SeededRandom } from '@app/time';
import { Device, type DeviceWorld } from './device.js';
import { gatewayIn, type Gateway } from './gateway.js';
import type { SeedProfile } from './seed-profile.js';

const ZONES = ['a', 'b', 'c'];
const FILMS = ['f1', 'f2', 'f3'];
const MEMBER_MESSAGES = ['gossip', 'learn', 'promise', 'accept', 'progress'];

interface Told {
  readonly rules: readonly string[];
  readonly acknowledged: number;
  /** Answers that came while two sets of members counted. */
  readonly acknowledgedInJoint: number;
  readonly failures: readonly string[];
}

function live(seed: number, reads: readonly Level[], writes: readonly Level[], isSet: boolean): Told {
  const random = new SeededRandom(seed);
  const tables = [{ name: 'favorites', siblings: isSet ? ('latest' as const) : ('earliest' as const), maxItemsPerRow: 100 }];
  const cluster = testCluster({ seed, settings: { tables } });
  const { clock, network } = cluster;
  const history = new HistoryRecorder(() => clock.monotonicMs());
  const clients = ZONES.map((zone) => gatewayIn(zone, cluster, random));
  const lists = [{ user: 'ann', reads, writes }];
  const profile: SeedProfile = { nodesPerZone: 1, deviceCount: 4, lists, films: FILMS, isSet, copies: 3, isPeriodic: false, isSloppy: false, repair: 'as in production', engine: {} };
  const counts: Record<string, number> = {};
  let acknowledgedInJoint = 0;
  const world: DeviceWorld & { isHarming: boolean } = {
    random,
    profile,
    clients,
    history,
    isHarming: true,
    after: (delayMs, task) => void clock.after(delayMs, task),
    context: (timeoutMs) => ({ deadlineMs: clock.monotonicMs() + timeoutMs, traceId: 'sim', priority: 'read', principal: { kind: 'device', name: 'sim' } }),
    count: (what) => {
      counts[what] = (counts[what] ?? 0) + 1;
      if (what.endsWith('acknowledged') && cluster.membership.next !== null) acknowledgedInJoint++;
    },
    trace: () => {},
  };
  // Some hear of a new epoch, or of its end, much later than others.
  network.onDelivery = ({ kind, isReply }) => isReply || !MEMBER_MESSAGES.includes(kind) || random.fraction() < 0.7;
  const lastWriter = new Map<string, Gateway>();
  for (let number = 0; number < profile.deviceCount; number++) new Device(world, `device-${number}`, lastWriter).live();
  const change = (wanted: Parameters<typeof cluster.beginChange>[0]): void => {
    const { epoch } = cluster.membership;
    clock.runUntil(() => cluster.isSettled, 120_000);
    cluster.beginChange(wanted, { via: random.pick(cluster.membership.members).node });
    expect(clock.runUntil(() => cluster.isSettled && cluster.membership.epoch > epoch, 120_000)).toBe(true);
    cluster.advance(2_000);
  };
  cluster.advance(3_000);
  change({ kind: 'join', member: cluster.memberOf(cluster.newNode('a')) });
  change({ kind: 'replace', node: nodeId('b1'), member: cluster.memberOf(cluster.newNode('b')) });
  change({ kind: 'leave', node: nodeId('a1') });
  world.isHarming = false;
  network.onDelivery = null;
  cluster.advance(10_000);
  const violations = checkHistory(history.operations);
  for (const { store } of clients) store.stop();
  expect(cluster.replicasOf('ann').map((name) => cluster.node(name).rows.header(favorites('ann')).isDamaged)).toEqual([false, false, false]);
  return {
    rules: [...new Set(violations.map(({ rule, what }) => `seed ${seed}: ${rule}: ${what}`))],
    acknowledged: history.operations.filter(({ outcome }) => outcome === 'acknowledged').length,
    acknowledgedInJoint,
    failures: Object.keys(counts).filter((what) => what.includes('failed:')),
  };
}

describe('[F18] while a node joins, one is replaced and one leaves', { timeout: 120_000 }, () => {
  it.each<[string, readonly Level[], readonly Level[], boolean]>([
    ['a list at LINEARIZABLE behaves as one set in one place', ['LINEARIZABLE'], ['LINEARIZABLE'], false],
    ['a session reads its own writes and never goes back', ['SESSION', 'SESSION', 'QUORUM', 'ONE'], ['SESSION', 'QUORUM'], false],
    ['a bookmark at LINEARIZABLE is one register', ['LINEARIZABLE'], ['LINEARIZABLE'], true],
    ['a bookmark at SESSION keeps what its session was told', ['SESSION', 'QUORUM', 'ONE'], ['SESSION', 'QUORUM'], true],
  ])('%s', (_, reads, writes, isSet) => {
    let [acknowledged, inJoint] = [0, 0];
    for (let seed = 1; seed <= 2; seed++) {
      const told = live(seed, reads, writes, isSet);
      expect(told.rules).toEqual([]);
      acknowledged += told.acknowledged;
      inJoint += told.acknowledgedInJoint;
    }
    expect(acknowledged).toBeGreaterThan(100);
    // Else the change was over before anybody had asked for anything.
    expect(inJoint).toBeGreaterThan(10);
  });
});
