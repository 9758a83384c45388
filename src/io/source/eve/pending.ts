import { safeText } from '../../../core/index.ts';
import type { FlowFacts } from '../../../flow/index.ts';
import type { EveEvent } from './event.ts';
import { F } from './field.ts';

/** What is known of flows whose flow event has not come yet. */

/** What is known of a flow before its flow event. */
export interface Pending {
  src: string;
  srcPort: number | undefined;
  dst: string;
  dstPort: number | undefined;
  protocol: string | undefined;
  /** Whether Suricata said who the client is: the packet of an alert goes either way. */
  isOriented: boolean;
  icmpType: number | undefined;
  icmpCode: number | undefined;
  vlan: number | undefined;
  srcMac: string | undefined;
  dstMac: string | undefined;
  outerSrc: string | undefined;
  outerDst: string | undefined;
  communityId: string | undefined;
  appProto: string | undefined;
  firstMs: number;
  lastMs: number;
  packets: [number, number] | undefined;
  bytes: [number, number] | undefined;
  /** Directions of netflow events that came. */
  netflow: number;
  flags: [number, number] | undefined;
  facts: FlowFacts;
  operationCount: number;
  /** Whether the answers belong to the first question. */
  answersDone: boolean;
}

/** A flow that is spoken of for the first time, by the event at hand. */
export function newPending(event: EveEvent, src: string, dst: string, time: number): Pending {
  const protocol = event.protocol();
  const hasPorts = protocol === 'tcp' || protocol === 'udp' || protocol === 'sctp';
  return {
    src,
    srcPort: hasPorts ? event.count(F.srcPort, 65_535) : undefined,
    dst,
    dstPort: hasPorts ? event.count(F.destPort, 65_535) : undefined,
    protocol,
    isOriented: false,
    icmpType: undefined,
    icmpCode: undefined,
    vlan: undefined,
    srcMac: undefined,
    dstMac: undefined,
    outerSrc: undefined,
    outerDst: undefined,
    communityId: undefined,
    appProto: undefined,
    firstMs: time,
    lastMs: time,
    packets: undefined,
    bytes: undefined,
    netflow: 0,
    flags: undefined,
    facts: {},
    operationCount: 0,
    answersDone: false,
  };
}

/** What every event may say. */
export function noteCommon(event: EveEvent, pending: Pending, isBack: boolean): void {
  pending.communityId ??= event.fact(F.communityId);
  pending.vlan ??= event.vlan();
  pending.icmpType ??= event.count(F.icmpType, 255);
  pending.icmpCode ??= event.count(F.icmpCode, 255);
  const from = event.mac(F.srcMacs, F.srcMac);
  const to = event.mac(F.destMacs, F.destMac);
  pending.srcMac ??= isBack ? to : from;
  pending.dstMac ??= isBack ? from : to;
  const outerFrom = event.address(F.tunnelSrc);
  const outerTo = event.address(F.tunnelDest);
  pending.outerSrc ??= isBack ? outerTo : outerFrom;
  pending.outerDst ??= isBack ? outerFrom : outerTo;
  pending.appProto ??= protocolSaid(event.text(F.appProto))?.slice(0, 64);
}

/** Makes the client the flow's source, where the event tells who it is. */
export function orient(event: EveEvent, pending: Pending, type: string, src: string): void {
  if (pending.isOriented) return;
  const client = event.address(F.flowSrcIp);
  if (client !== undefined) {
    pending.isOriented = true;
    const port = event.count(F.flowSrcPort, 65_535);
    const isBack = client === pending.dst && (client !== pending.src || port === pending.dstPort);
    if (isBack) swap(pending);
    return;
  }
  const direction = event.text(F.direction);
  if (direction === 'to_client' || direction === 'to_server') {
    pending.isOriented = true;
    if ((direction === 'to_client') === (pending.src === src)) swap(pending);
    return;
  }
  if (type === 'dns') {
    // Answers were logged with the server as their source before version 2.
    const said = event.text(F.dnsType);
    const isAnswer = said === 'answer' || said === 'response';
    pending.isOriented = true;
    if (isAnswer && pending.srcPort === 53 && pending.dstPort !== 53) swap(pending);
  } else if (FROM_CLIENT.has(type)) {
    pending.isOriented = true;
    if (pending.src !== src) swap(pending);
  }
}

/** Events that Suricata logs with the client as their source. */
const FROM_CLIENT = new Set([
  'http',
  'tls',
  'quic',
  'ssh',
  'smb',
  'krb5',
  'mqtt',
  'ftp',
  'smtp',
  'rdp',
  'rfb',
  'sip',
  'tftp',
  'snmp',
  'nfs',
  'ike',
  'dhcp',
  'modbus',
  'dnp3',
  'pgsql',
  'ldap',
  'pop3',
  'imap',
  'telnet',
  'websocket',
  'arp',
  'mdns',
  'dcerpc',
  'bittorrent_dht',
]);

const NO_PROTOCOL = new Set(['failed', 'unknown', '']);

/** What `app_proto` says, undefined where Suricata could not tell. */
export function protocolSaid(appProto: string | undefined): string | undefined {
  return appProto === undefined || NO_PROTOCOL.has(appProto) ? undefined : appProto;
}

export function swap(pending: Pending): void {
  [pending.src, pending.dst] = [pending.dst, pending.src];
  [pending.srcPort, pending.dstPort] = [pending.dstPort, pending.srcPort];
  [pending.srcMac, pending.dstMac] = [pending.dstMac, pending.srcMac];
  [pending.outerSrc, pending.outerDst] = [pending.outerDst, pending.outerSrc];
}

type TextFact = { [K in keyof FlowFacts]-?: string extends FlowFacts[K] ? K : never }[keyof FlowFacts];

/** The first that is said counts. */
export function note(facts: FlowFacts, name: TextFact, value: string | undefined): void {
  if (value !== undefined && facts[name] === undefined) facts[name] = value;
}

/** Things that a flow did, at most so many are told. */
export const MAX_OPERATIONS = 16;
const MAX_OPERATION = 80;
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/** Adds what was done: each once, at most 16, at most 80 characters each, as decoders of packets do. */
export function operate(pending: Pending, text: string): void {
  const { facts } = pending;
  const comma = text.includes(', ') ? text.replace(/, +/g, ',') : text;
  const plain = CONTROL.test(comma) ? safeText(comma, MAX_OPERATION) : comma;
  const one = plain.length > MAX_OPERATION ? `${plain.slice(0, MAX_OPERATION - 1)}…` : plain;
  const { operations } = facts;
  if (pending.operationCount >= MAX_OPERATIONS || `, ${operations ?? ''},`.includes(`, ${one},`)) return;
  facts.operations = operations === undefined ? one : `${operations}, ${one}`;
  pending.operationCount++;
}
