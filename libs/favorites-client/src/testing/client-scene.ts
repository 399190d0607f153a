/** A client in zone a of three zones with a node each, over a ScriptedTransport, in virtual time; it knows the ring. */
import { type CallContext, nodeId, type RingMember, type RingReply, type RowKey, zoneId } from '@app/contracts';
import { CircuitRegistry, ownCircuit, storeRead, storeWrite } from '@app/circuit';
import { type Clock, SeededRandom, SimClock } from '@app/time';
import type { Observable, Subscription } from 'rxjs';
import { PlacedRing } from '../placed-ring.js';
import { defaultListStorePolicy, type ListStorePolicy, ReplicatedListStore } from '../replicated-list-store.js';
import { ScriptedTransport } from './scripted-transport.js';

export function member(name: string, zone = `zone-${name[0]}`, region = 'region-1'): RingMember {
  return { node: nodeId(name), zone: zoneId(zone), region, host: name, port: 7000, weight: 1 };
}

export function ringOf(names: readonly string[], epoch = 1): RingReply {
  return { clusterId: 'test', epoch, replicationFactor: 3, members: names.map((name) => member(name)) };
}

/** A list whose replicas in that ring are these nodes in this order: where rows lie is the store's own business. */
export function rowPlaced(order: readonly string[], ring = ringOf([...order].sort())): RowKey {
  const placed = new PlacedRing(ring);
  for (let user = 0; user < 10_000; user++) {
    const key = { table: 'favorites', row: `user-${user}` };
    if (placed.replicasOf(key).map(({ node }) => node).join() === order.join()) return key;
  }
  throw new Error(`no row is placed ${order.join()}`);
}

/** What a subscriber has heard: 'value', 'complete' or the code of the error, each with the moment. */
export interface Heard<T = unknown> {
  readonly what: string[];
  value?: T;
  error?: any;
  subscription: Subscription;
}

export class ClientScene {
  readonly clock = new SimClock();
  readonly transport: ScriptedTransport;
  readonly circuits: CircuitRegistry;
  readonly store: ReplicatedListStore;
  readonly policy: ListStorePolicy;
  /** Timers that the client itself has asked for and that neither ran nor were called off; its circuits keep their own. */
  timers = 0;

  constructor(options: { nodes?: readonly string[]; maxItems?: number; policy?: Partial<ListStorePolicy>; seed?: number } = {}) {
    const { clock } = this;
    this.policy = { ...defaultListStorePolicy, ...options.policy };
    this.transport = new ScriptedTransport(clock, ringOf(options.nodes ?? ['a1', 'b1', 'c1']), options);
    this.circuits = new CircuitRegistry({ 'store-read': storeRead, 'store-write': storeWrite }, (name, policy) => ownCircuit(name, policy, clock));
    this.store = new ReplicatedListStore({
      seeds: this.transport.ring.members.slice(0, 1),
      nodeName: 'gateway-a',
      zone: zoneId('zone-a'),
      transport: this.transport,
      circuits: this.circuits,
      clock: this.#counting(),
      random: new SeededRandom(options.seed ?? 1),
      policy: this.policy,
    });
    // The ring is learnt within the call, and not asked for again: what is left in the log and on the clock is a test's own.
    this.store.start();
    this.store.stop();
    this.transport.log.length = 0;
  }

  context(timeoutMs = 2_000): CallContext {
    return {
      deadlineMs: this.clock.monotonicMs() + timeoutMs,
      traceId: 'trace-1',
      priority: 'write',
      principal: { kind: 'device', name: 'user-7' },
    };
  }

  #counting(): Clock {
    const { clock } = this;
    return {
      wallMs: () => clock.wallMs(),
      monotonicMs: () => clock.monotonicMs(),
      after: (delayMs, task) => {
        let live = true;
        const done = (): void => {
          if (live) this.timers--;
          live = false;
        };
        this.timers++;
        const cancel = clock.after(delayMs, () => {
          done();
          task();
        });
        return () => {
          done();
          cancel();
        };
      },
    };
  }

  hear<T>(call$: Observable<T>): Heard<T> {
    const note = (what: string): void => void heard.what.push(`${what} at ${this.clock.monotonicMs()}`);
    const heard = { what: [] as string[] } as Heard<T>;
    heard.subscription = call$.subscribe({
      next: (value) => {
        heard.value = value;
        note('value');
      },
      error: (error) => {
        heard.error = error;
        note(error.code ?? String(error));
      },
      complete: () => note('complete'),
    });
    return heard;
  }

  /** "a1 commit answered", in the order in which calls were sent. */
  get sent(): string[] {
    return this.transport.log.map(({ node, pattern, end }) => `${node} ${pattern.slice('store.'.length)} ${end}`);
  }
}
