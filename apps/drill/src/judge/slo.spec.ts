import { describe, expect, it } from 'vitest';
import { evidence } from '../testing/made-up-run.js';
import { DRILL_NAMES } from '../script/named-drills.js';
import { DEFAULT_GOALS, judgeGoals, readGoals } from './slo.js';
import { judge } from './verdict.js';

describe('goals', () => {
  it('are met, missed, or could not be measured, which is no pass', () => {
    const goals = readGoals('{"goals":[{"drills":["*"],"figure":"a","atMost":5},{"drills":["d"],"figure":"b","atLeast":2,"atMost":9},{"drills":["d"],"figure":"c","atMost":1},{"drills":["other"],"figure":"a","atMost":0}]}', 'file');
    expect(judgeGoals('d', { a: 5, b: 1, c: null }, goals)).toEqual([
      { figure: 'a', target: '<= 5', measured: 5, passed: true },
      { figure: 'b', target: '<= 9 and >= 2', measured: 1, passed: false },
      { figure: 'c', target: '<= 1', measured: null, passed: false },
    ]);
  });
  it.each([
    ['{', /^slo\.json is not JSON/],
    ['{"goals":[]}', /^slo\.json: goals: /],
    ['{"goals":[{"drills":["*"],"figure":"a"}]}', /^slo\.json: goals\.0: needs atMost or atLeast/],
    ['{"goals":[{"drills":["*"],"figure":"a","atmost":1}]}', /atmost/],
  ])('are refused where they make no sense, saying where: %s', (text, fault) => expect(() => readGoals(text, 'slo.json')).toThrow(fault));
  it('of a figure that there is not are refused', () => expect(() => judgeGoals('d', { a: 1 }, [{ drills: ['*'], figure: 'b', atMost: 1 }])).toThrow(/no figure "b": there are a/));
});

it('the default goals are of figures that there are and of drills that there are, and a run that went well meets those of zone-kill', () => {
  const { figures } = judge(evidence());
  for (const { figure, drills } of DEFAULT_GOALS) {
    expect(figures).toHaveProperty([figure]);
    for (const drill of drills) if (drill !== '*') expect(DRILL_NAMES).toContain(drill);
  }
  expect(judgeGoals('zone-kill', figures, DEFAULT_GOALS).filter(({ passed }) => !passed)).toEqual([]);
});
