import { readdirSync, writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';

const URGENT = -10;

/**
 * The generator stands for machines elsewhere, which the system under test does not slow down: it goes first on this machine, with all
 * its threads (each has a niceness of its own), and with the group of its session, where sessions are scheduled as groups (sched(7),
 * autogroup: there a niceness counts within the session alone). To be called by a process that leads its session. Where
 * that is not allowed it goes without.
 */
export function goFirst(): void {
  try {
    for (const thread of readdirSync('/proc/self/task')) setPriority(Number(thread), URGENT);
    writeFileSync('/proc/self/autogroup', String(URGENT));
  } catch {}
}
