/**
 * What comes before and after a call of one value, as one Observable with one Subscriber. A request passes some ten such
 * steps on its way to the store and back; written as rxjs's `defer`, `map`, `concatMap` and `catchError` in a row each of them is
 * an Observable, a Subscriber and the closures of an operator.
 *
 * Cold; unsubscribing unsubscribes from the call.
 */
import { Observable, Subscriber } from 'rxjs';

/**
 * `defer(call)`, then `map(project)`.
 * @param mapError what is raised instead of an error of the call, or of either function
 */
export function deferMap<T, R>(call: () => Observable<T>, project: (value: T) => R, mapError?: (error: unknown) => unknown): Observable<R> {
  return new Observable((subscriber) => {
    const mapping = new Mapping(subscriber, project, mapError);
    try {
      call().subscribe(mapping);
    } catch (error) {
      mapping.error(error);
    }
  });
}

/** `defer(first)`, then `concatMap(next)`, of a first call with one value. */
export function deferThen<T, R>(first: () => Observable<T>, next: (value: T) => Observable<R>): Observable<R> {
  return new Observable((subscriber) => first().subscribe(new Continuing(subscriber, next)));
}

class Mapping<T, R> extends Subscriber<T> {
  constructor(
    destination: Subscriber<R>,
    private readonly project: (value: T) => R,
    private readonly mapError: ((error: unknown) => unknown) | undefined,
  ) {
    super(destination);
  }

  protected override _next(value: T): void {
    let result: R;
    try {
      result = this.project(value);
    } catch (error) {
      this.error(error);
      return;
    }
    this.destination.next(result);
  }

  protected override _error(error: unknown): void {
    let mapped = error;
    try {
      if (this.mapError !== undefined) mapped = this.mapError(error);
    } catch (thrown) {
      mapped = thrown;
    }
    super._error(mapped);
  }
}

/** Of the first call; the next one has the destination for its subscriber. */
class Continuing<T, R> extends Subscriber<T> {
  #continues = false;
  readonly #then: Subscriber<R>;

  constructor(
    destination: Subscriber<R>,
    private readonly next$: (value: T) => Observable<R>,
  ) {
    super(destination);
    this.#then = destination;
  }

  protected override _next(value: T): void {
    if (this.#continues) return;
    this.#continues = true;
    let then$: Observable<R>;
    try {
      then$ = this.next$(value);
    } catch (error) {
      this.error(error);
      return;
    }
    then$.subscribe(this.#then);
  }

  protected override _complete(): void {
    if (this.#continues) this.unsubscribe();
    else super._complete();
  }
}
