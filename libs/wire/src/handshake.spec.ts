import { pack } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import { decodeGreeting, encodeGreeting, greetingOf, refusalOf, type Greeting } from './handshake.js';

const ours: Greeting = { ...greetingOf({ clusterId: 'c', name: 'n', role: 'store', schemaHash: 's' }, 1000), minVersion: 2, maxVersion: 4 };

describe('the handshake', () => {
  it('carries versions, cluster, name, role, schemas and frame size', () => {
    expect(decodeGreeting(encodeGreeting(ours))).toEqual(ours);
  });

  it.each([
    [1, 1, false],
    [1, 2, true],
    [3, 3, true],
    [4, 9, true],
    [5, 9, false],
    [1, 9, true],
  ])('of versions %i to %i against ours, 2 to 4: %s', (minVersion, maxVersion, accepted) => {
    const theirs = { ...ours, minVersion, maxVersion };
    expect(refusalOf(ours, theirs) === undefined).toBe(accepted);
    expect(refusalOf(theirs, ours) === undefined).toBe(accepted);
    if (!accepted) expect(refusalOf(ours, theirs)).toMatchObject({ code: 'WIRE_HANDSHAKE_REFUSED', details: { reason: 'version', ours: '2-4', theirs: `${minVersion}-${maxVersion}` } });
  });

  it('names the cluster first: schemas and versions of another cluster mean nothing', () => {
    expect(refusalOf(ours, { ...ours, clusterId: 'd', schemaHash: 't', maxVersion: 1 })).toMatchObject({ details: { reason: 'cluster', ours: 'c', theirs: 'd' } });
    expect(refusalOf(ours, { ...ours, schemaHash: 't' })).toMatchObject({ details: { reason: 'schema', ours: 's', theirs: 't' } });
    expect(refusalOf(ours, { ...ours, name: 'other', role: 'gateway' })).toBeUndefined();
  });

  it('takes what it does not know from a newer peer, and nothing from who does not speak the protocol', () => {
    const bytes = encodeGreeting(ours);
    for (const body of ['', 'GET / HTTP/1.1\r\n', 'TRIP', 'TRIP\0\x01\0\x01', 'TRIP\0\x01\0\x01\x93\x01\x02\x03', 'TRIP\0\x01\0\x01\xc0']) {
      expect(() => decodeGreeting(Buffer.from(body, 'latin1')), body).toThrow(expect.objectContaining({ code: 'WIRE_PROTOCOL' }) as Error);
    }
    expect(() => decodeGreeting(bytes.subarray(0, bytes.length - 1))).toThrow(expect.objectContaining({ code: 'WIRE_PROTOCOL' }) as Error);
    const { minVersion: _min, maxVersion: _max, ...known } = ours;
    const withMore = Buffer.concat([bytes.subarray(0, 8), pack({ region: 'eu', ...known, compression: ['none'] })]);
    expect(decodeGreeting(withMore)).toEqual(ours);
  });
});
