/** The load generator as a process of its own: see load/generator-calls.ts for what it can be asked. Ends with whoever started it. */
import { setPriority } from 'node:os';
import { HistoryRecorder, type Level, type Operation } from '@app/history';
import { SeededRandom } from '@app/time';
import { closedLoop } from './load/closed-loop.js';
import { Device, type DeviceWorld, filmsIn } from './load/device.js';
import type { FromGenerator, GeneratorCalls, ListsByGateway, RunRecord, ToGenerator } from './load/generator-calls.js';
import { LatenessMeter } from './load/lateness.js';
import { LiveCounts } from './load/live-figures.js';
import { LINEARIZABLE_FILMS, type LoadPlan } from './load/load-plan.js';
import { machineClock as clock } from './load/machine-clock.js';
import { NodeHttp } from './load/node-http.js';
import { OpenLoop } from './load/open-loop.js';
import { filmName, linearizableUsers, Population, userName } from './load/population.js';
import type { ClaimedAnswer, Sample } from './load/sample.js';
import { Watchers } from './load/watchers.js';

const LIVE_EVERY_MS = 1_000;
const AT_ONCE = 32;
const READ_ATTEMPTS = 20;
const READ_PAUSE_MS = 150;

class Generator implements GeneratorCalls {
  #plan!: LoadPlan;
  #http!: NodeHttp;
  #random!: SeededRandom;
  #population!: Population;
  readonly #recorder = new HistoryRecorder(() => clock.monotonicMs());
  #claims: ClaimedAnswer[] = [];

  async prepare(plan: LoadPlan): Promise<{ lists: number; films: number }> {
    this.#plan = plan;
    this.#http = new NodeHttp(plan.gateways);
    this.#random = new SeededRandom(plan.seed);
    const world: DeviceWorld = {
      http: this.#http,
      clock,
      random: this.#random,
      recorder: this.#recorder,
      gateways: plan.gateways.length,
      patience: plan.patience,
      claimed: (answer) => void this.#claims.push(answer),
    };
    this.#population = new Population(plan, world, this.#random);
    const some = Array.from({ length: plan.listSize }, (_, index) => filmName(2 * index));
    const adds = [
      ...Array.from({ length: plan.users }, (_, index) => ({ user: userName(plan, index), films: some, level: 'QUORUM' as Level })),
      ...linearizableUsers(plan).map((user) => ({ user, films: some.slice(0, LINEARIZABLE_FILMS / 2), level: 'LINEARIZABLE' as Level })),
    ];
    await concurrently(adds, AT_ONCE, async ({ user, films, level }, index) => {
      const profile = { name: `fill-${user}`, user, kind: 'roaming', readLevel: level, writeLevel: level, fallback: null, keepsToken: false, home: index % plan.gateways.length } as const;
      const device = new Device(profile, { ...world, patience: { ...plan.patience, patienceMs: 5_000, giveUpMs: 30_000 } });
      for (const film of films) {
        const { ok, status, code } = await new Promise<Sample>((resolve) => device.perform({ kind: 'add', film }, clock.monotonicMs(), resolve));
        if (!ok) throw new Error(`the lists could not be filled: ${status} ${code}`);
      }
    });
    return { lists: adds.length, films: adds.reduce((sum, { films }) => sum + films.length, 0) };
  }

  peak({ inFlight, durationMs }: { inFlight: number; durationMs: number }): Promise<{ perSecond: number }> {
    return new Promise((resolve) => {
      const one = (ended: (ok: boolean) => void): void => {
        const { device, action, release } = this.#population.next();
        device.perform(action, clock.monotonicMs(), ({ ok }) => {
          release();
          ended(ok);
        });
      };
      closedLoop(inFlight, durationMs, clock, one, (ok, tookMs) => resolve({ perSecond: (ok * 1_000) / tookMs }));
    });
  }

  async run(): Promise<RunRecord> {
    const samples: Sample[] = [];
    this.#claims = [];
    const live = new LiveCounts();
    const lateness = new LatenessMeter(clock);
    const watchers = this.#watchers();
    const telling = setInterval(() => tell({ live: live.take() }), LIVE_EVERY_MS);
    const sampled = (sample: Sample): void => {
      samples.push(sample);
      live.add(sample);
    };
    const loop = new OpenLoop({ plan: this.#plan, population: this.#population, clock, random: this.#random, sampled });
    const startMs = clock.monotonicMs();
    lateness.start();
    watchers?.start();
    await new Promise<void>((resolve) => loop.start(resolve));
    clearInterval(telling);
    lateness.stop();
    return { startMs, endMs: clock.monotonicMs(), sent: loop.sent, samples, claims: this.#claims, standstills: lateness.standstills, watchers: watchers?.stop() ?? null };
  }

  async readLists(level: 'QUORUM' | 'ONE'): Promise<readonly ListsByGateway[]> {
    const { gateways } = this.#plan;
    const lists: ListsByGateway[] = [];
    await concurrently(this.#population.users, AT_ONCE, async (user) => {
      const films = await Promise.all(gateways.map((_, gateway) => this.#readList(user, gateway, level)));
      lists.push({ user, films });
    });
    return lists;
  }

  history(): Promise<readonly Operation[]> {
    return Promise.resolve(this.#recorder.operations);
  }

  /** At QUORUM they go into the history: what they miss is lost. Lists that are only used at LINEARIZABLE are read so. */
  async #readList(user: string, gateway: number, level: 'QUORUM' | 'ONE'): Promise<readonly string[] | null> {
    const asked: Level = level === 'QUORUM' && linearizableUsers(this.#plan).includes(user) ? 'LINEARIZABLE' : level;
    for (let attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
      const record = level === 'QUORUM' ? this.#recorder.beginRead({ session: `afterwards-${gateway}`, user, level: asked }) : null;
      const films = await new Promise<string[] | null>((resolve) => {
        const request = { method: 'GET', path: `/v1/users/${user}/favorites?limit=500`, headers: { consistency: asked.toLowerCase() } } as const;
        this.#http.send(gateway, request, (result) => resolve(result.kind === 'answer' && result.status === 200 ? filmsIn(result.body) : null));
      });
      if (record !== null) {
        record.films = films ?? [];
        this.#recorder.ended(record, films === null ? 'refused' : 'acknowledged');
      }
      if (films !== null) return films;
      await new Promise((resolve) => setTimeout(resolve, READ_PAUSE_MS));
    }
    return null;
  }

  #watchers(): Watchers | null {
    const { watchersPerZone, gateways } = this.#plan;
    if (watchersPerZone === 0) return null;
    return new Watchers(gateways.flatMap((url) => Array.from({ length: watchersPerZone }, (_, index) => `${url}/v1/users/${userName(this.#plan, index)}/favorites/events`)));
  }
}

async function concurrently<T>(items: readonly T[], atOnce: number, act: (item: T, index: number) => Promise<void>): Promise<void> {
  const left = [...items.entries()];
  const worker = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await act(item[1], item[0]);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

const tell = (message: FromGenerator): void => void process.send?.(message);

// It stands for machines elsewhere, which the system under test does not slow down. Where that is not allowed it goes without.
try {
  setPriority(-10);
} catch {}

const generator = new Generator();
process.on('message', ({ call, name, argument }: ToGenerator) => {
  (generator[name] as (argument: unknown) => Promise<unknown>)(argument).then(
    (answer) => tell({ call, answer }),
    (error: unknown) => tell({ call, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
// Ctrl-C is the drill's to answer: it ends this process when it is done with it.
process.on('SIGINT', () => {});
