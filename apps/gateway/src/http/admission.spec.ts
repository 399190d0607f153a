import { connect, type Socket } from 'node:net';
import { PROBLEM_JSON } from '@app/admin';
import { gatewayAdmission, gatewayLimit } from '@app/circuit';
import { afterEach, describe, expect, it } from 'vitest';
import { createGateway } from '../app.module.js';
import { testGateway, type TestGateway } from '../testing/test-gateway.js';
import { until } from '../testing/until.js';
import { Admission, type GatewayAdmissionPolicy, isPrefetch, steadyGateway } from './admission.js';

let gateway: TestGateway;
let port: number;
const devices: Socket[] = [];
afterEach(async () => {
  for (const device of devices.splice(0)) device.destroy();
  await gateway.close();
});

const line = { length: 2, standingLength: 2, burstWaitMs: 100, standingWaitMs: 100 };
/** One request at a time, two of each kind in line. */
const NARROW: GatewayAdmissionPolicy = {
  ...steadyGateway,
  queue: { limit: { ...gatewayLimit, initial: 1, min: 1, max: 1 }, lines: { write: line, read: line, prefetch: line }, lowerEvery: 10 },
};

async function open(policy: Partial<GatewayAdmissionPolicy> = {}): Promise<void> {
  gateway = await testGateway();
  await gateway.close();
  gateway.store.delayMs = 1_000;
  const admission = new Admission(gateway.ports, { ...NARROW, ...policy });
  const { app, counters } = await createGateway(gateway.ports, gateway.drain, admission);
  gateway = { ...gateway, app, counters, admission, close: () => app.close() };
  port = Number(new URL(await listening()).port);
}
const listening = async (): Promise<string> => {
  await gateway.app.listen(0, '127.0.0.1');
  return gateway.app.getUrl();
};

/** Sends a request; what came back so far is in `text`. */
function device(head: string, headers = '', body = ''): { readonly socket: Socket; text: string } {
  const socket = connect(port, '127.0.0.1');
  const answer = { socket, text: '' };
  socket.setEncoding('utf8').on('data', (text) => (answer.text += text));
  socket.on('error', () => {});
  socket.write(`${head} HTTP/1.1\r\nHost: x\r\n${headers}\r\n${body}`);
  devices.push(socket);
  return answer;
}
const READ = 'GET /v1/users/ada/favorites';
const WRITE = 'PUT /v1/users/ada/favorites/alien-1979';
const state = () => gateway.admission.state();
const waiting = () => Object.values(state().lines).map((of) => of.waiting);
const status = (answer: { text: string }) => Number(answer.text.slice(9, 12));

