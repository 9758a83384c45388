import {
  type ColumnSpec,
  counted,
  decodeText,
  epochUnitOf,
  parseNumber,
  parseTime,
  safeText,
  type Table,
  type TimeShape,
  UserError,
} from '../../core/index.ts';
import { FLOW_COLUMN, type FlowColumnName } from '../../flow/index.ts';
import { PROTO } from '../../wire/index.ts';
import { RecordReader } from './delimited.ts';
import { FlowWriter, isAddressText, isGroupText, protocolByName, TCP_OUTCOME, tcpStateOf } from './flow-writer.ts';
import type { ByteSource } from './input.ts';
import { RowTally } from './lines.ts';
import { DEFAULT_BATCH_ROWS, type TableOpenOptions, type TableSource, type TableStatus } from './table-source.ts';

/**
 * Flows that Argus wrote as text (`ra -c ,` with any `-s` list of fields), and the binetflow files of the CTU-13 and Stratosphere data sets, which are that with a label. Columns are told by
 * their names, in any order, separated by a comma or a tab. Sources: manual pages ra(1) and racluster(1) of Argus clients 3.0.8, and its field names.
 *
 * Argus counts whole frames, so bytes are those of the schema. Its Dir says who began: the source is the initiator, but for `<-`, where it saw the answer first; `<?>` and `?>` are
 * doubts, and the source stays. Where packets are told as a sum alone, bytes tell whose they are as far as they can. State tells of TCP which flags either side set (`S_RA`, `FSPA_FSPA`), of everything else how it went (CON, INT, REQ, ECO, URP ...). Records of the
 * probe itself (`man`) are left out and counted; what has no addresses of IP (llc, ipx) too, but for ARP.
 */

const C = FLOW_COLUMN;

/** Fields that are of use, by the names that Argus has had for them, in lower case. */
const FIELD_NAMES = {
  start: ['starttime', 'stime'],
  end: ['lasttime', 'ltime'],
  duration: ['dur', 'runtime'],
  protocol: ['proto'],
  initiator: ['srcaddr', 'saddr'],
  initiatorPort: ['sport'],
  direction: ['dir'],
  responder: ['dstaddr', 'daddr'],
  responderPort: ['dport'],
  state: ['state'],
  packets: ['totpkts', 'pkts'],
  bytes: ['totbytes', 'bytes'],
  initiatorPackets: ['srcpkts', 'spkts'],
  responderPackets: ['dstpkts', 'dpkts'],
  initiatorBytes: ['srcbytes', 'sbytes'],
  responderBytes: ['dstbytes', 'dbytes'],
  initiatorPayload: ['sappbytes', 'srcappbytes'],
  responderPayload: ['dappbytes', 'dstappbytes'],
  handshake: ['tcprtt'],
  initiatorMac: ['smac', 'srcmac'],
  responderMac: ['dmac', 'dstmac'],
  vlan: ['svlan', 'svid'],
} as const;

type Field = keyof typeof FIELD_NAMES;
const FIELDS = Object.keys(FIELD_NAMES) as Field[];

export interface BinetflowOptions extends TableOpenOptions {
  /** Columns of the file to keep behind those of the flow table, as text: the label. Compared without case. */
  readonly extra?: readonly string[] | undefined;
}

function fieldsOf(names: readonly string[]): Record<Field, number> {
  const lower = names.map((name) => name.trim().toLowerCase());
  return Object.fromEntries(
    FIELDS.map((field) => [field, lower.findIndex((name) => (FIELD_NAMES[field] as readonly string[]).includes(name))]),
  ) as Record<Field, number>;
}

/** The separator of a header line of Argus, undefined where the line is none. */
function headerOf(head: Uint8Array): string | undefined {
  const end = head.indexOf(0x0a);
  const line = Buffer.from(head.subarray(0, Math.min(end < 0 ? head.length : end, 4096)))
    .toString('utf8')
    .replace(/^\ufeff/, '');
  for (const separator of [',', '\t', ';', '|']) {
    const at = fieldsOf(line.split(separator));
    if (
      at.start >= 0 &&
      at.protocol >= 0 &&
      at.initiator >= 0 &&
      at.responder >= 0 &&
      (at.state >= 0 || at.direction >= 0)
    )
      return separator;
  }
  return undefined;
}

