/** What a run asks of the system, all of it decided before it begins: the same plan and seed give the same arrivals. */
import type { ArrivalPlan } from './arrivals.js';
import type { PatiencePolicy } from './device.js';

export interface Mix {
  /** Weights; what is 0 is not done. */
  readonly list: number;
  readonly add: number;
  readonly remove: number;
  readonly move: number;
  readonly home: number;
}

export const DEFAULT_MIX: Mix = { list: 60, add: 20, remove: 12, move: 3, home: 5 };

export interface LoadPlan extends ArrivalPlan {
  readonly seed: number;
  /** URLs, one for each zone. */
  readonly gateways: readonly string[];
  /** How its users' names begin: nobody else may ever have used their lists. */
  readonly userPrefix: string;
  readonly users: number;
  /** Exponent of Zipf's law among the users. */
  readonly skew: number;
  /** Films in a list when the run begins, and about so many from then on. */
  readonly listSize: number;
  readonly mix: Mix;
  /** Share of the requests that come from devices that fail over by themselves; the rest are clients of one zone. */
  readonly roamingShare: number;
  /** Share of a roaming device's adds after which it reads the list back through the next zone, at once. */
  readonly readBackShare: number;
  readonly patience: PatiencePolicy;
  /** How many listeners follow lists by events, for each gateway; 0 where there are no events. */
  readonly watchersPerZone: number;
}

/** These few lists are used at LINEARIZABLE and at nothing else, so that they can be judged as one set in one place. */
export const LINEARIZABLE_USERS = 4;
export const LINEARIZABLE_FILMS = 8;
export const LINEARIZABLE_SHARE = 0.03;
