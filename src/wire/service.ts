import { looksLikeBitTorrent } from './bittorrent.ts';
import { looksLikeRpc } from './dcerpc.ts';
import { decodeDhcpv6 } from './dhcpv6.ts';
import { looksLikeFtp } from './ftp.ts';
import { httpMethod, isHttp2Preface, looksLikeHttpResponse } from './http.ts';
import { looksLikeImap } from './imap.ts';
import { looksLikeIrc } from './irc.ts';
import { looksLikeKerberos } from './kerberos.ts';
import { decodeLdap } from './ldap.ts';
import { looksLikeModbus } from './modbus.ts';
import { looksLikeMqtt } from './mqtt.ts';
import { looksLikeMysql } from './mysql.ts';
import { PROTO } from './packet.ts';
import { looksLikePop3 } from './pop3.ts';
import { looksLikePostgresql } from './postgresql.ts';
import { looksLikeRedis } from './redis.ts';
import { looksLikeSip } from './sip.ts';
import { looksLikeSmb } from './smb.ts';
import { looksLikeSmtp } from './smtp.ts';
import { looksLikeSocks } from './socks.ts';
import { looksLikeStratum } from './stratum.ts';
import { looksLikeSyslog } from './syslog.ts';
import { looksLikeTelnet } from './telnet.ts';
import { looksLikeTftp } from './tftp.ts';
import { looksLikeTls } from './tls.ts';

/** Application protocols: by what the first payload bytes say, and by port as a guess. */

const TCP_PORTS: readonly (readonly [number, string])[] = [
  [20, 'ftp-data'],
  [21, 'ftp'],
  [22, 'ssh'],
  [23, 'telnet'],
  [25, 'smtp'],
  [43, 'whois'],
  [49, 'tacacs'],
  [53, 'dns'],
  [70, 'gopher'],
  [79, 'finger'],
  [80, 'http'],
  [88, 'kerberos'],
  [102, 's7comm'],
  [110, 'pop3'],
  [111, 'rpcbind'],
  [113, 'ident'],
  [119, 'nntp'],
  [135, 'dcerpc'],
  [139, 'netbios-ssn'],
  [143, 'imap'],
  [179, 'bgp'],
  [194, 'irc'],
  [389, 'ldap'],
  [443, 'tls'],
  [445, 'smb'],
  [464, 'kpasswd'],
  [465, 'smtps'],
  [502, 'modbus'],
  [512, 'rexec'],
  [513, 'rlogin'],
  [514, 'rsh'],
  [515, 'lpd'],
  [548, 'afp'],
  [554, 'rtsp'],
  [587, 'smtp'],
  [593, 'dcerpc-http'],
  [631, 'ipp'],
  [636, 'ldaps'],
  [853, 'dns-tls'],
  [873, 'rsync'],
  [902, 'vmware'],
  [990, 'ftps'],
  [993, 'imaps'],
  [995, 'pop3s'],
  [1080, 'socks'],
  [1194, 'openvpn'],
  [1433, 'mssql'],
  [1521, 'oracle'],
  [1723, 'pptp'],
  [1883, 'mqtt'],
  [2049, 'nfs'],
  [2375, 'docker'],
  [2404, 'iec104'],
  [3128, 'http-proxy'],
  [3260, 'iscsi'],
  [3268, 'ldap-gc'],
  [3269, 'ldaps-gc'],
  [3306, 'mysql'],
  [3389, 'rdp'],
  [4840, 'opcua'],
  [5060, 'sip'],
  [5061, 'sips'],
  [5222, 'xmpp'],
  [5269, 'xmpp'],
  [5432, 'postgresql'],
  [5601, 'kibana'],
  [5672, 'amqp'],
  [5900, 'vnc'],
  [5985, 'winrm'],
  [5986, 'winrm-tls'],
  [6379, 'redis'],
  [6667, 'irc'],
  [7680, 'windows-delivery'],
  [8000, 'http'],
  [8008, 'http'],
  [8080, 'http'],
  [8443, 'tls'],
  [8883, 'mqtt-tls'],
  [8888, 'http'],
  [9092, 'kafka'],
  [9100, 'printer'],
  [9200, 'elasticsearch'],
  [11211, 'memcached'],
  [20000, 'dnp3'],
  [27017, 'mongodb'],
  [44818, 'enip'],
  [47808, 'bacnet'],
];

