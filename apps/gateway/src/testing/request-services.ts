/**
 * The services as an endpoint is given them, over the fakes of @app/services/testing: the gateway's own circuits, collapsers
 * and caches round services that are as slow or as broken as a test wants.
 */
import { type AccessPolicy, type ConsistencyLevel, zoneId } from '@app/contracts';
import { SessionToken } from '@app/favorites-client';
import type { FakeServices } from '@app/services/testing';
import { type Clock, SeededRandom } from '@app/time';
import { everyoneMay } from '../http/access.js';
import type { BoundServices } from '../services/bound-services.js';
import { ServiceLayer } from '../services/service-layer.js';

/** One process's: requests that are to share circuits and last answers are made over the same one. */
export function serviceLayerOver(fakes: FakeServices<Clock>, accessPolicy: AccessPolicy = everyoneMay): ServiceLayer {
  return new ServiceLayer({ services: fakes.services, zone: zoneId('zone-a'), accessPolicy, clock: fakes.clock, random: new SeededRandom(1) });
}

export interface TestCall {
  /** Of the request, from now; 300 by default. */
  readonly timeoutMs?: number;
  readonly session?: SessionToken;
  readonly level?: ConsistencyLevel;
}

/** A request that begins now. */
export function requestServices(fakes: FakeServices<Clock>, layer = serviceLayerOver(fakes), { timeoutMs = 300, session = SessionToken.EMPTY, level }: TestCall = {}): BoundServices {
  return layer.for({ context: fakes.context(timeoutMs), session, levels: level === undefined ? {} : { level } });
}
