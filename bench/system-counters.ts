/** What the system counts of processes and of loopback: CPU time, memory of their own, bytes sent. Linux only. */
import { readFileSync } from 'node:fs';

/** Linux counts CPU time for /proc in hundredths of a second, whatever the kernel's own tick. */
const TICKS_PER_SECOND = 100;

/** CPU-microseconds that a process has used since it began, user and kernel, all threads; 0 where it is gone. */
export function cpuMicroseconds(pid: number): number {
  const stat = readIfThere(`/proc/${pid}/stat`);
  // The second field is the program's name in brackets and may hold anything, spaces too.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return stat === '' ? 0 : ((Number(fields[11]) + Number(fields[12])) * 1_000_000) / TICKS_PER_SECOND;
}

export const sumOfCpu = (pids: readonly number[]): number => pids.reduce((sum, pid) => sum + cpuMicroseconds(pid), 0);

/** Ids of processes by what they do. */
export type PidsByRole = Readonly<Record<string, readonly number[]>>;

/** CPU-microseconds of all processes of each role. */
export const cpuByRole = (pids: PidsByRole): Record<string, number> => eachOf(pids, sumOfCpu);

/** The same roles, with a figure for each. */
export function eachOf<T>(byRole: Readonly<Record<string, T>>, figure: (of: T, role: string) => number): Record<string, number> {
  return Object.fromEntries(Object.entries(byRole).map(([role, of]) => [role, figure(of, role)]));
}

/** Memory that is a process's own (heap, stacks, buffers; files that it maps are not), bytes; 0 where it is gone. */
export function anonymousBytes(pid: number): number {
  const kilobytes = /^RssAnon:\s+(\d+) kB/m.exec(readIfThere(`/proc/${pid}/status`))?.[1];
  return Number(kilobytes ?? 0) * 1_024;
}

/** Bytes that loopback has carried, headers of IP and TCP included: of every process of the machine. */
export function loopbackBytes(): number {
  const line = /^\s*lo:\s*(\d+)/m.exec(readFileSync('/proc/net/dev', 'utf8'));
  return Number(line?.[1] ?? 0);
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
