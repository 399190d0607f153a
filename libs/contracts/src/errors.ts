/**
 * Every error that crosses a boundary, and what the caller may assume. One stable code per cause; the numbers are in
 * `details`, and never only in the message. docs/ERRORS.md says the same in words, and a test keeps the two equal.
 *
 * `applied` answers the one question a writer has: may it have happened? `breaker` tells a circuit whether the
 * dependency is at fault: 'counts', or 'ignores' (the caller's own mistake, a refusal made before anything was sent, or the
 * fault of others than the one asked).
 */
export const ERRORS = {
  REQUEST_INVALID: { applied: 'no', breaker: 'ignores' },
  LEVEL_UNKNOWN: { applied: 'no', breaker: 'ignores' },
  LEVEL_NEEDS_REGIONS: { applied: 'no', breaker: 'ignores' },
  LEVEL_NOT_ALLOWED: { applied: 'no', breaker: 'ignores' },
  SESSION_TOKEN_INVALID: { applied: 'no', breaker: 'ignores' },
  RETRY_TOKEN_INVALID: { applied: 'no', breaker: 'ignores' },
  CURSOR_INVALID: { applied: 'no', breaker: 'ignores' },
  AUTHENTICATION_REQUIRED: { applied: 'no', breaker: 'ignores' },
  ACCESS_DENIED: { applied: 'no', breaker: 'ignores' },
  BODY_TOO_LARGE: { applied: 'no', breaker: 'ignores' },
  MEDIA_TYPE_UNSUPPORTED: { applied: 'no', breaker: 'ignores' },
  METHOD_NOT_ALLOWED: { applied: 'no', breaker: 'ignores' },
  ROUTE_UNKNOWN: { applied: 'no', breaker: 'ignores' },
  ITEM_NOT_FOUND: { applied: 'no', breaker: 'ignores' },
  NEIGHBOUR_NOT_FOUND: { applied: 'no', breaker: 'ignores' },
  LIST_FULL: { applied: 'no', breaker: 'ignores' },
  POSITION_EXHAUSTED: { applied: 'no', breaker: 'ignores' },
  STORE_VALUE_TOO_LARGE: { applied: 'no', breaker: 'ignores' },
  STORE_EPOCH_OLD: { applied: 'no', breaker: 'ignores' },
  STORE_NOT_REPLICA: { applied: 'no', breaker: 'ignores' },
  STORE_QUORUM_UNAVAILABLE: { applied: 'no', breaker: 'ignores' },
  STORE_SESSION_AHEAD: { applied: 'no', breaker: 'ignores' },
  STORE_LINEARIZE_TIMEOUT: { applied: 'no', breaker: 'ignores' },
  STORE_READ_TIMEOUT: { applied: 'no', breaker: 'counts' },
  STORE_WRITE_TIMEOUT: { applied: 'unknown', breaker: 'counts' },
  STORE_WRITE_UNCERTAIN: { applied: 'unknown', breaker: 'ignores' },
  STORE_ROW_DAMAGED: { applied: 'no', breaker: 'counts' },
  STORE_RECORD_CORRUPT: { applied: 'no', breaker: 'counts' },
  STORE_NOT_SYNCED: { applied: 'no', breaker: 'counts' },
  STORE_READ_ONLY: { applied: 'no', breaker: 'counts' },
  STORE_FAILED: { applied: 'unknown', breaker: 'counts' },
  STORE_DRAINING: { applied: 'no', breaker: 'ignores' },
  WATCH_LIMIT: { applied: 'no', breaker: 'ignores' },
  MEMBERSHIP_REFUSED: { applied: 'no', breaker: 'ignores' },
  WIRE_UNREACHABLE: { applied: 'no', breaker: 'counts' },
  WIRE_CONNECTION_LOST: { applied: 'unknown', breaker: 'counts' },
  WIRE_DEADLINE: { applied: 'unknown', breaker: 'counts' },
  WIRE_FRAME_TOO_LARGE: { applied: 'no', breaker: 'ignores' },
  WIRE_PROTOCOL: { applied: 'unknown', breaker: 'counts' },
  WIRE_HANDSHAKE_REFUSED: { applied: 'no', breaker: 'counts' },
  WIRE_OVERLOADED: { applied: 'no', breaker: 'ignores' },
  GATEWAY_OVERLOADED: { applied: 'no', breaker: 'ignores' },
  CIRCUIT_OPEN: { applied: 'no', breaker: 'ignores' },
  CIRCUIT_SATURATED: { applied: 'no', breaker: 'ignores' },
  CIRCUIT_TIMEOUT: { applied: 'unknown', breaker: 'counts' },
  DEADLINE_EXCEEDED: { applied: 'unknown', breaker: 'counts' },
  INTERNAL: { applied: 'unknown', breaker: 'counts' },
} as const satisfies Record<string, { applied: 'no' | 'unknown'; breaker: 'counts' | 'ignores' }>;

export type ErrorCode = keyof typeof ERRORS;
export type ErrorDetails = Readonly<Record<string, string | number | boolean | readonly string[] | null>>;

/** A failure that the caller is meant to read: a stable `code` and the numbers behind it. */
export class TriptychError extends Error {
  override readonly name = 'TriptychError';

  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly details: ErrorDetails = {},
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }

  /** May the operation have taken effect? */
  get applied(): 'no' | 'unknown' {
    return ERRORS[this.code].applied;
  }

  /** Whether a circuit in front of the dependency counts this against it. */
  get breaker(): 'counts' | 'ignores' {
    return ERRORS[this.code].breaker;
  }
}

/** A broken invariant is our own bug: it stops the node in production and prints the seed in a simulation. */
export class InvariantViolation extends Error {
  override readonly name = 'InvariantViolation';
}

export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantViolation(message);
}
