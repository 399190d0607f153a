/**
 * A plain round robin over the gateways, standing for the load balancer in front of them: each request goes to the next
 * gateway, and when that one refuses the connection, to the one after it, once.
 *
 * Chosen per request, not per connection, though passing bytes would cost less: a device keeps its connection open, so a
 * choice per connection would leave each device on one gateway and end with it. A request that was sent is never sent
 * again: whether its write happened is known to the gateway alone, and one write made twice is what the store's two
 * calls exist to prevent. Bodies are streamed, and none is read before there is a connection to write it to.
 */
import { Agent, createServer, request as httpRequest, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { ErrorCode } from '@app/contracts';

export interface GatewayAddress {
  readonly host: string;
  readonly port: number;
}

/** Longer than any gateway takes by its own deadlines, so it only ends a request to one that is paused or cut off. */
const ANSWER_TIMEOUT_MS = 5_000;

/** They speak of one connection, and are not handed on to another (RFC 9110, 7.6.1). `expect` was answered here. */
const CONNECTION_HEADERS = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'upgrade',
  'expect',
]);

/** @param answerTimeoutMs how long a connection to a gateway may be silent while a request waits for its answer */
export function createRoundRobin(gateways: readonly GatewayAddress[], answerTimeoutMs = ANSWER_TIMEOUT_MS): Server {
  const agent = new Agent({ keepAlive: true, timeout: answerTimeoutMs });
  let turn = 0;

  function forward(incoming: IncomingMessage, outgoing: ServerResponse, first: number, attempt: number): void {
    const gateway = gateways[(first + attempt) % gateways.length] as GatewayAddress;
    const upstream = httpRequest({
      agent,
      host: gateway.host,
      port: gateway.port,
      method: incoming.method,
      path: incoming.url,
      headers: requestHeadersOf(incoming),
    });
    const leave = () => upstream.destroy();
    outgoing.once('close', leave);
    let timedOut = false;
    upstream.on('timeout', () => {
      timedOut = true;
      upstream.destroy();
    });
    upstream.on('response', (answer) => {
      outgoing.writeHead(answer.statusCode as number, answer.statusMessage, endToEnd(answer.rawHeaders, answer.headers.connection, true));
      // A stream of events is silent for as long as nothing happens.
      if (answer.headers['content-type'] === 'text/event-stream') answer.socket.setTimeout(0);
      answer.on('error', () => outgoing.destroy());
      answer.pipe(outgoing);
    });
    upstream.on('error', (error: NodeJS.ErrnoException) => {
      outgoing.off('close', leave);
      if (outgoing.destroyed) return;
      if (outgoing.headersSent) outgoing.destroy();
      else if (error.code === 'ECONNREFUSED' && attempt === 0) forward(incoming, outgoing, first, 1);
      else if (error.code === 'ECONNREFUSED') refuse(outgoing, 503, 'WIRE_UNREACHABLE', 'two gateways refused the connection; nothing was sent');
      else if (timedOut) refuse(outgoing, 504, 'DEADLINE_EXCEEDED', `the gateway did not answer within ${answerTimeoutMs} ms; it may yet act`);
      else refuse(outgoing, 502, 'WIRE_CONNECTION_LOST', 'the gateway went away before it answered; it may have acted');
    });
    if (hasBody(incoming)) whenConnected(upstream, () => incoming.pipe(upstream));
    else upstream.end();
  }

  const server = createServer((incoming, outgoing) => {
    turn = (turn + 1) % gateways.length;
    forward(incoming, outgoing, turn, 0);
  });
  server.on('close', () => agent.destroy());
  return server;
}

function whenConnected(upstream: ReturnType<typeof httpRequest>, then: () => void): void {
  upstream.once('socket', (socket) => {
    if (socket.connecting) socket.once('connect', then);
    else then();
  });
}

const hasBody = ({ headers }: IncomingMessage) =>
  headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';

function requestHeadersOf(incoming: IncomingMessage): string[] {
  const headers = endToEnd(incoming.rawHeaders, incoming.headers.connection, false);
  // Node announces a body in chunks with these methods, unless told; curl -X PUT announces none.
  const bodyExpected = incoming.method === 'PUT' || incoming.method === 'POST' || incoming.method === 'PATCH';
  if (bodyExpected && !hasBody(incoming) && incoming.headers['content-length'] === undefined) headers.push('Content-Length', '0');
  return headers;
}

/** @param rawHeaders names and values in turn @param rechunked whether the sender decides anew how the body is framed */
function endToEnd(rawHeaders: readonly string[], connection: string | undefined, rechunked: boolean): string[] {
  const named = connection === undefined ? [] : connection.toLowerCase().split(/\s*,\s*/);
  const headers: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] as string).toLowerCase();
    if (CONNECTION_HEADERS.has(name) || named.includes(name) || (rechunked && name === 'transfer-encoding')) continue;
    headers.push(rawHeaders[index] as string, rawHeaders[index + 1] as string);
  }
  return headers;
}

/** problem+json, as the gateways' own refusals are. */
function refuse(outgoing: ServerResponse, status: number, code: ErrorCode, detail: string): void {
  // What is left of the request's body is not read, so the connection cannot serve another request.
  outgoing.writeHead(status, { 'Content-Type': 'application/problem+json', Connection: 'close' });
  outgoing.end(JSON.stringify({ type: `urn:triptych:error:${code}`, title: 'No gateway answered', status, detail, code }));
}
