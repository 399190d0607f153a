/**
 * A device: one operation after another, each through a gateway of its own choice. Two pauses in five are a few milliseconds,
 * so that devices meet; after a write it often reads at once through another zone, since that is where a store shows
 * what it forgot. Some are impatient, and some hang up in the middle: then nobody knows what became of what they asked.
 */
import type { CallContext, GetReply, Item, ListReply, Operation as StoreOperation, Placement, TriptychError } from '@app/contracts';
import { sameOperation, type PendingWrite, type WriteFailure } from '@app/favorites-client';
import type { HistoryRecorder, Level, Operation, ReadOperation, WriteOperation } from '@app/history';
import { favorites } from '@app/store/testing';
import type { SeededRandom } from '@app/time';
import type { Observable, Subscription } from 'rxjs';
import { between } from './fault.js';
import type { Gateway } from './gateway.js';
import type { ListProfile, SeedProfile } from './seed-profile.js';

/** What a device needs of the simulation that it lives in. */
export interface DeviceWorld {
  readonly random: SeededRandom;
  readonly profile: SeedProfile;
  readonly clients: readonly Gateway[];
  readonly history: HistoryRecorder;
  readonly isHarming: boolean;
  after(delayMs: number, task: () => void): void;
  context(timeoutMs: number): CallContext;
  count(what: string): void;
  trace(what: string): void;
}

interface Unfinished {
  readonly write: PendingWrite;
  readonly operation: WriteOperation;
}

const TIMEOUT_MS = 2_000;
const IMPATIENT_TIMEOUT_MS: readonly [number, number] = [2, 150];
const IMPATIENT_SHARE = 0.15;
const HANGS_UP_SHARE = 0.02;
const HANGS_UP_AFTER_MS: readonly [number, number] = [0, 6];
const SHORT_PAUSE_MS: readonly [number, number] = [0, 8];
const PAUSE_MS: readonly [number, number] = [100, 2_000];

export class Device {
  /** What the session has seen of each list, where it carries a token. */
  readonly #seen = new Map<string, Uint8Array>();
  readonly #hasToken: boolean;
  /** A token that nobody can cover is given up: from then on it is another session. */
  #sessionNumber = 0;
  #lastValue = 0;
  /** Writes of unknown outcome that this session may carry on with or override, by list and film. */
  readonly #unfinished = new Map<string, Unfinished>();

  constructor(
    private readonly world: DeviceWorld,
    private readonly name: string,
    /** Whose write through which gateway came last, by list: reads prefer another. */
    private readonly lastWriter: Map<string, Gateway>,
  ) {
    this.#hasToken = world.random.fraction() < 0.8;
  }

