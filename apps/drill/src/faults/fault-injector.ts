/**
 * Carries out the faults of a script on a running cluster, and keeps the book of what was so when: whom a fault took away, from
 * when to when. Kills and pauses go through the supervisor, to real processes; what needs the network, a clock or a disk goes to
 * the admin port of the processes concerned, as a fault with a lease that is renewed from here.
 */
import type { Absence } from '@app/history';
import { DrillRefused } from '../drill-refused.js';
import { machineClock as clock } from '../load/machine-clock.js';
import type { Fault } from '../script/drill-script.js';
import { type ClusterProcess, type ClusterStatus, type ClusterTarget, processesNamed, urlOf } from '../target/cluster-target.js';
import type { UndoList } from './undo-list.js';
import type { Undo } from './undo.js';

/** Times are of the machine's monotonic clock, ms. */
export interface FaultSpan {
  readonly fault: Fault;
  /** In words, for the report. */
  readonly what: string;
  /** Zones whose own clients cannot be served as before. */
  readonly harmedZones: readonly string[];
  readonly startMs: number;
  /** When the last of it was in force. */
  inForceMs: number;
  /** When mending began, and when all was well again as far as can be told from outside. */
  healMs: number;
  endMs: number;
}

const LEASE_MS = 8_000;
const RENEW_MS = 2_000;
const POLL_MS = 50;
const BACK_WITHIN_MS = 60_000;

interface Injected {
  readonly process: ClusterProcess;
  readonly id: string;
  readonly undo: Undo;
}

interface InForce {
  readonly span: FaultSpan;
  readonly undos: readonly Undo[];
  readonly injected: readonly Injected[];
  readonly processes: readonly ClusterProcess[];
}

export class FaultInjector {
  readonly spans: FaultSpan[] = [];
  readonly absences: Absence[] = [];
  readonly #injected = new Set<Injected>();
  readonly #renewing: NodeJS.Timeout;

  /** @param status as it was when all was well */
  constructor(
    private readonly cluster: ClusterTarget,
    private readonly status: ClusterStatus,
    private readonly undoList: UndoList,
    private readonly say: (line: string) => void,
  ) {
    this.#renewing = setInterval(() => void this.#renew(), RENEW_MS);
  }

  close(): void {
    clearInterval(this.#renewing);
  }

  async begin(fault: Fault): Promise<InForce> {
    const processes = fault.kind === 'load' ? [] : processesNamed(fault.target, this.status.processes);
    const what = inWords(fault);
    const span: FaultSpan = { fault, what, harmedZones: harmedBy(fault, processes), startMs: clock.monotonicMs(), inForceMs: NaN, healMs: NaN, endMs: NaN };
    this.spans.push(span);
    this.say(what);
    const { undos, injected } = await this.#inject(fault, processes);
    span.inForceMs = clock.monotonicMs();
    return { span, undos, injected, processes };
  }

  /** Settles when it is undone and those it hit are back. */
  async end({ span, undos, injected, processes }: InForce): Promise<void> {
    const { fault } = span;
    span.healMs = clock.monotonicMs();
    if (fault.kind === 'kill' || fault.kind === 'pause' || fault.kind === 'stop') this.#absent(processes, span.inForceMs, span.healMs);
    for (const one of injected) this.#injected.delete(one);
    if (fault.kind === 'disk-full') await this.#diskMended(undos, processes);
    else await this.undoList.undo(undos);
    if (fault.kind === 'kill' || fault.kind === 'stop' || fault.kind === 'disk-full') await this.#untilBack(processes);
    span.endMs = clock.monotonicMs();
    this.say(`${span.what}: mended`);
  }

  async #inject(fault: Fault, processes: readonly ClusterProcess[]): Promise<Pick<InForce, 'undos' | 'injected'>> {
    const { directory } = this.cluster;
    switch (fault.kind) {
      case 'load':
        return { undos: [], injected: [] };
      case 'kill':
      case 'stop':
      case 'pause': {
        const undos: Undo[] = [{ kind: 'act', directory, action: fault.kind === 'pause' ? 'resume' : 'start', target: fault.target }];
        this.undoList.add(...undos);
        await this.cluster.act(fault.kind, fault.target);
        return { undos, injected: [] };
      }
      case 'rolling-restart':
        await this.#rollingRestart(processes);
        return { undos: [], injected: [] };
      case 'slow':
        return this.#atEach(processes, () => ({ peer: '*', fault: { delayMs: fault.delayMs, jitterMs: fault.jitterMs } }));
      case 'clock-skew':
        return this.#atEach(processes.filter(({ role }) => role === 'store'), () => ({ clockSkewMs: fault.skewMs }));
      case 'disk-full': {
        const stores = processes.filter(({ role }) => role === 'store');
        const starts: Undo[] = stores.map(({ name }) => ({ kind: 'act', directory, action: 'start', target: name }));
        this.undoList.add(...starts);
        const { undos, injected } = await this.#atEach(stores, () => ({ disk: 'full' }));
        return { undos: [...starts, ...undos], injected };
      }
      case 'cut':
      case 'lossy': {
        const inside = processes.map(({ name }) => name);
        const others = processesNamed('all', this.status.processes).filter(({ name }) => !inside.includes(name));
        const link = fault.kind === 'cut' ? 'hold' : { delayMs: fault.delayMs, loss: fault.loss };
        const way = fault.kind === 'cut' ? fault.way : 'both';
        const from = way === 'in' ? [] : processes;
        const to = way === 'out' ? [] : others;
        return this.#atEach([...from, ...to], ({ name }) => ({ peer: inside.includes(name) ? others.map((other) => other.name) : inside, fault: link }));
      }
    }
  }

