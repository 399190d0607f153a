/**
 * The members of the cluster as its store nodes know them, asked and changed through the admin port of any of them. Who is
 * asked does not matter, so whoever answers is taken.
 */
import type { RingMember } from '@app/contracts';
import type { HistoryEntry, MemberChange } from '@app/store';
import { adminCall, type AdminCall } from './admin-call.js';
import type { ProcessRecord } from './cluster-file.js';
import { ClusterRefused } from './cluster-refused.js';

/** What GET /admin/members of a store node says, as far as it is of interest here. */
export interface MembersState {
  readonly epoch: number;
  readonly phase: 'unknown' | 'stable' | 'joint';
  readonly survive: string | null;
  readonly members: readonly RingMember[];
  readonly next: readonly RingMember[] | null;
  /** Members known to be in this epoch. */
  readonly adopted: readonly string[];
  readonly slotsLeft: Readonly<Record<string, number>>;
  readonly imbalances: readonly { readonly node: string; readonly share: number; readonly deviation: number }[];
  readonly history: readonly HistoryEntry[];
  readonly waiting: { readonly slots: number; readonly hints: number };
}

/** Where store nodes are, and what opens their admin ports. */
export interface StoreNodes {
  readonly stores: readonly ProcessRecord[];
  readonly adminTokenFile: string;
}

const ANSWER_TIMEOUT_MS = 15_000;

/** Of one store node, or of the first that answers, the furthest on of those that do. @throws ClusterRefused when none does */
export async function readMembers(nodes: StoreNodes, name?: string): Promise<MembersState> {
  const asked = running(nodes).filter((store) => name === undefined || store.name === name);
  const states = await Promise.all(asked.map((store) => call<MembersState>(nodes, store, 'GET', 'members').catch(() => null)));
  const best = states.reduce((one, other) => (other !== null && other.epoch > (one?.epoch ?? -1) ? other : one), null);
  if (best === null) throw new ClusterRefused(name === undefined ? 'no store node answers' : `${name} does not answer`);
  return best;
}

/** @param except not to be asked: it may be what the change is about @throws ClusterRefused with the reason */
export async function askForChange(nodes: StoreNodes, change: MemberChange, by: string, except: string | null): Promise<void> {
  await atAnyStore(nodes, except, (store) => call(nodes, store, 'POST', 'members', { change, by }));
}

export async function callOffChange(nodes: StoreNodes): Promise<void> {
  await atAnyStore(nodes, null, (store) => call(nodes, store, 'DELETE', 'members/change'));
}

/** One after another, until one answers, be it with a refusal. */
async function atAnyStore(nodes: StoreNodes, except: string | null, ask: (store: ProcessRecord) => Promise<unknown>): Promise<void> {
  let failure: Error = new ClusterRefused('no store node is running');
  for (const store of running(nodes)) {
    if (store.name === except) continue;
    try {
      await ask(store);
      return;
    } catch (error) {
      if (error instanceof ClusterRefused) throw error;
      failure = error as Error;
    }
  }
  throw failure instanceof ClusterRefused ? failure : new ClusterRefused(`no store node answers: ${failure.message}`);
}

const running = ({ stores }: StoreNodes): ProcessRecord[] => stores.filter(({ state }) => state === 'running');

const call = <T>({ adminTokenFile }: StoreNodes, store: ProcessRecord, method: AdminCall['method'], path: string, body?: object): Promise<T> =>
  adminCall(adminTokenFile, store, { method, path, timeoutMs: ANSWER_TIMEOUT_MS, ...(body !== undefined && { body }) });
