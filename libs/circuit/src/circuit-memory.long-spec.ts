import { afterEach, describe, expect, it } from 'vitest';
import { SMALL_POLICY, answerOne, begin, failOne, times, type CircuitWorld } from './testing/circuit-scene.js';
import { heapBytes } from './testing/leave-at-random.js';
import { opossumWorld, ownWorld } from './testing/worlds.js';
import type { Circuit } from './circuit.js';

const CIRCUITS = 100;

/** Answers, failures and leavers, with time going on. */
function traffic(world: CircuitWorld, circuits: readonly Circuit[], rounds: number): void {
  times(rounds, () => {
    for (const circuit of circuits) {
      answerOne(circuit);
      failOne(circuit);
      begin(circuit).diary.leave();
    }
    world.advance(7);
  });
}

describe('memory of a circuit', () => {
  let end = () => {};
  afterEach(() => end());

  it.each([
    ['our own', ownWorld, 4_000],
    ['opossum', opossumWorld, 40_000],
  ])('%s: is small, and the same after two thousand rounds of traffic as after two hundred', async (_, makeWorld, bytesAtMost) => {
    const world = makeWorld();
    end = () => world.end();
    traffic(world, [world.circuit(SMALL_POLICY)], 200);
    const empty = await heapBytes();
    const circuits = Array.from({ length: CIRCUITS }, () => world.circuit({ ...SMALL_POLICY, window: { kind: 'count', callCount: 100 } }));
    traffic(world, circuits, 200);
    const early = await heapBytes();
    traffic(world, circuits, 2_000);
    const late = await heapBytes();
    const bytesPerCircuit = (early - empty) / CIRCUITS;
    const growthBytes = late - early;
    if (process.env.TRIPTYCH_PRINT) console.log({ bytesPerCircuit, growthBytes });
    expect(bytesPerCircuit).toBeLessThan(bytesAtMost);
    // A number kept for each call would be 4,800,000 bytes; what the machine itself comes and goes by is some 100,000.
    expect(growthBytes).toBeLessThan(600_000);
    for (const circuit of circuits) circuit.stop();
  });
});
