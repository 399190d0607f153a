import { describe, expect, it } from 'vitest';
import { TriptychError } from '@app/contracts';
import { SeededRandom, SimClock } from '@app/time';
import { RingView, type RingViewOptions } from './ring-view.js';
import { member, ringOf } from './testing/client-scene.js';
import { type Behaviour, ScriptedTransport, type SentCall } from './testing/scripted-transport.js';

const policy = { refreshMs: 5_000, refreshAtMostEveryMs: 200, requestTimeoutMs: 1_000, retryMs: [100, 2_000] as [number, number] };
const dead: Behaviour = { error: new TriptychError('WIRE_UNREACHABLE', 'nobody listens there') };

function scene(over: Partial<RingViewOptions> = {}) {
  const clock = new SimClock();
  const transport = new ScriptedTransport(clock, ringOf(['a1', 'b1', 'c1']));
  const epochs: number[] = [];
  const view = new RingView({
    seeds: [member('a1'), member('b1')],
    nodeName: 'gateway-a',
    transport,
    clock,
    random: new SeededRandom(1),
    policy,
    onRing: ({ reply }) => epochs.push(reply.epoch),
    ...over,
  });
  const asked = (): string[] => transport.log.map(({ node, atMs }) => `${node} at ${atMs}`);
  return { clock, transport, view, epochs, asked };
}

const deadNodes =
  (...names: string[]) =>
  ({ node }: SentCall): Behaviour => (names.includes(node) ? dead : {});

describe('the view of the ring', () => {
  it('knows nothing and asks nobody before it is started', () => {
    const { view, asked } = scene();
    expect([view.ring, asked()]).toEqual([null, []]);
  });

  it('is learnt from the first seed that answers', () => {
    const { view, transport, asked, epochs } = scene();
    transport.script = deadNodes('a1');
    view.start();
    expect(asked()).toEqual(['a1 at 0', 'b1 at 0']);
    expect(view.ring!.reply).toEqual(transport.ring);
    expect(epochs).toEqual([1]);
    expect(view.lastFailure).toBeNull();
  });

  it('passes over a seed that does not answer in time', () => {
    const { view, transport, clock, asked } = scene();
    transport.script = ({ node }) => (node === 'a1' ? { hangs: true } : {});
    view.start();
    clock.advance(999);
    expect(view.ring).toBeNull();
    clock.advance(1);
    expect(asked()).toEqual(['a1 at 0', 'b1 at 1000']);
    expect(view.ring).not.toBeNull();
    expect(transport.log[0]!.end).toBe('cancelled');
  });

  it('is asked for again and again, with growing pauses up to the longest, until somebody answers', () => {
    const { view, transport, clock } = scene();
    transport.script = () => dead;
    view.start();
    clock.advance(60_000);
    const rounds = transport.log.filter(({ node }) => node === 'a1').map(({ atMs }) => atMs);
    const pauses = rounds.slice(1).map((atMs, at) => atMs - rounds[at]!);
    for (const [at, pauseMs] of pauses.entries()) {
      const fullMs = Math.min(2_000, 100 * 2 ** at);
      expect(pauseMs).toBeGreaterThanOrEqual(fullMs / 2);
      expect(pauseMs).toBeLessThanOrEqual(fullMs);
    }
    expect(view.lastFailure).toContain('nobody listens there');
    transport.script = () => ({});
    clock.advance(2_000);
    expect(view.ring).not.toBeNull();
  });

  it('is asked for every few seconds, beginning at another member each time', () => {
    const { view, transport, clock, asked } = scene();
    view.start();
    transport.log.length = 0;
    clock.advance(20_000);
    expect(asked()).toEqual(['b1 at 5000', 'c1 at 10000', 'a1 at 15000', 'b1 at 20000']);
  });

  it('asks members that are known to be down after the others, and seeds that are no members last', () => {
    const { view, transport, clock, asked } = scene({ seeds: [member('s1'), member('a1')] });
    view.start();
    transport.log.length = 0;
    transport.down.add(member('b1').node);
    transport.script = () => dead;
    clock.advance(5_000);
    expect(asked()).toEqual(['c1 at 5000', 'a1 at 5000', 'b1 at 5000', 's1:7000 at 5000']);
  });

  it('keeps the highest epoch, whoever tells a lower one later', () => {
    const { view, transport, clock, epochs } = scene();
    view.start();
    for (const epoch of [3, 2, 3, 4]) {
      transport.ring = ringOf(['a1', 'b1', `d${epoch}`], epoch);
      clock.advance(5_000);
    }
    expect(epochs).toEqual([1, 3, 4]);
    expect(view.ring!.reply.members.at(-1)!.node).toBe('d4');
  });

  it('[C34] never forgets the last good ring', () => {
    const { view, transport, clock } = scene();
    view.start();
    const { ring } = view;
    transport.script = () => dead;
    clock.advance(3_600_000);
    expect(view.ring).toBe(ring);
  });

  it.each<[string, unknown, RegExp]>([
    ['another cluster’s', { ...ringOf(['x1'], 9), clusterId: 'other' }, /belongs to cluster other/],
    ['an empty', { ...ringOf([], 9) }, /member/],
    ['a shapeless', { clusterId: 'test', epoch: 9 }, /./],
    ['no', null, /./],
  ])('does not believe %s ring, and goes on to the next node', (_, told, reason) => {
    const { view, transport, clock, asked } = scene();
    view.start();
    const { ring } = view;
    transport.log.length = 0;
    transport.tells = () => told;
    clock.advance(5_000);
    expect(asked()).toEqual(['b1 at 5000', 'c1 at 5000', 'a1 at 5000']);
    expect(view.ring).toBe(ring);
    expect(view.lastFailure).toMatch(reason);
    transport.tells = (node) => (node === 'c1' ? ringOf(['a1', 'b1', 'c1'], 2) : told);
    clock.advance(100);
    expect(view.ring!.reply.epoch).toBe(2);
  });

  it('is asked for at once when somebody has reason to, but not for every one who has', () => {
    const { view, clock, asked, transport } = scene();
    view.start();
    clock.advance(1_000);
    transport.log.length = 0;
    view.refresh();
    view.refresh();
    clock.advance(50);
    for (let turn = 0; turn < 100; turn++) view.refresh();
    clock.advance(1_000);
    expect(asked()).toEqual(['b1 at 1000', 'c1 at 1200']);
  });

  it('has one question under way at a time, and none nor a timer once it is stopped', () => {
    const { view, clock, transport } = scene();
    transport.script = () => ({ afterMs: 500 });
    view.start();
    view.start();
    view.refresh();
    expect(transport.open).toBe(1);
    view.stop();
    expect([transport.open, clock.pending]).toEqual([0, 0]);
    view.refresh();
    clock.advance(60_000);
    expect(transport.log).toHaveLength(1);
  });
});
