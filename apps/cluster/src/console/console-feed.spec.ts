import { zoneId, type ConsoleList, type ConsoleState } from '@app/contracts';
import { SimClock } from '@app/time';
import { describe, expect, it } from 'vitest';
import type { ProcessRecord } from '../cluster-file.js';
import { ConsoleFeed, GATHER_EVERY_MS, LOOK_EVERY_MS, type Viewer } from './console-feed.js';
import { gatewayState, storeState, type ToldStore } from './testing/told.js';
import type { Gathering } from './told-states.js';

/** A browser that reads as much as `reads` says. */
class Browser implements Viewer {
  readonly got: { event: string; parts: Partial<ConsoleState> }[] = [];
  reads = true;
  send(event: string, data: string): boolean {
    this.got.push({ event, parts: JSON.parse(data) as Partial<ConsoleState> });
    return this.reads;
  }
  get events(): string[] {
    return this.got.map(({ event, parts }) => (event === 'state' ? event : Object.keys(parts).sort().join('+')));
  }
  forget(): void {
    this.got.length = 0;
  }
}

class Scene {
  readonly clock = new SimClock();
  gatherings = 0;
  looks: string[] = [];
  served = 0;
  told: ToldStore = {};
  lists = new Map<string, ConsoleList>();
  processes = ['a1 store', 'gateway-a gateway'].map((one): ProcessRecord => {
    const [name, role] = one.split(' ') as [string, 'store' | 'gateway'];
    return { name, role, zone: zoneId('zone-a'), region: 'local', host: 'h', port: 1, adminPort: 2, dataDirectory: null, pid: 1, state: 'running', since: '', exit: null };
  });
  readonly feed: ConsoleFeed;
  constructor() {
    const { clock } = this;
    this.feed = new ConsoleFeed({
      clock,
      clusterId: 'c',
      replicationFactor: 3,
      processes: () => this.processes,
      harmOf: () => null,
      gathering: {
        shares: new Map(),
        placedOn: () => {},
        all: async (): Promise<Gathering> => {
          this.gatherings++;
          const time = { atMs: clock.wallMs(), monotonicMs: clock.monotonicMs() };
          return { ...time, gateways: { 'gateway-a': gatewayState({ ok: this.served }) }, stores: { a1: storeState(this.told) } };
        },
        list: async (user) => {
          this.looks.push(user);
          return this.lists.get(user) ?? { user, replicas: [] };
        },
      },
    });
  }
  /** Virtual time and what it sets off, promises too. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 50) {
      this.clock.advance(50);
      for (let i = 0; i < 20; i++) await Promise.resolve();
    }
  }
}

describe('the feed of the console', () => {
  it('gathers for nobody, once for all who look, and no more when they have left', async () => {
    const scene = new Scene();
    await scene.pass(5_000);
    expect([scene.gatherings, scene.looks]).toEqual([0, []]);
    const leave = [new Browser(), new Browser(), new Browser()].map((browser) => scene.feed.watch(browser, 'ann'));
    await scene.pass(10 * GATHER_EVERY_MS);
    expect(scene.gatherings).toBeGreaterThanOrEqual(10);
    expect(scene.gatherings).toBeLessThanOrEqual(11);
    // Three at once when they came, then one for all of them.
    expect(scene.looks.length).toBeLessThanOrEqual(3 + (10 * GATHER_EVERY_MS) / LOOK_EVERY_MS);
    for (const one of leave) one();
    expect(scene.feed.viewerCount).toBe(0);
    const { gatherings } = scene;
    scene.looks = [];
    await scene.pass(5_000);
    expect([scene.gatherings, scene.looks, scene.clock.pending]).toEqual([gatherings, [], 0]);
  });

  it('sends the state once and then the parts that are not what they were', async () => {
    const scene = new Scene();
    const browser = new Browser();
    scene.feed.watch(browser, null);
    expect(browser.events).toEqual(['state']);
    expect(Object.keys(browser.got[0]!.parts).sort()).toEqual(['circuits', 'cluster', 'events', 'list', 'nodes', 'processes', 'zones']);
    await scene.pass(100);
    expect(browser.events).toEqual(['state', 'cluster+nodes']);
    browser.forget();
    scene.served = 30;
    await scene.pass(GATHER_EVERY_MS);
    expect(browser.events).toEqual(['zones']);
    expect(browser.got[0]!.parts.zones![0]!.sample).toMatchObject({ requestsPerSecond: expect.closeTo(30, -1), errorsPerSecond: 0 });
    browser.forget();
    scene.told = { hintsWaiting: 3 };
    scene.processes = scene.processes.map((one) => ({ ...one, state: 'paused' }));
    scene.feed.processesChanged();
    await scene.pass(GATHER_EVERY_MS);
    expect(browser.events).toEqual(['processes', 'events', 'nodes+zones']);
    expect(browser.got[1]!.parts.events!.at(-1)).toMatchObject({ id: 1, kind: 'repair', zone: 'zone-a', text: 'a1 keeps writes for who cannot be reached' });
  });

  it('shows each browser the list that it watches, and tells of it only when it changes', async () => {
    const scene = new Scene();
    const [ann, bob] = [new Browser(), new Browser()];
    scene.feed.watch(ann, 'ann');
    scene.feed.watch(bob, 'bob');
    await scene.pass(500);
    for (const browser of [ann, bob]) browser.forget();
    scene.lists.set('ann', { user: 'ann', replicas: [{ node: 'a1', zone: 'zone-a', row: null }] });
    await scene.pass(2 * LOOK_EVERY_MS);
    expect(ann.got.filter(({ parts }) => parts.list !== undefined)).toEqual([{ event: 'changed', parts: { list: scene.lists.get('ann') } }]);
    expect(bob.got.filter(({ parts }) => parts.list !== undefined)).toEqual([]);
    // Who comes later is shown it at once.
    const late = new Browser();
    scene.feed.watch(late, 'ann');
    expect(late.got[0]!.parts.list).toEqual(scene.lists.get('ann'));
  });

  it('keeps no backlog for a browser that does not read: it is sent the state anew when it does', async () => {
    const scene = new Scene();
    const browser = new Browser();
    scene.feed.watch(browser, null);
    await scene.pass(100);
    browser.reads = false;
    scene.feed.happened('action', null, 'the last one that it is sent');
    browser.forget();
    for (let i = 0; i < 1_000; i++) scene.feed.happened('action', null, `${i}`);
    expect(browser.got).toEqual([]);
    browser.reads = true;
    scene.feed.caughtUp(browser);
    expect(browser.events).toEqual(['state']);
    expect(browser.got[0]!.parts.events!.map(({ text }) => text)).toEqual(Array.from({ length: 100 }, (_, i) => `${900 + i}`));
    // With nothing missed there is nothing to send.
    scene.feed.caughtUp(browser);
    expect(browser.got).toHaveLength(1);
  });

  it('does not send a state for ever to a browser that takes each one slowly', async () => {
    const scene = new Scene();
    const browser = new Browser();
    browser.reads = false;
    scene.feed.watch(browser, null);
    expect(browser.got).toHaveLength(1);
    scene.feed.caughtUp(browser);
    expect(browser.got).toHaveLength(1);
  });

  it('learns from the store nodes whether zones may be harmed', async () => {
    const scene = new Scene();
    scene.feed.watch(new Browser(), null);
    await scene.pass(100);
    expect(scene.feed.hasFaults).toBe(false);
    scene.told = { faults: 'on' };
    await scene.pass(GATHER_EVERY_MS);
    expect(scene.feed.hasFaults).toBe(true);
  });
});
