/** What the benchmark sends and is answered: 190 bytes and about 2 kB, as objects and as bytes. */
const bytes = (count: number) => new Uint8Array(count).map((_, i) => i & 0xff);

export const benchRequests = {
  list: {
    table: 'favorites',
    row: 'user:123456',
    limit: 20,
    after: { position: 'a0123456789', item: 'film:12345' },
    level: 'QUORUM',
    delta: bytes(60),
  },
  opaque: bytes(190),
};
export const benchResponses = {
  list: {
    items: Array.from({ length: 20 }, (_, i) => ({
      item: `film:${1000 + i}`,
      position: `a0${i}xyz`,
      value: bytes(60),
      writtenAtMs: 1_700_000_000_000 + i,
    })),
    more: true,
    achieved: {
      level: 'QUORUM',
      node: 'a1',
      zone: 'zone-a',
      replicas: ['a1', 'b1'],
      zones: ['zone-a', 'zone-b'],
      replicationFactor: 3,
      repaired: false,
    },
  },
  opaque: bytes(2000),
};
