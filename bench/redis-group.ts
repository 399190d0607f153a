/**
 * The peer that a user would otherwise run: one Redis master and two replicas, with an append-only file each, synced as asked.
 * Debian's redis-server; three processes on free ports of loopback, in a directory of their own, ended with the run.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePortBlock } from '../apps/cluster/src/free-ports.js';

const HOST = '127.0.0.1';
const READY_WITHIN_MS = 20_000;

export interface RedisGroup {
  /** Of the master. */
  readonly port: number;
  readonly pids: readonly number[];
  stop(): Promise<void>;
}

/** Why there can be none; null when there can. */
export function whyNoRedis(): string | null {
  return spawnSync('redis-server', ['--version']).status === 0 ? null : 'redis-server is not installed';
}

/** @param appendFsync of all three: `always` syncs before each answer, `everysec` once a second */
export async function startRedisGroup(directory: string, appendFsync: 'always' | 'everysec'): Promise<RedisGroup> {
  const first = await freePortBlock(HOST, 3);
  const servers = [0, 1, 2].map((index) => start(path.join(directory, `redis-${index}`), first + index, appendFsync, index === 0 ? null : first));
  const stop = async (): Promise<void> => {
    await Promise.all(servers.map((server) => ended(server)));
  };
  try {
    await untilReplicated(first);
  } catch (error) {
    await stop();
    throw error;
  }
  return { port: first, pids: servers.map(({ pid }) => pid!), stop };
}

function start(directory: string, port: number, appendFsync: string, master: number | null): ChildProcess {
  mkdirSync(directory, { recursive: true });
  const settings = ['--port', String(port), '--bind', HOST, '--dir', directory, '--save', '', '--appendonly', 'yes', '--appendfsync', appendFsync];
  const replica = master === null ? [] : ['--replicaof', `${HOST} ${master}`];
  // No time is lost in gathering replicas for a first snapshot; nothing else differs from Debian's defaults.
  return spawn('redis-server', [...settings, ...replica, '--repl-diskless-sync-delay', '0'], { stdio: 'ignore' });
}

async function untilReplicated(port: number): Promise<void> {
  const client = new Redis({ host: HOST, port, lazyConnect: false, maxRetriesPerRequest: null });
  client.on('error', () => {});
  try {
    const deadlineMs = performance.now() + READY_WITHIN_MS;
    for (;;) {
      const said = await Promise.race([client.info('replication'), delay(READY_WITHIN_MS, '')]);
      if (said.match(/state=online/g)?.length === 2) return;
      if (performance.now() > deadlineMs) throw new Error(`two replicas did not follow the Redis master within ${READY_WITHIN_MS / 1_000} s`);
      await delay(50);
    }
  } finally {
    client.disconnect();
  }
}

function ended(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    server.once('exit', () => resolve());
    server.kill('SIGTERM');
  });
}
