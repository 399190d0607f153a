/**
 * The messages that make up nearly all of a node's work, answered before Nest's dispatch, which costs 15 to 25 us for each.
 * The rest go through it, as ordinary handlers (libs/store, store.controller.ts).
 */
import { map } from 'rxjs';
import { PATTERNS, type CommitRequest, type GetRequest, type ListRequest, type PrepareRequest } from '@app/contracts';
import { packList, type PeerRequest, type StoreNode } from '@app/store';
import type { WireTransport } from '@app/wire';
import type { PeerMessageCounts } from './peer-message-counts.js';

type HotNode = Pick<StoreNode, 'list' | 'get' | 'prepare' | 'commit' | 'peer'>;

/** Each answers with the node's Observable: leaving tears it down. */
export function handleHot(wire: Pick<WireTransport, 'handle'>, node: HotNode, heard: PeerMessageCounts): void {
  wire.handle(PATTERNS.list, (request, context) => node.list(request as ListRequest, context).pipe(map(packList)));
  wire.handle(PATTERNS.get, (request, context) => node.get(request as GetRequest, context));
  wire.handle(PATTERNS.prepare, (request, context) => node.prepare(request as PrepareRequest, context));
  wire.handle(PATTERNS.commit, (request, context) => node.commit(request as CommitRequest, context));
  wire.handle(PATTERNS.peer, (request, context, peer) => {
    heard.count(peer.name, (request as PeerRequest).kind);
    return node.peer(request as PeerRequest, context);
  });
}
