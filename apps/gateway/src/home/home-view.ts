/** The home page as a device sees it. */
import { z } from 'zod';
import { Film } from '../films/film-view.js';
import { Id } from '../http/schemas.js';

const PARTS = ['rows', 'row', 'film', 'bookmark', 'rating', 'isFavorite'] as const;
export type HomePart = (typeof PARTS)[number];

const CELL_PARTS = ['film', 'bookmark', 'rating', 'isFavorite'] as const satisfies readonly HomePart[];
export type CellPart = (typeof CELL_PARTS)[number];

export const HomeCell = z
  .strictObject({
    filmId: Id,
    film: Film.nullable().describe(
      'Null and named in `degraded`: it could not be had in time; show the cell without a title, the film itself is there. Null and not named: the catalog has no such film; leave the cell out.',
    ),
    bookmark: z.strictObject({ secondsWatched: z.int(), at: z.string() }).nullable().describe('Null: none, unless named in `degraded`.'),
    rating: z.strictObject({ stars: z.int(), at: z.string() }).nullable().describe('Null: none, unless named in `degraded`.'),
    isFavorite: z.boolean().nullable().describe('Null exactly when named in `degraded`.'),
    degraded: z.array(z.enum(CELL_PARTS)).describe('The parts of this cell that are missing, or, of `film`, an earlier answer. Empty: all is as it should be.'),
  })
  .meta({ id: 'HomeCell' });
export type HomeCell = z.output<typeof HomeCell>;

export const HomeRow = z
  .strictObject({
    id: Id,
    title: z.string(),
    degraded: z.boolean().describe('Which films are in it could not be found out: they are those of an earlier answer, or none.'),
    cells: z.array(HomeCell),
  })
  .meta({ id: 'HomeRow' });
export type HomeRow = z.output<typeof HomeRow>;

export const DegradedPart = z
  .strictObject({
    part: z.enum(PARTS).describe('`rows`: which rows there are; `row`: which films are in one; else a part of a cell.'),
    cause: z.string().nullable().describe('The error code that it failed with; null where that is not known here.'),
    earlier: z.boolean().describe('An earlier answer is shown in its place; else nothing is.'),
    where: z.array(z.string()).describe('Rows by id, cells as `row/film`; empty where it is the whole page.'),
  })
  .meta({ id: 'HomeDegradedPart' });
export type DegradedPart = z.output<typeof DegradedPart>;

export const HomePage = z
  .strictObject({
    rows: z.array(HomeRow),
    degraded: z.array(DegradedPart).describe('All that is not as it should be. Empty: the page is whole.'),
  })
  .meta({ id: 'HomePage' });
export type HomePage = z.output<typeof HomePage>;
