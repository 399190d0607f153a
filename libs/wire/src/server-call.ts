/** One call in flight, as the callee's end knows it: the observer of its handler, and the caller's demand. */
import { TriptychError, type CallContext } from '@app/contracts';
import type { Observer, Subscription } from 'rxjs';
import type { Demand } from './credit.js';
import type { Expiring } from './deadline-queue.js';
import { FrameKind } from './frame.js';
import { encodeSelfContained, type EncodedPayload } from './payload-codec.js';
import type { Answering, ServerSession } from './server-session.js';
import type { CallEnd } from './wire-calls.js';
import { blurred, encodeError } from './wire-error.js';

/** What a waiting value costs besides its bytes. */
const QUEUED_VALUE_OVERHEAD_BYTES = 64;
const NOTHING_SENT = -1;

/** For msgpack, or bytes that the handler made. */
export const asItIs = (value: unknown): unknown => value;

export class ServerCall implements Observer<unknown>, Demand, Expiring {
  readonly deadlineMs: number;
  #over = false;
  #encode: Answering['encode'] = asItIs;
  #subscription: Subscription | null = null;
  /** Offset of the last NEXT, which becomes RESULT when the end follows at once. */
  #lastSent = NOTHING_SENT;
  /** Values emitted beyond the credit. */
  #queue: EncodedPayload[] | null = null;
  #queuedBytes = 0;
  /** How the handler ended while values were still waiting. */
  #ending: 'complete' | TriptychError | null = null;
  #drawWhenCredit: (() => void) | null = null;

  constructor(
    private readonly session: ServerSession,
    readonly id: number,
    readonly pattern: string,
    readonly context: CallContext,
    public credit: number,
  ) {
    this.deadlineMs = context.deadlineMs;
  }

  run({ handler, encode }: Answering, payload: unknown): void {
    this.#encode = encode;
    try {
      const subscription = handler(payload, this.context, this.session.peer, this).subscribe(this);
      if (this.#over) return this.#tearDown(subscription);
      this.#subscription = subscription;
    } catch (error) {
      this.error(error);
      return;
    }
    this.session.ports.deadlines.add(this, this.session.ports.clock.monotonicMs());
  }

  /** Never run: answered at once. */
  refuse(error: TriptychError): void {
    this.#sendError(error);
  }

  /** The caller has left, or its connection is gone. */
  leave(): void {
    if (!this.#over) this.#settle('cancelled');
  }

  expire(): void {
    if (!this.#over) this.#fail(new TriptychError('WIRE_DEADLINE', 'The time that the caller gave is over.', { pattern: this.pattern }), 'expired');
  }

  // --- what the handler emits ---

  next(value: unknown): void {
    if (this.#over) return;
    try {
      if (this.credit > 0) {
        this.credit--;
        this.#lastSent = this.session.link.sendValue(FrameKind.next, this.id, this.#encode(value), this.pattern);
      } else {
        this.#enqueue(encodeSelfContained(this.#encode(value)));
      }
    } catch (error) {
      this.#fail(this.#shown(error));
    }
  }

  error(error: unknown): void {
    if (this.#over) return;
    const shown = this.#shown(error);
    if (this.#queue === null) this.#fail(shown);
    else this.#ending = shown;
  }

  complete(): void {
    if (this.#over) return;
    if (this.#queue === null) this.#complete();
    else this.#ending = 'complete';
  }

  whenCredit(task: () => void): void {
    this.#drawWhenCredit = task;
  }

  // --- what the caller grants ---

  granted(count: number): void {
    this.credit += count;
    this.#sendQueued();
    if (this.#over || this.credit === 0 || this.#drawWhenCredit === null) return;
    const draw = this.#drawWhenCredit;
    this.#drawWhenCredit = null;
    try {
      draw();
    } catch (error) {
      this.error(error);
    }
  }

  #enqueue(payload: EncodedPayload): void {
    this.#queue ??= [];
    this.#queue.push(payload);
    this.#queuedBytes += payload.end + QUEUED_VALUE_OVERHEAD_BYTES;
    const { maxQueuedBytes } = this.session.ports.limits;
    if (this.#queuedBytes > maxQueuedBytes && this.#queue.length > 1) {
      const details = { pattern: this.pattern, maxQueuedBytes };
      throw new TriptychError('WIRE_OVERLOADED', 'The caller takes the values of a stream more slowly than they come.', details);
    }
  }

  #sendQueued(): void {
    const queue = this.#queue;
    if (queue === null) return;
    const count = Math.min(this.credit, queue.length);
    this.credit -= count;
    try {
      for (const payload of queue.splice(0, count)) {
        this.#queuedBytes -= payload.end + QUEUED_VALUE_OVERHEAD_BYTES;
        this.#lastSent = this.session.link.sendPayload(FrameKind.next, this.id, payload, this.pattern);
      }
    } catch (error) {
      return this.#fail(this.#shown(error));
    }
    if (queue.length > 0) return;
    this.#queue = null;
    if (this.#ending === 'complete') this.#complete();
    else if (this.#ending !== null) this.#fail(this.#ending);
  }

  // --- ends ---

  #complete(): void {
    const { link } = this.session;
    if (this.#lastSent === NOTHING_SENT || !link.makeResult(this.#lastSent)) link.sendSignal(FrameKind.complete, this.id, this.pattern);
    this.#settle('answered');
  }

  #fail(error: TriptychError, end: CallEnd = 'failed'): void {
    this.#sendError(error);
    this.#settle(end);
  }

  #settle(end: CallEnd): void {
    this.#over = true;
    this.session.ports.counts[end]++;
    this.#queue = null;
    this.#drawWhenCredit = null;
    this.session.settled(this);
    if (this.#subscription !== null) this.#tearDown(this.#subscription);
  }

  #tearDown(subscription: Subscription): void {
    try {
      subscription.unsubscribe();
    } catch (error) {
      this.#report(error);
    }
  }

  #sendError(error: TriptychError): void {
    const { link } = this.session;
    try {
      link.sendPayload(FrameKind.error, this.id, encodeError(error), this.pattern);
    } catch (cause) {
      // Details that cannot be encoded, or do not fit.
      this.#report(cause);
      const bare = new TriptychError(error.code, 'The details of this error could not be sent.');
      link.sendPayload(FrameKind.error, this.id, encodeError(bare), this.pattern);
    }
  }

  #shown(error: unknown): TriptychError {
    if (!(error instanceof TriptychError)) this.#report(error);
    return blurred(error);
  }

  #report(error: unknown): void {
    const { peer, owner } = this.session;
    owner.report({ kind: 'handler-failed', error, pattern: this.pattern, traceId: this.context.traceId, peer });
  }
}
