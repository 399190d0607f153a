/**
 * The example by which Dynamo explains its vector clocks (DeCandia et al., SOSP 2007, 4.4 and figure 3), played with three
 * nodes Sx, Sy, Sz over the production code. A version's clock is here the causal context of the row that holds it, and the
 * numbers come out as in the paper. What differs is who keeps the clock: a client hands back no clock, only, where it
 * overwrites, the delta that it overwrites; and two parallel versions are one film in a list, never two answers.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { favorites, MemoryRow, testCluster, type TestCluster } from '@app/store/testing';
import { actorIdFrom, dotText, type ActorId } from '../../libs/store/src/core/causality/dot.js';
import { decodeDelta, type Delta } from '../../libs/store/src/core/row/delta.js';
import { ended } from './schedule.js';

const NODES = { a1: 'Sx', b1: 'Sy', c1: 'Sz' } as const;
type Node = keyof typeof NODES;
const OBJECT = 'object';

/** The example's cluster, with each node's writes reaching the others only when the schedule says so. */
class Example {
  readonly cluster: TestCluster = testCluster();
  readonly deltas: Delta[] = [];
  readonly #names = new Map<ActorId, string>();

  constructor() {
    this.cluster.network.hold = ({ kind }) => kind === 'apply';
  }

  /** A put of `value` handled by `via`. @param context of an earlier put: what it wrote is overwritten */
  put(via: Node, value: string, context?: Uint8Array): Uint8Array {
    const { cluster } = this;
    const prepare = cluster.prepare('ann', OBJECT, { kind: 'add', value: Buffer.from(value) }, { via, level: 'ONE', ...(context && { pending: context }) });
    const delta = ended(cluster, prepare).delta!;
    ended(cluster, cluster.commit('ann', delta, { via, level: 'ONE' }));
    const decoded = decodeDelta(delta);
    this.deltas.push(decoded);
    this.#names.set(decoded.dot.actor, NODES[via]);
    return delta;
  }

  /** What was sent so far arrives everywhere; what comes after waits again. */
  replicate(): void {
    const { network } = this.cluster;
    network.release();
    this.cluster.advance(20);
    network.hold = ({ kind }) => kind === 'apply';
  }

  /** The clock of what a node holds, as the paper writes it. */
  clockAt(node: Node): string {
    const { context, voided } = this.cluster.node(node).rows.header(favorites('ann'));
    expect(voided.isEmpty).toBe(true);
    const entries = [...this.#names].map(([actor, name]) => [name, context.highest(actor)] as const).filter(([, counter]) => counter > 0);
    expect(context.dotCount).toBe(entries.reduce((sum, [, counter]) => sum + counter, 0));
    return `[${entries.map(([name, counter]) => `(${name},${counter})`).join(', ')}]`;
  }

  /** Live versions that a node holds, by value. */
  versionsAt(node: Node): string[] {
    return this.cluster.node(node).rows.latestVersions(favorites('ann'), OBJECT).map(({ version }) => (version.facet === 'cell' ? Buffer.from(version.value).toString() : version.facet)).sort();
  }
}

/** Plays the example up to D4: D3 at Sy and D4 at Sz, neither knowing of the other. */
function upToD4(): { example: Example; d3: Uint8Array } {
  const example = new Example();
  const d1 = example.put('a1', 'D1');
  expect(example.clockAt('a1')).toBe('[(Sx,1)]');
  const d2 = example.put('a1', 'D2', d1);
  expect(example.clockAt('a1')).toBe('[(Sx,2)]');
  expect(example.versionsAt('a1')).toEqual(['D2']);
  example.replicate();
  const d3 = example.put('b1', 'D3', d2);
  expect(example.clockAt('b1')).toBe('[(Sx,2), (Sy,1)]');
  example.put('c1', 'D4', d2);
  expect(example.clockAt('c1')).toBe('[(Sx,2), (Sz,1)]');
  return { example, d3 };
}

const all = ['a1', 'b1', 'c1'] as const;

describe('vector clocks (Dynamo, 4.4)', () => {
  it('the example: D1 [(Sx,1)], D2 [(Sx,2)], D3 [(Sx,2), (Sy,1)], D4 [(Sx,2), (Sz,1)], D5 [(Sx,3), (Sy,1), (Sz,1)]', () => {
    const { example, d3 } = upToD4();
    example.replicate();
    for (const node of all) {
      expect(example.versionsAt(node)).toEqual(['D3', 'D4']);
      expect(example.clockAt(node)).toBe('[(Sx,2), (Sy,1), (Sz,1)]');
    }
    // Sx handles the next write of a client that has read both.
    example.put('a1', 'D5', d3);
    expect(example.clockAt('a1')).toBe('[(Sx,3), (Sy,1), (Sz,1)]');
    example.replicate();
    for (const node of all) {
      expect(example.versionsAt(node)).toEqual(['D5']);
      expect(example.clockAt(node)).toBe('[(Sx,3), (Sy,1), (Sz,1)]');
    }
  });

  it('"otherwise, the two changes are considered to be in conflict and require reconciliation": a reader is shown one film all the same, and a removal removes both', () => {
    const { example } = upToD4();
    example.replicate();
    const { cluster } = example;
    cluster.network.hold = null;
    for (const via of all) {
      expect(cluster.list('ann', { via })).toEqual([OBJECT]);
      expect(Buffer.from(cluster.get('ann', OBJECT, { via })!.value).toString()).toBe('D3');
    }
    cluster.remove('ann', OBJECT, { via: 'c1' });
    cluster.advance(20);
    for (const node of all) expect(example.versionsAt(node)).toEqual([]);
  });

  it(`"if the counters on the first object's clock are less-than-or-equal to all of the nodes in the second clock, then the first is an ancestor of the second and can be forgotten", in whatever order they arrive`, () => {
    const { example, d3 } = upToD4();
    example.replicate();
    example.put('a1', 'D5', d3);
    const orders = fc.shuffledSubarray([...example.deltas, ...example.deltas], { minLength: 10, maxLength: 10 });
    fc.assert(
      fc.property(orders, fc.nat(10), (order, upTo) => {
        const row = new MemoryRow(actorIdFrom(new Uint8Array(8)));
        for (const delta of order.slice(0, upTo)) row.apply(delta);
        const arrived = new Set(order.slice(0, upTo));
        const isForgotten = ({ dot }: Delta): boolean => [...arrived].some(({ supersedes }) => supersedes.some((old) => dotText(old) === dotText(dot)));
        expect(row.live()).toEqual([...arrived].filter((delta) => !isForgotten(delta)).map(({ dot }) => dotText(dot)).sort());
        for (const delta of order) row.apply(delta);
        expect(row.live()).toEqual([dotText(example.deltas[4]!.dot)]);
        expect(row.voided()).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });

  it('"the context encodes system metadata about the object that is opaque to the caller": cut bytes are refused, and an overwrite at a node that has not heard of what it overwrites still does so', () => {
    const { example, d3 } = upToD4();
    const { cluster } = example;
    const torn = cluster.prepare('ann', OBJECT, { kind: 'add', value: new Uint8Array(0) }, { via: 'a1', pending: d3.subarray(0, 20) });
    expect(() => ended(cluster, torn)).toThrow(expect.objectContaining({ code: 'REQUEST_INVALID' }));
    // Sz has not heard of D3; a client that has overwrites D3 there, and with it what Sz holds: D4 goes, D3 never comes.
    example.put('c1', 'D6', d3);
    example.replicate();
    for (const node of all) expect(example.versionsAt(node)).toEqual(['D6']);
  });
});
