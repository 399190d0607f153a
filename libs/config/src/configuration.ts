/**
 * Everything a process can be told from outside, in one schema per process: environment variables, and for the
 * supervisor the same as flags. Read once, at start; after that configuration is a typed, frozen object.
 *
 * Files of settings were refused: a cluster is described by its supervisor, which hands each child its environment. Every
 * wrong value is one line that names the variable, shows the value and says what was expected.
 */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { ID_PATTERN, nodeId, zoneId, type RingMember } from '@app/contracts';
import { z } from 'zod';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A value that cannot be used. The message is one line for each, meant for whoever started the process. */
export class ConfigurationRefused extends Error {
  override readonly name = 'ConfigurationRefused';
}

/** A variable: what is expected of it, in words that follow "expected", and how its text is read (undefined: wrong). */
const variable = <T>(expected: string, read: (text: string) => T | undefined) =>
  z.string({ error: expected }).transform((text, context) => {
    const value = read(text);
    if (value !== undefined) return value;
    context.addIssue({ code: 'custom', message: expected });
    return z.NEVER;
  });

const wholeNumber = (least: number, most: number) =>
  variable(`a whole number from ${least} to ${most}`, (text) => {
    const value = Number(text);
    return /^\d{1,9}$/.test(text) && value >= least && value <= most ? value : undefined;
  });

const oneOf = <const T extends string>(...choices: T[]) =>
  variable(`one of ${choices.join(', ')}`, (text) => choices.find((choice) => choice === text));

const name = variable('1 to 128 characters of A-Z a-z 0-9 . _ ~ -', (text) => (ID_PATTERN.test(text) ? text : undefined));
const host = variable('a host name or address without a port', (text) => (/^[^\s/,]+$/.test(text) ? text : undefined));
const file = variable('a path', (text) => path.resolve(text));
const port = wholeNumber(1, 65_535);

/** Where something listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

const addresses = variable('host:port, or several with commas between', (text): Address[] | undefined => {
  const parts = text.split(',').map((part) => /^([^\s/,]+):(\d{1,5})$/.exec(part.trim()));
  const read = parts.map((part) => ({ host: part?.[1] ?? '', port: Number(part?.[2]) }));
  return read.every((address) => address.port >= 1 && address.port <= 65_535) ? read : undefined;
});

const ringMember = z.strictObject({
  node: z.string().regex(ID_PATTERN).transform(nodeId),
  zone: z.string().regex(ID_PATTERN).transform(zoneId),
  region: z.string().regex(ID_PATTERN),
  host: z.string().min(1),
  port: z.int().min(1).max(65_535),
  weight: z.number().positive(),
});

const members = variable('a JSON array of at least one ring member', (text): RingMember[] | undefined => {
  try {
    return z.array(ringMember).min(1).safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
});

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
const logLevel = oneOf(...LOG_LEVELS).default('info');

// The supervisor.

const clusterSchema = z
  .object({
    TRIPTYCH_ZONES: wholeNumber(1, 9).default(3),
    TRIPTYCH_NODES_PER_ZONE: wholeNumber(1, 9).default(2),
    TRIPTYCH_PORT: wholeNumber(0, 65_000).default(3000),
    TRIPTYCH_DATA: file.prefault('.triptych'),
    TRIPTYCH_FRESH: oneOf('on', 'off').default('off'),
    TRIPTYCH_SURVIVE: oneOf('zone', 'node', 'nothing').optional(),
    TRIPTYCH_FAULTS: oneOf('on', 'off').default('off'),
    TRIPTYCH_CONSOLE: oneOf('on', 'off').default('on'),
    TRIPTYCH_LOG_LEVEL: logLevel,
  })
  .transform((read) => ({
    zones: read.TRIPTYCH_ZONES,
    /** Store nodes in each zone. */
    nodesPerZone: read.TRIPTYCH_NODES_PER_ZONE,
    /** First of the block of ports; 0 stands for any free ones. */
    port: read.TRIPTYCH_PORT,
    /** Absolute path of the cluster's directory. */
    dataDirectory: read.TRIPTYCH_DATA,
    /** Start empty: what is in the data directory is removed. */
    fresh: read.TRIPTYCH_FRESH === 'on',
    /** What the store nodes are to survive the loss of; undefined: as much as the layout can. */
    survive: read.TRIPTYCH_SURVIVE,
    /** Its processes can be harmed through their admin ports, for a drill or from the console. */
    faults: read.TRIPTYCH_FAULTS === 'on',
    /** Serve the console: a page that shows the cluster, and changes it for who has its token. */
    console: read.TRIPTYCH_CONSOLE === 'on',
    logLevel: read.TRIPTYCH_LOG_LEVEL,
  }));
