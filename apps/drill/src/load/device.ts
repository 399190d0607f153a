/**
 * A device of one user: a session that does one thing after the other over HTTP, writes down what it did and saw
 * (libs/history), and says of each thing how it went.
 *
 * A roaming device fails over by itself: on an error or a refusal it turns to the next zone at once, and after a short
 * patience too. A read it then asks for beside the first one, and takes whichever comes. A write that was sent and not answered it
 * gives up: sent again with its Retry-Token it is the same operation, without one it is a second operation, and is written
 * down as one. A zone client asks the gateway of its zone, once.
 */
import { ERRORS, type ErrorCode } from '@app/contracts';
import type { HistoryRecorder, Level, Operation } from '@app/history';
import type { Cancel, Clock, SeededRandom } from '@app/time';
import type { HttpPort, HttpRequest, HttpResult } from './http-port.js';
import { type Attempted, type ClaimedAnswer, type DeviceKind, type Sample, TRAIL_FROM_MS } from './sample.js';

export interface PatiencePolicy {
  /** Unanswered for so long, a roaming device turns to the next zone, ms: well above what healthy answers take. */
  readonly patienceMs: number;
  /** Unanswered for so long, an operation has failed, ms. */
  readonly giveUpMs: number;
  /** Before a roaming device goes round the zones again, ms; twice as long each time. */
  readonly roundPauseMs: number;
  readonly rounds: number;
  /** How long it asks other zones first after one has failed it, ms. */
  readonly avoidMs: number;
}

export const DEFAULT_PATIENCE: PatiencePolicy = { patienceMs: 150, giveUpMs: 3_000, roundPauseMs: 50, rounds: 3, avoidMs: 2_000 };

export interface DeviceWorld {
  readonly http: HttpPort;
  readonly clock: Clock;
  readonly random: SeededRandom;
  readonly recorder: HistoryRecorder;
  readonly gateways: number;
  readonly patience: PatiencePolicy;
  readonly claimed: (answer: ClaimedAnswer) => void;
}

export interface DeviceProfile {
  /** Of its session in the history; unique. */
  readonly name: string;
  readonly user: string;
  readonly kind: DeviceKind;
  /** Of its reads. */
  readonly readLevel: Level;
  readonly writeLevel: Level;
  /** Its reads take this level where the other cannot be had. */
  readonly fallback: Level | null;
  /** Whether it sends back the Session-Token that it was given last. */
  readonly keepsToken: boolean;
  /** Index of its gateway; a roaming device begins there. */
  readonly home: number;
}

export type Action =
  | { readonly kind: 'add' | 'remove'; readonly film: string }
  | { readonly kind: 'move'; readonly film: string }
  | { readonly kind: 'list' }
  | { readonly kind: 'home' };

/** A page is a whole list: lists of a drill are shorter than this. */
const PAGE = 500;
const FILM_ID = /"filmId":"([^"]+)"/g;

export class Device {
  #token: string | null = null;
  #turn: number;
  readonly #avoidedUntilMs: number[];

  constructor(
    readonly profile: DeviceProfile,
    readonly world: DeviceWorld,
  ) {
    this.#turn = profile.home;
    this.#avoidedUntilMs = Array.from({ length: world.gateways }, () => -Infinity);
  }

  /** @param dueMs when it should have begun @param done called once, when it has succeeded or is given up */
  perform(action: Action, dueMs: number, done: (sample: Sample) => void): void {
    new Performance(this, action, dueMs, done).begin();
  }

  get token(): string | null {
    return this.profile.keepsToken ? this.#token : null;
  }

  given(token: string | undefined): void {
    if (token !== undefined) this.#token = token;
  }

  /** Gateways in the order in which to ask them: the next in turn first, those that have failed it a moment ago last. */
  gatewaysInOrder(): number[] {
    const { profile, world } = this;
    if (profile.kind === 'zone') return [profile.home];
    const first = this.#turn++ % world.gateways;
    const turns = Array.from({ length: world.gateways }, (_, index) => (first + index) % world.gateways);
    const nowMs = world.clock.monotonicMs();
    const isAvoided = (gateway: number): boolean => this.#avoidedUntilMs[gateway]! > nowMs;
    return [...turns.filter((gateway) => !isAvoided(gateway)), ...turns.filter(isAvoided)];
  }

  failedBy(gateway: number): void {
    this.#avoidedUntilMs[gateway] = this.world.clock.monotonicMs() + this.world.patience.avoidMs;
  }
}

interface Pending {
  readonly gateway: number;
  readonly sentMs: number;
  readonly cancel: Cancel;
}

