/**
 * The test kit for whoever makes endpoints of services: all of them in memory, in virtual time, and each as slow, as broken or
 * as silent as a test wants, for every method of a service, one method, or one key.
 *
 *     const fakes = new FakeServices();
 *     fakes.catalog(aFilm('heat-1995', { title: 'Heat', director: 'Michael Mann' }), aFilm('alien-1979'));
 *     fakes.favorite('ada', 'heat-1995');
 *     fakes.rate('ada', 'heat-1995', 5);
 *
 *     fakes.slow('films', 50);                               // each answer of the catalog comes 50 ms later
 *     fakes.slow('films.lookup', 200, { key: 'alien-1979' }); // and those that name this film after 200
 *     fakes.failing('ratings');                              // as with too few replicas; or with an error of your own
 *     fakes.hanging('bookmarks');                            // nothing is heard before the caller's own deadline
 *
 *     const { value, tookMs } = fakes.outcome(home(fakes.services, { user: 'ada' }, fakes.context(300)));
 *     expect(tookMs).toBe(200);
 *     expect(fakes.calls('films.lookup')).toMatchObject({ made: 1, inFlightMost: 1, tornDown: 0 });
 *
 * They keep the contract all the same: cold, one terminal event, torn down with their caller, never later than its deadline.
 * `fakes.services.rows` rests on the favorites and films themselves, not on the scripted ones, as a service of another process
 * would: a test of the chain makes `storedRows` of `fakes.services`. For pictures of time see marbles.ts.
 */
import { Observable, Subscription } from 'rxjs';
import { assert, type CallContext, TriptychError } from '@app/contracts';
import type { MemoryListStore } from '@app/favorites-client/testing';
import type { Film } from '@app/films';
import { type Clock, SimClock } from '@app/time';
import type { ServiceCall } from '../service.js';
import type { Services } from '../services.js';
import { loadFilms, memoryServices } from './memory-services.js';

type ServiceName = keyof Services;
/** A service, `films`, or one of its methods, `films.lookup`. */
export type Target = { [S in ServiceName]: S | `${S}.${keyof Services[S] & string}` }[ServiceName];

export interface When {
  /** Only calls whose request names this, as user, film, row or genre, or among its films. */
  readonly key?: string;
}

/** How a call goes. The last rule that was given for it counts. */
interface Rule extends When {
  readonly target: Target;
  readonly afterMs: number;
  /** What it ends with: the service's own answer, this error, or nothing by itself. */
  readonly ends: 'answer' | 'never' | TriptychError;
}

/** What became of the calls of a method, or of all of a service. */
export interface CallCount {
  readonly made: number;
  readonly inFlight: number;
  /** At any one time. */
  readonly inFlightMost: number;
  readonly answered: number;
  readonly failed: number;
  /** Left by their caller before they had ended. */
  readonly tornDown: number;
  /** In the order in which they were made. */
  readonly requests: readonly unknown[];
}

export interface Outcome<T> {
  readonly value?: T;
  readonly error?: TriptychError;
  readonly tookMs: number;
}

export class FakeServices<C extends Clock = SimClock> {
  readonly services: Services;
  /** What the services keep: for calls that a test makes of it directly. */
  readonly store: MemoryListStore;
  readonly clock: C;
  /** Without a script: what fills the store before a test begins. */
  readonly #plain: Services;
  #rules: Rule[] = [];
  readonly #counts = new Map<string, Counter>();

