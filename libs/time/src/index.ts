export type { Cancel, Clock } from './clock.js';
export type { Random } from './random.js';
export { SeededRandom } from './seeded-random.js';
export { SimClock } from './sim-clock.js';
export { SkewedClock } from './skewed-clock.js';
export { systemClock } from './system-clock.js';
export { systemRandom } from './system-random.js';
