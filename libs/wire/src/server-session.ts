/**
 * The callee's end of one connection: judges the HELLO, runs a handler per REQUEST, sends what its Observable emits as far
 * as the caller's credit goes, and tears it down on CANCEL, at the deadline, and when the connection dies. Pure logic over
 * a channel of bytes and a clock.
 */
import { TriptychError, type CallContext } from '@app/contracts';
import type { Cancel } from '@app/time';
import type { Observable } from 'rxjs';
import type { Demand } from './credit.js';
import { FrameKind, readUint32 } from './frame.js';
import { FrameLink, type LinkOwner, type LinkPorts } from './frame-link.js';
import { decodeGreeting, encodeGreeting, greetingOf, refusal, refusalOf, type Peer, type WireIdentity } from './handshake.js';
import { readRequestHead } from './request-head.js';
import { ServerCall } from './server-call.js';
import { inFlight, type CallInFlight } from './wire-calls.js';

/**
 * Answers a call. The Observable is subscribed once and unsubscribed when the caller has left, for whatever reason; what
 * it emits is encoded at once and may be changed afterwards. Bytes in the payload are views: copy what is kept.
 */
export type WireHandler<Value = unknown> = (payload: unknown, context: CallContext, peer: Peer, demand: Demand) => Observable<Value>;

/** A handler, and how what it emits becomes a payload where that is not msgpack. */
export interface Answering {
  readonly handler: WireHandler;
  readonly encode: (value: unknown) => unknown;
}

/** What an operator should hear of. A handler's failure is reported here and nowhere else: the caller sees INTERNAL. */
export type WireReport =
  | { readonly kind: 'handler-failed'; readonly error: unknown; readonly pattern: string; readonly traceId: string; readonly peer: Peer }
  | { readonly kind: 'peer-refused'; readonly error: TriptychError; readonly peer: Peer }
  | { readonly kind: 'connection-lost'; readonly error: TriptychError; readonly peer: Peer };

export interface ServerSessionOwner {
  readonly identity: WireIdentity;
  readonly draining: boolean;
  answeringTo(pattern: string): Answering | undefined;
  report(report: WireReport): void;
  /** Once, after all handlers were torn down. */
  over(session: ServerSession): void;
}

export class ServerSession implements LinkOwner {
  readonly link: FrameLink;
  peer: Peer;
  #open = false;
  readonly #calls = new Map<number, ServerCall>();
  readonly #cancelHelloTimeout: Cancel;

