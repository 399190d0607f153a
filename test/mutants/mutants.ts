/**
 * Planted bugs: each takes one rule of the store away, and names the test file that must then fail. A rule without a test
 * that notices its absence is a rule that the next change may take away for good.
 */
export interface Mutant {
  readonly name: string;
  /** The rule that is broken, and the promise that breaks with it. */
  readonly breaks: string;
  readonly file: string;
  /** Stands exactly once in the file. */
  readonly find: string;
  readonly replace: string;
  /** The test file that finds it. */
  readonly foundBy: string;
}

const MAP = 'libs/store/src/core/row/causal-map.ts';
const MAP_SPEC = 'libs/store/src/core/row/causal-map.spec.ts';
const HEADER = 'libs/store/src/core/row/row-header.ts';
const ROWS = 'libs/store/src/node/row-store.ts';
const ROWS_SPEC = 'libs/store/src/node/row-store.spec.ts';
const COORDINATOR = 'libs/store/src/node/coordinator.ts';
const COORDINATOR_SPEC = 'libs/store/src/node/coordinator.spec.ts';
const HANDOFF = 'libs/store/src/node/hinted-handoff.ts';
const HANDOFF_SPEC = 'libs/store/src/node/hinted-handoff.spec.ts';
const TREE_SPEC = 'libs/store/src/node/row-tree.spec.ts';
const ANTI_ENTROPY_SPEC = 'libs/store/src/node/anti-entropy.spec.ts';

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'removal-without-dot',
    breaks: 'F1: a removal changes the context, or a replica that lacks it claims to have seen as much',
    file: MAP,
    find: 'knowledge: { context: row.context.with(delta.dot), voided',
    replace: 'knowledge: { context: delta.version === null ? row.context : row.context.with(delta.dot), voided',
    foundBy: MAP_SPEC,
  },
  {
    name: 'superseded-counts-as-applied',
    breaks: 'F2: a dot that was only superseded is not known to be applied',
    file: MAP,
    find: 'knowledge: { context: row.context.with(delta.dot), voided: voided.without(delta.dot) }',
    replace: 'knowledge: { context: row.context.with(delta.dot).union(voided), voided: row.voided }',
    foundBy: MAP_SPEC,
  },
  {
    name: 'void-forgotten',
    breaks: 'F2: what was superseded before it arrived must never take effect',
    file: MAP,
    find: 'if (!row.context.has(dot)) voided = voided.with(dot);',
    replace: 'if (!row.context.has(dot)) voided = row.voided;',
    foundBy: MAP_SPEC,
  },
  {
    name: 'digest-over-versions-alone',
    breaks: 'F3: "never saw it" and "saw it and removed it" have different digests',
    file: HEADER,
    find: '    header.context.encode(writer);\n    header.voided.encode(writer);\n    writer.fixed(header.versionsHash);\n    const digest = sipHash128',
    replace: '    writer.fixed(header.versionsHash);\n    const digest = sipHash128',
    foundBy: COORDINATOR_SPEC,
  },
  {
    name: 'read-repair-does-not-push',
    breaks: 'F3: what one quorum read showed, the next shows',
    file: 'libs/store/src/node/read-repair.ts',
    find: '    if (coversKnowledge(peer.knowledge!, target)) return this.#pushed();',
    replace: '    return this.#pushed();',
    foundBy: COORDINATOR_SPEC,
  },
  {
    name: 'remove-by-local-view',
    breaks: 'F4: a remove undoes every add acknowledged before it, also one that its coordinator missed',
    file: COORDINATOR,
    find: '      const take = (): Item | null => this.ports.rows.item(request, request.item);\n      this.#read(call, request, request.level, context, take, (answer) => {\n        mint(',
    replace:
      '      if (operation.kind === "remove") return mint(null, this.#achieved(request.level, [this.ports.self], false));\n      const take = (): Item | null => this.ports.rows.item(request, request.item);\n      this.#read(call, request, request.level, context, take, (answer) => {\n        mint(',
    foundBy: COORDINATOR_SPEC,
  },
  {
    name: 'commit-adds-what-it-holds',
    breaks: 'F5 and one operation, many attempts: COMMIT applies exactly the prepared bytes',
    file: COORDINATOR,
    find: '      const delta = decodeRequestDelta(request.delta);\n',
    replace:
      '      const prepared = decodeRequestDelta(request.delta);\n      const delta = { ...prepared, supersedes: [...prepared.supersedes, ...this.ports.rows.latestVersions(request, prepared.item).map((held) => held.dot)] };\n',
    foundBy: COORDINATOR_SPEC,
  },
  {
    name: 'stale-snapshot-taken',
    breaks: 'F6: context is taken on only with all the cells that go with it',
    file: ROWS,
    find: 'if (!coversKnowledge(header, snapshot.base)) {',
    replace: 'if (snapshot === undefined) {',
    foundBy: ROWS_SPEC,
  },
  {
    name: 'version-without-what-it-superseded',
    breaks: 'F7: a version record is its whole delta',
    file: 'libs/store/src/testing/memory-row.ts',
    find: 'this.items.set(delta.item, effect.versions);',
    replace: 'this.items.set(delta.item, effect.versions.map((version) => ({ ...version, supersedes: [] })));',
    foundBy: MAP_SPEC,
  },
  {
    name: 'damaged-row-keeps-its-context',
    breaks: 'F8: damage does not spread as a removal',
    file: ROWS,
    find: 'const header: RowHeader = { ...knowledgeOfIntact([...items.values()].flat()), versionsHash, itemCount, isDamaged: true };',
    replace: 'const header: RowHeader = { ...(this.#headers.get(id) ?? EMPTY_HEADER), versionsHash, itemCount, isDamaged: true };',
    foundBy: ROWS_SPEC,
  },
  {
    name: 'damaged-row-forgets-what-was-superseded',
    breaks: 'F8: what the intact versions superseded stays void',
    file: MAP,
    find: 'return { context, voided: superseded.minus(context) };',
    replace: 'return { context, voided: superseded.minus(superseded) };',
    foundBy: MAP_SPEC,
  },
  {
    name: 'damaged-row-votes',
    breaks: 'F9: a replica that may have lost what it acknowledged has no vote',
    file: 'libs/store/src/node/replica.ts',
    find: 'const vote = !this.rows.header(request).isDamaged;',
    replace: 'const vote = true;',
    foundBy: COORDINATOR_SPEC,
  },
  {
    name: 'vote-back-at-once',
    breaks: 'F9: a damaged row waits for the writes that were in flight at the loss',
    file: 'libs/store/src/node/row-rebuild.ts',
    find: 'notBeforeMs: this.ports.clock.monotonicMs() + LONGEST_WRITE_MS });\n    this.#schedule(LONGEST_WRITE_MS);',
    replace: 'notBeforeMs: this.ports.clock.monotonicMs() });\n    this.#schedule(0);',
    foundBy: COORDINATOR_SPEC,
  },
  {
    name: 'lost-copy-still-counts',
    breaks: 'F9: a coordinator whose own copy was damaged fails its pending writes to the row',
    file: COORDINATOR,
    find: 'write.ownCopyDamaged();',
    replace: 'void write;',
    foundBy: COORDINATOR_SPEC,
  },
  {
    name: 'actor-kept-over-a-crash',
    breaks: 'F10: a counter is never used twice',
    file: 'libs/store/src/node/dot-minter.ts',
    find: 'this.#actor = actorIdFrom(random.bytes(8));\n  }',
    replace: 'this.#actor = actorIdFrom(new Uint8Array(8).fill(1));\n    void random;\n  }',
    foundBy: COORDINATOR_SPEC,
  },
  {
    name: 'counter-from-the-row-alone',
    breaks: 'one operation, one dot: a prepared dot is spent when it is handed out',
    file: 'libs/store/src/node/dot-minter.ts',
    find: 'Math.max(context.highest(this.#actor), this.#prepared.get(rowId) ?? 0) + 1',
    replace: 'context.highest(this.#actor) + 1',
    foundBy: COORDINATOR_SPEC,
  },
  {
    name: 'duplicate-acknowledged-early',
    breaks: 'F12: a duplicate is acknowledged only when its first copy is durable',
    file: ROWS,
    find: '      if (draft.writesInFlight > 0) {\n        draft.waiting.push(settle);\n        return;\n      }\n',
    replace: '',
    foundBy: ROWS_SPEC,
  },
  {
    name: 'digest-of-what-is-not-durable',
    breaks: 'F12: digests, reads and votes show durable state only',
    file: ROWS,
    find: 'return this.hasher.digest(this.header(key));',
    replace: 'return this.hasher.digest(this.latestHeader(key));',
    foundBy: ROWS_SPEC,
  },
  {
    name: 'place-without-a-live-base',
    breaks: 'F13: a place counts only while what it is based on is live',
    file: MAP,
    find: 'if (isBased && (place === null',
    replace: 'if ((isBased || true) && (place === null',
    foundBy: MAP_SPEC,
  },
  {
    name: 'move-writes-the-cell',
    breaks: 'F13: a move never brings back what was removed',
    file: COORDINATOR,
    find: "if (shown !== null && pending.length === 0 && (operation.kind === 'move' || found !== null)) {",
    replace: 'if (shown === undefined) {',
    foundBy: COORDINATOR_SPEC,
  },
  {
    name: 'pending-not-superseded',
    breaks: 'F14: a failed write that the session then overrode does not surface',
    file: COORDINATOR,
    find: 'for (const unknown of pending) if (!dots.some((held) => sameDot(held, unknown))) dots.push(unknown);',
    replace: '',
    foundBy: COORDINATOR_SPEC,
  },
  {
    name: 'present-at-one-replica-is-enough',
    breaks: 'an acknowledged add rests on a quorum, not on what its coordinator alone holds',
    file: COORDINATOR,
    find: 'if (found !== null && operation.placement === undefined && pending.length === 0) return { delta: null, item: found, achieved };',
    replace: 'if (shown !== null && operation.placement === undefined && pending.length === 0) return { delta: null, item: asItem(shown), achieved };',
    foundBy: COORDINATOR_SPEC,
  },
  {
    name: 'write-quorum-short-by-one',
    breaks: 'an acknowledged write is on W replicas',
    file: 'libs/store/src/node/quorum-write.ts',
    find: 'new WriteQuorum([ports.self, ...placement.others], required, new Set(), placement.sets)',
    replace: 'new WriteQuorum([ports.self, ...placement.others], Math.max(1, required - 1), new Set(), placement.sets)',
    foundBy: COORDINATOR_SPEC,
  },
  {
    name: 'hint-not-kept',
    breaks: 'hinted handoff: what a replica did not acknowledge is kept for it',
    file: 'libs/store/src/node/quorum-write.ts',
    find: 'if (!isStored) owe(node, this.key, this.delta, bytes);',
    replace: 'void owe;',
    foundBy: HANDOFF_SPEC,
  },
  {
    name: 'hint-without-what-it-superseded',
    breaks: 'F7: a hint carries the whole delta, exactly as it was sent',
    file: 'libs/store/src/node/quorum-write.ts',
    find: 'owe(node, this.key, this.delta, bytes);',
    replace: 'owe(node, this.key, this.delta, encodeDelta({ ...this.delta, supersedes: [] }));',
    foundBy: HANDOFF_SPEC,
  },
  {
    name: 'hint-under-another-dot',
    breaks: 'one operation, one dot: a hint is the same operation as the write that it stands for',
    file: 'libs/store/src/node/quorum-write.ts',
    find: 'owe(node, this.key, this.delta, bytes);',
    replace: 'owe(node, this.key, this.delta, encodeDelta({ ...this.delta, dot: { ...this.delta.dot, counter: this.delta.dot.counter + 1_000 } }));',
    foundBy: HANDOFF_SPEC,
  },
  {
    name: 'hint-removed-before-acknowledgement',
    breaks: 'a hint is removed when its owner has said that it is durable there',
    file: HANDOFF,
    find: '    this.#calls.add(call);',
    replace: '    this.#calls.add(call);\n    this.queue.remove(this.target, [queued], () => {});',
    foundBy: HANDOFF_SPEC,
  },
  {
    name: 'failed-replay-counts-as-delivered',
    breaks: 'a hint that its owner did not acknowledge stays (scylladb#24415)',
    file: HANDOFF,
    find: 'else this.#hasFailed = true;',
    replace: 'else this.#done.push(queued);',
    foundBy: HANDOFF_SPEC,
  },
  {
    name: 'hints-forgotten-at-the-start',
    breaks: 'hints survive a restart of their holder',
    file: 'libs/store/src/node/hint-queue.ts',
    find: 'if (this.#countedTo === null) return true;',
    replace: 'this.#countedTo = null;\n    if (this.#countedTo === null) return true;',
    foundBy: HANDOFF_SPEC,
  },
  {
    name: 'one-hint-per-attempt',
    breaks: 'one operation is one hint: no write on disk for each retry of the same delta',
    file: 'libs/store/src/node/hint-queue.ts',
    find: "if (this.#pending.has(name) || this.#isHeld(recordKey)) return settle('held');",
    replace: '',
    foundBy: HANDOFF_SPEC,
  },
  {
    name: 'hints-without-a-bound',
    breaks: 'hints are bounded in bytes',
    file: 'libs/store/src/node/hint-queue.ts',
    find: 'const isOver = allBytes',
    replace: 'const isOver = false && allBytes',
    foundBy: HANDOFF_SPEC,
  },
  {
    name: 'tree-toggled-by-a-duplicate',
    breaks: 'C9: a hash goes in and out of the tree only when the digest really changed',
    file: ROWS,
    find: '      this.#release(key, draft);\n      return settle();\n    }\n    const batch',
    replace: '      this.#release(key, draft);\n      this.onChange(key, EMPTY_HEADER, before);\n      return settle();\n    }\n    const batch',
    foundBy: TREE_SPEC,
  },
  {
    name: 'tree-keeps-the-old-hash',
    breaks: 'C9: the tree kept up write by write is the tree made from the records',
    file: 'libs/store/src/node/row-tree.ts',
    find: '    this.#toggle(leaf, key, before);\n',
    replace: '',
    foundBy: TREE_SPEC,
  },
  {
    name: 'leaf-without-key',
    breaks: 'C9: two like rows of two users do not cancel out',
    file: 'libs/store/src/core/merkle/merkle-tree.ts',
    find: '  writer.string(table);\n  writer.string(row);\n',
    replace: '',
    foundBy: ANTI_ENTROPY_SPEC,
  },
  {
    name: 'trees-over-slots-not-shared',
    breaks: 'two replicas compare what both hold, and nothing else',
    file: 'libs/store/src/core/merkle/merkle-tree.ts',
    find: '      if (counts[i] !== 1) continue;\n',
    replace: '',
    foundBy: ANTI_ENTROPY_SPEC,
  },
  {
    name: 'repair-misses-removals',
    breaks: 'a removal that one replica missed reaches it without a read',
    file: ROWS,
    find: '      deltas.push(delta);\n',
    replace: '      if (delta.version !== null) deltas.push(delta);\n',
    foundBy: ANTI_ENTROPY_SPEC,
  },
  {
    name: 'incomplete-tree-compared',
    breaks: 'a node that is still building its tree takes no part in a comparison',
    file: 'libs/store/src/node/anti-entropy.ts',
    find: 'tree.isReady ? answerDiff(tree.over(slots), request.question) : null',
    replace: 'answerDiff(tree.over(slots), request.question)',
    foundBy: ANTI_ENTROPY_SPEC,
  },
  {
    name: 'damaged-row-compared',
    breaks: 'F9: a damaged row is no source for repair, and is left to its rebuilding',
    file: 'libs/store/src/node/row-tree.ts',
    find: 'return header.isDamaged ? null : this.hasher.digest(header);',
    replace: 'return this.hasher.digest(header);',
    foundBy: ANTI_ENTROPY_SPEC,
  },
  {
    name: 'no-second-look',
    breaks: 'a write on its way to a replica is not sent there again',
    file: 'libs/store/src/node/tree-exchange.ts',
    find: 'this.#after(SECOND_LOOK_MS, ',
    replace: 'this.#after(0, ',
    foundBy: ANTI_ENTROPY_SPEC,
  },
  {
    name: 'given-up-hint-owes-nothing',
    breaks: 'a replica whose hints were given up is compared with as soon as it can be, not at its next turn',
    file: 'libs/store/src/node/store-node.ts',
    find: 'onDropped: (target) => this.#antiEntropy.owe(target),',
    replace: 'onDropped: () => {},',
    foundBy: ANTI_ENTROPY_SPEC,
  },
];
