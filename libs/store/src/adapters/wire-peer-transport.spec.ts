import { nodeId, zoneId, type RingMember } from '@app/contracts';
import { SeededRandom, systemClock } from '@app/time';
import { tcpNetwork, type WireIdentity } from '@app/wire';
import { expect, it } from 'vitest';
import type { PeerRequest } from '../ports/transport.js';
import { WirePeerTransport } from './wire-peer-transport.js';

const identity: WireIdentity = { clusterId: 'c', name: 'a1', role: 'store', schemaHash: 'x' };
const memberAt = (node: string, port: number): RingMember => ({ node: nodeId(node), zone: zoneId('z'), region: 'r', host: '127.0.0.1', port, weight: 1 });

it('keeps the promise of the port: a refusal does not come within the call, be the peer down or none', async () => {
  // Nobody listens on port 1.
  const transport = new WirePeerTransport({ self: nodeId('a1'), members: [memberAt('b1', 1)], identity, network: tcpNetwork(), clock: systemClock, random: new SeededRandom(1) });
  try {
    for (let tries = 0; tries < 200 && !transport.isDown(nodeId('b1')); tries++) await new Promise((resolve) => setTimeout(resolve, 10));
    for (const node of ['b1', 'gone'].map(nodeId)) {
      expect(transport.isDown(node)).toBe(true);
      let code = 'nothing so far';
      const request: PeerRequest = { hlc: 0, epoch: 1, kind: 'ping', from: nodeId('a1') };
      const context = { deadlineMs: systemClock.monotonicMs() + 1_000, traceId: 't', priority: 'background', principal: { kind: 'service', name: 'test' } } as const;
      const refused = new Promise<void>((resolve) => {
        transport.call(node, request, context).subscribe({
          error: (error: { code: string }) => {
            code = error.code;
            resolve();
          },
        });
      });
      expect(code).toBe('nothing so far');
      await refused;
      expect(code).toBe('WIRE_UNREACHABLE');
    }
    transport.reach([memberAt('c1', 1)]);
    expect(transport.isDown(nodeId('b1'))).toBe(true);
  } finally {
    transport.close();
  }
});