  constructor(
    readonly ports: LinkPorts,
    readonly owner: ServerSessionOwner,
    remote: string,
  ) {
    this.peer = { name: '?', role: '?', remote };
    this.link = new FrameLink(ports, this, '?');
    this.#cancelHelloTimeout = ports.clock.after(ports.limits.connectTimeoutMs, () =>
      this.link.die(new TriptychError('WIRE_PROTOCOL', 'No HELLO came.', { remote })),
    );
  }

  get callsInFlight(): number {
    return this.#calls.size;
  }

  /** Oldest first. */
  *inFlight(): IterableIterator<CallInFlight> {
    const nowMs = this.ports.clock.monotonicMs();
    for (const { pattern, context } of this.#calls.values()) yield inFlight(pattern, this.peer.name, context, nowMs);
  }

  /** Asks the caller to make no new calls here; it closes the connection when those in flight are over. */
  drain(): void {
    if (this.#open) this.link.sendSignal(FrameKind.goaway, 0);
    else this.link.die(refusal('draining', this.owner.identity.name, this.peer.name));
  }

  /** For ServerCall. */
  settled(call: ServerCall): void {
    this.#calls.delete(call.id);
    this.ports.deadlines.remove(call);
  }

  // --- what the link says ---

  opened(): void {}

  frame(kind: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (!this.#open) return this.#hello(kind, bytes, start, end);
    switch (kind) {
      case FrameKind.request:
        return this.#request(id, bytes, start, end);
      case FrameKind.cancel:
        this.ports.counts.cancelsHeard++;
        this.#calls.get(id)?.leave();
        return;
      case FrameKind.credit:
        if (end - start !== 4) throw new TriptychError('WIRE_PROTOCOL', 'The peer sent a CREDIT of no meaning.');
        this.#calls.get(id)?.granted(readUint32(bytes, start));
        return;
      case FrameKind.goaway:
        return this.#goaway();
      default:
        throw new TriptychError('WIRE_PROTOCOL', 'The peer sent a frame that no client sends.', { kind });
    }
  }

  lost(error: TriptychError): void {
    this.#cancelHelloTimeout();
    for (const call of [...this.#calls.values()]) call.leave();
    this.owner.report({ kind: error.code === 'WIRE_HANDSHAKE_REFUSED' ? 'peer-refused' : 'connection-lost', error, peer: this.peer });
    this.owner.over(this);
  }

  #hello(kind: number, bytes: Buffer, start: number, end: number): void {
    if (kind !== FrameKind.hello) throw new TriptychError('WIRE_PROTOCOL', 'The peer did not begin with HELLO.', { kind });
    const { identity } = this.owner;
    const theirs = decodeGreeting(bytes.subarray(start, end));
    this.peer = { name: theirs.name, role: theirs.role, remote: this.peer.remote };
    this.link.peer = theirs.name;
    const ours = greetingOf(identity, this.ports.limits.maxFrameBytes);
    const refused = refusalOf(ours, theirs) ?? this.#reasonOfOurOwn(theirs.name);
    this.#cancelHelloTimeout();
    if (refused !== undefined) {
      this.link.dieTelling(FrameKind.refuse, refused);
      return;
    }
    this.#open = true;
    this.link.sendBody(FrameKind.welcome, encodeGreeting(ours));
    this.link.established(theirs.maxFrameBytes);
  }

  #reasonOfOurOwn(name: string): TriptychError | undefined {
    if (this.owner.draining) return refusal('draining', this.owner.identity.name, name);
    if (this.ports.faults?.refuses(name) === true) return refusal('fault', this.owner.identity.name, name);
    return undefined;
  }

  #request(id: number, bytes: Buffer, start: number, end: number): void {
    if (this.#calls.has(id)) throw new TriptychError('WIRE_PROTOCOL', 'The peer used the id of a call in flight.', { id });
    this.#assertPeerReads();
    const { clock, limits } = this.ports;
    const { pattern, context, credit, payloadStart } = readRequestHead(bytes, start, end, clock.monotonicMs());
    const payload = this.link.decodePayload(bytes, payloadStart, end);
    const call = new ServerCall(this, id, pattern, context, credit);
    if (this.#calls.size >= limits.maxCallsInFlight) {
      const details = { callsInFlight: this.#calls.size };
      call.refuse(new TriptychError('WIRE_OVERLOADED', 'Too many calls are in flight on this connection.', details));
      return;
    }
    const answering = this.owner.answeringTo(pattern);
    if (answering === undefined) {
      call.refuse(new TriptychError('ROUTE_UNKNOWN', 'Nothing answers to this pattern here.', { pattern }));
      return;
    }
    this.#calls.set(id, call);
    this.ports.counts.begun++;
    call.run(answering, payload);
  }

  #goaway(): void {
    const why = 'The peer closed the connection because of what we sent.';
    this.link.die(new TriptychError('WIRE_CONNECTION_LOST', why, { peer: this.peer.name }));
  }

  /** A peer that does not read what it asked for loses its connection. */
  #assertPeerReads(): void {
    const { unsentBytes } = this.link;
    if (unsentBytes <= this.ports.limits.maxUnsentBytes) return;
    throw new TriptychError('WIRE_PROTOCOL', 'The peer asks and does not read the answers.', { peer: this.peer.name, unsentBytes });
  }
}
