import { ERRORS, TriptychError, type ErrorCode } from '@app/contracts';
import { describe, expect, it } from 'vitest';
import { evidenceOf, judgeByErrorTable } from './call-outcome.js';

describe('an error', () => {
  it.each(Object.keys(ERRORS) as ErrorCode[])('%s means what the error table says', (code) => {
    const verdict = ERRORS[code].breaker === 'ignores' ? 'mistake' : 'failure';
    expect(judgeByErrorTable(new TriptychError(code, 'text'))).toBe(verdict);
  });

  it('unknown to the table is a failure, whatever it claims to be', () => {
    expect(judgeByErrorTable(new Error('text'))).toBe('failure');
    expect(judgeByErrorTable({ breaker: 'ignores' })).toBe('failure');
    expect(judgeByErrorTable(undefined)).toBe('failure');
  });

  it('raised by another circuit on the way is no evidence, except its timeout', () => {
    const verdicts = (['CIRCUIT_OPEN', 'CIRCUIT_SATURATED', 'CIRCUIT_TIMEOUT'] as const).map((code) =>
      judgeByErrorTable(new TriptychError(code, 'text')),
    );
    expect(verdicts).toEqual(['mistake', 'mistake', 'failure']);
  });
});

describe('evidence', () => {
  it('is what each outcome proves; only a success can be spoilt by slowness', () => {
    const outcomes = ['success', 'failure', 'timeout', 'mistake', 'cancelled', 'rejected'] as const;
    expect(outcomes.map((outcome) => evidenceOf(outcome, false))).toEqual(['good', 'bad', 'bad', 'none', 'none', 'none']);
    expect(outcomes.map((outcome) => evidenceOf(outcome, true))).toEqual(['bad', 'bad', 'bad', 'none', 'none', 'none']);
  });
});
