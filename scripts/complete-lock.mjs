/**
 * Adds to package-lock.json the optional per-platform packages that an install leaves out of it, without which `npm ci`
 * refuses the file on the platforms concerned, and on some versions of npm everywhere. Run it after every change of the
 * dependencies: `npm install --package-lock-only`, then `node scripts/complete-lock.mjs`.
 *
 * What an entry needs is its version and where it applies; both are read off the package that wants it, the platform
 * from the name (`@rspack/binding-linux-x64-gnu`). No checksum is added: it is not known without fetching.
 */
import { readFileSync, writeFileSync } from 'node:fs';

const OS = /android|darwin|freebsd|linux|netbsd|openbsd|openharmony|sunos|aix|win32|wasm32/;
const CPU = /arm64|arm|x64|ia32|ppc64|riscv64|s390x|loong64|mips64el|wasm32/;

const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'));
let addedCount = 0;
for (const [place, wanting] of Object.entries(lock.packages)) {
  for (const [name, range] of Object.entries(wanting.optionalDependencies ?? {})) {
    if (isLocked(place, name)) continue;
    const platform = name.slice(name.indexOf('/') + 1);
    const os = OS.exec(platform)?.[0];
    if (os === undefined) {
      console.log(`left out: ${name}, wanted by ${place}, names no platform`);
      continue;
    }
    const libc = platform.includes('musl') ? ['musl'] : platform.includes('gnu') ? ['glibc'] : undefined;
    lock.packages[`node_modules/${name}`] = {
      version: range.replace(/^[\^~=]/, ''),
      cpu: [CPU.exec(platform.replace(os, ''))?.[0] ?? 'wasm32'],
      ...(wanting.dev ? { dev: true } : {}),
      ...(libc ? { libc } : {}),
      optional: true,
      // WebAssembly builds fit every system and none: never picked where a native one exists.
      os: [os === 'wasm32' ? 'none' : os],
    };
    addedCount++;
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync('package-lock.json', `${JSON.stringify(lock, null, 2)}\n`);
console.log(`package-lock.json: ${addedCount} per-platform packages added`);

/** Whether `name` is locked at `place` or at any folder that a package there would look in. */
function isLocked(place, name) {
  for (let at = place; ; at = at.slice(0, Math.max(0, at.lastIndexOf('node_modules/') - 1))) {
    if (lock.packages[`${at === '' ? '' : `${at}/`}node_modules/${name}`]) return true;
    if (at === '') return false;
  }
}
