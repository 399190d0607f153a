/**
 * Nest's server over the wire: `{ strategy: new WireTransport({...}) }`. Handlers are ordinary `@MessagePattern` methods
 * that return Observables, with pipes, guards, interceptors and filters; Nest's dispatch costs 15 to 25 us a message, so
 * the hottest handlers may be given to `handle`, beside it, under the same server.
 *
 * Nest's own TCP transport goes on with an Observable whose caller has left; here the subscription belongs to the call.
 */
import { type CustomTransportStrategy, Server, type MessageHandler, type WritePacket } from '@nestjs/microservices';
import { EMPTY, lastValueFrom, Observable, throwError, type Subscriber, type Subscription } from 'rxjs';
import type { WireAddress } from '../byte-channel.js';
import type { WireHandler } from '../server-session.js';
import { WireServer, type WireServerOptions } from '../wire-server.js';
import { WireContext } from './wire-context.js';

export interface WireTransportOptions extends WireServerOptions {
  readonly address: WireAddress;
  /** How long calls in flight may go on when Nest closes the application, ms. */
  readonly drainGraceMs: number;
}

/** Where `send` finds the caller: Nest's hooks pass the response function through untouched. */
interface Respond {
  (packet: WritePacket): void;
  readonly subscriber: Subscriber<unknown>;
}

export class WireTransport extends Server implements CustomTransportStrategy {
  override readonly transportId = Symbol('wire');
  readonly server: WireServer;
  #port: number | undefined;

  constructor(private readonly options: WireTransportOptions) {
    super();
    this.server = new WireServer(options);
    this.server.otherwise((pattern) => this.#nestHandler(pattern));
  }

  /** The port listened on, once `listen` has called back. */
  get port(): number | undefined {
    return this.#port;
  }

  /** A raw handler: no Nest dispatch, nothing but the call; `encode` as for WireServer.handle. */
  handle<Value>(pattern: string, handler: WireHandler<Value>, encode?: (value: Value) => unknown): this {
    this.server.handle(pattern, handler, encode);
    return this;
  }

  override listen(callback: (error?: unknown) => void): void {
    this.server.listen(this.options.address).subscribe({
      next: (port) => (this.#port = port),
      error: callback,
      complete: () => callback(),
    });
  }

  /** Drains, then ends. */
  override close(): Promise<void> {
    return lastValueFrom(this.server.drain(this.options.drainGraceMs), { defaultValue: undefined });
  }

  override on(): never {
    throw new Error('The wire has no events of its own; connections are reported through `report`.');
  }

  /** Patterns are names here: Nest's own look-up first takes each for JSON, and makes an error of it for every message. */
  override getHandlerByPattern(pattern: string): MessageHandler | null {
    return this.messageHandlers.get(pattern) ?? null;
  }

  override unwrap<T>(): T {
    return this.server as T;
  }

  /** Called by `handleRequest`: the caller subscribes, so that leaving tears the stream down; values are not queued. */
  override send(stream$: Observable<unknown>, respond: (packet: WritePacket) => void): Subscription {
    const { subscriber: caller } = respond as Respond;
    const subscription = stream$.subscribe({
      next: (value) => caller.next(value),
      error: (error) => caller.error(error),
      complete: () => caller.complete(),
    });
    caller.add(subscription);
    return subscription;
  }

  #nestHandler(pattern: string): WireHandler | undefined {
    const handler = this.getHandlerByPattern(pattern);
    if (handler === null) return undefined;
    return (payload, context, peer, demand) =>
      new Observable((caller) => {
        const wireContext = new WireContext([context, peer, demand, pattern]);
        if (handler.isEventHandler === true) this.#event(pattern, payload, wireContext, caller);
        else this.#request(handler, payload, wireContext, caller);
      });
  }

  /** Nest's hooks run around the handler. Both are promises, and the caller may have left before they are done. */
  #request(handler: MessageHandler, payload: unknown, context: WireContext, caller: Subscriber<unknown>): void {
    const produce = async (): Promise<Observable<unknown>> => {
      try {
        const stream$ = this.transformToObservable(await handler(payload, context)) as Observable<unknown>;
        return caller.closed ? EMPTY : stream$;
      } catch (error) {
        return throwError(() => error);
      }
    };
    this.handleRequest(context, produce, Object.assign(() => {}, { subscriber: caller }) satisfies Respond);
  }

  /** An event has no answer: it completes when its handler was started. */
  #event(pattern: string, payload: unknown, context: WireContext, caller: Subscriber<unknown>): void {
    this.handleEvent(pattern, { pattern, data: payload }, context).then(
      () => caller.complete(),
      (error: unknown) => caller.error(error),
    );
  }
}
