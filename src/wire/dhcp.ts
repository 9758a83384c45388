import { formatIpv4, formatMac, parseAddress } from './address.ts';
import { ByteWriter, hexToBytes, utf8Bytes, wireHex, wireText } from './bytes.ts';
import { decodeDuid, encodeDuid } from './dhcpv6.ts';
import { encodeLoneName, loneName } from './dns-name.ts';

/**
 * DHCP for IPv4, RFC 2131 and 2132: the BOOTP header, then options, which may go on in the `file` and `sname` fields (overload) and may be split
 * (RFC 3396). Further options: relay agent (3046), FQDN (4702), classless routes (3442), client identifiers with a DUID (4361), domain search (3397).
 */

const OP = 0;
const HARDWARE_TYPE = 1;
const HARDWARE_LENGTH = 2;
const HOPS = 3;
const TRANSACTION = 4;
const SECONDS = 8;
const FLAGS = 10;
const CLIENT_ADDRESS = 12;
const CLIENT_HARDWARE = 28;
const SERVER_NAME = 44;
const FILE = 108;
const COOKIE = 236;
const OPTIONS = 240;

const OPTION_PAD = 0;
const OPTION_OVERLOAD = 52;
const OPTION_END = 255;
/** Options in one message, pieces counted one by one. */
const MAX_OPTIONS = 256;
const MAX_ADDRESSES = 16;

/** RFC 2132 section 9.6, 3203, 4388, 6926. */
const TYPES = [
  'bootp',
  'discover',
  'offer',
  'request',
  'decline',
  'ack',
  'nak',
  'release',
  'inform',
  'force-renew',
  'lease-query',
  'lease-unassigned',
  'lease-unknown',
  'lease-active',
  'bulk-lease-query',
  'lease-query-done',
  'active-lease-query',
  'lease-query-status',
  'tls',
];

export interface DhcpRelayAgent {
  /** Hex, or text where it is all printable. */
  readonly circuitId: string;
  readonly remoteId: string;
  readonly subscriberId: string;
}

export interface DhcpMessage {
  /** True from a server. */
  readonly isReply: boolean;
  /** 'discover', 'offer', 'request', 'decline', 'ack', 'nak', 'release', 'inform', ...; 'bootp' without the option, 'type <n>' for others. */
  readonly type: string;
  readonly transaction: number;
  /** Seconds since the client began. */
  readonly seconds: number;
  /** Relays that it passed. */
  readonly hops: number;
  /** The client can hear the answer by broadcast only. */
  readonly isBroadcast: boolean;
  /** Of 6 bytes only; undefined for other hardware. */
  readonly clientMac: string | undefined;
  /** ciaddr: the client's address while it renews. '' instead of 0.0.0.0 here and below. */
  readonly clientAddress: string;
  /** yiaddr: the address that is given. */
  readonly yourAddress: string;
  /** siaddr: the server to boot from. */
  readonly nextServer: string;
  /** giaddr. */
  readonly relayAddress: string;
  /** Host name of the client, or for the client in answers (option 12). */
  readonly hostname: string;
  /** Option 81. */
  readonly fqdn: string;
  /** Option 60: 'MSFT 5.0', 'android-dhcp-13', ... */
  readonly vendorClass: string;
  /** Option 77, its first class. */
  readonly userClass: string;
  /** Option 61: the MAC, the text, or hex with its type; '' without the option. */
  readonly clientId: string;
  /** The MAC that the client identifier (or the DUID in it) holds; differs from `clientMac` when one of them is made up. */
  readonly clientIdMac: string | undefined;
  readonly requestedAddress: string;
  readonly serverId: string;
  /** Undefined without the option; 4294967295 is for ever. */
  readonly leaseSeconds: number | undefined;
  /** Options asked for, in the order asked: '1,3,6,15,119,252'. Together with `optionOrder` it tells kinds of clients apart. '' without option 55. */
  readonly parameterOrder: string;
  /** Codes of the options as they were sent: '53,61,50,12,60,55'. */
  readonly optionOrder: string;
  readonly subnetMask: string;
  readonly routers: readonly string[];
  readonly dnsServers: readonly string[];
  readonly ntpServers: readonly string[];
  readonly domain: string;
  readonly domainSearch: readonly string[];
  /** Classless static routes (option 121): '10.0.0.0/8 via 192.168.0.1'. A server that nobody knows can draw traffic to itself with them. */
  readonly routes: readonly string[];
  /** Server to boot from by name (option 66 or the header's sname), and its file (67 or the header's). */
  readonly bootServer: string;
  readonly bootFile: string;
  /** Proxy configuration (option 252). */
  readonly proxyUrl: string;
  /** Captive portal (option 114). */
  readonly portalUrl: string;
  /** Where the maker describes what the device does (option 161, RFC 8520). */
  readonly mudUrl: string;
  /** What the server says about a refusal (option 56). */
  readonly message: string;
  readonly relayAgent: DhcpRelayAgent | undefined;
  /** Bytes of the message that were there. */
  readonly bytes: number;
  /** 'cut' when the bytes end inside the options, 'malformed' when an option leaves its field. */
  readonly state: 'complete' | 'cut' | 'malformed';
}

