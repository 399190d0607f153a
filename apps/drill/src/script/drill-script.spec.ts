import { describe, expect, it } from 'vitest';
import { readScript } from './drill-script.js';
import { BRIEF_TIMES, DEFAULT_TIMES, DRILL_NAMES, namedDrill } from './named-drills.js';

const SCRIPT = { name: 'mine', durationS: 30, steps: [{ atS: 10, forS: 8, fault: { kind: 'kill', target: 'zone-b' } }] };
const reading = (over: object) => () => readScript(JSON.stringify({ ...SCRIPT, ...over }), 'mine.json');
const step = (fault: object, more: object = {}): object => ({ steps: [{ atS: 10, forS: 8, fault, ...more }] });

describe('a script', () => {
  it('is read with its defaults', () => {
    expect(reading(step({ kind: 'cut', target: 'b1' }))()).toEqual({ name: 'mine', about: '', warmUpS: 3, durationS: 30, steps: [{ atS: 10, forS: 8, fault: { kind: 'cut', target: 'b1', way: 'both' } }] });
  });
  it.each<[object, RegExp]>([
    [{ name: 'Mine!' }, /^mine\.json: name: small letters/],
    [{ steps: [] }, /^mine\.json: steps: /],
    [step({ kind: 'explode', target: 'zone-b' }), /^mine\.json: steps\.0\.fault\.kind: /],
    [step({ kind: 'kill', target: 'zone b' }), /^mine\.json: steps\.0\.fault\.target: the name of a zone/],
    [step({ kind: 'slow', target: 'zone-b' }), /steps\.0\.fault\.delayMs/],
    [step({ kind: 'lossy', target: 'zone-b', loss: 2 }), /steps\.0\.fault\.loss/],
    [step({ kind: 'kill', target: 'zone-b' }, { forS: 25 }), /steps\.0: ends at 35 s, after the run/],
    [step({ kind: 'kill', target: 'zone-b' }, { atS: 3 }), /steps: the first step begins at 3 s/],
    [{ durationMs: 1 }, /durationMs/],
  ])('is refused where it makes no sense, saying where: %o', (over, fault) => expect(reading(over)).toThrow(fault));
  it('that is no JSON is refused', () => expect(() => readScript('{', 'x.json')).toThrow(/^x\.json is not JSON/));
});

describe('the named drills', () => {
  it.each(DRILL_NAMES)('%s is a script like any other', (name) => {
    for (const times of [DEFAULT_TIMES, BRIEF_TIMES]) {
      const script = namedDrill(name, { zone: 'zone-b', node: 'b1', gateway: 'gateway-b' }, times);
      expect(readScript(JSON.stringify(script), name)).toEqual(script);
    }
  });
  it('take about half a minute each, so that all of them take less than twelve', () => {
    const seconds = DRILL_NAMES.map((name) => namedDrill(name, { zone: 'b', node: 'b1', gateway: 'g' }, BRIEF_TIMES).durationS);
    expect(seconds.reduce((sum, each) => sum + each, 0)).toBeLessThan(8 * 60);
  });
});
