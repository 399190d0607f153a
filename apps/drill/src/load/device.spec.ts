import { HistoryRecorder, type Operation } from '@app/history';
import { SeededRandom, SimClock } from '@app/time';
import { describe, expect, it } from 'vitest';
import { answer, list, lost, problem, refused, ScriptedHttp, type Scripted } from '../testing/scripted-http.js';
import { DEFAULT_PATIENCE, Device, type Action, type DeviceProfile } from './device.js';
import type { ClaimedAnswer, Sample } from './sample.js';

function scene(script: (gateway: number, attempt: number) => Scripted, profile: Partial<DeviceProfile> = {}) {
  const clock = new SimClock();
  const http = new ScriptedHttp(clock, (gateway) => script(gateway, http.sent.length));
  const recorder = new HistoryRecorder(() => clock.monotonicMs());
  const claims: ClaimedAnswer[] = [];
  const device = new Device(
    { name: 'd', user: 'ann', kind: 'roaming', readLevel: 'QUORUM', writeLevel: 'QUORUM', fallback: null, keepsToken: false, home: 0, ...profile },
    { http, clock, random: new SeededRandom(1), recorder, gateways: 3, patience: DEFAULT_PATIENCE, claimed: (claim) => claims.push(claim) },
  );
  const perform = (action: Action, dueMs = clock.monotonicMs()): Sample => {
    let sample: Sample | null = null;
    device.perform(action, dueMs, (ended) => {
      expect(sample).toBeNull();
      sample = ended;
    });
    clock.runUntil(() => sample !== null, 10_000);
    expect(sample).not.toBeNull();
    return sample!;
  };
  const told = (): (Pick<Operation, 'kind' | 'outcome'> & { films?: readonly string[] })[] => recorder.operations.map(({ kind, outcome }) => ({ kind, outcome }));
  return { clock, http, recorder, claims, device, perform, told };
}
const ADD: Action = { kind: 'add', film: 'x' };

describe('a roaming device', () => {
  it('goes round the zones, one operation after the other', () => {
    const { http, perform } = scene(() => list('x'));
    for (let turn = 0; turn < 4; turn++) expect(perform({ kind: 'list' })).toMatchObject({ ok: true, attempts: 1 });
    expect(http.sent.map(({ gateway }) => gateway)).toEqual([0, 1, 2, 0]);
  });

  it('turns to the next zone at once when a gateway refuses the connection, and to that one last for a while', () => {
    const { http, perform, clock } = scene((gateway) => (gateway === 0 ? refused : list()));
    expect(perform({ kind: 'list' })).toMatchObject({ ok: true, attempts: 2, zone: 0 });
    expect(clock.monotonicMs()).toBeLessThan(10);
    for (let turn = 0; turn < 6; turn++) perform({ kind: 'list' });
    expect(http.sent.filter(({ gateway }) => gateway === 0)).toHaveLength(1);
  });

  it('asks a read of another zone beside one that is late, and takes whichever comes', () => {
    const { http, perform } = scene((gateway) => (gateway === 0 ? answer(200, { afterMs: 151, body: '{"items":[{"filmId":"slow"}]}' }) : 'never'));
    const sample = perform({ kind: 'list' });
    expect([sample.ok, sample.attempts, sample.endMs - sample.dueMs]).toEqual([true, 2, 151]);
    expect(http.sent.map(({ isCancelled }) => isCancelled)).toEqual([false, true]);
  });

  it('tells of what failed, or took long, what each attempt was answered, and of nothing else', () => {
    const refusing = scene((gateway) => (gateway === 2 ? answer(200, { afterMs: 70 }) : problem(503, 'STORE_QUORUM_UNAVAILABLE')));
    expect(refusing.perform(ADD)).toMatchObject({ ok: true, level: 'QUORUM' });
    expect(refusing.perform(ADD).trail).toBeUndefined();
    const [late, failing] = [scene((gateway) => (gateway === 1 ? answer(200, { afterMs: 60 }) : 'never')), scene(() => problem(503, 'STORE_READ_ONLY'), { kind: 'zone', fallback: 'ONE' })];
    expect(late.perform(ADD).trail).toMatchObject([{ gateway: 0, said: null, sentMs: 0, endMs: 150 }, { gateway: 1, said: '200', sentMs: 150 }]);
    expect(failing.perform({ kind: 'list' })).toMatchObject({ ok: false, level: 'QUORUM, ONE', trail: [{ gateway: 0, said: '503 STORE_READ_ONLY' }] });
  });

  it('counts the time from when it was due, not from when it was sent', () => {
    const { clock, perform } = scene(() => list());
    clock.advance(500);
    const { dueMs, endMs } = perform({ kind: 'list' }, 100);
    expect([dueMs, endMs - dueMs]).toEqual([100, 402]);
  });

  it('gives up after a while, and on an operation that everybody refuses sooner', () => {
    const hung = scene(() => 'never');
    expect(hung.perform({ kind: 'list' })).toMatchObject({ ok: false, status: null, endMs: DEFAULT_PATIENCE.giveUpMs });
    expect(hung.http.sent.every(({ isCancelled }) => isCancelled)).toBe(true);
    expect(hung.clock.pending).toBe(0);
    const refusing = scene(() => problem(503, 'STORE_QUORUM_UNAVAILABLE'));
    expect(refusing.perform(ADD)).toMatchObject({ ok: false, attempts: 9, status: 503, code: 'STORE_QUORUM_UNAVAILABLE' });
    expect(refusing.told()).toEqual([{ kind: 'add', outcome: 'refused' }]);
  });
});

