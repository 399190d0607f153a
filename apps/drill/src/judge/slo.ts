/**
 * Goals: of a figure of the verdict, in some drills or in all, how much or how little it may be. The defaults are those of the
 * default cluster at 30% of its peak; a file for --slo holds others:
 *
 *     {"goals": [{"drills": ["zone-kill"], "figure": "device.failed", "atMost": 0}]}
 */
import { z } from 'zod';
import { DrillRefused } from '../drill-refused.js';
import type { Figures } from './verdict.js';

const Goal = z
  .strictObject({
    /** Names of drills and scripts, or ["*"]. */
    drills: z.array(z.string().min(1)).min(1),
    figure: z.string().min(1),
    atMost: z.number().optional(),
    atLeast: z.number().optional(),
  })
  .refine(({ atMost, atLeast }) => atMost !== undefined || atLeast !== undefined, { error: 'needs atMost or atLeast' });
export type Goal = z.output<typeof Goal>;
const Slo = z.strictObject({ goals: z.array(Goal).min(1) });

export interface Judged {
  readonly figure: string;
  readonly target: string;
  /** Null where there was nothing to measure it by, which is no pass. */
  readonly measured: number | null;
  readonly passed: boolean;
}

const goal = (drills: readonly string[], figure: string, bound: { atMost: number } | { atLeast: number }): Goal => ({ drills: [...drills], figure, ...bound });
const none = { atMost: 0 };
const SLOW = ['zone-pause', 'zone-slow'];
const CUT = ['zone-partition', 'zone-partition-one-way'];

export const DEFAULT_GOALS: readonly Goal[] = [
  goal(['zone-kill', ...CUT], 'device.failed', none),
  goal(['zone-kill'], 'device.slowestMs', { atMost: 300 }),
  goal(['zone-kill', ...CUT], 'survivors.longestDarkMs', { atMost: 100 }),
  goal(['node-kill'], 'device.failed', none),
  goal(['node-kill'], 'survivors.failed', none),
  goal(['node-kill'], 'survivors.longestDarkMs', none),
  goal(['node-kill'], 'survivors.worstWindowTimesBaseline', { atMost: 3 }),
  goal(SLOW, 'device.failed', none),
  goal(SLOW, 'survivors.worstWindowMs', { atMost: 100 }),
  goal(SLOW, 'survivors.backWithinMs', { atMost: 500 }),
  goal(CUT, 'cutOff.unanswered', none),
  goal(CUT, 'cutOff.slowestMs', { atMost: 250 }),
  goal(CUT, 'cutOff.backWithinMs', { atMost: 500 }),
  goal(['rolling-restart'], 'device.failed', none),
  goal(['rolling-restart'], 'survivors.failed', none),
  goal(['*'], 'promises.addsLost', none),
  goal(['*'], 'promises.removedReturned', none),
  goal(['*'], 'promises.readsWentBack', none),
  goal(['*'], 'promises.ownWritesUnseen', none),
  goal(['*'], 'promises.sessionsWentBack', none),
  goal(['*'], 'promises.notLinearizable', none),
  goal(['*'], 'promises.fromNowhere', none),
  goal(['*'], 'promises.falseClaims', none),
  goal(['*'], 'divergence.lists', none),
  goal(['*'], 'undo.failures', none),
];

/** @throws DrillRefused with one line for each thing that is wrong */
export function readGoals(text: string, name: string): readonly Goal[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new DrillRefused(`${name} is not JSON: ${(error as Error).message}`);
  }
  const read = Slo.safeParse(json);
  if (read.success) return read.data.goals;
  throw new DrillRefused(read.error.issues.map(({ path, message }) => `${name}: ${path.length === 0 ? '' : `${path.join('.')}: `}${message}`).join('\n'));
}

export function judgeGoals(drill: string, figures: Figures, goals: readonly Goal[]): Judged[] {
  return goals
    .filter(({ drills }) => drills.includes('*') || drills.includes(drill))
    .map(({ figure, atMost, atLeast }) => {
      if (!(figure in figures)) throw new DrillRefused(`there is no figure ${JSON.stringify(figure)}: there are ${Object.keys(figures).join(', ')}`);
      const measured = figures[figure] ?? null;
      const passed = measured !== null && (atMost === undefined || measured <= atMost) && (atLeast === undefined || measured >= atLeast);
      return { figure, target: [atMost !== undefined && `<= ${atMost}`, atLeast !== undefined && `>= ${atLeast}`].filter(Boolean).join(' and '), measured, passed };
    });
}
