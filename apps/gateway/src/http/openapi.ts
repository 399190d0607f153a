/**
 * The OpenAPI description, generated from the schemas that validate, at /docs (for people) and /docs/json. Refusals are
 * described once: every route answers them in the one problem shape.
 */
import { applyDecorators } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { ApiResponse, type ApiResponseOptions, DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { PROBLEM_JSON, PROBLEMS } from '@app/admin';
import { CONSISTENCY_LEVELS } from '@app/contracts';
import { SESSION_TOKEN_MAX_LENGTH } from '@app/favorites-client';

const LEVEL_NAMES = CONSISTENCY_LEVELS.map((level) => level.toLowerCase()).join('|');

export const CONSISTENCY_HEADER = {
  name: 'Consistency',
  required: false,
  description:
    'What an answer rests on: how many replicas, or `session` (all that this session has seen, from one replica where that has it) or `linearizable`. A second level after a comma answers where the first cannot be had in time. `any` is for writes to tables that allow it.',
  schema: { type: 'string' as const, pattern: `^(${LEVEL_NAMES})( *, *(${LEVEL_NAMES}))?$`, default: 'quorum' },
};

export const SESSION_TOKEN_HEADER = {
  name: 'Session-Token',
  required: false,
  description: 'From the last answer to this device, through whichever gateway: what it has seen it will see, at every level.',
  schema: { type: 'string' as const, maxLength: SESSION_TOKEN_MAX_LENGTH },
};

export const RETRY_TOKEN_HEADER = {
  name: 'Retry-Token',
  required: false,
  description: 'From the failure of this very request: sent back with it, through any gateway, it is the same operation.',
  schema: { type: 'string' as const },
};

type HeaderObject = ReturnType<typeof text>;
const text = (description: string) => ({ description, schema: { type: 'string' as const } });
const TRACE_ID = { 'Trace-Id': text('The name of this request in every log.') };

export const ANSWER_HEADERS = {
  ...TRACE_ID,
  'Served-By': text('zone=<of the gateway>; gateway=<id>; node=<the coordinator that answered>'),
  'Consistency-Achieved': text(
    '<level>; replicas=<that answered>/<copies>; zones=<that answered>; versions=<different states met>; then yes or no: repaired, hedged, fallback (the second level answered), token-ahead (what the session has seen is nowhere any more), sloppy (a stand-in counted)',
  ),
  'Session-Token': text('To be sent with the next request.'),
};

/** The statuses a route refuses with, each with the codes it may carry; a fault of ours (500) is possible on all. */
export function Refusals(...statuses: readonly number[]): MethodDecorator {
  return applyDecorators(...[...statuses, 500].map((status) => ApiResponse(refusal(status))));
}

function refusal(status: number): ApiResponseOptions {
  const codes = Object.entries(PROBLEMS).filter(([, kind]) => kind.status === status).map(([code]) => code);
  const schema = { $ref: '#/components/schemas/Problem' };
  const retry: Record<string, HeaderObject> = status === 503 || status === 504 ? { 'Retry-Token': text('On a write whose outcome is unknown.'), 'Session-Token': text('On a write whose outcome is unknown.') } : {};
  const later: Record<string, HeaderObject> = status === 503 ? { 'Retry-After': text('On GATEWAY_OVERLOADED: seconds to stay away for.') } : {};
  return { status, description: codes.join(', '), headers: { ...TRACE_ID, ...retry, ...later }, content: { [PROBLEM_JSON]: { schema } } };
}

/** Every read of ours may be marked so: admission.ts reads it before any controller is chosen. */
export const PRIORITY_HEADER = {
  name: 'Priority',
  in: 'header' as const,
  required: false,
  description: 'RFC 9218. Urgency 4 to 7 (u=4) marks what is fetched ahead of need: served after writes and other reads while the gateway is busy, and refused first. Nothing is served earlier for it.',
  schema: { type: 'string' as const },
};

/** The one shape that is not validated, since only we write it: `problemOf` is its other half. */
const PROBLEM_SCHEMA = {
  type: 'object',
  required: ['type', 'title', 'status', 'detail', 'instance', 'code'],
  properties: {
    type: { type: 'string', format: 'uri' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    instance: { type: 'string', description: 'The trace id.' },
    code: { type: 'string', enum: Object.keys(PROBLEMS) },
  },
  additionalProperties: { description: 'The numbers behind the error.' },
};

export function serveDocs(app: NestFastifyApplication): void {
  const config = new DocumentBuilder().setTitle('Triptych').setVersion('1').setDescription('A favorites queue that survives losing a zone.');
  const document = () => {
    const described = SwaggerModule.createDocument(app, config.build());
    for (const [path, { get }] of Object.entries(described.paths)) if (path.startsWith('/v1/') && get) (get.parameters ??= []).push(PRIORITY_HEADER);
    const schemas = { ...described.components?.schemas, Problem: PROBLEM_SCHEMA } as NonNullable<typeof described.components>['schemas'];
    return { ...described, components: { ...described.components, schemas } };
  };
  SwaggerModule.setup('docs', app, document, { jsonDocumentUrl: 'docs/json', raw: ['json'] });
}
