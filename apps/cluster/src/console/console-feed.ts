/**
 * What the browsers see, kept as parts of one state. A part is sent when it is not what was sent before; a browser that does
 * not read fast enough is sent nothing more until it does, and then the state anew. So however many browsers there are, and
 * however slow, there is one gathering, and what waits for each is bounded by one state.
 */
import type { ConsoleEvent, ConsoleList, ConsoleNode, ConsoleState, ZoneSample } from '@app/contracts';
import type { Cancel, Clock } from '@app/time';
import type { ProcessRecord } from '../cluster-file.js';
import type { ConsoleGathering } from './console-gathering.js';
import { circuitsOf, happeningsBetween, membershipOf, sampleBetween, toldOf, type Gathering, type Seen } from './told-states.js';

/** A browser, as far as it is written to. */
export interface Viewer {
  /** Sends one event; false when what was sent before is not read yet, and this one may be the last until `caughtUp`. */
  send(event: 'state' | 'changed', data: string): boolean;
}

export interface ConsoleFeedPorts {
  readonly clock: Clock;
  readonly gathering: Pick<ConsoleGathering, 'all' | 'list' | 'placedOn' | 'shares'>;
  readonly clusterId: string;
  readonly replicationFactor: number;
  readonly processes: () => readonly ProcessRecord[];
  readonly harmOf: (zone: string) => 'slow' | 'cut' | null;
}

export const GATHER_EVERY_MS = 1_000;
export const LOOK_EVERY_MS = 250;
export const VIEWERS_MAX = 16;
const EVENTS_KEPT = 100;

interface Watching {
  readonly user: string | null;
  isBehind: boolean;
  /** Something changed while it was behind. */
  hasMissed: boolean;
}

type Part = Exclude<keyof ConsoleState, 'list'>;

export class ConsoleFeed {
  readonly #viewers = new Map<Viewer, Watching>();
  /** What was sent last, as JSON. */
  readonly #parts = new Map<Part, string>();
  /** By user; only of those whom somebody watches. */
  readonly #lists = new Map<string, string>();
  #events: readonly ConsoleEvent[] = [];
  #eventCount = 0;
  #before: Gathering | null = null;
  readonly #samples = new Map<string, ZoneSample>();
  #seen: Seen = { epoch: null, nodes: [], circuits: [] };
  #hasFaults = false;
  #isGathering = false;
  #cancelGather: Cancel = () => {};
  #cancelLook: Cancel = () => {};

  constructor(private readonly ports: ConsoleFeedPorts) {
    this.#set('cluster', this.#cluster('unknown'));
    this.#set('zones', this.#zones());
    this.#set('nodes', this.#nodes(null));
    this.#set('circuits', []);
    this.#set('events', this.#events);
    this.processesChanged();
  }

  /** Whether the store nodes said that they take faults; false until one has answered. */
  get hasFaults(): boolean {
    return this.#hasFaults;
  }

  get viewerCount(): number {
    return this.#viewers.size;
  }

