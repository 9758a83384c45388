import {
  humanBytes,
  humanDuration,
  isoTime,
  type NumberColumn,
  numberAt,
  type StringColumn,
  safeText,
  type Table,
  textAt,
  UserError,
} from '../core/index.ts';
import { FLOW_FIELDS, FLOW_SCHEMA, type FlowField, flowField, nearestField } from '../flow/index.ts';
import { textCell } from './csv.ts';
import { escapeJson } from './json.ts';

/**
 * Flows as lines, batch by batch, with the fields that were asked for: CSV as flows.csv has it (see csv.ts), NDJSON with one object per line, or columns for people.
 * A field is any that the filter language knows and that is one value: a column, a short name for one, or a sum. Missing is an empty cell, an absent
 * member, a hyphen.
 */

export const FLOW_ROW_FORMATS = ['csv', 'ndjson', 'table'] as const;
export type FlowRowFormat = (typeof FLOW_ROW_FORMATS)[number];

/** A field under the name that was asked for. */
export interface FlowRowField {
  readonly header: string;
  readonly field: FlowField;
}

/** What is written when no fields are asked for: start and end for people and all columns, as in flows.csv; for people, what fits on a line. */
export function defaultFlowFields(format: FlowRowFormat): FlowRowField[] {
  const names =
    format === 'table'
      ? [
          'start',
          'duration',
          'proto',
          'src',
          'src.port',
          'dst',
          'dst.port',
          'service',
          'outcome',
          'packets',
          'bytes',
          'sni',
        ]
      : ['start', 'end', ...FLOW_SCHEMA.columns.map((column) => column.name)];
  return parseFlowFields(names.join(','));
}

/** Reads a list of fields, as in 'start,src,dst.port,bytes'. Throws UserError for a name that is none, or that stands for more than one value. */
export function parseFlowFields(list: string): FlowRowField[] {
  const names = list.split(',').map((name) => name.trim());
  return names.map((header) => {
    if (header === '')
      throw new UserError(`--fields ${list}: a name is empty`, 'for example --fields start,src,dst,dst.port,bytes');
    const field = flowField(header);
    if (field === undefined) {
      const near = nearestField(header);
      throw new UserError(
        `--fields: there is no field '${header}'`,
        near === undefined ? 'anomalyst fields lists them' : `did you mean '${near}'?`,
      );
    }
    if (field.columns.length > 1 && !field.sum) {
      const [first = '', second = ''] = field.columns.map(shortNameOf);
      throw new UserError(
        `--fields: '${header}' stands for several columns`,
        field.columns.length > 2 ? `name one of ${field.columns.join(', ')}` : `name both: ${first},${second}`,
      );
    }
    return { header, field };
  });
}

/** The shortest name that a column has. */
function shortNameOf(column: string): string {
  const names = FLOW_FIELDS.filter(({ columns }) => columns.length === 1 && columns[0] === column);
  return names.find(({ protocol, name }) => protocol === undefined && name !== column)?.name ?? column;
}

type Cell = (row: number) => string;

export class FlowRowWriter {
  readonly fields: readonly FlowRowField[];
  readonly format: FlowRowFormat;
  #widths: number[] | undefined;

  constructor(format: FlowRowFormat, fields: readonly FlowRowField[] = defaultFlowFields(format)) {
    this.format = format;
    this.fields = fields;
  }

  /** What stands before the first row; '' where the format has no such line, or where it waits for the first rows to know its widths. */
  header(): string {
    return this.format === 'csv' ? `${this.fields.map(({ header }) => textCell(header)).join(',')}\n` : '';
  }

  /** The lines of these rows of a batch. */
  lines(table: Table, rows: Int32Array): string {
    if (rows.length === 0) return '';
    if (this.format === 'table') return this.#columns(table, rows);
    const cells = this.fields.map((field) =>
      this.format === 'csv' ? csvCell(table, field) : jsonMember(table, field),
    );
    let out = '';
    for (const row of rows) out += this.format === 'csv' ? csvLine(cells, row) : jsonLine(cells, row);
    return out;
  }

