/**
 * Something else to serve when the answer cannot be had: a value, another call, or the last good answer
 * (last-answers.ts). What is served says where it came from, in its type, so that nobody can take a stand-in for the
 * truth without having looked: a page marks the cell as degraded.
 *
 * Not for every error. A caller's mistake would be hidden from the caller, and a bug of ours from us. Nor in the middle of
 * a stream: once a value has passed, what follows would belong to another answer.
 */
import { Observable, type OperatorFunction, type Subscriber } from 'rxjs';
import { Attempt, type AttemptListener } from './attempt.js';
import { isUnavailable } from './error-reading.js';

export type Served<T> =
  | { readonly value: T; readonly degraded: false }
  /** From the fallback; `cause` is what the call failed with. */
  | { readonly value: T; readonly degraded: true; readonly cause: unknown };

/** `() => of(value)`, another call, or `() => answers.recall(key)`. Must be quick: no deadline of the call holds it. */
export type Fallback<T> = (cause: unknown) => Observable<T>;

/**
 * To stand outermost, so that whatever fails below it is caught. Unsubscribing tears down whichever of the two is running.
 * A fallback that fails, or completes without a value, has nothing to serve: the call's own error passes.
 * @param stands the errors that the fallback stands in for
 */
export function withFallback<T>(
  fallback: Fallback<T>,
  stands: (error: unknown) => boolean = isUnavailable,
): OperatorFunction<T, Served<T>> {
  return (source$) => new Observable<Served<T>>((subscriber) => new CallOrFallback(subscriber, fallback, stands).begin(source$));
}

class CallOrFallback<T> implements AttemptListener<T> {
  #answered = false;
  #cause: unknown;
  #isFallback = false;

  constructor(
    private readonly subscriber: Subscriber<Served<T>>,
    private readonly fallback: Fallback<T>,
    private readonly stands: (error: unknown) => boolean,
  ) {}

  begin(source$: Observable<T>): void {
    new Attempt(this).begin(source$, this.subscriber);
  }

  onValue(value: T): void {
    this.#answered = true;
    this.subscriber.next(this.#isFallback ? { value, degraded: true, cause: this.#cause } : { value, degraded: false });
  }

  onError(error: unknown): void {
    if (this.#isFallback) this.subscriber.error(this.#answered ? error : this.#cause);
    else if (this.#answered || !this.stands(error)) this.subscriber.error(error);
    else this.#fallBack(error);
  }

  onComplete(): void {
    if (this.#isFallback && !this.#answered) this.subscriber.error(this.#cause);
    else this.subscriber.complete();
  }

  #fallBack(cause: unknown): void {
    this.#isFallback = true;
    this.#cause = cause;
    let fallback$: Observable<T>;
    try {
      fallback$ = this.fallback(cause);
    } catch {
      this.subscriber.error(cause);
      return;
    }
    this.begin(fallback$);
  }
}
