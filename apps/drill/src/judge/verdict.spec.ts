/** Evidence of a run that went well, and one for each way in which it may not: a figure that cannot change proves nothing. */
import type { Operation, ReadOperation, WriteOperation } from '@app/history';
import { describe, expect, it } from 'vitest';
import { claim, evidence, kill, quietSamples, span, START_MS, type MadeUp } from '../testing/made-up-run.js';
import { judge } from './verdict.js';

const figures = (made: MadeUp = {}) => judge(evidence(made)).figures;
const at = (ms: number): number => START_MS + ms;
const base = { session: 's', user: 'ann', level: 'QUORUM', outcome: 'acknowledged' } as const;
const add = (more: Partial<WriteOperation> = {}): Operation => ({ ...base, id: 'w', kind: 'add', film: 'x', startMs: 1, endMs: 2, ...more });
const read = (films: readonly string[], more: Partial<ReadOperation> = {}): Operation => ({ ...base, id: `r${films.join()}`, kind: 'read', films, startMs: 10, endMs: 11, ...more });

describe('a run in which nothing happened', () => {
  it('has nothing to say', () => {
    const { figures: all, violations, faultsOfTheDrill } = judge(evidence());
    expect([violations, faultsOfTheDrill]).toEqual([[], []]);
    expect(all).toMatchObject({
      'operations.failed': 0, 'device.failed': 0, 'device.slowestMs': 4, 'device.longestDarkMs': 0, 'survivors.failed': 0, 'survivors.longestDarkMs': 0,
      'survivors.worstWindowTimesBaseline': 1, 'survivors.backWithinMs': 0, 'promises.addsLost': 0, 'promises.falseClaims': 0, 'divergence.lists': 0, 'generator.unmeasuredShare': 0, 'cutOff.slowestMs': null,
    });
  });
});

describe('devices and survivors', () => {
  it('a device that failed, and the slowest, after the warm-up', () => {
    const samples = quietSamples().map((sample, index) => (sample.device === 'roaming' && (index === 4_400 || index === 100) ? { ...sample, ok: false, endMs: sample.dueMs + 900 } : sample));
    expect(figures({ samples })).toMatchObject({ 'device.failed': 1, 'device.slowestMs': 900, 'survivors.failed': 0 });
  });
  it('clients of the harmed zone are no survivors while it is, and are before', () => {
    const failing = (fromMs: number, toMs: number, zone: number) =>
      quietSamples().map((sample) => (sample.device === 'zone' && sample.zone === zone && sample.dueMs >= at(fromMs) && sample.dueMs < at(toMs) ? { ...sample, ok: false } : sample));
    expect(figures({ samples: failing(10_000, 14_000, 1) })).toMatchObject({ 'survivors.failed': 0, 'survivors.longestDarkMs': 0 });
    expect(figures({ samples: failing(8_000, 9_000, 1) })['survivors.failed']).toBeGreaterThan(60);
    expect(figures({ samples: failing(10_000, 11_200, 0) })['survivors.longestDarkMs']).toBeGreaterThanOrEqual(900);
  });
  it('what was under way when the fault struck was struck by it', () => {
    const samples = quietSamples().map((sample) => (sample.device === 'zone' && sample.zone === 1 && sample.dueMs >= at(9_900) && sample.dueMs < at(10_000) ? { ...sample, ok: false, endMs: at(10_005) } : sample));
    expect(figures({ samples })['survivors.failed']).toBe(0);
  });
  it('how much slower, and for how long', () => {
    const samples = quietSamples(({ dueMs, device }) => (device === 'zone' && dueMs >= at(10_000) && dueMs < at(10_400) ? 40 : 4));
    const { 'survivors.worstWindowMs': worst, 'survivors.worstWindowTimesBaseline': times, 'survivors.backWithinMs': back } = figures({ samples });
    expect([worst, times]).toEqual([40, 10]);
    expect(back).toBeGreaterThanOrEqual(300);
    expect(back).toBeLessThanOrEqual(500);
  });
});

describe('a zone that is cut off', () => {
  const cut = span({ kind: 'cut', target: 'zone-b', way: 'both' }, 10_000, 14_000);
  it('answers slowly, not at all, or late after the healing', () => {
    const samples = quietSamples().map((sample) => {
      if (sample.device !== 'zone' || sample.zone !== 1) return sample;
      if (sample.dueMs >= at(10_000) && sample.dueMs < at(14_000)) return { ...sample, ok: false, status: sample.dueMs < at(10_100) ? null : 503, endMs: sample.dueMs + 240 };
      return sample.dueMs >= at(14_000) && sample.dueMs < at(14_300) ? { ...sample, ok: false, status: 503 } : sample;
    });
    const found = figures({ samples, spans: [cut] });
    expect(found).toMatchObject({ 'cutOff.slowestMs': 240, 'cutOff.slowestPageMs': null, 'cutOff.answeredShare': 0, 'survivors.failed': 0 });
    expect(found['cutOff.unanswered']).toBeGreaterThan(3);
    expect(found['cutOff.backWithinMs']).toBeGreaterThan(270);
    expect(found['cutOff.backWithinMs']).toBeLessThan(300);
  });
  it('and is back at once where it is, and never where it is not', () => {
    expect(figures({ spans: [cut] })['cutOff.backWithinMs']).toBe(0);
    const samples = quietSamples().map((sample) => (sample.zone === 1 && sample.dueMs > at(14_000) ? { ...sample, ok: false } : sample));
    expect(figures({ samples, spans: [cut] })['cutOff.backWithinMs']).toBeNull();
  });
});

