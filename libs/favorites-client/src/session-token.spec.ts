import { actorIdFrom, CausalContext, decodeSeen, encodeSeen, NOTHING_SEEN, type SeenRow } from '@app/store';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codeOf } from '@app/store/testing';
import type { SealSecret } from './seal.js';
import { SESSION_TOKEN_MAX_LENGTH, SessionToken } from './session-token.js';

const OLD: SealSecret = { id: 'k1', key: Buffer.from('an old key of 24 bytes..') };
const NEW: SealSecret = { id: 'k2', key: Buffer.from('a newer key of 24 bytes.') };
const row = (user: string) => ({ table: 'favorites', row: user });
const dot = (actor: number, counter = 1) => ({ actor: actorIdFrom(Buffer.from([actor >> 8, actor & 255, 0, 0, 0, 0, 0, 0])), counter });

/** Of a row that so many actors wrote to. */
const seen = (actors: number, over: Partial<SeenRow> = {}): Uint8Array =>
  encodeSeen({ ...NOTHING_SEEN, hlc: 435_200_000_000_000, context: CausalContext.of(Array.from({ length: actors }, (_, i) => dot(i, 7))), ...over });

const roundTrip = (token: SessionToken): SessionToken => SessionToken.open(token.seal('ann', [NEW]), 'ann', [NEW]);
const plain = (bytes: Uint8Array | undefined): Uint8Array | undefined => bytes && Uint8Array.from(bytes);

describe('a session token', () => {
  it('gives back what was seen of each row, and nothing of a row that the session has not met', () => {
    const token = roundTrip(SessionToken.EMPTY.after(row('ann'), seen(2)).after(row('bob'), seen(3)).after(row('ann'), seen(4)));
    expect(plain(token.seenOf(row('ann')))).toEqual(plain(seen(4)));
    expect(plain(token.seenOf(row('bob')))).toEqual(plain(seen(3)));
    expect(token.seenOf(row('eve'))).toBeUndefined();
    expect(roundTrip(SessionToken.EMPTY).seenOf(row('ann'))).toBeUndefined();
  });

  it('has at most 1 KiB whatever was seen, and never forgets silently what the session was promised', () => {
    const what = fc.record({
      user: fc.integer({ min: 0, max: 40 }).map((n) => `user-${n}`),
      actors: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 90 })),
      isOnQuorum: fc.boolean(),
      pending: fc.array(fc.record({ item: fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength: 128 }), dot: fc.nat(300).map((n) => dot(n)) }), { maxLength: 9 }),
    });
    fc.assert(
      fc.property(fc.array(what, { maxLength: 60 }), (replies) => {
        const truth = new Map<string, boolean>();
        let token = SessionToken.EMPTY;
        for (const { user, actors, isOnQuorum, pending } of replies) {
          truth.set(user, isOnQuorum);
          token = token.after(row(user), seen(actors, { isOnQuorum, pending }));
          expect(token.seal('ann', [NEW]).length).toBeLessThanOrEqual(SESSION_TOKEN_MAX_LENGTH);
        }
        token = roundTrip(token);
        for (const [user, isOnQuorum] of truth) {
          const { context, forgotten } = decodeSeen(token.seenOf(row(user))!);
          if (context.isEmpty) expect(isOnQuorum ? ['on-quorum', 'anywhere'] : ['anywhere']).toContain(forgotten);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('holds 55 actors of one row, or 13 rows of three', () => {
    const ofOne = (actors: number): SeenRow => decodeSeen(SessionToken.EMPTY.after(row('ann'), seen(actors)).seenOf(row('ann'))!);
    expect(ofOne(55).context.actorCount).toBe(55);
    expect(ofOne(90)).toMatchObject({ context: CausalContext.EMPTY, forgotten: 'on-quorum' });
    let token = SessionToken.EMPTY;
    for (let user = 0; user < 13; user++) token = token.after(row(`user-${user}`), seen(3));
    expect(decodeSeen(token.seenOf(row('user-0'))!).context.actorCount).toBe(3);
  });

  it('drops the row that was used longest ago, of those that a quorum holds first', () => {
    let token = SessionToken.EMPTY.after(row('single'), seen(3, { isOnQuorum: false })).after(row('old'), seen(3));
    for (let user = 0; user < 12; user++) token = token.after(row(`user-${user}`), seen(4));
    expect(decodeSeen(token.seenOf(row('single'))!).context.actorCount).toBe(3);
    expect(decodeSeen(token.seenOf(row('old'))!)).toMatchObject({ context: CausalContext.EMPTY, forgotten: 'on-quorum' });
    expect(decodeSeen(token.seenOf(row('user-11'))!).context.actorCount).toBe(4);
    for (let user = 0; user < 20; user++) token = token.after(row(`other-${user}`), seen(3, { isOnQuorum: false }));
    expect(decodeSeen(token.seenOf(row('single'))!)).toMatchObject({ context: CausalContext.EMPTY, forgotten: 'anywhere' });
  });

  it('keeps the pending writes of a row longer than the rest', () => {
    const pending = [{ item: 'film', dot: dot(500) }];
    let token = SessionToken.EMPTY.after(row('ann'), seen(3, { pending }));
    for (let user = 0; user < 30; user++) token = token.after(row(`user-${user}`), seen(3));
    expect(decodeSeen(token.seenOf(row('ann'))!).pending).toEqual(pending);
  });

  it('is these characters, since devices hold them across our releases', () => {
    const pending = [{ item: 'film', dot: dot(500) }];
    const token = SessionToken.EMPTY.after(row('bob'), seen(1)).after(row('ann'), seen(2, { isOnQuorum: false, forgotten: 'on-quorum', pending }));
    const golden = readFileSync(new URL('../../../test/golden/client/session-token-v1.txt', import.meta.url), 'utf8').trim();
    expect(token.seal('ann', [NEW])).toBe(golden);
    expect(decodeSeen(SessionToken.open(golden, 'ann', [NEW]).seenOf(row('ann'))!)).toMatchObject({ isOnQuorum: false, forgotten: 'on-quorum', pending });
  });

  it('serves its principal alone, under any key that still opens', () => {
    const text = SessionToken.EMPTY.after(row('ann'), seen(2)).seal('ann', [OLD]);
    expect(plain(SessionToken.open(text, 'ann', [NEW, OLD]).seenOf(row('ann')))).toEqual(plain(seen(2)));
    for (const act of [() => SessionToken.open(text, 'bob', [OLD]), () => SessionToken.open(text, 'ann', [NEW]), () => SessionToken.open(text, 'ann', [])]) expect(codeOf(act)).toBe('SESSION_TOKEN_INVALID');
  });

  it('refuses a text with any one character changed, cut short, too long, or made by others', () => {
    const text = SessionToken.EMPTY.after(row('ann'), seen(2)).seal('ann', [NEW]);
    const forged = text.split('').flatMap((character, at) => [text.slice(0, at), text.slice(0, at) + (character === 'A' ? 'B' : 'A') + text.slice(at + 1)]);
    expect(forged.filter((each) => codeOf(() => SessionToken.open(each, 'ann', [NEW])) !== 'SESSION_TOKEN_INVALID')).toEqual([]);
    expect(codeOf(() => SessionToken.open('A'.repeat(SESSION_TOKEN_MAX_LENGTH + 4), 'ann', [NEW]))).toBe('SESSION_TOKEN_INVALID');
    fc.assert(fc.property(fc.string({ maxLength: 100 }), (any) => codeOf(() => SessionToken.open(any, 'ann', [NEW])) === 'SESSION_TOKEN_INVALID'));
  });
});
