/** One drill from its load to its verdict: the run and the faults beside it, then mending, reading back, judging. */
import { FaultInjector } from './faults/fault-injector.js';
import type { UndoList } from './faults/undo-list.js';
import type { GeneratorProcess } from './generator-process.js';
import type { Evidence, Volumes } from './judge/evidence.js';
import type { ListsByGateway } from './load/generator-calls.js';
import type { LoadPlan } from './load/load-plan.js';
import { machineClock as clock } from './load/machine-clock.js';
import type { DrillScript } from './script/drill-script.js';
import type { ClusterProcess, ClusterStatus, ClusterTarget } from './target/cluster-target.js';

export interface DrillPorts {
  readonly script: DrillScript;
  readonly plan: LoadPlan;
  readonly zones: readonly string[];
  readonly generator: GeneratorProcess;
  /** Null where there are only gateways: then nothing can be harmed. */
  readonly cluster: ClusterTarget | null;
  readonly undoList: UndoList;
  readonly peakPerS: number | null;
  readonly say: (line: string) => void;
  /** Aborted when the drill is to end before its time. */
  readonly ending: AbortSignal;
}

/** For the replicas of each list to become one, after everything is mended. */
const CONVERGE_WITHIN_MS = 45_000;
const CONVERGE_POLL_MS = 500;

/** @throws the reason of `ending`; what was broken is then still to be undone */
export async function runDrill({ script, plan, zones, generator, cluster, undoList, peakPerS, say, ending }: DrillPorts): Promise<Evidence> {
  const status = cluster === null ? null : await cluster.status();
  const stores = status?.processes.filter(({ role }) => role === 'store') ?? [];
  const { lists, films } = await unlessEnding(generator.prepare(plan), ending);
  say(`${lists} lists with ${films} films`);
  const before = await volumesOf(cluster, status);
  const injector = cluster === null || status === null ? null : new FaultInjector(cluster, status, undoList, say);
  try {
    const running = generator.run();
    const harmed = injector === null ? Promise.resolve() : carryOutScript(script, injector, ending);
    const [run] = await unlessEnding(Promise.all([running, harmed]), ending);
    const notUndone = await undoList.undoAll();
    say('all is mended: reading every list through every zone');
    const after = await volumesOf(cluster, status);
    await unlessEnding(generator.readLists('QUORUM'), ending);
    const { last, afterMs } = await converged(generator, ending);
    const history = await generator.history();
    return {
      script,
      plan,
      zones,
      nodes: stores.map(({ name }) => name),
      run,
      history,
      spans: injector?.spans ?? [],
      absences: injector?.absences ?? [],
      lists: last,
      convergedAfterMs: afterMs,
      notUndone,
      volumes: before === null || after === null ? null : difference(before, after),
      peakPerS,
    };
  } finally {
    injector?.close();
  }
}

/** Each step at its moment, whatever became of the others; settles when all are undone. */
async function carryOutScript({ steps }: DrillScript, injector: FaultInjector, ending: AbortSignal): Promise<void> {
  const startMs = clock.monotonicMs();
  await Promise.all(
    steps.map(async ({ atS, forS, fault }) => {
      await at(startMs + 1_000 * atS, ending);
      const inForce = await injector.begin(fault);
      await at(startMs + 1_000 * (atS + forS), ending);
      await injector.end(inForce);
    }),
  );
}

function at(momentMs: number, ending: AbortSignal): Promise<void> {
  return unlessEnding(new Promise((resolve) => setTimeout(resolve, Math.max(0, momentMs - clock.monotonicMs()))), ending);
}

async function converged(generator: GeneratorProcess, ending: AbortSignal): Promise<{ last: readonly ListsByGateway[]; afterMs: number | null }> {
  const beganMs = clock.monotonicMs();
  for (;;) {
    const last = await unlessEnding(generator.readLists('ONE'), ending);
    const tookMs = clock.monotonicMs() - beganMs;
    if (last.every(({ films }) => films.every((list) => list !== null && list.join() === films[0]?.join()))) return { last, afterMs: tookMs };
    if (tookMs > CONVERGE_WITHIN_MS) return { last, afterMs: null };
    await at(clock.monotonicMs() + CONVERGE_POLL_MS, ending);
  }
}

type Counts = ReadonlyMap<string, Volumes>;

const NO_VOLUMES: Volumes = { storeRequests: 0, attempts: 0, failovers: 0, hedges: 0, hintsStored: 0, hintsReplayed: 0, hintsDropped: 0, rowsRepaired: 0 };

interface AdminState {
  readonly store?: {
    readonly attempts?: { readonly requests: number; readonly attempts: number; readonly failovers: number; readonly hedges: number };
    readonly hints?: { readonly stored: number; readonly replayed: number; readonly dropped: number };
    readonly antiEntropy?: { readonly rowsRepaired: number };
  };
}

/** Of each process, by its name and pid: one that is started anew counts from nothing. */
async function volumesOf(cluster: ClusterTarget | null, status: ClusterStatus | null): Promise<Counts | null> {
  if (cluster === null || status === null) return null;
  const { processes } = await cluster.status();
  const counted = await Promise.all(
    processes.filter(({ role, adminPort }) => role !== 'round-robin' && adminPort !== null).map(async (process): Promise<[string, Volumes] | null> => {
      const state = (await cluster.admin('GET', process, 'state').catch(() => null)) as AdminState | null;
      return state === null ? null : [keyOf(process), volumesIn(state)];
    }),
  );
  return new Map(counted.flatMap((one) => (one === null ? [] : [one])));
}

const keyOf = ({ name, pid }: ClusterProcess): string => `${name}/${pid}`;

const volumesIn = ({ store }: AdminState): Volumes => ({
  storeRequests: store?.attempts?.requests ?? 0,
  attempts: store?.attempts?.attempts ?? 0,
  failovers: store?.attempts?.failovers ?? 0,
  hedges: store?.attempts?.hedges ?? 0,
  hintsStored: store?.hints?.stored ?? 0,
  hintsReplayed: store?.hints?.replayed ?? 0,
  hintsDropped: store?.hints?.dropped ?? 0,
  rowsRepaired: store?.antiEntropy?.rowsRepaired ?? 0,
});

/** What a process had counted when it was killed is gone with it. */
function difference(before: Counts, after: Counts): Volumes {
  const sum = { ...NO_VOLUMES } as Record<keyof Volumes, number>;
  for (const [key, counts] of after) for (const name of Object.keys(sum) as (keyof Volumes)[]) sum[name] += counts[name] - (before.get(key)?.[name] ?? 0);
  return sum;
}

/** As `work`, unless `ending` is aborted first: then its reason, at once. */
function unlessEnding<T>(work: Promise<T>, ending: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(ending.reason as Error);
    if (ending.aborted) leave();
    ending.addEventListener('abort', leave, { once: true });
    work.then(resolve, reject).finally(() => ending.removeEventListener('abort', leave));
  });
}

