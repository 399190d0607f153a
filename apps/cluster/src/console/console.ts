/** The console of one cluster, put together over what it needs of the supervisor. */
import { adminToken } from '@app/admin';
import { systemClock, systemRandom } from '@app/time';
import type { SupervisedProcess } from '../supervised-process.js';
import { ConsoleFeed } from './console-feed.js';
import { ConsoleGathering } from './console-gathering.js';
import { consoleServer, consoleTokenOf, pagesIn } from './console-server.js';
import { ZoneActions, type HarmedCluster } from './zone-actions.js';

export interface ConsoleOptions {
  readonly cluster: HarmedCluster;
  readonly clusterId: string;
  readonly replicationFactor: number;
  readonly host: string;
  readonly port: number;
  /** The page's files. */
  readonly directory: string;
  readonly say: (line: string) => void;
}

export interface Console {
  /** With the token in its fragment. */
  readonly url: string;
  /** A process is in another state. */
  changed(process: SupervisedProcess): void;
  close(): Promise<void>;
}

/** Settles once it listens. */
export async function openConsole({ cluster, clusterId, replicationFactor, host, port, directory, say }: ConsoleOptions): Promise<Console> {
  const processes = () => cluster.processes;
  const token = consoleTokenOf(adminToken(cluster.adminTokenFile));
  const actions = new ZoneActions(cluster, () => feed.hasFaults);
  const gathering = new ConsoleGathering(cluster, systemClock);
  const harmOf = (zone: string) => actions.harmOf(zone);
  const feed = new ConsoleFeed({ clock: systemClock, gathering, clusterId, replicationFactor, processes, harmOf });
  const server = consoleServer({ token, pages: pagesIn(directory), feed, actions, processes, random: systemRandom, say });
  await server.listen({ host, port });
  return {
    url: `http://${host}:${port}/#token=${token}`,
    changed({ plan: { name, zone }, state, ending }) {
      feed.happened('process', zone, state === 'exited' ? `${name} ${ending}` : `${name} is ${state}`);
      feed.processesChanged();
    },
    async close() {
      feed.stop();
      const closed = server.close();
      server.server.closeAllConnections();
      await closed;
    },
  };
}
