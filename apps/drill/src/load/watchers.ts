/**
 * Listeners that follow a list by server-sent events, as a second screen does, and count what reaches them: how long after an add
 * was acknowledged it came, and how often a connection had to be made anew.
 */
import { get, type ClientRequest, type IncomingMessage } from 'node:http';

export interface WatcherFigures {
  readonly listeners: number;
  readonly events: number;
  readonly reconnects: number;
}

const RETRY_MS = 250;

export class Watchers {
  #events = 0;
  #reconnects = 0;
  #isOver = false;
  readonly #requests = new Set<ClientRequest>();

  constructor(private readonly urls: readonly string[]) {}

  start(): void {
    for (const url of this.urls) this.#watch(url);
  }

  stop(): WatcherFigures {
    this.#isOver = true;
    for (const request of this.#requests) request.destroy();
    return { listeners: this.urls.length, events: this.#events, reconnects: this.#reconnects };
  }

  #watch(url: string, lastEventId?: string): void {
    if (this.#isOver) return;
    let last = lastEventId;
    let isEnded = false;
    const again = (): void => {
      if (isEnded) return;
      isEnded = true;
      this.#requests.delete(request);
      if (this.#isOver) return;
      this.#reconnects++;
      setTimeout(() => this.#watch(url, last), RETRY_MS);
    };
    const read = (response: IncomingMessage): void => {
      if (response.statusCode !== 200) {
        response.resume();
        response.on('end', again);
        return;
      }
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        for (const [, id] of text.matchAll(/^id: ?(.+)$/gm)) last = id;
        this.#events += text.match(/^data:/gm)?.length ?? 0;
      });
      response.on('close', again);
      response.on('error', again);
    };
    const request = get(url, { agent: false, headers: { accept: 'text/event-stream', ...(last !== undefined && { 'last-event-id': last }) } }, read);
    request.on('error', again);
    this.#requests.add(request);
  }
}
