/**
 * What a session has seen, row by row, in one text that travels with its requests: the session's memory is the session's own,
 * and any gateway in any zone goes on with it. Sealed for its principal: made by hand it could ask every list for what
 * nobody has, and keep a quorum busy finding that out.
 *
 * It has at most 1 KiB. Rows are kept by the last use, the newest first, and what has no room is forgotten with a mark
 * instead of silently, since a promise rests on it: reads of a row that was forgotten ask a quorum, or all replicas where
 * perhaps one alone had shown what was seen. Rows that a quorum holds go first, so that the second hardly ever happens.
 *
 * Bytes: version 1, what of dropped rows is forgotten (0 nothing, 1 on a quorum, 2 anywhere), then for each row its 8-byte
 * token on the ring, a length (2 bytes, big-endian) and what was seen of it as the store writes it.
 */
import { type RowKey, TriptychError } from '@app/contracts';
import { CausalContext, decodeSeen, encodeSeen, NOTHING_SEEN, type SeenRow, tokenOf } from '@app/store';
import { seal, sealedMaxBytes, type SealSecret, unseal } from './seal.js';

/** Characters, at most. */
export const SESSION_TOKEN_MAX_LENGTH = 1024;

const VERSION = 1;
const DOMAIN = 'triptych session token';
const MAX_BYTES = sealedMaxBytes(SESSION_TOKEN_MAX_LENGTH);
const HEAD_BYTES = 2;
const ROW_HEAD_BYTES = 10;
const FORGOTTEN = ['nothing', 'on-quorum', 'anywhere'] as const;

type Forgotten = SeenRow['forgotten'];

interface SessionRow {
  readonly token: bigint;
  readonly seen: Uint8Array;
}

export class SessionToken {
  /** Of a session that begins. */
  static readonly EMPTY = new SessionToken([], 'nothing');

  private constructor(
    /** The last used first. */
    private readonly rows: readonly SessionRow[],
    /** Of rows that are not among these. */
    private readonly forgotten: Forgotten,
  ) {}

  /** @throws TriptychError SESSION_TOKEN_INVALID for what was not sealed for this principal */
  static open(text: string, principalName: string, secrets: readonly SealSecret[]): SessionToken {
    const body = text.length > SESSION_TOKEN_MAX_LENGTH ? null : unseal(DOMAIN, principalName, text, secrets);
    if (body === null || body[0] !== VERSION) throw invalid();
    const rows: SessionRow[] = [];
    for (let at = HEAD_BYTES; at < body.length; ) {
      const end = at + ROW_HEAD_BYTES + body.readUInt16BE(at + 8);
      rows.push({ token: body.readBigUInt64BE(at), seen: body.subarray(at + ROW_HEAD_BYTES, end) });
      at = end;
    }
    return new SessionToken(rows, FORGOTTEN[body[1]!]!);
  }

  /** What a request about the row is to carry; undefined where the session has not met it. */
  seenOf(key: RowKey): Uint8Array | undefined {
    const token = tokenOf(key.table, key.row);
    const row = this.rows.find((each) => each.token === token);
    if (row !== undefined) return row.seen;
    return this.forgotten === 'nothing' ? undefined : encodeSeen({ ...NOTHING_SEEN, forgotten: this.forgotten });
  }

  /** After a reply about the row. */
  after(key: RowKey, seen: Uint8Array): SessionToken {
    const token = tokenOf(key.table, key.row);
    const rows = [{ token, seen }, ...this.rows.filter((each) => each.token !== token)];
    let next = new SessionToken(rows, this.forgotten);
    while (next.byteCount > MAX_BYTES) next = next.forgettingSome();
    return next;
  }

  /** The text, base64url, at most SESSION_TOKEN_MAX_LENGTH characters. */
  seal(principalName: string, secrets: readonly SealSecret[]): string {
    const body = Buffer.allocUnsafe(this.byteCount);
    body.writeUInt8(VERSION, 0);
    body.writeUInt8(FORGOTTEN.indexOf(this.forgotten), 1);
    let at = HEAD_BYTES;
    for (const { token, seen } of this.rows) {
      at = body.writeBigUInt64BE(token, at);
      at = body.writeUInt16BE(seen.length, at);
      body.set(seen, at);
      at += seen.length;
    }
    return seal(DOMAIN, principalName, body, secrets);
  }

  private get byteCount(): number {
    return this.rows.reduce((sum, { seen }) => sum + ROW_HEAD_BYTES + seen.length, HEAD_BYTES);
  }

  /** Gives up what is missed least: old rows that a quorum holds, old rows, what was seen of a row, pending writes. */
  private forgettingSome(): SessionToken {
    const [newest, ...older] = this.rows.map((row) => ({ ...row, what: decodeSeen(row.seen) }));
    const settled = older.filter(({ what }) => what.pending.length === 0);
    const victim = settled.findLast(({ what }) => whatIsForgottenOf(what) !== 'anywhere') ?? settled.at(-1);
    if (victim !== undefined) {
      const rows = this.rows.filter(({ token }) => token !== victim.token);
      return new SessionToken(rows, most(this.forgotten, whatIsForgottenOf(victim.what)));
    }
    const all = [newest!, ...older];
    const long = all.findLast(({ what }) => !what.context.isEmpty);
    const shortened = long ?? all.findLast(({ what }) => what.pending.length > 0)!;
    const { what } = shortened;
    const less = long === undefined ? { ...what, pending: what.pending.slice(1) } : { ...what, context: CausalContext.EMPTY, isOnQuorum: true, forgotten: whatIsForgottenOf(what) };
    return new SessionToken(
      this.rows.map((row) => (row.token === shortened.token ? { token: row.token, seen: encodeSeen(less) } : row)),
      this.forgotten,
    );
  }
}

/** What a session no longer knows of a row when its context is given up. */
function whatIsForgottenOf({ context, isOnQuorum, forgotten }: SeenRow): Forgotten {
  return context.isEmpty ? forgotten : most(forgotten, isOnQuorum ? 'on-quorum' : 'anywhere');
}

const most = (a: Forgotten, b: Forgotten): Forgotten => (FORGOTTEN.indexOf(a) > FORGOTTEN.indexOf(b) ? a : b);

const invalid = (): TriptychError => new TriptychError('SESSION_TOKEN_INVALID', 'the session token is not one of ours, or not for this principal');
