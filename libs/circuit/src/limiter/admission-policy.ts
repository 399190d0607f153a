/** Presets of the limiter and its lines: plain data with units and reasons, to be overridden field by field. */
import type { AdmissionPolicy, LinePolicy } from './admission-queue.js';
import type { LimitPolicy } from './concurrency-limit.js';

/**
 * For the requests of one gateway, a mean of a few to some tens of milliseconds each. 100 ms are fine whatever the baseline is:
 * nobody notices them, and requests in company are cheaper (writes share a sync, messages a packet; a whole cluster on one core
 * served a fifth more with 96 in flight than with 48). Twice the baseline, as latencies of a mix vary by as much; a mean of 100
 * ms is a store that is full, whatever was measured. Never above 512, which at 1,000 requests a second is half a second; never
 * below 24: with fewer, three gateways leave a cluster on one core idle at times, and one that has just started, and is slow,
 * refuses what a page or two ask at once.
 */
export const gatewayLimit: LimitPolicy = Object.freeze({
  initial: 32,
  min: 24,
  max: 512,
  windowMs: 100,
  windowSamples: 10,
  tolerance: 2,
  toleratedMs: 100,
  smoothing: 0.2,
  baselineMaxMs: 100,
  measureEveryMs: 10_000,
  dropShare: 0.2,
});

/**
 * A quarter of a second takes up what a page or a restart sends at once; in a flood 50 ms keep the permits busy and the answers
 * early. Longer waits lose more than they win: with what a request takes when all permits are out they come near a device's
 * second, and devices that hang up come back with new connections, which cost more than requests. In
 * a line that stands eight are what a turn of the event loop can call in; more would be refused later, and for more.
 */
const line: LinePolicy = Object.freeze({ length: 256, standingLength: 8, burstWaitMs: 250, standingWaitMs: 50 });

export const gatewayAdmission: AdmissionPolicy = Object.freeze({
  limit: gatewayLimit,
  lines: Object.freeze({ write: line, read: line, prefetch: Object.freeze({ length: 32, standingLength: 4, burstWaitMs: 100, standingWaitMs: 25 }) }),
  lowerEvery: 10,
});
