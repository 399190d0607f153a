/** Histories that keep the promises, and one for each way to break them: a checker that cannot fail proves nothing. */
import { describe, expect, it } from 'vitest';
import { checkHistory } from './checkers.js';
import { checkConvergence } from './convergence.js';
import type { Operation } from './history.js';
import { each, read, write } from './testing/histories.js';

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

describe('at every level', () => {
  it('a film that nobody added is not shown', () => {
    expect(rules(read(2, 3, ['x'], { level: 'ONE' }))).toEqual(['from-nowhere']);
    expect(rules(write('add', 4, 5), read(2, 3, ['x'], { level: 'ONE' }))).toEqual(['from-nowhere']);
    expect(rules(write('move', 0, 1), read(2, 3, ['x'], { level: 'ONE' }))).toEqual(['from-nowhere']);
  });
  it('nor one whose adds were all refused', () => expect(rules(write('add', 0, 1, { outcome: 'refused' }), read(2, 3, ['x'], { level: 'ANY' }))).toEqual(['from-nowhere']));
  it('one of unknown outcome may be, and one that is still waited for', () => {
    expect(rules(write('add', 0, 1, { outcome: 'unknown' }), read(2, 3, ['x'], { level: 'ONE' }))).toEqual([]);
    expect(rules(write('add', 0, 0, { outcome: 'unknown', endMs: null }), read(2, 3, ['x'], { level: 'ONE' }))).toEqual([]);
  });
});

describe('a list that is only used at LINEARIZABLE', () => {
  const history = [write('add', 0, 9), write('add', 0, 9, { id: 'y', film: 'y' }), read(1, 4, ['x']), read(5, 8, ['y'])];
  it('is one set in one place', () => {
    expect(rules(...each({ level: 'LINEARIZABLE' }, ...history))).toContain('not-linearizable');
    expect(rules(...each({ level: 'LINEARIZABLE' }, ...history.slice(0, 3)))).toEqual([]);
  });
  it('where other levels are used too, it is not', () => expect(rules(...each({ level: 'LINEARIZABLE' }, ...history), read(10, 11, ['x', 'y']))).not.toContain('not-linearizable'));
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
