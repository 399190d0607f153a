import { SimClock } from '@app/time';
import { describe, expect, it } from 'vitest';
import { Flood, FloodedServer, percentile, type ServerShape } from '../testing/flooded-server.js';
import { gatewayAdmission, gatewayLimit } from './admission-policy.js';
import type { AdmissionPolicy } from './admission-queue.js';
import { ConcurrencyLimit, type LimitPolicy } from './concurrency-limit.js';

/** 800 a second; with eight in flight it is busy, and answers after 10 ms. */
const SHAPE: ServerShape = { workers: 8, serviceMs: 10 };
const policyWith = (limit: Partial<LimitPolicy>): AdmissionPolicy => ({ ...gatewayAdmission, limit: { ...gatewayLimit, initial: 64, min: 4, toleratedMs: 0, ...limit } });
const UNLIMITED = { initial: 1_000_000, min: 1_000_000, max: 1_000_000 };

function scene(limit: Partial<LimitPolicy> = {}, shape = SHAPE) {
  const clock = new SimClock();
  const server = new FloodedServer(clock, shape);
  const flood = new Flood(clock, server, policyWith(limit));
  return { clock, server, flood, limit: () => flood.queue.state().limit };
}

/** The limit, looked at every 100 ms of a run. */
function watched({ clock, flood, limit }: ReturnType<typeof scene>, rate: number, durationMs: number): number[] {
  const seen: number[] = [];
  for (let atMs = 0; atMs < durationMs; atMs += 100) clock.after(atMs, () => seen.push(limit()));
  flood.run(rate, durationMs);
  return seen;
}
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('a flood', () => {
  it.each([
    [1.5, 0.99],
    [2, 0.99],
    [3, 0.99],
    [10, 0.99],
  ])('of %f times the capacity leaves goodput at %f of it, and nobody is served late', (times, share) => {
    const { flood, server } = scene();
    flood.run(server.capacity / 2, 3_000);
    const { good, late, latenciesMs } = flood.run(times * server.capacity, 10_000);
    expect(good / 10 / server.capacity).toBeGreaterThan(share);
    expect(late).toBe(0);
    // Less than the longest wait in line, and the permits' worth of work.
    expect(percentile(latenciesMs, 0.99)).toBeLessThan(gatewayAdmission.lines.read.burstWaitMs);
    expect(percentile(latenciesMs, 0.5)).toBeLessThan(60);
  });

  it('without a limit ends in work for callers who have left', () => {
    const { flood, server } = scene(UNLIMITED);
    flood.run(server.capacity / 2, 3_000);
    const { good, late } = flood.run(2 * server.capacity, 10_000);
    expect(good / 10 / server.capacity).toBeLessThan(0.3);
    expect(late).toBeGreaterThan(good);
  });

  it('is forgotten a moment after its end, and nobody is refused any more', () => {
    const { flood, server } = scene();
    flood.run(server.capacity / 2, 3_000);
    flood.run(3 * server.capacity, 10_000);
    flood.run(server.capacity / 2, 500);
    const { came, good, refused, latenciesMs } = flood.run(server.capacity / 2, 3_000);
    expect(refused).toBe(0);
    expect(good).toBeGreaterThan(0.98 * came);
    expect(percentile(latenciesMs, 0.99)).toBeLessThan(30);
  });
});

