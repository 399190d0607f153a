/** What the tests of claims share: how to cut a network in parts, how an attempt ended, and whether replicas agree. */
import { expect, vi } from 'vitest';
import type { PrepareReply } from '@app/contracts';
import { HINT_SETTINGS } from '../../libs/store/src/node/hinted-handoff.js';
import { addOf, codeOf, type OperationOptions, type Pending, type TestCluster } from '@app/store/testing';

/** Whole clusters, on a machine that may be busy with others. */
vi.setConfig({ testTimeout: 60_000 });

/** Leaves what a replica missed to reads and anti-entropy. */
export const NO_HINTS = { ...HINT_SETTINGS, maxBytes: 0 };

/** What a device is told when the replicas that its level needs cannot be had. */
const REFUSALS = ['STORE_QUORUM_UNAVAILABLE', 'STORE_READ_TIMEOUT', 'STORE_WRITE_TIMEOUT', 'STORE_WRITE_UNCERTAIN'];

/** Whether an act was answered or refused for want of replicas. Any other error fails the test. */
export function outcomeOf(act: () => unknown): 'works' | 'refused' {
  const code = codeOf(act);
  if (code === 'none') return 'works';
  expect(REFUSALS).toContain(code);
  return 'refused';
}

/** Nothing that a node of `from` sends reaches a node of `to`. */
export function cut(cluster: TestCluster, from: readonly string[], to: readonly string[]): void {
  for (const sender of from) for (const receiver of to) cluster.network.cut(sender, receiver);
}

/** Nodes of one zone, by its letter. */
export const nodesIn = (cluster: TestCluster, zone: string): string[] => cluster.nodes.filter((name) => name.startsWith(zone));

export const users = (count: number): string[] => Array.from({ length: count }, (_, i) => `user-${i}`);

/** Runs until an operation under way has ended, and gives its result. @throws what it failed with */
export function ended<T>(cluster: TestCluster, pending: Pending<T>): T {
  cluster.clock.runUntil(() => pending.state !== 'waiting', 60_000);
  return pending.result;
}

/** PREPARE of an add, run to its end: the delta, which has had no effect yet. */
export function preparedAdd(cluster: TestCluster, user: string, film: string, options: OperationOptions & { value?: string } = {}): PrepareReply & { delta: Uint8Array } {
  return ended(cluster, cluster.prepare(user, film, addOf(options), options)) as PrepareReply & { delta: Uint8Array };
}

/** Whether all replicas of these users hold the same rows, down to context and order. */
export const areEqual = (cluster: TestCluster, names: readonly string[]): boolean =>
  names.every((user) => new Set(cluster.replicasOf(user).map((name) => cluster.digestAt(name, user))).size === 1);

/** Lets time pass until all replicas of these users are the same. How long that took, ms; Infinity where they never were. */
export function convergenceMs(cluster: TestCluster, names: readonly string[], withinMs = 60_000, stepMs = 50): number {
  for (let passedMs = 0; passedMs < withinMs; passedMs += stepMs) {
    if (areEqual(cluster, names)) return passedMs;
    cluster.advance(stepMs);
  }
  return Infinity;
}

/** A figure for docs, printed where it is asked for. */
export function print(what: string, figures: unknown): void {
  if (process.env.TRIPTYCH_PRINT) console.log(what, figures);
}
