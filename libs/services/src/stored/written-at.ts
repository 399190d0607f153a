/** The years that ISO 8601 writes with four digits, in ms since 1970: a lying clock must not make a list unreadable. */
const LAST_MS = 253_402_300_799_999;

/**
 * The last one, whose day is mostly that of the next: `toISOString` costs four times what is done here. Digits in bytes rather
 * than texts put together, since JSON.stringify is slow with texts that are still in parts.
 */
const text = Buffer.alloc(24);
const ZERO = 48;
let lastDay = -1;

/** When the store has written something, as ISO 8601, UTC, with milliseconds. @param writtenAtMs ms since 1970, whatever a clock said */
export function isoOf(writtenAtMs: number): string {
  const ms = Math.min(Math.max(Math.floor(writtenAtMs), 0), LAST_MS);
  const day = Math.floor(ms / DAY_MS);
  if (day !== lastDay) {
    lastDay = day;
    text.write(new Date(ms).toISOString(), 'latin1');
  }
  const inDay = ms - day * DAY_MS;
  writeTwo(11, Math.floor(inDay / 3_600_000));
  writeTwo(14, Math.floor(inDay / 60_000) % 60);
  writeTwo(17, Math.floor(inDay / 1_000) % 60);
  text[20] = ZERO + Math.floor((inDay % 1_000) / 100);
  writeTwo(21, inDay % 100);
  return text.toString('latin1');
}

const DAY_MS = 86_400_000;

function writeTwo(at: number, number: number): void {
  text[at] = ZERO + Math.floor(number / 10);
  text[at + 1] = ZERO + (number % 10);
}
