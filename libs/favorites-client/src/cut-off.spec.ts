/**
 * A zone that is cut off, gateway and node alone, over the production nodes in virtual time: its requests end with the truth, or at
 * the weaker level that they allow, while a device can still turn elsewhere. And nobody who is only slow is taken for cut off.
 */
import type { Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { type ConsistencyLevel, type ListReply, type Operation, TriptychError } from '@app/contracts';
import { favorites } from '@app/store/testing';
import type { PendingWrite } from './list-store.js';
import { ZoneA } from './testing/zone-a.js';
import { UncertainWrite } from './uncertain-write.js';

const ADD: Operation = { kind: 'add', value: Uint8Array.of(1) };
const REMOVE: Operation = { kind: 'remove' };
/** What a device is promised, less what its way to the gateway takes. */
const WITHIN_MS = 230;

interface Outcome {
  readonly said: string;
  readonly tookMs: number;
  readonly pending?: PendingWrite;
}

/** Zone a, with five films that everybody has. */
class Zone extends ZoneA {
  #films = 0;

  constructor() {
    super();
    for (let film = 0; film < 5; film++) expect(this.now(this.write(`old-${film}`, ADD)).said).toBe('QUORUM');
    this.cluster.advance(7_000);
  }

  list = (level: ConsistencyLevel = 'QUORUM', fallback?: ConsistencyLevel): Observable<ListReply> =>
    this.store.list({ ...favorites('ann'), level, limit: 100, ...(fallback && { fallback }) }, this.contextOf());

  write = (item = `film-${this.#films++}`, operation = ADD, fallback?: ConsistencyLevel, pending?: PendingWrite): Observable<unknown> =>
    this.store.write({ ...favorites('ann'), level: 'QUORUM', item, operation, ...(fallback && { fallback }), ...(pending && { pending }) }, this.contextOf());

  /** Begun now; what became of it is read later. */
  begin(call$: Observable<unknown>): { outcome: Outcome | null } {
    const { clock } = this.cluster;
    const startMs = clock.monotonicMs();
    const begun: { outcome: Outcome | null } = { outcome: null };
    const end = (said: string, pending?: PendingWrite): void => void (begun.outcome = { said, tookMs: clock.monotonicMs() - startMs, ...(pending && { pending }) });
    call$.subscribe({
      next: (reply) => {
        const { level, fallback } = (reply as ListReply).achieved;
        end(fallback ? `${level} instead` : level);
      },
      error: (error: unknown) => end(error instanceof TriptychError ? error.code : String(error), error instanceof UncertainWrite ? error.pending : undefined),
    });
    return begun;
  }

  now(call$: Observable<unknown>): Outcome {
    const begun = this.begin(call$);
    this.cluster.clock.runUntil(() => begun.outcome !== null, 5_000);
    return begun.outcome!;
  }
}

const REQUESTS: Record<string, (zone: Zone) => Observable<unknown>> = {
  'a list': (zone) => zone.list(),
  'a linearizable list': (zone) => zone.list('LINEARIZABLE'),
  'an add': (zone) => zone.write(),
  'a removal': (zone) => zone.write('old-1', REMOVE),
  'a list that may be of one replica': (zone) => zone.list('QUORUM', 'ONE'),
  'an add that one replica may take': (zone) => zone.write(undefined, ADD, 'ONE'),
};

describe('a zone that is cut off', () => {
  describe.each(Object.keys(REQUESTS))('%s', (name) => {
    const request = REQUESTS[name]!;
    const allowed = name.includes('one replica') ? ['ONE instead'] : ['STORE_QUORUM_UNAVAILABLE', ...(name === 'an add' ? ['STORE_WRITE_UNCERTAIN'] : [])];

    it('is answered in time when it is the first of all', () => {
      const zone = new Zone();
      zone.cutOff();
      const { said, tookMs } = zone.now(request(zone));
      expect(allowed).toContain(said);
      expect(tookMs).toBeLessThan(WITHIN_MS);
    });

    it('is answered in time at any moment of the cut, at much traffic and little', () => {
      for (const gapMs of [7, 90, 1_100]) {
        const zone = new Zone();
        zone.cutOff();
        const begun: { outcome: Outcome | null }[] = [];
        for (let passedMs = 0; passedMs < 6_000; passedMs += gapMs) {
          begun.push(zone.begin(request(zone)));
          zone.cluster.advance(gapMs);
        }
        zone.cluster.advance(2_500);
        expect(new Set(begun.map(({ outcome }) => outcome?.said).filter((said) => said === undefined || !allowed.includes(said)))).toEqual(new Set());
        expect(Math.max(...begun.map(({ outcome }) => outcome!.tookMs))).toBeLessThan(WITHIN_MS);
      }
    });

    it('succeeds within 500 ms of its being healed', () => {
      for (const cutMs of [50, 700, 5_000, 30_000]) {
        const zone = new Zone();
        zone.cutOff();
        for (let passedMs = 0; passedMs < cutMs; passedMs += 50) {
          zone.begin(request(zone));
          zone.cluster.advance(50);
        }
        zone.heal();
        zone.cluster.advance(400);
        const { said, tookMs } = zone.now(request(zone));
        expect(said).toMatch(/^(QUORUM|LINEARIZABLE)$/);
        expect(tookMs).toBeLessThan(100);
      }
    });
  });

  it('refuses a write before it has an effect, as soon as it can know', () => {
    const zone = new Zone();
    zone.cutOff();
    zone.now(zone.list());
    expect(zone.now(zone.write('x', ADD)).said).toBe('STORE_QUORUM_UNAVAILABLE');
    expect(zone.cluster.locally('a1', 'ann')).not.toContain('x');
  });

  it('gives the delta of a write that it cannot tell the outcome of, which is in effect once carried on with elsewhere, and once', () => {
    const zone = new Zone();
    zone.cutOff();
    const { said, pending } = zone.now(zone.write('x', ADD));
    expect([said, pending?.item]).toEqual(['STORE_WRITE_UNCERTAIN', 'x']);
    const again = zone.now(zone.write('x', ADD, undefined, pending));
    expect([again.said, again.tookMs < WITHIN_MS]).toEqual(['STORE_WRITE_UNCERTAIN', true]);
    zone.heal();
    zone.cluster.advance(1_000);
    expect(zone.now(zone.write('x', ADD, undefined, pending)).said).toBe('QUORUM');
    expect(zone.now(zone.write('x', REMOVE)).said).toBe('QUORUM');
    zone.cluster.advance(20_000);
    for (const node of zone.cluster.nodes) expect(zone.cluster.locally(node, 'ann')).not.toContain('x');
  });
});

describe('who is only slow is not cut off', () => {
  /** All requests begun over 6 s, one every 25 ms; what was said other than success. */
  function troublesOf(zone: Zone): string[] {
    const begun: { outcome: Outcome | null }[] = [];
    for (let passedMs = 0; passedMs < 6_000; passedMs += 25) {
      for (const request of [zone.list(), zone.write()]) begun.push(zone.begin(request));
      zone.cluster.advance(25);
    }
    zone.cluster.advance(5_000);
    return begun.map(({ outcome }) => outcome?.said ?? 'nothing').filter((said) => said !== 'QUORUM');
  }

  it('a zone whose messages take ten times as long', () => {
    const zone = new Zone();
    const { network } = zone.cluster;
    for (const other of ['b1', 'c1']) {
      network.degrade('a1', other, { latencyMs: [10, 20], loss: 0, duplication: 0 });
      network.degrade(other, 'a1', { latencyMs: [10, 20], loss: 0, duplication: 0 });
    }
    expect(troublesOf(zone)).toEqual([]);
  });

  it('both other replicas, whose every answer takes a quarter of a second, but not their signs of life', () => {
    const zone = new Zone();
    const { network } = zone.cluster;
    const { clock } = zone.cluster;
    // Disks that are slow; the processes are not.
    network.hold = ({ isReply, kind }) => isReply && (kind === 'applied' || kind === 'digest');
    const releasing = (): void => {
      const { hold } = network;
      network.release();
      network.hold = hold;
      clock.after(250, releasing);
    };
    clock.after(250, releasing);
    const begun = [zone.list(), zone.write(), zone.write('old-1', REMOVE)].map((request) => zone.begin(request));
    zone.cluster.advance(1_500);
    expect(begun.map(({ outcome }) => outcome?.said)).toEqual(['QUORUM', 'QUORUM', 'QUORUM']);
  });

  it('a link that has been losing packets: what that usually takes is waited for', () => {
    const zone = new Zone();
    const { network } = zone.cluster;
    const stall = (forMs: number): void => {
      network.hold = ({ from, to }) => from === 'a1' || to === 'a1';
      for (const node of ['b1', 'c1']) zone.transport.stop(node);
      zone.cluster.advance(forMs);
      network.release();
      for (const node of ['b1', 'c1']) zone.transport.goOn(node);
    };
    // A retransmission of 200 ms now and then; the first ones may be taken for a cut.
    for (let stalls = 0; stalls < 3; stalls++) {
      zone.begin(zone.list());
      stall(200);
      zone.cluster.advance(300);
    }
    for (let stalls = 0; stalls < 5; stalls++) {
      const begun = [zone.list(), zone.write()].map((request) => zone.begin(request));
      stall(200);
      zone.cluster.advance(300);
      expect(begun.map(({ outcome }) => outcome?.said)).toEqual(['QUORUM', 'QUORUM']);
    }
  });
});
