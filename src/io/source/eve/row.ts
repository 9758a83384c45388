import { ColumnWriter, type Table } from '../../../core/index.ts';
import { FLOW_COLUMN, FLOW_SCHEMA, type FlowColumnName, type FlowFacts, tcpState } from '../../../flow/index.ts';
import { formatTcpFlags, PROTO, serviceByPort } from '../../../wire/index.ts';
import type { EveEvent } from './event.ts';
import { F } from './field.ts';
import { type Pending, protocolSaid } from './pending.ts';

/** Rows of the flow table from flow events, and from what was said of flows before. */

/** Suricata's names of application protocols where ours are others. */
const SERVICES: Readonly<Record<string, string>> = {
  http1: 'http',
  http2: 'http',
  krb5: 'kerberos',
  'krb5-tcp': 'kerberos',
  rfb: 'vnc',
  ikev1: 'ike',
  ikev2: 'ike',
  'bittorrent-dht': 'bittorrent',
  pgsql: 'postgresql',
  msn: 'msnp',
};

const C = FLOW_COLUMN;

/** What Suricata logs of a flow only with the counters of `flow` events, `netflow` events, or the flow object of alerts. */
const COUNTED: readonly FlowColumnName[] = [
  'initiatorPackets',
  'responderPackets',
  'initiatorBytes',
  'responderBytes',
  'outcome',
];
const OF_FLOW_EVENTS: readonly FlowColumnName[] = ['initiatorFlags', 'responderFlags', 'tcpState', 'closeReason'];
const OF_ALL: readonly FlowColumnName[] = [
  'id',
  'startMs',
  'endMs',
  'durationMs',
  'protocol',
  'initiator',
  'initiatorPort',
  'responder',
  'responderPort',
  'icmpType',
  'icmpCode',
  'vlan',
  'initiatorMac',
  'responderMac',
  'service',
  'serviceBasis',
  'portService',
  'serverName',
  'alpn',
  'tlsVersion',
  'ja3',
  'ja3s',
  'ja4',
  'certificateSubject',
  'certificateIssuer',
  'certificateFromMs',
  'certificateToMs',
  'httpHost',
  'httpRequest',
  'httpStatus',
  'dnsQuery',
  'dnsType',
  'dnsRcode',
  'dnsAnswers',
  'dnsTtl',
  'client',
  'server',
  'hostname',
  'user',
  'login',
  'operations',
  'communityId',
  'outerInitiator',
  'outerResponder',
];

/** Columns that a log gives. */
export function givenColumns(hasCounts: boolean, hasFlowEvents: boolean): Set<string> {
  return new Set([...OF_ALL, ...(hasCounts ? COUNTED : []), ...(hasFlowEvents ? OF_FLOW_EVENTS : [])]);
}

/** Writes the rows of a log. */
export class EveRows {
  readonly #writer: ColumnWriter;
  #id = 0;

  constructor(batchRows: number) {
    this.#writer = new ColumnWriter(FLOW_SCHEMA, batchRows, givenColumns(true, true));
  }

  get rowCount(): number {
    return this.#writer.rowCount;
  }

  get full(): boolean {
    return this.#writer.full;
  }

  finish(): Table {
    return this.#writer.finish();
  }

