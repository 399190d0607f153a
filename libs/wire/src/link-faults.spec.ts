import { NEVER, of, range, Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { LinkFaults } from './link-faults.js';
import { SimWire, type SimWireOptions } from './testing/sim-wire.js';

const handlers: SimWireOptions['handlers'] = { 'store.peer': (payload) => of(payload), 'store.ring': () => of('ring'), numbers: (count) => range(0, count as number), never: () => NEVER };

describe('link faults', () => {
  it('hold what is sent to a peer, of one pattern only, until they are lifted; then all of it goes out in order', () => {
    const clientFaults = new LinkFaults();
    const heard: unknown[] = [];
    const wire = new SimWire({ handlers: { ...handlers, 'store.peer': (payload) => (heard.push(payload), of(payload)) }, clientFaults, limits: { silenceLimitMs: 2000 } }).connected();
    const lift = clientFaults.add({ peer: 'b1', patternPrefix: 'store.peer', fault: 'hold' });
    const held = [1, 2, 3].map((n) => wire.call('store.peer', n, 60_000));
    const free = wire.call('store.ring');
    wire.clock.advance(10_000);
    expect(free.values).toEqual(['ring']);
    expect(heard).toEqual([]);
    expect(wire.client.isConnected).toBe(true);
    lift();
    const after = wire.call('store.peer', 4);
    wire.settle();
    expect(heard).toEqual([1, 2, 3, 4]);
    expect([...held, after].map(({ values }) => values)).toEqual([[1], [2], [3], [4]]);
  });

  it('hold the CANCEL of a held request behind it', () => {
    const clientFaults = new LinkFaults();
    let subscribed = 0;
    const answers = new Subject();
    const wire = new SimWire({ handlers: { wait: () => (subscribed++, answers) }, clientFaults }).connected();
    const lift = clientFaults.add({ peer: 'b1', patternPrefix: 'wait', fault: 'hold' });
    wire.call('wait').subscription.unsubscribe();
    wire.settle();
    lift();
    wire.settle();
    expect(subscribed).toBe(1);
    expect(answers.observed).toBe(false);
  });

  it('hold the answers of a server, of one pattern only', () => {
    const serverFaults = new LinkFaults();
    const wire = new SimWire({ handlers, serverFaults }).connected();
    const lift = serverFaults.add({ peer: 'a1', patternPrefix: 'numbers', fault: 'hold' });
    const [held, free] = [wire.call('numbers', 3, 60_000), wire.call('store.ring')];
    wire.clock.advance(5000);
    expect([held.values, free.values]).toEqual([[], ['ring']]);
    lift();
    wire.settle();
    expect(held).toMatchObject({ values: [0, 1, 2], completed: true });
  });

  it('drop what is sent to a peer: the call ends at its deadline, its outcome unknown, and later calls are as before', () => {
    const clientFaults = new LinkFaults();
    const wire = new SimWire({ handlers, clientFaults }).connected();
    const lift = clientFaults.add({ peer: 'b1', patternPrefix: 'store.peer', fault: 'drop' });
    const dropped = wire.call('store.peer', { shape: 1 }, 100);
    wire.clock.advance(200);
    expect(dropped.error).toMatchObject({ code: 'WIRE_DEADLINE', applied: 'unknown' });
    lift();
    const seen = [1, 2].map((n) => wire.call('store.peer', { shape: n, more: true }));
    wire.settle();
    expect(seen.map(({ values }) => values)).toEqual([[{ shape: 1, more: true }], [{ shape: 2, more: true }]]);
  });

  it('without a pattern are silence, as a partition is: the peer is found dead, and found again when it heals', () => {
    const clientFaults = new LinkFaults();
    const wire = new SimWire({ handlers, clientFaults }).connected();
    const lift = clientFaults.add({ peer: 'b1', fault: 'drop' });
    const seen = wire.call('never', null, 60_000);
    wire.clock.advance(4000);
    expect(wire.client.isConnected).toBe(false);
    expect(seen.error).toMatchObject({ code: 'WIRE_CONNECTION_LOST' });
    lift();
    expect(wire.clock.runUntil(() => wire.client.isConnected, 3000)).toBe(true);
  });

  it('delay what is sent, in order, and send nothing twice', () => {
    const clientFaults = new LinkFaults();
    const heard: unknown[] = [];
    const wire = new SimWire({ handlers: { 'store.peer': (payload) => (heard.push(payload), of(payload)) }, clientFaults }).connected();
    const lift = clientFaults.add({ peer: '*', fault: { delayMs: 150 } });
    const startMs = wire.clock.monotonicMs();
    const seen = [1, 2, 3].map((n) => wire.call('store.peer', n));
    wire.clock.advance(400);
    expect(seen.map(({ values }) => values)).toEqual([[1], [2], [3]]);
    for (const { endedAtMs } of seen) expect(endedAtMs! - startMs).toBeGreaterThanOrEqual(150);
    const cutShort = wire.call('store.peer', 4);
    lift();
    wire.settle();
    expect(cutShort.values).toEqual([4]);
    wire.clock.advance(500);
    expect(heard).toEqual([1, 2, 3, 4]);
  });

  it('delay by more and less, and nothing overtakes', () => {
    const clientFaults = new LinkFaults();
    const heard: [unknown, number][] = [];
    const wire: SimWire = new SimWire({ handlers: { 'store.peer': (payload) => (heard.push([payload, wire.clock.monotonicMs()]), of(payload)) }, clientFaults }).connected();
    clientFaults.add({ peer: 'b1', fault: { delayMs: 20, jitterMs: 100 } });
    const beganMs = wire.clock.monotonicMs();
    for (let n = 0; n < 20; n++) {
      wire.call('store.peer', n);
      wire.clock.advance(5);
    }
    wire.clock.advance(400);
    expect(heard.map(([payload]) => payload)).toEqual(Array.from({ length: 20 }, (_, n) => n));
    const lateMs = heard.map(([n, atMs]) => atMs - beganMs - 5 * (n as number));
    expect(Math.min(...lateMs)).toBeGreaterThanOrEqual(20);
    expect(Math.max(...lateMs)).toBeGreaterThan(60);
    expect(Math.max(...lateMs)).toBeLessThan(125);
  });

  it('lose frames as TCP does: none is missing, some are a retransmission late, and what is behind them waits', () => {
    const clientFaults = new LinkFaults();
    const heard: [unknown, number][] = [];
    const wire: SimWire = new SimWire({ handlers: { 'store.peer': (payload) => (heard.push([payload, wire.clock.monotonicMs()]), of(payload)) }, clientFaults }).connected();
    clientFaults.add({ peer: 'b1', patternPrefix: 'store.peer', fault: { delayMs: 1, loss: 0.1 } });
    const beganMs = wire.clock.monotonicMs();
    for (let n = 0; n < 100; n++) {
      wire.call('store.peer', n, 60_000);
      wire.clock.advance(10);
    }
    wire.clock.advance(5_000);
    expect(heard.map(([payload]) => payload)).toEqual(Array.from({ length: 100 }, (_, n) => n));
    const lateMs = heard.map(([n, atMs]) => atMs - beganMs - 10 * (n as number));
    expect(lateMs.filter((ms) => ms < 10).length).toBeGreaterThan(5);
    expect(lateMs.filter((ms) => ms >= 200).length).toBeGreaterThan(2);
    expect(lateMs.filter((ms) => ms >= 10 && ms < 200).length).toBeGreaterThan(5);
  });

  it('bear on the peer that is named and no other', () => {
    const clientFaults = new LinkFaults();
    const wire = new SimWire({ handlers, clientFaults }).connected();
    clientFaults.add({ peer: 'c1', fault: 'drop' });
    const seen = wire.call('store.peer', 1);
    wire.settle();
    expect(seen.values).toEqual([1]);
  });

  it('that refuse close the connection and keep the next from being made, at the caller', () => {
    const clientFaults = new LinkFaults();
    const wire = new SimWire({ handlers, clientFaults }).connected();
    const inFlight = wire.call('never', null, 60_000);
    wire.settle();
    const lift = clientFaults.add({ peer: 'b1', fault: 'refuse' });
    expect(inFlight.error).toMatchObject({ code: 'WIRE_CONNECTION_LOST' });
    wire.clock.advance(5000);
    expect(wire.client.isConnected).toBe(false);
    expect(wire.call('store.ring').error).toMatchObject({ code: 'WIRE_UNREACHABLE', applied: 'no' });
    lift();
    expect(wire.clock.runUntil(() => wire.client.isConnected, 3000)).toBe(true);
  });

  it('keep nothing of a connection that is gone', () => {
    const clientFaults = new LinkFaults();
    const wire = new SimWire({ handlers, clientFaults }).connected();
    const lifts = [clientFaults.add({ peer: 'b1', patternPrefix: 'never', fault: 'hold' }), clientFaults.add({ peer: 'b1', fault: { delayMs: 60_000 } })];
    wire.call('never');
    wire.call('store.ring');
    wire.client.close();
    wire.clock.advance(0);
    wire.server.close();
    wire.settle();
    expect(wire.clock.pending).toBe(0);
    for (const lift of lifts) lift();
    wire.settle();
    expect(wire.clock.pending).toBe(0);
  });
});
