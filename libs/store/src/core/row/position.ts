/**
 * Places in a list: strings of digits 0-9 A-Z a-z, read as fractions and compared as plain ASCII, so that an item goes
 * between two others without touching them. An item's place is (position, item).
 *
 *     H  9 digits of (MAX - hlc)  dot        put first: the later, the further to the front
 *     T  9 digits of hlc          dot        put last: the later, the further to the back
 *     anything in between         dot        put between two others
 *
 * Each position ends in digits of the dot of the operation that made it, in a form that is read from the end, so two
 * writers who choose one place at one moment never make equal positions, between which nothing could ever be put
 * (row model, C12). And none ends in the digit 0, below which a fraction has no room.
 *
 * Refused: numbers (they run out after 50 halvings), and halving at the ends of the list, where most items are put (a
 * thousand items put first would have keys of 200 characters; the clock keeps them at 19).
 * Source: Weiss et al., Logoot (2009), for identifiers made of digits and a site.
 */
import { assert } from '@app/contracts';
import type { Dot } from '../causality/dot.js';

/** A position that would be longer is not given: the list is crowded at that place. */
export const MAX_POSITION_LENGTH = 256;

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const BASE = DIGITS.length;
const HEAD = 'H';
const TAIL = 'T';
const CLOCK_DIGITS = 9;
const ACTOR_DIGITS = 6;

/** The place of an item put first at `hlc`: before all that were put first at lower readings. 18 to 26 characters. */
export const firstPosition = (hlc: number, dot: Dot): string => HEAD + clockDigits(Number.MAX_SAFE_INTEGER - hlc) + dotDigits(dot);

/** The place of an item put last at `hlc`: after all that were put last at lower readings. 18 to 26 characters. */
export const lastPosition = (hlc: number, dot: Dot): string => TAIL + clockDigits(hlc) + dotDigits(dot);

/**
 * A place strictly between two others.
 * @param a position of the item before, '' at the start of the list   @param b position of the item after, null at its end
 * @param hlc reading that dates the operation; used at the ends, where it leaves room for what is put first or last later
 * @param dot names the operation: different dots never get equal positions
 * @returns null where there is no place: between equal positions (two items may share one only if their actors agree in
 *   32 bits), beyond MAX_POSITION_LENGTH, or where `a` or `b` is not of our making and leaves none
 */
export function positionBetween(a: string, b: string | null, hlc: number, dot: Dot): string | null {
  assert(b === null || a <= b, 'positions out of order');
  let position: string;
  if (b === null) {
    position = lastPosition(hlc, dot);
    // The neighbour was dated by a clock ahead of ours: go just beyond it, and what is put last later still goes beyond both.
    if (position <= a) position = lastPosition(clockOf(a) + 1, dot);
  } else if (a === '') {
    position = firstPosition(hlc, dot);
    if (position >= b) position = firstPosition(Number.MAX_SAFE_INTEGER - clockOf(b) + 1, dot);
  } else position = midpoint(a, b) + dotDigits(dot);
  // Sure of our own positions, and a guard against others.
  const isBetween = position > a && (b === null || position < b);
  return isBetween && position.length <= MAX_POSITION_LENGTH ? position : null;
}

/**
 * Digits that name a dot: its counter, 6 digits of its actor, and how many digits the counter took. Read from the end
 * they give the dot back whatever stands before them. 32 bits of the actor are enough: a tie also needs equal counters
 * and one place, its worst is a place between two items that cannot be used, and a row sees some tens of actors.
 */
export function dotDigits(dot: Dot): string {
  const counter = inBase62(dot.counter);
  return counter + inBase62(parseInt(dot.actor.slice(0, 8), 16)).padStart(ACTOR_DIGITS, '0') + DIGITS[counter.length];
}

const clockDigits = (reading: number): string =>
  inBase62(Math.min(Math.max(reading, 0), Number.MAX_SAFE_INTEGER)).padStart(CLOCK_DIGITS, '0');

/** The number that the digits after the letter stand for. */
function clockOf(position: string): number {
  let reading = 0;
  for (let i = 1; i <= CLOCK_DIGITS; i++) reading = reading * BASE + digitAt(position, i, 0);
  return reading;
}

/** Digits of a fraction between two: those that they share, then a digit halfway between the first that differ. */
function midpoint(low: string, high: string): string {
  let digits = '';
  for (let i = 0, isBelow = false; ; i++) {
    const from = digitAt(low, i, 0);
    const to = isBelow ? BASE : digitAt(high, i, BASE);
    if (to - from > 1) return digits + DIGITS[(from + to) >> 1];
    digits += DIGITS[from];
    // One digit apart: what follows stays below `high` whatever it is.
    if (from < to) isBelow = true;
  }
}

const digitAt = (text: string, index: number, beyond: number): number =>
  index < text.length ? DIGITS.indexOf(text[index]!) : beyond;

function inBase62(value: number): string {
  assert(value >= 0 && Number.isSafeInteger(value), 'not a safe integer');
  let digits = '';
  let rest = value;
  do {
    digits = DIGITS[rest % BASE] + digits;
    rest = Math.floor(rest / BASE);
  } while (rest > 0);
  return digits;
}
