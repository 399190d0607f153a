/**
 * The first frame each way. HELLO says who calls, WELCOME who answers, REFUSE why not. A process speaks only to its own
 * cluster, at a version both know, with the same table schemas: bytes of another cluster's rows must never meet ours, and
 * a store that reads other schemas would store what it cannot serve. Both sides judge, by the same rule.
 *
 * Layout: four magic bytes, lowest and highest version (2 bytes each), then a plain msgpack map, in which keys that are
 * not known are ignored. This much stays the same in every version, or nobody could ever refuse anybody.
 */
import { TriptychError } from '@app/contracts';
import { Packr } from 'msgpackr';
import { WIRE_VERSION } from './frame.js';

/** Who a process is, and what it must have in common with whoever it speaks to. */
export interface WireIdentity {
  readonly clusterId: string;
  /** The node id of a store node; a name unique in the cluster for everyone else. */
  readonly name: string;
  /** What kind of process: 'store', 'gateway', ... Told to handlers, judged by nobody here. */
  readonly role: string;
  /** A hash over all table schemas. */
  readonly schemaHash: string;
}

export interface Greeting extends WireIdentity {
  readonly minVersion: number;
  readonly maxVersion: number;
  /** The largest frame the sender takes, bytes. */
  readonly maxFrameBytes: number;
}

/** One end as the other may know it. */
export interface Peer {
  readonly name: string;
  readonly role: string;
  /** Where from, as the network names it; for logs. */
  readonly remote: string;
}

export type RefusalReason = 'cluster' | 'version' | 'schema' | 'name' | 'draining' | 'fault';

const MAGIC = Buffer.from('TRIP', 'latin1');
const OLDEST_VERSION = 3;
const packr = new Packr({ useRecords: false });

export function greetingOf(identity: WireIdentity, maxFrameBytes: number): Greeting {
  return { ...identity, minVersion: OLDEST_VERSION, maxVersion: WIRE_VERSION, maxFrameBytes };
}

/** The body of HELLO and WELCOME. */
export function encodeGreeting({ minVersion, maxVersion, ...rest }: Greeting): Buffer {
  const { clusterId, name, role, schemaHash, maxFrameBytes } = rest;
  const map = packr.pack({ clusterId, name, role, schemaHash, maxFrameBytes });
  const versions = Buffer.from([minVersion >>> 8, minVersion, maxVersion >>> 8, maxVersion]);
  return Buffer.concat([MAGIC, versions, map]);
}

/** @throws TriptychError WIRE_PROTOCOL: whoever sent this does not speak our protocol at all */
export function decodeGreeting(body: Buffer): Greeting {
  const stranger = (cause?: unknown) => new TriptychError('WIRE_PROTOCOL', 'The peer does not speak this protocol.', {}, { cause });
  if (body.length < 8 || !body.subarray(0, 4).equals(MAGIC)) throw stranger();
  let map: Record<string, unknown>;
  try {
    map = packr.unpack(body.subarray(8)) as Record<string, unknown>;
  } catch (error) {
    throw stranger(error);
  }
  const { clusterId, name, role, schemaHash, maxFrameBytes } = map ?? {};
  const texts = [clusterId, name, role, schemaHash];
  if (!texts.every((text) => typeof text === 'string') || typeof maxFrameBytes !== 'number') throw stranger();
  const [clusterIdText, nameText, roleText, schemaHashText] = texts as [string, string, string, string];
  return {
    minVersion: body.readUInt16BE(4),
    maxVersion: body.readUInt16BE(6),
    clusterId: clusterIdText,
    name: nameText,
    role: roleText,
    schemaHash: schemaHashText,
    maxFrameBytes,
  };
}

/** Why these two must not speak to each other; undefined when they may. */
export function refusalOf(ours: Greeting, theirs: Greeting): TriptychError | undefined {
  if (theirs.clusterId !== ours.clusterId) return refusal('cluster', ours.clusterId, theirs.clusterId);
  if (theirs.minVersion > ours.maxVersion || theirs.maxVersion < ours.minVersion) {
    return refusal('version', `${ours.minVersion}-${ours.maxVersion}`, `${theirs.minVersion}-${theirs.maxVersion}`);
  }
  if (theirs.schemaHash !== ours.schemaHash) return refusal('schema', ours.schemaHash, theirs.schemaHash);
  return undefined;
}

const REFUSALS: Record<RefusalReason, string> = {
  cluster: 'The peer belongs to another cluster.',
  version: 'The peer speaks no version of the protocol that we speak.',
  schema: 'The peer has other table schemas.',
  name: 'The peer is not the process that was called.',
  draining: 'The peer is about to stop.',
  fault: 'The peer is cut off by an injected fault.',
};

export function refusal(reason: RefusalReason, ours: string, theirs: string): TriptychError {
  return new TriptychError('WIRE_HANDSHAKE_REFUSED', REFUSALS[reason], { reason, ours, theirs });
}
