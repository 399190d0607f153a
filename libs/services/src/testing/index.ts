/** The test kit for teams: fake services, virtual time, pictures. fake-services.ts shows its use. */
export { type CallCount, FakeServices, type Outcome, type Target, type When } from './fake-services.js';
export { aFilm, catalogWrites } from './catalog-writes.js';
export { failingByCode, marbles, type ServiceMarbles } from './marbles.js';
export { loadFilms, memoryServices, type MemoryServices, servicesOver } from './memory-services.js';
