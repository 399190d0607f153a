import { SeededRandom, SimClock } from '@app/time';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AdmissionModel } from '../testing/admission-model.js';
import { Flood, FloodedServer, percentile } from '../testing/flooded-server.js';
import { gatewayAdmission, gatewayLimit } from './admission-policy.js';
import { ADMISSION_PRIORITIES, AdmissionQueue, type AdmissionPolicy, type AdmissionPriority, type Visit, type VisitEnd } from './admission-queue.js';

/** Two permits, whatever latencies say. */
const TWO = { ...gatewayLimit, initial: 2, min: 2, max: 2, measureEveryMs: 2_000_000_000 };
const line = { length: 3, standingLength: 2, burstWaitMs: 100, standingWaitMs: 20 };
const SMALL: AdmissionPolicy = { limit: TWO, lines: { write: line, read: line, prefetch: line }, lowerEvery: 3 };

function scene(policy = SMALL) {
  const clock = new SimClock();
  const queue = new AdmissionQueue(policy, clock);
  const told: string[] = [];
  let count = 0;
  const enter = (priority: AdmissionPriority = 'read', deadlineMs = Infinity): Visit => {
    const name = `${priority} ${++count}`;
    return queue.enter(priority, deadlineMs, (refusal) => told.push(`${name} ${refusal ?? 'in'}`));
  };
  /** What was told since it was last asked for. */
  const heard = (): string[] => told.splice(0);
  return { clock, queue, enter, heard };
}

