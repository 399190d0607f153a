/**
 * One connection, as both its ends need it: frames over bytes, sent once per tick; heartbeats; one death. The client's
 * and the server's session each own one and know nothing of bytes.
 *
 * A peer that is silent for too long is dead, but a link doubts itself first: when its own heartbeat comes late, the
 * event loop stood still and the peer's bytes may be waiting unread, so that time is not counted as silence (the idea is
 * Lifeguard's: Dadgar et al., 2018).
 */
import { TriptychError, type CallContext } from '@app/contracts';
import type { Cancel, Clock } from '@app/time';
import type { ByteChannel, ChannelEvents } from './byte-channel.js';
import type { DeadlineQueue } from './deadline-queue.js';
import { FRAME_HEADER_BYTES, FrameDecoder, FrameKind, HANDSHAKE_MAX_FRAME_BYTES, writeUint32 } from './frame.js';
import { FaultyLine, type LinkFaults } from './link-faults.js';
import { Outbox } from './outbox.js';
import { encodeSelfContained, PayloadDecoder, PayloadEncoder, type EncodedPayload } from './payload-codec.js';
import { requestHeadBytes, writeRequestHead } from './request-head.js';
import { encodeError } from './wire-error.js';
import type { WireLimits } from './wire-limits.js';
import type { CallCounts } from './wire-calls.js';

export interface LinkOwner {
  /** The channel is open: the handshake may begin. */
  opened(): void;
  /** @throws TriptychError WIRE_PROTOCOL to close the connection for what the peer did */
  frame(kind: number, id: number, bytes: Buffer, start: number, end: number): void;
  /** Once: nothing can be sent or will be received any more. */
  lost(reason: TriptychError): void;
}

export interface LinkPorts {
  readonly clock: Clock;
  /** Runs a task soon, after what is happening now. */
  readonly defer: (task: () => void) => void;
  readonly limits: WireLimits;
  readonly faults?: LinkFaults | undefined;
  /** Of the client or server that the link belongs to. */
  readonly counts: CallCounts;
  /** Of all its calls. */
  readonly deadlines: DeadlineQueue;
}

/** Offset of a frame that did not go straight to the outbox; it counts as handed over, since it may yet be. */
const DIVERTED = -1;

export class FrameLink implements ChannelEvents {
  readonly #clock: Clock;
  readonly #limits: WireLimits;
  readonly #outbox = new Outbox();
  readonly #encoder = new PayloadEncoder();
  readonly #payloads = new PayloadDecoder();
  readonly #decoder: FrameDecoder;
  readonly #line: FaultyLine | undefined;
  #channel: ByteChannel | null = null;
  #dead = false;
  #flushDue = false;
  #maxFrameBytes: number;
  #lastHeardMs = 0;
  #pings = 0;
  #cancelBeat: Cancel | null = null;

