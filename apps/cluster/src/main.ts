/** `npm start`: runs a local cluster until Ctrl-C. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { clusterConfiguration, ConfigurationRefused } from '@app/config';
import { zoneId } from '@app/contracts';
import { announcementOf } from './announcement.js';
import { loadCatalog } from './catalog-loader.js';
import { ClusterRefused } from './cluster-refused.js';
import { entriesIn } from './entries.js';
import { tooOldNode } from './node-version.js';
import { Supervisor, type ClusterHandle } from './supervisor.js';

/** A terminal and npm both pass a Ctrl-C on, so one press may arrive twice; what comes later than this is another. */
const SAME_PRESS_MS = 500;

/** This file is dist/apps/cluster/main.js. */
const programs = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

const say = (line: string) => console.log(line);
// Nobody may be there to read it: a terminal that was closed, a pipe that took its few lines. The cluster goes on.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

async function main(): Promise<number> {
  const fault = tooOldNode(process.versions.node);
  if (fault !== null) throw new ClusterRefused(fault);
  const { zones, nodesPerZone, port, dataDirectory, fresh, survive, faults, console: withConsole, logLevel } = clusterConfiguration(process.argv.slice(2), process.env);
  const supervisor = new Supervisor({
    zones,
    nodesPerZone,
    port,
    dataDirectory,
    fresh,
    ...(survive !== undefined && { survive }),
    entries: entriesIn(programs),
    ...(withConsole && { console: path.join(programs, 'console') }),
    environment: { ...process.env, TRIPTYCH_LOG_LEVEL: logLevel, TRIPTYCH_FAULTS: faults ? 'on' : 'off' },
    say,
    load: loadFilms,
  });
  const stopped = stoppedBySignal(supervisor);
  say(`Starting ${zones} x ${nodesPerZone} store nodes, a gateway for each zone, and a round robin ...`);
  try {
    await supervisor.launch();
  } catch (error) {
    if (!stopped.asked) throw error;
    await stopped.done;
    return 0;
  }
  for (const line of announcementOf(supervisor.processes, supervisor.dataDirectory, supervisor.consoleUrl)) say(line);
  say('\nready');
  await stopped.done;
  say('stopped');
  return 0;
}

/** A cluster without its films still keeps lists, so it is not refused; the next start loads what is missing. */
async function loadFilms({ clusterId, plan }: ClusterHandle, ending: AbortSignal): Promise<void> {
  const seeds = plan.processes.filter(({ role }) => role === 'store');
  try {
    const count = await loadCatalog({ clusterId, zone: seeds[0]?.zone ?? zoneId(''), seeds, say }, ending);
    if (count > 0) say(`catalog: ${count} films loaded`);
  } catch (error) {
    if (!ending.aborted) say(`warning: the films of the catalog were not loaded, the next start tries again: ${(error as Error).message}`);
  }
}

/** The first signal stops the cluster in order, the second at once. */
function stoppedBySignal(supervisor: Supervisor): { asked: boolean; readonly done: Promise<void> } {
  let finish: (stopping: Promise<unknown>) => void;
  const stopped = { asked: false, done: new Promise<void>((resolve) => (finish = (stopping) => resolve(stopping.then(() => {})))) };
  let firstMs = 0;
  const onSignal = () => {
    if (!stopped.asked) {
      stopped.asked = true;
      firstMs = performance.now();
      say('\nStopping; press Ctrl-C again to stop at once ...');
      finish(supervisor.stop());
    } else if (performance.now() - firstMs > SAME_PRESS_MS) {
      void supervisor.stopAtOnce();
    }
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, onSignal);
  return stopped;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof ClusterRefused || error instanceof ConfigurationRefused)) throw error;
  console.error(`triptych: ${error.message}`);
  process.exitCode = 1;
}
