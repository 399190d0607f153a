export { MemoryRow } from './memory-row.js';
export { openMemoryEngine, type MemoryEngineOptions, type OpenedMemoryEngine } from './memory-engine.js';
export { codeOf } from './code-of.js';
export { RowModel } from './row-model.js';
export { SimDisk } from './sim-disk.js';
export { GOOD_LINK, SimNetwork, type CallHandler, type HoldRule, type LinkQuality, type SimMessage } from './sim-network.js';
export { addOf, answerOf, favorites, testCluster, TestCluster, type OperationOptions, type Pending, type TestClusterOptions } from './test-cluster.js';
export { NOTHING_KNOWN } from '../core/row/causal-map.js';
