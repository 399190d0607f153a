import 'reflect-metadata';
import { TriptychError, type CallContext } from '@app/contracts';
import { systemClock, systemRandom } from '@app/time';
import { Controller, type INestMicroservice } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { concat, firstValueFrom, lastValueFrom, Observable, of, take, throwError, toArray } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { tcpNetwork } from '../adapters/tcp-channel.js';
import { drawnBy } from '../credit.js';
import type { WireReport } from '../server-session.js';
import { identityOf } from '../testing/sim-wire.js';
import { WireClientProxy, WireRecord } from './wire-client-proxy.js';
import { WireContext } from './wire-context.js';
import { WireExceptionFilter } from './wire-exception-filter.js';
import { WireTransport } from './wire-strategy.js';

const heard = { subscribed: 0, tornDown: 0, events: [] as unknown[], contexts: [] as WireContext[] };
let releaseSlowPromise = () => {};
const soon = { timeout: 8000, interval: 5 };

@Controller()
class TestController {
  @MessagePattern('value')
  value(@Payload() payload: { n: number }, @Ctx() wire: WireContext): number {
    heard.contexts.push(wire);
    return payload.n + 1;
  }

  @MessagePattern({ cmd: 'object' })
  object(): Observable<string> {
    return of('by object');
  }

  @MessagePattern('stream')
  stream(@Payload('count') count: number, @Ctx() wire: WireContext): Observable<number> {
    return drawnBy(wire.demand, Array.from({ length: count }, (_, i) => i));
  }

  @MessagePattern('never')
  never(): Observable<string> {
    return concat(
      of('first'),
      new Observable<string>(() => {
        heard.subscribed++;
        return () => heard.tornDown++;
      }),
    );
  }

  @MessagePattern('slow-promise')
  async slowPromise(): Promise<Observable<string>> {
    await new Promise<void>((resolve) => (releaseSlowPromise = resolve));
    return new Observable(() => void heard.subscribed++);
  }

  @MessagePattern('slow-value')
  async slowValue(): Promise<string> {
    await new Promise<void>((resolve) => (releaseSlowPromise = resolve));
    return 'done';
  }

  @MessagePattern('full')
  full(): Observable<never> {
    return throwError(() => new TriptychError('LIST_FULL', 'full', { items: 3 }));
  }

  @MessagePattern('throws')
  throws(): never {
    throw new TypeError('of the inside');
  }

  @EventPattern('happened')
  happened(@Payload() payload: unknown): void {
    heard.events.push(payload);
  }
}

class TestModule {}

