/**
 * What tells an honest disk from a lost or an old one. A directory says by itself that it is empty, or another one than the
 * last run's; it cannot say that it is the same one rolled back: a copy of a running directory looks like a crash, and one of a
 * stopped directory like a clean stop. So peers remember, durably, which directory a node runs on and how far its log came, and
 * a node that starts asks them and has no vote until it knows (row model, F11).
 *
 *     nobody has witnessed another directory of this node     a new member: votes at once
 *     the directory is new, and another one was witnessed     a lost disk
 *     a peer has witnessed a later batch than is here         an old disk
 *     the directory is not the one last opened                an old disk, whatever else is said: a copy may be of any age
 *     else                                                    healthy: an unclean stop on an honest disk loses nothing
 *
 * Lost and old disks may lack anything: all slots are synced anew (slot-sync.ts), under a directory id of its own.
 *
 * **How many must answer.** To find a *lost* disk, its birth must have been witnessed where the next birth asks: a new
 * directory acknowledges nothing before a majority of the peers has it on disk, and needs as many to say that they know no other.
 * Two majorities meet. For three nodes that is both peers, once in the life of a disk, and a lost disk needs both as
 * sources anyway. An *existing* directory needs half of the peers, rounded down when the node itself is counted in: one of two, or else no
 * node could start again while one of three zones is dead. What this gives up: an old disk put in while the only peer that
 * saw the node's last hours is down, and those hours were spent without the other one. It is found when that peer
 * is back: what peers say later counts too, and takes the vote away then.
 *
 * **Witnesses that start again.** What was witnessed is on disk before it is confirmed to the node, and only durable batches are
 * told, so neither a crash nor a power loss of all nodes makes an honest disk look old. A witness that lost its own disk has
 * forgotten: it says so, its silence is not counted unless everybody has answered, and it hears all again once it is back.
 * A node tells its position once a second where it changed. So an old disk whose every missing batch is younger than that second may
 * pass; a start is told too, hence no disk from before the last start does. A run whose start was not confirmed leaves
 * the position that it was opened at in the directory: writes taken meanwhile do not make an old disk look up to date.
 */
import type { Subscription } from 'rxjs';
import type { CallContext, NodeId, TriptychError } from '@app/contracts';
import type { Cancel, Clock, Random } from '@app/time';
import { nodeKey } from '../core/row/row-keys.js';
import { decodeDirectory, DIRECTORY_ID_BYTES, encodeDirectory, isBehind, supersedes, type DirectoryClaim, type DirectoryRecord } from '../core/sync/directory-claim.js';
import type { Mutation, StorageEngine } from '../ports/storage-engine.js';
import type { PeerReply, PeerReplyBody, WitnessRequestBody } from '../ports/transport.js';

export type Standing = 'unknown' | 'new' | 'healthy' | 'lost-disk' | 'old-disk';

/** One message about directories; settles once, unless it is unsubscribed before. */
export type AskWitness = (to: NodeId, body: WitnessRequestBody, context: CallContext, settle: (reply: PeerReply | null, error?: TriptychError) => void) => Subscription;

export interface WitnessPorts {
  readonly self: NodeId;
  readonly engine: StorageEngine;
  readonly clock: Clock;
  readonly random: Random;
  /** False when this is a copy of the directory last opened (Recovery). */
  readonly sameDirectory: boolean;
  /** The other members. */
  readonly peers: () => readonly NodeId[];
  readonly ask: AskWitness;
  /** Rows here are still being synced after a loss: what this node does not remember proves nothing. */
  readonly isAmnesic: () => boolean;
  /** Takes the vote for all slots away, in one batch with `record`. */
  readonly forgetAll: (reason: 'lost-disk' | 'old-disk', record: Mutation, settled: (error?: Error) => void) => void;
}

export interface WitnessStats {
  readonly standing: Standing;
  readonly directory: { readonly id: string; readonly generation: number };
  /** Batches written only to remember peers. */
  readonly batches: number;
  /** Peers that hold what this node last told. */
  readonly toldPeers: number;
}

const TELL_EVERY_MS = 1_000;
const ASK_EVERY_MS = 200;
const ANSWER_TIMEOUT_MS = 1_000;
/** Requests wait this long for the peers' answers after a start; then what needs a vote is refused. */
const HOLD_MS = 3_000;
const RECORD_KEY = nodeKey('n\0directory');
const witnessedKey = (node: NodeId): Uint8Array => nodeKey(`n\0witnessed\0${node}`);