  get #session(): string {
    return `${this.name}.${this.#sessionNumber}`;
  }

  live(): void {
    const { random } = this.world;
    this.world.after(between(random, random.fraction() < 0.4 ? SHORT_PAUSE_MS : PAUSE_MS), () => {
      if (this.world.isHarming) this.#act();
    });
  }

  #act(): void {
    const { random, profile } = this.world;
    const list = random.pick(profile.lists);
    const film = random.pick(profile.films);
    const chance = random.fraction();
    if (chance < 0.4) return this.#read(list);
    const unfinished = this.#unfinished.get(`${list.user}/${film}`);
    if (unfinished !== undefined && random.fraction() < 0.6) return this.#again(list, unfinished);
    if (profile.isSet) return this.#setOrRemove(list, film);
    if (chance < 0.68) return this.#write(list, film, { kind: 'add', value: Buffer.from(this.name), ...(random.fraction() < 0.3 && { placement: this.#placement() }) });
    if (chance < 0.92) return this.#write(list, film, { kind: 'remove' });
    return this.#write(list, film, { kind: 'move', placement: this.#placement() });
  }

  /** Only one film is ever removed: what is but set is one register, which promises more. */
  #setOrRemove(list: ListProfile, film: string): void {
    const { random, profile } = this.world;
    if (film === profile.films[0] && random.fraction() < 0.4) return this.#write(list, film, { kind: 'remove' });
    return this.#write(list, film, { kind: 'add', value: Buffer.from(`${this.name}/${++this.#lastValue}`) });
  }

  #placement(): Placement {
    const { random, profile } = this.world;
    return random.pick<Placement>(['first', 'last', { before: random.pick(profile.films) }, { after: random.pick(profile.films) }]);
  }

  #read(list: ListProfile): void {
    const { random, history, clients, profile } = this.world;
    const level = random.pick(list.reads);
    const operation = history.beginRead({ session: this.#session, user: list.user, level });
    const writer = this.lastWriter.get(list.user);
    const others = clients.filter((gateway) => gateway !== writer);
    const { store } = random.fraction() < 0.8 ? random.pick(others) : random.pick(clients);
    const request = { ...favorites(list.user), level, ...this.#token(list.user) };
    const byName = profile.isSet && random.fraction() < 0.5;
    if (byName) this.world.count('read by names');
    const reply$: Observable<ListReply | GetReply> = byName ? store.get({ ...request, items: profile.films }, this.#context()) : store.list({ ...request, limit: 100 }, this.#context());
    const call = reply$.subscribe({
      next: ({ items, achieved, seen }) => {
        Object.assign(operation, shownOf(items, profile));
        if (achieved.repaired) this.world.count('read repaired');
        if (achieved.hedged) this.world.count('read hedged');
        if (achieved.versions > 1) this.world.count(`read at ${level} that met different states`);
        if (level === 'SESSION') this.world.count(achieved.replicas.length === 1 ? 'session answered by one replica' : 'session escalated');
        this.#ended(operation, level, 'acknowledged', this.#saw(list.user, seen, achieved.tokenAhead));
      },
      error: (error: TriptychError) => {
        this.world.count(`read failed: ${error.code}`);
        this.#ended(operation, level, 'refused');
      },
    });
    this.#perhapsHangUp(call);
  }

  #write(list: ListProfile, film: string, operation: StoreOperation): void {
    const earlier = this.#unfinished.get(`${list.user}/${film}`);
    // The same request with what is unfinished of it is the same operation, by the store's own rule: no new one.
    if (earlier !== undefined && sameOperation(earlier.write.operation, operation)) return this.#again(list, earlier);
    const level = this.world.random.pick(list.writes);
    const recorded = this.world.history.beginWrite({ kind: operation.kind, session: this.#session, user: list.user, film, level, ...(this.world.profile.isSet && operation.kind === 'add' && { value: textOf(operation.value) }) });
    if (earlier !== undefined) this.world.count('uncertain write overridden');
    this.#send(list, recorded, operation, earlier?.write);
  }

  /** The same operation once more, perhaps through another gateway: one operation in the history. */
  #again(list: ListProfile, { write, operation }: Unfinished): void {
    this.world.count('uncertain write retried');
    this.#send(list, operation, write.operation, write);
  }

  #send(list: ListProfile, recorded: WriteOperation, operation: StoreOperation, pending: PendingWrite | undefined): void {
    const { random, clients } = this.world;
    const gateway = random.pick(clients);
    this.lastWriter.set(recorded.user, gateway);
    const key = `${recorded.user}/${recorded.film}`;
    const { level } = recorded;
    const call = gateway.store.write({ ...favorites(recorded.user), item: recorded.film, operation, level, ...(pending && { pending }), ...this.#token(list.user) }, this.#context()).subscribe({
      next: ({ achieved, seen }) => {
        this.#unfinished.delete(key);
        if (achieved.sloppy) this.world.count('write stood in for');
        this.#ended(recorded, level, 'acknowledged', this.#saw(list.user, seen, achieved.tokenAhead));
        if (random.fraction() < 0.4 && this.world.isHarming) this.#follow(list);
        else this.live();
      },
      error: (error: WriteFailure & TriptychError) => {
        this.world.count(`write failed: ${error.code}`);
        if (error.pending !== undefined) this.#unfinished.set(key, { write: error.pending, operation: recorded });
        if (error.seen !== undefined) this.#saw(list.user, error.seen, false);
        this.#ended(recorded, level, error.applied === 'unknown' || error.pending !== undefined ? 'unknown' : 'refused');
        this.live();
      },
    });
    this.#perhapsHangUp(call);
  }

  #context(): CallContext {
    const { random } = this.world;
    return this.world.context(random.fraction() < IMPATIENT_SHARE ? between(random, IMPATIENT_TIMEOUT_MS) : TIMEOUT_MS);
  }

  /** Leaves without an answer: what was asked stays of unknown outcome, and the device goes on with something else. */
  #perhapsHangUp(call: Subscription): void {
    const { random } = this.world;
    if (random.fraction() >= HANGS_UP_SHARE) return;
    this.world.after(between(random, HANGS_UP_AFTER_MS), () => {
      if (call.closed) return;
      call.unsubscribe();
      this.world.count('device hung up');
      this.live();
    });
  }

  /** Reads what it has just written, at once. */
  #follow(list: ListProfile): void {
    this.world.after(between(this.world.random, SHORT_PAUSE_MS), () => {
      if (this.world.isHarming) this.#read(list);
    });
  }

  #token(user: string): { seen?: Uint8Array } {
    const seen = this.#seen.get(user);
    return seen === undefined ? {} : { seen };
  }

  /** Takes the token of an answer along; says whether the answer keeps what the session was owed. */
  #saw(user: string, seen: Uint8Array, tokenAhead: boolean): boolean {
    if (!this.#hasToken) return false;
    this.#seen.set(user, seen);
    if (!tokenAhead) return true;
    this.world.count('session token ahead of all replicas');
    this.#sessionNumber++;
    return false;
  }

  #ended(operation: Operation, level: Level, outcome: Operation['outcome'], keptToken = false): void {
    this.world.history.ended(operation, outcome, keptToken);
    this.world.count(`${operation.kind} at ${level}: ${operation.outcome}`);
    this.world.trace(`${operation.id} ${outcome} ${operation.endMs} ${operation.kind === 'read' ? [...operation.films, ...Object.values(operation.values ?? {})].join() : ''}`);
    if (operation.kind === 'read') this.live();
  }
}

const textOf = (value: Uint8Array): string => Buffer.from(value).toString();

/** A list as a history has it. */
export function shownOf(items: readonly (Item | null)[], { isSet }: SeedProfile): Pick<ReadOperation, 'films' | 'values'> {
  const found = items.filter((item) => item !== null);
  return { films: found.map(({ item }) => item), ...(isSet && { values: Object.fromEntries(found.map(({ item, value }) => [item, textOf(value)])) }) };
}
