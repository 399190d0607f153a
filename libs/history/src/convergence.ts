/** What must hold once everything is mended and quiet: replicas agree to the byte, and so all readers see one order. */
import type { Violation } from './violation.js';

/**
 * Once everything is healed and quiet, all replicas hold the same row, and so every reader sees the same order.
 * @param replicas per user, what each replica of the row holds, by name
 */
export function checkConvergence(replicas: ReadonlyMap<string, ReadonlyMap<string, { readonly digest: string; readonly films: readonly string[] }>>): Violation[] {
  const violations: Violation[] = [];
  for (const [user, held] of replicas) {
    const [first, ...others] = held;
    for (const [name, state] of others) {
      if (state.films.join() !== first![1].films.join()) {
        violations.push({ rule: 'order-differs', what: `${user}: ${first![0]} shows ${first![1].films.join()}, ${name} ${state.films.join()}`, operations: [] });
      } else if (state.digest !== first![1].digest) {
        violations.push({ rule: 'replicas-differ', what: `${user}: ${first![0]} and ${name} show the same list and hold different rows`, operations: [] });
      }
    }
  }
  return violations;
}
