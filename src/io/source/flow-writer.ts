import { type ColumnSpec, ColumnWriter, type Schema, type Table, type TextDecode } from '../../core/index.ts';
import { FLOW_COLUMN, FLOW_SCHEMA, type FlowColumnName } from '../../flow/index.ts';
import { isIcmpQuery, PROTO, protocolName, serviceByPort } from '../../wire/index.ts';

/**
 * Rows of the flow table from logs that others made. What several of them leave out is said here once, with the words that the product's own flow table has for it: the outcome of
 * flows without a state of their own, the service that a port promises, columns that have a value for one protocol alone.
 */

/** Columns that every log of flows gives. */
const ALWAYS: readonly FlowColumnName[] = ['id', 'startMs', 'protocol', 'initiator', 'responder', 'outcome'];

/** Code of a service by port that was not looked up yet, and of one that has none. */
const UNASKED = -2;
const NONE = -1;

export interface FlowWriterOptions {
  readonly batchRows: number;
  /** Columns of the source that stand behind those of the flow table, for whoever compares with a truth that the log carries (labels). */
  readonly extra?: readonly ColumnSpec[] | undefined;
  readonly decode?: TextDecode | undefined;
}

export class FlowWriter {
  readonly schema: Schema;
  readonly gives: ReadonlySet<string>;
  readonly columns: ColumnWriter;
  /** Position of the first extra column. */
  readonly extraAt = FLOW_SCHEMA.columns.length;
  readonly #has: readonly boolean[];
  #nextId = 1;
  /** Codes of words that code itself writes, per column and batch. */
  readonly #words: Map<string, number>[];
  readonly #lastWord: string[];
  readonly #lastCode: Int32Array;
  /** Number in `#services` by TCP and UDP port. */
  readonly #portService = [new Int16Array(65_536).fill(UNASKED), new Int16Array(65_536).fill(UNASKED)];
  readonly #services: string[] = [];

  constructor(gives: Iterable<FlowColumnName>, options: FlowWriterOptions) {
    const { batchRows, extra = [], decode } = options;
    this.schema =
      extra.length === 0
        ? FLOW_SCHEMA
        : { name: FLOW_SCHEMA.name, version: FLOW_SCHEMA.version, columns: [...FLOW_SCHEMA.columns, ...extra] };
    this.gives = new Set<string>([...ALWAYS, ...gives, ...extra.map((spec) => spec.name)]);
    this.columns = new ColumnWriter(this.schema, batchRows, this.gives, decode);
    this.#has = this.schema.columns.map((spec) => this.gives.has(spec.name));
    this.#words = this.schema.columns.map(() => new Map());
    this.#lastWord = this.schema.columns.map(() => '');
    this.#lastCode = new Int32Array(this.schema.columns.length);
  }

  get full(): boolean {
    return this.columns.full;
  }

  get rowCount(): number {
    return this.columns.rowCount;
  }

  has(column: number): boolean {
    return this.#has[column] === true;
  }

  addRow(): number {
    return this.columns.addRow();
  }

  dropRow(): void {
    this.columns.dropRow();
  }

