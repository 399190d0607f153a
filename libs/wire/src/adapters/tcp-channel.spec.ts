import { createServer as createTlsServer, connect as connectTls } from 'node:tls';
import { connect as connectSocket, type Socket } from 'node:net';
import type { CallContext } from '@app/contracts';
import { systemClock, systemRandom } from '@app/time';
import { firstValueFrom, lastValueFrom, NEVER, of } from 'rxjs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { WireNetwork } from '../byte-channel.js';
import type { WireReport } from '../server-session.js';
import { identityOf } from '../testing/sim-wire.js';
import { WireClient } from '../wire-client.js';
import type { WireLimits } from '../wire-limits.js';
import { WireServer } from '../wire-server.js';
import { plainSockets, tcpNetwork, type SocketFactory } from './tcp-channel.js';

const context = (timeoutMs = 5000): CallContext => ({ deadlineMs: systemClock.monotonicMs() + timeoutMs, traceId: 't', priority: 'read', principal: { kind: 'service', name: 'x' } });
const soon = { timeout: 8000, interval: 5 };
const endings: (() => void)[] = [];
afterEach(() => {
  for (const end of endings.splice(0)) end();
});

async function pair({ network = tcpNetwork(), limits = {} }: { network?: WireNetwork; limits?: Partial<WireLimits> } = {}) {
  const reports: WireReport[] = [];
  const server = new WireServer({ identity: identityOf('b1'), network, clock: systemClock, report: (report) => reports.push(report), limits });
  server.handle('echo', (payload) => of(payload)).handle('never', () => NEVER);
  endings.push(() => server.close());
  const port = await firstValueFrom(server.listen({ host: '127.0.0.1', port: 0 }));
  const client = new WireClient({ address: { host: '127.0.0.1', port }, peer: 'b1', identity: identityOf('a1'), network, clock: systemClock, random: systemRandom, limits });
  endings.push(() => client.close());
  return { server, client, port, reports };
}

describe('over TCP', () => {
  it('a call is answered, small and as large as a frame may be', async () => {
    const { client, port } = await pair();
    expect(port).toBeGreaterThan(0);
    expect(await lastValueFrom(client.call('echo', { a: [1, 'x', null] }, context()))).toEqual({ a: [1, 'x', null] });
    const large = Buffer.alloc(4 * 1024 * 1024 - 200, 7);
    const echoed = (await lastValueFrom(client.call('echo', large, context()))) as Buffer;
    expect(echoed.equals(large)).toBe(true);
    await expect(lastValueFrom(client.call('echo', Buffer.alloc(4 * 1024 * 1024), context()))).rejects.toMatchObject({ code: 'WIRE_FRAME_TOO_LARGE' });
    expect(client.isConnected).toBe(true);
  });

  it('a thousand calls of one tick get their own answers', async () => {
    const { client } = await pair();
    const answers = await Promise.all(Array.from({ length: 1000 }, (_, n) => lastValueFrom(client.call('echo', { n }, context()))));
    expect(answers).toEqual(Array.from({ length: 1000 }, (_, n) => ({ n })));
  });

  it('a peer that refuses connections fails a call at once, and is found when it is there', async () => {
    const { server, client, port } = await pair({ limits: { reconnectMaxMs: 100 } });
    await lastValueFrom(client.call('echo', 1, context()));
    server.close();
    await vi.waitUntil(() => client.state.kind === 'down', soon);
    const startMs = systemClock.monotonicMs();
    await expect(lastValueFrom(client.call('echo', 1, context()))).rejects.toMatchObject({ code: 'WIRE_UNREACHABLE', applied: 'no' });
    expect(systemClock.monotonicMs() - startMs).toBeLessThan(4000);
    const again = new WireServer({ identity: identityOf('b1'), network: tcpNetwork(), clock: systemClock, report: () => {} }).handle('echo', (payload) => of(payload));
    endings.push(() => again.close());
    await firstValueFrom(again.listen({ host: '127.0.0.1', port }));
    await vi.waitUntil(() => client.isConnected, soon);
    expect(await lastValueFrom(client.call('echo', 2, context()))).toBe(2);
  });

  it('a port that is taken is an error of `listen`', async () => {
    const { port } = await pair();
    const other = new WireServer({ identity: identityOf('b2'), network: tcpNetwork(), clock: systemClock, report: () => {} });
    await expect(firstValueFrom(other.listen({ host: '127.0.0.1', port }))).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  it('who does not speak the protocol is told so and closed', async () => {
    const { port, reports } = await pair();
    const socket = connectSocket(port, '127.0.0.1');
    const answer: Buffer[] = [];
    socket.on('data', (bytes: Buffer) => answer.push(bytes));
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await new Promise((resolve) => socket.on('close', resolve));
    expect(Buffer.concat(answer).includes('WIRE_PROTOCOL')).toBe(true);
    expect(reports).toMatchObject([{ kind: 'connection-lost', error: { code: 'WIRE_PROTOCOL' } }]);
  });

  it('a refused client reads why', async () => {
    const { port } = await pair();
    const client = new WireClient({ address: { host: '127.0.0.1', port }, identity: { ...identityOf('a1'), clusterId: 'other' }, network: tcpNetwork(), clock: systemClock, random: systemRandom });
    endings.push(() => client.close());
    await expect(lastValueFrom(client.call('echo', 1, context()))).rejects.toMatchObject({ code: 'WIRE_HANDSHAKE_REFUSED', details: { reason: 'cluster' } });
  });

  it('a peer that takes nothing more cannot hold a closing connection open', async () => {
    const sockets: Socket[] = [];
    const network = tcpNetwork({ ...plainSockets, listen: (accept) => plainSockets.listen((socket) => (sockets.push(socket), accept(socket))) });
    let port = 0;
    const listener = network.listen({ host: '127.0.0.1', port: 0 }, (channel) => {
      setImmediate(() => {
        channel.send(Buffer.alloc(32 * 1024 * 1024));
        channel.end();
      });
      return { opened: () => {}, received: () => {}, closed: () => {} };
    }, (_error, at) => (port = at));
    await vi.waitUntil(() => port !== 0, soon);
    const deaf = connectSocket(port, '127.0.0.1').pause();
    await vi.waitUntil(() => sockets[0]?.destroyed, soon);
    expect(sockets[0]!.bytesWritten).toBeGreaterThan(0);
    deaf.destroy();
    listener.close();
  });

  it('TLS comes in as another kind of socket', async () => {
    const key = Buffer.alloc(16, 1);
    const common = { ciphers: 'PSK-AES128-GCM-SHA256', maxVersion: 'TLSv1.2' } as const;
    const encrypted: boolean[] = [];
    const tlsSockets: SocketFactory = {
      connect: ({ host, port }, opened) => connectTls({ ...common, host, port, pskCallback: () => ({ psk: key, identity: 'a1' }), checkServerIdentity: () => undefined }, opened),
      listen: (accept) => createTlsServer({ ...common, pskCallback: () => key }, (socket) => (encrypted.push(socket.encrypted), accept(socket))),
    };
    const { client, server } = await pair({ network: tcpNetwork(tlsSockets) });
    expect(await lastValueFrom(client.call('echo', 'secret', context()))).toBe('secret');
    expect(encrypted).toEqual([true]);
    client.close();
    await vi.waitUntil(() => server.connections === 0, soon);
  });
});
