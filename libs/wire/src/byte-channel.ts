/**
 * The network as the wire's session logic sees it: ordered bytes both ways, until it closes. Sessions know nothing of
 * sockets, so the same code runs over TCP (adapters/tcp-channel.ts) and in virtual time (testing/sim-wire-network.ts). A message
 * port was refused: framing, splitting and what was handed over before a death are exactly what must be tested.
 */
export interface WireAddress {
  readonly host: string;
  readonly port: number;
}

export interface ByteChannel {
  /** Hands bytes over for sending, in order. The bytes belong to the channel from now on. Ignored once closed. */
  send(bytes: Uint8Array): void;
  /** Bytes handed over that the peer's machine has not yet taken. */
  readonly unsentBytes: number;
  /** Sends what was handed over, then closes. */
  end(): void;
  /** Closes at once; what was not sent yet is lost. */
  destroy(): void;
}

/** What a channel tells its owner. Never called from within a call of the owner to the channel. */
export interface ChannelEvents {
  /** Once, for a channel made by `connect`: bytes may be sent. */
  opened(): void;
  /** The next bytes, cut anywhere. They are not written to again, so views of them may be kept. */
  received(bytes: Uint8Array): void;
  /** Once, and the last of all; before `opened` when the peer could not be reached. */
  closed(error?: Error): void;
}

export interface WireNetwork {
  connect(address: WireAddress, events: ChannelEvents): ByteChannel;
  /**
   * Listens; port 0 takes a free one. `accept` is called with each new channel and answers who will hear of it.
   * `settled` is called once, with the port, or with the error that kept it from listening.
   */
  listen(
    address: WireAddress,
    accept: (channel: ByteChannel, remote: string) => ChannelEvents,
    settled: (error: Error | undefined, port: number) => void,
  ): WireListener;
  /** Runs `task` soon, once what is happening now has been dealt with: writes of one tick are sent together. */
  defer(task: () => void): void;
}

export interface WireListener {
  /** Takes no further connections; those that are there live on. */
  close(): void;
}