export class Witness {
  #record: DirectoryRecord;
  #standing: Standing = 'unknown';
  readonly #answers = new Map<NodeId, { isAmnesic: boolean }>();
  readonly #pending = new Map<NodeId, Subscription>();
  /** What peers hold of this node, by count of batches that are not the witness's own. */
  readonly #told = new Map<NodeId, number>();
  readonly #witnessed = new Map<NodeId, DirectoryClaim | null>();
  /** What each peer was told in this run: a peer that knows of more than that, and than was here at the start, knows better. */
  readonly #toldLsn = new Map<NodeId, number>();
  #highestGeneration = 0;
  /** Batches that only say what was heard: told to nobody, or two nodes would keep each other writing for ever. */
  #ownBatches = 0;
  #isDeciding = false;
  #isStopped = false;
  /** Whether requests are to wait: see `whenKnown`. */
  isHolding = true;
  #held = new Set<() => void>();
  #cancelTimer: Cancel = () => {};
  readonly #cancelHold: Cancel;

  constructor(private readonly ports: WitnessPorts) {
    const { engine, clock } = ports;
    const found = read(engine, RECORD_KEY, decodeDirectory);
    this.#cancelHold = clock.after(HOLD_MS, () => this.#endHold());
    if (found === null) {
      this.#record = { generation: 1, id: this.#newId(), lsn: 0, state: 'unborn' };
    } else {
      this.#record = found.state === 'confirmed' ? { ...found, lsn: engine.durableLsn, state: 'opening' } : found;
      this.#highestGeneration = found.generation;
    }
    if (found !== null && !ports.sameDirectory) this.#forget();
    else this.#write(this.#record, () => this.#turn());
  }

  get standing(): Standing {
    return this.#standing;
  }

  get isKnown(): boolean {
    return this.#standing !== 'unknown';
  }

  /** Whether writes may be acknowledged: a directory that nobody knows may not be lost with anything in it. */
  get mayAcknowledge(): boolean {
    return this.#record.state !== 'unborn';
  }

  /** Runs the task once the standing is known, or the peers have had their time: at once, or later. The answer calls it off. */
  whenKnown(task: () => void): Cancel {
    if (!this.isHolding) {
      task();
      return () => {};
    }
    const held = (): void => task();
    this.#held.add(held);
    return () => void this.#held.delete(held);
  }

