import type { CallContext } from '@app/contracts';

/** The context of a call that is in no hurry, but for what a test says of it. */
export const callContext = (change: Partial<CallContext> = {}): CallContext => ({
  deadlineMs: Infinity,
  traceId: 'trace',
  priority: 'read',
  principal: { kind: 'device', name: 'ann' },
  ...change,
});