class Performance {
  readonly #order: readonly number[];
  readonly #pending = new Set<Pending>();
  readonly #timers = new Set<Cancel>();
  readonly #trail: Attempted[] = [];
  #record: Operation | null;
  #retryToken: string | null = null;
  #attempts = 0;
  #status: number | null = null;
  #code: string | null = null;
  #isOver = false;

  constructor(
    private readonly device: Device,
    private readonly action: Action,
    private readonly dueMs: number,
    private readonly done: (sample: Sample) => void,
  ) {
    this.#order = device.gatewaysInOrder();
    this.#record = this.#recorded();
  }

  begin(): void {
    const { clock, patience } = this.device.world;
    const leftMs = this.dueMs + patience.giveUpMs - clock.monotonicMs();
    this.#after(leftMs, () => this.#end(false));
    this.#try();
  }

  #try(): void {
    if (this.#isOver) return;
    const { device, action } = this;
    const { world, profile } = device;
    const number = this.#attempts++;
    const gateway = this.#order[number % this.#order.length]!;
    const sentMs = world.clock.monotonicMs();
    const request = requestOf(action, profile, device.token, this.#retryToken);
    const pending: Pending = {
      gateway,
      sentMs,
      cancel: world.http.send(gateway, request, (result) => {
        this.#pending.delete(pending);
        this.#tried(pending, saidIn(result));
        if (!this.#isOver) this.#answered(result, gateway, sentMs);
      }),
    };
    this.#pending.add(pending);
    if (profile.kind === 'roaming') this.#after(world.patience.patienceMs, () => this.#pending.has(pending) && this.#late(pending));
  }

  /** Nobody has answered for a while. */
  #late(pending: Pending): void {
    this.device.failedBy(pending.gateway);
    if (this.#isRead) return this.#next();
    this.#pending.delete(pending);
    pending.cancel();
    this.#tried(pending, null);
    this.#writeLost();
    this.#next();
  }

  #answered(result: HttpResult, gateway: number, sentMs: number): void {
    if (result.kind === 'not-sent') return this.#failed(gateway);
    if (result.kind === 'lost') {
      this.#writeLost();
      return this.#failed(gateway);
    }
    const { status, headers, body } = result;
    this.#status = status;
    this.#code = status < 400 ? null : codeIn(body);
    if (status < 300) return this.#succeed(result, gateway, sentMs);
    const applied = this.#code !== null && this.#code in ERRORS ? ERRORS[this.#code as ErrorCode].applied : 'unknown';
    if (!this.#isRead) {
      this.#retryToken = headers['retry-token'] ?? this.#retryToken;
      if (applied !== 'no' && this.#retryToken === null) this.#writeLost();
      else if (applied !== 'no' && this.#record !== null && this.#record.endMs === null) this.#recorder.ended(this.#record, 'unknown');
    }
    // What the request itself is refused for is an answer, and the same everywhere: a move of a film that is not there.
    if (status < 500 && status !== 429) return this.#end(true);
    this.#failed(gateway);
  }

  #succeed({ headers, body }: Extract<HttpResult, { kind: 'answer' }>, gateway: number, sentMs: number): void {
    const { profile, world } = this.device;
    const achieved = headers['consistency-achieved'] ?? '';
    const given = headers['session-token'];
    if (profile.keepsToken) this.device.given(given);
    const keptToken = profile.keepsToken && given !== undefined && !achieved.includes('token-ahead=yes');
    const record = this.#record;
    if (record?.kind === 'read') {
      record.films = filmsIn(body);
      if (achieved.includes('fallback=yes') && profile.fallback !== null) (record as { level: Level }).level = profile.fallback;
    }
    if (achieved !== '') {
      const asked = this.#isRead ? profile.readLevel : profile.writeLevel;
      const fallback = this.#isRead ? profile.fallback : null;
      const endMs = world.clock.monotonicMs();
      world.claimed({ kind: this.action.kind, asked, fallback, sentMs, endMs, gateway, servedBy: headers['served-by'] ?? '', achieved });
    }
    if (record !== null) this.#recorder.ended(record, 'acknowledged', keptToken);
    this.#record = null;
    this.#end(true, isDegraded(this.action, body));
  }

  #failed(gateway: number): void {
    this.device.failedBy(gateway);
    this.#next();
  }

  /** What was written may or may not be; without a token the next attempt is another operation. */
  #writeLost(): void {
    if (this.#isRead || this.#record === null || this.#retryToken !== null) return;
    this.#recorder.ended(this.#record, 'unknown');
    this.#record = null;
  }

  #next(): void {
    if (this.#isOver) return;
    const { kind } = this.device.profile;
    const { rounds, roundPauseMs } = this.device.world.patience;
    const isRound = this.#attempts % this.#order.length === 0;
    const round = this.#attempts / this.#order.length;
    if (kind === 'zone' || round >= rounds) {
      if (this.#pending.size === 0) this.#end(false);
      return;
    }
    if (isRound) this.#after(roundPauseMs * 2 ** (round - 1), () => this.#again());
    else this.#again();
  }

  #again(): void {
    if (!this.#isRead && this.#record === null) this.#record = this.#recorded();
    this.#try();
  }

  #end(ok: boolean, degraded = false): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const cancel of this.#timers) cancel();
    const wasPending = this.#pending.size > 0;
    for (const pending of this.#pending) {
      pending.cancel();
      this.#tried(pending, null);
    }
    const record = this.#record;
    if (record !== null) {
      // A write of which every attempt was refused by somebody who said so, or reached nobody, never took effect.
      const isRefused = record.kind === 'read' || (!wasPending && record.endMs === null && this.#retryToken === null);
      this.#recorder.ended(record, isRefused ? 'refused' : 'unknown');
    }
    const { profile, world } = this.device;
    const endMs = world.clock.monotonicMs();
    this.done({
      kind: this.action.kind,
      device: profile.kind,
      zone: profile.kind === 'zone' ? profile.home : this.#order[0]!,
      dueMs: this.dueMs,
      endMs,
      ok,
      attempts: this.#attempts,
      status: this.#status,
      code: this.#code,
      degraded,
      level: levelOf(this.action, profile),
      ...((!ok || endMs - this.dueMs >= TRAIL_FROM_MS) && { trail: this.#trail }),
    });
  }

  #tried({ gateway, sentMs }: Pending, said: string | null): void {
    this.#trail.push({ gateway, sentMs, said, endMs: this.device.world.clock.monotonicMs() });
  }

  #recorded(): Operation | null {
    const { profile } = this.device;
    const { kind } = this.action;
    if (kind === 'home') return null;
    const base = { session: profile.name, user: profile.user };
    if (kind === 'list') return this.#recorder.beginRead({ ...base, level: profile.readLevel });
    return this.#recorder.beginWrite({ ...base, level: profile.writeLevel, kind, film: this.action.film });
  }

  get #recorder(): HistoryRecorder {
    return this.device.world.recorder;
  }

  get #isRead(): boolean {
    return this.action.kind === 'list' || this.action.kind === 'home';
  }

