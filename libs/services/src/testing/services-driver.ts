/** Asks services and lets virtual time pass until they have answered: how services-contract.ts speaks. */
import type { Observable } from 'rxjs';
import { assert, type CallContext, type TriptychError } from '@app/contracts';
import type { WriteFailure } from '@app/favorites-client';
import type { SimClock } from '@app/time';
import type { Services } from '../services.js';

export interface ServicesHarness {
  readonly services: Services;
  readonly clock: SimClock;
  /** Whatever the services rest on is silent from now on. */
  stall(): void;
  /** Calls that the services have made of what they rest on and that have not ended. */
  inFlight(): number;
  /** Makes the next write take effect (true) or not, and its outcome unknown to the caller. */
  loseNextReply(applied: boolean): void;
}

export interface Settled<T> {
  /** In the order heard: 'value', 'complete', or the code of the error. */
  readonly heard: readonly string[];
  readonly value?: T;
  readonly error?: WriteFailure;
  readonly tookMs: number;
}

export const TIMEOUT_MS = 2_000;

export class ServicesDriver {
  readonly services: Services;
  readonly clock: SimClock;

  constructor(readonly harness: ServicesHarness) {
    this.services = harness.services;
    this.clock = harness.clock;
  }

  context(timeoutMs = TIMEOUT_MS): CallContext {
    return { deadlineMs: this.clock.monotonicMs() + timeoutMs, traceId: 'contract', priority: 'read', principal: { kind: 'device', name: 'ada' } };
  }

  answer<T>(call$: Observable<T>): T {
    const { value, error } = this.settle(call$);
    if (error !== undefined) throw error;
    return value!;
  }

  failure(call$: Observable<unknown>): WriteFailure {
    const { error, heard } = this.settle(call$);
    assert(error !== undefined, `the call fails; it has said ${heard.join()}`);
    return error;
  }

  settle<T>(call$: Observable<T>): Settled<T> {
    const beganMs = this.clock.monotonicMs();
    const settled: { heard: string[]; value?: T; error?: WriteFailure; tookMs: number } = { heard: [], tookMs: 0 };
    let isOver = false;
    const end = (): void => {
      isOver = true;
      settled.tookMs = this.clock.monotonicMs() - beganMs;
    };
    call$.subscribe({
      next: (value) => {
        settled.heard.push('value');
        settled.value = value;
      },
      error: (error: TriptychError) => {
        settled.heard.push(error.code ?? String(error));
        settled.error = error;
        end();
      },
      complete: () => {
        settled.heard.push('complete');
        end();
      },
    });
    assert(this.clock.runUntil(() => isOver, 10 * TIMEOUT_MS), `no end within ${10 * TIMEOUT_MS} ms`);
    return settled;
  }

  /** Time for what was begun to be heard of beneath, and no more. */
  pause(): void {
    this.clock.advance(50);
  }

  // --- what nearly every test says ---

  addFavorites(user: string, ...films: readonly string[]): void {
    for (const film of films) this.answer(this.services.favorites.add({ user, film }, this.context()));
  }

  favoritesOf(user: string): string[] {
    return this.answer(this.services.favorites.page({ user, limit: 500 }, this.context())).items.map(({ film }) => film);
  }
}
