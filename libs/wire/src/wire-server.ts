/**
 * Listens, and answers calls with handlers, over any network. Draining is by agreement: GOAWAY goes to every client, each
 * closes its connection when its calls are over, and only who has not done so in time is cut off; so a restart in order
 * fails no call.
 */
import { assert, TriptychError } from '@app/contracts';
import type { Cancel, Clock } from '@app/time';
import { Observable } from 'rxjs';
import type { ByteChannel, ChannelEvents, WireAddress, WireListener, WireNetwork } from './byte-channel.js';
import { DeadlineQueue } from './deadline-queue.js';
import type { LinkPorts } from './frame-link.js';
import type { WireIdentity } from './handshake.js';
import type { LinkFaults } from './link-faults.js';
import { asItIs } from './server-call.js';
import { ServerSession, type Answering, type ServerSessionOwner, type WireHandler, type WireReport } from './server-session.js';
import { noCalls, oldestOf, type CallAccount } from './wire-calls.js';
import { DEFAULT_WIRE_LIMITS, type WireLimits } from './wire-limits.js';

export interface WireServerOptions {
  readonly identity: WireIdentity;
  readonly network: WireNetwork;
  readonly clock: Clock;
  /** Hears of handlers that failed unforeseen, of strangers, of connections lost; a node stops on an InvariantViolation. */
  readonly report: (report: WireReport) => void;
  readonly limits?: Partial<WireLimits>;
  readonly faults?: LinkFaults;
}

export class WireServer implements ServerSessionOwner {
  readonly identity: WireIdentity;
  readonly #ports: LinkPorts;
  readonly #handlers = new Map<string, Answering>();
  readonly #sessions = new Set<ServerSession>();
  #fallback: (pattern: string) => WireHandler | undefined = () => undefined;
  #listener: WireListener | null = null;
  #draining = false;
  #sessionOver: () => void = () => {};

  constructor(private readonly options: WireServerOptions) {
    this.identity = options.identity;
    const limits = { ...DEFAULT_WIRE_LIMITS, ...options.limits };
    this.#ports = { clock: options.clock, defer: (task) => options.network.defer(task), limits, faults: options.faults, counts: noCalls(), deadlines: new DeadlineQueue(options.clock) };
  }

  /**
   * Answers calls of `pattern`. One handler a pattern.
   * @param encode makes a payload of what the handler emits; without it that is one
   */
  handle<Value>(pattern: string, handler: WireHandler<Value>, encode: (value: Value) => unknown = asItIs): this {
    assert(!this.#handlers.has(pattern), `two handlers for ${pattern}`);
    this.#handlers.set(pattern, { handler, encode: encode as Answering['encode'] });
    return this;
  }

  /** Where handlers are looked for that were not given to `handle`. */
  otherwise(find: (pattern: string) => WireHandler | undefined): void {
    this.#fallback = find;
  }

  /**
   * Listens when subscribed; emits the port and completes, or fails with the network's error. Listening goes on until
   * `drain` or `close`.
   */
  listen(address: WireAddress): Observable<number> {
    return new Observable((subscriber) => {
      const accept = (channel: ByteChannel, remote: string) => this.#accept(channel, remote);
      this.#listener = this.options.network.listen(address, accept, (error, port) => {
        if (error !== undefined) return subscriber.error(error);
        subscriber.next(port);
        subscriber.complete();
      });
    });
  }

  get connections(): number {
    return this.#sessions.size;
  }

  /** What became of calls that came, and those in flight, oldest first for each connection. */
  account(): CallAccount {
    return { counts: { ...this.#ports.counts }, oldest: oldestOf(this.#sessions) };
  }

  get callsInFlight(): number {
    let count = 0;
    for (const session of this.#sessions) count += session.callsInFlight;
    return count;
  }

  /**
   * When subscribed: takes no more connections, lets calls in flight end, and completes when all connections are closed,
   * at the latest after `graceMs`, when the rest is cut. Unsubscribing calls off the cut; draining goes on.
   */
  drain(graceMs: number): Observable<never> {
    return new Observable((subscriber) => {
      this.#draining = true;
      this.#listener?.close();
      let cancelGrace: Cancel = () => {};
      this.#sessionOver = () => {
        if (this.#sessions.size === 0) subscriber.complete();
      };
      for (const session of [...this.#sessions]) session.drain();
      if (!subscriber.closed) cancelGrace = this.options.clock.after(graceMs, () => this.close());
      this.#sessionOver();
      return () => cancelGrace();
    });
  }

  /** Stops at once: handlers are torn down, callers learn that the connection is lost. */
  close(): void {
    this.#listener?.close();
    const stopped = new TriptychError('WIRE_CONNECTION_LOST', 'This process stops.', { name: this.identity.name });
    for (const session of [...this.#sessions]) session.link.die(stopped);
  }

  // --- for the sessions ---

  get draining(): boolean {
    return this.#draining;
  }

  answeringTo(pattern: string): Answering | undefined {
    const known = this.#handlers.get(pattern);
    if (known !== undefined) return known;
    const handler = this.#fallback(pattern);
    return handler && { handler, encode: asItIs };
  }

  report(report: WireReport): void {
    this.options.report(report);
  }

  over(session: ServerSession): void {
    this.#sessions.delete(session);
    this.#sessionOver();
  }

  #accept(channel: ByteChannel, remote: string): ChannelEvents {
    const session = new ServerSession(this.#ports, this, remote);
    session.link.attach(channel);
    this.#sessions.add(session);
    return session.link;
  }
}
