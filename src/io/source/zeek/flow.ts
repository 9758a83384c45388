import * as path from 'node:path';
import { type ColumnSpec, counted, humanCount, safeText, type Table } from '../../../core/index.ts';
import { FLOW_COLUMN } from '../../../flow/index.ts';
import { FlowWriter } from '../flow-writer.ts';
import type { ByteSource } from '../input.ts';
import { KnownKeys } from '../known-key.ts';
import { RowTally } from '../lines.ts';
import { DEFAULT_BATCH_ROWS, type Reject, type TableOpenOptions, type TableSource } from '../table-source.ts';
import { ZeekCells } from './cell.ts';
import { bare, ConnectionRows, type ConnPlan, planOf } from './connection.ts';
import { KnownConnections, MAX_CERTIFICATES } from './known.ts';
import { givenBy, look, rankOf, type SeenLog, type ZeekLog } from './log.ts';
import { PROTOCOLS } from './protocol.ts';
import { decodeZeekText, isCut, type ZeekHeader, ZeekReader, zeekNotes } from './tsv.ts';

/**
 * The logs of one Zeek as flows. conn.log gives a row per connection; what dns, ssl, http, ssh and the other logs of protocols know of the same connection (`uid`) joins it. Logs
 * without a conn.log, and rows whose connection is in none, are flows of their own: time, addresses, service and what the log says, without packets and bytes.
 *
 * Bytes: Zeek counts from the IP header on (`orig_ip_bytes`), so `initiatorBytes` and `responderBytes` are 14 or more less per packet than a capture would say. They are given as they
 * are: nobody knows what the frames had around them, and ratios, regularity and sums mean the same. Without `orig_ip_bytes` they are missing.
 *
 * Flags are those that the letters of `history` tell (S, H, A, F, R); D tells of none. Sources: Zeek documentation, base/protocols/conn/main.zeek and the scripts of the other logs.
 *
 * The join is bounded: `maxJoined` connections that wait for their line in conn.log, which comes when the connection has ended. Beyond it the oldest is let go and counted; logs are
 * read by their rotation (conn.00:00:00-01:00:00.log), protocols first, so that no more than one rotation and what is still open has to wait.
 *
 * A connection (`uid` and second of its start) that stands in two conn logs, as where a labelled copy lies beside the log, counts once: as the log of more columns has it, among equal ones the one that is read
 * first. The last million connections at least are known (`KnownKeys`).
 */

export interface ZeekFlowOptions extends TableOpenOptions {
  /** Columns of conn.log to keep behind those of the flow table, as text: labels, uid. Compared without case, - and _. */
  readonly extra?: readonly string[] | undefined;
  /** Connections that may wait for their line in conn.log. Default 200,000, about 100 MB. */
  readonly maxJoined?: number | undefined;
}

const DEFAULT_MAX_JOINED = 200_000;

/**
 * Opens the logs of one Zeek, in any order. Logs that hold no connections (weird, notice, stats, files ...) are named in the status and left aside; x509 serves ssl.
 * Rejects with a UserError where one of them is no Zeek log or can't be read at all.
 */
export async function openZeekFlows(logs: readonly ZeekLog[], options: ZeekFlowOptions): Promise<TableSource> {
  const seen: SeenLog[] = [];
  try {
    for (const log of logs) seen.push(await look(log));
  } catch (error) {
    for (const { source } of seen) source?.close();
    throw error;
  }
  return new ZeekFlows(seen, options);
}

/** The log that is being read. */
interface Current {
  readonly seen: SeenLog;
  readonly source: ByteSource;
  readonly reader: ZeekReader;
  plan: ConnPlan | undefined;
  /** From 1, in the order of reading. */
  readonly number: number;
}

class ZeekFlows implements TableSource {
  readonly name: string;
  readonly format: string;
  readonly compression: string;
  readonly totalBytes: number | undefined;
  readonly schema;
  readonly gives: ReadonlySet<string>;
  readonly #queue: SeenLog[];
  readonly #aside: string[];
  readonly #out: FlowWriter;
  readonly #extra: readonly string[];
  readonly #maxJoined: number;
  readonly #hasConn: boolean;
  readonly #tally: RowTally;
  readonly #signal: AbortSignal | undefined;
  readonly #cells = new ZeekCells();
  readonly #known: KnownConnections;
  readonly #connections: ConnectionRows;
  /** Connections of the conn logs, where there are several. */
  readonly #keys: KnownKeys | undefined;
  #logsOpened = 0;
  #repeated = 0;
  readonly #repeatedIn = new Set<string>();
  #current: Current | undefined;
  #bytesDone = 0;
  #cut = false;
  #stopped = false;
  #notes: string[] = [];
  /** Which log a rejected line is of, where there are several. */
  #prefix = '';

