/** Clusters of more and more nodes in virtual time, each node with as many rows and writes as those of a smaller one. */
import { TestCluster } from '@app/store/testing';
import { SeededRandom } from '@app/time';
import { VALUE } from './films.js';
import { OPERATIONS, type Passed, Traffic } from './traffic.js';

const ZONES = ['a', 'b', 'c'];
const USERS_PER_NODE = 10;
/** Until trees are made, directories witnessed, and everybody has been heard of. */
const WARM_UP_SECONDS = 15;

/** What goes on by itself, by mechanism: kinds of questions. */
export const BACKGROUND = { gossip: ['gossip', 'learn'], 'anti-entropy': ['tree', 'leaves'], heartbeats: ['ping'], witnesses: ['witness'] } as const;
export type Mechanism = keyof typeof BACKGROUND;

export class GrowingCluster {
  readonly #cluster: TestCluster;
  readonly #traffic: Traffic;
  readonly #random = new SeededRandom(5);
  readonly #users: number;
  #added = 0;

  /** @param nodes a multiple of three */
  constructor(readonly nodes: number) {
    this.#cluster = new TestCluster({ seed: 3, zones: ZONES, nodesPerZone: nodes / ZONES.length });
    this.#users = nodes * USERS_PER_NODE;
    for (let user = 0; user < this.#users; user++) this.#add(`user-${user}`);
    this.#traffic = new Traffic(this.#cluster);
    this.goOn(WARM_UP_SECONDS);
  }

  /** Time goes by, an add a second for each node. */
  goOn(seconds: number): void {
    for (let second = 0; second < seconds; second++) {
      const untilMs = this.#cluster.clock.monotonicMs() + 1_000;
      for (let add = 0; add < this.nodes; add++) this.#add(this.#anyUser());
      this.#cluster.advance(Math.max(0, untilMs - this.#cluster.clock.monotonicMs()));
    }
  }

  /** What passes for each operation of some kind, on the average of many rows. */
  perOperation(kind: 'add' | 'list', count: number): Passed {
    this.#traffic.beginAnew();
    for (let operation = 0; operation < count; operation++) {
      if (kind === 'add') this.#add(this.#anyUser());
      else this.#cluster.list(this.#anyUser(), { limit: 50 });
    }
    this.#cluster.advance(100);
    return each(this.#traffic.of(OPERATIONS), count);
  }

  /** What passes by itself for each node and second, while adds go on. */
  background(seconds: number): Readonly<Record<Mechanism, Passed>> {
    this.#traffic.beginAnew();
    this.goOn(seconds);
    const passed = Object.entries(BACKGROUND).map(([mechanism, kinds]) => [mechanism, each(this.#traffic.of(kinds), this.nodes * seconds)]);
    return Object.fromEntries(passed) as Record<Mechanism, Passed>;
  }

  #add(user: string): void {
    this.#cluster.add(user, `film-${this.#added++}`, { value: VALUE.toString() });
  }

  #anyUser = (): string => `user-${this.#random.below(this.#users)}`;
}

const each = ({ messages, bytes }: Passed, of: number): Passed => ({ messages: messages / of, bytes: bytes / of });
