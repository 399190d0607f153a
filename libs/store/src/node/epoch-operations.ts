/**
 * Operations of clients under way in this node, each begun anew when the epoch changes under it. What an operation counts are
 * votes in the sets of one epoch, and a vote given in another one says nothing about them; so none is carried over. A read is
 * dropped and read again. A COMMIT that was sent goes on wherever it got to, and is sent again with the same bytes to the
 * replicas as they are now; a PREPARE has no effect and is made again.
 */
import { Observable, type Subscription } from 'rxjs';
import { TriptychError } from '@app/contracts';

export class EpochOperations {
  readonly #running = new Set<() => void>();

  /**
   * @param begin starts the operation in the epoch of that moment
   * @param isCommit it may have had an effect before it was begun anew: a refusal after that does not say that it has none
   */
  run<T>(begin: () => Observable<T>, isCommit = false): Observable<T> {
    return new Observable<T>((subscriber) => {
      let inner: Subscription | undefined; // none yet where the answer comes within the call
      let hasBegunAnew = false;
      const start = (): void => {
        inner = begin().subscribe({
          next: (value) => subscriber.next(value),
          error: (error: unknown) => subscriber.error(isCommit && hasBegunAnew ? uncertain(error) : error),
          complete: () => subscriber.complete(),
        });
      };
      const beginAnew = (): void => {
        hasBegunAnew = true;
        inner?.unsubscribe();
        start();
      };
      this.#running.add(beginAnew);
      subscriber.add(() => {
        this.#running.delete(beginAnew);
        inner?.unsubscribe();
      });
      start();
    });
  }

  epochChanged(): void {
    for (const beginAnew of [...this.#running]) beginAnew();
  }
}

function uncertain(error: unknown): unknown {
  if (!(error instanceof TriptychError) || error.applied === 'unknown') return error;
  return new TriptychError('STORE_WRITE_UNCERTAIN', `the members changed while the write was under way: ${error.message}`, {}, { cause: error });
}
