export { checkHistory } from './checkers.js';
export { checkClaims, readAchieved, type Absence, type Claim } from './claims.js';
export { checkConvergence } from './convergence.js';
export { HistoryRecorder } from './history-recorder.js';
export { isQuorum, lastEffectMs, type Level, type Operation, type ReadOperation, type WriteOperation } from './history.js';
export { findNonLinearizable, HistoryTooLarge, type NotLinearizable } from './linearizability.js';
export { staleReads, type Staleness } from './stale-reads.js';
export type { Rule, Violation } from './violation.js';
