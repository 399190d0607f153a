/**
 * Builds every program into dist/apps/<program>/<name>.js, and the console's page into dist/apps/console, when the sources changed since the last build.
 *
 * `npx nest build` uses the same configuration and gives the same files; it takes longer, and knows only what Nest calls
 * a project. "Changed" is judged by content, since a checkout changes dates and not bytes. The
 * result is put in place as a whole, so a failed build leaves the last good one, and nobody ever reads half of one.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { environment, orRefuse, pinnedNode, root, SetupRefused, setUp } from './setup.mjs';

const dist = path.join(root, 'dist');
const stampFile = path.join(dist, 'sources.sha256');

const SOURCE = /\.(ts|css|html)$/;

/** Every file that goes into a build, relative to the root, sorted. */
function sourceFiles() {
  const files = ['package-lock.json', 'tsconfig.base.json', 'rspack.config.mjs'];
  for (const folder of ['apps', 'libs', 'bench', 'test/simulation', 'test/support', 'test/costs']) {
    if (!existsSync(path.join(root, folder))) continue;
    for (const entry of readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !SOURCE.test(entry.name) || entry.name.endsWith('spec.ts')) continue;
      files.push(path.relative(root, path.join(entry.parentPath ?? entry.path, entry.name)));
    }
  }
  return files.sort();
}

function hashOfSources() {
  const hash = createHash('sha256');
  for (const file of sourceFiles()) hash.update(`${file}\0`).update(readFileSync(path.join(root, file))).update('\0');
  return hash.digest('hex');
}

/** The programs, those that there are: output name to source file, both relative. */
function programs() {
  const sources = { 'apps/sim/run': 'test/simulation/run.ts', 'apps/bench/run': 'bench/run.ts', 'apps/bench/hello': 'bench/hello.ts', 'apps/bench/redis-app': 'bench/redis-app.ts', 'apps/bench/fill-store': 'bench/fill-store.ts' };
  for (const app of readdirSync(path.join(root, 'apps'))) {
    // The console is no program: it runs in a browser, and is built apart.
    if (app === 'console') continue;
    for (const name of ['main', 'cli', 'round-robin', 'generator', 'undo-guard']) sources[`apps/${app}/${name}`] = `apps/${app}/src/${name}.ts`;
  }
  return Object.entries(sources).filter(([, source]) => existsSync(path.join(root, source)));
}

/** Compiles; needs the packages and the pinned Node. */
async function build() {
  const { rspack } = await import('@rspack/core');
  const { configurationOf, pageConfigurationOf } = await import('../rspack.config.mjs');
  const stamp = hashOfSources();
  const fresh = path.join(root, `dist.${process.pid}.new`);
  // One compilation each: in a common one, what one program imports would show in the bundles of the others.
  const configurations = programs().map(([name, source]) => configurationOf({ [name]: path.join(root, source) }, fresh));
  if (existsSync(path.join(root, 'apps/console'))) configurations.push(pageConfigurationOf(fresh));
  const stats = await new Promise((resolve, reject) => {
    rspack(configurations, (error, result) => (error ? reject(error) : resolve(result)));
  });
  if (stats.hasErrors()) {
    rmSync(fresh, { recursive: true, force: true });
    console.error(stats.toString({ preset: 'errors-only', colors: process.stdout.isTTY }));
    process.exitCode = 1;
    return;
  }
  writeFileSync(path.join(fresh, path.basename(stampFile)), stamp);
  const old = path.join(root, `dist.${process.pid}.old`);
  mkdirSync(dist, { recursive: true });
  renameSync(dist, old);
  renameSync(fresh, dist);
  rmSync(old, { recursive: true, force: true });
}

/** Builds under the pinned Node unless dist/ is up to date. @throws SetupRefused when the build fails */
export async function buildIfChanged() {
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === hashOfSources()) return;
  console.log('Building ...');
  const child = spawn(pinnedNode, [fileURLToPath(import.meta.url), '--now'], { cwd: root, env: environment, stdio: 'inherit' });
  const code = await new Promise((resolve) => child.on('close', resolve));
  if (code !== 0) throw new SetupRefused('the build failed, see above; dist/ is as it was.');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await orRefuse(async () => {
    if (process.argv.includes('--now')) return build();
    await setUp();
    await buildIfChanged();
  });
}
