/**
 * Which requests are begun, when more come than can be served: writes before reads before prefetches, as many at once as the
 * store answers in its own time (libs/circuit has the limiter and the lines), and none while the process itself is late. Twice
 * asked: when the head has come, before anything is spent on the request, whether there is any hope (early-refusal.ts); and when
 * the body is there, for a permit, which a device that sends slowly would otherwise hold for nothing. It is given back when the
 * response is closed, however that comes about.
 *
 * Only what asks the store is limited: not health, not the docs, and the admin port is another server. A stream of events needs
 * its permit to begin; from its head on it is counted among the streams, which have a bound of their own.
 *
 * A refusal must cost far less than an answer, or refusing is what a flood makes a gateway do: bodies are made beforehand, no
 * exception passes through Nest, and Retry-After tells devices to stay away for a while, each for another.
 */
import type { IncomingMessage } from 'node:http';
import type { FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import { type AdmissionPolicy, type AdmissionPriority, AdmissionQueue, type AdmissionRefusal, type AdmissionState, gatewayAdmission, type Visit, type VisitEnd } from '@app/circuit';
import { PROBLEM_JSON, problemOf } from '@app/admin';
import { TriptychError } from '@app/contracts';
import type { Clock, Random } from '@app/time';
import { LoopLateness } from './loop-lateness.js';

export interface GatewayAdmissionPolicy {
  readonly queue: AdmissionPolicy;
  /** A process that is late by more refuses requests of the priority, ms. */
  readonly lateMs: Readonly<Record<AdmissionPriority, number>>;
  /** How long it must have been so late, ms. */
  readonly lateForMs: number;
  /** Streams of events open at once, a count. */
  readonly streamsMax: number;
  /** Retry-After is drawn between the two, whole seconds. */
  readonly retryAfterSeconds: readonly [number, number];
}

/** A device gives up after a second or two: a tenth of that may go to waiting for the process, a fifth for a write. */
export const steadyGateway: GatewayAdmissionPolicy = Object.freeze({
  queue: gatewayAdmission,
  lateMs: Object.freeze({ write: 200, read: 100, prefetch: 50 }),
  lateForMs: 500,
  streamsMax: 10_000,
  retryAfterSeconds: Object.freeze([1, 3] as const),
});

/** A 503 */
export interface Refusal {
  /** Whole seconds. */
  readonly retryAfter: string;
  /** problem+json */
  readonly bodyFor: (traceId: string) => Buffer;
}

const LIMITED = '/v1/';
const STREAM = /\/favorites\/events(?:\?|$)/;
const READS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

type Why = AdmissionRefusal | 'late' | 'streams';

export interface GatewayAdmissionState extends AdmissionState {
  /** How late the process is just now, ms. */
  readonly latenessMs: number;
  readonly refusedLate: Readonly<Record<AdmissionPriority, number>>;
  readonly streams: { readonly open: number; readonly refused: number };
}

export interface AdmissionPorts {
  readonly clock: Clock;
  readonly random: Random;
  /** How long a request may take from its arrival, ms. */
  readonly requestTimeoutMs: number;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** When it had been read (its head, until the body has come), monotonic, ms: what its deadline is counted from. */
    arrivedMs: number;
  }
}

export class Admission {
  readonly #queue: AdmissionQueue;
  readonly lateness: LoopLateness;
  readonly #refusedLate: Record<AdmissionPriority, number> = { write: 0, read: 0, prefetch: 0 };
  readonly #streams = { open: 0, refused: 0 };
  readonly #bodies: Readonly<Record<AdmissionPriority, Readonly<Record<Why, (traceId: string) => Buffer>>>>;

  constructor(
    private readonly ports: AdmissionPorts,
    private readonly policy: GatewayAdmissionPolicy = steadyGateway,
  ) {
    this.#queue = new AdmissionQueue(policy.queue, ports.clock);
    this.lateness = new LoopLateness(ports.clock, policy.lateForMs);
    const bodiesOf = (priority: AdmissionPriority) => Object.fromEntries(WHYS.map((why) => [why, bodyOf(refusalError(priority, why))])) as Record<Why, (traceId: string) => Buffer>;
    this.#bodies = { write: bodiesOf('write'), read: bodiesOf('read'), prefetch: bodiesOf('prefetch') };
  }

