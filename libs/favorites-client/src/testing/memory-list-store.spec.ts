import { describe, expect, it } from 'vitest';
import { type CallContext, TriptychError } from '@app/contracts';
import { SimClock } from '@app/time';
import { listStoreContract } from './list-store-contract.js';
import { MemoryListStore } from './memory-list-store.js';

listStoreContract('MemoryListStore', ({ maxItems }) => {
  const clock = new SimClock();
  const store = new MemoryListStore(clock, { maxItems });
  return { store, clock, loseNextReply: (applied) => store.loseNextReply(applied), forgetSteps: () => store.forgetSteps() };
});

listStoreContract('MemoryListStore, slow', ({ maxItems }) => {
  const clock = new SimClock();
  const store = new MemoryListStore(clock, { maxItems });
  store.delayMs = 20;
  return { store, clock, loseNextReply: (applied) => store.loseNextReply(applied), forgetSteps: () => store.forgetSteps() };
});

describe('MemoryListStore', () => {
  const request = { table: 'favorites', row: 'user-7', limit: 10, level: 'QUORUM' } as const;
  const context = (deadlineMs: number): CallContext => ({
    deadlineMs,
    traceId: 't',
    priority: 'read',
    principal: { kind: 'device', name: 'user-7' },
  });

  it('answers after its delay and not before, and leaves no timer when the caller does', () => {
    const clock = new SimClock();
    const store = new MemoryListStore(clock);
    store.delayMs = 100;
    let answered = false;
    store.list(request, context(1_000)).subscribe(() => (answered = true));
    clock.advance(99);
    expect(answered).toBe(false);
    clock.advance(1);
    expect(answered).toBe(true);
    store.list(request, context(1_000)).subscribe().unsubscribe();
    expect(clock.pending).toBe(0);
  });

  it('fails as told, one call each, and does nothing then', () => {
    const clock = new SimClock();
    const store = new MemoryListStore(clock);
    store.failNext(new TriptychError('STORE_QUORUM_UNAVAILABLE', 'two zones are dead', { needed: 2, alive: 1 }));
    const heard: unknown[] = [];
    const observer = { next: (value: unknown) => heard.push(value), error: (error: TriptychError) => heard.push(error.code) };
    const operation = { kind: 'add' as const, value: new Uint8Array(0) };
    store.write({ ...request, item: 'film-1', operation }, context(1_000)).subscribe(observer);
    store.list(request, context(1_000)).subscribe(observer);
    expect(heard).toMatchObject(['STORE_QUORUM_UNAVAILABLE', { items: [] }]);
  });

  it('is bound by the deadline', () => {
    const clock = new SimClock();
    const store = new MemoryListStore(clock);
    store.delayMs = 100;
    const heard: string[] = [];
    store.list(request, context(50)).subscribe({ error: (error: TriptychError) => heard.push(`${error.code} at ${clock.monotonicMs()}`) });
    clock.advance(200);
    expect(heard).toEqual(['STORE_READ_TIMEOUT at 50']);
  });
});
