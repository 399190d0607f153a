import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { SUITES } from '../../scripts/test.mjs';
import short from '../../vitest.config.js';
import endToEnd from '../../vitest.config.e2e.js';
import load from '../../vitest.config.load.js';
import long from '../../vitest.config.long.js';
import { filesBelow, readSource } from './source-tree.js';

const configurations: Record<string, { test?: { include?: string[] } }> = {
  'vitest.config.ts': short,
  'vitest.config.e2e.ts': endToEnd,
  'vitest.config.long.ts': long,
  'vitest.config.load.ts': load,
};
/** Anything that a person would take for a test, whether or not we run it. */
const LOOKS_LIKE_A_TEST = /([.-](spec|test)\.[cm]?[jt]sx?$)|(^|\/)__tests__\//;

/** Which configurations pick `file` up. */
const runBy = (file: string) =>
  Object.keys(configurations).filter((name) =>
    configurations[name]?.test?.include?.some((glob) => path.matchesGlob(file, glob)),
  );

describe('every test file', () => {
  const tests = filesBelow().filter((file) => LOOKS_LIKE_A_TEST.test(file));

  it('is run by exactly one configuration', () => {
    expect(tests).toContain('test/repository/test-globs.spec.ts');
    expect(tests.filter((file) => runBy(file).length !== 1)).toEqual([]);
  });

  it('and every configuration by npm test or npm run test:long, the long one by the latter alone, measurements by neither', () => {
    const configurationsOf = (suite: 'short' | 'long') => SUITES[suite].map(({ configuration }) => configuration);
    expect(configurationsOf('short').filter(Boolean)).toEqual(['vitest.config.ts', 'vitest.config.e2e.ts']);
    expect(configurationsOf('long').filter(Boolean)).toEqual(['vitest.config.ts', 'vitest.config.long.ts']);
    const { scripts } = JSON.parse(readSource('package.json').text) as { scripts: Record<string, string> };
    expect(scripts['test']).toBe('exec node scripts/test.mjs short');
    expect(scripts['test:long']).toBe('exec node scripts/test.mjs long');
    expect(scripts['test:load']).toBe('vitest run --config vitest.config.load.ts');
  });

  it.each([
    ['libs/store/src/core/ring/token.spec.ts', ['vitest.config.ts']],
    ['test/e2e/zones.e2e-spec.ts', ['vitest.config.e2e.ts']],
    ['libs/store/src/adapters/power-loss.long-spec.ts', ['vitest.config.long.ts']],
    ['libs/store/src/core/ring/token.test.ts', []],
    ['libs/store/src/core/ring/token.e2e-spec.ts', []],
    ['docs/ring.spec.ts', []],
    ['scripts/setup.spec.mjs', []],
  ])('%s would be run by %j', (file, expected) => {
    expect(LOOKS_LIKE_A_TEST.test(file)).toBe(true);
    expect(runBy(file)).toEqual(expected);
  });
});
