import { nodeId, zoneId } from '@app/contracts';
import { describe, expect, it } from 'vitest';
import { quorumObstacle, type ReachedNode } from './obstacle.js';

/** Nodes by name, `a1` being the first in zone a, but for the connections given all up. */
const nodes = (names: string, connections: Readonly<Record<string, string>> = {}): ReachedNode[] =>
  names.split(' ').map((name) => ({ node: nodeId(name), zone: zoneId(name[0]!), connection: connections[name] ?? 'up' }));
const SIX = 'a1 a2 b1 b2 c1 c2';

describe('what keeps every quorum of three copies out of reach', () => {
  it('is not the loss of a zone, nor of a node in every zone', () => {
    expect(quorumObstacle(nodes(SIX), 3)).toBeNull();
    expect(quorumObstacle(nodes(SIX, { b1: 'down', b2: 'connecting' }), 3)).toBeNull();
    expect(quorumObstacle(nodes(SIX, { a1: 'down', b1: 'down', c1: 'down' }), 3)).toBeNull();
  });

  it('is not that nodes were never needed yet', () => {
    expect(quorumObstacle(nodes('a1 b1 c1', { a1: 'idle', b1: 'idle', c1: 'idle' }), 3)).toBeNull();
  });

  it('is the loss of a second zone, also while its connections are made again', () => {
    const lost = { a1: 'down', a2: 'connecting', b1: 'down', b2: 'down' };
    expect(quorumObstacle(nodes(SIX, lost), 3)).toMatchObject({ code: 'STORE_QUORUM_UNAVAILABLE', details: { needed: 2, alive: 1 } });
  });

  it('is counted in nodes where there are fewer zones than copies', () => {
    expect(quorumObstacle(nodes('a1 a2 a3', { a1: 'down' }), 3)).toBeNull();
    expect(quorumObstacle(nodes('a1 a2 a3', { a1: 'down', a2: 'down' }), 3)).toMatchObject({ details: { needed: 2, alive: 1 } });
  });
});
