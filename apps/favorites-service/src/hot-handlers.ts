/**
 * The messages that make up nearly all of a node's work, answered before Nest's dispatch, which costs 15 to 25 us for each.
 * The rest go through it, as ordinary handlers (libs/store, store.controller.ts).
 */
import type { Observable } from 'rxjs';
import { PATTERNS, type CallContext, type GetRequest } from '@app/contracts';
import { COMMIT, LIST, PREPARE, type PeerReply, type StoreNode } from '@app/store';
import { decodePeerRequest, encodePeerReply } from '@app/store/adapters';
import type { Peer, WireTransport } from '@app/wire';
import type { PeerMessageCounts } from './peer-message-counts.js';

type HotNode = Pick<StoreNode, 'list' | 'get' | 'prepare' | 'commit' | 'peer'>;

/** Each answers with the node's Observable: leaving tears it down. */
export function handleHot(wire: Pick<WireTransport, 'handle'>, node: HotNode, heard: PeerMessageCounts): void {
  wire.handle(PATTERNS.list, (payload, context) => node.list(LIST.decodeRequest(payload), context), LIST.encodeReply);
  wire.handle(PATTERNS.get, (request, context) => node.get(request as GetRequest, context));
  wire.handle(PATTERNS.prepare, (payload, context) => node.prepare(PREPARE.decodeRequest(payload), context), PREPARE.encodeReply);
  wire.handle(PATTERNS.commit, (payload, context) => node.commit(COMMIT.decodeRequest(payload), context), COMMIT.encodeReply);
  const answerPeer = (payload: unknown, context: CallContext, peer: Peer): Observable<PeerReply> => {
    const request = decodePeerRequest(payload);
    heard.count(peer.name, request.kind);
    return node.peer(request, context);
  };
  wire.handle(PATTERNS.peer, answerPeer, encodePeerReply);
}
