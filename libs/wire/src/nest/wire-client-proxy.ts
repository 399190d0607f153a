/**
 * A WireClient in Nest's clothes, for who injects a ClientProxy. `send(pattern, new WireRecord(payload, context))`; a bare
 * payload gets the context given in the options. Hot paths take the WireClient itself (`unwrap`), which costs about half.
 */
import type { CallContext } from '@app/contracts';
import { ClientProxy, type ReadPacket, type WritePacket } from '@nestjs/microservices';
import { filter, firstValueFrom, ignoreElements, lastValueFrom } from 'rxjs';
import { WireClient, type WireClientOptions } from '../wire-client.js';

/** A payload with the context of the call that it belongs to. */
export class WireRecord {
  constructor(
    readonly payload: unknown,
    readonly context: CallContext,
  ) {}
}

export interface WireClientProxyOptions extends WireClientOptions {
  /** Context of a call that brings none: who calls, and until when. */
  readonly defaultContext: () => CallContext;
}

export class WireClientProxy extends ClientProxy {
  readonly client: WireClient;

  constructor(private readonly options: WireClientProxyOptions) {
    super();
    this.client = new WireClient(options);
  }

  /** Resolves when there is a connection or none can be had now: the call itself says which. */
  override async connect(): Promise<void> {
    if (this.client.isConnected) return;
    this.client.connect();
    await firstValueFrom(this.client.state$.pipe(filter(({ kind }) => kind !== 'connecting')));
  }

  override close(): void {
    this.client.close();
  }

  override unwrap<T>(): T {
    return this.client as T;
  }

  protected override publish(packet: ReadPacket, callback: (packet: WritePacket) => void): () => void {
    const subscription = this.#call(packet).subscribe({
      next: (response) => callback({ response }),
      error: (err: unknown) => callback({ err }),
      complete: () => callback({ isDisposed: true }),
    });
    return () => subscription.unsubscribe();
  }

  /** Nest's `emit`: resolves when the peer has taken the event, not when it was sent. */
  protected override async dispatchEvent<T = unknown>(packet: ReadPacket): Promise<T> {
    return lastValueFrom(this.#call(packet).pipe(ignoreElements()), { defaultValue: undefined as T });
  }

  #call({ pattern, data }: ReadPacket) {
    const { payload, context } = data instanceof WireRecord ? data : { payload: data as unknown, context: this.options.defaultContext() };
    return this.client.call(this.normalizePattern(pattern as string), payload, context);
  }
}
