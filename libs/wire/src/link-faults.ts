/**
 * Faults between processes, made in the wire itself: what a drill cannot do with the network's own tools (no netem, no
 * root) and what those could never do, such as holding back one kind of message. Off unless a process is given a
 * `LinkFaults`, and then still free of cost until a rule is added.
 *
 * Rules bear on what *this* process sends; a cut in both directions is a rule at each end. Rules without a pattern catch
 * everything, heartbeats too, so that a partition looks like one: silence.
 */
import type { Cancel, Clock } from '@app/time';

export type LinkFault =
  /** Frames wait until the rule is lifted, then go out in order. */
  | 'hold'
  /** Frames are lost. */
  | 'drop'
  /** Connections to and from the peer are closed, new ones refused. */
  | 'refuse'
  /** Frames wait so long, in order. */
  | { readonly delayMs: number };

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

/** One connection's outgoing frames while faults may apply: passed on, lost, or kept here. */
export class FaultyLine {
  #waiting: WaitingFrame[] = [];
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
      waiting.cancelDelay = this.clock.after(rule.fault.delayMs, () => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        this.passOn(frame);
      });
    }
  }

  close(): void {
    this.#stopListening();
    for (const waiting of this.#waiting) waiting.cancelDelay?.();
    this.#waiting = [];
  }

  #rulesChanged(): void {
    const freed = this.#waiting.filter(({ rule }) => !this.faults.has(rule));
    this.#waiting = this.#waiting.filter(({ rule }) => this.faults.has(rule));
    for (const { pattern, frame, cancelDelay } of freed) {
      cancelDelay?.();
      this.pass(pattern, frame);
    }
    if (this.faults.refuses(this.peer())) this.refused();
  }
}
