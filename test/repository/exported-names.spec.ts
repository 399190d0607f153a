import { describe, expect, it } from 'vitest';
import { publicFace } from './exported-names.js';
import { PUBLIC_FACES } from './import-rules.js';
import { readSource, type SourceFile } from './source-tree.js';

/** Its files are vocabulary and nothing else: all that they name is meant to be used. */
const WHOLESALE_ALLOWED = 'libs/contracts/src/index.ts';

const faces = Object.values(PUBLIC_FACES)
  .filter((at) => !at.includes('/testing/'))
  .sort()
  .map((at) => ({ at, ...publicFace(readSource(at), readSource) }));

describe('the public face of a library', () => {
  it('is chosen name by name', () => {
    expect(faces.length).toBeGreaterThanOrEqual(5);
    expect(faces.filter(({ at, wholesale }) => wholesale.length > 0 && at !== WHOLESALE_ALLOWED)).toEqual([]);
  });

  it('changes on purpose only: `npx vitest run test/repository/exported-names -u` writes down what changed', async () => {
    const listing = faces.map(({ at, names }) => `${at}\n${names.map((name) => `  ${name}\n`).join('')}`).join('\n');
    await expect(listing).toMatchFileSnapshot('exported-names.txt');
  });

  it('is read rightly: names, types, whole modules and what the file declares itself', () => {
    const index: SourceFile = {
      path: 'libs/x/src/index.ts',
      text: `export { b, type C } from './b.js'; export type { D } from './d.js'; export * from './e.js';
        export const f = 1; export function g() {} export class H {} export interface I {} const hidden = 1;`,
    };
    const read = (at: string): SourceFile => ({ path: at, text: at === 'libs/x/src/e.ts' ? 'export const e1 = 1; export type E2 = 1;' : '' });
    expect(publicFace(index, read)).toEqual({
      names: ['H', 'b', 'e1', 'f', 'g', 'type C', 'type D', 'type E2', 'type I'],
      wholesale: ['./e.js'],
    });
  });
});
