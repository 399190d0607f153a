import { SeededRandom } from '@app/time';
import { describe, expect, it } from 'vitest';
import { traceIds } from './trace-id.js';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
/** The first id of a process given these headers. */
const of = (headers: Record<string, string>): string => traceIds(new SeededRandom(7))(headers);
const FRESH = of({});

describe('the trace id of a request', () => {
  it('is that of a well-formed traceparent, else a well-formed X-Request-Id, else a fresh one', () => {
    expect(FRESH).toMatch(/^[0-9a-f]{32}$/);
    expect(of({ traceparent: `00-${TRACE}-00f067aa0ba902b7-01`, 'x-request-id': 'other' })).toBe(TRACE);
    expect(of({ traceparent: `01-${TRACE}-00f067aa0ba902b7-01-later` })).toBe(TRACE);
    expect(of({ 'x-request-id': 'a~b_c.d-1' })).toBe('a~b_c.d-1');
    expect(of({ traceparent: 'nonsense', 'x-request-id': 'mine' })).toBe('mine');
  });

  it('is another for every request, and in every process', () => {
    const here = traceIds(new SeededRandom(1));
    const there = traceIds(new SeededRandom(2));
    const ids = Array.from({ length: 1000 }, () => [here({}), there({})]).flat();
    expect(new Set(ids).size).toBe(2000);
    expect(ids.every((id) => /^[0-9a-f]{32}$/.test(id))).toBe(true);
  });

  it('is never one that could not be logged or sent on as it is', () => {
    const zeros = `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`;
    for (const traceparent of [zeros, `ff-${TRACE}-00f067aa0ba902b7-01`, `00-${TRACE.toUpperCase()}-00f067aa0ba902b7-01`, `00-${TRACE}`]) {
      expect(of({ traceparent })).toBe(FRESH);
    }
    for (const id of ['', 'a b', 'a\r\nb', 'x'.repeat(65), 'é', '<script>']) expect(of({ 'x-request-id': id })).toBe(FRESH);
  });
});
