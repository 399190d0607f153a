/** What a person is told once the cluster serves: what runs where, and what to try first. */
import type { ProcessRecord } from './cluster-file.js';
import { tableOf } from './table.js';

/** A film of the catalog, by its id. */
const FILM = 'inception-2010';

/** @param consoleUrl null where there is no console */
export function announcementOf(processes: readonly ProcessRecord[], dataDirectory: string, consoleUrl: string | null): string[] {
  const urls = (role: ProcessRecord['role']) =>
    processes.filter((candidate) => candidate.role === role).map(({ host, port }) => `http://${host}:${port}`);
  const [balanced = ''] = urls('round-robin');
  const gateways = urls('gateway');
  const list = '/v1/users/ann/favorites';
  return [
    ...tableOf([
      ['name', 'role', 'zone', 'pid', 'port', 'admin port'],
      ...processes.map(({ name, role, zone, pid, port, adminPort }) => [
        name,
        role,
        zone ?? '-',
        String(pid ?? '-'),
        String(port),
        String(adminPort ?? '-'),
      ]),
    ]),
    '',
    `Data and logs   ${dataDirectory}`,
    `Gateways        ${gateways.join('  ')}`,
    `Round robin     ${balanced}`,
    `API docs        ${gateways[0]}/docs`,
    ...(consoleUrl === null ? [] : [`Console         ${consoleUrl}`]),
    '',
    'Add a film through one zone, read the list through another, then through whichever is next:',
    `  curl -X PUT ${gateways[0]}${list}/${FILM}`,
    `  curl ${gateways[1 % gateways.length]}${list}`,
    `  curl ${balanced}${list}`,
  ];
}
