/** A caller of one store node over the wire, as a gateway is one. */
import { PATTERNS, type CommitRequest, type PrepareReply, type PrepareRequest } from '@app/contracts';
import { decodeClientReply, encodeClientRequest, schemaHash } from '@app/store';
import { systemClock, systemRandom } from '@app/time';
import { tcpNetwork, WireClient } from '@app/wire';
import { lastValueFrom, map } from 'rxjs';

export const HOST = '127.0.0.1';
export const ROW = { table: 'favorites', row: 'ada' };

export interface StoreClient {
  readonly wire: WireClient;
  /** @param withinMs default 5,000 */
  readonly call: (pattern: string, payload: unknown, withinMs?: number) => Promise<unknown>;
  /** Adds an item to ROW at QUORUM. @param valueBytes size of what is stored, default 0 */
  readonly add: (item: string, valueBytes?: number) => Promise<void>;
}

/** Calls itself `device`; of cluster `cluster-1`. */
export function storeClient(port: number): StoreClient {
  const wire = new WireClient({
    address: { host: HOST, port },
    identity: { clusterId: 'cluster-1', name: 'device', role: 'test', schemaHash: schemaHash() },
    network: tcpNetwork(),
    clock: systemClock,
    random: systemRandom,
  });
  const call = (pattern: string, payload: unknown, withinMs = 5_000): Promise<unknown> => {
    const deadlineMs = systemClock.monotonicMs() + withinMs;
    const reply$ = wire.call(pattern, encodeClientRequest(pattern, payload), { deadlineMs, traceId: 'trace-1', priority: 'write', principal: { kind: 'service', name: 'test' } });
    return lastValueFrom(reply$.pipe(map((reply) => decodeClientReply(pattern, reply))));
  };
  const add = async (item: string, valueBytes = 0): Promise<void> => {
    const prepare: PrepareRequest = { ...ROW, item, operation: { kind: 'add', value: new Uint8Array(valueBytes) }, level: 'QUORUM' };
    const { delta } = (await call(PATTERNS.prepare, prepare)) as PrepareReply;
    const commit: CommitRequest = { ...ROW, delta: Uint8Array.from(delta!), level: 'QUORUM' };
    await call(PATTERNS.commit, commit);
  };
  return { wire, call, add };
}
