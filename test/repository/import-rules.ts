/**
 * Who may import whom, as tables. A decision belongs where it can be read and simulated, so `core` knows nothing but
 * itself, `node` knows ports and not what fills them, Nest stays in a shell that could be taken off, and no library
 * knows an application. What a person would have to remember in review is a test here.
 */
import path from 'node:path';
import ts from 'typescript';
import { readSource, type SourceFile } from './source-tree.js';

interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
  /** Names taken, as their own file calls them; null for all of it. */
  readonly names: readonly string[] | null;
}

/** Which library may use which others. Apps may use all of them; nobody may use an app. */
const LIBRARIES: Readonly<Record<string, readonly string[]>> = {
  time: [],
  contracts: [],
  config: ['contracts'],
  admin: ['time', 'contracts', 'wire'],
  films: ['contracts'],
  history: ['contracts'],
  circuit: ['time', 'contracts'],
  wire: ['time', 'contracts'],
  store: ['time', 'contracts', 'wire'],
  'favorites-client': ['time', 'contracts', 'circuit', 'wire', 'store'],
  services: ['time', 'contracts', 'circuit', 'wire', 'films', 'favorites-client'],
};

/**
 * The layers of libs/store/src: which of its own folders each may use, and what else. `contracts: 'vocabulary'` allows
 * values of errors.ts and ids.ts only; types are free, since they carry no behaviour.
 */
interface Layer {
  readonly own: readonly string[];
  readonly typesOf?: readonly string[];
  readonly others: readonly string[];
  readonly builtins: Readonly<Record<string, readonly string[] | null>>;
}
const LAYERS: Readonly<Record<string, Layer>> = {
  core: { own: ['core'], others: ['@app/contracts'], builtins: { 'node:zlib': ['crc32'], 'node:buffer': null } },
  ports: { own: ['ports'], typesOf: ['core'], others: ['@app/contracts', '@app/time', 'rxjs'], builtins: {} },
  node: { own: ['node', 'core', 'ports'], others: ['@app/contracts', '@app/time', 'rxjs'], builtins: {} },
};
/** Layers without a list of their own: everything but what stands above them. */
const ABOVE: Readonly<Record<string, readonly string[]>> = {
  adapters: ['nest', 'testing'],
  testing: ['nest'],
  nest: ['testing'],
};
/** Values of @app/contracts that a decision may use: what errors and ids are made of, the levels, and limits that messages state. */
const VOCABULARY = /^(TriptychError|InvariantViolation|assert|ERRORS|ID_PATTERN|nodeId|zoneId|CONSISTENCY_LEVELS|PATTERNS|[A-Z_]+_(?:MAX|MS))$/;

/** `@app/store` and the like, each with its index.ts: the aliases of tsconfig.base.json. */
export const PUBLIC_FACES: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(
    (JSON.parse(readSource('tsconfig.base.json').text) as { compilerOptions: { paths: Record<string, string[]> } })
      .compilerOptions.paths,
  ).map(([face, [index = '']]) => [face, index.replace('./', '')]),
);

/** Specs, what serves them, and benchmarks: they may know everything below them, and are known by nothing. */
const TEST_FILE = /[.-](spec|bench)\.ts$|-contract\.ts$|\/testing\/|^(test|bench)\//;

