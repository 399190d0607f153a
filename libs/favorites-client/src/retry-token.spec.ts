import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Item, type Operation, type Placement, type TriptychError } from '@app/contracts';
import type { PendingWrite } from './list-store.js';
import { openRetryToken, RETRY_TOKEN_MAX_LENGTH, sealRetryToken } from './retry-token.js';
import type { SealSecret } from './seal.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const OLD: SealSecret = { id: 'k1', key: bytes('an old key of 24 bytes..') };
const NEW: SealSecret = { id: 'k2', key: bytes('a newer key of 24 bytes.') };

const ADD: PendingWrite = {
  table: 'favorites',
  row: 'user-7',
  item: 'film-42',
  operation: { kind: 'add', value: bytes('{"zone":"zone-a"}'), placement: { after: 'film-41' } },
  delta: Uint8Array.from([1, 2, 3, 250, 251, 252]),
  result: { item: 'film-42', position: '55.17', value: bytes('{"zone":"zone-a"}'), writtenAtMs: 1_700_000_000_123 },
};
const REMOVE: PendingWrite = { ...ADD, operation: { kind: 'remove' }, result: null };

const smallBytes = fc.uint8Array({ maxLength: 40 });
const name = fc.string({ maxLength: 20, unit: 'grapheme' });
const placement: fc.Arbitrary<Placement> = fc.oneof(
  fc.constantFrom<Placement>('first', 'last'),
  name.map((before) => ({ before })),
  name.map((after) => ({ after })),
);
const operation: fc.Arbitrary<Operation> = fc.oneof(
  smallBytes.map((value) => ({ kind: 'add' as const, value })),
  fc.record({ kind: fc.constant('add' as const), value: smallBytes, placement }),
  fc.constant({ kind: 'remove' as const }),
  fc.record({ kind: fc.constant('move' as const), placement }),
);
const result: fc.Arbitrary<Item | null> = fc.option(
  fc.record({ item: name, position: name, value: smallBytes, writtenAtMs: fc.nat({ max: 2 ** 52 }) }),
);
const pendingWrite: fc.Arbitrary<PendingWrite> = fc.record({ table: name, row: name, item: name, operation, delta: smallBytes, result });

/** What opening it fails with; 'opened' when it does not. */
function refusalOf(text: string, principalName = 'ann', secrets = [NEW, OLD]): string {
  try {
    openRetryToken(text, principalName, secrets);
    return 'opened';
  } catch (error) {
    return `${(error as TriptychError).code}: ${(error as TriptychError).message}`;
  }
}
const REFUSAL = 'RETRY_TOKEN_INVALID: the retry token is not one of ours, or not for this principal';

describe('retry token', () => {
  it('gives back, to its principal, exactly the write that was sealed', () => {
    fc.assert(
      fc.property(pendingWrite, name, (pending, principalName) => {
        const token = sealRetryToken(pending, principalName, [NEW])!;
        expect(token).toMatch(/^[A-Za-z0-9_-]+$/);
        expect(openRetryToken(token, principalName, [OLD, NEW])).toEqual(pending);
      }),
    );
  });

  it('refuses a token with any one byte changed, in any way', () => {
    const token = Buffer.from(sealRetryToken(ADD, 'ann', [NEW])!, 'base64url');
    const taken: number[] = [];
    for (let at = 0; at < token.length; at++) {
      for (const flip of [1, 2, 4, 8, 16, 32, 64, 128, 255]) {
        const forged = Buffer.from(token);
        forged[at]! ^= flip;
        if (refusalOf(forged.toString('base64url')) !== REFUSAL) taken.push(at);
      }
    }
    expect(taken).toEqual([]);
  });

  it('refuses a token cut short, or with any one character changed', () => {
    const token = sealRetryToken(ADD, 'ann', [NEW])!;
    const forged: string[] = [];
    for (let at = 0; at < token.length; at++) {
      forged.push(token.slice(0, at));
      for (const other of ['A', 'B', '_', '=', ' ']) if (other !== token[at]) forged.push(token.slice(0, at) + other + token.slice(at + 1));
    }
    expect(forged.filter((text) => refusalOf(text) !== REFUSAL)).toEqual([]);
  });

  it('refuses any other text', () => {
    expect(refusalOf('')).toBe(REFUSAL);
    const token = sealRetryToken(ADD, 'ann', [NEW])!;
    fc.assert(fc.property(fc.string({ maxLength: 200 }), (text) => refusalOf(text) === REFUSAL));
    fc.assert(fc.property(fc.string({ minLength: 1, maxLength: 4 }), (tail) => refusalOf(token + tail) === REFUSAL));
  });

  it('serves no other principal', () => {
    const token = sealRetryToken(ADD, 'ann', [NEW])!;
    expect(['bob', 'an', 'annn', ''].map((other) => refusalOf(token, other))).toEqual(Array(4).fill(REFUSAL));
  });

  it('opens under a key that no longer seals, and under no key that is gone', () => {
    const token = sealRetryToken(REMOVE, 'ann', [OLD])!;
    expect(openRetryToken(token, 'ann', [NEW, OLD])).toEqual(REMOVE);
    expect(refusalOf(token, 'ann', [NEW])).toBe(REFUSAL);
    expect(refusalOf(token, 'ann', [{ id: OLD.id, key: NEW.key }])).toBe(REFUSAL);
    expect(refusalOf(token, 'ann', [])).toBe(REFUSAL);
  });

  it('is not made for a write too large to travel in a header', () => {
    const overheadBytes = 200;
    const fits = { ...REMOVE, delta: new Uint8Array((RETRY_TOKEN_MAX_LENGTH / 4) * 3 - overheadBytes) };
    const token = sealRetryToken(fits, 'ann', [NEW])!;
    expect(token.length).toBeLessThanOrEqual(RETRY_TOKEN_MAX_LENGTH);
    expect(openRetryToken(token, 'ann', [NEW])).toEqual(fits);
    expect(sealRetryToken({ ...REMOVE, delta: new Uint8Array(13 * 1024) }, 'ann', [NEW])).toBeNull();
    expect(sealRetryToken({ ...REMOVE, delta: new Uint8Array(70_000) }, 'ann', [NEW])).toBeNull();
    expect(refusalOf('A'.repeat(RETRY_TOKEN_MAX_LENGTH + 4))).toBe(REFUSAL);
  });

  it.each([
    ['retry-token-v1-add', ADD],
    ['retry-token-v1-remove', REMOVE],
  ])('still opens and makes the bytes of %s', (file, pending) => {
    const golden = readFileSync(new URL(`../../../test/golden/client/${file}.txt`, import.meta.url), 'utf8').trim();
    expect(openRetryToken(golden, 'ann', [NEW])).toEqual(pending);
    expect(sealRetryToken(pending, 'ann', [NEW])).toBe(golden);
  });
});
