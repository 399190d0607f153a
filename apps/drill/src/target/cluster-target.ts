/**
 * The cluster under test, as its data directory describes it: cluster.json says what runs where, admin.sock reaches its
 * supervisor, admin.token opens the admin ports of its processes. A drill reads these as any administrator does, and imports nothing
 * of the supervisor: what it harms is what others run. Without a directory there are only gateways to load, and nothing to harm.
 */
import { existsSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import path from 'node:path';
import { z } from 'zod';
import { DrillRefused } from '../drill-refused.js';

const Process = z.object({
  name: z.string(),
  role: z.enum(['gateway', 'store', 'round-robin']),
  zone: z.string().nullable(),
  host: z.string(),
  port: z.number(),
  adminPort: z.number().nullable(),
  pid: z.number().nullable(),
  state: z.string(),
});
export type ClusterProcess = z.output<typeof Process>;
const Status = z.object({ clusterId: z.string(), zones: z.number(), nodesPerZone: z.number(), processes: z.array(Process) });
export type ClusterStatus = z.output<typeof Status>;
const Outcomes = z.array(z.object({ name: z.string(), done: z.boolean(), text: z.string() }));

export type SupervisorAction = 'kill' | 'stop' | 'start' | 'pause' | 'resume';

const ADMIN_TIMEOUT_MS = 5_000;

export class ClusterTarget {
  /** @param directory absolute path */
  constructor(readonly directory: string) {
    if (!existsSync(path.join(directory, 'cluster.json'))) throw new DrillRefused(`${directory} is not the data directory of a running cluster (it holds no cluster.json)`);
  }

  /** As it is now. @throws DrillRefused when no supervisor answers */
  async status(): Promise<ClusterStatus> {
    return Status.parse(await this.#supervisor('GET', '/status'));
  }

  /** @throws DrillRefused when it is not done */
  async act(action: SupervisorAction, target: string): Promise<void> {
    const outcomes = Outcomes.parse(await this.#supervisor('POST', `/${action}`, { target }));
    const failed = outcomes.filter(({ done }) => !done);
    if (failed.length > 0) throw new DrillRefused(`${action} ${target}: ${failed.map(({ name, text }) => `${name} ${text}`).join(', ')}`);
  }

  /** A call to the admin port of a process. @throws Error when it does not answer or refuses */
  async admin(method: string, { name, adminPort }: Pick<ClusterProcess, 'name' | 'adminPort'>, call: string, body?: object): Promise<unknown> {
    const token = readFileSync(path.join(this.directory, 'admin.token'), 'utf8').trim();
    const response = await fetch(`http://127.0.0.1:${adminPort}/admin/${call}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(ADMIN_TIMEOUT_MS),
    });
    const answer = (await response.json()) as { readonly detail?: string };
    if (!response.ok) throw new DrillRefused(`${name}: ${method} ${call}: ${answer.detail ?? response.status}`);
    return answer;
  }

  #supervisor(method: string, url: string, body?: object): Promise<unknown> {
    const socket = path.join(this.directory, 'admin.sock');
    const relative = path.relative(process.cwd(), socket);
    return new Promise((resolve, reject) => {
      // The system takes short names of sockets only: the shorter one of the two.
      const outgoing = request({ socketPath: relative.length < socket.length ? relative : socket, method, path: url, agent: false }, (answer) => {
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (chunk: string) => (text += chunk));
        answer.on('end', () => {
          const read = JSON.parse(text) as { readonly error?: string };
          if (answer.statusCode === 200) resolve(read);
          else reject(new DrillRefused(read.error ?? `the supervisor answered ${answer.statusCode}`));
        });
      });
      outgoing.on('error', (error: NodeJS.ErrnoException) => reject(new DrillRefused(`no supervisor answers in ${this.directory}: ${error.code}`)));
      outgoing.end(body && JSON.stringify(body));
    });
  }
}

/** Those that a target names: a zone, a role, 'all', or one process. Never the round robin, which stands for others' machines. */
export function processesNamed(target: string, processes: readonly ClusterProcess[]): ClusterProcess[] {
  const ours = processes.filter(({ role }) => role !== 'round-robin');
  const found = target === 'all' ? ours : ours.filter(({ name, zone, role }) => name === target || zone === target || role === target);
  if (found.length === 0) throw new DrillRefused(`there is no ${JSON.stringify(target)} here: expected one of ${[...new Set(ours.flatMap(({ name, zone, role }) => [zone, role, name]))].join(', ')}`);
  return found;
}

export const urlOf = ({ host, port }: ClusterProcess): string => `http://${host}:${port}`;
