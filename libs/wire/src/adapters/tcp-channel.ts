/**
 * The wire's network over TCP: the only file that touches sockets. Small writes are never held back by the kernel
 * (noDelay): the wire gathers its own, once per turn of the event loop. TLS comes in through `SocketFactory`.
 */
import { connect as connectSocket, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { ByteChannel, ChannelEvents, WireAddress, WireListener, WireNetwork } from '../byte-channel.js';

/** How long a closing connection may go on sending what was handed over, ms: a stopped peer never takes it. */
const LINGER_MS = 1000;

/** Makes sockets; the plain ones here, or those of node:tls with their own options. */
export interface SocketFactory {
  /** `opened` is called once, when bytes may be sent (for TLS: when the peer is authenticated). */
  connect(address: WireAddress, opened: () => void): Socket;
  listen(accept: (socket: Socket) => void): Server;
}

export const plainSockets: SocketFactory = {
  connect: ({ host, port }, opened) => connectSocket({ host, port, noDelay: true }, opened),
  listen: (accept) => createServer({ noDelay: true }, accept),
};

export function tcpNetwork(sockets: SocketFactory = plainSockets): WireNetwork {
  return {
    connect(address, events) {
      const socket = sockets.connect(address, () => events.opened());
      return new TcpChannel(socket, events);
    },
    listen(address, accept, settled) {
      const server = sockets.listen((socket) => new TcpChannel(socket, accept));
      return listening(server, address, settled);
    },
    defer: afterThisTurn(),
  };
}

/** Tasks of one turn of the event loop run one after another at its end: one immediate for all of them. */
function afterThisTurn(): WireNetwork['defer'] {
  let tasks: (() => void)[] = [];
  const run = (): void => {
    const due = tasks;
    tasks = [];
    for (const task of due) task();
  };
  return (task) => {
    if (tasks.push(task) === 1) setImmediate(run);
  };
}

class TcpChannel implements ByteChannel {
  readonly #socket: Socket;

  constructor(socket: Socket, owner: ChannelEvents | ((channel: ByteChannel, remote: string) => ChannelEvents)) {
    this.#socket = socket;
    const events = typeof owner === 'function' ? owner(this, `${socket.remoteAddress}:${socket.remotePort}`) : owner;
    let failure: Error | undefined;
    socket.on('data', (bytes: Buffer) => events.received(bytes));
    socket.on('error', (error) => (failure = error));
    socket.on('close', () => events.closed(failure));
  }

  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  send(bytes: Uint8Array): void {
    if (this.#socket.writable) this.#socket.write(bytes);
  }

  end(): void {
    const socket = this.#socket;
    socket.end();
    const linger = setTimeout(() => socket.destroy(), LINGER_MS);
    linger.unref();
    socket.once('close', () => clearTimeout(linger));
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

function listening(server: Server, address: WireAddress, settled: (error: Error | undefined, port: number) => void): WireListener {
  const failed = (error: Error) => settled(error, 0);
  server.once('error', failed);
  server.listen(address, () => {
    server.off('error', failed);
    settled(undefined, (server.address() as AddressInfo).port);
  });
  return { close: () => void server.close() };
}