const UDP_PORTS: readonly (readonly [number, string])[] = [
  [7, 'echo'],
  [19, 'chargen'],
  [53, 'dns'],
  [67, 'dhcp'],
  [68, 'dhcp'],
  [69, 'tftp'],
  [88, 'kerberos'],
  [111, 'rpcbind'],
  [123, 'ntp'],
  [137, 'netbios-ns'],
  [138, 'netbios-dgm'],
  [161, 'snmp'],
  [162, 'snmp-trap'],
  [389, 'cldap'],
  [443, 'quic'],
  [464, 'kpasswd'],
  [500, 'ike'],
  [514, 'syslog'],
  [520, 'rip'],
  [546, 'dhcpv6'],
  [547, 'dhcpv6'],
  [623, 'ipmi'],
  [1194, 'openvpn'],
  [1434, 'mssql-browser'],
  [1645, 'radius'],
  [1646, 'radius'],
  [1701, 'l2tp'],
  [1812, 'radius'],
  [1813, 'radius'],
  [1900, 'ssdp'],
  [2055, 'netflow'],
  [2123, 'gtp-c'],
  [2152, 'gtp-u'],
  [3478, 'stun'],
  [3544, 'teredo'],
  [3702, 'ws-discovery'],
  [4500, 'ike'],
  [4739, 'ipfix'],
  [4789, 'vxlan'],
  [5004, 'rtp'],
  [5060, 'sip'],
  [5353, 'mdns'],
  [5355, 'llmnr'],
  [5683, 'coap'],
  [6081, 'geneve'],
  [6343, 'sflow'],
  [11211, 'memcached'],
  [47808, 'bacnet'],
  [51820, 'wireguard'],
];

/** The names of the services that have a port, each under its number; 0 stands for none. */
export const SERVICE_NAMES: readonly (string | undefined)[] = [
  undefined,
  ...new Set([...TCP_PORTS, ...UDP_PORTS].map(([, service]) => service)),
];

const TCP_SERVICE = numbersByPort(TCP_PORTS);
const UDP_SERVICE = numbersByPort(UDP_PORTS);

function numbersByPort(ports: readonly (readonly [number, string])[]): Uint8Array {
  const numbers = new Uint8Array(65_536);
  for (const [port, service] of ports) numbers[port] = SERVICE_NAMES.indexOf(service);
  return numbers;
}

/** The place in `SERVICE_NAMES` of the service that usually listens on a port (0 to 65,535); 0 for ports that we know nothing of. */
export function serviceNumber(protocol: number, port: number): number {
  if (protocol === PROTO.tcp || protocol === PROTO.sctp) return TCP_SERVICE[port];
  return protocol === PROTO.udp || protocol === PROTO.udplite ? UDP_SERVICE[port] : 0;
}

/** The service that usually listens on a port; undefined for ports that we know nothing of. */
export function serviceByPort(protocol: number, port: number): string | undefined {
  return SERVICE_NAMES[serviceNumber(protocol, port)];
}

/** True for ports on which DNS in wire format is spoken (DNS, mDNS, LLMNR). */
export function isDnsPort(port: number): boolean {
  return port === 53 || port === 5353 || port === 5355;
}

/** Which of the three protocols in DNS format is spoken between two ports of which one is a DNS port. */
export function dnsService(port: number, other: number): string {
  return port === 53 || other === 53 ? 'dns' : port === 5353 || other === 5353 ? 'mdns' : 'llmnr';
}

/**
 * What the first payload bytes of one side are, on other ports than DNS has (there the decoder itself is the judge): a protocol that shows itself in a few
 * bytes, under the name that the port tables have for it. Undefined when they say nothing; a wrong answer costs more than none, so every pattern here is at
 * least 3 fixed bytes or a structure that random bytes don't have. Of protocols that have less (NTP, DHCPv6) the responder's port must agree.
 *
 * Runs for the first payload of every flow: the first byte leaves one or two candidates, and only text goes on to the protocols of lines.
 */