  constructor(seen: readonly SeenLog[], options: ZeekFlowOptions) {
    const { batchRows = DEFAULT_BATCH_ROWS, onReject, extra = [], maxJoined = DEFAULT_MAX_JOINED, signal } = options;
    const paths = new Set(seen.map((s) => s.path));
    const useful = (s: SeenLog): boolean =>
      s.path === 'conn' || (s.path === 'x509' && paths.has('ssl')) || Object.hasOwn(PROTOCOLS, s.path);
    this.#queue = seen
      .filter(useful)
      .sort(
        (a, b) =>
          compare(a.rotation, b.rotation) ||
          rankOf(a) - rankOf(b) ||
          (a.path === 'conn' ? b.fields.length - a.fields.length : 0) ||
          compare(a.log.name, b.log.name),
      );
    this.#aside = [
      ...new Set(
        seen
          .filter((s) => !useful(s) && s.fields.length > 0)
          .map((s) => safeText(s.path || path.basename(s.log.name), 100)),
      ),
    ];
    this.#keys = seen.filter((s) => s.path === 'conn').length > 1 ? new KnownKeys() : undefined;
    for (const s of seen) if (!useful(s)) s.source?.close();
    this.#hasConn = paths.has('conn');
    this.#extra = extra.map(bare);
    this.#maxJoined = maxJoined;
    this.#signal = signal;
    this.#tally = new RowTally(onReject);
    this.name = seen.length === 1 ? (seen[0] as SeenLog).log.name : `${counted(seen.length, 'Zeek log')}`;
    this.format = this.#queue.length === 1 ? `zeek-${this.#queue[0]?.path}` : 'zeek';
    this.compression = seen.find((s) => s.compression !== '')?.compression ?? '';
    this.totalBytes = seen.every((s) => s.size !== undefined)
      ? this.#queue.reduce((sum, s) => sum + (s.size ?? 0), 0)
      : undefined;
    const gives = givenBy(this.#queue);
    const specs = extra.map(
      (name): ColumnSpec => ({
        name: Object.hasOwn(FLOW_COLUMN, name) ? `zeek.${name}` : name,
        kind: 'string',
        unit: '',
        meaning: `Column ${name} of conn.log.`,
      }),
    );
    this.#out = new FlowWriter(gives, { batchRows, extra: specs, decode: decodeZeekText });
    this.schema = this.#out.schema;
    this.gives = this.#out.gives;
    this.#known = new KnownConnections(this.#out, this.#tally, this.#hasConn, maxJoined);
    this.#connections = new ConnectionRows(this.#out);
  }

  async read(): Promise<Table | undefined> {
    const out = this.#out;
    while (!out.full) {
      if (this.#stopped || this.#signal?.aborted === true) break;
      if (this.#current === undefined && !(await this.#openNext())) {
        this.#known.writeAlone();
        break;
      }
      const current = this.#current;
      if (current === undefined) break;
      this.#take(current);
      if (out.full) break;
      if (out.rowCount > 0 && current.reader.lines.window.waiting) break;
      if (!(await current.reader.load())) this.#closeCurrent();
    }
    return out.rowCount > 0 ? out.finish() : undefined;
  }

  async #openNext(): Promise<boolean> {
    const seen = this.#queue.shift();
    if (seen === undefined) return false;
    const source = seen.source ?? (await seen.log.open());
    const several = this.#queue.length > 0 || this.#prefix !== '';
    this.#prefix = several ? `${safeText(path.basename(seen.log.name), 100)}: ` : '';
    const tally = new RowTally((reject) => this.#reject(reject));
    this.#logsOpened++;
    this.#current = { seen, source, reader: new ZeekReader(source, tally), plan: undefined, number: this.#logsOpened };
    return true;
  }

  #reject(reject: Reject): void {
    this.#tally.add(this.#prefix === '' ? reject : { ...reject, reason: this.#prefix + reject.reason });
  }

  #closeCurrent(): void {
    const current = this.#current;
    if (current === undefined) return;
    this.#current = undefined;
    if (isCut(current.reader)) this.#cut = true;
    for (const note of zeekNotes(current.reader)) if (this.#notes.length < 20) this.#notes.push(this.#prefix + note);
    this.#bytesDone += current.source.bytesTaken();
    current.source.close();
  }

