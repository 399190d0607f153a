/** One list as its replicas hold it, side by side: a line for each film that any of them holds. */
import type { ConsoleList, HeldItem, HeldVersion } from '@app/contracts';

export interface ReplicaTable {
  readonly replicas: readonly ReplicaColumn[];
  readonly films: readonly FilmLine[];
  /** Whether all replicas that answered hold the same row. */
  readonly isEqual: boolean;
}

export interface ReplicaColumn {
  readonly node: string;
  readonly zone: string;
  /** 'ahead or behind': its row is not what most of those that answered hold. */
  readonly standing: 'equal' | 'different' | 'silent';
  readonly digest: string | null;
  /** Operations applied, a count. */
  readonly applied: number | null;
  readonly vote: boolean;
}

export interface FilmLine {
  readonly film: string;
  /** In the order of the replicas; null where a replica lacks the film, or is silent. */
  readonly cells: readonly (readonly HeldVersion[] | null)[];
  /** Whether all replicas that answered hold the same versions of it. */
  readonly isEqual: boolean;
}

export function replicaTable({ replicas }: ConsoleList): ReplicaTable {
  const digests = replicas.flatMap(({ row }) => (row === null ? [] : [row.digest]));
  const common = mostCommon(digests);
  const answered = replicas.map(({ row }) => row !== null);
  // In the order of the longest list; what it lacks comes after.
  const longestFirst = replicas.flatMap(({ row }) => (row === null ? [] : [row.items])).toSorted((a, b) => b.length - a.length);
  const films = [...new Set(longestFirst.flat().map(({ item }) => item))];
  return {
    replicas: replicas.map(({ node, zone, row }) => ({
      node,
      zone,
      standing: row === null ? 'silent' : row.digest === common ? 'equal' : 'different',
      digest: row?.digest ?? null,
      applied: row === null ? null : row.context.reduce((sum, { from, to }) => sum + to - from + 1, 0),
      vote: row?.vote ?? false,
    })),
    films: films.map((film) => {
      const cells = replicas.map(({ row }) => row?.items.find(({ item }) => item === film)?.versions ?? null);
      const told = new Set(cells.filter((_, i) => answered[i]).map((versions) => dotsOf(versions)));
      return { film, cells, isEqual: told.size <= 1 };
    }),
    isEqual: new Set(digests).size <= 1,
  };
}

const dotsOf = (versions: HeldItem['versions'] | null): string => (versions ?? []).map(({ dot }) => dot).sort().join(' ');

function mostCommon(digests: readonly string[]): string | null {
  const counts = new Map<string, number>();
  for (const digest of digests) counts.set(digest, (counts.get(digest) ?? 0) + 1);
  return [...counts].toSorted(([, a], [, b]) => b - a)[0]?.[0] ?? null;
}
