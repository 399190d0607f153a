import { statSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { sendAction } from './admin-socket.js';
import { runCommand } from './cluster-command.js';
import { ALL, pidOf, states, stubClusters } from './testing/stub-clusters.js';

vi.setConfig({ testTimeout: 60_000 });
const stubs = stubClusters();
const { cluster, refusal } = stubs;

describe('the command line', () => {
  const command = async (...words: string[]) => {
    const lines: string[] = [];
    const code = await runCommand([...words, '--data', stubs.directory], {}, (line) => lines.push(line)).catch((error: Error) => error.message);
    return { code, lines };
  };

  it('shows what runs where, as a table and as JSON', async () => {
    const one = await cluster();
    await one.kill('b1');
    const { code, lines } = await command('status');
    expect(code).toBe(0);
    expect(lines[0]).toBe(`cluster ${one.clusterId}, supervisor pid ${process.pid}`);
    expect(lines[1]).toMatch(/^name +role +zone +pid +port +state +since$/);
    expect(lines).toHaveLength(2 + ALL.length);
    expect(lines.find((line) => line.startsWith('a1 '))).toMatch(new RegExp(`^a1 +store +zone-a +${pidOf(one, 'a1')} +\\d+ +running +20`));
    expect(lines.find((line) => line.startsWith('b1 '))).toMatch(/^b1 +store +zone-b +- +\d+ +exited \(SIGKILL\) +20/);
    expect(JSON.parse((await command('status', '--json')).lines.join('\n'))).toEqual(one.status());
  });

  it('kills, stops, starts, pauses and resumes', async () => {
    const one = await cluster();
    expect(await command('kill', 'zone-b')).toEqual({ code: 0, lines: ['gateway-b  killed', 'b1         killed'] });
    expect(await command('start', 'zone-b')).toEqual({ code: 0, lines: ['gateway-b  started', 'b1         started'] });
    expect(await command('pause', 'a1')).toEqual({ code: 0, lines: ['a1  paused'] });
    expect(await command('start', 'a1')).toEqual({ code: 1, lines: ['a1  is paused'] });
    expect(await command('resume', 'a1')).toEqual({ code: 0, lines: ['a1  resumed'] });
    expect(await command('stop', 'round-robin')).toEqual({ code: 0, lines: ['round-robin  stopped'] });
    expect(states(one)).toMatchObject({ 'round-robin': 'exited', a1: 'running', b1: 'running' });
  });

  it('refuses an unknown target, listing those there are, and says how it is used', async () => {
    await cluster();
    expect((await command('kill', 'zone-x')).code).toMatch(/^there is no "zone-x" here: choose one of zone-a, zone-b, round-robin, /);
    const usage =
      'expected status [--json] or history [--json]; kill | stop | start | pause | resume with the name of a zone, a role or a process; ' +
      'add with a zone; remove | replace | drain with a store node, weight with a store node and a number, or cancel; and [--data DIR]';
    const wrong = [[], ['kill'], ['explode', 'a1'], ['kill', 'a1', 'b1'], ['status', 'a1'], ['kill', 'a1', '--force'], ['add'], ['remove'], ['weight', 'a1'], ['weight', 'a1', 'much'], ['weight', 'a1', '0'], ['cancel', 'a1'], ['drain', 'a1', 'b1']];
    for (const words of wrong) {
      expect((await command(...words)).code).toBe(usage);
    }
  });

  it('says so when no cluster runs there: none ever, one that was stopped', async () => {
    const line = `no cluster is running in ${stubs.directory}: start it with npm start, or name another one with --data`;
    expect((await command('status')).code).toBe(line);
    const one = await cluster();
    await one.stop();
    expect((await command('status')).code).toBe(line);
  });

  it('reaches it through a socket that its owner alone can open, and that takes nothing else', async () => {
    await cluster();
    const socket = path.join(stubs.directory, 'admin.sock');
    expect(statSync(socket).mode & 0o777).toBe(0o600);
    await expect(sendAction(socket, 'explode' as never, 'a1')).rejects.toThrow('no such call');
    await expect(sendAction(socket, 'kill', 'x'.repeat(5_000))).rejects.toThrow('the call is too long');
  });

  it('works in a directory whose name is too long for a socket, from near it', async () => {
    const working = process.cwd();
    stubs.directory = path.join(stubs.directory, 'd'.repeat(100), 'data');
    try {
      expect(await refusal({})).toContain('is too long a name for a socket (at most 103 bytes): give a shorter data directory with --data');
      process.chdir(path.dirname(stubs.directory));
      const one = await cluster();
      expect((await command('status')).lines[0]).toContain(one.clusterId);
      await one.stop();
    } finally {
      process.chdir(working);
    }
  });
});
