import type { RowFormat } from './format.ts';
import { looksLikeJson, looksLikeNdjson, openJson } from './json.ts';
import { openZeekFlows } from './zeek-flow.ts';
import { looksLikeZeek, openZeekTable } from './zeek-tsv.ts';

/** Every format of rows, the one that is told most surely first. A new one is a file and an entry here. */
export const ROW_FORMATS: readonly RowFormat[] = [
  {
    id: 'zeek',
    title: 'Zeek logs, tab-separated: conn, dns, ssl, http ... of one set together',
    flows: true,
    together: true,
    looksLike: looksLikeZeek,
    openTable: openZeekTable,
    openFlows: openZeekFlows,
  },
  {
    id: 'json',
    title: 'JSON: one object per line, or an array of objects',
    flows: false,
    looksLike: (head) => looksLikeNdjson(head) || looksLikeJson(head),
    openTable: openJson,
  },
];