describe('a gateway with more requests than it can serve', () => {
  it('lets a few wait, and refuses the rest at once: 503, a code of its own, and when to come back', async () => {
    await open();
    device(READ);
    await until(() => state().inFlight === 1);
    for (let i = 0; i < 2; i++) device(READ);
    await until(() => state().lines.read.waiting === 2);
    const refused = device(READ);
    await until(() => refused.text.includes('}'));
    const [head = '', body = ''] = refused.text.split('\r\n\r\n');
    expect(head).toContain('503 Service Unavailable');
    expect(head.toLowerCase()).toContain(`content-type: ${PROBLEM_JSON}`);
    expect(Number(/retry-after: (\d)\r/i.exec(head)?.[1])).toBeOneOf([1, 2, 3]);
    expect(head.toLowerCase()).toContain('trace-id:');
    expect(JSON.parse(body)).toMatchObject({ code: 'GATEWAY_OVERLOADED', status: 503, priority: 'read', why: 'line-full' });
    expect(gateway.logged).toEqual([]);
  });

  it('refuses who has waited too long, who then has asked nothing of the store', async () => {
    await open();
    device(READ);
    await until(() => state().inFlight === 1);
    const late = device(READ);
    await until(() => state().lines.read.waiting === 1);
    gateway.clock.advance(100);
    await until(() => status(late) === 503);
    expect(late.text).toContain('"why":"waited"');
    expect([state().inFlight, gateway.clock.pending]).toEqual([1, 1]);
  });

  it('serves writes before reads, and reads before prefetches', async () => {
    await open();
    device(READ);
    await until(() => state().inFlight === 1);
    const prefetch = device(READ, 'Priority: u=5, i\r\n');
    await until(() => waiting().join() === '0,0,1');
    const read = device(READ);
    await until(() => waiting().join() === '0,1,1');
    const write = device(WRITE, 'Priority: u=7\r\nContent-Length: 0\r\n');
    await until(() => waiting().join() === '1,1,1');
    gateway.store.delayMs = 0;
    // Only what is in flight waits for the store's second; the lines would not.
    const [first] = devices;
    first!.destroy();
    await until(() => status(write) > 0 && status(read) > 0 && status(prefetch) > 0);
    expect([status(write), status(read), status(prefetch)]).toEqual([200, 200, 200]);
    expect(Object.values(state().lines).map(({ admitted }) => admitted)).toEqual([1, 2, 1]);
  });

  it('gives the permit back however a response ends', async () => {
    await open({ queue: { ...NARROW.queue, limit: { ...NARROW.queue.limit, initial: 8, min: 8, max: 8 } } });
    const left = device(READ);
    const refused = [device('GET /v1/users/ada/favorites?limit=nonsense'), device(WRITE, 'Content-Type: application/json\r\nContent-Length: 3\r\n', 'no!')];
    const unknown = device('GET /v1/films/no-such-film');
    await until(() => state().inFlight === 2 && refused.every((answer) => status(answer) === 400));
    left.socket.destroy();
    await until(() => state().inFlight === 1);
    gateway.clock.advance(1_000);
    await until(() => status(unknown) === 404);
    await until(() => state().inFlight === 0 && gateway.counters.counts().inFlight === 0);
    expect(waiting()).toEqual([0, 0, 0]);
  });

  it('holds no permit for a device that is slow to send', async () => {
    await open();
    const slow = device(WRITE, 'Content-Type: application/json\r\nContent-Length: 20\r\n', '{');
    await until(() => gateway.counters.counts().inFlight === 1);
    gateway.store.delayMs = 0;
    const quick = device(READ);
    await until(() => status(quick) === 200);
    slow.socket.write('"position":"first"}');
    await until(() => status(slow) === 200);
    expect(state().inFlight).toBe(0);
  });

  it('does not limit health and docs', async () => {
    await open();
    device(READ);
    await until(() => state().inFlight === 1);
    for (let i = 0; i < 2; i++) device(READ);
    await until(() => state().lines.read.waiting === 2);
    const others = [device('GET /health/live'), device('GET /docs/json'), device('GET /nowhere')];
    await until(() => others.every((other) => status(other) > 0));
    expect(others.map(status)).toEqual([200, 200, 404]);
  });

  it('while its process is late takes writes longer than reads, and reads longer than prefetches', async () => {
    await open({ lateMs: { write: 200, read: 100, prefetch: 50 } });
    gateway.store.delayMs = 0;
    const bounds = new Set<number>();
    let lateMs = 150;
    gateway.admission.lateness.isLateBy = (boundMs) => bounds.add(boundMs) && lateMs > boundMs;
    const asked = [device(WRITE, 'Content-Length: 0\r\n'), device(READ), device(READ, 'Priority: u=4\r\n')];
    await until(() => asked.every((answer) => status(answer) > 0));
    expect(asked.map(status)).toEqual([200, 503, 503]);
    expect(asked[1]!.text).toContain('"why":"late"');
    lateMs = 80;
    const again = [device(READ), device(READ, 'Priority: u=4\r\n')];
    await until(() => again.every((answer) => status(answer) > 0));
    expect(again.map(status)).toEqual([200, 503]);
    expect(bounds).toEqual(new Set([50, 100, 200]));
    expect(state().refusedLate).toEqual({ write: 0, read: 1, prefetch: 2 });
  });

  it('refuses before it reads the body', async () => {
    await open();
    gateway.admission.lateness.isLateBy = () => true;
    const answer = device(WRITE, 'Content-Type: application/json\r\nContent-Length: 5000\r\n', '{"position":');
    await until(() => status(answer) > 0);
    expect(status(answer)).toBe(503);
  });
});

it('the time that a request waits for its turn is taken from its deadline', async () => {
  await open();
  const deadlines: number[] = [];
  const list = gateway.store.list.bind(gateway.store);
  gateway.store.list = function (request, context) {
    deadlines.push(context.deadlineMs);
    return list(request, context);
  };
  const first = device(READ);
  await until(() => state().inFlight === 1);
  device(READ);
  await until(() => state().lines.read.waiting === 1);
  gateway.clock.advance(60);
  first.socket.destroy();
  await until(() => deadlines.length === 2);
  expect(deadlines).toEqual([2_000, 2_000]);
});

it.each([
  ['u=0', false],
  ['u=3, i', false],
  ['u=4', true],
  ['i, u=7', true],
  ['u=71', false],
  ['menu=7', false],
  ['', false],
  [undefined, false],
])('priority %s: fetched ahead of need: %s', (priority, expected) => {
  expect(isPrefetch({ headers: { ...(priority !== undefined && { priority }) } })).toBe(expected);
});

it('the preset of a gateway is one that means something', async () => {
  await open(steadyGateway);
  expect(state()).toMatchObject({ limit: gatewayAdmission.limit.initial, streams: { open: 0, refused: 0 } });
});
