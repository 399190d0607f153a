/**
 * A set of dots, kept as intervals per actor. A row's context is the set of operations applied to it; contiguous
 * counters make it a dozen bytes an actor, and a hole (a dot that was prepared and never committed) costs one interval
 * more for ever, not one entry for each later dot, as "highest contiguous plus the dots beyond" would (row model, C2).
 *
 * Immutable: every change gives a new set that shares what did not change, so a snapshot of a row is a reference.
 */
import type { ByteReader } from '../codec/byte-reader.js';
import { ByteWriter } from '../codec/byte-writer.js';
import { TriptychError } from '@app/contracts';
import type { ActorId, Dot } from './dot.js';

/** Inclusive intervals, flat: [first, last, first, last, ...], ascending, never touching. */
type Intervals = readonly number[];

export class CausalContext {
  static readonly EMPTY = new CausalContext(new Map());
  /** As `encode` wrote it. A row that has come through many starts has many actors, and each answer tells its context. */
  #bytes: Uint8Array | null = null;

  /** @param intervalsByActor in the order of the actors */
  private constructor(private readonly intervalsByActor: ReadonlyMap<ActorId, Intervals>) {}

  static of(dots: Iterable<Dot>): CausalContext {
    const countersByActor = new Map<ActorId, number[]>();
    for (const { actor, counter } of dots) {
      const counters = countersByActor.get(actor);
      if (counters === undefined) countersByActor.set(actor, [counter]);
      else counters.push(counter);
    }
    const intervalsByActor = new Map<ActorId, Intervals>();
    for (const [actor, counters] of countersByActor) {
      counters.sort((a, b) => a - b);
      const intervals: number[] = [];
      for (const counter of counters) {
        const end = intervals.length - 1;
        if (end > 0 && counter <= intervals[end]! + 1) intervals[end] = counter;
        else intervals.push(counter, counter);
      }
      intervalsByActor.set(actor, intervals);
    }
    return new CausalContext(inOrder(intervalsByActor));
  }

  get isEmpty(): boolean {
    return this.intervalsByActor.size === 0;
  }

  /** Actors that occur. */
  get actorCount(): number {
    return this.intervalsByActor.size;
  }

  /** Dots in the set. */
  get dotCount(): number {
    let count = 0;
    for (const intervals of this.intervalsByActor.values()) {
      for (let i = 0; i < intervals.length; i += 2) count += intervals[i + 1]! - intervals[i]! + 1;
    }
    return count;
  }

  has(dot: Dot): boolean {
    const intervals = this.intervalsByActor.get(dot.actor);
    return intervals !== undefined && contains(intervals, dot.counter);
  }

  /** The highest counter of an actor in the set, 0 where it does not occur. */
  highest(actor: ActorId): number {
    const intervals = this.intervalsByActor.get(actor);
    return intervals === undefined ? 0 : intervals[intervals.length - 1]!;
  }

  with(dot: Dot): CausalContext {
    const intervals = this.intervalsByActor.get(dot.actor);
    if (intervals === undefined) return this.replaced(dot.actor, [dot.counter, dot.counter]);
    if (contains(intervals, dot.counter)) return this;
    const last = intervals[intervals.length - 1]!;
    if (dot.counter === last + 1) {
      const grown = intervals.slice();
      grown[grown.length - 1] = dot.counter;
      return this.replaced(dot.actor, grown);
    }
    return this.replaced(dot.actor, unite(intervals, [dot.counter, dot.counter]));
  }

  without(dot: Dot): CausalContext {
    const intervals = this.intervalsByActor.get(dot.actor);
    if (intervals === undefined || !contains(intervals, dot.counter)) return this;
    return this.replaced(dot.actor, subtract(intervals, [dot.counter, dot.counter]));
  }

  union(other: CausalContext): CausalContext {
    if (other === this || other.isEmpty) return this;
    if (this.isEmpty) return other;
    const united = new Map(this.intervalsByActor);
    for (const [actor, theirs] of other.intervalsByActor) {
      const ours = united.get(actor);
      united.set(actor, ours === undefined ? theirs : unite(ours, theirs));
    }
    return new CausalContext(inOrder(united));
  }

  minus(other: CausalContext): CausalContext {
    if (other.isEmpty || this.isEmpty) return this;
    const left = new Map<ActorId, Intervals>();
    for (const [actor, ours] of this.intervalsByActor) {
      const theirs = other.intervalsByActor.get(actor);
      const rest = theirs === undefined ? ours : subtract(ours, theirs);
      if (rest.length > 0) left.set(actor, rest);
    }
    return new CausalContext(left);
  }

  /** Whether every dot of `other` is in this set. */
  covers(other: CausalContext): boolean {
    return other.minus(this).isEmpty;
  }

  equals(other: CausalContext): boolean {
    if (this.intervalsByActor.size !== other.intervalsByActor.size) return false;
    for (const [actor, ours] of this.intervalsByActor) {
      const theirs = other.intervalsByActor.get(actor);
      if (theirs === undefined || theirs.length !== ours.length) return false;
      for (let i = 0; i < ours.length; i++) if (ours[i] !== theirs[i]) return false;
    }
    return true;
  }

