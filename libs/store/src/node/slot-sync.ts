/**
 * Brings whole slots of the ring to this node, and keeps its vote back until they are here: after a lost or an old disk, after
 * an unclean stop for tables synced periodically, and for slots that a change of the ring gives to it.
 *
 * In an unsynced slot rows may lack what this node itself acknowledged, so its replies about them count for nothing: no vote in
 * reads, no source for repair, anti-entropy or another's sync; what needs its own state is refused, and the client goes on to
 * another replica. It takes and acknowledges writes all the while. Which slots these are is on disk before anything
 * else is answered, and comes off again only when they are synced, so a crash in the middle changes nothing.
 *
 * A slot is synced when all its rows have been taken in, durably, from N - W + 1 other replicas that have a vote for it: any
 * acknowledged write is on at least one of them (row model, F9b). Or from all the others, vote or no vote: then whatever still exists
 * is here. Without that, a cluster whose nodes all lost power under `periodic` would wait for each other for ever. It begins only
 * when every write that was in flight at the loss is over (F9c): such a write may have counted the lost copy, and be on its
 * way to the others only now. A new owner has acknowledged nothing and does not wait; there the change of the epoch is the fence.
 *
 * Rows are found by listing slots with digests, and only those that differ are pulled, so an old disk costs what it lacks.
 * The deltas and snapshots are those of any repair, and what an old disk still holds is merged and not discarded: an old state of
 * a replica is a state of a replica. What must not come back are its dots, hence a fresh actor (F10).
 */
import type { Subscription } from 'rxjs';
import type { CallContext, NodeId, RowKey, TriptychError } from '@app/contracts';
import type { Cancel, Clock } from '@app/time';
import { encodeLeafRows, type LeafRow } from '../core/merkle/leaf-rows.js';
import { replicasRequired } from '../core/quorum/consistency-level.js';
import { slotOf, SLOT_COUNT } from '../core/ring/token-allocator.js';
import { tokenOf } from '../core/ring/token.js';
import { nodeKey } from '../core/row/row-keys.js';
import { decodeSlots, decodeUnsynced, encodeSlots, encodeUnsynced, PERIODIC_UNSYNCED, SYNCED, UNSYNCED, UNSYNCED_REASONS, type UnsyncedReason, type UnsyncedSlots } from '../core/sync/unsynced-slots.js';
import type { Mutation, StorageEngine } from '../ports/storage-engine.js';
import type { PeerReply, PeerReplyBody, SlotsRequestBody } from '../ports/transport.js';
import { Pace } from './pace.js';
import { LONGEST_WRITE_MS } from './quorum-write.js';
import type { AskPeer } from './read-repair.js';
import type { RowStore } from './row-store.js';
import { SlotPull } from './slot-pull.js';

export type AskSlots = (to: NodeId, body: SlotsRequestBody, context: CallContext, settle: (reply: PeerReply | null, error?: TriptychError) => void) => Subscription;

export interface SlotSyncSettings {
  /** Payload that a sync fetches. */
  readonly bytesPerSecond: number;
}

export const SLOT_SYNC_SETTINGS: SlotSyncSettings = { bytesPerSecond: 8 * 1024 * 1024 };

export interface SlotSyncPorts {
  readonly engine: StorageEngine;
  readonly rows: RowStore;
  readonly clock: Clock;
  readonly ask: AskPeer;
  readonly askSlots: AskSlots;
  /** Whom to sync a slot from: its other replicas, nearest first; while the ring changes, the old ones. Null: none of ours. */
  readonly sourcesOf: (slot: number) => readonly NodeId[] | null;
  readonly isDown: (node: NodeId) => boolean;
  readonly replicationFactor: number;
  readonly isPeriodic: (table: string) => boolean;
  /** No dot that was minted before may be minted again. */
  readonly renewActor: () => void;
  /** The standing of this node as a whole: see Witness. */
  readonly isKnown: () => boolean;
}

export interface SlotSyncStats {
  /** Slots of this node that wait for their rows. */
  readonly waitingSlots: number;
  readonly reason: UnsyncedReason | null;
  /** Since the start of this process. */
  readonly syncedSlots: number;
  readonly rowsCompared: number;
  readonly rowsPulled: number;
  readonly bytes: number;
  readonly failures: number;
}

const RECORD_KEY = nodeKey('n\0unsynced');
const SLOTS_AT_ONCE = 256;
const SLOTS_PER_ANSWER = 256;
const ROWS_PER_ANSWER = 256;
const RETRY_MS = 1_000;
/** A slot of the ring as tokens. */
const SLOT_TOKENS = (1n << 64n) / BigInt(SLOT_COUNT);

