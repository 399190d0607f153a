/**
 * What the gateway answers from: five services, each behind a circuit and a bulkhead of its own, so that one that is ill costs
 * what it alone knows. One budget for what retries and hedges add, over all of them. Made once for the process.
 *
 * The times fit a page of 300 ms that asks in three levels, one after the other (docs/ENDPOINTS.md). A call that hangs must prove
 * itself to the circuit before its page gives up, or the circuit would never learn of it; so each is shorter than the
 * shortest time that a level is left with.
 */
import {
  briefRetry,
  Bulkhead,
  type CircuitPolicy,
  CircuitRegistry,
  type CollapsePolicy,
  ExtraLoadBudget,
  lateHedge,
  ownCircuit,
  pageLookups,
  type Protection,
  serviceRead,
  shortLine,
  tenPercentMore,
} from '@app/circuit';
import { LOOKUP_MAX, type Services } from '@app/services';
import type { Clock, Random } from '@app/time';

export type DependencyName = keyof Services;

/** Many lookups in one call, the last level of a page. */
const lookups: CircuitPolicy = { ...serviceRead, timeoutMs: 120, slow: { callMs: 100, rateThreshold: 0.5 } };
/** Which rows, and what is in each: the first two levels, a quarter of the page's time each. */
const outline: CircuitPolicy = { ...serviceRead, timeoutMs: 70, slow: { callMs: 60, rateThreshold: 0.5 } };

const POLICIES: Readonly<Record<DependencyName, CircuitPolicy>> = {
  films: lookups,
  favorites: lookups,
  bookmarks: lookups,
  ratings: lookups,
  rows: outline,
};

/** A page's lookups at one service are one call, unless they come at different times or are more than a call may name. */
export const inOneCall: CollapsePolicy = { ...pageLookups, keysMax: LOOKUP_MAX };

export class Guards {
  readonly circuits: CircuitRegistry;
  readonly #budget = new ExtraLoadBudget(tenPercentMore);
  readonly #protections: Readonly<Record<DependencyName, Protection>>;

  constructor(clock: Clock, random: Random) {
    this.circuits = new CircuitRegistry(POLICIES, (name, policy) => ownCircuit(name, policy, clock));
    const extraLoad = { budget: this.#budget, random, retry: briefRetry, hedge: lateHedge };
    const guard = (name: DependencyName): Protection => ({
      clock,
      circuit: this.circuits.circuit(name),
      bulkhead: new Bulkhead(name, shortLine, clock),
      extraLoad,
    });
    this.#protections = { films: guard('films'), favorites: guard('favorites'), bookmarks: guard('bookmarks'), ratings: guard('ratings'), rows: guard('rows') };
  }

  protectionOf(name: DependencyName): Protection {
    return this.#protections[name];
  }

  /** For an administrator. */
  statistics() {
    return { circuits: this.circuits.all().map((circuit) => circuit.statistics()), extraLoad: this.#budget.statistics() };
  }
}
