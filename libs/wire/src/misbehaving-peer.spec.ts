/** What a peer may not do to us: every breach of the protocol closes that peer's connection, and harms nobody else. */
import fc from 'fast-check';
import { NEVER, of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { CreditWindow } from './credit.js';
import { FrameKind } from './frame.js';
import { encodeGreeting, greetingOf, type Greeting } from './handshake.js';
import { encodeSelfContained } from './payload-codec.js';
import { requestHeadBytes, writeRequestHead } from './request-head.js';
import { identityOf, RawPeer, SimWire } from './testing/sim-wire.js';

const hello = encodeGreeting(greetingOf(identityOf('raw'), 1 << 20));
const payloadOf = (value: unknown) => {
  const { format, bytes } = encodeSelfContained(value);
  return Buffer.concat([Buffer.from([format]), bytes]);
};

function requestOf(wire: SimWire, pattern: string, value: unknown, credit = 8): Buffer {
  const head = Buffer.alloc(requestHeadBytes(pattern, wire.context()));
  return Buffer.concat([head.subarray(0, writeRequestHead(head, 0, pattern, wire.context(), 1000, credit)), payloadOf(value)]);
}

const handlers = { never: () => NEVER, echo: (payload: unknown) => of(payload) };

describe('a client that breaks the protocol is told WIRE_PROTOCOL and loses its connection, with its calls', () => {
  const breaches: Record<string, (wire: SimWire, peer: RawPeer) => void> = {
    'by a length that no frame has': (_wire, peer) => peer.send(Buffer.from('GET / HTTP/1.1\r\n\r\n')),
    'by a frame over the cap': (_wire, peer) => peer.send(Buffer.from([0x7f, 0, 0, 0, 4])),
    'by using the id of a call in flight': (wire, peer) => peer.sendFrame(FrameKind.request, 1, requestOf(wire, 'never', 2)),
    'by a request that cannot be read': (_wire, peer) => peer.sendFrame(FrameKind.request, 2, Buffer.alloc(5)),
    'by a request that is shorter than it says': (wire, peer) => peer.sendFrame(FrameKind.request, 2, requestOf(wire, 'never', 2).subarray(0, 14)),
    'by a priority that does not exist': (wire, peer) => peer.sendFrame(FrameKind.request, 2, requestOf(wire, 'never', 2).fill(99, 6, 7)),
    'by a payload that cannot be decoded': (wire, peer) => peer.sendFrame(FrameKind.request, 2, Buffer.concat([requestOf(wire, 'never', 2).subarray(0, 30), Buffer.from([3, 0x7f])])),
    'by a frame that only a server sends': (_wire, peer) => peer.sendFrame(FrameKind.result, 1, payloadOf(1)),
    'by a kind that does not exist': (_wire, peer) => peer.sendFrame(77, 1),
    'by a second HELLO': (_wire, peer) => peer.sendFrame(FrameKind.hello, 0, hello),
    'by a CREDIT of no meaning': (_wire, peer) => peer.sendFrame(FrameKind.credit, 1, Buffer.alloc(3)),
  };

  it.each(Object.entries(breaches))('%s', (_title, breach) => {
    const wire = new SimWire({ handlers }).connected();
    const neighbour = wire.call('never');
    const peer = RawPeer.connect(wire);
    peer.sendFrame(FrameKind.hello, 0, hello);
    peer.sendFrame(FrameKind.request, 1, requestOf(wire, 'never', 1));
    wire.settle();
    expect(wire.server).toMatchObject({ callsInFlight: 2, connections: 2 });
    breach(wire, peer);
    wire.settle();
    expect(peer.isClosed).toBe(true);
    expect(peer.frames.at(-1)!.kind).toBe(FrameKind.goaway);
    expect(peer.frames.at(-1)!.body.includes('WIRE_PROTOCOL')).toBe(true);
    expect(wire.server).toMatchObject({ callsInFlight: 1, connections: 1 });
    expect(neighbour.error).toBeUndefined();
    expect(wire.reports).toMatchObject([{ kind: 'connection-lost', peer: { name: 'raw' }, error: { code: 'WIRE_PROTOCOL' } }]);
  });

  it('before its HELLO too', () => {
    for (const [kind, body] of [[FrameKind.request, Buffer.alloc(20)], [FrameKind.hello, Buffer.from('nonsense')]] as const) {
      const wire = new SimWire({ handlers });
      const peer = RawPeer.connect(wire);
      peer.sendFrame(kind, 0, body);
      wire.settle();
      expect(peer.isClosed).toBe(true);
      expect(wire.reports).toMatchObject([{ error: { code: 'WIRE_PROTOCOL' } }]);
    }
  });

  it('before its HELLO by announcing a large frame, for which a stranger is given no room', () => {
    const wire = new SimWire({ handlers });
    const peer = RawPeer.connect(wire);
    peer.send(Buffer.from([0, 0x10, 0, 0, FrameKind.hello]));
    wire.settle();
    expect(peer.isClosed).toBe(true);
  });

  it('by not reading what it asks for', () => {
    const wire = new SimWire({ handlers: { big: () => of(new Uint8Array(1000)) }, serverLimits: { maxUnsentBytes: 5000 } });
    const peer = RawPeer.connect(wire);
    peer.sendFrame(FrameKind.hello, 0, hello);
    wire.network.options = { minLatencyMs: 1, maxLatencyMs: 1, maxPieceBytes: 1 };
    for (let id = 1; id <= 40; id++) {
      peer.sendFrame(FrameKind.request, id, requestOf(wire, 'big', id));
      wire.clock.advance(0.1);
    }
    wire.network.options = { minLatencyMs: 1000, maxLatencyMs: 1000 };
    for (let i = 0; i < 50; i++) wire.clock.advance(0.1);
    expect(wire.reports).toMatchObject([{ kind: 'connection-lost', error: { code: 'WIRE_PROTOCOL', details: { peer: 'raw' } } }]);
  });

  it('with any noise, without an exception of ours', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 15 }), fc.integer({ min: 0, max: 3 }), fc.uint8Array({ maxLength: 40 })), { maxLength: 20 }), (frames) => {
        const wire = new SimWire({ handlers });
        const peer = RawPeer.connect(wire);
        peer.sendFrame(FrameKind.hello, 0, hello);
        for (const [kind, id, body] of frames) peer.sendFrame(kind, id, body);
        wire.settle();
        wire.server.close();
        wire.settle();
        expect(wire.server).toMatchObject({ callsInFlight: 0, connections: 0 });
        expect(wire.clock.pending).toBe(0);
      }),
    );
  });
});

