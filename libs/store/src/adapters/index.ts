export { FullableDisk } from './fullable-disk.js';
export { openLmdbEngine, type LmdbEngineOptions } from './lmdb-engine.js';
export { decodePeerRequest, encodePeerReply, encodePeerRequest } from './peer-messages.js';
export { openOrSetAside, type SetAside } from './open-or-set-aside.js';
export { WirePeerTransport, type WirePeerTransportOptions } from './wire-peer-transport.js';