  #after(delayMs: number, task: () => void): void {
    const cancel = this.device.world.clock.after(Math.max(0, delayMs), () => {
      this.#timers.delete(cancel);
      if (!this.#isOver) task();
    });
    this.#timers.add(cancel);
  }
}

function levelOf({ kind }: Action, { readLevel, writeLevel, fallback }: DeviceProfile): string {
  if (kind !== 'list' && kind !== 'home') return writeLevel;
  return fallback === null ? readLevel : `${readLevel}, ${fallback}`;
}

function saidIn(result: HttpResult): string {
  if (result.kind === 'not-sent') return 'not sent';
  if (result.kind === 'lost') return 'connection lost';
  const { status, body } = result;
  return status < 400 ? String(status) : `${status} ${codeIn(body) ?? ''}`.trim();
}

function requestOf(action: Action, profile: DeviceProfile, token: string | null, retryToken: string | null): HttpRequest {
  const { user, name } = profile;
  const list = `/v1/users/${user}/favorites`;
  const headers = {
    consistency: levelOf(action, profile).toLowerCase(),
    ...(token !== null && { 'session-token': token }),
    ...(retryToken !== null && { 'retry-token': retryToken }),
  };
  switch (action.kind) {
    case 'list':
      return { method: 'GET', path: `${list}?limit=${PAGE}`, headers };
    case 'home':
      return { method: 'GET', path: `/v1/users/${user}/home?rows=3&columns=10`, headers };
    case 'add':
      return { method: 'PUT', path: `${list}/${action.film}`, headers, body: JSON.stringify({ device: name }) };
    case 'remove':
      return { method: 'DELETE', path: `${list}/${action.film}`, headers };
    case 'move':
      return { method: 'PATCH', path: `${list}/${action.film}`, headers, body: '{"position":"first"}' };
  }
}

/** Their ids, in order: reading all of the JSON would cost the generator more than its own time. */
export const filmsIn = (body: string): string[] => Array.from(body.matchAll(FILM_ID), ([, film]) => film!);

const isDegraded = ({ kind }: Action, body: string): boolean => kind === 'home' && /"degraded":\[[^\]]/.test(body);

function codeIn(body: string): string | null {
  return /"code":"(\w+)"/.exec(body)?.[1] ?? null;
}
