import { describe, expect, it } from 'vitest';
import { checkClaims, readAchieved, type Absence, type Claim } from './claims.js';

const ACHIEVED = 'quorum; replicas=2/3; zones=zone-a,zone-b; versions=1; repaired=no; hedged=no; fallback=no; token-ahead=no; sloppy=no';
const claim = (more: Partial<Claim> = {}): Claim => ({ id: 'r', startMs: 10, endMs: 12, asked: 'QUORUM', allowed: null, node: 'a1', ...readAchieved(ACHIEVED)!, ...more });
const faults = (more: Partial<Claim>, ...absences: Absence[]) => checkClaims([claim(more)], absences).map(({ what }) => what);

it('is read from the header', () => {
  expect(readAchieved(ACHIEVED)).toEqual({ level: 'QUORUM', replicas: 2, copies: 3, zones: ['zone-a', 'zone-b'], isFallback: false });
  expect(readAchieved('')).toBeNull();
  expect(readAchieved('quorum; replicas=two')).toBeNull();
});

describe('a claim is false', () => {
  it('on fewer replicas than the level takes', () => {
    expect(faults({})).toEqual([]);
    expect(faults({ replicas: 1, zones: ['zone-a'] })).toEqual([expect.stringContaining('QUORUM on 1 of 3')]);
    expect(faults({ level: 'ALL', asked: 'ALL' })).toHaveLength(1);
    expect(faults({ level: 'LINEARIZABLE', asked: 'LINEARIZABLE', replicas: 1, zones: ['zone-a'] })).toHaveLength(1);
    expect(faults({ level: 'ONE', asked: 'ONE', replicas: 1, zones: ['zone-a'] })).toEqual([]);
    expect(faults({ level: 'SESSION', asked: 'SESSION', replicas: 1, zones: ['zone-a'] })).toEqual([]);
  });
  it('when it names more zones than replicas, or more replicas than there are copies', () => {
    expect(faults({ zones: ['zone-a', 'zone-b', 'zone-c'] })).toHaveLength(1);
    expect(faults({ replicas: 4 })).toHaveLength(1);
  });
  it('at another level than was asked for, unless that is the fallback that was allowed', () => {
    expect(faults({ asked: 'ALL' })).toHaveLength(1);
    expect(faults({ level: 'ONE', replicas: 1, zones: ['zone-a'], allowed: 'ONE', isFallback: true })).toEqual([]);
    expect(faults({ level: 'ONE', replicas: 1, zones: ['zone-a'], isFallback: true })).toHaveLength(1);
    expect(faults({ level: 'ONE', replicas: 1, zones: ['zone-a'], allowed: 'ONE' })).toHaveLength(1);
  });
  it('when it names who was dead all the while, and not who died or came back meanwhile', () => {
    const zone = { zone: 'zone-b', nodes: ['b1', 'b2'], fromMs: 0, toMs: 100 };
    expect(faults({}, zone)).toEqual([expect.stringContaining('zone-b')]);
    expect(faults({ zones: ['zone-a', 'zone-c'] }, zone)).toEqual([]);
    expect(faults({ zones: ['zone-a', 'zone-c'], node: 'b1' }, zone)).toEqual([expect.stringContaining('b1')]);
    expect(faults({}, { ...zone, fromMs: 11 })).toEqual([]);
    expect(faults({}, { ...zone, toMs: 11 })).toEqual([]);
    expect(faults({}, { ...zone, zone: null, nodes: ['b1'] })).toEqual([]);
  });
});
