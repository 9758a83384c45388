import { type Table, TableBuilder, widened, writeHex } from '../core/index.ts';
import {
  formatIpv4,
  formatIpv6,
  formatMac,
  formatTcpFlags,
  isIcmpQuery,
  PROTO,
  protocolName,
  serviceNumber,
  TCP_RST,
  type TimeBase,
  tunnelName,
} from '../wire/index.ts';
import { COMMUNITY_ID_LENGTH, writeCommunityId } from './community-id.ts';
import { icmpErrorName } from './icmp-error.ts';
import {
  FACT_NAMES,
  isWordFact,
  type NumberFact,
  type PayloadObserver,
  TEXT_FACTS,
  type TextFact,
  type WordFact,
} from './peek/index.ts';
import {
  F_END,
  F_FIRST_FRAME,
  F_IAT_MAX,
  F_IAT_MIN,
  F_IAT_SQUARES,
  F_IAT_SUM,
  F_START,
  peekState,
  R_ADDRESS,
  R_CARRY,
  R_ERRORS,
  RECORD_F64,
  RECORD_I32,
  type RecordRests,
  restAt,
  STATE_CONTINUED,
  STATE_FIRST_SIDE,
  STATE_ICMP,
  STATE_INITIATOR,
  STATE_MAC,
  STATE_NO_PORTS,
  STATE_TUNNEL,
  type Tunnel,
  U_BYTES,
  U_PAYLOAD,
  W_ADDRESS,
  W_FIRST_BYTES,
  W_FLAGS,
  W_INPUT,
  W_KINDS,
  W_MAC,
  W_PACKETS,
  W_PORTS,
  W_PROTOCOL,
  W_REST,
  W_STATE,
} from './record.ts';
import { FLOW_COLUMN as C, FLOW_SCHEMA, type FlowColumnName } from './schema.ts';
import { TCP_STATES, tcpStateNumber } from './tcp-state.ts';
import { TCP_COUNT, type TcpTracker } from './tcp-track.ts';

/** Why a row was written, as an index of CLOSE_REASONS; see column closeReason. */
export const CLOSE_FIN = 0;
export const CLOSE_RST = 1;
export const CLOSE_IDLE = 2;
export const CLOSE_ACTIVE = 3;
export const CLOSE_REUSE = 4;
export const CLOSE_EVICTED = 5;
export const CLOSE_END = 6;
const CLOSE_REASONS = ['fin', 'rst', 'idle', 'active', 'reuse', 'evicted', 'end'];

const OUTCOME_UNKNOWN = 0;
const OUTCOME_ANSWERED = 1;
const OUTCOME_REFUSED = 2;
const OUTCOME_UNANSWERED = 3;
const OUTCOMES = ['unknown', 'answered', 'refused', 'unanswered'];

const BASIS_PORT = 0;
const BASIS_CONTENT = 1;
const BASES = ['port', 'content'];

const TEXT_CACHE_BITS = 14;
/** Texts of addresses that are kept, by a hash of the address; a newcomer takes the place of whoever had it. */
const TEXT_CACHE = 2 ** TEXT_CACHE_BITS;

const numbers = (...names: FlowColumnName[]): number[] => names.map((name) => C[name]);

/** Every row is of packets that were counted, so it has all of these. */
const ALWAYS = numbers(
  'id',
  'startMs',
  'endMs',
  'durationMs',
  'initiatorPackets',
  'responderPackets',
  'initiatorBytes',
  'responderBytes',
  'initiatorPayloadBytes',
  'responderPayloadBytes',
  'continued',
  'firstFrame',
  'input',
);
const PORTS = numbers('initiatorPort', 'responderPort');
const ICMP = numbers('icmpType', 'icmpCode');
const GAPS = numbers('iatMeanMs', 'iatSdMs', 'iatMinMs', 'iatMaxMs');
const TCP = numbers(
  'initiatorRetransmissions',
  'responderRetransmissions',
  'initiatorOutOfOrder',
  'responderOutOfOrder',
  'initiatorMissingBytes',
  'responderMissingBytes',
  'initiatorKeepAlives',
  'responderKeepAlives',
  'initiatorZeroWindows',
  'responderZeroWindows',
  'initiatorResets',
  'responderResets',
);

