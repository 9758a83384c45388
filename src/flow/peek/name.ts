import { asciiText, ByteMemo } from '../../core/index.ts';
import {
  type BrowserAnnouncement,
  type DhcpMessage,
  DnsAnswerReader,
  type DnsFullMessage,
  DnsHead,
  decodeDhcp,
  decodeDhcpv6,
  decodeDnsMessage,
  decodeNetbiosDatagram,
  decodeNetbiosName,
  decodeNtp,
  decodeSnmp,
  decodeSsdp,
  dnsRcodeName,
  dnsTypeName,
  type MdnsAnnouncement,
  mdnsAnnouncement,
  type NetbiosName,
  type NetbiosNameMessage,
  type NtpMessage,
  PROTO,
  type SnmpMessage,
  type SsdpMessage,
} from '../../wire/index.ts';
import { STITCH_USUAL } from '../stitch.ts';
import { FACT, MAX_OPERATION, PEEK_DONE, PEEK_FOREIGN, PEEK_MORE, type PeekContext, type StreamPeek } from './peek.ts';

/** Protocols by which hosts find names, addresses, time and each other. */

/** Messages that hosts send again and again. What is kept changes no result, so all flow tables share it. */
const MDNS = new ByteMemo<MdnsRead | undefined>(64, 1472);
const SSDP = new ByteMemo<SsdpMessage | undefined>(64, 512);
const DHCP = new ByteMemo<DhcpMessage | undefined>(128, 590);
const NETBIOS_NAMES = new ByteMemo<NetbiosNameMessage | undefined>(64, 128);

const HEADER_BYTES = 12;
const MDNS_PORT = 5353;
/** Payloads of a side that are looked at where one flow goes on for as long as the hosts are up, and most of it repeats. */
const LONG_FLOW = 8;
/** Bytes of a long DNS message over TCP that are waited for: its first question and some answers. */
const BEGINNING = 512;

/** Questions of one UDP flow that are looked at: a resolver that uses one port for all shows there what it asks, and so does a tunnel. */
const QUESTIONS = 32;

/**
 * DNS: the first question and how it was answered; updates and notices as operations, further questions as well ('AAAA example.org'): over TCP those of another name or type,
 * over UDP those of another name. Nearly all UDP flows have one question and cost no more than that.
 */
export const dnsPeek: StreamPeek = {
  kind: 'stream',
  mostPayloads: QUESTIONS,
  look(context: PeekContext): number {
    const { bytes, at, end } = context;
    if (context.protocol !== PROTO.tcp) {
      const read = tellDns(context, at, end);
      if (read === PEEK_FOREIGN) context.oddity('dns.malformed');
      return read === PEEK_MORE ? end - at : read;
    }
    if (end - at < 2) return PEEK_MORE;
    const length = (bytes[at] << 8) | bytes[at + 1];
    if (length < HEADER_BYTES) return PEEK_FOREIGN;
    const stop = at + 2 + length;
    const isWhole = stop <= end;
    // Of a message that is too long to be kept, such as a zone, the beginning will do.
    const isEnough = isWhole || (2 + length > STITCH_USUAL && end - at >= BEGINNING);
    const read = tellDns(context, at + 2, Math.min(end, stop), isEnough);
    if (isEnough) return read === PEEK_MORE ? 2 + length : read;
    return read === PEEK_FOREIGN && !isDnsStart(context, at + 2) ? PEEK_FOREIGN : PEEK_MORE;
  },
};

/** False when the header, as far as it is there, can be none of a DNS message: nothing is waited for then. */
function isDnsStart(context: PeekContext, from: number): boolean {
  const { bytes, end } = context;
  if (end - from < HEADER_BYTES) return true;
  return ((bytes[from + 2] >> 3) & 15) <= 6 && bytes[from + 4] === 0 && bytes[from + 5] <= 16;
}

/** The message and the answers at hand. */
const MESSAGE = new DnsHead();
const ANSWERS = new DnsAnswerReader();
/** The flow's first question; its name, which is empty for the root, is no longer than one in a message can be. */
const ASKED = new Uint8Array(MESSAGE.name.length);

