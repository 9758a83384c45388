import { type Table, TableBuilder } from '../../../core/index.ts';
import { COMMUNITY_ID_LENGTH, FLOW_COLUMN, FLOW_SCHEMA, tcpState, writeCommunityId } from '../../../flow/index.ts';
import {
  formatTcpFlags,
  isIcmpQuery,
  type OddityCounter,
  PROTO,
  protocolName,
  serviceByPort,
  TCP_ACK,
  TCP_FIN,
  TCP_PSH,
  TCP_RST,
  TCP_SYN,
} from '../../../wire/index.ts';
import { addressText, type Held, hasPorts, isGroup, type RecordFacts } from './held.ts';
import { initiatorOf } from './initiator.ts';

/** Rows of the flow table from joined records. */

const MAX_PACKETS = 0x7fffffff;
const ID_TEXT = new Uint8Array(COMMUNITY_ID_LENGTH);

/** Writes flows as rows of `FLOW_SCHEMA`. */
export class PairedRows {
  /** Rows written so far. */
  rows = 0;
  /** Rows that have both directions from records of each. */
  paired = 0;
  readonly #oddities: OddityCounter;
  readonly #builder: TableBuilder;

  constructor(oddities: OddityCounter, batchRows: number) {
    this.#oddities = oddities;
    this.#builder = new TableBuilder(FLOW_SCHEMA, batchRows);
  }

  get full(): boolean {
    return this.#builder.full;
  }

  /** The rows since the last one; undefined where there are none. */
  finish(): Table | undefined {
    return this.#builder.rowCount > 0 ? this.#builder.finish() : undefined;
  }

  /** @param reason why it is written now, for its `closeReason`. */
  write(held: Held, reason: string): void {
    const i = initiatorOf(held);
    const { protocol, exporter } = held;
    const C = FLOW_COLUMN;
    const out = this.#builder;
    const row = out.addRow();
    this.rows++;
    if (held.seen0 && held.seen1 && !held.isBiflow) this.paired++;
    out.setNumber(C.id, row, this.rows);
    out.setNumber(C.startMs, row, held.startMs);
    out.setNumber(C.endMs, row, held.endMs);
    // First and last of the packets that were taken say little of when the flow began and ended.
    if (!held.isPacketSample) out.setNumber(C.durationMs, row, held.endMs - held.startMs);
    out.setText(C.protocol, row, protocolName(protocol));
    out.setText(C.initiator, row, addressText(held, i));
    out.setText(C.responder, row, addressText(held, 1 - i));
    const initiatorPort = i === 0 ? held.port0 : held.port1;
    const responderPort = i === 0 ? held.port1 : held.port0;
    const isPortProtocol = hasPorts(protocol) && initiatorPort >= 0 && responderPort >= 0;
    if (isPortProtocol) {
      out.setNumber(C.initiatorPort, row, initiatorPort);
      out.setNumber(C.responderPort, row, responderPort);
    }
    if (held.icmpType >= 0) {
      out.setNumber(C.icmpType, row, held.icmpType);
      if (held.icmpCode >= 0) out.setNumber(C.icmpCode, row, held.icmpCode);
    }
    if (held.vlan >= 0) out.setNumber(C.vlan, row, held.vlan);
    const initiatorMac = i === 0 ? held.mac0 : held.mac1;
    const responderMac = i === 0 ? held.mac1 : held.mac0;
    if (initiatorMac !== undefined) out.setText(C.initiatorMac, row, initiatorMac);
    if (responderMac !== undefined) out.setText(C.responderMac, row, responderMac);

    // A way back of which nothing came was not there, if the exporter looks at every packet and shows both ways as a rule; else nobody knows.
    if (mustHaveAnswer(held)) exporter.oneWay++;
    const isAbsenceTold = !held.isSampled && reason !== 'evicted' && exporter.bothWays >= exporter.oneWay;
    const seenR = i === 0 ? held.seen1 : held.seen0;
    // An initiator that was not seen has sent something all the same.
    const packetsI = sideCount(i === 0 ? held.packets0 : held.packets1, true, false);
    const packetsR = sideCount(i === 0 ? held.packets1 : held.packets0, seenR, isAbsenceTold);
    const octetsI = sideCount(i === 0 ? held.octets0 : held.octets1, true, false);
    const octetsR = sideCount(i === 0 ? held.octets1 : held.octets0, seenR, isAbsenceTold);
    if (packetsI !== undefined) out.setNumber(C.initiatorPackets, row, Math.min(Math.round(packetsI), MAX_PACKETS));
    if (packetsR !== undefined) out.setNumber(C.responderPackets, row, Math.min(Math.round(packetsR), MAX_PACKETS));
    if (octetsI !== undefined) out.setNumber(C.initiatorBytes, row, Math.round(octetsI));
    if (octetsR !== undefined) out.setNumber(C.responderBytes, row, Math.round(octetsR));

    const flagsI = i === 0 ? held.flags0 : held.flags1;
    const flagsR = i === 0 ? held.flags1 : held.flags0;
    if (protocol === PROTO.tcp && !held.isPacketSample) {
      if (flagsI > 0) out.setText(C.initiatorFlags, row, formatTcpFlags(flagsI));
      if (flagsR > 0) out.setText(C.responderFlags, row, formatTcpFlags(flagsR));
      const isTold = flagsI >= 0 && (flagsR >= 0 || (!seenR && isAbsenceTold));
      if (isTold && !held.isSampled) out.setText(C.tcpState, row, stateOf(flagsI, Math.max(0, flagsR)));
    }
    out.setText(C.closeReason, row, reason);
    out.setNumber(C.continued, row, held.continued ? 1 : 0);
    out.setText(C.outcome, row, outcomeOf(held, i, isAbsenceTold, flagsI, flagsR, packetsI, packetsR));
    const guess = isPortProtocol
      ? (serviceByPort(protocol, responderPort) ?? serviceByPort(protocol, initiatorPort))
      : undefined;
    const told = held.facts?.application;
    if (told !== undefined || guess !== undefined) {
      out.setText(C.service, row, told ?? guess ?? '');
      out.setText(C.serviceBasis, row, told === undefined ? 'port' : 'content');
      if (guess !== undefined) out.setText(C.portService, row, guess);
    }
    if (held.facts !== undefined) this.#writeFacts(row, held.facts);
    const isIdKnown = hasPorts(protocol)
      ? isPortProtocol
      : (protocol !== PROTO.icmp && protocol !== PROTO.icmpv6) || held.icmpType >= 0;
    if (isIdKnown) {
      const icmp = held.icmpType >= 0 ? (held.icmpType << 8) | Math.max(0, held.icmpCode) : -1;
      const from = icmp < 0 ? i : held.icmpSide;
      const { address } = held;
      writeCommunityId(
        ID_TEXT,
        0,
        address,
        4 * from,
        4 * (1 - from),
        held.isV6 === 1,
        protocol,
        initiatorPort,
        responderPort,
        icmp,
      );
      out.addPacked(C.communityId, row, ID_TEXT, COMMUNITY_ID_LENGTH);
    }
    out.setNumber(C.input, row, this.#oddities.input);
  }

  #writeFacts(row: number, facts: RecordFacts): void {
    const C = FLOW_COLUMN;
    const out = this.#builder;
    if (facts.serverName !== undefined) out.setText(C.serverName, row, facts.serverName);
    if (facts.httpHost !== undefined) out.setText(C.httpHost, row, facts.httpHost);
    if (facts.httpRequest !== undefined) out.setText(C.httpRequest, row, facts.httpRequest);
    if (facts.httpStatus !== undefined) out.setNumber(C.httpStatus, row, facts.httpStatus);
    if (facts.client !== undefined) out.setText(C.client, row, facts.client);
    if (facts.dnsQuery !== undefined) out.setText(C.dnsQuery, row, facts.dnsQuery);
    if (facts.dnsType !== undefined) out.setText(C.dnsType, row, facts.dnsType);
    if (facts.dnsRcode !== undefined) out.setText(C.dnsRcode, row, facts.dnsRcode);
    if (facts.user !== undefined) out.setText(C.user, row, facts.user);
  }
}

