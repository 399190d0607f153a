/** A client and a server over a simulated network, in virtual time: the bench on which sessions are tested. */
import type { CallContext, TriptychError } from '@app/contracts';
import { SeededRandom, SimClock, type Clock } from '@app/time';
import { Observable, type Subscription } from 'rxjs';
import type { ChannelEvents } from '../byte-channel.js';
import { FrameDecoder } from '../frame.js';
import type { WireIdentity } from '../handshake.js';
import type { LinkFaults } from '../link-faults.js';
import { Outbox } from '../outbox.js';
import type { WireHandler, WireReport } from '../server-session.js';
import { WireClient, type WireClientOptions } from '../wire-client.js';
import type { WireLimits } from '../wire-limits.js';
import { WireServer } from '../wire-server.js';
import { SimWireNetwork, type SimWireNetworkOptions } from './sim-wire-network.js';

export interface SimWireOptions {
  readonly seed?: number;
  readonly handlers?: Record<string, WireHandler>;
  readonly network?: SimWireNetworkOptions;
  readonly limits?: Partial<WireLimits>;
  readonly serverLimits?: Partial<WireLimits>;
  readonly serverClock?: (clock: SimClock) => Clock;
  readonly clientFaults?: LinkFaults;
  readonly serverFaults?: LinkFaults;
}

export const identityOf = (name: string, role = 'store'): WireIdentity => ({ clusterId: 'cluster-1', name, role, schemaHash: 'schemas-1' });

/** A handler that says whether it is subscribed. */
export class Watched {
  started = 0;
  tornDown = 0;
  readonly handler: WireHandler = () =>
    new Observable(() => {
      this.started++;
      return () => this.tornDown++;
    });
}

/** What a subscriber saw. */
export interface Seen {
  readonly values: unknown[];
  error: TriptychError | undefined;
  completed: boolean;
  /** When it ended, ms of virtual time. */
  endedAtMs: number | undefined;
  readonly subscription: Subscription;
}

export class SimWire {
  readonly clock = new SimClock();
  readonly random: SeededRandom;
  readonly network: SimWireNetwork;
  readonly server: WireServer;
  readonly client: WireClient;
  readonly reports: WireReport[] = [];
  port = 0;

  constructor(private readonly options: SimWireOptions = {}) {
    this.random = new SeededRandom(options.seed ?? 1);
    this.network = new SimWireNetwork(this.clock, this.random, options.network);
    this.server = this.serverNamed('b1');
    this.server.listen({ host: 'sim', port: 0 }).subscribe((port) => (this.port = port));
    this.clock.advance(0);
    this.client = this.clientOf();
  }

  serverNamed(name: string, identity: Partial<WireIdentity> = {}): WireServer {
    const { limits, serverLimits, serverFaults: faults, serverClock, handlers = {} } = this.options;
    const server = new WireServer({
      identity: { ...identityOf(name), ...identity },
      network: this.network,
      clock: serverClock?.(this.clock) ?? this.clock,
      report: (report) => this.reports.push(report),
      limits: { ...limits, ...serverLimits },
      ...(faults && { faults }),
    });
    for (const [pattern, handler] of Object.entries(handlers)) server.handle(pattern, handler);
    return server;
  }

  clientOf(options: Partial<WireClientOptions> = {}): WireClient {
    const { limits, clientFaults: faults } = this.options;
    return new WireClient({
      address: { host: 'sim', port: this.port },
      peer: 'b1',
      identity: identityOf('a1'),
      network: this.network,
      clock: this.clock,
      random: this.random,
      ...(limits && { limits }),
      ...(faults && { faults }),
      ...options,
    });
  }

  context(timeoutMs = 1000): CallContext {
    const deadlineMs = this.clock.monotonicMs() + timeoutMs;
    return { deadlineMs, traceId: 'trace-1', priority: 'read', principal: { kind: 'service', name: 'test' } };
  }

  call(pattern: string, payload?: unknown, timeoutMs?: number): Seen {
    return this.see(this.client.call(pattern, payload, this.context(timeoutMs)));
  }

  see(source: Observable<unknown>): Seen {
    type Writable = { -readonly [K in keyof Seen]: Seen[K] };
    const seen: Writable = { values: [], error: undefined, completed: false, endedAtMs: undefined, subscription: undefined! };
    const ended = () => (seen.endedAtMs = this.clock.monotonicMs());
    seen.subscription = source.subscribe({
      next: (value) => seen.values.push(value),
      error: (error: TriptychError) => ((seen.error = error), ended()),
      complete: () => ((seen.completed = true), ended()),
    });
    return seen;
  }

  /** Connects the client, so that a test begins with a connection that is up. */
  connected(): this {
    this.client.connect();
    if (!this.clock.runUntil(() => this.client.isConnected, 5000)) throw new Error('not connected');
    return this;
  }

  /** Lets what was said be heard, heartbeats aside. */
  settle(): void {
    this.clock.advance(10);
  }

  /** Frames sent from now on, as [sender, kind, id]. */
  recordFrames(): { by: 'client' | 'server'; kind: number; id: number }[] {
    const frames: ReturnType<SimWire['recordFrames']> = [];
    const decoderOf = (by: 'client' | 'server') => new FrameDecoder(2 ** 32, (kind, id) => frames.push({ by, kind, id }));
    const decoders = { client: decoderOf('client'), server: decoderOf('server') };
    this.network.tap = (bytes, byCaller) => decoders[byCaller ? 'client' : 'server'].push(bytes);
    return frames;
  }
}

/** Somebody on the network who says whatever a test wants. */
export class RawPeer implements ChannelEvents {
  readonly frames: { kind: number; id: number; body: Buffer }[] = [];
  isClosed = false;
  send: (bytes: Uint8Array) => void = () => {};
  readonly #decoder = new FrameDecoder(2 ** 32, (kind, id, bytes, start, end) => {
    this.frames.push({ kind, id, body: Buffer.from(bytes.subarray(start, end)) });
  });

  constructor(private readonly onFrame: (peer: RawPeer, kind: number, id: number) => void = () => {}) {}

  static connect(wire: SimWire): RawPeer {
    const peer = new RawPeer();
    const channel = wire.network.connect({ host: 'sim', port: wire.port }, peer);
    peer.send = (bytes) => channel.send(bytes);
    wire.settle();
    return peer;
  }

  sendFrame(kind: number, id: number, body: Uint8Array = new Uint8Array(0)): void {
    const outbox = new Outbox(0);
    const at = outbox.begin(body.length);
    outbox.block.set(body, at);
    outbox.commit(kind, id, at + body.length);
    outbox.take((bytes) => this.send(bytes));
  }

  opened(): void {}

  received(bytes: Uint8Array): void {
    const seen = this.frames.length;
    this.#decoder.push(bytes);
    for (const { kind, id } of this.frames.slice(seen)) this.onFrame(this, kind, id);
  }

  closed(): void {
    this.isClosed = true;
  }
}
