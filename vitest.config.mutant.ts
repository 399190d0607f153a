import { readFileSync } from 'node:fs';
import { defineConfig } from 'vitest/config';
import { MUTANTS } from './test/mutants/mutants.js';

/** Runs one test file with one planted bug in it: `TRIPTYCH_MUTANT=name vitest run --config vitest.config.mutant.ts`. */
const mutant = MUTANTS.find(({ name }) => name === process.env.TRIPTYCH_MUTANT);
if (mutant === undefined) throw new Error(`TRIPTYCH_MUTANT names no mutant: ${process.env.TRIPTYCH_MUTANT}`);

export default defineConfig({
  plugins: [
    {
      name: 'mutant',
      enforce: 'pre',
      load(id) {
        if (!id.split('?')[0]!.endsWith(`/${mutant.file}`)) return undefined;
        return readFileSync(id.split('?')[0]!, 'utf8').replace(mutant.find, () => mutant.replace);
      },
    },
  ],
  resolve: { tsconfigPaths: true },
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  // Vitest keeps transformed modules on disk: a planted bug would still be there in the next run.
  test: { globals: true, include: [process.env.TRIPTYCH_MUTANT_FOUND_BY ?? mutant.foundBy], bail: 1, testTimeout: 30_000, fsModuleCache: false },
});
