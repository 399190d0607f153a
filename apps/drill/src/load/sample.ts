/** What the generator measured, as it goes to whoever judges it: plain data. Times are of the machine's monotonic clock, ms. */
import type { Level } from '@app/history';

export type OperationKind = 'add' | 'remove' | 'move' | 'list' | 'home';
/** `roaming`: fails over to another zone by itself. `zone`: stays with the gateway of its zone. */
export type DeviceKind = 'roaming' | 'zone';

/** One operation of a device, from when it was due to its last answer. */
export interface Sample {
  readonly kind: OperationKind;
  readonly device: DeviceKind;
  /** Of a zone client its zone, of a roaming device the one that it asked first; an index in the plan's gateways. */
  readonly zone: number;
  readonly dueMs: number;
  readonly endMs: number;
  readonly ok: boolean;
  /** Requests that were sent for it, or tried to be. */
  readonly attempts: number;
  /** Of the last answer; null where there was none. */
  readonly status: number | null;
  readonly code: string | null;
  /** The answer names parts that could not be had. */
  readonly degraded: boolean;
  /** Level asked for, and the fallback that was allowed: "QUORUM, ONE". */
  readonly level: string;
  /** What became of each attempt, in order; of operations that failed or took long alone, since nobody asks of the others. */
  readonly trail?: readonly Attempted[];
}

/** One request of an operation. */
export interface Attempted {
  /** An index in the plan's gateways. */
  readonly gateway: number;
  readonly sentMs: number;
  /** "200", "503 STORE_QUORUM_UNAVAILABLE", "not sent", "connection lost"; null where nothing came until the operation was over. */
  readonly said: string | null;
  readonly endMs: number;
}

/** Above it an operation keeps its trail, ms. */
export const TRAIL_FROM_MS = 200;

/** What an answer says that it rests on, beside what was asked. */
export interface ClaimedAnswer {
  readonly kind: OperationKind;
  readonly asked: Level;
  readonly fallback: Level | null;
  readonly sentMs: number;
  readonly endMs: number;
  readonly gateway: number;
  readonly servedBy: string;
  readonly achieved: string;
}
