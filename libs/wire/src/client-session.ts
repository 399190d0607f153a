/**
 * The caller's end of one connection, from HELLO to its death: pure logic over a channel of bytes and a clock. A call
 * ends exactly once: with COMPLETE or ERROR from the peer, at its deadline, when its subscriber leaves, or when the
 * connection dies; whichever comes first, nothing of it is kept.
 *
 * What a writer needs to know when a connection dies is whether the request may have arrived. A request that was still
 * waiting for the end of the tick has not: WIRE_UNREACHABLE. One that was handed to the network may have.
 */
import { TriptychError, type CallContext } from '@app/contracts';
import type { Cancel } from '@app/time';
import type { CreditWindow } from './credit.js';
import type { Expiring } from './deadline-queue.js';
import { FrameKind } from './frame.js';
import { FrameLink, type LinkOwner, type LinkPorts } from './frame-link.js';
import { decodeGreeting, encodeGreeting, greetingOf, refusal, refusalOf, type WireIdentity } from './handshake.js';
import { inFlight, type CallEnd, type CallInFlight } from './wire-calls.js';
import { decodeError } from './wire-error.js';

/** Who hears of a call; an rxjs Subscriber is one. */
export interface CallSink {
  next(value: unknown): void;
  error(error: unknown): void;
  complete(): void;
}

export interface ClientSessionOwner {
  /** The peer has welcomed us: calls may be made. */
  up(session: ClientSession): void;
  /** No new calls: the peer is about to stop. Those in flight go on. */
  drains(session: ClientSession): void;
  /** Before the calls in flight learn of it. */
  down(session: ClientSession, reason: TriptychError): void;
}

type Phase = 'connecting' | 'open' | 'draining' | 'dead';

export class ClientSession implements LinkOwner {
  readonly link: FrameLink;
  #phase: Phase = 'connecting';
  #refusedWith: TriptychError | null = null;
  #lastId = 0;
  readonly #calls = new Map<number, ClientCall>();
  readonly #cancelConnectTimeout: Cancel;

