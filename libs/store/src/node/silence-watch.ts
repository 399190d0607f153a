/**
 * Looks, while a request waits for replicas, whether some of those have fallen silent (core/snitch/silence.ts): a coordinator that
 * is cut off must say so while its caller can still turn elsewhere, and the failure detector's verdict takes seconds.
 *
 * A look that comes late found this process standing still: what was sent to it meanwhile may lie unread, so it judges nobody.
 */
import type { NodeId } from '@app/contracts';
import type { Cancel, Clock } from '@app/time';
import { STOOD_STILL_MS } from '../core/snitch/silence.js';

export interface SilenceWatchPorts {
  readonly clock: Clock;
  readonly isSilent: (node: NodeId) => boolean;
  /** A request waits for it: it is asked for a sign of life, unless there was one just now. */
  readonly doubted: (node: NodeId) => void;
  /** This process stood still for so long, ms. */
  readonly stoodStill: (lateMs: number) => void;
}

/** Well above what nearly all answers take, ms: most requests are never looked at. Not so that a look comes just before somebody is silent. */
const FIRST_LOOK_MS = 42;
const LOOK_EVERY_MS = 20;

/** @param waitedFor whom to look at, at each look @param onSilent called again at each look while it lasts */
export function watchSilence({ clock, isSilent, doubted, stoodStill }: SilenceWatchPorts, waitedFor: () => readonly NodeId[], onSilent: (node: NodeId) => void): Cancel {
  let cancel: Cancel = () => {};
  const lookIn = (delayMs: number): void => {
    const dueMs = clock.monotonicMs() + delayMs;
    cancel = clock.after(delayMs, () => {
      const lateMs = clock.monotonicMs() - dueMs;
      // Before anybody is told, since that may end the watch.
      lookIn(LOOK_EVERY_MS);
      if (lateMs >= STOOD_STILL_MS) return stoodStill(lateMs);
      for (const node of waitedFor()) {
        doubted(node);
        if (isSilent(node)) onSilent(node);
      }
    });
  };
  lookIn(FIRST_LOOK_MS);
  return () => cancel();
}
