import { createServer, type Server } from 'node:http';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { zoneId } from '@app/contracts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ProcessRecord } from '../cluster-file.js';
import { ZoneActions } from './zone-actions.js';

/** Admin ports of stub processes: they keep rules and give them up. */
let servers: Server[];
let rules: Map<string, string>;
let directory: string;
let processes: ProcessRecord[];
let acted: string[];
let refusing: string | null;

beforeEach(async () => {
  directory = mkdtempSync(path.join(tmpdir(), 'zone-actions-'));
  writeFileSync(path.join(directory, 'token'), 'secret');
  [servers, rules, acted, refusing] = [[], new Map(), [], null];
  let count = 0;
  processes = [];
  for (const [name, role, zone] of [['gateway-a', 'gateway', 'zone-a'], ['a1', 'store', 'zone-a'], ['gateway-b', 'gateway', 'zone-b'], ['b1', 'store', 'zone-b']] as const) {
    const server = createServer((incoming, outgoing) => {
      void (async () => {
        let text = '';
        for await (const chunk of incoming) text += String(chunk);
        const { peer, fault } = text === '' ? { peer: '', fault: '' } : (JSON.parse(text) as { peer: string; fault: unknown });
        const id = incoming.method === 'POST' ? String(++count) : incoming.url!.split('/').at(-1)!;
        if (refusing === name) outgoing.statusCode = 403;
        else if (incoming.method === 'POST') rules.set(id, `${name} -> ${peer} ${JSON.stringify(fault)}`);
        else rules.delete(id);
        outgoing.end(JSON.stringify(refusing === name ? { detail: 'faults are off' } : { id, authorization: incoming.headers.authorization }));
      })();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    servers.push(server);
    const { port } = server.address() as AddressInfo;
    processes.push({ name, role, zone: zoneId(zone), region: 'local', host: '127.0.0.1', port: 1, adminPort: port, dataDirectory: null, pid: 100, state: 'running', since: '', exit: null });
  }
});
afterEach(() => {
  for (const server of servers) {
    server.close();
    server.closeAllConnections();
  }
  rmSync(directory, { recursive: true });
});

const actions = (faults = true) =>
  new ZoneActions(
    {
      get processes() {
        return processes;
      },
      adminTokenFile: path.join(directory, 'token'),
      act: async (action, target) => {
        acted.push(`${action} ${target}`);
        return [{ name: 'a1', done: true, text: action === 'start' ? 'started' : action === 'resume' ? 'is running' : 'killed' }];
      },
    },
    () => faults,
  );

describe('harm to a zone', () => {
  it('is refused where faults are off, in every form; healing is not', async () => {
    const off = actions(false);
    for (const action of ['kill', 'pause', 'slow', 'cut'] as const) await expect(off.act(action, 'zone-a')).rejects.toMatchObject({ code: 'ACCESS_DENIED' });
    expect([acted, rules.size]).toEqual([[], 0]);
    expect(await off.act('heal', 'zone-a')).toMatchObject({ done: true });
    expect(acted).toEqual(['resume zone-a', 'start zone-a']);
  });

  it('is not done to a zone that is not there', async () => {
    await expect(actions().act('kill', 'zone-z')).rejects.toMatchObject({ code: 'ROUTE_UNKNOWN' });
    expect(acted).toEqual([]);
  });

  it('by kill and pause is the supervisor’s', async () => {
    expect(await actions().act('kill', 'zone-a')).toEqual({ done: true, text: 'a1 killed' });
    await actions().act('pause', 'zone-a');
    expect(acted).toEqual(['kill zone-a', 'pause zone-a']);
  });

  it('by a cut holds what goes between inside and outside, both ways, gateways too, and nothing else; healed, nothing is left', async () => {
    const zones = actions();
    expect(await zones.act('cut', 'zone-a')).toMatchObject({ done: true });
    expect([...rules.values()].sort()).toEqual(
      ['a1 -> b1', 'a1 -> gateway-b', 'b1 -> a1', 'b1 -> gateway-a', 'gateway-a -> b1', 'gateway-a -> gateway-b', 'gateway-b -> a1', 'gateway-b -> gateway-a'].map((pair) => `${pair} "hold"`),
    );
    expect(zones.harmOf('zone-a')).toBe('cut');
    expect(await zones.act('heal', 'zone-a')).toEqual({ done: true, text: 'zone-a healed: 1 started, 0 resumed, 8 rules lifted' });
    expect([rules.size, zones.harmOf('zone-a')]).toEqual([0, null]);
  });

  it('by slowness takes the place of a cut', async () => {
    const zones = actions();
    await zones.act('cut', 'zone-a');
    await zones.act('slow', 'zone-a');
    expect([...rules.values()].sort()).toEqual(['a1 -> * {"delayMs":40}', 'gateway-a -> * {"delayMs":40}']);
    expect(zones.harmOf('zone-a')).toBe('slow');
  });

  it('is whole or not at all: where one process refuses, what the others were given is lifted', async () => {
    refusing = 'b1';
    await expect(actions().act('cut', 'zone-a')).rejects.toThrow('faults are off');
    expect(rules.size).toBe(0);
  });

  it('is not lifted from a process that was started since: its rules are somebody else’s', async () => {
    const zones = actions();
    await zones.act('slow', 'zone-a');
    processes = processes.map((process) => (process.name === 'a1' ? { ...process, pid: 200 } : process));
    expect(await zones.act('heal', 'zone-a')).toMatchObject({ text: expect.stringContaining('1 rules lifted') });
    expect([...rules.values()]).toEqual(['a1 -> * {"delayMs":40}']);
  });
});
