/**
 * What has to be undone, as data: so that it can be handed to a guard that outlives the drill, and be carried out by whoever is
 * still there. Each can be carried out twice, and one that finds nothing to undo has done its work.
 */
import { ClusterTarget, type ClusterProcess, type SupervisorAction } from '../target/cluster-target.js';

export type Undo =
  | { readonly kind: 'act'; readonly directory: string; readonly action: SupervisorAction; readonly target: string }
  | { readonly kind: 'lift'; readonly directory: string; readonly process: Pick<ClusterProcess, 'name' | 'adminPort'>; readonly id: string }
  /** The drill's own cluster: it ends with the drill. */
  | { readonly kind: 'end'; readonly pid: number; readonly directory: string };

/** @throws when it cannot be undone */
export async function carryOut(undo: Undo): Promise<void> {
  if (undo.kind === 'end') return endCluster(undo.pid);
  const cluster = new ClusterTarget(undo.directory);
  if (undo.kind === 'act') return cluster.act(undo.action, undo.target);
  try {
    await cluster.admin('DELETE', undo.process, `faults/${undo.id}`);
  } catch (error) {
    // A process that was started anew has no faults, and one that is dead will have none.
    if (!/no such fault/.test((error as Error).message) && !(error instanceof TypeError)) throw error;
  }
}

function endCluster(pid: number): void {
  try {
    process.kill(pid, 'SIGTERM');
  } catch {
    // It has ended already.
  }
}

/** The latest first: what was broken last is mended first. All are tried; the answer says what could not be done. */
export async function carryOutAll(undos: readonly Undo[]): Promise<string[]> {
  const failures: string[] = [];
  for (const undo of undos.toReversed()) {
    try {
      await carryOut(undo);
    } catch (error) {
      failures.push(`${JSON.stringify(undo)}: ${(error as Error).message}`);
    }
  }
  return failures;
}
