/** Rows of the store as pages and lookups of a service: items become what the service shows, the rest passes through. */
import { deferMap } from '@app/circuit';
import type { CallContext, Item, ListRequest, RowKey, RowReply } from '@app/contracts';
import type { ListStore } from '@app/favorites-client';
import type { Observable } from 'rxjs';
import type { LookupReply, PageReply, PageRequest, Rest, Terms } from '../service.js';

/** How a request is to be answered, and nothing else of it: a field that is absent stays absent. */
export function termsOf({ level, fallback, seen }: Terms): Terms {
  return { ...(level && { level }), ...(fallback && { fallback }), ...(seen && { seen }) };
}

export const restOf = ({ achieved, seen }: RowReply): Rest => ({ achieved, seen });

/** @param shown null for what cannot be shown, which is left out: the page is short then. Errors: those of `ListStore.list`. */
export function storedPage<T>(
  listStore: Pick<ListStore, 'list'>,
  row: RowKey,
  request: PageRequest & Pick<ListRequest, 'where'>,
  shown: (item: Item) => T | null,
  context: CallContext,
): Observable<PageReply<T>> {
  const { limit, after, where } = request;
  return deferMap(
    () => listStore.list({ ...row, ...termsOf(request), limit, ...(after && { after }), ...(where && { where }) }, context),
    (reply) => {
      const last = reply.lookedTo ?? reply.items.at(-1);
      const next = reply.more && last !== undefined ? { position: last.position, item: last.item } : null;
      return { ...restOf(reply), items: allShown(reply.items, shown), next };
    },
  );
}

function allShown<T>(items: readonly Item[], shown: (item: Item) => T | null): T[] {
  const all: T[] = [];
  for (const item of items) {
    const each = shown(item);
    if (each !== null) all.push(each);
  }
  return all;
}

/** @param shown null for what cannot be shown, as for what is not there. Errors: those of `ListStore.get`. */
export function storedLookup<T>(
  listStore: Pick<ListStore, 'get'>,
  row: RowKey,
  request: Terms & { readonly films: readonly string[] },
  shown: (item: Item) => T | null,
  context: CallContext,
): Observable<LookupReply<T>> {
  return deferMap(
    () => listStore.get({ ...row, ...termsOf(request), items: request.films }, context),
    (reply) => ({ ...restOf(reply), found: reply.items.map((item) => (item === null ? null : shown(item))) }),
  );
}
