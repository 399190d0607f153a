import { TriptychError } from '@app/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FRAME_HEADER_BYTES, FrameDecoder, FrameKind, readUint32, writeFrameHeader, writeUint32 } from './frame.js';
import { Outbox } from './outbox.js';

interface Frame {
  kind: number;
  id: number;
  body: number[];
}

function bytesOf(frames: Frame[]): Buffer {
  const outbox = new Outbox();
  for (const { kind, id, body } of frames) {
    const at = outbox.begin(body.length);
    outbox.block.set(body, at);
    outbox.commit(kind, id, at + body.length);
  }
  const parts: Uint8Array[] = [];
  outbox.take((bytes) => parts.push(bytes));
  return Buffer.concat(parts);
}

function decode(chunks: Uint8Array[], maxFrameBytes = 1 << 20): Frame[] {
  const frames: Frame[] = [];
  const decoder = new FrameDecoder(maxFrameBytes, (kind, id, bytes, start, end) => frames.push({ kind, id, body: [...bytes.subarray(start, end)] }));
  for (const chunk of chunks) decoder.push(chunk);
  return frames;
}

const anyFrame = fc.record({
  kind: fc.integer({ min: 0, max: 255 }),
  id: fc.integer({ min: 0, max: 0xffffffff }),
  body: fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 40 }),
});

describe('frames', () => {
  it('come out as they went in, wherever the bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(anyFrame, { maxLength: 12 }), fc.array(fc.nat(600), { maxLength: 30 }), (frames, cutsAt) => {
        const bytes = bytesOf(frames);
        const cuts = [...new Set(cutsAt.map((at) => at % (bytes.length + 1)))].sort((a, b) => a - b);
        const chunks = [0, ...cuts].map((from, i) => bytes.subarray(from, cuts[i] ?? bytes.length));
        expect(decode(chunks)).toEqual(frames);
      }),
    );
  });

  it('come out as they went in, byte by byte', () => {
    const frames = [
      { kind: FrameKind.request, id: 0xffffffff, body: [1, 2, 3] },
      { kind: FrameKind.cancel, id: 7, body: [] },
    ];
    expect(decode([...bytesOf(frames)].map((byte) => Uint8Array.of(byte)))).toEqual(frames);
  });

  it('are views of what was received unless a cut went through them', () => {
    const bytes = bytesOf([{ kind: 1, id: 1, body: [9] }, { kind: 1, id: 2, body: [9, 9] }]);
    const buffers: Buffer[] = [];
    const decoder = new FrameDecoder(100, (_kind, _id, from) => buffers.push(from));
    decoder.push(bytes.subarray(0, FRAME_HEADER_BYTES + 3));
    decoder.push(bytes.subarray(FRAME_HEADER_BYTES + 3));
    expect(buffers[0]!.buffer).toBe(bytes.buffer);
    expect(buffers[1]!.length).toBe(FRAME_HEADER_BYTES + 2);
  });

  it('have a length from 9 to the cap, and their own checksum; anything else ends the decoding with WIRE_PROTOCOL', () => {
    const withLength = (length: number) => {
      const bytes = Buffer.alloc(64);
      writeUint32(bytes, 0, length);
      return bytes;
    };
    for (const length of [0, 4, 97, 0x47455420, 0xffffffff]) {
      const whole = new FrameDecoder(100, () => expect.unreachable());
      expect(() => whole.push(withLength(length))).toThrow(expect.objectContaining({ code: 'WIRE_PROTOCOL' }) as TriptychError);
      const cut = new FrameDecoder(100, () => expect.unreachable());
      cut.push(withLength(length).subarray(0, 3));
      expect(() => cut.push(withLength(length).subarray(3))).toThrow(TriptychError);
      cut.push(withLength(10));
    }
    const frames: number[] = [];
    new FrameDecoder(100, (_kind, id) => frames.push(id)).push(bytesOf([{ kind: 1, id: 5, body: new Array<number>(87).fill(1) }]));
    expect(frames).toEqual([5]);
  });

  it('are not visited when a bit of them was flipped, wherever it is, nor is anything after them', () => {
    const good = bytesOf([{ kind: FrameKind.request, id: 7, body: [1, 2, 3, 4, 5, 6, 7, 8] }, { kind: FrameKind.cancel, id: 7, body: [] }]);
    const firstBytes = good.length - FRAME_HEADER_BYTES;
    for (let bit = 0; bit < 8 * firstBytes; bit++) {
      const bytes = Buffer.from(good);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      const decoder = new FrameDecoder(1 << 20, () => expect.unreachable());
      // A length may now claim more than was sent: then the frame waits for the rest, and that is not what was signed.
      const push = (): void => decoder.push(Buffer.concat([bytes, Buffer.alloc(bit < 32 ? 1 << 20 : 0)]));
      expect(push, `bit ${bit}`).toThrow(expect.objectContaining({ code: 'WIRE_PROTOCOL' }) as TriptychError);
    }
  });

  it('are no longer visited once the visitor stops the decoder', () => {
    const bytes = bytesOf([1, 2, 3].map((id) => ({ kind: 1, id, body: [] })));
    const ids: number[] = [];
    const decoder = new FrameDecoder(100, (_kind, id) => {
      ids.push(id);
      decoder.stop();
    });
    decoder.push(bytes);
    decoder.push(bytes);
    expect(ids).toEqual([1]);
  });

  it('hold unsigned numbers of 32 bits', () => {
    const bytes = Buffer.alloc(FRAME_HEADER_BYTES);
    for (const value of [0, 1, 0x7fffffff, 0x80000000, 0xffffffff]) {
      writeUint32(bytes, 0, value);
      expect(readUint32(bytes, 0)).toBe(value);
    }
    writeFrameHeader(bytes, 0, FRAME_HEADER_BYTES, 3, 0xdeadbeef);
    expect(bytes.toString('hex')).toBe('000000090000000003deadbeef');
  });
});

