/** What is the remote services' own, beside the contract that they pass (services-contract.spec.ts). */
import { EMPTY, NEVER, Observable, of, throwError } from 'rxjs';
import { beforeEach, describe, expect, it } from 'vitest';
import { type CallContext, TriptychError } from '@app/contracts';
import { type PendingWrite, UncertainWrite } from '@app/favorites-client';
import { SimWire, type Seen } from '../../../wire/src/testing/sim-wire.js';
import type { ServiceCall } from '../service.js';
import { remoteService } from './remote-service.js';
import { serveService } from './serve-service.js';
import { defineService } from './service-declaration.js';

interface ProbeService {
  readonly ask: ServiceCall<unknown, unknown>;
  readonly change: ServiceCall<unknown, unknown>;
  readonly listen: ServiceCall<unknown, unknown>;
}

const declaration = defineService<ProbeService>('probe', { ask: 'read', change: 'write', listen: 'stream' });

let wire: SimWire;
let remote: ProbeService;
/** What the server's service does with the next calls, and what it was asked. */
let serve: (request: unknown, context: CallContext) => Observable<unknown>;
let asked: { request: unknown; context: CallContext; atMs: number }[];
beforeEach(() => {
  wire = new SimWire();
  asked = [];
  serve = (request) => of(request);
  const call: ServiceCall<unknown, unknown> = (request, context) => {
    asked.push({ request, context, atMs: wire.clock.monotonicMs() });
    return serve(request, context);
  };
  serveService(declaration, { ask: call, change: call, listen: call }, wire.server, wire.clock);
  remote = remoteService(declaration, wire.client);
  wire.connected();
});

function heard(call$: Observable<unknown>, waitMs = 50): Seen {
  const seen = wire.see(call$);
  wire.clock.advance(waitMs);
  return seen;
}

const bytes = (...values: number[]) => Uint8Array.of(...values);
const plain = (value: Uint8Array | undefined) => value && Uint8Array.from(value);

describe('a remote service', () => {
  it('is asked what was asked, and answers what was answered: bytes, gaps and nothings too', () => {
    const request = { text: 'é', bytes: bytes(0, 255), none: null, absent: undefined, list: [1, null, 'x'], empty: {} };
    const { values } = heard(remote.ask(request, wire.context()));
    expect(values).toHaveLength(1);
    expect(asked[0]!.request).toEqual({ ...request, bytes: Buffer.of(0, 255) });
    expect(values[0]).toEqual({ ...request, bytes: Buffer.of(0, 255) });
    for (const reply of [null, undefined, 0, '', [], false]) {
      serve = () => of(reply);
      expect(heard(remote.ask({}, wire.context())).values).toEqual([reply]);
    }
  });

  it('is called in the name of its caller, until when the caller waits, less the way back', () => {
    serve = () => NEVER;
    const context: CallContext = { ...wire.context(500), traceId: 'trace-9', priority: 'write', principal: { kind: 'device', name: 'ada' } };
    remote.ask({}, context).subscribe();
    remote.listen({}, context).subscribe();
    remote.ask({}, { ...context, deadlineMs: wire.clock.monotonicMs() + 10 }).subscribe({ error: () => {} });
    wire.clock.advance(2);
    const [read, stream, short] = asked.map((each) => ({ ...each, leftMs: each.context.deadlineMs - each.atMs }));
    expect(read!.context).toMatchObject({ traceId: 'trace-9', priority: 'write', principal: { kind: 'device', name: 'ada' } });
    expect([read!.leftMs, stream!.leftMs, short!.leftMs].map(Math.round)).toEqual([480, 500, 8]);
  });

  it('is torn down over there when its caller leaves here, within the way there', () => {
    let alive = 0;
    serve = () =>
      new Observable(() => {
        alive++;
        return () => alive--;
      });
    const callers = [remote.ask({}, wire.context()), remote.change({}, wire.context()), remote.listen({}, wire.context())].map((call$) => call$.subscribe());
    wire.settle();
    expect([alive, wire.server.callsInFlight, wire.client.callsInFlight]).toEqual([3, 3, 3]);
    for (const caller of callers) caller.unsubscribe();
    wire.clock.advance(2);
    expect([alive, wire.server.callsInFlight, wire.client.callsInFlight]).toEqual([0, 0, 0]);
  });

  it('is torn down at the deadline, and when the caller’s process is gone', () => {
    let alive = 0;
    serve = () =>
      new Observable(() => {
        alive++;
        return () => alive--;
      });
    const late = heard(remote.ask({}, wire.context(100)), 200);
    expect([late.error?.code, alive]).toEqual(['WIRE_DEADLINE', 0]);
    remote.ask({}, wire.context()).subscribe({ error: () => {} });
    wire.settle();
    expect(alive).toBe(1);
    wire.client.close();
    wire.settle();
    expect(alive).toBe(0);
  });

  it('streams: values as they come, and its end', () => {
    serve = () => of('a', 'b', 'c');
    expect(heard(remote.listen({}, wire.context()))).toMatchObject({ values: ['a', 'b', 'c'], completed: true });
    serve = () => EMPTY;
    expect(heard(remote.listen({}, wire.context()))).toMatchObject({ values: [], completed: true });
  });
});

