/** What a gateway has served, for the admin's eye: plain counts since the process started. */
import type { ServerResponse } from 'node:http';

export interface RequestCounts {
  readonly inFlight: number;
  /** Answered, by status class: `2xx`, `4xx` ... */
  readonly answered: Readonly<Record<string, number>>;
  /** The device hung up before its answer. */
  readonly abandoned: number;
}

export class RequestCounters {
  #inFlight = 0;
  #abandoned = 0;
  readonly #answered: Record<string, number> = {};

  /** Follows one response to its end, whichever it is. */
  follow(response: ServerResponse): void {
    this.#inFlight++;
    response.once('close', () => {
      this.#inFlight--;
      if (!response.writableFinished) {
        this.#abandoned++;
        return;
      }
      const status = `${Math.floor(response.statusCode / 100)}xx`;
      this.#answered[status] = (this.#answered[status] ?? 0) + 1;
    });
  }

  counts(): RequestCounts {
    return { inFlight: this.#inFlight, answered: { ...this.#answered }, abandoned: this.#abandoned };
  }
}
