import {
  counted,
  decodeText,
  humanCount,
  parseNumber,
  parseTime,
  safeText,
  type Table,
  type TimeShape,
  UserError,
} from '../../core/index.ts';
import { FLOW_COLUMN, type FlowColumnName } from '../../flow/index.ts';
import { PROTO, serviceByPort } from '../../wire/index.ts';
import { RecordReader } from './delimited.ts';
import { FlowWriter, isAddressText, isGroupText, protocolByName, TCP_OUTCOME, tcpStateOf } from './flow-writer.ts';
import type { ByteSource } from './input.ts';
import { RowTally } from './lines.ts';
import { DEFAULT_BATCH_ROWS, type TableOpenOptions, type TableSource, type TableStatus } from './table-source.ts';

/**
 * NetFlow records that nfdump wrote as text (`nfdump -o csv`), with the names that versions 1.6 (`ts,te,td,sa,da ...`) and 1.7 (`firstSeen,duration,proto,srcAddr ...`) give the columns.
 *
 * A NetFlow record has one direction. The two of a conversation are joined: same addresses, ports and protocol turned round, and times that overlap or are less than `PAIR_GAP_MS`
 * apart. A record waits for its other half until `PAIR_WAIT_MS` of the records' own time have gone by or `MAX_WAITING` wait; then it is a flow of one direction. Records that have both
 * (`opkt` above 0) are whole as they are.
 *
 * Who began: whoever sent a SYN and never an ACK; else the side whose port is not that of a service; else who was earlier; else the side with the higher port. A single record that
 * comes from the port of a service is an answer whose question was not exported: its destination is the initiator. Whether nobody answered is said only of inputs that show
 * answers: an exporter that sees one direction would make everybody look unanswered. Of TCP flags tell it also there: whoever was answered went on with an ACK or a RST.
 *
 * Bytes are those of IP, as the exporter counts them.
 */

const C = FLOW_COLUMN;
const PAIR_GAP_MS = 2000;
/** The longest that exporters hold a record back (active timeout) is 30 minutes; halves of one conversation leave them together. */
const PAIR_WAIT_MS = 300_000;
const MAX_WAITING = 100_000;
/** Records of the same addresses and ports that wait at once. */
const MAX_ALIKE = 64;

const FIELD_NAMES = {
  start: ['ts', 'firstseen', 'first', 'first_seen', 'date first seen'],
  end: ['te', 'lastseen', 'last', 'last_seen', 'date last seen'],
  duration: ['td', 'duration'],
  protocol: ['pr', 'proto', 'protocol'],
  source: ['sa', 'srcaddr', 'srcip', 'src_addr', 'src4_addr', 'src6_addr'],
  target: ['da', 'dstaddr', 'dstip', 'dst_addr', 'dst4_addr', 'dst6_addr'],
  sourcePort: ['sp', 'srcport', 'src_port'],
  targetPort: ['dp', 'dstport', 'dst_port'],
  flags: ['flg', 'flags', 'tcpflags', 'tcp_flags'],
  packets: ['ipkt', 'packets', 'inpackets', 'in_packets', 'pkt'],
  bytes: ['ibyt', 'bytes', 'inbytes', 'in_bytes', 'byt'],
  backPackets: ['opkt', 'outpackets', 'out_packets'],
  backBytes: ['obyt', 'outbytes', 'out_bytes'],
  vlan: ['svln', 'srcvlan', 'src_vlan'],
} as const;

type Field = keyof typeof FIELD_NAMES;
const FIELDS = Object.keys(FIELD_NAMES) as Field[];

function fieldsOf(names: readonly string[]): Record<Field, number> {
  const lower = names.map((name) => name.trim().toLowerCase());
  return Object.fromEntries(
    FIELDS.map((field) => [field, lower.findIndex((name) => (FIELD_NAMES[field] as readonly string[]).includes(name))]),
  ) as Record<Field, number>;
}

function isHeader(names: readonly string[]): boolean {
  const at = fieldsOf(names);
  return (['start', 'protocol', 'source', 'target', 'packets', 'bytes'] as const).every((field) => at[field] >= 0);
}

