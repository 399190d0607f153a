/**
 * What must hold before anything of ours runs, starting from a machine that has Node 20 or newer and npm and nothing
 * else: the packages of package-lock.json, and among them the pinned Node, under which everything then runs.
 *
 * Plain JavaScript without packages, because it runs before they are there, under the machine's own Node. Falling back
 * to that Node when the pinned one is missing is refused: a cluster on another runtime would be another product.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const binaries = path.join(root, 'node_modules', '.bin');

/** The pinned Node: how to call it, and the environment in which a bare `node` means it too. */
export const pinnedNode = path.join(binaries, 'node');
export const environment = {
  ...process.env,
  PATH: `${binaries}${path.delimiter}${process.env.PATH ?? ''}`,
  // Compiled once, not in each of nine processes: it takes about a third off the CPU that a start needs.
  NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? path.join(root, 'node_modules', '.cache', 'compiled'),
};

const OLDEST_NODE_MAJOR = 20;
const NETWORK_FAILURE = /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|ERR_INVALID_URL)\b/;

/** A refusal that one line explains; nothing of it is our bug, so no stack. */
export class SetupRefused extends Error {}

/** @throws SetupRefused when this process runs under a Node too old even to set up */
export function requireSupportedNode(version = process.versions.node) {
  if (Number.parseInt(version, 10) >= OLDEST_NODE_MAJOR) return;
  throw new SetupRefused(`Node ${OLDEST_NODE_MAJOR} or newer is needed to start; this is Node ${version}.`);
}

/**
 * Whether node_modules holds what package-lock.json says, each package in its version; an optional one may be absent.
 * `installed` is the record that npm leaves in node_modules; null when there is none.
 */
export function isInstalled(lock, installed) {
  if (installed === null) return false;
  return Object.entries(lock.packages).every(([place, locked]) => {
    const found = installed.packages[place];
    return place === '' || (found === undefined ? locked.optional === true : found.version === locked.version);
  });
}

/** @throws SetupRefused when the pinned Node is missing or of another version than package.json names */
export function requirePinnedNode(foundVersion, pinnedVersion) {
  if (foundVersion === `v${pinnedVersion}`) return;
  const found = foundVersion === null ? 'is missing' : `is ${foundVersion}`;
  throw new SetupRefused(
    `Node ${pinnedVersion} is pinned in package.json, but node_modules/.bin/node ${found}: the install script of the ` +
      'package "node" did not run. Allow install scripts (npm config get ignore-scripts), delete node_modules, start again.',
  );
}

/** Runs `npm ci`, showing what it says. */
async function install() {
  // npm names its own program and Node to the scripts it runs; the Node in node_modules is about to be replaced.
  const { npm_execpath: npm, npm_node_execpath: npmNode } = process.env;
  const [command, first] = npm?.endsWith('.js') && npmNode ? [npmNode, [npm]] : ['npm', []];
  const child = spawn(command, [...first, 'ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk) => {
    process.stderr.write(chunk);
    said += chunk;
  });
  const code = await new Promise((resolve) => {
    child.on('error', () => resolve(-1));
    child.on('close', resolve);
  });
  if (code === 0) return;
  const failure = NETWORK_FAILURE.exec(said)?.[1];
  throw new SetupRefused(
    failure
      ? `The packages could not be fetched: npm cannot reach its registry (${failure}). Check the network or proxy, then start again.`
      : code === -1
        ? 'npm was not found: it is needed once, to install the packages.'
        : `npm ci failed (exit code ${code}); its own message is above.`,
  );
}

function readJson(...parts) {
  const file = path.join(root, ...parts);
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : null;
}

/** Installs what is missing and checks the pinned Node. Says something only when there is something to do. */
export async function setUp() {
  requireSupportedNode();
  if (!isInstalled(readJson('package-lock.json'), readJson('node_modules', '.package-lock.json'))) {
    console.log('Installing the packages of package-lock.json (once; about a minute) ...');
    await install();
  }
  const asked = spawnSync(pinnedNode, ['--version'], { encoding: 'utf8' });
  requirePinnedNode(asked.status === 0 ? asked.stdout.trim() : null, readJson('package.json').dependencies.node);
}

/** Runs `main`, and turns a refusal into one line and exit code 1. */
export async function orRefuse(main) {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof SetupRefused)) throw error;
    console.error(`triptych: ${error.message}`);
    process.exitCode = 1;
  }
}
