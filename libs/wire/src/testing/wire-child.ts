/** The other process of cross-process.spec.ts and of the benchmark: a server, or a client that calls and waits. */
import { systemClock, systemRandom } from '@app/time';
import { Observable, of } from 'rxjs';
import { tcpNetwork } from '../adapters/tcp-channel.js';
import { WireClient } from '../wire-client.js';
import type { WireLimits } from '../wire-limits.js';
import { WireServer } from '../wire-server.js';
import { benchResponses } from './bench-messages.js';

export type ChildRole =
  | { readonly role: 'server'; readonly limits?: Partial<WireLimits> }
  | { readonly role: 'client'; readonly port: number; readonly calls: number };

const tell = (message: object) => process.send!(message);
const argument = JSON.parse(process.argv[2]!) as ChildRole;
const identity = { clusterId: 'cluster-1', name: 'child', role: 'test', schemaHash: 'schemas-1' };
const ports = { identity, network: tcpNetwork(), clock: systemClock };
process.on('disconnect', () => process.exit());

if (argument.role === 'server') {
  let running = 0;
  const server = new WireServer({ ...ports, report: () => {}, ...(argument.limits && { limits: argument.limits }) })
    .handle('echo', (payload) => of(payload))
    .handle('list', () => of(benchResponses.list))
    .handle('opaque', () => of(benchResponses.opaque))
    .handle('cpu', () => of(process.cpuUsage()))
    .handle('never', () => new Observable(() => {
      tell({ running: ++running });
      return () => tell({ running: --running });
    }));
  server.listen({ host: '127.0.0.1', port: 0 }).subscribe((port) => tell({ port }));
} else {
  const client = new WireClient({ ...ports, address: { host: '127.0.0.1', port: argument.port }, random: systemRandom });
  const context = { deadlineMs: Infinity, traceId: 'child', priority: 'read', principal: { kind: 'service', name: 'child' } } as const;
  for (let i = 0; i < argument.calls; i++) client.call('never', i, context).subscribe({ error: (error) => tell({ error }) });
}
