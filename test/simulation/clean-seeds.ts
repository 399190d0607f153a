/** Runs seeds within a test: every one keeps its promises, is as large as a seed has to be, and all together were really harmed. */
import { expect } from 'vitest';
import { FAULTS } from './faults.js';
import { RunTally } from './run-figures.js';
import { reportOf } from './seed-pool.js';
import { LEAST_FAULTS, LEAST_OPERATIONS, LEAST_VIRTUAL_MS } from './simulation.js';

/** Mechanisms that a few dozen seeds cannot do without; a name that nobody counts any more fails as well. */
const MECHANISMS = [
  'read repaired',
  'read by names',
  'profile: values are set',
  'profile: five copies',
  'profile: periodic',
  'uncertain write retried',
  'uncertain write overridden',
  'hints.stored',
  'hints.replayed',
  'hints.dropped',
  'antiEntropy.rowsRepaired',
  'antiEntropy.equalRounds',
  'rebuiltRows',
  'engine.checkpoints',
  'engine.corruptRecords',
  'read hedged',
  'gateway.failovers',
  'gateway.hedges',
  'session answered by one replica',
  'session escalated',
  'read at LINEARIZABLE that met different states',
  'start: from the log',
  'start: of a torn log',
  'start: after a clean stop',
  'membership.gossip.rounds',
  'asked.promise',
  'asked.keep',
  'scrub.passes',
  'slotSync.syncedSlots',
  'slotSync.rowsPulled',
];

export function expectCleanSeeds(from: number, to: number): void {
  const stackTraceLimit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  const tally = new RunTally();
  try {
    for (let seed = from; seed <= to; seed++) {
      const report = reportOf(seed);
      expect(report.violations, `npm run sim -- --seeds 1 --from ${seed} --history`).toEqual([]);
      expect(report.operations).toBeGreaterThanOrEqual(LEAST_OPERATIONS);
      expect(report.faults).toBeGreaterThanOrEqual(LEAST_FAULTS);
      expect(report.virtualMs).toBeGreaterThanOrEqual(LEAST_VIRTUAL_MS);
      tally.add(report);
    }
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
  console.log(`seeds ${from} to ${to}: ${tally.operations} operations, ${tally.faults} faults, ${tally.rate}`);
  expect(FAULTS.map(({ name }) => name).filter((name) => tally.coverage[`fault: ${name}`] === 0)).toEqual([]);
  expect(MECHANISMS.filter((name) => !(tally.coverage[name]! > 0))).toEqual([]);
}