/** The message at [at, end), or undefined when it is none: shorter than its header, no op 1 or 2, or another cookie. */
export function decodeDhcp(bytes: Uint8Array, at: number, end: number): DhcpMessage | undefined {
  if (end - at < OPTIONS || (bytes[at + OP] !== 1 && bytes[at + OP] !== 2)) return undefined;
  if (u32(bytes, at + COOKIE) !== 0x63825363) return undefined;
  const options = new Options(bytes);
  let state: DhcpMessage['state'] = options.read(at + OPTIONS, end);
  const overload = options.number(OPTION_OVERLOAD) ?? 0;
  // The order of RFC 3396 section 5: options, file, sname.
  if (overload & 1 && options.read(at + FILE, at + COOKIE) !== 'complete') state = 'malformed';
  if (overload & 2 && options.read(at + SERVER_NAME, at + FILE) !== 'complete') state = 'malformed';
  const isEthernet = bytes[at + HARDWARE_LENGTH] === 6 && bytes[at + HARDWARE_TYPE] !== 0;
  const type = options.number(53) ?? 0;
  const clientId = decodeClientId(options.value(61));
  const address = (field: number): string => addressText(bytes, at + CLIENT_ADDRESS + 4 * field);
  return {
    isReply: bytes[at + OP] === 2,
    type: TYPES[type] ?? `type ${type}`,
    transaction: u32(bytes, at + TRANSACTION),
    seconds: (bytes[at + SECONDS] << 8) | bytes[at + SECONDS + 1],
    hops: bytes[at + HOPS],
    isBroadcast: bytes[at + FLAGS] >= 0x80,
    clientMac: isEthernet ? formatMac(bytes, at + CLIENT_HARDWARE) : undefined,
    clientAddress: address(0),
    yourAddress: address(1),
    nextServer: address(2),
    relayAddress: address(3),
    hostname: options.text(12),
    fqdn: decodeFqdn(options.value(81)),
    vendorClass: options.text(60),
    userClass: decodeUserClass(options.value(77)),
    clientId: clientId.text,
    clientIdMac: clientId.mac,
    requestedAddress: options.address(50),
    serverId: options.address(54),
    leaseSeconds: options.number(51, 4),
    parameterOrder: Array.from(options.value(55) ?? []).join(','),
    optionOrder: options.order.join(','),
    subnetMask: options.address(1),
    routers: options.addresses(3),
    dnsServers: options.addresses(6),
    ntpServers: options.addresses(42),
    domain: options.text(15),
    domainSearch: decodeSearch(options.value(119)),
    routes: decodeRoutes(options.value(121) ?? options.value(249)),
    bootServer: options.text(66) || (overload & 2 ? '' : zeroEnded(bytes, at + SERVER_NAME, at + FILE)),
    bootFile: options.text(67) || (overload & 1 ? '' : zeroEnded(bytes, at + FILE, at + COOKIE)),
    proxyUrl: options.text(252),
    portalUrl: options.text(114),
    mudUrl: options.text(161),
    message: options.text(56),
    relayAgent: decodeRelayAgent(options.value(82)),
    bytes: end - at,
    state,
  };
}

function u32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}

function addressText(bytes: Uint8Array, at: number): string {
  const word = u32(bytes, at) | 0;
  return word === 0 ? '' : formatIpv4(word);
}

