/**
 * Finds what nobody reads. Again and again it walks everything that this node keeps, in the background and at a pace, and
 * believes nothing because it is kept: each record through its checksum, each row's digest, count and order recomputed from
 * its items (row-check.ts), each leaf of the tree from the rows, and the files that a recovery would need.
 *
 * What only repeats something else is put right here at once: the order index, the index by token, a leaf of the tree. What
 * was lost is not this node's to invent: the row is marked damaged, has no vote from then on, and is rebuilt from the other
 * replicas (F8, row-rebuild.ts). An intact entry by token whose row is gone is such a loss. A hint that is lost owes its target
 * a comparison. For a rotten file a new checkpoint is taken, after which that file is needed less and in the end not at all.
 *
 * One walk in the order of keys, refused: in the order of tokens, which would never meet a row that its index has lost.
 * The tree comes after the records, because it is recomputed through the index that these have mended.
 */
import { TriptychError, type RowKey } from '@app/contracts';
import type { Cancel, Clock } from '@app/time';
import { decodeHint, hintKey, targetOf } from '../core/hints/hint-record.js';
import { LEAF_COUNT } from '../core/merkle/merkle-tree.js';
import { decodeDelta } from '../core/row/delta.js';
import { isNodeKey, nodeKey, ROWS_START, rowOfRecordKey, type RowKeys } from '../core/row/row-keys.js';
import { rowOfTokenIndexKey, tokenIndexKey } from '../core/row/token-index.js';
import { MAX_KEY_BYTES, type FileDamage } from '../ports/storage-engine.js';
import { Pace } from './pace.js';
import { RowCheck, type RowCheckPorts, type RowFinding } from './row-check.js';
import { isCorruption, keysOf } from './row-records.js';
import type { RowStore } from './row-store.js';
import type { RowTree } from './row-tree.js';
import { decodeScrubPosition, encodeScrubPosition, SCRUB_POSITION_KEY, type ScrubPhase, type ScrubPosition } from './scrub-position.js';

export interface ScrubSettings {
  /** What is read on average in the first half of the time that a pass has; a record counts for 64 bytes more than it has. */
  readonly bytesPerSecond: number;
  /** The same in the second half: a pass that is not done by then has much to read, and is to be done in time. */
  readonly hurriedBytesPerSecond: number;
  /** From the beginning of a pass to that of the next, ms; a pass that takes longer is followed by the next at once. */
  readonly passEveryMs: number;
  /** A pass begins, or goes on, this long after a start of the node, ms. */
  readonly startAfterMs: number;
  /** Between two writes of the position while a pass goes on, ms. */
  readonly savePositionEveryMs: number;
}

/**
 * A pass of a week: 5 GB are read at a pace that no request notices, and up to 80 GB after that. A node whose all is read within
 * minutes has nothing from it, and at the hurried pace a new cluster of six on two cores spent a third of its stores' work on it.
 */
export const SCRUB_SETTINGS: ScrubSettings = {
  bytesPerSecond: 16 * 1024,
  hurriedBytesPerSecond: 256 * 1024,
  passEveryMs: 7 * 24 * 3_600_000,
  startAfterMs: 60_000,
  savePositionEveryMs: 60_000,
};

export interface ScrubberPorts extends RowCheckPorts {
  readonly rows: RowStore;
  readonly tree: RowTree;
  readonly clock: Clock;
  /** Whether this node is to hold the row. */
  readonly isReplica: (key: RowKey) => boolean;
  /** Told of each row whose order index or entry by token is now another than before. */
  readonly indexesRewritten: (key: RowKey) => void;
  /** Gives up a hint whose record cannot be read. */
  readonly dropHint: (recordKey: Uint8Array) => void;
}

/** Counts since the start of the node; `passes` since the directory is. */
export interface ScrubStats {
  readonly passes: number;
  /** What the pass under way looks at, and where it is. */
  readonly position: string;
  readonly rows: number;
  readonly records: number;
  readonly bytes: number;
  /** Records that fail their checksum. */
  readonly failingRecords: number;
  /** Rows that were marked damaged. */
  readonly damagedRows: number;
  /** Rows whose order index or entry by token was written anew; entries by token that led nowhere and were dropped. */
  readonly indexesRepaired: number;
  readonly leavesRepaired: number;
  readonly hintsDropped: number;
  /** Files that a recovery would need and could not use, by the last look at them. */
  readonly damagedFiles: readonly string[];
  /** Times that the table itself could not be read. */
  readonly unreadable: number;
}

