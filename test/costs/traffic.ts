/**
 * What passes between the nodes of a simulated cluster, by kind of message, in the bytes that the wire would send: frame, head and
 * payload, shapes of objects sent before. Counted at the nodes' port, so the figures are the same on every machine.
 */
import { tap } from 'rxjs';
import { PATTERNS, type CallContext, type NodeId } from '@app/contracts';
import type { StoreNode } from '@app/store';
import { encodePeerReply, encodePeerRequest } from '@app/store/adapters';
import type { TestCluster } from '@app/store/testing';
import { FRAME_HEADER_BYTES } from '../../libs/wire/src/frame.js';
import { PayloadEncoder } from '../../libs/wire/src/payload-codec.js';
import { requestHeadBytes, writeRequestHead } from '../../libs/wire/src/request-head.js';

export interface Passed {
  readonly messages: number;
  readonly bytes: number;
}

/** Questions of replicas to each other that an operation is made of; heartbeats and gossip pass whatever is done. */
export const OPERATIONS = ['apply', 'digest', 'pull', 'push'] as const;

const NOTHING: Passed = { messages: 0, bytes: 0 };
/** Before the payload. */
const FORMAT_BYTES = 1;

export class Traffic {
  #passed = new Map<string, Passed>();
  readonly #requests = new PayloadEncoder();
  readonly #replies = new PayloadEncoder();

  constructor(cluster: TestCluster) {
    for (const name of cluster.nodes) {
      const node = cluster.node(name as NodeId) as { -readonly [K in 'peer']: StoreNode[K] };
      const { peer } = node;
      node.peer = (request, context) => {
        this.#count(request.kind, this.#requests, encodePeerRequest(request), headBytes(context));
        return peer(request, context).pipe(tap((reply) => this.#count(request.kind, this.#replies, encodePeerReply(reply), 0)));
      };
    }
  }

  /** From here on. */
  beginAnew(): void {
    this.#passed = new Map();
  }

  /** Questions and answers of these kinds of question. */
  of(kinds: Iterable<string>): Passed {
    let sum = NOTHING;
    for (const kind of kinds) {
      const { messages, bytes } = this.#passed.get(kind) ?? NOTHING;
      sum = { messages: sum.messages + messages, bytes: sum.bytes + bytes };
    }
    return sum;
  }

  #count(kind: string, encoder: PayloadEncoder, body: unknown, more: number): void {
    const { start, end } = encoder.encode(body);
    const { messages, bytes } = this.#passed.get(kind) ?? NOTHING;
    this.#passed.set(kind, { messages: messages + 1, bytes: bytes + FRAME_HEADER_BYTES + more + FORMAT_BYTES + end - start });
  }
}

const headBytes = (context: CallContext): number => writeRequestHead(Buffer.alloc(requestHeadBytes(PATTERNS.peer, context)), 0, PATTERNS.peer, context, 1_000, 1);
