/**
 * The consistency asked for and the consistency had, as HTTP headers:
 *
 *     Consistency: quorum, one                               (request: a level, and after a comma one to fall back to)
 *     Served-By: zone=zone-a; gateway=gateway-a; node=a1                            (response)
 *     Consistency-Achieved: quorum; replicas=2/3; zones=zone-a,zone-b; versions=1; repaired=no; hedged=no; fallback=no; token-ahead=no; sloppy=no
 *
 * `zone` is the gateway's and `node` the coordinator that answered, which is in another zone when its own is down. The
 * level is a promise checked by the coordinator: that of the answer, so the second one after a fallback. The replicas counted
 * are those that answered in time; `Achieved` in libs/contracts says what the rest is.
 */
import { type Achieved, type ConsistencyLevel, TriptychError } from '@app/contracts';
import { levelNamed } from '@app/store';

/** Levels as a request asks for them; without any the table's own. */
export interface AskedLevels {
  readonly level?: ConsistencyLevel;
  readonly fallback?: ConsistencyLevel;
}

/** In any letter case. @throws LEVEL_UNKNOWN, LEVEL_NEEDS_REGIONS */
export function levelsOf(header: string | readonly string[] | undefined): AskedLevels {
  if (header === undefined) return {};
  const [level, fallback, ...more] = String(header).split(',').map((name) => levelNamed(name.trim()));
  if (more.length > 0) throw new TriptychError('LEVEL_UNKNOWN', 'a level has one fallback at most', { level: String(header).slice(0, 64) });
  return fallback === undefined ? { level: level! } : { level: level!, fallback };
}

export function consistencyAchieved(achieved: Achieved): string {
  const { level, replicas, replicationFactor, zones, versions, repaired, hedged, fallback, tokenAhead, sloppy } = achieved;
  const counts = `replicas=${replicas.length}/${replicationFactor}; zones=${zones.join(',')}; versions=${versions}`;
  const flags = `repaired=${said(repaired)}; hedged=${said(hedged)}; fallback=${said(fallback)}; token-ahead=${said(tokenAhead)}; sloppy=${said(sloppy)}`;
  return `${level.toLowerCase()}; ${counts}; ${flags}`;
}

const said = (isSo: boolean): string => (isSo ? 'yes' : 'no');

/** @param achieved absent when no coordinator answered: then only the gateway is named */
export function servedBy({ zone, gatewayId }: { readonly zone: string; readonly gatewayId: string }, achieved?: Achieved): string {
  const gateway = `zone=${zone}; gateway=${gatewayId}`;
  return achieved === undefined ? gateway : `${gateway}; node=${achieved.node}`;
}
