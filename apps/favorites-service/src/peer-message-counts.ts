/** What peers have asked of this node since it started, by kind and peer: who repairs whom, and whether a write arrived. */
import type { PeerRequest } from '@app/store';

export class PeerMessageCounts {
  readonly #byPeer = new Map<string, Map<PeerRequest['kind'], number>>();

  count(peer: string, kind: PeerRequest['kind']): void {
    let byKind = this.#byPeer.get(peer);
    if (byKind === undefined) this.#byPeer.set(peer, (byKind = new Map()));
    byKind.set(kind, (byKind.get(kind) ?? 0) + 1);
  }

  /** `{ b1: { apply: 3 } }` */
  counts(): Record<string, Record<string, number>> {
    return Object.fromEntries([...this.#byPeer].map(([peer, byKind]) => [peer, Object.fromEntries(byKind)]));
  }
}
