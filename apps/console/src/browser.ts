/**
 * What the page uses of a browser beside what Node has too (fetch, streams, timers). Declared here rather than taken from
 * TypeScript's `dom` library: that would tell every file of the repository that there is a `document`.
 */
const browser = globalThis as unknown as {
  readonly document: { getElementById(id: string): object | null };
  readonly location: { readonly hash: string; readonly pathname: string };
  readonly history: { replaceState(data: unknown, unused: string, url: string): void };
  readonly sessionStorage: { getItem(key: string): string | null; setItem(key: string, value: string): void };
  readonly FormData: new (form: object) => { get(name: string): string | null };
};

export const { document, location, history, sessionStorage, FormData } = browser;

/** A form is sent. */
export interface Submission {
  readonly currentTarget: object;
  /** The button that sent it. */
  readonly submitter: { readonly value: string } | null;
  preventDefault(): void;
}
