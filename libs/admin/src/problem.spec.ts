import { describe, expect, it } from 'vitest';
import { TriptychError } from '@app/contracts';
import { refusalOf, requestInvalid } from './problem.js';

describe('a refusal', () => {
  it('keeps a status only when a framework chose it for a caller', () => {
    expect(refusalOf(Object.assign(new Error('x'), { statusCode: 400 }))).toMatchObject({ status: 500, error: { code: 'INTERNAL' } });
    expect(refusalOf(Object.assign(new Error('x'), { statusCode: 413, code: 'FST_ERR_X' }))).toMatchObject({ status: 413, error: { code: 'BODY_TOO_LARGE' } });
    expect(refusalOf(Object.assign(new Error('x'), { statusCode: 500, code: 'FST_ERR_X' }))).toMatchObject({ status: 500, error: { code: 'INTERNAL' } });
    expect(refusalOf(new Error('x'), 405)).toMatchObject({ status: 405, error: { code: 'METHOD_NOT_ALLOWED' } });
    expect(refusalOf(new TriptychError('ACCESS_DENIED', 'x'))).toMatchObject({ status: 403 });
    expect(refusalOf(new TriptychError('ACCESS_DENIED', 'x'), 401)).toMatchObject({ status: 401, error: { code: 'ACCESS_DENIED' } });
  });

  it('of what does not fit its schema says where, and no more than can be read', () => {
    const issues = [{ message: 'wrong', path: ['a', { key: 0 }, 'b'] }, { message: 'not this' }];
    expect(requestInvalid(issues)).toMatchObject({ code: 'REQUEST_INVALID', message: 'a.0.b: wrong; not this' });
    const many = requestInvalid(Array.from({ length: 50 }, () => ({ message: 'x'.repeat(1000) })));
    expect(many.details).toEqual({ issues: Array(5).fill('x'.repeat(256)) });
  });
});
