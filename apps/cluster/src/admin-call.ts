/** A call to the admin port of one process of the cluster, with the token that opens it. */
import { readFileSync } from 'node:fs';
import type { ProcessRecord } from './cluster-file.js';
import { ClusterRefused } from './cluster-refused.js';

export interface AdminCall {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Below /admin/. */
  readonly path: string;
  readonly body?: object;
  readonly timeoutMs: number;
}

/** @throws ClusterRefused when the process refuses; another Error when it cannot be asked, or not in time */
export async function adminCall<T>(tokenFile: string, { adminPort, name }: ProcessRecord, { method, path, body, timeoutMs }: AdminCall): Promise<T> {
  const token = readFileSync(tokenFile, 'utf8').trim();
  const response = await fetch(`http://127.0.0.1:${adminPort}/admin/${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(timeoutMs),
  });
  const answer = (await response.json()) as T & { readonly detail?: string };
  if (response.ok) return answer;
  if (response.status < 500) throw new ClusterRefused(answer.detail ?? `${name} answered ${response.status}`);
  throw new Error(`${name} answered ${response.status}`);
}
