/** How replicas reach each other. Bytes inside messages are opaque to whoever carries them. */
import type { Observable } from 'rxjs';
import type { CallContext, NodeId, RowKey } from '@app/contracts';

/** Every message, both ways, carries the sender's hybrid logical clock: clocks that hear of each other stay close. */
interface Stamped {
  readonly hlc: number;
}

export type PeerRequest = Stamped & PeerMessage;
export type PeerMessage = (RowKey & RowRequestBody) | TreeRequestBody;
export type PeerRequestBody = RowRequestBody | TreeRequestBody;
/** About one row. */
export type RowRequestBody =
  /** Apply one operation; answered when it is durable. */
  | { readonly kind: 'apply'; readonly delta: Uint8Array }
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

export type PeerReply = Stamped & PeerReplyBody;
export type PeerReplyBody =
  | { readonly kind: 'applied' }
  /** `vote` is false where the row may lack what was acknowledged: the reply counts for nothing. */
  | { readonly kind: 'digest'; readonly vote: boolean; readonly digest: Uint8Array }
  | { readonly kind: 'pulled'; readonly vote: boolean; readonly knowledge: Uint8Array; readonly difference: Uint8Array | null }
  | { readonly kind: 'pushed'; readonly knowledge: Uint8Array }
  /** The answer of merkle-diff.ts; null while the tree is being built, after a start. */
  | { readonly kind: 'tree'; readonly answer: Uint8Array | null }
  /** As leaf-rows.ts writes them, in the order of their tokens; `more` where the page was full. */
  | { readonly kind: 'leaves'; readonly rows: Uint8Array; readonly more: boolean };

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
