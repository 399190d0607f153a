/** The policy in use: everyone may do everything. main.ts says so in the log when a gateway starts. */
import { type AccessPolicy, type CallContext, type RowKey, TriptychError } from '@app/contracts';

export const everyoneMay: AccessPolicy = { mayAccess: () => true };

/** Asked before every call to the store. @throws ACCESS_DENIED */
export function demandAccess(policy: AccessPolicy, action: 'read' | 'write', { table, row }: RowKey, { principal }: CallContext): void {
  if (policy.mayAccess(principal, action, table, row)) return;
  throw new TriptychError('ACCESS_DENIED', `${principal.name} may not ${action} this`, { principal: principal.name, action });
}