describe('an admission queue', () => {
  it('gives out its permits, lets some wait, and refuses the rest at once', () => {
    const { queue, enter, heard } = scene();
    for (let i = 0; i < 6; i++) enter();
    expect(heard()).toEqual(['read 1 in', 'read 2 in', 'read 6 line-full']);
    expect(queue.isFull('read')).toBe(true);
    expect(queue.isFull('write')).toBe(false);
    expect(queue.state()).toMatchObject({ limit: 2, inFlight: 2, lines: { read: { waiting: 3, admitted: 2, refused: { 'line-full': 1 } } } });
  });

  it('serves writes before reads before prefetches, whoever came first', () => {
    const { enter, heard } = scene({ ...SMALL, lowerEvery: 1_000 });
    const inside = [enter(), enter()];
    enter('prefetch');
    enter('read');
    enter('write');
    heard();
    inside.forEach((visit) => visit.leave());
    expect(heard()).toEqual(['write 5 in', 'read 4 in']);
  });

  it('gives one permit in `lowerEvery` to the next lower line', () => {
    const { enter, heard } = scene({ ...SMALL, lines: { ...SMALL.lines, write: { ...line, length: 100 } } });
    const inside = [enter(), enter()];
    for (let i = 0; i < 9; i++) enter('write');
    for (let i = 0; i < 3; i++) enter('read');
    heard();
    inside.forEach((visit) => visit.leave());
    expect(heard()).toEqual(['write 3 in', 'write 4 in']);
  });

  it('calls the first to have come in a burst', () => {
    const { clock, enter, heard } = scene();
    const inside = [enter(), enter()];
    enter();
    clock.advance(90);
    enter();
    heard();
    inside[0]!.leave();
    expect(heard()).toEqual(['read 3 in']);
  });

  it('calls the last to have come in a line that stands, and nobody who has waited long', () => {
    const read = { ...line, standingLength: 3 };
    const { clock, enter, heard } = scene({ ...SMALL, lines: { ...SMALL.lines, read }, limit: { ...TWO, initial: 1, min: 1, max: 1 } });
    const visits = [enter()];
    const leave = (): void => visits.find(({ stand }) => stand === 'inside')!.leave();
    // Two always wait: the line is never empty.
    visits.push(enter(), enter());
    for (let i = 0; i < 11; i++) {
      clock.advance(10);
      leave();
      visits.push(enter());
    }
    const old = visits.at(-1)!;
    heard();
    clock.advance(5);
    const young = enter();
    visits.push(young);
    leave();
    expect([old.stand, young.stand]).toEqual(['waiting', 'inside']);
    clock.advance(21);
    young.leave();
    expect(heard()).toEqual(['read 12 waited', 'read 15 in', 'read 14 waited']);
  });

  it('takes a line that was empty for a moment for one that stands still, and one that was empty for longer for a new one', () => {
    const standsAfter = (emptyMs: number): boolean => {
      const { clock, queue, enter } = scene();
      const inside = [enter(), enter()];
      const first = enter();
      clock.advance(90);
      first.leave();
      clock.advance(emptyMs);
      enter();
      clock.advance(20);
      enter();
      expect(inside.every(({ stand }) => stand === 'inside')).toBe(true);
      return queue.isFull('read');
    };
    expect([standsAfter(19), standsAfter(20)]).toEqual([true, false]);
  });

  it('lets fewer wait in a line that stands', () => {
    const { clock, queue, enter, heard } = scene();
    const inside = [enter(), enter()];
    for (let i = 0; i < 3; i++) enter();
    expect(queue.isFull('read')).toBe(true);
    inside[0]!.leave();
    expect(queue.isFull('read')).toBe(false);
    clock.advance(99);
    enter();
    heard();
    clock.advance(2);
    expect([queue.state().lines.read.waiting, queue.isFull('read')]).toEqual([1, false]);
    for (let i = 0; i < 2; i++) enter();
    expect(heard()).toEqual(['read 4 waited', 'read 5 waited', 'read 8 line-full']);
  });

  it('refuses whoever has waited as long as one may', () => {
    const { clock, enter, heard } = scene();
    for (let i = 0; i < 3; i++) enter();
    heard();
    clock.advance(99);
    expect(heard()).toEqual([]);
    clock.advance(1);
    expect(heard()).toEqual(['read 3 waited']);
    expect(clock.pending).toBe(0);
  });

  it('drops unserved whoever has a deadline that has passed, and serves the next', () => {
    const { clock, queue, enter, heard } = scene();
    const inside = [enter(), enter()];
    enter('read', 50);
    enter('read', 500);
    heard();
    clock.advance(60);
    inside[0]!.leave('served');
    expect(heard()).toEqual(['read 3 deadline', 'read 4 in']);
    expect(queue.state().lines.read.refused).toEqual({ 'line-full': 0, waited: 0, deadline: 1 });
  });

  it('takes a permit back once, and a place in line from whoever leaves it', () => {
    const { clock, queue, enter, heard } = scene();
    const [first, second, third, fourth] = [enter(), enter(), enter(), enter()];
    third!.leave();
    first!.leave();
    first!.leave();
    heard();
    expect(fourth!.stand).toBe('inside');
    expect(queue.state().inFlight).toBe(2);
    second!.leave();
    fourth!.leave('dropped');
    expect(queue.state()).toMatchObject({ inFlight: 0, lines: { read: { waiting: 0 } } });
    clock.advance(100);
    expect([heard(), clock.pending]).toEqual([[], 0]);
  });

  it('empties a long line of visits that leave at once without nesting them', () => {
    const { queue } = scene({ ...SMALL, lines: { ...SMALL.lines, read: { ...line, length: 5_000 } } });
    const inside = [1, 2].map(() => queue.enter('read', Infinity, () => {}));
    let ended = 0;
    for (let i = 0; i < 5_000; i++) {
      const visit: Visit = queue.enter('read', Infinity, () => {
        ended++;
        visit.leave('served');
      });
    }
    inside[0]!.leave();
    expect(ended).toBe(5_000);
    expect(queue.state().inFlight).toBe(1);
  });

  it('is not made from a policy that means nothing', () => {
    expect(() => scene({ ...SMALL, lowerEvery: 1 })).toThrow('lowerEvery');
    expect(() => scene({ ...SMALL, lines: { ...SMALL.lines, read: { ...line, standingWaitMs: 200 } } })).toThrow('standingWaitMs');
    expect(() => scene({ ...SMALL, lines: { ...SMALL.lines, write: { ...line, length: -1 } } })).toThrow('length');
    expect(() => scene({ ...SMALL, lines: { ...SMALL.lines, write: { ...line, standingLength: 4 } } })).toThrow('standingLength');
  });
});

