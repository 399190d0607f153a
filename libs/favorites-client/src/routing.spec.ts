/** To which replica a request goes, as the store is used: connections, circuits, lateness and the ring together. */
import { describe, expect, it } from 'vitest';
import type { WriteRequest } from './list-store.js';
import { defaultListStorePolicy } from './replicated-list-store.js';
import { ClientScene, ringOf, rowPlaced } from './testing/client-scene.js';
import { failing, scripted } from './testing/scripted-transport.js';

const ROW = rowPlaced(['a1', 'b1', 'c1']);
const PAGE = { ...ROW, limit: 10, level: 'QUORUM' } as const;

describe('routing', () => {
  it('asks the replica in its own zone, and nobody else', () => {
    const scene = new ClientScene();
    const page = { ...PAGE, ...rowPlaced(['b1', 'c1', 'a1']) };
    expect(scene.hear(scene.store.list(page, scene.context())).what).toEqual(['value at 0', 'complete at 0']);
    expect(scene.sent).toEqual(['a1 list answered']);
  });

  it('hands the context on, with a deadline no later than anybody waits', () => {
    const scene = new ClientScene();
    for (const timeoutMs of [300, 2_000]) scene.hear(scene.store.list(PAGE, scene.context(timeoutMs)));
    const [short, long] = scene.transport.log.map(({ context }) => context);
    expect(short).toEqual(scene.context(300));
    expect(long).toEqual(scene.context(scene.circuits.circuit('store-read', scene.transport.log[0]!.node).policy.timeoutMs));
  });

  it('asks a node that is known to be down last, but asks it', () => {
    const scene = new ClientScene();
    scene.transport.down.add(scene.transport.ring.members[0]!.node);
    scene.hear(scene.store.list(PAGE, scene.context()));
    expect(scene.sent).toEqual(['b1 list answered']);
    scene.transport.log.length = 0;
    for (const { node } of scene.transport.ring.members) scene.transport.down.add(node);
    expect(scene.hear(scene.store.list(PAGE, scene.context())).what).toEqual(['value at 0', 'complete at 0']);
    expect(scene.sent).toEqual(['a1 list answered']);
  });

  it('passes over a node whose circuit is open, and comes back when it lets probes out', () => {
    const scene = new ClientScene();
    scene.transport.script = scripted({ a1: failing('STORE_FAILED') });
    for (let turn = 0; turn < 20; turn++) expect(scene.hear(scene.store.list(PAGE, scene.context())).value).toBeDefined();
    expect(scene.circuits.circuit('store-read', 'a1').state).toBe('open');
    scene.transport.log.length = 0;
    scene.transport.script = () => ({});
    scene.hear(scene.store.list(PAGE, scene.context()));
    expect(scene.sent).toEqual(['b1 list answered']);
    scene.clock.advance(2_000);
    scene.transport.log.length = 0;
    scene.hear(scene.store.list(PAGE, scene.context()));
    expect(scene.sent).toEqual(['a1 list answered']);
  });

  it('does not hold a caller’s mistakes against a node', () => {
    const scene = new ClientScene();
    const move: WriteRequest = { ...ROW, item: 'film-1', level: 'QUORUM', operation: { kind: 'move', placement: 'first' } };
    for (let turn = 0; turn < 50; turn++) scene.hear(scene.store.write(move, scene.context()));
    expect(scene.circuits.all().map(({ state }) => state)).not.toContain('open');
  });

  it('asks for the ring at once when a node says that it holds no copy of the row', () => {
    const scene = new ClientScene();
    scene.store.start();
    scene.clock.advance(1_000);
    scene.transport.log.length = 0;
    scene.transport.ring = ringOf(['a1', 'b1', 'c1'], 2);
    scene.transport.script = scripted({ 'a1 list': failing('STORE_NOT_REPLICA') });
    expect(scene.hear(scene.store.list(PAGE, scene.context())).value).toBeDefined();
    expect(scene.sent.filter((call) => call.includes('ring'))).toHaveLength(1);
    expect(scene.store.ring.ring!.reply.epoch).toBe(2);
    scene.store.stop();
  });

  it('forgets the circuits and the standing of nodes that left the ring', () => {
    const scene = new ClientScene();
    scene.transport.script = scripted({ a1: { hangs: true } });
    scene.hear(scene.store.list(PAGE, scene.context()));
    scene.clock.advance(100);
    expect(scene.store.standings.late()).toEqual(['a1']);
    scene.transport.script = () => ({});
    scene.transport.ring = ringOf(['a2', 'b1', 'c1'], 2);
    scene.store.start();
    scene.clock.advance(6_000);
    scene.store.stop();
    expect(scene.store.ring.ring!.reply.epoch).toBe(2);
    expect(scene.store.standings.late()).toEqual([]);
    expect(scene.circuits.all().map(({ name }) => name)).not.toContain('store-read/a1');
  });

  it('fails as out of reach, at once, while no ring is known', () => {
    const scene = new ClientScene({ nodes: [] });
    const heard = scene.hear(scene.store.list(PAGE, scene.context()));
    expect(heard.what).toEqual(['STORE_QUORUM_UNAVAILABLE at 0']);
    expect(heard.error.applied).toBe('no');
  });
});

