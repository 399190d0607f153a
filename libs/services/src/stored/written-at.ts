/** The years that ISO 8601 writes with four digits, in ms since 1970: a lying clock must not make a list unreadable. */
const LAST_MS = 253_402_300_799_999;
const HOUR_MS = 3_600_000;

/** The last one, up to its hour, which is mostly that of the next: `toISOString` costs several times what is done here. */
let lastHour = -1;
let upToHour = '';
const MINUTES = Array.from({ length: 60 }, (_, minute) => `${String(minute).padStart(2, '0')}:`);
const SECONDS = Array.from({ length: 60 }, (_, second) => `${String(second).padStart(2, '0')}.`);
const MILLISECONDS = Array.from({ length: 1_000 }, (_, ms) => `${String(ms).padStart(3, '0')}Z`);

/** When the store has written something, as ISO 8601, UTC, with milliseconds. @param writtenAtMs ms since 1970, whatever a clock said */
export function isoOf(writtenAtMs: number): string {
  const ms = Math.min(Math.max(Math.floor(writtenAtMs), 0), LAST_MS);
  const hour = Math.floor(ms / HOUR_MS);
  if (hour !== lastHour) {
    lastHour = hour;
    upToHour = new Date(ms).toISOString().slice(0, 14);
  }
  const inHour = ms - hour * HOUR_MS;
  const seconds = Math.floor(inHour / 1_000);
  const minutes = Math.floor(seconds / 60);
  return upToHour + MINUTES[minutes] + SECONDS[seconds - minutes * 60] + MILLISECONDS[inHour - seconds * 1_000];
}