  /** @param peer name of the process that must answer, or undefined when any of the cluster will do */
  constructor(
    readonly ports: LinkPorts,
    private readonly identity: WireIdentity,
    private readonly peer: string | undefined,
    private readonly owner: ClientSessionOwner,
  ) {
    this.link = new FrameLink(ports, this, peer ?? '?');
    const { connectTimeoutMs } = ports.limits;
    this.#cancelConnectTimeout = ports.clock.after(connectTimeoutMs, () =>
      this.link.die(new TriptychError('WIRE_UNREACHABLE', 'The peer did not answer in time.', { peer: this.link.peer, connectTimeoutMs })),
    );
  }

  get callsInFlight(): number {
    return this.#calls.size;
  }

  /** Oldest first. */
  *inFlight(): IterableIterator<CallInFlight> {
    const nowMs = this.ports.clock.monotonicMs();
    for (const { pattern, context } of this.#calls.values()) yield inFlight(pattern, this.link.peer, context, nowMs);
  }

  /**
   * Starts a call; the session must be open. The answer calls it off (CANCEL), which after its end does nothing.
   * @throws TriptychError WIRE_DEADLINE, WIRE_OVERLOADED, WIRE_FRAME_TOO_LARGE, REQUEST_INVALID; nothing was sent then
   */
  open(pattern: string, payload: unknown, context: CallContext, sink: CallSink, window?: CreditWindow): ClientCall {
    const { clock, limits } = this.ports;
    const nowMs = clock.monotonicMs();
    const timeLeftMs = context.deadlineMs - nowMs;
    if (!(timeLeftMs > 0)) {
      throw new TriptychError('WIRE_DEADLINE', 'The deadline had passed before the call was sent.', { pattern, sent: false });
    }
    if (this.#calls.size >= limits.maxCallsInFlight || this.link.unsentBytes > limits.maxUnsentBytes) {
      const details = { peer: this.link.peer, callsInFlight: this.#calls.size, unsentBytes: this.link.unsentBytes };
      throw new TriptychError('WIRE_OVERLOADED', 'Too much is under way to this peer.', details);
    }
    const id = this.#nextId();
    const credit = window?.size ?? limits.creditWindow;
    const offset = this.link.sendRequest(id, pattern, payload, context, timeLeftMs, credit);
    const call = new ClientCall(this, id, pattern, context, offset, sink, credit, window);
    this.#calls.set(id, call);
    this.ports.counts.begun++;
    this.ports.deadlines.add(call, nowMs);
    return call;
  }

  /** For ClientCall: the call is over, here; `cancel` tells the peer. */
  settled(call: ClientCall, end: CallEnd, cancel: boolean): void {
    this.#calls.delete(call.id);
    this.ports.counts[end]++;
    this.ports.deadlines.remove(call);
    if (this.#phase === 'dead') return;
    if (cancel) this.link.sendSignal(FrameKind.cancel, call.id, call.pattern);
    if (this.#phase === 'draining' && this.#calls.size === 0) this.link.end();
  }

  // --- what the link says ---

  opened(): void {
    this.link.sendBody(FrameKind.hello, encodeGreeting(greetingOf(this.identity, this.ports.limits.maxFrameBytes)));
  }

  frame(kind: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (kind === FrameKind.goaway) return this.#goaway(bytes, start, end);
    if (this.#phase === 'connecting') return this.#handshake(kind, bytes, start, end);
    const call = this.#calls.get(id);
    switch (kind) {
      case FrameKind.result: {
        const value = this.link.decodePayload(bytes, start, end);
        call?.lastValue(value);
        return;
      }
      case FrameKind.next: {
        const value = this.link.decodePayload(bytes, start, end);
        call?.value(value);
        return;
      }
      case FrameKind.complete:
        call?.completed();
        return;
      case FrameKind.error:
        call?.failed(decodeError(this.link.decodePayload(bytes, start, end)));
        return;
      default:
        throw new TriptychError('WIRE_PROTOCOL', 'The peer sent a frame that no server sends.', { kind });
    }
  }

  lost(reason: TriptychError): void {
    this.#phase = 'dead';
    this.#cancelConnectTimeout();
    this.owner.down(this, this.#refusedWith ?? reason);
    for (const call of [...this.#calls.values()]) call.failed(this.#lossOf(call, reason));
  }

  #lossOf(call: ClientCall, reason: TriptychError): TriptychError {
    const details = { peer: this.link.peer, pattern: call.pattern };
    if (!this.link.isHandedOver(call.offset)) {
      return new TriptychError('WIRE_UNREACHABLE', `The request was not sent: ${reason.message}`, details, { cause: reason });
    }
    const code = reason.code === 'WIRE_PROTOCOL' ? reason.code : 'WIRE_CONNECTION_LOST';
    return new TriptychError(code, reason.message, details, { cause: reason });
  }

  #handshake(kind: number, bytes: Buffer, start: number, end: number): void {
    if (kind === FrameKind.refuse) {
      this.#refusedWith = decodeError(this.link.decodePayload(bytes, start, end));
      this.link.die(this.#refusedWith);
      return;
    }
    if (kind !== FrameKind.welcome) throw new TriptychError('WIRE_PROTOCOL', 'The peer did not answer our HELLO.', { kind });
    const theirs = decodeGreeting(bytes.subarray(start, end));
    const wrongName = this.peer !== undefined && theirs.name !== this.peer ? refusal('name', this.peer, theirs.name) : undefined;
    const refused = refusalOf(greetingOf(this.identity, 0), theirs) ?? wrongName;
    if (refused !== undefined) {
      this.link.die(refused);
      return;
    }
    this.#cancelConnectTimeout();
    this.#phase = 'open';
    this.link.peer = theirs.name;
    this.link.established(theirs.maxFrameBytes);
    this.owner.up(this);
  }

  #goaway(bytes: Buffer, start: number, end: number): void {
    if (end > start) {
      this.link.die(decodeError(this.link.decodePayload(bytes, start, end)));
      return;
    }
    this.#phase = 'draining';
    this.owner.drains(this);
    if (this.#calls.size === 0) this.link.end();
  }

  #nextId(): number {
    do this.#lastId = (this.#lastId + 1) >>> 0;
    while (this.#lastId === 0 || this.#calls.has(this.#lastId));
    return this.#lastId;
  }
}

/** One call in flight, as its caller's end knows it. */
export class ClientCall implements Expiring {
  readonly deadlineMs: number;
  #over = false;
  /** Values the peer may still send. */
  #granted: number;
  /** Values taken and not yet granted anew. */
  #taken = 0;

  constructor(
    private readonly session: ClientSession,
    readonly id: number,
    readonly pattern: string,
    readonly context: CallContext,
    readonly offset: number,
    private readonly sink: CallSink,
    private readonly credit: number,
    private readonly window: CreditWindow | undefined,
  ) {
    this.deadlineMs = context.deadlineMs;
    this.#granted = credit;
    window?.bind((count) => this.#take(count));
  }

  /** The caller leaves. */
  unsubscribe(): void {
    if (!this.#over) this.#end('cancelled', true);
  }

  expire(): void {
    const details = { peer: this.session.link.peer, pattern: this.pattern, sent: true };
    this.#fail(new TriptychError('WIRE_DEADLINE', 'The deadline passed before the answer came.', details), 'expired', true);
  }

  value(value: unknown): void {
    this.#spend();
    this.sink.next(value);
    if (this.window === undefined) this.#take(1);
  }

  lastValue(value: unknown): void {
    this.#spend();
    this.#end('answered', false);
    this.sink.next(value);
    this.sink.complete();
  }

  completed(): void {
    this.#end('answered', false);
    this.sink.complete();
  }

  failed(error: TriptychError): void {
    this.#fail(error, 'failed', false);
  }

  #fail(error: TriptychError, end: CallEnd, cancel: boolean): void {
    if (this.#over) return;
    this.#end(end, cancel);
    this.sink.error(error);
  }

  #spend(): void {
    if (this.#granted === 0) {
      throw new TriptychError('WIRE_PROTOCOL', 'The peer sent more values than it was granted.', { pattern: this.pattern });
    }
    this.#granted--;
  }

  /** Grants go out when half the window is taken, so that one CREDIT serves many values. */
  #take(count: number): void {
    if (this.#over) return;
    this.#taken += count;
    if (2 * this.#taken < this.credit) return;
    this.#granted += this.#taken;
    this.session.link.sendCredit(this.id, this.#taken, this.pattern);
    this.#taken = 0;
  }

  #end(end: CallEnd, cancel: boolean): void {
    this.#over = true;
    this.session.settled(this, end, cancel);
  }
}
