/** Everything that a run leaves for its judge: plain data. Times are of the machine's monotonic clock, ms. */
import type { Absence, Operation } from '@app/history';
import type { FaultSpan } from '../faults/fault-injector.js';
import type { ListsByGateway, RunRecord } from '../load/generator-calls.js';
import type { LoadPlan } from '../load/load-plan.js';
import type { DrillScript } from '../script/drill-script.js';

export interface Evidence {
  readonly script: DrillScript;
  readonly plan: LoadPlan;
  /** Names of the zones, in the order of the plan's gateways. */
  readonly zones: readonly string[];
  /** Names of the store nodes; none where they are not known. */
  readonly nodes: readonly string[];
  readonly run: RunRecord;
  readonly history: readonly Operation[];
  readonly spans: readonly FaultSpan[];
  readonly absences: readonly Absence[];
  /** Each list through each gateway at ONE, when they had had time to become one; null where they were not asked. */
  readonly lists: readonly ListsByGateway[];
  /** How long after the run the lists were the same everywhere, ms; null where they never were. */
  readonly convergedAfterMs: number | null;
  /** What could not be undone. */
  readonly notUndone: readonly string[];
  /** Sums over the processes of the cluster, from the beginning of the run to its end. */
  readonly volumes: Volumes | null;
  /** Requests a second that the cluster answers at most, as far as it was measured. */
  readonly peakPerS: number | null;
}

export interface Volumes {
  readonly storeRequests: number;
  readonly attempts: number;
  readonly failovers: number;
  readonly hedges: number;
  readonly hintsStored: number;
  readonly hintsReplayed: number;
  readonly hintsDropped: number;
  readonly rowsRepaired: number;
}
