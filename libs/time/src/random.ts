/** Chance as a port: system randomness in production, a seeded generator under simulation. */
export interface Random {
  /** Uniform in [0, 1). */
  fraction(): number;
  /** `count` random bytes; in production from the system's generator, fit for identifiers that must never repeat. */
  bytes(count: number): Uint8Array;
}
