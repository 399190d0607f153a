/** A device that listens to server-sent events: what it hears, and the list that it makes of it. For tests, end-to-end ones too. */
import { get, type IncomingMessage } from 'node:http';

export interface HeardEvent {
  readonly event: string;
  readonly data: any;
  /** Null where the event had none of its own; '' where it took the last one away. */
  readonly id: string | null;
  /** On this process's monotonic clock. */
  readonly atMs: number;
}

export class EventListener {
  readonly events: HeardEvent[] = [];
  comments = 0;
  retryMs: number | null = null;
  /** What it would send as Last-Event-ID. */
  lastId: string | undefined;
  status: number | null = null;
  contentType: string | undefined;
  /** Null while it goes on: 'end' in order, or 'cut'. */
  ending: 'end' | 'cut' | null = null;
  /** By film: as the events have told it. */
  readonly list = new Map<string, any>();
  #rest = '';
  readonly #request;
  #response: IncomingMessage | null = null;

  /** @param reads false: takes nothing out of its socket until `read` */
  constructor(url: string, { lastId, reads = true }: { lastId?: string | undefined; reads?: boolean } = {}) {
    this.lastId = lastId;
    this.#request = get(url, { agent: false, headers: lastId === undefined ? {} : { 'last-event-id': lastId } }, (response) => {
      this.#response = response;
      this.status = response.statusCode!;
      this.contentType = response.headers['content-type'];
      response.on('end', () => (this.ending ??= 'end'));
      response.on('error', () => (this.ending = 'cut'));
      response.on('aborted', () => (this.ending = 'cut'));
      if (reads) this.read();
      else response.pause();
    });
    this.#request.on('error', () => (this.ending ??= 'cut'));
  }

  read(): void {
    this.#response!.setEncoding('utf8').on('data', (text: string) => this.#hear(text));
    this.#response!.resume();
  }

  /** Hangs up. */
  leave(): void {
    this.#request.destroy();
  }

  /** "added film-1", in the order heard. */
  get heard(): string[] {
    return this.events.map(({ event, data }) => (event === 'list' ? `list ${data.items.map(({ filmId }: { filmId: string }) => filmId).join(' ')}`.trim() : `${event} ${data.filmId}`));
  }

  /** Names of the films in the order that their positions say. */
  get films(): string[] {
    const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
    return [...this.list.values()].sort((a, b) => compare(a.position, b.position) || compare(a.filmId, b.filmId)).map(({ filmId }) => filmId);
  }

  #hear(text: string): void {
    const blocks = (this.#rest + text).split('\n\n');
    this.#rest = blocks.pop()!;
    for (const block of blocks) this.#take(block);
  }

  #take(block: string): void {
    let [event, data, id]: [string, string, string | null] = ['message', '', null];
    for (const line of block.split('\n')) {
      const [, field = '', value = ''] = /^([^:]*):? ?(.*)$/.exec(line)!;
      if (field === '') this.comments++;
      else if (field === 'event') event = value;
      else if (field === 'data') data += value;
      else if (field === 'retry') this.retryMs = Number(value);
      else if (field === 'id') id = value;
    }
    if (id !== null) this.lastId = id === '' ? undefined : id;
    if (data === '') return;
    const heard: HeardEvent = { event, data: JSON.parse(data), id, atMs: performance.now() };
    this.events.push(heard);
    if (event === 'list') {
      this.list.clear();
      for (const item of heard.data.items) this.list.set(item.filmId, item);
    } else if (event === 'removed') this.list.delete(heard.data.filmId);
    else this.list.set(heard.data.filmId, heard.data);
  }
}
