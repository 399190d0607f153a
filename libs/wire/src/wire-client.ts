/**
 * A peer to call: one connection, made when first needed and made again when lost, over any network. A call never waits
 * for luck: while a connection is being made it waits for that one attempt, and while none is being made (the last one
 * failed a moment ago) it fails at once, so that the caller can turn to another replica. Nest's TCP client queues instead,
 * and its callers hang with it.
 */
import { TriptychError, type CallContext } from '@app/contracts';
import type { Cancel, Clock, Random } from '@app/time';
import { BehaviorSubject, Observable, type Unsubscribable } from 'rxjs';
import type { WireAddress, WireNetwork } from './byte-channel.js';
import { ClientSession, type CallSink, type ClientSessionOwner } from './client-session.js';
import type { CreditWindow } from './credit.js';
import { DeadlineQueue, type Expiring } from './deadline-queue.js';
import type { LinkPorts } from './frame-link.js';
import type { WireIdentity } from './handshake.js';
import type { LinkFaults } from './link-faults.js';
import { noCalls, oldestOf, type CallAccount } from './wire-calls.js';
import { DEFAULT_WIRE_LIMITS, type WireLimits } from './wire-limits.js';

export interface WireClientOptions {
  readonly address: WireAddress;
  /** Name of the process that must answer there; absent: any process of the cluster will do. */
  readonly peer?: string;
  readonly identity: WireIdentity;
  readonly network: WireNetwork;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits?: Partial<WireLimits>;
  readonly faults?: LinkFaults;
}

export type WireState =
  /** No call was made yet, or `close` was called. */
  | { readonly kind: 'idle' }
  | { readonly kind: 'connecting' }
  | { readonly kind: 'up' }
  /** The last connection or attempt ended so; another attempt follows by itself. */
  | { readonly kind: 'down'; readonly reason: TriptychError };

export class WireClient implements ClientSessionOwner {
  readonly #ports: LinkPorts;
  readonly #state = new BehaviorSubject<WireState>({ kind: 'idle' });
  readonly #waiting = new Set<WaitingCall>();
  /** The connection that is up or being made. */
  #session: ClientSession | null = null;
  /** Connections that end with their last call. */
  readonly #drained = new Set<ClientSession>();
  #failures = 0;
  #cancelReconnect: Cancel | null = null;
  #closed = false;

  constructor(private readonly options: WireClientOptions) {
    const limits = { ...DEFAULT_WIRE_LIMITS, ...options.limits };
    this.#ports = { clock: options.clock, defer: (task) => options.network.defer(task), limits, faults: options.faults, counts: noCalls(), deadlines: new DeadlineQueue(options.clock) };
  }

  /** Each change of the connection, beginning with what is; never ends. */
  readonly state$: Observable<WireState> = this.#state.asObservable();

  get state(): WireState {
    return this.#state.value;
  }

  get isConnected(): boolean {
    return this.#state.value.kind === 'up';
  }

