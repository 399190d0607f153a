/** A service in a process of its own, over real sockets: asked, refused, left, and gone. */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { firstValueFrom } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { CallContext } from '@app/contracts';
import { systemClock, systemRandom } from '@app/time';
import { tcpNetwork, WireClient } from '@app/wire';
import { identityOf } from '../../../wire/src/testing/sim-wire.js';
import type { FilmsService } from '../films-service.js';
import { remoteService } from './remote-service.js';
import { filmsDeclaration } from './service-declaration.js';

const PROGRAM = fileURLToPath(new URL('../testing/service-child.ts', import.meta.url));
const HOOKS = fileURLToPath(new URL('../../../wire/src/testing/typescript-hooks.mjs', import.meta.url));
const soon = { timeout: 30_000, interval: 5 };
const context = (timeoutMs = 10_000): CallContext => ({ deadlineMs: systemClock.monotonicMs() + timeoutMs, traceId: 't', priority: 'read', principal: { kind: 'service', name: 'test' } });

let child: ChildProcess;
let client: WireClient;
let films: FilmsService;
const told: { port?: number; waiting?: number } = {};
beforeAll(async () => {
  child = fork(PROGRAM, [], { execArgv: ['--import', HOOKS] });
  child.on('message', (message) => Object.assign(told, message));
  await vi.waitUntil(() => told.port !== undefined, soon);
  const address = { host: '127.0.0.1', port: told.port! };
  client = new WireClient({ address, peer: 'films-a1', identity: identityOf('gateway-a', 'gateway'), network: tcpNetwork(), clock: systemClock, random: systemRandom });
  films = remoteService(filmsDeclaration, client);
});
afterAll(() => {
  client.close();
  child.kill('SIGKILL');
});

describe('a service of another process', () => {
  it('answers, and fails with its own errors', async () => {
    expect(await firstValueFrom(films.lookup({ films: ['a', 'b'] }, context()))).toMatchObject({ found: [null, null], achieved: { level: 'ONE' } });
    await expect(firstValueFrom(films.topRated({ limit: 1 }, context()))).rejects.toMatchObject({ code: 'STORE_QUORUM_UNAVAILABLE', details: { needed: 2, alive: 1 } });
  });

  it('stops working for who has left', async () => {
    const callers = Array.from({ length: 3 }, () => films.page({ limit: 1 }, context()).subscribe());
    await vi.waitUntil(() => told.waiting === 3, soon);
    for (const caller of callers) caller.unsubscribe();
    await vi.waitUntil(() => told.waiting === 0, soon);
    expect(client.callsInFlight).toBe(0);
  });

  it('that dies fails its calls at once, and the next ones before anything is sent', async () => {
    const codes: string[] = [];
    films.page({ limit: 1 }, context()).subscribe({ error: ({ code }) => codes.push(code) });
    await vi.waitUntil(() => told.waiting === 1, soon);
    child.kill('SIGKILL');
    await vi.waitUntil(() => codes.length === 1, soon);
    expect(codes).toEqual(['WIRE_CONNECTION_LOST']);
    await expect(firstValueFrom(films.lookup({ films: ['a'] }, context()))).rejects.toMatchObject({ code: 'WIRE_UNREACHABLE', applied: 'no' });
  });
});
