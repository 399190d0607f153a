/**
 * What travels with every call, from the device's request to the last replica, as an explicit argument: ambient context
 * is lost through Observables, timers and filters.
 */
export interface CallContext {
  /**
   * When the caller stops waiting, on this process's own monotonic clock (ms). On the wire it is the time left, never an
   * absolute time, because clocks of two machines disagree.
   */
  readonly deadlineMs: number;
  /** Names one device request in every log line it causes; 1 to 64 characters of A-Z a-z 0-9 . _ ~ - */
  readonly traceId: string;
  readonly priority: Priority;
  readonly principal: Principal;
}

/** Under overload, what is served first. */
export type Priority = 'write' | 'read' | 'prefetch' | 'background';

/** On whose behalf a call is made. A device acts for a user; `service` is one of our own processes. */
export interface Principal {
  readonly kind: 'device' | 'service' | 'admin';
  /** Who, in the words of whatever authenticated the caller; 'anonymous' while nothing does. */
  readonly name: string;
}

/** Who may do what. The only policy so far lets everyone do everything, and says so when a process starts. */
export interface AccessPolicy {
  mayAccess(principal: Principal, action: 'read' | 'write', table: string, row: string): boolean;
}