/** Text up to the first zero; some clients end their texts with one. */
function zeroEnded(bytes: Uint8Array, from: number, end: number): string {
  let to = from;
  while (to < end && bytes[to] !== 0) to++;
  return wireText(bytes, from, to);
}

/** The options of one message, the pieces of a split one put together. */
class Options {
  /** Codes as sent, a split option once for each of its pieces. */
  readonly order: number[] = [];
  #bytes: Uint8Array;
  #values = new Map<number, Uint8Array>();

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Reads one field of options up to its end mark. */
  read(from: number, end: number): 'complete' | 'cut' {
    let here = from;
    while (here < end && this.order.length < MAX_OPTIONS) {
      const code = this.#bytes[here++];
      if (code === OPTION_END) return 'complete';
      if (code === OPTION_PAD) continue;
      if (here >= end) return 'cut';
      const length = this.#bytes[here++];
      if (here + length > end) return 'cut';
      this.order.push(code);
      const piece = this.#bytes.subarray(here, here + length);
      const before = this.#values.get(code);
      this.#values.set(code, before === undefined ? piece : joined(before, piece));
      here += length;
    }
    // BOOTP and old clients end with the field instead of an end mark.
    return 'complete';
  }

  value(code: number): Uint8Array | undefined {
    return this.#values.get(code);
  }

  text(code: number): string {
    const value = this.#values.get(code);
    return value === undefined ? '' : zeroEnded(value, 0, value.length);
  }

  /** An unsigned number of `width` bytes, 1 or 4; undefined when there is none of that width. */
  number(code: number, width: 1 | 4 = 1): number | undefined {
    const value = this.#values.get(code);
    if (value === undefined || value.length < width) return undefined;
    return width === 1 ? value[0] : u32(value, 0);
  }

  /** '' for 0.0.0.0 and without the option. */
  address(code: number): string {
    const value = this.#values.get(code);
    return value === undefined || value.length < 4 ? '' : addressText(value, 0);
  }

