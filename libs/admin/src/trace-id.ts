/**
 * The name of one device request in every log line, error and answer it causes. A caller that has a name for it already
 * keeps it: the trace id of a W3C `traceparent`, or an `X-Request-Id` that is safe to log as it is; anything else gets
 * a fresh random one, never an error, since a broken tracing header is no reason to refuse a film.
 *
 * Source: W3C Trace Context, 3.2.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { Random } from '@app/time';

const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-|$)/;
const REQUEST_ID = /^[A-Za-z0-9._~-]{1,64}$/;

/** 1 to 64 characters of A-Z a-z 0-9 . _ ~ - */
export type TraceIdOf = (headers: IncomingHttpHeaders) => string;

/** Fresh ids are 96 random bits of this process and a count: 16 random bytes for each request would cost 4 us of it. */
export function traceIds(random: Random): TraceIdOf {
  const ours = Buffer.from(random.bytes(12)).toString('hex');
  let count = 0;
  return ({ traceparent, 'x-request-id': requestId }) => {
    const traceId = typeof traceparent === 'string' ? TRACEPARENT.exec(traceparent)?.[1] : undefined;
    if (traceId !== undefined) return traceId;
    if (typeof requestId === 'string' && REQUEST_ID.test(requestId)) return requestId;
    count = (count + 1) >>> 0;
    return ours + count.toString(16).padStart(8, '0');
  };
}