export type ClusterConfiguration = Readonly<z.infer<typeof clusterSchema>>;

// Its children: what all have, then each.

const processVariables = {
  TRIPTYCH_NODE_ID: name.transform(nodeId),
  TRIPTYCH_REGION: name,
  TRIPTYCH_HOST: host,
  TRIPTYCH_CLUSTER_ID: name,
  TRIPTYCH_LOG_LEVEL: logLevel,
};
const zonedVariables = {
  ...processVariables,
  TRIPTYCH_ZONE: name.transform(zoneId),
  TRIPTYCH_PORT_ADMIN: port,
  TRIPTYCH_SECRET_FILE: file,
  TRIPTYCH_ADMIN_TOKEN_FILE: file,
  TRIPTYCH_MEMBERS: members,
  TRIPTYCH_SEEDS: addresses,
  TRIPTYCH_REPLICATION_FACTOR: wholeNumber(1, 9).default(3),
  TRIPTYCH_FAULTS: oneOf('off', 'on').default('off'),
};

const processOf = (read: z.infer<z.ZodObject<typeof processVariables>>) => ({
  nodeId: read.TRIPTYCH_NODE_ID,
  region: read.TRIPTYCH_REGION,
  host: read.TRIPTYCH_HOST,
  clusterId: read.TRIPTYCH_CLUSTER_ID,
  logLevel: read.TRIPTYCH_LOG_LEVEL,
});
const zonedOf = (read: z.infer<z.ZodObject<typeof zonedVariables>>) => ({
  ...processOf(read),
  zone: read.TRIPTYCH_ZONE,
  adminPort: read.TRIPTYCH_PORT_ADMIN,
  /** Absolute paths. */
  secretFile: read.TRIPTYCH_SECRET_FILE,
  adminTokenFile: read.TRIPTYCH_ADMIN_TOKEN_FILE,
  /** The ring as it is before anyone was asked. */
  members: read.TRIPTYCH_MEMBERS,
  /** Store nodes to ask first. */
  seeds: read.TRIPTYCH_SEEDS,
  /** Copies of each row, a count of nodes. */
  replicationFactor: read.TRIPTYCH_REPLICATION_FACTOR,
  /** Faults can be injected through the admin port; never in production. */
  faults: read.TRIPTYCH_FAULTS === 'on',
});

const storeSchema = z
  .object({
    ...zonedVariables,
    TRIPTYCH_PORT_WIRE: port,
    TRIPTYCH_DATA_DIR: file,
    TRIPTYCH_SURVIVE: oneOf('zone', 'node', 'nothing').default('nothing'),
    TRIPTYCH_DURABILITY: oneOf('commit', 'periodic').default('commit'),
    TRIPTYCH_PERIODIC_SYNC_MS: wholeNumber(1, 10_000).default(10_000),
  })
  .transform((read) => ({
    ...zonedOf(read),
    wirePort: read.TRIPTYCH_PORT_WIRE,
    dataDirectory: read.TRIPTYCH_DATA_DIR,
    /** What the layout is to survive, from the founding on: no change of the members may take it below that. */
    survive: read.TRIPTYCH_SURVIVE,
    /** Of the favorites: whether a write waits for the disk, or the disk is synced at most so many ms later. */
    durability: read.TRIPTYCH_DURABILITY,
    periodicSyncMs: read.TRIPTYCH_PERIODIC_SYNC_MS,
  }));
