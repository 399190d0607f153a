/**
 * Faults on the wire as admin calls, so that a drill can harm a process from outside, and undo it:
 *
 *     POST   /admin/faults        {"peer": "b1", "patternPrefix": "store.peer", "fault": "hold"}  ->  {"id": "1"}
 *     GET    /admin/faults        the rules in force
 *     DELETE /admin/faults/{id}   lifts one; DELETE /admin/faults lifts all
 *
 * A fault is 'hold', 'drop', 'refuse' or {"delayMs": n}; `peer` is a name or '*'. @app/wire says what each does, and that
 * the first rule that fits decides. Rules live in memory, so nothing of them outlives the process. A process that was not
 * started with TRIPTYCH_FAULTS=on refuses all of this.
 */
import { z } from 'zod';
import type { AdminRoute } from '@app/admin';
import { ID_PATTERN, TriptychError } from '@app/contracts';
import type { LinkFaults, LinkRule } from '@app/wire';
import type { Logger } from 'pino';

const DELAY_MAX_MS = 60_000;

const Rule = z
  .strictObject({
    peer: z.string().refine((peer) => peer === '*' || ID_PATTERN.test(peer), { error: 'the name of a process, or *' }),
    patternPrefix: z.string().min(1).max(64).optional(),
    fault: z.union([z.enum(['hold', 'drop', 'refuse']), z.strictObject({ delayMs: z.int().min(1).max(DELAY_MAX_MS) })], {
      error: `hold, drop, refuse or {"delayMs": 1 to ${DELAY_MAX_MS}}`,
    }),
  })
  .refine(({ fault, patternPrefix }) => fault !== 'refuse' || patternPrefix === undefined, {
    path: ['patternPrefix'],
    error: 'refuse is of whole connections and takes none',
  })
  .transform(({ peer, fault, patternPrefix }): LinkRule => ({ peer, fault, ...(patternPrefix !== undefined && { patternPrefix }) }));

interface Injected {
  readonly rule: LinkRule;
  lift(): void;
}

/** @param faults null where they are off */
export function faultRoutes(faults: LinkFaults | null, log: Logger): AdminRoute[] {
  const injected = new Map<string, Injected>();
  let count = 0;

  const add = (rule: LinkRule): { id: string } => {
    const id = String(++count);
    injected.set(id, { rule, lift: allowed(faults).add(rule) });
    log.warn({ id, rule }, 'fault injected');
    return { id };
  };
  const list = () => ({ faults: [...injected].map(([id, { rule }]) => ({ id, ...rule })) });
  const lift = (ids: readonly string[]): { lifted: readonly string[] } => {
    for (const id of ids) {
      injected.get(id)?.lift();
      injected.delete(id);
    }
    log.warn({ lifted: ids }, 'faults lifted');
    return { lifted: ids };
  };
  const liftOne = ({ id = '' }: Readonly<Record<string, string>>) => {
    if (injected.has(id)) return lift([id]);
    throw new TriptychError('ROUTE_UNKNOWN', 'no such fault is in force', { id });
  };

  const post: AdminRoute<LinkRule> = { method: 'POST', path: 'faults', body: Rule, handle: add };
  const routes: AdminRoute[] = [
    post,
    { method: 'GET', path: 'faults', handle: list },
    { method: 'DELETE', path: 'faults', handle: () => lift([...injected.keys()]) },
    { method: 'DELETE', path: 'faults/:id', handle: (_, parameters) => liftOne(parameters) },
  ];
  return faults === null ? routes.map(({ method, path }) => ({ method, path, handle: () => allowed(faults) })) : routes;
}

/** @throws ACCESS_DENIED */
function allowed(faults: LinkFaults | null): LinkFaults {
  if (faults !== null) return faults;
  throw new TriptychError('ACCESS_DENIED', 'faults are off in this process: it was not started with TRIPTYCH_FAULTS=on');
}
