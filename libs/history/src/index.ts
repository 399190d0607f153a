export { checkConvergence, checkHistory, type Violation } from './checkers.js';
export { isQuorum, lastEffectMs, type Operation, type ReadOperation, type WriteOperation } from './history.js';
