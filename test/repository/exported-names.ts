/** The public face of a library, as a reader of its index.ts sees it. */
import path from 'node:path';
import ts from 'typescript';
import { parse } from './import-rules.js';
import type { SourceFile } from './source-tree.js';

export interface PublicFace {
  /** Sorted; types are marked. */
  readonly names: readonly string[];
  /** Modules re-exported whole, whose names nobody chose. */
  readonly wholesale: readonly string[];
}

/** @param read a file's text by its path, for modules re-exported whole */
export function publicFace(index: SourceFile, read: (at: string) => SourceFile): PublicFace {
  const names: string[] = [];
  const wholesale: string[] = [];
  for (const statement of parse(index).statements) {
    if (ts.isExportDeclaration(statement)) {
      const from = statement.moduleSpecifier && ts.isStringLiteral(statement.moduleSpecifier) ? statement.moduleSpecifier.text : null;
      if (statement.exportClause && ts.isNamedExports(statement.exportClause)) {
        for (const { name, isTypeOnly } of statement.exportClause.elements) {
          names.push(`${isTypeOnly || statement.isTypeOnly ? 'type ' : ''}${name.text}`);
        }
      } else if (from !== null) {
        wholesale.push(from);
        const at = path.posix.join(path.posix.dirname(index.path), from).replace(/\.js$/, '.ts');
        names.push(...publicFace(read(at), read).names);
      }
    } else names.push(...declaredNames(statement));
  }
  return { names: names.sort(), wholesale };
}

function declaredNames(statement: ts.Statement): string[] {
  const isExported = ts.canHaveModifiers(statement) && ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
  if (!isExported) return [];
  if (ts.isVariableStatement(statement)) return statement.declarationList.declarations.map(({ name }) => name.getText());
  const isType = ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement);
  const isNamed = isType || ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement) || ts.isEnumDeclaration(statement);
  return isNamed && statement.name ? [`${isType ? 'type ' : ''}${statement.name.text}`] : ['default'];
}
