/** The HTTP port over node:http: one agent for each gateway, connections kept alive as devices keep theirs. */
import { Agent, request as httpRequest } from 'node:http';
import type { HttpPort, HttpRequest, HttpResult } from './http-port.js';

/** Connections to one gateway, a count: far beyond what an open loop needs while the system keeps up. */
const SOCKETS_MAX = 2_048;

export class NodeHttp implements HttpPort {
  readonly #agents: readonly Agent[];
  readonly #urls: readonly URL[];

  constructor(gateways: readonly string[]) {
    this.#urls = gateways.map((url) => new URL(url));
    this.#agents = gateways.map(() => new Agent({ keepAlive: true, maxSockets: SOCKETS_MAX, scheduling: 'lifo' }));
  }

  send(gateway: number, { method, path, headers, body }: HttpRequest, done: (result: HttpResult) => void): () => void {
    let isOver = false;
    const end = (result: HttpResult): void => {
      if (isOver) return;
      isOver = true;
      done(result);
    };
    const { hostname, port } = this.#urls[gateway]!;
    const length = body === undefined ? 0 : Buffer.byteLength(body);
    const outgoing = httpRequest({
      agent: this.#agents[gateway],
      hostname,
      port,
      method,
      path,
      headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }), ...(method !== 'GET' && { 'content-length': length }) },
    });
    outgoing.on('response', (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => end({ kind: 'answer', status: answer.statusCode!, headers: answer.headers as Record<string, string | undefined>, body: Buffer.concat(chunks).toString() }));
      answer.on('error', () => end({ kind: 'lost' }));
      answer.on('close', () => end({ kind: 'lost' }));
    });
    outgoing.on('error', (error: NodeJS.ErrnoException) => end({ kind: error.code === 'ECONNREFUSED' ? 'not-sent' : 'lost' }));
    outgoing.end(body);
    return () => {
      isOver = true;
      outgoing.destroy();
    };
  }

  close(): void {
    for (const agent of this.#agents) agent.destroy();
  }
}