  /** Stands before a route that asks the store; other routes it leaves alone. To be called as Fastify learns of each. */
  guard(route: RouteOptions): void {
    if (!route.url.startsWith(LIMITED)) return;
    const isStream = route.url.endsWith('/events');
    const refuse = ({ id }: FastifyRequest, reply: FastifyReply, { retryAfter, bodyFor }: Refusal): void => {
      if (!reply.sent) void reply.code(503).header('retry-after', retryAfter).header('content-type', PROBLEM_JSON).send(bodyFor(id));
    };
    const atBody = (request: FastifyRequest, reply: FastifyReply, done: () => void): void => {
      const priority = priorityOfHead(request.raw);
      request.arrivedMs = this.ports.clock.monotonicMs();
      const deadlineMs = request.arrivedMs + patienceOf(request, this.ports.requestTimeoutMs);
      const visit = this.#queue.enter(priority, deadlineMs, (why) => {
        if (why !== null) return refuse(request, reply, this.#refusal(priority, why));
        done();
      });
      const { raw } = reply;
      raw.once('close', () => visit.leave(raw.writableFinished ? endOf(raw.statusCode) : 'left'));
      if (isStream) this.#followStream(reply, visit);
    };
    route.preValidation = [...[route.preValidation ?? []].flat(), atBody];
  }

  /** Whether it asks the store, as far as its path says: the rest is never refused. */
  isLimited({ url = '' }: IncomingMessage): boolean {
    return url.startsWith(LIMITED);
  }

  /** Of a limited request of which no more than the head is there: null while there is hope. */
  refusalAtHead(request: IncomingMessage): Refusal | null {
    const priority = priorityOfHead(request);
    const why = this.#hopeless(priority, STREAM.test(request.url!));
    return why === null ? null : this.#refusal(priority, why);
  }

  state(): GatewayAdmissionState {
    return { ...this.#queue.state(), latenessMs: this.lateness.latenessMs, refusedLate: { ...this.#refusedLate }, streams: { ...this.#streams } };
  }

  /** Why somebody who comes now would be refused whatever follows; null while there is hope. */
  #hopeless(priority: AdmissionPriority, isStream: boolean): Why | null {
    if (this.lateness.isLateBy(this.policy.lateMs[priority])) {
      this.#refusedLate[priority]++;
      return 'late';
    }
    if (isStream && this.#streams.open >= this.policy.streamsMax) {
      this.#streams.refused++;
      return 'streams';
    }
    if (!this.#queue.isFull(priority)) return null;
    this.#queue.countRefused(priority);
    return 'line-full';
  }

  /** Whoever writes the head of a stream, and however, comes by `writeHead`. */
  #followStream({ raw }: FastifyReply, visit: Visit): void {
    const writeHead = raw.writeHead.bind(raw);
    raw.writeHead = ((...args: Parameters<typeof writeHead>) => {
      raw.writeHead = writeHead;
      visit.leave('left');
      this.#streams.open++;
      raw.once('close', () => this.#streams.open--);
      return writeHead(...args);
    }) as typeof writeHead;
  }

  #refusal(priority: AdmissionPriority, why: Why): Refusal {
    const [least, most] = this.policy.retryAfterSeconds;
    const retryAfter = least + Math.floor(this.ports.random.fraction() * (most - least + 1));
    return { retryAfter: String(retryAfter), bodyFor: this.#bodies[priority][why] };
  }
}

const WHYS: readonly Why[] = ['line-full', 'waited', 'deadline', 'late', 'streams'];
const WHAT: Readonly<Record<Why, string>> = {
  'line-full': 'too many requests wait already',
  waited: 'the request has waited too long for its turn',
  deadline: 'the deadline of the request passed while it waited',
  late: 'the gateway is late with what it has to do',
  streams: 'too many streams of events are open',
};

function refusalError(priority: AdmissionPriority, why: Why): TriptychError {
  return new TriptychError('GATEWAY_OVERLOADED', WHAT[why], { priority, why });
}

/** Cut in two where the trace id goes: an id needs no escaping. */
function bodyOf(error: TriptychError): (traceId: string) => Buffer {
  const mark = ' the trace id ';
  const [before, after] = JSON.stringify(problemOf(error, 503, mark)).split(mark);
  return (traceId) => Buffer.from(`${before}${traceId}${after}`);
}

function priorityOfHead(request: IncomingMessage): AdmissionPriority {
  if (!READS.has(request.method!)) return 'write';
  return isPrefetch(request) ? 'prefetch' : 'read';
}

/** What an answer says of how much fits: a mistake or a refusal further in comes early, or late, for other reasons. */
function endOf(status: number): VisitEnd {
  if (status === 504) return 'dropped';
  return status < 400 ? 'served' : 'left';
}

/** What the device says that it will wait, where that is less; whether it says so rightly is for the route to judge. */
function patienceOf({ headers }: FastifyRequest, requestTimeoutMs: number): number {
  const asked = Number(headers['deadline-ms']);
  return asked > 0 ? Math.min(asked, requestTimeoutMs) : requestTimeoutMs;
}

/** RFC 9218: urgency 0 to 7, 3 where nothing is said; whatever is less urgent than that is fetched ahead of need. A header can lower a request only. */
const URGENCY = /(?:^|[,\s])u=([0-7])(?![0-9])/;
const USUAL_URGENCY = 3;

export function isPrefetch({ headers: { priority } }: Pick<FastifyRequest, 'headers'>): boolean {
  if (priority === undefined) return false;
  const urgency = URGENCY.exec(String(priority))?.[1];
  return urgency !== undefined && Number(urgency) > USUAL_URGENCY;
}
