import { describe, expect, it } from 'vitest';
import type { CommitRequest, ErrorCode, PrepareRequest } from '@app/contracts';
import type { PendingWrite, WriteRequest } from './list-store.js';
import { ClientScene, rowPlaced } from './testing/client-scene.js';
import { listStoreContract } from './testing/list-store-contract.js';
import { failing, itemsOf, scripted, type SentCall } from './testing/scripted-transport.js';

const ROW = rowPlaced(['a1', 'b1', 'c1']);
const PAGE = { ...ROW, limit: 10, level: 'QUORUM' } as const;
const value = Uint8Array.of(1, 2, 3);
const ADD: WriteRequest = { ...ROW, item: 'film-1', level: 'QUORUM', operation: { kind: 'add', value } };
const REMOVE: WriteRequest = { ...ADD, operation: { kind: 'remove' } };

const deltasOf = (calls: readonly SentCall[]): string[] =>
  calls.map(({ payload }) => Buffer.from((payload as CommitRequest).delta).toString('hex'));

for (const afterMs of [0, 15]) {
  listStoreContract(`ReplicatedListStore over replicas that agree, answering after ${afterMs} ms,`, ({ maxItems }) => {
    const scene = new ClientScene({ maxItems });
    const lost: boolean[] = [];
    const losing = new Set<string>();
    scene.transport.script = ({ pattern, payload }) => {
      if (pattern !== 'store.commit') return { afterMs };
      const key = JSON.stringify(payload);
      if (!losing.has(key) && lost.length === 0) return { afterMs };
      // All attempts of one write are lost, and the first one decides whether it took effect.
      const first = !losing.has(key);
      const applied = first && lost.shift()!;
      losing.add(key);
      if (scene.transport.sent('store.commit').filter((call) => JSON.stringify(call.payload) === key).length > 12) return { afterMs };
      return { ...failing('WIRE_CONNECTION_LOST', afterMs), takesEffectAfterMs: applied ? 0 : 'never' };
    };
    return { store: scene.store, clock: scene.clock, loseNextReply: (applied) => lost.push(applied), forgetSteps: () => scene.transport.rows.forgetSteps() };
  });
}