/** True for text with a header line of Argus field names. `head` is decompressed. */
export function looksLikeBinetflow(head: Uint8Array): boolean {
  return headerOf(head) !== undefined;
}

/** True for the beginning of a file of argus: a management record (type 0x8, version 3 or so) with the cookie of argus_def.h. */
export function looksLikeArgus(head: Uint8Array): boolean {
  if (head.length < 12 || ((head[0] as number) & 0xf0) !== 0x80) return false;
  return head[8] === 0xe5 && head[9] === 0x71 && head[10] === 0x2d && head[11] === 0xcb;
}

/** What to do with a file of argus. */
export function argusError(name: string): UserError {
  return new UserError(
    `${safeText(name)} is a file of argus, which only its clients read`,
    `ra -u -n -r ${safeText(name)} -c , -s stime dur proto saddr sport dir daddr dport state spkts dpkts sbytes dbytes > flows.csv, then read flows.csv`,
  );
}

interface StateWords {
  readonly initiator: string;
  readonly responder: string;
  readonly isFlags: boolean;
  readonly text: string;
}

/** Flags of Argus are F S R P A U E C; anything else in a state of TCP (a retransmission, a gap) is no flag. */
function flagsOf(letters: string): string {
  return [...'CEUAPRSF'].filter((flag) => letters.includes(flag)).join('');
}

function stateOf(text: string): StateWords {
  const parts = /^([A-Za-z.]*)_([A-Za-z.]*)$/.exec(text);
  return parts === null
    ? { initiator: '', responder: '', isFlags: false, text }
    : { initiator: flagsOf(parts[1] ?? ''), responder: flagsOf(parts[2] ?? ''), isFlags: true, text };
}

/** What Argus says of TCP in words (without -Z b), where they tell the state: a request nobody answered, an open connection, a closed one. */
const TCP_WORDS: ReadonlyMap<string, string> = new Map([
  ['REQ', 'S0'],
  ['EST', 'S1'],
  ['CLO', 'SF'],
]);

/** Words that say no state of TCP by themselves: it was let in where both sides were heard. CON is none of them: records of a connection that goes on say it again and again. */
const TCP_LET_IN = new Set(['ACC', 'FIN']);

/** States of flows that are not TCP in which the other side was heard. */
const HEARD = new Set(['CON', 'ACC', 'EST', 'FIN', 'CLO', 'RSP']);

/** ICMP types by the words of Argus. */
const ICMP_STATE: ReadonlyMap<string, number> = new Map(
  Object.entries({
    ECO: 8,
    ECR: 0,
    SRC: 4,
    RED: 5,
    RTA: 9,
    RTS: 10,
    TXD: 11,
    PAR: 12,
    TST: 13,
    TSR: 14,
    IRQ: 15,
    IRR: 16,
    MAS: 17,
    MSR: 18,
    UR: 3,
    URN: 3,
    URH: 3,
    URP: 3,
    URF: 3,
    URS: 3,
    URNPRO: 3,
    URHPRO: 3,
  }),
);
const ICMP_CODE: ReadonlyMap<string, number> = new Map(
  Object.entries({ URN: 0, URH: 1, URP: 3, URF: 4, URS: 5, URNPRO: 9, URHPRO: 10 }),
);

/**
 * Opens text of Argus. Rejects with a UserError where its first line names no such fields, or the source fails before it gave anything.
 */