  /** All at the same moment, as far as one can. A process that another fault has taken away cannot be told, and has nothing to be told of. */
  async #atEach(processes: readonly ClusterProcess[], bodyOf: (process: ClusterProcess) => object): Promise<Pick<InForce, 'undos' | 'injected'>> {
    const { directory } = this.cluster;
    const told = await Promise.all(
      processes.map(async (process): Promise<Injected | null> => {
        const answer = await this.cluster.admin('POST', process, 'faults', { ...bodyOf(process), leaseMs: LEASE_MS }).catch((error: Error) => {
          if (error instanceof DrillRefused) throw error;
          this.say(`${process.name} cannot be told: ${error.message}`);
          return null;
        });
        if (answer === null) return null;
        const { id } = answer as { id: string };
        const undo: Undo = { kind: 'lift', directory, process: { name: process.name, adminPort: process.adminPort }, id };
        this.undoList.add(undo);
        const one = { process, id, undo };
        this.#injected.add(one);
        return one;
      }),
    );
    const injected = told.filter((one) => one !== null);
    if (injected.length === 0) throw new DrillRefused('no process could be told of the fault');
    return { undos: injected.map(({ undo }) => undo), injected };
  }

  async #renew(): Promise<void> {
    const byProcess = Map.groupBy(this.#injected, ({ process }) => process);
    for (const [process, injected] of byProcess) {
      await this.cluster.admin('PUT', process, 'faults/lease', { ids: injected.map(({ id }) => id), leaseMs: LEASE_MS }).catch(() => {});
    }
  }

  async #rollingRestart(processes: readonly ClusterProcess[]): Promise<void> {
    const { directory } = this.cluster;
    for (const process of [...processes.filter(({ role }) => role === 'store'), ...processes.filter(({ role }) => role === 'gateway')]) {
      const undo: Undo = { kind: 'act', directory, action: 'start', target: process.name };
      const fault: Fault = { kind: 'stop', target: process.name };
      const span: FaultSpan = { fault, what: `${process.name} is restarted`, harmedZones: harmedBy(fault, [process]), startMs: clock.monotonicMs(), inForceMs: NaN, healMs: NaN, endMs: NaN };
      this.spans.push(span);
      this.say(span.what);
      this.undoList.add(undo);
      await this.cluster.act('stop', process.name);
      span.inForceMs = span.healMs = clock.monotonicMs();
      await this.undoList.undo([undo]);
      await this.#untilBack([process]);
      span.endMs = clock.monotonicMs();
    }
  }

  /** A node whose disk was full ends once there is room, if it was asked to write meanwhile; a supervisor starts it anew, here we do. */
  async #diskMended(undos: readonly Undo[], stores: readonly ClusterProcess[]): Promise<void> {
    const states = await Promise.all(stores.map((store) => this.cluster.admin('GET', store, 'state').catch(() => null)));
    const failed = stores.filter((_, index) => (states[index] as { storage?: { state?: string } } | null)?.storage?.state === 'failed');
    const lifts = undos.filter(({ kind }) => kind === 'lift');
    await this.undoList.undo(lifts);
    for (const { name } of failed) {
      await until(async () => (await this.cluster.status()).processes.find((one) => one.name === name)?.state === 'exited', `${name} has ended to recover its storage`);
    }
    await this.undoList.undo(undos.filter((undo) => !lifts.includes(undo)));
  }

  /** Gateways are ready; store nodes are called up by all their peers and by themselves. */
  async #untilBack(processes: readonly ClusterProcess[]): Promise<void> {
    const stores = this.status.processes.filter(({ role }) => role === 'store');
    const gateways = this.status.processes.filter(({ role }) => role === 'gateway');
    for (const process of processes) {
      if (process.role === 'gateway') {
        await until(async () => (await fetch(`${urlOf(process)}/health/ready`, { signal: AbortSignal.timeout(1_000) }).catch(() => null))?.status === 200, `${process.name} is ready`);
        continue;
      }
      const isUp = async (other: ClusterProcess): Promise<boolean> => {
        const state = (await this.cluster.admin('GET', other, 'state').catch(() => null)) as PeerStates | null;
        if (state === null) return false;
        if (other.role === 'gateway') return state.store?.nodes?.find(({ node }) => node === process.name)?.connection !== 'down';
        return other.name === process.name ? Object.values(state.peers ?? {}).every((peer) => peer.state === 'up') : state.peers?.[process.name]?.state === 'up';
      };
      await until(async () => (await Promise.all([...stores, ...gateways].map(isUp))).every((up) => up), `everybody calls ${process.name} up`);
    }
  }

  #absent(processes: readonly ClusterProcess[], fromMs: number, toMs: number): void {
    const nodes = processes.filter(({ role }) => role === 'store').map(({ name }) => name);
    const stores = this.status.processes.filter(({ role }) => role === 'store');
    const zones = [...new Set(processes.map(({ zone }) => zone))];
    const whole = zones.find((zone) => stores.filter((store) => store.zone === zone).every(({ name }) => nodes.includes(name))) ?? null;
    this.absences.push({ zone: nodes.length === 0 ? null : whole, nodes, fromMs, toMs });
  }
}