describe('reads', () => {
  it('[C37] turn to another zone within the same request when a replica is dead', () => {
    const scene = new ClientScene();
    scene.transport.script = scripted({ a1: failing('WIRE_UNREACHABLE') });
    expect(scene.hear(scene.store.get({ ...ROW, items: ['x'], level: 'QUORUM' }, scene.context())).what).toEqual(['value at 0', 'complete at 0']);
    expect(scene.sent).toEqual(['a1 get failed', 'b1 get answered']);
    expect(scene.store.stats()).toEqual({ requests: 1, attempts: 2, failovers: 1, hedges: 0, overtaken: 0, uncertainWrites: 0 });
  });

  it.each<ErrorCode>(['STORE_NOT_REPLICA', 'STORE_DRAINING', 'STORE_ROW_DAMAGED', 'WIRE_CONNECTION_LOST', 'INTERNAL', 'CIRCUIT_SATURATED'])(
    'and when it answers %s',
    (code) => {
      const scene = new ClientScene();
      scene.transport.script = scripted({ a1: failing(code), b1: failing(code) });
      expect(scene.hear(scene.store.list(PAGE, scene.context())).value).toBeDefined();
      expect(scene.sent).toEqual(['a1 list failed', 'b1 list failed', 'c1 list answered']);
    },
  );

  it('ask a second replica when the first is late, take the first success, and call the other off', () => {
    const scene = new ClientScene();
    scene.transport.script = scripted({ a1: { afterMs: 500 }, b1: { afterMs: 10 } });
    const heard = scene.hear(scene.store.list(PAGE, scene.context()));
    scene.clock.advance(2_000);
    expect(heard.what).toEqual(['value at 70', 'complete at 70']);
    expect(heard.value!.achieved.node).toBe('b1');
    expect(scene.sent).toEqual(['a1 list cancelled', 'b1 list answered']);
    expect(scene.store.stats()).toMatchObject({ attempts: 2, hedges: 1, overtaken: 1 });
  });

  it('take the first replica’s answer when that comes first after all', () => {
    const scene = new ClientScene();
    scene.transport.script = scripted({ a1: { afterMs: 80 }, b1: { afterMs: 500 } });
    const heard = scene.hear(scene.store.list(PAGE, scene.context()));
    scene.clock.advance(2_000);
    expect(heard.what).toEqual(['value at 80', 'complete at 80']);
    expect(scene.sent).toEqual(['a1 list answered', 'b1 list cancelled']);
    expect(scene.store.stats()).toMatchObject({ hedges: 1, overtaken: 0 });
  });

  it('[C34] never let an error of the second beat the success of the first', () => {
    const scene = new ClientScene();
    scene.transport.script = scripted({ a1: { afterMs: 400 }, b1: failing('STORE_FAILED', 5), c1: failing('WIRE_CONNECTION_LOST', 5) });
    const heard = scene.hear(scene.store.list(PAGE, scene.context()));
    scene.clock.advance(2_000);
    expect(heard.what).toEqual(['value at 400', 'complete at 400']);
  });

  it('pass a definitive error on at once, asking nobody else', () => {
    const scene = new ClientScene();
    const heard = scene.hear(scene.store.list({ ...PAGE, limit: 0 }, scene.context()));
    expect(heard.what).toEqual(['REQUEST_INVALID at 0']);
    expect(scene.sent).toEqual(['a1 list failed']);
  });

  it('ask two coordinators before a quorum is out of reach, and tell what the better informed one saw', () => {
    const scene = new ClientScene();
    scene.transport.script = scripted({
      a1: failing('STORE_QUORUM_UNAVAILABLE', 0, { needed: 3, alive: 2 }),
      b1: failing('STORE_QUORUM_UNAVAILABLE', 0, { needed: 3, alive: 1 }),
    });
    const heard = scene.hear(scene.store.list({ ...PAGE, level: 'ALL' }, scene.context()));
    expect(heard.what).toEqual(['STORE_QUORUM_UNAVAILABLE at 0']);
    expect(heard.error.details).toEqual({
      needed: 3,
      alive: 2,
      attempts: ['a1 STORE_QUORUM_UNAVAILABLE', 'b1 STORE_QUORUM_UNAVAILABLE'],
    });
    expect(scene.sent).toEqual(['a1 list failed', 'b1 list failed']);
  });

  it('answer from the coordinator that sees more than the first', () => {
    const scene = new ClientScene();
    scene.transport.script = scripted({ a1: failing('STORE_QUORUM_UNAVAILABLE', 0, { needed: 2, alive: 1 }) });
    expect(scene.hear(scene.store.list(PAGE, scene.context())).value!.achieved.node).toBe('b1');
  });

  it('fail at once, not at the deadline, when every replica is dead, naming needed and alive', () => {
    const scene = new ClientScene();
    scene.transport.script = () => failing('WIRE_UNREACHABLE', 3);
    const heard = scene.hear(scene.store.list(PAGE, scene.context()));
    scene.clock.advance(9);
    expect(heard.what).toEqual(['STORE_QUORUM_UNAVAILABLE at 9']);
    expect(heard.error.details).toMatchObject({ needed: 2, alive: 0 });
    expect(heard.error.cause.code).toBe('WIRE_UNREACHABLE');
  });

  it('[C34] and work again as soon as anybody is back', () => {
    const scene = new ClientScene();
    scene.transport.script = () => failing('WIRE_UNREACHABLE');
    for (let turn = 0; turn < 100; turn++) scene.hear(scene.store.list(PAGE, scene.context()));
    scene.transport.script = () => ({});
    scene.clock.advance(1_000);
    expect(scene.hear(scene.store.list(PAGE, scene.context())).value).toBeDefined();
  });

  it('[C37] end at the deadline, to the millisecond, with an error that says nothing was applied', () => {
    const scene = new ClientScene();
    scene.transport.script = () => ({ hangs: true });
    const heard = scene.hear(scene.store.list(PAGE, scene.context(300)));
    scene.clock.advance(2_000);
    expect(heard.what).toEqual(['STORE_READ_TIMEOUT at 300']);
    expect(heard.error.applied).toBe('no');
    expect(heard.error.details.attempts).toEqual(['a1 pending', 'b1 pending', 'c1 pending']);
    expect(scene.transport.open).toBe(0);
  });

  it('send nothing after the deadline', () => {
    const scene = new ClientScene();
    expect(scene.hear(scene.store.list(PAGE, scene.context(0))).what).toEqual(['STORE_READ_TIMEOUT at 0']);
    expect(scene.sent).toEqual([]);
  });

  it('are dropped with their timers and their attempts when the caller leaves', () => {
    const scene = new ClientScene();
    scene.transport.script = () => ({ hangs: true });
    const heard = scene.hear(scene.store.list(PAGE, scene.context()));
    scene.clock.advance(70);
    heard.subscription.unsubscribe();
    expect(scene.sent).toEqual(['a1 list cancelled', 'b1 list cancelled']);
    expect(scene.timers).toBe(0);
    scene.clock.advance(5_000);
    expect(scene.transport.log).toHaveLength(2);
    expect(heard.what).toEqual([]);
    expect(scene.clock.pending).toBe(0);
  });
});

