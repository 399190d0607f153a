/**
 * What one session has seen of one row. The session carries it, so that replicas need not know sessions: it goes with each
 * request, and comes back with each reply as it is then. A replica whose row covers `context` has applied everything that
 * the session was shown or wrote, so it may answer alone without ever going back (SESSION), and no answer at any other level
 * may rest on less (row model, F19).
 *
 * It binds later reads only, and never says what a write supersedes: a row's context in the hands of a client would remove
 * what was added beside it (C5). The exception is named dot by dot: `pending`, the session's own writes of unknown outcome,
 * which its next write to the item supersedes (F14).
 *
 * Bytes: format, flags (1: on a quorum; 2, 4: what is forgotten), hlc, context, count of pending, each an item and its dot.
 */
import { TriptychError } from '@app/contracts';
import { ByteReader } from '../codec/byte-reader.js';
import { ByteWriter } from '../codec/byte-writer.js';
import { hasSeen, type RowKnowledge } from '../row/causal-map.js';
import { decodeDot, encodeDot, type Delta } from '../row/delta.js';
import { CausalContext } from './causal-context.js';
import { sameDot, type Dot } from './dot.js';

export interface SeenRow {
  /** Operations whose effect the session has seen. */
  readonly context: CausalContext;
  /** Whether a quorum of replicas is known to hold all of `context`. */
  readonly isOnQuorum: boolean;
  /** The highest reading of a hybrid logical clock that the session was told; 0: none. */
  readonly hlc: number;
  /** Writes of the session whose outcome it was not told, the oldest first. */
  readonly pending: readonly PendingDot[];
  /**
   * What was seen and had no room in the session's token, so that `context` lacks it: operations that a quorum holds, or such
   * as perhaps one replica alone holds. Reads ask a quorum, or all, until one has answered.
   */
  readonly forgotten: 'nothing' | 'on-quorum' | 'anywhere';
}

export interface PendingDot {
  readonly item: string;
  readonly dot: Dot;
}

export const NOTHING_SEEN: SeenRow = { context: CausalContext.EMPTY, isOnQuorum: true, hlc: 0, pending: [], forgotten: 'nothing' };

/**
 * After an answer from a row of this knowledge, which covers what was seen before (or cannot, whatever is asked). What has
 * been applied or superseded there is pending no more.
 */
export function seenAfterRead(seen: SeenRow, row: RowKnowledge, isOnQuorum: boolean, hlc: number): SeenRow {
  const pending = seen.pending.filter(({ dot }) => !hasSeen(row, dot));
  return { context: row.context, isOnQuorum: isOnQuorum || (seen.isOnQuorum && row.context.equals(seen.context)), hlc, pending, forgotten: 'nothing' };
}

/** After the session's own write was acknowledged: what the delta superseded is settled. */
export function seenAfterWrite(seen: SeenRow, { item, dot, supersedes }: Delta, isOnQuorum: boolean, hlc: number): SeenRow {
  const isSettled = (other: PendingDot): boolean => other.item === item && [dot, ...supersedes].some((named) => sameDot(named, other.dot));
  const pending = seen.pending.filter((other) => !isSettled(other));
  return { ...seen, context: seen.context.with(dot), isOnQuorum: seen.isOnQuorum && isOnQuorum, hlc, pending };
}

/** After a write was prepared: until the session is told of its outcome, it is pending. */
export function seenAfterPrepare(seen: SeenRow, { item, dot, hlc }: Delta): SeenRow {
  const pending = seen.pending.filter((other) => !sameDot(other.dot, dot));
  return { ...seen, hlc: Math.max(seen.hlc, hlc), pending: [...pending, { item, dot }] };
}

const FORMAT = 1;
const ON_QUORUM = 1;
const FORGOTTEN = ['nothing', 'on-quorum', 'anywhere'] as const;

/** Of a context's actor: its name, and one interval of some thousand writes. */
const ACTOR_BYTES = 14;

export function encodeSeen({ context, isOnQuorum, hlc, pending, forgotten }: SeenRow): Uint8Array {
  // Room for all of it at once: a row that came through many starts has many actors, and each answer says this.
  const writer = new ByteWriter(64 + ACTOR_BYTES * context.actorCount);
  writer.u8(FORMAT);
  writer.u8((isOnQuorum ? ON_QUORUM : 0) | (FORGOTTEN.indexOf(forgotten) << 1));
  writer.varint(hlc);
  context.encode(writer);
  writer.varint(pending.length);
  for (const { item, dot } of pending) {
    writer.string(item);
    encodeDot(dot, writer);
  }
  return writer.finish();
}

/** @throws TriptychError STORE_RECORD_CORRUPT on bytes that are not what a session was given */
export function decodeSeen(bytes: Uint8Array): SeenRow {
  const reader = new ByteReader(bytes);
  const format = reader.u8();
  if (format !== FORMAT) throw corrupt(`format ${format} of what a session has seen is not known`);
  const flags = reader.u8();
  const forgotten = FORGOTTEN[flags >> 1];
  if (forgotten === undefined) throw corrupt('flags of what a session has seen are not known');
  const hlc = reader.varint();
  const context = CausalContext.decode(reader);
  const pending: PendingDot[] = [];
  for (let left = reader.varint(); left > 0; left--) pending.push({ item: reader.string(), dot: decodeDot(reader) });
  reader.end();
  return { context, isOnQuorum: (flags & ON_QUORUM) === ON_QUORUM, hlc, pending, forgotten };
}

const corrupt = (message: string): TriptychError => new TriptychError('STORE_RECORD_CORRUPT', message);
