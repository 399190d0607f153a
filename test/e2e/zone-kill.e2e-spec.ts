/** A zone dies by SIGKILL while devices add and read; nobody but those connected to it notices, and nothing is lost. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, localCluster, type LocalCluster } from '../support/local-cluster.js';

/** Adds that are acknowledged before, during and after: a second's work and more. */
const ADDS = 60;

describe('a zone killed under load', () => {
  let cluster: LocalCluster;

  beforeAll(async () => {
    cluster = await localCluster();
  });
  afterAll(() => cluster.end());

  it.each(['a', 'b', 'c'])('zone-%s: no failed request through the others, none lost, and it catches up', { timeout: 90_000 }, async (dying) => {
    const alive = ['a', 'b', 'c'].filter((zone) => zone !== dying);
    const failures: string[] = [];
    const acknowledged = new Map<string, string[]>();
    let isOver = false;
    let next = 0;
    const device = async (number: number): Promise<void> => {
      while (!isOver) {
        const user = `${dying}-user-${number % 8}`;
        const zone = alive[next++ % 2]!;
        const film = `film-${next}`;
        const put = await fetch(`${cluster.gateway(zone)}/v1/users/${user}/favorites/${film}`, {
          method: 'PUT',
          headers: { 'content-type': 'application/json' },
          body: '{"position":"first"}',
        });
        if (put.status === 200) acknowledged.set(user, [...(acknowledged.get(user) ?? []), film]);
        else failures.push(`PUT through ${zone}: ${put.status} ${await put.text()}`);
        const other = alive[next % 2]!;
        const get = await fetch(`${cluster.gateway(other)}/v1/users/${user}/favorites?limit=100`);
        const body = await get.text();
        if (get.status !== 200) failures.push(`GET through ${other}: ${get.status} ${body}`);
        else if (put.status === 200 && !body.includes(`"${film}"`)) failures.push(`GET through ${other} misses ${film}`);
      }
    };
    const acknowledge = async (count: number): Promise<void> => {
      const have = (): number => [...acknowledged.values()].flat().length;
      const wanted = have() + count;
      await eventually(() => have() >= wanted || failures.length > 0, 30_000, `${count} more adds`);
    };
    const devices = Array.from({ length: 8 }, (_, number) => device(number));
    await acknowledge(ADDS);
    await cluster.kill(`zone-${dying}`);
    await acknowledge(2 * ADDS);
    await cluster.start(`zone-${dying}`);
    await acknowledge(ADDS);
    isOver = true;
    await Promise.all(devices);
    expect(failures).toEqual([]);
    expect([...acknowledged.values()].flat().length).toBeGreaterThan(100);
    // Through the zone that was away: quorum reads repair it, after which it answers for itself.
    for (const [user, films] of acknowledged) {
      await eventually(async () => (await fetch(`${cluster.gateway(dying)}/health/ready`)).status === 200, 20_000, 'the gateway is ready again');
      expect(await cluster.films(dying, user)).toEqual(expect.arrayContaining(films));
      expect(await cluster.films(dying, user, 'one')).toEqual(expect.arrayContaining(films));
    }
  });
});
