/** Gateways as a script over a virtual clock: each request is answered by what the script says of it, after a while, or never. */
import type { Cancel, SimClock } from '@app/time';
import type { HttpPort, HttpRequest, HttpResult } from '../load/http-port.js';

export type Scripted = { readonly afterMs: number; readonly result: HttpResult } | 'never';

export interface SentRequest {
  readonly gateway: number;
  readonly request: HttpRequest;
  readonly atMs: number;
  isCancelled: boolean;
}

export class ScriptedHttp implements HttpPort {
  readonly sent: SentRequest[] = [];

  constructor(
    private readonly clock: SimClock,
    public script: (gateway: number, request: HttpRequest, atMs: number) => Scripted,
  ) {}

  send(gateway: number, request: HttpRequest, done: (result: HttpResult) => void): Cancel {
    const sent: SentRequest = { gateway, request, atMs: this.clock.monotonicMs(), isCancelled: false };
    this.sent.push(sent);
    const answer = this.script(gateway, request, sent.atMs);
    const cancel = answer === 'never' ? (): void => {} : this.clock.after(answer.afterMs, () => done(answer.result));
    return () => {
      sent.isCancelled = true;
      cancel();
    };
  }
}

export const answer = (status: number, { headers = {}, body = '{}', afterMs = 2 }: { headers?: Record<string, string>; body?: string; afterMs?: number } = {}): Scripted => ({
  afterMs,
  result: { kind: 'answer', status, headers, body },
});
export const problem = (status: number, code: string, headers: Record<string, string> = {}): Scripted => answer(status, { headers, body: JSON.stringify({ code }) });
export const list = (...films: string[]): Scripted => answer(200, { body: JSON.stringify({ items: films.map((filmId) => ({ filmId })), nextCursor: null }) });
export const refused: Scripted = { afterMs: 1, result: { kind: 'not-sent' } };
export const lost: Scripted = { afterMs: 1, result: { kind: 'lost' } };
