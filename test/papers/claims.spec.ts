/** docs/CLAIMS.md and the tests that it names: each is there, and each test of a claim is named. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const HERE = new URL('.', import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, HERE), 'utf8');
const named = [...read('../../docs/CLAIMS.md').matchAll(/`([\w-]+\.spec\.ts): ([^`]+)`/g)].map(([, file, words]) => ({ file: file!, words: words! }));
const files = readdirSync(HERE).filter((name) => name.endsWith('.spec.ts') && name !== 'claims.spec.ts');
/** Titles of the tests of a file, as they are written. */
const titlesOf = (file: string): string[] => read(file).split('\n').filter((line) => /^\s*it(\.each\(.*\)|\.fails)?\(/.test(line));

describe('docs/CLAIMS.md', () => {
  it('names tests that are there', () => {
    expect(named.length).toBeGreaterThan(50);
    expect(named.filter(({ file, words }) => !titlesOf(file).some((title) => title.includes(words)))).toEqual([]);
  });

  it('names every test of a claim', () => {
    const isNamed = (file: string, title: string): boolean => named.some((each) => each.file === file && title.includes(each.words));
    expect(files.flatMap((file) => titlesOf(file).filter((title) => !isNamed(file, title)))).toEqual([]);
  });
});