/** The arrays that nearly every row writes to, of the batch at hand. */
class RowArrays {
  readonly id: Int32Array;
  readonly startMs: Float64Array;
  readonly endMs: Float64Array;
  readonly durationMs: Float64Array;
  readonly ports: Uint8Array;
  readonly initiatorPort: Int32Array;
  readonly responderPort: Int32Array;
  readonly icmp: Uint8Array;
  readonly icmpType: Int32Array;
  readonly icmpCode: Int32Array;
  readonly initiatorPackets: Int32Array;
  readonly responderPackets: Int32Array;
  readonly initiatorBytes: Float64Array;
  readonly responderBytes: Float64Array;
  readonly initiatorPayloadBytes: Float64Array;
  readonly responderPayloadBytes: Float64Array;
  readonly gaps: Uint8Array;
  readonly iatMeanMs: Float64Array;
  readonly iatSdMs: Float64Array;
  readonly iatMinMs: Float64Array;
  readonly iatMaxMs: Float64Array;
  readonly tcp: Uint8Array;
  readonly initiatorRetransmissions: Int32Array;
  readonly responderRetransmissions: Int32Array;
  readonly initiatorOutOfOrder: Int32Array;
  readonly responderOutOfOrder: Int32Array;
  readonly initiatorMissingBytes: Float64Array;
  readonly responderMissingBytes: Float64Array;
  readonly initiatorKeepAlives: Int32Array;
  readonly responderKeepAlives: Int32Array;
  readonly initiatorZeroWindows: Int32Array;
  readonly responderZeroWindows: Int32Array;
  readonly initiatorResets: Int32Array;
  readonly responderResets: Int32Array;
  readonly continued: Int32Array;
  readonly communityId: Int32Array;
  readonly firstFrame: Float64Array;
  readonly input: Int32Array;

  constructor(out: TableBuilder) {
    this.id = out.ints(C.id);
    this.startMs = out.floats(C.startMs);
    this.endMs = out.floats(C.endMs);
    this.durationMs = out.floats(C.durationMs);
    this.ports = out.bits(C.initiatorPort);
    this.initiatorPort = out.ints(C.initiatorPort);
    this.responderPort = out.ints(C.responderPort);
    this.icmp = out.bits(C.icmpType);
    this.icmpType = out.ints(C.icmpType);
    this.icmpCode = out.ints(C.icmpCode);
    this.initiatorPackets = out.ints(C.initiatorPackets);
    this.responderPackets = out.ints(C.responderPackets);
    this.initiatorBytes = out.floats(C.initiatorBytes);
    this.responderBytes = out.floats(C.responderBytes);
    this.initiatorPayloadBytes = out.floats(C.initiatorPayloadBytes);
    this.responderPayloadBytes = out.floats(C.responderPayloadBytes);
    this.gaps = out.bits(C.iatMeanMs);
    this.iatMeanMs = out.floats(C.iatMeanMs);
    this.iatSdMs = out.floats(C.iatSdMs);
    this.iatMinMs = out.floats(C.iatMinMs);
    this.iatMaxMs = out.floats(C.iatMaxMs);
    this.tcp = out.bits(C.initiatorRetransmissions);
    this.initiatorRetransmissions = out.ints(C.initiatorRetransmissions);
    this.responderRetransmissions = out.ints(C.responderRetransmissions);
    this.initiatorOutOfOrder = out.ints(C.initiatorOutOfOrder);
    this.responderOutOfOrder = out.ints(C.responderOutOfOrder);
    this.initiatorMissingBytes = out.floats(C.initiatorMissingBytes);
    this.responderMissingBytes = out.floats(C.responderMissingBytes);
    this.initiatorKeepAlives = out.ints(C.initiatorKeepAlives);
    this.responderKeepAlives = out.ints(C.responderKeepAlives);
    this.initiatorZeroWindows = out.ints(C.initiatorZeroWindows);
    this.responderZeroWindows = out.ints(C.responderZeroWindows);
    this.initiatorResets = out.ints(C.initiatorResets);
    this.responderResets = out.ints(C.responderResets);
    this.continued = out.ints(C.continued);
    this.communityId = out.codes(C.communityId);
    this.firstFrame = out.floats(C.firstFrame);
    this.input = out.ints(C.input);
  }
}

