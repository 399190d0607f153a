/**
 * What an administrator can do to running processes. A kill and a pause hit all of a zone at one moment, as losing it
 * would; a start and a stop go in order, as a person would. Asking for what already is does nothing and says so.
 */
import type { Action, ActionOutcome } from './admin-socket.js';
import { START_ORDER } from './cluster-plan.js';
import type { SupervisedProcess } from './supervised-process.js';

export interface ActionLimits {
  readonly startTimeoutMs: number;
  readonly stopTimeoutMs: number;
  /** Aborted when the whole cluster is being stopped: nothing is started then. */
  readonly ending: AbortSignal;
}

/** Settles once each of them is as asked, or cannot be; in the order of `chosen`. */
export async function act(action: Action, chosen: readonly SupervisedProcess[], limits: ActionLimits): Promise<ActionOutcome[]> {
  const outcomes = new Map<SupervisedProcess, ActionOutcome>();
  const one = async (child: SupervisedProcess) => {
    const [done, text] = await actOnOne(action, child, limits);
    outcomes.set(child, { name: child.plan.name, done, text });
  };
  if (action === 'start') await inStages(START_ORDER, chosen, one);
  else if (action === 'stop') await inStages(START_ORDER.toReversed(), chosen, one);
  else await Promise.all(chosen.map(one));
  return chosen.flatMap((child) => outcomes.get(child) ?? []);
}

/** One role after the other, all of a role at once. */
export async function inStages(
  order: typeof START_ORDER,
  children: readonly SupervisedProcess[],
  action: (child: SupervisedProcess) => Promise<void>,
): Promise<void> {
  for (const role of order) {
    await Promise.all(children.filter(({ plan }) => plan.role === role).map(action));
  }
}

async function actOnOne(action: Action, child: SupervisedProcess, limits: ActionLimits): Promise<[done: boolean, text: string]> {
  const { state } = child;
  switch (action) {
    case 'kill':
      if (!child.alive) return [true, 'was not running'];
      await child.kill();
      return [true, 'killed'];
    case 'stop':
      if (!child.alive) return [true, 'was not running'];
      return [true, await child.stop(limits.stopTimeoutMs)];
    case 'start':
      if (child.alive) return [state === 'running', `is ${state}`];
      if (limits.ending.aborted) return [false, 'not started: the cluster is being stopped'];
      return child.start(limits.startTimeoutMs).then(
        () => [true, 'started'],
        (error: Error) => [false, error.message],
      );
    case 'pause':
      if (state === 'running') child.pause();
      return state === 'running' ? [true, 'paused'] : [state === 'paused', `is ${state}`];
    case 'resume':
      if (state === 'paused') child.resume();
      return state === 'paused' ? [true, 'resumed'] : [state === 'running', `is ${state}`];
  }
}
