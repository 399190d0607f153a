/**
 * A whole cluster in one process and in virtual time: the production nodes over simulated disks and a simulated network.
 * Nothing moves until a test runs something, and the same seed gives the same run.
 *
 *     const cluster = testCluster({ seed: 41 });
 *     cluster.add('user', 'film', { via: 'a1' });
 *     cluster.crash('b1');
 *     expect(cluster.list('user', { via: 'c1' })).toEqual(['film']);
 */
import type { Observable } from 'rxjs';
import {
  assert,
  nodeId,
  type CallContext,
  type ConsistencyLevel,
  type Item,
  type ListReply,
  type Operation,
  type Placement,
  type PrepareReply,
  type TriptychError,
} from '@app/contracts';
import type { MemberChange } from '../core/membership/membership.js';
import type { TokenRing } from '../core/ring/token-ring.js';
import { tokenOf } from '../core/ring/token.js';
import { NOTHING_KNOWN } from '../core/row/causal-map.js';
import { ringOf } from '../node/cluster-view.js';
import type { ChangeAnswer } from '../node/member-changes.js';
import { addOf, Begun, favorites, type Pending } from './operations.js';
import { TestMachines, type TestClusterOptions } from './test-machines.js';

export interface OperationOptions {
  /** The coordinating node. */
  readonly via?: string;
  readonly level?: ConsistencyLevel;
  readonly timeoutMs?: number;
}

export class TestCluster extends TestMachines {
  /** Names of the nodes that hold a user's row, in preference order. */
  replicasOf(user: string): readonly string[] {
    return this.ring.replicas(tokenOf('favorites', user)).map(({ node }) => node);
  }

  /** While the membership changes, that of before. */
  get ring(): TokenRing {
    return ringOf(this.membership.members, this.founding.replicationFactor);
  }

  // ---- changes of the membership, run to their end

  /** A new node joins a zone. Its name. */
  addNode(zone: string, weight = 1): string {
    const node = this.newNode(zone, weight);
    this.changeMembers({ kind: 'join', member: this.memberOf(node) });
    return node;
  }

  /** A node leaves, and is switched off. It may be down. */
  removeNode(name: string): void {
    this.changeMembers({ kind: 'leave', node: nodeId(name) });
    this.discard(name);
  }

  /** A new node takes over the rows of another, which is switched off. Its name. */
  replaceNode(name: string): string {
    const node = this.newNode(this.memberOf(name).zone.slice('zone-'.length));
    this.changeMembers({ kind: 'replace', node: nodeId(name), member: this.memberOf(node) });
    this.discard(name);
    return node;
  }

  /** @param weight 0 takes all rows off it */
  setWeight(name: string, weight: number): void {
    this.changeMembers({ kind: 'weigh', node: nodeId(name), weight });
  }

  /** Asks for a change and waits until it is over and every member that is up has heard of that. @throws Error when it is refused */
  changeMembers(change: MemberChange, { via, withinMs = 120_000 }: { via?: string; withinMs?: number } = {}): void {
    const answer = this.beginChange(change, via === undefined ? {} : { via });
    this.clock.runUntil(() => answer() !== null, withinMs);
    const begun = answer();
    if (begun?.ok !== true) throw new Error(begun === null ? 'nobody answered' : begun.reason);
    assert(this.clock.runUntil(() => this.isSettled && this.membership.epoch > begun.membership.epoch, withinMs), 'the change did not end');
  }

  // ---- step by step

