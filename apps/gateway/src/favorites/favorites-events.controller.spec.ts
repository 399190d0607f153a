import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '@app/time';
import { createGateway } from '../app.module.js';
import { Drain } from '../http/drain.js';
import { EventListener } from '../testing/event-listener.js';
import { testGateway, type TestGateway } from '../testing/test-gateway.js';
import { until } from '../testing/until.js';
import { openEventId, sealEventId } from './event-id.js';

let gateway: TestGateway;
let url: string;
const listeners: EventListener[] = [];
beforeEach(async () => {
  gateway = await testGateway();
  url = await gateway.listen();
});
afterEach(async () => {
  for (const listener of listeners.splice(0)) listener.leave();
  await until(() => gateway.store.watchers === 0);
  await gateway.close();
});

const EVENTS = '/v1/users/ada/favorites/events';
function listen(options: ConstructorParameters<typeof EventListener>[1] & { path?: string } = {}): EventListener {
  const listener = new EventListener(url + (options.path ?? EVENTS), options);
  listeners.push(listener);
  return listener;
}
const favorite = (film: string): string => `/v1/users/ada/favorites/${film}`;
const add = (film: string, body?: unknown) => gateway.ask('PUT', favorite(film), body === undefined ? {} : { body });
const films = async (): Promise<string[]> => (await gateway.ask('GET', '/v1/users/ada/favorites?limit=500')).body.items.map(({ filmId }: { filmId: string }) => filmId);

