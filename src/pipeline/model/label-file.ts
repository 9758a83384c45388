import { isValid, type Schema, safeText, type Table, UserError } from '../../core/index.ts';
import { TIME_UNIT } from '../../feature/index.ts';
import { flowField } from '../../flow/index.ts';
import { OddityCounter } from '../../wire/index.ts';
import { classifyInputs } from '../classify.ts';
import { openTables, readRows } from '../table/read.ts';
import type { LabelSource } from './label.ts';
import { needColumn } from './row-set.ts';

/** Where the label of a flow stands. */
export interface FlowLabelOptions {
  /** Tables with a row per flow: what `anomalyst simulate --labels` writes, a labelled conn.log, any table with both addresses, ports and the start. */
  readonly files: readonly string[];
  /** Default: `label`. */
  readonly column?: string | undefined;
  /** How many inputs the flows come from: the number of a flow's first frame names it in one capture alone. */
  readonly inputs: number;
  readonly scratchFolder: string;
  readonly signal?: AbortSignal | undefined;
}

/** More labels than this are not kept; a flow of the others has none. */
const MAX_LABELS = 2_000_000;

export interface FlowLabels extends LabelSource {
  /** How flows and labels were joined, in a sentence. */
  readonly joinedBy: string;
  readonly labels: number;
  /** Labels that there was no room for. */
  readonly refused: number;
}

/**
 * Reads labels of flows. They are joined with flows by the number of the first frame, where the flows are of one capture and the labels have it, else by both endpoints, whichever began, and the start to the
 * millisecond. Where two rows name one flow, one that is not called ordinary wins. Rejects with UserError where a file can't be read or has no columns to join by.
 */
export async function readFlowLabels(options: FlowLabelOptions): Promise<FlowLabels> {
  const { files, column = 'label', inputs, scratchFolder, signal } = options;
  const byFrame = new Map<number, string>();
  const byEnds = new Map<string, string>();
  let refused = 0;
  for (const file of files) {
    const classified = await classifyInputs([file], signal === undefined ? {} : { signal });
    const reading = { inputs: classified, scratchFolder, ...(signal === undefined ? {} : { signal }) };
    const sources = await openTables(reading, new OddityCounter());
    try {
      const schema = sources[0]?.source?.schema;
      if (schema === undefined) throw new UserError(`${file}: no table`, 'give a table of labels');
      needColumn(schema, column, `--labels ${safeText(file, 200)}`);
      const join = joinOf(schema, file, inputs);
      await readRows(sources, reading, (table) => {
        const label = reader(table, column);
        for (let row = 0; row < table.rowCount; row++) {
          const name = label(row);
          if (name === undefined) continue;
          if (byFrame.size + byEnds.size >= MAX_LABELS) {
            refused++;
            continue;
          }
          if (join.frame !== undefined) {
            const frame = numberAt(table, join.frame, row);
            if (frame !== undefined && stays(byFrame.get(frame), name)) byFrame.set(frame, name);
          } else {
            const key = endsOf(table, row, join);
            if (key !== undefined && stays(byEnds.get(key), name)) byEnds.set(key, name);
          }
        }
      });
    } finally {
      for (const { source } of sources) source?.close();
    }
  }
  const labels = byFrame.size + byEnds.size;
  if (labels === 0)
    throw new UserError(`--labels ${safeText(files.join(', '), 300)}: no row has a label and what to join it by`);
  const flowJoin: Join = {
    a: 'initiator',
    aPort: 'initiatorPort',
    b: 'responder',
    bPort: 'responderPort',
    protocol: 'protocol',
    time: 'startMs',
    toMs: 1,
    frame: undefined,
  };
  return {
    what: `--labels ${safeText(files[0] ?? '', 200)}`,
    joinedBy: byFrame.size > 0 ? 'joined by the number of the first frame' : 'joined by both endpoints and the start',
    labels,
    refused,
    of: (table, row) => {
      const frame = byFrame.size === 0 ? undefined : table.number('firstFrame', row);
      if (frame !== undefined) return byFrame.get(frame);
      // Tools round the start up or down.
      for (const stepMs of [0, -1, 1]) {
        const key = endsOf(table, row, flowJoin, stepMs);
        const found = key === undefined ? undefined : byEnds.get(key);
        if (found !== undefined) return found;
      }
      return undefined;
    },
  };
}

