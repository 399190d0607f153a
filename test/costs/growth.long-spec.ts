/**
 * What goes on by itself as a cluster grows from 6 nodes to 72, for each node and second, with an add a second for each node; and what
 * 288 nodes would have by the line through these figures. The table of docs/PERFORMANCE.md:
 * `TRIPTYCH_PRINT=1 npx vitest run --config vitest.config.long.ts test/costs/growth`.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { BACKGROUND, GrowingCluster, type Mechanism } from './growing-cluster.js';
import type { Passed } from './traffic.js';

const NODES = [6, 12, 24, 48, 72] as const;
const WORKED_OUT = 288;
const SECONDS = 30;
const MECHANISMS = Object.keys(BACKGROUND) as Mechanism[];

const found = new Map<number, Readonly<Record<Mechanism | 'add', Passed>>>();
const bytesOf = (of: Mechanism | 'add', nodes: number): number => found.get(nodes)![of].bytes;
const messagesOf = (of: Mechanism | 'add', nodes: number): number => found.get(nodes)![of].messages;

beforeAll(() => {
  for (const nodes of NODES) {
    const cluster = new GrowingCluster(nodes);
    found.set(nodes, { ...cluster.background(SECONDS), add: cluster.perOperation('add', 100) });
  }
  if (process.env['TRIPTYCH_PRINT']) console.log(tableText());
});

describe('from 6 nodes to 72', () => {
  it('gossip and anti-entropy of a node stay what they are, but for a bit in a digest for each member', () => {
    for (const nodes of NODES) {
      expect(messagesOf('gossip', nodes)).toBeLessThanOrEqual(1.1 * messagesOf('gossip', 6));
      expect(bytesOf('gossip', nodes)).toBeLessThanOrEqual(1.1 * bytesOf('gossip', 6) + messagesOf('gossip', nodes) * (nodes / 8));
      expect(messagesOf('anti-entropy', nodes)).toBeLessThanOrEqual(1.25 * messagesOf('anti-entropy', 6));
      expect(bytesOf('anti-entropy', nodes)).toBeLessThanOrEqual(1.25 * bytesOf('anti-entropy', 6));
    }
  });

  it('an add costs what it costs with 6', () => {
    for (const nodes of NODES) {
      expect(messagesOf('add', nodes)).toBeLessThanOrEqual(1.1 * messagesOf('add', 6));
      expect(bytesOf('add', nodes)).toBeLessThanOrEqual(1.1 * bytesOf('add', 6));
    }
  });

  it('heartbeats and witnesses are one question a second to each peer at most, some 60 bytes each way', () => {
    for (const nodes of NODES) {
      for (const mechanism of ['heartbeats', 'witnesses'] as const) expect(messagesOf(mechanism, nodes) / (nodes - 1)).toBeLessThanOrEqual(2.2);
    }
  });
});

function tableText(): string {
  const columns = ['add', ...MECHANISMS] as const;
  const line = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`;
  const cell = (messages: number, bytes: number): string => `${messages.toFixed(1)} / ${bytes.toFixed(0)}`;
  const rows = NODES.map((nodes) => line([nodes, ...columns.map((column) => cell(messagesOf(column, nodes), bytesOf(column, nodes)))]));
  const workedOut = columns.map((column) => cell(at(WORKED_OUT, (nodes) => messagesOf(column, nodes)), at(WORKED_OUT, (nodes) => bytesOf(column, nodes))));
  return ['messages / bytes', line(['nodes', ...columns]), `|${'---|'.repeat(columns.length + 1)}`, ...rows, line([`${WORKED_OUT}, worked out`, ...workedOut])].join('\n');
}

/** On the line through the figures, by least squares. */
function at(nodes: number, figure: (nodes: number) => number): number {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [mean(NODES), mean(NODES.map(figure))];
  const slope = mean(NODES.map((each) => (each - x) * (figure(each) - y))) / mean(NODES.map((each) => (each - x) ** 2));
  return y + slope * (nodes - x);
}
