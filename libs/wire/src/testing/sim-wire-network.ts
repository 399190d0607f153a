/**
 * A network in virtual time, for tests and simulations: bytes arrive in order, late, and cut anywhere. Connections can be
 * killed as a dying process or a reset would, and frozen as a stopped process or a silent partition would.
 */
import type { Clock, SeededRandom } from '@app/time';
import type { ByteChannel, ChannelEvents, WireAddress, WireListener, WireNetwork } from '../byte-channel.js';

export interface SimWireNetworkOptions {
  /** One way, ms. */
  readonly minLatencyMs?: number;
  readonly maxLatencyMs?: number;
  /** The largest piece in which bytes arrive; pieces are of random size up to it. */
  readonly maxPieceBytes?: number;
}

type Accept = (channel: ByteChannel, remote: string) => ChannelEvents;

export class SimWireNetwork implements WireNetwork {
  /** Frozen: nothing arrives any more, and nobody is told. */
  frozen = false;
  /** Connections to be made are refused at once. */
  refusing = false;
  /** Sees all bytes as they are sent, and whether by the end that called. */
  tap: (bytes: Uint8Array, byCaller: boolean) => void = () => {};
  readonly #listeners = new Map<number, Accept>();
  readonly #connections = new Set<SimConnection>();
  #nextPort = 40_000;

  constructor(
    readonly clock: Clock,
    readonly random: SeededRandom,
    public options: SimWireNetworkOptions = {},
  ) {}

  connect(address: WireAddress, events: ChannelEvents): ByteChannel {
    const connection = new SimConnection(this);
    connection.near.events = events;
    this.clock.after(this.latencyMs(), () => {
      if (this.frozen || connection.over) return;
      const accept = this.refusing ? undefined : this.#listeners.get(address.port);
      if (accept === undefined) return connection.close(new Error('ECONNREFUSED'));
      this.#connections.add(connection);
      connection.far.events = accept(connection.far, 'sim');
      events.opened();
    });
    return connection.near;
  }

  listen(address: WireAddress, accept: Accept, settled: (error: Error | undefined, port: number) => void): WireListener {
    const port = address.port === 0 ? this.#nextPort++ : address.port;
    const taken = this.#listeners.has(port);
    if (!taken) this.#listeners.set(port, accept);
    this.clock.after(0, () => (taken ? settled(new Error('EADDRINUSE'), 0) : settled(undefined, port)));
    return { close: () => void (taken || this.#listeners.delete(port)) };
  }

  defer(task: () => void): void {
    this.clock.after(0, task);
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** Every connection is reset: both ends learn of it, and what was under way is lost. */
  killAll(): void {
    for (const connection of [...this.#connections]) connection.close(new Error('ECONNRESET'));
  }

  /** For SimConnection. */
  latencyMs(): number {
    const { minLatencyMs = 0.1, maxLatencyMs = 1 } = this.options;
    return minLatencyMs + this.random.fraction() * (maxLatencyMs - minLatencyMs);
  }

  forget(connection: SimConnection): void {
    this.#connections.delete(connection);
  }
}

class SimConnection {
  readonly near: SimEnd;
  readonly far: SimEnd;
  over = false;

  constructor(readonly network: SimWireNetwork) {
    this.near = new SimEnd(this);
    this.far = new SimEnd(this);
  }

  close(error?: Error): void {
    if (this.over) return;
    this.over = true;
    this.network.forget(this);
    this.network.clock.after(0, () => {
      this.near.events?.closed(error);
      this.far.events?.closed(error);
    });
  }
}

class SimEnd implements ByteChannel {
  events: ChannelEvents | null = null;
  unsentBytes = 0;
  #ended = false;
  #lastArrivalMs = 0;

  constructor(private readonly connection: SimConnection) {}

  send(bytes: Uint8Array): void {
    const { network } = this.connection;
    if (this.#ended) return;
    network.tap(bytes, this.connection.near === this);
    this.unsentBytes += bytes.length;
    const { maxPieceBytes = 64 * 1024 } = network.options;
    for (let at = 0; at < bytes.length; ) {
      const piece = bytes.slice(at, at + 1 + network.random.below(maxPieceBytes));
      at += piece.length;
      this.#arrive(() => {
        this.unsentBytes -= piece.length;
        this.#other.events?.received(piece);
      });
    }
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#arrive(() => this.connection.close());
  }

  destroy(): void {
    this.#ended = true;
    this.connection.close();
  }

  get #other(): SimEnd {
    return this.connection.near === this ? this.connection.far : this.connection.near;
  }

  #arrive(deliver: () => void): void {
    const { network } = this.connection;
    const nowMs = network.clock.monotonicMs();
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, nowMs + network.latencyMs());
    network.clock.after(this.#lastArrivalMs - nowMs, () => {
      if (!this.connection.over && !network.frozen) deliver();
    });
  }
}
