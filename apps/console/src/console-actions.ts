/** What a person can do from the page. Each answers with one line that says what became of it. */
import type { ActionAnswer, WriteAnswer, ZoneAction } from '@app/contracts';
import { milliseconds } from './quantities.js';

export interface ConsoleActions {
  harm(zone: string, action: ZoneAction): void;
  write(method: 'PUT' | 'DELETE', zone: string, user: string, film: string): void;
  watch(user: string): void;
}

async function call<T>(token: string, method: string, url: string): Promise<T> {
  const response = await fetch(url, { method, headers: { authorization: `Bearer ${token}` } });
  const answer = (await response.json()) as T & { readonly detail?: string };
  if (!response.ok) throw new Error(answer.detail ?? `the console answered ${response.status}`);
  return answer;
}

export async function actOnZone(token: string, zone: string, action: ZoneAction): Promise<string> {
  const { done, text } = await call<ActionAnswer>(token, 'POST', `/console/zones/${encodeURIComponent(zone)}/${action}`);
  return done ? text : `${action} ${zone} failed: ${text}`;
}

export async function writeFavorite(token: string, method: 'PUT' | 'DELETE', zone: string, user: string, film: string): Promise<string> {
  const url = `/console/zones/${encodeURIComponent(zone)}/users/${encodeURIComponent(user)}/favorites/${encodeURIComponent(film)}`;
  return writeSaid(method, zone, film, await call<WriteAnswer>(token, method, url));
}

export function writeSaid(method: 'PUT' | 'DELETE', zone: string, film: string, { status, tookMs, achieved, problem }: WriteAnswer): string {
  const what = method === 'PUT' ? `Adding ${film}` : `Removing ${film}`;
  const took = `${what} through ${zone} took ${milliseconds(tookMs)}`;
  if (problem !== null) return `${took} and failed: ${status === null ? '' : `${status} `}${problem}`;
  return achieved === null ? `${took}.` : `${took}: ${achieved}.`;
}
