/**
 * A dot names one operation in one row: who minted it, and that actor's how-manieth operation in the row it is.
 *
 * An actor is one incarnation of one node's data directory, 8 random bytes written as 16 hex digits; never a client, so
 * actors are bounded by replicas and their restarts. A counter is never used twice by its actor in a row: a replica that
 * may have forgotten what it minted takes a fresh actor instead (row model, F10).
 * Source: Preguiça et al., Dotted Version Vectors (2012).
 */
export type ActorId = string & { readonly __brand: 'ActorId' };

export interface Dot {
  readonly actor: ActorId;
  /** 1, 2, 3 ... within (actor, row); below 2^53. */
  readonly counter: number;
}

/** @param bytes 8 random bytes */
export const actorIdFrom = (bytes: Uint8Array): ActorId => Buffer.from(bytes).toString('hex') as ActorId;

export const sameDot = (a: Dot, b: Dot): boolean => a.counter === b.counter && a.actor === b.actor;

/** Any total order that all replicas agree on: by actor, then counter. */
export function compareDots(a: Dot, b: Dot): number {
  if (a.actor !== b.actor) return a.actor < b.actor ? -1 : 1;
  return a.counter - b.counter;
}

export const dotText = (dot: Dot): string => `${dot.actor}:${dot.counter}`;