/** Looked at in one turn of the event loop, some 0.4 ms; then others have theirs. */
const STEP_BYTES = 4 * 1024;
const STEP_PAUSE_MS = 5;
const RECORD_COST_BYTES = 64;
const RETRY_MS = 60_000;
const LONGEST_SLEEP_MS = 3_600_000;
const START = new Uint8Array(0);
const END = Buffer.alloc(MAX_KEY_BYTES + 1, 0xff);
const FRESH: ScrubPosition = { beganAtMs: 0, passes: 0, phase: 'done', key: START, leaf: 0 };

export class Scrubber {
  readonly #pace: Pace;
  readonly #hurriedPace: Pace;
  readonly #counts = { rows: 0, records: 0, bytes: 0, failing: 0 };
  #damagedRows = 0;
  #indexesRepaired = 0;
  #leavesRepaired = 0;
  #hintsDropped = 0;
  #damagedFiles: readonly FileDamage[] = [];
  #unreadable = 0;
  #at: ScrubPosition | null = null;
  #row: RowCheck | null = null;
  #files: Generator<number, readonly FileDamage[]> | null = null;
  #savedAtMs = 0;
  #cancelTimer: Cancel;

  constructor(
    private readonly ports: ScrubberPorts,
    private readonly settings: ScrubSettings = SCRUB_SETTINGS,
  ) {
    this.#pace = new Pace(settings.bytesPerSecond);
    this.#hurriedPace = new Pace(settings.hurriedBytesPerSecond);
    this.#cancelTimer = ports.clock.after(settings.startAfterMs, () => this.#turn());
  }

  stats(): ScrubStats {
    const { rows, records, bytes, failing } = this.#counts;
    return {
      passes: this.#at?.passes ?? 0,
      position: this.#position(),
      rows,
      records,
      bytes,
      failingRecords: failing,
      damagedRows: this.#damagedRows,
      indexesRepaired: this.#indexesRepaired,
      leavesRepaired: this.#leavesRepaired,
      hintsDropped: this.#hintsDropped,
      damagedFiles: this.#damagedFiles.map(({ file }) => file),
      unreadable: this.#unreadable,
    };
  }

  stop(): void {
    this.#cancelTimer();
  }

  #turn(): void {
    if (this.ports.engine.state !== 'open') return;
    const { clock } = this.ports;
    const before = this.#cost();
    let pauseMs = STEP_PAUSE_MS;
    try {
      this.#at ??= this.#load();
      pauseMs = Math.max(this.#step(this.#at), STEP_PAUSE_MS);
    } catch (error) {
      if (!(error instanceof TriptychError)) throw error;
      this.#unreadable++;
      this.#passOver();
      pauseMs = RETRY_MS;
    }
    const nowMs = clock.monotonicMs();
    const pace = this.#isHurried() ? this.#hurriedPace : this.#pace;
    pace.sent(this.#cost() - before, nowMs);
    if (nowMs - this.#savedAtMs >= this.settings.savePositionEveryMs && this.#at?.phase !== 'done') this.#save();
    this.#cancelTimer = clock.after(Math.max(pauseMs, pace.delayMs(nowMs)), () => this.#turn());
  }

  /** One piece of work. Returns how long to wait at least, ms. */
  #step(at: ScrubPosition): number {
    switch (at.phase) {
      case 'records':
        this.#records(at);
        return 0;
      case 'tree':
        return this.#leaves(at);
      case 'files':
        this.#readFiles(at);
        return 0;
      case 'done': {
        const nowMs = this.ports.clock.wallMs();
        const dueInMs = at.beganAtMs + this.settings.passEveryMs - nowMs;
        // A clock that was set back must not keep the next pass waiting for it.
        if (dueInMs > 0 && dueInMs <= this.settings.passEveryMs) return Math.min(dueInMs, LONGEST_SLEEP_MS);
        this.#at = { beganAtMs: Math.max(0, nowMs), passes: at.passes, phase: 'records', key: START, leaf: 0 };
        this.#savedAtMs = this.ports.clock.monotonicMs();
        return 0;
      }
    }
  }

  // ---- records

  #records(at: ScrubPosition): void {
    if (Buffer.compare(at.key, ROWS_START) < 0) return this.#ownRecords(at);
    for (let left = STEP_BYTES; left > 0; ) {
      const before = this.#cost();
      this.#row ??= this.#nextRow();
      if (this.#row === null) {
        this.#enter('tree');
        return;
      }
      const finding = this.#row.step(left);
      if (finding !== null) this.#rowEnded(this.#row, finding);
      left -= this.#cost() - before;
    }
  }

