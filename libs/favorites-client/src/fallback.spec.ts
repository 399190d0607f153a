/** Levels, fallbacks and sessions of the client, over the production nodes in virtual time. The client is in zone a. */
import type { Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { ConsistencyLevel, ListReply, Operation, RowReply } from '@app/contracts';
import { favorites } from '@app/store/testing';
import type { WriteFailure } from './list-store.js';
import { SessionToken } from './session-token.js';
import { ZoneA } from './testing/zone-a.js';

const ADD: Operation = { kind: 'add', value: Uint8Array.of(1) };
const REMOVE: Operation = { kind: 'remove' };
const SECRETS = [{ id: 'k1', key: Buffer.from('a cluster secret of 32 bytes ...') }];

class Device extends ZoneA {
  /** As it travels in a header. */
  token = SessionToken.EMPTY.seal('ann', SECRETS);
  last: RowReply | undefined;
  tookMs = 0;

  list(level: ConsistencyLevel, fallback?: ConsistencyLevel, timeoutMs?: number): string[] {
    const reply = this.#run<ListReply>(this.store.list({ ...this.#request(level, fallback), limit: 500 }, this.contextOf(timeoutMs)));
    return reply.items.map(({ item }) => item);
  }

  write(item: string, operation: Operation, level: ConsistencyLevel, fallback?: ConsistencyLevel): void {
    this.#run(this.store.write({ ...this.#request(level, fallback), item, operation }, this.contextOf()));
  }

  override heal(): void {
    super.heal();
    this.cluster.advance(10_000);
  }

  #request(level: ConsistencyLevel, fallback?: ConsistencyLevel) {
    const seen = SessionToken.open(this.token, 'ann', SECRETS).seenOf(favorites('ann'));
    return { ...favorites('ann'), level, ...(fallback && { fallback }), ...(seen && { seen }) };
  }

  #run<T extends RowReply>(call$: Observable<T>): T {
    const { clock } = this.cluster;
    const startMs = clock.monotonicMs();
    const begun = this.cluster.begin(call$);
    clock.runUntil(() => begun.state !== 'waiting', 5_000);
    this.tookMs = clock.monotonicMs() - startMs;
    const seen = begun.error === null ? begun.result.seen : (begun.error as WriteFailure).seen;
    if (seen !== undefined) this.token = SessionToken.open(this.token, 'ann', SECRETS).after(favorites('ann'), seen).seal('ann', SECRETS);
    this.last = begun.result;
    return begun.result;
  }
}

describe('[L8] a request that names a fallback', () => {
  it('is answered at its level where that can be had', () => {
    const device = new Device();
    device.write('x', ADD, 'QUORUM', 'ONE');
    expect(device.last!.achieved).toMatchObject({ level: 'QUORUM', fallback: false });
    device.list('ALL', 'ONE');
    expect(device.last!.achieved).toMatchObject({ level: 'ALL', fallback: false });
  });

  it('is answered by what its own zone has when that is cut off, within 250 ms, and says so; writes too', () => {
    const device = new Device();
    device.write('x', ADD, 'QUORUM');
    device.write('z', ADD, 'QUORUM');
    device.cluster.advance(50);
    device.cutOff();
    for (let round = 0; round < 5; round++) {
      expect(device.list('QUORUM', 'ONE')).toContain('x');
      expect(device.tookMs).toBeLessThan(250);
      expect(device.last!.achieved).toMatchObject({ level: 'ONE', fallback: true, replicas: ['a1'], zones: ['zone-a'] });
    }
    for (const [film, operation] of [['y', ADD], ['x', REMOVE], ['z', { kind: 'move', placement: 'first' }]] as const) {
      device.write(film, operation, 'QUORUM', 'ONE');
      expect([film, device.tookMs < 250, device.last!.achieved.fallback]).toEqual([film, true, true]);
    }
    expect(device.list('QUORUM', 'ONE')).toEqual(['z', 'y']);
    device.heal();
    for (const via of device.cluster.nodes) expect(device.cluster.list('ann', { via })).toEqual(['z', 'y']);
  });

  it('is answered at once where it is known that the first level cannot be had', () => {
    const device = new Device();
    device.write('x', ADD, 'QUORUM');
    device.cluster.advance(50);
    for (const node of ['b1', 'c1']) device.transport.crash(node);
    expect(device.list('QUORUM', 'ONE')).toEqual(['x']);
    expect(device.tookMs).toBeLessThan(20);
  });

  it('does not fall back because one coordinator is cut off, while another has its quorum', () => {
    const device = new Device();
    device.write('x', ADD, 'QUORUM');
    device.cluster.isolate('a1');
    expect(device.list('QUORUM', 'ONE')).toEqual(['x']);
    expect(device.last!.achieved).toMatchObject({ level: 'QUORUM', fallback: false });
    expect(device.last!.achieved.replicas.toSorted()).toEqual(['b1', 'c1']);
  });

  it('is one operation however it was acknowledged: one delta, committed at both levels', () => {
    const device = new Device();
    const deltas: string[] = [];
    device.transport.lose = (pattern, payload) => {
      if (pattern === 'store.commit') deltas.push(Buffer.from((payload as { delta: Uint8Array }).delta).toString('hex'));
      return null;
    };
    device.cutOff();
    device.write('x', ADD, 'QUORUM', 'ONE');
    expect(device.last!.achieved.fallback).toBe(true);
    expect([deltas.length > 1, new Set(deltas).size]).toEqual([true, 1]);
    device.heal();
    device.write('x', REMOVE, 'QUORUM');
    device.cluster.advance(10_000);
    expect(device.cluster.list('ann')).toEqual([]);
  });

  it('does not fall back on a refusal', () => {
    const device = new Device();
    expect(() => device.write('x', { kind: 'move', placement: 'first' }, 'QUORUM', 'ONE')).toThrow(expect.objectContaining({ code: 'ITEM_NOT_FOUND' }));
    expect(() => device.list('ANY', 'ONE')).toThrow(expect.objectContaining({ code: 'LEVEL_NOT_ALLOWED' }));
  });
});

