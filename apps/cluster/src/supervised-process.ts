/**
 * One child of the supervisor, from `waiting` to `exited` and back. It is only ever signalled through the handle that
 * started it, which the system ties to that very process: never through a number that may by now mean another.
 *
 * A child that ends stays ended. Starting it again by itself was refused: this cluster is here to show what happens when
 * processes die, and a process that comes back unasked hides it.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, renameSync, statSync } from 'node:fs';
import path from 'node:path';
import { assert } from '@app/contracts';
import type { ProcessRecord, ProcessState } from './cluster-file.js';
import type { PlannedProcess } from './cluster-plan.js';
import { ClusterRefused } from './cluster-refused.js';

/** A log larger than this is set aside at the next start, in place of the one set aside before. */
const LOG_LIMIT_BYTES = 16 * 1024 * 1024;

export interface Launch {
  /** The script to run, an absolute path. */
  readonly entry: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly logFile: string;
}

export class SupervisedProcess {
  #child: ChildProcess | null = null;
  #state: ProcessState = 'waiting';
  #since = new Date();
  #exit: ProcessRecord['exit'] = null;
  #exited: Promise<void> = Promise.resolve();

  /** @param onChange called after every change of state */
  constructor(
    readonly plan: PlannedProcess,
    readonly launch: Launch,
    private readonly onChange: (changed: SupervisedProcess) => void,
  ) {}

  get state(): ProcessState {
    return this.#state;
  }

  /** Whether there is such a process now, in whatever state. */
  get alive(): boolean {
    return this.#child !== null;
  }

  get record(): ProcessRecord {
    return { ...this.plan, pid: this.#child?.pid ?? null, state: this.#state, since: this.#since.toISOString(), exit: this.#exit };
  }

  /** How it ended, in words. */
  get ending(): string {
    if (this.#exit === null) return 'never ran';
    return this.#exit.signal === null ? `exited with code ${this.#exit.code}` : `was ended by ${this.#exit.signal}`;
  }

  /** Settles once it says that it listens. @throws ClusterRefused when it exits first, or says nothing in time */
  async start(timeoutMs: number): Promise<void> {
    assert(this.#child === null, 'a process is started when there is none');
    const log = openLog(this.launch.logFile);
    const child = spawn(process.execPath, [this.launch.entry], {
      env: this.launch.environment,
      // A session of its own: Ctrl-C in a terminal reaches the supervisor alone, which then stops them in order.
      detached: true,
      stdio: ['ignore', log, log, 'ipc'],
    });
    closeSync(log);
    this.#child = child;
    this.#exit = null;
    this.#exited = new Promise((resolve) => {
      const end = (code: number | null, signal: NodeJS.Signals | null) => {
        this.#child = null;
        this.#exit = { code, signal };
        this.#become('exited');
        resolve();
      };
      child.on('exit', end);
      // Sent also when a signal could not be delivered; only a process that never came to be has no pid.
      child.on('error', () => {
        if (child.pid === undefined) end(null, null);
      });
    });
    this.#become('starting');
    await this.#listening(child, timeoutMs);
  }

  #listening(child: ChildProcess, timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const refuse = (what: string) => reject(new ClusterRefused(`${this.plan.name} ${what}; see ${this.launch.logFile}`));
      const late = setTimeout(() => refuse(`did not start within ${timeoutMs / 1000} s`), timeoutMs);
      child.on('message', (message) => {
        if ((message as { type?: unknown } | null)?.type !== 'listening' || this.#state !== 'starting') return;
        clearTimeout(late);
        this.#become('running');
        resolve();
      });
      void this.#exited.then(() => {
        clearTimeout(late);
        refuse(`${this.ending} before it served`);
      });
    });
  }

  /** SIGKILL; settles once it is gone. */
  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#exited;
  }

  /** SIGTERM, and SIGKILL when that takes longer than `graceMs`. Settles once it is gone; says which it took. */
  async stop(graceMs: number): Promise<'stopped' | 'killed'> {
    const child = this.#child;
    if (child === null) return 'stopped';
    this.#become('stopping');
    // It may be paused, by us or by anyone.
    child.kill('SIGCONT');
    child.kill('SIGTERM');
    let outcome: 'stopped' | 'killed' = 'stopped';
    const late = setTimeout(() => {
      outcome = 'killed';
      child.kill('SIGKILL');
    }, graceMs);
    await this.#exited;
    clearTimeout(late);
    return outcome;
  }

  pause(): void {
    assert(this.#state === 'running', 'what is paused runs');
    this.#child?.kill('SIGSTOP');
    this.#become('paused');
  }

  resume(): void {
    assert(this.#state === 'paused', 'what is resumed was paused');
    this.#child?.kill('SIGCONT');
    this.#become('running');
  }

  #become(state: ProcessState): void {
    this.#state = state;
    this.#since = new Date();
    this.onChange(this);
  }
}

function openLog(file: string): number {
  mkdirSync(path.dirname(file), { recursive: true });
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) > LOG_LIMIT_BYTES) renameSync(file, `${file}.1`);
  return openSync(file, 'a', 0o600);
}
