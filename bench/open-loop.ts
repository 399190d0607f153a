/**
 * An open-loop load: requests are sent when they are due, whatever became of those before, as devices do that know nothing of
 * each other. A latency counts from when the request was due, so what waited behind a stall is in it (coordinated omission:
 * Tene, "How NOT to Measure Latency"). Due times are evenly spaced.
 */
import { Agent } from 'node:http';
import { build, type Histogram } from 'hdr-histogram-js';
import { type LoadRequest, send } from './load.js';

export interface OpenLoopOptions {
  readonly perSecond: number;
  readonly seconds: number;
  /** The n-th request of the run, n from 0. */
  readonly next: (index: number) => LoadRequest;
  /** Asked before each request: false ends the run early. */
  readonly goesOn?: () => boolean;
}

export interface OpenLoopResult {
  readonly requests: number;
  /** Answers that were not 2xx, and requests that got none. */
  readonly failures: number;
  /** Microseconds from when each was due to the end of its answer. */
  readonly latencies: Histogram;
}

export async function runOpenLoop({ perSecond, seconds, next, goesOn = () => true }: OpenLoopOptions): Promise<OpenLoopResult> {
  const latencies = build({ lowestDiscernibleValue: 1, highestTrackableValue: 60_000_000 });
  const agent = new Agent({ keepAlive: true });
  const beganMs = performance.now();
  const most = Math.round(perSecond * seconds);
  const answers: Promise<void>[] = [];
  let failures = 0;
  for (let index = 0; index < most && goesOn(); index++) {
    const dueMs = beganMs + (index * 1_000) / perSecond;
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    answers.push(
      send(agent, next(index))
        .catch(() => null)
        .then((answer) => {
          latencies.recordValue(Math.max(1, Math.round((performance.now() - dueMs) * 1_000)));
          if (answer === null || !answer.isOk) failures++;
        }),
    );
  }
  await Promise.all(answers);
  agent.destroy();
  return { requests: answers.length, failures, latencies };
}
