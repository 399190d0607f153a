/**
 * `npm run cluster -- status | kill zone-b | stop a1 ...`: asks the supervisor of a running cluster. It holds nothing and
 * signals nobody itself.
 */
import { parseArgs } from 'node:util';
import { clusterConfiguration, type Environment } from '@app/config';
import { ACTIONS, readStatus, sendAction } from './admin-socket.js';
import type { ClusterRecord, ProcessRecord } from './cluster-file.js';
import { ClusterRefused } from './cluster-refused.js';
import { adminSocketIn } from './data-directory.js';
import { tableOf } from './table.js';

const USAGE = `expected status [--json], or ${ACTIONS.join(' | ')} with the name of a zone, a role or a process; and [--data DIR]`;

/** @returns the exit code: 0 when all is as asked @throws ClusterRefused, ConfigurationRefused in one line each */
export async function runCommand(words: readonly string[], environment: Environment, print: (line: string) => void): Promise<number> {
  const { positionals, values } = parse(words);
  const [command, target, ...more] = positionals;
  const data = values.data === undefined ? [] : ['--data', values.data];
  const socket = adminSocketIn(clusterConfiguration(data, environment).dataDirectory);
  if (command === 'status' && target === undefined) {
    const status = await readStatus(socket);
    const lines = values.json ? [JSON.stringify(status, null, 2)] : statusLines(status);
    lines.forEach(print);
    return 0;
  }
  const action = ACTIONS.find((candidate) => candidate === command);
  if (action === undefined || target === undefined || more.length > 0) throw new ClusterRefused(USAGE);
  const outcomes = await sendAction(socket, action, target);
  tableOf(outcomes.map(({ name, text }) => [name, text])).forEach(print);
  return outcomes.every(({ done }) => done) ? 0 : 1;
}

function parse(words: readonly string[]) {
  try {
    return parseArgs({
      args: [...words],
      allowPositionals: true,
      options: { data: { type: 'string' }, json: { type: 'boolean' } },
    });
  } catch {
    throw new ClusterRefused(USAGE);
  }
}

function statusLines({ clusterId, supervisor, processes }: ClusterRecord): string[] {
  const rows = processes.map((process) => [
    process.name,
    process.role,
    process.zone ?? '-',
    String(process.pid ?? '-'),
    String(process.port),
    stateOf(process),
    process.since,
  ]);
  return [
    `cluster ${clusterId}, supervisor pid ${supervisor?.pid ?? '-'}`,
    ...tableOf([['name', 'role', 'zone', 'pid', 'port', 'state', 'since'], ...rows]),
  ];
}

function stateOf({ state, exit }: ProcessRecord): string {
  return exit === null ? state : `${state} (${exit.signal ?? `code ${exit.code}`})`;
}
