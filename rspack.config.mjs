/**
 * One bundler configuration for `npm run build` (scripts/build.mjs: every program at once) and for `nest build <app>`
 * (nest-cli.json: one at a time), so that both give the same files under dist/.
 *
 * Each program is one file, packages and all, its modules in one scope: it starts in half the time of a thousand files, and a call
 * from one module to another is a call and nothing else. Not minified, so that a stack names what was called. Packages that
 * hold native code, or look for files beside themselves, stay in node_modules and are imported at run time.
 */
import { existsSync } from 'node:fs';
import { builtinModules } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { rspack } from '@rspack/core';

export const root = path.dirname(fileURLToPath(import.meta.url));

/** Native code: lmdb, msgpackr's extractor. Files of their own: pino's workers, the pages of the API docs. */
const OUTSIDE = new Set(['lmdb', 'msgpackr', 'pino', '@fastify/static', 'swagger-ui-dist']);
const BUILTIN = new Set(builtinModules);
const rxjs = path.join(root, 'node_modules/rxjs/dist/esm');
const PACKAGE = /^(@[^/]+\/)?[^/]+/;

/** Where an import of a bundle leads when it does not lead into it. Nest asks for many packages that need not be there. */
function outside({ request, dependencyType }, callback) {
  if (request.startsWith('.') || request.startsWith('@app/') || path.isAbsolute(request)) return callback();
  const type = dependencyType === 'commonjs' ? 'node-commonjs' : 'module-import';
  if (request.startsWith('node:')) return callback(null, request, type);
  const [name] = PACKAGE.exec(request);
  if (BUILTIN.has(name)) return callback(null, `node:${request}`, type);
  if (OUTSIDE.has(name) || !existsSync(path.join(root, 'node_modules', name))) return callback(null, request, type);
  callback();
}

/**
 * @param {Record<string, string>} entry output name without extension, for example `apps/gateway/main`, to source file
 * @param {string} outputPath folder that the names are relative to
 */
export function configurationOf(entry, outputPath = path.join(root, 'dist')) {
  return {
    context: root,
    mode: 'none',
    target: 'node',
    devtool: 'source-map',
    entry,
    output: {
      path: outputPath,
      filename: '[name].js',
      module: true,
      library: { type: 'module' },
      chunkFormat: 'module',
      chunkLoading: 'import',
      // Every bundle lies at dist/apps/<program>/<name>.js, three levels below the sources' root.
      devtoolModuleFilenameTemplate: '../../../[resource-path]',
    },
    externalsPresets: { node: false },
    externals: [outside],
    resolve: {
      extensions: ['.ts', '.js'],
      extensionAlias: { '.js': ['.ts', '.js'] },
      tsConfig: path.join(root, 'tsconfig.base.json'),
      conditionNames: ['import', 'require', 'node'],
      // Its classes, in modules that can be joined to ours: for Node it names the ES5 that it was compiled to.
      alias: { rxjs$: path.join(rxjs, 'index.js'), 'rxjs/operators$': path.join(rxjs, 'operators/index.js') },
    },
    module: {
      // `import.meta.url` and `new URL(..., import.meta.url)` mean the file in dist/, not the place it was built from.
      // One file: what a package imports only when it needs it is in it too, and is run only then.
      parser: { javascript: { importMeta: false, url: false, dynamicImportMode: 'eager' } },
      rules: [
        {
          test: /\.ts$/,
          type: 'javascript/esm',
          loader: 'builtin:swc-loader',
          options: {
            jsc: {
              target: 'es2023',
              keepClassNames: true,
              parser: { syntax: 'typescript', decorators: true },
              transform: { legacyDecorator: true, decoratorMetadata: true },
            },
          },
        },
      ],
    },
    // Nest's own would leave out the packages that it holds for optional.
    plugins: [],
    optimization: { nodeEnv: false, concatenateModules: true, providedExports: true, usedExports: true, sideEffects: true },
    // Packages that import by a name made at run time; such an import finds nothing in a bundle, as if it were not installed.
    ignoreWarnings: [{ module: /node_modules/ }],
    node: { __filename: false, __dirname: false },
  };
}

/**
 * The console's page: everything it needs in one script, beside its HTML and its style sheet.
 * @param {string} outputPath folder that holds the programs
 */
export function pageConfigurationOf(outputPath = path.join(root, 'dist')) {
  const page = path.join(root, 'apps/console');
  return {
    context: root,
    mode: 'production',
    target: ['web', 'es2023'],
    devtool: false,
    entry: { console: path.join(page, 'src/main.ts') },
    output: { path: path.join(outputPath, 'apps/console'), filename: '[name].js', module: true, chunkFormat: 'module' },
    resolve: { extensions: ['.ts', '.js'], extensionAlias: { '.js': ['.ts', '.js'] } },
    module: {
      rules: [{ test: /\.ts$/, loader: 'builtin:swc-loader', options: { jsc: { target: 'es2023', parser: { syntax: 'typescript' } } } }],
    },
    plugins: [
      // It has types of our own: preact.d.ts says why.
      new rspack.NormalModuleReplacementPlugin(/^\.\/preact\.js$/, 'preact'),
      new rspack.CopyRspackPlugin({ patterns: ['index.html', 'console.css'].map((name) => path.join(page, name)) }),
    ],
  };
}

/** What `nest build` calls, with its own defaults, of which only the entry and the name of the output are taken. */
export default function forNest(defaults) {
  return configurationOf({ [defaults.output.filename.replace(/\.js$/, '')]: defaults.entry });
}
