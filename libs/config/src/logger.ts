/**
 * One JSON object a line, the same fields in every process, so that a request can be followed through all of them by its
 * `traceId`: `logger.child({ traceId })`. Lines go to standard output, where the supervisor collects them; what a person
 * reads in a terminal is the supervisor's own few lines, not these.
 */
import { pino, stdTimeFunctions, type DestinationStream, type Logger } from 'pino';
import type { LogLevel } from './configuration.js';

export interface LoggerIdentity {
  readonly role: 'gateway' | 'store' | 'round-robin' | 'cluster';
  /** Name of the process, for example `a1`. */
  readonly node?: string;
  readonly zone?: string;
}

/** Never written, wherever they turn up in what is logged. */
const SECRET_FIELDS = ['authorization', 'cookie', 'token', 'secret'];

/** @param destination standard output when left out */
export function createLogger(
  { role, node, zone }: LoggerIdentity,
  level: LogLevel,
  destination?: DestinationStream,
): Logger {
  const options = {
    level,
    base: { role, node, zone },
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: {
      paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.headers.${field}`]),
      censor: '[redacted]',
    },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}