  /** The next row from the position on. */
  #nextRow(): RowCheck | null {
    let found: RowKey | null = null;
    const strays: Uint8Array[] = [];
    this.ports.engine.scan({ start: this.#at!.key, end: END }, (recordKey) => {
      found = rowOfRecordKey(recordKey);
      if (found === null) strays.push(new Uint8Array(recordKey));
      return found === null;
    });
    // A key that we never wrote is one that rotted; where it stood once something is missing, and that is found there.
    this.#counts.failing += strays.length;
    this.#drop(strays);
    return found === null ? null : new RowCheck(this.ports, found, this.#counts);
  }

  #rowEnded({ key }: RowCheck, { kind, isMarked }: RowFinding): void {
    const { rows, indexesRewritten, isReplica } = this.ports;
    this.#row = null;
    this.#counts.rows++;
    this.#goTo(keysOf(key).all().end);
    if (kind === 'damaged' && isReplica(key)) {
      this.#damagedRows++;
      rows.damaged(key);
    } else if (kind === 'damaged') this.#dropFailing(keysOf(key));
    else if (kind === 'indexes') {
      this.#indexesRepaired++;
      rows.rewriteIndexes(key, () => indexesRewritten(key));
    }
    if (isMarked) rows.header(key); // brings to light one that nobody has asked for since the start
  }

  /** Of a row that is not to be here: a record that cannot be read would only stand in the way of checkpoints. */
  #dropFailing(keys: RowKeys): void {
    const failing: Uint8Array[] = [];
    this.ports.engine.scan(keys.all(), (recordKey, bytes) => {
      if (bytes === null || keys.kindOf(recordKey) === null) failing.push(new Uint8Array(recordKey));
    });
    this.#drop(failing);
  }

  /** Hints and entries by token; what else a node keeps is checked by whoever reads it, and counted here. */
  #ownRecords(at: ScrubPosition): void {
    const counts = this.#counts;
    const found: { key: Uint8Array; value: Uint8Array | null }[] = [];
    const stopAt = counts.bytes + STEP_BYTES;
    let next: Uint8Array = ROWS_START;
    this.ports.engine.scan({ start: at.key, end: ROWS_START }, (recordKey, bytes) => {
      if (counts.bytes >= stopAt) {
        next = new Uint8Array(recordKey);
        return false;
      }
      counts.records++;
      counts.bytes += recordKey.length + (bytes?.length ?? 0);
      if (bytes === null) counts.failing++;
      if (kindOfOwn(recordKey) !== null) found.push({ key: new Uint8Array(recordKey), value: bytes === null ? null : new Uint8Array(bytes) });
      return true;
    });
    this.#goTo(next);
    for (const { key, value } of found) {
      const kind = kindOfOwn(key);
      if (kind === 'hint') this.#hint(key, value);
      else if (kind === 'entry') this.#tokenEntry(key, value);
      else this.#drop([key]);
    }
  }

  #hint(recordKey: Uint8Array, value: Uint8Array | null): void {
    if (value !== null && isHint(recordKey, value)) return;
    this.#hintsDropped++;
    this.ports.dropHint(recordKey);
  }

  #tokenEntry(entryKey: Uint8Array, value: Uint8Array | null): void {
    const { rows, indexesRewritten, isReplica } = this.ports;
    const key = rowOfTokenIndexKey(entryKey);
    const isOurs = key !== null && Buffer.compare(tokenIndexKey(key), entryKey) === 0;
    if (!isOurs) {
      this.#indexesRepaired++;
      rows.dropTokenEntry(entryKey, null, () => {});
    } else if (this.#hasHeader(key)) {
      if (value !== null) return;
      this.#indexesRepaired++;
      rows.rewriteIndexes(key, () => indexesRewritten(key));
    } else if (value !== null && isReplica(key)) {
      this.#damagedRows++; // written with the row's first record, and the row is gone
      rows.damaged(key);
    } else {
      this.#indexesRepaired++;
      rows.dropTokenEntry(entryKey, key, () => {});
    }
  }

  #hasHeader(key: RowKey): boolean {
    try {
      return this.ports.engine.get(keysOf(key).header()) !== undefined;
    } catch (error) {
      if (!isCorruption(error)) throw error;
      return true; // its turn comes with the row
    }
  }

  #drop(keys: readonly Uint8Array[]): void {
    if (keys.length > 0) this.ports.engine.write(keys.map((key) => ({ key, value: null })), () => {});
  }

  // ---- the tree, the files

  #leaves(at: ScrubPosition): number {
    const { tree } = this.ports;
    if (!tree.isReady) return 1_000;
    const { putRight, rows, upTo } = tree.recheck(at.leaf);
    this.#leavesRepaired += putRight;
    this.#counts.bytes += rows * RECORD_COST_BYTES;
    if (upTo === LEAF_COUNT) this.#enter('files');
    else this.#at = { ...at, leaf: upTo };
    return 0;
  }

  #readFiles(at: ScrubPosition): void {
    const { engine } = this.ports;
    this.#files ??= engine.checkFiles();
    const step = this.#files.next();
    if (!step.done) {
      this.#counts.bytes += step.value;
      return;
    }
    this.#files = null;
    this.#damagedFiles = step.value;
    if (step.value.length > 0) engine.takeCheckpoint();
    this.#at = { ...at, passes: at.passes + 1 };
    this.#enter('done');
  }

  // ---- where it is

  #enter(phase: ScrubPhase): void {
    this.#at = { ...this.#at!, phase, key: START, leaf: 0 };
    if (phase === 'done') this.#save();
  }

  #goTo(key: Uint8Array): void {
    this.#at = { ...this.#at!, key };
  }

  /** Something on the way cannot be read at all: goes on behind it. */
  #passOver(): void {
    const row = this.#row;
    this.#row = null;
    this.#files = null;
    if (this.#at === null || this.#at.phase === 'done') return;
    if (row !== null) this.#goTo(keysOf(row.key).all().end);
    else if (this.#at.phase === 'records') this.#enter('tree');
    else this.#enter(this.#at.phase === 'tree' ? 'files' : 'done');
  }

  #load(): ScrubPosition {
    try {
      const bytes = this.ports.engine.get(SCRUB_POSITION_KEY);
      return bytes === undefined ? FRESH : decodeScrubPosition(bytes);
    } catch (error) {
      if (!isCorruption(error)) throw error;
      return FRESH;
    }
  }

  #save(): void {
    this.#savedAtMs = this.ports.clock.monotonicMs();
    this.ports.engine.write([{ key: SCRUB_POSITION_KEY, value: encodeScrubPosition(this.#at!) }], () => {});
  }

  #isHurried(): boolean {
    const { beganAtMs } = this.#at ?? FRESH;
    return 2 * (this.ports.clock.wallMs() - beganAtMs) > this.settings.passEveryMs;
  }

  #cost(): number {
    const { records, bytes } = this.#counts;
    return bytes + records * RECORD_COST_BYTES;
  }

  #position(): string {
    const at = this.#at;
    if (at === null || at.phase === 'done') return 'waiting';
    if (at.phase === 'tree') return `tree ${at.leaf}/${LEAF_COUNT}`;
    if (at.phase === 'files') return 'files';
    const row = rowOfRecordKey(at.key);
    return row === null ? 'records' : `records ${row.table}/${row.row}`;
  }
}

const startsWith = (key: Uint8Array, prefix: Uint8Array): boolean => Buffer.compare(key.subarray(0, prefix.length), prefix) === 0;
const HINTS = nodeKey('hint\0');
const ENTRIES = nodeKey('t\0');

/** Null for what others keep here. */
function kindOfOwn(key: Uint8Array): 'hint' | 'entry' | 'stray' | null {
  if (startsWith(key, HINTS)) return 'hint';
  if (startsWith(key, ENTRIES)) return 'entry';
  return isNodeKey(key) ? null : 'stray';
}

/** Whether a hint's record holds the operation that its key names. */
function isHint(recordKey: Uint8Array, value: Uint8Array): boolean {
  try {
    return Buffer.compare(hintKey(targetOf(recordKey), decodeDelta(decodeHint(value).delta)), recordKey) === 0;
  } catch (error) {
    if (!isCorruption(error)) throw error;
    return false;
  }
}
