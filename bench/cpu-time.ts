/** CPU time that processes have used, read from the system: user and kernel, all threads. */
import { readFileSync } from 'node:fs';

/** Linux counts CPU time for /proc in hundredths of a second, whatever the kernel's own tick. */
const TICKS_PER_SECOND = 100;

/** CPU-microseconds that the process has used since it began; 0 where it is gone. */
export function cpuMicroseconds(pid: number): number {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return 0;
  }
  // The second field is the program's name in brackets and may hold anything, spaces too.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1_000_000) / TICKS_PER_SECOND;
}

export const sumOfCpu = (pids: readonly number[]): number => pids.reduce((sum, pid) => sum + cpuMicroseconds(pid), 0);