  /** Calls not yet ended, waiting ones included. */
  get callsInFlight(): number {
    let count = this.#waiting.size + (this.#session?.callsInFlight ?? 0);
    for (const session of this.#drained) count += session.callsInFlight;
    return count;
  }

  /** What became of calls that were sent, and those in flight, oldest first for each connection. */
  account(): CallAccount {
    const sessions = [...this.#drained, ...(this.#session === null ? [] : [this.#session])];
    return { counts: { ...this.#ports.counts }, oldest: oldestOf(sessions) };
  }

  /**
   * Calls when subscribed; emits what the handler there emits, then completes, or fails with a TriptychError: the
   * handler's own, or WIRE_UNREACHABLE, WIRE_HANDSHAKE_REFUSED, WIRE_OVERLOADED, WIRE_FRAME_TOO_LARGE (nothing was sent),
   * WIRE_CONNECTION_LOST, WIRE_DEADLINE, WIRE_PROTOCOL (it may have arrived). Unsubscribing tears the handler down.
   * The payload must not change until it is sent; bytes that are emitted are views: copy what is kept.
   * @param window for a subscriber that works on after `next` has returned: back-pressure in its own hands
   */
  call(pattern: string, payload: unknown, context: CallContext, window?: CreditWindow): Observable<unknown> {
    return new Observable((subscriber) => this.begin(pattern, payload, context, subscriber, window));
  }

  /** As `call`, begun at once, for who makes an Observable of its own of it. The answer calls it off; none where it has ended already. */
  begin(pattern: string, payload: unknown, context: CallContext, sink: CallSink, window?: CreditWindow): Unsubscribable | undefined {
    const session = this.#session;
    if (session === null || !this.isConnected) return this.#wait(new WaitingCall(this, pattern, payload, context, sink, window));
    try {
      return session.open(pattern, payload, context, sink, window);
    } catch (error) {
      sink.error(error);
      return undefined;
    }
  }

  /** Connects now, if that was not begun; to be had before the first call. */
  connect(): void {
    if (this.#session === null && this.#cancelReconnect === null && !this.#closed) this.#connect();
  }

  /** Ends the connection and every call in flight; no call can be made any more. */
  close(): void {
    this.#closed = true;
    this.#cancelReconnect?.();
    this.#cancelReconnect = null;
    const closed = new TriptychError('WIRE_CONNECTION_LOST', 'This client was closed.', { peer: this.#name });
    for (const session of [...this.#drained]) session.link.die(closed);
    this.#session?.link.die(closed);
    this.#failWaiting(closed);
    this.#state.next({ kind: 'idle' });
  }

  // --- for the sessions ---

  up(session: ClientSession): void {
    this.#failures = 0;
    this.#state.next({ kind: 'up' });
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const call of waiting) {
      this.#ports.deadlines.remove(call);
      call.start(session);
    }
  }

  drains(session: ClientSession): void {
    this.#drained.add(session);
    if (session === this.#session) this.#lost(new TriptychError('WIRE_UNREACHABLE', 'The peer is about to stop.', { peer: this.#name }));
  }

  down(session: ClientSession, reason: TriptychError): void {
    this.#drained.delete(session);
    if (session === this.#session) this.#lost(reason);
  }

  // --- for WaitingCall ---

  leave(call: WaitingCall): void {
    this.#waiting.delete(call);
    this.#ports.deadlines.remove(call);
  }

  unreachable(why: string, cause?: unknown): TriptychError {
    const { host, port } = this.options.address;
    return new TriptychError('WIRE_UNREACHABLE', why, { peer: this.#name, address: `${host}:${port}` }, { cause });
  }

  get #name(): string {
    return this.options.peer ?? '?';
  }

  #wait(call: WaitingCall): WaitingCall | undefined {
    if (this.#closed) call.fail(this.unreachable('This client was closed.'));
    else if (this.state.kind === 'down') call.fail(this.#unreachableNow(this.state.reason));
    else if (this.#waiting.size >= this.#ports.limits.maxCallsWaiting) {
      call.fail(new TriptychError('WIRE_OVERLOADED', 'Too many calls wait for this connection.', { peer: this.#name }));
    } else {
      this.#waiting.add(call);
      this.#ports.deadlines.add(call, this.#ports.clock.monotonicMs());
      this.connect();
      return call;
    }
    return undefined;
  }

  #unreachableNow(reason: TriptychError): TriptychError {
    return reason.code === 'WIRE_HANDSHAKE_REFUSED' ? reason : this.unreachable(reason.message, reason);
  }

  #connect(): void {
    this.#cancelReconnect = null;
    const { network, address, identity, peer, faults } = this.options;
    this.#state.next({ kind: 'connecting' });
    if (faults?.refuses(this.#name) === true) return this.#lost(this.unreachable('Refused by an injected fault.'));
    const session = new ClientSession(this.#ports, identity, peer, this);
    this.#session = session;
    session.link.attach(network.connect(address, session.link));
  }

  /** The next attempt is set before anybody is told, since who is told may call again at once. */
  #lost(reason: TriptychError): void {
    this.#session = null;
    if (this.#closed) return;
    const { reconnectMinMs, reconnectMaxMs } = this.#ports.limits;
    const ceilingMs = Math.min(reconnectMaxMs, reconnectMinMs * 2 ** Math.min(this.#failures++, 30));
    this.#cancelReconnect = this.options.clock.after(this.options.random.fraction() * ceilingMs, () => this.#connect());
    this.#state.next({ kind: 'down', reason });
    this.#failWaiting(reason);
  }

  #failWaiting(reason: TriptychError): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const call of waiting) {
      this.#ports.deadlines.remove(call);
      call.fail(this.#unreachableNow(reason));
    }
  }
}

/** A call made while the connection is being made. Nothing of it was sent. */
class WaitingCall implements Expiring {
  readonly deadlineMs: number;
  #started: { unsubscribe(): void } | null = null;
  #over = false;

  constructor(
    private readonly client: WireClient,
    private readonly pattern: string,
    private readonly payload: unknown,
    private readonly context: CallContext,
    private readonly sink: CallSink,
    private readonly window: CreditWindow | undefined,
  ) {
    this.deadlineMs = context.deadlineMs;
  }

  start(session: ClientSession): void {
    if (this.#over) return;
    try {
      this.#started = session.open(this.pattern, this.payload, this.context, this.sink, this.window);
    } catch (error) {
      this.sink.error(error);
    }
  }

  fail(error: TriptychError): void {
    if (this.#over) return;
    this.#over = true;
    this.sink.error(error);
  }

  expire(): void {
    this.client.leave(this);
    this.fail(this.client.unreachable('The deadline passed before there was a connection.'));
  }

  unsubscribe(): void {
    this.#over = true;
    this.client.leave(this);
    this.#started?.unsubscribe();
  }
}