export function serviceByContent(
  protocol: number,
  port: number,
  bytes: Uint8Array,
  at: number,
  end: number,
): string | undefined {
  if (end - at < 3) return undefined;
  return protocol === PROTO.tcp
    ? tcpContent(bytes, at, end)
    : protocol === PROTO.udp && end - at >= 4
      ? udpContent(port, bytes, at, end)
      : undefined;
}

function tcpContent(bytes: Uint8Array, at: number, end: number): string | undefined {
  if (looksLikeTls(bytes, at, end)) return 'tls';
  const first = bytes[at];
  if (first >= 0x20 && first < 0x7f && isTextStart(bytes, at, end)) {
    const service = textContent(bytes, at, end);
    if (service !== undefined) return service;
  }
  switch (first) {
    case 0x00:
      if (looksLikeSmb(bytes, at, end)) return 'smb';
      if (isKerberosTcp(bytes, at, end)) return 'kerberos';
      if (looksLikePostgresql(bytes, at, end)) return 'postgresql';
      break;
    case 0x03:
      if (isRdp(bytes, at, end)) return 'rdp';
      break;
    case 0x04:
      if (looksLikeSocks(bytes, at, end)) return 'socks';
      break;
    case 0x05:
      if (isRpcStart(bytes, at, end)) return 'dcerpc';
      if (looksLikeSocks(bytes, at, end)) return 'socks';
      break;
    case 0x10:
    case 0x20:
      if (looksLikeMqtt(bytes, at, end)) return 'mqtt';
      break;
    case 0x13:
      if (looksLikeBitTorrent(bytes, at, end)) return 'bittorrent';
      break;
    case 0x30:
      if (isLdap(bytes, at, end)) return 'ldap';
      break;
    case 0x45: // E: an error
    case 0x52: // R: how to log in
      if (looksLikePostgresql(bytes, at, end)) return 'postgresql';
      break;
    case 0x81:
      if (looksLikeSmb(bytes, at, end)) return 'smb';
      break;
    case 0xff:
      if (looksLikeTelnet(bytes, at, end)) return 'telnet';
      break;
    default:
      break;
  }
  if (isSsl2Hello(bytes, at, end)) return 'tls';
  if (end - at < 8 || bytes[at + 2] !== 0) return undefined;
  // These begin with a number of any value: MySQL with a length in three bytes and a sequence number, Modbus with a transaction and four bytes of which three are 0.
  if (bytes[at + 3] <= 1 && looksLikeMysql(bytes, at, end)) return 'mysql';
  return bytes[at + 3] === 0 && bytes[at + 4] === 0 && looksLikeModbus(bytes, at, end) ? 'modbus' : undefined;
}

/** The first eight bytes are printable, or a line end behind something printable. */
function isTextStart(bytes: Uint8Array, at: number, end: number): boolean {
  const stop = Math.min(end, at + 8);
  for (let i = at; i < stop; i++) {
    const b = bytes[i];
    if ((b < 0x20 || b > 0x7e) && (i === at || (b !== 0x0d && b !== 0x0a && b !== 0x09))) return false;
  }
  return true;
}

