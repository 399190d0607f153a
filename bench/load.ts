/**
 * A closed-loop load over HTTP: so many requests in flight, each connection kept alive, the next sent when one is answered.
 * For the cost of a request and for peak rate; latencies of a closed loop leave out who would have waited, and are
 * named so.
 */
import { Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { build, type Histogram } from 'hdr-histogram-js';

export interface LoadRequest {
  readonly url: string;
  readonly method: 'GET' | 'PUT' | 'DELETE';
  readonly headers?: Readonly<Record<string, string>>;
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
  const latencies = build({ lowestDiscernibleValue: 1, highestTrackableValue: 60_000_000 });
  const beganMs = performance.now();
  const endMs = beganMs + seconds * 1_000;
  let requests = 0;
  let failures = 0;
  await inParallel(inFlight, () => performance.now() < endMs, async (index, agent) => {
    const sentMs = performance.now();
    const answer = await send(agent, next(index)).catch(() => null);
    latencies.recordValue(Math.max(1, Math.round((performance.now() - sentMs) * 1_000)));
    requests++;
    if (answer === null || !answer.isOk) failures++;
  });
  return { requests, failures, seconds: (performance.now() - beganMs) / 1_000, latencies };
}

/** Does `task` so many at a time, with numbers from 0 upwards, while `goesOn`. */
export async function inParallel(inFlight: number, goesOn: (index: number) => boolean, task: (index: number, agent: Agent) => Promise<void>): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: inFlight });
  let next = 0;
  const worker = async (): Promise<void> => {
    while (goesOn(next)) await task(next++, agent);
  };
  try {
    await Promise.all(Array.from({ length: inFlight }, worker));
  } finally {
    agent.destroy();
  }
}

export interface LoadAnswer {
  /** Answered with 2xx. */
  readonly isOk: boolean;
  readonly headers: IncomingHttpHeaders;
}

/** Sends one request and reads its answer to the end. */
export function send(agent: Agent, { url, method, headers = {} }: LoadRequest): Promise<LoadAnswer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { method, agent, headers }, (response) => {
      response.resume();
      response.on('end', () => resolve({ isOk: response.statusCode! >= 200 && response.statusCode! < 300, headers: response.headers }));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end();
  });
}
