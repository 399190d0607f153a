/** The drills that have a name: the ways in which zones really fail, each as a script for the cluster that there is. */
import type { DrillScript, Fault, Step } from './drill-script.js';

/** How long the parts of a drill take, s. */
export interface DrillTimes {
  readonly warmUpS: number;
  readonly baselineS: number;
  readonly faultS: number;
  readonly afterS: number;
}

export const DEFAULT_TIMES: DrillTimes = { warmUpS: 4, baselineS: 8, faultS: 12, afterS: 10 };
export const BRIEF_TIMES: DrillTimes = { warmUpS: 3, baselineS: 6, faultS: 8, afterS: 7 };

/** Whom a drill harms. */
export interface DrillTargets {
  readonly zone: string;
  readonly node: string;
  readonly gateway: string;
}

/**
 * What a zone that is ten times slow adds to each message, ms: a healthy quorum read takes about 2 ms on one machine, with the
 * way there and back.
 */
const TEN_TIMES_SLOW_MS = 10;
const AN_HOUR_MS = 3_600_000;

interface NamedDrill {
  readonly about: string;
  readonly fault: (targets: DrillTargets) => Fault;
  /** Where it is not one fault for all of the time. */
  readonly steps?: (targets: DrillTargets, times: DrillTimes) => readonly Step[];
}

const NAMED = {
  'zone-kill': { about: 'every process of a zone is killed, and started again', fault: ({ zone }) => ({ kind: 'kill', target: zone }) },
  'zone-partition': { about: 'a zone is cut off from the others, both ways; devices still reach its gateway', fault: ({ zone }) => ({ kind: 'cut', target: zone, way: 'both' }) },
  'zone-partition-one-way': { about: 'a zone hears the others and is not heard', fault: ({ zone }) => ({ kind: 'cut', target: zone, way: 'out' }) },
  'zone-slow': { about: 'everything that a zone sends comes ten times later', fault: ({ zone }) => ({ kind: 'slow', target: zone, delayMs: TEN_TIMES_SLOW_MS, jitterMs: TEN_TIMES_SLOW_MS }) },
  'zone-pause': { about: 'every process of a zone hangs (SIGSTOP): connections stay, nobody answers', fault: ({ zone }) => ({ kind: 'pause', target: zone }) },
  'gateway-kill': { about: 'the gateway of a zone is killed, its store nodes go on', fault: ({ gateway }) => ({ kind: 'kill', target: gateway }) },
  'node-kill': { about: 'one store node is killed, and started again', fault: ({ node }) => ({ kind: 'kill', target: node }) },
  'rolling-restart': { about: 'every process is stopped in order and started again, one after the other', fault: () => ({ kind: 'rolling-restart', target: 'all' }) },
  'disk-full': { about: 'the disk of one store node is full', fault: ({ node }) => ({ kind: 'disk-full', target: node }) },
  'clock-skew': { about: 'the clocks of a zone are an hour ahead', fault: ({ zone }) => ({ kind: 'clock-skew', target: zone, skewMs: AN_HOUR_MS }) },
  flapping: {
    about: 'a zone is cut off and healed again, every second',
    fault: ({ zone }) => ({ kind: 'cut', target: zone, way: 'both' }),
    steps: ({ zone }, { warmUpS, baselineS, faultS }) =>
      Array.from({ length: Math.floor(faultS / 2) }, (_, index) => ({ atS: warmUpS + baselineS + 2 * index, forS: 1, fault: { kind: 'cut', target: zone, way: 'both' } as const })),
  },
  'lossy-link': { about: 'one in fifty messages between a zone and the others is lost, and sent again by TCP', fault: ({ zone }) => ({ kind: 'lossy', target: zone, delayMs: 1, loss: 0.02 }) },
  overload: { about: 'five times the rate for a while: beyond what the cluster can do', fault: () => ({ kind: 'load', factor: 5 }) },
} as const satisfies Record<string, NamedDrill>;

export type DrillName = keyof typeof NAMED;
export const DRILL_NAMES = Object.keys(NAMED) as DrillName[];
export const isDrillName = (name: string): name is DrillName => Object.hasOwn(NAMED, name);
export const aboutDrill = (name: DrillName): string => NAMED[name].about;

export function namedDrill(name: DrillName, targets: DrillTargets, times: DrillTimes): DrillScript {
  const { about, fault, steps }: NamedDrill = NAMED[name];
  const { warmUpS, baselineS, faultS, afterS } = times;
  // Each process that is restarted takes its time, however short the rest is.
  const longS = name === 'rolling-restart' ? Math.max(faultS, 30) : faultS;
  const one: Step = { atS: warmUpS + baselineS, forS: longS, fault: fault(targets) };
  return { name, about, warmUpS, durationS: warmUpS + baselineS + longS + afterS, steps: steps === undefined ? [one] : [...steps(targets, times)] };
}
