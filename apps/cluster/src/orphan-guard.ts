/**
 * No child outlives its supervisor, even when the supervisor is killed with SIGKILL and cannot act any more.
 *
 * A child that runs notices by itself: its IPC channel disconnects and it exits. One that is paused by SIGSTOP, or whose
 * event loop is stuck, does not. So a shell of a few kilobytes, in a session of its own, waits for its input to end,
 * which the system brings about however the supervisor dies, and then kills what is left. It is told the living pids on
 * every change, as one line.
 *
 * PR_SET_PDEATHSIG does the same without a process, but needs a tool beside Node, on Linux only. A pid on the list could
 * mean another process only if the system went through all its pids in the moment between a child's end and the line
 * that says so; that is accepted.
 */
import { spawn, type ChildProcess } from 'node:child_process';

const SCRIPT = 'while read -r line; do pids=$line; done; [ -z "$pids" ] || kill -KILL $pids 2>/dev/null';
const RESTART_DELAY_MS = 1_000;

export class OrphanGuard {
  #shell: ChildProcess | null = null;
  #pids: readonly number[] = [];
  #closed = false;
  #restart: NodeJS.Timeout | undefined;

  constructor() {
    this.#spawn();
  }

  get pid(): number | undefined {
    return this.#shell?.pid;
  }

  /** The children that must not outlive this process, from now on. */
  watch(pids: readonly number[]): void {
    this.#pids = pids;
    this.#shell?.stdin?.write(`${pids.join(' ')}\n`);
  }

  /** For an orderly end: the shell exits, and kills what is still on the list. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#restart);
    this.#shell?.stdin?.end();
  }

  #spawn(): void {
    const shell = spawn('/bin/sh', ['-c', SCRIPT, 'triptych-guard'], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
    // A guard that is gone shows as its exit; what was being written to it is said again to the next one.
    shell.stdin.on('error', () => {});
    const gone = () => {
      if (this.#closed || this.#shell !== shell) return;
      this.#shell = null;
      this.#restart = setTimeout(() => this.#spawn(), RESTART_DELAY_MS);
    };
    shell.on('error', gone);
    shell.on('exit', gone);
    this.#shell = shell;
    this.watch(this.#pids);
  }
}
