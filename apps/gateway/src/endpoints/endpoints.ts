/** All endpoints of composed services. A new one is its file and its line here. */
import type { Type } from '@nestjs/common';
import { home } from '../home/home.js';
import { continueWatching } from './continue-watching.js';
import { controllerOf } from './endpoint-controller.js';
import { similarFilms } from './similar-films.js';

export const ENDPOINT_CONTROLLERS: readonly Type<object>[] = [controllerOf(home), controllerOf(continueWatching), controllerOf(similarFilms)];