  /** The flow event at hand, and what was said of its flow before. */
  writeFlow(
    event: EveEvent,
    start: number,
    end: number,
    src: string | undefined,
    dst: string | undefined,
    known: Pending | undefined,
  ): void {
    const w = this.#writer;
    const row = w.addRow();
    w.setNumber(C.id, row, ++this.#id);
    w.setNumber(C.startMs, row, start);
    w.setNumber(C.endMs, row, end);
    w.setNumber(C.durationMs, row, toMicroseconds(end - start));
    const protocol = event.protocol();
    if (protocol !== undefined) w.setText(C.protocol, row, protocol);
    if (src !== undefined) w.setText(C.initiator, row, src);
    if (dst !== undefined) w.setText(C.responder, row, dst);
    const hasPorts = protocol === 'tcp' || protocol === 'udp' || protocol === 'sctp';
    const srcPort = hasPorts ? event.count(F.srcPort, 65_535) : undefined;
    const dstPort = hasPorts ? event.count(F.destPort, 65_535) : undefined;
    set(w, C.initiatorPort, row, srcPort);
    set(w, C.responderPort, row, dstPort);
    const icmpType = event.count(F.icmpType, 255);
    set(w, C.icmpType, row, icmpType);
    set(w, C.icmpCode, row, event.count(F.icmpCode, 255));
    set(w, C.vlan, row, event.vlan() ?? known?.vlan);
    put(w, C.initiatorMac, row, event.mac(F.srcMacs, F.srcMac) ?? known?.srcMac);
    put(w, C.responderMac, row, event.mac(F.destMacs, F.destMac) ?? known?.dstMac);
    put(w, C.outerInitiator, row, event.address(F.tunnelSrc) ?? known?.outerSrc);
    put(w, C.outerResponder, row, event.address(F.tunnelDest) ?? known?.outerDst);
    put(w, C.communityId, row, event.fact(F.communityId) ?? known?.communityId);
    const up = event.count(F.pktsToServer, 2 ** 31 - 1);
    const down = event.count(F.pktsToClient, 2 ** 31 - 1);
    set(w, C.initiatorPackets, row, up);
    set(w, C.responderPackets, row, down);
    set(w, C.initiatorBytes, row, event.count(F.bytesToServer, Number.MAX_SAFE_INTEGER));
    set(w, C.responderBytes, row, event.count(F.bytesToClient, Number.MAX_SAFE_INTEGER));
    const state = event.text(F.flowState);
    const upFlags = event.flags(F.tcpFlagsTs);
    const downFlags = event.flags(F.tcpFlagsTc);
    const flags = upFlags === undefined && downFlags === undefined ? undefined : [upFlags ?? 0, downFlags ?? 0];
    if (flags !== undefined && protocol === 'tcp') this.#writeFlags(row, flags[0]!, flags[1]!);
    w.setText(C.closeReason, row, closeReason(event.text(F.flowReason), state, flags));
    put(w, C.outcome, row, outcomeOf(protocol, dst, icmpType, up, down, flags, state));
    this.#writeService(row, protocol, srcPort, dstPort, event.text(F.appProto) ?? known?.appProto);
    if (known !== undefined) this.#writeFacts(row, known.facts);
  }

  /** A flow of which the log holds no end: a row of what was said. */
  writePending(pending: Pending): void {
    const w = this.#writer;
    const row = w.addRow();
    const { protocol, packets, bytes, flags, srcPort, dstPort } = pending;
    w.setNumber(C.id, row, ++this.#id);
    w.setNumber(C.startMs, row, pending.firstMs);
    w.setNumber(C.endMs, row, pending.lastMs);
    w.setNumber(C.durationMs, row, toMicroseconds(pending.lastMs - pending.firstMs));
    put(w, C.protocol, row, protocol);
    w.setText(C.initiator, row, pending.src);
    w.setText(C.responder, row, pending.dst);
    set(w, C.initiatorPort, row, srcPort);
    set(w, C.responderPort, row, dstPort);
    set(w, C.icmpType, row, pending.icmpType);
    set(w, C.icmpCode, row, pending.icmpCode);
    set(w, C.vlan, row, pending.vlan);
    put(w, C.initiatorMac, row, pending.srcMac);
    put(w, C.responderMac, row, pending.dstMac);
    put(w, C.outerInitiator, row, pending.outerSrc);
    put(w, C.outerResponder, row, pending.outerDst);
    put(w, C.communityId, row, pending.communityId);
    if (packets !== undefined) {
      w.setNumber(C.initiatorPackets, row, packets[0]);
      w.setNumber(C.responderPackets, row, packets[1]);
    }
    if (bytes !== undefined) {
      w.setNumber(C.initiatorBytes, row, bytes[0]);
      w.setNumber(C.responderBytes, row, bytes[1]);
    }
    if (flags !== undefined && protocol === 'tcp') this.#writeFlags(row, flags[0], flags[1]);
    if (pending.netflow !== 0) w.setText(C.closeReason, row, closeReason('timeout', undefined, flags));
    // Of a flow that had not ended when it was last spoken of, no answer is not known.
    const outcome =
      pending.netflow !== 0
        ? outcomeOf(protocol, pending.dst, pending.icmpType, packets?.[0], packets?.[1], flags, undefined)
        : (packets?.[1] ?? 0) > 0 && (protocol !== 'tcp' || pending.appProto !== undefined)
          ? 'answered'
          : packets === undefined
            ? undefined
            : 'unknown';
    put(w, C.outcome, row, outcome);
    this.#writeService(row, protocol, srcPort, dstPort, pending.appProto);
    this.#writeFacts(row, pending.facts);
  }

  #writeFlags(row: number, up: number, down: number): void {
    const w = this.#writer;
    w.setText(C.initiatorFlags, row, formatTcpFlags(up));
    w.setText(C.responderFlags, row, formatTcpFlags(down));
    w.setText(C.tcpState, row, tcpState(seenWord(up, down), 0));
  }

  #writeService(
    row: number,
    protocol: string | undefined,
    srcPort: number | undefined,
    dstPort: number | undefined,
    appProto: string | undefined,
  ): void {
    const w = this.#writer;
    const number = protocol === 'tcp' ? PROTO.tcp : protocol === 'udp' ? PROTO.udp : undefined;
    const byPort =
      number === undefined
        ? undefined
        : ((dstPort === undefined ? undefined : serviceByPort(number, dstPort)) ??
          (srcPort === undefined ? undefined : serviceByPort(number, srcPort)));
    const app = protocolSaid(appProto);
    const said = app !== undefined && Object.hasOwn(SERVICES, app) ? SERVICES[app] : app;
    if (said !== undefined || byPort !== undefined) {
      w.setText(C.service, row, (said ?? byPort ?? '').slice(0, 64));
      w.setText(C.serviceBasis, row, said === undefined ? 'port' : 'content');
    }
    put(w, C.portService, row, byPort);
  }

