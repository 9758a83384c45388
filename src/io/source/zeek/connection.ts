import { decodeText, parseNumber, safeText, TextDictionary } from '../../../core/index.ts';
import { FLOW_COLUMN, serviceSynonym } from '../../../flow/index.ts';
import { dnsService, isDnsPort, PROTO } from '../../../wire/index.ts';
import { type FlowWriter, hasColon, isAddressText, isGroupText, protocolByName } from '../flow-writer.ts';
import type { ZeekCells } from './cell.ts';
import { decodeZeekText, type ZeekHeader } from './tsv.ts';

/** Lines of conn.log as rows: what its numbers, states, histories and services mean in the flow table. */

const C = FLOW_COLUMN;

const STATE_OUTCOME: Readonly<Record<string, string>> = {
  S0: 'unanswered',
  SH: 'unanswered',
  RSTOS0: 'unanswered',
  REJ: 'refused',
  S1: 'answered',
  S2: 'answered',
  S3: 'answered',
  SF: 'answered',
  RSTO: 'answered',
  RSTR: 'answered',
  RSTRH: 'unknown',
  SHR: 'unknown',
  OTH: 'unknown',
};

/** ICMP types of which `id.resp_p` is the type of the answer, not the code (Zeek analyzer/protocol/icmp). */
const PAIRED_ICMP = new Set([0, 8, 9, 10, 13, 14, 15, 16, 17, 18]);
const PAIRED_ICMPV6 = new Set([128, 129, 130, 131, 133, 134, 135, 136, 139, 140, 144, 145]);

/** What is remembered of texts that repeat is begun anew beyond so many different ones. */
const MAX_REMEMBERED = 4096;

/** Something computed of a text that repeats, once per text. */
class Remembered<T> {
  #texts = new TextDictionary();
  #values: T[] = [];
  readonly #make: (text: string) => T;

  constructor(make: (text: string) => T) {
    this.#make = make;
  }

