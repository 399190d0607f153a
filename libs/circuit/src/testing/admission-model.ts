/** What an admission queue with a fixed number of permits should do, as a list of visits that is searched anew for every question. */
import { ADMISSION_PRIORITIES, type AdmissionPolicy, type AdmissionPriority } from '../limiter/admission-queue.js';

interface Visitor {
  readonly id: number;
  readonly priority: AdmissionPriority;
  readonly cameMs: number;
  readonly deadlineMs: number;
  stand: 'waiting' | 'inside' | 'gone';
  /** When it stopped waiting, if ever it waited. */
  calledMs?: number;
}

export class AdmissionModel {
  readonly told: string[] = [];
  #nowMs = 0;
  #turn = 0;
  readonly #visitors: Visitor[] = [];
  readonly #formedMs = new Map<AdmissionPriority, number>();

  constructor(
    private readonly policy: AdmissionPolicy,
    private readonly permits: number,
  ) {}

  get inFlight(): number {
    return this.#visitors.filter(({ stand }) => stand === 'inside').length;
  }

  waiting(priority: AdmissionPriority): number {
    return this.#line(priority).length;
  }

  enter(id: number, priority: AdmissionPriority, deadlineMs: number): void {
    const visitor: Visitor = { id, priority, cameMs: this.#nowMs, deadlineMs, stand: 'waiting' };
    const higherOrSame = ADMISSION_PRIORITIES.slice(0, ADMISSION_PRIORITIES.indexOf(priority) + 1);
    if (this.inFlight < this.permits && higherOrSame.every((of) => this.waiting(of) === 0)) this.#tell(visitor, 'in');
    else if (this.waiting(priority) >= this.#room(priority)) this.#tell(visitor, 'line-full');
    else if (this.waiting(priority) === 0 && this.#wasEmptyForMs(priority) >= this.policy.lines[priority].standingWaitMs) this.#formedMs.set(priority, this.#nowMs);
    this.#visitors.push(visitor);
  }

  leave(id: number): void {
    const visitor = this.#visitors.find((other) => other.id === id);
    if (visitor === undefined) return;
    const wasInside = visitor.stand === 'inside';
    if (visitor.stand === 'waiting') visitor.calledMs = this.#nowMs;
    visitor.stand = 'gone';
    while (wasInside && this.inFlight < this.permits && this.#callOne());
  }

  /** Those whose time is over hear of it in the order of their times, then of their lines. */
  advance(durationMs: number): void {
    const untilMs = this.#nowMs + durationMs;
    for (; this.#nowMs <= untilMs; this.#nowMs++) {
      for (const priority of ADMISSION_PRIORITIES) {
        for (const visitor of this.#line(priority)) {
          if (this.#nowMs - visitor.cameMs >= this.policy.lines[priority].burstWaitMs) this.#tell(visitor, 'waited');
        }
      }
    }
    this.#nowMs = untilMs;
  }

  #callOne(): boolean {
    const first = this.#nextOf(ADMISSION_PRIORITIES);
    if (first === undefined) return false;
    const lower = this.#nextOf(ADMISSION_PRIORITIES.slice(ADMISSION_PRIORITIES.indexOf(first.priority) + 1));
    const isLowersTurn = lower !== undefined && ++this.#turn % this.policy.lowerEvery === 0;
    this.#tell(isLowersTurn ? lower : first, 'in');
    return true;
  }

  #nextOf(priorities: readonly AdmissionPriority[]): Visitor | undefined {
    for (const priority of priorities) {
      const { burstWaitMs, standingWaitMs } = this.policy.lines[priority];
      const isStanding = this.#isStanding(priority);
      for (const visitor of this.#line(priority)) {
        if (this.#nowMs - visitor.cameMs > (isStanding ? standingWaitMs : burstWaitMs)) this.#tell(visitor, 'waited');
      }
      for (;;) {
        const line = this.#line(priority);
        const next = isStanding ? line.at(-1) : line[0];
        if (next === undefined) break;
        if (next.deadlineMs > this.#nowMs) return next;
        this.#tell(next, 'deadline');
      }
    }
    return undefined;
  }

  #room(priority: AdmissionPriority): number {
    const { length, standingLength } = this.policy.lines[priority];
    return this.#isStanding(priority) ? standingLength : length;
  }

  #wasEmptyForMs(priority: AdmissionPriority): number {
    return Math.min(...this.#visitors.filter((visitor) => visitor.priority === priority).map(({ calledMs = -Infinity }) => this.#nowMs - calledMs));
  }

  #isStanding(priority: AdmissionPriority): boolean {
    return this.waiting(priority) > 0 && this.#nowMs - this.#formedMs.get(priority)! > this.policy.lines[priority].burstWaitMs;
  }

  #line(priority: AdmissionPriority): Visitor[] {
    return this.#visitors.filter((visitor) => visitor.stand === 'waiting' && visitor.priority === priority);
  }

  #tell(visitor: Visitor, what: string): void {
    if (this.#visitors.includes(visitor)) visitor.calledMs = this.#nowMs;
    visitor.stand = what === 'in' ? 'inside' : 'gone';
    this.told.push(`${visitor.id} ${what}`);
  }
}
