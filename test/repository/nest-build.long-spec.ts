import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { ROOT } from './source-tree.js';

const copy = mkdtempSync(path.join(tmpdir(), 'triptych-nest-build-'));
afterAll(() => rmSync(copy, { recursive: true }));

it('`nest build` of every project of nest-cli.json makes the files that `npm run build` makes', () => {
  for (const entry of ['apps', 'libs', 'data', 'bench', 'package.json', 'tsconfig.base.json', 'rspack.config.mjs', 'nest-cli.json']) {
    cpSync(path.join(ROOT, entry), path.join(copy, entry), { recursive: true });
  }
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(copy, 'node_modules'));
  const nest = path.join(ROOT, 'node_modules/@nestjs/cli/bin/nest.js');
  execFileSync(process.execPath, [nest, 'build', '--all'], { cwd: copy, stdio: 'pipe' });

  for (const app of ['gateway', 'favorites-service', 'cluster']) {
    const file = path.join('dist/apps', app, 'main.js');
    expect(existsSync(path.join(ROOT, file))).toBe(true);
    // Comments name the packages by where they lie, which for a copy is elsewhere. Five megabytes are compared, and not shown.
    const made = readFileSync(path.join(copy, file), 'utf8').replaceAll(`${path.relative(realpathSync(copy), realpathSync(ROOT))}/`, './');
    expect(made === readFileSync(path.join(ROOT, file), 'utf8'), file).toBe(true);
    expect(/node_modules\/rxjs\/dist\/(?!esm\/)/.exec(made)?.[0], 'rxjs as classes, and once').toBeUndefined();
  }
});