/** One message. Of one that goes on behind `to` the answers wait. @returns PEEK_MORE where the flow may have more to say. */
function tellDns(context: PeekContext, from: number, to: number, isWhole = true): number {
  const { bytes } = context;
  const type = context.text(FACT.dnsType);
  const asked = type === undefined ? 0 : context.read(FACT.dnsQuery, ASKED);
  if (isWhole && type !== undefined && to - from >= HEADER_BYTES && bytes[from + 2] >= 0x80)
    return tellAnswers(context, from, to, ASKED, asked, type);
  if (!MESSAGE.read(bytes, from, to)) return PEEK_FOREIGN;
  const { length, isResponse } = MESSAGE;
  if (length >= 0 && type === undefined) {
    context.noteBytes(FACT.dnsQuery, MESSAGE.name, 0, length);
    context.word(FACT.dnsType, dnsTypeName(MESSAGE.type));
  }
  if (MESSAGE.opcode !== 0 || (type !== undefined && !isResponse)) tellFurther(context, asked, type);
  if (!isResponse) return context.protocol === PROTO.tcp || !context.isFull ? PEEK_MORE : PEEK_DONE;
  if (isWhole && length >= 0) return tellAnswers(context, from, to, MESSAGE.name, length, dnsTypeName(MESSAGE.type));
  tellRcode(context, MESSAGE.rcode);
  return PEEK_MORE;
}

/** What MESSAGE asks for beside the flow's first question, whose name is `ASKED[0, asked)`, and what is no question. */
function tellFurther(context: PeekContext, asked: number, type: string | undefined): void {
  const { opcode, isResponse, name, length } = MESSAGE;
  if (opcode !== 0) {
    const verb = OPCODES[opcode];
    if (!isResponse && verb !== undefined) context.operation(`${verb} ${asciiText(name, 0, length) || '.'}`);
    return;
  }
  const typeName = dnsTypeName(MESSAGE.type);
  // A question that is sent again is none; and programs that ask for both kinds of addresses at a time often do so from one UDP port.
  if (length < 0 || (MESSAGE.isNamed(ASKED, asked) && (typeName === type || context.protocol !== PROTO.tcp))) return;
  if (!context.has(FACT.operations)) tellQuestion(context, type ?? '', ASKED, asked);
  tellQuestion(context, typeName, name, length);
}

/** 'TXT example.org', whose name is `name[0, length)`. */
function tellQuestion(context: PeekContext, type: string, name: Uint8Array, length: number): void {
  const from = type.length + 1;
  if (length === 0 || from + length > MAX_OPERATION) {
    context.operation(questionText(type, asciiText(name, 0, length) || '.'));
    return;
  }
  for (let i = 0; i < type.length; i++) QUESTION[i] = type.charCodeAt(i);
  QUESTION[type.length] = 0x20;
  for (let i = 0; i < length; i++) QUESTION[from + i] = name[i];
  context.operationBytes(QUESTION, from + length);
}

/** A further question under way, as `questionText` gives it where it need not be cut. */
const QUESTION = new Uint8Array(MAX_OPERATION);

/** Characters kept of the beginning of a name that is too long. */
const HEAD = 12;

/** 'TXT example.org'; of a name that is too long for an operation the beginning, which tells it from others, and the end, where the domain stands. */
function questionText(type: string, name: string): string {
  const room = MAX_OPERATION - type.length - 1;
  if (name.length <= room) return `${type} ${name}`;
  return `${type} ${name.slice(0, HEAD)}…${name.slice(HEAD + 1 - room)}`;
}

const OPCODES = [undefined, undefined, 'status', undefined, 'notify', 'update', 'stateful'];

