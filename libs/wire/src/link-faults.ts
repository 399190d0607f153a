/**
 * Faults between processes, made in the wire itself: what a drill cannot do with the network's own tools (no netem, no
 * root) and what those could never do, such as holding back one kind of message. Off unless a process is given a
 * `LinkFaults`, and then still free of cost until a rule is added.
 *
 * Rules bear on what *this* process sends; a cut in both directions is a rule at each end. Rules without a pattern catch
 * everything, heartbeats too, so that a partition looks like one: silence.
 *
 * A link that loses packets loses no frame: TCP sends again what was not acknowledged, and everything behind it waits. So
 * loss is lateness here too: a frame that is "lost" goes out a retransmission timeout later, doubled each time it is lost
 * again, and no frame overtakes another. Leaving frames out was refused: a frame protocol over TCP never sees that.
 */
import { SeededRandom, type Cancel, type Clock } from '@app/time';

export type LinkFault =
  /** Frames wait until the rule is lifted, then go out in order. */
  | 'hold'
  /** Frames are lost. */
  | 'drop'
  /** Connections to and from the peer are closed, new ones refused. */
  | 'refuse'
  | SlowLink;

/** Frames arrive late, in order. */
export interface SlowLink {
  /** Each frame, ms. */
  readonly delayMs: number;
  /** And up to so much more, drawn evenly for each frame, ms; default 0. */
  readonly jitterMs?: number;
  /** Share of frames, 0 <= loss < 1, that are lost on the way and sent again by TCP; default 0. */
  readonly loss?: number;
}

/** What TCP waits before it sends again what nobody has acknowledged: Linux's least, doubled each time, ms. */
export const RETRANSMIT_MS = 200;
const RETRANSMISSIONS_MAX = 6;

export interface LinkRule {
  /** Name of the peer, or '*' for all. */
  readonly peer: string;
  /** Only frames of calls whose pattern begins so: requests, their answers, their CANCEL and CREDIT. */
  readonly patternPrefix?: string;
  readonly fault: LinkFault;
}

export class LinkFaults {
  #rules: readonly LinkRule[] = [];
  readonly #listeners = new Set<() => void>();

  /** The first rule that fits a frame decides. The answer lifts the rule. */
  add(rule: LinkRule): Cancel {
    const own = { ...rule };
    this.#change([...this.#rules, own]);
    return () => this.#change(this.#rules.filter((other) => other !== own));
  }

  get active(): boolean {
    return this.#rules.length > 0;
  }

  has(rule: LinkRule): boolean {
    return this.#rules.includes(rule);
  }

  /** @param pattern of the call that the frame belongs to; undefined for frames of no call */
  ruleFor(peer: string, pattern: string | undefined): LinkRule | undefined {
    return this.#rules.find(
      (rule) =>
        rule.fault !== 'refuse' &&
        (rule.peer === peer || rule.peer === '*') &&
        (rule.patternPrefix === undefined || pattern?.startsWith(rule.patternPrefix) === true),
    );
  }

  refuses(peer: string): boolean {
    return this.#rules.some((rule) => rule.fault === 'refuse' && (rule.peer === peer || rule.peer === '*'));
  }

  onChange(listener: () => void): Cancel {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #change(rules: readonly LinkRule[]): void {
    this.#rules = rules;
    for (const listener of this.#listeners) listener();
  }
}

interface WaitingFrame {
  readonly rule: LinkRule;
  readonly pattern: string | undefined;
  readonly frame: Uint8Array;
  cancelDelay?: Cancel;
}

/** What one rule has done to one connection so far. */
interface Lateness {
  readonly random: SeededRandom;
  /** When the last frame goes out: none overtakes it. */
  dueMs: number;
}

/** One connection's outgoing frames while faults may apply: passed on, lost, or kept here. */
export class FaultyLine {
  #waiting: WaitingFrame[] = [];
  readonly #lateness = new Map<LinkRule, Lateness>();
  readonly #stopListening: Cancel;

  constructor(
    private readonly faults: LinkFaults,
    private readonly clock: Clock,
    private readonly peer: () => string,
    private readonly passOn: (frame: Uint8Array) => void,
    private readonly refused: () => void,
  ) {
    this.#stopListening = faults.onChange(() => this.#rulesChanged());
  }

  /** Whether frames must come this way at all. */
  get active(): boolean {
    return this.faults.active;
  }

  pass(pattern: string | undefined, frame: Uint8Array): void {
    const rule = this.faults.ruleFor(this.peer(), pattern);
    if (rule === undefined) return this.passOn(frame);
    if (rule.fault === 'drop') return;
    const waiting: WaitingFrame = { rule, pattern, frame };
    this.#waiting.push(waiting);
    if (typeof rule.fault === 'object') {
      waiting.cancelDelay = this.clock.after(this.#delayOf(rule, rule.fault), () => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        this.passOn(frame);
      });
    }
  }

  #delayOf(rule: LinkRule, { delayMs, jitterMs = 0, loss = 0 }: SlowLink): number {
    let lateness = this.#lateness.get(rule);
    if (lateness === undefined) this.#lateness.set(rule, (lateness = { random: new SeededRandom(seedOf(this.peer())), dueMs: -Infinity }));
    const { random } = lateness;
    const nowMs = this.clock.monotonicMs();
    let dueMs = nowMs + delayMs + random.fraction() * jitterMs;
    for (let lost = 0; lost < RETRANSMISSIONS_MAX && random.fraction() < loss; lost++) dueMs += RETRANSMIT_MS * 2 ** lost;
    lateness.dueMs = Math.max(lateness.dueMs, dueMs);
    return lateness.dueMs - nowMs;
  }

  close(): void {
    this.#stopListening();
    for (const waiting of this.#waiting) waiting.cancelDelay?.();
    this.#waiting = [];
  }

  #rulesChanged(): void {
    for (const rule of [...this.#lateness.keys()]) if (!this.faults.has(rule)) this.#lateness.delete(rule);
    const freed = this.#waiting.filter(({ rule }) => !this.faults.has(rule));
    this.#waiting = this.#waiting.filter(({ rule }) => this.faults.has(rule));
    for (const { pattern, frame, cancelDelay } of freed) {
      cancelDelay?.();
      this.pass(pattern, frame);
    }
    if (this.faults.refuses(this.peer())) this.refused();
  }
}

/** Each connection draws its own luck, the same one in each run. */
const seedOf = (peer: string): number => Array.from(peer).reduce((sum, letter) => Math.imul(sum, 31) + letter.charCodeAt(0), 7);