  /** The rows that are in the reader's hand. */
  #take(current: Current): void {
    const { reader, seen } = current;
    const out = this.#out;
    while (!out.full) {
      const i = reader.row();
      if (i < 0) return;
      const header = reader.header as ZeekHeader;
      const count = this.#cells.split(reader, i, header);
      if (count !== header.fields.length) {
        this.#refuse(reader, i, `${counted(count, 'field')}, where #fields names ${header.fields.length}`);
        continue;
      }
      const log = header.path || seen.path;
      if (log === 'conn') {
        if (current.plan?.header !== header) current.plan = planOf(header, this.#extra);
        this.#conn(current, i, current.plan);
        continue;
      }
      const fault = this.#known.take(this.#cells, header, log);
      if (fault !== undefined) this.#refuse(reader, i, fault);
    }
  }

  #refuse(reader: ZeekReader, i: number, reason: string): void {
    const { lines } = reader;
    const from = lines.starts[i] as number;
    this.#reject({
      line: lines.firstLine + i,
      reason,
      bytes: lines.bytes.slice(from, Math.min(lines.ends[i] as number, from + 1024)),
    });
  }

  #conn(current: Current, i: number, plan: ConnPlan): void {
    const out = this.#out;
    const cells = this.#cells;
    const known = this.#known;
    const row = this.#connections.begin(cells, plan);
    if (typeof row === 'string') {
      this.#refuse(current.reader, i, row);
      return;
    }
    const { uid } = plan.at;
    if (this.#keys !== undefined && cells.isSet(uid)) {
      const from = cells.starts[uid] as number;
      if (
        this.#keys.isOfAnother(cells.bytes, from, cells.ends[uid] as number, this.#connections.startMs, current.number)
      ) {
        out.dropRow();
        this.#repeated++;
        if (this.#repeatedIn.size < 20) this.#repeatedIn.add(path.basename(current.seen.log.name));
        // What its other log was joined with stands beside this one as well.
        if (known.size > 0) known.forget(cells.text(uid));
        return;
      }
    }
    this.#connections.fill(cells, plan, row);
    if (known.size > 0 && cells.isSet(uid)) known.join(row, cells.text(uid));
    out.finishRow(row);
    this.#tally.rows++;
  }

  bytesTaken(): number {
    return this.#bytesDone + (this.#current?.source.bytesTaken() ?? 0);
  }

  status() {
    const notes = [...this.#notes];
    if (this.#current !== undefined) notes.push(...zeekNotes(this.#current.reader));
    if (this.#aside.length > 0)
      notes.push(`left aside, because they hold no connections: ${this.#aside.slice(0, 20).join(', ')}`);
    if (this.#hasConn && this.#known.alone > 0)
      notes.push(
        `${counted(this.#known.alone, 'connection')} of other logs in no conn.log, given as flows without packets and bytes`,
      );
    if (this.#repeated > 0)
      notes.push(
        `${counted(this.#repeated, 'connection')} in more than one conn.log, counted once (left out of ${[...this.#repeatedIn].map((name) => safeText(name, 100)).join(', ')})`,
      );
    const forgotten = this.#keys?.forgotten ?? 0;
    if (forgotten > 0)
      notes.push(
        `${counted(forgotten, 'connection')} no longer known when later logs were read: one of them that stood there too was counted again`,
      );
    if (this.#known.unconnected > 0)
      notes.push(
        `${counted(this.#known.unconnected, 'record')} that ${this.#known.unconnected === 1 ? 'names' : 'name'} no connection, left out`,
      );
    if (this.#known.unplaced > 0)
      notes.push(
        `${counted(this.#known.unplaced, 'connection')} of other logs in no conn.log and without two addresses and a protocol, left out`,
      );
    if (this.#known.letGo > 0)
      notes.push(
        `what other logs know of ${counted(this.#known.letGo, 'connection')} was let go before conn.log told of them (${humanCount(this.#maxJoined)} may wait)`,
      );
    if (this.#known.certificatesLetGo > 0)
      notes.push(
        `${counted(this.#known.certificatesLetGo, 'certificate')} let go (${humanCount(MAX_CERTIFICATES)} are remembered)`,
      );
    const { rows, rejected, rejects } = this.#tally;
    const state: 'whole' | 'cut' = this.#cut ? 'cut' : 'whole';
    return { rows, rejected, rejects, state, ...(notes.length > 0 ? { message: notes.join('; ') } : {}) };
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#current?.source.stop?.();
  }

  close(): void {
    this.#current?.source.close();
    this.#current = undefined;
    for (const { source } of this.#queue) source?.close();
    this.#queue.length = 0;
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
