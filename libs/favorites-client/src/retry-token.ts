/**
 * A retry token is a write of unknown outcome, packed so that a device can hand it back through any gateway: the
 * prepared delta, what was asked, and what the answer would have been. Sent back, it is the same operation, however late,
 * so a token never expires. The alternative, keeping the delta in the gateway, loses it with the gateway.
 *
 * A delta in the hands of a device is a right to write, so the token is sealed for the principal it was given to, who alone
 * may use it (seal.ts). It is not secret: it holds only what its owner wrote.
 *
 * Bytes: version 1, then fields, each a length (2 bytes, big-endian) and that many bytes, in the order of `fieldsOf`.
 * test/golden/client/ pins them; another layout is another version.
 */
import { type Item, type Operation, type Placement, TriptychError } from '@app/contracts';
import type { PendingWrite } from './list-store.js';
import { firstSecret, seal, sealedMaxBytes, type SealSecret, unseal } from './seal.js';

/** Characters of a token, at most. A write too large for it fails without a token, and stays unknown to its device. */
export const RETRY_TOKEN_MAX_LENGTH = 16 * 1024;

const VERSION = 1;
const DOMAIN = 'triptych retry token';
const FIELD_COUNT = 13;
const FIELD_MAX_BYTES = 0xffff;
const MAX_BYTES = sealedMaxBytes(RETRY_TOKEN_MAX_LENGTH);
const NO_BYTES = new Uint8Array(0);

/** The token, base64url; null when it would be longer than RETRY_TOKEN_MAX_LENGTH. */
export function sealRetryToken(pending: PendingWrite, principalName: string, secrets: readonly SealSecret[]): string | null {
  const fields = fieldsOf(pending, firstSecret(secrets).id);
  const bodyBytes = fields.reduce((sum, field) => sum + 2 + field.length, 1);
  if (bodyBytes > MAX_BYTES || fields.some((field) => field.length > FIELD_MAX_BYTES)) return null;
  const bytes = Buffer.alloc(bodyBytes);
  let at = bytes.writeUInt8(VERSION, 0);
  for (const field of fields) {
    at = bytes.writeUInt16BE(field.length, at);
    bytes.set(field, at);
    at += field.length;
  }
  return seal(DOMAIN, principalName, bytes, secrets);
}

/**
 * What was sealed, for the principal it was sealed for.
 * @throws TriptychError RETRY_TOKEN_INVALID for anything else: one code and no reason, since whoever forges learns from reasons
 */
export function openRetryToken(text: string, principalName: string, secrets: readonly SealSecret[]): PendingWrite {
  const body = text.length > RETRY_TOKEN_MAX_LENGTH ? null : unseal(DOMAIN, principalName, text, secrets);
  if (body === null) throw invalid();
  return pendingOf(readFields(body));
}

function fieldsOf({ table, row, item, operation, delta, result }: PendingWrite, keyId: string): Uint8Array[] {
  const value = operation.kind === 'add' ? operation.value : NO_BYTES;
  // What is added is nearly always what the answer shows: not repeated then.
  const echo = result !== null && Buffer.compare(result.value, value) === 0;
  const writtenAtMs = Buffer.alloc(8);
  writtenAtMs.writeDoubleBE(result?.writtenAtMs ?? 0);
  return [
    Buffer.from(keyId),
    Buffer.from(table),
    Buffer.from(row),
    Buffer.from(item),
    Buffer.from(operation.kind),
    Buffer.from(placementText('placement' in operation ? operation.placement : undefined)),
    value,
    delta,
    Buffer.from(result === null ? 'none' : echo ? 'echo' : 'whole'),
    Buffer.from(result?.item ?? ''),
    Buffer.from(result?.position ?? ''),
    result === null || echo ? NO_BYTES : result.value,
    writtenAtMs,
  ];
}

/** The inverse of `fieldsOf`; only ever given what a holder of the key has sealed. */
function pendingOf(fields: readonly Buffer[]): PendingWrite {
  const [, table, row, item, kind, placement] = fields.map((field) => field.toString('utf8'));
  const [value, delta] = [own(fields[6]), own(fields[7])];
  return {
    table: table!,
    row: row!,
    item: item!,
    operation: operationOf(kind, placementIn(placement!), value),
    delta,
    result: resultOf(fields.slice(8), value),
  };
}

function operationOf(kind: string | undefined, placement: Placement | undefined, value: Uint8Array): Operation {
  if (kind === 'add') return placement === undefined ? { kind, value } : { kind, value, placement };
  if (kind === 'remove') return { kind };
  if (kind === 'move' && placement !== undefined) return { kind, placement };
  throw invalid();
}

function resultOf([kind, item, position, value, writtenAtMs]: readonly Buffer[], echo: Uint8Array): Item | null {
  if (kind?.toString() === 'none') return null;
  if (writtenAtMs?.length !== 8) throw invalid();
  return {
    item: item!.toString('utf8'),
    position: position!.toString('utf8'),
    value: kind?.toString() === 'echo' ? echo : own(value),
    writtenAtMs: writtenAtMs.readDoubleBE(0),
  };
}

function placementText(placement: Placement | undefined): string {
  if (placement === undefined) return '';
  if (typeof placement === 'string') return placement;
  return 'before' in placement ? `before:${placement.before}` : `after:${placement.after}`;
}

function placementIn(text: string): Placement | undefined {
  if (text === '') return undefined;
  if (text === 'first' || text === 'last') return text;
  if (text.startsWith('before:')) return { before: text.slice('before:'.length) };
  if (text.startsWith('after:')) return { after: text.slice('after:'.length) };
  throw invalid();
}

/** Exactly FIELD_COUNT fields and nothing after them. */
function readFields(body: Buffer): Buffer[] {
  if (body[0] !== VERSION) throw invalid();
  const fields: Buffer[] = [];
  let at = 1;
  while (fields.length < FIELD_COUNT) {
    if (at + 2 > body.length) throw invalid();
    const start = at + 2;
    at = start + body.readUInt16BE(at);
    if (at > body.length) throw invalid();
    fields.push(body.subarray(start, at));
  }
  if (at !== body.length) throw invalid();
  return fields;
}

const own = (field: Buffer | undefined): Uint8Array => Uint8Array.from(field ?? NO_BYTES);
const invalid = (): TriptychError =>
  new TriptychError('RETRY_TOKEN_INVALID', 'the retry token is not one of ours, or not for this principal');
