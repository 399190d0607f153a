/** Quantities as the console writes them: short, always of one width where they change every second. */

/** `0.4 ms`, `12 ms`, `1.2 s`; a dash where there is none. */
export function milliseconds(ms: number | null): string {
  if (ms === null) return '–';
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}

/** Of something a second: `0`, `0.4`, `12`, `1.2k`. */
export function rate(perSecond: number): string {
  if (perSecond === 0) return '0';
  if (perSecond < 10) return perSecond.toFixed(1);
  return perSecond < 1_000 ? String(Math.round(perSecond)) : `${(perSecond / 1_000).toFixed(1)}k`;
}

/** `33%` @param share 0 to 1 */
export const percent = (share: number): string => `${Math.round(100 * share)}%`;

/** A dot that a person can compare: the actor's first digits are enough within one row. `8f3a…:12` */
export function shortDot(dot: string): string {
  const [actor = '', counter = ''] = dot.split(':');
  return `${actor.slice(0, 4)}:${counter}`;
}

/** `12:03:59`, in the browser's own time. */
export function timeOfDay(ms: number): string {
  const date = new Date(ms);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':');
}

export const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