/** One direction alone of a TCP connection in which an ACK was sent: so there was something to acknowledge. */
function mustHaveAnswer(held: Held): boolean {
  if (held.protocol !== PROTO.tcp || held.isSampled || held.isBiflow || held.seen0 === held.seen1) return false;
  const flags = held.seen0 ? held.flags0 : held.flags1;
  return flags >= 0 && (flags & (TCP_ACK | TCP_RST)) === TCP_ACK;
}

function sideCount(count: number, seen: boolean, isAbsenceTold: boolean): number | undefined {
  if (!Number.isNaN(count)) return count;
  return !seen && isAbsenceTold ? 0 : undefined;
}

/** The word of `tcpState` from the flags of each side: a SYN that has its ACK beside it comes from an initiator whose later packets had one, or from a responder. */
function stateOf(initiator: number, responder: number): string {
  const syn = (initiator & TCP_SYN) !== 0 ? 1 : 0;
  const synAck = (responder & (TCP_SYN | TCP_ACK)) === (TCP_SYN | TCP_ACK) ? 1 : 0;
  return tcpState(initiator | (responder << 8) | (syn << 16) | (synAck << 19), 0);
}

function outcomeOf(
  held: Held,
  i: number,
  isAbsenceTold: boolean,
  flagsI: number,
  flagsR: number,
  packetsI: number | undefined,
  packetsR: number | undefined,
): string {
  const seenI = i === 0 ? held.seen0 : held.seen1;
  const seenR = i === 0 ? held.seen1 : held.seen0;
  if (held.continued || !seenI) return 'unknown';
  // Of sampled packets, both directions show that there was an answer; one of them shows nothing.
  if (held.isSampled && !seenR) return 'unknown';
  if (held.protocol === PROTO.tcp) {
    if (held.isPacketSample) return 'unknown';
    if (flagsI < 0) return seenR ? 'answered' : isAbsenceTold ? 'unanswered' : 'unknown';
    if ((flagsI & TCP_SYN) === 0) return 'unknown';
    if (flagsR >= 0 && (flagsR & TCP_SYN) !== 0) return 'answered';
    if (flagsR >= 0 && (flagsR & TCP_RST) !== 0) return 'refused';
    if (seenR) {
      // A biflow may have the flags of both sides in one: a SYN and as many resets, and nothing else, are a refusal.
      const isBothFlags = held.isBiflow && flagsR < 0 && (flagsI & TCP_RST) !== 0;
      if (isBothFlags && (flagsI & (TCP_PSH | TCP_FIN)) === 0 && packetsI !== undefined && packetsI === packetsR)
        return 'refused';
      return 'answered';
    }
    // Whoever was answered sends an ACK or a RST, whether or not the answer was shown.
    if ((flagsI & (TCP_ACK | TCP_RST)) !== 0) return 'answered';
    return 'unanswered';
  }
  if (seenR) return 'answered';
  if (!isAbsenceTold || isGroup(held, 1 - i)) return 'unknown';
  if (held.protocol === PROTO.icmp || held.protocol === PROTO.icmpv6)
    return held.icmpType >= 0 && isIcmpQuery(held.protocol, held.icmpType) ? 'unanswered' : 'unknown';
  return held.protocol === PROTO.udp || held.protocol === PROTO.sctp ? 'unanswered' : 'unknown';
}
