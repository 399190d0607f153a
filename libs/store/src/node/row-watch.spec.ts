import { describe, expect, it } from 'vitest';
import { TriptychError, WATCH_BEAT_MS, type WatchEvent } from '@app/contracts';
import { SeededRandom } from '@app/time';
import type { Subscription } from 'rxjs';
import { favorites } from '../testing/operations.js';
import { testCluster, type TestCluster } from '../testing/test-cluster.js';
import { ROW_WATCH_LIMITS, type Demand } from './row-watch.js';

class Listener {
  readonly heard: string[] = [];
  seen: Uint8Array | undefined;
  beats = 0;
  subscription!: Subscription;

  next(event: WatchEvent): void {
    this.seen = event.seen;
    if (event.kind === 'full') this.heard.push(`full ${event.items.map(({ item }) => item).join(' ')}${event.more ? ' ...' : ''}`.trim());
    else if (event.changes.length === 0) this.beats++;
    else this.heard.push(event.changes.map(({ kind, item }) => `${kind} ${item}`).join(' + '));
  }

  error(error: unknown): void {
    this.heard.push((error as TriptychError).code ?? String(error));
  }

  take(): string[] {
    return this.heard.splice(0);
  }
}

function listen(cluster: TestCluster, node: string, { user = 'ada', seen, demand }: { user?: string; seen?: Uint8Array | undefined; demand?: Demand } = {}): Listener {
  const listener = new Listener();
  const request = { ...favorites(user), ...(seen && { seen }) };
  listener.subscription = cluster.node(node).watch(request, cluster.context(), demand).subscribe(listener);
  cluster.advance(20);
  return listener;
}

/** A caller that takes as many events as a test grants. */
class Grants implements Demand {
  credit = 0;
  #task: (() => void) | null = null;

  whenCredit(task: () => void): void {
    this.#task = task;
  }

  grant(count: number): void {
    this.credit += count;
    const task = this.#task;
    this.#task = null;
    task?.();
  }

  /** As the wire does: each event spends one. */
  spend(listener: Listener): this {
    const next = listener.next.bind(listener);
    listener.next = (event) => {
      this.credit--;
      next(event);
    };
    return this;
  }
}

