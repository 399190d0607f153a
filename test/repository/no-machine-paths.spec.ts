import { describe, expect, it } from 'vitest';
import { machinePathsIn } from './no-machine-paths.js';
import { filesBelow, readSource } from './source-tree.js';

/** This rule has to write down what it forbids. */
const OWN_FILES = /^test\/repository\/no-machine-paths/;

describe('no tracked file', () => {
  it('names a folder of the machine it was written on, or the host of a registry', () => {
    const files = filesBelow().filter((file) => !OWN_FILES.test(file));
    expect(files).toContain('package-lock.json');
    expect(files.map(readSource).flatMap(machinePathsIn)).toEqual([]);
  });

  it.each([
    "const data = '/home/ada/triptych';",
    'see /Users/ada/notes.md',
    'cd /opt/project && npm start',
    "readFileSync('/srv/data.json')",
    "mkdirSync('/media/cluster')",
    'C:\\Users\\ada',
    'https://registry.example.org/rxjs',
    'registry=https://npm.registry.example.com/',
    '      "resolved": "https://example.com/rxjs-7.8.2.tgz",',
  ])('and %s would be seen', (text) => {
    expect(machinePathsIn({ path: 'x', text })).not.toEqual([]);
  });

  it.each([
    "'/v1/users/ada/favorites'",
    'test/support/capability.ts',
    '../../node_modules/.bin/node',
    'spawn("/bin/sh")',
    '/usr/bin/env bash',
    '/v1/home/films',
    'the package registry cannot be reached',
    "join(tmpdir(), 'triptych')",
  ])('and %s is left alone', (text) => {
    expect(machinePathsIn({ path: 'x', text })).toEqual([]);
  });
});
