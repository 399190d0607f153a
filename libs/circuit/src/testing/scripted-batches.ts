/** The far side of a collapser: batches that are answered when a test says so, the latest unless it says which. */
import type { CallContext } from '@app/contracts';
import { Observable, type Subscriber } from 'rxjs';
import type { BatchCall, BatchEntry } from '../operators/collapser.js';

type Entry = BatchEntry<string, string>;

interface SentBatch {
  readonly keys: readonly string[];
  readonly context: CallContext;
  readonly subscriber: Subscriber<Entry>;
}

export class ScriptedBatches {
  readonly sent: SentBatch[] = [];
  /** Batches that nobody has torn down and that have not ended. */
  live = 0;

  readonly call: BatchCall<string, string> = (keys, context) =>
    new Observable<Entry>((subscriber) => {
      this.sent.push({ keys, context, subscriber });
      this.live++;
      return () => this.live--;
    });

  get keys(): (readonly string[])[] {
    return this.sent.map(({ keys }) => keys);
  }

  tell(entry: Entry, which = this.sent.length - 1): void {
    this.sent[which]?.subscriber.next(entry);
  }

  complete(which = this.sent.length - 1): void {
    this.sent[which]?.subscriber.complete();
  }

  fail(error: unknown, which = this.sent.length - 1): void {
    this.sent[which]?.subscriber.error(error);
  }
}
