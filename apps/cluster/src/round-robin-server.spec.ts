import { once } from 'node:events';
import { Agent, createServer, request, type IncomingMessage, type OutgoingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import { connect, createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { createRoundRobin } from './round-robin-server.js';
import { eventually } from './testing/condition.js';

const HOST = '127.0.0.1';
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function listen<T extends Server | ReturnType<typeof createTcpServer>>(server: T): Promise<{ host: string; port: number }> {
  server.listen(0, HOST);
  await once(server, 'listening');
  closers.push(() => {
    if ('closeAllConnections' in server) server.closeAllConnections();
    server.close();
  });
  return { host: HOST, port: (server.address() as AddressInfo).port };
}

/** A gateway that answers with its name, the request as it saw it, and the bytes of the body. */
async function gateway(name: string) {
  const seen: { method?: string; url?: string; rawHeaders: string[]; body: string }[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const { method, url, rawHeaders } = incoming;
      seen.push({ method, url, rawHeaders, body: Buffer.concat(chunks).toString() });
      outgoing.setHeader('Served-By', name);
      outgoing.end(name);
    });
  });
  server.on('connection', (socket) => sockets.add(socket));
  return { ...(await listen(server)), seen, sockets, server };
}

/** A port at which every connection is refused. */
async function refused() {
  const server = createTcpServer().listen(0, HOST);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return { host: HOST, port };
}

interface Reply {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}
async function send(port: number, options: { method?: string; path?: string; headers?: OutgoingHttpHeaders; body?: Readable | string; agent?: Agent } = {}): Promise<Reply> {
  const { body, ...rest } = options;
  const outgoing = request({ host: HOST, port, agent: false, ...rest });
  if (body instanceof Readable) body.pipe(outgoing);
  else outgoing.end(body);
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
  incoming.setEncoding('utf8');
  let text = '';
  for await (const chunk of incoming) text += chunk as string;
  return { status: incoming.statusCode ?? 0, headers: incoming.headers, body: text };
}

