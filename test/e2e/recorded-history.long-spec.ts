/**
 * The promises over real processes: devices use the cluster over HTTP while its processes are killed, stopped, restarted, and
 * lose power all at once; then everything is mended, and the checkers that judge the simulator judge what the devices saw.
 */
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { checkConvergence, checkHistory } from '@app/history';
import { SeededRandom } from '@app/time';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { lacks } from '../support/capability.js';
import { eventually, localCluster, type LocalCluster } from '../support/local-cluster.js';
import { LoopMachine, whyNoLoop } from '../support/loop-machine.js';
import { RecordedDevices, type DeviceKind } from '../support/recorded-devices.js';

const USERS = ['ann', 'bob'];
const FILMS = ['alien-1979', 'brazil-1985', 'contact-1997', 'dune-1984'];
const DEVICES: readonly DeviceKind[] = [
  { level: 'QUORUM', keepsToken: false },
  { level: 'QUORUM', keepsToken: false },
  { level: 'QUORUM', keepsToken: true },
  { level: 'SESSION', keepsToken: true },
  { level: 'SESSION', keepsToken: true },
];
const ZONES = ['zone-a', 'zone-b', 'zone-c'];

const seed = Math.floor(performance.timeOrigin) % 1_000_000;
const random = new SeededRandom(seed);
let cluster: LocalCluster;

const gateways = (): string[] => ['a', 'b', 'c'].map((zone) => cluster.gateway(zone));
const names = (role: string): string[] => cluster.processes.filter((one) => one.role === role).map(({ name }) => name);

/** Operations that are answered while a fault lasts: some 0.2 to 2 s of them. */
const some = (): number => 10 + random.below(90);

/** Runs devices beside `trouble`, then demands that everything holds. How long a fault lasts is counted in what they do meanwhile. */
async function expectPromisesKept(trouble: (devices: RecordedDevices) => Promise<void>, users = USERS): Promise<void> {
  const devices = new RecordedDevices({ gateways: gateways(), users, films: FILMS, devices: DEVICES, random });
  devices.start();
  await devices.answered(30);
  await trouble(devices);
  await devices.answered(30);
  await devices.stop();
  await mended();
  await devices.readAll('afterwards', 'QUORUM');
  expect(checkHistory(devices.operations), `seed ${seed}`).toEqual([]);
  await eventually(async () => isOneEverywhere(await devices.readAll('each zone', 'ONE')), 30_000, 'every zone alone shows the same lists');
  const counts = Object.groupBy(devices.operations, ({ outcome }) => outcome);
  expect(counts.acknowledged?.length ?? 0).toBeGreaterThan(100);
}

async function mended(): Promise<void> {
  for (const { name, state } of cluster.processes) {
    if (state === 'paused') await cluster.resume(name);
    if (state === 'exited') await cluster.start(name);
  }
  for (const gateway of gateways()) {
    await eventually(async () => (await fetch(`${gateway}/health/ready`).catch(() => null))?.status === 200, 30_000, `${gateway} is ready`);
  }
  for (const zone of ['a', 'b', 'c']) {
    await eventually(async () => (await cluster.at(zone).get('/v1/users/probe/favorites').set('Consistency', 'all')).status === 200, 30_000, `all replicas answer ${zone}`);
  }
}

/** Each zone asked at ONE answers from its own replica. */
function isOneEverywhere(lists: ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>): boolean {
  const replicas = new Map([...lists].map(([user, byGateway]) => [user, new Map([...byGateway].map(([gateway, films]) => [gateway, { digest: films.join(), films }]))]));
  return checkConvergence(replicas).length === 0;
}

describe('what devices saw of a cluster of real processes', () => {
  afterAll(() => cluster?.end());

  it('holds every promise while processes are killed and started again', { timeout: 120_000 }, async () => {
    cluster = await localCluster();
    await expectPromisesKept(async (devices) => {
      for (let round = 0; round < 4; round++) {
        const name = random.pick([...names('store'), ...names('gateway'), ...ZONES]);
        await cluster.kill(name);
        await devices.answered(some());
        await cluster.start(name);
      }
    });
  });

  it('while they are stopped, whole zones at once, and go on as if nothing had been', { timeout: 120_000 }, async () => {
    await expectPromisesKept(async (devices) => {
      for (let round = 0; round < 4; round++) {
        const name = random.pick([...names('store'), ...ZONES]);
        await cluster.pause(name);
        await devices.answered(some());
        await cluster.resume(name);
        await devices.answered(10);
      }
    }, ['cay', 'dan']);
  });

  it('and while one after the other is restarted in order', { timeout: 120_000 }, async () => {
    await expectPromisesKept(async () => {
      // A node of each zone, then the gateways: what else there is, is more of the same.
      for (const name of [...names('store').filter((store) => store.endsWith('1')), ...names('gateway')]) {
        await cluster.stop(name);
        await cluster.start(name);
      }
    }, ['eve', 'fay']);
  });
});

describe.skipIf(lacks('loop', whyNoLoop()))('what devices saw of a cluster whose nodes all lose power at once', () => {
  let scratch: string;
  const machines = new Map<string, LoopMachine>();

  afterEach(async () => {
    await cluster.end({ keepData: true });
    for (const machine of machines.values()) machine.unmount();
    machines.clear();
    fs.rmSync(scratch, { recursive: true, force: true });
  });

  it('holds every promise, again and again', { timeout: 180_000 }, async () => {
    scratch = fs.mkdtempSync(path.join(tmpdir(), 'triptych-all-power-'));
    const dataDirectory = path.join(scratch, 'cluster');
    // A first run makes the directory; then each node's part of it goes onto a disk that can lose power.
    cluster = await localCluster({ dataDirectory });
    const stores = names('store');
    await cluster.end({ keepData: true });
    for (const name of stores) {
      const home = path.join(dataDirectory, name);
      fs.rmSync(home, { recursive: true });
      machines.set(name, new LoopMachine(scratch, name, home));
    }
    cluster = await localCluster({ dataDirectory });
    await expectPromisesKept(async (devices) => {
      for (let round = 0; round < 2; round++) {
        await devices.answered(80);
        await cluster.kill('store');
        for (const machine of machines.values()) machine.losePower();
        await cluster.start('store');
      }
    });
  });
});
