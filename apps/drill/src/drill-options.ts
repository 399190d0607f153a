/** What a drill can be told on its command line, read once. Every wrong value is one line that says what was expected. */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { DrillRefused } from './drill-refused.js';
import { DEFAULT_MIX, type Mix } from './load/load-plan.js';
import { DRILL_NAMES, isDrillName, type DrillName } from './script/named-drills.js';

export const USAGE = `npm run drill -- [${DRILL_NAMES.join(' | ')}]
  --all               every drill, and a table
  --script FILE       faults on a timeline, as JSON (docs/DRILL.md)
  --slo FILE          other goals than the default ones, as JSON
  --peak              only find out how much the cluster can do
  --data DIR          a running cluster, by its data directory; without it the drill starts one of its own
  --target URL,URL    gateways of a running cluster, one for each zone; without --data nothing of it can be harmed
  --zones 3 --nodes-per-zone 2      of its own cluster
  --rate N            requests a second; without it 30% of the peak that is measured first
  --arrivals poisson | uniform      --users 200   --list-size 20   --seed 1   --skew 0.8
  --mix list=60,add=20,remove=12,move=3,home=5
  --duration S        of the fault; --brief: shorter in every part, as --all is
  --report DIR        where the report goes; default .triptych-drill`;

const text = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;

const number = (least: number, most: number) => z.coerce.number({ error: `a number from ${least} to ${most}` }).min(least, { error: `a number from ${least} to ${most}` }).max(most, { error: `a number from ${least} to ${most}` });
const whole = (least: number, most: number) => number(least, most).int({ error: 'a whole number' });

const Options = z.object({
  all: z.boolean().default(false),
  peak: z.boolean().default(false),
  brief: z.boolean().default(false),
  script: z.string().optional(),
  slo: z.string().optional(),
  data: z.string().transform((directory) => path.resolve(directory)).optional(),
  target: z.string().transform((urls) => urls.split(',')).pipe(z.array(z.url({ error: 'URLs with commas between' }))).optional(),
  zones: whole(1, 9).default(3),
  'nodes-per-zone': whole(1, 9).default(2),
  rate: number(1, 50_000).optional(),
  arrivals: z.enum(['poisson', 'uniform'], { error: 'poisson or uniform' }).default('poisson'),
  users: whole(1, 100_000).default(200),
  'list-size': whole(1, 200).default(20),
  seed: whole(0, 2 ** 31).default(1),
  skew: number(0, 2).default(0.8),
  mix: z.string().transform(readMix).default(DEFAULT_MIX),
  duration: number(1, 3_600).optional(),
  report: z.string().default('.triptych-drill').transform((directory) => path.resolve(directory)),
});
export type DrillOptions = z.output<typeof Options> & { readonly drill: DrillName | null };

/** @throws DrillRefused */
export function readOptions(words: readonly string[]): DrillOptions {
  const { values, positionals } = parsed(words);
  const [name, ...more] = positionals;
  if (more.length > 0 || (name !== undefined && !isDrillName(name))) throw new DrillRefused(`there is no drill ${JSON.stringify(positionals.join(' '))}\n${USAGE}`);
  const read = Options.safeParse(values);
  if (!read.success) throw new DrillRefused(read.error.issues.map(({ path: [option], message }) => `--${String(option)} is ${JSON.stringify((values as Record<string, unknown>)[String(option)])}: expected ${message}`).join('\n'));
  const chosen = [name !== undefined, read.data.all, read.data.script !== undefined, read.data.peak].filter(Boolean).length;
  if (chosen > 1) throw new DrillRefused('one of a drill, --all, --script and --peak at a time');
  return { ...read.data, drill: name === undefined ? null : (name as DrillName) };
}

/** Options that say where something lies on this machine, and nothing of what is run. */
const PLACES: ReadonlySet<string> = new Set(['report', 'data']);

/** The command that runs the same again, on any machine; its seed is named whether it was given or not. */
export function commandAgain(words: readonly string[], seed: number): string {
  const told = parsed(words).tokens.flatMap((token) => {
    if (token.kind === 'positional') return [token.value];
    if (token.kind !== 'option' || token.name === 'seed' || PLACES.has(token.name)) return [];
    return token.value === undefined ? [`--${token.name}`] : [`--${token.name}`, token.value];
  });
  return ['npm run drill --', ...told, '--seed', String(seed)].join(' ');
}

function parsed(words: readonly string[]) {
  try {
    return parseArgs({
      args: [...words],
      allowPositionals: true,
      tokens: true,
      options: {
        all: flag, peak: flag, brief: flag, script: text, slo: text, data: text, target: text, zones: text, 'nodes-per-zone': text, rate: text,
        arrivals: text, users: text, 'list-size': text, seed: text, skew: text, mix: text, duration: text, report: text,
      },
    });
  } catch (error) {
    throw new DrillRefused(`${(error as Error).message.split(/[.\n]/)[0]}\n${USAGE}`);
  }
}

function readMix(value: string, context: z.RefinementCtx): Mix {
  const weights = Object.fromEntries(value.split(',').map((part) => [part.split('=')[0]!, Number(part.split('=')[1])]));
  const isGood = Object.entries(weights).every(([kind, weight]) => kind in DEFAULT_MIX && weight >= 0) && Object.values(weights).some((weight) => weight > 0);
  if (isGood) return { list: 0, add: 0, remove: 0, move: 0, home: 0, ...weights };
  context.addIssue({ code: 'custom', message: `weights of ${Object.keys(DEFAULT_MIX).join(', ')}: list=60,add=20` });
  return z.NEVER;
}
