import { HistoryRecorder } from '@app/history';
import { SeededRandom, SimClock } from '@app/time';
import { describe, expect, it } from 'vitest';
import { answer, ScriptedHttp, type Scripted } from '../testing/scripted-http.js';
import { closedLoop } from './closed-loop.js';
import { DEFAULT_PATIENCE } from './device.js';
import { LatenessMeter } from './lateness.js';
import { DEFAULT_MIX, type LoadPlan } from './load-plan.js';
import { OpenLoop } from './open-loop.js';
import { Population } from './population.js';
import type { Sample } from './sample.js';

const PLAN: LoadPlan = {
  seed: 1, gateways: ['a', 'b', 'c'], userPrefix: 'u-', users: 20, skew: 0.8, listSize: 5, mix: DEFAULT_MIX, roamingShare: 0.5, readBackShare: 0.3, patience: DEFAULT_PATIENCE,
  watchersPerZone: 0, process: 'poisson', ratePerS: 200, durationMs: 5_000,
};

function ran(script: (gateway: number, atMs: number) => Scripted, plan: Partial<LoadPlan> = {}) {
  const clock = new SimClock();
  const random = new SeededRandom(7);
  const http = new ScriptedHttp(clock, (gateway, _, atMs) => script(gateway, atMs));
  const recorder = new HistoryRecorder(() => clock.monotonicMs());
  const all = { ...PLAN, ...plan };
  const population = new Population(all, { http, clock, random, recorder, gateways: 3, patience: all.patience, claimed: () => {} }, random);
  const samples: Sample[] = [];
  const loop = new OpenLoop({ plan: all, population, clock, random, sampled: (sample) => samples.push(sample) });
  let isDone = false;
  loop.start(() => (isDone = true));
  clock.runUntil(() => isDone, 60_000);
  expect(isDone).toBe(true);
  return { clock, http, recorder, samples, loop };
}

describe('an open loop', () => {
  it('asks at its rate whatever the answers, and who waits is counted from when it was due', () => {
    const well = ran(() => answer(200));
    const stalled = ran((_, atMs) => answer(200, { afterMs: atMs > 1_000 && atMs < 2_000 ? 2_000 - atMs : 2 }), { roamingShare: 0, readBackShare: 0 });
    expect(well.loop.sent).toBeGreaterThan(900);
    expect(Math.abs(stalled.loop.sent - well.loop.sent)).toBeLessThan(100);
    const hit = stalled.samples.filter(({ dueMs }) => dueMs > 1_000 && dueMs < 2_000);
    expect(hit.length).toBeGreaterThan(150);
    for (const { dueMs, endMs } of hit) expect(endMs - dueMs).toBeGreaterThanOrEqual(2_000 - dueMs - 1);
    expect(stalled.loop.inFlight).toBe(0);
  });

  it('reads back through the next zone what a roaming device has added, in the same session', () => {
    const { recorder, http } = ran(() => answer(200), { mix: { list: 0, add: 1, remove: 0, move: 0, home: 0 }, roamingShare: 1, readBackShare: 1, ratePerS: 20 });
    const adds = recorder.operations.filter(({ kind }) => kind === 'add');
    expect(recorder.operations.filter(({ kind }) => kind === 'read')).toHaveLength(adds.length);
    for (const [index, { session, user, endMs }] of adds.entries()) {
      const read = recorder.operations.find((one) => one.kind === 'read' && one.session === session && one.startMs >= endMs!);
      expect([index, read?.user]).toEqual([index, user]);
    }
    for (let index = 0; index + 1 < 20; index += 2) expect(http.sent[index + 1]!.gateway).toBe((http.sent[index]!.gateway + 1) % 3);
  });

  it('never gives a device a second thing before the first has ended', () => {
    const { recorder } = ran(() => answer(200, { afterMs: 300 }), { roamingShare: 0, ratePerS: 400, durationMs: 2_000 });
    for (const operations of Map.groupBy(recorder.operations, ({ session }) => session).values()) {
      const gapsMs = operations.slice(1).map(({ startMs }, index) => startMs - operations[index]!.endMs!);
      expect(Math.min(0, ...gapsMs)).toBe(0);
    }
  });

  it('is the same for the same seed', () => {
    const told = () => ran(() => answer(200)).http.sent.map(({ gateway, request }) => [gateway, request.method, request.path]);
    expect(told()).toEqual(told());
  });

  it('leaves lists for LINEARIZABLE to LINEARIZABLE, and asks some users far more than others', () => {
    const { recorder } = ran(() => answer(200), { durationMs: 20_000 });
    const ones = recorder.operations.filter(({ user }) => user.includes('one-'));
    expect(ones.length).toBeGreaterThan(20);
    for (const { user, level } of recorder.operations) expect(level === 'LINEARIZABLE').toBe(user.includes('one-'));
    const times = (user: string): number => recorder.operations.filter((operation) => operation.user === user).length;
    expect(times('u-0')).toBeGreaterThan(3 * times('u-15'));
  });
});

it('a closed loop keeps so many in flight, and says how many were answered in what time', () => {
  const clock = new SimClock();
  let inFlight = 0;
  let most = 0;
  let result: number[] = [];
  const one = (ended: (ok: boolean) => void): void => {
    most = Math.max(most, ++inFlight);
    clock.after(10, () => (inFlight--, ended(true)));
  };
  closedLoop(4, 1_000, clock, one, (ok, tookMs) => (result = [ok, tookMs]));
  clock.advance(2_000);
  expect([most, inFlight, result]).toEqual([4, 0, [400, 1_000]]);
});

it('the generator notices when it stood still, from when to when', () => {
  const clock = new SimClock();
  let lateMs = 0;
  const late = { wallMs: () => 0, monotonicMs: () => clock.monotonicMs(), after: (ms: number, task: () => void) => clock.after(ms + lateMs, task) };
  const meter = new LatenessMeter(late);
  meter.start();
  clock.advance(50);
  lateMs = 60;
  clock.advance(5);
  lateMs = 15;
  clock.advance(200);
  meter.stop();
  expect(meter.standstills).toHaveLength(1);
  expect(meter.standstills[0]!.toMs - meter.standstills[0]!.fromMs).toBe(60);
  expect(clock.pending).toBe(0);
});
