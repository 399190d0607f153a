/**
 * `npm run cluster -- status | kill zone-b | stop a1 | add zone-b | remove b2 ...`: asks the supervisor of a running cluster. It
 * holds nothing and signals nobody itself.
 */
import { parseArgs } from 'node:util';
import { clusterConfiguration, type Environment } from '@app/config';
import type { HistoryEntry } from '@app/store';
import { ACTIONS, readClusterMembers, readStatus, sendAction, sendMemberCommand } from './admin-socket.js';
import type { ClusterRecord, ProcessRecord } from './cluster-file.js';
import { ClusterRefused } from './cluster-refused.js';
import { adminSocketIn } from './data-directory.js';
import type { MemberCommand } from './member-commands.js';
import { tableOf } from './table.js';

const USAGE =
  `expected status [--json] or history [--json]; ${ACTIONS.join(' | ')} with the name of a zone, a role or a process; ` +
  'add with a zone; remove | replace | drain with a store node, weight with a store node and a number, or cancel; and [--data DIR]';

/** @returns the exit code: 0 when all is as asked @throws ClusterRefused, ConfigurationRefused in one line each */
export async function runCommand(words: readonly string[], environment: Environment, print: (line: string) => void): Promise<number> {
  const { positionals, values } = parse(words);
  const [command, target, ...more] = positionals;
  const data = values.data === undefined ? [] : ['--data', values.data];
  const socket = adminSocketIn(clusterConfiguration(data, environment).dataDirectory);
  if (command === 'status' && target === undefined) {
    const status = await readStatus(socket);
    const lines = values.json ? [JSON.stringify(status, null, 2)] : [...statusLines(status), ...(await memberLines(socket))];
    lines.forEach(print);
    return 0;
  }
  if (command === 'history' && target === undefined) {
    const { history } = await readClusterMembers(socket);
    (values.json ? [JSON.stringify(history, null, 2)] : historyLines(history)).forEach(print);
    return 0;
  }
  const change = memberCommandOf(command, target, more);
  if (change !== null) {
    await sendMemberCommand(socket, change, print);
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

/** Null where it is no command about members. @throws ClusterRefused on one that is not complete */
function memberCommandOf(command: string | undefined, target: string | undefined, more: readonly string[]): MemberCommand | null {
  switch (command) {
    case 'cancel':
      if (target === undefined) return { kind: command };
      break;
    case 'add':
      if (target !== undefined && more.length === 0) return { kind: command, zone: target };
      break;
    case 'remove':
    case 'replace':
    case 'drain':
      if (target !== undefined && more.length === 0) return { kind: command, node: target };
      break;
    case 'weight': {
      const weight = Number(more[0]);
      if (target !== undefined && more.length === 1 && weight > 0 && Number.isFinite(weight)) return { kind: command, node: target, weight };
      break;
    }
    default:
      return null;
  }
  throw new ClusterRefused(USAGE);
}

/** The epoch, what the members are to survive, and who holds more or less than its weight calls for. */
async function memberLines(socket: string): Promise<string[]> {
  const state = await readClusterMembers(socket).catch(() => null);
  if (state === null) return [];
  const percent = (part: number): string => `${Math.abs(Math.round(100 * part))}%`;
  return [
    `epoch ${state.epoch}, ${state.members.length} members, to survive the loss of ${state.survive === 'nothing' ? 'nothing' : `a ${state.survive}`}`,
    ...(state.next === null ? [] : [`under way: ${state.history.at(-1)?.what}`]),
    ...state.imbalances.map(({ node, share, deviation }) => `${node} holds ${percent(share)} of all copies, ${percent(deviation)} ${deviation > 0 ? 'more' : 'less'} than its weight calls for: the zones leave no choice`),
  ];
}

function historyLines(history: readonly HistoryEntry[]): string[] {
  const at = (ms: number | null): string => (ms === null || ms === 0 ? '-' : new Date(ms).toISOString());
  return tableOf([
    ['epoch', 'began', 'ended', 'outcome', 'by', 'what'],
    ...history.map(({ epoch, what, by, beganAtMs, outcome, endedAtMs }) => [String(epoch), at(beganAtMs), at(endedAtMs), outcome, by, what]),
  ]);
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
    ...(supervisor?.console === undefined ? [] : [`console ${supervisor.console}`]),
  ];
}

function stateOf({ state, exit }: ProcessRecord): string {
  return exit === null ? state : `${state} (${exit.signal ?? `code ${exit.code}`})`;
}