describe('writes', () => {
  it('PREPARE, then COMMIT the delta as it is at the same coordinator', () => {
    const scene = new ClientScene();
    const heard = scene.hear(scene.store.write(ADD, scene.context()));
    expect(heard.what).toEqual(['value at 0', 'complete at 0']);
    expect(scene.sent).toEqual(['a1 prepare answered', 'a1 commit answered']);
    expect(scene.transport.log[0]!.payload).toEqual({ ...ROW, item: 'film-1', level: 'QUORUM', operation: ADD.operation });
    expect(Object.keys(scene.transport.log[1]!.payload as object).sort()).toEqual(['delta', 'level', 'row', 'seen', 'table']);
    expect(heard.value!.item).toMatchObject({ item: 'film-1', value });
    expect(itemsOf(scene.transport, ROW)).toEqual(['film-1']);
  });

  it('COMMIT at the coordinator that prepared, wherever that was', () => {
    const scene = new ClientScene();
    scene.transport.script = scripted({ 'a1 prepare': failing('WIRE_UNREACHABLE') });
    scene.hear(scene.store.write(ADD, scene.context()));
    expect(scene.sent).toEqual(['a1 prepare failed', 'b1 prepare answered', 'b1 commit answered']);
  });

  it('are answered by PREPARE alone when there is nothing to do', () => {
    const scene = new ClientScene();
    scene.hear(scene.store.write(ADD, scene.context()));
    scene.transport.log.length = 0;
    const heard = scene.hear(scene.store.write({ ...ADD, operation: { kind: 'add', value: Uint8Array.of(9) } }, scene.context()));
    expect(heard.value!.item!.value).toEqual(value);
    expect(scene.sent).toEqual(['a1 prepare answered']);
  });

  it('keep the first reply to PREPARE and call the other off', () => {
    const scene = new ClientScene();
    scene.transport.script = scripted({ 'a1 prepare': { afterMs: 65 }, 'b1 prepare': { afterMs: 30 } });
    const heard = scene.hear(scene.store.write(ADD, scene.context()));
    scene.clock.advance(1_000);
    expect(heard.what).toEqual(['value at 65', 'complete at 65']);
    expect(scene.sent).toEqual(['a1 prepare answered', 'b1 prepare cancelled', 'a1 commit answered']);
  });

  it('COMMIT the same bytes elsewhere when a coordinator dies under them', () => {
    const scene = new ClientScene();
    scene.transport.script = scripted({ 'a1 commit': failing('WIRE_CONNECTION_LOST', 10), 'b1 commit': failing('STORE_WRITE_TIMEOUT', 10) });
    const heard = scene.hear(scene.store.write(ADD, scene.context()));
    scene.clock.advance(1_000);
    expect(heard.what).toEqual(['value at 20', 'complete at 20']);
    expect(scene.sent).toEqual(['a1 prepare answered', 'a1 commit failed', 'b1 commit failed', 'c1 commit answered']);
    expect(new Set(deltasOf(scene.transport.sent('store.commit'))).size).toBe(1);
    expect(itemsOf(scene.transport, ROW)).toEqual(['film-1']);
  });

  it('COMMIT the same bytes elsewhere when a coordinator is late with them; the first acknowledgement wins', () => {
    const scene = new ClientScene();
    scene.transport.script = scripted({ 'a1 commit': { hangs: true, takesEffectAfterMs: 5 }, 'b1 commit': { afterMs: 10 } });
    const heard = scene.hear(scene.store.write(ADD, scene.context()));
    scene.clock.advance(1_000);
    expect(heard.what).toEqual(['value at 210', 'complete at 210']);
    expect(scene.sent).toEqual(['a1 prepare answered', 'a1 commit cancelled', 'b1 commit answered']);
    expect(new Set(deltasOf(scene.transport.sent('store.commit'))).size).toBe(1);
  });

  it('ask on, round after round, once a COMMIT may have been applied', () => {
    const scene = new ClientScene();
    let commits = 0;
    scene.transport.script = ({ pattern }) => (pattern === 'store.commit' && ++commits <= 5 ? failing('WIRE_CONNECTION_LOST') : {});
    const heard = scene.hear(scene.store.write(ADD, scene.context()));
    scene.clock.advance(1_000);
    expect(heard.what).toEqual(['value at 100', 'complete at 100']);
    expect(scene.transport.sent('store.commit').map(({ node }) => node)).toEqual(['a1', 'b1', 'c1', 'a1', 'b1', 'c1']);
    expect(scene.transport.sent('store.prepare')).toHaveLength(1);
  });

  it('that nobody confirms fail as uncertain, with all that is needed to carry on', () => {
    const scene = new ClientScene();
    scene.transport.script = scripted({ 'a1 commit': failing('WIRE_CONNECTION_LOST'), 'b1 commit': failing('WIRE_UNREACHABLE'), 'c1 commit': failing('WIRE_UNREACHABLE') });
    const heard = scene.hear(scene.store.write(ADD, scene.context()));
    scene.clock.advance(2_000);
    expect(heard.error).toMatchObject({ code: 'STORE_WRITE_UNCERTAIN', applied: 'unknown' });
    const pending: PendingWrite = heard.error.pending;
    expect(pending).toMatchObject({ ...ROW, item: 'film-1', operation: ADD.operation, result: { item: 'film-1', value } });
    expect(deltasOf(scene.transport.sent('store.commit'))).toEqual(Array(12).fill(Buffer.from(pending.delta).toString('hex')));
    expect(scene.transport.sent('store.prepare')).toHaveLength(1);
    expect(scene.store.stats().uncertainWrites).toBe(1);
  });

  it('that run into the deadline while a COMMIT is under way fail so, with the same', () => {
    const scene = new ClientScene();
    scene.transport.script = ({ pattern }) => (pattern === 'store.commit' ? { hangs: true } : {});
    const heard = scene.hear(scene.store.write(ADD, scene.context(500)));
    scene.clock.advance(2_000);
    expect(heard.what).toEqual(['DEADLINE_EXCEEDED at 500']);
    expect(heard.error.applied).toBe('unknown');
    expect(heard.error.pending.item).toBe('film-1');
    expect([scene.transport.open, scene.timers]).toEqual([0, 0]);
  });

  it('that run into the deadline before any COMMIT fail as not applied', () => {
    const scene = new ClientScene();
    scene.transport.script = () => ({ hangs: true });
    const heard = scene.hear(scene.store.write(ADD, scene.context(500)));
    scene.clock.advance(2_000);
    expect(heard.what).toEqual(['STORE_READ_TIMEOUT at 500']);
    expect(heard.error).toMatchObject({ applied: 'no' });
    expect(heard.error.pending).toBeUndefined();
    expect(scene.transport.sent('store.commit')).toEqual([]);
  });

  it('whose COMMIT was never sent anywhere are not applied, and say so', () => {
    const scene = new ClientScene();
    scene.transport.script = ({ pattern }) => (pattern === 'store.commit' ? failing('WIRE_UNREACHABLE') : {});
    const heard = scene.hear(scene.store.write(ADD, scene.context()));
    expect(heard.what).toEqual(['STORE_QUORUM_UNAVAILABLE at 0']);
    expect(heard.error).toMatchObject({ applied: 'no', details: { needed: 2, alive: 0 } });
    expect(heard.error.pending).toBeUndefined();
  });

  it.each<ErrorCode>(['LIST_FULL', 'NEIGHBOUR_NOT_FOUND', 'ITEM_NOT_FOUND', 'POSITION_EXHAUSTED', 'ACCESS_DENIED'])('pass %s on at once', (code) => {
    const scene = new ClientScene();
    scene.transport.script = () => failing(code);
    expect(scene.hear(scene.store.write(ADD, scene.context())).what).toEqual([`${code} at 0`]);
    expect(scene.sent).toEqual(['a1 prepare failed']);
  });

  it('do nothing before somebody subscribes, and are one operation for each who does', () => {
    const scene = new ClientScene();
    const write$ = scene.store.write(ADD, scene.context());
    expect(scene.sent).toEqual([]);
    scene.hear(write$);
    scene.hear(scene.store.write(REMOVE, scene.context()));
    scene.hear(write$);
    expect(new Set(deltasOf(scene.transport.sent('store.commit'))).size).toBe(3);
  });

  it('are no longer waited for when the caller leaves: every attempt is called off, no timer is left', () => {
    const scene = new ClientScene();
    scene.transport.script = ({ pattern }) => (pattern === 'store.commit' ? { hangs: true, takesEffectAfterMs: 1 } : { afterMs: 10 });
    const heard = scene.hear(scene.store.write(ADD, scene.context()));
    scene.clock.advance(250);
    heard.subscription.unsubscribe();
    expect(scene.sent).toEqual(['a1 prepare answered', 'a1 commit cancelled', 'b1 commit cancelled']);
    expect(scene.timers).toBe(0);
    scene.clock.advance(5_000);
    expect(scene.transport.log).toHaveLength(3);
    expect(scene.clock.pending).toBe(0);
    expect(itemsOf(scene.transport, ROW)).toEqual(['film-1']);
  });
});

