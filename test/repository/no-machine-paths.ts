/**
 * What a tracked file must not name: folders of the machine it was written on, and hosts of package registries, which
 * differ from place to place. A lock file records names, versions and checksums; where they come from is the reader's
 * own business.
 */
import type { SourceFile } from './source-tree.js';

const FORBIDDEN: readonly (readonly [what: string, pattern: RegExp])[] = [
  ["a person's folder", /(?<![\w.~-])\/(home|Users)\/\w+/],
  ['a folder of one machine', /(?<![\w.~@/-])\/(root|work|mnt|media|opt|srv|tmp|var\/folders)\/[\w.-]+/],
  ['a folder of one machine', /\b[A-Z]:\\\\?(Users|work|Temp)\b/],
  ['a package registry', /\bregistry\.[a-z0-9-]+\.[a-z]{2,}|\b(npmmirror|jfrog|artifactory|verdaccio|nexus)\b[\w.-]*\.[a-z]{2,}/i],
  ['where a package was fetched', /"resolved":\s*"/],
];

/** One line for each place in `file` that names one. */
export function machinePathsIn(file: SourceFile): string[] {
  return file.text.split('\n').flatMap((line, index) =>
    FORBIDDEN.flatMap(([what, pattern]) => {
      const found = pattern.exec(line);
      return found === null ? [] : [`${file.path}:${index + 1}: ${what}: ${found[0]}`];
    }),
  );
}
