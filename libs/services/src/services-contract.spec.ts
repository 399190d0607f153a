/** One suite, four ways to have the services: no caller can tell which. */
import { servicesContract } from './testing/services-contract.js';
import { servicesAtADistance, servicesInMemory, servicesOverCluster } from './testing/simulated-services.js';

servicesContract('in memory', (films) => servicesInMemory(films));
servicesContract('over the replicated store', (films) => servicesOverCluster(films));
servicesContract('in another process', (films) => servicesAtADistance(servicesInMemory(films)));
servicesContract('in another process, over the replicated store', (films) => servicesAtADistance(servicesOverCluster(films)));
