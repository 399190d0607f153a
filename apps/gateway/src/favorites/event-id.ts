/**
 * `id:` of an event, and what a device sends back as `Last-Event-ID`: what it has been told of the list, as the store says it
 * (a context of the row). It names no place in anybody's log, so any gateway goes on from it with any replica. Sealed and bound to
 * list and principal, since it goes into a question to the store as it is.
 */
import type { RowKey } from '@app/contracts';
import { seal, type SealSecret, unseal } from '@app/favorites-client';

/** Characters, at most: well within what a header may have. A context has some 12 bytes for each restart of a replica. */
export const EVENT_ID_MAX_LENGTH = 4096;

const VERSION = 1;
const DOMAIN = 'triptych event id';

/** @param seen as it came with the event   @returns null where it would be too long: then a device that comes back is told the list */
export function sealEventId(seen: Uint8Array, row: RowKey, principalName: string, secrets: readonly SealSecret[]): string | null {
  const id = seal(DOMAIN, ownerOf(row, principalName), Buffer.concat([Buffer.of(VERSION), seen]), secrets);
  return id.length > EVENT_ID_MAX_LENGTH ? null : id;
}

/** Undefined for whatever was not sealed for this list and principal: as if nothing had been told. */
export function openEventId(text: string, row: RowKey, principalName: string, secrets: readonly SealSecret[]): Uint8Array | undefined {
  const body = text.length > EVENT_ID_MAX_LENGTH ? null : unseal(DOMAIN, ownerOf(row, principalName), text, secrets);
  return body === null || body[0] !== VERSION ? undefined : body.subarray(1);
}

/** Neither part of the key holds a NUL. */
const ownerOf = ({ table, row }: RowKey, principalName: string): string => `${table}\0${row}\0${principalName}`;
