import { describe, expect, it } from 'vitest';
import { forbiddenImports } from './import-rules.js';
import { typescriptFiles } from './source-tree.js';
import { isSimulated, realTimeIn } from './virtual-time-rules.js';

const files = typescriptFiles('apps', 'libs', 'test', 'bench');

const faults = (path: string, text: string) => forbiddenImports({ path, text }).map((line) => line.slice(path.length + 2));

describe('who imports whom', () => {
  it('holds for every file', () => {
    expect(files.length).toBeGreaterThan(50);
    expect(files.flatMap(forbiddenImports)).toEqual([]);
  });

  it.each([
    ['core/ring/token.ts', "import { x } from '../../node/replica.js'", 'core/ does not know node/'],
    ['core/ring/token.ts', "import type { x } from '../../ports/disk.js'", 'core/ does not know ports/'],
    ['core/ring/token.ts', "import { x } from '../../index.js'", 'core/ does not know the files above it'],
    ['core/ring/token.ts', "import { Observable } from 'rxjs'", 'core/ does not use this package'],
    ['core/ring/token.ts', "import { SimClock } from '@app/time'", 'core/ does not use this package'],
    ['core/ring/token.ts', "import { readFileSync } from 'node:fs'", 'core/ does not use this package'],
    ['core/ring/token.ts', "import { deflateSync } from 'node:zlib'", 'core/ takes crc32 only'],
    ['core/ring/token.ts', "import * as contracts from '@app/contracts'", 'core/ takes errors, ids, limits and types of it only'],
    ['core/ring/token.ts', "export { deflateSync } from 'node:zlib'", 'core/ takes crc32 only'],
    ['core/ring/token.ts', "const x = await import('../../node/replica.js')", 'core/ does not know node/'],
    ['core/ring/token.ts', "let x: import('../../node/replica.js').Replica", 'core/ does not know node/'],
    ['ports/disk.ts', "import { Token } from '../core/ring/token.js'", 'ports/ does not know core/'],
    ['ports/disk.ts', "import { readFile } from 'node:fs'", 'ports/ does not use this package'],
    ['node/replica.ts', "import { LmdbEngine } from '../adapters/lmdb-engine.js'", 'node/ does not know adapters/'],
    ['node/replica.ts', "import { WireClient } from '@app/wire'", 'node/ does not use this package'],
    ['node/replica.ts', "import { x } from '../testing/sim-disk.js'", 'production code does not know testing/'],
    ['adapters/lmdb-engine.ts', "import { StoreModule } from '../nest/store.module.js'", 'adapters/ does not know nest/'],
    ['testing/test-cluster.ts', "import { StoreModule } from '../nest/store.module.js'", 'testing/ does not know nest/'],
    ['adapters/x.ts', "import { Clock } from '@app/circuit'", 'libs/store does not use this library'],
    ['node/replica.ts', "import { open } from 'lmdb'", 'this package is kept to a few files, and this is none of them'],
    ['node/replica.ts', "import { Injectable } from '@nestjs/common'", 'this package is kept to a few files, and this is none of them'],
    ['node/replica.ts', "import fc from 'fast-check'", 'this package is kept to a few files, and this is none of them'],
  ])('in libs/store/src/%s, refuses %s', (at, text, fault) => {
    expect(faults(`libs/store/src/${at}`, text).map((line) => line.replace(/^[^ ]+ /, ''))).toEqual([fault]);
  });

  it.each([
    ['libs/circuit/src/circuit.ts', "import x from 'opossum'", 'kept to a few files'],
    ['libs/circuit/src/circuit.ts', "import { gateway } from '../../../apps/gateway/src/main.js'", 'nobody imports an app'],
    ['apps/cluster/src/main.ts', "import { gateway } from '../../gateway/src/main.js'", 'nobody imports an app'],
    ['apps/gateway/src/main.ts', "import { Token } from '../../../libs/store/src/core/ring/token.js'", 'by its name, not by a path'],
    ['apps/gateway/src/main.ts', "import { Token } from '@app/store/core/ring/token'", 'one of its public faces'],
    ['apps/gateway/src/main.ts', "import { Token } from '@app/ring'", 'one of its public faces'],
    ['apps/gateway/src/main.ts', "import { Test } from '@nestjs/testing'", 'kept to a few files'],
    ['apps/gateway/src/main.ts', "import { SimDisk } from '@app/store/testing'", 'does not know testing/'],
    ['libs/time/src/clock.ts', "import { NodeId } from '@app/contracts'", 'does not use this library'],
    ['libs/wire/src/frame.ts', "import { Server } from '@nestjs/microservices'", 'kept to a few files'],
  ])('in %s, refuses %s', (at, text, fault) => {
    expect(faults(at, text)).toEqual([expect.stringContaining(fault)]);
  });

  it.each([
    ['libs/store/src/core/ring/token.ts', "import { assert, type RingMember } from '@app/contracts'; import { crc32 } from 'node:zlib'"],
    ['libs/store/src/ports/disk.ts', "import type { Token } from '../core/ring/token.js'; import type { Clock } from '@app/time'"],
    ['libs/store/src/node/replica.ts', "import { Observable } from 'rxjs'; import type { Disk } from '../ports/disk.js'"],
    ['libs/store/src/node/replica.spec.ts', "import { testCluster } from '../testing/test-cluster.js'; import fc from 'fast-check'"],
    ['libs/store/src/nest/store.module.ts', "import { Module } from '@nestjs/common'; import { x } from '../adapters/lmdb-engine.js'"],
    ['libs/circuit/src/opossum-defects.spec.ts', "import CircuitBreaker from 'opossum'; import { Test } from '@nestjs/testing'"],
    ['apps/favorites-service/src/main.ts', "import { openLmdbEngine } from '@app/store/adapters'"],
    ['libs/circuit/src/opossum-circuit.ts', "import CircuitBreaker from 'opossum'"],
    ['apps/gateway/src/main.ts', "import { Circuit } from '@app/circuit'; import fastify from 'fastify'"],
    ['apps/gateway/src/testing/x.ts', "import { y } from '../../../../libs/favorites-client/src/testing/memory-list-store.js'"],
    ['libs/store/src/adapters/disk.long-spec.ts', "import { skipUnless } from '../../../../test/support/capability.js'"],
  ])('in %s, allows %s', (at, text) => {
    expect(faults(at, text)).toEqual([]);
  });
});

