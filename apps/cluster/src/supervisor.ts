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
import { serveAdmin, type Action, type ActionOutcome, type AdminTarget } from './admin-socket.js';
import { environmentOf } from './child-environment.js';
import { CLUSTER_FORMAT, writeClusterFile, type ClusterRecord, type ProcessRecord } from './cluster-file.js';
import { HOST, planCluster, portCountOf, START_ORDER, weaknessOf, type ClusterLayout, type ClusterPlan } from './cluster-plan.js';
import { ClusterRefused } from './cluster-refused.js';
import { openDataDirectory, type DataDirectory } from './data-directory.js';
import type { Entries } from './entries.js';
import { firstTaken, freePortBlock } from './free-ports.js';
import { endLeftovers } from './leftover-processes.js';
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
  /** Refuse a layout that cannot lose a zone; by default it is only warned of. */
  readonly survive?: 'zone';
  readonly entries: Entries;
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
  /** SIGKILL; settles once they are gone. */
  kill(target: string): Promise<readonly ActionOutcome[]>;
  /** Settles once they listen again, on the same ports and the same data. */
  start(target: string): Promise<readonly ActionOutcome[]>;
  /** SIGSTOP. */
  pause(target: string): Promise<readonly ActionOutcome[]>;
  /** SIGCONT. */
  resume(target: string): Promise<readonly ActionOutcome[]>;
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
  #guard: OrphanGuard | null = null;
  #children: readonly SupervisedProcess[] = [];
  #launching: Promise<void> | null = null;
  #ready = false;
  #recordDue = false;
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
    if (weakness !== null) this.#say(`warning: ${weakness}`);

    this.#directory = openDataDirectory({ path: this.options.dataDirectory, layout, fresh });
    const { previous } = this.#directory;
    if (previous !== null) {
      for (const name of await endLeftovers(previous)) this.#say(`${name} of an earlier run was still there and has been ended`);
    }
    this.#plan = await this.#planned(layout, this.#directory);
    this.#requireNotStopped();
    const plan = this.#plan;
    this.#children = plan.processes.map(
      (child) =>
        new SupervisedProcess(
          child,
          {
            entry: this.options.entries[child.role],
            environment: environmentOf(child, plan, this.#opened, this.options.environment ?? process.env),
            logFile: path.join(this.#opened.path, child.name, 'log'),
          },
          (changed) => this.#onChange(changed),
        ),
    );
    this.#guard = new OrphanGuard();
    this.#admin = await serveAdmin(this.#opened.adminSocket, this);
    writeClusterFile(this.#opened.path, this.status());
    await this.#startAll();
    const { signal } = this.#interrupt;
    await unlessAborted(signal, this.options.load?.(this, signal) ?? Promise.resolve());
    this.#ready = true;
  }

  async #planned(layout: ClusterLayout, directory: DataDirectory): Promise<ClusterPlan> {
    const count = portCountOf(layout);
    if (this.options.port === 0) return planCluster(layout, await freePortBlock(HOST, count), directory.path);
    if (this.options.port + count > 65_536) {
      throw new ClusterRefused(`the cluster needs ${count} ports from ${this.options.port} upwards, and the last there is is 65535: give a lower one with --port`);
    }
    const plan = planCluster(layout, this.options.port, directory.path);
    const users = new Map<number, string>();
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
      supervisor:
        this.#admin === null ? null : { pid: process.pid, adminSocket: this.#opened.adminSocket, startedAt: this.#startedAt },
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
    this.#guard?.close();
    if (this.#children.length > 0) writeClusterFile(this.#opened.path, this.status());
    this.#directory?.release();
  }

  async #stopOne(child: SupervisedProcess): Promise<void> {
    if (!child.alive) return;
    const outcome = await child.stop(this.#stopTimeoutMs);
    if (outcome === 'killed') this.#say(`${child.plan.name} did not stop within ${this.#stopTimeoutMs / 1000} s and was killed`);
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
