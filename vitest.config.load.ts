import { defineConfig } from 'vitest/config';

/**
 * Measurements that want the machine to themselves: what they demand is a figure of speed, and a busy machine misses it. Run by
 * `npm run test:load`, after `npm run build`, by whoever wants to know; not by CI, which would learn of its neighbours instead.
 */
export default defineConfig({
  resolve: { tsconfigPaths: true },
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  test: {
    globals: true,
    include: ['{apps,libs,test,bench}/**/*.load-spec.ts'],
    fileParallelism: false,
    testTimeout: 10 * 60_000,
    hookTimeout: 10 * 60_000,
  },
});