/** A response: its code when it is the first, its answers when they belong to the question that is told, whose name is `name[0, length)`. */
function tellAnswers(
  context: PeekContext,
  from: number,
  to: number,
  name: Uint8Array,
  length: number,
  type: string,
): number {
  if (!ANSWERS.read(context.bytes, from, to, name, length, type)) return PEEK_FOREIGN;
  tellRcode(context, ANSWERS.rcode);
  if (!ANSWERS.isAsked) return PEEK_MORE;
  if (ANSWERS.isAscii) context.noteBytes(FACT.dnsAnswers, ANSWERS.bytes, 0, ANSWERS.length);
  else context.note(FACT.dnsAnswers, ANSWERS.text);
  context.number(FACT.dnsTtl, ANSWERS.leastTtl);
  return PEEK_DONE;
}

function tellRcode(context: PeekContext, rcode: number): void {
  if (!context.has(FACT.dnsRcode)) context.word(FACT.dnsRcode, dnsRcodeName(rcode));
}

/** LLMNR: as DNS; who answers for a name of a host says that it is this host. */
export const llmnrPeek: StreamPeek = {
  kind: 'stream',
  look(context: PeekContext): number {
    const read = dnsPeek.look(context);
    const header = context.protocol === PROTO.tcp ? context.at + 2 : context.at;
    if (read === PEEK_FOREIGN || read === PEEK_MORE || !context.fromInitiator) return read;
    const isAnswered = context.bytes[header + 2] >= 0x80 && context.has(FACT.dnsAnswers);
    if (isAnswered && context.text(FACT.dnsType) !== 'PTR') context.note(FACT.hostname, context.text(FACT.dnsQuery));
    return read;
  },
};

/**
 * mDNS: the first question as with DNS; the name and model that the sender announces for itself; what is asked for and offered, as 'query _ipp._tcp.local' and
 * 'announce _airplay._tcp.local'.
 */
export const mdnsPeek: StreamPeek = {
  kind: 'stream',
  most: LONG_FLOW,
  look(context: PeekContext): number {
    const { bytes, at, end } = context;
    if (context.protocol === PROTO.tcp) return dnsPeek.look(context);
    const read = MDNS.of(bytes, at, end, readMdns);
    if (read === undefined) {
      context.oddity('dns.malformed');
      return PEEK_FOREIGN;
    }
    const { message } = read;
    const [question] = message.questions;
    if (question !== undefined && !context.has(FACT.dnsQuery)) {
      context.note(FACT.dnsQuery, question.name);
      context.word(FACT.dnsType, dnsTypeName(question.type));
    }
    if (message.isResponse) tellRcode(context, message.rcode);
    const claims = context.srcPort === MDNS_PORT ? read.claims : undefined;
    if (claims !== undefined) tellClaims(context, message, claims);
    if (!message.isResponse && claims === undefined)
      for (const { name } of message.questions) if (name !== '') context.operation(`query ${name}`);
    return context.isFull ? PEEK_DONE : end - at;
  },
};

interface MdnsRead {
  readonly message: DnsFullMessage;
  /** What it claims, if it comes from the port of mDNS. */
  readonly claims: MdnsAnnouncement | undefined;
}

function readMdns(bytes: Uint8Array, at: number, end: number): MdnsRead | undefined {
  const message = decodeDnsMessage(bytes, at, end);
  return message === undefined ? undefined : { message, claims: mdnsAnnouncement(message) };
}

const DEVICE_INFO = '_device-info._tcp.local';

function tellClaims(context: PeekContext, message: DnsFullMessage, claims: MdnsAnnouncement): void {
  const { hosts, instances, services, goodbyes, isProbe } = claims;
  if (context.fromInitiator) {
    // The name that has an address here; else the one that gives a service.
    context.note(FACT.hostname, hosts[0]?.name || instances.find(({ host }) => host !== '')?.host);
    const device = instances.find(({ service, text }) => service === DEVICE_INFO && text !== '');
    if (device !== undefined) context.note(FACT.client, device.text.replaceAll('"', ''));
  }
  if (isProbe) for (const { name } of message.questions) context.operation(`probe ${name}`);
  else for (const name of goodbyes) context.operation(`goodbye ${name}`);
  const verb = isProbe ? 'probe' : 'announce';
  for (const { service } of instances) if (service !== DEVICE_INFO) context.operation(`${verb} ${service}`);
  for (const service of services) context.operation(`${verb} ${service}`);
}

