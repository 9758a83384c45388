import * as path from 'node:path';
import { nearest, numberAt, safeText, type Table, textAt, UserError } from '../../core/index.ts';
import { bindFlows } from '../../flow/index.ts';
import {
  type ConnectionSheet,
  encodeCsvRow,
  type OtherSheet,
  SHEET_COLUMNS,
  SHEET_NOTES,
  type SheetCell,
  type SheetConnection,
  type SheetEnd,
  type SheetRow,
  textOf,
} from '../source/connection-sheet.ts';
import { writeOutput } from './file.ts';

/**
 * Connection sheets to CSV and XLSX.
 *
 * A spreadsheet takes a CSV cell that begins with = + - or @ for a formula, and some run it. A sheet that was read from CSV goes out as it came in, byte for byte, because a copy that differs is none;
 * `guard` puts an apostrophe before such cells. Everything else that is written as CSV (a sheet made of flows, or read from XLSX) is always guarded. In XLSX every text is written as a text, which is never
 * run.
 */
export interface SheetExportOptions {
  /** Guards the cells of a sheet that was read from CSV too, which is not lossless. Default false. */
  readonly guard?: boolean | undefined;
}

/** The sheet as CSV: byte for byte what it was read from, where that was CSV. */
export function encodeConnectionCsv(sheet: ConnectionSheet, options: SheetExportOptions = {}): Uint8Array {
  const { layout, rows } = sheet;
  if (layout.kind === 'csv' && !layout.made && options.guard !== true) {
    let text = '';
    for (const row of rows)
      text += `${row.raw ?? encodeCsvRow(row.cells.map(textOf), row.quoted, layout.delimiter)}${row.newline ?? '\n'}`;
    if (layout.encoding === 'latin1') return Buffer.from(text, 'latin1');
    if (layout.encoding === 'utf-16le') return Buffer.from(`\ufeff${text}`, 'utf16le');
    return Buffer.from(`${layout.bom ? '\ufeff' : ''}${text}`, 'utf8');
  }
  const delimiter = layout.kind === 'csv' ? layout.delimiter : ',';
  const width = rows.find(({ kind }) => kind === 'header')?.cells.length ?? SHEET_COLUMNS.length;
  let text = '';
  for (const row of rows) {
    const cells =
      row.kind === 'blank' ? Array.from({ length: width }, () => '') : row.cells.map((cell) => guarded(textOf(cell)));
    text += `${encodeCsvRow(cells, undefined, delimiter)}\n`;
  }
  return Buffer.from(text, 'utf8');
}

/** A text that no spreadsheet takes for a formula. */
function guarded(text: string): string {
  return /^[\s]*[=+\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]/.test(text) ? `'${text}` : text;
}

/** The sheet as XLSX: the same cells where it was read from XLSX, with the workbook's other sheets. Fonts, widths and formulas are not kept; a formula's value is. */
export async function encodeConnectionXlsx(sheet: ConnectionSheet): Promise<Uint8Array> {
  const { default: writeWorkbook } = await import('write-excel-file/node');
  const { layout } = sheet;
  const own: OtherSheet = {
    sheet: layout.kind === 'xlsx' ? layout.sheet : 'Connections',
    rows: sheet.rows.map(({ cells }) => cells),
  };
  const sheets = layout.kind === 'xlsx' ? [...layout.before, own, ...layout.after] : [own];
  const bytes = await writeWorkbook(
    sheets.map(({ sheet: name, rows }) => ({
      sheet: name,
      // A sheet without any row is not a sheet.
      data: (rows.length === 0 ? [[null]] : rows).map((row) => row.map(workbookCell)),
    })),
  ).toBuffer();
  return bytes;
}

function workbookCell(
  cell: SheetCell,
): null | { value: string | number | boolean | Date; type?: StringConstructor; format?: string } {
  if (cell === null || cell === '') return null;
  if (typeof cell === 'object') return { value: new Date(cell.date), format: 'yyyy-mm-dd hh:mm:ss' };
  return typeof cell === 'string' ? { value: cell, type: String } : { value: cell };
}

/** Writes a sheet to a file, CSV or XLSX by the name's ending. Throws UserError for another ending, or where the disk fails. */
export async function writeConnectionSheet(
  sheet: ConnectionSheet,
  name: string,
  options: SheetExportOptions = {},
): Promise<void> {
  const extension = path.extname(name).toLowerCase();
  if (extension !== '.csv' && extension !== '.xlsx') {
    const near = nearest(extension, ['.csv', '.xlsx']);
    throw new UserError(
      `${safeText(name)}: the name does not say which format the sheet should have`,
      `name it .csv or .xlsx${near === undefined ? '' : `; did you mean '${near}'?`}`,
    );
  }
  const bytes = extension === '.csv' ? encodeConnectionCsv(sheet, options) : await encodeConnectionXlsx(sheet);
  writeOutput(path.dirname(name), path.basename(name), bytes);
}

