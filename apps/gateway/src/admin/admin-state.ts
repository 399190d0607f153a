/** What an administrator sees of a gateway: what it is, whether it serves, what it has served, what it knows of the store. */
import type { AdminRoute } from '@app/admin';
import type { GatewayPorts } from '../gateway-ports.js';
import type { Admission } from '../http/admission.js';
import type { Drain } from '../http/drain.js';
import type { RequestCounters } from './request-counters.js';

export function adminState({ gatewayId, zone, obstacle, storeState }: GatewayPorts, drain: Drain, counters: RequestCounters, admission: Admission): AdminRoute {
  return {
    method: 'GET',
    path: 'state',
    handle: () => ({
      gateway: gatewayId,
      zone,
      draining: drain.begun,
      obstacle: obstacle()?.code ?? null,
      requests: counters.counts(),
      latencies: counters.latencies(),
      admission: admission.state(),
      store: storeState(),
    }),
  };
}
