import { NEVER, Observable, of, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { nodeId, TriptychError, zoneId, type CallContext, type CountReply, type NodeId, type RingMember } from '@app/contracts';
import { replicaSets, TokenRing, type ReplicaSets } from '@app/store';
import { SimClock } from '@app/time';
import { gatherCount, type ItemCount } from './count-gather.js';

const member = (node: string): RingMember => ({ node: nodeId(node), zone: zoneId(`zone-${node[0]}`), region: 'r', host: node, port: 1, weight: 1 });
const cutOf = (...nodes: string[]): ReplicaSets => replicaSets(new TokenRing(nodes.map(member), 3));
const SIX = cutOf('a1', 'a2', 'b1', 'b2', 'c1', 'c2');
const FIVE = cutOf('a1', 'b1', 'b2', 'c1', 'c2');
const ZONES = [['a1', 'a2'], ['b1', 'b2'], ['c1', 'c2']].map((zone) => zone.map(member));

/** A node that counts one row for each slot. */
const told = (cut: ReplicaSets, node: NodeId): CountReply => ({
  ring: cut.name,
  sets: cut.sets.filter(({ nodes }) => nodes.includes(node)).map(({ nodes, slots }) => ({ nodes, slots, count: slots })),
});

class Gathered {
  readonly clock = new SimClock();
  readonly asked: string[] = [];
  answer: ItemCount | null = null;
  error: unknown = null;
  leave: () => void = () => {};

  constructor(replies: (node: NodeId, clock: SimClock) => Observable<CountReply>, timeoutMs = 1_000) {
    const call = ({ node }: RingMember): Observable<CountReply> => {
      this.asked.push(node);
      return replies(node, this.clock);
    };
    const context: CallContext = { deadlineMs: this.clock.monotonicMs() + timeoutMs, traceId: 't', priority: 'read', principal: { kind: 'service', name: 't' } };
    const gathering = gatherCount({ zones: ZONES, ring: SIX, call, clock: this.clock, nextZoneAfterMs: 50 }, { table: 'favorites', item: 'x' }, context).subscribe({
      next: (answer) => (this.answer = answer),
      error: (error: unknown) => (this.error = error),
    });
    this.leave = () => gathering.unsubscribe();
  }
}

const late = (clock: SimClock, afterMs: number, reply: CountReply): Observable<CountReply> =>
  new Observable((subscriber) => clock.after(afterMs, () => (subscriber.next(reply), subscriber.complete())));

describe('[N2] counts gathered', () => {
  it('from the nodes of one zone are the whole ring, each slot once', () => {
    const { asked, answer } = new Gathered((node) => of(told(SIX, node)));
    expect(asked).toEqual(['a1', 'a2']);
    expect(answer).toEqual({ count: 4096, coverage: 1, missing: [] });
  });

  it('over rings cut in different ways are not added up: the cut that covers most is the answer', () => {
    const { answer } = new Gathered((node) => (node === 'a2' ? throwError(() => new TriptychError('WIRE_UNREACHABLE', 'gone')) : of(told(node === 'b2' ? SIX : FIVE, node))));
    expect(answer).toEqual({ count: 4096, coverage: 1, missing: [] });
  });

  it('of a node that is not sure, or fails, come from the next zone, where only those that hold what is missing are asked', () => {
    const { asked, answer } = new Gathered((node) => (node === 'a2' ? of({ ring: '', sets: [] }) : of(told(SIX, node))));
    expect(answer?.count).toBe(4096);
    expect(new Set(asked).size).toBe(asked.length);
    expect(asked.length).toBeLessThan(6);
  });

  it('come from the next zone beside a node that is late', () => {
    const gathered = new Gathered((node, clock) => (node === 'a1' ? late(clock, 400, told(SIX, node)) : of(told(SIX, node))));
    gathered.clock.advance(49);
    expect(gathered.answer).toBeNull();
    gathered.clock.advance(2);
    expect(gathered.answer?.coverage).toBe(1);
  });

  it('leave out and name what nobody tells, just before the deadline', () => {
    const gathered = new Gathered((node) => (node.endsWith('1') ? NEVER : of(told(SIX, node))));
    gathered.clock.advance(949);
    expect(gathered.answer).toBeNull();
    gathered.clock.advance(1);
    const { count, coverage, missing } = gathered.answer!;
    expect(missing.map(({ nodes }) => nodes.join())).toEqual(['a1,b1,c1']);
    expect(count).toBe(4096 - missing[0]!.slots);
    expect(coverage).toBeCloseTo(count / 4096);
  });

  it('are refused where nobody tells anything, and a bug is no such refusal', () => {
    expect(new Gathered(() => throwError(() => new TriptychError('CIRCUIT_OPEN', 'given up'))).error).toMatchObject({ code: 'STORE_QUORUM_UNAVAILABLE' });
    expect(new Gathered(() => throwError(() => new TypeError('a bug'))).error).toBeInstanceOf(TypeError);
  });

  it('leave nothing behind when the caller leaves', () => {
    let open = 0;
    const gathered = new Gathered(() => new Observable(() => (open++, () => open--)));
    gathered.clock.advance(60);
    expect(open).toBe(4);
    gathered.leave();
    expect(open).toBe(0);
    gathered.clock.advance(5_000);
    expect(gathered.asked).toHaveLength(4);
    expect([gathered.answer, gathered.error]).toEqual([null, null]);
  });
});