/** True for text with a header line of nfdump. `head` is decompressed. */
export function looksLikeNfdump(head: Uint8Array): boolean {
  const end = head.indexOf(0x0a);
  const line = Buffer.from(head.subarray(0, Math.min(end < 0 ? head.length : end, 4096))).toString('utf8');
  return isHeader(line.replace(/^\ufeff/, '').split(','));
}

/** True for what `nfdump -o json` writes. `head` is decompressed. */
export function looksLikeNfdumpJson(head: Uint8Array): boolean {
  const text = Buffer.from(head.subarray(0, 4096)).toString('latin1');
  return /^\s*\[?\s*\{\s*"type"\s*:\s*"(?:FLOW|EVENT)"/.test(text) && /"src[46]_addr"|"t_first"|"first"\s*:/.test(text);
}

/** As a table of any kind it would be read without anything being known of it. */
export function nfdumpJsonError(name: string): UserError {
  return new UserError(
    `${safeText(name)} is JSON of nfdump, of which the CSV is read as flows`,
    'nfdump -r file -o csv > flows.csv, then read flows.csv; or --as json to look at it as a table',
  );
}

/** One record, one direction. */
interface Half {
  readonly startMs: number;
  readonly endMs: number;
  readonly protocol: number;
  readonly source: string;
  readonly target: string;
  /** NaN where there is none. */
  readonly sourcePort: number;
  readonly targetPort: number;
  readonly icmpType: number;
  readonly icmpCode: number;
  readonly flags: string;
  readonly packets: number;
  readonly bytes: number;
  /** NaN unless the record has both directions. */
  readonly backPackets: number;
  readonly backBytes: number;
  readonly vlan: number;
  /** The newest time of the records when it came. */
  arrivedMs: number;
}

/** Opens text of nfdump. Rejects with a UserError where its first line is no header of nfdump, or the source fails before it gave anything. */
export async function openNfdump(source: ByteSource, options: TableOpenOptions): Promise<TableSource> {
  const { batchRows = DEFAULT_BATCH_ROWS, onReject, signal } = options;
  const tally = new RowTally(onReject);
  const reader = new RecordReader(source, 0x2c);
  let found = reader.next();
  while (found === 'more' && (await reader.load(tally))) found = reader.next();
  const names = Array.from({ length: found === 'record' ? reader.count : 0 }, (_, i) =>
    decodeText(reader.bytesOf(i), reader.starts[i] as number, reader.ends[i] as number),
  );
  if (!isHeader(names))
    throw new UserError(`${source.name}: the first line is no header of nfdump`, 'nfdump -r file -o csv writes one');
  return new NfdumpSource(source, reader, tally, names, batchRows, signal);
}

class NfdumpSource implements TableSource {
  readonly name: string;
  readonly format = 'nfdump';
  readonly compression: string;
  readonly totalBytes: number | undefined;
  readonly schema;
  readonly gives: ReadonlySet<string>;
  readonly #source: ByteSource;
  readonly #reader: RecordReader;
  readonly #tally: RowTally;
  readonly #width: number;
  readonly #at: Record<Field, number>;
  readonly #out: FlowWriter;
  readonly #signal: AbortSignal | undefined;
  readonly #shape: TimeShape = { zoneless: false };
  /** Halves that wait, by key, oldest first; several of one key are a list. */
  readonly #waiting = new Map<string, Half[]>();
  #waitingCount = 0;
  #ready: [Half, Half | undefined][] = [];
  #newestMs = Number.NEGATIVE_INFINITY;
  #pairs = 0;
  #singles = 0;
  #early = 0;
  #cut = false;
  #over = false;
  #stopped = false;

  constructor(
    source: ByteSource,
    reader: RecordReader,
    tally: RowTally,
    names: readonly string[],
    batchRows: number,
    signal: AbortSignal | undefined,
  ) {
    this.name = source.name;
    this.compression = source.compression;
    this.totalBytes = source.totalBytes;
    this.#source = source;
    this.#reader = reader;
    this.#tally = tally;
    this.#width = names.length;
    this.#signal = signal;
    this.#at = fieldsOf(names);
    this.#out = new FlowWriter(givenBy(this.#at), { batchRows });
    this.schema = this.#out.schema;
    this.gives = this.#out.gives;
  }

  async read(): Promise<Table | undefined> {
    const out = this.#out;
    for (;;) {
      this.#writeReady();
      if (out.full || this.#stopped || this.#signal?.aborted === true) break;
      if (this.#over) {
        if (this.#waitingCount === 0) break;
        this.#releaseOldest();
        continue;
      }
      const found = this.#reader.next();
      if (found === 'record') this.#record();
      else if (found === 'fault') {
        this.#refuse(this.#reader.fault);
        if (this.#reader.unended) this.#cut = true;
      } else {
        if (out.rowCount > 0 && this.#reader.window.waiting) break;
        if (!(await this.#reader.load(this.#tally))) this.#over = true;
      }
    }
    return out.rowCount > 0 ? out.finish() : undefined;
  }

  #writeReady(): void {
    let used = 0;
    for (; used < this.#ready.length && !this.#out.full; used++) {
      const [half, other] = this.#ready[used] as [Half, Half | undefined];
      this.#write(half, other);
    }
    if (used > 0) this.#ready = this.#ready.slice(used);
  }

  #refuse(reason: string): void {
    const reader = this.#reader;
    this.#tally.reject(reader.line, reason, reader.bytes, reader.from, reader.to);
  }

  #text(field: Field): string {
    const i = this.#at[field];
    if (i < 0) return '';
    const reader = this.#reader;
    const from = reader.starts[i] as number;
    return decodeText(reader.bytesOf(i), from, Math.min(reader.ends[i] as number, from + 100)).trim();
  }

  #record(): void {
    const reader = this.#reader;
    if (reader.count === 1 && /^(?:Summary|No matching)/i.test(this.#firstText())) {
      // What follows are sums over the rows that were read.
      this.#over = true;
      return;
    }
    if (reader.count !== this.#width) {
      if (reader.unended) this.#cut = true;
      this.#refuse(`${counted(reader.count, 'field')}, where the header has ${this.#width}`);
      return;
    }
    if (isHeaderWord(this.#text('start'))) return;
    const half = this.#half();
    if (typeof half === 'string') this.#refuse(half);
    else this.#pair(half);
  }

  #firstText(): string {
    const reader = this.#reader;
    const from = reader.starts[0] as number;
    return decodeText(reader.bytesOf(0), from, Math.min(reader.ends[0] as number, from + 40)).trim();
  }

  #time(field: 'start' | 'end'): number {
    const bytes = Buffer.from(this.#text(field));
    const iso = parseTime(bytes, 0, bytes.length, this.#shape);
    return Number.isNaN(iso) ? parseNumber(bytes, 0, bytes.length, 3) : iso;
  }

  /** The record as it stands, or why it is none. */
  #half(): Half | string {
    const number = (field: Field): number => {
      const bytes = Buffer.from(this.#text(field));
      return parseNumber(bytes, 0, bytes.length);
    };
    const source = this.#text('source');
    const target = this.#text('target');
    for (const [text, field] of [
      [source, 'source'],
      [target, 'target'],
    ] as const) {
      const bytes = Buffer.from(text);
      if (!isAddressText(bytes, 0, bytes.length)) return this.#fault(field, text, 'address');
    }
    const startMs = this.#time('start');
    if (Number.isNaN(startMs)) return this.#fault('start', this.#text('start'), 'time');
    const packets = number('packets');
    const bytes = number('bytes');
    if (Number.isNaN(packets)) return this.#fault('packets', this.#text('packets'), 'number');
    if (Number.isNaN(bytes)) return this.#fault('bytes', this.#text('bytes'), 'number');
    const end = this.#time('end');
    // Exporters reckon both times from the time since they were started, and round: the end may lie before the start.
    const endMs = Number.isNaN(end) ? startMs + number('duration') * 1000 : Math.max(startMs, end);
    const protocol = protocolByName(this.#text('protocol'), source.includes(':'));
    const isIcmp = protocol === PROTO.icmp || protocol === PROTO.icmpv6;
    const hasPorts = protocol === PROTO.tcp || protocol === PROTO.udp || protocol === PROTO.sctp;
    const icmp = isIcmp ? icmpOf(this.#text('targetPort')) : [Number.NaN, Number.NaN];
    const back = number('backPackets');
    const backBytes = number('backBytes');
    const vlan = number('vlan');
    return {
      startMs,
      endMs,
      protocol,
      source,
      target,
      sourcePort: hasPorts ? portOf(number('sourcePort')) : Number.NaN,
      targetPort: hasPorts ? portOf(number('targetPort')) : Number.NaN,
      icmpType: icmp[0] as number,
      icmpCode: icmp[1] as number,
      flags: protocol === PROTO.tcp ? flagsOf(this.#text('flags')) : '',
      packets,
      bytes,
      backPackets: back > 0 ? back : Number.NaN,
      backBytes: back > 0 ? backBytes : Number.NaN,
      vlan: vlan > 0 ? vlan : Number.NaN,
      arrivedMs: Number.NaN,
    };
  }

  #fault(field: Field, text: string, what: string): string {
    return `column ${FIELD_NAMES[field][0]} is '${safeText(text, 40)}', which is no ${what}`;
  }

  #pair(half: Half): void {
    if (half.startMs > this.#newestMs) this.#newestMs = half.startMs;
    half.arrivedMs = this.#newestMs;
    if (!Number.isNaN(half.backPackets)) {
      this.#pairs++;
      this.#ready.push([half, undefined]);
      return;
    }
    const back = keyOf(half.protocol, half.target, half.targetPort, half.source, half.sourcePort);
    const candidates = this.#waiting.get(back);
    const found = candidates?.findIndex((other) => overlap(half, other)) ?? -1;
    if (candidates !== undefined && found >= 0) {
      const [other] = candidates.splice(found, 1) as [Half];
      if (candidates.length === 0) this.#waiting.delete(back);
      this.#waitingCount--;
      this.#pairs++;
      this.#ready.push([other, half]);
    } else {
      const key = keyOf(half.protocol, half.source, half.sourcePort, half.target, half.targetPort);
      const list = this.#waiting.get(key);
      if (list === undefined) this.#waiting.set(key, [half]);
      else list.push(half);
      this.#waitingCount++;
      // The same five again and again without an answer: the oldest has none any more.
      if (list !== undefined && list.length > MAX_ALIKE) this.#release(list);
    }
    while (this.#waitingCount > MAX_WAITING) {
      this.#early++;
      this.#releaseOldest();
    }
    for (const [, list] of this.#waiting) {
      // From when it came: after one record with a time far ahead all others would be old.
      const { arrivedMs, endMs } = list[0] as Half;
      if (!(this.#newestMs - Math.max(arrivedMs, Number.isNaN(endMs) ? arrivedMs : endMs) > PAIR_WAIT_MS)) break;
      this.#releaseOldest();
    }
  }

  /** The key that has waited longest gives up its oldest half. */
  #releaseOldest(): void {
    const first = this.#waiting.entries().next().value;
    if (first === undefined) return;
    const [key, list] = first;
    this.#release(list);
    if (list.length === 0) this.#waiting.delete(key);
  }

  #release(list: Half[]): void {
    const half = list.shift();
    if (half === undefined) return;
    this.#waitingCount--;
    this.#singles++;
    this.#ready.push([half, undefined]);
  }

  #write(half: Half, other: Half | undefined): void {
    const isWhole = other !== undefined || !Number.isNaN(half.backPackets);
    const turned = isTurned(half, other);
    const back = other ?? (isWhole ? backOf(half) : undefined);
    const a = turned ? back : half;
    const b = turned ? half : back;
    const out = this.#out;
    const row = out.addRow();
    const { protocol } = half;
    const startMs = Math.min(half.startMs, other?.startMs ?? half.startMs);
    const endMs = Math.max(half.endMs, other?.endMs ?? half.endMs);
    const sent = a?.packets ?? 0;
    const returned = b?.packets ?? 0;
    out.times(row, startMs, endMs - startMs, sent + returned);
    if (protocol >= 0) out.protocol(row, protocol);
    const initiator = turned ? half.target : half.source;
    const responder = turned ? half.source : half.target;
    const initiatorPort = turned ? half.targetPort : half.sourcePort;
    const responderPort = turned ? half.sourcePort : half.targetPort;
    out.text(C.initiator, row, initiator);
    out.text(C.responder, row, responder);
    out.number(C.initiatorPort, row, initiatorPort);
    out.number(C.responderPort, row, responderPort);
    out.number(C.icmpType, row, half.icmpType);
    out.number(C.icmpCode, row, half.icmpCode);
    out.number(C.vlan, row, half.vlan);
    out.number(C.initiatorPackets, row, sent);
    out.number(C.responderPackets, row, returned);
    out.number(C.initiatorBytes, row, a?.bytes ?? 0);
    out.number(C.responderBytes, row, b?.bytes ?? 0);
    out.service(row, protocol, initiatorPort, responderPort, '');
    this.#writeOutcome(row, a, b, { isWhole, isOne: isWhole && other === undefined }, responder, [sent, returned]);
    out.finishRow(row);
    this.#tally.rows++;
  }

  #writeOutcome(
    row: number,
    a: Half | undefined,
    b: Half | undefined,
    { isWhole, isOne }: { readonly isWhole: boolean; readonly isOne: boolean },
    responder: string,
    [sent, returned]: [number, number],
  ): void {
    const out = this.#out;
    const { protocol, icmpType } = (a ?? b) as Half;
    if (protocol === PROTO.tcp && this.#at.flags >= 0 && !isOne) {
      out.text(C.initiatorFlags, row, a?.flags ?? '');
      out.text(C.responderFlags, row, b?.flags ?? '');
      const state = tcpStateOf(a?.flags ?? '', b?.flags ?? '');
      if (isWhole || this.#pairs > 0) {
        out.word(C.tcpState, row, state);
        out.word(C.outcome, row, TCP_OUTCOME[state] ?? 'unknown');
      } else out.word(C.outcome, row, oneSidedOutcome(a?.flags ?? ''));
      if (state === 'SF') out.word(C.closeReason, row, 'fin');
      else if (state.startsWith('RST') || state === 'REJ') out.word(C.closeReason, row, 'rst');
    } else if (protocol === PROTO.tcp && isOne && isRefusal(a?.flags ?? '', sent, returned)) {
      out.word(C.tcpState, row, 'REJ');
      out.word(C.outcome, row, TCP_OUTCOME.REJ ?? 'unknown');
      out.word(C.closeReason, row, 'rst');
    } else if (protocol === PROTO.tcp) out.word(C.outcome, row, isWhole ? 'answered' : 'unknown');
    else if (!isWhole && this.#pairs === 0) out.word(C.outcome, row, 'unknown');
    else {
      const bytes = Buffer.from(responder);
      out.outcome(row, protocol, sent, returned, isGroupText(bytes, 0, bytes.length), icmpType);
    }
  }

  bytesTaken(): number {
    return this.#source.bytesTaken();
  }

  status(): TableStatus {
    const { rows, rejected, rejects } = this.#tally;
    const { failure } = this.#reader.window;
    const notes: string[] = [];
    if (failure !== undefined) notes.push(failure);
    else if (this.#cut) notes.push('it ends within a row');
    if (this.#singles > 0)
      notes.push(
        `${counted(this.#singles, 'record')} without the other direction${this.#pairs === 0 ? ', and not one with it' : ''}`,
      );
    if (this.#early > 0)
      notes.push(`${humanCount(this.#early)} of them were let go early (${humanCount(MAX_WAITING)} may wait)`);
    if (this.#shape.zoneless) notes.push('times without a zone are taken as UTC');
    return {
      rows,
      rejected,
      rejects,
      state: failure !== undefined || this.#cut ? 'cut' : 'whole',
      ...(notes.length > 0 ? { message: notes.join('; ') } : {}),
    };
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#source.stop?.();
  }

  close(): void {
    this.#source.close();
  }
}

function isHeaderWord(text: string): boolean {
  return (FIELD_NAMES.start as readonly string[]).includes(text.toLowerCase());
}

function keyOf(protocol: number, a: string, portA: number, b: string, portB: number): string {
  return `${protocol} ${a} ${portA} ${b} ${portB}`;
}

function overlap(a: Half, b: Half): boolean {
  const endA = Number.isNaN(a.endMs) ? a.startMs : a.endMs;
  const endB = Number.isNaN(b.endMs) ? b.startMs : b.endMs;
  return a.startMs <= endB + PAIR_GAP_MS && b.startMs <= endA + PAIR_GAP_MS;
}

/** A service has the port, or none but the system's services may have it. */
function isServicePort(protocol: number, port: number): boolean {
  return port > 0 && (port < 1024 || serviceByPort(protocol, port) !== undefined);
}

/** Whether the target of `half` began, see the head of this file. */
function isTurned(half: Half, other: Half | undefined): boolean {
  const { protocol, sourcePort, targetPort } = half;
  const isRequest = (h: Half): boolean => h.flags.includes('S') && !h.flags.includes('A');
  if (isRequest(half)) return false;
  if (other !== undefined && isRequest(other)) return true;
  const fromService = isServicePort(protocol, sourcePort);
  if (fromService !== isServicePort(protocol, targetPort)) return fromService;
  if (other === undefined) return false;
  if (half.startMs !== other.startMs) return half.startMs > other.startMs;
  return sourcePort < targetPort;
}

/** The other direction of a record that has both. */
function backOf(half: Half): Half {
  return { ...half, source: half.target, target: half.source, packets: half.backPackets, bytes: half.backBytes };
}

/**
 * Whether every SYN of a record of both directions came back as a RST. Its flags are those of the first direction, or of both together, by the version of nfdump: whoever was let in
 * sent one packet more than came back at least, or has a flag of data or of the end.
 */
function isRefusal(flags: string, sent: number, returned: number): boolean {
  return flags.includes('R') && !/[PF]/.test(flags) && sent === returned;
}

function portOf(value: number): number {
  return value >= 0 && value <= 65_535 ? value : Number.NaN;
}

/** ICMP type and code, which stand in the place of the destination port as `3.13`, or as one number. */
function icmpOf(text: string): [number, number] {
  const pair = /^(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (pair !== null) return [Number(pair[1]), Number(pair[2])];
  const value = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  return [Math.floor(value / 256), value % 256];
}

/** Flags in the order CEUAPRSF of `...AP.SF`, `0x1b` or `27`. */
function flagsOf(text: string): string {
  if (/^(?:0x[0-9a-f]+|\d+)$/i.test(text)) {
    const bits = Number(text);
    return [...'CEUAPRSF'].filter((_, i) => (bits & (128 >> i)) !== 0).join('');
  }
  return [...'CEUAPRSF'].filter((flag) => text.includes(flag)).join('');
}

/** How the first packet of a TCP initiator was met, where the other direction is never exported: its own flags tell whether it went on. */
function oneSidedOutcome(flags: string): string {
  if (!flags.includes('S')) return 'unknown';
  return /[AR]/.test(flags) ? 'answered' : 'unanswered';
}

function givenBy(at: Record<Field, number>): FlowColumnName[] {
  const gives: FlowColumnName[] = [
    'initiatorPackets',
    'responderPackets',
    'initiatorBytes',
    'responderBytes',
    'service',
    'serviceBasis',
    'portService',
  ];
  if (at.end >= 0 || at.duration >= 0) gives.push('durationMs', 'endMs');
  if (at.sourcePort >= 0) gives.push('initiatorPort', 'responderPort');
  if (at.targetPort >= 0) gives.push('initiatorPort', 'responderPort', 'icmpType', 'icmpCode');
  if (at.flags >= 0) gives.push('initiatorFlags', 'responderFlags', 'tcpState', 'closeReason');
  if (at.vlan >= 0) gives.push('vlan');
  return gives;
}