  /** At most 16. */
  addresses(code: number): string[] {
    const value = this.#values.get(code) ?? new Uint8Array();
    const found: string[] = [];
    for (let i = 0; i + 4 <= value.length && found.length < MAX_ADDRESSES; i += 4)
      found.push(formatIpv4(u32(value, i) | 0));
    return found;
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const whole = new Uint8Array(a.length + b.length);
  whole.set(a);
  whole.set(b, a.length);
  return whole;
}

function isPrintable(value: Uint8Array): boolean {
  return value.length > 0 && value.every((byte) => byte >= 0x20 && byte < 0x7f);
}

function textOrHex(value: Uint8Array): string {
  return isPrintable(value) ? wireText(value, 0, value.length) : wireHex(value, 0, value.length, 64);
}

/** RFC 2132 section 9.14: a hardware type and address, or type 0 and anything; RFC 4361 section 6.1: type 255, an IAID of 4 bytes and a DUID. */
function decodeClientId(value: Uint8Array | undefined): { text: string; mac: string | undefined } {
  if (value === undefined || value.length === 0) return { text: '', mac: undefined };
  const type = value[0];
  if (type === 1 && value.length === 7) {
    const mac = formatMac(value, 1);
    return { text: mac, mac };
  }
  if (type === 255 && value.length > 5) {
    const duid = decodeDuid(value, 5, value.length);
    if (duid !== undefined) return { text: `iaid ${wireHex(value, 1, 5)} duid ${duid.hex}`, mac: duid.mac };
  }
  const rest = value.subarray(1);
  if (type === 0 && isPrintable(rest)) return { text: wireText(rest, 0, rest.length), mac: undefined };
  // Old clients send text without the type.
  return { text: textOrHex(value), mac: undefined };
}

/** Flags, two dead bytes, and a name: labels when the E flag says so, else text (RFC 4702 section 2). */
function decodeFqdn(value: Uint8Array | undefined): string {
  if (value === undefined || value.length < 3) return '';
  if (value[0] & 0x04) return loneName(value, 3, value.length)?.name ?? wireHex(value, 3, value.length);
  return zeroEnded(value, 3, value.length);
}

/** Classes behind their lengths (RFC 3004); Windows and iPXE send text without a length. */
function decodeUserClass(value: Uint8Array | undefined): string {
  if (value === undefined || value.length === 0) return '';
  const first = value[0];
  return first > 0 && first < value.length && (first + 1 === value.length || first < 0x20)
    ? wireText(value, 1, 1 + first)
    : zeroEnded(value, 0, value.length);
}

/** Names of RFC 3397, whose pointers count from the option's own first byte. At most 16. */
function decodeSearch(value: Uint8Array | undefined): string[] {
  if (value === undefined) return [];
  const names: string[] = [];
  let here = 0;
  while (here < value.length && names.length < MAX_ADDRESSES) {
    const labels: string[] = [];
    let at = here;
    let next = -1;
    while (at < value.length && value[at] !== 0 && labels.length < 64) {
      const label = value[at];
      if (label >= 0xc0) {
        const target = at + 1 < value.length ? ((label & 63) << 8) | value[at + 1] : at;
        next = next < 0 ? at + 2 : next;
        // Backwards only, so that it ends.
        if (target >= here) return names;
        at = target;
      } else {
        if (label > 63 || at + 1 + label > value.length) return names;
        labels.push(wireText(value, at + 1, at + 1 + label));
        at += 1 + label;
      }
    }
    if (labels.length > 0) names.push(labels.join('.'));
    here = next < 0 ? at + 1 : next;
  }
  return names;
}

/** Prefix length, as many bytes of the network as it needs, the router (RFC 3442). At most 16; ends at what cannot be. */
function decodeRoutes(value: Uint8Array | undefined): string[] {
  const routes: string[] = [];
  for (let here = 0; value !== undefined && here < value.length && routes.length < MAX_ADDRESSES; ) {
    const bits = value[here];
    const length = (bits + 7) >> 3;
    if (bits > 32 || here + 1 + length + 4 > value.length) break;
    let network = 0;
    for (let i = 0; i < 4; i++) network = (network << 8) | (i < length ? value[here + 1 + i] : 0);
    routes.push(`${formatIpv4(network)}/${bits} via ${formatIpv4(u32(value, here + 1 + length) | 0)}`);
    here += 1 + length + 4;
  }
  return routes;
}

function decodeRelayAgent(value: Uint8Array | undefined): DhcpRelayAgent | undefined {
  if (value === undefined) return undefined;
  const parts = ['', '', ''];
  for (let here = 0; here + 2 <= value.length; ) {
    const to = here + 2 + value[here + 1];
    if (to > value.length) break;
    // Sub-options 1, 2 (RFC 3046) and 6 (RFC 3993).
    const part = [1, 2, 6].indexOf(value[here]);
    if (part >= 0) parts[part] = textOrHex(value.subarray(here + 2, to));
    here = to;
  }
  return { circuitId: parts[0], remoteId: parts[1], subscriberId: parts[2] };
}

export interface DhcpFields {
  readonly isReply?: boolean;
  /** One of the types that `decodeDhcp` names; 'bootp' sends none. */
  readonly type?: string;
  readonly transaction?: number;
  readonly seconds?: number;
  readonly hops?: number;
  readonly isBroadcast?: boolean;
  readonly clientMac?: string;
  readonly clientAddress?: string;
  readonly yourAddress?: string;
  readonly nextServer?: string;
  readonly relayAddress?: string;
  readonly hostname?: string;
  readonly fqdn?: string;
  readonly vendorClass?: string;
  /** A MAC; other identifiers go into `options`. */
  readonly clientIdMac?: string;
  /** A MAC of which the identifier's DUID is made, as systemd and NetworkManager do it. */
  readonly clientIdDuidMac?: string;
  readonly requestedAddress?: string;
  readonly serverId?: string;
  readonly leaseSeconds?: number;
  /** '1,3,6,15'. */
  readonly parameterOrder?: string;
  readonly subnetMask?: string;
  readonly routers?: readonly string[];
  readonly dnsServers?: readonly string[];
  readonly ntpServers?: readonly string[];
  readonly domain?: string;
  readonly proxyUrl?: string;
  readonly message?: string;
  readonly bootServer?: string;
  readonly bootFile?: string;
  /** More options, behind those that the fields above make. */
  readonly options?: readonly { readonly code: number; readonly content: Uint8Array }[];
}

/** A message, filled up to BOOTP's 300 bytes. Options come in the order of `DhcpFields`; one above 255 bytes is split (RFC 3396). */
export function encodeDhcp(fields: DhcpFields): Uint8Array {
  const { isReply = false, type = 'discover', transaction = 0, seconds = 0, hops = 0, isBroadcast = false } = fields;
  const { clientMac = '00:00:00:00:00:00', bootServer = '', bootFile = '', options = [] } = fields;
  const out = new ByteWriter()
    .u8(isReply ? 2 : 1)
    .u8(1)
    .u8(6)
    .u8(hops)
    .u32(transaction)
    .u16(seconds);
  out.u16(isBroadcast ? 0x8000 : 0);
  for (const address of [fields.clientAddress, fields.yourAddress, fields.nextServer, fields.relayAddress])
    out.bytes(addressBytes(address ?? ''));
  out.bytes(hexToBytes(clientMac)).zeros(10);
  for (const [text, size] of [
    [bootServer, FILE - SERVER_NAME],
    [bootFile, COOKIE - FILE],
  ] as const) {
    const content = utf8Bytes(text).subarray(0, size);
    out.bytes(content).zeros(size - content.length);
  }
  out.u32(0x63825363);
  const write = (code: number, content: Uint8Array | undefined): void => {
    if (content === undefined) return;
    let at = 0;
    do {
      const piece = content.subarray(at, at + 255);
      out.u8(code).u8(piece.length).bytes(piece);
      at += 255;
    } while (at < content.length);
  };
  const text = (value: string | undefined): Uint8Array | undefined =>
    value === undefined || value === '' ? undefined : utf8Bytes(value);
  const addresses = (list: readonly string[]): Uint8Array | undefined =>
    list.length === 0 ? undefined : Uint8Array.from(list.flatMap((address) => Array.from(addressBytes(address))));
  const one = (address: string | undefined): Uint8Array | undefined =>
    address === undefined || address === '' ? undefined : addressBytes(address);
  const typeNumber = TYPES.indexOf(type);
  if (typeNumber > 0) write(53, Uint8Array.of(typeNumber));
  if (fields.clientIdMac !== undefined) write(61, Uint8Array.of(1, ...hexToBytes(fields.clientIdMac)));
  if (fields.clientIdDuidMac !== undefined)
    write(61, Uint8Array.of(255, 0, 0, 0, 1, ...encodeDuid({ mac: fields.clientIdDuidMac })));
  write(50, one(fields.requestedAddress));
  write(54, one(fields.serverId));
  if (fields.leaseSeconds !== undefined) write(51, new ByteWriter().u32(fields.leaseSeconds).finish());
  write(12, text(fields.hostname));
  if (fields.fqdn !== undefined && fields.fqdn !== '')
    write(81, Uint8Array.of(0x05, 0, 0, ...encodeLoneName(fields.fqdn)));
  write(60, text(fields.vendorClass));
  if (fields.parameterOrder !== undefined && fields.parameterOrder !== '')
    write(55, Uint8Array.from(fields.parameterOrder.split(',').map(Number)));
  write(1, one(fields.subnetMask));
  write(3, addresses(fields.routers ?? []));
  write(6, addresses(fields.dnsServers ?? []));
  write(42, addresses(fields.ntpServers ?? []));
  write(15, text(fields.domain));
  write(252, text(fields.proxyUrl));
  write(56, text(fields.message));
  for (const { code, content } of options) write(code, content);
  out.u8(OPTION_END);
  return out.zeros(300 - out.length).finish();
}

function addressBytes(address: string): Uint8Array {
  return new ByteWriter().u32(parseAddress(address)?.words[0] ?? 0).finish();
}

/** 'request 3c:07:54:00:00:01 "phone" 192.168.0.5', 'ack 3c:07:54:00:00:01 192.168.0.5 for 86400 s from 192.168.0.1'. */
export function summarizeDhcp(message: DhcpMessage): string {
  const { type, clientMac, hostname, yourAddress, requestedAddress, clientAddress, leaseSeconds, serverId } = message;
  const words = [type, clientMac ?? message.clientId];
  if (hostname !== '') words.push(`"${hostname}"`);
  words.push(yourAddress || requestedAddress || clientAddress);
  if (message.isReply && leaseSeconds !== undefined) words.push(`for ${leaseSeconds} s`);
  if (message.isReply && serverId !== '') words.push(`from ${serverId}`);
  return words.filter((word) => word !== '').join(' ');
}
