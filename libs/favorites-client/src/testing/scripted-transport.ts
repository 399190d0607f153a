/**
 * A transport without a network: nodes that keep their rows in one MemoryRows, as replicas that always agree, and answer
 * each call as a script says: when, or with which error, or never, and whether a COMMIT took effect all the same. Every
 * call is written down, with how it ended, so that a test can say what was sent where and when.
 */
import {
  type Achieved,
  type CallContext,
  type CommitRequest,
  type ConsistencyLevel,
  type ErrorCode,
  type ErrorDetails,
  type GetRequest,
  type ListRequest,
  type NodeId,
  PATTERNS,
  type PrepareRequest,
  type RingMember,
  type RingReply,
  type RowKey,
  TriptychError,
  WATCH_BEAT_MS,
  type WatchEvent,
  type WatchRequest,
} from '@app/contracts';
import type { Cancel, SimClock } from '@app/time';
import { Observable, type Subscriber } from 'rxjs';
import { SIGN_OF_LIFE } from '../node-standing.js';
import { addressText, type NodeAddress, type StoreTransport } from '../store-transport.js';
import { PLAIN } from './memory-list-store.js';
import { MemoryRows } from './memory-rows.js';

/** How one call goes. Without `error` the node answers; a call with `hangs` never ends by itself. */
export interface Behaviour {
  /** Until the answer or the error is heard, ms. */
  readonly afterMs?: number;
  readonly error?: TriptychError;
  readonly hangs?: true;
  /** When a COMMIT takes effect, ms from its sending, or never; by default with the answer, and never with an error. */
  readonly takesEffectAfterMs?: number | 'never';
}

export interface SentCall {
  readonly node: NodeId;
  readonly pattern: string;
  readonly payload: unknown;
  readonly context: CallContext;
  readonly atMs: number;
  /** 'open' until it ends; 'cancelled' when the caller unsubscribed. */
  end: 'open' | 'answered' | 'failed' | 'cancelled';
  endedAtMs: number | null;
}

export class ScriptedTransport implements StoreTransport {
  readonly log: SentCall[] = [];
  readonly down = new Set<NodeId>();
  /** Nodes that give no sign of life. A sign of life is in no log, and takes no time; a node that is slow, or hangs in what it does, gives it. */
  readonly silent = new Set<NodeId>();
  readonly rows: MemoryRows;
  /** Who is there; and, unless `tells` says otherwise, what they tell of the ring. */
  ring: RingReply;
  tells: (node: NodeId) => unknown = () => this.ring;
  /** Decides each call, in the order they are made. Answers at once by default. */
  script: (call: SentCall) => Behaviour = () => ({});

  constructor(
    readonly clock: SimClock,
    ring: RingReply,
    options: { readonly maxItems?: number } = {},
  ) {
    this.ring = ring;
    this.rows = new MemoryRows({ maxItems: options.maxItems ?? 10_000, wallMs: () => clock.wallMs() });
  }

  /** Calls that have not ended. */
  get open(): number {
    return this.log.filter(({ end }) => end === 'open').length;
  }

  sent(pattern: string): SentCall[] {
    return this.log.filter((call) => call.pattern === pattern);
  }

  isDown(node: NodeAddress): boolean {
    const member = this.#memberAt(node);
    return member !== undefined && this.down.has(member.node);
  }

