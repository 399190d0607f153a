import { describe, expect, it } from 'vitest';
import { HistoryRecorder } from './history-recorder.js';

function recorder() {
  const time = { nowMs: 0 };
  const history = new HistoryRecorder(() => time.nowMs);
  const add = history.beginWrite({ kind: 'add', session: 's', user: 'ann', film: 'x', level: 'QUORUM' });
  time.nowMs = 10;
  return { time, history, add };
}

describe('one operation, however many attempts', () => {
  it('is one entry, from when the device asked to the last answer', () => {
    const { time, history, add } = recorder();
    history.ended(add, 'unknown');
    time.nowMs = 20;
    history.ended(add, 'acknowledged');
    expect(history.operations).toMatchObject([{ id: 's.0', startMs: 0, endMs: 20, outcome: 'acknowledged' }]);
  });
  it('stays unknown when a later attempt is refused, and is refused when its first one was', () => {
    const { history, add } = recorder();
    history.ended(add, 'unknown');
    history.ended(add, 'refused');
    expect(add.outcome).toBe('unknown');
    const second = history.beginWrite({ kind: 'add', session: 's', user: 'ann', film: 'x', level: 'QUORUM' });
    history.ended(second, 'refused');
    expect(second).toMatchObject({ id: 's.1', outcome: 'refused' });
  });
  it('is unknown while nobody has answered, and ends once', () => {
    const { history, add } = recorder();
    expect(add).toMatchObject({ outcome: 'unknown', endMs: null });
    history.ended(add, 'acknowledged');
    expect(() => history.ended(add, 'acknowledged')).toThrow(/has ended before/);
  });
  it('sessions are numbered apart', () => {
    const { history } = recorder();
    expect(history.beginRead({ session: 't', user: 'ann', level: 'ONE' })).toMatchObject({ id: 't.0', kind: 'read', startMs: 10 });
  });
});
