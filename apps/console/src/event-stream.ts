/**
 * Server-sent events over fetch. The browser's own EventSource was refused: it sends no header, so the token would have to
 * stand in the URL, and from there in logs.
 */
export interface StreamedEvent {
  readonly event: string;
  readonly data: string;
}

/** Takes text as it comes, in any pieces, and gives the events that are complete. */
export class EventParser {
  #rest = '';

  push(text: string): StreamedEvent[] {
    const blocks = (this.#rest + text).split('\n\n');
    this.#rest = blocks.pop() ?? '';
    return blocks.flatMap((block) => {
      const fields = new Map<string, string>();
      for (const line of block.split('\n')) {
        const colon = line.indexOf(':');
        if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1).replace(/^ /, ''));
      }
      const data = fields.get('data');
      return data === undefined ? [] : [{ event: fields.get('event') ?? 'message', data }];
    });
  }
}

/** Settles when the stream ends; rejects when it breaks or cannot be had. @throws TokenRefused */
export async function readEvents(url: string, token: string, signal: AbortSignal, take: (event: StreamedEvent) => void): Promise<void> {
  const response = await fetch(url, { headers: { authorization: `Bearer ${token}`, accept: 'text/event-stream' }, cache: 'no-store', signal });
  if (response.status === 401) throw new TokenRefused();
  if (!response.ok || response.body === null) throw new Error(`the console answered ${response.status}`);
  const parser = new EventParser();
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    for (const event of parser.push(decoder.decode(value, { stream: true }))) take(event);
  }
}

export class TokenRefused extends Error {}
