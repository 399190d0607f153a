/** A row in memory over the rules of causal-map.ts alone: what tests of the rules use where no storage is of interest. */
import { CausalContext } from '../core/causality/causal-context.js';
import { dotText, type ActorId, type Dot } from '../core/causality/dot.js';
import { applyDelta, hasSeen, mergeKnowledge, mergeVersions, NOTHING_KNOWN, type RowKnowledge, type RowSnapshot } from '../core/row/causal-map.js';
import type { Delta, LiveDelta } from '../core/row/delta.js';

export class MemoryRow {
  knowledge: RowKnowledge = NOTHING_KNOWN;
  readonly items = new Map<string, readonly LiveDelta[]>();
  #minted = 0;

  constructor(readonly actor: ActorId) {}

  versions(item: string): readonly LiveDelta[] {
    return this.items.get(item) ?? [];
  }

  mint(): Dot {
    return { actor: this.actor, counter: ++this.#minted };
  }

  apply(delta: Delta): void {
    const effect = applyDelta(this.knowledge, this.versions(delta.item), delta);
    if (effect === null) return;
    this.knowledge = effect.knowledge;
    this.items.set(delta.item, effect.versions);
  }

  snapshotFor(peer: RowKnowledge): RowSnapshot {
    const all = [...this.items.values()].flat();
    return {
      base: peer,
      ...this.knowledge,
      live: CausalContext.of(all.map((version) => version.dot)),
      versions: all.filter((version) => !hasSeen(peer, version.dot)),
    };
  }

  merge(snapshot: RowSnapshot): void {
    const names = new Set([...this.items.keys(), ...snapshot.versions.map((version) => version.item)]);
    for (const item of names) {
      const arriving = snapshot.versions.filter((version) => version.item === item);
      this.items.set(item, mergeVersions(this.knowledge, this.versions(item), snapshot, arriving));
    }
    this.knowledge = mergeKnowledge(this.knowledge, snapshot);
  }

  /** An add as a coordinator makes it: supersedes what is held here. */
  add(item: string, position = item): Delta {
    return this.#done({ item, dot: this.mint(), hlc: 0, supersedes: this.versions(item).map((held) => held.dot), version: { facet: 'cell', position, value: new Uint8Array(0) } });
  }

  remove(item: string): Delta {
    return this.#done({ item, dot: this.mint(), hlc: 0, supersedes: this.versions(item).map((held) => held.dot), version: null });
  }

  move(item: string, position: string): Delta {
    const held = this.versions(item);
    const bases = held.filter((version) => version.version.facet === 'cell').map((version) => version.dot);
    const supersedes = held.filter((version) => version.version.facet === 'place').map((version) => version.dot);
    return this.#done({ item, dot: this.mint(), hlc: 0, supersedes, version: { facet: 'place', position, bases } });
  }

  live(): string[] {
    return [...this.items.values()].flat().map((version) => dotText(version.dot)).sort();
  }

  context(): string[] {
    return [...this.knowledge.context.dots()].map(dotText).sort();
  }

  voided(): string[] {
    return [...this.knowledge.voided.dots()].map(dotText).sort();
  }

  #done(delta: Delta): Delta {
    this.apply(delta);
    return delta;
  }
}
