/**
 * Keeps one listener to a row going, for as long as it listens: fed by one replica at a time, the best there is, and by the next
 * one when that fails, says that it cannot answer for the row, or is silent. What was heard last goes with each new question, so
 * the listener hears everything once, whoever feeds it.
 *
 * A replica says something each WATCH_BEAT_MS; one that has not for `silenceMs` is given up. As the wire does, the client doubts
 * itself first: time in which its own event loop stood still is not counted. When every replica has failed it pauses, and begins
 * again; only what is wrong with the request itself, or its deadline, ends it. A listener that was sent to a farther replica goes
 * back to a nearer one after a while, or a zone that was lost for a minute would stay idle for a day.
 *
 * Refused: two replicas at once for each listener. It halves nothing but the second after a failure, and doubles the rest.
 */
import { type Item, type NodeId, TriptychError, WATCH_BEAT_MS, type WatchEvent, type WatchRequest } from '@app/contracts';
import type { Cancel, Clock, Random } from '@app/time';
import { Observable, type Subscriber, Subscription } from 'rxjs';
import { meaningOf } from './attempt-plan.js';
import type { RowEvent } from './list-store.js';

export interface WatchPolicy {
  /** A replica that says nothing for so long is given up, ms: some beats, and less than two seconds. */
  readonly silenceMs: number;
  /** Pause after a round in which every replica failed, ms: from the first value, doubled each time, to the second. */
  readonly retryMs: readonly [number, number];
  /** How often a listener that is fed from elsewhere looks whether the best replica is back, ms. */
  readonly homeAfterMs: number;
}

export interface WatchRun {
  readonly request: WatchRequest;
  /** Best first. */
  readonly candidates: () => readonly NodeId[];
  readonly call: (node: NodeId, request: WatchRequest) => Observable<WatchEvent>;
  /** Why a replica was given up; null for its silence. */
  readonly onFailure: (node: NodeId, error: TriptychError | null) => void;
  readonly deadlineMs: number;
  readonly policy: WatchPolicy;
  readonly clock: Clock;
  readonly random: Random;
}

/** A timer that is so late, ms, says that the event loop stood still. */
const STANDSTILL_MS = 250;

/** Cold. Unsubscribing ends it, at the replica too. Errors: a refusal of the request; STORE_READ_TIMEOUT at the deadline, if there is one. */
export function runWatch(run: WatchRun): Observable<RowEvent> {
  return new Observable((subscriber) => {
    const watching = new Watching(run, subscriber);
    subscriber.add(() => watching.stop());
    watching.start();
  });
}

class Watching {
  #seen: Uint8Array | undefined;
  /** Of a whole row that is coming in. */
  #parts: Item[] = [];
  #node: NodeId | null = null;
  #feed: Subscription | null = null;
  /** In this round, without having been of use. */
  readonly #tried = new Set<NodeId>();
  #failedRounds = 0;
  #heardAtMs = 0;
  /** Since it was heard last, its own standstill was taken for the reason. */
  #hasDoubted = false;
  /** The silence of whoever feeds it, or the pause while nobody does. */
  #cancelNext: Cancel = () => {};
  #cancelHome: Cancel = () => {};
  #cancelDeadline: Cancel = () => {};

  constructor(
    private readonly run: WatchRun,
    private readonly subscriber: Subscriber<RowEvent>,
  ) {
    this.#seen = run.request.seen;
  }

  start(): void {
    const { clock, deadlineMs } = this.run;
    if (deadlineMs !== Infinity) {
      const timedOut = new TriptychError('STORE_READ_TIMEOUT', 'the time for this stream is over');
      this.#cancelDeadline = clock.after(Math.max(0, deadlineMs - clock.monotonicMs()), () => this.subscriber.error(timedOut));
    }
    this.#goHomeLater();
    this.#next();
  }

  stop(): void {
    this.#leave();
    this.#cancelHome();
    this.#cancelDeadline();
  }

