/** A session with the favorites store: routing, retries, retry tokens. What a gateway and a simulation take from it. */
export type { AttemptPolicy } from './attempt-plan.js';
export type { HedgeBudgetPolicy } from '@app/store';
export type { ItemCount } from './count-gather.js';
export type { ListStore, ListStoreRequest, PendingWrite, RowEvent, WriteFailure, WriteReply, WriteRequest } from './list-store.js';
export { PlacedRing } from './placed-ring.js';
export type { AttemptStats, ListStorePolicy, ReplicatedListStoreOptions } from './replicated-list-store.js';
export { defaultListStorePolicy, ReplicatedListStore } from './replicated-list-store.js';
export { openRetryToken, RETRY_TOKEN_MAX_LENGTH, sealRetryToken } from './retry-token.js';
export { seal, type SealSecret, unseal } from './seal.js';
export { SESSION_TOKEN_MAX_LENGTH, SessionToken } from './session-token.js';
export type { RingPolicy, RingView } from './ring-view.js';
export type { NodeAddress, StoreTransport } from './store-transport.js';
export { sameOperation, UncertainWrite } from './uncertain-write.js';
export type { WatchPolicy } from './watch-run.js';
export type { ListStoreConnection, ListStoreConnectionOptions, ListStoreState, NodeState } from './adapters/connect-list-store.js';
export { connectListStore } from './adapters/connect-list-store.js';
