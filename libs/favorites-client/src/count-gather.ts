/**
 * In how many rows an item is, over the whole ring: counts gathered from one replica of each range, added up. No
 * coordinator: every node answers for what it counts itself (item-counts.ts of the store), and the sum is made here.
 *
 * The nodes of a zone hold every range once, so the nodes of one zone are asked, all at the same time: the client's own
 * first. Where some do not answer, or are not sure of a range, the nodes of the next zone that hold what is missing are
 * asked beside them, and so on; so a dead zone costs a moment and nothing else. What is still missing near the deadline is left
 * out of the sum and named. Counts over rings that are cut in different ways are never added up: while the ring changes, the cut
 * that covers most is the answer.
 */
import { type CallContext, type CountReply, type CountRequest, type NodeId, type RingMember, type SetCount, TriptychError } from '@app/contracts';
import type { ReplicaSets } from '@app/store';
import type { Cancel, Clock } from '@app/time';
import { Observable, type Subscriber, Subscription } from 'rxjs';

/** Eventual: each range as one replica of it has it at this moment. */
export interface ItemCount {
  readonly count: number;
  /** The share of the ring that answered, 0 to 1. */
  readonly coverage: number;
  /** Ranges that nobody answered for: who holds them, and how many slots of the ring they are. */
  readonly missing: readonly Omit<SetCount, 'count'>[];
}

export interface CountGatherPorts {
  /** Nodes in the order in which they are asked, zone by zone. */
  readonly zones: readonly (readonly RingMember[])[];
  /** The ring as this client knows it. */
  readonly ring: ReplicaSets;
  readonly call: (node: RingMember, request: CountRequest, context: CallContext) => Observable<CountReply>;
  readonly clock: Clock;
  /** How long the nodes of a zone may go unanswered before the next one is asked beside them, ms. */
  readonly nextZoneAfterMs: number;
}

/** What is known by then is answered while there is still time for the answer to arrive. */
const ANSWER_BEFORE_DEADLINE_MS = 50;

/** Cold. Unsubscribing calls off what was asked. Errors: STORE_QUORUM_UNAVAILABLE where nobody answered for any range. */
export function gatherCount(ports: CountGatherPorts, request: CountRequest, context: CallContext): Observable<ItemCount> {
  return new Observable((subscriber) => {
    const gathering = new Gathering(ports, request, context, subscriber);
    subscriber.add(() => gathering.stop());
    gathering.start();
  });
}

class Gathering {
  /** For each cut of the ring the sets that were heard of, by their nodes. */
  readonly #heard = new Map<string, Map<string, SetCount>>();
  readonly #calls = new Set<Subscription>();
  #zone = 0;
  #cancelNext: Cancel = () => {};
  #cancelEnd: Cancel = () => {};
  #isOver = false;

  constructor(
    private readonly ports: CountGatherPorts,
    private readonly request: CountRequest,
    private readonly context: CallContext,
    private readonly subscriber: Subscriber<ItemCount>,
  ) {}

  start(): void {
    const { clock } = this.ports;
    this.#cancelEnd = clock.after(Math.max(0, this.context.deadlineMs - ANSWER_BEFORE_DEADLINE_MS - clock.monotonicMs()), () => this.#end());
    this.#askZone();
  }

  stop(): void {
    this.#isOver = true;
    this.#cancelNext();
    this.#cancelEnd();
    for (const call of this.#calls) call.unsubscribe();
  }

  #askZone(): void {
    this.#cancelNext();
    const { zones, call, clock, nextZoneAfterMs } = this.ports;
    const zone = zones[this.#zone++];
    if (zone === undefined) {
      if (this.#calls.size === 0) this.#end();
      return;
    }
    this.#cancelNext = clock.after(nextZoneAfterMs, () => this.#askZone());
    const asked = zone.filter((member) => this.#isWanted(member.node)).map((member) => ({ member, asking: new Subscription() }));
    // All of them before the first: a call may end within its own subscription, and is not the last for that.
    for (const { asking } of asked) this.#calls.add(asking);
    for (const { member, asking } of asked) {
      asking.add(
        call(member, this.request, this.context).subscribe({
          next: (reply) => this.#hear(reply),
          error: (error: unknown) => this.#ended(asking, error),
          complete: () => this.#ended(asking),
        }),
      );
    }
    if (!this.#isOver && this.#calls.size === 0 && asked.length === 0) this.#askZone();
  }

  #hear(reply: CountReply): void {
    let sets = this.#heard.get(reply.ring);
    if (sets === undefined) this.#heard.set(reply.ring, (sets = new Map()));
    for (const set of reply.sets) {
      const name = nameOf(set.nodes);
      if (!sets.has(name)) sets.set(name, set);
    }
  }

  #ended(call: Subscription, error?: unknown): void {
    this.#calls.delete(call);
    if (this.#isOver) return;
    if (error !== undefined && !(error instanceof TriptychError)) {
      this.#isOver = true;
      this.subscriber.error(error);
    } else if (slotsIn(this.#best()) === this.ports.ring.setOfSlot.length) this.#end();
    else if (this.#calls.size === 0) this.#askZone();
  }

  /** Whether a node holds something that is missing. Where the nodes cut the ring in another way than is known here, it may. */
  #isWanted(node: NodeId): boolean {
    const { name, sets } = this.ports.ring;
    const isCutAsKnown = [...this.#heard.keys()].every((cut) => cut === name);
    const heard = this.#heard.get(name);
    return !isCutAsKnown || sets.some((set) => set.nodes.includes(node) && heard?.has(nameOf(set.nodes)) !== true);
  }

  #best(): ReadonlyMap<string, SetCount> {
    return [...this.#heard.values()].reduce((best, sets) => (slotsIn(sets) > slotsIn(best) ? sets : best), NOTHING);
  }

  #end(): void {
    if (this.#isOver) return;
    this.stop();
    const best = this.#best();
    if (best.size === 0) {
      this.subscriber.error(new TriptychError('STORE_QUORUM_UNAVAILABLE', 'no replica of any range told its counts', { needed: 1, alive: 0 }));
      return;
    }
    const { sets, setOfSlot } = this.ports.ring;
    const slots = slotsIn(best);
    this.subscriber.next({
      count: [...best.values()].reduce((sum, { count }) => sum + count, 0),
      coverage: slots / setOfSlot.length,
      missing: slots === setOfSlot.length ? [] : sets.filter(({ nodes }) => !best.has(nameOf(nodes))),
    });
    this.subscriber.complete();
  }
}

const NOTHING: ReadonlyMap<string, SetCount> = new Map();
const nameOf = (nodes: readonly NodeId[]): string => nodes.join('\0');
const slotsIn = (sets: ReadonlyMap<string, SetCount>): number => [...sets.values()].reduce((sum, { slots }) => sum + slots, 0);