describe('the outbox', () => {
  it('hands over exactly what was written, across blocks, and never writes there again', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(anyFrame, fc.boolean()), { maxLength: 60 }), (steps) => {
        const outbox = new Outbox(64);
        const taken: Buffer[] = [];
        const copies: string[] = [];
        const take = () => outbox.take((bytes) => { taken.push(bytes as Buffer); copies.push((bytes as Buffer).toString('hex')); });
        for (const [{ kind, id, body }, takeNow] of steps) {
          const at = outbox.begin(body.length);
          outbox.block.set(body, at);
          outbox.commit(kind, id, at + body.length);
          if (takeNow) take();
        }
        take();
        expect(decode(taken)).toEqual(steps.map(([frame]) => frame));
        expect(taken.map((bytes) => bytes.toString('hex'))).toEqual(copies);
        expect(outbox.takenOffset).toBe(outbox.offset);
      }),
    );
  });

  it('changes the kind of a frame that is still there, and says when it is not', () => {
    const outbox = new Outbox(64);
    const write = (id: number) => { const at = outbox.begin(20); return outbox.commit(FrameKind.next, id, at + 20); };
    const taken: Uint8Array[] = [];
    const first = write(1);
    const second = write(2);
    expect(outbox.changeKind(second, FrameKind.result)).toBe(true);
    outbox.take((bytes) => taken.push(bytes));
    expect(outbox.changeKind(first, FrameKind.result)).toBe(false);
    const third = write(3);
    const fourth = write(4);
    const inTheNextBlock = write(5);
    expect(outbox.changeKind(third, FrameKind.result)).toBe(false);
    expect(outbox.changeKind(fourth, FrameKind.result)).toBe(false);
    expect(outbox.changeKind(inTheNextBlock, FrameKind.result)).toBe(true);
    outbox.take((bytes) => taken.push(bytes));
    expect(decode(taken).map(({ id, kind }) => [id, kind])).toEqual([[1, 5], [2, 7], [3, 5], [4, 5], [5, 7]]);
  });
});
