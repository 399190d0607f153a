/**
 * What goes before a request's payload: time left (4 bytes, ms; all ones: no deadline), credit (2), priority (1), kind of
 * principal (1), then pattern, trace id (one length byte each) and principal name (two), as UTF-8. The time *left* travels,
 * never a moment: the clocks of two machines disagree. Written by hand because it is written for every call.
 */
import { TriptychError, type CallContext, type Principal, type Priority } from '@app/contracts';
import { FURTHEST_DEADLINE_MS } from './deadline-queue.js';
import { readUint32, writeUint32 } from './frame.js';

const PRIORITIES: readonly Priority[] = ['write', 'read', 'prefetch', 'background'];
const PRINCIPAL_KINDS: readonly Principal['kind'][] = ['device', 'service', 'admin'];
const FIXED_BYTES = 12;
/** Characters. */
const SHORT_TEXT = 64;
const NO_DEADLINE = 0xffffffff;

/** Room that surely suffices for the head of this request, in bytes. */
export function requestHeadBytes(pattern: string, context: CallContext): number {
  return FIXED_BYTES + 3 * (pattern.length + context.traceId.length + context.principal.name.length);
}

/**
 * Writes the head at index `at`; the answer is the index after it.
 * @param timeLeftMs >= 0; rounded down to a whole millisecond, so that nobody further in is given more time than there is
 * @param credit values that may be sent before more is granted, 1 to 65535
 * @throws TriptychError REQUEST_INVALID on a text longer than its length field can say, or a word that is none of ours
 */
export function writeRequestHead(
  into: Buffer,
  at: number,
  pattern: string,
  context: CallContext,
  timeLeftMs: number,
  credit: number,
): number {
  writeUint32(into, at, timeLeftMs < FURTHEST_DEADLINE_MS ? Math.floor(timeLeftMs) : NO_DEADLINE);
  into[at + 4] = credit >>> 8;
  into[at + 5] = credit;
  const priority = (into[at + 6] = PRIORITIES.indexOf(context.priority));
  const principalKind = (into[at + 7] = PRINCIPAL_KINDS.indexOf(context.principal.kind));
  let end = at + FIXED_BYTES;
  const patternBytes = writeText(into, end, pattern);
  const traceBytes = writeText(into, (end += patternBytes), context.traceId);
  const nameBytes = writeText(into, (end += traceBytes), context.principal.name);
  if (patternBytes > 0xff || traceBytes > 0xff || nameBytes > 0xffff || priority < 0 || principalKind < 0) {
    const { priority: named, principal } = context;
    const details = { patternBytes, traceBytes, nameBytes, priority: String(named), principalKind: String(principal.kind) };
    throw new TriptychError('REQUEST_INVALID', 'The context of this call cannot be sent.', details);
  }
  into[at + 8] = patternBytes;
  into[at + 9] = traceBytes;
  into[at + 10] = nameBytes >>> 8;
  into[at + 11] = nameBytes;
  return end + nameBytes;
}

/** As UTF-8; the answer is how many bytes. Nearly all are short ASCII, for which a loop costs less than a call out of JavaScript. */
function writeText(into: Buffer, at: number, text: string): number {
  const { length } = text;
  if (length > SHORT_TEXT) return into.write(text, at);
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) return into.write(text, at);
    into[at + i] = code;
  }
  return length;
}

export interface RequestHead {
  readonly pattern: string;
  readonly context: CallContext;
  readonly credit: number;
  /** Index at which the payload begins. */
  readonly payloadStart: number;
}

/** A power of two. */
const NAMES_KEPT = 64;
/** The pattern or principal met last, by its length, its first and its last byte: few are met over and over, and need not be made each time. */
const names: (string | undefined)[] = new Array<string | undefined>(NAMES_KEPT).fill(undefined);

function nameIn(bytes: Buffer, start: number, end: number): string {
  if (start === end) return '';
  const slot = (31 * (end - start) + 7 * bytes[start]! + bytes[end - 1]!) & (NAMES_KEPT - 1);
  const known = names[slot];
  if (known !== undefined && isTextAt(known, bytes, start, end)) return known;
  const name = bytes.toString('utf8', start, end);
  if (name.length === end - start) names[slot] = name;
  return name;
}

function isTextAt(text: string, bytes: Buffer, start: number, end: number): boolean {
  if (text.length !== end - start) return false;
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== bytes[start + i]) return false;
  return true;
}

/**
 * @param nowMs this process's monotonic time, from which the deadline is counted
 * @throws TriptychError WIRE_PROTOCOL
 */
export function readRequestHead(bytes: Buffer, start: number, end: number, nowMs: number): RequestHead {
  const patternStart = start + FIXED_BYTES;
  const traceStart = patternStart + (bytes[start + 8] ?? 0);
  const nameStart = traceStart + (bytes[start + 9] ?? 0);
  const payloadStart = nameStart + (((bytes[start + 10] ?? 0) << 8) | (bytes[start + 11] ?? 0));
  const priority = PRIORITIES[bytes[start + 6] ?? -1];
  const kind = PRINCIPAL_KINDS[bytes[start + 7] ?? -1];
  if (patternStart > end || payloadStart > end || priority === undefined || kind === undefined) {
    throw new TriptychError('WIRE_PROTOCOL', 'The peer sent a request that cannot be read.', { frameBytes: end - start });
  }
  const timeLeftMs = readUint32(bytes, start);
  return {
    pattern: nameIn(bytes, patternStart, traceStart),
    context: {
      deadlineMs: timeLeftMs === NO_DEADLINE ? Infinity : nowMs + timeLeftMs,
      traceId: bytes.toString('utf8', traceStart, nameStart),
      priority,
      principal: { kind, name: nameIn(bytes, nameStart, payloadStart) },
    },
    credit: (bytes[start + 4]! << 8) | bytes[start + 5]!,
    payloadStart,
  };
}
