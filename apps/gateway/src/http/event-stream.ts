/**
 * Server-sent events to one device, over the raw response. What a device does not read waits in its socket, then here up to
 * `bufferBytes`; beyond that nobody listens for it any more, and when it has read all that, its feed begins anew from what it
 * was sent last: so its memory is bounded, and it loses nothing. One that reads nothing for `stalledMs` is cut off.
 *
 * Ends in order with the gateway's drain, and whenever its feed ends: devices come back by themselves, after a pause that
 * differs from device to device, and go on elsewhere. Refused: Nest's `@Sse`, which writes on whatever the socket says.
 *
 * Source: the HTML standard, 9.2, server-sent events.
 */
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { type Observable, Subscription } from 'rxjs';
import type { Cancel, Clock, Random } from '@app/time';
import type { Drain } from './drain.js';

/** Several events that are one step: only the last one has the id, so that a device that heard some of them hears all again. */
export interface Step {
  readonly events: readonly { readonly event: string; readonly data: unknown }[];
  /** Null: this step cannot be gone on from. */
  readonly id: string | null;
}

export interface EventStreamPolicy {
  /** A comment so often, ms: proxies close what is silent for a minute or less. */
  readonly beatMs: number;
  /** Bytes that may wait here for a device. */
  readonly bufferBytes: number;
  /** How long a device may leave its buffer full, ms. */
  readonly stalledMs: number;
  /** When a device is to come back after the end, ms: drawn between the two. */
  readonly retryMs: readonly [number, number];
}

export const EVENT_STREAM_POLICY: EventStreamPolicy = { beatMs: 15_000, bufferBytes: 256 * 1024, stalledMs: 30_000, retryMs: [500, 1_500] };

export interface EventStreamPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly drain: Pick<Drain, 'onBegin'>;
  /** What there is to send, from what was sent last; each subscription is a new beginning. */
  readonly feed: () => Observable<Step>;
}

export class EventStream {
  #feed: Subscription | null = null;
  #cancelBeat: Cancel = () => {};
  #cancelStalled: Cancel = () => {};
  #cancelDrain: Cancel = () => {};
  #isOver = false;

  constructor(
    private readonly raw: ServerResponse,
    private readonly ports: EventStreamPorts,
    private readonly policy: EventStreamPolicy = EVENT_STREAM_POLICY,
  ) {}

  /** The response is this stream's from here on. @param headers that it has beside its own */
  start(headers: OutgoingHttpHeaders): void {
    const { raw, ports, policy } = this;
    raw.once('close', () => this.#stop());
    raw.on('drain', () => this.#drained());
    raw.on('error', () => raw.destroy());
    raw.writeHead(200, { ...headers, 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' });
    const [least, most] = policy.retryMs;
    this.#write(`retry: ${Math.round(least + ports.random.fraction() * (most - least))}\n\n`);
    this.#beatLater();
    this.#cancelDrain = ports.drain.onBegin(() => this.#end());
    if (!this.#isOver) this.#listen();
  }

  #listen(): void {
    const feed = new Subscription();
    this.#feed = feed;
    feed.add(
      this.ports.feed().subscribe({
        next: (step) => this.#write(textOf(step)),
        error: () => this.#end(),
        complete: () => this.#end(),
      }),
    );
  }

  #write(text: string): void {
    const { raw, policy } = this;
    raw.write(text);
    if (raw.writableLength <= policy.bufferBytes || this.#feed === null) return;
    this.#feed.unsubscribe();
    this.#feed = null;
    this.#cancelStalled = this.ports.clock.after(policy.stalledMs, () => raw.destroy());
  }

  #drained(): void {
    this.#cancelStalled();
    if (this.#feed === null && !this.#isOver) this.#listen();
  }

  #beatLater(): void {
    this.#cancelBeat = this.ports.clock.after(this.policy.beatMs, () => {
      // One whose buffer is full has enough to read.
      if (this.#feed !== null) this.#write(':\n\n');
      this.#beatLater();
    });
  }

  #end(): void {
    if (this.#isOver) return;
    this.#stop();
    this.raw.end();
  }

  #stop(): void {
    this.#isOver = true;
    this.#feed?.unsubscribe();
    this.#feed = null;
    this.#cancelBeat();
    this.#cancelStalled();
    this.#cancelDrain();
  }
}

/** JSON has no line ends, so each event is one line of data. */
function textOf({ events, id }: Step): string {
  const last = events.length - 1;
  return events.map(({ event, data }, at) => `${at === last ? `id: ${id ?? ''}\n` : ''}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`).join('');
}