/** Adds what is as large as the store takes, until the sockets to the one device hold no more of it. */
async function fillSockets(): Promise<void> {
  const value = Buffer.from(`\u0001${JSON.stringify({ zone: null, device: 'd'.repeat(60_000) })}`);
  for (let film = 0; gateway.store.watchers === 1; film++) {
    expect(film).toBeLessThan(500);
    const request = { table: 'favorites', row: 'ada', item: `large-${film}`, operation: { kind: 'add', value } } as const;
    const context = { deadlineMs: Infinity, traceId: 't', priority: 'write', principal: { kind: 'device', name: 'test' } } as const;
    gateway.store.write(request, context).subscribe();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('the events of a list', () => {
  it('begin with the list, and go on with each film that is added, moved, removed', async () => {
    await add('heat-1995', { device: 'tv' });
    const device = listen();
    await until(() => device.events.length === 1);
    expect([device.status, device.contentType]).toEqual([200, 'text/event-stream']);
    expect(device.retryMs).toBeGreaterThanOrEqual(500);
    await add('alien-1979');
    await gateway.ask('PATCH', favorite('alien-1979'), { body: { position: 'first' } });
    await gateway.ask('DELETE', favorite('heat-1995'));
    await until(() => device.events.length === 4);
    expect(device.heard).toEqual(['list heat-1995', 'added alien-1979', 'moved alien-1979', 'removed heat-1995']);
    const listed = (await gateway.ask('GET', '/v1/users/ada/favorites')).body.items;
    expect(device.events[2]!.data).toEqual({ ...listed[0], position: expect.any(String) });
    expect(device.events[0]!.data.items).toEqual([{ filmId: 'heat-1995', addedAt: expect.any(String), addedFrom: { zone: 'zone-a', device: 'tv' }, position: expect.any(String) }]);
    expect(device.events.every(({ id }) => id !== null && id.length > 20)).toBe(true);
    expect(device.films).toEqual(['alien-1979']);
  });

  it.each(['header', 'query'] as const)('go on from the last id, by %s, through another gateway too', async (by) => {
    await add('a');
    const first = listen();
    await until(() => first.events.length === 1);
    first.leave();
    await until(() => gateway.store.watchers === 0);
    await add('b');
    await gateway.ask('DELETE', favorite('a'));
    const other = await testGateway({ listStore: gateway.store, services: gateway.ports.services });
    const otherUrl = await other.listen();
    const second = new EventListener(otherUrl + EVENTS + (by === 'query' ? `?lastEventId=${first.lastId}` : ''), by === 'header' ? { lastId: first.lastId } : {});
    await until(() => second.events.length >= 2);
    expect(second.heard.sort()).toEqual(['added b', 'removed a']);
    // One step: who hears half of it hears it again.
    expect(second.events.map(({ id }) => id === null)).toEqual([true, false]);
    second.leave();
    await until(() => gateway.store.watchers === 0);
    await other.close();
  });

  it('are the whole list again where what was missed is not known any more', async () => {
    await add('a');
    const first = listen();
    await until(() => first.events.length === 1);
    first.leave();
    await add('b');
    gateway.store.forgetSteps();
    const second = listen({ lastId: first.lastId });
    await until(() => second.events.length === 1);
    expect(second.heard).toEqual(['list a b']);
  });

  it('are the whole list for an id that is of another list, or none of ours', async () => {
    await add('a');
    const first = listen();
    await until(() => first.events.length === 1);
    for (const [path, lastId] of [['/v1/users/bob/favorites/events', first.lastId], [EVENTS, 'made-by-hand'], [EVENTS, `${first.lastId!.slice(0, -2)}AA`]] as const) {
      const device = listen({ path, lastId });
      await until(() => device.events.length === 1);
      expect(device.events[0]!.event).toBe('list');
    }
  });

  it('beat while nothing happens', async () => {
    const device = listen();
    await until(() => device.events.length === 1);
    for (let beat = 1; beat <= 3; beat++) {
      gateway.clock.advance(15_000);
      await until(() => device.comments === beat);
    }
    expect(device.events).toHaveLength(1);
  });

  it('are refused as any request is: access, query, and HEAD gets no stream', async () => {
    expect((await gateway.ask('GET', `${EVENTS}?cursor=x`)).body.code).toBe('REQUEST_INVALID');
    expect((await gateway.ask('HEAD', EVENTS)).headers['content-type']).toBe('text/event-stream');
    const closed = await testGateway({ accessPolicy: { mayAccess: () => false } });
    expect((await closed.ask('GET', EVENTS)).status).toBe(403);
    await closed.close();
  });

  it('leave nothing when the device leaves', async () => {
    const before = gateway.clock.pending;
    const device = listen();
    await until(() => device.events.length === 1);
    expect(gateway.store.watchers).toBe(1);
    device.leave();
    await until(() => gateway.store.watchers === 0);
    expect(gateway.clock.pending).toBe(before);
    await add('a');
    expect(gateway.logged).toEqual([]);
  });

  it('do not pile up for a device that does not read: it is left alone until it does, and then told what it missed', async () => {
    const before = gateway.clock.pending;
    const device = listen({ reads: false });
    await until(() => gateway.store.watchers === 1);
    await fillSockets();
    for (let film = 0; film < 10; film++) await gateway.ask('DELETE', favorite(`large-${film}`));
    await add('late');
    expect(gateway.store.watchers).toBe(0);
    device.read();
    await until(() => gateway.store.watchers === 1 && device.films.includes('late'));
    expect(device.films).toEqual(await films());
    device.leave();
    await until(() => gateway.store.watchers === 0);
    expect(gateway.clock.pending).toBe(before);
  });

  it('end for a device that has read nothing for half a minute', async () => {
    const device = listen({ reads: false });
    await until(() => gateway.store.watchers === 1);
    await fillSockets();
    gateway.clock.advance(29_000);
    expect(gateway.counters.counts().inFlight).toBe(1);
    gateway.clock.advance(2_000);
    await until(() => gateway.counters.counts().inFlight === 0);
    device.read();
    await until(() => device.ending === 'cut');
  });

  it('end in order when the gateway stops, and at once for who comes then', async () => {
    const drain = new Drain(systemClock, { graceMs: 50, timeoutMs: 2_000 });
    const { app } = await createGateway(gateway.ports, drain);
    await app.listen(0, '127.0.0.1');
    const own = `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}`;
    const device = new EventListener(own + EVENTS);
    await until(() => device.events.length === 1);
    let isDrained = false;
    const beganMs = performance.now();
    drain.begin(app.getHttpServer(), () => (isDrained = true));
    await until(() => device.ending !== null && isDrained);
    expect(device.ending).toBe('end');
    expect(performance.now() - beganMs).toBeLessThan(1_500);
    expect(gateway.store.watchers).toBe(0);
    await app.close();
  });
});

describe('an event id', () => {
  const row = { table: 'favorites', row: 'ada' };
  const secrets = [{ id: 'k', key: Buffer.alloc(32, 1) }];

  it('is opened for its list and principal alone', () => {
    const id = sealEventId(Buffer.from('seen'), row, 'anonymous', secrets)!;
    expect(openEventId(id, row, 'anonymous', secrets)).toEqual(Buffer.from('seen'));
    expect(openEventId(id, { ...row, row: 'bob' }, 'anonymous', secrets)).toBeUndefined();
    expect(openEventId(id, row, 'mallory', secrets)).toBeUndefined();
    expect(openEventId(id, row, 'anonymous', [{ id: 'k', key: Buffer.alloc(32, 2) }])).toBeUndefined();
  });

  it('is not given where it would be too long for a header', () => {
    expect(sealEventId(Buffer.alloc(3_000), row, 'anonymous', secrets)).not.toBeNull();
    expect(sealEventId(Buffer.alloc(3_100), row, 'anonymous', secrets)).toBeNull();
  });
});
