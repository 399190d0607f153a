import { SimClock } from '@app/time';
import { LinkFaults } from '@app/wire';
import { describe, expect, it } from 'vitest';
import type { AdminRoute } from './admin-server.js';
import { faultRoutes, type InjectableFaults } from './fault-routes.js';

function scene(more: Partial<InjectableFaults> = {}) {
  const clock = new SimClock();
  const faults = { links: new LinkFaults(), ...more };
  const routes = faultRoutes(faults, { warn: () => {} }, clock);
  const route = (method: string, path: string): AdminRoute => routes.find((one) => one.method === method && one.path === path)!;
  const ask = (method: string, path: string, body?: unknown, parameters = {}): any => {
    const found = route(method, path);
    return found.handle(found.body === undefined ? body : found.body.parse(body), parameters);
  };
  return { clock, faults, ask };
}

describe('a fault with a lease', () => {
  it('lifts itself when nobody renews it, and stays while somebody does', () => {
    const { clock, faults, ask } = scene();
    const { id } = ask('POST', 'faults', { peer: ['b1', 'b2'], fault: 'hold', leaseMs: 1_000 });
    ask('POST', 'faults', { peer: 'c1', fault: 'hold', leaseMs: 1_000 });
    clock.advance(900);
    expect(ask('PUT', 'faults/lease', { ids: [id, '99'], leaseMs: 1_000 })).toEqual({ renewed: [id] });
    clock.advance(900);
    expect(ask('GET', 'faults')).toEqual({ faults: [{ id, peer: ['b1', 'b2'], fault: 'hold' }] });
    expect(['b1', 'b2', 'c1'].map((peer) => faults.links.ruleFor(peer, undefined) !== undefined)).toEqual([true, true, false]);
    clock.advance(200);
    expect([ask('GET', 'faults').faults, faults.links.active, clock.pending]).toEqual([[], false, 0]);
  });

  it('that is lifted leaves no timer', () => {
    const { clock, faults, ask } = scene();
    const { id } = ask('POST', 'faults', { peer: '*', fault: { delayMs: 5, jitterMs: 1, loss: 0.5 }, leaseMs: 1_000 });
    ask('DELETE', 'faults/:id', undefined, { id });
    expect([faults.links.active, clock.pending]).toEqual([false, 0]);
  });
});

describe('what else of a process can be harmed', () => {
  it('its wall clock, by the sum of what is asked, and back', () => {
    const clock = { wallSkewMs: 0 };
    const { ask } = scene({ clock });
    const { id } = ask('POST', 'faults', { clockSkewMs: 3_600_000 });
    ask('POST', 'faults', { clockSkewMs: -1 });
    expect(clock.wallSkewMs).toBe(3_599_999);
    ask('DELETE', 'faults/:id', undefined, { id });
    expect(clock.wallSkewMs).toBe(-1);
    ask('DELETE', 'faults');
    expect(clock.wallSkewMs).toBe(0);
  });

  it('its disk', () => {
    const disk = { isFull: false };
    const { ask } = scene({ disk });
    ask('POST', 'faults', { disk: 'full', leaseMs: 10 });
    expect(disk.isFull).toBe(true);
    ask('DELETE', 'faults');
    expect(disk.isFull).toBe(false);
  });

  it('nothing that it does not have', () => {
    const { ask } = scene();
    expect(() => ask('POST', 'faults', { clockSkewMs: 1 })).toThrow(/no clock/);
    expect(() => ask('POST', 'faults', { disk: 'full' })).toThrow(/no disk/);
    expect(() => ask('POST', 'faults', { disk: 'slow' })).toThrow(/disk/);
    expect(() => ask('POST', 'faults', { peer: 'b1', fault: { delayMs: 1, loss: 1 } })).toThrow(/loss/);
    expect(ask('GET', 'faults')).toEqual({ faults: [] });
  });
});
