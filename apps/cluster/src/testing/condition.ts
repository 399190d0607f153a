/** Waiting for something to become true, with a deadline, and a few of the things that are waited for. */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** Answers what `read` answers once that is neither false nor nothing. @throws after `withinMs`, saying `what` never came */
export async function eventually<T>(what: string, read: () => T | Promise<T>, withinMs = 10_000): Promise<Exclude<T, false | null | undefined>> {
  const endMs = performance.now() + withinMs;
  for (;;) {
    const value = await read();
    if (value !== false && value !== null && value !== undefined) return value as Exclude<T, false | null | undefined>;
    if (performance.now() > endMs) throw new Error(`not within ${withinMs} ms: ${what}`);
    await delay(10);
  }
}

/** Whether there is such a process and it has not ended; one that has, and was not waited for, counts as gone. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  return processState(pid) !== 'Z';
}

/** As /proc has it: 'T' is stopped by a signal, 'Z' ended. Null where the system does not tell. */
export function processState(pid: number): string | null {
  try {
    return /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1] ?? null;
  } catch {
    return null;
  }
}
