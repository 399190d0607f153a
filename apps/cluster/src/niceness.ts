/**
 * A process that starts yields to those that serve. On one machine the start of a node (a second of CPU, most of it compiling) takes
 * turns with every process of the cluster, and a zone that comes back makes the zones that stayed slow: on two cores the worst
 * p99 of 100 ms after a node's restart was 68 ms beside 15 before it. Where zones have machines of their own there is nothing to yield to.
 */
import { readdirSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';

const YIELDING = 10;
const LEAST_URGENT = 19;

/** Where it could not be taken back it is not begun. */
export function yieldToOthers(pid: number, isYielding: boolean): void {
  const own = getPriority();
  setNiceness(pid, isYielding ? Math.min(LEAST_URGENT, own + YIELDING) : own);
}

/** On Linux, for root: each thread has a niceness of its own, and a new one has that of the thread that makes it. Elsewhere it is left alone. */
export function setNiceness(pid: number, niceness: number): void {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return;
  try {
    // The first is the main thread, which may make others meanwhile.
    for (const thread of readdirSync(`/proc/${pid}/task`)) setPriority(Number(thread), niceness);
  } catch {
    // It, or one of its threads, has ended.
  }
}