export async function openBinetflow(source: ByteSource, options: BinetflowOptions): Promise<TableSource> {
  const { batchRows = DEFAULT_BATCH_ROWS, onReject, extra = [], signal } = options;
  const tally = new RowTally(onReject);
  // The window is filled once; the header tells the separator.
  let reader = new RecordReader(source, 0x2c);
  await reader.load(tally);
  const { window } = reader;
  const separator = headerOf(window.bytes.subarray(window.from, window.to));
  if (separator === undefined)
    throw new UserError(
      `${source.name}: the first line names no fields of Argus`,
      'ra -c , -s stime dur proto saddr sport dir daddr dport state pkts bytes writes them',
    );
  if (separator !== ',') reader = new RecordReader(window, separator.charCodeAt(0));
  let found = reader.next();
  while (found === 'more' && (await reader.load(tally))) found = reader.next();
  const names = Array.from({ length: reader.count }, (_, i) =>
    safeText(decodeText(reader.bytesOf(i), reader.starts[i] as number, reader.ends[i] as number).trim(), 200),
  );
  return new BinetflowSource(source, reader, tally, names, extra, batchRows, signal);
}

class BinetflowSource implements TableSource {
  readonly name: string;
  readonly format = 'argus';
  readonly compression: string;
  readonly totalBytes: number | undefined;
  readonly schema;
  readonly gives: ReadonlySet<string>;
  readonly #source: ByteSource;
  readonly #reader: RecordReader;
  readonly #tally: RowTally;
  readonly #width: number;
  readonly #at: Record<Field, number>;
  readonly #extra: readonly number[];
  readonly #out: FlowWriter;
  readonly #signal: AbortSignal | undefined;
  readonly #shape: TimeShape = { zoneless: false };
  readonly #states = new Map<string, StateWords>();
  #leftOut = 0;
  #cut = false;
  #stopped = false;

  constructor(
    source: ByteSource,
    reader: RecordReader,
    tally: RowTally,
    names: readonly string[],
    extra: readonly string[],
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
    const at = fieldsOf(names);
    this.#at = at;
    const lower = names.map((name) => name.toLowerCase());
    this.#extra = extra.map((name) => lower.indexOf(name.toLowerCase()));
    const specs = extra.map(
      (name): ColumnSpec => ({
        name: Object.hasOwn(C, name) ? `argus.${name}` : name,
        kind: 'string',
        unit: '',
        meaning: `Column ${name} of the file.`,
      }),
    );
    this.#out = new FlowWriter(givenBy(at), { batchRows, extra: specs });
    this.schema = this.#out.schema;
    this.gives = this.#out.gives;
  }