interface PeerStates {
  readonly peers?: Readonly<Record<string, { readonly state: string }>>;
  readonly store?: { readonly nodes?: readonly { readonly node: string; readonly connection: string }[] };
}

/** A zone that loses its gateway, hangs, is slow or cut off cannot keep what it promises its own clients; one that loses a store node can. */
function harmedBy(fault: Fault, processes: readonly ClusterProcess[]): string[] {
  if (fault.kind === 'load' || fault.kind === 'disk-full' || fault.kind === 'clock-skew' || fault.kind === 'rolling-restart') return [];
  return [...new Set(processes.filter(({ role }) => role === 'gateway').flatMap(({ zone }) => zone ?? []))];
}

export function inWords(fault: Fault): string {
  switch (fault.kind) {
    case 'kill':
      return `${fault.target} is killed`;
    case 'stop':
      return `${fault.target} is stopped`;
    case 'pause':
      return `${fault.target} hangs`;
    case 'rolling-restart':
      return `${fault.target}: rolling restart`;
    case 'cut':
      return `${fault.target} is cut off${fault.way === 'both' ? '' : fault.way === 'out' ? ': it is not heard' : ': it hears nobody'}`;
    case 'slow':
      return `${fault.target} is slow (+${fault.delayMs} ms)`;
    case 'lossy':
      return `${fault.target} loses ${Math.round(100 * fault.loss)}%`;
    case 'disk-full':
      return `the disk of ${fault.target} is full`;
    case 'clock-skew':
      return `${fault.target}: clocks ${fault.skewMs > 0 ? '+' : ''}${Math.round(fault.skewMs / 1_000)} s`;
    case 'load':
      return `${fault.factor} times the rate`;
  }
}

/** @throws DrillRefused when it takes too long */
async function until(holds: () => Promise<boolean>, what: string): Promise<void> {
  const untilMs = performance.now() + BACK_WITHIN_MS;
  while (!(await holds())) {
    if (performance.now() > untilMs) throw new DrillRefused(`${what}: not within ${BACK_WITHIN_MS / 1_000} s`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