describe('the round robin', () => {
  it('gives each request to the next gateway, also those of one connection', async () => {
    const gateways = [await gateway('a'), await gateway('b'), await gateway('c')];
    const { port } = await listen(createRoundRobin(gateways));
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    closers.push(() => agent.destroy());
    let served = '';
    for (let turn = 0; turn < 6; turn++) served += (await send(port, { agent })).body;
    expect(['abcabc', 'bcabca', 'cabcab']).toContain(served);
  });

  it('keeps its connections to the gateways', async () => {
    const only = await gateway('a');
    const { port } = await listen(createRoundRobin([only]));
    for (let turn = 0; turn < 10; turn++) await send(port);
    expect(only.seen).toHaveLength(10);
    expect(only.sockets.size).toBe(1);
  });

  it('tries the next gateway when one refuses the connection, with method, path, headers and body as they were', async () => {
    const alive = await gateway('b');
    const { port } = await listen(createRoundRobin([await refused(), alive]));
    const body = 'x'.repeat(200_000);
    for (const turn of [1, 2]) {
      const reply = await send(port, { method: 'PUT', path: '/v1/a%20b?c=%2F', headers: { 'X-Turn': String(turn) }, body: Readable.from([body]) });
      expect(reply).toMatchObject({ status: 200, body: 'b' });
    }
    expect(alive.seen.map(({ method, url, body: got }) => [method, url, got.length])).toEqual([
      ['PUT', '/v1/a%20b?c=%2F', body.length],
      ['PUT', '/v1/a%20b?c=%2F', body.length],
    ]);
    expect(alive.seen.map(({ rawHeaders }) => rawHeaders[rawHeaders.indexOf('X-Turn') + 1])).toEqual(['1', '2']);
  });

  it('tries once only: two refusals are a 503 that says nothing was sent', async () => {
    const third = await gateway('c');
    // The first turn goes to the second gateway; from there the next is the third. So all but one refuse on some turn.
    const { port } = await listen(createRoundRobin([third, await refused(), await refused()]));
    const replies = [await send(port), await send(port), await send(port)];
    expect(replies.map(({ status }) => status).sort((a, b) => a - b)).toEqual([200, 200, 503]);
    const refusal = replies.find(({ status }) => status === 503);
    expect(refusal?.headers['content-type']).toBe('application/problem+json');
    expect(JSON.parse(refusal?.body ?? '')).toMatchObject({ status: 503, code: 'WIRE_UNREACHABLE' });
  });

  it('never sends a request twice once it was sent: a gateway that dies with it is a 502', async () => {
    let received = 0;
    const dying = createServer((incoming) => {
      received += 1;
      incoming.on('data', () => incoming.socket.destroy());
    });
    const other = await gateway('b');
    const { port } = await listen(createRoundRobin([other, await listen(dying)]));
    const reply = await send(port, { method: 'PUT', body: '{}' });
    expect(reply.status).toBe(502);
    expect(JSON.parse(reply.body)).toMatchObject({ code: 'WIRE_CONNECTION_LOST' });
    expect(received).toBe(1);
    expect(other.seen).toHaveLength(0);
  });

  it('ends a request to a gateway that is silent with a 504', async () => {
    const silent = createServer(() => {});
    const { port } = await listen(createRoundRobin([await listen(silent)], 50));
    const reply = await send(port);
    expect(reply.status).toBe(504);
    expect(JSON.parse(reply.body)).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  });

  it('leaves a stream of events alone, however long nothing happens in it', async () => {
    const TIMEOUT_MS = 50;
    let stream!: ServerResponse;
    const events = createServer((_, outgoing) => {
      stream = outgoing.writeHead(200, { 'Content-Type': 'text/event-stream' });
      outgoing.write('retry: 1\n\n');
    });
    const { port } = await listen(createRoundRobin([await listen(events)], TIMEOUT_MS));
    const outgoing = request({ host: HOST, port, agent: false }).end();
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
    let text = '';
    answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    const beganMs = performance.now();
    await eventually('several timeouts', () => performance.now() - beganMs > 5 * TIMEOUT_MS);
    stream.end('data: 1\n\n');
    await once(answer, 'end');
    expect(text).toBe('retry: 1\n\ndata: 1\n\n');
  });

  it('streams both ways: each side has the beginning before the other sent its end', async () => {
    const echo = createServer((incoming, outgoing) => incoming.pipe(outgoing));
    const { port } = await listen(createRoundRobin([await listen(echo)]));
    const outgoing = request({ host: HOST, port, method: 'POST', agent: false });
    outgoing.write('one ');
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
    const [first] = (await once(incoming, 'data')) as [Buffer];
    expect(String(first)).toBe('one ');
    const ended = once(incoming, 'end');
    outgoing.end('two');
    const [second] = (await once(incoming, 'data')) as [Buffer];
    expect(String(second)).toBe('two');
    await ended;
  });

  it('does not read a body faster than the gateway takes it', async () => {
    let upstream: IncomingMessage | undefined;
    const slow = createServer((incoming) => {
      upstream = incoming.pause();
    });
    const { port } = await listen(createRoundRobin([await listen(slow)]));
    let produced = 0;
    const endless = new Readable({
      read() {
        produced += 65_536;
        this.push(Buffer.alloc(65_536));
      },
    });
    const outgoing = request({ host: HOST, port, method: 'POST', agent: false });
    outgoing.on('error', () => {});
    endless.pipe(outgoing);
    await eventually('the gateway has the request', () => upstream);
    // What stands between them are buffers of the kernel and of Node. When they are full nothing moves any more.
    let [last, looksAlike] = [-1, 0];
    const settled = await eventually('nothing moves', () => {
      looksAlike = produced === last ? looksAlike + 1 : 0;
      last = produced;
      return looksAlike >= 10 && produced;
    });
    expect(settled).toBeLessThan(64 * 1024 * 1024);
    outgoing.destroy();
  });

  it('tells the gateway when the device has gone', async () => {
    let left = false;
    const waiting = createServer((incoming) => incoming.socket.on('close', () => (left = true)));
    const heard = once(waiting, 'request');
    const { port } = await listen(createRoundRobin([await listen(waiting)]));
    const outgoing = request({ host: HOST, port, agent: false });
    outgoing.on('error', () => {});
    outgoing.end();
    await heard;
    outgoing.destroy();
    expect(await eventually('the gateway sees its connection closed', () => left)).toBe(true);
  });

  it.each([{ 'Content-Length': '100' }, {}])('cuts the answer off where the gateway did, instead of ending it well: %o', async (headers) => {
    const cut = createServer((incoming, outgoing) => {
      outgoing.writeHead(200, headers);
      outgoing.write('half', () => incoming.socket.destroy());
    });
    const { port } = await listen(createRoundRobin([await listen(cut)]));
    await expect(send(port)).rejects.toThrow('aborted');
  });

  it('hands headers on as they were written, but not those that speak of one connection', async () => {
    const only = await gateway('a');
    const { port } = await listen(createRoundRobin([only]));
    await send(port, {
      headers: { 'X-CaSe': 'Kept', 'X-Twice': ['a=1', 'b=2'], Connection: 'close, X-Hop', 'X-Hop': 'one', TE: 'trailers', 'Keep-Alive': 'timeout=1' },
    });
    const headers = only.seen[0]?.rawHeaders ?? [];
    expect(headers).toContain('X-CaSe');
    const names = headers.filter((_, index) => index % 2 === 0);
    expect(names.filter((name) => /^(x-hop|te|keep-alive)$/i.test(name))).toEqual([]);
    expect(names.filter((name) => name === 'X-Twice')).toHaveLength(2);
    expect(headers[headers.indexOf('Connection') + 1]).toBe('keep-alive');
    expect(headers[headers.indexOf('Host') + 1]).toBe(`${HOST}:${port}`);
  });

  it.each(['PUT', 'POST', 'PATCH', 'DELETE', 'GET'])('a %s without a body reaches the gateway without one', async (method) => {
    const only = await gateway('a');
    const { port } = await listen(createRoundRobin([only]));
    // As curl -X PUT does: no length, no encoding.
    const socket = connect(port, HOST);
    socket.write(`${method} / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    expect(text).toMatch(/^HTTP\/1\.1 200 /);
    expect(only.seen[0]?.method).toBe(method);
    expect(only.seen[0]?.rawHeaders.map((name) => name.toLowerCase())).not.toContain('transfer-encoding');
  });

  it('passes on statuses without a body, and the answer to HEAD', async () => {
    const bare = createServer((incoming, outgoing) => {
      outgoing.writeHead(incoming.method === 'HEAD' ? 200 : 204, incoming.method === 'HEAD' ? { 'Content-Length': '7' } : {});
      outgoing.end();
    });
    const { port } = await listen(createRoundRobin([await listen(bare)]));
    expect(await send(port, { method: 'DELETE' })).toMatchObject({ status: 204, body: '' });
    const head = await send(port, { method: 'HEAD' });
    expect(head).toMatchObject({ status: 200, body: '' });
    expect(head.headers['content-length']).toBe('7');
  });

  it('goes on when a gateway that it kept connections to is killed and comes back', async () => {
    const first = await gateway('a');
    const second = await gateway('b');
    const { port } = await listen(createRoundRobin([first, second]));
    for (let turn = 0; turn < 4; turn++) expect((await send(port)).status).toBe(200);
    first.server.closeAllConnections();
    first.server.close();
    await once(first.server, 'close');
    const served = [];
    for (let turn = 0; turn < 4; turn++) served.push((await send(port)).body);
    expect(served).toEqual(['b', 'b', 'b', 'b']);
    first.server.listen(first.port, HOST);
    await once(first.server, 'listening');
    const again = new Set<string>();
    for (let turn = 0; turn < 2; turn++) again.add((await send(port)).body);
    expect(again).toEqual(new Set(['a', 'b']));
  });
});
