/**
 * Bytes of ours in the hands of somebody else: handed out as text, and taken back only as they were handed out, and only from
 * whom they were given to. HMAC-SHA256 cut to 16 bytes over what they are for (`domain`), whose they are, and all of them.
 * They are sealed, not secret: what goes in may be read by its holder. The alternative, keeping them in the gateway and handing
 * out a number, loses them with the gateway.
 *
 * Text: base64url of the body, then the MAC. Any key of a list opens, so that one can be replaced while old texts are about.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { assert } from '@app/contracts';

/** The first of a list seals; all of a list open. */
export interface SealSecret {
  /** 1 to 64 bytes of UTF-8. */
  readonly id: string;
  /** At least 16 bytes. */
  readonly key: Uint8Array;
}

const MAC_BYTES = 16;

/** Longest body whose text has at most that many characters, bytes. */
export const sealedMaxBytes = (textLength: number): number => Math.floor((textLength * 3) / 4) - MAC_BYTES;

export function firstSecret([secret]: readonly SealSecret[]): SealSecret {
  assert(secret !== undefined, 'sealing takes a secret');
  return secret;
}

/** @param owner the name of the principal who may give it back */
export function seal(domain: string, owner: string, body: Uint8Array, secrets: readonly SealSecret[]): string {
  return Buffer.concat([body, macOf(domain, owner, body, firstSecret(secrets).key)]).toString('base64url');
}

/** The body; null for whatever `seal` did not make for this domain and owner: no reason is given, since whoever forges learns from reasons. */
export function unseal(domain: string, owner: string, text: string, secrets: readonly SealSecret[]): Buffer | null {
  const bytes = Buffer.from(text, 'base64url');
  // Base64 has several spellings of the same bytes; only ours is taken.
  if (bytes.length < MAC_BYTES || bytes.toString('base64url') !== text) return null;
  const body = bytes.subarray(0, bytes.length - MAC_BYTES);
  const mac = bytes.subarray(body.length);
  return secrets.some(({ key }) => timingSafeEqual(macOf(domain, owner, body, key), mac)) ? body : null;
}

/** Over one buffer, and as text: an update of its own for each part, and a digest as bytes, cost as much as the hashing. */
function macOf(domain: string, owner: string, body: Uint8Array, key: Uint8Array): Buffer {
  const ownerBytes = Buffer.byteLength(owner);
  const bytes = Buffer.allocUnsafe(Buffer.byteLength(domain) + 4 + ownerBytes + body.length);
  let at = bytes.write(domain);
  at = bytes.writeUInt32BE(ownerBytes, at);
  at += bytes.write(owner, at);
  bytes.set(body, at);
  const mac = createHmac('sha256', key).update(bytes).digest('binary');
  return Buffer.from(mac.slice(0, MAC_BYTES), 'binary');
}
