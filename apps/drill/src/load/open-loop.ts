/** Runs a plan: gives each arrival to a device when it is due, and keeps what became of it. Everything of time comes from the clock. */
import type { Clock, SeededRandom } from '@app/time';
import { arrivals } from './arrivals.js';
import type { LoadPlan } from './load-plan.js';
import type { Population } from './population.js';
import type { Sample } from './sample.js';

export interface OpenLoopPorts {
  readonly plan: LoadPlan;
  readonly population: Population;
  readonly clock: Clock;
  readonly random: SeededRandom;
  readonly sampled: (sample: Sample) => void;
}

export class OpenLoop {
  #inFlight = 0;
  #sent = 0;
  #isOver = false;

  constructor(private readonly ports: OpenLoopPorts) {}

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Arrivals given to devices so far. */
  get sent(): number {
    return this.#sent;
  }

  /** @param done called when the last arrival has been answered or given up */
  start(done: () => void): void {
    const { plan, clock, random } = this.ports;
    const startMs = clock.monotonicMs();
    const due = arrivals(plan, random);
    let next = due.next();
    const settle = (): void => {
      if (this.#isOver && this.#inFlight === 0) done();
    };
    const step = (): void => {
      // All that is due by now, whenever this was woken: nobody is left out because the generator was late.
      while (next.done !== true && startMs + next.value <= clock.monotonicMs()) {
        this.#arrive(startMs + next.value, settle);
        next = due.next();
      }
      if (next.done === true) {
        this.#isOver = true;
        settle();
      } else clock.after(Math.max(0, startMs + next.value - clock.monotonicMs()), step);
    };
    step();
  }

  #arrive(dueMs: number, settle: () => void): void {
    const { population, plan, random, sampled, clock } = this.ports;
    const { device, action, release } = population.next();
    const isReadBack = action.kind === 'add' && device.profile.kind === 'roaming' && random.fraction() < plan.readBackShare;
    this.#sent++;
    this.#inFlight++;
    const finish = (sample: Sample): void => {
      sampled(sample);
      release();
      this.#inFlight--;
      settle();
    };
    device.perform(action, dueMs, (sample) => {
      if (!isReadBack || !sample.ok) return finish(sample);
      sampled(sample);
      device.perform({ kind: 'list' }, clock.monotonicMs(), finish);
    });
  }
}
