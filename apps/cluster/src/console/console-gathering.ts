/**
 * Asks every process that runs what it says of itself, and the replicas of one list how they hold it. One gathering serves
 * all browsers, and none is made while nobody looks. Streams out of each node were refused: a node would keep a viewer's
 * state and push it whether or not anyone reads, while one answer a second costs it less than a device's request.
 */
import type { ConsoleList, HeldRow, ReplicaRow, RingMember } from '@app/contracts';
import { tokenOf, TokenRing } from '@app/store';
import type { Clock } from '@app/time';
import { adminCall } from '../admin-call.js';
import type { ProcessRecord } from '../cluster-file.js';
import type { GatewayState, Gathering, StoreState } from './told-states.js';

/** What is needed of the supervisor. */
export interface GatheredCluster {
  readonly processes: readonly ProcessRecord[];
  readonly adminTokenFile: string;
}

/** A process that is stopped takes the connection and never answers. */
const ANSWER_TIMEOUT_MS = 800;

export class ConsoleGathering {
  #ring: TokenRing | null = null;
  #epoch = -1;
  /** Each member's part of all copies, 0 to 1. */
  shares: ReadonlyMap<string, number> = new Map();

  constructor(
    private readonly cluster: GatheredCluster,
    private readonly clock: Clock,
  ) {}

  async all(): Promise<Gathering> {
    const [gateways, stores] = await Promise.all([this.#states<GatewayState>('gateway'), this.#states<StoreState>('store')]);
    return { atMs: this.clock.wallMs(), monotonicMs: this.clock.monotonicMs(), gateways, stores };
  }

  /** From here on lists are looked for where these members have them. */
  placedOn(epoch: number, members: readonly RingMember[], replicationFactor: number): void {
    if (epoch === this.#epoch) return;
    this.#epoch = epoch;
    const weighing = members.filter(({ weight }) => weight > 0);
    this.#ring = weighing.length === 0 ? null : new TokenRing(weighing, replicationFactor);
    this.shares = new Map(this.#ring?.ownership().map(({ member, share }) => [member.node, share]));
  }

  async list(user: string): Promise<ConsoleList> {
    const replicas = this.#ring?.replicas(tokenOf('favorites', user)) ?? [];
    const rows = await Promise.all(replicas.map(({ node, zone }) => this.#held(node, zone, user)));
    return { user, replicas: rows.sort((a, b) => (a.zone < b.zone ? -1 : 1)) };
  }

  async #held(node: string, zone: string, user: string): Promise<ReplicaRow> {
    const store = this.#running('store').find(({ name }) => name === node);
    const row = store === undefined ? null : await this.#ask<HeldRow>(store, `rows/favorites/${encodeURIComponent(user)}`);
    return { node, zone, row };
  }

  async #states<T>(role: ProcessRecord['role']): Promise<Record<string, T>> {
    const told = await Promise.all(this.#running(role).map(async (process) => [process.name, await this.#ask<T>(process, 'state')] as const));
    return Object.fromEntries(told.flatMap(([name, state]) => (state === null ? [] : [[name, state]])));
  }

  #running(role: ProcessRecord['role']): ProcessRecord[] {
    return this.cluster.processes.filter((process) => process.role === role && process.state === 'running');
  }

  /** Null where no answer comes. */
  #ask<T>(process: ProcessRecord, path: string): Promise<T | null> {
    return adminCall<T>(this.cluster.adminTokenFile, process, { method: 'GET', path, timeoutMs: ANSWER_TIMEOUT_MS }).catch(() => null);
  }
}
