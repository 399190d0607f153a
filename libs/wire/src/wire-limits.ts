/** Every bound and every wait of the wire, each with its unit and its reason. One set serves client and server. */
import { DEFAULT_MAX_FRAME_BYTES } from './frame.js';

export interface WireLimits {
  /** The largest frame taken or sent, header included, bytes. A sender obeys the lower of its own and its peer's. */
  readonly maxFrameBytes: number;
  /** How often a quiet peer is pinged, ms. */
  readonly heartbeatIntervalMs: number;
  /** A peer not heard of for so long is dead, ms; noticed at the next heartbeat. Some pauses of a process are this long. */
  readonly silenceLimitMs: number;
  /**
   * To connect and be welcomed, ms: what a call to a peer that does not answer waits at most, and how long a server
   * waits for HELLO.
   */
  readonly connectTimeoutMs: number;
  /** Between attempts to connect: drawn from [0, min * 2^failures], at most max, ms. */
  readonly reconnectMinMs: number;
  readonly reconnectMaxMs: number;
  /** Calls in flight on one connection; more are refused with WIRE_OVERLOADED, by the client and again by the server. */
  readonly maxCallsInFlight: number;
  /** Calls that may wait while a connection is being made. */
  readonly maxCallsWaiting: number;
  /** Bytes that the peer's machine does not take: above it no call is sent, and a server closes the connection. */
  readonly maxUnsentBytes: number;
  /** Values that a stream's server may be ahead of the subscriber, 1 to 65535. */
  readonly creditWindow: number;
  /** Values that a handler emits beyond the credit wait at the server, up to so many bytes per call (one value always may); then the call fails. */
  readonly maxQueuedBytes: number;
}

export const DEFAULT_WIRE_LIMITS: WireLimits = {
  maxFrameBytes: DEFAULT_MAX_FRAME_BYTES,
  heartbeatIntervalMs: 500,
  silenceLimitMs: 2000,
  connectTimeoutMs: 1000,
  reconnectMinMs: 50,
  reconnectMaxMs: 1000,
  maxCallsInFlight: 8192,
  maxCallsWaiting: 1024,
  maxUnsentBytes: 64 * 1024 * 1024,
  creditWindow: 32,
  maxQueuedBytes: 1024 * 1024,
};
