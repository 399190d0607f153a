/**
 * A network in virtual time: every message takes its time, and can be lost, doubled, held back or cut off, per direction.
 * Deterministic: the same seed and the same calls give the same deliveries. What it carries is what the real transport
 * would; a process that is down refuses at once, a cut link says nothing until the caller's deadline.
 */
import { Observable, type Subscription } from 'rxjs';
import { PATTERNS, TriptychError, type CallContext } from '@app/contracts';
import type { SeededRandom, SimClock } from '@app/time';
import type { PeerReply, PeerRequest, PeerTransport } from '../ports/transport.js';

export interface LinkQuality {
  /** One way, each drawn anew between the two, ms. */
  readonly latencyMs: readonly [number, number];
  /** Probability that a message is lost, 0 to 1. */
  readonly loss: number;
  /** Probability that a request arrives twice, 0 to 1. */
  readonly duplication: number;
}

export const GOOD_LINK: LinkQuality = { latencyMs: [0.2, 1], loss: 0, duplication: 0 };

/** What a process answers to a call of `pattern`. */
export type CallHandler = (pattern: string, payload: unknown, context: CallContext) => Observable<unknown>;

/** `kind` is that of a peer message ('apply', 'digest' ...; of its answer 'applied' ...), else the pattern. */
export interface SimMessage {
  readonly from: string;
  readonly to: string;
  readonly kind: string;
  readonly isReply: boolean;
}

/** What waits for a stopped process, in the order in which it came. */
type Backlog = (() => void)[];

/** Decides over single messages, for schedules by hand: what it answers true for is held until `release`. */
export type HoldRule = (message: SimMessage) => boolean;

export class SimNetwork {
  quality: LinkQuality = GOOD_LINK;
  hold: HoldRule | null = null;
  /**
   * Hears of each message as it arrives: counts what an operation costs, tells whether two runs were the same, and harms in
   * between; a message that it answers false for is lost on the doorstep.
   */
  onDelivery: ((message: SimMessage) => boolean | void) | null = null;
  readonly #handlers = new Map<string, CallHandler>();
  readonly #cut = new Set<string>();
  readonly #links = new Map<string, LinkQuality>();
  readonly #stopped = new Map<string, Backlog>();
  #openCalls = 0;
  #held: (() => void)[] = [];

  constructor(
    private readonly clock: SimClock,
    private readonly random: SeededRandom,
  ) {}

  /** A process answers under this name from now on. */
  up(name: string, handler: CallHandler): void {
    this.#handlers.set(name, handler);
  }

  /** The process is gone: what is sent to it is refused, what it was sent is lost. */
  down(name: string): void {
    this.#handlers.delete(name);
  }

  isUp(name: string): boolean {
    return this.#handlers.has(name);
  }

  /** Nothing sent by `from` reaches `to` from now on; the other direction is another matter. */
  cut(from: string, to: string): void {
    this.#cut.add(`${from}>${to}`);
  }

  mend(from: string, to: string): void {
    this.#cut.delete(`${from}>${to}`);
    this.#links.delete(`${from}>${to}`);
  }

  /** This direction of one link is worse, or better, than the rest. */
  degrade(from: string, to: string, quality: LinkQuality): void {
    this.#links.set(`${from}>${to}`, quality);
  }

  /** All links are uncut and alike again; a stopped process stays stopped. */
  heal(): void {
    this.#cut.clear();
    this.#links.clear();
  }

