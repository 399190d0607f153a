/**
 * What this node asks of its peers. Every message goes through here, so that each is stamped with our clock and our epoch, their
 * clock is heard in each answer, and how they answer is known to whoever judges them: speed to the snitch, silence to the
 * failure detector. What is about rows, and so about who holds them, is sent under the fence of the epoch (cluster-members.ts).
 */
import type { Subscription } from 'rxjs';
import type { CallContext, ErrorCode, NodeId, RowKey } from '@app/contracts';
import type { Clock } from '@app/time';
import type { HybridLogicalClock } from '../core/causality/hybrid-logical-clock.js';
import type { PeerMessage, PeerReply, PeerRequest, PeerRequestBody, PeerTransport, RowRequestBody } from '../ports/transport.js';
import type { ClusterMembers } from './cluster-members.js';
import type { ClusterView } from './cluster-view.js';
import type { FailureDetector } from './failure-detector.js';
import type { LatencyTracker } from './latency-tracker.js';
import { asStoreError } from './read-repair.js';

export interface PeerCallsPorts {
  readonly view: Pick<ClusterView, 'epoch'>;
  readonly transport: PeerTransport;
  readonly clock: Clock;
  readonly hlc: HybridLogicalClock;
  readonly latencies: Pick<LatencyTracker, 'asked'>;
  /** Both are made of what is asked through here, so they are asked for late. */
  readonly standing: () => Pick<FailureDetector, 'asked' | 'heard' | 'unreachable'>;
  readonly fence: () => Pick<ClusterMembers, 'send'>;
}

type Kind = PeerRequestBody['kind'];
/** Called once: with the reply, or with null and why there is none. */
type SettleCall = (reply: PeerReply | null, error?: ReturnType<typeof asStoreError>) => void;

const FENCED: ReadonlySet<Kind> = new Set<Kind>(['apply', 'keep', 'digest', 'pull', 'push', 'tree', 'leaves', 'slots']);
/** Failures of the way to a peer, not of the peer. */
const NO_WAY: ReadonlySet<ErrorCode> = new Set(['WIRE_UNREACHABLE', 'WIRE_CONNECTION_LOST', 'WIRE_HANDSHAKE_REFUSED']);

/** What is about rows, and so about who holds them. */
export const isFenced = ({ kind }: { readonly kind: Kind }): boolean => FENCED.has(kind);

export class PeerCalls {
  readonly #counts: Record<Kind, number> = { apply: 0, keep: 0, digest: 0, pull: 0, push: 0, tree: 0, leaves: 0, ping: 0, slots: 0, witness: 0, gossip: 0, learn: 0, promise: 0, accept: 0, progress: 0 };

  constructor(private readonly ports: PeerCallsPorts) {}

  /** Messages sent, by kind. */
  counts(): Readonly<Record<Kind, number>> {
    return { ...this.#counts };
  }

  /** About one row. Unsubscribing calls it off, as with the others. */
  readonly ask = (to: NodeId, key: RowKey, body: RowRequestBody, context: CallContext, settle: SettleCall): Subscription =>
    this.send(to, { ...body, table: key.table, row: key.row }, context, settle);

  readonly send = (to: NodeId, message: PeerMessage, context: CallContext, settle: SettleCall): Subscription =>
    isFenced(message) ? this.ports.fence().send(to, message, context, settle) : this.sendAsIs(to, message, context, settle);

  /** Under no fence: for whoever is the fence, and for what needs none. */
  readonly sendAsIs = (to: NodeId, message: PeerMessage, context: CallContext, settle: SettleCall): Subscription => {
    const { view, transport, clock, hlc, latencies, standing } = this.ports;
    this.#counts[message.kind]++;
    const request: PeerRequest = { ...message, hlc: hlc.last, epoch: view.epoch };
    const question = message.kind === 'digest' ? latencies.asked(to) : null;
    standing().asked(to);
    const call = transport.call(to, request, context).subscribe({
      next: (reply) => {
        hlc.observe(reply.hlc, clock.wallMs());
        question?.answered();
        standing().heard(to);
        settle(reply);
      },
      error: (thrown: unknown) => {
        const error = asStoreError(thrown);
        if (NO_WAY.has(error.code)) {
          question?.dropped();
          standing().unreachable(to);
        } else if (!error.code.startsWith('WIRE_')) {
          question?.answered();
          standing().heard(to);
        }
        settle(null, error);
      },
    });
    if (question !== null) call.add(() => question.unanswered());
    return call;
  };
}
