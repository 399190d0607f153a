import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { callWindow, isTripped, type WindowReading } from './call-window.js';
import { storeRead, type CallWindowPolicy } from './circuit-policy.js';

interface Call {
  readonly atMs: number;
  readonly failed: boolean;
  readonly slow: boolean;
}

/** The dumb version: all calls ever, filtered. */
function reading(policy: CallWindowPolicy, calls: readonly Call[], beganMs: number, nowMs: number): WindowReading {
  const bucketOf = (ms: number) =>
    policy.kind === 'time' ? Math.floor((ms - beganMs) / (policy.durationMs / policy.bucketCount)) : 0;
  const kept =
    policy.kind === 'time'
      ? calls.filter(({ atMs }) => bucketOf(atMs) > bucketOf(nowMs) - policy.bucketCount)
      : calls.slice(-policy.callCount);
  return {
    calls: kept.length,
    failures: kept.filter(({ failed }) => failed).length,
    slowCalls: kept.filter(({ slow }) => slow).length,
  };
}

const policies: fc.Arbitrary<CallWindowPolicy> = fc.oneof(
  fc.record({ kind: fc.constant('time' as const), durationMs: fc.integer({ min: 1, max: 50 }), bucketCount: fc.integer({ min: 1, max: 7 }) }),
  fc.record({ kind: fc.constant('count' as const), callCount: fc.integer({ min: 1, max: 7 }) }),
);
const entries = fc.array(
  fc.record({ waitMs: fc.oneof(fc.constant(0), fc.nat({ max: 60 })), failed: fc.boolean(), slow: fc.boolean(), clear: fc.nat({ max: 20 }) }),
  { maxLength: 60 },
);

describe('a window', () => {
  it('counts what counting the calls themselves would count, at every moment', () => {
    fc.assert(
      fc.property(policies, entries, fc.nat({ max: 1_000 }), (policy, sequence, beganMs) => {
        const window = callWindow(policy, beganMs);
        let calls: Call[] = [];
        let nowMs = beganMs;
        for (const { waitMs, failed, slow, clear } of sequence) {
          nowMs += waitMs;
          expect(window.read(nowMs)).toEqual(reading(policy, calls, beganMs, nowMs));
          if (clear === 0) {
            window.clear();
            calls = [];
          }
          window.record(failed, slow, nowMs);
          calls.push({ atMs: nowMs, failed, slow });
          expect(window.read(nowMs)).toEqual(reading(policy, calls, beganMs, nowMs));
        }
      }),
    );
  });
});

describe('a window is reason to open', () => {
  const policy = { ...storeRead, volumeThreshold: 10, failureRateThreshold: 0.5, slow: { callMs: 1, rateThreshold: 0.8 } };

  it.each<[string, WindowReading, boolean]>([
    ['too few calls', { calls: 9, failures: 9, slowCalls: 9 }, false],
    ['few failures', { calls: 10, failures: 4, slowCalls: 7 }, false],
    ['half failed', { calls: 10, failures: 5, slowCalls: 0 }, true],
    ['most were slow', { calls: 10, failures: 0, slowCalls: 8 }, true],
  ])('%s', (_, window, tripped) => {
    expect(isTripped(window, policy)).toBe(tripped);
  });

  it('never for slowness where no call is slow', () => {
    expect(isTripped({ calls: 10, failures: 0, slowCalls: 10 }, storeRead)).toBe(false);
  });
});
