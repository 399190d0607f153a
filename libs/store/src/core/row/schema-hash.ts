/** A hash over all table schemas: nodes and clients that disagree about the tables must not speak to each other. */
import { ByteWriter } from '../codec/byte-writer.js';
import { sipHash128 } from '../codec/sip-hash.js';
import { TABLES, type TableSchema } from './table-schema.js';

/** Published: the hash says whether two processes agree, it keeps no secret. */
const KEY = Buffer.from('triptych/schemas');

/** 32 hex digits. The order of the tables does not matter. */
export function schemaHash(tables: readonly TableSchema[] = TABLES): string {
  const writer = new ByteWriter();
  for (const table of [...tables].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    writer.string(table.name);
    writer.string(table.siblings);
    writer.varint(table.maxItemsPerRow);
  }
  return Buffer.from(sipHash128(KEY, writer.finish())).toString('hex');
}