  /** @param peer the other end's name, as far as known; for faults and errors */
  constructor(
    private readonly ports: LinkPorts,
    private readonly owner: LinkOwner,
    public peer: string,
  ) {
    this.#clock = ports.clock;
    this.#limits = ports.limits;
    this.#maxFrameBytes = ports.limits.maxFrameBytes;
    this.#decoder = new FrameDecoder(HANDSHAKE_MAX_FRAME_BYTES, (kind, id, bytes, start, end) => {
      if (kind === FrameKind.ping) this.sendSignal(FrameKind.pong, id);
      else if (kind !== FrameKind.pong) this.owner.frame(kind, id, bytes, start, end);
    });
    if (ports.faults !== undefined) {
      const refused = () => this.die(new TriptychError('WIRE_CONNECTION_LOST', 'Cut off by an injected fault.', { peer: this.peer }));
      this.#line = new FaultyLine(ports.faults, ports.clock, () => this.peer, (frame) => this.#append(frame), refused);
    }
  }

  attach(channel: ByteChannel): void {
    this.#channel = channel;
  }

  /** The handshake is done: larger frames may pass, and the peer's heart is listened to. */
  established(peerMaxFrameBytes: number): void {
    this.#maxFrameBytes = Math.min(this.#limits.maxFrameBytes, peerMaxFrameBytes);
    this.#decoder.maxFrameBytes = this.#limits.maxFrameBytes;
    this.#lastHeardMs = this.#clock.monotonicMs();
    this.#beatAfterInterval();
  }

  get unsentBytes(): number {
    return this.#channel?.unsentBytes ?? 0;
  }

  /** Whether the frame at `offset` has been handed to the network: then the peer may have it. */
  isHandedOver(offset: number): boolean {
    return offset < this.#outbox.takenOffset;
  }

  // --- sending: each answers the frame's offset; `pattern` is that of the call, for faults ---

  sendSignal(kind: number, id: number, pattern?: string): number {
    const out = this.#target();
    return this.#sent(out, out.commit(kind, id, out.begin(0)), pattern);
  }

  sendCredit(id: number, credit: number, pattern: string): number {
    const out = this.#target();
    const at = out.begin(4);
    writeUint32(out.block, at, credit);
    return this.#sent(out, out.commit(FrameKind.credit, id, at + 4), pattern);
  }

  sendBody(kind: number, body: Uint8Array): number {
    const out = this.#target();
    const at = out.begin(body.length);
    out.block.set(body, at);
    return this.#sent(out, out.commit(kind, 0, at + body.length), undefined);
  }

  /** @throws TriptychError WIRE_FRAME_TOO_LARGE, or what msgpack cannot encode; then nothing was sent */
  sendValue(kind: number, id: number, value: unknown, pattern: string): number {
    const out = this.#target();
    return this.sendPayload(kind, id, this.#encode(value, out), pattern, out);
  }

  /** @throws TriptychError WIRE_FRAME_TOO_LARGE; then nothing was sent */
  sendPayload(kind: number, id: number, payload: EncodedPayload, pattern: string | undefined, out = this.#target()): number {
    const bodyBytes = 1 + payload.end - payload.start;
    this.#assertFits(bodyBytes, payload);
    const at = out.begin(bodyBytes);
    return this.#sent(out, out.commit(kind, id, this.#writePayload(out, at, payload)), pattern);
  }

  /** @throws as `sendValue`, and REQUEST_INVALID (request-head.ts) */
  sendRequest(id: number, pattern: string, value: unknown, context: CallContext, timeLeftMs: number, credit: number): number {
    const out = this.#target();
    const payload = this.#encode(value, out);
    const bodyBytes = requestHeadBytes(pattern, context) + 1 + payload.end - payload.start;
    this.#assertFits(bodyBytes, payload);
    const at = out.begin(bodyBytes);
    let payloadAt: number;
    try {
      payloadAt = writeRequestHead(out.block, at, pattern, context, timeLeftMs, credit);
    } catch (error) {
      this.#discard(payload);
      throw error;
    }
    return this.#sent(out, out.commit(FrameKind.request, id, this.#writePayload(out, payloadAt, payload)), pattern);
  }

  /** Turns NEXT into RESULT while it is still here. */
  makeResult(offset: number): boolean {
    return this.#outbox.changeKind(offset, FrameKind.result);
  }

  /** @throws TriptychError WIRE_PROTOCOL */
  decodePayload(bytes: Buffer, start: number, end: number): unknown {
    return this.#payloads.decode(bytes, start, end);
  }

  // --- the end ---

  /** Sends what is waiting, then closes. `lost` follows when the channel has closed. */
  end(): void {
    if (this.#dead) return;
    this.#flush();
    this.#channel?.end();
  }

  /** Closes at once, for this reason. */
  die(reason: TriptychError): void {
    this.#die(reason, false);
  }

  /** Tells the peer why in a last frame (REFUSE, or GOAWAY when it broke the protocol), and closes. */
  dieTelling(kind: number, reason: TriptychError): void {
    if (this.#dead) return;
    this.sendPayload(kind, 0, encodeError(reason), undefined);
    this.#flush();
    this.#die(reason, true);
  }

  // --- what the channel says ---

  opened(): void {
    if (!this.#dead) this.owner.opened();
  }

  received(bytes: Uint8Array): void {
    if (this.#dead) return;
    this.#lastHeardMs = this.#clock.monotonicMs();
    try {
      this.#decoder.push(bytes);
    } catch (error) {
      if (!(error instanceof TriptychError)) throw error;
      this.dieTelling(FrameKind.goaway, error);
    }
  }

  closed(error?: Error): void {
    const why = error === undefined ? 'The peer closed the connection.' : `The connection failed: ${error.message}`;
    this.#die(new TriptychError('WIRE_CONNECTION_LOST', why, { peer: this.peer }, { cause: error }), false);
  }

  #die(reason: TriptychError, gently: boolean): void {
    if (this.#dead) return;
    this.#dead = true;
    this.#cancelBeat?.();
    this.#decoder.stop();
    this.#line?.close();
    if (gently) this.#channel?.end();
    else this.#channel?.destroy();
    this.owner.lost(reason);
  }

  #beatAfterInterval(): void {
    const { heartbeatIntervalMs, silenceLimitMs } = this.#limits;
    const expectedMs = this.#clock.monotonicMs() + heartbeatIntervalMs;
    this.#cancelBeat = this.#clock.after(heartbeatIntervalMs, () => {
      const nowMs = this.#clock.monotonicMs();
      const stoodStillMs = Math.max(0, nowMs - expectedMs);
      this.#lastHeardMs = Math.min(nowMs, this.#lastHeardMs + stoodStillMs);
      const silentMs = nowMs - this.#lastHeardMs;
      if (silentMs >= silenceLimitMs) {
        const details = { peer: this.peer, silentMs: Math.round(silentMs) };
        return this.die(new TriptychError('WIRE_CONNECTION_LOST', 'The peer has fallen silent.', details));
      }
      if (silentMs >= heartbeatIntervalMs / 2) this.sendSignal(FrameKind.ping, (this.#pings = (this.#pings + 1) >>> 0));
      this.#beatAfterInterval();
    });
  }

  // --- writing ---

  /** Where the next frame is written: apart, while faults may want to keep it. */
  #target(): Outbox {
    return this.#line?.active === true ? new Outbox(0) : this.#outbox;
  }

  #sent(out: Outbox, offset: number, pattern: string | undefined): number {
    if (out === this.#outbox) {
      this.#scheduleFlush();
      return offset;
    }
    out.take((frame) => this.#line?.pass(pattern, frame));
    return DIVERTED;
  }

  #append(frame: Uint8Array): void {
    this.#outbox.append(frame);
    this.#scheduleFlush();
  }

  #encode(value: unknown, out: Outbox): EncodedPayload {
    return out === this.#outbox ? this.#encoder.encode(value) : encodeSelfContained(value);
  }

  #writePayload(out: Outbox, at: number, payload: EncodedPayload): number {
    out.block[at] = payload.format;
    Buffer.prototype.copy.call(payload.bytes, out.block, at + 1, payload.start, payload.end);
    return at + 1 + payload.end - payload.start;
  }

  #assertFits(bodyBytes: number, payload: EncodedPayload): void {
    const frameBytes = FRAME_HEADER_BYTES + bodyBytes;
    if (frameBytes <= this.#maxFrameBytes) return;
    this.#discard(payload);
    const details = { frameBytes, maxFrameBytes: this.#maxFrameBytes };
    throw new TriptychError('WIRE_FRAME_TOO_LARGE', 'The message does not fit into a frame.', details);
  }

  #discard(payload: EncodedPayload): void {
    if (payload === this.#encoder) this.#encoder.discard();
  }

  #scheduleFlush(): void {
    if (this.#flushDue) return;
    this.#flushDue = true;
    this.ports.defer(this.#flushWhenDue);
  }

  readonly #flushWhenDue = (): void => {
    this.#flushDue = false;
    if (!this.#dead) this.#flush();
  };

  #flush(): void {
    const channel = this.#channel;
    if (channel !== null) this.#outbox.take((bytes) => channel.send(bytes));
  }
}
