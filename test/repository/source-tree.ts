/** The files of the repository as they lie on disk, without what is fetched or made. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export interface SourceFile {
  /** Relative to the root, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const NOT_OURS = /^(node_modules|\.git|dist.*|\.triptych.*|coverage)$/;

/** Paths of all files below `folder` (relative to the root), sorted. */
export function filesBelow(folder = ''): string[] {
  return readdirSync(path.join(ROOT, folder), { withFileTypes: true })
    .flatMap((entry) => {
      const at = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (NOT_OURS.test(entry.name)) return [];
      return entry.isDirectory() ? filesBelow(at) : entry.isFile() ? [at] : [];
    })
    .sort();
}

export const readSource = (at: string): SourceFile => ({ path: at, text: readFileSync(path.join(ROOT, at), 'utf8') });

export const typescriptFiles = (...folders: string[]): SourceFile[] =>
  folders.flatMap((folder) => filesBelow(folder)).filter((at) => at.endsWith('.ts')).map(readSource);
