/**
 * As much of preact as the page uses. Its own types bring TypeScript's `dom` library with them, which would tell every file
 * that is checked together with this one that there is a `document`, and change what `fetch` gives.
 */
export namespace JSX {
  /** One drawn thing. */
  interface Element {
    readonly type: unknown;
    readonly props: Readonly<Record<string, unknown>>;
  }
}
export type ComponentChildren = JSX.Element | string | number | boolean | null | undefined | readonly ComponentChildren[];
export function h(name: string, attributes: Readonly<Record<string, unknown>>, children?: ComponentChildren): JSX.Element;
/** @param into an element of the document */
export function render(drawn: JSX.Element, into: object): void;