  async read(): Promise<Table | undefined> {
    const out = this.#out;
    const reader = this.#reader;
    while (!this.#stopped && this.#signal?.aborted !== true) {
      for (let found = reader.next(); found !== 'more'; found = reader.next()) {
        if (found === 'record') this.#row();
        else {
          this.#tally.reject(reader.line, reader.fault, reader.bytes, reader.from, reader.to);
          if (reader.unended) this.#cut = true;
        }
        if (out.full) return out.finish();
      }
      if (out.rowCount > 0 && reader.window.waiting) break;
      if (!(await reader.load(this.#tally))) break;
    }
    return out.rowCount > 0 ? out.finish() : undefined;
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
    return decodeText(reader.bytesOf(i), from, Math.min(reader.ends[i] as number, from + 200)).trim();
  }

  /** NaN where the cell is empty or the file has no such column. */
  #number(field: Field): number {
    const text = this.#text(field);
    if (text === '') return Number.NaN;
    const bytes = Buffer.from(text);
    const value = parseNumber(bytes, 0, bytes.length);
    if (Number.isNaN(value)) throw new BadCell(field, text);
    return value;
  }

  /** A port, which may stand in hexadecimal; NaN where there is none, as for IGMP. */
  #port(field: 'initiatorPort' | 'responderPort'): number {
    const text = this.#text(field);
    if (/^0x[0-9a-f]{1,4}$/i.test(text)) return Number(text);
    return /^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : Number.NaN;
  }

  #row(): void {
    const reader = this.#reader;
    if (reader.count !== this.#width && !(reader.count === this.#width + 1 && this.#isLastEmpty())) {
      if (reader.unended) this.#cut = true;
      this.#refuse(`${counted(reader.count, 'field')}, where the header has ${this.#width}`);
      return;
    }
    // A header in the middle: files were put one behind the other.
    if (FIELD_NAMES.start.includes(this.#text('start').toLowerCase() as 'stime')) return;
    try {
      this.#flow();
    } catch (error) {
      if (!(error instanceof BadCell)) throw error;
      this.#refuse(`column ${FIELD_NAMES[error.field][0]} is '${safeText(error.text, 40)}', which is no number`);
    }
  }

  #isLastEmpty(): boolean {
    const reader = this.#reader;
    return reader.starts[this.#width] === reader.ends[this.#width];
  }

  #flow(): void {
    const out = this.#out;
    const name = this.#text('protocol').toLowerCase();
    const source = this.#text('initiator');
    const target = this.#text('responder');
    const sourceBytes = Buffer.from(source);
    const targetBytes = Buffer.from(target);
    const isV6 = source.includes(':');
    const protocol = protocolByName(name, isV6);
    if (
      name === 'man' ||
      (protocol < 0 && !/^[a-z0-9-]+$/.test(name)) ||
      source === '' ||
      target === '' ||
      isOther(name)
    ) {
      this.#leftOut++;
      return;
    }
    if (!isAddressText(sourceBytes, 0, sourceBytes.length) || !isAddressText(targetBytes, 0, targetBytes.length)) {
      this.#refuse('column srcaddr or dstaddr holds no address');
      return;
    }
    const startMs = this.#time('start');
    if (Number.isNaN(startMs)) {
      const text = this.#text('start');
      const isOfDay = /^\d{1,2}:\d{2}:\d{2}(?:\.\d+)?$/.test(text);
      this.#refuse(
        `column starttime is '${safeText(text, 40)}', which is ${isOfDay ? 'no time with a date (ra -u writes one)' : 'no time'}`,
      );
      return;
    }
    const duration = this.#number('duration') * 1000;
    const packets = this.#number('packets');
    const bytes = this.#number('bytes');
    let packetsA = this.#number('initiatorPackets');
    let packetsB = this.#number('responderPackets');
    let bytesA = this.#number('initiatorBytes');
    let bytesB = this.#number('responderBytes');
    if (Number.isNaN(packetsB)) packetsB = rest(packets, packetsA);
    if (Number.isNaN(bytesB)) bytesB = rest(bytes, bytesA);
    if (Number.isNaN(packetsA)) packetsA = rest(packets, packetsB);
    if (Number.isNaN(bytesA)) bytesA = rest(bytes, bytesB);
    if (Number.isNaN(packetsA)) [packetsA, packetsB] = packetsByBytes(packets, bytesA, bytesB);
    let payloadA = this.#number('initiatorPayload');
    let payloadB = this.#number('responderPayload');
    const end = this.#time('end');
    const vlan = this.#number('vlan');
    const handshake = this.#number('handshake') * 1000;
    const direction = this.#text('direction');
    let portA = this.#port('initiatorPort');
    let portB = this.#port('responderPort');
    const stateText = this.#text('state');
    let state = this.#states.get(stateText);
    if (state === undefined) {
      state = stateOf(stateText);
      if (this.#states.size < 4096) this.#states.set(stateText, state);
    }
    const isArp = name === 'arp' || name === '2054';
    const isIcmp = protocol === PROTO.icmp || protocol === PROTO.icmpv6;
    // The answer was seen first: the source is who was asked. ICMP keeps type and code in the place of the ports.
    const isTurned = !isIcmp && /^<\??-?$/.test(direction) && direction.includes('-');
    if (isTurned) {
      [portA, portB] = [portB, portA];
      [packetsA, packetsB] = [packetsB, packetsA];
      [bytesA, bytesB] = [bytesB, bytesA];
      [payloadA, payloadB] = [payloadB, payloadA];
      state = { ...state, initiator: state.responder, responder: state.initiator };
    }

    const row = out.addRow();
    const lasted = Number.isNaN(duration) && !Number.isNaN(end) ? end - startMs : duration;
    out.times(row, startMs, lasted, packets);
    if (protocol >= 0) out.protocol(row, protocol);
    else out.text(C.protocol, row, isArp ? 'arp' : safeText(name, 20));
    out.text(C.initiator, row, isTurned ? target : source);
    out.text(C.responder, row, isTurned ? source : target);
    out.number(C.initiatorPackets, row, packetsA);
    out.number(C.responderPackets, row, packetsB);
    out.number(C.initiatorBytes, row, bytesA);
    out.number(C.responderBytes, row, bytesB);
    out.number(C.initiatorPayloadBytes, row, payloadA);
    out.number(C.responderPayloadBytes, row, payloadB);
    if (vlan > 0) out.number(C.vlan, row, vlan);
    out.text(C.initiatorMac, row, this.#text(isTurned ? 'responderMac' : 'initiatorMac'));
    out.text(C.responderMac, row, this.#text(isTurned ? 'initiatorMac' : 'responderMac'));

    const heard = isTurned ? sourceBytes : targetBytes;
    const isGroup = isGroupText(heard, 0, heard.length);
    if (isIcmp) {
      // 0x0303 in either place is type and code; an echo has its identifier there instead, and the state names the type.
      const type = ICMP_STATE.get(state.text) ?? Number.NaN;
      out.number(C.icmpType, row, protocol === PROTO.icmpv6 ? Number.NaN : type);
      out.number(C.icmpCode, row, protocol === PROTO.icmpv6 ? Number.NaN : (ICMP_CODE.get(state.text) ?? Number.NaN));
      out.outcome(row, protocol, packetsA, packetsB, isGroup, type);
    } else {
      if (protocol === PROTO.tcp || protocol === PROTO.udp || protocol === PROTO.sctp) {
        out.number(C.initiatorPort, row, portA);
        out.number(C.responderPort, row, portB);
        out.service(row, protocol, portA, portB, '');
      }
      if (protocol === PROTO.tcp) {
        const letters = state.isFlags
          ? tcpStateOf(state.initiator, state.responder)
          : (TCP_WORDS.get(state.text) ?? '');
        if (state.isFlags) {
          out.text(C.initiatorFlags, row, state.initiator);
          out.text(C.responderFlags, row, state.responder);
        }
        if (letters !== '') out.word(C.tcpState, row, letters);
        if (letters === 'SF') out.word(C.closeReason, row, 'fin');
        else if (letters.startsWith('RST') || letters === 'REJ' || state.text === 'RST')
          out.word(C.closeReason, row, 'rst');
        if (handshake > 0) out.number(C.handshakeMs, row, handshake);
        const doubtful = direction.includes('?') && !state.isFlags;
        // Without flags a reset after two packets is all that an attempt got; later it may have come from either side.
        // Where sums alone are told, as ra does by itself, the second packet is the reset of the other side, and whoever came as far as an end was let in.
        const isSum = Number.isNaN(bytesB) && Number.isNaN(packetsB);
        const isRefused = state.text === 'RST' && packets === 2 && (bytesB > 0 || isSum);
        const isLetIn =
          TCP_LET_IN.has(state.text) && ((bytesA > 0 && bytesB > 0) || (isSum && state.text === 'FIN' && packets > 4));
        const outcome = isRefused ? 'refused' : isLetIn ? 'answered' : (TCP_OUTCOME[letters] ?? 'unknown');
        out.word(C.outcome, row, doubtful || (letters === 'S0' && bytesB > 0) ? 'unknown' : outcome);
      } else if (isArp) {
        const isAsked = direction === 'who' && source !== target && !source.startsWith('0.');
        out.word(C.outcome, row, HEARD.has(state.text) ? 'answered' : isAsked ? 'unanswered' : 'unknown');
      } else if (Number.isNaN(packetsB))
        out.word(
          C.outcome,
          row,
          HEARD.has(state.text) || direction === '<->'
            ? 'answered'
            : !isGroup && protocol === PROTO.udp && (state.text === 'INT' || state.text === 'REQ')
              ? 'unanswered'
              : 'unknown',
        );
      else out.outcome(row, protocol, packetsA, packetsB, isGroup, Number.NaN);
    }
    this.#keep(row);
    out.finishRow(row);
    this.#tally.rows++;
  }

  #keep(row: number): void {
    const reader = this.#reader;
    this.#extra.forEach((i, k) => {
      if (i < 0) return;
      const from = reader.starts[i] as number;
      const to = reader.ends[i] as number;
      if (from < to) this.#out.bytes(this.#out.extraAt + k, row, reader.bytesOf(i), from, to);
    });
  }