/** As `decodeNetbiosName`, but for the transaction's number in the two bytes before `from`, which may be another message's. */
function readNetbiosName(bytes: Uint8Array, from: number, end: number): NetbiosNameMessage | undefined {
  return decodeNetbiosName(bytes, from - 2, end);
}

function netbiosText({ name, suffix }: NetbiosName): string {
  return `${name}<${suffix.toString(16).padStart(2, '0')}>`;
}

/** Suffixes under which a host has its own name: workstation and file server. */
function isHostName({ suffix }: NetbiosName): boolean {
  return suffix === 0x00 || suffix === 0x20;
}

/** NetBIOS names: the host's own, as it registers it; what is asked for as in 'query FILES<20>', 'registration PC<00>', 'status *<00>'. */
export const netbiosNamePeek: StreamPeek = {
  kind: 'stream',
  // Every name is registered three or four times.
  most: 32,
  look(context: PeekContext): number {
    const { bytes, at, end } = context;
    const message = NETBIOS_NAMES.of(bytes, at + 2, end, readNetbiosName);
    if (message === undefined) return PEEK_FOREIGN;
    const { operation, records, isResponse } = message;
    const name = message.question ?? records[0]?.name ?? message.status?.name;
    if (name === undefined) return end - at;
    const verb = message.isStatusRequest || message.status !== undefined ? 'status' : operation;
    if (isResponse) tellUnasked(context, `${verb} response ${netbiosText(name)}`);
    else {
      context.operation(`${verb} ${netbiosText(name)}`);
      const isGroup = records[0]?.addresses.some((address) => address.isGroup) ?? false;
      if (context.fromInitiator && operation !== 'query' && operation !== 'release' && isHostName(name) && !isGroup)
        context.note(FACT.hostname, name.name);
    }
    return context.isFull ? PEEK_DONE : end - at;
  },
};

/** An answer is an operation only where nobody was seen to ask. */
function tellUnasked(context: PeekContext, text: string): void {
  if (!context.has(FACT.operations)) context.operation(text);
}

/** NetBIOS datagrams: the sender's name, what it says of its software, and its announcements as in 'host announcement WORKGROUP'. */
export const netbiosDatagramPeek: StreamPeek = {
  kind: 'stream',
  most: LONG_FLOW,
  look(context: PeekContext): number {
    const { bytes, at, end } = context;
    const message = decodeNetbiosDatagram(bytes, at, end);
    if (message === undefined) return PEEK_FOREIGN;
    const { source, destination, announcement, mailslot } = message;
    if (context.fromInitiator) {
      if (isHostName(source)) context.note(FACT.hostname, source.name);
      context.note(FACT.client, browserSoftware(announcement));
    }
    if (announcement !== undefined) context.operation(`${announcement.kind} announcement ${destination.name}`);
    else if (mailslot !== '') context.operation(mailslot);
    return end - at;
  },
};

/** A domain's announcement has its master browser in place of a comment. */
function browserSoftware(announcement: BrowserAnnouncement | undefined): string | undefined {
  if (announcement === undefined || announcement.kind === 'domain') return undefined;
  const { comment, osVersion } = announcement;
  return comment !== '' || osVersion === '' ? comment : `OS ${osVersion}`;
}

