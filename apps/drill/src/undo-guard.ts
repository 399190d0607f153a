/**
 * Undoes what a drill has broken when the drill cannot do it any more: killed, crashed, or out of memory. A process in a session
 * of its own that is told, line by line, all that is to be undone at that moment; when its input ends, which the system brings
 * about however the drill dies, it carries out the last line. A drill that ends well says [] first.
 */
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { carryOutAll, type Undo } from './faults/undo.js';

let undos: readonly Undo[] = [];
const END_WITHIN_MS = 20_000;

createInterface({ input: process.stdin })
  .on('line', (line) => (undos = JSON.parse(line) as Undo[]))
  .on('close', () => void finish());

async function finish(): Promise<void> {
  await carryOutAll(undos);
  // The directory of the drill's own cluster goes when its supervisor has gone.
  for (const undo of undos) {
    if (undo.kind !== 'end') continue;
    const untilMs = performance.now() + END_WITHIN_MS;
    while (isAlive(undo.pid) && performance.now() < untilMs) await new Promise((resolve) => setTimeout(resolve, 100));
    rmSync(undo.directory, { recursive: true, force: true });
  }
  process.exit(0);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
process.on('SIGINT', () => {});
