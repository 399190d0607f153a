/**
 * What a reply says that it rests on (`Consistency-Achieved`), checked against what an observer from outside can know: how many
 * replicas the level takes, and who was surely dead. A reply may claim less than it did; it may never claim more.
 */
import type { Level } from './history.js';
import type { Violation } from './violation.js';

export interface Claim {
  /** Unique, for the report. */
  readonly id: string;
  /** When the request was sent, and when its answer had come. */
  readonly startMs: number;
  readonly endMs: number;
  readonly asked: Level;
  readonly allowed: Level | null;
  /** What the reply says. */
  readonly level: string;
  readonly replicas: number;
  readonly copies: number;
  readonly zones: readonly string[];
  readonly isFallback: boolean;
  /** The node that coordinated. */
  readonly node: string | null;
}

/** From `fromMs` to `toMs` no process of it ran. */
export interface Absence {
  readonly zone: string | null;
  readonly nodes: readonly string[];
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * `consistency-achieved: quorum; replicas=2/3; zones=zone-a,zone-b; ... fallback=no; ...`
 * @returns null where it is not of that form
 */
export function readAchieved(text: string): Pick<Claim, 'level' | 'replicas' | 'copies' | 'zones' | 'isFallback'> | null {
  const [level, ...parts] = text.split(';').map((part) => part.trim());
  const fields = new Map(parts.map((part) => part.split('=', 2) as [string, string]));
  const [replicas, copies] = (fields.get('replicas') ?? '').split('/').map(Number);
  const zones = (fields.get('zones') ?? '').split(',').filter((zone) => zone !== '');
  if (level === undefined || level === '' || !Number.isInteger(replicas) || !Number.isInteger(copies)) return null;
  return { level: level.toUpperCase(), replicas: replicas!, copies: copies!, zones, isFallback: fields.get('fallback') === 'yes' };
}

/** Replicas that a level rests on at least. A session read may rest on one. */
function neededBy(level: string, copies: number): number {
  switch (level) {
    case 'ALL':
      return copies;
    case 'QUORUM':
    case 'LINEARIZABLE':
      return Math.floor(copies / 2) + 1;
    case 'TWO':
      return 2;
    case 'ANY':
      return 0;
    default:
      return 1;
  }
}

/**
 * A claim is false when it counts fewer replicas than its level takes, or fewer than the zones it names; when it names a zone, or a
 * coordinator, of which nothing ran from before the request was sent until its answer had come; when it is of another level than
 * was asked for and is not the fallback that was allowed.
 */
export function checkClaims(claims: readonly Claim[], absences: readonly Absence[]): Violation[] {
  return claims.flatMap((claim) => {
    const fault = faultOf(claim, absences);
    return fault === null ? [] : [{ rule: 'false-claim', what: `${claim.id}: ${fault}`, operations: [claim.id] } as const];
  });
}

function faultOf(claim: Claim, absences: readonly Absence[]): string | null {
  const { level, replicas, copies, zones, asked, allowed, isFallback, node } = claim;
  if (replicas < neededBy(level, copies)) return `claims ${level} on ${replicas} of ${copies} replicas`;
  if (replicas > copies) return `claims ${replicas} of ${copies} replicas`;
  if (new Set(zones).size > replicas) return `names ${zones.join()} and ${replicas} replicas`;
  if (isFallback ? level !== allowed : level !== asked) return `was asked for ${asked}${allowed === null ? '' : `, ${allowed}`} and claims ${level}${isFallback ? ' by fallback' : ''}`;
  const away = absences.filter(({ fromMs, toMs }) => fromMs < claim.startMs && claim.endMs < toMs);
  const dead = zones.find((zone) => away.some((absence) => absence.zone === zone));
  if (dead !== undefined) return `names ${dead}, of which nothing ran`;
  if (node !== null && away.some(({ nodes }) => nodes.includes(node))) return `was coordinated by ${node}, which did not run`;
  return null;
}