describe('time and chance come from ports', () => {
  it('in every file that a simulation runs', () => {
    const simulated = files.filter((file) => isSimulated(file.path));
    expect(simulated.length).toBeGreaterThan(30);
    expect(simulated.flatMap(realTimeIn)).toEqual([]);
  });

  it.each([
    ['const now = Date.now();', 'Date.now'],
    ['const now = new Date();', 'new Date()'],
    ['const now = Date();', 'Date()'],
    ['const draw = Math.random();', 'Math.random'],
    ['const draw = [1].map(Math.random);', 'Math.random'],
    ['performance.now();', 'performance.now'],
    ['process.hrtime.bigint();', 'process.hrtime'],
    ['process.nextTick(run);', 'process.nextTick'],
    ['setTimeout(run, 1);', 'setTimeout'],
    ['globalThis.setTimeout(run, 1);', 'setTimeout'],
    ['const later = setImmediate;', 'setImmediate'],
    ['queueMicrotask(run);', 'queueMicrotask'],
    ['async () => 1;', 'async'],
    ['const x = await y;', 'await'],
    ['for await (const x of y) {}', 'await'],
    ['new Promise(run);', 'new Promise'],
    ['Promise.resolve(1);', 'Promise.resolve'],
    ['x.then(run);', '.then'],
    ["import { randomBytes } from 'node:crypto';", 'randomBytes of node:crypto'],
    ["import * as crypto from 'node:crypto';", 'all of node:crypto'],
    ["import { timer } from 'rxjs';", 'timer of rxjs'],
    ["import { delay as later } from 'rxjs/operators';", 'delay of rxjs/operators'],
    ["import { setTimeout as wait } from 'node:timers/promises';", 'node:timers/promises'],
  ])('%s is seen', (text, what) => {
    const found = realTimeIn({ path: 'libs/store/src/core/x.ts', text });
    expect(found.map((line) => line.replace(/^[^ ]+ /, ''))).toEqual([what]);
  });

  it.each([
    '// Date.now() and setTimeout in a comment',
    "const text = 'await new Promise';",
    'const date = new Date(millis);',
    'interface Port { setTimeout(task: () => void): void }',
    'clock.after(1, run); random.fraction();',
    "import { map, Observable } from 'rxjs';",
    "import { createHmac } from 'node:crypto';",
  ])('%s is not', (text) => {
    expect(realTimeIn({ path: 'libs/store/src/core/x.ts', text })).toEqual([]);
  });
});
