/**
 * Devices that use a running cluster over HTTP as real ones do, and write down what they did and saw: what libs/history then
 * judges. Each device is one session: one request after the other, each through any zone.
 *
 * A write of unknown outcome comes with a Retry-Token: the device sends it again, through other zones, as the same operation,
 * and gives up after a while; a request that reached nobody (connection refused) is simply sent elsewhere.
 */
import { ERRORS, type ErrorCode } from '@app/contracts';
import { HistoryRecorder, type Level, type Operation } from '@app/history';
import type { SeededRandom } from '@app/time';
import { eventually } from './local-cluster.js';

export interface DeviceKind {
  readonly level: Level;
  /** Whether it sends back the Session-Token that it was given last. */
  readonly keepsToken: boolean;
}

export interface DevicesOptions {
  /** URLs of the gateways. */
  readonly gateways: readonly string[];
  readonly users: readonly string[];
  readonly films: readonly string[];
  readonly devices: readonly DeviceKind[];
  readonly random: SeededRandom;
}

interface Session {
  readonly name: string;
  readonly level: Level;
  /** Undefined where it keeps none. */
  token?: string | null;
}

/** One HTTP request, as far as it got. */
type Answered =
  | {
      readonly status: number;
      readonly code: ErrorCode | null;
      readonly retryToken: string | null;
      /** The session's token went with it, and the answer covers it. */
      readonly keptToken: boolean;
      readonly body: unknown;
    }
  | 'not-sent'
  | 'no-answer';

const REQUEST_TIMEOUT_MS = 4_000;
const ATTEMPTS = 6;
const PAUSE_MS = 60;
/** At most, before each operation: on two cores the processes that start beside them need their share. */
const THINK_MS = 60;

export class RecordedDevices {
  readonly #recorder = new HistoryRecorder(() => performance.now());
  #isOver = false;
  #running: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: DevicesOptions) {}

  get operations(): readonly Operation[] {
    return this.#recorder.operations;
  }

  /** Sets all devices going, until `stop`. */
  start(): void {
    this.#running = Promise.all(
      this.options.devices.map(({ level, keepsToken }, number) => this.#device({ name: `device-${number}`, level, ...(keepsToken && { token: null }) })),
    );
  }

  /** Settles once so many operations more have been answered, or given up. @throws when that takes over a minute */
  async answered(count: number): Promise<void> {
    const ended = (): number => this.operations.filter(({ endMs }) => endMs !== null).length;
    const wanted = ended() + count;
    await eventually(() => ended() >= wanted, 60_000, `${count} operations more are answered`);
  }

  /** Settles once every device has had its last answer. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  /** Reads every list through every gateway. @throws when one cannot be read */
  async readAll(name: string, level: Level): Promise<ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>> {
    const lists = new Map<string, Map<string, readonly string[]>>();
    for (const user of this.options.users) {
      const byGateway = new Map<string, readonly string[]>();
      for (const gateway of this.options.gateways) {
        const read = this.#recorder.beginRead({ session: name, user, level });
        const answered = await this.#request({ name, level }, gateway, 'GET', `/v1/users/${user}/favorites?limit=500`, null);
        if (typeof answered === 'string' || answered.status !== 200) throw new Error(`${user} could not be read through ${gateway}: ${JSON.stringify(answered)}`);
        read.films = filmsOf(answered.body);
        this.#recorder.ended(read, 'acknowledged');
        byGateway.set(gateway, read.films);
      }
      lists.set(user, byGateway);
    }
    return lists;
  }

  async #device(session: Session): Promise<void> {
    const { random, users, films } = this.options;
    while (!this.#isOver) {
      await pause(THINK_MS * random.fraction());
      const user = random.pick(users);
      const chance = random.fraction();
      if (chance < 0.45) await this.#read(session, user);
      else await this.#write(session, user, random.pick(films), chance < 0.75 ? 'add' : 'remove');
    }
  }

  async #read(session: Session, user: string): Promise<void> {
    const read = this.#recorder.beginRead({ session: session.name, user, level: session.level });
    const answered = await this.#request(session, this.#anyGateway(), 'GET', `/v1/users/${user}/favorites?limit=500`, null);
    if (typeof answered === 'string' || answered.status !== 200) {
      this.#recorder.ended(read, 'refused');
      return pause(PAUSE_MS);
    }
    read.films = filmsOf(answered.body);
    read.keptToken = answered.keptToken;
    this.#recorder.ended(read, 'acknowledged');
  }

  async #write(session: Session, user: string, film: string, kind: 'add' | 'remove'): Promise<void> {
    const write = this.#recorder.beginWrite({ session: session.name, user, level: session.level, film, kind });
    let retryToken: string | null = null;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const method = kind === 'add' ? 'PUT' : 'DELETE';
      const answered = await this.#request(session, this.#anyGateway(), method, `/v1/users/${user}/favorites/${film}`, retryToken);
      if (answered === 'no-answer') {
        // Asking anew would be a second operation: without a token this one stays unknown.
        if (retryToken === null) return this.#recorder.ended(write, 'unknown');
      } else if (answered !== 'not-sent') {
        if (answered.status < 300) {
          write.keptToken = answered.keptToken;
          return this.#recorder.ended(write, 'acknowledged');
        }
        retryToken = answered.retryToken ?? retryToken;
        const isRefused = answered.code !== null && ERRORS[answered.code].applied === 'no';
        if (isRefused && retryToken === null && answered.status < 500) return this.#recorder.ended(write, 'refused');
        if (!isRefused && retryToken === null) return this.#recorder.ended(write, 'unknown');
      }
      await pause(PAUSE_MS);
    }
    this.#recorder.ended(write, retryToken === null ? 'refused' : 'unknown');
  }

  #anyGateway(): string {
    return this.options.random.pick(this.options.gateways);
  }

  async #request(session: Session, gateway: string, method: string, path: string, retryToken: string | null): Promise<Answered> {
    const { level, token } = session;
    try {
      const response = await fetch(gateway + path, {
        method,
        headers: {
          consistency: level.toLowerCase(),
          ...(retryToken !== null && { 'retry-token': retryToken }),
          ...(token != null && { 'session-token': token }),
        },
        signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      });
      const text = await response.text();
      const body: unknown = text === '' ? null : JSON.parse(text);
      const code = (body as { code?: ErrorCode } | null)?.code ?? null;
      const given = response.headers.get('session-token');
      const isAhead = (response.headers.get('consistency-achieved') ?? '').includes('token-ahead=yes');
      if (token !== undefined && given !== null) session.token = given;
      return { status: response.status, code, retryToken: response.headers.get('retry-token'), keptToken: token !== undefined && given !== null && !isAhead, body };
    } catch (error) {
      return ((error as Error).cause as { code?: string } | undefined)?.code === 'ECONNREFUSED' ? 'not-sent' : 'no-answer';
    }
  }
}

const filmsOf = (body: unknown): string[] => (body as { items: { filmId: string }[] }).items.map(({ filmId }) => filmId);

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
