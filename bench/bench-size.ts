/** How much of everything the bench does: as it is meant, and small, so that `npm test` runs each part of it. */
import { parseArgs } from 'node:util';

export interface BenchSize {
  /** Of each measurement of a load, s. */
  readonly seconds: number;
  readonly rounds: number;
  /**
   * Of each server before the first round, over all its loads, s. A process that runs for months compiles its code once; one of nine
   * that share a load takes the better part of a minute to have compiled it, and costs a fifth more until then.
   */
  readonly warmSeconds: number;
  readonly inFlight: number;
  /** Lists that are read, and as many that are added to. */
  readonly users: number;
  readonly nodesPerZone: number;
  /** Of clusters that serve one part only; the one that parts share has three. */
  readonly ownZones: number;
  /** How long a replica is away, s, and what is added meanwhile. */
  readonly awaySeconds: number;
  readonly addsPerSecond: number;
  /** How often `npm start` is timed. */
  readonly starts: number;
  /** What one replica holds when its disk is looked at. */
  readonly favorites: number;
  /** Users of the two clusters that are compared, one favorite each. */
  readonly fewUsers: number;
  readonly manyUsers: number;
  /** Before memory is looked at, s: V8 gives back what it does not need when a process has done little for half a minute. */
  readonly idleSeconds: number;
}

const FULL: BenchSize = {
  seconds: 4,
  rounds: 5,
  warmSeconds: 60,
  inFlight: 64,
  users: 500,
  nodesPerZone: 2,
  ownZones: 3,
  awaySeconds: 60,
  addsPerSecond: 500,
  starts: 3,
  favorites: 1_000_000,
  fewUsers: 1_000,
  manyUsers: 1_000_000,
  idleSeconds: 60,
};

const SMALL: BenchSize = {
  seconds: 0.3,
  rounds: 1,
  warmSeconds: 0.3,
  inFlight: 8,
  users: 20,
  nodesPerZone: 1,
  ownZones: 1,
  awaySeconds: 1,
  addsPerSecond: 50,
  starts: 1,
  favorites: 2_000,
  fewUsers: 20,
  manyUsers: 200,
  idleSeconds: 0,
};

export interface BenchOptions {
  readonly size: BenchSize;
  /** Names of the parts to run; null for all. */
  readonly only: readonly string[] | null;
  readonly write: boolean;
  /** Where the report goes besides; null for nowhere. */
  readonly json: string | null;
  /** What was asked for beyond the defaults, as it was said. */
  readonly said: string;
}

const optionOf = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** @param args `--seconds 3 --many-users 1000 --only start,disk --small --write --json file` */
export function benchOptions(args: readonly string[]): BenchOptions {
  const sizes = Object.keys(FULL) as (keyof BenchSize)[];
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  const named = Object.fromEntries(sizes.map((name) => [optionOf(name), text]));
  const { values } = parseArgs({ args: [...args], options: { only: text, json: text, write: flag, small: flag, ...named } });
  const given = values as Readonly<Record<string, string | undefined>>;
  const size = { ...(values.small === true ? SMALL : FULL) };
  for (const name of sizes) {
    const value = given[optionOf(name)];
    if (value === undefined) continue;
    if (!(Number(value) >= 0)) throw new Error(`--${optionOf(name)} takes a number, not ${value}`);
    size[name] = Number(value);
  }
  return { size, only: values.only?.split(',') ?? null, write: values.write === true, json: values.json ?? null, said: args.filter((arg) => arg !== '--write').join(' ') };
}
