/**
 * What the client knows of the ring: learnt from seeds, then from the members themselves, asked again every few seconds
 * and at once when a node says that it is no replica of what it was asked for. The highest epoch is the truth, and the
 * last ring that was good stays in use however long nobody answers: a client that forgets its hosts needs a restart
 * (cassandra-gocql-driver#915).
 *
 * Each refresh begins at another member, so that one that was cut off cannot keep the client in the past. The seeds are
 * asked last, since a cluster may have moved away from all that was known of it.
 */
import { type CallContext, PATTERNS, type RingReply } from '@app/contracts';
import type { Cancel, Clock, Random } from '@app/time';
import { Subscription } from 'rxjs';
import { PlacedRing } from './placed-ring.js';
import { addressText, type NodeAddress, type StoreTransport } from './store-transport.js';

export interface RingPolicy {
  /** Pause between refreshes, ms. */
  readonly refreshMs: number;
  /** Two refreshes are never closer than this, whatever asks for them, ms. */
  readonly refreshAtMostEveryMs: number;
  /** How long one node may take to tell its ring, ms. */
  readonly requestTimeoutMs: number;
  /** Pause after a round in which nobody told, ms: from the first value, doubled each time, to the second. */
  readonly retryMs: readonly [number, number];
}

export interface RingViewOptions {
  readonly seeds: readonly NodeAddress[];
  /** Only this cluster's ring is believed. Absent: the first one learnt says which. */
  readonly clusterId?: string;
  /** How the client calls itself to the nodes. */
  readonly nodeName: string;
  readonly transport: StoreTransport;
  readonly clock: Clock;
  readonly random: Random;
  readonly policy: RingPolicy;
  /** Told of every ring that is taken over, after it is in use. */
  readonly onRing?: (ring: PlacedRing) => void;
}

export class RingView {
  readonly #options: RingViewOptions;
  #ring: PlacedRing | null = null;
  #lastFailure: string | null = null;
  #failedRounds = 0;
  #rounds = 0;
  #lastRoundAtMs = -Infinity;
  #timer: Cancel | null = null;
  #asking: Subscription | null = null;
  #running = false;

  constructor(options: RingViewOptions) {
    this.#options = options;
  }

  /** The ring in use; null until one was learnt. */
  get ring(): PlacedRing | null {
    return this.#ring;
  }

  /** Why the last node that was asked told nothing that could be used; null when the last one did. */
  get lastFailure(): string | null {
    return this.#lastFailure;
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#round();
  }

  stop(): void {
    this.#running = false;
    this.#timer?.();
    this.#timer = null;
    this.#asking?.unsubscribe();
    this.#asking = null;
  }

  /** There is reason to think the ring has changed. */
  refresh(): void {
    if (!this.#running || this.#asking !== null) return;
    const { clock, policy } = this.#options;
    const waitMs = this.#lastRoundAtMs + policy.refreshAtMostEveryMs - clock.monotonicMs();
    if (waitMs > 0) this.#roundIn(waitMs);
    else this.#round();
  }

  /** Asks one node after another until one tells a ring that can be used. */
  #round(): void {
    this.#timer?.();
    this.#timer = null;
    this.#lastRoundAtMs = this.#options.clock.monotonicMs();
    this.#ask(this.#sources(), 0);
  }

  #roundIn(delayMs: number): void {
    this.#timer?.();
    this.#timer = this.#options.clock.after(delayMs, () => this.#round());
  }

  #ask(sources: readonly NodeAddress[], at: number): void {
    const source = sources[at];
    if (source === undefined) return this.#roundFailed();
    const { clock, policy, transport } = this.#options;
    const asking = new Subscription();
    this.#asking = asking;
    const settle = (then: () => void): void => {
      if (asking.closed) return;
      asking.unsubscribe();
      this.#asking = null;
      then();
    };
    const fail = (reason: string): void =>
      settle(() => {
        this.#lastFailure = `${addressText(source)}: ${reason}`;
        this.#ask(sources, at + 1);
      });
    asking.add(clock.after(policy.requestTimeoutMs, () => fail(`no answer within ${policy.requestTimeoutMs} ms`)));
    asking.add(
      transport.call(source, PATTERNS.ring, {}, this.#context()).subscribe({
        next: (reply) => settle(() => this.#hear(reply as RingReply, sources, at)),
        error: (error: unknown) => fail(error instanceof Error ? error.message : String(error)),
        complete: () => fail('ended without an answer'),
      }),
    );
  }

  #hear(reply: RingReply, sources: readonly NodeAddress[], at: number): void {
    try {
      this.#take(reply);
    } catch (error) {
      this.#lastFailure = `${addressText(sources[at]!)}: ${(error as Error).message}`;
      return this.#ask(sources, at + 1);
    }
    this.#lastFailure = null;
    this.#failedRounds = 0;
    this.#roundIn(this.#options.policy.refreshMs);
  }

  /** @throws Error when the ring is not this cluster's or cannot be used; the one in use stays */
  #take(reply: RingReply): void {
    const clusterId = this.#options.clusterId ?? this.#ring?.reply.clusterId ?? reply.clusterId;
    if (reply.clusterId !== clusterId) throw new Error(`belongs to cluster ${reply.clusterId}, not to ${clusterId}`);
    if (this.#ring !== null && reply.epoch <= this.#ring.reply.epoch) return;
    this.#ring = new PlacedRing(reply);
    this.#options.onRing?.(this.#ring);
  }

  #roundFailed(): void {
    const { policy, random } = this.#options;
    const [shortestMs, longestMs] = policy.retryMs;
    const pauseMs = Math.min(longestMs, shortestMs * 2 ** this.#failedRounds);
    this.#failedRounds++;
    // Between half of it and all: gateways that lost the same cluster at once do not come back at once.
    this.#roundIn(pauseMs * (0.5 + random.fraction() / 2));
  }

  /** Whom to ask, in order: the members, each time from the next one on, those known to be down last; then the seeds. */
  #sources(): readonly NodeAddress[] {
    const { seeds, transport } = this.#options;
    const members: readonly NodeAddress[] = this.#ring?.reply.members ?? [];
    const turn = this.#rounds++ % Math.max(1, members.length);
    const turned = [...members.slice(turn), ...members.slice(0, turn)];
    const known = new Set(members.map(addressText));
    return [
      ...turned.filter((member) => !transport.isDown(member)),
      ...turned.filter((member) => transport.isDown(member)),
      ...seeds.filter((seed) => !known.has(addressText(seed))),
    ];
  }

  #context(): CallContext {
    const { clock, nodeName, policy } = this.#options;
    return {
      deadlineMs: clock.monotonicMs() + policy.requestTimeoutMs,
      traceId: `ring-${this.#rounds}`,
      priority: 'background',
      principal: { kind: 'service', name: nodeName },
    };
  }
}