describe('a failure of a remote service', () => {
  it('has its code, message and numbers', () => {
    serve = () => throwError(() => new TriptychError('STORE_QUORUM_UNAVAILABLE', 'too few', { needed: 2, alive: 1, zones: ['a', 'b'] }));
    const { error } = heard(remote.ask({}, wire.context()));
    expect(error).toBeInstanceOf(TriptychError);
    expect(error).toMatchObject({ code: 'STORE_QUORUM_UNAVAILABLE', message: 'too few', details: { needed: 2, alive: 1, zones: ['a', 'b'] }, applied: 'no' });
  });

  it('that is a bug is INTERNAL here, and told in full only over there', () => {
    serve = () => throwError(() => new Error('the password is hunter2'));
    expect(heard(remote.ask({}, wire.context())).error).toMatchObject({ code: 'INTERNAL', message: expect.not.stringContaining('hunter2') });
    serve = () => {
      throw new RangeError('thrown, not sent');
    };
    expect(heard(remote.ask({}, wire.context())).error?.code).toBe('INTERNAL');
    expect(wire.reports.map(({ error }) => (error as Error).message)).toEqual(['the password is hunter2', 'thrown, not sent']);
  });

  it('of a write of unknown outcome hands over all that is needed to carry on', () => {
    const pending: PendingWrite = {
      table: 'favorites',
      row: 'ada',
      item: 'heat-1995',
      operation: { kind: 'add', value: bytes(1, 2, 3), placement: { after: 'ran-1985' } },
      delta: bytes(9, 8, 7),
      result: { item: 'heat-1995', position: 'm5', value: bytes(1, 2, 3), writtenAtMs: 1_700_000_000_123 },
    };
    for (const [code, seen] of [['STORE_WRITE_UNCERTAIN', bytes(4, 5)], ['DEADLINE_EXCEEDED', undefined]] as const) {
      serve = () => throwError(() => new UncertainWrite(code, 'nobody knows', { attempts: 3 }, pending, seen));
      const error = heard(remote.change({}, wire.context())).error as UncertainWrite;
      expect(error).toBeInstanceOf(UncertainWrite);
      expect(error).toMatchObject({ code, message: 'nobody knows', details: { attempts: 3 }, applied: 'unknown' });
      expect(plain(error.seen)).toEqual(seen);
      const { operation, result } = error.pending;
      expect({
        ...error.pending,
        operation: operation.kind === 'add' ? { ...operation, value: plain(operation.value) } : operation,
        delta: plain(error.pending.delta),
        result: { ...result!, value: plain(result!.value) },
      }).toEqual(pending);
    }
  });

  it('that its service meets at the deadline arrives before the caller’s own: the pending write is not lost', () => {
    serve = (_, { deadlineMs }) =>
      new Observable((subscriber) =>
        wire.clock.after(deadlineMs - wire.clock.monotonicMs(), () => subscriber.error(new UncertainWrite('DEADLINE_EXCEEDED', 'late', {}, { table: 't' } as PendingWrite, undefined))),
      );
    const beganMs = wire.clock.monotonicMs();
    const seen = heard(remote.change({}, wire.context(300)), 400);
    expect(seen.error).toMatchObject({ code: 'DEADLINE_EXCEEDED', pending: { table: 't' } });
    expect(seen.endedAtMs! - beganMs).toBeLessThan(300);
  });

  it('with a code that only a newer peer knows is still a write of unknown outcome', () => {
    const newer = Object.assign(new TriptychError('INTERNAL', 'new', { n: 1 }), { code: 'STORE_WRITE_POSTPONED', pending: { table: 't' } });
    serve = () => throwError(() => newer);
    expect(heard(remote.change({}, wire.context())).error).toMatchObject({
      code: 'STORE_WRITE_UNCERTAIN',
      details: { n: 1, peerCode: 'STORE_WRITE_POSTPONED' },
      pending: { table: 't' },
    });
  });

  it('is that of the wire where there is nobody, or somebody who does not host it, or who answers what no service does', () => {
    interface Other {
      readonly ask: ServiceCall<unknown, unknown>;
    }
    const other = remoteService(defineService<Other>('other', { ask: 'read' }), wire.client);
    expect(heard(other.ask({}, wire.context())).error?.code).toBe('ROUTE_UNKNOWN');
    for (const [at, reply] of [null, 'text', {}, { failed: true }].entries()) {
      const pattern = `odd${at}`;
      wire.server.handle(`${pattern}.ask`, () => of(reply));
      const odd = remoteService(defineService<Other>(pattern, { ask: 'read' }), wire.client);
      expect(heard(odd.ask({}, wire.context())).error?.code).toBe('WIRE_PROTOCOL');
    }
    wire.server.close();
    wire.settle();
    expect(heard(remote.ask({}, wire.context()), 1_000).error?.code).toBe('WIRE_UNREACHABLE');
  });
});
