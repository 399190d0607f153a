import { TriptychError } from '@app/contracts';
import { describe, expect, it } from 'vitest';
import { createLogger } from './logger.js';

function logged(level: 'info' | 'error', write: (logger: ReturnType<typeof createLogger>) => void) {
  const lines: string[] = [];
  write(createLogger({ role: 'store', node: 'a1', zone: 'zone-a' }, level, { write: (line) => void lines.push(line) }));
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('a log line', () => {
  it('is JSON that says who wrote it, when, and for which request', () => {
    const [line] = logged('info', (logger) => logger.child({ traceId: 't-1' }).info({ rows: 3 }, 'repaired'));
    expect(line).toMatchObject({
      level: 'info', role: 'store', node: 'a1', zone: 'zone-a', traceId: 't-1', rows: 3, msg: 'repaired',
    });
    expect(line?.time).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
  });

  it('keeps the code and the numbers of an error', () => {
    const error = new TriptychError('STORE_QUORUM_UNAVAILABLE', 'too few', { needed: 2, alive: 1 });
    const [line] = logged('info', (logger) => logger.error(error));
    expect(line?.err).toMatchObject({ code: 'STORE_QUORUM_UNAVAILABLE', details: { needed: 2, alive: 1 } });
  });

  it('is not written below the level', () => {
    expect(logged('error', (logger) => logger.info('quiet'))).toEqual([]);
  });

  it('never shows a secret', () => {
    const [line] = logged('info', (logger) =>
      logger.info({ token: 'sesame', req: { headers: { authorization: 'Bearer sesame' } }, admin: { secret: 'sesame' } }),
    );
    expect(JSON.stringify(line)).not.toContain('sesame');
  });
});
