/** Rules of watching a row: what is told, when, and from where on. */
import type { Mutant } from './mutant.js';

const WATCH = 'libs/store/src/node/row-watch.ts';
const WATCH_SPEC = 'libs/store/src/node/row-watch.spec.ts';
const CHANGES = 'libs/store/src/core/row/row-changes.ts';
const CHANGES_SPEC = 'libs/store/src/core/row/row-changes.spec.ts';

export const WATCH_MUTANTS: readonly Mutant[] = [
  {
    name: 'event-before-durable',
    breaks: 'E2: what is told is on the disk of the replica that tells it',
    file: 'libs/store/src/node/row-store.ts',
    find: '    draft.writesInFlight++;\n    this.engine.write(',
    replace: '    draft.writesInFlight++;\n    this.#cacheHeader(rowId(key), header);\n    onDurable?.();\n    this.onChange(key, before, header, gains);\n    this.engine.write(',
    foundBy: WATCH_SPEC,
  },
  {
    name: 'resume-skips-one',
    breaks: 'E3: who goes on is told all that was missed',
    file: CHANGES,
    find: 'for (const delta of missing.toSorted((a, b) => a.hlc - b.hlc)) {',
    replace: 'for (const delta of missing.toSorted((a, b) => a.hlc - b.hlc).slice(missing.length > 1 ? 1 : 0)) {',
    foundBy: CHANGES_SPEC,
  },
  {
    name: 'forgotten-operations-taken-for-none',
    breaks: 'E4: where an operation in between is not known any more the row is told anew',
    file: 'libs/store/src/node/row-differences.ts',
    find: 'if (!deltas.every((delta) => delta !== undefined)) return null;',
    replace: 'if (deltas.every((delta) => delta === undefined)) return deltas.length > 0 ? [] : null;',
    foundBy: WATCH_SPEC,
  },
  {
    name: 'old-news-from-a-replica-behind',
    breaks: 'E5: a replica that lacks what its listener has seen tells nothing',
    file: WATCH,
    find: 'if (!context.covers(watch.seen)) return this.#bringUpToDate(watch, watch.seen);',
    replace: '',
    foundBy: WATCH_SPEC,
  },
  {
    name: 'listener-waits-for-what-is-lost',
    breaks: 'E6: where a quorum lacks what was seen the listener begins anew',
    file: WATCH,
    find: "if (error.code !== 'STORE_SESSION_AHEAD') return watch.subscriber.error(error);\n          watch.seen = null;",
    replace: "if (error.code !== 'STORE_SESSION_AHEAD') return watch.subscriber.error(error);",
    foundBy: WATCH_SPEC,
  },
  {
    name: 'lone-replica-goes-on-telling',
    breaks: 'E7: a replica that reaches no quorum ends the watch',
    file: 'libs/store/src/node/store-node.ts',
    find: 'return alive >= needed ? null : new TriptychError',
    replace: 'return alive >= 0 ? null : new TriptychError',
    foundBy: WATCH_SPEC,
  },
  {
    name: 'invisible-operation-told',
    breaks: 'E1: an operation that changes nothing visible is not told',
    file: CHANGES,
    find: 'if (!seen.has(dot) || wasSupersededBefore(dot)) continue;',
    replace: 'if (!seen.has(dot)) continue;',
    foundBy: CHANGES_SPEC,
  },
  {
    name: 'silent-replica-kept',
    breaks: 'a replica that is silent is left within two seconds',
    file: 'libs/favorites-client/src/watch-run.ts',
    find: 'else this.#giveUp(null);',
    replace: 'else wait(policy.silenceMs);',
    foundBy: 'libs/favorites-client/src/watch-run.spec.ts',
  },
];
