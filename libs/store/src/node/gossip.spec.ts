import { nodeId, zoneId, type NodeId, type RingMember } from '@app/contracts';
import { SeededRandom, SimClock } from '@app/time';
import { Subscription } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { founded, type Membership } from '../core/membership/membership.js';
import { encodeMembership } from '../core/membership/membership-record.js';
import type { MemberReply, MemberRequestBody } from '../ports/transport.js';
import { knownFrom, type KnownEpoch } from './epoch-keeper.js';
import { GOSSIP_EVERY_MS, Gossip } from './gossip.js';

const memberOf = (node: NodeId): RingMember => ({ node, zone: zoneId('zone-a'), region: 'local', host: `host-of-${node}`, port: 4000, weight: 1 });
const namesTo = (count: number): NodeId[] => Array.from({ length: count }, (_, i) => nodeId(`node-${String(i).padStart(2, '0')}`));
const epochOf = (epoch: number, members: readonly NodeId[]): Membership => ({ ...founded(members.map(memberOf), 3, 'nothing'), epoch });

/** Gossip alone, each node's epoch in memory, over a network that loses messages in both directions. */
class Crowd {
  readonly clock = new SimClock();
  readonly random: SeededRandom;
  readonly known = new Map<NodeId, KnownEpoch | null>();
  readonly #gossips = new Map<NodeId, Gossip>();
  readonly down = new Set<NodeId>();
  loss = 0;
  bytes = 0;
  messages = 0;
  digestBytes = 0;

  constructor(
    seed: number,
    readonly nodes: readonly NodeId[],
    seedsOf: (node: NodeId) => readonly NodeId[] = () => [],
  ) {
    this.random = new SeededRandom(seed);
    for (const self of nodes) {
      this.known.set(self, null);
      const gossip = new Gossip({
        self,
        clock: this.clock,
        random: this.random,
        seeds: seedsOf(self),
        known: () => this.known.get(self)!,
        hasVoted: () => false,
        adopt: (membership, settle) => {
          this.#take(self, membership);
          settle();
        },
        ask: (to, body, timeoutMs, settle) => this.#ask(to, body, timeoutMs, settle),
        heardVote: () => {},
        isInDoubt: () => false,
      });
      this.#gossips.set(self, gossip);
    }
  }

  tell(node: NodeId, membership: Membership): void {
    this.known.set(node, knownFrom(encodeMembership(membership)));
  }

  /** Rounds until all are in an epoch, and all know it of all. */
  roundsUntil(holds: () => boolean): number {
    for (let rounds = 0; rounds < 100; rounds++) {
      if (holds()) return rounds;
      this.clock.advance(GOSSIP_EVERY_MS);
    }
    return Infinity;
  }

  epochsOf(): number[] {
    return [...this.known.values()].map((known) => known?.membership.epoch ?? 0);
  }

  adoptedBy(node: NodeId): number {
    return this.#gossips.get(node)!.adopted.size;
  }

  stop(): void {
    for (const gossip of this.#gossips.values()) gossip.stop();
  }

  #take(self: NodeId, bytes: Uint8Array): void {
    const known = knownFrom(bytes);
    if (known.membership.epoch > (this.known.get(self)?.membership.epoch ?? 0)) this.known.set(self, known);
  }

  #ask(to: NodeId, body: MemberRequestBody, timeoutMs: number, settle: (reply: MemberReply | null) => void): Subscription {
    const call = new Subscription();
    const end = (reply: MemberReply | null): void => {
      if (call.closed) return;
      call.unsubscribe();
      settle(reply);
    };
    call.add(this.clock.after(timeoutMs, () => end(null)));
    this.#carry(body, () => {
      if (this.down.has(to)) return;
      const reply = body.kind === 'gossip' ? this.#gossips.get(to)!.answer(body.digest) : this.#learn(to, body);
      this.#carry(reply, () => end(reply));
    });
    return call;
  }

  #learn(to: NodeId, body: MemberRequestBody): MemberReply {
    if (body.kind === 'learn') this.#take(to, body.membership);
    return { kind: 'learnt', epoch: this.known.get(to)!.membership.epoch };
  }

  #carry(message: MemberRequestBody | MemberReply, deliver: () => void): void {
    this.messages++;
    const { digest, membership } = message as { digest?: { hash: string; adopted: Uint8Array }; membership?: Uint8Array | null };
    if (digest !== undefined) this.digestBytes = Math.max(this.digestBytes, 9 + digest.hash.length / 2 + digest.adopted.length);
    this.bytes += (membership?.length ?? 0) + (digest?.adopted.length ?? 0) + 20;
    if (this.random.fraction() >= this.loss) this.clock.after(1 + this.random.fraction() * 5, deliver);
  }
}

