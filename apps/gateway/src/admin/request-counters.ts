/** What a gateway has served, for the admin's eye: plain counts since the process started. */
import type { ServerResponse } from 'node:http';
import type { Clock } from '@app/time';
import { type LatencyCounts, LatencyHistogram } from './latency-histogram.js';

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
  readonly #latencies: Record<string, LatencyHistogram> = {};

  constructor(private readonly clock: Pick<Clock, 'monotonicMs'>) {}

  /** Follows one response to its end, whichever it is. */
  follow(response: ServerResponse): void {
    const beganMs = this.clock.monotonicMs();
    this.#inFlight++;
    response.once('close', () => {
      this.#inFlight--;
      if (!response.writableFinished) {
        this.#abandoned++;
        return;
      }
      const status = `${Math.floor(response.statusCode / 100)}xx`;
      this.#answered[status] = (this.#answered[status] ?? 0) + 1;
      // A stream of events lasts as long as its device likes, which says nothing of how fast we are.
      if (response.getHeader('content-type')?.toString().startsWith('text/event-stream')) return;
      (this.#latencies[status] ??= new LatencyHistogram()).record(this.clock.monotonicMs() - beganMs);
    });
  }

  counts(): RequestCounts {
    return { inFlight: this.#inFlight, answered: { ...this.#answered }, abandoned: this.#abandoned };
  }

  /** How long answers took, from the request's head to the last byte handed over, by status class. */
  latencies(): Readonly<Record<string, LatencyCounts>> {
    return Object.fromEntries(Object.entries(this.#latencies).map(([status, histogram]) => [status, histogram.counts()]));
  }
}
