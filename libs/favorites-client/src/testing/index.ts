/** Doubles and the contract suite, for the tests of other packages. */
export type { ListStoreHarnessOptions } from './list-store-contract.js';
export { listStoreContract } from './list-store-contract.js';
export type { ListStoreHarness } from './list-store-driver.js';
export { ClusterTransport } from './cluster-transport.js';
export { MemoryListStore } from './memory-list-store.js';
export type { Behaviour, SentCall } from './scripted-transport.js';
export { failing, itemsOf, scripted, ScriptedTransport } from './scripted-transport.js';
