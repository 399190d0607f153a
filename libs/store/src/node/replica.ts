/**
 * Answers its peers for the rows held here. Never asks anybody anything: whoever coordinates does that.
 * Every answer shows durable state, and an acknowledgement is sent when what it acknowledges is durable (row model, F12).
 */
import { TriptychError } from '@app/contracts';
import type { HybridLogicalClock } from '../core/causality/hybrid-logical-clock.js';
import { decodeDelta } from '../core/row/delta.js';
import { decodeDifference, decodeKnowledge, encodeDifference, encodeKnowledge, type RowDifference } from '../core/row/row-difference.js';
import type { PeerReplyBody, PeerRequest } from '../ports/transport.js';
import type { Clock } from '@app/time';
import type { AntiEntropy } from './anti-entropy.js';
import { notSynced, type RowStore, type Settle } from './row-store.js';
import type { HintedHandoff } from './hinted-handoff.js';
import type { SlotSync } from './slot-sync.js';
import type { Witness } from './witness.js';

/** Called once: with what to reply, or with null and why there is no reply. */
export type Answer = (body: PeerReplyBody | null, error?: unknown) => void;

export class Replica {
  constructor(
    private readonly rows: RowStore,
    private readonly antiEntropy: Pick<AntiEntropy, 'answer'>,
    private readonly hlc: HybridLogicalClock,
    private readonly clock: Clock,
    private readonly slotSync: Pick<SlotSync, 'hasVote' | 'hasKept' | 'answer'>,
    private readonly witness: Pick<Witness, 'mayAcknowledge' | 'answer'>,
    private readonly keep: HintedHandoff['keep'],
  ) {}

  /**
   * One request; `answer` hears of one reply, or of why there is none, now or when it is durable. What was asked to be written is
   * written whether anybody waits for that or not.
   * @throws what a broken request or row is refused for: there is no reply then
   */
  handle(request: PeerRequest, answer: Answer): void {
    this.hlc.observe(request.hlc, this.clock.wallMs());
    const whenDurable =
      (body: () => PeerReplyBody): Settle =>
      (error) => {
        if (error !== undefined) answer(null, error);
        else answer(body());
      };
    switch (request.kind) {
      case 'apply': {
        if (!this.witness.mayAcknowledge) return answer(null, notSynced(request));
        const delta = decodeDelta(request.delta);
        this.hlc.observe(delta.hlc, this.clock.wallMs());
        this.rows.apply(request, delta, whenDurable(() => ({ kind: 'applied' })));
        return;
      }
      case 'keep': {
        if (!this.witness.mayAcknowledge) return answer(null, notSynced(request));
        const delta = decodeDelta(request.delta);
        this.hlc.observe(delta.hlc, this.clock.wallMs());
        this.keep(request.owner, request, delta, request.delta, (isKept) => {
          if (isKept) answer({ kind: 'kept' });
          else answer(null, new TriptychError('STORE_FAILED', `there is no room to keep a write for ${request.owner}`));
        });
        return;
      }
      case 'digest': {
        const vote = !this.rows.header(request).isDamaged && this.slotSync.hasVote(request);
        answer({ kind: 'digest', vote, digest: this.rows.digest(request) });
        return;
      }
      case 'pull': {
        const header = this.rows.header(request);
        const difference = header.isDamaged ? null : this.rows.difference(request, decodeKnowledge(request.knowledge));
        answer({
          kind: 'pulled',
          vote: !header.isDamaged && this.slotSync.hasVote(request),
          isKept: !header.isDamaged && this.slotSync.hasKept(request),
          knowledge: encodeKnowledge(header),
          difference: difference === null ? null : encodeDifference(difference),
        });
        return;
      }
      case 'push': {
        if (!this.witness.mayAcknowledge) return answer(null, notSynced(request));
        const pushed = whenDurable(() => {
          const header = this.rows.header(request);
          return { kind: 'pushed', vote: !header.isDamaged && this.slotSync.hasVote(request), knowledge: encodeKnowledge(header) };
        });
        takeIn(this.rows, request, decodeDifference(request.difference), pushed);
        return;
      }
      case 'ping':
        answer({ kind: 'pong' });
        return;
      case 'tree':
      case 'leaves':
        answer(this.antiEntropy.answer(request));
        return;
      case 'slots':
        answer(this.slotSync.answer(request));
        return;
      case 'witness':
        this.witness.answer(request, answer);
        return;
      default:
        answer(null, new TriptychError('REQUEST_INVALID', `peer request ${String((request as PeerRequest).kind)} is not known`));
    }
  }
}

/** Applies or merges what another replica has and this one lacked. */
export function takeIn(rows: RowStore, key: { table: string; row: string }, difference: RowDifference, settle: Settle): void {
  if (difference.kind === 'deltas') rows.applyAll(key, difference.deltas, settle);
  else rows.merge(key, difference.snapshot, settle);
}