  #time(field: 'start' | 'end'): number {
    const text = this.#text(field);
    const bytes = Buffer.from(text);
    const iso = parseTime(bytes, 0, bytes.length, this.#shape);
    if (!Number.isNaN(iso)) return iso;
    const value = parseNumber(bytes, 0, bytes.length, 3);
    return epochUnitOf(value / 1000) === 's' ? value : Number.NaN;
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
    if (this.#leftOut > 0)
      notes.push(`${counted(this.#leftOut, 'record')} of the probe itself or without IP addresses left out`);
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

/** A cell that is no number, on its way to the row that holds it. */
class BadCell extends Error {
  readonly field: Field;
  readonly text: string;
  constructor(field: Field, text: string) {
    super(field);
    this.field = field;
    this.text = text;
  }
}

/** Protocols below IP: their addresses are of the link. */
function isOther(name: string): boolean {
  return ['llc', 'ipx', 'loop', 'lldp', 'rarp', 'aarp', 'stp', 'eapol', 'isis', 'null', 'cdp'].includes(name);
}

/** What is left of a total; NaN where either is not known or it can't be. */
function rest(total: number, part: number): number {
  const value = total - part;
  return value >= 0 ? value : Number.NaN;
}

/** The packets of each side where only their sum is told: none of a side without bytes, one of each where there are two; NaN otherwise. */
function packetsByBytes(packets: number, bytesA: number, bytesB: number): [number, number] {
  if (bytesA > 0 && bytesB === 0) return [packets, 0];
  if (bytesA === 0 && bytesB > 0) return [0, packets];
  return packets === 2 && bytesA > 0 && bytesB > 0 ? [1, 1] : [Number.NaN, Number.NaN];
}

function givenBy(at: Record<Field, number>): FlowColumnName[] {
  const gives: FlowColumnName[] = ['service', 'serviceBasis', 'portService'];
  const if_ = (present: boolean, ...columns: FlowColumnName[]): void => {
    if (present) gives.push(...columns);
  };
  const has = (field: Field): boolean => at[field] >= 0;
  if_(has('duration') || has('end'), 'durationMs', 'endMs');
  if_(has('initiatorPort'), 'initiatorPort');
  if_(has('responderPort'), 'responderPort');
  if_(has('state'), 'initiatorFlags', 'responderFlags', 'tcpState', 'closeReason', 'icmpType', 'icmpCode');
  const packets = [has('packets'), has('initiatorPackets'), has('responderPackets')].filter(Boolean).length;
  if_(has('initiatorPackets') || packets >= 2, 'initiatorPackets');
  if_(has('responderPackets') || packets >= 2, 'responderPackets');
  const bytes = [has('bytes'), has('initiatorBytes'), has('responderBytes')].filter(Boolean).length;
  if_(packets === 1 && has('packets') && bytes >= 2, 'initiatorPackets', 'responderPackets');
  if_(has('initiatorBytes') || bytes >= 2, 'initiatorBytes');
  if_(has('responderBytes') || bytes >= 2, 'responderBytes');
  if_(has('initiatorPayload'), 'initiatorPayloadBytes');
  if_(has('responderPayload'), 'responderPayloadBytes');
  if_(has('handshake'), 'handshakeMs');
  if_(has('initiatorMac'), 'initiatorMac');
  if_(has('responderMac'), 'responderMac');
  if_(has('vlan'), 'vlan');
  return gives;
}
