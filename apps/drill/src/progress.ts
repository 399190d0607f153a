/** How a run goes, a line a second: the phase, the rate, what failed, and for devices and each zone p50/p99/p99.9 in ms. */
import type { LiveFigures } from './load/live-figures.js';

export function progressLine(phase: string, seconds: number, zones: readonly string[], figures: readonly LiveFigures[]): string {
  const done = figures.reduce((sum, figure) => sum + figure.done, 0);
  const failed = figures.reduce((sum, figure) => sum + figure.failed, 0);
  const each = figures.map(({ population, failed: lost, p50Ms, p99Ms, p999Ms }) => {
    const name = population === 'devices' ? population : (zones[Number(population)] ?? population);
    return `${name} ${[p50Ms, p99Ms, p999Ms].map(ms).join('/')}${lost > 0 ? ` (${lost} failed)` : ''}`;
  });
  return `${String(Math.round(seconds)).padStart(4)} s  ${phase.padEnd(28)} ${String(done).padStart(5)}/s ${failed === 0 ? '' : `${failed} failed  `} ${each.join('  ')}`;
}

const ms = (value: number): string => (value < 9.95 ? value.toFixed(1) : value.toFixed(0));
