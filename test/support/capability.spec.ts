import { describe, expect, it } from 'vitest';
import { lacks } from './capability.js';

describe('a test that needs something of the machine', () => {
  const said: string[] = [];
  const say = (line: string) => void said.push(line);

  it('runs where it is there', () => {
    expect(lacks('loop', null, 'loop', say)).toBe(false);
    expect(said).toEqual([]);
  });

  it('is skipped where it is not, and says so', () => {
    expect(lacks('loop', 'not root', 'chromium', say)).toBe(true);
    expect(said).toEqual(['skipped: loop is lacking: not root']);
  });

  it('fails where it is not and TRIPTYCH_REQUIRE names it', () => {
    expect(() => lacks('loop', 'not root', 'chromium, loop', say)).toThrow(
      'loop is lacking: not root, and TRIPTYCH_REQUIRE names it',
    );
  });
});
