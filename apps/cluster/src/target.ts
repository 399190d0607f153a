/** What a command acts on: the processes of a zone, of a role, or one by its name. */
import type { PlannedProcess } from './cluster-plan.js';
import { ClusterRefused } from './cluster-refused.js';

/** @throws ClusterRefused naming what there is, when nothing bears that name */
export function processesOf<T extends Pick<PlannedProcess, 'name' | 'role' | 'zone'>>(target: string, all: readonly T[]): T[] {
  const found = all.filter(({ name, role, zone }) => target === name || target === role || target === zone);
  if (found.length > 0) return found;
  const targets = new Set<string>();
  for (const { zone } of all) if (zone !== null) targets.add(zone);
  for (const { role } of all) targets.add(role);
  for (const { name } of all) targets.add(name);
  throw new ClusterRefused(`there is no ${JSON.stringify(target)} here: choose one of ${[...targets].join(', ')}`);
}
