/** The collapser at random: any sequence of callers, leavers, answers and waits ends where the dumb model says. */
import { SimClock } from '@app/time';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { callContext } from '../testing/call-context.js';
import { CollapserModel } from '../testing/collapser-model.js';
import { Diary } from '../testing/fake-call.js';
import { ScriptedBatches } from '../testing/scripted-batches.js';
import { Collapser } from './collapser.js';

const keys = fc.constantFrom('1', '2', '3', '4');
const which = fc.nat({ max: 5 });
const load = fc.record({
  kind: fc.constant('load' as const),
  key: keys,
  group: fc.constantFrom('ann', 'bob'),
  leftMs: fc.constantFrom(2, 7, 20, Infinity),
});
const step = fc.oneof(
  { weight: 6, arbitrary: load },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('leave' as const), which }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('value' as const, 'error' as const), which, key: keys }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('complete' as const, 'fail' as const), which }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait' as const), durationMs: fc.integer({ min: 1, max: 6 }) }) },
);
const policies = fc.record({ windowMs: fc.integer({ min: 1, max: 6 }), keysMax: fc.integer({ min: 1, max: 4 }) });

describe('any sequence of callers, leavers, answers and waits', () => {
  it('makes the batches, and gives each caller the answer, of the reference model', () => {
    const visited = new Set<string>();
    fc.assert(
      fc.property(policies, fc.array(step, { minLength: 10, maxLength: 60, size: 'max' }), (policy, sequence) => {
        const clock = new SimClock();
        const batches = new ScriptedBatches();
        const collapser = new Collapser<string, string>(policy, clock, batches.call);
        const model = new CollapserModel(policy);
        const diaries: Diary[] = [];
        for (const action of sequence) {
          if (action.kind === 'load') {
            const { key, group, leftMs } = action;
            model.load(key, group, leftMs);
            const context = callContext({ deadlineMs: clock.monotonicMs() + leftMs, principal: { kind: 'device', name: group } });
            diaries.push(new Diary(collapser.load(key, context)));
          } else if (action.kind === 'leave') {
            const at = diaries.length - 1 - action.which;
            const caller = model.callers[at];
            if (caller === undefined) continue;
            if (model.waits(caller)) model.leave(caller);
            diaries[at]!.leave();
          } else if (action.kind === 'wait') {
            model.advance(action.durationMs);
            clock.advance(action.durationMs);
          } else {
            const at = model.sent.length - 1 - action.which;
            const batch = model.sent[at];
            if (batch === undefined) continue;
            if (action.kind === 'value') {
              model.tell(batch, action.key, ['value', 'complete']);
              batches.tell({ key: action.key, value: 'value' }, at);
            } else if (action.kind === 'error') {
              model.tell(batch, action.key, ['error']);
              batches.tell({ key: action.key, error: new Error('error') }, at);
            } else {
              model.end(batch, action.kind === 'fail' ? 'failed' : 'INTERNAL');
              if (action.kind === 'fail') batches.fail(new Error('failed'), at);
              else batches.complete(at);
            }
          }
          for (const caller of model.callers) visited.add(caller.left ? 'left' : (caller.heard[0] ?? 'waits'));
          expect(diaries.map(({ lines }) => lines)).toEqual(model.callers.map(({ heard }) => heard));
          expect(batches.sent.map((sent) => [[...sent.keys].sort(), sent.context.deadlineMs, sent.context.principal.name])).toEqual(
            model.sent.map((batch) => [batch.keys, batch.deadlineMs, batch.group]),
          );
          expect(batches.live).toBe(model.sent.filter((batch) => model.isLive(batch)).length);
          expect(collapser.statistics()).toEqual({
            callers: model.callers.length,
            batches: model.sent.length,
            keys: model.sent.reduce((sum, batch) => sum + batch.keys!.length, 0),
          });
        }
        for (const diary of diaries) diary.leave();
        expect([clock.pending, batches.live]).toEqual([0, 0]);
      }),
    );
    expect([...visited].sort()).toEqual(['DEADLINE_EXCEEDED', 'INTERNAL', 'error', 'failed', 'left', 'value', 'waits']);
  });
});
