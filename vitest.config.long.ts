import { defineConfig } from 'vitest/config';

/** The long suite: more seeds, more runs, power loss on loop-mounted images. Run by `npm run test:long`. */
export default defineConfig({
  resolve: { tsconfigPaths: true },
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  test: {
    globals: true,
    include: ['{apps,libs,test,bench}/**/*.long-spec.ts'],
    fileParallelism: false,
    testTimeout: 30 * 60_000,
    hookTimeout: 10 * 60_000,
  },
});
