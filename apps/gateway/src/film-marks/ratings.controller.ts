/** How somebody liked a film, over REST. */
import { z } from 'zod';
import { type Rating as StoredRating, RATINGS } from '@app/services';
import { Id } from '../http/schemas.js';
import { marksController } from './marks-controller.js';

const Stars = z.int().min(RATINGS.min).max(RATINGS.max).describe('The more the better.');

export const SetRating = z.strictObject({ stars: Stars }).meta({ id: 'SetRating' });
export type SetRating = z.output<typeof SetRating>;

export const Rating = z.strictObject({ filmId: Id, stars: Stars, at: z.iso.datetime({ precision: 3 }).describe('When it was set.') }).meta({ id: 'Rating' });
export type Rating = z.output<typeof Rating>;

export const RatingsController = marksController<StoredRating, SetRating, Rating>({
  kind: RATINGS,
  one: 'rating',
  service: ({ services }) => services.ratings,
  body: SetRating,
  valueOf: ({ stars }) => stars,
  view: Rating,
  viewOf: ({ film, stars, at }) => ({ filmId: film, stars, at }),
});