  #leave(): void {
    this.#cancelNext();
    const feed = this.#feed;
    this.#feed = this.#node = null;
    this.#parts = [];
    feed?.unsubscribe();
  }

  #next(): void {
    const { candidates, clock, random, policy } = this.run;
    const node = candidates().find((each) => !this.#tried.has(each));
    if (node !== undefined) return this.#listenTo(node);
    const [shortestMs, longestMs] = policy.retryMs;
    const pauseMs = Math.min(longestMs, shortestMs * 2 ** this.#failedRounds++);
    this.#cancelNext = clock.after(pauseMs * (0.5 + random.fraction() / 2), () => {
      this.#tried.clear();
      this.#next();
    });
  }

  #listenTo(node: NodeId): void {
    const { request, call, clock } = this.run;
    const { table, row } = request;
    const feed = new Subscription();
    this.#node = node;
    this.#feed = feed;
    this.#tried.add(node);
    this.#heardAtMs = clock.monotonicMs();
    this.#awaitSign();
    feed.add(
      call(node, { table, row, ...(this.#seen && { seen: this.#seen }) }).subscribe({
        next: (event) => this.#feed === feed && this.#hear(event),
        error: (error: unknown) => this.#feed === feed && this.#fail(error),
        complete: () => this.#feed === feed && this.#fail(new TriptychError('WIRE_PROTOCOL', `${node} ended a stream that has no end`, { node })),
      }),
    );
  }

  #hear(event: WatchEvent): void {
    this.#heardAtMs = this.run.clock.monotonicMs();
    this.#hasDoubted = false;
    this.#failedRounds = 0;
    this.#tried.clear();
    this.#tried.add(this.#node!); // should it fail, the others come first
    if (event.kind === 'full') {
      const items = [...this.#parts, ...event.items];
      // What came over the wire is a view, good until the next frame.
      this.#parts = event.more ? items.map((item) => ({ ...item, value: Uint8Array.from(item.value) })) : [];
      if (event.more) return;
      this.#seen = Uint8Array.from(event.seen);
      this.subscriber.next({ kind: 'full', items, seen: this.#seen });
    } else {
      this.#seen = Uint8Array.from(event.seen);
      if (event.changes.length > 0) this.subscriber.next({ ...event, seen: this.#seen });
    }
  }

  #fail(thrown: unknown): void {
    if (!(thrown instanceof TriptychError) || meaningOf(thrown) === 'refused') this.subscriber.error(thrown);
    else this.#giveUp(thrown);
  }

  #giveUp(error: TriptychError | null): void {
    const node = this.#node!;
    this.#leave();
    this.run.onFailure(node, error);
    this.#next();
  }

  #awaitSign(): void {
    const { clock, policy } = this.run;
    const wait = (delayMs: number): void => {
      const expectedMs = clock.monotonicMs() + delayMs;
      this.#cancelNext = clock.after(delayMs, () => {
        const nowMs = clock.monotonicMs();
        const stoodStillMs = Math.max(0, nowMs - expectedMs);
        this.#heardAtMs += stoodStillMs;
        const leftMs = this.#heardAtMs + policy.silenceMs - nowMs;
        // What came meanwhile lies in the socket, and is read after the timers: once, it is waited for.
        const isToBeRead = stoodStillMs > STANDSTILL_MS && !this.#hasDoubted;
        if (isToBeRead) this.#hasDoubted = true;
        if (leftMs > 0 || isToBeRead) wait(Math.max(leftMs, isToBeRead ? WATCH_BEAT_MS : 0));
        else this.#giveUp(null);
      });
    };
    wait(policy.silenceMs);
  }

  #goHomeLater(): void {
    const { clock, policy, candidates } = this.run;
    this.#cancelHome = clock.after(policy.homeAfterMs, () => {
      this.#goHomeLater();
      const [best] = candidates();
      if (this.#node === null || best === undefined || best === this.#node || this.#parts.length > 0) return;
      this.#leave();
      this.#tried.clear();
      this.#next();
    });
  }
}
