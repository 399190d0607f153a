/**
 * One subscription that an operator makes on a caller's behalf, where its end is not yet the caller's end: a retry may
 * follow, another attempt may still win. The attempt is torn down before the operator hears of its end, so that permits
 * are back and work has stopped by the time anything new begins.
 *
 * A Subscriber, as rxjs's own operators use, because only a subscriber that exists before its source is subscribed can
 * stop a source that emits synchronously without end.
 */
import { Subscriber, type Observable, type Subscription } from 'rxjs';

export interface AttemptListener<T> {
  onValue(value: T, attempt: Attempt<T>): void;
  /** The attempt is over, torn down. */
  onError(error: unknown, attempt: Attempt<T>): void;
  /** The attempt is over, torn down. */
  onComplete(attempt: Attempt<T>): void;
}

export class Attempt<T> extends Subscriber<T> {
  constructor(private readonly listener: AttemptListener<T>) {
    super();
  }

  /** Subscribes to `source$`; ends when `caller` leaves. */
  begin(source$: Observable<T>, caller: Subscription): void {
    caller.add(this);
    source$.subscribe(this);
  }

  protected override _next(value: T): void {
    this.listener.onValue(value, this);
  }

  protected override _error(error: unknown): void {
    try {
      this.unsubscribe();
    } finally {
      this.listener.onError(error, this);
    }
  }

  protected override _complete(): void {
    try {
      this.unsubscribe();
    } finally {
      this.listener.onComplete(this);
    }
  }
}
