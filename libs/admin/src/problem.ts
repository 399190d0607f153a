/**
 * Every refusal over HTTP as RFC 9457 problem+json, from one table: error code to status. Codes are the contract, statuses
 * their translation for proxies and people. What is our own fault is logged with its cause and blurred: a caller is told
 * the trace id, never a message or a stack.
 *
 * Source: RFC 9457. `type` names the code, `instance` is the trace id of the request, `code` and the numbers behind the
 * error are extension members.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type ErrorCode, type ErrorDetails, TriptychError } from '@app/contracts';

interface ProblemKind {
  readonly status: number;
  readonly title: string;
}

export const PROBLEMS: Readonly<Record<ErrorCode, ProblemKind>> = {
  REQUEST_INVALID: { status: 400, title: 'The request is not valid' },
  LEVEL_UNKNOWN: { status: 400, title: 'Unknown consistency level' },
  LEVEL_NEEDS_REGIONS: { status: 400, title: 'This level needs regions' },
  LEVEL_NOT_ALLOWED: { status: 400, title: 'This level cannot be had here' },
  SESSION_TOKEN_INVALID: { status: 400, title: 'The session token is not one of ours' },
  RETRY_TOKEN_INVALID: { status: 400, title: 'The retry token does not belong to this request' },
  CURSOR_INVALID: { status: 400, title: 'The cursor does not belong to this list' },
  AUTHENTICATION_REQUIRED: { status: 401, title: 'Who asks is not known' },
  ACCESS_DENIED: { status: 403, title: 'Access denied' },
  BODY_TOO_LARGE: { status: 413, title: 'The body is too large' },
  MEDIA_TYPE_UNSUPPORTED: { status: 415, title: 'The body is of a type that is not read here' },
  METHOD_NOT_ALLOWED: { status: 405, title: 'Not this method' },
  ROUTE_UNKNOWN: { status: 404, title: 'No such resource' },
  ITEM_NOT_FOUND: { status: 404, title: 'Not found' },
  NEIGHBOUR_NOT_FOUND: { status: 409, title: 'The neighbour named is not in the list' },
  LIST_FULL: { status: 409, title: 'The list is full' },
  POSITION_EXHAUSTED: { status: 409, title: 'No place left between these two items' },
  STORE_VALUE_TOO_LARGE: { status: 413, title: 'The value is too large' },
  STORE_EPOCH_OLD: { status: 503, title: 'The ring is changing' },
  STORE_NOT_REPLICA: { status: 503, title: 'The ring is changing' },
  STORE_QUORUM_UNAVAILABLE: { status: 503, title: 'Too few replicas are alive' },
  STORE_SESSION_AHEAD: { status: 503, title: 'The session has seen more than the replicas that answered' },
  STORE_LINEARIZE_TIMEOUT: { status: 504, title: 'The replicas did not come to agree in time' },
  STORE_READ_TIMEOUT: { status: 504, title: 'Too few replicas answered in time' },
  STORE_WRITE_TIMEOUT: { status: 504, title: 'Too few replicas acknowledged in time' },
  STORE_WRITE_UNCERTAIN: { status: 503, title: 'The outcome of the write is not known' },
  STORE_ROW_DAMAGED: { status: 503, title: 'The row is being repaired' },
  STORE_RECORD_CORRUPT: { status: 503, title: 'A record is damaged' },
  STORE_NOT_SYNCED: { status: 503, title: 'The replica is being synced' },
  STORE_READ_ONLY: { status: 503, title: 'The node takes no writes' },
  STORE_FAILED: { status: 503, title: 'The store failed' },
  STORE_DRAINING: { status: 503, title: 'Shutting down' },
  WATCH_LIMIT: { status: 503, title: 'Too many listen already' },
  MEMBERSHIP_REFUSED: { status: 409, title: 'The members cannot be changed so' },
  WIRE_UNREACHABLE: { status: 503, title: 'The store is not reachable' },
  WIRE_CONNECTION_LOST: { status: 503, title: 'The connection to the store was lost' },
  WIRE_DEADLINE: { status: 504, title: 'The store did not answer in time' },
  WIRE_FRAME_TOO_LARGE: { status: 413, title: 'The message is too large' },
  WIRE_PROTOCOL: { status: 503, title: 'The store was not understood' },
  WIRE_HANDSHAKE_REFUSED: { status: 503, title: 'The store refused the connection' },
  WIRE_OVERLOADED: { status: 503, title: 'The store is overloaded' },
  GATEWAY_OVERLOADED: { status: 503, title: 'The gateway is overloaded' },
  CIRCUIT_OPEN: { status: 503, title: 'A dependency is failing' },
  CIRCUIT_SATURATED: { status: 503, title: 'A dependency is saturated' },
  CIRCUIT_TIMEOUT: { status: 504, title: 'A dependency did not answer in time' },
  DEADLINE_EXCEEDED: { status: 504, title: 'The deadline has passed' },
  INTERNAL: { status: 500, title: 'Internal error' },
};

/** What frameworks and Node refuse by themselves, by status; a 4xx of theirs that is not listed is a request not valid. */
const FRAMEWORK_CODES: Readonly<Record<number, ErrorCode>> = {
  401: 'AUTHENTICATION_REQUIRED',
  404: 'ROUTE_UNKNOWN',
  405: 'METHOD_NOT_ALLOWED',
  413: 'BODY_TOO_LARGE',
  415: 'MEDIA_TYPE_UNSUPPORTED',
  503: 'STORE_DRAINING',
};

