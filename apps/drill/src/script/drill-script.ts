/**
 * What is done to the cluster, and when: faults on a timeline, each begun at a moment of the run and undone after a while.
 * A file for --script holds one as JSON; the named drills are the same thing made by functions (named-drills.ts).
 *
 *     {"name": "mine", "warmUpS": 3, "durationS": 30,
 *      "steps": [{"atS": 10, "forS": 8, "fault": {"kind": "kill", "target": "zone-b"}}]}
 *
 * `target` is the name of a zone, of a role (store, gateway) or of a process. Before the first step everything is healthy:
 * from the end of the warm-up to there is the baseline.
 */
import { z } from 'zod';
import { DrillRefused } from '../drill-refused.js';

const target = z.string().regex(/^[a-z][a-z0-9-]*$/, { error: 'the name of a zone, a role or a process' });
const delayMs = z.number().min(1).max(60_000);

const Fault = z.discriminatedUnion('kind', [
  /** SIGKILL; undone by starting them again. */
  z.strictObject({ kind: z.literal('kill'), target }),
  /** SIGTERM: they drain and end in order; undone by starting them again. */
  z.strictObject({ kind: z.literal('stop'), target }),
  /** SIGSTOP: they hang, their connections stay; undone by SIGCONT. */
  z.strictObject({ kind: z.literal('pause'), target }),
  /** Stopped in order and started again, one process after the other, each waited for. Over when all have been. */
  z.strictObject({ kind: z.literal('rolling-restart'), target }),
  /** Nothing passes between them and all others; `out`: nothing that they send; `in`: nothing that is sent to them. */
  z.strictObject({ kind: z.literal('cut'), target, way: z.enum(['both', 'out', 'in']).default('both') }),
  /** What they send comes so much later. */
  z.strictObject({ kind: z.literal('slow'), target, delayMs, jitterMs: z.number().min(0).max(60_000).default(0) }),
  /** A share of what passes between them and all others is lost, and sent again by TCP. */
  z.strictObject({ kind: z.literal('lossy'), target, delayMs: delayMs.default(1), loss: z.number().gt(0).lt(1) }),
  /** Their disk takes nothing more; undone by room, after which the node ends and is started again. */
  z.strictObject({ kind: z.literal('disk-full'), target }),
  /** Their wall clocks are wrong by so much. */
  z.strictObject({ kind: z.literal('clock-skew'), target, skewMs: z.int() }),
  /** So many times the rate. */
  z.strictObject({ kind: z.literal('load'), factor: z.number().gt(0).max(20) }),
]);
export type Fault = z.output<typeof Fault>;

const seconds = z.number().min(0).max(3_600);
const Step = z.strictObject({ atS: seconds, forS: seconds, fault: Fault });
export type Step = z.output<typeof Step>;

/** A baseline shorter than this says nothing. */
const BASELINE_LEAST_S = 1;

const Script = z
  .strictObject({
    name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,60}$/, { error: 'small letters, digits and -' }),
    about: z.string().max(500).default(''),
    /** The beginning, which counts for no figure but the promises. */
    warmUpS: seconds.default(3),
    durationS: seconds.min(2),
    steps: z.array(Step).min(1).max(200),
  })
  .superRefine(({ warmUpS, durationS, steps }, context) => {
    const refuse = (path: (string | number)[], message: string): void => context.addIssue({ code: 'custom', path, message });
    for (const [index, { atS, forS }] of steps.entries()) {
      if (atS + forS > durationS) refuse(['steps', index], `ends at ${atS + forS} s, after the run (durationS ${durationS})`);
    }
    const firstS = Math.min(...steps.map(({ atS }) => atS));
    if (firstS < warmUpS + BASELINE_LEAST_S) refuse(['steps'], `the first step begins at ${firstS} s: at least ${BASELINE_LEAST_S} s after the warm-up (warmUpS ${warmUpS}) are needed as baseline`);
  });
export type DrillScript = z.output<typeof Script>;

/** @throws DrillRefused with one line for each thing that is wrong, naming its place */
export function readScript(text: string, name: string): DrillScript {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new DrillRefused(`${name} is not JSON: ${(error as Error).message}`);
  }
  const read = Script.safeParse(json);
  if (read.success) return read.data;
  throw new DrillRefused(read.error.issues.map(({ path, message }) => `${name}: ${path.length === 0 ? '' : `${path.join('.')}: `}${message}`).join('\n'));
}

/** Of the run, ms. */
export const firstFaultMs = ({ steps }: DrillScript): number => 1_000 * Math.min(...steps.map(({ atS }) => atS));