/** Packages that only some files, and tests, may touch, so that each can be replaced in one place. */
const CONFINED: readonly (readonly [packages: RegExp, to: RegExp])[] = [
  [/^(vitest|fast-check|supertest|@nestjs\/testing)$/, TEST_FILE],
  [/^@nestjs\//, /^apps\/|\/nest\/|^libs\/circuit\/src\/circuit\.module\.ts$/],
  [/^(fastify|@fastify\/.*)$/, /^apps\/|^libs\/admin\//],
  [/^opossum$/, /^libs\/circuit\/src\/opossum-circuit\.ts$/],
  [/^lmdb$/, /^libs\/store\/src\/adapters\//],
  [/^msgpackr$/, /^libs\/wire\/|^apps\//],
];

const isTest = (at: string) => TEST_FILE.test(at);
/** `libs/store`, `apps/gateway`, `test`. */
const packageOf = (at: string) => /^(libs|apps)\/[^/]+|^[^/]+/.exec(at)?.[0] ?? at;
const storeLayerOf = (at: string) => /^libs\/store\/src\/(\w+)\//.exec(at)?.[1] ?? null;
const libraryOf = (specifier: string) => specifier.split('/')[1] ?? '';

/** One line for each import of `file` that breaks a rule. */
export function forbiddenImports(file: SourceFile): string[] {
  return importsOf(file).flatMap((imported) => {
    const fault = faultOf(file.path, imported);
    return fault === null ? [] : [`${file.path}: ${imported.specifier}: ${fault}`];
  });
}

function faultOf(from: string, imported: Import): string | null {
  const { specifier } = imported;
  const home = packageOf(from);
  const confined = CONFINED.find(([packages]) => packages.test(specifier));
  if (confined && !confined[1].test(from) && !isTest(from)) return 'this package is kept to a few files, and this is none of them';

  const target = specifier.startsWith('.') ? path.posix.join(path.posix.dirname(from), specifier) : null;
  if (target !== null && packageOf(target) !== home) {
    // What tests the whole may look into any part of it; nothing depends on it.
    if (home === 'test' || home === 'bench') return null;
    if (packageOf(target).startsWith('apps/')) return 'nobody imports an app';
    const isSupport = packageOf(target) === 'test' || target.includes('/testing/');
    return isTest(from) && isSupport ? null : 'another package is imported by its name, not by a path';
  }
  if (target !== null && !isTest(from) && /\/testing\//.test(target)) return 'production code does not know testing/';

  if (specifier.startsWith('@app/')) {
    const library = libraryOf(specifier);
    if (!(specifier in PUBLIC_FACES)) return 'a library is imported by one of its public faces';
    if (specifier.endsWith('/testing') && !isTest(from)) return 'production code does not know testing/';
    const allowed = LIBRARIES[home.slice('libs/'.length)];
    if (home.startsWith('libs/') && !isTest(from) && !allowed?.includes(library)) return `${home} does not use this library`;
  }
  return isTest(from) && storeLayerOf(from) !== 'testing' ? null : layerFaultOf(from, imported, target);
}

function layerFaultOf(from: string, { specifier, typeOnly, names }: Import, target: string | null): string | null {
  const name = storeLayerOf(from);
  if (name === null) return null;
  const targetLayer = target === null ? null : storeLayerOf(target);
  const layer = LAYERS[name];
  if (layer === undefined) {
    return targetLayer !== null && ABOVE[name]?.includes(targetLayer) ? `${name}/ does not know ${targetLayer}/` : null;
  }
  if (target !== null) {
    if (targetLayer !== null && layer.own.includes(targetLayer)) return null;
    if (targetLayer !== null && typeOnly && layer.typesOf?.includes(targetLayer)) return null;
    return `${name}/ does not know ${targetLayer === null ? 'the files above it' : `${targetLayer}/`}`;
  }
  if (specifier in layer.builtins) {
    const allowed = layer.builtins[specifier] ?? null;
    return allowed === null || names?.every((taken) => allowed.includes(taken)) ? null : `${name}/ takes ${allowed.join(', ')} only`;
  }
  if (!layer.others.includes(specifier)) return `${name}/ does not use this package`;
  const vocabulary = specifier !== '@app/contracts' || typeOnly || (names?.every((taken) => VOCABULARY.test(taken)) ?? false);
  return vocabulary ? null : `${name}/ takes errors, ids, limits and types of it only`;
}

/** All imports and re-exports, dynamic ones too; the type-only part of a mixed import is left out, being harmless. */
export function importsOf(file: SourceFile): Import[] {
  const found: Import[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
      found.push(importOf(node.moduleSpecifier.text, node.importClause));
    } else if (ts.isExportDeclaration(node) && node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier)) {
      const named = node.exportClause && ts.isNamedExports(node.exportClause) ? node.exportClause.elements : null;
      found.push(taken(node.moduleSpecifier.text, node.isTypeOnly, named));
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [argument] = node.arguments;
      found.push({ specifier: argument && ts.isStringLiteral(argument) ? argument.text : '(computed)', typeOnly: false, names: null });
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument) && ts.isStringLiteral(node.argument.literal)) {
      found.push({ specifier: node.argument.literal.text, typeOnly: true, names: null });
    }
    ts.forEachChild(node, visit);
  };
  visit(parse(file));
  return found;
}

function importOf(specifier: string, clause: ts.ImportClause | undefined): Import {
  if (clause === undefined) return { specifier, typeOnly: false, names: null };
  const bindings = clause.namedBindings;
  const named = clause.name === undefined && bindings && ts.isNamedImports(bindings) ? bindings.elements : null;
  return taken(specifier, clause.phaseModifier === ts.SyntaxKind.TypeKeyword, named);
}

function taken(
  specifier: string,
  typeOnly: boolean,
  elements: readonly (ts.ImportSpecifier | ts.ExportSpecifier)[] | null,
): Import {
  if (typeOnly || elements === null) return { specifier, typeOnly, names: elements === null ? null : elements.map(nameOf) };
  const values = elements.filter((element) => !element.isTypeOnly);
  return { specifier, typeOnly: values.length === 0 && elements.length > 0, names: values.map(nameOf) };
}

const nameOf = (element: ts.ImportSpecifier | ts.ExportSpecifier) => (element.propertyName ?? element.name).text;

export const parse = ({ path: at, text }: SourceFile): ts.SourceFile =>
  ts.createSourceFile(at, text, ts.ScriptTarget.ES2023, true, ts.ScriptKind.TS);
