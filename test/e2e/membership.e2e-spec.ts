/** Store nodes come and go by `npm run cluster`, in real processes, while devices add, remove and read; nobody notices. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runCommand } from '../../apps/cluster/src/cluster-command.js';
import { eventually, localCluster, type LocalCluster } from '../support/local-cluster.js';

const USERS = 8;
const FILMS = 40;
const ATTEMPTS = 3;

let cluster: LocalCluster;
beforeAll(async () => {
  cluster = await localCluster();
}, 60_000);
afterAll(() => cluster.end());

/** Devices that do one thing after another through any zone, and what must be in the lists for it. */
class Devices {
  readonly failures: string[] = [];
  /** `user film` to whether it was acknowledged as there; absent while that is not known. */
  readonly films = new Map<string, boolean>();
  operations = 0;
  #isOver = false;
  readonly #running: Promise<void>[] = [];

  start(): void {
    for (let number = 0; number < USERS; number++) this.#running.push(this.#device(number));
  }

  /** Settles once so many operations more have been asked for. */
  async asked(count: number): Promise<void> {
    const wanted = this.operations + count;
    await eventually(() => this.operations >= wanted, 30_000, `${count} operations more`);
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#running);
  }

  async #device(number: number): Promise<void> {
    const user = `member-user-${number}`;
    for (let turn = 0; !this.#isOver; turn++) {
      const film = `film-${turn % FILMS}`;
      const name = `${user} ${film}`;
      const zone = 'abc'[turn % 3]!;
      const isAdd = this.films.get(name) !== true;
      this.films.delete(name);
      const method = isAdd ? 'PUT' : 'DELETE';
      const status = await this.#ask(method, zone, user, `favorites/${film}`);
      if (status !== null) this.films.set(name, isAdd);
      const other = 'abc'[(turn + 1) % 3]!;
      const body = await this.#ask('GET', other, user, 'favorites?limit=500');
      if (body === null || !this.films.has(name)) continue;
      if (body.includes(`"${film}"`) !== isAdd) this.failures.push(`GET through ${other}: ${name} is ${isAdd ? 'missing' : 'back'}`);
    }
  }

  /** As a device: some attempts, with the token that a failed write comes with. Null when none succeeded. */
  async #ask(method: string, zone: string, user: string, path: string): Promise<string | null> {
    this.operations++;
    let token: string | null = null;
    let last = '';
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const response = await fetch(`${cluster.gateway(zone)}/v1/users/${user}/${path}`, {
        method,
        ...(method === 'PUT' && { body: '{"position":"first"}' }),
        headers: { ...(method === 'PUT' && { 'content-type': 'application/json' }), ...(token !== null && { 'retry-token': token }) },
      });
      const text = await response.text();
      if (response.ok) return text;
      token = response.headers.get('retry-token') ?? token;
      last = `${method} ${path} through ${zone}: ${response.status} ${text}`;
    }
    this.failures.push(last);
    return null;
  }
}

it('[M22] a node is added, another removed, a third replaced under load: nothing is lost and no request fails', { timeout: 60_000 }, async () => {
  const lines: string[] = [];
  const command = async (...words: string[]): Promise<number> => runCommand([...words, '--data', cluster.dataDirectory], {}, (line) => lines.push(line));
  const devices = new Devices();
  devices.start();
  try {
    await devices.asked(50);
    expect(await command('add', 'zone-b')).toBe(0);
    expect(await command('remove', 'b2')).toBe(0);
    expect(await command('replace', 'c1')).toBe(0);
    expect(await command('weight', 'a2', '2')).toBe(0);
    await devices.asked(50);
  } finally {
    await devices.end();
  }

  expect(devices.failures).toEqual([]);
  expect(devices.operations).toBeGreaterThan(200);
  for (let number = 0; number < USERS; number++) {
    const user = `member-user-${number}`;
    for (const zone of ['a', 'b', 'c']) {
      const films = new Set(await cluster.films(zone, user));
      for (const [name, isThere] of devices.films) {
        const [of, film] = name.split(' ') as [string, string];
        if (of === user) expect([zone, name, films.has(film)]).toEqual([zone, name, isThere]);
      }
    }
  }
  expect(lines.join('\n')).toMatch(/b3 is a member[^]*b2 is no member any more, and stopped[^]*c3 has taken over from c1/);
  expect(cluster.processes.filter(({ role }) => role === 'store').map(({ name, state }) => `${name} ${state}`)).toEqual([
    'a1 running',
    'a2 running',
    'b1 running',
    'c2 running',
    'b3 running',
    'c3 running',
  ]);
  lines.length = 0;
  await command('history');
  expect(lines.slice(2).map((line) => line.replace(/^(\d+) .*?(done|under-way|cancelled) +\S+ +/, '$1 $2 '))).toEqual([
    '2 done b3 joins zone-b with weight 1',
    '4 done b2 leaves',
    '6 done c3 replaces c1',
    '8 done a2 gets weight 2',
  ]);
  await expect(command('remove', 'x9')).rejects.toThrow('there is no store node "x9" here');
  lines.length = 0;
  await command('status');
  expect(lines.join('\n')).toContain('epoch 9, 6 members, to survive the loss of a zone');
});

it('[M22] a cluster that was changed starts again as it is now, on other ports, with its history', { timeout: 60_000 }, async () => {
  const user = 'member-user-0';
  const films = await cluster.films('a', user);
  const { dataDirectory } = cluster;
  await cluster.end({ keepData: true });
  cluster = await localCluster({ dataDirectory });
  expect(cluster.processes.filter(({ role }) => role === 'store').map(({ name }) => name)).toEqual(['a1', 'a2', 'b1', 'c2', 'b3', 'c3']);
  expect(await cluster.films('b', user)).toEqual(films);
  const { epoch, history } = await cluster.members();
  expect([epoch, history.length]).toEqual([9, 5]);
});

it('[M22] a change that the layout would not survive is refused with the reason', async () => {
  await runCommand(['remove', 'b3', '--data', cluster.dataDirectory], {}, () => {});
  await expect(runCommand(['remove', 'b1', '--data', cluster.dataDirectory], {}, () => {})).rejects.toThrow(/could not keep the data: losing one zone can leave 1 of 3 copies/);
}, 60_000);
