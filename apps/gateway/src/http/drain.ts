/**
 * Leaving without failing anyone. At once: not ready, nobody new is accepted, and a request on a connection still open is
 * served with `Connection: close`. After a short grace, in which busy clients have heard that, idle connections are
 * closed, each other one as it falls idle, and all of them at the time limit.
 *
 * Node's own `server.close()` cuts idle connections at once, and with them the request that a client is just then
 * sending on one; so only the listening socket's part of it is called.
 */
import type { Server } from 'node:http';
import { Server as NetServer } from 'node:net';
import type { Clock } from '@app/time';

export interface DrainLimits {
  /** How long idle connections are kept for their next request, ms. */
  readonly graceMs: number;
  /** When whatever is still in flight is cut off, ms from the beginning; at least `graceMs`. */
  readonly timeoutMs: number;
}

export const DRAIN_LIMITS: DrainLimits = { graceMs: 500, timeoutMs: 5_000 };

const SWEEP_MS = 20;

export class Drain {
  #begun = false;

  constructor(
    private readonly clock: Clock,
    private readonly limits: DrainLimits = DRAIN_LIMITS,
  ) {}

  get begun(): boolean {
    return this.#begun;
  }

  /** Calls `drained` once the last connection of `server` is gone. */
  begin(server: Server, drained: () => void): void {
    this.#begun = true;
    const beganMs = this.clock.monotonicMs();
    let callOff = (): void => {};
    const sweep = (): void => {
      const elapsedMs = this.clock.monotonicMs() - beganMs;
      if (elapsedMs >= this.limits.timeoutMs) server.closeAllConnections();
      else if (elapsedMs >= this.limits.graceMs) server.closeIdleConnections();
      callOff = this.clock.after(SWEEP_MS, sweep);
    };
    sweep();
    NetServer.prototype.close.call(server, () => {
      callOff();
      drained();
    });
  }
}
