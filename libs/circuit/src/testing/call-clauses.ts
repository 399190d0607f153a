/** The contract, first half: one call, from its subscription to its end, and the caller who leaves. */
import { TriptychError } from '@app/contracts';
import { EMPTY, Observable, Subscriber, firstValueFrom, of, range } from 'rxjs';
import { first, repeat, retry, take } from 'rxjs/operators';
import { describe, expect, it } from 'vitest';
import { throughCircuit } from '../circuit.js';
import { answerOne, begin, failOne, times, type CircuitScene } from './circuit-scene.js';
import { Diary, FakeCall } from './fake-call.js';

export const MISTAKE = new TriptychError('REQUEST_INVALID', 'asked for nonsense');

export function callClauses(scene: CircuitScene): void {
  describe('a call', () => {
    it('is cold: nothing is subscribed before the caller subscribes, and each subscription is one call', () => {
      const circuit = scene.circuit();
      const call = new FakeCall();
      const protected$ = circuit.protect(call.call$);
      expect(call.subscriptions).toBe(0);
      new Diary(protected$);
      expect(call.subscriptions).toBe(1);
      new Diary(protected$);
      expect(call.subscriptions).toBe(2);
      expect(circuit.statistics().inFlight).toBe(2);
    });

    it('passes values, completion and errors on as they are', () => {
      const circuit = scene.circuit();
      const { call, diary } = begin(circuit);
      call.value('a');
      call.answer('b');
      expect(diary.lines).toEqual(['a', 'b', 'complete']);
      const error = new Error('its own error');
      const failing = begin(circuit);
      failing.call.fail(error);
      expect(failing.diary.errors[0]).toBe(error);
      expect(circuit.statistics().totals).toMatchObject({ success: 1, failure: 1 });
    });

    it('may end within its own subscription, and then leaves no timer', () => {
      const circuit = scene.circuit();
      expect(new Diary(of('now').pipe(throughCircuit(circuit))).lines).toEqual(['now', 'complete']);
      expect(new Diary(circuit.protect(EMPTY)).lines).toEqual(['complete']);
      expect(circuit.statistics()).toMatchObject({ inFlight: 0, totals: { success: 2 } });
      expect(scene.pendingTimers).toBe(0);
    });

    it('that throws when subscribed is a failure like any other', () => {
      const circuit = scene.circuit();
      const broken$ = new Observable<string>(() => {
        throw new Error('thrown by the source');
      });
      expect(new Diary(circuit.protect(broken$)).lines).toEqual(['thrown by the source']);
      expect(circuit.statistics()).toMatchObject({ inFlight: 0, totals: { failure: 1 } });
    });

    it('that emits synchronously without end stops when its caller leaves', () => {
      const circuit = scene.circuit();
      let emitted = 0;
      const endless$ = new Observable<number>((subscriber) => {
        while (!subscriber.closed && emitted < 1_000) subscriber.next(emitted++);
      });
      const heard: number[] = [];
      circuit.protect(endless$).pipe(take(2)).subscribe((value) => heard.push(value));
      expect(heard).toEqual([0, 1]);
      expect(emitted).toBe(2);
      expect(circuit.statistics()).toMatchObject({ inFlight: 0, totals: { success: 1 } });
    });

    it('is not made for a subscriber that is already closed', () => {
      const circuit = scene.circuit();
      const call = new FakeCall();
      const gone = new Subscriber<string>();
      gone.unsubscribe();
      circuit.protect(call.call$).subscribe(gone);
      expect(call.subscriptions).toBe(0);
      expect(circuit.statistics().inFlight).toBe(0);
    });

    it('may be made from within another one, and each has its own permit', () => {
      const circuit = scene.circuit({ capacity: 2 });
      const outer = new FakeCall();
      const inner = new FakeCall();
      let innerDiary: Diary | undefined;
      circuit.protect(outer.call$).subscribe(() => (innerDiary = new Diary(circuit.protect(inner.call$))));
      outer.value('go on');
      expect(circuit.statistics().inFlight).toBe(2);
      inner.answer();
      expect(innerDiary?.lines).toEqual(['answer', 'complete']);
    });

    it('shares one timer with all others in flight; none is left once the last has ended and its time has passed', () => {
      const circuit = scene.circuit();
      expect(scene.pendingTimers).toBe(0);
      const [one, two, three] = [begin(circuit), begin(circuit), begin(circuit)];
      expect(scene.pendingTimers).toBe(1);
      one.call.answer();
      two.call.fail();
      three.diary.leave();
      scene.advance(100);
      expect(scene.pendingTimers).toBe(0);
    });
  });

  describe('a timeout', () => {
    it('ends the call at timeoutMs, not before, tears it down, and says so', () => {
      const circuit = scene.circuit();
      const { call, diary } = begin(circuit);
      scene.advance(99);
      expect(diary.lines).toEqual([]);
      scene.advance(1);
      expect(diary.lines).toEqual(['CIRCUIT_TIMEOUT']);
      expect(diary.errors[0]).toMatchObject({ details: { circuit: circuit.name, timeoutMs: 100 }, applied: 'unknown' });
      expect(call.tornDown).toBe(1);
      call.answer('too late');
      expect(diary.lines).toEqual(['CIRCUIT_TIMEOUT']);
      expect(circuit.statistics()).toMatchObject({ inFlight: 0, window: { calls: 1, failures: 1 }, totals: { timeout: 1 } });
    });

    it('touches no neighbour', () => {
      const circuit = scene.circuit();
      const first = begin(circuit);
      scene.advance(60);
      const second = begin(circuit);
      scene.advance(40);
      expect(first.diary.lines).toEqual(['CIRCUIT_TIMEOUT']);
      expect(second.call.tornDown).toBe(0);
      second.call.answer();
      expect(second.diary.lines).toEqual(['answer', 'complete']);
    });

    it('comes for each call at its own time, whichever ended before it', () => {
      const circuit = scene.circuit({ capacity: 10 });
      const calls = [0, 30, 60, 90].map((atMs) => {
        scene.advance(atMs === 0 ? 0 : 30);
        return begin(circuit);
      });
      calls[0]!.call.answer();
      calls[2]!.diary.leave();
      const heard = () => calls.map(({ diary }) => diary.lines.at(-1));
      scene.advance(39);
      expect(heard()).toEqual(['complete', undefined, undefined, undefined]);
      scene.advance(1);
      expect(heard()).toEqual(['complete', 'CIRCUIT_TIMEOUT', undefined, undefined]);
      scene.advance(59);
      expect(heard()).toEqual(['complete', 'CIRCUIT_TIMEOUT', undefined, undefined]);
      scene.advance(1);
      expect(heard()).toEqual(['complete', 'CIRCUIT_TIMEOUT', undefined, 'CIRCUIT_TIMEOUT']);
    });

    it('whose teardown throws is told to its caller, and still touches no neighbour', () => {
      const circuit = scene.circuit();
      const broken = new Diary(
        circuit.protect(
          new Observable<string>(() => () => {
            throw new Error('teardown failed');
          }),
        ),
      );
      const neighbour = begin(circuit);
      expect(() => scene.advance(100)).toThrow('teardown failed');
      expect(broken.lines).toEqual(['CIRCUIT_TIMEOUT']);
      scene.advance(1);
      expect(neighbour.diary.lines).toEqual(['CIRCUIT_TIMEOUT']);
      expect(circuit.statistics().inFlight).toBe(0);
    });

    it('covers a stream to its end', () => {
      const circuit = scene.circuit();
      const { call, diary } = begin(circuit);
      scene.advance(60);
      call.value('a');
      scene.advance(40);
      expect(diary.lines).toEqual(['a', 'CIRCUIT_TIMEOUT']);
      expect(call.tornDown).toBe(1);
      expect(circuit.statistics().window).toMatchObject({ calls: 1, failures: 1 });
    });

    it('covers a stream to its first value where the policy says so; the permit is held to the end', () => {
      const circuit = scene.circuit({ timeoutUntil: 'first-value' });
      const silent = begin(circuit);
      const stream = begin(circuit);
      scene.advance(60);
      stream.call.value('a');
      expect(circuit.statistics()).toMatchObject({ inFlight: 2, window: { calls: 1, failures: 0 } });
      scene.advance(10_000);
      expect(silent.diary.lines).toEqual(['CIRCUIT_TIMEOUT']);
      stream.call.value('b');
      expect(stream.diary.lines).toEqual(['a', 'b']);
      expect(circuit.statistics().inFlight).toBe(1);
      stream.call.fail();
      expect(stream.diary.lines).toEqual(['a', 'b', 'dependency failed']);
      expect(circuit.statistics()).toMatchObject({ inFlight: 0, totals: { success: 1, failure: 0, timeout: 1 } });
    });

    it('lets a probe that is a stream prove itself with its first value', () => {
      const circuit = scene.halfOpenCircuit({ timeoutUntil: 'first-value' });
      const streams = [begin(circuit), begin(circuit)];
      for (const { call } of streams) call.value('a');
      expect(circuit.state).toBe('closed');
      expect(circuit.statistics().inFlight).toBe(2);
    });
  });

  describe('permits', () => {
    it('are as many as the policy says; the next call is refused unsubscribed, and that is no failure', () => {
      const circuit = scene.circuit({ volumeThreshold: 1 });
      times(4, () => begin(circuit));
      const refused = begin(circuit);
      expect(refused.diary.lines).toEqual(['CIRCUIT_SATURATED']);
      expect(refused.diary.errors[0]).toMatchObject({ details: { circuit: circuit.name, capacity: 4 }, applied: 'no' });
      expect(refused.call.subscriptions).toBe(0);
      times(50, () => begin(circuit));
      expect(circuit.state).toBe('closed');
      expect(circuit.statistics()).toMatchObject({ inFlight: 4, window: { calls: 0 }, totals: { rejected: 51 } });
    });

    it('are held by a stream until it ends', () => {
      const circuit = scene.circuit({ capacity: 1 });
      const { call } = begin(circuit);
      call.value('a');
      expect(begin(circuit).diary.lines).toEqual(['CIRCUIT_SATURATED']);
      call.answer('b');
      expect(begin(circuit).diary.lines).toEqual([]);
    });

    it.each<[string, (call: FakeCall, diary: Diary) => void]>([
      ['a completion', (call) => call.answer()],
      ['a failure', (call) => call.fail()],
      ['a mistake', (call) => call.fail(MISTAKE)],
      ['a timeout', () => scene.advance(100)],
      ['a caller who leaves', (_, diary) => diary.leave()],
    ])('come back with %s, and the call is torn down once', (_, end) => {
      const circuit = scene.circuit({ capacity: 1 });
      const { call, diary } = begin(circuit);
      end(call, diary);
      expect(call.tornDown).toBe(1);
      expect(circuit.statistics().inFlight).toBe(0);
      expect(begin(circuit).diary.lines).toEqual([]);
    });

    it('are back before the caller hears of the end, so repeat and retry do not meet themselves', () => {
      const circuit = scene.circuit({ capacity: 1 });
      expect(new Diary(circuit.protect(of('again')).pipe(repeat(3))).lines).toEqual(['again', 'again', 'again', 'complete']);
      const call = new FakeCall();
      const diary = new Diary(circuit.protect(call.call$).pipe(retry(1)));
      call.fail();
      call.answer();
      expect(diary.lines).toEqual(['answer', 'complete']);
      const slow = new FakeCall();
      const patient = new Diary(circuit.protect(slow.call$).pipe(retry(1)));
      scene.advance(100);
      slow.answer();
      expect(patient.lines).toEqual(['answer', 'complete']);
    });

    it('come back even when the teardown of the call throws', () => {
      const circuit = scene.circuit({ capacity: 1 });
      const leave = circuit
        .protect(
          new Observable<string>(() => () => {
            throw new Error('teardown failed');
          }),
        )
        .subscribe();
      expect(() => leave.unsubscribe()).toThrow('teardown failed');
      expect(circuit.statistics()).toMatchObject({ inFlight: 0, totals: { cancelled: 1 } });
    });
  });

  describe('a caller who leaves', () => {
    it('tears the call down and counts nothing', () => {
      const circuit = scene.circuit({ volumeThreshold: 1 });
      times(50, () => {
        const { call, diary } = begin(circuit);
        diary.leave();
        expect(call.live).toBe(0);
      });
      scene.advance(10_000);
      expect(circuit.state).toBe('closed');
      expect(circuit.statistics()).toMatchObject({ inFlight: 0, window: { calls: 0 }, totals: { cancelled: 50, timeout: 0 } });
    });

    it('does not dilute the rate either: two failures of four calls open it, whoever left between them', () => {
      const circuit = scene.circuit();
      times(2, () => answerOne(circuit));
      failOne(circuit);
      times(50, () => begin(circuit).diary.leave());
      failOne(circuit);
      expect(circuit.state).toBe('open');
    });

    it('was answered once a value came: first() is a success, not a cancelled call', async () => {
      const circuit = scene.circuit();
      const call = new FakeCall();
      const diary = new Diary(circuit.protect(call.call$).pipe(first()));
      call.value('enough');
      expect(diary.lines).toEqual(['enough', 'complete']);
      expect(call.tornDown).toBe(1);
      expect(await firstValueFrom(circuit.protect(range(1, 5)))).toBe(1);
      expect(circuit.statistics()).toMatchObject({ inFlight: 0, window: { calls: 2, failures: 0 }, totals: { success: 2 } });
    });
  });

  describe("a caller's mistake", () => {
    it('reaches the caller, never trips, and counts neither as failure nor as success', () => {
      const circuit = scene.circuit();
      times(50, () => {
        const { call, diary } = begin(circuit);
        call.fail(MISTAKE);
        expect(diary.errors[0]).toBe(MISTAKE);
      });
      expect(circuit.state).toBe('closed');
      expect(circuit.statistics()).toMatchObject({ window: { calls: 0 }, totals: { mistake: 50 } });
    });

    it('is what the policy judges it to be', () => {
      const circuit = scene.circuit({
        judge: (error) => (error === 'not there' ? 'success' : error === 'my fault' ? 'mistake' : 'failure'),
      });
      failOne(circuit, 'not there');
      failOne(circuit, 'my fault');
      failOne(circuit, MISTAKE);
      expect(circuit.statistics()).toMatchObject({
        window: { calls: 2, failures: 1 },
        totals: { success: 1, mistake: 1, failure: 1 },
      });
    });

    it('is a failure where the judge itself throws, and the permit comes back', () => {
      const circuit = scene.circuit({
        judge: () => {
          throw new Error('the judge is broken');
        },
      });
      const { call, diary } = begin(circuit);
      call.fail();
      expect(diary.lines).toEqual(['dependency failed']);
      expect(circuit.statistics()).toMatchObject({ inFlight: 0, totals: { failure: 1 } });
    });
  });
}