export interface Problem extends ErrorDetailsObject {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance: string;
  readonly code: ErrorCode;
}
type ErrorDetailsObject = { readonly [name: string]: ErrorDetails[string] };

export const PROBLEM_JSON = 'application/problem+json';

/**
 * Whatever was thrown, as the error a caller is told about: a `TriptychError`, and the status to say it with.
 * @param status that a framework chose on purpose for a caller's mistake (or for its own shutdown); undefined: none did
 */
export function refusalOf(thrown: unknown, status = fastifyStatusOf(thrown)): { error: TriptychError; status: number } {
  if (thrown instanceof TriptychError) return { error: thrown, status: status ?? PROBLEMS[thrown.code].status };
  if (status === undefined) {
    return { error: new TriptychError('INTERNAL', 'internal error', {}, { cause: thrown }), status: 500 };
  }
  const code = FRAMEWORK_CODES[status] ?? 'REQUEST_INVALID';
  return { error: new TriptychError(code, (thrown as Error).message, {}, { cause: thrown }), status };
}

export function problemOf({ code, message, details }: TriptychError, status: number, traceId: string): Problem {
  const { title } = PROBLEMS[code];
  const members = { type: `urn:triptych:error:${code}`, title, status, instance: traceId, code };
  // Ours last: a number named like one of ours would hide it.
  return code === 'INTERNAL' ? { detail: `see the log for ${traceId}`, ...members } : { ...details, detail: message, ...members };
}

function fastifyStatusOf(thrown: unknown): number | undefined {
  if (!(thrown instanceof Error)) return undefined;
  const { statusCode, code } = thrown as { statusCode?: unknown; code?: unknown };
  const fromFastify = typeof code === 'string' && code.startsWith('FST_ERR_');
  return fromFastify && typeof statusCode === 'number' && statusCode < 500 ? statusCode : undefined;
}

/** What is needed of a logger. */
export interface ErrorLog {
  error(fields: { readonly traceId: string; readonly err: unknown }, message: string): void;
}

/** Answers with the problem, unless the reply has been sent. @param status see `refusalOf` */
export function refuse(thrown: unknown, request: FastifyRequest, reply: FastifyReply, log: ErrorLog, status?: number): void {
  if (reply.sent) return;
  const refusal = refusalOf(thrown, status);
  if (refusal.error.code === 'INTERNAL') log.error({ traceId: request.id, err: thrown }, 'a request failed unexpectedly');
  // As bytes: to a text Fastify would add a charset, which JSON does not have.
  const body = Buffer.from(JSON.stringify(problemOf(refusal.error, refusal.status, request.id)));
  void reply.code(refusal.status).header('content-type', PROBLEM_JSON).send(body);
}

/** One thing that a schema found wrong: Standard Schema's issue, which zod's are too. */
export interface SchemaIssue {
  readonly message: string;
  readonly path?: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined;
}

const ISSUES_SHOWN = 5;

/** The refusal of what does not fit its schema, saying where. */
export function requestInvalid(issues: readonly SchemaIssue[]): TriptychError {
  const shown = issues.slice(0, ISSUES_SHOWN).map(({ path = [], message }) => {
    const where = path.map((step) => String(typeof step === 'object' ? step.key : step)).join('.');
    return (where === '' ? message : `${where}: ${message}`).slice(0, 256);
  });
  return new TriptychError('REQUEST_INVALID', shown.join('; '), { issues: shown });
}
