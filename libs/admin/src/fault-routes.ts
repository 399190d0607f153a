/**
 * Faults of a process as admin calls, so that a drill or the console can harm it from outside, and undo it:
 *
 *     POST   /admin/faults        {"peer": "b1", "patternPrefix": "store.peer", "fault": "hold"}      on the wire
 *                                 {"peer": ["a1", "a2"], "fault": {"delayMs": 20, "jitterMs": 5, "loss": 0.02}}
 *                                 {"clockSkewMs": 3600000}                                            its wall clock is wrong
 *                                 {"disk": "full"}                                                    a store node's
 *                                 each with "leaseMs", if wanted                                      ->  {"id": "1"}
 *     GET    /admin/faults        those in force, each with its id
 *     PUT    /admin/faults/lease  {"ids": ["1"], "leaseMs": 5000}  ->  {"renewed": ["1"]}
 *     DELETE /admin/faults/{id}   lifts one; DELETE /admin/faults lifts all
 *
 * On the wire a fault is 'hold', 'drop', 'refuse' or a slow link; `peer` is a name, several, or '*'. @app/wire says what
 * each does, and that the first rule that fits decides. A fault with a lease lifts itself unless the lease is renewed, so
 * nothing stays broken when whoever broke it dies. Faults live in memory: none outlives the process. A process that was not
 * started with TRIPTYCH_FAULTS=on refuses all of this.
 */
import { z } from 'zod';
import { ID_PATTERN, TriptychError } from '@app/contracts';
import type { Cancel, Clock } from '@app/time';
import type { LinkFaults, LinkRule } from '@app/wire';
import type { AdminRoute } from './admin-server.js';

/** What of a process can be made to fail. */
export interface InjectableFaults {
  readonly links: LinkFaults;
  /** Its wall clock, where it has one that can be wrong. */
  readonly clock?: { wallSkewMs: number };
  /** Its disk, where it has one. */
  readonly disk?: { isFull: boolean };
}

export interface FaultLog {
  warn(details: object, message: string): void;
}

const DELAY_MAX_MS = 60_000;
const LEASE_MAX_MS = 600_000;
const SKEW_MAX_MS = 366 * 24 * 3_600_000;

const leaseMs = z.int().min(1).max(LEASE_MAX_MS);
const PEERS = 'the name of a process, or *, or several names';
const peerName = z.string().refine((peer) => peer === '*' || ID_PATTERN.test(peer), { error: PEERS });
const delayMs = z.number().min(1).max(DELAY_MAX_MS);
const slowLink = z
  .strictObject({ delayMs, jitterMs: z.number().min(0).max(DELAY_MAX_MS).optional(), loss: z.number().min(0).lt(1).optional() })
  .transform(({ delayMs: delay, jitterMs, loss }) => ({ delayMs: delay, ...(jitterMs !== undefined && { jitterMs }), ...(loss !== undefined && { loss }) }));

const LinkFaultBody = z
  .strictObject({
    peer: z.union([peerName, z.array(peerName).min(1).max(100)], { error: PEERS }),
    patternPrefix: z.string().min(1).max(64).optional(),
    fault: z.union([z.enum(['hold', 'drop', 'refuse']), slowLink], {
      error: `hold, drop, refuse or {"delayMs": 1 to ${DELAY_MAX_MS}, "jitterMs", "loss": 0 to 1}`,
    }),
    leaseMs: leaseMs.optional(),
  })
  .refine(({ fault, patternPrefix }) => fault !== 'refuse' || patternPrefix === undefined, {
    path: ['patternPrefix'],
    error: 'refuse is of whole connections and takes none',
  });
const ClockFaultBody = z.strictObject({ clockSkewMs: z.int().min(-SKEW_MAX_MS).max(SKEW_MAX_MS), leaseMs: leaseMs.optional() });
const DiskFaultBody = z.strictObject({ disk: z.literal('full'), leaseMs: leaseMs.optional() });
type FaultBody = z.infer<typeof LinkFaultBody> | z.infer<typeof ClockFaultBody> | z.infer<typeof DiskFaultBody>;

