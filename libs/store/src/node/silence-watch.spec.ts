import { nodeId, type NodeId } from '@app/contracts';
import { SimClock } from '@app/time';
import { expect, it } from 'vitest';
import { watchSilence } from './silence-watch.js';

const [B1, C1] = [nodeId('b1'), nodeId('c1')];

function scene() {
  const clock = new SimClock();
  const [silent, doubted, found, stalls] = [new Set<NodeId>(), new Set<NodeId>(), [] as string[], [] as number[]];
  /** Timers run so much later than they should, ms. */
  const late = { ms: 0 };
  const slowClock = { wallMs: () => clock.wallMs(), monotonicMs: () => clock.monotonicMs(), after: (delayMs: number, task: () => void) => clock.after(delayMs + late.ms, task) };
  const ports = { clock: slowClock, isSilent: (node: NodeId) => silent.has(node), doubted: (node: NodeId) => void doubted.add(node), stoodStill: (lateMs: number) => void stalls.push(lateMs) };
  const cancel = watchSilence(ports, () => [B1, C1], (node) => found.push(`${node} at ${clock.monotonicMs()}`));
  return { clock, silent, doubted, found, stalls, late, cancel };
}

it('looks after 42 ms and every 20 ms from then on, until it is called off', () => {
  const { clock, silent, doubted, found, cancel } = scene();
  silent.add(C1);
  clock.advance(41);
  expect([...doubted, ...found]).toEqual([]);
  clock.advance(21);
  expect([[...doubted], found]).toEqual([[B1, C1], ['c1 at 42', 'c1 at 62']]);
  cancel();
  clock.advance(1_000);
  expect([found.length, clock.pending]).toEqual([2, 0]);
});

it('judges nobody at a look that comes late, and tells that the process stood still', () => {
  const { clock, silent, found, stalls, late, cancel } = scene();
  silent.add(B1);
  late.ms = 300;
  clock.advance(42);
  late.ms = 0;
  clock.advance(320);
  expect([found, stalls]).toEqual([['b1 at 42'], [300]]);
  clock.advance(20);
  expect(found).toEqual(['b1 at 42', 'b1 at 382']);
  cancel();
});
