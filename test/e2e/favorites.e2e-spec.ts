/** The main job over real processes: add through one zone, read through another. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { concurrently, eventually, localCluster, type LocalCluster } from '../support/local-cluster.js';

const ZONES = ['a', 'b', 'c'];

describe('a cluster of three zones', () => {
  let cluster: LocalCluster;

  beforeAll(async () => {
    cluster = await localCluster();
  });
  afterAll(() => cluster.end());

  it('shows an add through each zone at once through each other, and in what order', async () => {
    for (const [i, zone] of ZONES.entries()) {
      const added = await cluster.at(zone).put(`/v1/users/ann/favorites/film-${i}`).send({ device: `tv-${zone}` }).expect(200);
      expect(added.body).toMatchObject({ filmId: `film-${i}`, addedFrom: { zone: `zone-${zone}`, device: `tv-${zone}` } });
      for (const other of ZONES) expect(await cluster.films(other, 'ann')).toEqual(ZONES.slice(0, i + 1).map((_, k) => `film-${k}`));
    }
    const list = await cluster.at('b').get('/v1/users/ann/favorites').expect(200);
    expect(list.headers['served-by']).toMatch(/zone-b/);
    expect(list.headers['consistency-achieved']).toMatch(/quorum/i);
  });

  it('keeps all of 1,000 concurrent adds to one list', async () => {
    const films = Array.from({ length: 1_000 }, (_, i) => `film-${String(i).padStart(4, '0')}`);
    await concurrently(films, 64, async (film) => {
      const zone = ZONES[Number(film.slice(5)) % 3]!;
      // A gateway that has just started may refuse some of so many at once: a device asks again.
      await eventually(async () => (await cluster.at(zone).put(`/v1/users/crowd/favorites/${film}`)).status === 200, 10_000, `${film} is added`);
    });
    for (const zone of ZONES) expect((await cluster.films(zone, 'crowd')).toSorted()).toEqual(films);
  });

  it('removes through one zone what was added through another, and moves', async () => {
    for (const film of ['x', 'y', 'z']) await cluster.at('a').put(`/v1/users/bob/favorites/${film}`).expect(200);
    await cluster.at('b').delete('/v1/users/bob/favorites/x').expect(204);
    await cluster.at('c').delete('/v1/users/bob/favorites/x').expect(204);
    await cluster.at('c').patch('/v1/users/bob/favorites/z').send({ position: { before: 'y' } }).expect(200);
    expect(await cluster.films('a', 'bob')).toEqual(['z', 'y']);
    await cluster.at('b').patch('/v1/users/bob/favorites/x').send({ position: 'first' }).expect(404);
    await cluster.at('b').patch('/v1/users/bob/favorites/y').send({ position: { after: 'x' } }).expect(409);
  });

  it('serves each level through every zone, and the round robin in front of all', async () => {
    for (const level of ['one', 'quorum', 'all']) {
      for (const zone of ZONES) {
        const film = `${level}-${zone}`;
        const added = await cluster.at(zone).put(`/v1/users/levels/favorites/${film}`).set('Consistency', level).expect(200);
        expect(added.headers['consistency-achieved']).toMatch(new RegExp(level, 'i'));
      }
    }
    const zonesSeen = new Set<string>();
    for (let i = 0; i < 6; i++) {
      const response = await fetch(`${cluster.roundRobin}/v1/users/levels/favorites`);
      expect(response.status).toBe(200);
      zonesSeen.add(response.headers.get('served-by')!);
      expect(((await response.json()) as { items: unknown[] }).items).toHaveLength(9);
    }
    expect(zonesSeen.size).toBeGreaterThanOrEqual(3);
  });

  it('keeps everything over a restart', async () => {
    const before = await cluster.films('a', 'crowd');
    const { dataDirectory } = cluster;
    await cluster.end({ keepData: true });
    cluster = await localCluster({ dataDirectory });
    for (const zone of ZONES) expect(await cluster.films(zone, 'crowd')).toEqual(before);
    expect(await cluster.films('b', 'bob')).toEqual(['z', 'y']);
  });
});