export interface SheetBuildOptions {
  /** Ports from here up to `ephemeralTo` are ephemeral. Defaults 49,152 (RFC 6335) and 65,535; Linux begins at 32,768. */
  readonly ephemeralFrom?: number | undefined;
  readonly ephemeralTo?: number | undefined;
  /** 'collapse' (default) writes EPH, so that connections which differ in such ports alone are one row; 'keep' writes EPH:43496. */
  readonly ports?: 'collapse' | 'keep' | undefined;
  /** Vendor of a MAC address in lower case; UNKNOWN where it has none to say. */
  readonly vendorOf?: ((mac: string) => string | undefined) | undefined;
  /** Adds the column NOTES: what `add` was told of a row's flows, else the number of flows and ephemeral ports behind it. Default false. */
  readonly notes?: boolean | undefined;
  /** Rows that are kept; later ones are counted. Default 100,000. */
  readonly maxRows?: number | undefined;
}

interface BuiltRow {
  readonly protocol: string;
  readonly src: SheetEnd;
  readonly dst: SheetEnd;
  packets: number | undefined;
  flows: number;
  readonly ports: Set<number>;
  /** What was said of its flows, at most MAX_REMARKS. */
  remarks: readonly string[];
}

const MAX_PORTS = 500_000;
const MAX_REMARKS = 16;
const NO_REMARKS: readonly string[] = [];

/**
 * Makes a connection sheet of flows: a group for each pair of hosts and protocol, in the order in which they come, both directions in it; a row for each direction, with its packets. A flow whose counts
 * are missing is a row without a count. Broadcast and multicast addresses are named so in the vendor column, as the layout has it; ports stand for TCP and UDP alone; what is missing is N/A.
 */
export class ConnectionSheetBuilder {
  /** Directions of flows that found the sheet full. */
  refused = 0;
  readonly #options: SheetBuildOptions;
  readonly #from: number;
  readonly #to: number;
  readonly #maxRows: number;
  #groups = new Map<string, Map<string, BuiltRow>>();
  #rowCount = 0;
  #portCount = 0;

  constructor(options: SheetBuildOptions = {}) {
    const { ephemeralFrom = 49_152, ephemeralTo = 65_535, maxRows = 100_000 } = options;
    if (
      !(
        Number.isInteger(ephemeralFrom) &&
        Number.isInteger(ephemeralTo) &&
        ephemeralFrom >= 1 &&
        ephemeralTo <= 65_535 &&
        ephemeralFrom <= ephemeralTo
      )
    )
      throw new UserError(
        `ephemeral ports from ${safeText(String(ephemeralFrom))} to ${safeText(String(ephemeralTo))} are no range`,
        'give two ports such as 49152 and 65535',
      );
    this.#options = options;
    this.#from = ephemeralFrom;
    this.#to = ephemeralTo;
    this.#maxRows = maxRows;
  }

