import { decodeHttpRequest, looksLikeHttpResponse } from './http.ts';
import { PROTO } from './packet.ts';
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

const TCP_SERVICE = new Map(TCP_PORTS);
const UDP_SERVICE = new Map(UDP_PORTS);

/** The service that usually listens on a port; undefined for ports that we know nothing of. */
export function serviceByPort(protocol: number, port: number): string | undefined {
  if (protocol === PROTO.tcp || protocol === PROTO.sctp) return TCP_SERVICE.get(port);
  return protocol === PROTO.udp || protocol === PROTO.udplite ? UDP_SERVICE.get(port) : undefined;
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
 * What the first payload bytes of one side are, on other ports than DNS has (there the decoder itself is the judge): a protocol that shows itself in a few bytes. Undefined when they say nothing; a wrong answer costs more than
 * none, so every pattern here is at least 3 fixed bytes or a structure that random bytes don't have.
 */
export function serviceByContent(
  protocol: number,
  port: number,
  bytes: Uint8Array,
  at: number,
  end: number,
): string | undefined {
  const n = end - at;
  if (n < 4) return undefined;
  return protocol === PROTO.tcp
    ? tcpContent(port, bytes, at, end)
    : protocol === PROTO.udp
      ? udpContent(port, bytes, at, end)
      : undefined;
}

function tcpContent(port: number, bytes: Uint8Array, at: number, end: number): string | undefined {
  const n = end - at;
  if (looksLikeTls(bytes, at, end)) return 'tls';
  switch (bytes[at]) {
    case 0x53: // "SSH-"
      if (starts(bytes, at, end, 'SSH-')) return 'ssh';
      break;
    case 0x00:
      // NetBIOS session header of type 0, then SMB 1 or SMB 2 and 3.
      if (
        n >= 8 &&
        (bytes[at + 4] === 0xff || bytes[at + 4] === 0xfe || bytes[at + 4] === 0xfd) &&
        starts(bytes, at + 5, end, 'SMB')
      )
        return 'smb';
      break;
    case 0x03:
      // TPKT version 3, reserved 0, then an X.224 connection request or confirm: RDP's first packet.
      if (n >= 7 && bytes[at + 1] === 0 && (bytes[at + 5] === 0xe0 || bytes[at + 5] === 0xd0)) return 'rdp';
      break;
    case 0x05:
      // DCE/RPC version 5.0, bind or bind-ack, little-endian data.
      if (n >= 16 && bytes[at + 1] === 0 && (bytes[at + 2] === 11 || bytes[at + 2] === 12) && bytes[at + 4] === 0x10)
        return 'dcerpc';
      break;
    case 0x52:
      if (starts(bytes, at, end, 'RFB 00')) return 'vnc';
      break;
    case 0x10:
      if (n >= 12 && (starts(bytes, at + 4, end, 'MQTT') || starts(bytes, at + 4, end, 'MQIs'))) return 'mqtt';
      break;
    case 0x2a:
      if (starts(bytes, at, end, '* OK')) return 'imap';
      break;
    case 0x2b:
      if (starts(bytes, at, end, '+OK')) return 'pop3';
      break;
    case 0x13:
      if (starts(bytes, at + 1, end, 'BitTorrent protocol')) return 'bittorrent';
      break;
    case 0x32: // "220 " opens both FTP and SMTP: the greeting, then the port, says which.
      if (starts(bytes, at, end, '220 ') || starts(bytes, at, end, '220-')) {
        const greeting = String.fromCharCode(...bytes.subarray(at, Math.min(end, at + 128))).toUpperCase();
        if (greeting.includes('SMTP')) return 'smtp';
        if (greeting.includes('FTP')) return 'ftp';
        return port === 25 || port === 587 || port === 21 ? serviceByPort(PROTO.tcp, port) : undefined;
      }
      break;
    default:
      break;
  }
  if (starts(bytes, at, end, 'EHLO ') || starts(bytes, at, end, 'HELO ')) return 'smtp';
  if (decodeHttpRequest(bytes, at, end) !== undefined || looksLikeHttpResponse(bytes, at, end)) return 'http';
  return undefined;
}

function udpContent(port: number, bytes: Uint8Array, at: number, end: number): string | undefined {
  const n = end - at;
  // DHCP: the magic cookie behind the BOOTP header (RFC 2131).
  if (
    n >= 240 &&
    bytes[at + 236] === 0x63 &&
    bytes[at + 237] === 0x82 &&
    bytes[at + 238] === 0x53 &&
    bytes[at + 239] === 0x63
  )
    return 'dhcp';
  if (starts(bytes, at, end, 'M-SEARCH') || starts(bytes, at, end, 'NOTIFY *')) return 'ssdp';
  // STUN: the magic cookie in bytes 4 to 7 (RFC 8489).
  if (
    n >= 20 &&
    bytes[at] < 2 &&
    bytes[at + 4] === 0x21 &&
    bytes[at + 5] === 0x12 &&
    bytes[at + 6] === 0xa4 &&
    bytes[at + 7] === 0x42
  )
    return 'stun';
  // QUIC long header with a version that exists (RFC 9000 section 17.2): 1, 2 or negotiation.
  if (
    n >= 20 &&
    (bytes[at] & 0xc0) === 0xc0 &&
    ((bytes[at + 1] === 0 && bytes[at + 2] === 0 && bytes[at + 3] === 0 && bytes[at + 4] === 1) ||
      (bytes[at + 1] === 0x6b && bytes[at + 2] === 0x33 && bytes[at + 3] === 0x43 && bytes[at + 4] === 0xcf))
  )
    return 'quic';
  if (port === 123 && n >= 48 && ((bytes[at] >> 3) & 7) >= 1 && ((bytes[at] >> 3) & 7) <= 4) return 'ntp';
  return undefined;
}

function starts(bytes: Uint8Array, at: number, end: number, text: string): boolean {
  if (end - at < text.length) return false;
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text.charCodeAt(i)) return false;
  return true;
}