/** DHCP: the client's name and vendor class, the messages, 'options 1,3,6' as it asked for them, and what the server gave ('lease 192.168.1.7'). */
export const dhcpPeek: StreamPeek = {
  kind: 'stream',
  most: LONG_FLOW,
  look(context: PeekContext): number {
    const { bytes, at, end } = context;
    const message = readDhcp(bytes, at, end);
    if (message === undefined) return PEEK_FOREIGN;
    context.operation(message.type.toUpperCase());
    if (message.isReply) tellLease(context, message);
    else {
      if (message.parameterOrder !== '') context.operation(`options ${message.parameterOrder}`);
      // What a relay passes on is another host's.
      if (message.relayAddress !== '') context.operation(`relayed for ${message.hostname || message.clientMac || '?'}`);
      else if (context.fromInitiator) {
        context.note(FACT.hostname, message.hostname || message.fqdn);
        context.note(FACT.client, message.vendorClass);
        // One that is not the hardware address outlives it: a device that makes addresses up is told by it (RFC 4361).
        const { clientId, clientIdMac, clientMac } = message;
        if (clientId !== '' && clientIdMac !== clientMac)
          context.operation(`client-id ${clientId.replace(/^.* duid /, '')}`);
      }
    }
    return end - at;
  },
};

/** Where a message goes on behind its transaction and the seconds since the client began, which are another's each time. */
const DHCP_FLAGS = 10;

/** As `decodeDhcp`, but for the transaction and the seconds, which may be another message's. */
function readDhcp(bytes: Uint8Array, at: number, end: number): DhcpMessage | undefined {
  if (end - at < DHCP_FLAGS) return undefined;
  const kind = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
  return DHCP.of(bytes, at + DHCP_FLAGS, end, readDhcpFlags, kind);
}

function readDhcpFlags(bytes: Uint8Array, from: number, end: number): DhcpMessage | undefined {
  return decodeDhcp(bytes, from - DHCP_FLAGS, end);
}

function tellLease(context: PeekContext, message: DhcpMessage): void {
  const { type, yourAddress, routers, dnsServers, proxyUrl } = message;
  if (type !== 'ack' && type !== 'offer' && type !== 'bootp') return;
  if (yourAddress !== '') context.operation(`${type === 'offer' ? 'offered' : 'lease'} ${yourAddress}`);
  // Who answers first decides where the client's traffic goes, and an offer that was not taken up shows who tried.
  if (routers.length > 0) context.operation(`router ${routers[0]}`);
  if (dnsServers.length > 0) context.operation(`dns ${dnsServers.slice(0, 3).join(' ')}`);
  if (proxyUrl !== '') context.operation(`proxy ${proxyUrl}`);
}

/** Messages that clients send, RFC 8415 section 7.3. */
const DHCPV6_CLIENT = new Set([
  'solicit',
  'request',
  'confirm',
  'renew',
  'rebind',
  'release',
  'decline',
  'information-request',
]);

/** DHCPv6: as DHCP. */
export const dhcpv6Peek: StreamPeek = {
  kind: 'stream',
  most: LONG_FLOW,
  look(context: PeekContext): number {
    const { bytes, at, end } = context;
    const message = decodeDhcpv6(bytes, at, end);
    if (message === undefined) return PEEK_FOREIGN;
    const { type, relays, addresses, prefixes } = message;
    context.operation(type.toUpperCase());
    if (DHCPV6_CLIENT.has(type)) {
      if (message.requestOrder !== '') context.operation(`options ${message.requestOrder}`);
      if (relays.length > 0) context.operation(`relayed for ${message.fqdn || message.clientMac || '?'}`);
      else if (context.fromInitiator) {
        context.note(FACT.hostname, message.fqdn);
        context.note(FACT.client, message.vendorClass);
        const { clientDuid } = message;
        if (clientDuid !== undefined) context.operation(`client-id ${clientDuid.hex}`);
      }
    } else if (type === 'reply') {
      for (const { address, validSeconds } of [...addresses, ...prefixes])
        if (validSeconds > 0) context.operation(`lease ${address}`);
      if (message.dnsServers.length > 0) context.operation(`dns ${message.dnsServers.slice(0, 2).join(' ')}`);
    }
    return end - at;
  },
};

/** NTP: the modes of those who ask ('client', 'symmetric active', 'broadcast'), 'control read variables', 'monlist'; the version that a server tells. */
export const ntpPeek: StreamPeek = {
  kind: 'stream',
  look(context: PeekContext): number {
    const { bytes, at, end } = context;
    const message = decodeNtp(bytes, at, end);
    if (message === undefined) return PEEK_FOREIGN;
    tellNtp(context, message);
    return end - at;
  },
};

