import { InvariantViolation } from '@app/contracts';
import { describe, expect, it } from 'vitest';
import { assertPolicy, serviceRead, storeRead, storeWrite, type CircuitPolicy } from './circuit-policy.js';

describe('a policy', () => {
  it.each([storeRead, storeWrite, serviceRead])('shipped as a preset means something, and nobody can change it', (preset) => {
    expect(() => assertPolicy(preset)).not.toThrow();
    expect(Object.isFrozen(preset) && Object.isFrozen(preset.window)).toBe(true);
  });

  it.each<[string, Partial<CircuitPolicy>]>([
    ['timeoutMs', { timeoutMs: 0 }],
    ['timeoutMs', { timeoutMs: Infinity }],
    ['timeoutMs', { timeoutMs: 2 ** 31 }],
    ['openMs', { openMs: -1 }],
    ['openMs', { openMs: Number.NaN }],
    ['capacity', { capacity: 0 }],
    ['capacity', { capacity: 1.5 }],
    ['volumeThreshold', { volumeThreshold: 0 }],
    ['probeCount', { probeCount: 0 }],
    ['failureRateThreshold', { failureRateThreshold: 0 }],
    ['failureRateThreshold', { failureRateThreshold: 50 }],
    ['slow.callMs', { slow: { callMs: 0, rateThreshold: 0.5 } }],
    ['slow.callMs', { slow: { callMs: 1_501, rateThreshold: 0.5 } }],
    ['slow.rateThreshold', { slow: { callMs: 100, rateThreshold: 2 } }],
    ['window.durationMs', { window: { kind: 'time', durationMs: 0, bucketCount: 10 } }],
    ['window.bucketCount', { window: { kind: 'time', durationMs: 1_000, bucketCount: 0 } }],
    ['window.callCount', { window: { kind: 'count', callCount: 0 } }],
    ['volumeThreshold', { window: { kind: 'count', callCount: 9 } }],
  ])('is refused when its %s means nothing: %o', (field, change) => {
    expect(() => assertPolicy({ ...storeRead, ...change })).toThrow(InvariantViolation);
    expect(() => assertPolicy({ ...storeRead, ...change })).toThrow(field);
  });
});