  /** A peer asks what is known of it, or tells. Answered when what it says is durable here. */
  answer({ from, isAsking, claim }: WitnessRequestBody, settle: (body: PeerReplyBody | null, error?: Error) => void): void {
    let held = this.#witnessed.get(from);
    if (held === undefined) this.#witnessed.set(from, (held = read(this.ports.engine, witnessedKey(from), decodeDirectory)));
    const reply: PeerReplyBody = { kind: 'witnessed', claim: held, isAmnesic: this.ports.isAmnesic() };
    // A question changes nothing that is known: who asks cannot say yet whether its directory is the right one.
    const isNews = held === null || (!isAsking && supersedes(claim, held));
    if (isNews) {
      const { generation, id, lsn } = claim;
      this.ports.engine.write([{ key: witnessedKey(from), value: encodeDirectory({ generation, id, lsn, state: 'confirmed' }) }], (error) => {
        if (error !== undefined) return settle(null, error);
        this.#ownBatches++;
        this.#witnessed.set(from, claim);
        settle(reply);
      });
    } else settle(reply);
    if (!this.isKnown && !this.#answers.has(from)) this.#send(from);
  }

  /** Before a clean stop: tells the last position, without waiting. */
  farewell(): void {
    if (this.isKnown) for (const peer of this.#peers()) if (this.#answers.has(peer)) this.#send(peer);
  }

  stats(): WitnessStats {
    const { id, generation } = this.#record;
    return { standing: this.#standing, directory: { id, generation }, batches: this.#ownBatches, toldPeers: this.#peers().filter((peer) => this.#isTold(peer)).length };
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer();
    this.#cancelHold();
    this.#held.clear();
    for (const call of this.#pending.values()) call.unsubscribe();
  }

  /** Asks who has not answered, or tells who does not know; then again a while later. */
  #turn(): void {
    this.#cancelTimer();
    if (this.#isStopped) return;
    const isAsking = !this.isKnown;
    for (const peer of this.#peers()) if (isAsking ? !this.#answers.has(peer) : !this.#isTold(peer)) this.#send(peer);
    this.#cancelTimer = this.ports.clock.after(isAsking ? ASK_EVERY_MS : TELL_EVERY_MS, () => this.#turn());
    if (isAsking) this.#decide();
  }

  /** The first word to a peer in a run is a question, whatever is known by then: it leaves what the peer knows as it is. */
  #send(peer: NodeId): void {
    if (this.#pending.has(peer) || this.#isStopped) return;
    const isAsking = !this.isKnown || !this.#answers.has(peer);
    const { self, engine, clock, ask } = this.ports;
    const { generation, id } = this.#record;
    const lsn = isAsking ? this.#record.lsn : engine.durableLsn;
    const position = this.#position();
    // This message counts as told: it may arrive twice, and the second answer be the one that is heard.
    const heldLsn = Math.max(this.#toldLsn.get(peer) ?? 0, this.#record.lsn, lsn);
    if (!isAsking) this.#toldLsn.set(peer, heldLsn);
    const context: CallContext = {
      deadlineMs: clock.monotonicMs() + ANSWER_TIMEOUT_MS,
      traceId: 'witness',
      priority: 'background',
      principal: { kind: 'service', name: 'witness' },
    };
    const call = ask(peer, { kind: 'witness', from: self, isAsking, claim: { generation, id, lsn } }, context, (reply) => {
      this.#pending.delete(peer);
      if (this.#isStopped || reply?.kind !== 'witnessed' || id !== this.#record.id) return;
      if (!isAsking) this.#told.set(peer, position);
      this.#answers.set(peer, reply);
      if (reply.claim !== null) {
        this.#highestGeneration = Math.max(this.#highestGeneration, reply.claim.generation);
        if (isBehind({ generation, id, lsn: heldLsn }, reply.claim)) return this.#forget();
      }
      if (this.isKnown && isAsking) this.#send(peer);
      this.#decide();
    });
    this.#pending.set(peer, call);
  }

  #decide(): void {
    if (this.isKnown || this.#isDeciding) return;
    const peers = this.#peers();
    const answered = peers.filter((peer) => this.#answers.has(peer));
    const counted = answered.filter((peer) => !this.#answers.get(peer)!.isAmnesic).length;
    const isNew = this.#record.state === 'unborn';
    const needed = isNew ? Math.floor(peers.length / 2) + 1 : Math.floor((peers.length + 1) / 2);
    if (counted < needed && answered.length < peers.length) return;
    this.#isDeciding = true;
    this.#write({ ...this.#record, state: 'confirmed' }, () => this.#known(isNew ? 'new' : 'healthy'));
  }

  /** This disk is not the one that the node had: it may lack anything, and goes on under another id. */
  #forget(): void {
    this.#isDeciding = true;
    const reason = this.#record.state === 'unborn' || this.#standing === 'new' ? 'lost-disk' : 'old-disk';
    this.#record = { generation: this.#highestGeneration + 1, id: this.#newId(), lsn: 0, state: 'confirmed' };
    this.#told.clear();
    this.#toldLsn.clear();
    for (const call of this.#pending.values()) call.unsubscribe();
    this.#pending.clear();
    this.#standing = 'unknown';
    const { id } = this.#record;
    this.ports.forgetAll(reason, { key: RECORD_KEY, value: encodeDirectory(this.#record) }, (error) => {
      if (error === undefined && id === this.#record.id) this.#known(reason);
    });
  }

  #known(standing: Standing): void {
    this.#isDeciding = false;
    if (this.#isStopped) return;
    this.#standing = standing;
    this.#endHold();
    this.#turn();
  }

  #endHold(): void {
    this.isHolding = false;
    this.#cancelHold();
    const held = this.#held;
    this.#held = new Set();
    for (const task of held) task();
  }

  /** The record as it is from when it is durable. A disk that fails leaves the standing unknown. */
  #write(record: DirectoryRecord, done: () => void): void {
    const { id } = record;
    this.ports.engine.write([{ key: RECORD_KEY, value: encodeDirectory(record) }], (error) => {
      if (error !== undefined || id !== this.#record.id) return;
      this.#record = record;
      done();
    });
  }

  #position(): number {
    return this.ports.engine.durableLsn - this.#ownBatches;
  }

  #isTold(peer: NodeId): boolean {
    return this.#told.get(peer) === this.#position();
  }

  #peers(): NodeId[] {
    return this.ports.peers().filter((peer) => peer !== this.ports.self);
  }

  #newId(): string {
    return Buffer.from(this.ports.random.bytes(DIRECTORY_ID_BYTES)).toString('hex');
  }
}

/** A record of the node's own; null where there is none, or it is damaged, which is as good. */
function read<T>(engine: StorageEngine, key: Uint8Array, decode: (bytes: Uint8Array) => T): T | null {
  try {
    const bytes = engine.get(key);
    return bytes === undefined ? null : decode(bytes);
  } catch {
    return null;
  }
}
