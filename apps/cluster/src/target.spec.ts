import path from 'node:path';
import { expect, it } from 'vitest';
import { planCluster } from './cluster-plan.js';
import { processesOf } from './target.js';

const { processes } = planCluster({ zones: 2, nodesPerZone: 2 }, 3000, path.resolve('data'));
const names = (target: string) => processesOf(target, processes).map(({ name }) => name);

it.each([
  ['zone-b', ['gateway-b', 'b1', 'b2']],
  ['a1', ['a1']],
  ['gateway-a', ['gateway-a']],
  ['gateway', ['gateway-a', 'gateway-b']],
  ['store', ['a1', 'a2', 'b1', 'b2']],
  ['round-robin', ['round-robin']],
])('%s means %j', (target, expected) => {
  expect(names(target)).toEqual(expected);
});

it.each(['zone-c', 'a', '', 'null', '__proto__'])('%j means nothing, and the refusal lists what there is', (target) => {
  expect(() => names(target)).toThrow(
    `there is no ${JSON.stringify(target)} here: choose one of zone-a, zone-b, round-robin, gateway, store, gateway-a, gateway-b, a1, a2, b1, b2`,
  );
});
