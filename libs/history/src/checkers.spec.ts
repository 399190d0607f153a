/** Histories that keep the promises, and one for each way to break them: a checker that cannot fail proves nothing. */
import { describe, expect, it } from 'vitest';
import { checkConvergence, checkHistory } from './checkers.js';
import type { Operation, ReadOperation, WriteOperation } from './history.js';

const base = (id: string, startMs: number, endMs: number) => ({ id, session: 's', user: 'ann', level: 'QUORUM' as const, startMs, endMs });
const write = (kind: WriteOperation['kind'], startMs: number, endMs: number, more: Partial<WriteOperation> = {}): WriteOperation => ({
  ...base(`${kind}-${startMs}`, startMs, endMs),
  outcome: 'acknowledged',
  kind,
  film: 'x',
  ...more,
});
const read = (startMs: number, endMs: number, films: readonly string[], more: Partial<ReadOperation> = {}): ReadOperation => ({
  ...base(`read-${startMs}`, startMs, endMs),
  outcome: 'acknowledged',
  kind: 'read',
  films,
  ...more,
});
const rules = (...history: Operation[]): string[] => [...new Set(checkHistory(history).map(({ rule }) => rule))];

describe('an acknowledged add is never lost', () => {
  it('in a read after it', () => expect(rules(write('add', 0, 1), read(2, 3, []))).toEqual(['add-lost']));
  it('but a read that began before its acknowledgement may miss it', () => expect(rules(write('add', 0, 3), read(2, 4, []))).toEqual([]));
  it('and a remove that was asked for explains it, acknowledged, of unknown outcome, or concurrent with either', () => {
    expect(rules(write('add', 0, 1), write('remove', 2, 3), read(4, 5, []))).toEqual([]);
    expect(rules(write('add', 0, 1), write('remove', 2, 3, { outcome: 'unknown', endMs: null }), read(4, 5, []))).toEqual([]);
    expect(rules(write('add', 1, 3), write('remove', 0, 2), read(4, 5, []))).toEqual([]);
    expect(rules(write('add', 0, 1), write('remove', 4, 9), read(3, 5, []))).toEqual([]);
  });
  it('not so one that was refused, was over before the add began, came after the read, or was of another film', () => {
    expect(rules(write('add', 0, 1), write('remove', 2, 3, { outcome: 'refused' }), read(4, 5, []))).toEqual(['add-lost']);
    expect(rules(write('remove', 0, 1), write('add', 2, 3), read(4, 5, []))).toEqual(['add-lost']);
    expect(rules(write('add', 0, 1), read(2, 3, []), write('remove', 4, 5))).toEqual(['add-lost']);
    expect(rules(write('add', 0, 1), write('remove', 2, 3, { film: 'y' }), read(4, 5, []))).toEqual(['add-lost']);
  });
  it('a remove acknowledged by one replica may reach a quorum at any time', () => {
    expect(rules(write('remove', 0, 1, { level: 'ONE' }), write('add', 2, 3), read(4, 5, []))).toEqual([]);
  });
  it('an add of unknown outcome, a refused one and one at level ONE are no promise; nor is a read at ONE a proof', () => {
    for (const more of [{ outcome: 'unknown' as const }, { outcome: 'refused' as const }, { level: 'ONE' as const }]) expect(rules(write('add', 0, 1, more), read(2, 3, []))).toEqual([]);
    expect(rules(write('add', 0, 1), read(2, 3, [], { level: 'ONE' }))).toEqual([]);
  });
});

describe('a removed film never comes back', () => {
  it('in a read after the remove', () => expect(rules(write('add', 0, 1), write('remove', 2, 3), read(4, 5, ['x']))).toEqual(['removed-came-back']));
  it('but an add after it, concurrent with it, or of unknown outcome explains it', () => {
    expect(rules(write('add', 0, 1), write('remove', 2, 3), write('add', 4, 5), read(6, 7, ['x']))).toEqual([]);
    expect(rules(write('add', 2, 4), write('remove', 3, 5), read(6, 7, ['x']))).toEqual([]);
    expect(rules(write('add', 0, 1, { outcome: 'unknown' }), write('remove', 2, 3), read(4, 5, ['x']))).toEqual([]);
  });
  it('a move explains nothing', () => expect(rules(write('add', 0, 1), write('remove', 2, 3), write('move', 4, 5), read(6, 7, ['x']))).toEqual(['removed-came-back']));
});

describe('quorum reads never go back', () => {
  it('from showing to not showing a film of unknown outcome', () => {
    expect(rules(write('add', 0, 1, { outcome: 'unknown' }), read(2, 3, ['x']), read(4, 5, []))).toEqual(['read-went-back']);
  });
  it('from not showing to showing, when nothing was added between', () => {
    expect(rules(write('add', 0, 1), write('remove', 1.5, 1.7), read(2, 3, []), read(4, 5, ['x']))).toContain('read-went-back');
    expect(rules(write('add', 0, 9, { outcome: 'acknowledged' }), read(2, 3, []), read(4, 5, ['x']))).toEqual([]);
  });
  it('concurrent reads may differ', () => {
    expect(rules(write('add', 0, 9), read(2, 5, ['x']), read(4, 6, []))).toEqual([]);
  });
});

describe('the rest', () => {
  it('a film is in a list once', () => expect(rules(write('add', 0, 1), read(2, 3, ['x', 'x']))).toEqual(['shown-twice']));
  it('users are judged apart', () => expect(rules(write('add', 0, 1), { ...read(2, 3, []), user: 'bob' })).toEqual([]));
  it('healed replicas show one order and hold one row', () => {
    const of = (a: object, b: object) => new Map([['ann', new Map([['a1', a], ['b1', b]])]]) as never;
    expect(checkConvergence(of({ digest: '1', films: ['x', 'y'] }, { digest: '1', films: ['x', 'y'] }))).toEqual([]);
    expect(checkConvergence(of({ digest: '1', films: ['x', 'y'] }, { digest: '2', films: ['y', 'x'] }))).toMatchObject([{ rule: 'order-differs' }]);
    expect(checkConvergence(of({ digest: '1', films: ['x'] }, { digest: '2', films: ['x'] }))).toMatchObject([{ rule: 'replicas-differ' }]);
  });
});
