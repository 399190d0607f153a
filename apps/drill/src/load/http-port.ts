/** HTTP as devices see it: one request, and what became of it. load/node-http.ts fills it, tests with scripts. */
import type { Cancel } from '@app/time';

export interface HttpRequest {
  readonly method: 'GET' | 'PUT' | 'DELETE' | 'PATCH';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON text. */
  readonly body?: string;
}

export type HttpResult =
  | { readonly kind: 'answer'; readonly status: number; readonly headers: Readonly<Record<string, string | undefined>>; readonly body: string }
  /** The connection was refused: nobody has it. */
  | { readonly kind: 'not-sent' }
  /** It may have arrived. */
  | { readonly kind: 'lost' };

export interface HttpPort {
  /**
   * @param gateway index in the plan's gateways
   * @param done called once, never within this call, and not after the answer was called off
   */
  send(gateway: number, request: HttpRequest, done: (result: HttpResult) => void): Cancel;
}
