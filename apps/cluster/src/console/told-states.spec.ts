import { zoneId, nodeId, type ConsoleCircuit, type ConsoleNode } from '@app/contracts';
import { describe, expect, it } from 'vitest';
import { gatewayState, storeState } from './testing/told.js';
import { circuitsOf, happeningsBetween, membershipOf, sampleBetween, toldOf } from './told-states.js';

describe('what a gateway served between two looks', () => {
  const before = gatewayState({ ok: 100, failed: 2, abandoned: 1, latencies: { '2xx': [90, 10], '5xx': [0, 2] } });

  it('is told per second, errors and requests given up among them, with percentiles of that time alone', () => {
    const after = gatewayState({ ok: 300, failed: 4, abandoned: 3, inFlight: 7, latencies: { '2xx': [90, 208, 2], '5xx': [0, 4] } });
    expect(sampleBetween(before, after, 2_000, 55)).toEqual({ atMs: 55, requestsPerSecond: 102, errorsPerSecond: 2, p50Ms: 2, p99Ms: 2, inFlight: 7 });
  });

  it('is nothing where nothing was asked, and not known where the gateway began anew', () => {
    expect(sampleBetween(before, before, 1_000, 1)).toEqual({ atMs: 1, requestsPerSecond: 0, errorsPerSecond: 0, p50Ms: null, p99Ms: null, inFlight: 0 });
    expect(sampleBetween(before, gatewayState({ ok: 3 }), 1_000, 1)).toBeNull();
  });
});

it('of a store node is told what is wrong with it and whom it cannot reach', () => {
  const state = storeState({ down: ['c1'], hintsWaiting: 4, agreedAgoMs: { b1: 2_000, c1: 80_000 } });
  expect(toldOf(state)).toEqual({
    storage: 'open',
    down: ['c1'],
    hintsWaiting: 4,
    hintsReplayed: 0,
    rowsRepaired: 0,
    damagedRows: 0,
    slotsUnsynced: 0,
    leastAgreed: { peer: 'c1', agoMs: 80_000 },
  });
  expect(toldOf(storeState({ agreedAgoMs: { b1: 90_000, c1: null } })).leastAgreed).toEqual({ peer: 'c1', agoMs: null });
  expect(toldOf(storeState({})).leastAgreed).toBeNull();
});

it('the members are those of the node that is furthest on', () => {
  const member = { node: nodeId('a1'), zone: zoneId('zone-a'), region: 'local', host: 'h', port: 1, weight: 1 };
  expect(membershipOf({ a1: storeState({ epoch: 3 }), b1: storeState({ epoch: 4, members: [member] }) })).toEqual({ epoch: 4, phase: 'stable', members: [member] });
  expect(membershipOf({})).toBeNull();
});

describe('what happened between two gatherings', () => {
  const node = (hintsWaiting: number, rowsRepaired = 0): ConsoleNode => ({ node: 'a1', zone: 'zone-a', share: null, told: toldOf(storeState({ hintsWaiting, rowsRepaired })) });
  const circuit = (name: string, state: ConsoleCircuit['state']): ConsoleCircuit => ({ gateway: 'gateway-b', circuit: name, state });
  const between = (before: { nodes?: ConsoleNode[]; circuits?: ConsoleCircuit[]; epoch?: number }, after: typeof before) =>
    happeningsBetween({ epoch: 1, nodes: [], circuits: [], ...before }, { epoch: 1, nodes: [], circuits: [], ...after }, () => 'zone-b').map(({ kind, zone, text }) => `${kind} ${zone}: ${text}`);

  it('is a line for the circuits of a gateway that changed alike', () => {
    const closed = circuitsOf({ 'gateway-b': gatewayState({ circuits: { 'store-read/a1': 'closed', 'store-read/a2': 'closed', 'store-read/c1': 'closed' } }) });
    const open = [circuit('store-read/a2', 'open'), circuit('store-read/a1', 'open'), circuit('store-read/c1', 'closed')];
    expect(between({ circuits: closed }, { circuits: open })).toEqual(['circuit zone-b: gateway-b: open circuits store-read/a1, store-read/a2']);
    expect(between({ circuits: open }, { circuits: open })).toEqual([]);
    expect(between({ circuits: open }, { circuits: closed })).toEqual(['circuit zone-b: gateway-b: closed circuits store-read/a1, store-read/a2']);
    expect(between({}, { circuits: [circuit('store-write/a1', 'half-open')] })).toEqual(['circuit zone-b: gateway-b: half-open circuit store-write/a1']);
  });

  it('is that hints begin to wait, and that all are delivered; that rows were repaired; that the members changed', () => {
    expect(between({ nodes: [node(0)] }, { nodes: [node(5)] })).toEqual(['repair zone-a: a1 keeps writes for who cannot be reached']);
    expect(between({ nodes: [node(5)] }, { nodes: [node(9)] })).toEqual([]);
    expect(between({ nodes: [node(9)] }, { nodes: [node(0)] })).toEqual(['repair zone-a: a1 has delivered all writes that it kept']);
    expect(between({ nodes: [node(0, 1)] }, { nodes: [node(0, 2)] })).toEqual(['repair zone-a: a1 made a row equal by comparing trees']);
    expect(between({}, { epoch: 2 })).toEqual(['ring null: the members changed: epoch 2']);
  });

  it('is nothing of a node that just answers again', () => {
    expect(between({ nodes: [{ ...node(0), told: null }] }, { nodes: [node(7, 3)] })).toEqual([]);
  });
});
