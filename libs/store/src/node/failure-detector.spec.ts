/** What a node holds of its peers: the detector alone, over a clock and scripted peers, and within clusters. */
import { Subscription } from 'rxjs';
import { nodeId, type NodeId } from '@app/contracts';
import { SeededRandom, SimClock } from '@app/time';
import { describe, expect, it } from 'vitest';
import { codeOf } from '../testing/code-of.js';
import { testCluster, type TestCluster } from '../testing/test-cluster.js';
import { FailureDetector, FAILURE_DETECTOR_SETTINGS } from './failure-detector.js';

const [B1, C1] = [nodeId('b1'), nodeId('c1')];
const SETTINGS = FAILURE_DETECTOR_SETTINGS;
/** A silent peer is found by the second beat after its time, at the latest. */
const FOUND_WITHIN_MS = SETTINGS.heartbeatMs + SETTINGS.downAfterMs + 2 * SETTINGS.beatMs;

/** Peers that answer pings after a millisecond, or refuse, or say nothing; and a process that can stand still. */
class Scene {
  readonly clock = new SimClock();
  readonly behaviour = new Map<NodeId, 'answers' | 'refuses' | 'silent'>();
  readonly unconnected = new Set<NodeId>();
  readonly pings: { node: NodeId; atMs: number }[] = [];
  readonly stalls: number[] = [];
  /** Up to when this process stands still: what falls due runs then, its timers before what it was sent. */
  #stalledUntilMs = -Infinity;
  readonly detector: FailureDetector;