  /** The answer to a change asked for, once it is there. It is begun then, not over. */
  beginChange(change: MemberChange, { via = this.#anyMember(), timeoutMs = 20_000 }: { via?: string; timeoutMs?: number } = {}): () => ChangeAnswer | null {
    let answer: ChangeAnswer | null = null;
    this.node(via).members.change(change, 'test', timeoutMs, (given) => (answer = given));
    return () => answer;
  }

  /** No change is under way as far as any member knows that is up, and all of these know the same. */
  get isSettled(): boolean {
    const { epoch, next, members } = this.membership;
    return next === null && members.every(({ node }) => !this.isUp(node) || this.node(node).members.membership?.epoch === epoch);
  }

  // ---- operations, run to their end

  add(user: string, item: string, options: OperationOptions & { placement?: Placement; value?: string } = {}): Item | null {
    return this.#write(user, item, addOf(options), options);
  }

  remove(user: string, item: string, options: OperationOptions = {}): void {
    this.#write(user, item, { kind: 'remove' }, options);
  }

  move(user: string, item: string, placement: Placement, options: OperationOptions = {}): Item | null {
    return this.#write(user, item, { kind: 'move', placement }, options);
  }

  /** Names of all items, in order. */
  list(user: string, options: OperationOptions & { limit?: number } = {}): string[] {
    return this.page(user, options).items.map((item) => item.item);
  }

  page(user: string, options: OperationOptions & { limit?: number; after?: { position: string; item: string } } = {}): ListReply {
    const { limit = 500, level = 'QUORUM', after, via = this.#anyReplica(user) } = options;
    return this.run(this.node(via).list({ ...favorites(user), limit, level, ...(after && { after }) }, this.context(options.timeoutMs)));
  }

  get(user: string, item: string, options: OperationOptions = {}): Item | null {
    const { level = 'QUORUM', via = this.#anyReplica(user) } = options;
    return this.run(this.node(via).get({ ...favorites(user), items: [item], level }, this.context(options.timeoutMs))).items[0]!;
  }

  /** What one node holds by itself, in order: its durable state, no questions asked. */
  locally(name: string, user: string): string[] {
    return this.node(name).rows.page(favorites(user), 500).items.map((item) => item.item);
  }

  /** Reads all that a node holds of a row, so that damage is found. */
  touch(name: string, user: string): void {
    const key = favorites(user);
    const { rows } = this.node(name);
    try {
      for (const { item } of rows.page(key, Infinity).items) rows.item(key, item);
      rows.difference(key, NOTHING_KNOWN);
    } catch (error) {
      if ((error as TriptychError).code !== 'STORE_ROW_DAMAGED') throw error;
    }
  }

  digestAt(name: string, user: string): string {
    return Buffer.from(this.node(name).rows.digest(favorites(user))).toString('hex');
  }

  // ---- operations, step by step

  prepare(user: string, item: string, operation: Operation, options: OperationOptions & { pending?: Uint8Array } = {}): Pending<PrepareReply> {
    const { level = 'QUORUM', via = this.#anyReplica(user), pending } = options;
    return this.begin(this.node(via).prepare({ ...favorites(user), item, operation, level, ...(pending && { pending }) }, this.context(options.timeoutMs)));
  }

  commit(user: string, delta: Uint8Array, options: OperationOptions = {}): Pending<unknown> {
    const { level = 'QUORUM', via = this.#anyReplica(user) } = options;
    return this.begin(this.node(via).commit({ ...favorites(user), delta, level }, this.context(options.timeoutMs)));
  }

  context(timeoutMs = 1_000): CallContext {
    return { deadlineMs: this.clock.monotonicMs() + timeoutMs, traceId: 'test', priority: 'read', principal: { kind: 'service', name: 'test' } };
  }

  /** Subscribes, and lets the caller run time. */
  begin<T>(operation: Observable<T>): Pending<T> {
    return new Begun(operation);
  }

  /** Subscribes and runs virtual time until it ends. @throws what it fails with */
  run<T>(operation: Observable<T>, withinMs = 60_000): T {
    const pending = this.begin(operation);
    this.clock.runUntil(() => pending.state !== 'waiting', withinMs);
    return pending.result;
  }

  // ---- inside

  #write(user: string, item: string, operation: Operation, options: OperationOptions): Item | null {
    const prepared = this.prepare(user, item, operation, options);
    this.clock.runUntil(() => prepared.state !== 'waiting', 60_000);
    const { delta, item: result } = prepared.result;
    if (delta === null) return result;
    const committed = this.commit(user, delta, options);
    this.clock.runUntil(() => committed.state !== 'waiting', 60_000);
    void committed.result;
    return result;
  }

  #anyReplica(user: string): string {
    const up = this.replicasOf(user).find((node) => this.isUp(node));
    assert(up !== undefined, `no replica of ${user} is up`);
    return up;
  }

  #anyMember(): string {
    const member = this.membership.members.find(({ node }) => this.isUp(node));
    assert(member !== undefined, 'no member is up');
    return member.node;
  }
}

export const testCluster = (options?: TestClusterOptions): TestCluster => new TestCluster(options);
