/**
 * `Deadline-Ms`: how long a device will wait. It may ask for less time than a route has, never for more: what is not there by
 * then is a degraded part of the answer, or 504. Time left, never a time of day: the clocks of two machines disagree.
 */
import { TriptychError } from '@app/contracts';

export const DEADLINE_HEADER = {
  name: 'Deadline-Ms',
  required: false,
  description: 'How long this device will wait, ms; at most the time that the route has. Parts that are not there by then are left out and named.',
  schema: { type: 'integer' as const, minimum: 1 },
};

/** @throws REQUEST_INVALID */
export function timeLeftMs(header: string | readonly string[] | undefined, longestMs: number): number {
  if (header === undefined) return longestMs;
  if (!/^[1-9]\d{0,8}$/.test(String(header))) throw new TriptychError('REQUEST_INVALID', 'Deadline-Ms: a whole number of milliseconds, at least 1');
  return Math.min(longestMs, Number(header));
}
