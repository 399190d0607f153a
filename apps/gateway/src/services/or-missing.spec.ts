import type { Served } from '@app/circuit';
import { ERRORS, type ErrorCode, InvariantViolation, TriptychError } from '@app/contracts';
import { PROBLEMS } from '@app/admin';
import { lastValueFrom, of, throwError } from 'rxjs';
import { expect, it } from 'vitest';
import { causeOf, orMissing } from './or-missing.js';

const served: Served<string> = { value: 'here', degraded: false };
const of$ = (error: unknown) => lastValueFrom(throwError(() => error).pipe(orMissing<string, null>(null)));

it('passes an answer on as it is, an earlier one too', async () => {
  expect(await lastValueFrom(of(served).pipe(orMissing(null)))).toBe(served);
  const earlier: Served<string> = { value: 'before', degraded: true, cause: new TriptychError('CIRCUIT_OPEN', 'open') };
  expect(await lastValueFrom(of(earlier).pipe(orMissing(null)))).toBe(earlier);
});

it('is degraded for whatever HTTP has a 5xx for, and says which; a mistake of the caller\'s passes', async () => {
  for (const code of Object.keys(ERRORS) as ErrorCode[]) {
    const error = new TriptychError(code, 'as told');
    const heard = await of$(error).catch((passed: unknown) => passed);
    if (PROBLEMS[code].status < 500) expect(heard).toBe(error);
    else expect([heard, causeOf(heard as Served<null>)]).toEqual([{ value: null, degraded: true, cause: error }, code]);
  }
});

it('hides no broken invariant, and takes an error that is not ours for INTERNAL', async () => {
  const broken = new InvariantViolation('ours');
  await expect(of$(broken)).rejects.toBe(broken);
  expect(causeOf(await of$(new Error('theirs')))).toBe('INTERNAL');
  expect(causeOf(served)).toBeNull();
});