  constructor(peers: readonly NodeId[] = [B1, C1]) {
    const { clock } = this;
    this.detector = new FailureDetector({
      clock: { wallMs: () => clock.wallMs(), monotonicMs: () => clock.monotonicMs(), after: (delayMs, task) => clock.after(delayMs, () => this.#awake(task)) },
      random: new SeededRandom(3),
      peers: () => peers,
      isUnconnected: (node) => this.unconnected.has(node),
      ping: (node) => this.#ping(node),
      onBeat: () => {},
      onStall: (lateMs) => this.stalls.push(lateMs),
    });
  }

  /** The process stands still for so long, from now on. */
  stall(durationMs: number): void {
    this.#stalledUntilMs = this.clock.monotonicMs() + durationMs;
  }

  states(): string {
    return Object.entries(this.detector.stats().peers).map(([node, { state, reason }]) => `${node} ${reason ?? state}`).join(', ');
  }

  /** Runs until the peers stand so. How long that took, ms; null where it never came about. */
  until(states: string, withinMs: number): number | null {
    const fromMs = this.clock.monotonicMs();
    for (; this.clock.monotonicMs() - fromMs <= withinMs; this.clock.advance(1)) if (this.states() === states) return this.clock.monotonicMs() - fromMs;
    return null;
  }

  #ping(node: NodeId): Subscription {
    this.pings.push({ node, atMs: this.clock.monotonicMs() });
    this.detector.asked(node);
    const subscription = new Subscription();
    const behaviour = this.behaviour.get(node) ?? 'answers';
    if (behaviour === 'silent') return subscription;
    const arrive = (): void => {
      if (subscription.closed) return;
      if (behaviour === 'answers') this.detector.heard(node);
      else this.detector.unreachable(node);
      subscription.unsubscribe();
    };
    this.clock.after(1, () => this.#awake(arrive, 1));
    return subscription;
  }

  #awake(task: () => void, laterMs = 0): void {
    const leftMs = this.#stalledUntilMs - this.clock.monotonicMs();
    if (leftMs <= 0) task();
    else this.clock.after(leftMs + laterMs, () => this.#awake(task, laterMs));
  }
}

describe('[D6] a peer is down when it does not answer', () => {
  it('is suspect after 750 ms of silence, down after 1,500, and up with its first answer', () => {
    const scene = new Scene();
    scene.clock.advance(5_000);
    expect(scene.states()).toBe('b1 up, c1 up');
    scene.behaviour.set(B1, 'silent');
    const silentAtMs = scene.clock.monotonicMs();
    expect(scene.until('b1 suspect, c1 up', 5_000)).toBeLessThanOrEqual(SETTINGS.heartbeatMs + SETTINGS.suspectAfterMs);
    expect(scene.detector.isDown(B1)).toBe(false);
    expect(scene.until('b1 silent, c1 up', 5_000)).not.toBeNull();
    const foundMs = scene.clock.monotonicMs() - silentAtMs;
    expect(foundMs).toBeGreaterThanOrEqual(SETTINGS.downAfterMs);
    expect(foundMs).toBeLessThanOrEqual(FOUND_WITHIN_MS);
    scene.clock.advance(60_000);
    scene.behaviour.set(B1, 'answers');
    expect(scene.until('b1 up, c1 up', 5_000)).toBeLessThanOrEqual(SETTINGS.retryMaxMs + 2);
  });

  it('is asked only while there is no other traffic; any answer will do', () => {
    const scene = new Scene([B1]);
    for (let i = 0; i < 100; i++) {
      scene.detector.asked(B1);
      scene.detector.heard(B1);
      scene.clock.advance(50);
    }
    expect(scene.pings).toEqual([]);
    scene.clock.advance(10_000);
    expect(scene.pings.length).toBeGreaterThanOrEqual(9);
    expect(scene.pings.length).toBeLessThanOrEqual(12);
  });

  it('is not down for an answer that was lost, nor for one that nobody waited for', () => {
    const scene = new Scene([B1]);
    for (let i = 0; i < 200; i++) {
      scene.detector.asked(B1); // and is never answered
      scene.clock.advance(90);
      expect(scene.detector.isDown(B1)).toBe(false);
      expect(scene.detector.isSuspect(B1)).toBe(false);
    }
  });

  it('is down at once when there is no connection to it, and stays so until it answers', () => {
    const scene = new Scene();
    scene.clock.advance(2_300);
    scene.unconnected.add(B1);
    scene.behaviour.set(B1, 'refuses');
    expect(scene.states()).toBe('b1 unconnected, c1 up');
    scene.unconnected.delete(B1); // it is being tried again, which is no answer
    expect(scene.until('b1 up, c1 up', 5_000)).toBeNull();
    scene.behaviour.set(B1, 'answers');
    expect(scene.until('b1 up, c1 up', 5_000)).toBeLessThanOrEqual(SETTINGS.retryMaxMs + 2);
  });
});

describe('[D7] a peer that is down is asked again', () => {
  it('at growing intervals up to a second, for as long as it takes', () => {
    const scene = new Scene([B1]);
    scene.behaviour.set(B1, 'refuses');
    scene.clock.advance(120_000);
    const gaps = scene.pings.slice(1).map(({ atMs }, i) => atMs - scene.pings[i]!.atMs);
    expect(Math.min(...gaps.slice(0, 3))).toBeLessThan(250);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(SETTINGS.retryMaxMs);
    expect(Math.min(...gaps.slice(10))).toBeGreaterThanOrEqual(SETTINGS.retryMaxMs / 2);
    expect(new Set(gaps.slice(10).map(Math.round)).size).toBeGreaterThan(10); // not all nodes at one beat
  });

  it('at once when it calls, and is up when it answers; that it calls proves nothing', () => {
    const scene = new Scene([B1]);
    scene.behaviour.set(B1, 'silent');
    scene.clock.advance(30_000);
    scene.clock.advance(150);
    const asked = scene.pings.length;
    scene.detector.calledBy(B1);
    scene.detector.calledBy(B1);
    expect(scene.pings).toHaveLength(asked + 1);
    scene.clock.advance(90);
    expect(scene.detector.isDown(B1)).toBe(true);
    scene.behaviour.set(B1, 'answers');
    scene.clock.advance(20);
    scene.detector.calledBy(B1);
    scene.clock.advance(1);
    expect(scene.detector.isDown(B1)).toBe(false);
  });
});

describe('[D8] a node that stood still doubts itself', () => {
  for (const durationMs of [700, 2_000, 30_000]) {
    it(`suspects nobody for ${durationMs} ms of its own, and believes no lost connection before it has asked again`, () => {
      const scene = new Scene();
      scene.clock.advance(5_200);
      scene.detector.asked(B1); // under way when it happens
      scene.stall(durationMs);
      scene.clock.advance(durationMs);
      scene.detector.unreachable(B1); // its peers had given it up, and closed
      const fromMs = scene.clock.monotonicMs();
      while (scene.clock.monotonicMs() - fromMs < 5_000) {
        expect(scene.detector.isDown(B1) || scene.detector.isDown(C1)).toBe(false);
        scene.clock.advance(1);
        expect([B1, C1].filter((node) => scene.detector.isSuspect(node))).toEqual([]);
      }
      expect(scene.stalls).toHaveLength(1);
      expect(scene.detector.stats()).toMatchObject({ stalls: 1 });
    });
  }

  it('finds who died meanwhile, a little later', () => {
    const scene = new Scene();
    scene.clock.advance(5_200);
    scene.stall(20_000);
    scene.behaviour.set(C1, 'silent');
    scene.clock.advance(20_000);
    const foundMs = scene.until('b1 up, c1 silent', 20_000);
    expect(foundMs).toBeGreaterThanOrEqual(SETTINGS.downAfterMs);
    expect(foundMs).toBeLessThanOrEqual(FOUND_WITHIN_MS + SETTINGS.beatMs);
  });

  it('finds who died even when it stands still again and again', () => {
    const scene = new Scene();
    scene.behaviour.set(C1, 'silent');
    let foundAtMs: number | null = null;
    while (scene.clock.monotonicMs() < 60_000 && foundAtMs === null) {
      scene.stall(900);
      scene.clock.advance(950);
      if (scene.detector.isDown(C1)) foundAtMs = scene.clock.monotonicMs();
      expect(scene.detector.isDown(B1)).toBe(false);
    }
    expect(foundAtMs).not.toBeNull();
  });
});

/** What a node holds of another. */
const opinion = (cluster: TestCluster, name: string, of: string): string => {
  const { state, reason } = cluster.node(name).stats().peers[nodeId(of)]!;
  return reason ?? state;
};

/** How long it takes to answer, ms. */
function took(cluster: TestCluster, act: () => unknown): number {
  const fromMs = cluster.clock.monotonicMs();
  act();
  return cluster.clock.monotonicMs() - fromMs;
}

describe('[D6] in a cluster', () => {
  it('each node judges for itself: of a cut between two, a third knows nothing', () => {
    const cluster = testCluster();
    cluster.advance(2_000);
    cluster.network.cut('b1', 'a1'); // in one direction, which is enough: no question between them is answered
    cluster.advance(4_000);
    expect([opinion(cluster, 'a1', 'b1'), opinion(cluster, 'b1', 'a1')]).toEqual(['silent', 'silent']);
    expect([opinion(cluster, 'c1', 'a1'), opinion(cluster, 'c1', 'b1'), opinion(cluster, 'a1', 'c1'), opinion(cluster, 'b1', 'c1')]).toEqual(['up', 'up', 'up', 'up']);
    cluster.add('ann', 'x', { via: 'a1' });
    expect(cluster.list('ann', { via: 'b1' })).toEqual(['x']);
    cluster.heal();
    cluster.advance(SETTINGS.retryMaxMs + 10);
    expect([opinion(cluster, 'a1', 'b1'), opinion(cluster, 'b1', 'a1')]).toEqual(['up', 'up']);
  });

  it('a process that is back says so itself, and is up at once, or a fifth of a second later where it was asked just before', () => {
    const cluster = testCluster();
    cluster.advance(2_000);
    cluster.crash('c1');
    expect(opinion(cluster, 'a1', 'c1')).toBe('unconnected');
    cluster.advance(20_000);
    cluster.start('c1');
    const startedAtMs = cluster.clock.monotonicMs();
    const upAfterMs = ['a1', 'b1'].map((name) => {
      cluster.clock.runUntil(() => opinion(cluster, name, 'c1') === 'up', 5_000);
      return cluster.clock.monotonicMs() - startedAtMs;
    });
    expect(Math.max(...upAfterMs)).toBeLessThan(210);
  });

  it('[D8] a process that was stopped for seconds is down for others, and holds nobody down when it goes on', () => {
    const cluster = testCluster();
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.advance(2_300);
    cluster.stop('a1');
    cluster.advance(6_000);
    expect([opinion(cluster, 'b1', 'a1'), opinion(cluster, 'c1', 'a1')]).toEqual(['silent', 'silent']);
    cluster.goOn('a1');
    for (let i = 0; i < 3_000; i++) {
      cluster.advance(1);
      if (cluster.node('a1').stats().stalls > 0) expect([opinion(cluster, 'a1', 'b1'), opinion(cluster, 'a1', 'c1')]).toEqual(['up', 'up']);
      if (i === 50) expect([opinion(cluster, 'b1', 'a1'), opinion(cluster, 'c1', 'a1')]).toEqual(['up', 'up']);
    }
    expect(cluster.node('a1').stats().stalls).toBe(1);
    expect(cluster.list('ann', { via: 'a1' })).toEqual(['x']);
  });

  it('stops with its node, and leaves nothing', () => {
    const cluster = testCluster();
    cluster.isolate('a1');
    cluster.crash('c1');
    cluster.advance(5_000);
    for (const name of ['a1', 'b1']) cluster.node(name).stop();
    cluster.advance(5);
    expect(cluster.clock.pending).toBe(0);
  });
});

describe('[D6] a peer of which nothing is heard is silent long before it is down', () => {
  /** As a request does that waits: doubts it, and looks every 20 ms. */
  function silentAfterMs(scene: Scene, node: NodeId, withinMs: number): number | null {
    const fromMs = scene.clock.monotonicMs();
    for (; scene.clock.monotonicMs() - fromMs <= withinMs; scene.clock.advance(20)) {
      scene.detector.doubted(node);
      if (scene.detector.isSilent(node)) return scene.clock.monotonicMs() - fromMs;
    }
    return null;
  }

  it('within 150 ms of a request that waits for it; and no more once it answers', () => {
    const scene = new Scene();
    scene.clock.advance(6_100);
    scene.behaviour.set(B1, 'silent');
    expect(silentAfterMs(scene, B1, 500)).toBeLessThan(150);
    expect([scene.detector.isSilent(C1), scene.states()]).toEqual([false, 'b1 up, c1 up']);
    scene.behaviour.set(B1, 'answers');
    scene.clock.advance(110);
    scene.detector.doubted(B1);
    scene.clock.advance(2);
    expect(scene.detector.isSilent(B1)).toBe(false);
  });

  it('not for questions without an answer, while it gives signs of life', () => {
    const scene = new Scene();
    for (let question = 0; question < 50; question++) {
      scene.detector.asked(B1); // and hangs
      expect(silentAfterMs(scene, B1, 300)).toBeNull();
    }
  });

  it('not when it was this process that stood still', () => {
    const scene = new Scene();
    scene.clock.advance(6_100);
    scene.detector.asked(B1);
    scene.detector.doubted(B1);
    scene.stall(180);
    scene.clock.advance(180);
    // Its timer is late, and runs before the answer is read.
    expect(scene.detector.isSilent(B1)).toBe(true);
    scene.detector.stoodStill(180);
    expect(scene.detector.isSilent(B1)).toBe(false);
    scene.clock.advance(5);
    expect(silentAfterMs(scene, B1, 500)).toBeNull();
  });
});

describe('[D9] a verdict is not an answer', () => {
  it('a minority refuses at once what it cannot reach, with needed and alive, and serves what it can', () => {
    const cluster = testCluster();
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.isolate('a1');
    expect(codeOf(() => cluster.list('ann', { via: 'a1', timeoutMs: 500 }))).toBe('STORE_READ_TIMEOUT');
    cluster.advance(4_000);
    for (const act of [() => cluster.list('ann', { via: 'a1' }), () => cluster.add('ann', 'y', { via: 'a1' }), () => cluster.remove('ann', 'x', { via: 'a1' })]) {
      const refusal = expect.objectContaining({ code: 'STORE_QUORUM_UNAVAILABLE', applied: 'no', message: '2 replicas must vote and 1 can', details: expect.objectContaining({ needed: 2, alive: 1 }) });
      expect(took(cluster, () => expect(act).toThrow(refusal))).toBe(0);
    }
    expect(cluster.list('ann', { via: 'a1', level: 'ONE' })).toEqual(['x']);
    // It has been so for long, and is still known.
    cluster.advance(600_000);
    expect(took(cluster, () => expect(codeOf(() => cluster.list('ann', { via: 'a1' }))).toBe('STORE_QUORUM_UNAVAILABLE'))).toBe(0);
  });

  it('is over with the cut: within a second, and for the next request but one where there are any', () => {
    const cluster = testCluster();
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.isolate('a1');
    cluster.advance(10_000);
    cluster.heal();
    const healedAtMs = cluster.clock.monotonicMs();
    while (codeOf(() => cluster.list('ann', { via: 'a1' })) !== 'none') cluster.advance(10);
    expect(cluster.clock.monotonicMs() - healedAtMs).toBeLessThan(130);

    cluster.isolate('a1');
    cluster.advance(10_000);
    cluster.heal();
    cluster.advance(SETTINGS.retryMaxMs + 2);
    expect(cluster.add('ann', 'y', { via: 'a1' })).not.toBeNull();
  });

  it('fails nothing when it is old: the replicas are asked', () => {
    const failureDetector = { ...SETTINGS, retryMinMs: 600_000, retryMaxMs: 600_000 };
    const cluster = testCluster({ settings: { failureDetector } });
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.isolate('a1');
    cluster.advance(30_000);
    cluster.heal();
    expect([opinion(cluster, 'a1', 'b1'), opinion(cluster, 'a1', 'c1')]).toEqual(['silent', 'silent']);
    expect(cluster.list('ann', { via: 'a1' })).toEqual(['x']);
    expect(opinion(cluster, 'a1', 'b1')).toBe('up');

    cluster.isolate('a1');
    cluster.advance(30_000);
    cluster.heal();
    expect(opinion(cluster, 'a1', 'b1')).toBe('silent');
    cluster.add('ann', 'y', { via: 'a1' });
    cluster.advance(50);
    for (const name of cluster.nodes) expect(cluster.locally(name, 'ann')).toEqual(['x', 'y']);
  });

  it('a replica that is known to be down costs no request anything', () => {
    const cluster = testCluster();
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.isolate('b1');
    cluster.advance(5_000);
    for (let i = 0; i < 20; i++) {
      expect(took(cluster, () => expect(cluster.list('ann', { via: 'a1' })).toEqual(['x']))).toBeLessThan(3);
      expect(took(cluster, () => cluster.add('ann', 'x', { via: 'c1' }))).toBeLessThan(10);
    }
  });

  it('says how many can vote, whatever the level', () => {
    const cluster = testCluster();
    cluster.add('ann', 'x', { via: 'a1' });
    cluster.crash('c1');
    const refusal = expect.objectContaining({ code: 'STORE_QUORUM_UNAVAILABLE', message: '3 replicas must vote and 2 can', details: expect.objectContaining({ needed: 3, alive: 2 }) });
    expect(() => cluster.list('ann', { via: 'a1', level: 'ALL' })).toThrow(refusal);
    expect(() => cluster.add('ann', 'y', { via: 'a1', level: 'ALL' })).toThrow(refusal);
  });
});
