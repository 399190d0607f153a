import { TriptychError } from '@app/contracts';
import { SimClock, type Random } from '@app/time';
import { mergeMap, of, type Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { ownCircuit } from '../own-circuit.js';
import { SMALL_POLICY, times } from '../testing/circuit-scene.js';
import { Diary, FakeCall } from '../testing/fake-call.js';
import { Bulkhead } from './bulkhead.js';
import { Collapser, type BatchEntry } from './collapser.js';
import { ExtraLoadBudget } from './extra-load-budget.js';
import { LastAnswers } from './last-answers.js';
import { protect, type CallTerms } from './protect.js';
import { RequestCache } from './request-cache.js';
import { withFallback } from './with-fallback.js';
import { callContext } from '../testing/call-context.js';

const UNREACHABLE = new TriptychError('WIRE_UNREACHABLE', 'no way there');
const LOST = new TriptychError('WIRE_CONNECTION_LOST', 'lost on the way');
const READ: CallTerms = { idempotent: true, deadlineMs: 300 };
const noWait: Random = { fraction: () => 0, bytes: (count) => new Uint8Array(count) };

/** Circuit of 100 ms, 4 permits; 2 places and a line of 2; a hedge at 30 ms, 3 attempts. */
function scene() {
  const clock = new SimClock();
  const circuit = ownCircuit('films', SMALL_POLICY, clock);
  const bulkhead = new Bulkhead('films', { capacity: 2, queueLength: 2, queueWaitMs: 50 }, clock);
  const budget = new ExtraLoadBudget({ perCall: 0.1, burst: 10 });
  const extraLoad = { budget, random: noWait, retry: { attemptsMax: 3, backoffMs: 10, backoffMaxMs: 10 }, hedge: { delayMs: 30 } };
  const protection = { clock, circuit, bulkhead, extraLoad };
  const call = new FakeCall();
  const begin = (terms: CallTerms = READ, call$: Observable<string> = call.call$) => new Diary(protect(call$, protection, terms));
  return { clock, circuit, bulkhead, budget, protection, call, begin };
}

describe('a protected call', () => {
  it('is subscribed once when it answers in time, and everything is given back', () => {
    const { clock, circuit, bulkhead, budget, call, begin } = scene();
    const diary = begin();
    expect(circuit.statistics().inFlight).toBe(1);
    call.answer();
    expect(diary.lines).toEqual(['answer', 'complete']);
    expect(call.subscriptions).toBe(1);
    expect([circuit.statistics().inFlight, bulkhead.statistics().inFlight]).toEqual([0, 0]);
    expect(budget.statistics()).toEqual({ calls: 1, retries: 0, hedges: 0, refused: 0 });
    clock.advance(100);
    expect(clock.pending).toBe(0);
  });

  it('is tried again through the circuit, which judges each attempt', () => {
    const { clock, circuit, call, begin } = scene();
    const diary = begin();
    call.fail(UNREACHABLE);
    clock.advance(0);
    call.answer();
    expect(diary.lines).toEqual(['answer', 'complete']);
    expect(circuit.statistics().totals).toMatchObject({ failure: 1, success: 1 });
  });

  it('is hedged through the circuit; the loser is cancelled there and counts nothing', () => {
    const { clock, circuit, bulkhead, call, begin } = scene();
    begin();
    clock.advance(30);
    expect([circuit.statistics().inFlight, bulkhead.statistics().inFlight, call.live]).toEqual([2, 2, 2]);
    call.answer();
    expect(circuit.statistics().totals).toMatchObject({ success: 1, cancelled: 1, failure: 0 });
    expect([circuit.statistics().inFlight, bulkhead.statistics().inFlight, call.live]).toEqual([0, 0, 0]);
  });

  it('that is not idempotent is neither hedged nor, once it may have taken effect, tried again', () => {
    const { clock, call, begin } = scene();
    const diary = begin({ deadlineMs: 300 });
    clock.advance(50);
    expect(call.subscriptions).toBe(1);
    call.fail(LOST);
    clock.advance(50);
    expect([diary.lines, call.subscriptions]).toEqual([['WIRE_CONNECTION_LOST'], 1]);
    begin({ deadlineMs: 300 });
    call.fail(UNREACHABLE);
    clock.advance(0);
    expect(call.subscriptions).toBe(3);
  });

  it('does not count the wait for a place as slowness of the dependency', () => {
    const { clock, circuit, call, begin } = scene();
    const [first, second] = [new FakeCall(), new FakeCall()];
    begin({}, first.call$);
    begin({}, second.call$);
    const waiting = begin({}, call.call$);
    clock.advance(45);
    first.answer();
    second.answer();
    clock.advance(99);
    expect(waiting.lines).toEqual([]);
    call.answer();
    expect(waiting.lines).toEqual(['answer', 'complete']);
    expect(circuit.statistics().totals).toMatchObject({ success: 3, timeout: 0 });
  });

  it('has one deadline over attempts, waits and queue', () => {
    const { clock, call, begin, bulkhead, circuit } = scene();
    const diary = begin({ idempotent: true, deadlineMs: 150 });
    clock.advance(149);
    expect(call.subscriptions).toBeGreaterThan(2);
    expect(diary.lines).toEqual([]);
    clock.advance(1);
    expect(diary.lines).toEqual(['DEADLINE_EXCEEDED']);
    expect([call.live, bulkhead.statistics().inFlight, circuit.statistics().inFlight]).toEqual([0, 0, 0]);
  });

  it('meets an open circuit at once and is not tried again', () => {
    const { circuit, call, begin, budget } = scene();
    times(4, () => {
      begin({}, call.call$);
      call.fail(new TriptychError('STORE_FAILED', 'ill'));
    });
    expect(circuit.state).toBe('open');
    const before = budget.statistics().retries;
    expect(begin().lines).toEqual(['CIRCUIT_OPEN']);
    expect(budget.statistics().retries).toBe(before);
  });

  it('earns once, hedged and tried again though it is', () => {
    const { clock, call, begin, budget } = scene();
    begin();
    clock.advance(30);
    times(2, () => call.fail(UNREACHABLE));
    clock.advance(80);
    expect(budget.statistics().calls).toBe(1);
    expect(budget.statistics().hedges).toBeGreaterThan(0);
  });

  it('takes everything along when its caller leaves, and nothing is counted', () => {
    const { clock, circuit, bulkhead, call, begin } = scene();
    const diary = begin();
    clock.advance(40);
    expect(call.live).toBe(2);
    diary.leave();
    expect(call.live).toBe(0);
    expect(bulkhead.statistics()).toMatchObject({ inFlight: 0, waiting: 0 });
    expect(circuit.statistics()).toMatchObject({ inFlight: 0, window: { calls: 0 }, totals: { cancelled: 2 } });
    clock.advance(100);
    expect(clock.pending).toBe(0);
  });

  it('is the call itself where nothing protects it', () => {
    const call$ = of('answer');
    expect(protect(call$, { clock: new SimClock() })).toBe(call$);
  });
});

describe('the whole composition: cache, collapser, protected batch, last answers, fallback', () => {
  it('serves a page of 150 lookups with three calls, and its last answers when the dependency is down', () => {
    const { clock, protection } = scene();
    const answers = new LastAnswers<string, string>({ entriesMax: 1_000, ageMaxMs: 60_000 }, clock);
    let isDown = false;
    let calls = 0;
    const films = new Collapser<string, string>({ windowMs: 2, keysMax: 50 }, clock, (keys, context) => {
      calls++;
      const far = new FakeCall();
      clock.after(5, () => (isDown ? far.fail(UNREACHABLE) : far.answer(keys.join())));
      const batch$ = protect(far.call$, protection, { idempotent: true, deadlineMs: context.deadlineMs });
      return entriesOf(batch$);
    });
    const page = () => {
      const cache = new RequestCache<string>();
      const served: string[] = [];
      const context = callContext({ deadlineMs: clock.monotonicMs() + 300 });
      for (let lookup = 0; lookup < 300; lookup++) {
        const film = `film ${lookup % 150}`;
        cache
          .get(film, () => films.load(film, context))
          .pipe(
            answers.remembering(film),
            withFallback(() => answers.recall(film)),
          )
          .subscribe(({ value, degraded }) => served.push(degraded ? `(${value})` : value));
      }
      clock.advance(300);
      return served;
    };
    expect(page().filter((cell) => cell.startsWith('film'))).toHaveLength(300);
    expect(calls).toBe(3);
    isDown = true;
    expect(page().filter((cell) => cell.startsWith('(film'))).toHaveLength(300);
    clock.advance(1_000);
    expect(clock.pending).toBe(0);
  });
});

function entriesOf(batch$: Observable<string>): Observable<BatchEntry<string, string>> {
  return batch$.pipe(mergeMap((text) => text.split(',').map((key) => ({ key, value: key }))));
}
