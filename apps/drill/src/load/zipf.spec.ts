import { SeededRandom } from '@app/time';
import { expect, it } from 'vitest';
import { Zipf } from './zipf.js';

const shares = (count: number, exponent: number): number[] => {
  const zipf = new Zipf(count, exponent);
  const random = new SeededRandom(1);
  const drawn = Array.from({ length: count }, () => 0);
  for (let draw = 0; draw < 20_000; draw++) drawn[zipf.draw(random)]!++;
  return drawn.map((times) => times / 20_000);
};

it('draws the n-th with weight 1/n^exponent', () => {
  const [first, second, , fourth] = shares(10, 1);
  expect(first! / second!).toBeCloseTo(2, 0);
  expect(first! / fourth!).toBeCloseTo(4, 0);
  for (const share of shares(4, 0)) expect(share).toBeCloseTo(0.25, 1);
  expect(shares(1, 1)).toEqual([1]);
});
