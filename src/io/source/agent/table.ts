import { counted, type Schema } from '../../../core/index.ts';
import type { TableSource, TableStatus } from '../table-source.ts';
import type { RecordListener } from './option.ts';

/** A listener as a source of rows. */

/**
 * A listener as a source of rows. Its schema is that of the first batch, for which this waits; listen with `schemaOf: 'all'` so that every agent's records have it. Records of sources with another
 * schema are rejected and counted.
 */
export async function listenerTable(listener: RecordListener): Promise<TableSource> {
  let next = await listener.next();
  const schema: Schema = next?.table.schema ?? { name: 'records', version: 1, columns: [] };
  let rows = 0;
  let strange = 0;
  const place = listener.tcp ?? listener.http;
  return {
    name: `listen:${place?.host ?? ''}:${place?.port ?? ''}`,
    format: schema.name === 'packet-records' ? 'packet-records' : 'json-stream',
    compression: '',
    totalBytes: undefined,
    schema,
    gives: new Set(schema.columns.map(({ name }) => name)),
    async read() {
      for (;;) {
        const batch = next ?? (await listener.next());
        next = undefined;
        if (batch === undefined) return undefined;
        if (batch.table.schema === schema) {
          rows += batch.table.rowCount;
          return batch.table;
        }
        strange += batch.table.rowCount;
      }
    },
    bytesTaken: () => listener.status().bytes,
    status(): TableStatus {
      const { rejected, rejects } = listener.status();
      return {
        rows,
        rejected: rejected + strange,
        rejects,
        state: 'whole',
        ...(strange === 0
          ? {}
          : {
              message: `${counted(strange, 'record')} of agents with another schema ${strange === 1 ? 'was' : 'were'} left out`,
            }),
      };
    },
    stop: () => listener.stop(),
    close: () => void listener.stop(),
  };
}