/** A text column whose texts have small numbers, so that a row needs no look-up by text: a number's text is put into the batch's dictionary once. */
class NumberedTexts {
  #out: TableBuilder;
  #column: number;
  #codes: Int32Array;
  /** The code of each number's text in the batch at hand; -1 when it was not there yet. */
  #known: Int32Array;

  /** @param numbers that there is room for at first. */
  constructor(out: TableBuilder, column: number, numbers: number) {
    this.#out = out;
    this.#column = column;
    this.#codes = out.codes(column);
    this.#known = new Int32Array(numbers).fill(-1);
  }

  /** Begins a batch. */
  reset(): void {
    this.#codes = this.#out.codes(this.#column);
    this.#known.fill(-1);
  }

  /** Sets the cell to the number's text, if the batch has it already. */
  set(row: number, number: number): boolean {
    const code = number < this.#known.length ? this.#known[number] : -1;
    this.#codes[row] = code;
    return code >= 0;
  }

  /** Sets the cell, and says what the number stands for in this batch from now on. */
  learn(row: number, number: number, text: string): void {
    const { length } = this.#known;
    if (number >= length) this.#known = widened(this.#known, 2 * number).fill(-1, length);
    this.#known[number] = this.#out.addText(this.#column, row, text);
  }

  /** The number stands for something else from now on. */
  forget(number: number): void {
    this.#known[number] = -1;
  }
}

/** What a row is made of, by record number. */
export interface LiveFlows {
  /** The records (record.ts), in four views of the same memory. */
  readonly w: Int32Array;
  readonly u: Uint32Array;
  readonly f: Float64Array;
  readonly bytes: Uint8Array;
  readonly rests: RecordRests;
  /** Of those whose record has STATE_TUNNEL. */
  readonly tunnels: ReadonlyMap<number, Tunnel>;
  readonly tracker: TcpTracker;
  readonly observer: PayloadObserver;
}

/** Makes a row of the flow table out of what is known of a live flow. */
export class RowWriter {
  #flows: LiveFlows;
  #base: TimeBase;
  #builder: TableBuilder;
  #arrays: RowArrays;
  /** Addresses of the row at hand, four words each: the initiator's, the responder's. */
  #key = new Int32Array(8);
  #addressText: string[] = new Array<string>(TEXT_CACHE).fill('');
  #addressKey = new Int32Array(4 * TEXT_CACHE);
  #addressIsV6 = new Uint8Array(TEXT_CACHE);
  #macText: string[] = new Array<string>(TEXT_CACHE).fill('');
  #macKey = new Int32Array(2 * TEXT_CACHE);
  #protocol: NumberedTexts;
  #initiator: NumberedTexts;
  #responder: NumberedTexts;
  #initiatorMac: NumberedTexts;
  #responderMac: NumberedTexts;
  #initiatorFlags: NumberedTexts;
  #responderFlags: NumberedTexts;
  #tcpState: NumberedTexts;
  #closeReason: NumberedTexts;
  #outcome: NumberedTexts;
  #service: NumberedTexts;
  #portService: NumberedTexts;
  #serviceBasis: NumberedTexts;
  #words: readonly NumberedTexts[];

