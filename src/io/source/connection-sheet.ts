import * as fs from 'node:fs';
import * as path from 'node:path';
import { counted, nearest, safeText, type Table, UserError } from '../../core/index.ts';
import { FLOW_COLUMN } from '../../flow/index.ts';
import { formatIpv4, formatIpv6, PROTO, parseAddress, serviceByPort } from '../../wire/index.ts';
import { FlowWriter, protocolByName } from './flow-writer.ts';
import { describeFileError } from './input.ts';
import {
  DEFAULT_BATCH_ROWS,
  MAX_REJECTS_SHOWN,
  type Reject,
  type TableOpenOptions,
  type TableSource,
} from './table-source.ts';

/**
 * The connection sheet: a table that people keep of who talks with whom, as CSV or XLSX. A row is one direction of a connection with a packet count; rows that belong together form a group, and one
 * blank row separates groups. Ports may be collapsed to `EPH` (ephemeral), keep their number as `EPH:43496`, and carry a description behind the number.
 */
export const SHEET_COLUMNS = [
  'PROTOCOL',
  'SRCMAC',
  'SRCMFG',
  'SRCIP',
  'SRCPORT',
  'DSTMAC',
  'DSTMFG',
  'DSTIP',
  'DSTPORT',
  'CNT',
] as const;
/** A column that analysts add behind the others: free text. */
export const SHEET_NOTES = 'NOTES';

export type SheetColumn = (typeof SHEET_COLUMNS)[number] | typeof SHEET_NOTES;

/** A cell as it stands: CSV has text alone, '' for an empty one; XLSX has null for an empty one, and dates as ISO 8601 in UTC. */
export type SheetCell = string | number | boolean | null | { readonly date: string };

export interface SheetRow {
  /** 'other' is what is neither header, connection nor blank: a title, a note in a row of its own. */
  readonly kind: 'header' | 'connection' | 'blank' | 'other';
  /** From 1: the line of the file where the row begins, or the row of the sheet. */
  readonly line: number;
  readonly cells: readonly SheetCell[];
  /** CSV: which cells stand in quotes without need, or lack them; absent where quotes stand where RFC 4180 needs them. */
  readonly quoted?: readonly boolean[];
  /** CSV: the row's text, where cells and quotes can't say it (text behind a closing quote, a quote that never closes). */
  readonly raw?: string;
  /** CSV: what ends the row; '' at the end of the file. */
  readonly newline?: string;
}

export interface SheetPort {
  /** 'other' is a text that is no port. */
  readonly kind: 'number' | 'ephemeral' | 'other';
  /** 0 to 65,535; absent for a plain EPH. */
  readonly port?: number;
  /** What stands behind the port: 'HTTPS', 'NTP'. */
  readonly description?: string;
}

export interface SheetEnd {
  /** Lower case with colons. */
  readonly mac?: string;
  readonly vendor?: string;
  /** In canonical text (RFC 5952). */
  readonly ip?: string;
  readonly port?: SheetPort;
}

/** What a row means. What is empty or N/A there is absent here. */
export interface SheetConnection {
  readonly line: number;
  /** From 1. */
  readonly group: number;
  /** In upper case, as the sheet has it. */
  readonly protocol?: string;
  readonly src: SheetEnd;
  readonly dst: SheetEnd;
  readonly packets?: number;
  readonly notes?: string;
}

export interface SheetProblem {
  readonly line: number;
  readonly column: SheetColumn;
  /** What is wrong with the cell, without its text. */
  readonly reason: string;
  readonly text: string;
}

/** Plain data: `JSON.stringify` of it is the sheet's lossless JSON form. */
export interface ConnectionSheet {
  readonly format: 'connection-sheet';
  readonly version: 1;
  readonly layout:
    | {
        readonly kind: 'csv';
        readonly delimiter: ',' | ';' | '\t';
        readonly encoding: 'utf-8' | 'latin1' | 'utf-16le';
        readonly bom: boolean;
        /** True for a sheet that was made of flows: its text is guarded when it goes out. */
        readonly made: boolean;
      }
    | {
        readonly kind: 'xlsx';
        readonly sheet: string;
        /** The workbook's other sheets, before and behind this one. */
        readonly before: readonly OtherSheet[];
        readonly after: readonly OtherSheet[];
      };
  readonly rows: readonly SheetRow[];
  readonly connections: readonly SheetConnection[];
  readonly groups: number;
  /** Cells that could not be understood, at most 1,000; they are kept as they stand, and absent from `connections`. */
  readonly problems: readonly SheetProblem[];
  readonly problemCount: number;
}

