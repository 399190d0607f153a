/** The years that ISO 8601 writes with four digits, in ms since 1970: a lying clock must not make a list unreadable. */
const LAST_MS = 253_402_300_799_999;

/** When the store has written something, as ISO 8601, UTC, with milliseconds. @param writtenAtMs ms since 1970, whatever a clock said */
export function isoOf(writtenAtMs: number): string {
  return new Date(Math.min(Math.max(writtenAtMs, 0), LAST_MS)).toISOString();
}
