import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { firstTaken, freePortBlock } from './free-ports.js';

const HOST = '127.0.0.1';

it('a block of ports asked for is free, and lies below those of outgoing connections', async () => {
  const base = await freePortBlock(HOST, 19);
  expect(base).toBeGreaterThanOrEqual(10_000);
  expect(base + 19).toBeLessThanOrEqual(32_000);
  const ports = Array.from({ length: 19 }, (_, index) => base + index);
  // Twice: looking takes nothing away.
  expect(await firstTaken(HOST, ports)).toBeNull();
  expect(await firstTaken(HOST, ports)).toBeNull();
});

it('a port that somebody listens on is named, with the reason', async () => {
  const holder = createServer().listen(0, HOST);
  await once(holder, 'listening');
  const { port } = holder.address() as AddressInfo;
  const free = await freePortBlock(HOST, 2);
  expect(await firstTaken(HOST, [free, port, free + 1])).toEqual({ port, reason: 'EADDRINUSE' });
  // What was bound on the way to it is let go again.
  expect(await firstTaken(HOST, [free, free + 1])).toBeNull();
  holder.close();
});