  /** @param clock a SimClock of its own where none is given; `marbles` brings that of the pictures */
  constructor(clock?: C) {
    this.clock = clock ?? (new SimClock() as unknown as C);
    const { store, ...services } = memoryServices(this.clock);
    this.store = store;
    this.#plain = services;
    this.services = Object.fromEntries(Object.entries(services).map(([name, service]) => [name, this.#scripted(name as ServiceName, service)])) as unknown as Services;
  }

  // --- what there is ---

  catalog(...films: readonly Film[]): this {
    loadFilms(this.store, films);
    return this;
  }

  favorite(user: string, ...films: readonly string[]): this {
    for (const film of films) this.#now(this.#plain.favorites.add({ user, film }, this.context()));
    return this;
  }

  bookmark(user: string, film: string, secondsWatched: number): this {
    this.#now(this.#plain.bookmarks.set({ user, film, value: secondsWatched }, this.context()));
    return this;
  }

  rate(user: string, film: string, stars: number): this {
    this.#now(this.#plain.ratings.set({ user, film, value: stars }, this.context()));
    return this;
  }

  // --- how it goes ---

  /** Answers as ever, `afterMs` later. */
  slow(target: Target, afterMs: number, when: When = {}): this {
    return this.#rule({ ...when, target, afterMs, ends: 'answer' });
  }

  /** Fails, by default at once and as with too few replicas in reach. */
  failing(target: Target, { error, afterMs = 0, ...when }: When & { readonly error?: TriptychError; readonly afterMs?: number } = {}): this {
    return this.#rule({ ...when, target, afterMs, ends: error ?? new TriptychError('STORE_QUORUM_UNAVAILABLE', `${target} is told to fail`, { needed: 2, alive: 1 }) });
  }

  /** Is never heard of again: the caller gets DEADLINE_EXCEEDED at its own deadline, as of any service. */
  hanging(target: Target, when: When = {}): this {
    return this.#rule({ ...when, target, afterMs: Infinity, ends: 'never' });
  }

  /** All answer at once again; calls in flight stay as they are. */
  healed(): this {
    this.#rules = [];
    return this;
  }

  // --- asking ---

  /** Of a device's request that may take so long. */
  context(timeoutMs = 300): CallContext {
    return { deadlineMs: this.clock.monotonicMs() + timeoutMs, traceId: 'test', priority: 'read', principal: { kind: 'device', name: 'test' } };
  }

  /** Runs a call to its end in virtual time. The last value counts. */
  outcome<T>(this: FakeServices<SimClock>, call$: Observable<T>, withinMs = 60_000): Outcome<T> {
    const beganMs = this.clock.monotonicMs();
    let end: Outcome<T> | undefined;
    let value: T | undefined;
    const tookMs = (): number => this.clock.monotonicMs() - beganMs;
    call$.subscribe({
      next: (heard) => (value = heard),
      error: (error: TriptychError) => (end = { error, tookMs: tookMs() }),
      complete: () => (end = { ...(value !== undefined && { value }), tookMs: tookMs() }),
    });
    assert(this.clock.runUntil(() => end !== undefined, withinMs), `no end within ${withinMs} ms`);
    return end!;
  }

  calls(target: Target): CallCount {
    return this.#counter(target).read();
  }

  // --- inside ---

  #rule(rule: Rule): this {
    this.#rules.push(rule);
    return this;
  }

  #now(call$: Observable<unknown>): void {
    let isDone = false;
    call$.subscribe({ complete: () => (isDone = true) });
    assert(isDone, 'a store in memory answers at once');
  }

  #counter(target: string): Counter {
    let counter = this.#counts.get(target);
    if (counter === undefined) this.#counts.set(target, (counter = new Counter()));
    return counter;
  }

  #scripted(name: ServiceName, service: object): object {
    return Object.fromEntries(
      Object.entries(service as Record<string, ServiceCall<object, unknown>>).map(([method, call]) => [
        method,
        (request: object, context: CallContext) => this.#call(name, `${name}.${method}` as Target, call, request, context),
      ]),
    );
  }

  #call(name: ServiceName, method: Target, call: ServiceCall<object, unknown>, request: object, context: CallContext): Observable<unknown> {
    const counters = [this.#counter(name), this.#counter(method)];
    return new Observable((subscriber) => {
      const rule = this.#rules.findLast(({ target, key }) => (target === name || target === method) && (key === undefined || namedIn(request, key)));
      let end: keyof Ends = 'tornDown';
      for (const counter of counters) counter.begin(request);
      const work = new Subscription();
      work.add(() => {
        for (const counter of counters) counter.end(end);
      });
      const fail = (error: unknown): void => {
        end = 'failed';
        work.unsubscribe();
        subscriber.error(error);
      };
      const answer = (): void => {
        work.add(
          call(request, context).subscribe({
            next: (value) => subscriber.next(value),
            error: fail,
            complete: () => {
              end = 'answered';
              work.unsubscribe();
              subscriber.complete();
            },
          }),
        );
      };
      const { afterMs, ends } = rule ?? ({ afterMs: 0, ends: 'answer' } as const);
      const leftMs = context.deadlineMs - this.clock.monotonicMs();
      const settle = (): void => (ends === 'answer' ? answer() : fail(ends));
      if (leftMs <= afterMs) {
        const late = new TriptychError('DEADLINE_EXCEEDED', 'the deadline passed before there was an answer', { lateMs: 0 });
        if (leftMs < Infinity) work.add(this.clock.after(Math.max(0, leftMs), () => fail(late)));
      } else if (afterMs === 0) settle();
      else work.add(this.clock.after(afterMs, settle));
      return work;
    });
  }
}

type Ends = Pick<CallCount, 'answered' | 'failed' | 'tornDown'>;

class Counter {
  readonly #requests: unknown[] = [];
  readonly #ends = { answered: 0, failed: 0, tornDown: 0 };
  #inFlight = 0;
  #inFlightMost = 0;

  begin(request: unknown): void {
    this.#requests.push(request);
    this.#inFlight++;
    this.#inFlightMost = Math.max(this.#inFlightMost, this.#inFlight);
  }

  end(how: keyof Ends): void {
    this.#inFlight--;
    this.#ends[how]++;
  }

  read(): CallCount {
    return { made: this.#requests.length, inFlight: this.#inFlight, inFlightMost: this.#inFlightMost, ...this.#ends, requests: [...this.#requests] };
  }
}

function namedIn(request: object, key: string): boolean {
  const { user, film, films, row, genre } = request as { user?: string; film?: string; films?: readonly string[]; row?: string; genre?: string };
  return [user, film, row, genre].includes(key) || (films?.includes(key) ?? false);
}
