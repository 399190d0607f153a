import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { isInstalled, requirePinnedNode, requireSupportedNode, SetupRefused } from '../../scripts/setup.mjs';
import { failuresOf, tally } from '../../scripts/test.mjs';
import { readSource } from './source-tree.js';

describe('what must hold before anything runs', () => {
  it('is a Node that can set up: 20 or newer', () => {
    for (const version of ['20.0.0', '20.20.2', '26.10.0']) expect(() => requireSupportedNode(version)).not.toThrow();
    expect(() => requireSupportedNode('18.20.4')).toThrow(
      new SetupRefused('Node 20 or newer is needed to start; this is Node 18.20.4.'),
    );
  });

  it('is the pinned Node, and no other in its place', () => {
    expect(() => requirePinnedNode('v26.10.0', '26.10.0')).not.toThrow();
    expect(() => requirePinnedNode('v26.9.0', '26.10.0')).toThrow(/is pinned .* is v26\.9\.0/);
    expect(() => requirePinnedNode(null, '26.10.0')).toThrow(/is missing: the install script .* did not run/);
  });

  it('is every package in the version that is locked; an optional one may be absent', () => {
    const lock = {
      packages: {
        '': { version: '0.1.0' },
        'node_modules/rxjs': { version: '7.8.2' },
        'node_modules/binding-win32': { version: '1.0.0', optional: true },
      },
    };
    const installed = (packages: object) => isInstalled(lock, { packages });
    expect(installed({ 'node_modules/rxjs': { version: '7.8.2' } })).toBe(true);
    expect(installed({ 'node_modules/rxjs': { version: '7.8.1' } })).toBe(false);
    expect(installed({})).toBe(false);
    expect(isInstalled(lock, null)).toBe(false);
    const withOther = { 'node_modules/rxjs': { version: '7.8.2' }, 'node_modules/binding-win32': { version: '1.0.1' } };
    expect(installed(withOther)).toBe(false);
  });
});

describe('package.json', () => {
  interface Manifest {
    readonly dependencies: Record<string, string>;
    readonly allowScripts: Record<string, boolean>;
  }
  interface Lock {
    readonly packages: Record<string, { readonly version?: string; readonly hasInstallScript?: boolean }>;
  }
  const manifest = JSON.parse(readSource('package.json').text) as Manifest;
  const { packages } = JSON.parse(readSource('package-lock.json').text) as Lock;

  it('pins the Node that everything runs under exactly, and the lock agrees', () => {
    expect(manifest.dependencies['node']).toMatch(/^\d+\.\d+\.\d+$/);
    expect(packages['node_modules/node']?.version).toBe(manifest.dependencies['node']);
  });

  it('says of every package with an install script whether it may run', () => {
    const scripted = Object.entries(packages).filter(([, { hasInstallScript }]) => hasInstallScript);
    const names = scripted.map(([at]) => at.slice(at.lastIndexOf('node_modules/') + 'node_modules/'.length));
    expect(names.sort()).toEqual(Object.keys(manifest.allowScripts).sort());
  });
});

describe('the sum at the end of npm test', () => {
  const report = (numPassedTests: number, numFailedTests: number, ...files: object[]) => ({
    numPassedTests,
    numFailedTests,
    testResults: files,
  });
  const failed = { status: 'failed', assertionResults: [{ status: 'failed' }] };
  const broken = { status: 'failed', assertionResults: [] };

  it('counts tests', () => {
    expect(tally(report(3, 0), 0)).toEqual({ passed: 3, failed: 0 });
    expect(tally(report(3, 1, failed), 1)).toEqual({ passed: 3, failed: 1 });
  });

  it('counts a file that could not be loaded, and a run that ended badly without a failed test', () => {
    expect(tally(report(3, 0, broken), 1)).toEqual({ passed: 3, failed: 1 });
    expect(tally(report(3, 1, failed, broken), 1)).toEqual({ passed: 3, failed: 2 });
    expect(tally(report(3, 0), 1)).toEqual({ passed: 3, failed: 1 });
    expect(tally(null, 1)).toEqual({ passed: 0, failed: 1 });
  });

  it('names what failed and why, in a line each', () => {
    const name = path.resolve('libs/x.spec.ts');
    const tests = [{ status: 'passed', fullName: 'a' }, { status: 'failed', fullName: ' b is 1 ', failureMessages: ['\u001b[31mAssertionError: 2\u001b[0m\n    at x.ts:1'] }];
    expect(failuresOf(report(1, 1, { name, status: 'failed', message: '', assertionResults: tests }))).toEqual(['libs/x.spec.ts: b is 1: AssertionError: 2']);
    expect(failuresOf(report(0, 0, { name, status: 'failed', message: 'no such module\nat y', assertionResults: [] }))).toEqual(['libs/x.spec.ts: no such module']);
    expect(failuresOf(report(1, 0, { name, status: 'passed', assertionResults: [] }))).toEqual([]);
    expect(failuresOf(null)).toEqual([]);
  });
});