function tellNtp(context: PeekContext, message: NtpMessage): void {
  const { mode, control, private: details } = message;
  if (control !== undefined) {
    const text = `control ${control.operation}`;
    if (!control.isResponse) context.operation(text);
    else {
      tellUnasked(context, `${text} response`);
      context.note(context.fromInitiator ? FACT.client : FACT.server, /\bversion="([^"]*)"/.exec(control.text)?.[1]);
    }
  } else if (details !== undefined) {
    const text = details.isMonlist ? 'monlist' : `private ${details.request}`;
    if (details.isResponse) tellUnasked(context, `${text} response`);
    else context.operation(text);
  } else if (mode === 'server' || mode === 'symmetric passive') tellUnasked(context, mode);
  else context.operation(mode);
}

/** SSDP: what is searched ('search ssdp:all') and announced ('alive upnp:rootdevice'), and the software of who says it. */
export const ssdpPeek: StreamPeek = {
  kind: 'stream',
  most: LONG_FLOW,
  look(context: PeekContext): number {
    const { bytes, at, end } = context;
    const message = SSDP.of(bytes, at, end, decodeSsdp);
    if (message === undefined) return PEEK_FOREIGN;
    const { kind, target, notification, server, userAgent } = message;
    context.note(context.fromInitiator ? FACT.client : FACT.server, kind === 'search' ? userAgent || server : server);
    if (kind === 'response') tellUnasked(context, `response ${target}`.trimEnd());
    else {
      const verb = kind === 'search' ? kind : notification.replace(/^ssdp:/, '') || kind;
      context.operation(`${verb} ${target}`.trimEnd());
    }
    return context.isFull ? PEEK_DONE : end - at;
  },
};

/** Variables of one message that are told. */
const MOST_OIDS = 4;
/** Reports of the user-based security model that refuse a user: unknown, wrong digest, cannot be decrypted (RFC 3414 section 5). */
const REFUSALS = /^1\.3\.6\.1\.6\.3\.15\.1\.1\.[1356]\.0$/;

/** SNMP: what is asked for as in 'v2c get 1.3.6.1.2.1.1.1.0', the user of version 3 and how it went, what the device says it is. Communities are passwords. */
export const snmpPeek: StreamPeek = {
  kind: 'stream',
  most: 8,
  look(context: PeekContext): number {
    const { bytes, at, end } = context;
    const message = decodeSnmp(bytes, at, end);
    if (message === undefined) return PEEK_FOREIGN;
    tellSnmp(context, message);
    return end - at;
  },
};

function tellSnmp(context: PeekContext, message: SnmpMessage): void {
  const { version, pdu, oids, security, trap } = message;
  const isAnswer = pdu === 'response' || pdu === 'report';
  const verb = `v${version} ${pdu ?? 'encrypted'}`;
  if (trap !== undefined) context.operation(`${verb} ${trap.enterprise} ${trap.generic} ${trap.specific}`);
  else if (isAnswer) tellUnasked(context, verb);
  else if (oids.length === 0) context.operation(verb);
  else for (const oid of oids.slice(0, MOST_OIDS)) context.operation(`${verb} ${oid}`);
  context.note(context.fromInitiator ? FACT.client : FACT.server, message.systemDescription);
  if (context.fromInitiator) context.note(FACT.hostname, message.systemName);
  if (security === undefined) return;
  if (context.fromInitiator && security.user !== '') {
    context.note(FACT.user, security.user);
    if (!context.has(FACT.login)) context.word(FACT.login, 'unknown');
  } else if (!context.fromInitiator && context.has(FACT.user)) {
    if (pdu === 'report' && REFUSALS.test(oids[0] ?? '')) context.word(FACT.login, 'refused');
    else if (pdu !== 'report' && security.isAuthenticated) context.word(FACT.login, 'accepted');
  }
}