  #writeFacts(row: number, facts: FlowFacts): void {
    for (const name in facts) {
      const value = facts[name as keyof FlowFacts];
      const column = C[name as keyof FlowFacts];
      if (typeof value === 'number') this.#writer.setNumber(column, row, value);
      else if (value !== undefined) this.#writer.setText(column, row, value);
    }
  }
}

/** EVE's times are in microseconds, which a difference of two epoch times does not quite keep. */
function toMicroseconds(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

function set(w: ColumnWriter, column: number, row: number, value: number | undefined): void {
  if (value !== undefined) w.setNumber(column, row, value);
}

function put(w: ColumnWriter, column: number, row: number, value: string | undefined): void {
  if (value !== undefined) w.setText(column, row, value);
}

const SYN = 2;
const ACK = 16;
const FIN = 1;
const RST = 4;

/** The flag word that `tcpState` reads, with the client as side 0: a SYN of its own, and a SYN with ACK of the server, are told from the flags that each side ever set. */
function seenWord(up: number, down: number): number {
  return up | (down << 8) | ((up & SYN) !== 0 ? 1 << 16 : 0) | ((down & SYN) !== 0 && (down & ACK) !== 0 ? 1 << 19 : 0);
}

function closeReason(
  reason: string | undefined,
  state: string | undefined,
  flags: readonly number[] | undefined,
): string {
  const both = (flags?.[0] ?? 0) | (flags?.[1] ?? 0);
  if (reason === 'tcp_reuse') return 'reuse';
  if (flags !== undefined && (state === 'closed' || state === undefined)) {
    if ((both & RST) !== 0) return 'rst';
    if ((flags[0]! & FIN) !== 0 && (flags[1]! & FIN) !== 0) return 'fin';
  }
  if (reason === 'shutdown') return 'end';
  // Forced: Suricata was short of memory for flows.
  return reason === 'forced' ? 'evicted' : 'idle';
}

const ICMP_QUERIES = new Set([8, 13, 15, 17]);

function outcomeOf(
  protocol: string | undefined,
  dst: string | undefined,
  icmpType: number | undefined,
  up: number | undefined,
  down: number | undefined,
  flags: readonly number[] | undefined,
  state: string | undefined,
): string | undefined {
  if (up === undefined || down === undefined) return undefined;
  if (protocol === 'tcp') {
    if (flags === undefined) {
      // Its stream engine followed nothing: the flow's state is all there is.
      if (state === 'established') return 'answered';
      return state === 'new' && down === 0 ? 'unanswered' : 'unknown';
    }
    if ((flags[0]! & SYN) === 0) return 'unknown';
    if ((flags[1]! & SYN) !== 0) return 'answered';
    if ((flags[1]! & RST) !== 0) return 'refused';
    return down > 0 ? 'answered' : 'unanswered';
  }
  if (down > 0) return 'answered';
  if (dst === undefined || isGroup(dst)) return 'unknown';
  if (protocol === 'icmp') return icmpType !== undefined && ICMP_QUERIES.has(icmpType) ? 'unanswered' : 'unknown';
  if (protocol === 'icmpv6') return icmpType === 128 ? 'unanswered' : 'unknown';
  return protocol === 'udp' || protocol === 'sctp' ? 'unanswered' : 'unknown';
}

/** Multicast and broadcast: nobody has to answer. Of directed broadcasts only the usual one of a /24 is told. */
function isGroup(address: string): boolean {
  return /^(22[4-9]|23\d)\./.test(address) || address.endsWith('.255') || /^ff/i.test(address);
}