  /** A number, where the source gives that column at all. NaN is missing. */
  number(column: number, row: number, value: number): void {
    if (this.#has[column] === true && !Number.isNaN(value)) this.columns.setNumber(column, row, value);
  }

  /** As `number`, of `values[index]`. */
  put(column: number, row: number, values: Float64Array, index: number): void {
    if (this.#has[column] === true) this.columns.putNumber(column, row, values, index);
  }

  /** True where this batch had no such text in this column yet. */
  bytes(column: number, row: number, bytes: Uint8Array, from: number, to: number): boolean {
    return this.#has[column] === true && this.columns.setBytes(column, row, bytes, from, to);
  }

  /** One of few words, which are looked up by themselves. */
  word(column: number, row: number, word: string): void {
    if (this.#has[column] !== true) return;
    if (this.#lastWord[column] !== word) {
      const words = this.#words[column] as Map<string, number>;
      let code = words.get(word);
      if (code === undefined) {
        code = this.columns.codeOf(column, word);
        words.set(word, code);
      }
      this.#lastWord[column] = word;
      this.#lastCode[column] = code;
    }
    this.columns.setCode(column, row, this.#lastCode[column] as number);
  }

  /** Any text. */
  text(column: number, row: number, text: string): void {
    if (this.#has[column] === true && text !== '') this.columns.setText(column, row, text);
  }

  /** A text or number where the cell is still missing. */
  fill(column: number, row: number, value: string | number): void {
    if (typeof value === 'number') {
      if (this.columns.number(column, row) === undefined) this.number(column, row, value);
    } else if (!this.columns.hasText(column, row)) this.text(column, row, value);
  }

  /** Gives the row its number, which says that it is whole. */
  finishRow(row: number): void {
    this.columns.setNumber(FLOW_COLUMN.id, row, this.#nextId++);
  }

  finish(): Table {
    for (const words of this.#words) words.clear();
    this.#lastWord.fill('');
    return this.columns.finish();
  }

  /** Start, duration and end, as far as they are known; NaN is missing. A flow of a single packet lasts 0 ms. */
  times(row: number, startMs: number, durationMs: number, packets: number): void {
    const lasted = !Number.isNaN(durationMs) ? durationMs : packets === 1 ? 0 : Number.NaN;
    this.number(FLOW_COLUMN.startMs, row, startMs);
    this.number(FLOW_COLUMN.durationMs, row, lasted);
    this.number(FLOW_COLUMN.endMs, row, startMs + lasted);
  }

  protocol(row: number, protocol: number): void {
    this.word(FLOW_COLUMN.protocol, row, protocolName(protocol));
  }

  /**
   * The service, by content where the log names one and else by port; `portService` beside it.
   * @param service name that the log has from the content, '' where it has none
   */
  service(row: number, protocol: number, initiatorPort: number, responderPort: number, service: string): void {
    const byPort = this.#servicePorts(protocol, responderPort);
    const guess = byPort >= 0 ? byPort : this.#servicePorts(protocol, initiatorPort);
    const name = guess >= 0 ? (this.#services[guess] as string) : '';
    if (name !== '') this.word(FLOW_COLUMN.portService, row, name);
    if (service === '' && name === '') return;
    this.word(FLOW_COLUMN.service, row, service === '' ? name : service);
    this.word(FLOW_COLUMN.serviceBasis, row, service === '' ? 'port' : 'content');
  }

  #servicePorts(protocol: number, port: number): number {
    if (!(port >= 0 && port <= 65_535) || (protocol !== PROTO.tcp && protocol !== PROTO.udp)) return NONE;
    const table = this.#portService[protocol === PROTO.tcp ? 0 : 1] as Int16Array;
    let number = table[port] as number;
    if (number === UNASKED) {
      const name = serviceByPort(protocol, port);
      number = name === undefined ? NONE : this.#services.indexOf(name);
      if (name !== undefined && number < 0) number = this.#services.push(name) - 1;
      table[port] = number;
    }
    return number;
  }

  /**
   * How the first packet was met, where the log has no state of its own that says it: as `FlowTable` says it of packets.
   * @param icmpType NaN where it is not known
   */
  outcome(
    row: number,
    protocol: number,
    initiatorPackets: number,
    responderPackets: number,
    isGroup: boolean,
    icmpType: number,
  ): void {
    this.word(FLOW_COLUMN.outcome, row, outcomeOf(protocol, initiatorPackets, responderPackets, isGroup, icmpType));
  }
}

function outcomeOf(
  protocol: number,
  initiatorPackets: number,
  responderPackets: number,
  isGroup: boolean,
  icmpType: number,
): string {
  if (responderPackets > 0) return initiatorPackets === 0 ? 'unknown' : 'answered';
  if (isGroup || !(initiatorPackets > 0) || responderPackets !== 0) return 'unknown';
  if (protocol === PROTO.icmp || protocol === PROTO.icmpv6)
    return icmpType >= 0 && isIcmpQuery(protocol, icmpType) ? 'unanswered' : 'unknown';
  return protocol === PROTO.udp || protocol === PROTO.sctp ? 'unanswered' : 'unknown';
}

/** Whether the address in `bytes[from, to)` is a multicast or the broadcast address: nobody in particular is expected to answer. */
export function isGroupText(bytes: Uint8Array, from: number, to: number): boolean {
  const first = (bytes[from] as number) | 0x20;
  if (first === 0x66 && to - from > 2 && ((bytes[from + 1] as number) | 0x20) === 0x66) return true;
  if (to - from < 7 || bytes[from] !== 0x32 || bytes[from + 3] !== 0x2e) return false;
  const octet = 200 + ((bytes[from + 1] as number) - 0x30) * 10 + ((bytes[from + 2] as number) - 0x30);
  if (octet >= 224 && octet <= 239) return true;
  return to - from === 15 && String.fromCharCode(...bytes.subarray(from, to)) === '255.255.255.255';
}

/**
 * Whether `bytes[from, to)` can be the text of an address (IPv4, IPv6 or a MAC): 2 to 45 of the characters that those are made of, with a point or a colon among them.
 */
export function isAddressText(bytes: Uint8Array, from: number, to: number): boolean {
  if (to - from < 2 || to - from > 45) return false;
  let marks = 0;
  for (let i = from; i < to; i++) {
    const byte = bytes[i] as number;
    if (byte === 0x2e || byte === 0x3a) marks++;
    else if (!((byte >= 0x30 && byte <= 0x39) || ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66))) return false;
  }
  return marks > 0;
}

export function hasColon(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (bytes[i] === 0x3a) return true;
  return false;
}

/** Number of a protocol by the names that logs have for it, or by its number; -1 where it is neither. ICMP of IPv6 is `icmpv6` whatever the log calls it. */
export function protocolByName(name: string, isV6: boolean): number {
  const lower = name.toLowerCase();
  if (lower === 'icmp' && isV6) return PROTO.icmpv6;
  const known = Object.hasOwn(PROTOCOLS, lower) ? PROTOCOLS[lower] : undefined;
  if (known !== undefined) return known;
  if (/^\d{1,3}$/.test(lower) && Number(lower) < 256) return Number(lower);
  return -1;
}

const PROTOCOLS: Readonly<Record<string, number>> = {
  ...Object.fromEntries(Object.entries(PROTO).filter(([name]) => name !== 'none')),
  'ipv6-icmp': PROTO.icmpv6,
  icmp6: PROTO.icmpv6,
  'udp-lite': PROTO.udplite,
  ipsec: PROTO.esp,
  ipnip: 4,
  ipip: 4,
};

/** State of a TCP flow in Zeek's letters from the flags of either side; '' where they do not tell it. */
export function tcpStateOf(initiator: string, responder: string): string {
  const syn = initiator.includes('S');
  const answered = responder.includes('S') && responder.includes('A');
  const finA = initiator.includes('F');
  const finB = responder.includes('F');
  if (syn && answered) {
    if (finA && finB) return 'SF';
    if (initiator.includes('R')) return 'RSTO';
    if (responder.includes('R')) return 'RSTR';
    return finA ? 'S2' : finB ? 'S3' : 'S1';
  }
  if (syn && !responder.includes('S')) {
    if (responder.includes('R')) return 'REJ';
    if (responder !== '') return 'OTH';
    if (initiator.includes('R')) return 'RSTOS0';
    return finA ? 'SH' : 'S0';
  }
  if (answered) return responder.includes('R') ? 'RSTRH' : finB ? 'SHR' : 'OTH';
  return 'OTH';
}

/** Outcome by that state; the others leave it unknown. */
export const TCP_OUTCOME: Readonly<Record<string, string>> = {
  SF: 'answered',
  S1: 'answered',
  S2: 'answered',
  S3: 'answered',
  RSTO: 'answered',
  RSTR: 'answered',
  REJ: 'refused',
  S0: 'unanswered',
  SH: 'unanswered',
  RSTOS0: 'unanswered',
};
