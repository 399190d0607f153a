/**
 * The consistency asked for and the consistency had, as HTTP headers:
 *
 *     Consistency: quorum                                                           (request: one, quorum or all)
 *     Served-By: zone=zone-a; gateway=gateway-a; node=a1                            (response)
 *     Consistency-Achieved: quorum; replicas=2/3; zones=zone-a,zone-b; repaired=no  (response)
 *
 * `zone` is the gateway's and `node` the coordinator that answered, which is in another zone when its own is down. The
 * level asked for is a promise checked by the coordinator; the replicas counted are those that answered in time.
 */
import { type Achieved, CONSISTENCY_LEVELS, type ConsistencyLevel, TriptychError } from '@app/contracts';

const LEVELS: ReadonlyMap<string, ConsistencyLevel> = new Map(
  CONSISTENCY_LEVELS.map((level) => [level.toLowerCase(), level]),
);

/** The level a request asks for, in any letter case; QUORUM when it asks for none. @throws LEVEL_UNKNOWN */
export function levelOf(header: string | readonly string[] | undefined): ConsistencyLevel {
  if (header === undefined) return 'QUORUM';
  const level = LEVELS.get(String(header).toLowerCase());
  if (level !== undefined) return level;
  throw new TriptychError('LEVEL_UNKNOWN', 'the consistency level asked for is not one of those known', {
    level: String(header).slice(0, 32),
    known: [...LEVELS.keys()],
  });
}

export function consistencyAchieved(achieved: Achieved): string {
  const replicas = `${achieved.replicas.length}/${achieved.replicationFactor}`;
  const repaired = achieved.repaired ? 'yes' : 'no';
  return `${achieved.level.toLowerCase()}; replicas=${replicas}; zones=${achieved.zones.join(',')}; repaired=${repaired}`;
}

/** @param achieved absent when no coordinator answered: then only the gateway is named */
export function servedBy({ zone, gatewayId }: { readonly zone: string; readonly gatewayId: string }, achieved?: Achieved): string {
  const gateway = `zone=${zone}; gateway=${gatewayId}`;
  return achieved === undefined ? gateway : `${gateway}; node=${achieved.node}`;
}
