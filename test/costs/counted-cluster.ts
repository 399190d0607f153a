/**
 * A cluster that counts what an operation costs: what each engine is asked for and what passes between the nodes. Counted
 * at the ports, so the figures are the same on every machine; list-costs.long-spec.ts has the times.
 */
import { favorites, TestCluster } from '@app/store/testing';
import type { StorageEngine } from '../../libs/store/src/ports/storage-engine.js';
import type { Delta } from '../../libs/store/src/core/row/delta.js';
import { OPERATIONS, Traffic } from './traffic.js';

export interface Cost {
  /** Gets and scans. */
  reads: number;
  recordsRead: number;
  bytesRead: number;
  recordsWritten: number;
  bytesWritten: number;
  messages: number;
  messageBytes: number;
}

const NOTHING: Cost = { reads: 0, recordsRead: 0, bytesRead: 0, recordsWritten: 0, bytesWritten: 0, messages: 0, messageBytes: 0 };

export class CountedCluster {
  readonly cluster: TestCluster;
  readonly #traffic: Traffic;
  #cost: Cost = { ...NOTHING };

  constructor(replicationFactor: 1 | 3 = 3) {
    const zones = ['a', 'b', 'c'].slice(0, replicationFactor);
    this.cluster = new TestCluster({ seed: 11, zones, replicationFactor });
    this.#traffic = new Traffic(this.cluster);
    for (const name of this.cluster.nodes) this.#countEngine(this.cluster.engine(name));
  }

  /** What `act` costs, all nodes together, until everything it started has ended. */
  costOf(act: () => void): Cost {
    this.cluster.advance(200);
    this.#cost = { ...NOTHING };
    this.#traffic.beginAnew();
    act();
    this.cluster.advance(200);
    const { messages, bytes } = this.#traffic.of(OPERATIONS);
    return { ...this.#cost, messages, messageBytes: bytes };
  }

  /** Gives deltas to every replica of a user's list, a thousand at a time. */
  give(user: string, deltas: readonly Delta[]): void {
    for (let from = 0; from < deltas.length; from += 1_000) {
      for (const name of this.cluster.replicasOf(user)) this.cluster.node(name).rows.applyAll(favorites(user), deltas.slice(from, from + 1_000), () => {});
      this.cluster.advance(20);
    }
  }

  #countEngine(engine: StorageEngine): void {
    const [get, scan, write] = [engine.get.bind(engine), engine.scan.bind(engine), engine.write.bind(engine)];
    engine.get = (key) => {
      const value = get(key);
      this.#cost.reads++;
      if (value !== undefined) this.#read(key, value);
      return value;
    };
    engine.scan = (range, visit) => {
      this.#cost.reads++;
      scan(range, (key, value) => {
        this.#read(key, value);
        return visit(key, value);
      });
    };
    engine.write = (batch, settled) => {
      for (const { key, value } of batch) {
        if (isHousekeeping(key)) continue;
        this.#cost.recordsWritten++;
        this.#cost.bytesWritten += key.length + (value?.length ?? 0);
      }
      write(batch, settled);
    };
  }

  #read(key: Uint8Array, value: Uint8Array | null): void {
    this.#cost.recordsRead++;
    this.#cost.bytesRead += key.length + (value?.length ?? 0);
  }
}

/** A node's own records, but for hints and entries by token. */
const isHousekeeping = (key: Uint8Array): boolean => key[0] === 0 && !/^\0(hint|t)\0/.test(Buffer.from(key).toString('latin1'));
