/** One write to a list, made as a device of the zone would make it: by HTTP, at the zone's gateway. */
import type { WriteAnswer } from '@app/contracts';

/** Longer than a gateway takes by its own deadline. */
const ANSWER_TIMEOUT_MS = 4_000;

/** @param gateway its URL */
export async function writeFavorite(gateway: string, method: 'PUT' | 'DELETE', user: string, film: string): Promise<WriteAnswer> {
  const beganMs = performance.now();
  const url = `${gateway}/v1/users/${encodeURIComponent(user)}/favorites/${encodeURIComponent(film)}`;
  try {
    const response = await fetch(url, { method, signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
    const text = await response.text();
    return {
      status: response.status,
      tookMs: performance.now() - beganMs,
      achieved: inShort(response.headers.get('consistency-achieved')),
      problem: response.ok ? null : detailOf(text),
    };
  } catch (error) {
    const { name, cause, message } = error as Error;
    const problem = name === 'TimeoutError' ? 'the gateway did not answer' : (cause as Error | undefined)?.message || message;
    return { status: null, tookMs: performance.now() - beganMs, achieved: null, problem };
  }
}

/** Of a Consistency-Achieved header what a person looks for: the level, how many replicas, where, and what was out of the ordinary. */
export function inShort(header: string | null): string | null {
  if (header === null) return null;
  const [level = '', ...more] = header.split(';').map((part) => part.trim());
  const said = new Map(more.map((part) => part.split('=') as [string, string]));
  const flags = [...said].flatMap(([name, value]) => (value === 'yes' ? [`, ${name}`] : [])).join('');
  return `${level}, ${said.get('replicas')} replicas in ${said.get('zones')?.split(',').sort().join(', ')}${flags}`;
}

function detailOf(body: string): string {
  try {
    const { code, detail } = JSON.parse(body) as { code?: string; detail?: string };
    return [code, detail].filter(Boolean).join(': ');
  } catch {
    return body.slice(0, 200);
  }
}