/** One of the three, judged as what its own field says that it is: a union would only say that none of them fits. */
const Fault: z.ZodType<FaultBody> = z.unknown().transform((body, context): FaultBody => {
  const isNamed = (field: string): boolean => typeof body === 'object' && body !== null && field in body;
  const schema: z.ZodType<FaultBody> = isNamed('clockSkewMs') ? ClockFaultBody : isNamed('disk') ? DiskFaultBody : LinkFaultBody;
  const read = schema.safeParse(body);
  if (read.success) return read.data;
  for (const { message, path } of read.error.issues) context.addIssue({ code: 'custom', message, path: [...path] });
  return z.NEVER;
});

const Renewal = z.strictObject({ ids: z.array(z.string()).max(1_000), leaseMs });

interface Injected {
  /** As it was asked for, without its lease. */
  readonly body: object;
  readonly lift: () => void;
  cancelLease?: Cancel;
}

/**
 * @param faults null where they are off
 * @param clock for leases
 */
export function faultRoutes(faults: InjectableFaults | null, log: FaultLog, clock: Clock): AdminRoute[] {
  const injected = new Map<string, Injected>();
  let count = 0;

  const add = ({ leaseMs: lease, ...body }: FaultBody): { id: string } => {
    const id = String(++count);
    const fault: Injected = { body, lift: inject(allowed(faults), body) };
    injected.set(id, fault);
    log.warn({ id, fault: body }, 'fault injected');
    if (lease !== undefined) renew(id, fault, lease);
    return { id };
  };
  const renew = (id: string, fault: Injected, lease: number): void => {
    fault.cancelLease?.();
    fault.cancelLease = clock.after(lease, () => void lift([id]));
  };
  const list = () => ({ faults: [...injected].map(([id, { body }]) => ({ id, ...body })) });
  const lift = (ids: readonly string[]): { lifted: readonly string[] } => {
    for (const id of ids) {
      const fault = injected.get(id);
      injected.delete(id);
      fault?.cancelLease?.();
      fault?.lift();
    }
    log.warn({ lifted: ids }, 'faults lifted');
    return { lifted: ids };
  };
  const liftOne = ({ id = '' }: Readonly<Record<string, string>>) => {
    if (injected.has(id)) return lift([id]);
    throw new TriptychError('ROUTE_UNKNOWN', 'no such fault is in force', { id });
  };
  const renewAll = ({ ids, leaseMs: lease }: z.infer<typeof Renewal>) => {
    const renewed = ids.filter((id) => injected.has(id));
    for (const id of renewed) renew(id, injected.get(id)!, lease);
    return { renewed };
  };

  const post: AdminRoute<FaultBody> = { method: 'POST', path: 'faults', body: Fault, handle: add };
  const put: AdminRoute<z.infer<typeof Renewal>> = { method: 'PUT', path: 'faults/lease', body: Renewal, handle: renewAll };
  const routes = [
    post,
    put,
    { method: 'GET', path: 'faults', handle: list },
    { method: 'DELETE', path: 'faults', handle: () => lift([...injected.keys()]) },
    { method: 'DELETE', path: 'faults/:id', handle: (_, parameters) => liftOne(parameters) },
  ] as AdminRoute[];
  return faults === null ? routes.map(({ method, path }) => ({ method, path, handle: () => allowed(faults) })) : routes;
}

/** @returns what undoes it @throws REQUEST_INVALID where the process has nothing of the kind */
function inject({ links, clock, disk }: InjectableFaults, body: FaultBody): () => void {
  if ('clockSkewMs' in body) {
    if (clock === undefined) throw new TriptychError('REQUEST_INVALID', 'this process has no clock that can be wrong');
    clock.wallSkewMs += body.clockSkewMs;
    return () => (clock.wallSkewMs -= body.clockSkewMs);
  }
  if ('disk' in body) {
    if (disk === undefined) throw new TriptychError('REQUEST_INVALID', 'this process has no disk');
    disk.isFull = true;
    return () => (disk.isFull = false);
  }
  const { peer, fault, patternPrefix } = body;
  const names = typeof peer === 'string' ? [peer] : peer;
  const lifts = names.map((name) => links.add({ peer: name, fault, ...(patternPrefix !== undefined && { patternPrefix }) } as LinkRule));
  return () => lifts.forEach((liftRule) => liftRule());
}

/** @throws ACCESS_DENIED */
function allowed(faults: InjectableFaults | null): InjectableFaults {
  if (faults !== null) return faults;
  throw new TriptychError('ACCESS_DENIED', 'faults are off in this process: it was not started with TRIPTYCH_FAULTS=on');
}
