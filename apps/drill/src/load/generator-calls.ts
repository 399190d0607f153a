/**
 * What the drill and its generator say to each other: calls by message, each answered once, and live figures meanwhile. The
 * generator is a process of its own, so that neither judging nor drawing a report makes its event loop late.
 */
import type { Operation } from '@app/history';
import type { Standstill } from './lateness.js';
import type { LiveFigures } from './live-figures.js';
import type { LoadPlan } from './load-plan.js';
import type { ClaimedAnswer, Sample } from './sample.js';
import type { WatcherFigures } from './watchers.js';

export interface GeneratorCalls {
  /** Sets the plan, and puts `listSize` films into each list. */
  prepare(plan: LoadPlan): Promise<{ readonly lists: number; readonly films: number }>;
  /** Closed loop of the plan's own mix; nothing of it is measured but how many are answered. */
  peak(options: { readonly inFlight: number; readonly durationMs: number }): Promise<{ readonly perSecond: number }>;
  run(): Promise<RunRecord>;
  /** Every list through every gateway. Null where it cannot be read. */
  readLists(level: 'QUORUM' | 'ONE'): Promise<readonly ListsByGateway[]>;
  /** Everything that devices did and saw since `prepare`, the reads of `readLists` at QUORUM included. */
  history(): Promise<readonly Operation[]>;
}

export interface RunRecord {
  readonly startMs: number;
  readonly endMs: number;
  readonly sent: number;
  readonly samples: readonly Sample[];
  readonly claims: readonly ClaimedAnswer[];
  readonly standstills: readonly Standstill[];
  readonly watchers: WatcherFigures | null;
}

export interface ListsByGateway {
  readonly user: string;
  readonly films: readonly (readonly string[] | null)[];
}

export type ToGenerator = { readonly call: number; readonly name: keyof GeneratorCalls; readonly argument: unknown };
export type FromGenerator =
  | { readonly call: number; readonly answer: unknown }
  | { readonly call: number; readonly error: string }
  | { readonly live: readonly LiveFigures[] };
