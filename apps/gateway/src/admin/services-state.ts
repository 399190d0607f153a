/** What an administrator sees of the service layer: each circuit, what retries and hedges add, what collapsing saves. */
import type { AdminRoute } from '@app/admin';
import type { ServiceLayer } from '../services/service-layer.js';

export function servicesState(services: ServiceLayer): AdminRoute {
  return { method: 'GET', path: 'services', handle: () => services.statistics() };
}