describe('[L3] a session', () => {
  it('reads what it wrote through every zone, from one replica each, and fails rather than go back', () => {
    const device = new Device();
    device.write('x', ADD, 'SESSION');
    device.cluster.advance(50);
    expect(device.list('SESSION')).toEqual(['x']);
    expect(device.last!.achieved.replicas).toEqual(['a1']);
    // What a1 alone has, the device has seen: without a1 nobody can show it.
    device.cutOff();
    device.write('y', ADD, 'ONE');
    expect(device.list('SESSION')).toEqual(['x', 'y']);
    device.transport.crash('a1');
    device.cluster.heal();
    for (const node of ['b1', 'c1']) device.transport.goOn(node);
    for (const level of ['SESSION', 'ONE', 'QUORUM'] as const) expect(() => device.list(level)).toThrow(expect.objectContaining({ code: 'STORE_SESSION_AHEAD' }));
    device.transport.start('a1');
    device.cluster.advance(10_000);
    expect(device.list('SESSION')).toEqual(['x', 'y']);
  });

  it('[F14] overrides its write of unknown outcome with its next one by its token alone, in whatever order they come to light', () => {
    const device = new Device();
    // a1 has the COMMIT in its socket and is stopped; the others never get it.
    device.transport.lose = (pattern) => {
      if (pattern !== 'store.commit') return null;
      device.transport.stop('a1');
      return device.transport.log.at(-1) === 'a1 store.commit' ? null : false;
    };
    expect(() => device.write('x', ADD, 'QUORUM')).toThrow(expect.objectContaining({ code: 'DEADLINE_EXCEEDED' }));
    device.transport.lose = () => null;
    device.write('x', REMOVE, 'QUORUM');
    device.transport.goOn('a1');
    device.cluster.advance(5_000);
    expect(device.list('QUORUM')).toEqual([]);
  });

  it('at LINEARIZABLE is told that its list is written all the time, and not merely that nobody answered', () => {
    const device = new Device();
    const { cluster } = device;
    let strays = 0;
    cluster.network.hold = ({ kind }) => kind === 'apply';
    device.write('x', ADD, 'ONE');
    cluster.network.hold = ({ from, to, kind }) => {
      const writtenAt = kind === 'pull' || kind === 'digest' ? from : kind === 'push' ? to : null;
      if (writtenAt !== null) {
        const { delta } = cluster.prepare('ann', `film-${strays++}`, ADD, { via: writtenAt, level: 'ONE' }).result;
        cluster.commit('ann', delta!, { via: writtenAt, level: 'ONE' });
      }
      return kind === 'apply';
    };
    expect(() => device.list('LINEARIZABLE', undefined, 100)).toThrow(expect.objectContaining({ code: 'STORE_LINEARIZE_TIMEOUT' }));
    cluster.network.hold = null;
    expect(device.list('LINEARIZABLE').length).toBeGreaterThan(5);
  });
});
