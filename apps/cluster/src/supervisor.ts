/**
 * Starts a local cluster, keeps the record of it, and ends it. Store nodes first, then gateways, then the round robin;
 * ended the other way round, so that each stops while what it needs is still there.
 *
 * A cluster comes up whole or not at all: a process that ends before all are ready ends the start, and everything begun
 * is stopped again. After that a process that dies is only recorded: it stays dead until someone starts it.
 */
import type { Server } from 'node:http';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { assert } from '@app/contracts';
import { checkLayout, type Survival } from '@app/store';
import { serveAdmin, type Action, type ActionOutcome, type AdminTarget } from './admin-socket.js';
import { environmentOf } from './child-environment.js';
import { CLUSTER_FORMAT, writeClusterFile, type ClusterRecord, type ProcessRecord } from './cluster-file.js';
import {
  HOST,
  nextNameIn,
  NO_CHANGES,
  planCluster,
  portCountOf,
  ringMembersOf,
  START_ORDER,
  strongestAim,
  weaknessOf,
  type ClusterLayout,
  type ClusterPlan,
  type LayoutChanges,
  type PlannedProcess,
} from './cluster-plan.js';
import { ClusterRefused } from './cluster-refused.js';
import { openConsole, type Console } from './console/console.js';
import { openDataDirectory, type DataDirectory } from './data-directory.js';
import type { Entries } from './entries.js';
import { firstTaken, freePortBlock } from './free-ports.js';
import { endLeftovers } from './leftover-processes.js';
import { changeMembers, type MemberCommand } from './member-commands.js';
import { readMembers, type MembersState } from './member-admin.js';
import { OrphanGuard } from './orphan-guard.js';
import { act, inStages } from './process-actions.js';
import { SupervisedProcess } from './supervised-process.js';
import { processesOf } from './target.js';

export interface ClusterOptions extends ClusterLayout {
  /** First port of the block; 0 for a free block. */
  readonly port: number;
  readonly dataDirectory: string;
  /** Empty the data directory first; default false. */
  readonly fresh?: boolean;
  /** Refuse a layout, and later a change of the members, that cannot lose this; by default, the most that the layout can lose. */
  readonly survive?: Survival;
  readonly entries: Entries;
  /** Where the console's page is; without it there is no console. */
  readonly console?: string;
  /** What the children inherit; by default the environment of this process. */
  readonly environment?: NodeJS.ProcessEnv;
  /** What is put into the cluster once it serves; the start is over when it settles. A rejection fails the start. */
  readonly load?: (cluster: ClusterHandle, ending: AbortSignal) => Promise<void>;
  /** Takes one line at a time; by default nobody does. */
  readonly say?: (line: string) => void;
  /** How long one process may take until it listens, and then all gateways until they are ready; default 120,000. */
  readonly startTimeoutMs?: number;
  /** How long a process may take to stop before it is killed; default 15,000. */
  readonly stopTimeoutMs?: number;
  /** How often a start says where it is; default 5,000. */
  readonly progressIntervalMs?: number;
}

/** A running cluster. Each `target` is the name of a zone, of a role or of a process. */
export interface ClusterHandle {
  readonly clusterId: string;
  readonly dataDirectory: string;
  readonly plan: ClusterPlan;
  /** As they are at this moment. */
  readonly processes: readonly ProcessRecord[];
  /** With the token in it; null where there is no console. */
  readonly consoleUrl: string | null;
  /** SIGKILL; settles once they are gone. */
  kill(target: string): Promise<readonly ActionOutcome[]>;
  /** Settles once they listen again, on the same ports and the same data. */
  start(target: string): Promise<readonly ActionOutcome[]>;
  /** SIGSTOP. */
  pause(target: string): Promise<readonly ActionOutcome[]>;
  /** SIGCONT. */
  resume(target: string): Promise<readonly ActionOutcome[]>;
  /** Store nodes join, leave, are replaced and weighed, while the cluster serves. @throws ClusterRefused */
  changeMembers(command: MemberCommand, say: (line: string) => void): Promise<void>;
  /** As the store nodes know them. @throws ClusterRefused when none answers */
  members(): Promise<MembersState>;
  /** With a target, stops these in order. Without, the whole cluster: settles once no process is left. */
  stop(target?: string): Promise<readonly ActionOutcome[]>;
}

const READY_POLL_MS = 50;

/** @throws ClusterRefused when it cannot be started; nothing is left running then */
export async function startCluster(options: ClusterOptions): Promise<ClusterHandle> {
  const supervisor = new Supervisor(options);
  await supervisor.launch();
  return supervisor;
}