describe('a node that hangs', () => {
  it('costs the hedge delay once, not each request: an overtaken node comes after the others for a while', () => {
    const scene = new ClientScene();
    scene.transport.script = scripted({ a1: { hangs: true } });
    const latencies: number[] = [];
    for (let turn = 0; turn < 30; turn++) {
      const beganMs = scene.clock.monotonicMs();
      const heard = scene.hear(scene.store.list(PAGE, scene.context()));
      scene.clock.runUntil(() => heard.what.length > 0, 1_000);
      latencies.push(scene.clock.monotonicMs() - beganMs);
      scene.clock.advance(50);
    }
    expect(latencies[0]).toBe(60);
    expect(latencies.slice(1).every((ms) => ms === 0)).toBe(true);
    expect(scene.store.standings.late()).toEqual(['a1']);
  });

  it('is tried again after that while', () => {
    const scene = new ClientScene();
    scene.transport.script = scripted({ a1: { hangs: true } });
    scene.hear(scene.store.list(PAGE, scene.context()));
    scene.clock.advance(scene.policy.lateForMs + 60);
    scene.transport.script = () => ({});
    scene.transport.log.length = 0;
    scene.hear(scene.store.list(PAGE, scene.context()));
    expect(scene.sent).toEqual(['a1 list answered']);
    expect(scene.store.standings.late()).toEqual([]);
  });

  it('does not make hedges feed on themselves: when all are slow they stay a share of the requests', () => {
    const scene = new ClientScene();
    scene.transport.script = () => ({ afterMs: 200 });
    const requests = 3_000;
    for (let turn = 0; turn < requests; turn++) {
      scene.hear(scene.store.list(PAGE, scene.context()));
      scene.clock.advance(5);
    }
    scene.clock.advance(1_000);
    const { hedges, attempts } = scene.store.stats();
    expect(hedges).toBeGreaterThan(0);
    expect(hedges).toBeLessThanOrEqual(scene.policy.hedgeBudget.burst + requests * scene.policy.hedgeBudget.perRequest);
    expect(attempts).toBe(requests + hedges);
  });
});

it('the default policy hedges before its circuits time out, so that a late node is overtaken, not only given up on', () => {
  const scene = new ClientScene();
  expect(defaultListStorePolicy.read.hedgeAfterMs).toBeLessThan(scene.circuits.circuit('store-read', 'a1').policy.timeoutMs);
  expect(defaultListStorePolicy.commit.hedgeAfterMs).toBeLessThan(scene.circuits.circuit('store-write', 'a1').policy.timeoutMs);
});
