/**
 * Back-pressure by credit: a stream's server may send only as many values as the client has granted, and the client
 * grants more as values are taken. TCP's own back-pressure was refused for this: it holds up every call on the
 * connection, and lets a fast stream fill all buffers first.
 *
 * An Observable has no way to say "not yet", so each end has a way of its own:
 * - a client that takes a value when `next` returns needs nothing; one that works on in the background passes a
 *   `CreditWindow` with the call and says when it has taken a value;
 * - a server's handler may emit as it likes (values beyond the credit wait, up to a bound), or emit by `Demand`.
 */
import { assert } from '@app/contracts';
import { Observable } from 'rxjs';

/** The client's end: how many values may be under way, and when one is taken. One window serves one subscription. */
export class CreditWindow {
  #grant: ((count: number) => void) | null = null;

  /** @param size values, 1 to 65535 */
  constructor(readonly size: number) {
    assert(size >= 1 && size <= 0xffff, 'a credit window is 1 to 65535 values');
  }

  /** So many values have been dealt with; as many more may come. */
  taken(count = 1): void {
    this.#grant?.(count);
  }

  /** For the session: where grants go, while the call lasts. */
  bind(grant: (count: number) => void): void {
    this.#grant = grant;
  }
}

/** The server's end: what the caller is ready to take. */
export interface Demand {
  /** Values that may be emitted now without waiting here. */
  readonly credit: number;
  /** Runs `task` once, when more credit comes; the last one asked for counts. Never within this call. */
  whenCredit(task: () => void): void;
}

/**
 * The values of `source`, drawn only as the caller takes them: a scan of any length in bounded memory. Unsubscribing
 * closes the iterator.
 */
export function drawnBy<T>(demand: Demand, source: Iterable<T>): Observable<T> {
  return new Observable((subscriber) => {
    const iterator = source[Symbol.iterator]();
    const draw = () => {
      try {
        while (demand.credit > 0 && !subscriber.closed) {
          const step = iterator.next();
          if (step.done === true) return subscriber.complete();
          subscriber.next(step.value);
        }
      } catch (error) {
        return subscriber.error(error);
      }
      if (!subscriber.closed) demand.whenCredit(draw);
    };
    draw();
    return () => void iterator.return?.();
  });
}