/** What a favorites-service instance, that is a store node, is told. */
export type StoreConfiguration = Readonly<z.infer<typeof storeSchema>>;

const gatewaySchema = z
  .object({ ...zonedVariables, TRIPTYCH_PORT_HTTP: port })
  .transform((read) => ({ ...zonedOf(read), httpPort: read.TRIPTYCH_PORT_HTTP }));
export type GatewayConfiguration = Readonly<z.infer<typeof gatewaySchema>>;

const roundRobinSchema = z
  .object({ ...processVariables, TRIPTYCH_PORT_HTTP: port, TRIPTYCH_GATEWAYS: addresses })
  .transform((read) => ({
    ...processOf(read),
    httpPort: read.TRIPTYCH_PORT_HTTP,
    gateways: read.TRIPTYCH_GATEWAYS,
  }));
export type RoundRobinConfiguration = Readonly<z.infer<typeof roundRobinSchema>>;

/** @throws ConfigurationRefused */
export const storeConfiguration = (environment: Environment): StoreConfiguration => read(storeSchema, environment);
/** @throws ConfigurationRefused */
export const gatewayConfiguration = (environment: Environment): GatewayConfiguration => read(gatewaySchema, environment);
/** @throws ConfigurationRefused */
export const roundRobinConfiguration = (environment: Environment): RoundRobinConfiguration =>
  read(roundRobinSchema, environment);

const FLAGS = {
  zones: 'TRIPTYCH_ZONES',
  'nodes-per-zone': 'TRIPTYCH_NODES_PER_ZONE',
  port: 'TRIPTYCH_PORT',
  data: 'TRIPTYCH_DATA',
  fresh: 'TRIPTYCH_FRESH',
  survive: 'TRIPTYCH_SURVIVE',
  faults: 'TRIPTYCH_FAULTS',
  console: 'TRIPTYCH_CONSOLE',
} as const;

/**
 * Flags win over variables, and both over defaults.
 * @param flags the arguments of the supervisor, `['--zones', '3', '--fresh']`
 * @throws ConfigurationRefused
 */
export function clusterConfiguration(flags: readonly string[], environment: Environment): ClusterConfiguration {
  const given: Record<string, string> = {};
  const names: Record<string, string> = {};
  for (const [flag, value] of Object.entries(parseFlags(flags))) {
    const named = FLAGS[flag as keyof typeof FLAGS];
    given[named] = value === true ? 'on' : String(value);
    names[named] = `--${flag}`;
  }
  return read(clusterSchema, { ...environment, ...given }, names);
}

function parseFlags(flags: readonly string[]): Record<string, string | boolean> {
  const text = { type: 'string' } as const;
  try {
    return {
      ...parseArgs({
        args: [...flags],
        strict: true,
        options: { zones: text, 'nodes-per-zone': text, port: text, data: text, survive: text, console: text, fresh: { type: 'boolean' }, faults: { type: 'boolean' } },
      }).values,
    };
  } catch (error) {
    const complaint = (error as Error).message.split(/[.\n]/)[0];
    throw new ConfigurationRefused(`${complaint}: expected --zones N, --nodes-per-zone N, --port N, --data DIR, --survive zone|node|nothing, --console on|off, --fresh or --faults`);
  }
}

/** @param names what a variable is called in a complaint, where it was not given by its own name */
function read<T extends object>(schema: z.ZodType<T>, environment: Environment, names: Record<string, string> = {}): T {
  // An empty variable is an unset one: shells have no other way to take a setting back for one command.
  const set = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''));
  const result = schema.safeParse(set);
  if (result.success) return Object.freeze(result.data);
  const lines = result.error.issues.map(({ path: [key], message }) => {
    const value = set[String(key)];
    const fault = value === undefined ? 'is not set' : `is ${JSON.stringify(value)}`;
    return `${names[String(key)] ?? String(key)} ${fault}: expected ${message}`;
  });
  throw new ConfigurationRefused(lines.join('\n'));
}