function textContent(bytes: Uint8Array, at: number, end: number): string | undefined {
  switch (bytes[at]) {
    case 0x2a: // *
      return looksLikeImap(bytes, at, end) ? 'imap' : looksLikeRedis(bytes, at, end) ? 'redis' : undefined;
    case 0x2b: // +
      return looksLikePop3(bytes, at, end) ? 'pop3' : looksLikeRedis(bytes, at, end) ? 'redis' : undefined;
    case 0x2d: // -
      return looksLikeRedis(bytes, at, end) ? 'redis' : undefined;
    case 0x3a: // :
      return looksLikeIrc(bytes, at, end) ? 'irc' : undefined;
    case 0x3c: // <
      return looksLikeSyslog(bytes, at, end) ? 'syslog' : undefined;
    case 0x7b: // {
      return looksLikeStratum(bytes, at, end) ? 'stratum' : undefined;
    default:
      break;
  }
  const request = requestContent(bytes, at, end);
  if (request !== undefined) return request === '' ? undefined : request;
  if (starts(bytes, at, end, 'SSH-')) return 'ssh';
  if (starts(bytes, at, end, 'RFB 0') && end - at >= 8 && bytes[at + 7] === 0x2e) return 'vnc';
  if (looksLikeSmtp(bytes, at, end)) return 'smtp';
  if (looksLikeFtp(bytes, at, end)) return 'ftp';
  if (looksLikePop3(bytes, at, end)) return 'pop3';
  if (looksLikeImap(bytes, at, end)) return 'imap';
  if (looksLikeIrc(bytes, at, end)) return 'irc';
  if (looksLikeSip(bytes, at, end)) return 'sip';
  if (looksLikeRedis(bytes, at, end)) return 'redis';
  // With its octet count in front.
  return bytes[at] <= 0x39 && looksLikeSyslog(bytes, at, end) ? 'syslog' : undefined;
}

/** Protocols of the shape of HTTP, which share methods and tell themselves apart at the end of the first line; '' when that has not come yet or names another one. */
function requestContent(bytes: Uint8Array, at: number, end: number): string | undefined {
  if (looksLikeHttpResponse(bytes, at, end) || isHttp2Preface(bytes, at, end)) return 'http';
  if (starts(bytes, at, end, 'RTSP/1.0 ') || starts(bytes, at, end, 'RTSP/2.0 ')) return 'rtsp';
  const method = httpMethod(bytes, at, end);
  if (method === undefined) return undefined;
  // 'METHOD target HTTP/1.1'; 'METHOD target' alone is HTTP 0.9.
  const target = at + method.length + 1;
  let here = target;
  while (here < end && bytes[here] > 0x20) here++;
  if (here < end && bytes[here] !== 0x20) return 'http';
  if (here + 1 < end) {
    const version = here + 1;
    if (starts(bytes, version, end, 'HTTP/')) return 'http';
    if (starts(bytes, version, end, 'RTSP/')) return 'rtsp';
    if (starts(bytes, version, end, 'SIP/')) return looksLikeSip(bytes, at, end) ? 'sip' : '';
    if (end - version >= 5) return '';
  }
  // The line goes on: what is asked for has to do.
  const isPath = bytes[target] === 0x2f || starts(bytes, target, end, 'http');
  return isPath || method === 'CONNECT' ? 'http' : '';
}

/** TPKT version 3, then an X.224 connection request or confirm of RDP: S7comm and MMS, which have the same, have parameters (0xc0 to 0xc2) behind it. */
function isRdp(bytes: Uint8Array, at: number, end: number): boolean {
  if (end - at < 11 || bytes[at + 1] !== 0 || bytes[at + 2] !== 0) return false;
  const code = bytes[at + 5];
  if ((code !== 0xe0 && code !== 0xd0) || bytes[at + 4] !== bytes[at + 3] - 5 || bytes[at + 10] !== 0) return false;
  if (bytes[at + 3] === 11) return end - at === 11;
  const next = bytes[at + 11];
  // A negotiation, or the cookie or routing token before it.
  return code === 0xd0 ? next === 2 || next === 3 : next === 1 || next === 0x43 || next === 0x74;
}

/** A ClientHello in the form of SSL 2.0 (RFC 5246 appendix E.2) that offers SSL 2.0 to TLS 1.2 and whose lengths agree. */
function isSsl2Hello(bytes: Uint8Array, at: number, end: number): boolean {
  if (end - at < 11 || (bytes[at] & 0x80) === 0 || bytes[at + 2] !== 1) return false;
  const version = (bytes[at + 3] << 8) | bytes[at + 4];
  if (version !== 2 && (version < 0x300 || version > 0x303)) return false;
  const ciphers = (bytes[at + 5] << 8) | bytes[at + 6];
  const session = (bytes[at + 7] << 8) | bytes[at + 8];
  const challenge = (bytes[at + 9] << 8) | bytes[at + 10];
  const length = ((bytes[at] & 0x7f) << 8) | bytes[at + 1];
  if (ciphers === 0 || ciphers % 3 !== 0 || (session !== 0 && session !== 16)) return false;
  return challenge >= 16 && challenge <= 32 && length === 9 + ciphers + session + challenge;
}