describe('the limit', () => {
  it.each([2, 8, 40])('comes to where a server of %i workers is busy and its queue short, and stays there', (workers) => {
    const made = scene({}, { workers, serviceMs: 10 });
    made.flood.run(made.server.capacity / 2, 3_000);
    watched(made, 2 * made.server.capacity, 10_000);
    const limits = watched(made, 2 * made.server.capacity, 20_000);
    expect(mean(limits)).toBeGreaterThan(workers);
    // Latency is tolerated up to twice the baseline; the square root lets it look for more.
    expect(mean(limits)).toBeLessThan(2 * workers + 2 * Math.sqrt(2 * workers) + 4);
    // No oscillation: but for the moments of measuring it hardly moves.
    const steady = limits.filter((limit) => limit > mean(limits) / 2);
    expect(steady.length).toBeGreaterThan(0.97 * limits.length);
    expect(Math.max(...steady) - Math.min(...steady)).toBeLessThan(0.35 * mean(limits) + 4);
  });

  it('is not talked up by a flood that lasts: its sixth minute is as its first', () => {
    const made = scene();
    made.flood.run(made.server.capacity / 2, 3_000);
    const first = watched(made, 2 * made.server.capacity, 60_000);
    made.flood.run(2 * made.server.capacity, 240_000);
    const last = watched(made, 2 * made.server.capacity, 60_000);
    expect(mean(last)).toBeLessThan(1.2 * mean(first));
    expect(made.flood.queue.state().baselineMs).toBeLessThan(1.3 * SHAPE.serviceMs);
  });

  it('that was too small grows again', () => {
    const made = scene({ initial: 4 }, { workers: 100, serviceMs: 10 });
    const limits = watched(made, 0.9 * made.server.capacity, 15_000);
    expect(limits[0]).toBe(4);
    expect(limits.at(-1)).toBeGreaterThan(90);
    expect(made.flood.run(0.9 * made.server.capacity, 3_000).refused).toBe(0);
  });

  it('that was too large shrinks, where the server has become smaller', () => {
    const made = scene({}, { workers: 40, serviceMs: 10 });
    made.flood.run(2 * made.server.capacity, 10_000);
    const before = made.limit();
    made.server.shape = { workers: 8, serviceMs: 10 };
    made.flood.run(2 * made.server.capacity, 10_000);
    expect(made.limit()).toBeLessThan(before / 2);
    const { good, late } = made.flood.run(2 * made.server.capacity, 5_000);
    expect(good / 5 / made.server.capacity).toBeGreaterThan(0.97);
    expect(late).toBe(0);
  });

  it('follows a server that is slower and not smaller, as with a zone dead: nobody need be refused', () => {
    const made = scene({}, { workers: 40, serviceMs: 10 });
    made.flood.run(2_000, 10_000);
    // Three times as long an answer; still room for 2,000 a second, with three times as much in flight.
    made.server.shape = { workers: 120, serviceMs: 30 };
    made.flood.run(2_000, 60_000);
    const { came, refused } = made.flood.run(2_000, 10_000);
    expect(refused).toBeLessThan(0.01 * came);
    expect(made.limit()).toBeGreaterThan(60);
  });

  it('holds with several gateways before one server, which measure together', () => {
    const clock = new SimClock();
    const server = new FloodedServer(clock, SHAPE);
    const floods = [1, 2, 3].map(() => new Flood(clock, server, policyWith({})));
    const all = (rate: number, durationMs: number) => {
      floods.slice(1).forEach((flood) => flood.begin({ read: rate / 3 }, durationMs));
      floods[0]!.run(rate / 3, durationMs);
      const sum = (of: 'good' | 'late'): number => floods.reduce((total, { tallies }) => total + tallies.read[of], 0);
      return { good: sum('good'), late: sum('late') };
    };
    all(server.capacity / 2, 3_000);
    all(2 * server.capacity, 120_000);
    const { good, late } = all(2 * server.capacity, 20_000);
    expect(good / 20 / server.capacity).toBeGreaterThan(0.97);
    expect(late).toBe(0);
    for (const flood of floods) expect(flood.queue.state().limit).toBeLessThan(60);
  });

  it('lets latency be what nobody minds, and no more', () => {
    const made = scene({ toleratedMs: 100, initial: 16 });
    made.flood.run(made.server.capacity / 2, 3_000);
    const limits = watched(made, 2 * made.server.capacity, 10_000).slice(50);
    // 100 ms at 800 a second, and the square root.
    expect(mean(limits)).toBeGreaterThan(70);
    expect(mean(limits)).toBeLessThan(110);
  });

  it('learns from callers who leave unserved, where nobody is served in time', () => {
    // 33 a second: with 100 in flight an answer takes three seconds, and callers wait for one.
    const made = scene({ initial: 100, toleratedMs: 100 }, { workers: 1, serviceMs: 30 });
    made.flood.leaveAtOnce = true;
    made.flood.run(2 * made.server.capacity, 20_000);
    const { good } = made.flood.run(2 * made.server.capacity, 20_000);
    expect(good / 20 / made.server.capacity).toBeGreaterThan(0.9);
  });

  it('backs off when requests run out of time, and never leaves its bounds', () => {
    const clock = new SimClock();
    const limit = new ConcurrencyLimit({ ...gatewayLimit, initial: 100, min: 20, max: 110 }, clock);
    const window = (latencyMs: number, isDropped: boolean, inFlight = 100) => {
      for (let i = 0; i < 20; i++) {
        clock.advance(10);
        limit.sample({ latencyMs, inFlight, isDropped: isDropped && i % 2 === 0 });
      }
    };
    window(10, true);
    expect(limit.limit).toBeLessThan(95);
    for (let i = 0; i < 40; i++) window(10, true);
    expect(limit.limit).toBe(20);
    for (let i = 0; i < 200; i++) window(10, false);
    expect(limit.limit).toBe(110);
  });

  it('stays where it is while it is not used: a quiet night teaches nothing', () => {
    const { flood, server, limit } = scene();
    const before = limit();
    flood.run(server.capacity / 10, 20_000);
    expect(limit()).toBe(before);
  });

  it('is measured on: a wall clock that jumps costs a measurement and no more', () => {
    let skewMs = 0;
    const sim = new SimClock();
    const limit = new ConcurrencyLimit(gatewayLimit, sim.at(() => skewMs));
    let measurements = 0;
    let was = limit.limit;
    for (let i = 0; i < 60_000; i++) {
      sim.advance(1);
      if (i === 20_000) skewMs = -86_400_000;
      if (i === 40_000) skewMs = 86_400_000;
      limit.sample({ latencyMs: i < 5_000 ? 10 : 500, inFlight: limit.limit, isDropped: false });
      if (limit.limit < was / 2) measurements++;
      was = limit.limit;
    }
    expect(measurements).toBeGreaterThanOrEqual(4);
    expect(measurements).toBeLessThanOrEqual(8);
  });

  it('is not made from a policy that means nothing', () => {
    const made = (change: Partial<LimitPolicy>) => () => new ConcurrencyLimit({ ...gatewayLimit, ...change }, new SimClock());
    expect(made({ min: 0 })).toThrow('min');
    expect(made({ initial: 1_000 })).toThrow('initial');
    expect(made({ tolerance: 0.5 })).toThrow('tolerance');
    expect(made({ windowMs: 0 })).toThrow('window');
    expect(made({ measureEveryMs: 0 })).toThrow('measureEveryMs');
    expect(made({})).not.toThrow();
  });
});
