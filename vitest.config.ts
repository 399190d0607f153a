import { defineConfig } from 'vitest/config';

/** Unit tests: beside the code, in one process, in virtual time. Run by `npm test`. */
export default defineConfig({
  resolve: { tsconfigPaths: true },
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  test: {
    globals: true,
    // As many as there are cores to be had in CI: by itself vitest leaves one of two idle.
    maxWorkers: 2,
    include: ['{apps,libs,test,bench}/**/*.spec.ts'],
    setupFiles: process.env.TRIPTYCH_PROPERTY_FACTOR ? ['test/support/property-factor.ts'] : [],
    // Tests are in virtual time: a limit says that one hangs, not that the machine is slow.
    testTimeout: process.env.TRIPTYCH_PROPERTY_FACTOR ? 10 * 60_000 : 60_000,
    hookTimeout: 60_000,
  },
});
