/**
 * How often each mechanism really ran. Every counter that a node keeps is one, under the name it has there: a mechanism that is
 * new and counts what it does is covered, and called out while it never runs.
 */

/** Not counts of work done, but states and sizes. */
const NO_COUNT = /(Bytes|Ms|Lsn|lsn|Count|waiting.*|state|isReady|Share|depth|^damagedRows|pendingBatches|membership\.epoch|generation|toldPeers|witness\.batches)$/;
/** Each peer's share of what is counted as a whole already, and times. */
const PER_PEER = new Set(['targets', 'agreedAgoMs', 'peers', 'members', 'slotsLeft']);

/** Adds up the numbers of `stats`, also those within: `hints: { replayed: 2 }` counts as "hints.replayed". */
export function collectCounts(stats: object, into: Record<string, number>, prefix = ''): void {
  for (const [name, value] of Object.entries(stats)) {
    if (PER_PEER.has(name)) continue;
    if (typeof value === 'number' && !NO_COUNT.test(`${prefix}${name}`)) into[`${prefix}${name}`] = (into[`${prefix}${name}`] ?? 0) + value;
    else if (typeof value === 'object' && value !== null && !Array.isArray(value)) collectCounts(value as object, into, `${prefix}${name}.`);
  }
}
