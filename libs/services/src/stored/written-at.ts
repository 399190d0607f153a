/** The years that ISO 8601 writes with four digits, in ms since 1970: a lying clock must not make a list unreadable. */
const LAST_MS = 253_402_300_799_999;

/** Most of a list was written on few days, and `toISOString` costs ten times what is done here: the date of the last one is kept. */
let lastDay = -1;
let lastDate = '';

/** When the store has written something, as ISO 8601, UTC, with milliseconds. @param writtenAtMs ms since 1970, whatever a clock said */
export function isoOf(writtenAtMs: number): string {
  const ms = Math.min(Math.max(Math.floor(writtenAtMs), 0), LAST_MS);
  const day = Math.floor(ms / DAY_MS);
  if (day !== lastDay) [lastDay, lastDate] = [day, new Date(ms).toISOString().slice(0, 11)];
  const inDay = ms - day * DAY_MS;
  const [hours, minutes, seconds] = [Math.floor(inDay / 3_600_000), Math.floor(inDay / 60_000) % 60, Math.floor(inDay / 1_000) % 60];
  return `${lastDate}${TWO_DIGITS[hours]}:${TWO_DIGITS[minutes]}:${TWO_DIGITS[seconds]}.${THREE_DIGITS[inDay % 1_000]}Z`;
}

const DAY_MS = 86_400_000;
const digits = (count: number): string[] => Array.from({ length: 10 ** count }, (_, number) => String(number).padStart(count, '0'));
const TWO_DIGITS = digits(2);
const THREE_DIGITS = digits(3);