  of(bytes: Uint8Array, from: number, to: number): T {
    if (this.#values.length >= MAX_REMEMBERED) {
      this.#texts.clear();
      this.#values = [];
    }
    const code = this.#texts.code(bytes, from, to);
    if (code === this.#values.length) this.#values.push(this.#make(decodeZeekText(bytes, from, to)));
    return this.#values[code] as T;
  }
}

/** Which of the services that Zeek names is the one that tells most: those that carry others, or only sign on, give way. */
export const GIVES_WAY = new Set(['tls', 'gssapi', 'ntlm', 'kerberos', 'spicy']);
const SERVICE_NAMES: Readonly<Record<string, string>> = {
  krb: 'kerberos',
  krb_tcp: 'kerberos',
  dce_rpc: 'dcerpc',
  rfb: 'vnc',
  ldap_tcp: 'ldap',
  ldap_udp: 'ldap',
  dnp3_tcp: 'dnp3',
  dnp3_udp: 'dnp3',
  'ftp-data': 'ftp-data',
  enip_tcp: 'enip',
};

/** Our name for what the `service` column says; '' for none. A name with - before it was given up by Zeek. */
function zeekService(text: string): string {
  const names = text
    .toLowerCase()
    .split(',')
    .filter((name) => name !== '' && !name.startsWith('-'))
    .map((name) => (Object.hasOwn(SERVICE_NAMES, name) ? (SERVICE_NAMES[name] as string) : serviceSynonym(name)))
    .map((name) => safeText(name, 40));
  return names.find((name) => !GIVES_WAY.has(name)) ?? names[0] ?? '';
}

interface History {
  readonly initiator: string;
  readonly responder: string;
  /** Gaps on either side: which side `missed_bytes` belong to. */
  readonly initiatorGap: boolean;
  readonly responderGap: boolean;
}

function historyOf(text: string): History {
  const flags = (s: string, h: string, a: string, f: string, r: string): string =>
    (text.includes(h) || text.includes(a) ? 'A' : '') +
    (text.includes(r) ? 'R' : '') +
    (text.includes(s) || text.includes(h) ? 'S' : '') +
    (text.includes(f) ? 'F' : '');
  return {
    initiator: flags('S', 'H', 'A', 'F', 'R'),
    responder: flags('s', 'h', 'a', 'f', 'r'),
    initiatorGap: text.includes('G'),
    responderGap: text.includes('g'),
  };
}

interface StateWords {
  readonly state: string;
  readonly outcome: string;
  readonly close: string;
}

function stateOf(text: string): StateWords {
  const known = Object.hasOwn(STATE_OUTCOME, text);
  return {
    state: known ? text : '',
    outcome: known ? (STATE_OUTCOME[text] as string) : 'unknown',
    close: text === 'SF' ? 'fin' : known && (text.startsWith('RST') || text === 'REJ') ? 'rst' : '',
  };
}

/** Fields of conn.log that are text. */
const CONN_FIELDS = [
  'uid',
  'proto',
  'ip_proto',
  'service',
  'history',
  'conn_state',
  'orig_l2_addr',
  'resp_l2_addr',
  'community_id',
] as const;

/** Positions of the fields of one head of conn.log, -1 where it has none. */
export interface ConnPlan {
  readonly header: ZeekHeader;
  readonly at: Readonly<Record<(typeof CONN_FIELDS)[number], number>>;
  readonly initiator: number;
  readonly responder: number;
  /** Of `CONN_NUMBERS`. */
  readonly numbers: Int32Array;
  readonly extra: readonly number[];
}

/** Fields of conn.log that are numbers. */
const CONN_NUMBERS = [
  'ts',
  'duration',
  'id.orig_p',
  'id.resp_p',
  'orig_pkts',
  'resp_pkts',
  'orig_ip_bytes',
  'resp_ip_bytes',
  'orig_bytes',
  'resp_bytes',
  'missed_bytes',
  'vlan',
] as const;
const [TS, DURATION, ORIG_P, RESP_P, ORIG_PKTS, RESP_PKTS] = [0, 1, 2, 3, 4, 5];
const [ORIG_IP_BYTES, RESP_IP_BYTES, ORIG_BYTES, RESP_BYTES, MISSED, VLAN] = [6, 7, 8, 9, 10, 11];

export function bare(name: string): string {
  return name.toLowerCase().replace(/[-_]/g, '');
}

/** @param wanted names of columns to keep as they are, bare. */
export function planOf(header: ZeekHeader, wanted: readonly string[]): ConnPlan {
  const { fields } = header;
  const bares = fields.map(bare);
  return {
    header,
    at: Object.fromEntries(CONN_FIELDS.map((name) => [name, fields.indexOf(name)])) as ConnPlan['at'],
    initiator: fields.indexOf('id.orig_h'),
    responder: fields.indexOf('id.resp_h'),
    numbers: Int32Array.from(CONN_NUMBERS, (name) => fields.indexOf(name)),
    extra: wanted.map((name) => bares.indexOf(name)),
  };
}

/** Writes the lines of conn.log into rows. */
export class ConnectionRows {
  readonly #out: FlowWriter;
  /** The numbers of a row of conn.log, in the order of `CONN_NUMBERS`. */
  readonly #numbers = new Float64Array(CONN_NUMBERS.length);
  readonly #services = new Remembered(zeekService);
  readonly #histories = new Remembered(historyOf);
  readonly #states = new Remembered(stateOf);
  /** An address was none. */
  #suspicious = false;

  constructor(out: FlowWriter) {
    this.#out = out;
  }

  /** Time of the connection at hand, epoch ms. Good until `fill`. */
  get startMs(): number {
    return this.#numbers[TS] as number;
  }