describe('whatever the order of visits, waits and leavings', () => {
  const priority = fc.constantFrom(...ADMISSION_PRIORITIES);
  const which = fc.nat({ max: 11 });
  const steps = fc.array(
    fc.oneof(
      { weight: 6, arbitrary: fc.record({ kind: fc.constant('enter' as const), priority, patienceMs: fc.constantFrom(5, 30, Infinity) }) },
      { weight: 5, arbitrary: fc.record({ kind: fc.constant('leave' as const), which, end: fc.constantFrom<VisitEnd>('served', 'dropped', 'left') }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait' as const), durationMs: fc.constantFrom(1, 7, 20, 45, 100) }) },
    ),
    { minLength: 30, maxLength: 120, size: 'max' },
  );

  it('everyone is told what a list of visits, worked out anew each time, says', () => {
    fc.assert(
      fc.property(steps, (sequence) => {
        const clock = new SimClock();
        const queue = new AdmissionQueue(SMALL, clock);
        const model = new AdmissionModel(SMALL, 2);
        let told: string[] = [];
        const visits: Visit[] = [];
        for (const step of sequence) {
          if (step.kind === 'enter') {
            const id = visits.length;
            const deadlineMs = clock.monotonicMs() + step.patienceMs;
            visits.push(queue.enter(step.priority, deadlineMs, (refusal) => told.push(`${id} ${refusal ?? 'in'}`)));
            model.enter(id, step.priority, deadlineMs);
          } else if (step.kind === 'leave') {
            const id = visits.length - 1 - step.which;
            visits[id]?.leave(step.end);
            model.leave(id);
          } else {
            clock.advance(step.durationMs);
            model.advance(step.durationMs);
          }
          // Whose times are over at one moment, in different lines, hear of it in any order.
          expect(step.kind === 'wait' ? told.toSorted() : told).toEqual(step.kind === 'wait' ? model.told.toSorted() : model.told);
          told = [];
          model.told.length = 0;
          const { inFlight, lines } = queue.state();
          expect([inFlight, ...ADMISSION_PRIORITIES.map((of) => lines[of].waiting)]).toEqual([model.inFlight, ...ADMISSION_PRIORITIES.map((of) => model.waiting(of))]);
        }
        visits.forEach((visit) => visit.leave());
        clock.advance(200);
        expect([queue.state().inFlight, clock.pending]).toEqual([0, 0]);
      }),
    );
  });

  it('100,000 callers who leave at any moment leave no permit, place or timer behind', () => {
    const random = new SeededRandom(7);
    const clock = new SimClock();
    const queue = new AdmissionQueue({ ...gatewayAdmission, limit: { ...gatewayLimit, initial: 8, min: 2 } }, clock);
    const visits: Visit[] = [];
    for (let i = 0; i < 100_000; i++) {
      visits.push(queue.enter(random.pick(ADMISSION_PRIORITIES), clock.monotonicMs() + random.below(400), () => {
        if (random.below(4) === 0) visits[random.below(visits.length)]?.leave(random.pick(['served', 'dropped', 'left'] as const));
      }));
      if (visits.length > 60) visits.splice(random.below(60), 1)[0]!.leave(random.pick(['served', 'dropped', 'left'] as const));
      if (random.below(3) === 0) clock.advance(random.below(20));
      const { inFlight, limit } = queue.state();
      if (inFlight < 0 || (i > 1_000 && limit < 1)) throw new Error(`step ${i}: ${inFlight} in flight of ${limit}`);
    }
    for (const visit of visits) visit.leave();
    clock.advance(1_000);
    const { inFlight, lines } = queue.state();
    expect([inFlight, lines.write.waiting, lines.read.waiting, lines.prefetch.waiting, clock.pending]).toEqual([0, 0, 0, 0, 0]);
  });
});

describe('in a flood of all kinds', () => {
  const flooded = (rates: Partial<Record<AdmissionPriority, number>>) => {
    const clock = new SimClock();
    const server = new FloodedServer(clock, { workers: 8, serviceMs: 10 });
    const flood = new Flood(clock, server, { ...gatewayAdmission, limit: { ...gatewayLimit, min: 8, toleratedMs: 0 } });
    flood.run(400, 3_000);
    return flood.runMixed(rates, 10_000);
  };

  it('writes within the capacity are all served, reads get the rest, and prefetches nothing', () => {
    const { write, read, prefetch } = flooded({ write: 500, read: 500, prefetch: 500 });
    expect(write.good).toBeGreaterThan(0.99 * write.came);
    expect(write.good + read.good + prefetch.good).toBeGreaterThan(0.98 * 8_000);
    expect(read.good).toBeGreaterThan(2_000);
    // A tenth of the turns at which reads wait.
    expect(prefetch.good).toBeLessThan(0.1 * prefetch.came);
    expect(percentile(write.latenciesMs, 0.99)).toBeLessThan(120);
  });

  it('reads get their tenth although writes alone are too many', () => {
    const { write, read, prefetch } = flooded({ write: 2_000, read: 400, prefetch: 400 });
    expect(read.good / 8_000).toBeGreaterThan(0.08);
    expect(write.good / 8_000).toBeGreaterThan(0.85);
    expect(prefetch.good / 8_000).toBeLessThan(0.02);
  });

  it('prefetches are served while there is room', () => {
    const { prefetch } = flooded({ write: 200, read: 200, prefetch: 200 });
    expect(prefetch.good).toBeGreaterThan(0.99 * prefetch.came);
  });
});
