/**
 * `npm test` and `npm run test:long`: sets up, runs every stage of the suite named, says how long each took, and ends
 * with what failed, each with the first line of why, and the one line `N passed, N failed`. A failing stage does not hide
 * the next: all run, and all are summed. Lint, type check and build count as one check each, a test as one.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { environment, pinnedNode, root, SetupRefused, setUp } from './setup.mjs';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];
/** How many runs a property makes in the long suite, for each that it makes in `npm test`. */
const LONG_PROPERTY_FACTOR = 5;

/** A stage that takes longer is hung, a busy loop for example, which no test's own timeout ends. */
const STAGE_TIMEOUT_MS = { short: 12 * 60_000, long: 40 * 60_000 };

/**
 * Runs a command to its end, its output shown. It gets a process group of its own, so that what it started ends with it
 * when it is hung or when this process is told to stop.
 */
function run(command, commandArguments, more = {}) {
  const child = spawn(command, commandArguments, {
    cwd: root,
    env: { ...environment, ...more },
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: true,
  });
  const end = () => child.pid !== undefined && process.kill(-child.pid, 'SIGKILL');
  const stop = (signal) => {
    end();
    process.kill(process.pid, signal);
  };
  const timeoutMs = STAGE_TIMEOUT_MS[process.argv[2]];
  const timer = setTimeout(() => {
    console.log(`== hung: ended after ${timeoutMs / 60_000} minutes`);
    end();
  }, timeoutMs);
  for (const signal of SIGNALS) process.once(signal, stop);
  return new Promise((resolve) => {
    child.on('error', () => resolve(1));
    child.on('close', (code) => resolve(code ?? 1));
  }).finally(() => {
    clearTimeout(timer);
    for (const signal of SIGNALS) process.off(signal, stop);
  });
}

/** One check: it passed or it failed. */
const check = (command, ...commandArguments) => async () =>
  (await run(command, commandArguments)) === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };

/**
 * What a vitest report adds up to. A file that could not even be loaded has no tests to fail: it is one failure, and so
 * is a run that ended badly with nothing to show for it.
 */
export function tally(report, exitCode) {
  if (report === null) return { passed: 0, failed: 1 };
  const brokenFiles = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  ).length;
  const failed = report.numFailedTests + brokenFiles;
  return { passed: report.numPassedTests, failed: failed === 0 && exitCode !== 0 ? 1 : failed };
}

/** What failed in a vitest report, a text each: where, which test, and the first line of why. */
export function failuresOf(report) {
  if (report === null) return [];
  const why = (message = '') => stripVTControlCharacters(message).split('\n', 1)[0].slice(0, 300);
  return report.testResults
    .filter(({ status }) => status === 'failed')
    .flatMap(({ name, message, assertionResults }) => {
      const file = path.relative(root, name);
      const failed = assertionResults.filter(({ status }) => status === 'failed');
      if (failed.length === 0) return [`${file}: ${why(message)}`];
      return failed.map(({ fullName, failureMessages }) => `${file}: ${fullName.trim()}: ${why(failureMessages[0])}`);
    });
}

const vitest =
  (configuration, more = {}, folders = []) =>
  async () => {
    const reports = mkdtempSync(path.join(tmpdir(), 'triptych-test-'));
    const file = path.join(reports, 'report.json');
    const exitCode = await run(
      pinnedNode,
      ['node_modules/vitest/vitest.mjs', 'run', ...folders, '--config', configuration, '--reporter=default', '--reporter=json', `--outputFile.json=${file}`],
      // CI: a snapshot that is missing fails instead of being written.
      { CI: '1', ...more },
    );
    const report = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : null;
    rmSync(reports, { recursive: true });
    return { ...tally(report, exitCode), failures: failuresOf(report) };
  };

/**
 * A stage has a name, what it runs, and for tests the configuration that says which.
 * @typedef {{ name: string, configuration?: string, run: () => Promise<{ passed: number, failed: number, failures?: string[] }> }} Stage
 */
const tests = (name, configuration, more, folders) => ({ name, configuration, run: vitest(configuration, more, folders) });

/** Where the properties are: the rest of the unit tests says nothing more when it is run again. */
const PROPERTY_FOLDERS = ['libs/store/src/core', 'libs/store/src/node', 'libs/favorites-client/src', 'libs/circuit/src', 'libs/wire/src/frame'];
const build = { name: 'build', run: check(pinnedNode, 'scripts/build.mjs') };

/** @type {{ short: Stage[], long: Stage[] }} */
export const SUITES = {
  short: [
    { name: 'lint', run: check('oxlint', '--type-aware', 'apps', 'libs', 'test', 'bench', 'scripts') },
    { name: 'type check', run: check(pinnedNode, 'node_modules/typescript-7/bin/tsc', '-p', 'tsconfig.check.json') },
    tests('unit tests', 'vitest.config.ts'),
    build,
    tests('end-to-end tests', 'vitest.config.e2e.ts'),
  ],
  long: [
    build,
    tests('properties, more runs', 'vitest.config.ts', { TRIPTYCH_PROPERTY_FACTOR: String(LONG_PROPERTY_FACTOR) }, PROPERTY_FOLDERS),
    tests('long tests', 'vitest.config.long.ts'),
  ],
};

async function main() {
  try {
    await setUp();
  } catch (error) {
    if (!(error instanceof SetupRefused)) throw error;
    console.log(`triptych: ${error.message}\n0 passed, 1 failed`);
    process.exitCode = 1;
    return;
  }
  const total = { passed: 0, failed: 0 };
  const summary = [];
  for (const { name, run: stage } of SUITES[process.argv[2]]) {
    console.log(`\n== ${name}`);
    const beganMs = performance.now();
    const { passed, failed, failures = [] } = await stage();
    const line = `${failed === 0 ? 'ok    ' : 'FAILED'}  ${name}: ${passed} passed, ${failed} failed, ${((performance.now() - beganMs) / 1000).toFixed(1)} s`;
    console.log(`== ${line}`);
    summary.push(line, ...failures.map((failure) => `        ${failure}`));
    total.passed += passed;
    total.failed += failed;
  }
  console.log(`\n${summary.join('\n')}\n${total.passed} passed, ${total.failed} failed`);
  process.exitCode = total.failed === 0 ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main();
}
