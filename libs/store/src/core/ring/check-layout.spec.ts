import { nodeId, zoneId, type RingMember } from '@app/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { replicasRequired } from '../quorum/consistency-level.js';
import { checkLayout, type LayoutVerdict } from './check-layout.js';
import { TokenRing } from './token-ring.js';
import type { Token } from './token.js';

const member = (node: string, weight = 1): RingMember => ({
  node: nodeId(node),
  zone: zoneId(`zone-${node[0]}`),
  region: 'local',
  host: '127.0.0.1',
  port: 1,
  weight,
});
const members = (...nodes: string[]): RingMember[] => nodes.map((node) => member(node));
const reason = (verdict: LayoutVerdict): string => (verdict.ok ? 'ok' : verdict.reason);

describe('a layout', () => {
  it('[P10] is accepted when what it is to survive leaves a quorum of every row', () => {
    const six = members('a1', 'a2', 'b1', 'b2', 'c1', 'c2');
    for (const survive of ['zone', 'node', 'nothing'] as const) expect(checkLayout(six, 3, survive)).toEqual({ ok: true });
    expect(checkLayout(members('a1', 'a2', 'b1'), 3, 'node')).toEqual({ ok: true });
    expect(checkLayout(members('a1', 'a2', 'b1', 'b2', 'c1'), 5, 'zone')).toEqual({ ok: true });
    expect(checkLayout(members('a1'), 1, 'nothing')).toEqual({ ok: true });
  });

  it('[P10] is refused with the reason when it does not', () => {
    expect(reason(checkLayout(members('a1', 'a2', 'b1', 'b2'), 3, 'zone'))).toBe(
      'losing one zone can leave 1 of 3 copies, and a quorum is 2; more than 2 zones or more copies would do',
    );
    expect(reason(checkLayout(members('a1', 'b1', 'c1'), 2, 'node'))).toBe('losing one node can leave 1 of 2 copies, and a quorum is 2');
    expect(reason(checkLayout(members('a1', 'b1', 'c1'), 1, 'zone'))).toBe('losing one zone can leave 0 of 1 copies, and a quorum is 1');
    expect(reason(checkLayout(members('a1', 'b1'), 3, 'nothing'))).toBe('3 copies need as many nodes; there are 2');
    expect(reason(checkLayout([], 1, 'nothing'))).toBe('1 copies need as many nodes; there are 0');
    expect(reason(checkLayout(members('a1', 'a1'), 1, 'nothing'))).toBe('a node is named twice');
    expect(reason(checkLayout([member('a1', -1)], 1, 'nothing'))).toBe('weight -1 of node a1 is not above 0');
    expect(reason(checkLayout(members('a1'), 0.5, 'nothing'))).toBe('replication factor 0.5 is not a whole number of at least 1');
  });

  it('[P10] is judged as taking each zone and node away from every row of its ring judges it', () => {
    const layout = fc.uniqueArray(fc.stringMatching(/^[a-d][1-9]$/), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(layout, fc.integer({ min: 1, max: 5 }), (nodes, replicationFactor) => {
        fc.pre(nodes.length >= replicationFactor);
        const ring = new TokenRing(members(...nodes), replicationFactor);
        const quorum = replicasRequired('QUORUM', replicationFactor);
        const survives = (lost: (replica: RingMember) => string): boolean => {
          for (let slot = 0n; slot < 4096n; slot += 5n) {
            const replicas = ring.replicas((slot << 52n) as Token);
            for (const gone of new Set(replicas.map(lost))) {
              if (replicas.filter((replica) => lost(replica) !== gone).length < quorum) return false;
            }
          }
          return true;
        };
        expect(checkLayout(ring.members, replicationFactor, 'zone').ok).toBe(survives(({ zone }) => zone));
        expect(checkLayout(ring.members, replicationFactor, 'node').ok).toBe(survives(({ node }) => node));
      }),
      { numRuns: 20 },
    );
  });
});