describe('a write', () => {
  it('of unknown outcome is sent again with its Retry-Token, and is one operation', () => {
    const { http, perform, told } = scene((_, attempt) => (attempt === 1 ? problem(503, 'STORE_WRITE_UNCERTAIN', { 'retry-token': 't1' }) : answer(200)));
    expect(perform(ADD)).toMatchObject({ ok: true, attempts: 2 });
    expect(http.sent.map(({ request }) => request.headers['retry-token'])).toEqual([undefined, 't1']);
    expect(told()).toEqual([{ kind: 'add', outcome: 'acknowledged' }]);
  });

  it('that is lost without a token is another operation when it is sent again', () => {
    for (const first of [lost, 'never'] as const) {
      const { perform, told, http } = scene((_, attempt) => (attempt === 1 ? first : answer(200)));
      expect(perform(ADD)).toMatchObject({ ok: true, attempts: 2 });
      expect(told()).toEqual([{ kind: 'add', outcome: 'unknown' }, { kind: 'add', outcome: 'acknowledged' }]);
      expect(http.sent[0]!.isCancelled).toBe(first === 'never');
    }
  });

  it('that reached nobody, or was refused by all who were asked, never took effect; one that may have is unknown', () => {
    expect(scene(() => refused, { kind: 'zone' }).told()).toEqual([]);
    for (const [script, outcome] of [[refused, 'refused'], [lost, 'unknown'], [problem(503, 'STORE_WRITE_UNCERTAIN', { 'retry-token': 't' }), 'unknown'], [problem(409, 'LIST_FULL'), 'refused']] as const) {
      const { perform, told } = scene(() => script, { kind: 'zone' });
      perform(ADD);
      expect(told()).toEqual([{ kind: 'add', outcome }]);
    }
  });

  it('that is refused for what it asks is answered', () => {
    const { perform } = scene(() => problem(404, 'ITEM_NOT_FOUND'));
    expect(perform({ kind: 'move', film: 'x' })).toMatchObject({ ok: true, attempts: 1, status: 404 });
  });
});

describe('a zone client', () => {
  it('asks its own gateway, once, however long that takes', () => {
    const { http, perform } = scene(() => answer(200, { afterMs: 2_000 }), { kind: 'zone', home: 2 });
    expect(perform({ kind: 'list' })).toMatchObject({ ok: true, attempts: 1, zone: 2 });
    expect(http.sent.map(({ gateway }) => gateway)).toEqual([2]);
    const failing = scene(() => lost, { kind: 'zone' });
    expect(failing.perform({ kind: 'list' })).toMatchObject({ ok: false, attempts: 1 });
  });
});

describe('what it writes down', () => {
  const given = { headers: { 'session-token': 's1', 'consistency-achieved': 'session; replicas=1/3; zones=zone-a; fallback=no; token-ahead=no', 'served-by': 'zone=zone-a; gateway=g; node=a1' } };

  it('sends back the last token, and says when an answer kept it', () => {
    const { http, perform, recorder, claims } = scene(() => answer(200, given), { keepsToken: true, readLevel: 'SESSION', writeLevel: 'SESSION' });
    perform(ADD);
    perform({ kind: 'list' });
    expect(http.sent.map(({ request }) => request.headers['session-token'])).toEqual([undefined, 's1']);
    expect(recorder.operations.map(({ keptToken }) => keptToken)).toEqual([true, true]);
    expect(claims[1]).toMatchObject({ kind: 'list', asked: 'SESSION', fallback: null, gateway: 1, servedBy: 'zone=zone-a; gateway=g; node=a1' });
    const ahead = scene(() => answer(200, { headers: { 'session-token': 's', 'consistency-achieved': 'session; token-ahead=yes' } }), { keepsToken: true });
    ahead.perform(ADD);
    expect(ahead.recorder.operations[0]).toMatchObject({ keptToken: false });
  });

  it('takes a read that fell back for what it was', () => {
    const fell = { headers: { 'consistency-achieved': 'one; replicas=1/3; zones=zone-a; fallback=yes; token-ahead=no' }, body: '{"items":[{"filmId":"x"},{"filmId":"y"}]}' };
    const { http, perform, recorder } = scene(() => answer(200, fell), { fallback: 'ONE' });
    perform({ kind: 'list' });
    expect(http.sent[0]!.request.headers['consistency']).toBe('quorum, one');
    expect(recorder.operations).toMatchObject([{ kind: 'read', level: 'ONE', films: ['x', 'y'], outcome: 'acknowledged' }]);
  });
});
