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
    writer.u8(table.attributes === true ? 1 : 0);
    writer.u8(table.counted === true ? 1 : 0);
    writer.string(table.level ?? 'QUORUM');
    writer.u8(table.sloppy === true ? 1 : 0);
  }
  return Buffer.from(sipHash128(KEY, writer.finish())).toString('hex');
}