  /** Begins a row with the two ends; the number of it, or why the line is no connection. */
  begin(cells: ZeekCells, plan: ConnPlan): number | string {
    const out = this.#out;
    const { bytes, starts, ends } = cells;
    cells.bad = -1;
    this.#readNumbers(cells, plan);
    const numbers = this.#numbers;
    if (!cells.isSet(plan.initiator) || !cells.isSet(plan.responder) || Number.isNaN(numbers[TS]))
      return this.#fault(cells, plan);
    if (cells.bad >= 0) return cellFault(plan.header, cells, cells.bad, 'number');
    const i0 = starts[plan.initiator] as number;
    const i1 = ends[plan.initiator] as number;
    const r0 = starts[plan.responder] as number;
    const r1 = ends[plan.responder] as number;
    const row = out.addRow();
    const isNewA = out.bytes(C.initiator, row, bytes, i0, i1);
    const isNewB = out.bytes(C.responder, row, bytes, r0, r1);
    // Addresses come again and again: one is looked at when a batch first shows it, and all of them once one was none.
    if (
      ((isNewA || isNewB || this.#suspicious) && !(isAddressText(bytes, i0, i1) && isAddressText(bytes, r0, r1))) ||
      (numbers[ORIG_P] as number) > 65_535 ||
      (numbers[RESP_P] as number) > 65_535
    ) {
      this.#suspicious = true;
      out.dropRow();
      return this.#fault(cells, plan);
    }
    return row;
  }

  /** Writes what the line says of the connection whose row was begun. */
  fill(cells: ZeekCells, plan: ConnPlan, row: number): void {
    const out = this.#out;
    const numbers = this.#numbers;
    const { bytes, starts, ends } = cells;
    const { at } = plan;
    const i0 = starts[plan.initiator] as number;
    const i1 = ends[plan.initiator] as number;
    const r0 = starts[plan.responder] as number;
    const r1 = ends[plan.responder] as number;
    const initiatorPort = numbers[ORIG_P] as number;
    const responderPort = numbers[RESP_P] as number;
    const initiatorPackets = numbers[ORIG_PKTS] as number;
    const responderPackets = numbers[RESP_PKTS] as number;
    const missed = numbers[MISSED] as number;
    const protocol = protocolOf(cells, at.proto, at.ip_proto, i0, i1);
    if (Number.isNaN(numbers[DURATION]) && initiatorPackets + responderPackets === 1) numbers[DURATION] = 0;
    out.put(C.startMs, row, numbers, TS);
    out.put(C.durationMs, row, numbers, DURATION);
    numbers[TS] = (numbers[TS] as number) + (numbers[DURATION] as number);
    out.put(C.endMs, row, numbers, TS);
    if (protocol >= 0) out.protocol(row, protocol);
    const isIcmp = protocol === PROTO.icmp || protocol === PROTO.icmpv6;
    if (isIcmp) {
      out.put(C.icmpType, row, numbers, ORIG_P);
      const paired = protocol === PROTO.icmp ? PAIRED_ICMP : PAIRED_ICMPV6;
      if (!paired.has(initiatorPort)) out.put(C.icmpCode, row, numbers, RESP_P);
    } else if (protocol === PROTO.tcp || protocol === PROTO.udp || protocol === PROTO.sctp) {
      out.put(C.initiatorPort, row, numbers, ORIG_P);
      out.put(C.responderPort, row, numbers, RESP_P);
    }
    // Who sent no packet sent no payload; Zeek leaves the cell unset.
    if (initiatorPackets === 0) numbers[ORIG_BYTES] = 0;
    if (responderPackets === 0) numbers[RESP_BYTES] = 0;
    out.put(C.initiatorPackets, row, numbers, ORIG_PKTS);
    out.put(C.responderPackets, row, numbers, RESP_PKTS);
    out.put(C.initiatorBytes, row, numbers, ORIG_IP_BYTES);
    out.put(C.responderBytes, row, numbers, RESP_IP_BYTES);
    out.put(C.initiatorPayloadBytes, row, numbers, ORIG_BYTES);
    out.put(C.responderPayloadBytes, row, numbers, RESP_BYTES);
    out.put(C.vlan, row, numbers, VLAN);
    if (at.orig_l2_addr >= 0) this.#copy(C.initiatorMac, row, cells, at.orig_l2_addr);
    if (at.resp_l2_addr >= 0) this.#copy(C.responderMac, row, cells, at.resp_l2_addr);
    if (at.community_id >= 0) this.#copy(C.communityId, row, cells, at.community_id);

    const serviceAt = at.service;
    const service = cells.isSet(serviceAt)
      ? this.#services.of(bytes, starts[serviceAt] as number, ends[serviceAt] as number)
      : '';
    if (!isIcmp)
      out.service(row, protocol, initiatorPort, responderPort, ownDns(service, initiatorPort, responderPort));

    const historyAt = at.history;
    const history = cells.isSet(historyAt)
      ? this.#histories.of(bytes, starts[historyAt] as number, ends[historyAt] as number)
      : undefined;
    if (missed === 0 || history?.responderGap === false) out.number(C.responderMissingBytes, row, 0);
    else if (history?.initiatorGap === false) out.number(C.responderMissingBytes, row, missed);
    if (missed === 0 || history?.initiatorGap === false) out.number(C.initiatorMissingBytes, row, 0);
    else if (history?.responderGap === false) out.number(C.initiatorMissingBytes, row, missed);

    const stateAt = at.conn_state;
    const state = cells.isSet(stateAt)
      ? this.#states.of(bytes, starts[stateAt] as number, ends[stateAt] as number)
      : undefined;
    if (protocol === PROTO.tcp) {
      if (history !== undefined && history.initiator !== '') out.word(C.initiatorFlags, row, history.initiator);
      if (history !== undefined && history.responder !== '') out.word(C.responderFlags, row, history.responder);
      if (state !== undefined && state.state !== '') out.word(C.tcpState, row, state.state);
      if (state !== undefined && state.close !== '') out.word(C.closeReason, row, state.close);
      out.word(C.outcome, row, state?.outcome ?? 'unknown');
    } else if (Number.isNaN(initiatorPackets) || Number.isNaN(responderPackets)) {
      const said = state?.state;
      const isGroup = isGroupText(bytes, r0, r1);
      out.word(C.outcome, row, said === 'SF' ? 'answered' : said === 'S0' && !isGroup ? 'unanswered' : 'unknown');
    } else out.outcome(row, protocol, initiatorPackets, responderPackets, isGroupText(bytes, r0, r1), initiatorPort);

    for (let k = 0; k < plan.extra.length; k++) this.#copy(out.extraAt + k, row, cells, plan.extra[k] as number);
  }

  #readNumbers(cells: ZeekCells, { numbers }: ConnPlan): void {
    const values = this.#numbers;
    const { bytes, starts, ends } = cells;
    for (let k = 0; k < numbers.length; k++) {
      const at = numbers[k] as number;
      const from = at < 0 ? 0 : (starts[at] as number);
      const to = at < 0 ? 0 : (ends[at] as number);
      values[k] = from === to ? Number.NaN : parseNumber(bytes, from, to, k < 2 ? 3 : 0);
      if (from !== to && Number.isNaN(values[k])) cells.bad = at;
    }
  }

  #copy(column: number, row: number, cells: ZeekCells, at: number): void {
    if (cells.isSet(at))
      this.#out.bytes(column, row, cells.bytes, cells.starts[at] as number, cells.ends[at] as number);
  }

