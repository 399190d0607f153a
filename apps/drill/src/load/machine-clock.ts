/** The system's clock, with monotonic time counted from the same moment in every process of the machine: theirs can be compared. */
import { type Clock, systemClock } from '@app/time';

const offsetMs = Number(process.hrtime.bigint()) / 1e6 - performance.now();

export const machineClock: Clock = { ...systemClock, monotonicMs: () => performance.now() + offsetMs };