describe('a pending write', () => {
  function leftPending(scene: ClientScene, request: WriteRequest, applied: boolean): PendingWrite {
    const { script } = scene.transport;
    scene.transport.script = ({ pattern }) =>
      pattern === 'store.commit' ? { hangs: true, takesEffectAfterMs: applied ? 0 : 'never' } : {};
    const heard = scene.hear(scene.store.write(request, scene.context(100)));
    scene.clock.advance(100);
    scene.transport.script = script;
    scene.transport.log.length = 0;
    return heard.error.pending;
  }

  it.each([true, false])('asked for again is only committed, with its own bytes (applied before: %s)', (applied) => {
    const scene = new ClientScene();
    const pending = leftPending(scene, ADD, applied);
    const heard = scene.hear(scene.store.write({ ...ADD, pending }, scene.context()));
    expect(heard.value!.item).toEqual(pending.result);
    expect(scene.sent).toEqual(['a1 commit answered']);
    expect((scene.transport.log[0]!.payload as CommitRequest).delta).toBe(pending.delta);
    expect(itemsOf(scene.transport, ROW)).toEqual(['film-1']);
  });

  it('that fails once more stays uncertain, even if nothing was sent this time', () => {
    const scene = new ClientScene();
    const pending = leftPending(scene, ADD, false);
    scene.transport.script = () => failing('WIRE_UNREACHABLE');
    const heard = scene.hear(scene.store.write({ ...ADD, pending }, scene.context()));
    scene.clock.advance(5_000);
    expect(heard.error).toMatchObject({ code: 'STORE_WRITE_UNCERTAIN', applied: 'unknown', pending });
    expect(scene.transport.sent('store.prepare')).toEqual([]);
  });

  it('is superseded by another operation, whose PREPARE is told of it', () => {
    const scene = new ClientScene();
    const pending = leftPending(scene, ADD, false);
    scene.hear(scene.store.write({ ...REMOVE, pending }, scene.context()));
    expect(scene.sent).toEqual(['a1 prepare answered', 'a1 commit answered']);
    expect((scene.transport.log[0]!.payload as PrepareRequest).pending).toBe(pending.delta);
    scene.hear(scene.store.write({ ...ADD, pending }, scene.context()));
    expect(itemsOf(scene.transport, ROW)).toEqual([]);
  });

  it.each<[string, WriteRequest['operation']]>([
    ['another value', { kind: 'add', value: Uint8Array.of(9) }],
    ['a placement', { kind: 'add', value, placement: 'first' }],
    ['another kind', { kind: 'move', placement: 'first' }],
  ])('is another operation with %s', (_, operation) => {
    const scene = new ClientScene();
    const pending = leftPending(scene, ADD, true);
    scene.hear(scene.store.write({ ...ADD, operation, pending }, scene.context()));
    expect(scene.transport.sent('store.prepare')).toHaveLength(1);
  });

  it('of another item or row is refused, and nothing is sent', () => {
    const scene = new ClientScene();
    const pending = leftPending(scene, ADD, true);
    for (const other of [{ item: 'film-2' }, { row: 'user-8' }, { table: 'bookmarks' }]) {
      const heard = scene.hear(scene.store.write({ ...ADD, ...other, pending }, scene.context()));
      expect(heard.what).toEqual([`REQUEST_INVALID at ${scene.clock.monotonicMs()}`]);
    }
    expect(scene.sent).toEqual([]);
  });
});