describe('a watch of a row', () => {
  it('[E1] tells the row, then each visible change of it, whichever replica it came through', () => {
    const cluster = testCluster();
    cluster.add('ada', 'a', { via: 'a1' });
    const listener = listen(cluster, 'c1');
    cluster.add('ada', 'b', { via: 'a1' });
    cluster.advance(20);
    cluster.move('ada', 'b', 'first', { via: 'b1' });
    cluster.advance(20);
    cluster.remove('ada', 'a', { via: 'c1' });
    cluster.advance(20);
    expect(listener.heard).toEqual(['full a', 'added b', 'moved b', 'removed a']);
  });

  it('[E2] shows what is on the disk of its replica, and nothing before', () => {
    const cluster = testCluster();
    const listener = listen(cluster, 'a1');
    listener.take();
    const { delta } = cluster.run(cluster.node('a1').prepare({ ...favorites('ada'), item: 'a', operation: { kind: 'add', value: new Uint8Array(0) } }, cluster.context()));
    cluster.disk('a1').stall();
    cluster.commit('ada', delta!, { via: 'a1' });
    cluster.advance(200);
    // The others have it, and it is acknowledged; here it could still be lost.
    expect(cluster.locally('b1', 'ada')).toEqual(['a']);
    expect(listener.heard).toEqual([]);
    cluster.disk('a1').resume();
    cluster.advance(50);
    expect(listener.heard).toEqual(['added a']);
  });

  it('[E3] goes on at any replica from what was seen at any other: with what was missed, with nothing where nothing was', () => {
    const cluster = testCluster();
    cluster.add('ada', 'a');
    const { seen, subscription } = listen(cluster, 'a1');
    subscription.unsubscribe();
    for (const node of ['a1', 'b1', 'c1']) expect(listen(cluster, node, { seen }).heard).toEqual([]);
    cluster.add('ada', 'b');
    cluster.add('ada', 'gone');
    cluster.remove('ada', 'gone');
    cluster.remove('ada', 'a');
    cluster.advance(50);
    for (const node of ['a1', 'b1', 'c1']) expect(listen(cluster, node, { seen }).heard).toEqual(['added b + removed a']);
  });

  it('[E4] tells the row anew where what was missed is not known operation by operation', () => {
    const cluster = testCluster();
    cluster.add('ada', 'a');
    const { seen } = listen(cluster, 'a1');
    for (let film = 0; film < 65; film++) cluster.add('ada', `film-${film}`);
    expect(listen(cluster, 'a1', { seen }).heard[0]).toMatch(/^full a film-0 .* film-64$/);
    const last = listen(cluster, 'b1').seen;
    cluster.add('ada', 'b');
    cluster.restart('b1');
    cluster.advance(5_000);
    // The add is in the row itself; a removal is only in the memory of those that saw it.
    expect(listen(cluster, 'b1', { seen: last }).heard).toEqual(['added b']);
    cluster.remove('ada', 'a');
    cluster.advance(50);
    cluster.restart('b1');
    cluster.advance(5_000);
    expect(listen(cluster, 'b1', { seen: last }).heard[0]).toMatch(/^full film-0 .* b$/);
  });

  it('[E5] a replica that is behind its listener reads a quorum first, and tells nothing old', () => {
    const cluster = testCluster();
    cluster.add('ada', 'a');
    cluster.isolate('c1');
    cluster.add('ada', 'b', { via: 'a1' });
    cluster.remove('ada', 'a', { via: 'b1' });
    const { seen } = listen(cluster, 'a1');
    cluster.heal();
    expect(cluster.locally('c1', 'ada')).toEqual(['a']);
    const listener = listen(cluster, 'c1', { seen });
    expect(cluster.locally('c1', 'ada')).toEqual(['b']);
    expect(listener.heard).toEqual([]);
    cluster.add('ada', 'c', { via: 'a1' });
    cluster.advance(50);
    expect(listener.heard).toEqual(['added c']);
  });

  it('[E6] where a quorum lacks what its listener has seen, the listener begins anew with what the quorum has', () => {
    const cluster = testCluster();
    cluster.add('ada', 'a');
    cluster.isolate('a1');
    const lone = cluster.run(cluster.node('a1').prepare({ ...favorites('ada'), item: 'lone', operation: { kind: 'add', value: new Uint8Array(0) }, level: 'ONE' }, cluster.context()));
    cluster.commit('ada', lone.delta!, { via: 'a1', level: 'ONE' });
    cluster.advance(50);
    const { seen, heard } = listen(cluster, 'a1');
    expect(heard).toEqual(['full a lone']);
    cluster.crash('a1');
    cluster.heal();
    cluster.advance(5_000);
    const listener = listen(cluster, 'b1', { seen });
    cluster.advance(2_000);
    expect(listener.take()).toEqual(['full a']);
    // An add that nobody acknowledged may appear, as one add.
    cluster.start('a1');
    cluster.advance(20_000);
    expect(listener.take()).toEqual(['added lone']);
  });

  it('[E7] is refused by a replica that reaches no quorum, whose copy is damaged, or that holds none: another may do better', () => {
    const cluster = testCluster({ nodesPerZone: 2 });
    cluster.add('ada', 'a');
    const [first, second] = cluster.replicasOf('ada') as [string, string];
    const outsider = cluster.nodes.find((node) => !cluster.replicasOf('ada').includes(node))!;
    expect(listen(cluster, outsider).heard).toEqual(['STORE_NOT_REPLICA']);
    const cutOff = listen(cluster, first);
    cluster.isolate(first);
    cluster.advance(10_000);
    expect(cutOff.heard).toEqual(['full a', 'STORE_QUORUM_UNAVAILABLE']);
    cluster.heal();
    cluster.advance(10_000);
    const listener = listen(cluster, second);
    cluster.rot(second, 'ada', 'a');
    cluster.touch(second, 'ada');
    cluster.advance(WATCH_BEAT_MS);
    expect(listener.heard[1]).toBe('STORE_ROW_DAMAGED');
    expect(cluster.run(cluster.node(first).list({ ...favorites('ada'), limit: 5 }, cluster.context())).items).toHaveLength(1);
    const unknown = new Listener();
    cluster.node(first).watch({ table: 'no-such-table', row: 'ada' }, cluster.context()).subscribe(unknown);
    cluster.advance(20);
    expect(unknown.heard).toEqual(['REQUEST_INVALID']);
  });

  it('[E8] ends when its replica gives the row away, and when that stops in order', () => {
    const cluster = testCluster({ nodesPerZone: 2 });
    cluster.add('ada', 'a');
    const [node] = cluster.replicasOf('ada') as [string];
    const listener = listen(cluster, node);
    cluster.setWeight(node, 0);
    expect(listener.heard).toEqual(['full a', 'STORE_NOT_REPLICA']);
    const [other] = cluster.replicasOf('ada') as [string];
    const stopped = listen(cluster, other);
    cluster.node(other).endWatches();
    expect(stopped.heard).toEqual(['full a', 'STORE_DRAINING']);
    expect(cluster.node(other).stats().watches).toMatchObject({ watches: 0, rows: 0 });
  });

  it('[E9] queues nothing for who takes nothing: later it is told each item once, as it is, or the row anew', () => {
    const cluster = testCluster();
    const slow = new Grants();
    const listener = new Listener();
    listener.subscription = cluster.node('a1').watch(favorites('ada'), cluster.context(), slow.spend(listener)).subscribe(listener);
    cluster.advance(20);
    expect(listener.heard).toEqual([]);
    slow.grant(1);
    cluster.advance(20);
    expect(listener.take()).toEqual(['full']);
    for (let turn = 0; turn < 10; turn++) {
      cluster.add('ada', 'a');
      cluster.add('ada', 'b');
      cluster.remove('ada', 'a');
    }
    cluster.advance(1_000);
    expect(listener.heard).toEqual([]);
    slow.grant(1);
    cluster.advance(20);
    expect(listener.take()).toEqual(['added b']);
    for (let film = 0; film < 80; film++) cluster.add('ada', `film-${film}`);
    slow.grant(1);
    cluster.advance(20);
    expect(listener.take()[0]).toMatch(/^full b film-0 .* film-79$/);
    expect(slow.credit).toBe(0);
  });

  it('[E10] says something each beat, also where there is nothing to say', () => {
    const cluster = testCluster();
    const listener = listen(cluster, 'a1');
    cluster.advance(10 * WATCH_BEAT_MS);
    expect(listener.beats).toBe(10);
    expect(listener.heard).toEqual(['full']);
  });

  it('[E11] tells a large row in parts of one state, at once, and refuses one that is too large', () => {
    const cluster = testCluster({ settings: { watches: { ...ROW_WATCH_LIMITS, partBytes: 4_096 } } });
    for (let film = 0; film < 20; film++) cluster.add('ada', `film-${film}`, { value: 'v'.repeat(100) });
    const slow = new Grants();
    const listener = new Listener();
    listener.subscription = cluster.node('a1').watch(favorites('ada'), cluster.context(), slow.spend(listener)).subscribe(listener);
    slow.grant(2);
    cluster.advance(20);
    expect(listener.heard).toEqual([]);
    slow.grant(1);
    cluster.advance(20);
    expect(listener.heard.map((part) => part.endsWith('...'))).toEqual([true, true, false]);
    expect(listener.heard.join(' ').match(/film-\d+/g)).toEqual(Array.from({ length: 20 }, (_, film) => `film-${film}`));
    for (let film = 20; film < 140; film++) cluster.add('ada', `film-${film}`, { value: 'v'.repeat(100) });
    expect(listen(cluster, 'a1').heard).toEqual(['WATCH_LIMIT']);
  });

  it('[E12] so many listen to a row, and at a node, and no more', () => {
    const cluster = testCluster({ settings: { watches: { ...ROW_WATCH_LIMITS, watchesPerNode: 5, watchesPerRow: 3 } } });
    const four = [1, 2, 3, 4].map(() => listen(cluster, 'a1'));
    expect(four.map(({ heard }) => heard[0])).toEqual(['full', 'full', 'full', 'WATCH_LIMIT']);
    const others = [1, 2, 3].map((user) => listen(cluster, 'a1', { user: `user-${user}` }));
    expect(others.map(({ heard }) => heard[0])).toEqual(['full', 'full', 'WATCH_LIMIT']);
    four[0]!.subscription.unsubscribe();
    expect(listen(cluster, 'a1').heard).toEqual(['full']);
  });

  it('[E13] leaves nothing at the node when it is left: 10,000 that come and go at random, in the middle of anything', () => {
    const cluster = testCluster({ seed: 9 });
    const random = new SeededRandom(9);
    for (let user = 0; user < 10; user++) cluster.add(`user-${user}`, 'a');
    cluster.advance(1_000);
    const seens = Array.from({ length: 10 }, (_, user) => listen(cluster, 'b1', { user: `user-${user}` })).map((listener) => {
      listener.subscription.unsubscribe();
      return listener.seen!;
    });
    cluster.isolate('a1');
    for (let user = 0; user < 5; user++) cluster.add(`user-${user}`, 'b', { via: 'b1' });
    const ahead = Array.from({ length: 5 }, (_, user) => {
      const listener = listen(cluster, 'b1', { user: `user-${user}` });
      listener.subscription.unsubscribe();
      return listener.seen!;
    });
    cluster.heal();
    const open: Subscription[] = [];
    let watched = 0;
    for (let turn = 0; turn < 10_000; turn++) {
      const user = random.below(10);
      const seen = random.pick([undefined, seens[user], ahead[user]]);
      const slow = random.fraction() < 0.2 ? { credit: random.below(2), whenCredit: () => {} } : undefined;
      const request = { ...favorites(`user-${user}`), ...(seen && { seen }) };
      open.push(cluster.node('a1').watch(request, cluster.context(), slow).subscribe({ next: () => watched++, error: () => {} }));
      if (random.fraction() < 0.05) cluster.advance(random.fraction() * 2);
      while (open.length > 100 || random.fraction() < 0.45) open.splice(random.below(Math.max(1, open.length)), 1)[0]?.unsubscribe();
    }
    expect(watched).toBeGreaterThan(1_000);
    expect(cluster.node('a1').stats().watches.watches).toBeGreaterThan(0);
    for (const subscription of open) subscription.unsubscribe();
    expect(cluster.node('a1').stats().watches).toMatchObject({ watches: 0, rows: 0 });
    // No beat, no turn, no read is left of them: what is pending is what the nodes do by themselves.
    cluster.advance(2_000);
    const atRest = testCluster({ seed: 9 });
    for (let user = 0; user < 10; user++) atRest.add(`user-${user}`, 'a');
    atRest.advance(5_000);
    expect(cluster.clock.pending).toBeLessThanOrEqual(atRest.clock.pending + 3);
    expect(cluster.network.openCalls).toBe(0);
  });
});