export interface OtherSheet {
  readonly sheet: string;
  readonly rows: readonly (readonly SheetCell[])[];
}

const MAX_FILE_BYTES = 64 << 20;
const MAX_UNPACKED_BYTES = 128 << 20;
const MAX_ROWS = 250_000;
const MAX_PROBLEMS = 1000;
const HEADER_ROWS = 20;

/** True for text or bytes whose first lines hold a connection sheet's header. */
export function looksLikeConnectionSheet(head: Uint8Array): boolean {
  const text = decode(head.subarray(0, 65_536)).text;
  return text
    .split(/\r\n|\r|\n/, HEADER_ROWS)
    .some((line) => isHeader(line.split(/[,;\t]/).map((cell) => cell.replace(/"/g, ''))));
}

/** Reads a sheet from CSV, in UTF-8, UTF-16LE or Latin-1, with commas, semicolons or tabs. `name` is for messages. Throws UserError where it has no header of a connection sheet. */
export function parseConnectionCsv(bytes: Uint8Array, name: string): ConnectionSheet {
  const { text, encoding, bom } = decode(bytes);
  const delimiter = delimiterOf(text);
  const rows = splitCsv(text, delimiter, name);
  return understand(
    rows.map(({ line, cells, quoted, raw, newline }) => ({
      line,
      cells,
      newline,
      ...(raw === undefined ? {} : { raw }),
      ...(quoted === undefined ? {} : { quoted }),
    })),
    { kind: 'csv', delimiter, encoding, bom, made: false },
    name,
  );
}

/** Reads a sheet from an XLSX workbook: the first sheet that has the header; the others are kept. */
export async function parseConnectionXlsx(bytes: Uint8Array, name: string): Promise<ConnectionSheet> {
  const unpacked = unpackedSize(bytes);
  if (unpacked === undefined)
    throw new UserError(`${name} is no XLSX workbook`, 'save it as XLSX or CSV; the old XLS is not read');
  if (unpacked > MAX_UNPACKED_BYTES)
    throw new UserError(`${name} unpacks to more than ${MAX_UNPACKED_BYTES >> 20} MiB`, 'save the sheet as CSV');
  const { default: readWorkbook } = await import('read-excel-file/node');
  let workbook: { sheet: string; rows: SheetCell[][] }[];
  try {
    const sheets = await readWorkbook(Buffer.from(bytes), { trim: false });
    workbook = sheets.map(({ sheet, data }) => ({ sheet, rows: data.map((row) => row.map(cellOf)) }));
  } catch (error) {
    throw new UserError(
      `${name} cannot be read as XLSX: ${safeText(error instanceof Error ? error.message : String(error))}`,
      'open it in a spreadsheet program and save it again, or save it as CSV',
    );
  }
  const at = workbook.findIndex(({ rows }) => rows.slice(0, HEADER_ROWS).some((row) => isHeader(row.map(textOf))));
  const chosen = workbook[Math.max(0, at)];
  if ((chosen?.rows.length ?? 0) > MAX_ROWS)
    throw new UserError(`${name} has more than ${MAX_ROWS} rows`, 'split it: a sheet is for people to read');
  if (chosen === undefined) throw new UserError(`${name} has no sheet`, 'give a workbook with a connection sheet');
  return understand(
    chosen.rows.map((cells, i) => ({ line: i + 1, cells })),
    {
      kind: 'xlsx',
      sheet: chosen.sheet,
      before: workbook.slice(0, Math.max(0, at)),
      after: workbook.slice(Math.max(0, at) + 1),
    },
    name,
  );
}

/** Reads a file, XLSX or CSV by its content. Throws UserError. */
export async function readConnectionSheet(name: string): Promise<ConnectionSheet> {
  let bytes: Buffer;
  try {
    const { size } = fs.statSync(name);
    if (size > MAX_FILE_BYTES)
      throw new UserError(
        `${name} has more than ${MAX_FILE_BYTES >> 20} MiB: that is no sheet that people keep`,
        'give it as a CSV log instead',
      );
    bytes = fs.readFileSync(name);
  } catch (error) {
    throw error instanceof UserError ? error : describeFileError(error, name, 'read');
  }
  const zip = bytes.length >= 4 && bytes.readUInt32LE(0) === 0x04034b50;
  return zip ? parseConnectionXlsx(bytes, path.basename(name)) : parseConnectionCsv(bytes, path.basename(name));
}

function cellOf(value: unknown): SheetCell {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : { date: value.toISOString() };
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : null;
}

/** A cell as text; '' for an empty one. */
export function textOf(cell: SheetCell | undefined): string {
  if (cell === null || cell === undefined) return '';
  return typeof cell === 'object' ? cell.date : String(cell);
}

const NAME_KEY = (cell: string): string => cell.trim().toUpperCase();

function isHeader(cells: readonly string[]): boolean {
  const names = new Set(cells.map(NAME_KEY));
  return SHEET_COLUMNS.filter((name) => names.has(name)).length >= 6;
}

function decode(bytes: Uint8Array): { text: string; encoding: 'utf-8' | 'latin1' | 'utf-16le'; bom: boolean } {
  if (bytes[0] === 0xff && bytes[1] === 0xfe && bytes.length % 2 === 0)
    return { text: Buffer.from(bytes.subarray(2)).toString('utf16le'), encoding: 'utf-16le', bom: true };
  const bom = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  const rest = bom ? bytes.subarray(3) : bytes;
  try {
    return { text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(rest), encoding: 'utf-8', bom };
  } catch {
    // Not UTF-8: every byte is a character of Latin-1, and goes back to the same byte.
    return { text: Buffer.from(bytes).toString('latin1'), encoding: 'latin1', bom: false };
  }
}

function delimiterOf(text: string): ',' | ';' | '\t' {
  for (const line of text.split(/\r\n|\r|\n/, HEADER_ROWS))
    for (const delimiter of [',', ';', '\t'] as const)
      if (isHeader(line.split(delimiter).map((cell) => cell.replace(/"/g, '')))) return delimiter;
  return ',';
}

interface CsvRow {
  readonly line: number;
  readonly cells: string[];
  readonly quoted: boolean[] | undefined;
  readonly raw: string | undefined;
  readonly newline: string;
}

/** CSV by RFC 4180, where rows may end in LF, CR LF or CR. What the text is written like is kept wherever it could be written otherwise. */
function splitCsv(text: string, delimiter: string, name: string): CsvRow[] {
  const rows: CsvRow[] = [];
  let line = 1;
  let at = 0;
  while (at < text.length) {
    if (rows.length >= MAX_ROWS)
      throw new UserError(`${name} has more than ${MAX_ROWS} rows`, 'split it: a sheet is for people to read');
    const from = at;
    const cells: string[] = [];
    const quoted: boolean[] = [];
    const startLine = line;
    for (;;) {
      let cell = '';
      const inQuotes = text[at] === '"';
      if (inQuotes) {
        at++;
        for (;;) {
          const close = text.indexOf('"', at);
          if (close < 0) {
            cell += text.slice(at);
            at = text.length;
            break;
          }
          cell += text.slice(at, close);
          at = close + 1;
          if (text[at] !== '"') break;
          cell += '"';
          at++;
        }
        line += cell.match(/\r\n|\r|\n/g)?.length ?? 0;
      }
      let end = at;
      while (end < text.length && text[end] !== delimiter && text[end] !== '\n' && text[end] !== '\r') end++;
      cell += text.slice(at, end);
      at = end;
      cells.push(cell);
      quoted.push(inQuotes);
      if (text[at] !== delimiter) break;
      at++;
    }
    const end = at;
    const newline = text.startsWith('\r\n', at) ? '\r\n' : at < text.length ? (text[at] ?? '') : '';
    at += newline.length;
    line++;
    const source = text.slice(from, end);
    const usual = quoted.every((each, i) => each === needsQuotes(cells[i] ?? '', delimiter));
    const rebuilt = encodeCsvRow(cells, usual ? undefined : quoted, delimiter);
    rows.push({
      line: startLine,
      cells,
      quoted: usual ? undefined : quoted,
      raw: rebuilt === source ? undefined : source,
      newline,
    });
  }
  return rows;
}

export function needsQuotes(cell: string, delimiter: string): boolean {
  return cell.includes(delimiter) || /["\r\n]/.test(cell);
}

/** Cells as one row of CSV without its end. @param quoted which cells stand in quotes; by need where absent. */
export function encodeCsvRow(
  cells: readonly string[],
  quoted: readonly boolean[] | undefined,
  delimiter: string,
): string {
  return cells
    .map((cell, i) => ((quoted?.[i] ?? needsQuotes(cell, delimiter)) ? `"${cell.replace(/"/g, '""')}"` : cell))
    .join(delimiter);
}

/** Uncompressed size of a ZIP archive by its central directory (APPNOTE.TXT 4.3.12); undefined where it is none. */
function unpackedSize(bytes: Uint8Array): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = bytes.length - 22; at >= Math.max(0, bytes.length - 65_557); at--) {
    if (view.getUint32(at, true) !== 0x06054b50) continue;
    const entries = view.getUint16(at + 10, true);
    let entry = view.getUint32(at + 16, true);
    let total = 0;
    for (let i = 0; i < entries; i++) {
      if (entry + 46 > bytes.length || view.getUint32(entry, true) !== 0x02014b50) return undefined;
      total += view.getUint32(entry + 24, true);
      entry +=
        46 + view.getUint16(entry + 28, true) + view.getUint16(entry + 30, true) + view.getUint16(entry + 32, true);
    }
    return total;
  }
  return undefined;
}

function understand(
  raw: readonly Omit<SheetRow, 'kind'>[],
  layout: ConnectionSheet['layout'],
  name: string,
): ConnectionSheet {
  const at = raw.slice(0, HEADER_ROWS).findIndex(({ cells }) => isHeader(cells.map(textOf)));
  const header = raw[at];
  if (header === undefined) {
    const first = raw.find(({ cells }) => cells.some((cell) => textOf(cell).trim() !== ''));
    throw new UserError(
      `${name}: no header of a connection sheet in the first ${HEADER_ROWS} rows${first === undefined ? '' : ` (row ${first.line} begins with '${safeText(textOf(first.cells[0]), 40)}')`}`,
      `a row with these names is expected: ${SHEET_COLUMNS.join(',')}`,
    );
  }
  const names = header.cells.map((cell) => NAME_KEY(textOf(cell)));
  const columns = new Map<SheetColumn, number>();
  for (const column of [...SHEET_COLUMNS, SHEET_NOTES] as const) {
    const index = names.indexOf(column);
    if (index >= 0) columns.set(column, index);
    else if (column !== SHEET_NOTES) {
      const near = nearest(
        column,
        names.filter((each) => each !== '' && !(SHEET_COLUMNS as readonly string[]).includes(each)),
      );
      throw new UserError(
        `${name}:${header.line}: the column ${column} is missing`,
        near === undefined
          ? `these are expected: ${SHEET_COLUMNS.join(',')}`
          : `is '${safeText(near, 40)}' meant? These are expected: ${SHEET_COLUMNS.join(',')}`,
      );
    }
  }
  const rows: SheetRow[] = [];
  const connections: SheetConnection[] = [];
  const problems: SheetProblem[] = [];
  let problemCount = 0;
  let groups = 0;
  let open = false;
  raw.forEach((row, i) => {
    if (i <= at) {
      const blank = row.cells.every((cell) => textOf(cell).trim() === '');
      rows.push({ kind: i === at ? 'header' : blank ? 'blank' : 'other', ...row });
      return;
    }
    const text = (column: SheetColumn): string => textOf(row.cells[columns.get(column) ?? -1]).trim();
    if (row.cells.every((cell) => textOf(cell).trim() === '')) {
      // A row is blank when all of its cells are, and not when its addresses are: ARP and other protocols without IP have rows too.
      open = false;
      rows.push({ kind: 'blank', ...row });
      return;
    }
    if (SHEET_COLUMNS.every((column) => text(column) === '')) {
      rows.push({ kind: 'other', ...row });
      return;
    }
    if (!open) groups++;
    open = true;
    rows.push({ kind: 'connection', ...row });
    const problem = (column: SheetColumn, reason: string): undefined => {
      problemCount++;
      if (problems.length < MAX_PROBLEMS)
        problems.push({ line: row.line, column, reason, text: text(column).slice(0, 1024) });
      return undefined;
    };
    const known = (column: SheetColumn): string | undefined => (isMissing(text(column)) ? undefined : text(column));
    const end = (side: 'SRC' | 'DST'): SheetEnd => {
      const mac = known(`${side}MAC`);
      const macText = mac === undefined ? undefined : (macOf(mac) ?? problem(`${side}MAC`, 'no MAC address'));
      const ip = known(`${side}IP`);
      const ipText = ip === undefined ? undefined : (ipOf(ip) ?? problem(`${side}IP`, 'no IP address'));
      const vendor = known(`${side}MFG`);
      const portText = known(`${side}PORT`);
      const port = portText === undefined ? undefined : parseSheetPort(portText);
      if (port?.kind === 'other') problem(`${side}PORT`, 'no port');
      return {
        ...(macText === undefined ? {} : { mac: macText }),
        ...(vendor === undefined ? {} : { vendor }),
        ...(ipText === undefined ? {} : { ip: ipText }),
        ...(port === undefined ? {} : { port }),
      };
    };
    const protocol = known('PROTOCOL');
    const count = known('CNT');
    const packets = count === undefined ? undefined : (countOf(count) ?? problem('CNT', 'no count'));
    const notes = columns.has(SHEET_NOTES) ? known(SHEET_NOTES) : undefined;
    connections.push({
      line: row.line,
      group: groups,
      ...(protocol === undefined ? {} : { protocol: protocol.toUpperCase() }),
      src: end('SRC'),
      dst: end('DST'),
      ...(packets === undefined ? {} : { packets }),
      ...(notes === undefined ? {} : { notes }),
    });
  });
  return { format: 'connection-sheet', version: 1, layout, rows, connections, groups, problems, problemCount };
}

function isMissing(text: string): boolean {
  return /^(n\/?a|nan|none|null|-)?$/i.test(text);
}

/** A port as sheets have it: '443', '443.0', '443 (HTTPS)', '123 - NTP', 'EPH', 'EPH:43496'. */
export function parseSheetPort(cell: string): SheetPort {
  const text = cell.trim();
  const ephemeral = /^EPH(?:EMERAL)?(?:\s*:\s*(\d{1,5})(?!\d))?(?:\s*[\s(:,/–-]\s*(.*?)\)?)?$/is.exec(text);
  if (ephemeral !== null) {
    const [, number, description = ''] = ephemeral;
    if (number !== undefined && Number(number) > 65_535) return { kind: 'other' };
    return {
      kind: 'ephemeral',
      ...(number === undefined ? {} : { port: Number(number) }),
      ...(description === '' ? {} : { description }),
    };
  }
  const plain = /^(\d{1,5})(?:\.0+)?(?:\s*[\s(:,/–-]\s*(.*?)\)?)?$/s.exec(text);
  if (plain === null || Number(plain[1]) > 65_535) return { kind: 'other' };
  const description = plain[2] ?? '';
  return { kind: 'number', port: Number(plain[1]), ...(description === '' ? {} : { description }) };
}

function countOf(text: string): number | undefined {
  if (/^\d{1,15}(\.0*)?$/.test(text)) return Number(text);
  return /^\d{1,3}(,\d{3}){1,4}$/.test(text) ? Number(text.replaceAll(',', '')) : undefined;
}

function macOf(text: string): string | undefined {
  const digits = text.toLowerCase().replace(/[:.-]/g, '');
  return /^[0-9a-f]{12}$/.test(digits) ? digits.replace(/(..)(?=.)/g, '$1:') : undefined;
}

function ipOf(text: string): string | undefined {
  const parsed = parseAddress(text);
  if (parsed === undefined) return undefined;
  const [a, b, c, d] = parsed.words;
  return parsed.isV6 ? formatIpv6(a, b, c, d) : formatIpv4(a);
}

/**
 * True where a row shows the answer, so that its destination began the connection: the destination's port is ephemeral and the source's is not, or the source's port is that of a service and the
 * destination's is none.
 */
export function isAnswer({ protocol = '', src, dst }: SheetConnection): boolean {
  if (src.port?.kind !== 'number' || src.port.port === undefined) return false;
  if (dst.port?.kind === 'ephemeral') return true;
  const number = protocolByName(protocol, false);
  return (
    dst.port?.port !== undefined &&
    serviceByPort(number, src.port.port) !== undefined &&
    serviceByPort(number, dst.port.port) === undefined
  );
}

const EXTRA = [
  { name: 'sheetGroup', kind: 'int32', unit: '', meaning: 'Number of the group in the sheet, from 1.' },
  { name: 'initiatorVendor', kind: 'string', unit: '', meaning: 'Vendor of the initiator, as the sheet has it.' },
  { name: 'responderVendor', kind: 'string', unit: '', meaning: 'Vendor of the responder, as the sheet has it.' },
  { name: 'notes', kind: 'string', unit: '', meaning: 'What an analyst wrote beside the row.' },
] as const;

/**
 * The connections of a sheet as flows, one for each row: the sheet counts directions by themselves, and says nothing of time, so `startMs` is missing. The packets of a row are those of its source; a row
 * that shows the answer (`isAnswer`) is turned round, so that the initiator is who asked. A plain EPH leaves the port missing.
 */
export function sheetFlows(sheet: ConnectionSheet, batchRows = DEFAULT_BATCH_ROWS): FlowBatches {
  const writer = new FlowWriter(
    [
      'initiatorPort',
      'responderPort',
      'initiatorMac',
      'responderMac',
      'initiatorPackets',
      'responderPackets',
      'service',
      'serviceBasis',
      'portService',
    ],
    { batchRows, extra: EXTRA },
  );
  const gives = new Set(writer.gives);
  gives.delete('startMs');
  let at = 0;
  const next = (): Table | undefined => {
    if (at >= sheet.connections.length) return undefined;
    while (!writer.full && at < sheet.connections.length) {
      const connection = sheet.connections[at++];
      if (connection !== undefined) writeConnection(writer, connection);
    }
    return writer.finish();
  };
  return { schema: writer.schema, gives, next };
}

export interface FlowBatches {
  readonly schema: Table['schema'];
  readonly gives: ReadonlySet<string>;
  /** The next batch, undefined at the end. */
  next(): Table | undefined;
}

function writeConnection(writer: FlowWriter, connection: SheetConnection): void {
  const { protocol = '', src, dst, packets, group, notes } = connection;
  const answer = isAnswer(connection);
  const [from, to] = answer ? [dst, src] : [src, dst];
  const row = writer.addRow();
  const isV6 = (src.ip ?? dst.ip ?? '').includes(':');
  const number = protocolByName(protocol, isV6);
  if (number >= 0) writer.protocol(row, number);
  else writer.text(FLOW_COLUMN.protocol, row, protocol.toLowerCase());
  const has = number === PROTO.tcp || number === PROTO.udp || number === PROTO.sctp;
  const portOf = (end: SheetEnd): number => (has ? (end.port?.port ?? Number.NaN) : Number.NaN);
  writer.text(FLOW_COLUMN.initiator, row, from.ip ?? '');
  writer.text(FLOW_COLUMN.responder, row, to.ip ?? '');
  writer.number(FLOW_COLUMN.initiatorPort, row, portOf(from));
  writer.number(FLOW_COLUMN.responderPort, row, portOf(to));
  writer.text(FLOW_COLUMN.initiatorMac, row, from.mac ?? '');
  writer.text(FLOW_COLUMN.responderMac, row, to.mac ?? '');
  writer.number(answer ? FLOW_COLUMN.responderPackets : FLOW_COLUMN.initiatorPackets, row, packets ?? Number.NaN);
  writer.service(row, number, portOf(from), portOf(to), '');
  writer.outcome(row, number, answer ? Number.NaN : (packets ?? Number.NaN), Number.NaN, false, Number.NaN);
  writer.number(writer.extraAt, row, group);
  writer.text(writer.extraAt + 1, row, from.vendor ?? '');
  writer.text(writer.extraAt + 2, row, to.vendor ?? '');
  writer.text(writer.extraAt + 3, row, notes ?? '');
  writer.finishRow(row);
}

/** A connection sheet as a source of flows. Throws UserError where it can't be read or is none. */
export async function openConnectionSheet(
  name: string,
  options: Pick<TableOpenOptions, 'batchRows' | 'onReject'> = {},
): Promise<TableSource & { readonly sheet: ConnectionSheet }> {
  const sheet = await readConnectionSheet(name);
  const flows = sheetFlows(sheet, options.batchRows);
  const totalBytes = fs.statSync(name).size;
  const rejects: Reject[] = [];
  let rejected = 0;
  for (const row of sheet.rows) {
    if (row.kind !== 'other') continue;
    rejected++;
    const reject = {
      line: row.line,
      reason: 'neither a connection nor a blank row',
      bytes: Buffer.from(row.cells.map(textOf).join(',')).subarray(0, 1024),
    };
    if (rejects.length < MAX_REJECTS_SHOWN) rejects.push(reject);
    options.onReject?.(reject);
  }
  const [first] = sheet.problems;
  let rows = 0;
  return {
    name,
    format: 'connection-sheet',
    compression: '',
    totalBytes,
    schema: flows.schema,
    gives: flows.gives,
    sheet,
    async read() {
      const table = flows.next();
      rows += table?.rowCount ?? 0;
      return table;
    },
    bytesTaken: () => totalBytes,
    status: () => ({
      rows,
      rejected,
      rejects,
      state: 'whole',
      ...(first === undefined
        ? {}
        : {
            message: `${counted(sheet.problemCount, 'cell')} could not be understood, first in row ${first.line}: ${first.column}: ${first.reason}`,
          }),
    }),
    close: () => undefined,
  };
}
