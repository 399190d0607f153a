/**
 * Load from a process of its own, so that it can have a core of its own: `node generator.ts '<orders as JSON>'` carries them out
 * and prints what came of it as JSON. It imports nothing of ours, so Node runs it as it is (types it can take away; parameter properties it cannot).
 *
 * Closed loop: so many devices, each sending when it was answered; finds what a cluster can do. Open loop: requests come at a
 * rate, whether or not earlier ones were answered, as a million devices do. Each device hangs up after a second. A connection
 * is used again when it is free; when none is, a new one is made, so a slow cluster is not spared by a small pool.
 */
import { connect, type Socket } from 'node:net';

export interface Orders {
  /** `host:port` of each gateway, in turn. */
  readonly gateways: readonly string[];
  /** Lists of users `${prefix}-0` to `${prefix}-${users - 1}`. */
  readonly prefix: string;
  readonly users: number;
  readonly phase: Phase;
}

export type Phase =
  | { readonly kind: 'closed'; readonly devices: number; readonly seconds: number }
  | { readonly kind: 'open'; readonly ratePerSecond: number; readonly seconds: number };

export interface PhaseReport {
  readonly seconds: number;
  readonly sent: number;
  /** 2xx within a second of when it was due. */
  readonly good: number;
  /** By status; 0: no answer within the second, -1: the connection failed. */
  readonly byStatus: Readonly<Record<string, number>>;
  /** Of the good ones, ms. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of the refused ones, ms. */
  readonly refusedP50Ms: number;
  /** Good ones and sent ones, for each quarter of a second in which they were due. */
  readonly quarters: readonly { readonly good: number; readonly sent: number }[];
  readonly connections: number;
  /** How late the generator itself was, at worst, ms. */
  readonly latestMs: number;
}

const PATIENCE_MS = 1_000;
const QUARTER_MS = 250;
const MISSED_MS = 100;

type Answer = (status: number) => void;

/** One connection, one request at a time. */
class Line {
  readonly #socket: Socket;
  #answer: Answer | null = null;
  #text = '';
  #timer: NodeJS.Timeout | null = null;
  isClosed = false;

  readonly #free: (line: Line) => void;