  /** The process is stopped, as by SIGSTOP: what is sent to it waits, and so does the news that its own calls are too late. */
  stop(name: string): void {
    if (!this.#stopped.has(name)) this.#stopped.set(name, []);
  }

  /** It goes on, and hears everything at once. */
  goOn(name: string): void {
    const backlog = this.#stopped.get(name) ?? [];
    this.#stopped.delete(name);
    for (const task of backlog) this.clock.after(0, task);
  }

  /** Calls begun and neither ended nor called off: what a leak test looks at. */
  get openCalls(): number {
    return this.#openCalls;
  }

  /** Delivers what was held back, in the order in which it was sent. */
  release(): void {
    this.hold = null;
    const held = this.#held;
    this.#held = [];
    for (const deliver of held) deliver();
  }

  /** The port of a store node named `from`. */
  transportOf(from: string): PeerTransport {
    return {
      call: (to, request: PeerRequest, context) => this.call(from, to, PATTERNS.peer, request, context) as Observable<PeerReply>,
      isDown: (node) => !this.isUp(node),
    };
  }

  /** As the wire's call: cold, one answer or one error, at the latest at the deadline; unsubscribing tears the handler down. */
  call(from: string, to: string, pattern: string, payload: unknown, context: CallContext): Observable<unknown> {
    return new Observable((subscriber) => {
      const caller = this.#handlers.get(from);
      const running: Subscription[] = [];
      // The answer to a process that died meanwhile reaches nobody.
      const isOver = (): boolean => subscriber.closed || this.#handlers.get(from) !== caller;
      const fail = (code: 'WIRE_UNREACHABLE' | 'WIRE_DEADLINE'): void => {
        if (isOver()) subscriber.unsubscribe();
        else subscriber.error(new TriptychError(code, `${from} to ${to}: ${code}`));
      };
      const deliver = (): void => {
        const handler = this.#handlers.get(to);
        if (handler === undefined) return this.#send({ from: to, to: from, kind: 'refusal', isReply: true }, () => fail('WIRE_UNREACHABLE'));
        const answer = handler(pattern, payload, context).subscribe({
          next: (reply) => {
            if (this.#handlers.get(to) !== handler) return;
            this.#send({ from: to, to: from, kind: kindOf(reply, pattern), isReply: true }, () => {
              if (isOver()) return;
              subscriber.next(reply);
              subscriber.complete();
            });
          },
          error: (error: unknown) => {
            if (this.#handlers.get(to) !== handler) return;
            this.#send({ from: to, to: from, kind: 'error', isReply: true }, () => {
              if (!isOver()) subscriber.error(error);
            });
          },
        });
        running.push(answer);
      };
      this.#send({ from, to, kind: kindOf(payload, pattern), isReply: false }, deliver);
      const late = (): void => this.#awake(from, () => fail('WIRE_DEADLINE'));
      const cancelDeadline = this.clock.after(Math.max(0, context.deadlineMs - this.clock.monotonicMs()), late);
      this.#openCalls++;
      return () => {
        this.#openCalls--;
        cancelDeadline();
        for (const answer of running) answer.unsubscribe();
      };
    });
  }

  #send(message: SimMessage, deliver: () => void): void {
    const link = `${message.from}>${message.to}`;
    const quality = this.#links.get(link) ?? this.quality;
    if (this.#cut.has(link) || this.random.fraction() < quality.loss) return;
    const arrive = (): void => {
      // A cut made while the message was on its way stops it too.
      if (this.#cut.has(link)) return;
      this.#awake(message.to, () => {
        if (this.onDelivery?.(message) !== false) deliver();
      });
    };
    if (this.hold?.(message) === true) {
      this.#held.push(() => this.clock.after(0, arrive));
      return;
    }
    const [least, most] = quality.latencyMs;
    const latency = (): number => least + (most - least) * this.random.fraction();
    this.clock.after(latency(), arrive);
    if (!message.isReply && this.random.fraction() < quality.duplication) this.clock.after(latency() * 3, arrive);
  }

  /** Runs the task now, or when the process that it is for goes on. */
  #awake(name: string, task: () => void): void {
    const backlog = this.#stopped.get(name);
    if (backlog === undefined) task();
    else backlog.push(task);
  }
}

function kindOf(payload: unknown, pattern: string): string {
  const kind = (payload as { kind?: unknown } | null)?.kind;
  return typeof kind === 'string' ? kind : pattern;
}
