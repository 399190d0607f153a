import { describe, expect, it } from 'vitest';
import { type ErrorCode, type Item, type NodeId, nodeId, TriptychError, WATCH_BEAT_MS, type WatchEvent, type WatchRequest } from '@app/contracts';
import { SeededRandom, SimClock } from '@app/time';
import { Observable, type Subscriber } from 'rxjs';
import { runWatch, type WatchPolicy } from './watch-run.js';

const POLICY: WatchPolicy = { silenceMs: 1_500, retryMs: [100, 1_000], homeAfterMs: 10_000 };
const itemOf = (item: string): Item => ({ item, position: item, value: Uint8Array.of(1), writtenAtMs: 0 });
const seenOf = (text: string): Uint8Array => Buffer.from(text);

interface Call {
  readonly node: string;
  readonly seen: string | null;
  readonly atMs: number;
  readonly subscriber: Subscriber<WatchEvent>;
  isOpen: boolean;
}

/** Replicas a1, b1, c1 that say what a test has them say. */
class Scene {
  readonly clock = new SimClock();
  readonly calls: Call[] = [];
  readonly heard: string[] = [];
  readonly failures: string[] = [];
  candidates = ['a1', 'b1', 'c1'];
  /** What a node does with a call by itself. */
  answers: (call: Call) => void = () => {};

  watch(seen?: string, deadlineMs = Infinity) {
    const { clock } = this;
    const request: WatchRequest = { table: 'favorites', row: 'ada', ...(seen !== undefined && { seen: seenOf(seen) }) };
    return runWatch({
      request,
      clock,
      random: new SeededRandom(1),
      policy: POLICY,
      deadlineMs,
      candidates: () => this.candidates.map((name) => nodeId(name)),
      call: (node, asked) => this.#call(node, asked),
      onFailure: (node, error) => this.failures.push(`${node} ${error?.code ?? 'silent'}`),
    }).subscribe({
      next: (event) => this.heard.push(event.kind === 'full' ? `full ${event.items.map(({ item }) => item).join(' ')}` : event.changes.map(({ kind, item }) => `${kind} ${item}`).join(' + ')),
      error: (error: TriptychError) => this.heard.push(error.code),
    });
  }

  #call(node: NodeId, { seen }: WatchRequest): Observable<WatchEvent> {
    return new Observable((subscriber) => {
      const call: Call = { node, seen: seen === undefined ? null : Buffer.from(seen).toString(), atMs: this.clock.monotonicMs(), subscriber, isOpen: true };
      this.calls.push(call);
      subscriber.add(() => (call.isOpen = false));
      this.answers(call);
    });
  }

  get last(): Call {
    return this.calls.at(-1)!;
  }

  get asked(): string[] {
    return this.calls.map(({ node, seen }) => `${node} ${seen ?? 'nothing'}`);
  }

  added(item: string, seen: string): void {
    this.last.subscriber.next({ kind: 'changes', changes: [{ kind: 'added', item, now: itemOf(item) }], seen: seenOf(seen) });
  }

  beat(seen: string): void {
    this.last.subscriber.next({ kind: 'changes', changes: [], seen: seenOf(seen) });
  }

  full(items: readonly string[], more: boolean, seen: string): void {
    this.last.subscriber.next({ kind: 'full', items: items.map(itemOf), more, seen: seenOf(seen) });
  }
}

const failing = (code: ErrorCode) => (call: Call) => call.subscriber.error(new TriptychError(code, code));

