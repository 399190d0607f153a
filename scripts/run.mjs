/**
 * `node scripts/run.mjs <program> [arguments]`: sets up, builds if needed, then runs dist/apps/<program>.js under the
 * pinned Node with everything after it passed through; this process then only hands on signals and the exit code.
 */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { buildIfChanged } from './build.mjs';
import { environment, orRefuse, pinnedNode, root, setUp } from './setup.mjs';

const [program, ...programArguments] = process.argv.slice(2);

await orRefuse(async () => {
  await setUp();
  await buildIfChanged();
  const file = path.join(root, 'dist', 'apps', `${program}.js`);
  const child = spawn(pinnedNode, [file, ...programArguments], { env: environment, stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      // Ctrl-C in a terminal reaches the whole group, so the program has it already.
      if (signal === 'SIGINT' && process.stdin.isTTY) return;
      child.kill(signal);
    });
  }
  // npm passes on SIGTERM and SIGINT only; when it dies of anything else, what it started must not stay behind.
  const npm = process.env.npm_execpath === undefined ? null : process.ppid;
  const watch = setInterval(() => {
    if (npm === null || process.ppid === npm) return;
    clearInterval(watch);
    child.kill('SIGTERM');
  }, 1000);
  child.on('close', (code, signal) => {
    clearInterval(watch);
    if (signal === null) {
      process.exitCode = code;
      return;
    }
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
});
