import { afterEach, describe, expect, it } from 'vitest';
import { testGateway, type TestGateway } from '../testing/test-gateway.js';

const open: TestGateway[] = [];
async function gatewayOf(over: Parameters<typeof testGateway>[0] = {}): Promise<TestGateway> {
  const gateway = await testGateway(over);
  open.push(gateway);
  return gateway;
}
afterEach(async () => {
  for (const gateway of open.splice(0)) await gateway.close();
});

const LIST = '/v1/users/ada/favorites';
const FILM = `${LIST}/alien-1979`;

/** One device, which keeps the token of the last answer. */
class Device {
  token: string | undefined;

  constructor(readonly gateway: TestGateway) {}

  async ask(method: string, url: string, headers: Record<string, string> = {}) {
    const reply = await this.gateway.ask(method, url, { headers: { ...headers, ...(this.token !== undefined && { 'session-token': this.token }) } });
    this.token = reply.headers['session-token'] ?? this.token;
    return reply;
  }
}

describe('Session-Token', () => {
  it('comes with every answer, of at most 1 KiB, and goes on through another gateway', async () => {
    const here = new Device(await gatewayOf());
    for (const [method, url] of [['PUT', FILM], ['GET', LIST], ['PATCH', FILM], ['DELETE', FILM]] as const) {
      const body = method === 'PATCH' ? { position: 'first' } : undefined;
      const reply = await here.gateway.ask(method, url, { body, headers: here.token === undefined ? {} : { 'session-token': here.token } });
      expect([method, reply.status < 300, reply.headers['session-token']]).toEqual([method, true, expect.stringMatching(/^[\w-]{30,1024}$/)]);
      here.token = reply.headers['session-token'];
    }
    const there = new Device(await gatewayOf({ listStore: here.gateway.store, gatewayId: 'gateway-b' }));
    there.token = here.token;
    expect((await there.ask('GET', LIST, { consistency: 'session' })).status).toBe(200);
  });

  it.each([true, false])('is enough for the next write to override one of unknown outcome (applied: %s), without Retry-Token', async (applied) => {
    const device = new Device(await gatewayOf());
    const { store } = device.gateway;
    store.loseNextReply(applied);
    const failed = await device.ask('PUT', FILM);
    expect([failed.status, failed.headers['session-token']]).toEqual([503, device.token]);
    expect((await device.ask('DELETE', FILM)).status).toBe(204);
    // Whenever the first one takes effect now, it has none.
    const again = await device.gateway.ask('PUT', FILM, { headers: { 'retry-token': failed.headers['retry-token']! } });
    expect(again.status).toBe(200);
    expect((await device.ask('GET', LIST)).body.items).toEqual([]);
  });

  it('of a failure that had no effect stays the one before', async () => {
    const device = new Device(await gatewayOf());
    await device.ask('PUT', FILM);
    const reply = await device.ask('PATCH', `${LIST}/unknown`);
    expect([reply.status, reply.headers['session-token']]).toEqual([400, undefined]);
  });

  it('is refused when it was made by hand, changed, or given by another cluster, and nothing is done', async () => {
    const device = new Device(await gatewayOf());
    await device.ask('PUT', FILM);
    const token = device.token!;
    const stranger = await gatewayOf({ secrets: [{ id: 'k1', key: Buffer.from('quite another secret of a cluster') }] });
    const changed = `${token.slice(0, 12)}${token[12] === 'A' ? 'B' : 'A'}${token.slice(13)}`;
    const cases: [TestGateway, string][] = [[device.gateway, changed], [device.gateway, ''], [device.gateway, 'x'.repeat(2_000)], [device.gateway, 'AAAA'], [stranger, token]];
    for (const [gateway, header] of cases) {
      for (const method of ['GET', 'DELETE'] as const) {
        const { status, body } = await gateway.ask(method, method === 'GET' ? LIST : FILM, { headers: { 'session-token': header } });
        expect([status, body.code]).toEqual([400, 'SESSION_TOKEN_INVALID']);
      }
    }
    expect((await device.ask('GET', LIST)).body.items).toHaveLength(1);
  });

  it('is taken while its key still opens, and sealed anew with the first one', async () => {
    const before = new Device(await gatewayOf());
    await before.ask('PUT', FILM);
    const old = { id: 'k1', key: Buffer.from('a cluster secret of 32 bytes ...') };
    const next = { id: 'k2', key: Buffer.from('the next cluster secret, 32 bytes') };
    const after = new Device(await gatewayOf({ listStore: before.gateway.store, secrets: [next, old] }));
    after.token = before.token;
    expect((await after.ask('GET', LIST)).status).toBe(200);
    const later = new Device(await gatewayOf({ listStore: before.gateway.store, secrets: [next] }));
    later.token = after.token;
    expect((await later.ask('GET', LIST)).status).toBe(200);
    later.token = before.token;
    expect((await later.ask('GET', LIST)).body.code).toBe('SESSION_TOKEN_INVALID');
  });
});
