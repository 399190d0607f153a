/**
 * A closed-loop load over HTTP: so many requests in flight, each connection kept alive, the next sent when one is answered.
 * For the cost of a request and for peak rate; latencies of a closed loop leave out who would have waited, and are
 * named so.
 */
import { Agent, request as httpRequest } from 'node:http';
import { build, type Histogram } from 'hdr-histogram-js';

export interface LoadRequest {
  readonly url: string;
  readonly method: 'GET' | 'PUT' | 'DELETE';
}

export interface LoadResult {
  readonly requests: number;
  /** Answers that were not 2xx, and requests that got none. */
  readonly failures: number;
  readonly seconds: number;
  /** Microseconds from sending to the end of the answer. */
  readonly latencies: Histogram;
}

export interface LoadOptions {
  readonly inFlight: number;
  readonly seconds: number;
  /** The n-th request of the run, n from 0. */
  readonly next: (index: number) => LoadRequest;
}

export async function runLoad({ inFlight, seconds, next }: LoadOptions): Promise<LoadResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: inFlight });
  const latencies = build({ lowestDiscernibleValue: 1, highestTrackableValue: 60_000_000 });
  const beganMs = performance.now();
  const endMs = beganMs + seconds * 1_000;
  let index = 0;
  let requests = 0;
  let failures = 0;
  const worker = async (): Promise<void> => {
    while (performance.now() < endMs) {
      const sentMs = performance.now();
      const isAnswered = await send(agent, next(index++)).catch(() => false);
      latencies.recordValue(Math.max(1, Math.round((performance.now() - sentMs) * 1_000)));
      requests++;
      if (!isAnswered) failures++;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  agent.destroy();
  return { requests, failures, seconds: (performance.now() - beganMs) / 1_000, latencies };
}

/** Sends one request; true when it was answered with 2xx. */
export function send(agent: Agent, { url, method }: LoadRequest): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { method, agent }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode! >= 200 && response.statusCode! < 300));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end();
  });
}
