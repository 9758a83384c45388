import { counted, safeText, type Table, UserError } from '../../../core/index.ts';
import { FLOW_SCHEMA } from '../../../flow/index.ts';
import type { ByteSource } from '../input.ts';
import { JsonFeed, jsonLayout, plainHead } from '../json-feed.ts';
import { peekHead } from '../lines.ts';
import {
  DEFAULT_BATCH_ROWS,
  MAX_REJECTS_SHOWN,
  type Reject,
  type TableOpenOptions,
  type TableSource,
  type TableStatus,
} from '../table-source.ts';
import { AlertBook, type EveAlert } from './alert.ts';
import { EveEvent } from './event.ts';
import { F } from './field.ts';
import { newPending, noteCommon, orient, type Pending, swap } from './pending.ts';
import { learn } from './protocol.ts';
import { EveRows, givenColumns } from './row.ts';

/**
 * Suricata's EVE log (docs.suricata.io, "Eve JSON Format") as flows.
 *
 * A `flow` event comes at the end of a flow and becomes a row; what the events before it said of the same flow_id (dns in the layouts of versions 1, 2 and 3, tls, quic, http, ssh, smb, krb5,
 * mqtt, dhcp, ftp, smtp, rdp, rfb, sip, tftp, snmp, fileinfo, alert) goes into its columns. Two `netflow` events, one for each direction, are a row where the log has no flow events. A flow
 * that is spoken of and never ends in the log is a row of what was said. Alerts are kept beside the rows: see `EveSource.alerts`.
 *
 * Bytes are Suricata's: it counts the length of each packet with its link header (flow.c, GET_PKT_LEN), as our columns do; of what came through a tunnel, the inner packet.
 * The initiator is Suricata's client. Flags of a side are those of the packets that its stream engine tracked. What EVE has not (times between packets, payload bytes, retransmissions,
 * first bytes) is missing.
 *
 * Bounded: facts of `MAX_PENDING` flows wait for their flow event. Beyond, the oldest becomes a row at once where the log had no flow event so far; where it has them, its facts are let go and
 * counted, because a second row for the same flow would be worse than one without names.
 */

const MAX_PENDING = 65_536;
/** Records behind which a pair of netflow events waits no longer for a flow event of the same flow. */
const NETFLOW_WAIT = 256;
/** Records that are read before it is said which columns there are. */
const SAMPLE_RECORDS = 2000;
const BATCH_BYTES = 16 << 20;

export interface EveSource extends TableSource {
  /** Alerts so far, in the order in which they first came; at most 10,000 kinds. */
  alerts(): readonly EveAlert[];
  /** Alert events that were of further kinds. */
  alertsLeftOut(): number;
  /** Events so far by type, at most 64 types. */
  events(): ReadonlyMap<string, number>;
}

const EVENT_KEY = Buffer.from('"event_type"');
const TIME_KEY = Buffer.from('"timestamp"');

/** True for JSON whose first records have an `event_type` and a `timestamp`. `head` is the first 64 KiB. */
export function looksLikeEve(head: Uint8Array): boolean {
  if (jsonLayout(head) === undefined) return false;
  const bytes = Buffer.from(plainHead(head));
  return bytes.includes(EVENT_KEY) && bytes.includes(TIME_KEY);
}

/**
 * Opens EVE logs of one sensor, in the order of time, as one source of flows: several where the log was rotated. Rejects with a UserError where the first cannot be read.
 */
export async function openEve(sources: readonly ByteSource[], options: TableOpenOptions): Promise<EveSource> {
  if (sources.length === 0) throw new UserError('no EVE log was given', 'name one or more files');
  const reader = new EveReader(sources, options);
  await reader.begin();
  return reader;
}

class EveReader implements EveSource {
  readonly name: string;
  readonly format = 'eve';
  readonly compression: string;
  readonly totalBytes: number | undefined;
  readonly schema = FLOW_SCHEMA;
  gives: ReadonlySet<string> = givenColumns(false, false);
  readonly stop?: () => Promise<void>;

  readonly #sources: readonly ByteSource[];
  readonly #options: TableOpenOptions;
  #next = 0;
  #feed: JsonFeed | undefined;
  readonly #done: TableStatus[] = [];
  #takenBefore = 0;
  #closed = false;

