import { expect, it } from 'vitest';
import { milliseconds, percent, plural, rate, shortDot, timeOfDay } from './quantities.js';

it.each([[null, '–'], [0.04, '0.0 ms'], [9.94, '9.9 ms'], [12.4, '12 ms'], [999, '999 ms'], [1_234, '1.2 s']])('%s ms is written %s', (ms, text) => {
  expect(milliseconds(ms)).toBe(text);
});

it.each([[0, '0'], [0.4, '0.4'], [12.3, '12'], [999, '999'], [1_234, '1.2k']])('%d a second is written %s', (perSecond, text) => {
  expect(rate(perSecond)).toBe(text);
});

it('other quantities are as short as they can be told apart', () => {
  expect(shortDot('0123456789abcdef:42')).toBe('0123:42');
  expect(percent(1 / 6)).toBe('17%');
  expect([plural(1, 'node'), plural(2, 'node')]).toEqual(['1 node', '2 nodes']);
  expect(timeOfDay(new Date(2026, 0, 2, 3, 4, 5).getTime())).toBe('03:04:05');
});