describe('gossip', () => {
  it.each([
    [24, 0, 4, 9],
    [24, 0.3, 8, 15],
    [72, 0, 5, 11],
    [72, 0.3, 13, 20],
  ])('[M10] takes a new epoch to %i nodes in about log n rounds, with %d of all messages lost', (count, loss, roundsMean, roundsMax) => {
    const rounds: number[] = [];
    for (let seed = 1; seed <= 6; seed++) {
      const names = namesTo(count);
      const crowd = new Crowd(seed, names, () => []);
      for (const name of names) crowd.tell(name, epochOf(1, names));
      crowd.loss = loss;
      crowd.clock.advance(5 * GOSSIP_EVERY_MS);
      crowd.tell(names[0]!, epochOf(2, names));
      rounds.push(crowd.roundsUntil(() => crowd.epochsOf().every((epoch) => epoch === 2)));
      // And who is in it becomes known just as fast: the next change may begin.
      expect(crowd.roundsUntil(() => names.every((name) => crowd.adoptedBy(name) === count))).toBeLessThanOrEqual(roundsMax);
      crowd.stop();
    }
    expect(rounds.reduce((sum, each) => sum + each, 0) / rounds.length).toBeLessThanOrEqual(roundsMean);
    expect(Math.max(...rounds)).toBeLessThanOrEqual(roundsMax);
  });

  it('[M11] costs a digest of 26 bytes each way in a cluster of 72 where nobody is behind', () => {
    const names = namesTo(72);
    const crowd = new Crowd(3, names);
    for (const name of names) crowd.tell(name, epochOf(1, names));
    crowd.clock.advance(20 * GOSSIP_EVERY_MS);
    crowd.messages = crowd.bytes = 0;
    crowd.clock.advance(20 * GOSSIP_EVERY_MS);
    expect(crowd.messages / (20 * 72)).toBeCloseTo(2, 1);
    expect(crowd.digestBytes).toBe(26);
    expect(encodeMembership(epochOf(1, names)).length).toBeLessThan(72 * 64); // what one that is behind is sent, once
    crowd.stop();
  });

  it('[M12] a silent node changes nothing: nobody takes it out', () => {
    const names = namesTo(6);
    const crowd = new Crowd(4, names);
    for (const name of names) crowd.tell(name, epochOf(1, names));
    crowd.down.add(names[5]!);
    crowd.clock.advance(3_600_000);
    expect(crowd.epochsOf()).toEqual([1, 1, 1, 1, 1, 1]);
    crowd.stop();
  });

  it('[M13] A and B, joined through different members, find each other by the seeds that all are told of, and without these never', () => {
    const [seed, a, b] = ['seed', 'a', 'b'].map(nodeId) as [NodeId, NodeId, NodeId];
    // The seed was down while A joined through x and B through y, which are gone since: each of the two knows of itself and of the dead.
    const apart = (seeds: readonly NodeId[]): Crowd => {
      const crowd = new Crowd(7, [seed, a, b, nodeId('x'), nodeId('y')], () => seeds);
      crowd.down.add(nodeId('x'));
      crowd.down.add(nodeId('y'));
      crowd.tell(seed, epochOf(1, [seed, nodeId('x'), nodeId('y')]));
      crowd.tell(a, epochOf(2, [nodeId('x'), nodeId('y'), a]));
      crowd.tell(b, epochOf(3, [nodeId('x'), nodeId('y'), a, b].filter((node) => node !== a)));
      return crowd;
    };
    const without = apart([]);
    without.clock.advance(600_000);
    expect([seed, a, b].map((node) => without.known.get(node)!.membership.epoch)).toEqual([1, 2, 3]);
    without.stop();
    const seeded = apart([seed]);
    expect(seeded.roundsUntil(() => [seed, a, b].every((node) => seeded.known.get(node)!.membership.epoch === 3))).toBeLessThan(60);
    seeded.stop();
  });

  it('[M14] two clusters founded apart under one name are told from each other, and mix nothing', () => {
    const [a, b] = ['a', 'b'].map(nodeId) as [NodeId, NodeId];
    const crowd = new Crowd(8, [a, b], () => [a, b]);
    crowd.tell(a, epochOf(1, [a]));
    crowd.tell(b, epochOf(1, [b]));
    crowd.clock.advance(10_000);
    expect([a, b].map((node) => crowd.known.get(node)!.membership.members.map((member) => member.node))).toEqual([[a], [b]]);
    crowd.stop();
  });
});