export class Supervisor implements ClusterHandle, AdminTarget {
  readonly #say: (line: string) => void;
  readonly #startTimeoutMs: number;
  readonly #stopTimeoutMs: number;
  readonly #startedAt = new Date().toISOString();
  #directory: DataDirectory | null = null;
  #plan: ClusterPlan | null = null;
  #admin: Server | null = null;
  #console: Console | null = null;
  #guard: OrphanGuard | null = null;
  #children: readonly SupervisedProcess[] = [];
  #launching: Promise<void> | null = null;
  #ready = false;
  #recordDue = false;
  #changes: LayoutChanges = NO_CHANGES;
  #isChanging = false;
  #stopped: Promise<void> | null = null;
  /** Ends the start when a process ends before all are ready, or when the cluster is stopped meanwhile. */
  readonly #interrupt = new AbortController();

  constructor(private readonly options: ClusterOptions) {
    this.#say = options.say ?? (() => {});
    this.#startTimeoutMs = options.startTimeoutMs ?? 120_000;
    this.#stopTimeoutMs = options.stopTimeoutMs ?? 15_000;
  }

  get clusterId(): string {
    return this.#opened.clusterId;
  }

  get dataDirectory(): string {
    return this.#opened.path;
  }

  get plan(): ClusterPlan {
    assert(this.#plan !== null, 'the cluster is planned');
    return this.#plan;
  }

  get processes(): readonly ProcessRecord[] {
    return this.#children.map(({ record }) => record);
  }

  get consoleUrl(): string | null {
    return this.#console?.url ?? null;
  }

  /** Settles once every gateway is ready. @throws ClusterRefused when that fails; nothing is left running then */
  async launch(): Promise<void> {
    this.#launching = this.#launch();
    try {
      await this.#launching;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async #launch(): Promise<void> {
    const { zones, nodesPerZone, survive, fresh = false } = this.options;
    const layout = { zones, nodesPerZone };
    const weakness = weaknessOf(layout);
    if (weakness !== null && survive === 'zone') throw new ClusterRefused(weakness);
    const aim = survive ?? strongestAim(layout);
    if (weakness !== null) this.#say(`warning: ${weakness}`);

    this.#directory = openDataDirectory({ path: this.options.dataDirectory, layout, fresh });
    const { previous } = this.#directory;
    if (previous !== null) {
      for (const name of await endLeftovers(previous)) this.#say(`${name} of an earlier run was still there and has been ended`);
    }
    this.#changes = previous?.changes ?? NO_CHANGES;
    this.#plan = await this.#planned(layout, aim, this.#directory);
    this.#requireNotStopped();
    const plan = this.#plan;
    this.#children = plan.processes.map((child) => this.#childOf(child, plan));
    this.#guard = new OrphanGuard();
    this.#admin = await serveAdmin(this.#opened.adminSocket, this);
    if (this.options.console !== undefined) this.#console = await this.#openConsole(this.options.console, plan);
    writeClusterFile(this.#opened.path, this.status());
    await this.#startAll();
    const { signal } = this.#interrupt;
    await unlessAborted(signal, this.options.load?.(this, signal) ?? Promise.resolve());
    this.#ready = true;
  }

  #openConsole(directory: string, { consolePort, replicationFactor }: ClusterPlan): Promise<Console> {
    const { clusterId } = this;
    return openConsole({ cluster: this, clusterId, replicationFactor, host: HOST, port: consolePort, directory, say: this.#say });
  }

  /** @param told the plan as this child is told of it */
  #childOf(child: PlannedProcess, told: ClusterPlan): SupervisedProcess {
    const launch = {
      entry: this.options.entries[child.role],
      environment: environmentOf(child, told, this.#opened, this.options.environment ?? process.env),
      logFile: path.join(this.#opened.path, child.name, 'log'),
    };
    return new SupervisedProcess(child, launch, (changed) => this.#onChange(changed));
  }

  async #planned(layout: ClusterLayout, survive: Survival, directory: DataDirectory): Promise<ClusterPlan> {
    const more = { changes: this.#changes, survive };
    const count = portCountOf(layout, this.#changes);
    if (this.options.port === 0) {
      const plan = planCluster(layout, await freePortBlock(HOST, count), directory.path, more);
      this.#requireAim(plan);
      return plan;
    }
    if (this.options.port + count > 65_536) {
      throw new ClusterRefused(`the cluster needs ${count} ports from ${this.options.port} upwards, and the last there is is 65535: give a lower one with --port`);
    }
    const plan = planCluster(layout, this.options.port, directory.path, more);
    this.#requireAim(plan);
    const users = new Map<number, string>(this.options.console === undefined ? [] : [[plan.consolePort, 'the console']]);
    for (const { name, port, adminPort } of plan.processes) {
      users.set(port, name);
      if (adminPort !== null) users.set(adminPort, `admin calls of ${name}`);
    }
    const taken = await firstTaken(HOST, [...users.keys()].sort((a, b) => a - b));
    if (taken === null) return plan;
    throw new ClusterRefused(
      `port ${taken.port} (for ${users.get(taken.port)}) ${taken.reason === 'EADDRINUSE' ? 'is in use' : `cannot be used: ${taken.reason}`}; ` +
        `the cluster needs ${count} ports from ${this.options.port} upwards: give another one with --port, or 0 for free ones`,
    );
  }

  #requireAim(plan: ClusterPlan): void {
    const verdict = checkLayout(ringMembersOf(plan), plan.replicationFactor, plan.survive);
    if (!verdict.ok) throw new ClusterRefused(`these store nodes do not survive what they are to (${plan.survive}): ${verdict.reason}`);
  }

  async #startAll(): Promise<void> {
    const beganMs = performance.now();
    const progress = setInterval(() => {
      const late = this.#children.filter(({ state }) => state === 'starting').map(({ plan }) => plan.name);
      const seconds = Math.round((performance.now() - beganMs) / 1000);
      this.#say(`starting (${seconds} s): waiting for ${late.length > 0 ? late.join(', ') : 'the gateways to be ready'}`);
    }, this.options.progressIntervalMs ?? 5_000);
    try {
      for (const role of START_ORDER) {
        this.#requireNotStopped();
        const next = this.#children.filter(({ plan }) => plan.role === role);
        await unlessAborted(this.#interrupt.signal, Promise.all(next.map((child) => child.start(this.#startTimeoutMs))));
      }
      const gateways = this.plan.processes.filter(({ role }) => role === 'gateway');
      const deadline = AbortSignal.any([this.#interrupt.signal, AbortSignal.timeout(this.#startTimeoutMs)]);
      await Promise.all(gateways.map(({ name, host, port }) => this.#untilReady(name, `http://${host}:${port}/health/ready`, deadline)));
    } finally {
      clearInterval(progress);
    }
  }

  async #untilReady(name: string, url: string, deadline: AbortSignal): Promise<void> {
    for (;;) {
      const ready = await fetch(url, { signal: deadline }).then(
        (response) => response.arrayBuffer().then(() => response.ok),
        () => false,
      );
      this.#requireNotStopped();
      if (ready) return;
      if (deadline.aborted) throw new ClusterRefused(`${name} listens but was not ready within ${this.#startTimeoutMs / 1000} s; see its log`);
      await delay(READY_POLL_MS);
    }
  }

  #requireNotStopped(): void {
    if (this.#interrupt.signal.aborted) throw this.#interrupt.signal.reason as Error;
  }

  #onChange(changed: SupervisedProcess): void {
    const { name } = changed.plan;
    this.#console?.changed(changed);
    this.#guard?.watch(this.#children.flatMap(({ record }) => record.pid ?? []));
    if (changed.state === 'exited' && this.#stopped === null) {
      if (this.#ready) this.#say(`${name} ${changed.ending}`);
      else this.#interrupt.abort(new ClusterRefused(`${name} ${changed.ending} during the start; see ${changed.launch.logFile}`));
    }
    this.#record();
  }

  /** Changes of one moment are one write, and it is made before anyone who waits for them goes on. */
  #record(): void {
    if (this.#recordDue) return;
    this.#recordDue = true;
    queueMicrotask(() => {
      this.#recordDue = false;
      try {
        writeClusterFile(this.#opened.path, this.status());
      } catch (error) {
        this.#say(`cluster.json could not be written: ${(error as Error).message}`);
      }
    });
  }

  status(): ClusterRecord {
    const { layout, replicationFactor } = this.plan;
    return {
      format: CLUSTER_FORMAT,
      clusterId: this.clusterId,
      ...layout,
      replicationFactor,
      ...(this.#changes.added.length + this.#changes.removed.length > 0 && { changes: this.#changes }),
      supervisor:
        this.#admin === null
          ? null
          : { pid: process.pid, adminSocket: this.#opened.adminSocket, startedAt: this.#startedAt, ...(this.#console && { console: this.#console.url }) },
      processes: this.processes,
    };
  }

  kill(target: string): Promise<readonly ActionOutcome[]> {
    return this.act('kill', target);
  }

  start(target: string): Promise<readonly ActionOutcome[]> {
    return this.act('start', target);
  }

  pause(target: string): Promise<readonly ActionOutcome[]> {
    return this.act('pause', target);
  }

  resume(target: string): Promise<readonly ActionOutcome[]> {
    return this.act('resume', target);
  }

  async stop(target?: string): Promise<readonly ActionOutcome[]> {
    if (target !== undefined) return this.act('stop', target);
    this.#stopped ??= this.#stop();
    await this.#stopped;
    return [];
  }

  /** The end of the whole cluster at once: SIGKILL to every process. Settles once no process is left. */
  async stopAtOnce(): Promise<void> {
    const stopped = this.stop();
    for (const child of this.#children) void child.kill();
    await stopped;
  }

  async #stop(): Promise<void> {
    this.#interrupt.abort(new ClusterRefused('stopped before it was ready'));
    await inStages(START_ORDER.toReversed(), this.#children, (child) => this.#stopOne(child));
    // A start that was under way has noticed by now; what it had opened is closed here.
    await this.#launching?.catch(() => {});
    this.#admin?.close();
    this.#admin?.closeAllConnections();
    this.#admin = null;
    await this.#console?.close();
    this.#guard?.close();
    if (this.#children.length > 0) writeClusterFile(this.#opened.path, this.status());
    this.#directory?.release();
  }

  async #stopOne(child: SupervisedProcess): Promise<void> {
    if (!child.alive) return;
    const outcome = await child.stop(this.#stopTimeoutMs);
    if (outcome === 'killed') this.#say(`${child.plan.name} did not stop within ${this.#stopTimeoutMs / 1000} s and was killed`);
  }

  // ---- store nodes that come and go: see member-commands.ts

  get stores(): readonly ProcessRecord[] {
    return this.processes.filter(({ role }) => role === 'store');
  }

  get adminTokenFile(): string {
    return this.#opened.adminTokenFile;
  }

  /** Starts a store node that is to join; settles once it listens. It is no member before a majority has agreed. */
  async addStore(zone: string): Promise<ProcessRecord> {
    const { layout, survive } = this.plan;
    const gateway = this.plan.processes.find((one) => one.role === 'gateway' && one.zone === zone);
    if (gateway?.zone === undefined || gateway.zone === null) throw new ClusterRefused(`there is no zone ${JSON.stringify(zone)} here`);
    const name = nextNameIn(gateway.zone, layout, this.#changes);
    const told = this.plan;
    const changes = { ...this.#changes, added: [...this.#changes.added, { name, zone: gateway.zone }] };
    const plan = planCluster(layout, this.#basePort, this.#opened.path, { changes, survive });
    const planned = plan.processes.find((one) => one.name === name)!;
    const taken = await firstTaken(HOST, [planned.port, planned.adminPort!]);
    if (taken !== null) throw new ClusterRefused(`port ${taken.port} (for ${name}) is in use`);
    this.#changes = changes;
    this.#plan = plan;
    const child = this.#childOf(planned, { ...told, processes: told.processes.filter((one) => one.name !== name) });
    this.#children = [...this.#children, child];
    try {
      await child.start(this.#startTimeoutMs);
    } catch (error) {
      await this.removeStore(name);
      throw error;
    }
    return child.record;
  }

  /** Stops a store node for good. Its directory stays where it is. */
  async removeStore(name: string): Promise<void> {
    const child = this.#children.find(({ plan }) => plan.name === name);
    if (child === undefined) return;
    await this.#stopOne(child);
    this.#changes = { ...this.#changes, removed: [...this.#changes.removed, name] };
    this.#plan = planCluster(this.plan.layout, this.#basePort, this.#opened.path, { changes: this.#changes, survive: this.plan.survive });
    this.#children = this.#children.filter((one) => one !== child);
    this.#record();
  }

  get #basePort(): number {
    return this.plan.processes.find(({ role }) => role === 'round-robin')!.port;
  }

  /** One at a time. @throws ClusterRefused */
  async changeMembers(command: MemberCommand, say: (line: string) => void): Promise<void> {
    if (this.#stopped !== null) throw new ClusterRefused('the cluster is being stopped');
    if (!this.#ready) throw new ClusterRefused('the cluster is still starting');
    if (this.#isChanging) throw new ClusterRefused('another change of the members is under way');
    this.#isChanging = true;
    try {
      await changeMembers(this, command, say, this.#interrupt.signal);
    } finally {
      this.#isChanging = false;
    }
  }

  /** As some store node knows them. @throws ClusterRefused when none can be asked */
  members(): Promise<MembersState> {
    return readMembers(this);
  }

  async act(action: Action, target: string): Promise<readonly ActionOutcome[]> {
    if (this.#stopped !== null) throw new ClusterRefused('the cluster is being stopped');
    if (!this.#ready) throw new ClusterRefused('the cluster is still starting');
    const names = new Set(processesOf(target, this.plan.processes).map(({ name }) => name));
    return act(
      action,
      this.#children.filter(({ plan }) => names.has(plan.name)),
      { startTimeoutMs: this.#startTimeoutMs, stopTimeoutMs: this.#stopTimeoutMs, ending: this.#interrupt.signal },
    );
  }

  get #opened(): DataDirectory {
    assert(this.#directory !== null, 'the data directory is open');
    return this.#directory;
  }
}

/** As `work`, unless `signal` is aborted first: then its reason, at once. */
function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    work.then(resolve, reject);
  });
}
