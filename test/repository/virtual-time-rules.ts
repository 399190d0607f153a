/**
 * Code that runs under simulation takes time and chance from its ports, and nothing from the machine: one call of
 * `Date.now` or one promise, and a seed no longer gives the same run. Promises count because they resume on the event
 * loop, which virtual time does not drive.
 */
import ts from 'typescript';
import { importsOf, parse } from './import-rules.js';
import type { SourceFile } from './source-tree.js';

/** What must be able to run in virtual time. Specs, contract suites and what serves them may wait in real time. */
const SIMULATED = [
  /^libs\/store\/src\/(core|ports|node|testing\/sim-)/,
  /^libs\/contracts\/src\//,
  /^libs\/time\/src\/(?!system-)/,
  /^libs\/circuit\/src\/(?!opossum-circuit|circuit\.module)/,
  /^libs\/favorites-client\/src\/(?!adapters\/)/,
  /^libs\/services\/src\//,
  /^libs\/wire\/src\/(?!adapters\/|nest\/)/,
];
export const isSimulated = (at: string): boolean =>
  SIMULATED.some((pattern) => pattern.test(at)) && !/[.-](spec|bench)\.ts$|-contract\.ts$|\/testing\/(?!sim-)/.test(at);

/** Members of the machine's objects, by object. */
const MEMBERS: Readonly<Record<string, readonly string[]>> = {
  Date: ['now'],
  Math: ['random'],
  performance: ['now', 'timeOrigin'],
  process: ['hrtime', 'nextTick', 'uptime'],
  crypto: ['getRandomValues', 'randomUUID'],
  Promise: ['resolve', 'reject', 'all', 'allSettled', 'any', 'race', 'withResolvers', 'try'],
};
const FUNCTIONS = ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'fetch'];
const FROM_CRYPTO = ['randomBytes', 'randomUUID', 'randomInt', 'randomFill', 'randomFillSync', 'webcrypto'];
const FROM_RXJS = [
  'timer', 'interval', 'delay', 'delayWhen', 'debounceTime', 'throttleTime', 'auditTime', 'sampleTime', 'bufferTime', 'windowTime',
  'timeout', 'timeoutWith', 'timeInterval', 'timestamp', 'retry', 'repeat', 'asyncScheduler', 'asapScheduler', 'queueScheduler',
  'animationFrameScheduler', 'animationFrames', 'observeOn', 'subscribeOn', 'firstValueFrom', 'lastValueFrom', 'ajax', 'fromFetch',
];
const BUILTINS = /^node:(timers|timers\/promises|perf_hooks|fs|fs\/promises|net|http|https|child_process|worker_threads|dgram|dns)$/;

/** One line for each place where `file` reaches past its ports. */
export function realTimeIn(file: SourceFile): string[] {
  const found: string[] = [];
  const source = parse(file);
  const report = (node: ts.Node, what: string) => {
    const { line } = source.getLineAndCharacterOfPosition(node.getStart(source));
    found.push(`${file.path}:${line + 1}: ${what}`);
  };
  const visit = (node: ts.Node): void => {
    const what = realTime(node);
    if (what !== null) report(node, what);
    ts.forEachChild(node, visit);
  };
  visit(source);
  for (const { specifier, names, typeOnly } of importsOf(file)) {
    if (typeOnly) continue;
    if (BUILTINS.test(specifier)) found.push(`${file.path}: ${specifier}`);
    const banned = specifier === 'node:crypto' ? FROM_CRYPTO : /^rxjs(\/|$)/.test(specifier) ? FROM_RXJS : [];
    for (const name of names ?? []) if (banned.includes(name)) found.push(`${file.path}: ${name} of ${specifier}`);
    if (banned.length > 0 && names === null) found.push(`${file.path}: all of ${specifier}`);
  }
  return found;
}

function realTime(node: ts.Node): string | null {
  if (ts.isAwaitExpression(node) || (ts.isForOfStatement(node) && node.awaitModifier)) return 'await';
  if (node.kind === ts.SyntaxKind.AsyncKeyword) return 'async';
  if (ts.isPropertyAccessExpression(node)) {
    if (node.name.text === 'then') return '.then';
    const object = ts.isIdentifier(node.expression) ? node.expression.text : '';
    if (MEMBERS[object]?.includes(node.name.text)) return `${object}.${node.name.text}`;
    if (object === 'globalThis' && FUNCTIONS.includes(node.name.text)) return node.name.text;
  }
  if (ts.isNewExpression(node) && ts.isIdentifier(node.expression)) {
    if (node.expression.text === 'Promise') return 'new Promise';
    if (node.expression.text === 'Date' && (node.arguments ?? []).length === 0) return 'new Date()';
  }
  if (ts.isCallExpression(node) && ts.isIdentifier(node.expression) && node.expression.text === 'Date') return 'Date()';
  // As a value as much as in a call: handing setTimeout on is using it.
  const isUse = ts.isIdentifier(node) && FUNCTIONS.includes(node.text) && !isNameOnly(node);
  return isUse ? node.text : null;
}

/** `fetch` in `interface X { fetch(): void }`, `x.fetch()`, `{ fetch: 1 }` or an import (judged by where it is from). */
function isNameOnly(node: ts.Identifier): boolean {
  const { parent } = node;
  return ts.isImportSpecifier(parent) || ('name' in parent && parent.name === node);
}