/** The first fragment of a call, an answer or a binding, whose length has room for what must be in it. */
function isRpcStart(bytes: Uint8Array, at: number, end: number): boolean {
  if (!looksLikeRpc(bytes, at, end) || (bytes[at + 3] & 1) === 0) return false;
  const isLittle = bytes[at + 4] === 0x10;
  const u16 = (o: number): number => (isLittle ? bytes[o] | (bytes[o + 1] << 8) : (bytes[o] << 8) | bytes[o + 1]);
  return u16(at + 8) >= 24 + u16(at + 10);
}

/** A message behind its length in four bytes (RFC 4120 section 7.2.2). */
function isKerberosTcp(bytes: Uint8Array, at: number, end: number): boolean {
  if (end - at < 16 || bytes[at + 1] > 0x0f || (bytes[at + 4] & 0xe0) !== 0x60) return false;
  return looksLikeKerberos(bytes, at + 4, end);
}

function isLdap(bytes: Uint8Array, at: number, end: number): boolean {
  return end - at >= 7 && decodeLdap(bytes, at, end) !== undefined;
}

function udpContent(port: number, bytes: Uint8Array, at: number, end: number): string | undefined {
  const n = end - at;
  const first = bytes[at];
  switch (first) {
    case 0x00:
      if (looksLikeTftp(bytes, at, end)) return 'tftp';
      if (looksLikeBitTorrent(bytes, at, end)) return 'bittorrent';
      break;
    case 0x01:
    case 0x02:
      // The magic cookie behind the BOOTP header (RFC 2131).
      if (n >= 240 && u32(bytes, at + 236) === 0x63825363) return 'dhcp';
      // Handshake initiation and response of WireGuard: type, three zeros, one length.
      if (n === (first === 1 ? 148 : 92) && u32(bytes, at) === first * 0x1000000) return 'wireguard';
      break;
    case 0x10:
    case 0x11:
    case 0x12:
    case 0x13:
    case 0x14:
    case 0x15:
    case 0x16:
    case 0x17:
      if (isNetbiosDatagram(bytes, at, end)) return 'netbios-dgm';
      if (isDtls(bytes, at, end)) return 'dtls';
      break;
    case 0x30:
      if (isSnmp(bytes, at, end)) return port === 162 ? 'snmp-trap' : 'snmp';
      if (isLdap(bytes, at, end)) return 'cldap';
      break;
    case 0x3c: // <
      if (looksLikeSyslog(bytes, at, end)) return 'syslog';
      break;
    case 0x41: // uTP: version 1, SYN
    case 0x42: // BT-SEARCH
    case 0x64: // d: a bencoded dictionary
      if (looksLikeBitTorrent(bytes, at, end)) return 'bittorrent';
      break;
    case 0x48:
      if (starts(bytes, at, end, 'HTTP/1.1 200 ')) return 'ssdp';
      break;
    case 0x4d:
      if (starts(bytes, at, end, 'M-SEARCH * HTTP/1.')) return 'ssdp';
      break;
    case 0x4e:
      if (starts(bytes, at, end, 'NOTIFY * HTTP/1.')) return 'ssdp';
      break;
    default:
      break;
  }
  // STUN: the magic cookie in bytes 4 to 7 (RFC 8489).
  if (first < 2 && n >= 20 && u32(bytes, at + 4) === 0x2112a442) return 'stun';
  if (first >= 0xc0) return isQuic(bytes, at, end) ? 'quic' : undefined;
  if (first >= 0x41 && first <= 0x5a && isTextStart(bytes, at, end) && looksLikeSip(bytes, at, end)) return 'sip';
  if ((first & 0xe0) === 0x60 && n >= 16 && looksLikeKerberos(bytes, at, end)) return 'kerberos';
  if (n >= 50 && isNetbiosName(bytes, at + 12)) return 'netbios-ns';
  if (port === 123 && n >= 48 && ((first >> 3) & 7) >= 1 && ((first >> 3) & 7) <= 4 && (first & 7) !== 0) return 'ntp';
  if ((port === 546 || port === 547) && decodeDhcpv6(bytes, at, end) !== undefined) return 'dhcpv6';
  return undefined;
}