  call(to: NodeAddress, pattern: string, payload: unknown, context: CallContext): Observable<unknown> {
    return new Observable((subscriber) => {
      const member = this.#memberAt(to);
      const node = member?.node ?? (addressText(to) as NodeId);
      if (context.traceId === SIGN_OF_LIFE) {
        if (!this.silent.has(node)) subscriber.next(this.ring);
        return;
      }
      const call: SentCall = { node, pattern, payload, context, atMs: this.clock.monotonicMs(), end: 'open', endedAtMs: null };
      this.log.push(call);
      const end = (how: SentCall['end']): boolean => {
        if (call.end !== 'open') return false;
        call.end = how;
        call.endedAtMs = this.clock.monotonicMs();
        return true;
      };
      subscriber.add(() => end('cancelled'));
      const behaviour = member === undefined ? { error: new TriptychError('WIRE_UNREACHABLE', 'nobody listens there') } : this.script(call);
      const { afterMs = 0, error, hangs, takesEffectAfterMs } = behaviour;
      const settle = (): void => {
        if (call.end !== 'open') return;
        if (error !== undefined) {
          end('failed');
          return subscriber.error(error);
        }
        if (pattern === PATTERNS.watch) return this.#watch(payload as WatchRequest, subscriber);
        const answer = this.#answer(member!, pattern, payload, takesEffectAfterMs === undefined);
        end(answer instanceof TriptychError ? 'failed' : 'answered');
        if (answer instanceof TriptychError) return subscriber.error(answer);
        subscriber.next(answer);
        subscriber.complete();
      };
      // Not called off with the call: what a node has begun goes on without the caller.
      if (pattern === PATTERNS.commit && typeof takesEffectAfterMs === 'number') {
        this.clock.after(takesEffectAfterMs, () => this.rows.commit(payload as CommitRequest));
      }
      if (hangs) return;
      if (afterMs === 0) settle();
      else subscriber.add(this.clock.after(afterMs, settle));
    });
  }

  /** As a node does: at once, with each change, and with each beat. */
  #watch(request: WatchRequest, subscriber: Subscriber<unknown>): void {
    let { seen } = request;
    const tell = (): void => {
      const event: WatchEvent = this.rows.watchEventSince(request, seen);
      seen = event.seen;
      subscriber.next(event);
    };
    let cancel: Cancel = () => {};
    const beat = (): void => {
      cancel = this.clock.after(WATCH_BEAT_MS, beat);
      tell();
    };
    subscriber.add(this.rows.onChange(request, tell));
    subscriber.add(() => cancel());
    beat();
  }

  #answer(member: RingMember, pattern: string, payload: unknown, takesEffect: boolean): unknown {
    const achieved = this.#achieved(member, (payload as { level?: ConsistencyLevel }).level ?? 'QUORUM');
    try {
      switch (pattern) {
        case PATTERNS.ring:
          return this.tells(member.node);
        case PATTERNS.prepare:
          return { ...this.rows.prepare(payload as PrepareRequest), achieved };
        case PATTERNS.commit:
          if (takesEffect) this.rows.commit(payload as CommitRequest);
          return { achieved, seen: this.rows.seenAfterWrite(payload as CommitRequest) };
        case PATTERNS.list:
          return { ...this.rows.list(payload as ListRequest), achieved, seen: this.rows.seenAfterRead(payload as ListRequest) };
        case PATTERNS.get:
          return { items: this.rows.get(payload as GetRequest), achieved, seen: this.rows.seenAfterRead(payload as GetRequest) };
        default:
          return new TriptychError('REQUEST_INVALID', `no such message: ${pattern}`);
      }
    } catch (error) {
      if (error instanceof TriptychError) return error;
      throw error;
    }
  }

  #achieved({ node, zone }: RingMember, level: ConsistencyLevel): Achieved {
    const { replicationFactor, members } = this.ring;
    const replicas = [...new Set([node, ...members.slice(0, replicationFactor).map((member) => member.node)])];
    const zones = [...new Set([zone, ...members.slice(0, replicationFactor).map((member) => member.zone)])];
    return { level, node, zone, replicas, zones, replicationFactor, ...PLAIN };
  }

  #memberAt(address: NodeAddress): RingMember | undefined {
    return this.ring.members.find((member) => addressText(member) === addressText(address));
  }
}

/** What a row is like whatever was sent: the items of `key` in order. */
export function itemsOf(transport: ScriptedTransport, key: RowKey): string[] {
  return transport.rows.list({ ...key, limit: 500, level: 'QUORUM' }).items.map(({ item }) => item);
}

export const failing = (code: ErrorCode, afterMs = 0, details: ErrorDetails = {}): Behaviour => ({ afterMs, error: new TriptychError(code, code, details) });

/** A script from a table: by "a1 list", else by "a1", else the call is answered at once. */
export const scripted =
  (table: Readonly<Record<string, Behaviour>>) =>
  ({ node, pattern }: SentCall): Behaviour =>
    table[`${node} ${pattern.slice('store.'.length)}`] ?? table[node] ?? {};