  /** Takes the rows of a flow table. @param remarksOf what the notes say of a row of it, for what the initiator sent and for the replies. */
  add(table: Table, remarksOf?: (row: number, isReply: boolean) => readonly string[]): void {
    const flows = bindFlows(table);
    for (let row = 0; row < flows.rowCount; row++) {
      const protocol = protocolWord(textAt(flows.protocol, row));
      const ported = protocol === 'TCP' || protocol === 'UDP';
      const ends = (['initiator', 'responder'] as const).map((side): SheetEnd & { readonly key: string } => {
        const mac = textAt(flows[`${side}Mac`], row);
        const ip = textAt(flows[side], row);
        const number = ported ? numberAt(flows[`${side}Port`], row) : undefined;
        return {
          key: `${mac ?? ''} ${ip ?? ''}`,
          ...(mac === undefined ? {} : { mac, vendor: this.#vendor(mac) }),
          ...(ip === undefined ? {} : { ip }),
          ...(number === undefined
            ? {}
            : { port: { kind: number >= this.#from && number <= this.#to ? 'ephemeral' : 'number', port: number } }),
        };
      });
      const [initiator, responder] = ends;
      if (initiator === undefined || responder === undefined) continue;
      const sent = numberAt(flows.initiatorPackets, row);
      const answered = numberAt(flows.responderPackets, row);
      const pair =
        initiator.key <= responder.key ? `${initiator.key}|${responder.key}` : `${responder.key}|${initiator.key}`;
      if (answered === undefined || (sent ?? 0) > 0 || answered === 0)
        this.#count(`${protocol}|${pair}`, protocol, initiator, responder, sent, remarksOf?.(row, false) ?? NO_REMARKS);
      if (answered !== undefined && answered > 0)
        this.#count(
          `${protocol}|${pair}`,
          protocol,
          responder,
          initiator,
          answered,
          remarksOf?.(row, true) ?? NO_REMARKS,
        );
    }
  }

  #vendor(mac: string): string {
    if (mac === 'ff:ff:ff:ff:ff:ff') return 'BROADCAST';
    if ((Number.parseInt(mac.slice(0, 2), 16) & 1) === 1) return 'MULTICAST';
    return safeText(this.#options.vendorOf?.(mac) ?? 'UNKNOWN', 100);
  }

  #count(
    group: string,
    protocol: string,
    src: SheetEnd & { readonly key: string },
    dst: SheetEnd & { readonly key: string },
    packets: number | undefined,
    remarks: readonly string[],
  ): void {
    const key = [src.key, this.#portText(src), dst.key, this.#portText(dst)].join('|');
    let rows = this.#groups.get(group);
    let row = rows?.get(key);
    if (row === undefined) {
      if (this.#rowCount >= this.#maxRows) {
        this.refused++;
        return;
      }
      this.#rowCount++;
      if (rows === undefined) {
        rows = new Map();
        this.#groups.set(group, rows);
      }
      row = { protocol, src, dst, packets: undefined, flows: 0, ports: new Set(), remarks: NO_REMARKS };
      rows.set(key, row);
    }
    if (packets !== undefined) row.packets = (row.packets ?? 0) + packets;
    row.flows++;
    const known = row.remarks;
    if (remarks.some((text) => !known.includes(text)))
      row.remarks = [...new Set([...known, ...remarks])].slice(0, MAX_REMARKS);
    for (const { port } of [src, dst]) {
      if (
        port?.kind !== 'ephemeral' ||
        port.port === undefined ||
        this.#portCount >= MAX_PORTS ||
        row.ports.has(port.port)
      )
        continue;
      row.ports.add(port.port);
      this.#portCount++;
    }
  }

  #portText({ port }: SheetEnd): string {
    if (port === undefined) return '';
    if (port.kind !== 'ephemeral') return String(port.port);
    return this.#options.ports === 'keep' ? `EPH:${port.port}` : 'EPH';
  }

  /** The sheet as far as it is. */
  finish(): ConnectionSheet {
    const notes = this.#options.notes === true;
    const header = notes ? [...SHEET_COLUMNS, SHEET_NOTES] : [...SHEET_COLUMNS];
    const rows: SheetRow[] = [{ kind: 'header', line: 1, cells: header, newline: '\n' }];
    const connections: SheetConnection[] = [];
    let groups = 0;
    for (const group of this.#groups.values()) {
      if (groups > 0) rows.push({ kind: 'blank', line: rows.length + 1, cells: header.map(() => ''), newline: '\n' });
      groups++;
      for (const { protocol, src, dst, packets, flows, ports, remarks } of group.values()) {
        const line = rows.length + 1;
        const counts = `${flows} ${flows === 1 ? 'flow' : 'flows'}${ports.size > 0 ? `, ${ports.size} ephemeral ${ports.size === 1 ? 'port' : 'ports'}` : ''}`;
        const note = remarks.length > 0 ? remarks.toSorted().join('; ') : counts;
        const cells = [
          protocol,
          ...[src, dst].flatMap((end) => [
            end.mac ?? 'N/A',
            end.vendor ?? 'UNKNOWN',
            end.ip ?? 'N/A',
            this.#portText(end),
          ]),
          packets === undefined ? '' : `${packets}.0`,
          ...(notes ? [note] : []),
        ].map((cell) => safeText(cell));
        rows.push({ kind: 'connection', line, cells, newline: '\n' });
        connections.push({
          line,
          group: groups,
          protocol,
          src: this.#endOf(src),
          dst: this.#endOf(dst),
          ...(packets === undefined ? {} : { packets }),
          ...(notes ? { notes: note } : {}),
        });
      }
    }
    return {
      format: 'connection-sheet',
      version: 1,
      layout: { kind: 'csv', delimiter: ',', encoding: 'utf-8', bom: false, made: true },
      rows,
      connections,
      groups,
      problems: [],
      problemCount: 0,
    };
  }

  #endOf({ mac, vendor, ip, port }: SheetEnd): SheetEnd {
    return {
      ...(mac === undefined ? {} : { mac }),
      vendor: vendor ?? 'UNKNOWN',
      ...(ip === undefined ? {} : { ip }),
      ...(port === undefined
        ? {}
        : { port: port.kind === 'ephemeral' && this.#options.ports !== 'keep' ? { kind: 'ephemeral' } : port }),
    };
  }
}

/** A protocol by the layout's names: TCP, UDP, ICMP, IPV6-ICMP, ARP ... */
function protocolWord(name: string | undefined): string {
  if (name === undefined) return '';
  return name === 'icmpv6' ? 'IPV6-ICMP' : name.toUpperCase();
}

/** Name of a sheet as detectors wrote it: `anomalies_20240501_133000.csv`, in UTC. */
export function connectionSheetName(timeMs: number): string {
  const digits = new Date(timeMs).toISOString().replace(/\D/g, '');
  return `anomalies_${digits.slice(0, 8)}_${digits.slice(8, 14)}.csv`;
}
