export { openLmdbEngine, type LmdbEngineOptions } from './lmdb-engine.js';
export { WirePeerTransport, type WirePeerTransportOptions } from './wire-peer-transport.js';