  readonly #event = new EveEvent();
  readonly #out: EveRows;
  readonly #pending = new Map<number | string, Pending>();
  /** Pairs of netflow events that are whole, with the record behind which they are rows. */
  #ready: { key: number | string; at: number }[] = [];
  /** Rows that wait for room in the batch. */
  #overflow: Pending[] = [];
  readonly #alerts = new AlertBook();
  readonly #events = new Map<string, number>();
  #factsLeftOut = 0;
  #netflowLeftOut = 0;
  #records = 0;
  #rows = 0;
  #flowEvents = 0;
  #sawCounts = false;
  #sawFlow = false;
  #size = 0;
  #ended = false;

  constructor(sources: readonly ByteSource[], options: TableOpenOptions) {
    this.#sources = sources;
    this.#options = options;
    const [first] = sources;
    this.name = sources.length === 1 ? first!.name : `${first!.name} and ${sources.length - 1} more`;
    this.compression = first!.compression;
    this.totalBytes = sources.every((s) => s.totalBytes !== undefined)
      ? sources.reduce((sum, s) => sum + (s.totalBytes ?? 0), 0)
      : undefined;
    if (sources.some((s) => s.stop !== undefined))
      this.stop = async () => {
        for (const s of sources) await s.stop?.();
      };
    this.#out = new EveRows(options.batchRows ?? DEFAULT_BATCH_ROWS);
  }

