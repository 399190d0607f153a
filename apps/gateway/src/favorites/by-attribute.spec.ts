import { of } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { testGateway, type TestGateway } from '../testing/test-gateway.js';

const GENRES: Record<string, string> = { alien: 'horror', emma: 'romantic-comedy', heat: 'action', ran: 'action', jaws: 'horror' };

let gateway: TestGateway;
beforeEach(async () => {
  gateway = await testGateway({ genreOf: (filmId) => of(GENRES[filmId] ?? null) });
  for (const [film, device] of [['alien', 'tv'], ['emma', 'phone'], ['heat', 'tv'], ['ran', 'phone'], ['jaws', 'tv'], ['in-no-catalog', 'tv']] as const) {
    expect((await gateway.ask('PUT', `/v1/users/ada/favorites/${film}`, { body: { device } })).status).toBe(200);
  }
});
afterEach(() => gateway.close());

async function films(query: string): Promise<{ films: string[]; nextCursor: string | null }> {
  const { status, body } = await gateway.ask('GET', `/v1/users/ada/favorites${query}`);
  expect(status).toBe(200);
  return { films: body.items.map(({ filmId }: { filmId: string }) => filmId), nextCursor: body.nextCursor };
}

describe('GET a list by attribute', () => {
  it('by device: the films added with it, in the order of the list', async () => {
    expect((await films('?device=tv')).films).toEqual(['alien', 'heat', 'jaws', 'in-no-catalog']);
    expect((await films('?device=TV')).films).toEqual([]);
  });

  it('by genre: as the catalog had it when the film was added, in any spelling', async () => {
    expect((await films('?genre=horror')).films).toEqual(['alien', 'jaws']);
    expect((await films('?genre=Romantic%20Comedy')).films).toEqual(['emma']);
    expect((await films('?genre=western')).films).toEqual([]);
  });

  it('by both', async () => {
    expect((await films('?genre=action&device=phone')).films).toEqual(['ran']);
  });

  it('in pages that are full until the list ends', async () => {
    const first = await films('?device=tv&limit=2');
    expect(first.films).toEqual(['alien', 'heat']);
    const second = await films(`?device=tv&limit=2&cursor=${first.nextCursor}`);
    expect(second).toEqual({ films: ['jaws', 'in-no-catalog'], nextCursor: null });
  });

  it('says 400 to what can be no genre and no device', async () => {
    for (const query of ['?genre=***', '?genre=', '?device=', `?device=${'x'.repeat(129)}`, '?zone=zone-a']) {
      const { status, body } = await gateway.ask('GET', `/v1/users/ada/favorites${query}`);
      expect([query, status, body.code]).toEqual([query, 400, 'REQUEST_INVALID']);
    }
  });

  it('shows the favorite as ever: the genre is for finding it', async () => {
    const { body } = await gateway.ask('GET', '/v1/users/ada/favorites?genre=horror&limit=1');
    expect(body.items[0]).toMatchObject({ filmId: 'alien', addedFrom: { zone: 'zone-a', device: 'tv' } });
    expect(JSON.stringify(body)).not.toContain('horror');
  });
});