  /** Columns are as wide as the first batch needs, up to 40 characters; a later cell that is longer pushes the others to the right. */
  #columns(table: Table, rows: Int32Array): string {
    const cells = this.fields.map((field) => personCell(table, field));
    const texts = Array.from(rows, (row) => cells.map((cell) => cell(row)));
    let out = '';
    if (this.#widths === undefined) {
      this.#widths = this.fields.map(({ header }, i) =>
        Math.min(
          MOST_WIDTH,
          texts.reduce((most, line) => Math.max(most, line[i]?.length ?? 0), header.length),
        ),
      );
      out += this.#line(this.fields.map(({ header }) => header));
    }
    for (const line of texts) out += this.#line(line);
    return out;
  }

  #line(cells: readonly string[]): string {
    const parts = cells.map((text, i) => {
      const width = this.#widths?.[i] ?? 0;
      return isNumber(this.fields[i]?.field) ? text.padStart(width) : text.padEnd(width);
    });
    return `${parts.join('  ').trimEnd()}\n`;
  }
}

const MOST_WIDTH = 40;
/** Longest text that a line for people shows of one cell. */
const MOST_SHOWN = 100;

function csvLine(cells: readonly Cell[], row: number): string {
  let out = '';
  for (let i = 0; i < cells.length; i++) out += (i === 0 ? '' : ',') + (cells[i]?.(row) ?? '');
  return `${out}\n`;
}

function jsonLine(cells: readonly Cell[], row: number): string {
  let out = '';
  for (const cell of cells) {
    const member = cell(row);
    if (member !== '') out += (out === '' ? '' : ',') + member;
  }
  return `{${out}}\n`;
}

function isNumber(field: FlowField | undefined): boolean {
  return field !== undefined && ['port', 'number', 'bytes', 'duration'].includes(field.kind);
}

/** The text of a column, made by `render` once for each entry of the batch's dictionary. */
function texts(column: StringColumn, missing: string, render: (text: string) => string): Cell {
  const known: (string | undefined)[] = [];
  return (row) => {
    const code = column.codes[row] ?? -1;
    if (code < 0) return missing;
    let text = known[code];
    if (text === undefined) {
      text = render(textAt(column, row) ?? '');
      known[code] = text;
    }
    return text;
  };
}

/** The value of a number field, undefined where it is missing. */
function values(table: Table, field: FlowField): (row: number) => number | undefined {
  const columns: NumberColumn[] = field.columns.map((name) => table.numbers(name));
  const [first] = columns;
  if (columns.length === 1 && first !== undefined) return (row) => numberAt(first, row);
  return (row) => {
    let total: number | undefined;
    for (const column of columns) {
      const value = numberAt(column, row);
      if (value !== undefined) total = (total ?? 0) + value;
    }
    return total;
  };
}

/** Times under their short names are dates, durations under theirs are seconds; columns stay as they are. */
function shownValue(field: FlowField, value: number): number | string {
  if (field.bare) return rounded(value);
  if (field.kind === 'duration') return rounded(value / 1000);
  return Math.abs(value) <= 8.64e15 ? isoTime(value) : '';
}

/** To a nanosecond where the unit is ms; to a microsecond from 10^9 on. */
function rounded(value: number): number {
  if (Number.isInteger(value)) return value;
  return Number(value.toFixed(Math.abs(value) < 1e9 ? 6 : 3));
}

function csvCell(table: Table, { field }: FlowRowField): Cell {
  const [name] = field.columns;
  if (name !== undefined && isText(field)) return texts(table.strings(name), '', textCell);
  const value = values(table, field);
  return (row) => {
    const v = value(row);
    return v === undefined || !Number.isFinite(v) ? '' : String(shownValue(field, v));
  };
}

function jsonMember(table: Table, { header, field }: FlowRowField): Cell {
  const key = `${escapeJson(JSON.stringify(header))}:`;
  const [name] = field.columns;
  if (name !== undefined && isText(field))
    return texts(table.strings(name), '', (text) => key + escapeJson(JSON.stringify(text.toWellFormed())));
  const value = values(table, field);
  return (row) => {
    const v = value(row);
    return v === undefined || !Number.isFinite(v) ? '' : key + JSON.stringify(shownValue(field, v));
  };
}

function personCell(table: Table, { field }: FlowRowField): Cell {
  const [name] = field.columns;
  if (name !== undefined && isText(field)) return texts(table.strings(name), '-', (text) => safeText(text, MOST_SHOWN));
  const value = values(table, field);
  return (row) => {
    const v = value(row);
    if (v === undefined || !Number.isFinite(v)) return '-';
    if (field.kind === 'bytes') return humanBytes(v);
    if (field.kind === 'duration') return humanDuration(v);
    return String(shownValue(field, v));
  };
}

function isText(field: FlowField): boolean {
  return field.kind === 'text' || field.kind === 'address' || field.kind === 'mac';
}
