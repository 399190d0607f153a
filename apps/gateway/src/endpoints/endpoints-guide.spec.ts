import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { HomePage } from '../home/home-view.js';

const ROOT = new URL('../../../../', import.meta.url);
const textOf = (path: string): string => readFileSync(new URL(path, ROOT), 'utf8');

const guide = textOf('docs/ENDPOINTS.md');
const blocks = [...guide.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(([, language, text]) => ({ language: language!, text: text! }));

/** The guide's code is what is compiled and tested: each block names its file, and is a piece of it. */
describe('docs/ENDPOINTS.md', () => {
  const code = blocks.filter(({ language }) => language === 'ts');

  it('has code, and none that is not checked here', () => {
    expect(code.length).toBeGreaterThanOrEqual(5);
    expect([...new Set(blocks.map(({ language }) => language))].sort()).toEqual(['json', 'ts']);
  });

  it.each(code.map(({ text }) => [text.slice(0, text.indexOf('\n')), text.slice(text.indexOf('\n') + 1)]))('quotes %s as it is', (first, quoted) => {
    const [, path] = /^\/\/ (\S+\.ts)$/.exec(first) ?? [];
    expect(path, 'a block of code begins with the name of its file').toBeDefined();
    expect(textOf(path!)).toContain(quoted);
  });

  it('shows an answer that is one', () => {
    const answers = blocks.filter(({ language }) => language === 'json').map(({ text }) => HomePage.safeParse(JSON.parse(text)));
    expect(answers.map(({ error }) => error)).toEqual([undefined]);
  });

  it('says the times that the page has', () => {
    const source = textOf('apps/gateway/src/home/home.ts');
    expect(source).toContain('{ rows: 0.25, films: 0.45, cells: 0.8 }');
    const policies = textOf('apps/gateway/src/services/dependencies.ts');
    for (const timeout of [120, 70]) expect(policies).toContain(`timeoutMs: ${timeout}`);
    expect(guide).toContain('(70 ms for rows, 120 for lookups)');
  });
});