  constructor(flows: LiveFlows, base: TimeBase, batchRows: number) {
    this.#flows = flows;
    this.#base = base;
    const out = new TableBuilder(FLOW_SCHEMA, batchRows, { always: ALWAYS, together: [PORTS, ICMP, GAPS, TCP] });
    this.#builder = out;
    this.#arrays = new RowArrays(out);
    this.#protocol = new NumberedTexts(out, C.protocol, 512);
    this.#initiator = new NumberedTexts(out, C.initiator, TEXT_CACHE);
    this.#responder = new NumberedTexts(out, C.responder, TEXT_CACHE);
    this.#initiatorMac = new NumberedTexts(out, C.initiatorMac, TEXT_CACHE);
    this.#responderMac = new NumberedTexts(out, C.responderMac, TEXT_CACHE);
    this.#initiatorFlags = new NumberedTexts(out, C.initiatorFlags, 256);
    this.#responderFlags = new NumberedTexts(out, C.responderFlags, 256);
    this.#tcpState = new NumberedTexts(out, C.tcpState, TCP_STATES.length);
    this.#closeReason = new NumberedTexts(out, C.closeReason, CLOSE_REASONS.length);
    this.#outcome = new NumberedTexts(out, C.outcome, OUTCOMES.length);
    this.#service = new NumberedTexts(out, C.service, 256);
    this.#portService = new NumberedTexts(out, C.portService, 256);
    this.#serviceBasis = new NumberedTexts(out, C.serviceBasis, BASES.length);
    this.#words = FACT_COLUMN.slice(0, TEXT_FACTS).map((column) => new NumberedTexts(out, column, 64));
  }

  /** Rows since the last `finish`. */
  get rowCount(): number {
    return this.#builder.rowCount;
  }

  /** Whether the batch must be finished before the next row. */
  get isFull(): boolean {
    return this.#builder.full;
  }

  /** The rows so far, as a table. */
  finish(): Table {
    return this.#builder.finish();
  }

  /** Begins a batch, with the arrays of one that has come back by now. */
  #begin(): void {
    this.#arrays = new RowArrays(this.#builder);
    this.#protocol.reset();
    this.#initiator.reset();
    this.#responder.reset();
    this.#initiatorMac.reset();
    this.#responderMac.reset();
    this.#initiatorFlags.reset();
    this.#responderFlags.reset();
    this.#tcpState.reset();
    this.#closeReason.reset();
    this.#outcome.reset();
    this.#service.reset();
    this.#portService.reset();
    this.#serviceBasis.reset();
    for (const words of this.#words) words.reset();
  }

  /** Takes the arrays of a table from `finish` back for a later one; nobody may look at it again. */
  recycle(table: Table): void {
    this.#builder.recycle(table);
  }