/** The names of columns that say which flow a label is of. */
interface Join {
  readonly a: string;
  readonly aPort: string | undefined;
  readonly b: string;
  readonly bPort: string | undefined;
  /** Says which rows are ICMP, which has no ports, whatever a tool writes in their place. */
  readonly protocol: string | undefined;
  readonly time: string;
  /** Factor from the unit of the time to milliseconds; undefined where its size tells. */
  readonly toMs: number | undefined;
  readonly frame: string | undefined;
}

/** What columns of labelled sets are called that the filter has no word for. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  srcaddr: 'initiator',
  dstaddr: 'responder',
  dest_ip: 'responder',
  dest_port: 'responderPort',
  'source ip': 'initiator',
  'destination ip': 'responder',
  'source port': 'initiatorPort',
  'destination port': 'responderPort',
  starttime: 'startMs',
  flow_start: 'startMs',
  timestamp: 'startMs',
};

function joinOf(schema: Schema, file: string, inputs: number): Join {
  const named = (wanted: string): string | undefined =>
    schema.columns.find(
      ({ name }) =>
        name === wanted || OTHER_NAMES[name.toLowerCase()] === wanted || flowField(name)?.columns[0] === wanted,
    )?.name;
  const frame = inputs === 1 ? named('firstFrame') : undefined;
  const a = named('initiator');
  const b = named('responder');
  const time = named('startMs');
  if (frame === undefined && (a === undefined || b === undefined || time === undefined))
    throw new UserError(
      `--labels ${safeText(file, 200)}: no columns that say which flow a label is of`,
      'it needs firstFrame, or both addresses (src, dst or id.orig_h, id.resp_h), ports where there are some, and the start (ts)',
    );
  const unit = schema.columns.find(({ name }) => name === time)?.unit;
  return {
    a: a ?? '',
    aPort: named('initiatorPort'),
    b: b ?? '',
    bPort: named('responderPort'),
    protocol: named('protocol'),
    time: time ?? '',
    toMs: unit === TIME_UNIT || time === 'startMs' ? 1 : undefined,
    frame,
  };
}

function stays(known: string | undefined, name: string): boolean {
  return known === undefined || (ORDINARY.test(known) && !ORDINARY.test(name));
}

const ORDINARY = /^(?:normal|benign|background|legitimate|ordinary|clean|0|false|no)\.?$/i;

/** The endpoints in text order and the millisecond of the start; undefined where a row lacks one. */
function endsOf(table: Table, row: number, join: Join, stepMs = 0): string | undefined {
  const { a, b, time, toMs, protocol } = join;
  const hasPorts = !/^(?:icmp|ipv6-icmp|1$|58$)/i.test(textOf(table, protocol, row) ?? '');
  const [aPort, bPort] = hasPorts ? [join.aPort, join.bPort] : [];
  const first = textOf(table, a, row);
  const second = textOf(table, b, row);
  const at = numberAt(table, time, row);
  if (first === undefined || second === undefined || at === undefined) return undefined;
  // 1e11 seconds are 3,000 years, 1e14 ms too.
  const factor = toMs ?? (at < 1e11 ? 1000 : at < 1e14 ? 1 : 1e-3);
  const ms = Math.floor(at * factor + 1e-3) + stepMs;
  const one = `${first}|${textOf(table, aPort, row) ?? ''}`;
  const other = `${second}|${textOf(table, bPort, row) ?? ''}`;
  return one < other ? `${one} ${other} ${ms}` : `${other} ${one} ${ms}`;
}

function textOf(table: Table, name: string | undefined, row: number): string | undefined {
  if (name === undefined || !table.has(name)) return undefined;
  const value = table.value(table.indexOf(name), row);
  return value === undefined ? undefined : String(value);
}

function numberAt(table: Table, name: string, row: number): number | undefined {
  if (!table.has(name)) return undefined;
  const column = table.columns[table.indexOf(name)];
  if (column === undefined || column.kind === 'string' || !isValid(column, row)) return undefined;
  return column.values[row];
}

function reader(table: Table, name: string): (row: number) => string | undefined {
  return (row) => textOf(table, name, row);
}