export class SlotSync {
  /** One of SYNCED, PERIODIC_UNSYNCED, UNSYNCED for each slot. */
  #slots: Uint8Array;
  #unsyncedCount: number;
  #reason: UnsyncedReason;
  #notBeforeMs = 0;
  /** Where the next batch is looked for: a slot whose sources are away must not hold up the others. */
  #from = 0;
  readonly #pace: Pace;
  readonly #counts = { syncedSlots: 0, rowsCompared: 0, rowsPulled: 0, bytes: 0, failures: 0 };
  #pull: SlotPull | null = null;
  #cancelTimer: Cancel = () => {};
  #isStopped = false;
  readonly #onSynced = new Set<() => void>();

  constructor(
    private readonly ports: SlotSyncPorts,
    settings: SlotSyncSettings = SLOT_SYNC_SETTINGS,
  ) {
    this.#pace = new Pace(settings.bytesPerSecond);
    ({ slots: this.#slots, reason: this.#reason } = load(ports.engine));
    this.#unsyncedCount = this.#slots.reduce((sum, slot) => sum + Number(slot !== SYNCED), 0);
    if (this.#unsyncedCount === 0) return;
    // A loss before this start: when it was is not known, only that it is over.
    this.#notBeforeMs = ports.clock.monotonicMs() + LONGEST_WRITE_MS;
    this.#schedule(LONGEST_WRITE_MS);
  }

  /** Whether this node's state of a row may count. */
  hasVote(key: RowKey): boolean {
    if (!this.ports.isKnown()) return false;
    if (this.#unsyncedCount === 0) return true;
    const slot = this.#slots[slotOf(tokenOf(key.table, key.row))]!;
    return slot === SYNCED || (slot === PERIODIC_UNSYNCED && !this.ports.isPeriodic(key.table));
  }

  /** Whether this node still has the row as it was but for the last of it: with a vote, or after an unclean stop in a periodic table. */
  hasKept(key: RowKey): boolean {
    return this.ports.isKnown() && this.#slots[slotOf(tokenOf(key.table, key.row))] !== UNSYNCED;
  }

  /** Whether all of some slots (for each slot of the ring 1 where it is meant) can be compared with a peer. */
  hasVoteForAll(slots: Uint8Array): boolean {
    if (!this.ports.isKnown()) return false;
    if (this.#unsyncedCount === 0) return true;
    for (let slot = 0; slot < slots.length; slot++) if (slots[slot] === 1 && this.#slots[slot] !== SYNCED) return false;
    return true;
  }

  /** Slots of this node that wait for their rows. */
  get waitingSlots(): number {
    if (this.#unsyncedCount === 0) return 0;
    let count = 0;
    for (let slot = 0; slot < SLOT_COUNT; slot++) if (this.#slots[slot] !== SYNCED && this.ports.sourcesOf(slot) !== null) count++;
    return count;
  }

  /** Besides rows, what this node was told to remember may be gone. */
  get isAmnesic(): boolean {
    return isGraver(this.#reason, 'unclean-stop') && this.waitingSlots > 0;
  }

  /**
   * Rows in these slots may lack what was acknowledged: no vote from this moment on, and `settled` once that is durable.
   * For a slot that the node is given, or given back (whatever rows of it are still here are merged with): before it serves it.
   * @param scope periodic: only tables of that durability   @param beside written in the same batch
   */
  begin(
    slots: Iterable<number>,
    reason: UnsyncedReason,
    { scope = UNSYNCED, beside = [], settled = () => {} }: { scope?: number; beside?: readonly Mutation[]; settled?: (error?: Error) => void } = {},
  ): void {
    this.#pull?.stop();
    this.#pull = null;
    for (const slot of slots) {
      if (this.#slots[slot] === SYNCED) this.#unsyncedCount++;
      this.#slots[slot] = Math.max(this.#slots[slot]!, scope);
    }
    if (isGraver(reason, this.#reason)) this.#reason = reason;
    this.ports.renewActor();
    const isNewOwner = reason === 'joining' || reason === 'regained';
    const waitMs = isNewOwner ? 0 : LONGEST_WRITE_MS;
    this.#notBeforeMs = Math.max(this.#notBeforeMs, this.ports.clock.monotonicMs() + waitMs);
    this.ports.engine.write([...beside, this.#record()], (error) => {
      if (error === undefined) this.#schedule(Math.max(0, this.#notBeforeMs - this.ports.clock.monotonicMs()));
      settled(error);
    });
  }

  /** The ring is another one: what is being fetched may come from a node that is no source any more. */
  sourcesChanged(): void {
    this.#pull?.stop();
    this.#pull = null;
    if (this.#unsyncedCount > 0) this.#schedule(0);
  }

  /** Called each time the last slot of this node has been synced, from a turn of its own. The answer ends that. */
  onSynced(listener: () => void): Cancel {
    this.#onSynced.add(listener);
    return () => void this.#onSynced.delete(listener);
  }

  /** Lists rows for a peer that syncs. @throws STORE_RECORD_CORRUPT */
  answer(request: SlotsRequestBody): PeerReplyBody {
    const slots = decodeSlots(request.slots).slice(0, SLOTS_PER_ANSWER);
    const asked = new Uint8Array(SLOT_COUNT);
    for (const slot of slots) asked[slot] = 1;
    const { rows } = this.ports;
    const keys: RowKey[] = [];
    let more = false;
    const { after } = request;
    const afterSlot = after === null ? -1 : slotOf(tokenOf(after.table, after.row));
    for (let slot = Math.max(0, afterSlot); slot < SLOT_COUNT && !more; slot++) {
      if (asked[slot] === 0) continue;
      const start = after !== null && slot === afterSlot ? after : BigInt(slot) * SLOT_TOKENS;
      rows.rowsByToken(start, BigInt(slot + 1) * SLOT_TOKENS, (key) => {
        more = keys.length === ROWS_PER_ANSWER;
        if (!more) keys.push(key);
        return !more;
      });
    }
    const listed = keys.map((key): LeafRow => ({ key, digest: rows.header(key).isDamaged ? null : rows.digest(key) }));
    return { kind: 'slots', vote: this.hasVoteForAll(asked), rows: encodeLeafRows(listed), more };
  }

  stats(): SlotSyncStats {
    const waitingSlots = this.waitingSlots;
    return { ...this.#counts, waitingSlots, reason: waitingSlots === 0 ? null : this.#reason };
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer();
    this.#pull?.stop();
  }

  #schedule(delayMs: number): void {
    this.#cancelTimer();
    if (this.#isStopped) return;
    this.#cancelTimer = this.ports.clock.after(delayMs, () => this.#next());
  }

  #next(): void {
    const { clock, engine, isKnown, replicationFactor } = this.ports;
    if (this.#isStopped || this.#pull !== null || engine.state !== 'open') return;
    const leftMs = this.#notBeforeMs - clock.monotonicMs();
    if (leftMs > 0) return this.#schedule(leftMs);
    if (!isKnown()) return this.#schedule(RETRY_MS);
    const batch = this.#nextBatch();
    if (batch === null) return;
    const { slots, sources } = batch;
    const { isDown } = this.ports;
    const upFirst = [...sources.filter((node) => !isDown(node)), ...sources.filter(isDown)];
    const needed = replicationFactor - replicasRequired('QUORUM', replicationFactor) + 1;
    this.#pull = new SlotPull(this.ports, { slots, sources: upFirst, needed, question: encodeSlots(slots) }, this.#pace, this.#counts, (isComplete) => {
      this.#pull = null;
      if (isComplete) this.#synced(slots);
      else {
        this.#counts.failures++;
        this.#from = (slots.at(-1)! + 1) % SLOT_COUNT;
        this.#schedule(RETRY_MS);
      }
    });
    this.#pull.start();
  }

  /** The next waiting slots that have the same sources. Slots that are not ours wait until they are. */
  #nextBatch(): { slots: number[]; sources: readonly NodeId[] } | null {
    const slots: number[] = [];
    let sources: readonly NodeId[] | null = null;
    for (let i = 0; i < SLOT_COUNT && slots.length < SLOTS_AT_ONCE; i++) {
      const slot = (this.#from + i) % SLOT_COUNT;
      if (this.#slots[slot] === SYNCED) continue;
      const theirs = this.ports.sourcesOf(slot);
      if (theirs === null) continue;
      sources ??= theirs;
      if (sources.length === theirs.length && theirs.every((node) => sources!.includes(node))) slots.push(slot);
    }
    return sources === null ? null : { slots: slots.sort((a, b) => a - b), sources };
  }

  #synced(slots: readonly number[]): void {
    for (const slot of slots) this.#slots[slot] = SYNCED;
    this.#unsyncedCount -= slots.length;
    this.#counts.syncedSlots += slots.length;
    // The vote need not wait for this record: losing it costs a sync and no more.
    this.ports.engine.write([this.#record()], () => {
      if (this.waitingSlots > 0) return this.#schedule(0);
      this.#reason = 'joining';
      if (!this.#isStopped) for (const listener of [...this.#onSynced]) listener();
    });
  }

  #record(): Mutation {
    return { key: RECORD_KEY, value: this.#unsyncedCount === 0 ? null : encodeUnsynced({ slots: this.#slots, reason: this.#reason }) };
  }
}

export function* allSlots(): Generator<number> {
  for (let slot = 0; slot < SLOT_COUNT; slot++) yield slot;
}

/** What is unsynced by the directory's own record; all, where that is damaged. */
function load(engine: StorageEngine): UnsyncedSlots {
  try {
    const bytes = engine.get(RECORD_KEY);
    return bytes === undefined ? { slots: new Uint8Array(SLOT_COUNT), reason: 'joining' } : decodeUnsynced(bytes);
  } catch {
    return { slots: new Uint8Array(SLOT_COUNT).fill(UNSYNCED), reason: 'lost-disk' };
  }
}

const isGraver = (reason: UnsyncedReason, than: UnsyncedReason): boolean => UNSYNCED_REASONS.indexOf(reason) > UNSYNCED_REASONS.indexOf(than);