  /** Why a row is no connection. */
  #fault(cells: ZeekCells, plan: ConnPlan): string {
    if (Number.isNaN(this.#numbers[TS])) return 'column ts holds no time';
    for (const [at, name] of [
      [plan.initiator, 'id.orig_h'],
      [plan.responder, 'id.resp_h'],
    ] as const) {
      if (!cells.isSet(at) || !isAddressText(cells.bytes, cells.starts[at] as number, cells.ends[at] as number))
        return `column ${name} holds no address`;
    }
    return 'a port is above 65,535';
  }
}

function cellFault(header: ZeekHeader, cells: ZeekCells, at: number, what: string): string {
  const from = cells.starts[at] as number;
  const text = safeText(decodeText(cells.bytes, from, Math.min(cells.ends[at] as number, from + 40)), 40);
  return `column ${header.fields[at]} is '${text}', which is no ${what}`;
}

/** IP protocol number, -1 where it is not known. */
function protocolOf(cells: ZeekCells, at: number, numberAt: number, addressFrom: number, addressTo: number): number {
  if (cells.isSet(at)) {
    const from = cells.starts[at] as number;
    const n = (cells.ends[at] as number) - from;
    const first = cells.bytes[from];
    if (n === 3 && first === 0x74) return PROTO.tcp;
    if (n === 3 && first === 0x75) return PROTO.udp;
    const isV6 = hasColon(cells.bytes, addressFrom, addressTo);
    const protocol = protocolByName(decodeText(cells.bytes, from, Math.min(from + n, from + 40)), isV6);
    if (protocol >= 0) return protocol;
  }
  const number = cells.isSet(numberAt) ? cells.number(numberAt) : Number.NaN;
  return number >= 0 && number < 256 ? number : -1;
}

/** mDNS and LLMNR are `dns` to Zeek. */
export function ownDns(service: string, initiatorPort: number, responderPort: number): string {
  return service === 'dns' && isDnsPort(responderPort) ? dnsService(responderPort, initiatorPort) : service;
}
