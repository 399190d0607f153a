/**
 * What a seed is like, apart from its faults. Biased, because unbiased search misses what matters: one or two lists and a few
 * films, so that operations meet; and in three seeds of four repair is held back in one way or another, so that replicas stay
 * apart long enough for something to happen to them.
 */
import type { Level } from '@app/history';
import type { TestClusterOptions } from '@app/store/testing';
import type { SeededRandom } from '@app/time';

/** How a list is used: which levels its operations are done at, each as often as it is named. */
export interface ListProfile {
  readonly user: string;
  readonly reads: readonly Level[];
  readonly writes: readonly Level[];
}

export interface SeedProfile {
  readonly nodesPerZone: number;
  readonly deviceCount: number;
  readonly lists: readonly ListProfile[];
  readonly films: readonly string[];
  /** Adds set values (bookmarks), of which the last one counts; otherwise what is there stays as it is (favorites). */
  readonly isSet: boolean;
  /** Copies of a row: three in three zones, or five in five. */
  readonly copies: 3 | 5;
  /** Writes are acknowledged when the system has them: a machine that loses its power loses the last of them. */
  readonly isPeriodic: boolean;
  /** Its table allows that a node which is no replica stands in for one. */
  readonly isSloppy: boolean;
  readonly repair: keyof typeof REPAIR;
  /** Logs so small that segments close and checkpoints are taken all the time, or as in production. */
  readonly engine: NonNullable<TestClusterOptions['engine']>;
}

type Settings = NonNullable<TestClusterOptions['settings']>;

const SLOW_HINTS = { maxBytes: 1_000_000, maxBytesPerTarget: 1_000_000, maxInFlight: 1, bytesPerSecond: 300 };
const FEW_HINTS = { maxBytes: 600, maxBytesPerTarget: 300, maxInFlight: 1, bytesPerSecond: 1_000 };
const NO_HINTS = { maxBytes: 0, maxBytesPerTarget: 0, maxInFlight: 1, bytesPerSecond: 1 };
const SLOW_TREES = { roundEveryMs: 25_000, lookEveryMs: 5_000, bytesPerSecond: 2_000 };

/** A week's pass in half a minute: what nobody reads is to be found within a simulation. */
export const SCRUB = { bytesPerSecond: 64 * 1024, hurriedBytesPerSecond: 256 * 1024, passEveryMs: 30_000, startAfterMs: 5_000, savePositionEveryMs: 5_000 };

/** Settings of the mechanisms that make replicas equal without a reader. */
export const REPAIR = {
  'as in production': {},
  'no hints': { hints: NO_HINTS },
  'few hints': { hints: FEW_HINTS, antiEntropy: SLOW_TREES },
  'slow hints and slow trees': { hints: SLOW_HINTS, antiEntropy: SLOW_TREES },
} as const satisfies Record<string, Settings>;

interface Mix {
  /** Lists of twenty that have it. */
  readonly weight: number;
  readonly reads: readonly Level[];
  readonly writes: readonly Level[];
}

const MIXES: readonly Mix[] = [
  { weight: 8, reads: ['QUORUM'], writes: ['QUORUM'] },
  { weight: 3, reads: ['QUORUM', 'QUORUM', 'QUORUM', 'TWO', 'ONE', 'ALL'], writes: ['QUORUM', 'QUORUM', 'QUORUM', 'TWO', 'ONE', 'ALL'] },
  { weight: 5, reads: ['SESSION', 'SESSION', 'SESSION', 'QUORUM', 'ONE'], writes: ['SESSION', 'QUORUM', 'QUORUM'] },
  { weight: 4, reads: ['LINEARIZABLE'], writes: ['LINEARIZABLE'] },
];
/** In a table where nodes that are no replicas may stand in, and QUORUM promises nothing more. */
const SLOPPY_MIX: Omit<Mix, 'weight'> = { reads: ['ONE'], writes: ['ANY', 'ANY', 'ONE'] };
const SLOPPY_SHARE = 0.05;

const SET_SHARE = 0.25;
const FIVE_COPIES_SHARE = 0.06;
const PERIODIC_SHARE = 0.08;

/** @param later for what came to profiles later: drawn from `random`, it would make every older seed another one */
export function profileOf(random: SeededRandom, later: SeededRandom): SeedProfile {
  const films = ['f1', 'f2', 'f3', 'f4', 'f5'].slice(0, random.pick([1, 2, 3, 4, 5]));
  const users = random.fraction() < 0.5 ? ['ann'] : ['ann', 'bob'];
  const isSloppy = random.fraction() < SLOPPY_SHARE;
  const mixes = isSloppy ? [SLOPPY_MIX] : MIXES.flatMap(({ weight, ...mix }) => Array.from({ length: weight }, () => mix));
  const nodesPerZone = isSloppy || random.fraction() < 0.3 ? 2 : 1;
  const copies = !isSloppy && later.fraction() < FIVE_COPIES_SHARE ? 5 : 3;
  return {
    nodesPerZone: copies === 5 ? 1 : nodesPerZone,
    copies,
    isPeriodic: !isSloppy && later.fraction() < PERIODIC_SHARE,
    deviceCount: random.pick([3, 4, 5]),
    lists: users.map((user) => ({ user, ...random.pick(mixes) })),
    films,
    isSet: !isSloppy && later.fraction() < SET_SHARE,
    isSloppy,
    repair: random.pick(Object.keys(REPAIR) as (keyof typeof REPAIR)[]),
    engine: random.fraction() < 0.5 ? {} : { segmentBytes: 4_096, checkpoint: { minLogBytes: 16_384, sizeShare: 0 } },
  };
}