describe('single operations', () => {
  const cut = span({ kind: 'cut', target: 'zone-b', way: 'both' }, 10_000, 14_000);
  it('that should not have failed are told with what each attempt was answered; so are the slowest of a zone that is cut off', () => {
    const trail = [{ gateway: 1, sentMs: at(12_000), said: '503 STORE_QUORUM_UNAVAILABLE', endMs: at(12_061) }, { gateway: 2, sentMs: at(12_061), said: null, endMs: at(12_900) }];
    const samples = quietSamples().map((sample) => {
      if (sample.dueMs !== at(12_000) && sample.dueMs !== at(12_002.5) && sample.dueMs !== at(12_007.5)) return sample;
      return { ...sample, ok: false, endMs: sample.dueMs + 900, trail };
    });
    const { operations, failures } = judge(evidence({ samples, spans: [cut] }));
    expect(operations[0]).toEqual({
      who: 'devices that fail over', kind: 'list', level: 'QUORUM', dueS: 12, tookMs: 900, ok: false,
      trail: ['zone-b 503 STORE_QUORUM_UNAVAILABLE in 61 ms', 'zone-c no answer in 839 ms'],
    });
    expect(operations.filter(({ ok }) => !ok).map(({ who }) => who)).toEqual(['devices that fail over', 'clients of zone-a', 'clients of zone-b']);
    expect(failures.map(({ who }) => who)).toContain('clients of zone-b, harmed');
  });
  it('of a cut off zone count as slow, pages among them, and pages are told apart as well', () => {
    const samples = quietSamples().map((sample) => (sample.device === 'zone' && sample.zone === 1 && sample.dueMs === at(12_007.5) ? { ...sample, kind: 'home' as const, endMs: sample.dueMs + 290 } : sample));
    expect(figures({ samples, spans: [cut] })).toMatchObject({ 'cutOff.slowestMs': 290, 'cutOff.slowestPageMs': 290 });
  });
});

describe('broken promises', () => {
  it.each<[string, Operation[]]>([
    ['promises.addsLost', [add(), read([])]],
    ['promises.removedReturned', [add(), add({ id: 'x', kind: 'remove', startMs: 3, endMs: 4 }), read(['x'])]],
    ['promises.readsWentBack', [add({ outcome: 'unknown' }), read(['x']), read([], { startMs: 12, endMs: 13 })]],
    ['promises.ownWritesUnseen', [add({ keptToken: true, level: 'SESSION' }), read([], { keptToken: true, level: 'SESSION' })]],
    ['promises.sessionsWentBack', [add({ outcome: 'unknown' }), read(['x'], { keptToken: true, level: 'SESSION' }), read([], { keptToken: true, level: 'SESSION', startMs: 12, endMs: 13 })]],
    ['promises.notLinearizable', [add({ level: 'LINEARIZABLE' }), read([], { level: 'LINEARIZABLE' })]],
    ['promises.fromNowhere', [read(['x'])]],
    ['reads.one.stale', [add(), read([], { level: 'ONE' })]],
  ])('%s', (figure, operations) => {
    const history = operations.map((operation) => ({ ...operation, user: 'eve' }));
    expect(figures({ history })[figure]).toBeGreaterThan(0);
    expect(figures()[figure]).toBe(0);
  });
  it('a reply that claims a dead zone, and lists that differ, and what could not be undone', () => {
    const absences = [{ zone: 'zone-c', nodes: ['c1'], fromMs: 0, toMs: 1e9 }];
    expect(figures({ more: { absences } })['promises.falseClaims']).toBe(3);
    expect(figures({ more: { lists: [{ user: 'ann', films: [['x'], ['x', 'y'], ['x']] }, { user: 'bob', films: [[], null, []] }, { user: 'cay', films: [['x'], ['x'], ['x']] }] } })['divergence.lists']).toBe(2);
    expect(figures({ more: { notUndone: ['b1'] } })['undo.failures']).toBe(1);
  });
});

describe('the drill doubts itself', () => {
  const faults = (made: MadeUp): readonly string[] => judge(evidence(made)).faultsOfTheDrill;
  it('when its generator stood still for more than one window in a hundred', () => {
    expect(faults({ run: { standstills: [{ fromMs: at(5_000), toMs: at(5_030) }] } })).toEqual([]);
    expect(faults({ run: { standstills: [{ fromMs: at(5_000), toMs: at(5_400) }] } })).toEqual([expect.stringMatching(/2\.\d% of the windows were not measured/)]);
  });
  it('when a zone, a node or a kind of request was left out, or nothing was read at the end', () => {
    expect(faults({ run: { claims: [claim(0), claim(1)] } })).toEqual(['no request was answered through zone-c', 'no request was coordinated by c1']);
    expect(faults({ samples: quietSamples().filter(({ kind }) => kind !== 'remove') })).toEqual(['no remove was answered']);
    expect(judge({ ...evidence(), history: [] }).faultsOfTheDrill).toEqual(['no list was read at the end']);
  });
});

it('what is answered well beyond capacity, as a share of the peak', () => {
  const spans = [span({ kind: 'load', factor: 5 }, 10_000, 14_000, [])];
  expect(figures({ spans, more: { peakPerS: 500 } })['overload.goodputTimesPeak']).toBeCloseTo(0.8, 2);
  expect(figures({ spans: [span(kill, 10_000, 14_000)] })).not.toHaveProperty(['overload.goodputTimesPeak']);
});