  /**
   * Writes the flow in this record as a row.
   * @param id column `id`. @param reason one of the CLOSE_ constants.
   */
  write(ref: number, id: number, reason: number): void {
    const { w, f, rests } = this.#flows;
    const rw = ref * RECORD_I32;
    const rest = restAt(w[rw + W_REST]);
    const rf = ref * RECORD_F64;
    if (this.#builder.rowCount === 0) this.#begin();
    const row = this.#builder.addRow();
    const bit = 1 << (row & 7);
    const a = this.#arrays;
    const state = w[rw + W_STATE];
    const protocol = w[rw + W_PROTOCOL] & 511;
    const isV6 = (w[rw + W_PROTOCOL] & 512) !== 0;
    const i = (state & STATE_INITIATOR) !== 0 ? 1 : 0;
    const r = 1 - i;
    a.id[row] = id;
    const start = f[rf + F_START];
    const end = f[rf + F_END];
    // The same sums as in `TimeBase.epochMs`.
    const epochMs = this.#base.seconds * 1000;
    a.startMs[row] = epochMs + start / 1e6;
    a.endMs[row] = epochMs + end / 1e6;
    a.durationMs[row] = (end - start) / 1e6;
    if (!this.#protocol.set(row, protocol)) this.#protocol.learn(row, protocol, protocolName(protocol));
    const key = this.#key;
    key[0] = w[rw + W_ADDRESS + i];
    key[4] = w[rw + W_ADDRESS + r];
    for (let k = 0; k < 3; k++) {
      key[1 + k] = rests.words[rest + R_ADDRESS + 3 * i + k];
      key[5 + k] = rests.words[rest + R_ADDRESS + 3 * r + k];
    }
    const from = this.#addressNumber(0, isV6);
    if (!this.#initiator.set(row, from)) this.#initiator.learn(row, from, this.#addressText[from]);
    const to = this.#addressNumber(4, isV6);
    if (!this.#responder.set(row, to)) this.#responder.learn(row, to, this.#addressText[to]);
    const packed = w[rw + W_PORTS];
    const initiatorPort = i === 0 ? packed >>> 16 : packed & 0xffff;
    const responderPort = i === 0 ? packed & 0xffff : packed >>> 16;
    const isPortProtocol = hasPortsByKind(protocol);
    const hasPorts = isPortProtocol && (state & STATE_NO_PORTS) === 0;
    if (hasPorts) {
      a.ports[row >> 3] |= bit;
      a.initiatorPort[row] = initiatorPort;
      a.responderPort[row] = responderPort;
    }
    const kinds = w[rw + W_KINDS];
    const icmp = (state & STATE_ICMP) !== 0 ? kinds & 0xffff : -1;
    if (icmp >= 0) {
      a.icmp[row >> 3] |= bit;
      a.icmpType[row] = icmp >> 8;
      a.icmpCode[row] = icmp & 255;
    }
    const vlan = (kinds >>> 16) - 1;
    if (vlan >= 0) this.#builder.setNumber(C.vlan, row, vlan);
    const fromFirst = (state & STATE_FIRST_SIDE) !== 0 ? 1 : 0;
    if ((state & STATE_MAC) !== 0) this.#writeMacs(row, (rw + W_MAC) * 4, fromFirst === i);
    const sent = w[rw + W_PACKETS + i];
    const received = w[rw + W_PACKETS + r];
    a.initiatorPackets[row] = sent;
    a.responderPackets[row] = received;
    a.initiatorBytes[row] = this.#sum(rw, rest, U_BYTES + i);
    a.responderBytes[row] = this.#sum(rw, rest, U_BYTES + r);
    a.initiatorPayloadBytes[row] = this.#sum(rw, rest, U_PAYLOAD + i);
    a.responderPayloadBytes[row] = this.#sum(rw, rest, U_PAYLOAD + r);
    const gaps = sent + received - 1;
    if (gaps > 0) {
      a.gaps[row >> 3] |= bit;
      const mean = f[rf + F_IAT_SUM] / gaps;
      const variance = f[rf + F_IAT_SQUARES] / gaps - mean * mean;
      a.iatMeanMs[row] = mean / 1e6;
      a.iatSdMs[row] = variance > 0 ? Math.sqrt(variance) / 1e6 : 0;
      a.iatMinMs[row] = f[rf + F_IAT_MIN] / 1e6;
      a.iatMaxMs[row] = f[rf + F_IAT_MAX] / 1e6;
    }
    if (protocol === PROTO.tcp) this.#writeTcp(row, ref, i, w[rw + W_FLAGS]);
    if (!this.#closeReason.set(row, reason)) this.#closeReason.learn(row, reason, CLOSE_REASONS[reason]);
    const isContinued = (state & STATE_CONTINUED) !== 0;
    a.continued[row] = isContinued ? 1 : 0;
    const outcome = isContinued ? OUTCOME_UNKNOWN : this.#outcomeOf(rw, protocol, i, isV6, icmp);
    if (!this.#outcome.set(row, outcome)) this.#outcome.learn(row, outcome, OUTCOMES[outcome]);
    this.#writeService(row, ref, protocol, hasPorts, initiatorPort, responderPort);
    const errors = rests.words[rest + R_ERRORS];
    if (errors !== 0) this.#writeErrors(row, errors, isV6);
    if ((state & STATE_TUNNEL) !== 0) this.#writeTunnel(row, ref, fromFirst === i);
    const facts = this.#flows.observer.context.presentOf(ref);
    if (facts !== 0) this.#writeFacts(row, ref, facts);
    this.#writeFirstBytes(C.initiatorFirstBytes, row, rw, i);
    this.#writeFirstBytes(C.responderFirstBytes, row, rw, r);
    const isIdKnown = isPortProtocol ? hasPorts : (protocol !== PROTO.icmp && protocol !== PROTO.icmpv6) || icmp >= 0;
    if (protocol !== PROTO.arp && isIdKnown) {
      // The ICMP type is the first packet's, so the addresses go in that packet's order; for other protocols the order is all the same.
      const first = icmp < 0 || fromFirst === i ? 0 : 4;
      const ids = this.#builder.packed(C.communityId);
      const at = ids.add(COMMUNITY_ID_LENGTH);
      writeCommunityId(ids.bytes, at, key, first, 4 - first, isV6, protocol, initiatorPort, responderPort, icmp);
      a.communityId[row] = ids.count - 1;
    }
    a.firstFrame[row] = f[rf + F_FIRST_FRAME];
    a.input[row] = w[rw + W_INPUT];
  }

  /** Sum of bytes or payload, `which` being U_BYTES or U_PAYLOAD plus the side. */
  #sum(rw: number, rest: number, which: number): number {
    const { u, rests } = this.#flows;
    return u[rw + which] + 2 ** 32 * rests.words[rest + R_CARRY + which - U_BYTES];
  }

  #writeTcp(row: number, ref: number, i: number, flags: number): void {
    const a = this.#arrays;
    const { tracker } = this.#flows;
    const initiatorFlags = (flags >> (8 * i)) & 255;
    if (!this.#initiatorFlags.set(row, initiatorFlags))
      this.#initiatorFlags.learn(row, initiatorFlags, formatTcpFlags(initiatorFlags));
    const responderFlags = (flags >> (8 - 8 * i)) & 255;
    if (!this.#responderFlags.set(row, responderFlags))
      this.#responderFlags.learn(row, responderFlags, formatTcpFlags(responderFlags));
    const state = tcpStateNumber(flags, i);
    if (!this.#tcpState.set(row, state)) this.#tcpState.learn(row, state, TCP_STATES[state]);
    const roundTrip = tracker.roundTripNs(ref);
    if (roundTrip >= 0) this.#builder.setNumber(C.handshakeMs, row, roundTrip / 1e6);
    a.tcp[row >> 3] |= 1 << (row & 7);
    const { counts } = tracker;
    const from = tracker.countsOf(ref, i);
    const to = tracker.countsOf(ref, 1 - i);
    a.initiatorRetransmissions[row] = counts[from + TCP_COUNT.retransmissions];
    a.responderRetransmissions[row] = counts[to + TCP_COUNT.retransmissions];
    a.initiatorOutOfOrder[row] = counts[from + TCP_COUNT.outOfOrder];
    a.responderOutOfOrder[row] = counts[to + TCP_COUNT.outOfOrder];
    a.initiatorMissingBytes[row] = counts[from + TCP_COUNT.missingBytes];
    a.responderMissingBytes[row] = counts[to + TCP_COUNT.missingBytes];
    a.initiatorKeepAlives[row] = counts[from + TCP_COUNT.keepAlives];
    a.responderKeepAlives[row] = counts[to + TCP_COUNT.keepAlives];
    a.initiatorZeroWindows[row] = counts[from + TCP_COUNT.zeroWindows];
    a.responderZeroWindows[row] = counts[to + TCP_COUNT.zeroWindows];
    a.initiatorResets[row] = counts[from + TCP_COUNT.resets];
    a.responderResets[row] = counts[to + TCP_COUNT.resets];
  }

  #writeService(
    row: number,
    ref: number,
    protocol: number,
    hasPorts: boolean,
    initiatorPort: number,
    responderPort: number,
  ): void {
    const { observer } = this.#flows;
    const guess = hasPorts ? serviceNumber(protocol, responderPort) || serviceNumber(protocol, initiatorPort) : 0;
    const content = observer.serviceNumber(ref);
    const service = content === 0 ? guess : content;
    if (service === 0) return;
    if (!this.#service.set(row, service)) this.#service.learn(row, service, observer.serviceName(service));
    const basis = content === 0 ? BASIS_PORT : BASIS_CONTENT;
    if (!this.#serviceBasis.set(row, basis)) this.#serviceBasis.learn(row, basis, BASES[basis]);
    if (guess !== 0 && !this.#portService.set(row, guess))
      this.#portService.learn(row, guess, observer.serviceName(guess));
  }

  #writeErrors(row: number, errors: number, isV6: boolean): void {
    this.#builder.setNumber(C.icmpErrors, row, errors >>> 16);
    this.#builder.setText(C.icmpError, row, icmpErrorName((errors >> 8) & 255, errors & 255, isV6));
  }

  #writeTunnel(row: number, ref: number, fromInitiator: boolean): void {
    const out = this.#builder;
    const tunnel = this.#flows.tunnels.get(ref);
    if (tunnel === undefined) return;
    out.setText(C.tunnel, row, tunnelName(tunnel.kind));
    if (tunnel.id !== 0) out.setNumber(C.tunnelId, row, tunnel.id >>> 0);
    if (tunnel.from === undefined || tunnel.to === undefined) return;
    out.setText(C.outerInitiator, row, fromInitiator ? tunnel.from : tunnel.to);
    out.setText(C.outerResponder, row, fromInitiator ? tunnel.to : tunnel.from);
  }

  /** @param facts bits of those that there are: few flows have more than three, so what is there is walked, not what could be. */
  #writeFacts(row: number, ref: number, facts: number): void {
    const out = this.#builder;
    const { context } = this.#flows.observer;
    for (let left = facts; left !== 0; left &= left - 1) {
      const fact = 31 - Math.clz32(left & -left);
      const column = FACT_COLUMN[fact];
      if (fact >= TEXT_FACTS) out.setNumber(column, row, context.numberOf(ref, fact as NumberFact));
      else if (isWordFact(fact)) {
        const word = context.wordOf(ref, fact);
        if (!this.#words[fact].set(row, word)) this.#words[fact].learn(row, word, context.wordText(fact, word));
      } else out.codes(column)[row] = context.pack(ref, fact as Exclude<TextFact, WordFact>, out.packed(column));
    }
  }

  #writeFirstBytes(column: number, row: number, rw: number, d: number): void {
    const { w, bytes } = this.#flows;
    const length = peekState(w[rw + W_STATE], d) & 31;
    if (length === 0) return;
    const texts = this.#builder.packed(column);
    const at = texts.add(2 * length);
    writeHex(bytes, (rw + W_FIRST_BYTES + 4 * d) * 4, length, texts.bytes, at);
    this.#builder.codes(column)[row] = texts.count - 1;
  }

  #outcomeOf(rw: number, protocol: number, i: number, isV6: boolean, icmp: number): number {
    const { w } = this.#flows;
    const fromInitiator = w[rw + W_PACKETS + i];
    const fromResponder = w[rw + W_PACKETS + 1 - i];
    if (fromInitiator === 0) return OUTCOME_UNKNOWN;
    if (protocol === PROTO.tcp) {
      const flags = w[rw + W_FLAGS];
      if (((flags >> (16 + i)) & 1) === 0) return OUTCOME_UNKNOWN;
      const responder = (flags >> (8 * (1 - i))) & 255;
      if (((flags >> (19 - i)) & 1) !== 0) return OUTCOME_ANSWERED;
      if ((responder & TCP_RST) !== 0) return OUTCOME_REFUSED;
      return fromResponder > 0 ? OUTCOME_ANSWERED : OUTCOME_UNANSWERED;
    }
    if (fromResponder > 0) return OUTCOME_ANSWERED;
    const sender = this.#key[0];
    const asked = this.#key[4];
    if (protocol === PROTO.arp) return sender === 0 || sender === asked ? OUTCOME_UNKNOWN : OUTCOME_UNANSWERED;
    if (isGroupAddress(asked, isV6)) return OUTCOME_UNKNOWN;
    if (protocol === PROTO.icmp || protocol === PROTO.icmpv6)
      return icmp >= 0 && isIcmpQuery(protocol, icmp >> 8) ? OUTCOME_UNANSWERED : OUTCOME_UNKNOWN;
    return protocol === PROTO.udp || protocol === PROTO.sctp ? OUTCOME_UNANSWERED : OUTCOME_UNKNOWN;
  }

  // ---- addresses: their texts are kept from batch to batch ----

  /** The number of the address at `key[at, at + 4)`: its place among the texts, which holds its text from now on. */
  #addressNumber(at: number, isV6: boolean): number {
    const words = this.#key;
    const mixed = isV6
      ? Math.imul(words[at] ^ Math.imul(words[at + 1], 0x85ebca6b), 0xc2b2ae35) ^
        Math.imul(words[at + 2], 0x27d4eb2f) ^
        words[at + 3]
      : words[at];
    const slot = Math.imul(mixed, 0x9e3779b1) >>> (32 - TEXT_CACHE_BITS);
    const key = this.#addressKey;
    const k = 4 * slot;
    const isKept =
      key[k] === words[at] &&
      (isV6
        ? this.#addressIsV6[slot] === 1 &&
          key[k + 1] === words[at + 1] &&
          key[k + 2] === words[at + 2] &&
          key[k + 3] === words[at + 3]
        : this.#addressIsV6[slot] === 0) &&
      this.#addressText[slot] !== '';
    if (!isKept) this.#keepAddress(slot, at, isV6);
    return slot;
  }

  #keepAddress(slot: number, at: number, isV6: boolean): void {
    const words = this.#key;
    for (let k = 0; k < 4; k++) this.#addressKey[4 * slot + k] = words[at + k];
    this.#addressIsV6[slot] = isV6 ? 1 : 0;
    this.#addressText[slot] = isV6
      ? formatIpv6(words[at], words[at + 1], words[at + 2], words[at + 3])
      : formatIpv4(words[at]);
    this.#initiator.forget(slot);
    this.#responder.forget(slot);
  }

  /** @param at of the destination's MAC address in the records, the source's lies behind it. @param fromInitiator whether the source is the initiator. */
  #writeMacs(row: number, at: number, fromInitiator: boolean): void {
    const from = this.#macNumber(fromInitiator ? at + 6 : at);
    if (!this.#initiatorMac.set(row, from)) this.#initiatorMac.learn(row, from, this.#macText[from]);
    const to = this.#macNumber(fromInitiator ? at : at + 6);
    if (!this.#responderMac.set(row, to)) this.#responderMac.learn(row, to, this.#macText[to]);
  }

  #macNumber(at: number): number {
    const b = this.#flows.bytes;
    const high = (b[at] << 8) | b[at + 1];
    const low = (b[at + 2] << 24) | (b[at + 3] << 16) | (b[at + 4] << 8) | b[at + 5];
    const slot = Math.imul(low ^ Math.imul(high, 0x85ebca6b), 0x9e3779b1) >>> (32 - TEXT_CACHE_BITS);
    const key = this.#macKey;
    if (key[2 * slot] !== high || key[2 * slot + 1] !== low || this.#macText[slot] === '') {
      key[2 * slot] = high;
      key[2 * slot + 1] = low;
      this.#macText[slot] = formatMac(b, at);
      this.#initiatorMac.forget(slot);
      this.#responderMac.forget(slot);
    }
    return slot;
  }
}

const FACT_COLUMN: readonly number[] = FACT_NAMES.map((name) => C[name]);

function hasPortsByKind(protocol: number): boolean {
  return protocol === PROTO.tcp || protocol === PROTO.udp || protocol === PROTO.sctp || protocol === PROTO.udplite;
}

/** Multicast and broadcast, as far as an address shows it by its first word: 224.0.0.0/4, 255.255.255.255, a host part of all ones in /24, ff00::/8. */
function isGroupAddress(word: number, isV6: boolean): boolean {
  if (isV6) return word >>> 24 === 0xff;
  return word >>> 28 === 0xe || (word & 0xff) === 0xff;
}
