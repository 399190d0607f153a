/** The contract, second half: what calls do to the circuit, what it then does to them, and what it tells. */
import { describe, expect, it } from 'vitest';
import type { CircuitPolicy } from '../circuit-policy.js';
import type { Circuit, Transition } from '../circuit.js';
import { MISTAKE } from './call-clauses.js';
import { SMALL_POLICY, answerOne, begin, failOne, open, times, type CircuitScene } from './circuit-scene.js';
import type { Diary, FakeCall } from './fake-call.js';

export function stateClauses(scene: CircuitScene): void {
  describe('closed', () => {
    it('opens at the failure rate, counting timeouts as failures, once there is volume enough', () => {
      const circuit = scene.circuit();
      times(3, () => failOne(circuit));
      expect(circuit.state).toBe('closed');
      begin(circuit);
      scene.advance(100);
      expect(circuit.state).toBe('open');
    });

    it('stays closed below the rate, and opens exactly at it', () => {
      const circuit = scene.circuit();
      times(3, () => answerOne(circuit));
      times(2, () => failOne(circuit));
      expect(circuit.state).toBe('closed');
      failOne(circuit);
      expect(circuit.state).toBe('open');
      expect(circuit.statistics().window).toEqual({ calls: 6, failures: 3, slowCalls: 0 });
    });

    it('keeps its rate exact where binary fractions are not', () => {
      const circuit = scene.circuit({ capacity: 100, failureRateThreshold: 0.07, volumeThreshold: 100 });
      times(93, () => answerOne(circuit));
      times(6, () => failOne(circuit));
      expect(circuit.state).toBe('closed');
      failOne(circuit);
      expect(circuit.state).toBe('open');
    });

    it('is never opened by a good call', () => {
      const circuit = scene.circuit();
      times(3, () => failOne(circuit));
      answerOne(circuit);
      expect(circuit.state).toBe('closed');
      failOne(circuit);
      expect(circuit.state).toBe('open');
    });

    it('is not told by calls still in flight', () => {
      const circuit = scene.circuit({ capacity: 100 });
      times(50, () => begin(circuit));
      times(4, () => failOne(circuit));
      expect(circuit.state).toBe('open');
    });

    it('forgets what is older than the window, a bucket at a time', () => {
      const circuit = scene.circuit();
      times(3, () => failOne(circuit));
      scene.advance(500);
      answerOne(circuit);
      expect(circuit.statistics().window).toEqual({ calls: 4, failures: 3, slowCalls: 0 });
      scene.advance(499);
      expect(circuit.statistics().window.calls).toBe(4);
      scene.advance(1);
      expect(circuit.statistics().window).toEqual({ calls: 1, failures: 0, slowCalls: 0 });
      times(2, () => failOne(circuit));
      expect(circuit.state).toBe('closed');
      scene.advance(60_000);
      expect(circuit.statistics().window.calls).toBe(0);
    });
  });

  describe('open', () => {
    it('refuses every call unsubscribed, says for how long, and counts nothing', () => {
      const circuit = scene.openCircuit();
      scene.advance(200);
      const { call, diary } = begin(circuit);
      expect(diary.lines).toEqual(['CIRCUIT_OPEN']);
      expect(diary.errors[0]).toMatchObject({
        details: { circuit: circuit.name, state: 'open', retryAfterMs: 300 },
        applied: 'no',
        breaker: 'ignores',
      });
      expect(call.subscriptions).toBe(0);
      times(50, () => begin(circuit));
      expect(circuit.statistics()).toMatchObject({ inFlight: 0, window: { calls: 4, failures: 4 }, totals: { rejected: 51 } });
    });

    it('lets calls in flight run to their ends, which change nothing', () => {
      const circuit = scene.circuit({ capacity: 100 });
      const [answered, failed, left] = [begin(circuit), begin(circuit), begin(circuit)];
      open(circuit);
      answered.call.answer();
      failed.call.fail();
      left.diary.leave();
      expect(answered.diary.lines).toEqual(['answer', 'complete']);
      expect(failed.diary.lines).toEqual(['dependency failed']);
      expect(circuit.statistics()).toMatchObject({ state: 'open', inFlight: 0, window: { calls: 4 } });
    });

    it('is half-open after openMs and not before', () => {
      const circuit = scene.openCircuit();
      scene.advance(499);
      expect(circuit.state).toBe('open');
      scene.advance(1);
      expect(circuit.state).toBe('half-open');
    });
  });

  describe('half-open', () => {
    it('lets out as many probes as the policy says, and refuses the rest', () => {
      const circuit = scene.halfOpenCircuit();
      const probes = [begin(circuit), begin(circuit)];
      const refused = begin(circuit);
      expect(refused.diary.errors[0]).toMatchObject({
        code: 'CIRCUIT_OPEN',
        details: { state: 'half-open', retryAfterMs: 0 },
      });
      expect(refused.call.subscriptions).toBe(0);
      expect(probes.map(({ call }) => call.live)).toEqual([1, 1]);
    });

    it('closes when all probes were good, with a clean sheet', () => {
      const circuit = scene.halfOpenCircuit();
      answerOne(circuit);
      expect(circuit.state).toBe('half-open');
      answerOne(circuit);
      expect(circuit.state).toBe('closed');
      expect(circuit.statistics().window).toEqual({ calls: 0, failures: 0, slowCalls: 0 });
      times(3, () => failOne(circuit));
      expect(circuit.state).toBe('closed');
    });

    it('lets out no more probes than it still needs', () => {
      const circuit = scene.halfOpenCircuit();
      answerOne(circuit);
      begin(circuit);
      expect(begin(circuit).diary.lines).toEqual(['CIRCUIT_OPEN']);
    });

    it.each<[string, (call: FakeCall) => void]>([
      ['a failure', (call) => call.fail()],
      ['a timeout', () => scene.advance(100)],
    ])('opens again at %s, for another openMs', (_, end) => {
      const circuit = scene.halfOpenCircuit();
      answerOne(circuit);
      end(begin(circuit).call);
      expect(circuit.state).toBe('open');
      scene.advance(499);
      expect(circuit.state).toBe('open');
      scene.advance(1);
      expect(circuit.state).toBe('half-open');
      answerOne(circuit);
      expect(circuit.state).toBe('half-open');
    });

    it.each<[string, (call: FakeCall, diary: Diary) => void]>([
      ['whose caller leaves', (_, diary) => diary.leave()],
      ["that was a caller's mistake", (call) => call.fail(MISTAKE)],
    ])('takes a probe %s for no proof: its place is given back, the state stays', (_, end) => {
      const circuit = scene.halfOpenCircuit();
      times(50, () => {
        const { call, diary } = begin(circuit);
        end(call, diary);
        expect(circuit.state).toBe('half-open');
      });
      times(2, () => answerOne(circuit));
      expect(circuit.state).toBe('closed');
    });

    it('takes no call from before for a probe, good or bad', () => {
      const circuit = scene.circuit({ capacity: 100, timeoutMs: 5_000 });
      const old = [begin(circuit), begin(circuit), begin(circuit), begin(circuit)];
      open(circuit);
      scene.advance(SMALL_POLICY.openMs);
      expect(circuit.state).toBe('half-open');
      old[0]!.call.answer();
      old[1]!.call.answer();
      old[2]!.call.fail();
      old[3]!.diary.leave();
      expect(circuit.state).toBe('half-open');
      times(2, () => answerOne(circuit));
      expect(circuit.state).toBe('closed');
    });

    it('takes no call from before it opened for evidence after it closed again', () => {
      const circuit = scene.circuit({ capacity: 100, timeoutMs: 5_000 });
      const old = [begin(circuit), begin(circuit)];
      open(circuit);
      scene.advance(SMALL_POLICY.openMs);
      times(2, () => answerOne(circuit));
      old[0]!.call.answer();
      old[1]!.call.fail();
      expect(circuit.statistics()).toMatchObject({ state: 'closed', window: { calls: 0 } });
    });

    it('takes no probe of an earlier turn for one of this turn', () => {
      const circuit = scene.halfOpenCircuit({ timeoutMs: 5_000 });
      const old = begin(circuit);
      failOne(circuit);
      scene.advance(500);
      expect(circuit.state).toBe('half-open');
      answerOne(circuit);
      old.call.fail();
      expect(circuit.state).toBe('half-open');
      answerOne(circuit);
      expect(circuit.state).toBe('closed');
    });

    it('loses no probe place to a call that finds no permit', () => {
      const circuit = scene.circuit({ capacity: 4, timeoutMs: 5_000, volumeThreshold: 1, failureRateThreshold: 1 });
      const old = [begin(circuit), begin(circuit), begin(circuit)];
      failOne(circuit);
      scene.advance(500);
      const fourth = begin(circuit);
      times(5, () => expect(begin(circuit).diary.lines).toEqual(['CIRCUIT_SATURATED']));
      fourth.call.answer();
      for (const { diary } of old) diary.leave();
      answerOne(circuit);
      expect(circuit.state).toBe('closed');
    });
  });

  describe('windows and slow calls', () => {
    const answerSlowly = (circuit: Circuit) => {
      const { call } = begin(circuit);
      scene.advance(50);
      call.answer();
    };

    it('a count window judges the last calls, however old', () => {
      const circuit = scene.circuit({ window: { kind: 'count', callCount: 6 } });
      times(2, () => failOne(circuit));
      times(3, () => answerOne(circuit));
      scene.advance(60_000);
      expect(circuit.statistics().window).toEqual({ calls: 5, failures: 2, slowCalls: 0 });
      times(2, () => answerOne(circuit));
      expect(circuit.statistics().window).toEqual({ calls: 6, failures: 1, slowCalls: 0 });
      failOne(circuit);
      expect(circuit.statistics().window).toEqual({ calls: 6, failures: 1, slowCalls: 0 });
      times(2, () => failOne(circuit));
      expect(circuit.state).toBe('open');
      scene.advance(500);
      times(2, () => answerOne(circuit));
      expect(circuit.statistics().window.calls).toBe(0);
    });

    it('a count window judges nothing but the last calls', () => {
      const circuit = scene.circuit({ window: { kind: 'count', callCount: 5 } });
      times(3, () => failOne(circuit));
      times(3, () => answerOne(circuit));
      failOne(circuit);
      expect(circuit.statistics()).toMatchObject({ state: 'closed', window: { calls: 5, failures: 2 } });
    });

    it.each<CircuitPolicy['window']>([SMALL_POLICY.window, { kind: 'count', callCount: 10 }])(
      'a slow success is bad evidence where the policy calls it slow ($kind window)',
      (window) => {
        const circuit = scene.circuit({ window, slow: { callMs: 50, rateThreshold: 0.5 } });
        times(2, () => answerOne(circuit));
        answerSlowly(circuit);
        expect(circuit.statistics().window).toEqual({ calls: 3, failures: 0, slowCalls: 1 });
        answerSlowly(circuit);
        expect(circuit.state).toBe('open');
        expect(circuit.statistics().totals).toMatchObject({ success: 4 });
      },
    );

    it('a slow probe opens the circuit again', () => {
      const circuit = scene.halfOpenCircuit({ slow: { callMs: 50, rateThreshold: 1 } });
      answerSlowly(circuit);
      expect(circuit.state).toBe('open');
    });

    it('no call is slow where the policy does not say so', () => {
      const circuit = scene.circuit();
      times(10, () => answerSlowly(circuit));
      expect(circuit.statistics().window.slowCalls).toBe(0);
      expect(circuit.state).toBe('closed');
    });
  });

  describe('watched and stopped', () => {
    const afterThreeFailures = (circuit: Circuit) => {
      times(3, () => failOne(circuit));
      return begin(circuit);
    };
    const lastProbe = (circuit: Circuit) => {
      open(circuit);
      scene.advance(SMALL_POLICY.openMs);
      answerOne(circuit);
      return begin(circuit);
    };

    it('tells each transition once, in order, when the new state already holds', () => {
      const circuit = scene.circuit();
      const told: Transition[] = [];
      const states: string[] = [];
      circuit.transitions$.subscribe((transition) => {
        told.push(transition);
        states.push(circuit.state);
      });
      open(circuit);
      scene.advance(SMALL_POLICY.openMs);
      expect(circuit.state).toBe('half-open');
      failOne(circuit);
      scene.advance(500);
      times(2, () => answerOne(circuit));
      const steps = told.map(({ from, to }) => `${from} > ${to}`);
      const loop = ['open > half-open', 'half-open > open', 'open > half-open', 'half-open > closed'];
      expect(steps).toEqual(['closed > open', ...loop]);
      expect(states).toEqual(told.map(({ to }) => to));
      expect(told.every((transition) => transition.circuit === circuit.name)).toBe(true);
    });

    it.each<[string, (circuit: Circuit) => ReturnType<typeof begin>, (call: FakeCall) => void]>([
      ['failure opened it', (circuit) => afterThreeFailures(circuit), (call) => call.fail()],
      ['timeout opened it', (circuit) => afterThreeFailures(circuit), () => scene.advance(100)],
      ['completion closed it', (circuit) => lastProbe(circuit), (call) => call.complete()],
    ])('survives a listener that ends the very call whose %s', (_, prepare, end) => {
      const circuit = scene.circuit();
      const { call, diary } = prepare(circuit);
      circuit.transitions$.subscribe(() => diary.leave());
      end(call);
      expect(diary.lines).toEqual([]);
      expect(call.tornDown).toBe(1);
      expect(circuit.statistics()).toMatchObject({ inFlight: 0, totals: { cancelled: 0 } });
    });

    it('survives a listener that ends the very call whose first value closed it', () => {
      const circuit = scene.circuit({ timeoutUntil: 'first-value' });
      const { call, diary } = lastProbe(circuit);
      circuit.transitions$.subscribe(() => diary.leave());
      call.value('a');
      expect(diary.lines).toEqual([]);
      expect(circuit.statistics()).toMatchObject({ state: 'closed', inFlight: 0 });
    });

    it('once stopped refuses new calls, lets those in flight end, and holds no timer', () => {
      const circuit = scene.circuit({ capacity: 100 });
      const flying = begin(circuit);
      open(circuit);
      let completed = false;
      const listening = circuit.transitions$.subscribe({ complete: () => (completed = true) });
      circuit.stop();
      circuit.stop();
      expect(completed).toBe(true);
      expect(listening.closed).toBe(true);
      expect(begin(circuit).diary.lines).toEqual(['CIRCUIT_OPEN']);
      flying.call.answer();
      expect(flying.diary.lines).toEqual(['answer', 'complete']);
      expect(circuit.statistics().inFlight).toBe(0);
      expect(scene.pendingTimers).toBe(0);
    });

    it('holds no timer once stopped, even one that outlived its last call', () => {
      const circuit = scene.circuit();
      answerOne(circuit);
      circuit.stop();
      expect(scene.pendingTimers).toBe(0);
    });

    it('learns nothing any more from calls that end after it stopped', () => {
      const circuit = scene.circuit({ volumeThreshold: 1 });
      const [answered, failed] = [begin(circuit), begin(circuit)];
      circuit.stop();
      answered.call.answer();
      failed.call.fail();
      expect(circuit.statistics()).toMatchObject({
        state: 'closed',
        inFlight: 0,
        window: { calls: 0 },
        totals: { success: 1, failure: 1 },
      });
      expect(scene.pendingTimers).toBe(0);
    });

    it('is refused a policy that means nothing', () => {
      expect(() => scene.circuit({ capacity: 0 })).toThrow('capacity');
      expect(() => scene.circuit({ timeoutMs: Infinity })).toThrow('timeoutMs');
      expect(() => scene.circuit({ failureRateThreshold: 50 })).toThrow('failureRateThreshold');
      expect(() => scene.circuit({ probeCount: 0 })).toThrow('probeCount');
      expect(() => scene.circuit({ window: { kind: 'count', callCount: 3 } })).toThrow('volumeThreshold');
      expect(() => scene.circuit({ slow: { callMs: 200, rateThreshold: 1 } })).toThrow('slow.callMs');
    });
  });
}
