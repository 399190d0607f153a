/** Some are asked for far more often than others: the n-th of them with weight 1 / n^exponent (Zipf's law). */
import type { Random } from '@app/time';

export class Zipf {
  readonly #cumulative: readonly number[];

  /** @param count of items, >= 1 @param exponent 0: all alike; 1: the classical law */
  constructor(count: number, exponent: number) {
    let sum = 0;
    this.#cumulative = Array.from({ length: count }, (_, index) => (sum += 1 / (index + 1) ** exponent));
  }

  /** An index in [0, count). */
  draw(random: Random): number {
    const wanted = random.fraction() * this.#cumulative.at(-1)!;
    let low = 0;
    let high = this.#cumulative.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#cumulative[middle]! > wanted) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
