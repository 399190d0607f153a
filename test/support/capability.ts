/**
 * What some tests need of a machine and not every machine has: root for loop mounts, a browser, a server. Where it is
 * lacking they are skipped, and say so; where TRIPTYCH_REQUIRE names it (a comma list: `loop,chromium`), as CI does for
 * what it installs, lacking it is a failure. So a skip can never hide where the test was meant to run.
 */
export type Capability = 'loop' | 'chromium' | 'redis';

/**
 * For `describe.skipIf(lacks('loop', reason))`.
 * @param reason why this machine lacks it; null when it has it
 * @throws Error when it is lacking and required
 */
export function lacks(
  capability: Capability,
  reason: string | null,
  required = process.env['TRIPTYCH_REQUIRE'] ?? '',
  say: (line: string) => void = console.warn,
): boolean {
  if (reason === null) return false;
  const line = `${capability} is lacking: ${reason}`;
  if (required.split(',').map((name) => name.trim()).includes(capability)) throw new Error(`${line}, and TRIPTYCH_REQUIRE names it`);
  say(`skipped: ${line}`);
  return true;
}
