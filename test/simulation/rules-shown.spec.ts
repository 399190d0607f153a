/** Every rule of docs/row-model.md has a schedule by hand and a planted bug, and docs/SIMULATION.md says truly where. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { MUTANTS } from '../mutants/mutants.js';

const RULES = [...readFileSync('docs/row-model.md', 'utf8').matchAll(/^\*\*(F\d+) /gm)].map(([, rule]) => rule!);
const specs = ['libs', 'test']
  .flatMap((folder) => readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((file) => path.join(folder, file)))
  .filter((file) => file.endsWith('.spec.ts'))
  .map((file) => ({ name: path.basename(file), titles: readFileSync(file, 'utf8').split('\n').filter((line) => /\b(it|describe)\b|\]\)\(/.test(line)) }));
const shows = (name: string, rule: string): boolean => specs.some((spec) => spec.name === name && spec.titles.some((title) => new RegExp(`\\b${rule}\\b`).test(title)));

/** As the table of docs/SIMULATION.md has it: "| F1, F2 | one.spec.ts, other.spec.ts |". */
const table = new Map(
  [...readFileSync('docs/SIMULATION.md', 'utf8').matchAll(/^\| (F\d+(?:, F\d+)*) \| (.*) \|$/gm)].flatMap(([, rules, files]) => rules!.split(', ').map((rule) => [rule, files!.split(', ')] as const)),
);

describe('the rules of the row model', () => {
  it('are F1 to F20', () => expect(RULES.toSorted()).toEqual(Array.from({ length: 20 }, (_, i) => `F${i + 1}`).toSorted()));
  it.each(RULES)('%s is shown where docs/SIMULATION.md says', (rule) => {
    const files = table.get(rule) ?? [];
    expect(files.length).toBeGreaterThan(0);
    expect(files.filter((file) => !shows(file, rule))).toEqual([]);
  });
  it.each(RULES)('%s is taken away by a planted bug', (rule) => expect(MUTANTS.filter(({ breaks }) => new RegExp(`\\b${rule}\\b`).test(breaks))).not.toEqual([]));
});