describe('a server that breaks the protocol loses its client, whose calls end', () => {
  /** Somebody else where the client's server was: welcomes everyone so, and then does what it likes with each request. */
  function rogue(wire: SimWire, onRequest: (peer: RawPeer, id: number) => void, welcome = [FrameKind.welcome, greeting] as [number, Uint8Array]): void {
    wire.server.close();
    wire.network.listen({ host: 'sim', port: wire.port }, (channel) => {
      const peer = new RawPeer((self, kind, id) => {
        if (kind === FrameKind.hello) self.sendFrame(welcome[0], 0, welcome[1]);
        if (kind === FrameKind.request) onRequest(self, id);
      });
      peer.send = (bytes) => channel.send(bytes);
      return peer;
    }, () => {});
  }
  const greetingWith = (difference: Partial<Greeting>) => encodeGreeting({ ...greetingOf(identityOf('b1'), 1 << 20), ...difference });
  const greeting = greetingWith({});

  it.each<[string, (peer: RawPeer, id: number) => void]>([
    ['more values than granted', (peer, id) => { for (let i = 0; i < 9; i++) peer.sendFrame(FrameKind.next, id, payloadOf(i)); }],
    ['a payload that cannot be decoded', (peer, id) => peer.sendFrame(FrameKind.result, id, Buffer.from([9]))],
    ['a frame that only a client sends', (peer, id) => peer.sendFrame(FrameKind.cancel, id)],
    ['a length that no frame has', (peer) => peer.send(Buffer.alloc(100))],
  ])('by %s', (_title, onRequest) => {
    const wire = new SimWire();
    rogue(wire, onRequest);
    const seen = wire.see(wire.client.call('x', null, wire.context(), new CreditWindow(8)));
    wire.clock.advance(5);
    expect(seen.error).toMatchObject({ code: 'WIRE_PROTOCOL', applied: 'unknown' });
    expect(wire.client.callsInFlight).toBe(0);
    wire.client.close();
  });

  it.each([
    ['cluster', { clusterId: 'other' }],
    ['schema', { schemaHash: 'other' }],
    ['version', { minVersion: 9, maxVersion: 9 }],
  ])('by welcoming us into another %s', (reason, difference) => {
    const wire = new SimWire();
    rogue(wire, () => {}, [FrameKind.welcome, greetingWith(difference)]);
    const seen = wire.call('x');
    wire.clock.advance(5);
    expect(seen.error).toMatchObject({ code: 'WIRE_HANDSHAKE_REFUSED', applied: 'no', details: { reason } });
    wire.client.close();
  });

  it('by saying that it cannot read our HELLO, and the client says so', () => {
    const wire = new SimWire();
    rogue(wire, () => {}, [FrameKind.goaway, payloadOf(['WIRE_PROTOCOL', 'what was that?', {}, 'unknown'])]);
    const seen = wire.call('x');
    wire.clock.advance(5);
    expect(seen.error).toMatchObject({ code: 'WIRE_UNREACHABLE', message: 'what was that?', applied: 'no' });
    wire.client.close();
  });

  it('is not believed about calls that nobody made', () => {
    const wire = new SimWire();
    rogue(wire, (peer, id) => {
      for (const kind of [FrameKind.next, FrameKind.result]) peer.sendFrame(kind, id + 1000, payloadOf('for nobody'));
      peer.sendFrame(FrameKind.complete, id + 1000);
      peer.sendFrame(FrameKind.error, id + 1000, payloadOf(['LIST_FULL', 'x', {}, 'no']));
      peer.sendFrame(FrameKind.result, id, payloadOf('mine'));
      peer.sendFrame(FrameKind.result, id, payloadOf('twice'));
    });
    const seen = wire.call('x');
    wire.settle();
    expect(seen).toMatchObject({ values: ['mine'], completed: true });
    expect(wire.client.isConnected).toBe(true);
  });

  it('by an error that nobody knows is INTERNAL, with what it said', () => {
    const wire = new SimWire();
    const errors = [['FROM_THE_FUTURE', 'new', { n: 1 }, 'no'], 'not an array', null, ['constructor', 'x', [], 'no']];
    rogue(wire, (peer, id) => peer.sendFrame(FrameKind.error, id, payloadOf(errors[id - 1])));
    const seen = errors.map(() => wire.call('x'));
    wire.settle();
    expect(seen.map(({ error }) => error!.code)).toEqual(['INTERNAL', 'INTERNAL', 'INTERNAL', 'INTERNAL']);
    expect(seen[0]!.error).toMatchObject({ message: 'new', applied: 'unknown', details: { n: 1, peerCode: 'FROM_THE_FUTURE', peerApplied: 'no' } });
  });
});
