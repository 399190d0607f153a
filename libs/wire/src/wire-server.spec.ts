import { of, Subject, take } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { SimWire, Watched } from './testing/sim-wire.js';

describe('a handler with an encoding of its own', () => {
  it('emits what it likes, and its caller gets the bytes that were made of it, beyond the credit too', () => {
    const wire = new SimWire({ limits: { creditWindow: 1 } });
    wire.server.handle('count', () => of(1, 2, 3), (value) => Uint8Array.of(value));
    const seen = wire.connected().call('count');
    wire.settle();
    expect(seen).toMatchObject({ values: [Buffer.of(1), Buffer.of(2), Buffer.of(3)], completed: true });
  });

  it('fails the call where that cannot be encoded, and the connection lives on', () => {
    const wire = new SimWire({ handlers: { echo: (payload) => of(payload) } });
    wire.server.handle('broken', () => of(1), () => { throw new Error('no bytes'); });
    const seen = wire.connected().call('broken');
    const echo = wire.call('echo', 7);
    wire.settle();
    expect(seen.error).toMatchObject({ code: 'INTERNAL' });
    expect(echo).toMatchObject({ values: [7], completed: true });
  });
});

describe('draining', () => {
  it('lets calls in flight end, refuses new ones at the client at once, and then the connection is closed', () => {
    const answer = new Subject<string>();
    const wire = new SimWire({ handlers: { wait: () => answer.pipe(take(1)) } }).connected();
    const inFlight = wire.call('wait');
    wire.settle();
    let drained = false;
    wire.server.drain(10_000).subscribe({ complete: () => (drained = true) });
    wire.settle();
    expect(wire.client.isConnected).toBe(false);
    expect(wire.call('wait').error).toMatchObject({ code: 'WIRE_UNREACHABLE', applied: 'no' });
    expect(drained).toBe(false);
    answer.next('done');
    wire.settle();
    expect(inFlight).toMatchObject({ values: ['done'], completed: true });
    expect(drained).toBe(true);
    expect(wire.server.connections).toBe(0);
  });

  it('answers requests that crossed the GOAWAY, so that a restart in order fails none', () => {
    const wire = new SimWire({ handlers: { echo: (payload) => of(payload) } }).connected();
    wire.server.drain(10_000).subscribe();
    const crossing = Array.from({ length: 20 }, (_, n) => wire.call('echo', n));
    wire.settle();
    expect(crossing.map(({ values, completed }) => [values, completed])).toEqual(crossing.map((_, n) => [[n], true]));
  });

  it('cuts off who has not ended in time', () => {
    const watched = new Watched();
    const wire = new SimWire({ handlers: { never: watched.handler } }).connected();
    const seen = wire.call('never', null, 60_000);
    wire.settle();
    let drained = false;
    wire.server.drain(500).subscribe({ complete: () => (drained = true) });
    wire.clock.advance(499);
    expect(drained).toBe(false);
    wire.clock.advance(20);
    expect(drained).toBe(true);
    expect(watched.tornDown).toBe(1);
    expect(seen.error).toMatchObject({ code: 'WIRE_CONNECTION_LOST' });
  });

  it('of a server without connections is over at once', () => {
    const wire = new SimWire();
    let drained = false;
    wire.server.drain(10_000).subscribe({ complete: () => (drained = true) });
    expect(drained).toBe(true);
    expect(wire.clock.pending).toBe(0);
  });
});
