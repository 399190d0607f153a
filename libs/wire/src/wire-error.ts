/**
 * How an error crosses the wire: an array [code, message, details, applied]. Only a TriptychError crosses as itself; what
 * else a handler may fail with is its own business, and is blurred to INTERNAL: messages and stacks of the inside are
 * neither the caller's concern nor fit for its logs. A code that the receiver does not know (a newer peer) arrives as
 * INTERNAL too, with what the peer said of it in the details.
 */
import { ERRORS, TriptychError, type ErrorCode, type ErrorDetails } from '@app/contracts';
import { encodeSelfContained, type EncodedPayload } from './payload-codec.js';

export function encodeError(error: TriptychError): EncodedPayload {
  return encodeSelfContained([error.code, error.message, error.details, error.applied]);
}

/** What a handler failed with, as it may be shown to a caller. */
export function blurred(error: unknown): TriptychError {
  return error instanceof TriptychError ? error : new TriptychError('INTERNAL', 'The callee failed; its log says why.');
}

/** @param payload what `encodeError` made, decoded; anything at all is survived */
export function decodeError(payload: unknown): TriptychError {
  const [code, message, details, applied] = Array.isArray(payload) ? (payload as unknown[]) : [];
  if (typeof code === 'string' && Object.hasOwn(ERRORS, code)) {
    return new TriptychError(code as ErrorCode, String(message), detailsOf(details));
  }
  return new TriptychError('INTERNAL', String(message), { ...detailsOf(details), peerCode: String(code), peerApplied: String(applied) });
}

const detailsOf = (details: unknown): ErrorDetails =>
  typeof details === 'object' && details !== null && !Array.isArray(details) ? (details as ErrorDetails) : {};
