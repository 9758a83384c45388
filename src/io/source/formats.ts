import { looksLikeArrow, openArrow } from './arrow.ts';
import { argusError, looksLikeArgus, looksLikeBinetflow, openBinetflow } from './binetflow.ts';
import { looksLikeConnectionSheet, openConnectionSheet } from './connection-sheet.ts';
import { looksLikeCsv, openCsv } from './csv/index.ts';
import { looksLikeEve, openEve } from './eve/index.ts';
import type { RowFormat, RowInput } from './format.ts';
import type { ByteSource } from './input.ts';
import { looksLikeJson, looksLikeNdjson, openJson } from './json.ts';
import { NETFLOW_CAPTURE_FORMAT, NETFLOW_FORMAT, NFCAPD_FORMAT } from './netflow/index.ts';
import { looksLikeNfdump, looksLikeNfdumpJson, nfdumpJsonError, openNfdump } from './nfdump.ts';
import { looksLikeParquet, openParquet } from './parquet.ts';
import { looksLikeZeek, openZeekFlows, openZeekTable, zeekGivesFlows } from './zeek/index.ts';
import { looksLikeZeekJson, openZeekJsonFlows, zeekJsonGivesFlows } from './zeek/json.ts';

/** Every format of rows, the one that is told most surely first. A new one is a file and an entry here. */
export const ROW_FORMATS: readonly RowFormat[] = [
  NETFLOW_FORMAT,
  NETFLOW_CAPTURE_FORMAT,
  NFCAPD_FORMAT,
  {
    id: 'zeek',
    title: 'Zeek logs, tab-separated: conn, dns, ssl, http ... of one set together',
    flows: true,
    together: true,
    looksLike: looksLikeZeek,
    givesFlows: zeekGivesFlows,
    openTable: openZeekTable,
    openFlows: openZeekFlows,
  },
  {
    id: 'eve',
    title: "Suricata's eve.json: flow events with the dns, tls, http ... events and the alerts of the same flows",
    flows: true,
    together: true,
    looksLike: looksLikeEve,
    openTable: openJson,
    openFlows: async (inputs, options) => {
      const sources: ByteSource[] = [];
      try {
        for (const input of inputs) sources.push(await input.open());
      } catch (error) {
        for (const source of sources) source.close();
        throw error;
      }
      return openEve(sources, options);
    },
  },
  {
    id: 'zeek-json',
    title: 'Zeek logs as JSON, one object per line',
    flows: true,
    together: true,
    looksLike: looksLikeZeekJson,
    givesFlows: zeekJsonGivesFlows,
    openTable: openJson,
    openFlows: openZeekJsonFlows,
  },
  {
    id: 'parquet',
    title: 'Parquet files',
    flows: false,
    looksLike: looksLikeParquet,
    openTable: openParquet,
  },
  {
    id: 'arrow',
    title: 'Arrow IPC, as a stream or as a file (Feather)',
    flows: false,
    looksLike: looksLikeArrow,
    openTable: openArrow,
  },
  {
    id: 'nfdump-json',
    title: 'JSON of nfdump: not read; nfdump writes CSV as well',
    flows: false,
    looksLike: looksLikeNfdumpJson,
    openFlows: ([input]) => Promise.reject(nfdumpJsonError(input?.name ?? 'the input')),
    openTable: (source) => Promise.reject(nfdumpJsonError(source.name)),
  },
  {
    id: 'argus-binary',
    title: 'files of argus: not read; ra turns them into text',
    flows: false,
    looksLike: looksLikeArgus,
    openFlows: ([input]) => Promise.reject(argusError(input?.name ?? 'the input')),
    openTable: (source) => Promise.reject(argusError(source.name)),
  },
  {
    id: 'json',
    title: 'JSON: one object per line, or an array of objects',
    flows: false,
    looksLike: (head) => looksLikeNdjson(head) || looksLikeJson(head),
    openTable: openJson,
  },
  {
    id: 'argus',
    title: 'Argus text: ra -c , and the binetflow files of CTU data sets',
    flows: true,
    looksLike: looksLikeBinetflow,
    openTable: openCsv,
    openFlows: async ([input], options) => openBinetflow(await (input as RowInput).open(), options),
  },
  {
    id: 'nfdump',
    title: 'NetFlow records as text of nfdump -o csv',
    flows: true,
    looksLike: looksLikeNfdump,
    openTable: openCsv,
    openFlows: async ([input], options) => openNfdump(await (input as RowInput).open(), options),
  },
  {
    id: 'sheet',
    title: 'sheets of connections (CSV or XLSX): PROTOCOL ... CNT, groups parted by blank rows',
    flows: true,
    looksLike: (head, name) => looksLikeConnectionSheet(head) || (isZip(head) && /\.xlsx$/i.test(name)),
    openFlows: async ([input], options) => openConnectionSheet((input as RowInput).name, options),
  },
  {
    id: 'csv',
    title: 'CSV and its kin: comma, semicolon, tab or bar between the cells',
    flows: false,
    // One line of any text may hold a comma; so it takes two, or the name. Where the name says so, lines need not be of one width (the others are rejected one by one), nor have a separator.
    looksLike: (head, name) =>
      /\.(csv|tsv)$/i.test(name) ? looksLikeCsv(head) || isLines(head) : hasTwoLines(head) && looksLikeCsv(head),
    openTable: openCsv,
  },
];

function hasTwoLines(head: Uint8Array): boolean {
  const end = head.indexOf(0x0a);
  return end >= 0 && head.subarray(end + 1).some((byte) => byte > 0x20);
}

function isZip(head: Uint8Array): boolean {
  return head[0] === 0x50 && head[1] === 0x4b && head[2] === 3 && head[3] === 4;
}

/** Two lines of text or more that are neither JSON nor markup. */
function isLines(head: Uint8Array): boolean {
  const first = head.find((byte) => byte > 0x20 && byte !== 0xef && byte !== 0xbb && byte !== 0xbf);
  if (first === undefined || first === 0x7b || first === 0x5b || first === 0x3c || !hasTwoLines(head)) return false;
  return !head.some((byte) => byte < 0x09);
}