  constructor(gateway: string, free: (line: Line) => void) {
    this.#free = free;
    const [host, port] = gateway.split(':');
    this.#socket = connect({ host, port: Number(port), noDelay: true });
    this.#socket.setEncoding('latin1');
    this.#socket.on('data', (text: string) => this.#read(text));
    this.#socket.on('error', () => {});
    this.#socket.on('close', () => {
      this.isClosed = true;
      this.#end(-1);
    });
  }

  send(request: string, timeLeftMs: number, answer: Answer): void {
    this.#answer = answer;
    this.#timer = setTimeout(() => {
      this.isClosed = true;
      this.#end(0);
      this.#socket.destroy();
    }, timeLeftMs);
    this.#socket.write(request);
  }

  destroy(): void {
    this.isClosed = true;
    this.#socket.destroy();
  }

  #read(text: string): void {
    this.#text += text;
    const head = this.#text.indexOf('\r\n\r\n');
    if (head < 0) return;
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(this.#text.slice(0, head))?.[1] ?? 0);
    if (this.#text.length < head + 4 + length) return;
    const status = Number(this.#text.slice(9, 12));
    this.#text = '';
    this.#end(status);
  }

  #end(status: number): void {
    const answer = this.#answer;
    if (answer === null) return;
    this.#answer = null;
    clearTimeout(this.#timer!);
    if (!this.isClosed) this.#free(this);
    answer(status);
  }
}

class Load {
  readonly #idle = new Map<string, Line[]>();
  readonly #lines = new Set<Line>();
  #index = 0;
  connections = 0;

  readonly #orders: Orders;

  constructor(orders: Orders) {
    this.#orders = orders;
  }

  /** The next request of the run: every second one adds a film that is new to its list, the others read a list. */
  send(timeLeftMs: number, answer: Answer): void {
    const { gateways, prefix, users } = this.#orders;
    const index = this.#index++;
    const gateway = gateways[index % gateways.length]!;
    const user = `${prefix}-${(index * 7919) % users}`;
    const path = `/v1/users/${user}/favorites`;
    const film = `film-${process.pid}-${index}`;
    const line = index % 2 === 0 ? `GET ${path}?limit=20` : `PUT ${path}/${film}`;
    const length = index % 2 === 0 ? '' : 'Content-Length: 0\r\n';
    this.#lineTo(gateway).send(`${line} HTTP/1.1\r\nHost: ${gateway}\r\n${length}\r\n`, timeLeftMs, answer);
  }

  close(): void {
    for (const line of this.#lines) line.destroy();
  }

  #lineTo(gateway: string): Line {
    let idle = this.#idle.get(gateway);
    if (idle === undefined) this.#idle.set(gateway, (idle = []));
    for (let line = idle.pop(); line !== undefined; line = idle.pop()) {
      if (!line.isClosed) return line;
      this.#lines.delete(line);
    }
    this.connections++;
    const line = new Line(gateway, (freed) => idle.push(freed));
    this.#lines.add(line);
    return line;
  }
}

async function carryOut(phase: Phase, load: Load): Promise<PhaseReport> {
  const beganMs = performance.now();
  const endMs = beganMs + phase.seconds * 1_000;
  const byStatus: Record<string, number> = {};
  const quarters: { good: number; sent: number }[] = [];
  const goodMs: number[] = [];
  const refusedMs: number[] = [];
  let [sent, open, latestMs] = [0, 0, 0];
  let settled: (() => void) | null = null;

  const request = (dueMs: number, then: () => void): void => {
    const quarter = (quarters[Math.floor((dueMs - beganMs) / QUARTER_MS)] ??= { good: 0, sent: 0 });
    sent++;
    quarter.sent++;
    open++;
    load.send(Math.max(1, dueMs + PATIENCE_MS - performance.now()), (status) => {
      open--;
      byStatus[status] = (byStatus[status] ?? 0) + 1;
      const tookMs = performance.now() - dueMs;
      if (status >= 200 && status < 300 && tookMs <= PATIENCE_MS) {
        quarter.good++;
        goodMs.push(tookMs);
      } else if (status === 503) refusedMs.push(tookMs);
      then();
      if (open === 0) settled?.();
    });
  };
  if (phase.kind === 'closed') {
    const device = (): void => {
      if (performance.now() < endMs) request(performance.now(), device);
    };
    // Each goes on until the time is over: the phase ends with the last answer.
    for (let i = 0; i < phase.devices; i++) device();
  } else {
    const gapMs = 1_000 / phase.ratePerSecond;
    let dueMs = beganMs;
    while (dueMs < endMs) {
      const nowMs = performance.now();
      for (; dueMs <= nowMs && dueMs < endMs; dueMs += gapMs) {
        latestMs = Math.max(latestMs, nowMs - dueMs);
        // Devices do not come in heaps because the generator has slept: what it missed is missing, and `sent` says so.
        if (nowMs - dueMs > MISSED_MS) continue;
        request(dueMs, () => {});
      }
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
  // Those on their way have their second.
  if (open > 0) await new Promise<void>((resolve) => (settled = resolve));
  return {
    seconds: phase.seconds,
    sent,
    good: goodMs.length,
    byStatus,
    p50Ms: percentile(goodMs, 0.5),
    p99Ms: percentile(goodMs, 0.99),
    refusedP50Ms: percentile(refusedMs, 0.5),
    quarters: Array.from(quarters, (quarter) => quarter ?? { good: 0, sent: 0 }),
    connections: load.connections,
    latestMs: Math.round(latestMs),
  };
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.round(10 * (sorted[Math.floor(share * sorted.length)] ?? 0)) / 10;
}

if (process.argv[2] !== undefined) {
  const orders = JSON.parse(process.argv[2]) as Orders;
  const load = new Load(orders);
  const report = await carryOut(orders.phase, load);
  load.close();
  process.stdout.write(JSON.stringify(report));
}
