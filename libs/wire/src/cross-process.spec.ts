/** What Nest's own transport does not do, shown over real sockets and processes. */
import type { CallContext } from '@app/contracts';
import { systemClock, systemRandom } from '@app/time';
import { firstValueFrom, Observable } from 'rxjs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { tcpNetwork } from './adapters/tcp-channel.js';
import { TestProcess } from './testing/child-process.js';
import { identityOf } from './testing/sim-wire.js';
import { WireClient } from './wire-client.js';
import type { WireLimits } from './wire-limits.js';
import { WireServer } from './wire-server.js';

const program = new URL('./testing/wire-child.ts', import.meta.url);
const soon = { timeout: 20_000, interval: 5 };
const context = (timeoutMs: number): CallContext => ({ deadlineMs: systemClock.monotonicMs() + timeoutMs, traceId: 't', priority: 'read', principal: { kind: 'service', name: 'a1' } });

/** What a test has to end when it is over. */
const endings: (() => void)[] = [];
afterEach(() => {
  for (const end of endings.splice(0)) end();
});

function started(argument: object): TestProcess {
  const child = new TestProcess(program, argument);
  endings.push(() => child.signal('SIGKILL'));
  return child;
}

async function serverProcess(limits: Partial<WireLimits> = {}): Promise<{ child: TestProcess; client: WireClient }> {
  const child = started({ role: 'server', limits });
  await vi.waitUntil(() => child.last('port'), soon);
  const address = { host: '127.0.0.1', port: child.last('port') as number };
  const client = new WireClient({ address, peer: 'child', identity: identityOf('a1'), network: tcpNetwork(), clock: systemClock, random: systemRandom, limits });
  endings.push(() => client.close());
  return { child, client };
}

/** Calls `never`; the answer is how it ended and when. */
function watch(call: Observable<unknown>): { error?: { code: string; applied: string }; afterMs?: number; unsubscribe(): void } {
  const startMs = systemClock.monotonicMs();
  const watched: ReturnType<typeof watch> = { unsubscribe: () => subscription.unsubscribe() };
  const subscription = call.subscribe({ error: (error: { code: string; applied: string }) => Object.assign(watched, { error, afterMs: systemClock.monotonicMs() - startMs }) });
  return watched;
}

describe('across processes', { timeout: 60_000 }, () => {
  it('a handler is torn down in the server process when the caller unsubscribes in the client process', async () => {
    const { child, client } = await serverProcess();
    const calls = Array.from({ length: 5 }, () => watch(client.call('never', null, context(60_000))));
    await vi.waitUntil(() => child.last('running') === 5, soon);
    calls[0]!.unsubscribe();
    await vi.waitUntil(() => child.last('running') === 4, soon);
    for (const call of calls.slice(1)) call.unsubscribe();
    await vi.waitUntil(() => child.last('running') === 0, soon);
    expect(client.callsInFlight).toBe(0);
    expect(await firstValueFrom(client.call('echo', { bytes: Buffer.of(1, 2) }, context(5000)))).toEqual({ bytes: Buffer.of(1, 2) });
  });

  it('handlers are torn down when the client process is killed', async () => {
    let running = 0;
    const server = new WireServer({ identity: identityOf('b1'), network: tcpNetwork(), clock: systemClock, report: () => {} });
    server.handle('never', () => new Observable(() => {
      running++;
      return () => running--;
    }));
    endings.push(() => server.close());
    const port = await firstValueFrom(server.listen({ host: '127.0.0.1', port: 0 }));
    const child = started({ role: 'client', port, calls: 20 });
    await vi.waitUntil(() => running === 20, soon);
    child.signal('SIGKILL');
    const killedAtMs = systemClock.monotonicMs();
    await vi.waitUntil(() => running === 0, soon);
    expect(systemClock.monotonicMs() - killedAtMs).toBeLessThan(5000);
    expect(server).toMatchObject({ callsInFlight: 0, connections: 0 });
  });

  it('pending calls end at once when the server process is killed, and later ones fail at once', async () => {
    const { child, client } = await serverProcess();
    const calls = Array.from({ length: 20 }, () => watch(client.call('never', null, context(60_000))));
    await vi.waitUntil(() => child.last('running') === 20, soon);
    child.signal('SIGKILL');
    const killedAtMs = systemClock.monotonicMs();
    await vi.waitUntil(() => calls.every(({ error }) => error !== undefined), soon);
    expect(systemClock.monotonicMs() - killedAtMs).toBeLessThan(5000);
    for (const { error } of calls) expect(error).toMatchObject({ code: 'WIRE_CONNECTION_LOST', applied: 'unknown' });
    const next = watch(client.call('never', null, context(60_000)));
    await vi.waitUntil(() => next.error, soon);
    expect(next.error).toMatchObject({ code: 'WIRE_UNREACHABLE', applied: 'no' });
    expect(next.afterMs).toBeLessThan(5000);
  });

  it('a stopped server is noticed by its silence; a call to it ends at its deadline, and when it goes on it is found again', async () => {
    const { child, client } = await serverProcess({ heartbeatIntervalMs: 100, silenceLimitMs: 800 });
    await firstValueFrom(client.call('echo', 1, context(5000)));
    child.signal('SIGSTOP');
    const short = watch(client.call('echo', 1, context(300)));
    const long = watch(client.call('echo', 1, context(60_000)));
    await vi.waitUntil(() => long.error, soon);
    expect(short.error).toMatchObject({ code: 'WIRE_DEADLINE', applied: 'unknown' });
    expect(short.afterMs).toBeGreaterThanOrEqual(299);
    expect(short.afterMs).toBeLessThan(long.afterMs!);
    expect(long.error).toMatchObject({ code: 'WIRE_CONNECTION_LOST', applied: 'unknown' });
    expect(long.afterMs).toBeGreaterThanOrEqual(700);
    expect(long.afterMs).toBeLessThan(10_000);
    child.signal('SIGCONT');
    await vi.waitUntil(() => client.isConnected, soon);
    expect(await firstValueFrom(client.call('echo', 'again', context(5000)))).toBe('again');
  });
});