  /** Reads so much that it can be said which columns there are. */
  async begin(): Promise<void> {
    await this.#open();
    await this.#advance(SAMPLE_RECORDS);
    const isEmpty = this.#records === 0;
    this.gives = givenColumns(this.#sawCounts || isEmpty, this.#sawFlow || isEmpty);
  }

  async read(): Promise<Table | undefined> {
    if (this.#closed) return undefined;
    await this.#advance(Number.POSITIVE_INFINITY);
    this.#size = 0;
    if (this.#out.rowCount === 0) return undefined;
    this.#rows += this.#out.rowCount;
    return this.#out.finish();
  }

  bytesTaken(): number {
    return this.#takenBefore + (this.#feed?.source.bytesTaken() ?? 0);
  }

  alerts(): readonly EveAlert[] {
    return this.#alerts.all();
  }

  alertsLeftOut(): number {
    return this.#alerts.leftOut;
  }

  events(): ReadonlyMap<string, number> {
    return this.#events;
  }

  status(): TableStatus {
    const parts = [...this.#done, ...(this.#feed === undefined ? [] : [this.#feed.status(0)])];
    const said = parts.flatMap(({ message }, i) =>
      message === undefined ? [] : [parts.length > 1 ? `${this.#sources[i]?.name}: ${message}` : message],
    );
    if (this.#event.zoneless) said.push('times without a zone were taken as UTC');
    if (this.#factsLeftOut > 0)
      said.push(
        `what ${counted(this.#factsLeftOut, 'flow')} said was let go before the flow ended, to hold no more than 65,536`,
      );
    if (this.#alerts.leftOut > 0) said.push(`${counted(this.#alerts.leftOut, 'alert')} beyond 10,000 kinds left out`);
    if (this.#netflowLeftOut > 0)
      said.push(`${counted(this.#netflowLeftOut, 'netflow event')} left out, as flow events tell of the same flows`);
    const rejects: Reject[] = parts.flatMap((part) => part.rejects).slice(0, MAX_REJECTS_SHOWN);
    return {
      rows: this.#rows,
      rejected: parts.reduce((sum, part) => sum + part.rejected, 0),
      rejects,
      state: parts.some(({ state }) => state === 'cut') ? 'cut' : 'whole',
      ...(said.length === 0 ? {} : { message: said.join('; ') }),
    };
  }

  close(): void {
    this.#closed = true;
    for (const source of this.#sources.slice(Math.max(0, this.#next - 1))) source.close();
  }

  async #open(): Promise<void> {
    const source = this.#sources[this.#next++]!;
    const { head, source: whole } = await peekHead(source);
    this.#feed = new JsonFeed(whole, jsonLayout(head) ?? 'lines', {
      onReject: this.#options.onReject,
      scanner: this.#event.scanner,
    });
  }

  /** Reads until a batch is full, `most` records were read, or a source that waits has given what it had. */
  async #advance(most: number): Promise<void> {
    const out = this.#out;
    const { signal } = this.#options;
    let read = 0;
    while (!this.#ended) {
      const feed = this.#feed!;
      this.#spill();
      while (!out.full && this.#size < BATCH_BYTES && read < most && feed.next()) {
        read++;
        this.#size += feed.recordTo - feed.recordFrom;
        this.#take(feed);
      }
      if (out.full || this.#size >= BATCH_BYTES || read >= most || signal?.aborted === true) return;
      if (await feed.fill()) {
        if (most !== Number.POSITIVE_INFINITY && read > 0 && feed.source.totalBytes === undefined) return;
        continue;
      }
      this.#takenBefore += feed.source.bytesTaken();
      this.#done.push(feed.status(0));
      this.#event.scanner.duplicateKeys = 0;
      this.#event.scanner.refusedKeys = 0;
      this.#feed = undefined;
      if (this.#next < this.#sources.length) {
        feed.source.close();
        try {
          await this.#open();
        } catch (error) {
          if (!(error instanceof UserError)) throw error;
          this.#done.push({ rows: 0, rejected: 0, rejects: [], state: 'cut', message: error.message });
          this.#ended = this.#next >= this.#sources.length;
        }
      } else this.#ended = true;
    }
    // Flows that never ended in the log, in the order in which they were first spoken of.
    this.#spill();
    for (const [key, pending] of this.#pending) {
      if (out.full) return;
      this.#pending.delete(key);
      this.#out.writePending(pending);
    }
  }

  #spill(): void {
    let n = 0;
    while (n < this.#overflow.length && !this.#out.full) this.#out.writePending(this.#overflow[n++]!);
    if (n > 0) this.#overflow = this.#overflow.slice(n);
  }

  #take(feed: JsonFeed): void {
    const event = this.#event;
    event.take(feed.bytes);
    this.#records++;
    const type = event.text(F.eventType);
    if (type === undefined) {
      feed.reject("no 'event_type'");
      return;
    }
    const seen = this.#events.get(type);
    if (seen !== undefined || this.#events.size < 64) this.#events.set(safeText(type, 40), (seen ?? 0) + 1);
    while (this.#ready.length > 0 && this.#ready[0]!.at <= this.#records) this.#writeReady();
    if (type === 'stats') return;
    const time = event.time(F.timestamp);
    if (time === undefined && type !== 'flow' && type !== 'netflow') {
      feed.reject(event.has(F.timestamp) ? "the 'timestamp' is no time" : "no 'timestamp'");
      return;
    }
    if (!event.has(F.srcIp) || !event.has(F.destIp)) {
      // Events of the link layer (ARP, truncated packets) have no addresses, and no flow.
      if (type === 'flow' || type === 'netflow') feed.reject("no 'src_ip' or no 'dest_ip'");
      return;
    }
    if (type === 'flow') this.#takeFlow(feed, time);
    else if (type === 'netflow') this.#takeNetflow(time);
    else this.#takeEvent(type, time!);
  }

  // ---- flow events: straight into the row ----

  #takeFlow(feed: JsonFeed, time: number | undefined): void {
    const event = this.#event;
    this.#sawFlow = true;
    this.#sawCounts = true;
    this.#flowEvents++;
    const start = event.time(F.flowStart) ?? time;
    if (start === undefined) {
      feed.reject('neither flow.start nor timestamp is a time');
      return;
    }
    const end = Math.max(start, event.time(F.flowEnd) ?? start);
    const src = event.address(F.srcIp);
    const dst = event.address(F.destIp);
    const key = event.key(src, dst);
    const known = this.#pending.get(key);
    if (known !== undefined) {
      this.#pending.delete(key);
      if (known.netflow !== 0) {
        this.#netflowLeftOut += known.netflow === 3 ? 2 : 1;
        known.netflow = 0;
      }
    }
    this.#out.writeFlow(event, start, end, src, dst, known);
  }

  // ---- events that wait for their flow ----

  #pendingOf(key: number | string, src: string, dst: string, time: number): Pending {
    let pending = this.#pending.get(key);
    if (pending === undefined) {
      if (this.#pending.size >= MAX_PENDING) this.#giveUpOldest();
      pending = newPending(this.#event, src, dst, time);
      this.#pending.set(key, pending);
    }
    if (time < pending.firstMs) pending.firstMs = time;
    if (time > pending.lastMs) pending.lastMs = time;
    return pending;
  }

  #giveUpOldest(): void {
    for (const [key, oldest] of this.#pending) {
      this.#pending.delete(key);
      if (this.#flowEvents > 0 && oldest.netflow !== 3) this.#factsLeftOut++;
      else this.#writeOrKeep(oldest);
      return;
    }
  }

  #writeOrKeep(pending: Pending): void {
    if (this.#out.full) this.#overflow.push(pending);
    else this.#out.writePending(pending);
  }

  #writeReady(): void {
    const { key } = this.#ready.shift()!;
    const pending = this.#pending.get(key);
    if (pending === undefined || pending.netflow !== 3) return;
    this.#pending.delete(key);
    this.#writeOrKeep(pending);
  }

  #takeNetflow(time: number | undefined): void {
    const event = this.#event;
    const start = event.time(F.netflowStart) ?? time;
    const src = event.address(F.srcIp);
    const dst = event.address(F.destIp);
    if (start === undefined || src === undefined || dst === undefined) return;
    if (this.#flowEvents > 0) {
      this.#netflowLeftOut++;
      return;
    }
    this.#sawCounts = true;
    const key = event.key(src, dst);
    const pending = this.#pendingOf(key, src, dst, start);
    const end = event.time(F.netflowEnd) ?? start;
    if (end > pending.lastMs) pending.lastMs = end;
    const isBack = pending.src !== src || (src === dst && pending.srcPort !== event.number(F.srcPort));
    const side = isBack ? 1 : 0;
    // Suricata logs the client's direction first; of facts that came before, it is not known.
    if (pending.netflow === 0 && !pending.isOriented) {
      if (isBack) swap(pending);
      pending.isOriented = true;
    }
    const at = pending.src === src && side === 1 && src !== dst ? 0 : side;
    pending.packets ??= [0, 0];
    pending.bytes ??= [0, 0];
    pending.packets[at] = event.count(F.netflowPkts, 2 ** 31 - 1) ?? 0;
    pending.bytes[at] = event.count(F.netflowBytes, Number.MAX_SAFE_INTEGER) ?? 0;
    const flags = event.flags(F.tcpFlags);
    if (flags !== undefined) {
      pending.flags ??= [0, 0];
      pending.flags[at] = flags;
    }
    pending.netflow |= 1 << at;
    noteCommon(event, pending, false);
    if (pending.netflow === 3) this.#ready.push({ key, at: this.#records + NETFLOW_WAIT });
  }

  #takeEvent(type: string, time: number): void {
    const event = this.#event;
    const src = event.address(F.srcIp);
    const dst = event.address(F.destIp);
    if (src === undefined || dst === undefined) return;
    if (type === 'alert') this.#alerts.take(event, time, src, dst);
    // A packet that could not be decoded is of no flow.
    if (type === 'anomaly' && !event.has(F.flowId)) return;
    const pending = this.#pendingOf(event.key(src, dst), src, dst, time);
    orient(event, pending, type, src);
    noteCommon(event, pending, pending.src !== src);
    const start = event.time(F.flowStart);
    if (start !== undefined && start < pending.firstMs) pending.firstMs = start;
    const up = event.count(F.pktsToServer, 2 ** 31 - 1);
    if (up !== undefined && pending.netflow === 0) {
      this.#sawCounts = true;
      pending.packets = [up, event.count(F.pktsToClient, 2 ** 31 - 1) ?? 0];
      pending.bytes = [
        event.count(F.bytesToServer, Number.MAX_SAFE_INTEGER) ?? 0,
        event.count(F.bytesToClient, Number.MAX_SAFE_INTEGER) ?? 0,
      ];
    }
    learn(event, pending, type);
  }
}
