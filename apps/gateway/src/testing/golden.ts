/** Bytes that disks and devices of earlier releases hold, as text: a change of them is a new format version. */
import { readFileSync } from 'node:fs';

const FOLDER = new URL('../../../../test/golden/gateway/', import.meta.url);

export const golden = (name: string): string => readFileSync(new URL(name, FOLDER), 'utf8').trim();
