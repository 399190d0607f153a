import type { HeldItem, HeldRow, ReplicaRow } from '@app/contracts';
import { describe, expect, it } from 'vitest';
import { replicaTable } from './replica-table.js';

const item = (name: string, dot: string): HeldItem => ({ item: name, position: 'm', versions: [{ facet: 'cell', dot, atMs: 1, superseded: [], value: '' }] });
const row = (digest: string, ...items: HeldItem[]): HeldRow => ({ digest, vote: true, damaged: false, itemCount: items.length, context: [{ actor: 'x', from: 1, to: 2 }, { actor: 'y', from: 5, to: 5 }], void: [], items });
const replica = (node: string, held: HeldRow | null): ReplicaRow => ({ node, zone: `zone-${node[0]}`, row: held });
const shown = (...replicas: ReplicaRow[]) => replicaTable({ user: 'ann', replicas });

describe('one list side by side', () => {
  it('has a line for each film and a column for each replica, all equal where the digests are', () => {
    const same = row('d1', item('heat', 'x:1'), item('ran', 'x:2'));
    const table = shown(replica('a1', same), replica('b1', same), replica('c1', same));
    expect(table.isEqual).toBe(true);
    expect(table.films.map(({ film, isEqual }) => [film, isEqual])).toEqual([['heat', true], ['ran', true]]);
    expect(table.replicas[0]).toEqual({ node: 'a1', zone: 'zone-a', standing: 'equal', digest: 'd1', applied: 3, vote: true });
  });

  it('shows which replica lacks a film, and that one alone differs from the rest', () => {
    const table = shown(replica('a1', row('d1', item('heat', 'x:1'))), replica('b1', row('d2', item('heat', 'x:1'), item('ran', 'x:2'))), replica('c1', row('d2', item('heat', 'x:1'), item('ran', 'x:2'))));
    expect(table.isEqual).toBe(false);
    expect(table.replicas.map(({ standing }) => standing)).toEqual(['different', 'equal', 'equal']);
    expect(table.films.map(({ film, isEqual, cells }) => [film, isEqual, cells.map((cell) => cell?.length ?? null)])).toEqual([
      ['heat', true, [1, 1, 1]],
      ['ran', false, [null, 1, 1]],
    ]);
  });

  it('tells the same film added by two operations apart', () => {
    expect(shown(replica('a1', row('d1', item('heat', 'x:1'))), replica('b1', row('d2', item('heat', 'y:1')))).films[0]!.isEqual).toBe(false);
  });

  it('counts a replica that does not answer neither for nor against', () => {
    const same = row('d1', item('heat', 'x:1'));
    const table = shown(replica('a1', same), replica('b1', null), replica('c1', same));
    expect(table.isEqual).toBe(true);
    expect(table.films[0]).toMatchObject({ isEqual: true, cells: [expect.anything(), null, expect.anything()] });
    expect(table.replicas[1]).toEqual({ node: 'b1', zone: 'zone-b', standing: 'silent', digest: null, applied: null, vote: false });
    expect(shown()).toEqual({ replicas: [], films: [], isEqual: true });
  });
});
