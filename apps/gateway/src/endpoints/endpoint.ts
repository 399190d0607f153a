/**
 * An endpoint of composed services, as a team writes it: what comes in, what goes out, how long it may take, and a pure function
 * from services to an Observable. `defineEndpoint` checks it, endpoints.ts lists it, and endpoint-controller.ts makes the
 * Nest controller of it, so that it has the pipes, the filter, the documentation and the cancellation that all routes have.
 *
 * It asks and never writes: a write has a session, a retry token and one row, which are the business of a controller of its own.
 * docs/ENDPOINTS.md is the guide.
 */
import type { Observable } from 'rxjs';
import type { z } from 'zod';
import { assert } from '@app/contracts';
import type { RequestServices } from '../services/request-services.js';

/** Zod schemas, strict ones: they validate, type and document. What is left out the endpoint does not take. */
export interface EndpointInputs {
  readonly path?: z.ZodObject;
  readonly query?: z.ZodObject;
  /** Of a POST. */
  readonly body?: z.ZodType;
}

/** The inputs as they come out of their schemas. */
export type InputsOf<I extends EndpointInputs> = { readonly [K in keyof I]: I[K] extends z.ZodType ? z.output<I[K]> : never };

export interface Endpoint<I extends EndpointInputs = EndpointInputs, O = unknown> {
  /** POST for a question that is too long for a URL; it changes nothing either. */
  readonly method: 'GET' | 'POST';
  /** Without a leading slash, its parameters those of `inputs.path`: `v1/users/:userId/home`. */
  readonly path: string;
  /** Under which heading it is documented. */
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly inputs: I;
  readonly output: z.ZodType<O>;
  /** From the request's beginning to its answer, ms; a device may ask for less. Past it, the answer is 504. */
  readonly deadlineMs: number;
  /** Statuses it refuses with, beside those of all: 400, 403, 503, 504. */
  readonly refusals?: readonly number[];
  /**
   * Cold, one value and completion. Pure: all it knows comes in as an argument, so that a test plays it in virtual time.
   * @param services bound to this request
   */
  respond(services: RequestServices, inputs: InputsOf<I>): Observable<O>;
}

/** @throws InvariantViolation where the definition contradicts itself: a mistake in the program, found when it starts */
export function defineEndpoint<const I extends EndpointInputs, O>(endpoint: Endpoint<I, O>): Endpoint<I, O> {
  const { method, path, inputs, deadlineMs } = endpoint;
  const named = path.split('/').filter((part) => part.startsWith(':')).map((part) => part.slice(1));
  const taken = Object.keys(inputs.path?.shape ?? {});
  assert(!path.startsWith('/'), `the path of an endpoint has no leading slash: ${path}`);
  assert(named.toSorted().join() === taken.toSorted().join(), `${path} has the parameters ${named.join()}, and its schema ${taken.join()}`);
  assert(method === 'POST' || inputs.body === undefined, `${method} ${path} takes no body`);
  assert(deadlineMs > 0 && deadlineMs <= 60_000, `the deadline of ${path} is in (0, 60,000] ms, is ${deadlineMs}`);
  return endpoint;
}
