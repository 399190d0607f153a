/** How replicas reach each other. Bytes inside messages are opaque to whoever carries them. */
import type { Observable } from 'rxjs';
import type { CallContext, NodeId, RowKey } from '@app/contracts';
import type { EpochDigest } from '../core/membership/epoch-digest.js';
import type { Ballot, EpochName, VoteAnswer } from '../core/membership/epoch-vote.js';
import type { DirectoryClaim } from '../core/sync/directory-claim.js';

/** Every message, both ways, carries the sender's hybrid logical clock: clocks that hear of each other stay close. */
export interface Stamped {
  readonly hlc: number;
}

/** `epoch` is the sender's: what is about rows is answered in the same epoch only (STORE_EPOCH_OLD). */
export type PeerRequest = Stamped & { readonly epoch: number } & PeerMessage;
export type PeerMessage = (RowKey & RowRequestBody) | TreeRequestBody | SlotsRequestBody | WitnessRequestBody | PingRequestBody | MemberRequestBody;
export type PeerRequestBody = RowRequestBody | TreeRequestBody | SlotsRequestBody | WitnessRequestBody | PingRequestBody | MemberRequestBody;
/** About one row. */
export type RowRequestBody =
  /** Apply one operation; answered when it is durable. */
  | { readonly kind: 'apply'; readonly delta: Uint8Array }
  /** Stand in for a replica (sloppy-quorum.ts): keep the operation for it; answered when that is durable. */
  | { readonly kind: 'keep'; readonly owner: NodeId; readonly delta: Uint8Array }
  /** The digest of the durable row. */
  | { readonly kind: 'digest' }
  /** What the receiver has and somebody with this knowledge lacks. */
  | { readonly kind: 'pull'; readonly knowledge: Uint8Array }
  /** Take this in; answered when it is durable. */
  | { readonly kind: 'push'; readonly difference: Uint8Array };
/** About all rows that the receiver and `from` both hold: anti-entropy. */
export type TreeRequestBody =
  /** A question of merkle-diff.ts. */
  | { readonly kind: 'tree'; readonly from: NodeId; readonly question: Uint8Array }
  /** The rows in some leaves, as encodeLeaves writes these, and their digests; after a row, where a page before ended with it. */
  | { readonly kind: 'leaves'; readonly from: NodeId; readonly leaves: Uint8Array; readonly after: RowKey | null };

/** The rows in some slots of the ring, and their digests, as for leaves: for whoever has to hold all that is there. */
export type SlotsRequestBody = { readonly kind: 'slots'; readonly slots: Uint8Array; readonly after: RowKey | null };
/** What directory the sender runs on and how far it came (witness.ts); answered when the receiver has it on disk. */
export type WitnessRequestBody = { readonly kind: 'witness'; readonly from: NodeId; readonly isAsking: boolean; readonly claim: DirectoryClaim };

/** A sign of life is asked for, and given: `from` can be heard, and hears whoever gets the answer. */
export type PingRequestBody = { readonly kind: 'ping'; readonly from: NodeId };

/** About who is a member: answered in whatever epoch. `follows` names the epoch whose successor is voted on. */
export type MemberRequestBody =
  | { readonly kind: 'gossip'; readonly digest: EpochDigest }
  /** A decided epoch; answered when the receiver is in it, durably, or beyond. */
  | { readonly kind: 'learn'; readonly membership: Uint8Array }
  | { readonly kind: 'promise'; readonly follows: EpochName; readonly ballot: Ballot }
  | { readonly kind: 'accept'; readonly follows: EpochName; readonly ballot: Ballot; readonly value: Uint8Array }
  /** Whether the receiver holds all rows that it gains in this joint epoch. */
  | { readonly kind: 'progress' };

export type PeerReply = Stamped & PeerReplyBody;
export type PeerReplyBody =
  | { readonly kind: 'applied' }
  | { readonly kind: 'kept' }
  | { readonly kind: 'pong' }
  /** `vote` is false where the row may lack what was acknowledged: the reply counts for nothing. */
  | { readonly kind: 'digest'; readonly vote: boolean; readonly digest: Uint8Array }
  /** `isKept` where the row there is neither damaged, nor of a lost or old disk, nor still on its way there. */
  | { readonly kind: 'pulled'; readonly vote: boolean; readonly isKept: boolean; readonly knowledge: Uint8Array; readonly difference: Uint8Array | null }
  | { readonly kind: 'pushed'; readonly vote: boolean; readonly knowledge: Uint8Array }
  /** The answer of merkle-diff.ts; null while the tree is being built, after a start. */
  | { readonly kind: 'tree'; readonly answer: Uint8Array | null }
  /** As leaf-rows.ts writes them, in the order of their tokens; `more` where the page was full. */
  | { readonly kind: 'leaves'; readonly rows: Uint8Array; readonly more: boolean }
  /** As `leaves`. `vote` is false where rows in one of the slots may lack what was acknowledged. */
  | { readonly kind: 'slots'; readonly vote: boolean; readonly rows: Uint8Array; readonly more: boolean }
  /** What was known of the sender before; `isAmnesic` where the receiver may have forgotten. */
  | { readonly kind: 'witnessed'; readonly claim: DirectoryClaim | null; readonly isAmnesic: boolean }
  | MemberReply;

export type MemberReply =
  /** `membership` is the receiver's where its epoch is the higher one, else null. */
  | { readonly kind: 'gossip'; readonly digest: EpochDigest; readonly membership: Uint8Array | null }
  | { readonly kind: 'learnt'; readonly epoch: number }
  | { readonly kind: 'vote'; readonly epoch: number; readonly vote: VoteAnswer; readonly membership: Uint8Array | null }
  | { readonly kind: 'progress'; readonly epoch: number; readonly isSynced: boolean; readonly slotsLeft: number };

export interface PeerTransport {
  /**
   * One request, one reply. Cold: sent on subscription; ends with one reply and completion, or one TriptychError, at
   * the latest at the context's deadline. Unsubscribing before that tells the peer to stop; a write may have happened all
   * the same. Nothing is emitted within the call to `subscribe`.
   */
  call(to: NodeId, request: PeerRequest, context: CallContext): Observable<PeerReply>;
  /** Known not to answer, from the state of the connection. A hint for choosing whom to ask, never a verdict. */
  isDown(node: NodeId): boolean;
}