describe('Nest over the wire', () => {
  let app: INestMicroservice;
  let strategy: WireTransport;
  let proxy: WireClientProxy;
  let reports: WireReport[];
  const context = (timeoutMs = 5000): CallContext => ({ deadlineMs: systemClock.monotonicMs() + timeoutMs, traceId: 't-1', priority: 'write', principal: { kind: 'device', name: 'u7' } });
  const send = (pattern: unknown, payload: unknown, timeoutMs?: number) => proxy.send<unknown>(pattern, new WireRecord(payload, context(timeoutMs)));

  beforeEach(async () => {
    Object.assign(heard, { subscribed: 0, tornDown: 0, events: [], contexts: [] });
    reports = [];
    const ports = { network: tcpNetwork(), clock: systemClock };
    strategy = new WireTransport({ ...ports, address: { host: '127.0.0.1', port: 0 }, identity: identityOf('b1'), report: (report) => reports.push(report), drainGraceMs: 2000 });
    strategy.handle('raw', (payload, call, peer) => of({ payload, traceId: call.traceId, from: peer.name }));
    app = await NestFactory.createMicroservice({ module: TestModule, controllers: [TestController] }, { strategy, logger: false });
    app.useGlobalFilters(new WireExceptionFilter());
    await app.listen();
    proxy = new WireClientProxy({ ...ports, address: { host: '127.0.0.1', port: strategy.port! }, peer: 'b1', identity: identityOf('a1'), random: systemRandom, defaultContext: context });
  });

  afterEach(async () => {
    proxy.close();
    await app.close();
  });

  it('calls ordinary message handlers: a value, a stream, a pattern that is an object', async () => {
    expect(await lastValueFrom(send('value', { n: 1 }))).toBe(2);
    expect(await lastValueFrom(send('stream', { count: 100 }).pipe(toArray()))).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(await lastValueFrom(send({ cmd: 'object' }, {}))).toBe('by object');
  });

  it('gives a handler the context of its call', async () => {
    await lastValueFrom(send('value', { n: 1 }, 5000));
    const [wire] = heard.contexts;
    expect(wire).toBeInstanceOf(WireContext);
    expect(wire!.call).toMatchObject({ traceId: 't-1', priority: 'write', principal: { kind: 'device', name: 'u7' } });
    expect(wire!.call.deadlineMs - systemClock.monotonicMs()).toBeGreaterThan(0);
    expect(wire!.peer).toMatchObject({ name: 'a1', role: 'store' });
    expect(wire!.getPattern()).toBe('value');
    expect(await lastValueFrom(proxy.send<unknown>('value', { n: 5 }))).toBe(6);
    expect(heard.contexts[1]!.call.traceId).toBe('t-1');
  });

  it('calls raw handlers beside them', async () => {
    expect(await lastValueFrom(send('raw', [1]))).toEqual({ payload: [1], traceId: 't-1', from: 'a1' });
  });

  it('tears a handler down when its caller leaves', async () => {
    expect(await firstValueFrom(send('never', {}).pipe(take(1)))).toBe('first');
    await vi.waitUntil(() => strategy.server.callsInFlight === 0, soon);
    const subscription = send('never', {}).subscribe();
    await vi.waitUntil(() => heard.subscribed === 2, soon);
    subscription.unsubscribe();
    await vi.waitUntil(() => heard.tornDown === 2, soon);
  });

  it('does not begin a stream whose caller has left while Nest was still preparing it', async () => {
    const subscription = send('slow-promise', {}).subscribe();
    await vi.waitUntil(() => strategy.server.callsInFlight === 1, soon);
    subscription.unsubscribe();
    await vi.waitUntil(() => strategy.server.callsInFlight === 0, soon);
    releaseSlowPromise();
    await firstValueFrom(send('value', { n: 1 }));
    expect(heard.subscribed).toBe(0);
  });

  it('passes a TriptychError on as it is, and reports and blurs every other', async () => {
    await expect(lastValueFrom(send('full', {}))).rejects.toMatchObject({ code: 'LIST_FULL', details: { items: 3 } });
    expect(reports).toEqual([]);
    await expect(lastValueFrom(send('throws', {}))).rejects.toMatchObject({ code: 'INTERNAL', message: expect.not.stringContaining('inside') as string });
    expect(reports).toMatchObject([{ kind: 'handler-failed', pattern: 'throws', error: expect.any(TypeError) as Error }]);
    await expect(lastValueFrom(send('unknown', {}))).rejects.toMatchObject({ code: 'ROUTE_UNKNOWN' });
  });

  it('ends a call at its deadline, at both ends', async () => {
    await expect(lastValueFrom(send('never', {}, 80))).rejects.toMatchObject({ code: 'WIRE_DEADLINE' });
    await vi.waitUntil(() => heard.tornDown === 1, soon);
  });

  it('takes events, and says when they were taken', async () => {
    await lastValueFrom(proxy.emit('happened', { what: 'it' }), { defaultValue: undefined });
    expect(heard.events).toEqual([{ what: 'it' }]);
  });

  it('runs Nest\'s processing hooks around each request, and ends them when the caller leaves', async () => {
    const hooks: string[] = [];
    strategy.setOnProcessingStartHook((_transport, wire, done) => {
      hooks.push(`start ${(wire as WireContext).getPattern()}`);
      void done();
    });
    strategy.setOnProcessingEndHook((_transport, wire) => hooks.push(`end ${(wire as WireContext).getPattern()}`));
    await lastValueFrom(send('value', { n: 1 }));
    expect(hooks).toEqual(['start value', 'end value']);
    await firstValueFrom(send('never', {}));
    await vi.waitUntil(() => hooks.length === 4, soon);
    expect(hooks.slice(2)).toEqual(['start never', 'end never']);
    await expect(lastValueFrom(send('throws', {}))).rejects.toMatchObject({ code: 'INTERNAL' });
    expect(hooks.slice(4)).toEqual(['start throws', 'end throws']);
  });

  it('closes in order: a call in flight ends, later ones are refused at once', async () => {
    const inFlight = lastValueFrom(send('slow-value', {}));
    await vi.waitUntil(() => strategy.server.callsInFlight === 1, soon);
    const closed = app.close();
    await vi.waitUntil(() => !proxy.client.isConnected, soon);
    await expect(lastValueFrom(send('value', { n: 1 }))).rejects.toMatchObject({ code: 'WIRE_UNREACHABLE' });
    releaseSlowPromise();
    expect(await inFlight).toBe('done');
    await closed;
    expect(strategy.server.connections).toBe(0);
  });

  it('says in its own words what cannot be listened on', async () => {
    const other = new WireTransport({ network: tcpNetwork(), clock: systemClock, address: { host: '127.0.0.1', port: strategy.port! }, identity: identityOf('b2'), report: () => {}, drainGraceMs: 0 });
    const error = await new Promise((resolve) => other.listen(resolve));
    expect(error).toMatchObject({ code: 'EADDRINUSE' });
  });
});