describe('a watch', () => {
  it('is fed by the best replica, and a whole row in parts is one event', () => {
    const scene = new Scene();
    scene.watch();
    scene.full(['a', 'b'], true, 's1');
    expect(scene.heard).toEqual([]);
    scene.full(['c'], false, 's1');
    scene.added('d', 's2');
    scene.beat('s2');
    expect([scene.heard, scene.asked]).toEqual([['full a b c', 'added d'], ['a1 nothing']]);
  });

  it.each<ErrorCode>(['WIRE_CONNECTION_LOST', 'WIRE_UNREACHABLE', 'STORE_DRAINING', 'STORE_NOT_REPLICA', 'STORE_NOT_SYNCED', 'STORE_ROW_DAMAGED', 'STORE_QUORUM_UNAVAILABLE', 'WATCH_LIMIT', 'WIRE_OVERLOADED'])(
    'goes on at the next replica, from what was heard last, when the one that feeds it fails: %s',
    (code) => {
      const scene = new Scene();
      scene.watch('s0');
      scene.added('a', 's1');
      failing(code)(scene.last);
      scene.added('b', 's2');
      expect([scene.heard, scene.asked, scene.failures]).toEqual([['added a', 'added b'], ['a1 s0', 'b1 s1'], [`a1 ${code}`]]);
    },
  );

  it('half of a row that was cut off does not count', () => {
    const scene = new Scene();
    scene.watch();
    scene.full(['a'], true, 's1');
    failing('WIRE_CONNECTION_LOST')(scene.last);
    scene.full(['a', 'b'], false, 's2');
    expect([scene.heard, scene.asked]).toEqual([['full a b'], ['a1 nothing', 'b1 nothing']]);
  });

  it('leaves a replica that is silent within two seconds of its last word', () => {
    const scene = new Scene();
    scene.watch('s0');
    for (let beat = 0; beat < 10; beat++) {
      scene.clock.advance(WATCH_BEAT_MS);
      scene.beat(`s${beat}`);
    }
    expect(scene.asked).toEqual(['a1 s0']);
    const lastWordMs = scene.clock.monotonicMs();
    scene.clock.advance(1_999);
    expect(scene.asked[1]).toBe('b1 s9');
    expect(scene.calls[1]!.atMs - lastWordMs).toBe(1_500);
    expect([scene.calls[0]!.isOpen, scene.failures[0]]).toEqual([false, 'a1 silent']);
  });

  it('doubts itself first: a beat that its own standstill kept from it is no silence', () => {
    const scene = new Scene();
    const { clock } = scene;
    scene.watch('s0');
    clock.advance(500);
    scene.beat('s1');
    clock.advance(900);
    // The process stands still for 5 s: its timers come late, and before what lies in its socket.
    const monotonicMs = clock.monotonicMs.bind(clock);
    clock.monotonicMs = () => monotonicMs() + 5_000;
    clock.advance(550);
    expect(scene.asked).toEqual(['a1 s0']);
    scene.beat('s2');
    clock.advance(1_400);
    expect(scene.asked).toEqual(['a1 s0']);
    clock.advance(600);
    expect(scene.asked).toEqual(['a1 s0', 'b1 s2']);
  });

  it('pauses when every replica has failed, longer each time, a second at most, and tells nobody', () => {
    const scene = new Scene();
    scene.answers = failing('STORE_QUORUM_UNAVAILABLE');
    scene.watch('s0');
    expect(scene.calls).toHaveLength(3);
    scene.clock.advance(30_000);
    const rounds = [...new Set(scene.calls.map(({ atMs }) => atMs))];
    const pauses = rounds.slice(1).map((atMs, at) => atMs - rounds[at]!);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(1_000);
    expect(pauses[0]).toBeLessThanOrEqual(100);
    expect(pauses.slice(5).every((pauseMs) => pauseMs >= 500)).toBe(true);
    expect(scene.heard).toEqual([]);
    scene.answers = () => {};
    scene.clock.advance(1_000);
    scene.added('a', 's1');
    expect([scene.heard, scene.last.seen]).toEqual([['added a'], 's0']);
  });

  it('ends with what is wrong with the request, and at its deadline', () => {
    const refused = new Scene();
    refused.answers = failing('REQUEST_INVALID');
    refused.watch();
    const timed = new Scene();
    timed.watch('s0', 1_000);
    timed.clock.advance(1_000);
    expect([refused.heard, timed.heard, timed.calls[0]!.isOpen]).toEqual([['REQUEST_INVALID'], ['STORE_READ_TIMEOUT'], false]);
    expect([refused.clock.pending, timed.clock.pending]).toEqual([0, 0]);
  });

  it('goes back to the best replica when that is well again, and loses nothing by it', () => {
    const scene = new Scene();
    scene.watch('s0');
    failing('WIRE_CONNECTION_LOST')(scene.last);
    scene.candidates = ['b1', 'c1', 'a1'];
    const keepFed = (forMs: number): void => {
      for (let passedMs = 0; passedMs < forMs; passedMs += WATCH_BEAT_MS) {
        scene.beat('s1');
        scene.clock.advance(WATCH_BEAT_MS);
      }
    };
    keepFed(20_000);
    expect(scene.asked).toEqual(['a1 s0', 'b1 s0']);
    scene.candidates = ['a1', 'b1', 'c1'];
    keepFed(10_000);
    expect(scene.asked.slice(2)).toEqual(['a1 s1']);
    expect(scene.calls.map(({ isOpen }) => isOpen)).toEqual([false, false, true]);
  });

  it('leaves nothing behind whenever it is left: 10,000 of them, at any moment of anything', () => {
    const scene = new Scene();
    const random = new SeededRandom(7);
    const open: ReturnType<Scene['watch']>[] = [];
    scene.answers = (call) => {
      const fate = random.fraction();
      if (fate < 0.3) failing('WIRE_UNREACHABLE')(call);
      else if (fate < 0.5) call.subscriber.next({ kind: 'full', items: [], more: random.fraction() < 0.5, seen: seenOf('s') });
    };
    for (let watch = 0; watch < 10_000; watch++) {
      open.push(scene.watch(random.fraction() < 0.5 ? 's0' : undefined, random.fraction() < 0.2 ? scene.clock.monotonicMs() + random.below(2_000) : Infinity));
      if (random.fraction() < 0.2) scene.clock.advance(random.below(50));
      while (open.length > 50 || random.fraction() < 0.4) open.splice(random.below(Math.max(1, open.length)), 1)[0]?.unsubscribe();
    }
    for (const subscription of open) subscription.unsubscribe();
    expect(scene.clock.pending).toBe(0);
    expect(scene.calls.filter(({ isOpen }) => isOpen)).toEqual([]);
    expect(scene.calls.length).toBeGreaterThan(10_000);
  });
});
