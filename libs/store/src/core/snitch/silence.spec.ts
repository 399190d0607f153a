import { describe, expect, it } from 'vitest';
import { Silence } from './silence.js';

/** Asked at 0 and probed at 40: what a request that waits does. */
function waiting(silence = new Silence(), atMs = 0): Silence {
  silence.asked(atMs);
  silence.probed(atMs + 40);
  return silence;
}
/** Answers that came after so long each, one a second from `fromMs` on. */
function used(to: readonly number[], fromMs = 0): Silence {
  const silence = new Silence();
  to.forEach((waitMs, index) => {
    silence.asked(fromMs + 1_000 * index);
    silence.heard(fromMs + 1_000 * index + waitMs);
  });
  return silence;
}

describe('whoever was asked is silent', () => {
  it('120 ms after the first question since anything was heard', () => {
    const silence = waiting();
    silence.asked(80);
    expect(silence.fromMs(100)).toBe(120);
  });

  it('never by a question alone, which may have been called off: only with a probe open for 50 ms', () => {
    const silence = new Silence();
    silence.asked(0);
    expect(silence.fromMs(10_000)).toBe(Infinity);
    silence.probed(10_000);
    silence.probed(10_100);
    expect(silence.fromMs(10_000)).toBe(10_050);
  });

  it('not once anything is heard, until it is asked and probed anew', () => {
    const silence = waiting();
    silence.heard(119);
    expect([silence.fromMs(500), silence.openSinceMs]).toEqual([Infinity, null]);
    waiting(silence, 600);
    expect(silence.fromMs(700)).toBeGreaterThanOrEqual(720);
  });

  it('after half as much again as was usual in the last seconds, 750 ms at most', () => {
    expect(waiting(used([3, 90, 5]), 3_000).fromMs(3_000)).toBe(3_135);
    expect(waiting(used([200]), 1_000).fromMs(1_000)).toBe(1_300);
    expect(waiting(used([700]), 1_000).fromMs(1_000)).toBe(1_750);
    // Forgotten after 5 to 10 s.
    expect(waiting(used([200]), 4_900).fromMs(4_900)).toBe(5_200);
    expect(waiting(used([200]), 10_300).fromMs(10_300)).toBe(10_420);
  });

  it('later where it is not known: what is presumed holds for the first 5 s', () => {
    const known = (untilMs: number): Silence => {
      const silence = new Silence(300);
      for (let atMs = 0; atMs < untilMs; atMs += 1_000) {
        silence.asked(atMs);
        silence.heard(atMs + 2);
      }
      return waiting(silence, untilMs);
    };
    expect(waiting(new Silence(300)).fromMs(40)).toBe(450);
    expect(known(4_000).fromMs(4_000)).toBe(4_450);
    expect(known(6_000).fromMs(6_000)).toBe(6_120);
  });

  it('as soon as ever after an outage, which is not what is usual', () => {
    expect(waiting(used([4, 12_000]), 13_500).fromMs(13_500)).toBe(13_620);
  });

  it('not for the time in which the asker stood still', () => {
    const silence = waiting();
    silence.stoodStill(30, 100);
    expect(silence.fromMs(100)).toBe(150);
    silence.restart(400);
    expect(silence.fromMs(400)).toBe(520);
  });

  it('later where the asker has lately stood still for long: others may have as well', () => {
    const silence = new Silence();
    silence.stoodStill(100, 0);
    expect(waiting(silence, 50).fromMs(100)).toBe(350);
    expect(waiting(silence, 50).fromMs(10_100)).toBe(170);
  });

  it('is probed when nothing was heard of it lately, and it was not probed just before', () => {
    const silence = used([0]);
    expect([silence.isProbeDue(29), silence.isProbeDue(30)]).toEqual([false, true]);
    silence.probed(30);
    expect([silence.isProbeDue(129), silence.isProbeDue(130)]).toEqual([false, true]);
  });
});
