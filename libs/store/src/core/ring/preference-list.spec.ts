import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { preferenceList } from './preference-list.js';

const zoneOf = (node: string): string => node[0]!;
const nodes = fc.uniqueArray(fc.stringMatching(/^[a-e][1-9]$/), { maxLength: 12 });

/** Round by round: each zone once, by whichever of its nodes is met first. */
function plainPreferenceList(nearestFirst: readonly string[]): string[] {
  const left = [...nearestFirst];
  const list: string[] = [];
  while (left.length > 0) {
    const round = left.filter((node, i) => left.findIndex((other) => zoneOf(other) === zoneOf(node)) === i);
    for (const node of round) left.splice(left.indexOf(node), 1);
    list.push(...round);
  }
  return list;
}

describe('a preference list', () => {
  it('[P4] takes the first node met in each zone, then goes round again', () => {
    expect(preferenceList(['a1', 'a2', 'b1', 'a3', 'c1', 'b2'], zoneOf)).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3']);
  });

  it('[P3] names every node once, as going round by hand does', () => {
    fc.assert(
      fc.property(nodes, (nearestFirst) => {
        const list = preferenceList(nearestFirst, zoneOf);
        expect(list.toSorted()).toEqual(nearestFirst.toSorted());
        expect(list).toEqual(plainPreferenceList(nearestFirst));
      }),
    );
  });
});