  /**
   * Sends the state at once and then what changes, until the answer is called.
   * @param user whose list is shown; null for none
   */
  watch(viewer: Viewer, user: string | null): Cancel {
    const watching: Watching = { user, isBehind: false, hasMissed: false };
    this.#viewers.set(viewer, watching);
    this.#sendState(viewer, watching);
    if (this.#viewers.size === 1) this.#begin();
    if (user !== null) void this.look(user);
    return () => this.#leave(viewer);
  }

  /** What was sent has been read. */
  caughtUp(viewer: Viewer): void {
    const watching = this.#viewers.get(viewer);
    if (watching?.isBehind !== true) return;
    watching.isBehind = false;
    if (watching.hasMissed) this.#sendState(viewer, watching);
  }

  /** Something that was not gathered: an action, a write. */
  happened(kind: ConsoleEvent['kind'], zone: string | null, text: string): void {
    this.#eventCount++;
    this.#events = [...this.#events.slice(1 - EVENTS_KEPT), { id: this.#eventCount, atMs: this.ports.clock.wallMs(), kind, zone, text }];
    this.#publish({ events: this.#events });
  }

  /** Called by the supervisor, so that a dead process shows at once. */
  processesChanged(): void {
    const processes = this.ports.processes().map(({ name, role, zone, state }) => ({ name, role, zone, state }));
    this.#publish({ processes });
  }

  harmChanged(): void {
    this.#publish({ zones: this.#zones() });
  }

  /** Looks at one list out of turn: it was just written to. */
  async look(user: string): Promise<void> {
    const list = await this.ports.gathering.list(user);
    const json = JSON.stringify(list);
    if (!this.#watched().has(user) || this.#lists.get(user) === json) return;
    this.#lists.set(user, json);
    for (const [viewer, watching] of this.#viewers) if (watching.user === user) this.#send(viewer, watching, `{"list":${json}}`);
  }

  stop(): void {
    this.#viewers.clear();
    this.#end();
  }

  #begin(): void {
    void this.gather();
    this.#lookAgain();
  }

  #end(): void {
    this.#cancelGather();
    this.#cancelLook();
    this.#before = null;
    this.#lists.clear();
  }

  #leave(viewer: Viewer): void {
    this.#viewers.delete(viewer);
    const watched = this.#watched();
    for (const user of [...this.#lists.keys()]) if (!watched.has(user)) this.#lists.delete(user);
    if (this.#viewers.size === 0) this.#end();
  }

  #watched(): Set<string> {
    return new Set([...this.#viewers.values()].flatMap(({ user }) => user ?? []));
  }

  #lookAgain(): void {
    this.#cancelLook();
    this.#cancelLook = this.ports.clock.after(LOOK_EVERY_MS, () => {
      void Promise.all([...this.#watched()].map((user) => this.look(user))).finally(() => {
        if (this.#viewers.size > 0) this.#lookAgain();
      });
    });
  }

  /** Asks all and sends what changed; again a while after, as long as somebody looks. */
  async gather(): Promise<void> {
    if (this.#isGathering) return;
    this.#isGathering = true;
    try {
      const gathered = await this.ports.gathering.all();
      if (this.#viewers.size > 0) this.#take(gathered);
    } finally {
      this.#isGathering = false;
      this.#cancelGather();
      if (this.#viewers.size > 0) this.#cancelGather = this.ports.clock.after(GATHER_EVERY_MS, () => void this.gather());
    }
  }

  #take(gathered: Gathering): void {
    const { gathering } = this.ports;
    const membership = membershipOf(gathered.stores);
    if (membership !== null) gathering.placedOn(membership.epoch, membership.members, this.ports.replicationFactor);
    this.#hasFaults ||= Object.values(gathered.stores).some(({ faults }) => faults === 'on');
    this.#sample(gathered);
    const nodes = this.#nodes(gathered);
    // One answer that is late says nothing of circuits; a gateway that is gone has none.
    const late = this.ports.processes().filter(({ name, state }) => state === 'running' && !(name in gathered.gateways));
    const circuits = [...circuitsOf(gathered.gateways), ...this.#seen.circuits.filter(({ gateway }) => late.some(({ name }) => name === gateway))];
    const epoch = membership?.epoch ?? this.#seen.epoch;
    const seen: Seen = { epoch, nodes, circuits };
    // At the first gathering everything is news, and nothing has happened.
    if (this.#before !== null) for (const { kind, zone, text } of happeningsBetween(this.#seen, seen, (name) => this.#zoneOf(name))) this.happened(kind, zone, text);
    this.#seen = seen;
    this.#publish({ cluster: this.#cluster(membership?.phase ?? 'unknown'), zones: this.#zones(), nodes, circuits });
    this.#before = gathered;
  }

  #cluster(phase: ConsoleState['cluster']['phase']): ConsoleState['cluster'] {
    const { clusterId, replicationFactor } = this.ports;
    return { clusterId, replicationFactor, epoch: this.#seen.epoch, phase, faults: this.#hasFaults };
  }

  /** What each gateway served since the gathering before. */
  #sample(gathered: Gathering): void {
    this.#samples.clear();
    for (const [name, after] of Object.entries(gathered.gateways)) {
      const [zone, before] = [this.#zoneOf(name), this.#before?.gateways[name]];
      if (zone === null || before === undefined || this.#before === null) continue;
      const sample = sampleBetween(before, after, gathered.monotonicMs - this.#before.monotonicMs, gathered.atMs);
      if (sample !== null) this.#samples.set(zone, sample);
    }
  }

  #zones(): ConsoleState['zones'] {
    return this.ports.processes().flatMap(({ role, zone }) =>
      role === 'gateway' && zone !== null ? [{ zone, sample: this.#samples.get(zone) ?? null, harm: this.ports.harmOf(zone) }] : [],
    );
  }

  #nodes(gathered: Gathering | null): ConsoleNode[] {
    const { shares } = this.ports.gathering;
    return this.ports.processes().flatMap(({ name, role, zone }) => {
      if (role !== 'store' || zone === null) return [];
      const state = gathered?.stores[name];
      return [{ node: name, zone, share: shares.get(name) ?? null, told: state === undefined ? null : toldOf(state) }];
    });
  }

  #zoneOf(name: string): string | null {
    return this.ports.processes().find((process) => process.name === name)?.zone ?? null;
  }

  /** @returns whether it is not what it was */
  #set(part: Part, value: ConsoleState[Part]): boolean {
    const json = JSON.stringify(value);
    if (this.#parts.get(part) === json) return false;
    this.#parts.set(part, json);
    return true;
  }

  #publish(parts: Partial<Omit<ConsoleState, 'list'>>): void {
    const changed = (Object.keys(parts) as Part[]).filter((part) => this.#set(part, parts[part]!));
    if (changed.length === 0) return;
    const data = `{${changed.map((part) => `"${part}":${this.#parts.get(part)}`).join(',')}}`;
    for (const [viewer, watching] of this.#viewers) this.#send(viewer, watching, data);
  }

  #send(viewer: Viewer, watching: Watching, data: string): void {
    if (watching.isBehind) watching.hasMissed = true;
    else watching.isBehind = !viewer.send('changed', data);
  }

  #sendState(viewer: Viewer, watching: Watching): void {
    const parts = [...this.#parts].map(([part, json]) => `"${part}":${json}`);
    const list = watching.user === null ? 'null' : (this.#lists.get(watching.user) ?? JSON.stringify({ user: watching.user, replicas: [] } satisfies ConsoleList));
    watching.hasMissed = false;
    watching.isBehind = !viewer.send('state', `{${parts.join(',')},"list":${list}}`);
  }
}
