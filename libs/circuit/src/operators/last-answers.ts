/**
 * The last good answer to each question, for a fallback to serve when no new one can be had. Bounded in number and in age:
 * what was asked for longest ago goes first, and an answer too old to be better than none is no answer.
 * Not a cache that saves calls: while the dependency is well, every call goes to it.
 */
import { assert } from '@app/contracts';
import type { Clock } from '@app/time';
import { defer, EMPTY, of, tap, type MonoTypeOperatorFunction, type Observable } from 'rxjs';
import { isCount } from '../circuit-policy.js';

export interface LastAnswersPolicy {
  /** Answers kept at most, a count >= 1. */
  readonly entriesMax: number;
  /** An older one is not served, ms, > 0. */
  readonly ageMaxMs: number;
}

export class LastAnswers<K, T> {
  /** In order of use, which is the order of insertion here. */
  readonly #entries = new Map<K, { readonly value: T; readonly atMs: number }>();

  /** @throws InvariantViolation when the policy means nothing */
  constructor(
    private readonly policy: LastAnswersPolicy,
    private readonly clock: Clock,
  ) {
    assert(isCount(policy.entriesMax), `entriesMax must be a count of at least 1, is ${policy.entriesMax}`);
    assert(policy.ageMaxMs > 0, `ageMaxMs must be > 0, is ${policy.ageMaxMs}`);
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Passes everything on, and remembers each value as the answer to `key`. To stand inside the fallback. */
  remembering(key: K): MonoTypeOperatorFunction<T> {
    return tap((value) => this.remember(key, value));
  }

  /** The answer last remembered, or nothing: completes at once. */
  recall(key: K): Observable<T> {
    return defer(() => {
      const last = this.last(key);
      return last === null ? EMPTY : of(last.value);
    });
  }

  /** The same at once, for whoever asks for many. */
  last(key: K): { readonly value: T } | null {
    const entry = this.#entries.get(key);
    if (entry === undefined) return null;
    this.#entries.delete(key);
    if (this.clock.monotonicMs() - entry.atMs > this.policy.ageMaxMs) return null;
    this.#entries.set(key, entry);
    return entry;
  }

  remember(key: K, value: T): void {
    this.#entries.delete(key);
    this.#entries.set(key, { value, atMs: this.clock.monotonicMs() });
    if (this.#entries.size > this.policy.entriesMax) this.#entries.delete(this.#entries.keys().next().value!);
  }
}
