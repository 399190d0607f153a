/**
 * What a log holds after an unclean stop, and what of it may be believed.
 *
 * The log has at most one group in flight, so a power cut can tear one place only: after the last whole group of the last
 * segment. That tail was never acknowledged, and is cut. Anything else that is no group (a bad one with a good one behind
 * it, or in a segment that another one follows, or a gap between segments) is damage to acknowledged writes; then the log is
 * refused, loudly: what would remain is a replica that has forgotten and does not know it.
 *
 * Where tables are synced periodically several groups at the end may be torn, and a good one stand behind a bad one. There the log
 * is cut at the first bad group of the last segment. Should that have been rot and no power cut, acknowledged writes are cut off
 * with it; so a node that finds its log cut before whole groups believes itself to lack anything, and syncs all (Recovery.isCut).
 *
 * One case looks the same from here: rot in the very last group, after it was acknowledged. It is cut as torn;
 * `tornBytes` and `durableLsn` let the node ask its peers what they have witnessed (row model, F11).
 *
 * The last segment is then written anew as a whole. Its tail may be in the page cache and nowhere else, and after a failed
 * sync the kernel takes such pages for clean: to sync it again would prove nothing.
 */
import { TriptychError } from '@app/contracts';
import { decodeGroup, decodeFileHeader, FILE_HEADER_BYTES, findGroup, type Group, type Mutation } from '../core/codec/log-record.js';
import type { Disk } from '../ports/disk.js';
import type { Segment } from './commit-log.js';

export interface LogReplay {
  readonly durableLsn: number;
  readonly replayedBatches: number;
  readonly tornBytes: number;
  /** Whole groups were cut off too. */
  readonly isCut: boolean;
}

/** The segments of a directory, in order. */
export function listSegments(disk: Disk): Segment[] {
  const segments: Segment[] = [];
  for (const name of disk.list()) {
    const firstLsn = Number(/^log-(\d{16})$/.exec(name)?.[1]);
    if (firstLsn > 0) segments.push({ name, firstLsn, sizeBytes: disk.sizeBytes(name) });
  }
  return segments.sort((a, b) => a.firstLsn - b.firstLsn);
}

/** Whether batch `lsn` + 1 and all that follow can be in these segments. */
export function reachesBackTo(lsn: number, segments: readonly Segment[]): boolean {
  return segments.length === 0 || segments[0]!.firstLsn <= lsn + 1;
}

/**
 * Hands every batch after `lsn` to `apply`, group by group, in order; cuts the torn tail. Sizes in `segments` follow.
 * @throws TriptychError STORE_RECORD_CORRUPT, with file and offset, when acknowledged writes may be missing
 */
export function replayLog(disk: Disk, segments: readonly Segment[], lsn: number, apply: (mutations: readonly Mutation[]) => void, cutsTail = false): LogReplay {
  let durableLsn = lsn;
  let replayedBatches = 0;
  let tornBytes = 0;
  let isCut = false;
  for (const [index, segment] of segments.entries()) {
    const next = segments[index + 1];
    if (next !== undefined && next.firstLsn <= lsn + 1) continue; // wholly before
    const bytes = disk.read(segment.name);
    let expectedLsn = segment.firstLsn;
    const mayCut = cutsTail && next === undefined;
    const end = readGroups(segment, bytes, mayCut, (group) => {
      expectedLsn += group.batchCount;
      if (expectedLsn - 1 <= lsn) return;
      apply(group.mutations);
      replayedBatches += group.batchCount;
    });
    if (next === undefined) {
      tornBytes = bytes.length - end;
      isCut = mayCut && findGroup(bytes, end) >= 0;
      disk.replace(segment.name, bytes.subarray(0, end));
      segment.sizeBytes = end;
    } else {
      if (end < bytes.length) throw damaged(segment, end, 'no whole group here, though a segment follows');
      if (next.firstLsn !== expectedLsn) throw damaged(segment, end, `ends before batch ${expectedLsn}, the next segment begins with ${next.firstLsn}`);
    }
    durableLsn = Math.max(durableLsn, expectedLsn - 1);
  }
  return { durableLsn, replayedBatches, tornBytes, isCut };
}

/** Reads good groups in order; the offset after the last one, 0 where not even the header is whole. */
function readGroups(segment: Segment, bytes: Uint8Array, mayCut: boolean, visit: (group: Group) => void): number {
  const headerLsn = decodeFileHeader('log', bytes);
  if (headerLsn !== segment.firstLsn) {
    if (!mayCut && findGroup(bytes, 0) >= 0) throw damaged(segment, 0, 'its header is damaged');
    return 0;
  }
  let expectedLsn = segment.firstLsn;
  let offset = FILE_HEADER_BYTES;
  for (;;) {
    const group = decodeGroup(bytes, offset);
    if (group === null || group.firstLsn !== expectedLsn) break;
    visit(group);
    expectedLsn += group.batchCount;
    offset += group.byteLength;
  }
  const later = findGroup(bytes, offset);
  if (later >= 0 && !mayCut) throw damaged(segment, offset, `no whole group here, though one follows at ${later}`);
  // A header with nothing behind it is not worth keeping: the segment that follows would bear the same name.
  return offset === FILE_HEADER_BYTES ? 0 : offset;
}

function damaged(segment: Segment, offset: number, what: string): TriptychError {
  return new TriptychError(
    'STORE_RECORD_CORRUPT',
    `the commit log is damaged, acknowledged writes may be missing: ${segment.name} at byte ${offset}: ${what}`,
    { file: segment.name, offset },
  );
}