  *dots(): Generator<Dot> {
    for (const { actor, from, to } of this.intervals()) {
      for (let counter = from; counter <= to; counter++) yield { actor, counter };
    }
  }

  /** In the order of the actors, then of the counters; both ends included. */
  *intervals(): Generator<{ readonly actor: ActorId; readonly from: number; readonly to: number }> {
    for (const [actor, intervals] of this.intervalsByActor) {
      for (let i = 0; i < intervals.length; i += 2) yield { actor, from: intervals[i]!, to: intervals[i + 1]! };
    }
  }

  /**
   * Canonical bytes: equal sets give equal bytes. Actor count; per actor in order of its hex digits: 8 bytes, interval
   * count, then for each interval the gap since the last one and its length, all varints.
   */
  encode(writer: ByteWriter): void {
    if (this.intervalsByActor.size < 2) return this.encodeActors(writer);
    if (this.#bytes === null) {
      const own = new ByteWriter();
      this.encodeActors(own);
      this.#bytes = new Uint8Array(own.finish()); // a copy of its own: a small piece of a pool keeps the whole pool
    }
    writer.fixed(this.#bytes);
  }

  private encodeActors(writer: ByteWriter): void {
    writer.varint(this.intervalsByActor.size);
    for (const [actor, intervals] of this.intervalsByActor) {
      writer.hex(actor);
      writer.varint(intervals.length / 2);
      let end = 0;
      for (let i = 0; i < intervals.length; i += 2) {
        writer.varint(intervals[i]! - end - 1);
        writer.varint(intervals[i + 1]! - intervals[i]!);
        end = intervals[i + 1]! + 1;
      }
    }
  }

  /** @throws TriptychError STORE_RECORD_CORRUPT on bytes that `encode` cannot have written */
  static decode(reader: ByteReader): CausalContext {
    const actorCount = reader.varint();
    const decoded = new Map<ActorId, Intervals>();
    let previous = '';
    for (let a = 0; a < actorCount; a++) {
      const actor = reader.hex(8) as ActorId;
      const intervalCount = reader.varint();
      if (actor <= previous || intervalCount === 0) throw corrupt('actors of a context are out of order or empty');
      previous = actor;
      const intervals: number[] = [];
      let end = 0;
      for (let i = 0; i < intervalCount; i++) {
        const first = end + reader.varint() + 1;
        const last = first + reader.varint();
        if (!Number.isSafeInteger(last)) throw corrupt('a counter of a context is beyond 2^53');
        intervals.push(first, last);
        end = last + 1;
      }
      decoded.set(actor, intervals);
    }
    return new CausalContext(decoded);
  }

  private replaced(actor: ActorId, intervals: Intervals): CausalContext {
    const changed = new Map(this.intervalsByActor);
    if (intervals.length === 0) changed.delete(actor);
    else changed.set(actor, intervals);
    // An actor that was there before keeps its turn.
    return new CausalContext(changed.size > this.intervalsByActor.size ? inOrder(changed) : changed);
  }
}

/** The same, by the order of the actors. */
function inOrder(intervalsByActor: Map<ActorId, Intervals>): Map<ActorId, Intervals> {
  let previous = '';
  for (const actor of intervalsByActor.keys()) {
    if (actor < previous) return new Map([...intervalsByActor].sort(([a], [b]) => (a < b ? -1 : 1)));
    previous = actor;
  }
  return intervalsByActor;
}

const corrupt = (message: string): TriptychError => new TriptychError('STORE_RECORD_CORRUPT', message);

function contains(intervals: Intervals, counter: number): boolean {
  let low = 0;
  let high = intervals.length / 2 - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (counter < intervals[2 * middle]!) high = middle - 1;
    else if (counter > intervals[2 * middle + 1]!) low = middle + 1;
    else return true;
  }
  return false;
}

function unite(a: Intervals, b: Intervals): Intervals {
  const united: number[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    const fromA = j >= b.length || (i < a.length && a[i]! <= b[j]!);
    const first = fromA ? a[i]! : b[j]!;
    const last = fromA ? a[i + 1]! : b[j + 1]!;
    if (fromA) i += 2;
    else j += 2;
    const end = united.length - 1;
    if (end > 0 && first <= united[end]! + 1) united[end] = Math.max(united[end]!, last);
    else united.push(first, last);
  }
  return united;
}

function subtract(a: Intervals, b: Intervals): Intervals {
  const rest: number[] = [];
  let j = 0;
  for (let i = 0; i < a.length; i += 2) {
    let first = a[i]!;
    const last = a[i + 1]!;
    while (j < b.length && b[j + 1]! < first) j += 2;
    let k = j;
    while (k < b.length && b[k]! <= last) {
      if (b[k]! > first) rest.push(first, b[k]! - 1);
      first = b[k + 1]! + 1;
      k += 2;
    }
    if (first <= last) rest.push(first, last);
  }
  return rest;
}
