/**
 * A membership as bytes, on disk and between nodes. Equal memberships have equal bytes, so a hash of them tells whether two
 * nodes mean the same by an epoch.
 */
import { nodeId, TriptychError, zoneId, type RingMember } from '@app/contracts';
import { ByteReader } from '../codec/byte-reader.js';
import { ByteWriter } from '../codec/byte-writer.js';
import { sipHash64 } from '../codec/sip-hash.js';
import type { Survival } from '../ring/check-layout.js';
import type { ChangeOutcome, HistoryEntry, Membership } from './membership.js';

const FORMAT = 1;
const AIMS: readonly Survival[] = ['nothing', 'node', 'zone'];
const OUTCOMES: readonly ChangeOutcome[] = ['under-way', 'done', 'cancelled'];
const HASH_KEY = Buffer.from('triptych members', 'latin1');

export function encodeMembership({ epoch, replicationFactor, survive, members, next, history }: Membership): Uint8Array {
  const writer = new ByteWriter(1024);
  writer.u8(FORMAT);
  writer.varint(epoch);
  writer.varint(replicationFactor);
  writer.u8(AIMS.indexOf(survive));
  writeMembers(writer, members);
  writer.u8(next === null ? 0 : 1);
  if (next !== null) writeMembers(writer, next);
  writer.varint(history.length);
  for (const entry of history) {
    writer.varint(entry.epoch);
    writer.string(entry.what);
    writer.string(entry.by);
    writer.varint(entry.beganAtMs);
    writer.u8(OUTCOMES.indexOf(entry.outcome));
    if (entry.outcome !== 'under-way') writer.varint(entry.endedAtMs ?? 0);
  }
  return writer.finish();
}

/** @throws TriptychError STORE_RECORD_CORRUPT on bytes that are no membership of a known format */
export function decodeMembership(bytes: Uint8Array): Membership {
  const reader = new ByteReader(bytes);
  const format = reader.u8();
  if (format !== FORMAT) throw new TriptychError('STORE_RECORD_CORRUPT', `membership format ${format} is not known`);
  const epoch = reader.varint();
  const replicationFactor = reader.varint();
  const survive = oneOf(AIMS, reader.u8());
  const members = readMembers(reader);
  const next = reader.u8() === 0 ? null : readMembers(reader);
  const history: HistoryEntry[] = [];
  for (let left = reader.varint(); left > 0; left--) {
    const [began, what, by, beganAtMs] = [reader.varint(), reader.string(), reader.string(), reader.varint()];
    const outcome = oneOf(OUTCOMES, reader.u8());
    history.push({ epoch: began, what, by, beganAtMs, outcome, endedAtMs: outcome === 'under-way' ? null : reader.varint() });
  }
  reader.end();
  return { epoch, replicationFactor, survive, members, next, history };
}

/** 16 hex digits. */
export const membershipHash = (bytes: Uint8Array): string => sipHash64(HASH_KEY, bytes).toString(16).padStart(16, '0');

function writeMembers(writer: ByteWriter, members: readonly RingMember[]): void {
  writer.varint(members.length);
  for (const { node, zone, region, host, port, weight, place } of members) {
    for (const text of [node, zone, region, host, place ?? '']) writer.string(text);
    writer.varint(port);
    // A weight may be a fraction: as text it has one spelling.
    writer.string(String(weight));
  }
}

function readMembers(reader: ByteReader): RingMember[] {
  const members: RingMember[] = [];
  for (let left = reader.varint(); left > 0; left--) {
    const [node, zone, region, host, place] = [reader.string(), reader.string(), reader.string(), reader.string(), reader.string()];
    const [port, weight] = [reader.varint(), Number(reader.string())];
    members.push({ node: nodeId(node), zone: zoneId(zone), region, host, port, weight, ...(place !== '' && { place: nodeId(place) }) });
  }
  return members;
}

function oneOf<T>(choices: readonly T[], index: number): T {
  const choice = choices[index];
  if (choice === undefined) throw new TriptychError('STORE_RECORD_CORRUPT', `a membership holds ${index} where one of ${choices.length} was meant`);
  return choice;
}
