import { ERRORS, InvariantViolation, TriptychError, type ErrorCode } from '@app/contracts';
import { describe, expect, it } from 'vitest';
import { isTransient, isUnavailable, keepDoubt, mayHaveApplied } from './error-reading.js';

const ofCode = (code: ErrorCode) => new TriptychError(code, code);
const refusals: ErrorCode[] = ['CIRCUIT_OPEN', 'CIRCUIT_SATURATED', 'WIRE_OVERLOADED', 'GATEWAY_OVERLOADED', 'STORE_DRAINING', 'STORE_QUORUM_UNAVAILABLE'];

describe('an error', () => {
  it('is worth another attempt when the table counts it against the dependency, or when it is not ours', () => {
    for (const [code, { breaker }] of Object.entries(ERRORS)) {
      expect(isTransient(ofCode(code as ErrorCode)), code).toBe(breaker === 'counts');
    }
    expect(isTransient(new Error('from a library'))).toBe(true);
  });

  it('leaves room for a stand-in when it is a failure or a refusal, and none when it is a mistake', () => {
    for (const code of [...refusals, 'CIRCUIT_TIMEOUT', 'WIRE_UNREACHABLE', 'DEADLINE_EXCEEDED'] as const) {
      expect(isUnavailable(ofCode(code)), code).toBe(true);
    }
    for (const code of ['REQUEST_INVALID', 'ITEM_NOT_FOUND', 'ACCESS_DENIED', 'LIST_FULL'] as const) {
      expect(isUnavailable(ofCode(code)), code).toBe(false);
    }
  });

  it('that is a bug of ours is neither tried again nor covered up', () => {
    const bug = new InvariantViolation('broken');
    expect([isTransient(bug), isUnavailable(bug)]).toEqual([false, false]);
  });

  it('leaves an effect open when the table does, or when it is not ours', () => {
    expect(mayHaveApplied(ofCode('WIRE_UNREACHABLE'))).toBe(false);
    expect(mayHaveApplied(ofCode('CIRCUIT_TIMEOUT'))).toBe(true);
    expect(mayHaveApplied(new Error('from a library'))).toBe(true);
  });

  it('of a later attempt does not deny an effect that an earlier one left open', () => {
    const [no, unknown] = [ofCode('CIRCUIT_OPEN'), ofCode('CIRCUIT_TIMEOUT')];
    const [laterNo, laterUnknown] = [ofCode('WIRE_UNREACHABLE'), ofCode('WIRE_CONNECTION_LOST')];
    expect(keepDoubt(unknown, laterNo)).toBe(unknown);
    expect(keepDoubt(unknown, laterUnknown)).toBe(laterUnknown);
    expect(keepDoubt(no, laterNo)).toBe(laterNo);
    expect(keepDoubt(no, laterUnknown)).toBe(laterUnknown);
  });
});
