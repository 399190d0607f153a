/**
 * A server of so many workers behind an admission queue, and a flood of callers who come whether or not they are served: open
 * loop, in virtual time. Callers wait for a second; what is answered later is work done for nobody.
 */
import { SeededRandom, type SimClock } from '@app/time';
import { AdmissionQueue, type AdmissionPolicy, type AdmissionPriority } from '../limiter/admission-queue.js';

export const PATIENCE_MS = 1_000;

export interface ServerShape {
  /** Jobs done at a time. */
  readonly workers: number;
  /** Mean length of a job, ms; between half and one and a half of it. */
  readonly serviceMs: number;
}

/** Jobs wait in order and are done by the first free worker. */
export class FloodedServer {
  shape: ServerShape;
  readonly #jobs: (() => void)[] = [];
  #busy = 0;

  constructor(
    private readonly clock: SimClock,
    shape: ServerShape,
    private readonly random = new SeededRandom(1),
  ) {
    this.shape = shape;
  }

  /** Jobs a second. */
  get capacity(): number {
    return (this.shape.workers * 1_000) / this.shape.serviceMs;
  }

  do(done: () => void): void {
    this.#jobs.push(done);
    this.#work();
  }

  #work(): void {
    while (this.#busy < this.shape.workers && this.#jobs.length > 0) {
      const done = this.#jobs.shift()!;
      this.#busy++;
      this.clock.after(this.shape.serviceMs * (0.5 + this.random.fraction()), () => {
        this.#busy--;
        done();
        this.#work();
      });
    }
  }
}

/** What became of the callers of one priority. */
export interface Tally {
  came: number;
  refused: number;
  /** Answered within their patience. */
  good: number;
  late: number;
  /** Of the good ones, ms. */
  latenciesMs: number[];
}

export class Flood {
  readonly queue: AdmissionQueue;
  tallies: Record<AdmissionPriority, Tally>;
  /** Callers whose patience is over hang up, as devices do; the server does not hear of it. */
  leaveAtOnce = false;

  constructor(
    readonly clock: SimClock,
    private readonly server: FloodedServer,
    policy: AdmissionPolicy,
    private readonly random = new SeededRandom(2),
  ) {
    this.queue = new AdmissionQueue(policy, clock);
    this.tallies = noTallies();
  }

  /** Callers at so many a second, at random moments, for so long; then what became of those who came in that time. */
  run(ratePerSecond: number, durationMs: number, priority: AdmissionPriority = 'read'): Tally {
    return this.runMixed({ [priority]: ratePerSecond }, durationMs)[priority];
  }

  runMixed(rates: Partial<Record<AdmissionPriority, number>>, durationMs: number): Record<AdmissionPriority, Tally> {
    this.begin(rates, durationMs);
    this.clock.advance(durationMs);
    return this.tallies;
  }

  /** As `runMixed`, without letting time pass. */
  begin(rates: Partial<Record<AdmissionPriority, number>>, durationMs: number): void {
    const tallies = (this.tallies = noTallies());
    const endMs = this.clock.monotonicMs() + durationMs;
    for (const [priority, rate] of Object.entries(rates) as [AdmissionPriority, number][]) this.#arrive(priority, rate, endMs, tallies[priority]);
  }

  #arrive(priority: AdmissionPriority, rate: number, endMs: number, tally: Tally): void {
    const gapMs = (-Math.log(1 - this.random.fraction()) * 1_000) / rate;
    if (this.clock.monotonicMs() + gapMs > endMs) return;
    this.clock.after(gapMs, () => {
      this.#call(priority, tally);
      this.#arrive(priority, rate, endMs, tally);
    });
  }

  #call(priority: AdmissionPriority, tally: Tally): void {
    const cameMs = this.clock.monotonicMs();
    tally.came++;
    const visit = this.queue.enter(priority, cameMs + PATIENCE_MS, (refusal) => {
      if (refusal !== null) {
        tally.refused++;
        return;
      }
      this.server.do(() => {
        const tookMs = this.clock.monotonicMs() - cameMs;
        if (tookMs <= PATIENCE_MS) {
          tally.good++;
          tally.latenciesMs.push(tookMs);
        } else tally.late++;
        visit.leave('served');
      });
    });
    if (this.leaveAtOnce) this.clock.after(PATIENCE_MS, () => visit.leave());
  }
}

/** @param share in (0, 1] */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
}

function noTallies(): Record<AdmissionPriority, Tally> {
  const none = (): Tally => ({ came: 0, refused: 0, good: 0, late: 0, latenciesMs: [] });
  return { write: none(), read: none(), prefetch: none() };
}
