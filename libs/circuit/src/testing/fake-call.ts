/** Two doubles for tests of circuits and of what stands on them: a call that ends when told to, and a listener's diary. */
import { TriptychError } from '@app/contracts';
import { Observable, type Subscriber, type Subscription } from 'rxjs';

/** A dependency's side of one call: `call$` does nothing but what the test says, and counts what is done to it. */
export class FakeCall {
  subscriptions = 0;
  tornDown = 0;
  #subscriber: Subscriber<string> | undefined;

  readonly call$ = new Observable<string>((subscriber) => {
    this.subscriptions++;
    this.#subscriber = subscriber;
    return () => this.tornDown++;
  });

  get live(): number {
    return this.subscriptions - this.tornDown;
  }

  value(value: string): void {
    this.#subscriber?.next(value);
  }

  complete(): void {
    this.#subscriber?.complete();
  }

  answer(value = 'answer'): void {
    this.value(value);
    this.complete();
  }

  fail(error: unknown = new Error('dependency failed')): void {
    this.#subscriber?.error(error);
  }
}

/** What a listener heard, one line per notification: the value itself, 'complete', or the error's code or message. */
export class Diary {
  readonly lines: string[] = [];
  readonly errors: unknown[] = [];
  readonly #subscription: Subscription;

  constructor(source$: Observable<string>) {
    this.#subscription = source$.subscribe({
      next: (value) => this.lines.push(value),
      complete: () => this.lines.push('complete'),
      error: (error: unknown) => {
        this.errors.push(error);
        this.lines.push(error instanceof TriptychError ? error.code : error instanceof Error ? error.message : String(error));
      },
    });
  }

  leave(): void {
    this.#subscription.unsubscribe();
  }
}
