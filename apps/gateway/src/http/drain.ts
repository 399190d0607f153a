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
import type { Cancel, Clock } from '@app/time';

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
  readonly #onBegin = new Set<() => void>();

  constructor(
    private readonly clock: Clock,
    private readonly limits: DrainLimits = DRAIN_LIMITS,
  ) {}

  get begun(): boolean {
    return this.#begun;
  }

  /** Calls `listener` when it begins, at once where it has: for streams, which have no end of their own. The answer calls that off. */
  onBegin(listener: () => void): Cancel {
    if (this.#begun) listener();
    else this.#onBegin.add(listener);
    return () => this.#onBegin.delete(listener);
  }

  /** Those that wait to hear of its beginning. */
  get listenerCount(): number {
    return this.#onBegin.size;
  }

  /** Calls `drained` once the last connection is gone: of `server`, and of the sockets that listen for it besides. */
  begin(server: Server, drained: () => void, besides: readonly NetServer[] = []): void {
    this.#begun = true;
    for (const listener of [...this.#onBegin]) listener();
    const beganMs = this.clock.monotonicMs();
    let callOff = (): void => {};
    const sweep = (): void => {
      const elapsedMs = this.clock.monotonicMs() - beganMs;
      if (elapsedMs >= this.limits.timeoutMs) server.closeAllConnections();
      else if (elapsedMs >= this.limits.graceMs) server.closeIdleConnections();
      callOff = this.clock.after(SWEEP_MS, sweep);
    };
    sweep();
    let open = 1 + besides.length;
    for (const each of [server, ...besides]) {
      NetServer.prototype.close.call(each, () => {
        if (--open > 0) return;
        callOff();
        drained();
      });
    }
  }
}
