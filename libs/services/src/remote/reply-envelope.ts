/**
 * What a method answers, as it crosses the wire: `{ reply }` for a value, and `{ failure }` for the one kind of failure that the
 * wire's own errors have no room for: a write of unknown outcome, whose `pending` and `seen` its caller needs to carry on. All
 * other failures cross as errors of the wire: code, message and details as they were (wire-error.ts); causes and stacks stay.
 */
import { ERRORS, type ErrorCode, type ErrorDetails, TriptychError } from '@app/contracts';
import { type PendingWrite, UncertainWrite, type WriteFailure } from '@app/favorites-client';

interface WireFailure {
  readonly code: string;
  readonly message: string;
  readonly details: ErrorDetails;
  readonly pending: PendingWrite;
  /** Null where there is none: the write went on outside of a session. */
  readonly seen: Uint8Array | null;
}

export type ReplyEnvelope = { readonly reply: unknown } | { readonly failure: WireFailure };

/** Null for what crosses as an error of the wire. */
export function envelopeOfFailure(error: unknown): ReplyEnvelope | null {
  const { pending, seen } = error as Partial<WriteFailure>;
  if (!(error instanceof TriptychError) || pending === undefined) return null;
  const { code, message, details } = error;
  return { failure: { code, message, details, pending, seen: seen ?? null } };
}

/** The reply. @throws TriptychError the failure in its place; WIRE_PROTOCOL for what is neither */
export function replyIn(received: unknown): unknown {
  const envelope = received as { readonly reply?: unknown; readonly failure?: WireFailure } | null;
  if (typeof envelope === 'object' && envelope !== null) {
    if (envelope.failure !== undefined) throw failureOf(envelope.failure);
    if ('reply' in envelope) return envelope.reply;
  }
  throw new TriptychError('WIRE_PROTOCOL', 'the peer answered what no service answers');
}

/** A code that only a newer peer knows becomes the plain one for a write of unknown outcome. */
function failureOf({ code, message, details, pending, seen }: WireFailure): UncertainWrite {
  const isKnown = Object.hasOwn(ERRORS, code) && ERRORS[code as ErrorCode].applied === 'unknown';
  const known = (isKnown ? code : 'STORE_WRITE_UNCERTAIN') as UncertainWrite['code'] & ('STORE_WRITE_UNCERTAIN' | 'DEADLINE_EXCEEDED');
  return new UncertainWrite(known, message, isKnown ? details : { ...details, peerCode: code }, pending, seen ?? undefined);
}
