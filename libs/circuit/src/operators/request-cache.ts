/**
 * One answer to one question within one request: whoever asks again, while it is being answered or afterwards, shares the
 * same subscription and gets the same values. Made for a request and dropped with it, so nothing is ever stale for longer
 * than a request lasts, and nothing has to be evicted. Source: Hystrix's request cache.
 *
 * An error is passed to those who wait for it and not kept: the next to ask asks anew. When all who wait have left, the
 * call is torn down; when it is done, its answer stays for those to come. Sharing is rxjs's own `share`, which promises
 * just this; no timer or scheduler is in it.
 */
import { InvariantViolation, assert } from '@app/contracts';
import { Observable, ReplaySubject, Subscriber, defer, share } from 'rxjs';
import { isCount } from '../circuit-policy.js';

export interface RequestCachePolicy {
  /** Questions remembered at most, a count >= 1; further ones are asked each time. */
  readonly entriesMax: number;
  /** Values of one answer at most, a count >= 1: a stream without an end is no answer, and would be kept for ever. */
  readonly valuesMax: number;
}

/** A page of some 150 lookups, several times over. */
export const perRequest: RequestCachePolicy = Object.freeze({ entriesMax: 1_000, valuesMax: 1_000 });

export class RequestCache<K> {
  readonly #answers = new Map<K, Observable<unknown>>();
  readonly #counts = { asked: 0, called: 0 };

  /** @throws InvariantViolation when the policy means nothing */
  constructor(private readonly policy: RequestCachePolicy = perRequest) {
    assert(isCount(policy.entriesMax) && isCount(policy.valuesMax), 'a request cache holds at least one answer of one value');
  }

  /**
   * The answer to `key`: cold, and `call` is made for the first subscriber only. All calls for one key are of one type, as
   * the caller promises. Unsubscribing tears the call down when nobody else waits for it.
   * Errors: those of the call; InvariantViolation when it has more values than may be kept.
   */
  get<T>(key: K, call: () => Observable<T>): Observable<T> {
    return new Observable<T>((subscriber) => {
      this.#counts.asked++;
      this.#answer(key, call).subscribe(subscriber);
    });
  }

  /** What was asked is to be asked anew, after a write say. Those who wait now still get the answer they wait for. */
  forget(key: K): void {
    this.#answers.delete(key);
  }

  /** The request is over. */
  clear(): void {
    this.#answers.clear();
  }

  /** Counts since it was made: how often it was asked, and how often that took a call. */
  statistics(): { readonly asked: number; readonly called: number } {
    return { ...this.#counts };
  }

  #answer<T>(key: K, call: () => Observable<T>): Observable<T> {
    const known = this.#answers.get(key);
    if (known !== undefined) return known as Observable<T>;
    const shared$: Observable<T> = this.#called(call, () => {
      if (this.#answers.get(key) === shared$) this.#answers.delete(key);
    }).pipe(share({ connector: () => new ReplaySubject<T>(), resetOnComplete: false }));
    if (this.#answers.size < this.policy.entriesMax) this.#answers.set(key, shared$);
    return shared$;
  }

  #called<T>(call: () => Observable<T>, drop: () => void): Observable<T> {
    return new Observable<T>((subscriber) => {
      this.#counts.called++;
      defer(call).subscribe(new CachedCall(subscriber, this.policy.valuesMax, drop));
    });
  }
}

/** What does not run to its completion is dropped, before anybody hears of its end, so that who asks again asks anew. */
class CachedCall<T> extends Subscriber<T> {
  #values = 0;
  #isComplete = false;

  constructor(
    destination: Subscriber<T>,
    private readonly valuesMax: number,
    private readonly drop: () => void,
  ) {
    super(destination);
  }

  override unsubscribe(): void {
    if (this.closed) return;
    if (!this.#isComplete) this.drop();
    super.unsubscribe();
  }

  protected override _next(value: T): void {
    if (++this.#values <= this.valuesMax) this.destination.next(value);
    else this.error(new InvariantViolation(`a request cache was given a stream of more than ${this.valuesMax} values`));
  }

  protected override _error(error: unknown): void {
    this.drop();
    super._error(error);
  }

  protected override _complete(): void {
    this.#isComplete = true;
    super._complete();
  }
}
