/**
 * Lists of films worth showing, and which of them for whom: top rated, each genre, "because you added ...". Which lists there are
 * and what is in each are two questions, so that a list that cannot be had costs that list alone.
 */
import type { ServiceCall } from './service.js';

export interface FilmRow {
  /** Names it, for `films`: `top-rated`, `genre.drama`, `because.heat-1995`. Matches `ID_PATTERN`. */
  readonly id: string;
  /** For people. */
  readonly title: string;
}

export interface RowsRequest {
  readonly user: string;
  /** 1 to 50 rows. */
  readonly limit: number;
}

export interface RowFilmsRequest {
  readonly user: string;
  readonly row: string;
  /** 1 to 100 films. */
  readonly limit: number;
}

export interface RowsService {
  /** In the order to be shown. One that cannot be found out (whose favorites do not answer) is left out and named in `missing`. */
  readonly rows: ServiceCall<RowsRequest, { readonly rows: readonly FilmRow[]; readonly missing: readonly string[] }>;
  /** Ids of the films of a row, in the order to be shown. Errors: ITEM_NOT_FOUND for a row that there is not. */
  readonly films: ServiceCall<RowFilmsRequest, { readonly films: readonly string[] }>;
}
