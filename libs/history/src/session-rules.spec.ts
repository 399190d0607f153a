import { describe, expect, it } from 'vitest';
import type { Operation } from './history.js';
import { checkSessions } from './session-rules.js';
import { each, read, write } from './testing/histories.js';

const rules = (...operations: Operation[]): string[] => [...new Set(checkSessions(operations).map(({ rule }) => rule))];
/** With a token that was kept, at SESSION. */
const own = (...operations: Operation[]): Operation[] => each({ level: 'SESSION', keptToken: true }, ...operations);
const others = (...operations: Operation[]): Operation[] => each({ session: 'other' }, ...operations);

describe('a session sees its own writes', () => {
  it('its add, at the next read', () => {
    expect(rules(...own(write('add', 0, 1), read(1, 2, [])))).toEqual(['own-write-unseen']);
    expect(rules(...own(write('add', 0, 1), read(1, 2, ['x'])))).toEqual([]);
  });
  it('its remove', () => {
    expect(rules(...own(write('add', 0, 1), write('remove', 2, 3), read(4, 5, ['x'])))).toContain('own-write-unseen');
    expect(rules(...own(write('add', 0, 1), write('remove', 2, 3), read(4, 5, [])))).toEqual([]);
  });
  it('also at other levels than the write', () => {
    expect(rules({ ...write('add', 0, 1), keptToken: true }, ...own(read(2, 3, [])))).toEqual(['own-write-unseen']);
    expect(rules(...own(write('add', 0, 1)), { ...read(2, 3, []), keptToken: true })).toEqual(['own-write-unseen']);
  });
  it('what another session did meanwhile explains it, or what it did before where a quorum was not asked', () => {
    expect(rules(...own(write('add', 2, 3), read(6, 7, [])), ...others(write('remove', 4, 5)))).toEqual([]);
    expect(rules({ ...write('add', 2, 3, { level: 'ONE' }), keptToken: true }, ...own(read(6, 7, [])), ...others(write('remove', 0, 1)))).toEqual([]);
    expect(rules({ ...write('add', 2, 3), keptToken: true }, ...own(read(6, 7, [])), ...others(write('remove', 0, 1)))).toEqual(['own-write-unseen']);
  });
  it('what it was itself told before does not', () => {
    expect(rules(...own(write('remove', 0, 1), write('add', 2, 3), read(6, 7, [])))).toEqual(['own-write-unseen']);
    expect(rules(...own(write('remove', 0, 1, { outcome: 'unknown' }), write('add', 2, 3), read(6, 7, [])))).toEqual([]);
  });
  it('without a token, or with an answer that could not keep it, nothing is owed', () => {
    expect(rules(write('add', 0, 1), ...own(read(2, 3, [])))).toEqual([]);
    expect(rules(...own(write('add', 0, 1)), read(2, 3, [], { level: 'SESSION', keptToken: false }))).toEqual([]);
  });
  it('other sessions owe it nothing', () => expect(rules(...own(write('add', 0, 1)), ...each({ session: 'other', level: 'SESSION', keptToken: true }, read(2, 3, [])))).toEqual([]));
});

describe('a session never goes back', () => {
  it('from a film that it saw, unless somebody removed it', () => {
    const [add, shown, gone] = [...others(write('add', 0, 9)), ...own(read(1, 2, ['x']), read(3, 4, []))];
    expect(rules(add!, shown!, gone!)).toEqual(['session-went-back']);
    expect(rules(add!, shown!, gone!, ...others(write('remove', 3, 5)))).toEqual([]);
  });
  it('a remove of long ago explains it: the first replica may have been behind', () => {
    expect(rules(...others(write('add', 0, 1), write('remove', 2, 3)), ...own(read(4, 5, ['x']), read(6, 7, [])))).toEqual([]);
  });
  it('to a film that it had seen removed, unless there is another add', () => {
    const history = [...others(write('add', 0, 1), write('remove', 2, 3)), ...own(read(4, 5, ['x']), read(6, 7, []), read(8, 9, ['x']))];
    expect(rules(...history)).toEqual(['session-went-back']);
    expect(rules(...history, ...others(write('add', 1, 2)))).toEqual([]);
    expect(rules(...history, ...others(write('add', 10, 11)))).toEqual(['session-went-back']);
  });
  it('a write of its own that was in effect for both reads explains nothing', () => {
    const history = own(write('add', 0, 1), read(2, 3, ['x']), read(4, 5, []));
    expect(rules(...history)).toContain('session-went-back');
    expect(rules(...history, ...own(write('remove', 1, 2, { id: 'own-remove' })))).toContain('session-went-back');
  });
  it('of two adds each explains one change, whichever came first', () => {
    const adds = [...others(write('add', 0, 1, { outcome: 'unknown' })), ...own(write('add', 2, 3))];
    const removes = others(write('remove', 4, 5), write('remove', 6, 7));
    expect(rules(...adds, ...removes, ...own(read(3, 3.5, ['x']), read(8, 9, []), read(10, 11, ['x']), read(12, 13, [])))).toEqual([]);
    expect(rules(...adds, ...removes, ...own(read(3, 3.5, ['x']), read(8, 9, []), read(10, 11, ['x']), read(12, 13, []), read(14, 15, ['x'])))).toEqual(['session-went-back']);
  });
});