/** A name in its wire form: a length of 32, 32 letters A to P, then the end or a scope (RFC 1001 section 14.1). The caller has seen that 34 bytes are there. */
function isNetbiosName(bytes: Uint8Array, at: number): boolean {
  if (bytes[at] !== 32 || bytes[at + 33] > 63) return false;
  for (let i = at + 1; i <= at + 32; i++) if (bytes[i] < 0x41 || bytes[i] > 0x50) return false;
  return true;
}

/** Direct unique, direct group, broadcast (RFC 1002 section 4.4): a name follows the header of 14 bytes. */
function isNetbiosDatagram(bytes: Uint8Array, at: number, end: number): boolean {
  return bytes[at] <= 0x12 && end - at >= 48 && isNetbiosName(bytes, at + 14);
}

/** A record of DTLS 1.0 or 1.2 outside (RFC 6347 section 4.1) whose length fits into the datagram; handshakes begin in epoch 0. */
function isDtls(bytes: Uint8Array, at: number, end: number): boolean {
  if (end - at < 13 || bytes[at] < 0x14 || bytes[at + 1] !== 0xfe) return false;
  if (bytes[at + 2] !== 0xff && bytes[at + 2] !== 0xfd) return false;
  const length = (bytes[at + 11] << 8) | bytes[at + 12];
  return length > 0 && at + 13 + length <= end && bytes[at + 3] === 0 && (bytes[at] !== 0x16 || bytes[at + 4] <= 1);
}

/** A sequence of version 0, 1 or 3 and what follows it: a community and a PDU, or the header of version 3 (RFC 1157, RFC 1901, RFC 3412). */
function isSnmp(bytes: Uint8Array, at: number, end: number): boolean {
  const size = bytes[at + 1] < 0x80 ? 2 : bytes[at + 1] === 0x81 ? 3 : bytes[at + 1] === 0x82 ? 4 : 0;
  const here = at + size;
  if (size === 0 || here + 6 > end || bytes[here] !== 2 || bytes[here + 1] !== 1) return false;
  const version = bytes[here + 2];
  if (version === 3) return bytes[here + 3] === 0x30 && bytes[here + 5] === 2;
  const pdu = here + 5 + bytes[here + 4];
  if (version > 1 || bytes[here + 3] !== 4 || bytes[here + 4] > 127) return false;
  return pdu < end && bytes[pdu] >= 0xa0 && bytes[pdu] <= 0xa8;
}

/** A long header with a version that exists, and ids that fit in: 1 (RFC 9000), 2 (RFC 9369), drafts 23 to 34, or Google's (Q or T and three digits). */
function isQuic(bytes: Uint8Array, at: number, end: number): boolean {
  if (end - at < 20) return false;
  const version = u32(bytes, at + 1);
  if (version === 1 || version === 0x6b3343cf || (version >= 0xff000017 && version <= 0xff000022)) {
    const destination = bytes[at + 5];
    return destination <= 20 && at + 6 + destination < end && bytes[at + 6 + destination] <= 20;
  }
  const family = bytes[at + 1];
  if (family !== 0x51 && family !== 0x54) return false;
  for (let i = at + 2; i <= at + 4; i++) if (bytes[i] < 0x30 || bytes[i] > 0x39) return false;
  return bytes[at + 2] === 0x30;
}

function u32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}

function starts(bytes: Uint8Array, at: number, end: number, text: string): boolean {
  if (end - at < text.length) return false;
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text.charCodeAt(i)) return false;
  return true;
}
