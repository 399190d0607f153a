/**
 * What a call over the wire costs: CPU-microseconds (user + system) per call, of the calling and of the answering process,
 * each measured by itself; 190-byte requests, 2 kB responses, 64 in flight, loopback. Runs from the sources, at the
 * root of the repository.
 */
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { CallContext } from '@app/contracts';
import { systemClock, systemRandom } from '@app/time';
import { tcpNetwork, WireClient, WireClientProxy, WireRecord } from '@app/wire';
import { firstValueFrom, type Observable } from 'rxjs';
import { benchRequests } from '../libs/wire/src/testing/bench-messages.js';
import { TestProcess } from '../libs/wire/src/testing/child-process.js';

export interface WireBenchFigure {
  readonly path: string;
  /** CPU per call, microseconds. */
  readonly clientUs: number;
  readonly serverUs: number;
  readonly callsPerSecond: number;
}

const program = (name: string) => pathToFileURL(path.resolve('libs/wire/src/testing', name));
const context = (): CallContext => ({
  deadlineMs: systemClock.monotonicMs() + 60_000,
  traceId: 'bench-0123456789',
  priority: 'read',
  principal: { kind: 'service', name: 'bench' },
});

/** @param calls per measured path, after half as many to warm up */
export async function wireBench({ calls, inFlight = 64 }: { calls: number; inFlight?: number }): Promise<WireBenchFigure[]> {
  const figures: WireBenchFigure[] = [];
  for (const server of ['wire', 'nest']) {
    const child = new TestProcess(program(`${server}-child.ts`), { role: 'server' });
    const options = {
      address: { host: '127.0.0.1', port: await portOf(child) },
      identity: { clusterId: 'cluster-1', name: 'bench', role: 'bench', schemaHash: 'schemas-1' },
      network: tcpNetwork(),
      clock: systemClock,
      random: systemRandom,
    };
    const client = new WireClient(options);
    const proxy = new WireClientProxy({ ...options, defaultContext: context });
    const serverCpuUs = async () => totalUs((await firstValueFrom(client.call('cpu', null, context()))) as NodeJS.CpuUsage);
    try {
      for (const pattern of ['opaque', 'list'] as const) {
        const request = benchRequests[pattern];
        const direct = () => client.call(pattern, request, context());
        const throughProxy = () => proxy.send<unknown>(pattern, new WireRecord(request, context()));
        const makeCall = server === 'wire' ? direct : throughProxy;
        await repeat(makeCall, Math.ceil(calls / 2), inFlight);
        const [clientBefore, serverBefore, startMs] = [process.cpuUsage(), await serverCpuUs(), systemClock.monotonicMs()];
        await repeat(makeCall, calls, inFlight);
        const tookMs = systemClock.monotonicMs() - startMs;
        const clientUs = totalUs(process.cpuUsage(clientBefore)) / calls;
        const serverUs = ((await serverCpuUs()) - serverBefore) / calls;
        const ends = server === 'wire' ? 'WireClient, WireServer' : 'ClientProxy, Nest handler';
        const payload = pattern === 'list' ? 'msgpack objects' : 'opaque bytes';
        figures.push({ path: `${ends}, ${payload}`, clientUs, serverUs, callsPerSecond: (calls / tookMs) * 1000 });
      }
    } finally {
      client.close();
      proxy.close();
      child.signal('SIGKILL');
    }
  }
  return figures;
}

const totalUs = ({ user, system }: NodeJS.CpuUsage) => user + system;

async function portOf(child: TestProcess): Promise<number> {
  while (child.last('port') === undefined) await new Promise((resolve) => setTimeout(resolve, 10));
  return child.last('port') as number;
}

/** Makes `count` calls, `inFlight` at any time. */
function repeat(makeCall: () => Observable<unknown>, count: number, inFlight: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let started = 0;
    let ended = 0;
    const next = () => {
      if (started++ < count) makeCall().subscribe({ error: reject, complete });
    };
    const complete = () => {
      if (++ended === count) resolve();
      next();
    };
    for (let i = 0; i < inFlight; i++) next();
  });
}
