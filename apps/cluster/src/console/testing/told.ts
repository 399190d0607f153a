/** What processes say of themselves, for specs: all well unless told otherwise. */
import type { ConsoleCircuit, RingMember } from '@app/contracts';
import type { GatewayState, StoreState } from '../told-states.js';

export interface ToldGateway {
  readonly ok?: number;
  readonly failed?: number;
  readonly abandoned?: number;
  readonly inFlight?: number;
  /** Counts in buckets that end at 1, 2, 4 ms ... */
  readonly latencies?: Readonly<Record<string, readonly number[]>>;
  readonly circuits?: Readonly<Record<string, ConsoleCircuit['state']>>;
}

export function gatewayState({ ok = 0, failed = 0, abandoned = 0, inFlight = 0, latencies = {}, circuits = {} }: ToldGateway = {}): GatewayState {
  return {
    requests: { inFlight, abandoned, answered: { '2xx': ok, '5xx': failed } },
    latencies: Object.fromEntries(Object.entries(latencies).map(([status, counts]) => [status, { lowestMs: 1, perDoubling: 1, counts }])),
    store: { circuits: Object.entries(circuits).map(([circuit, state]) => ({ circuit, state })) },
  };
}

export interface ToldStore {
  readonly faults?: 'on' | 'off';
  readonly down?: readonly string[];
  readonly hintsWaiting?: number;
  readonly rowsRepaired?: number;
  readonly agreedAgoMs?: Readonly<Record<string, number | null>>;
  readonly epoch?: number;
  readonly members?: readonly RingMember[];
}

export function storeState({ faults = 'off', down = [], hintsWaiting = 0, rowsRepaired = 0, agreedAgoMs = {}, epoch = 1, members = [] }: ToldStore = {}): StoreState {
  return {
    faults,
    replicationFactor: 3,
    storage: { state: 'open' },
    store: {
      damagedRows: 0,
      hints: { waitingCount: hintsWaiting, replayed: 0 },
      antiEntropy: { rowsRepaired, agreedAgoMs },
      slotSync: { waitingSlots: 0 },
      membership: { epoch, phase: 'stable', members },
    },
    peers: Object.fromEntries(down.map((node) => [node, { state: 'down' as const }])),
  };
}
