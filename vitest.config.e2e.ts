import { defineConfig } from 'vitest/config';

/** End-to-end tests: real processes, sockets and disks, so one file at a time. Run by `npm test`, after the build. */
export default defineConfig({
  resolve: { tsconfigPaths: true },
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  test: {
    globals: true,
    include: ['test/**/*.e2e-spec.ts'],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
