import { formatIpv6, formatMac, parseAddress } from './address.ts';
import { ByteWriter, hexToBytes, utf8Bytes, wireHex, wireText } from './bytes.ts';
import { encodeLoneName, loneName } from './dns-name.ts';

/**
 * DHCP for IPv6, RFC 8415: client and server messages (section 8), relay messages around them (section 9), options (section 21). Further options: DNS servers
 * and search list (RFC 3646), FQDN (4704), remote id (4649), client link-layer address (6939).
 */

const HEADER_BYTES = 4;
const RELAY_HEADER_BYTES = 34;
const RELAY_FORWARD = 12;
const RELAY_REPLY = 13;
/** HOP_COUNT_LIMIT of section 7.6. */
const MAX_RELAYS = 8;
const MAX_OPTIONS = 128;
const MAX_ADDRESSES = 16;

const TYPES = new Map<number, string>([
  [1, 'solicit'],
  [2, 'advertise'],
  [3, 'request'],
  [4, 'confirm'],
  [5, 'renew'],
  [6, 'rebind'],
  [7, 'reply'],
  [8, 'release'],
  [9, 'decline'],
  [10, 'reconfigure'],
  [11, 'information-request'],
  [12, 'relay-forward'],
  [13, 'relay-reply'],
  [14, 'lease-query'],
  [15, 'lease-query-reply'],
  [16, 'lease-query-done'],
  [17, 'lease-query-data'],
  [18, 'reconfigure-request'],
  [19, 'reconfigure-reply'],
  [20, 'dhcpv4-query'],
  [21, 'dhcpv4-response'],
  [22, 'active-lease-query'],
  [23, 'start-tls'],
]);

/** A DHCP unique identifier, section 11. */
export interface Duid {
  readonly kind: 'link-layer and time' | 'enterprise' | 'link-layer' | 'uuid' | 'other';
  /** All its bytes (at most 130). */
  readonly hex: string;
  /** The hardware address it was made of: one that the device had once, not always the sending interface's. */
  readonly mac: string | undefined;
  /** Private enterprise number of the maker. */
  readonly enterprise: number | undefined;
}

export interface Dhcpv6Relay {
  readonly hops: number;
  /** Address on the link of the client; '::' where the relay leaves it open. */
  readonly linkAddress: string;
  /** The client or the relay before. */
  readonly peerAddress: string;
  /** Text or hex; '' without the option. */
  readonly interfaceId: string;
  readonly remoteId: string;
}

export interface Dhcpv6Lease {
  /** An address, or a prefix with its length: '2001:db8:1::/48'. */
  readonly address: string;
  /** Seconds; 4294967295 is for ever. */
  readonly preferredSeconds: number;
  readonly validSeconds: number;
}

export interface Dhcpv6Message {
  /** 'solicit', 'advertise', 'request', 'renew', 'reply', ... of the innermost message. */
  readonly type: string;
  /** 24 bits. */
  readonly transaction: number;
  /** Outermost first, at most 8. */
  readonly relays: readonly Dhcpv6Relay[];
  readonly clientDuid: Duid | undefined;
  readonly serverDuid: Duid | undefined;
  /** From the client's DUID, or what a relay saw (option 79). */
  readonly clientMac: string | undefined;
  readonly fqdn: string;
  /** 'MSFT 5.0', ...; '' without option 16. */
  readonly vendorClass: string;
  readonly vendorEnterprise: number | undefined;
  readonly userClass: string;
  /** Where the maker describes what the device does (option 112, RFC 8520). */
  readonly mudUrl: string;
  /** Options asked for, in the order asked: '17,23,24,39'. */
  readonly requestOrder: string;
  /** Codes of the options as they were sent. */
  readonly optionOrder: string;
  /** Of all identity associations, at most 16. */
  readonly addresses: readonly Dhcpv6Lease[];
  /** Delegated prefixes, at most 16. */
  readonly prefixes: readonly Dhcpv6Lease[];
  readonly dnsServers: readonly string[];
  readonly domains: readonly string[];
  /** The server's refusal, from the message itself or an association: 0 is success; undefined without. */
  readonly status: number | undefined;
  readonly statusMessage: string;
  /** Time since the client began; undefined without option 8. */
  readonly elapsedMs: number | undefined;
  /** 'cut' when the bytes end inside an option, 'malformed' when an option leaves the one around it. */
  readonly state: 'complete' | 'cut' | 'malformed';
}

interface Gathered {
  addresses: Dhcpv6Lease[];
  prefixes: Dhcpv6Lease[];
  status: number | undefined;
  statusMessage: string;
  state: Dhcpv6Message['state'];
}

function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 8) | bytes[at + 1];
}

function u32(bytes: Uint8Array, at: number): number {
  return u16(bytes, at) * 0x10000 + u16(bytes, at + 2);
}

function ipv6At(bytes: Uint8Array, at: number): string {
  return formatIpv6(u32(bytes, at) | 0, u32(bytes, at + 4) | 0, u32(bytes, at + 8) | 0, u32(bytes, at + 12) | 0);
}

interface Option {
  readonly code: number;
  readonly from: number;
  readonly to: number;
}

/** The options of [from, end), at most 128, and whether they fill it. */
function optionsOf(bytes: Uint8Array, from: number, end: number): { list: Option[]; isWhole: boolean } {
  const list: Option[] = [];
  let here = from;
  while (here + 4 <= end && list.length < MAX_OPTIONS) {
    const to = here + 4 + u16(bytes, here + 2);
    if (to > end) return { list, isWhole: false };
    list.push({ code: u16(bytes, here), from: here + 4, to });
    here = to;
  }
  return { list, isWhole: here === end || list.length === MAX_OPTIONS };
}

function first(list: readonly Option[], code: number): Option | undefined {
  return list.find((option) => option.code === code);
}

function textOrHex(bytes: Uint8Array, option: Option | undefined, skip = 0): string {
  if (option === undefined) return '';
  const from = Math.min(option.to, option.from + skip);
  for (let i = from; i < option.to; i++)
    if (bytes[i] < 0x20 || bytes[i] >= 0x7f) return wireHex(bytes, from, option.to, 64);
  return wireText(bytes, from, option.to);
}

/** The message at [at, end), relays unwrapped, or undefined when it is none: a type that does not exist, no options, or a first option that does not fit. */
export function decodeDhcpv6(bytes: Uint8Array, at: number, end: number): Dhcpv6Message | undefined {
  const relays: Dhcpv6Relay[] = [];
  let linkLayer: string | undefined;
  let from = at;
  let to = end;
  while (from < to && (bytes[from] === RELAY_FORWARD || bytes[from] === RELAY_REPLY)) {
    if (to - from < RELAY_HEADER_BYTES || relays.length === MAX_RELAYS) return undefined;
    const { list } = optionsOf(bytes, from + RELAY_HEADER_BYTES, to);
    relays.push({
      hops: bytes[from + 1],
      linkAddress: ipv6At(bytes, from + 2),
      peerAddress: ipv6At(bytes, from + 18),
      interfaceId: textOrHex(bytes, first(list, 18)),
      // The enterprise number before it is of no use here.
      remoteId: textOrHex(bytes, first(list, 37), 4),
    });
    const seen = first(list, 79);
    // The innermost relay is the one on the client's link.
    if (seen !== undefined && seen.to - seen.from === 8) linkLayer = formatMac(bytes, seen.from + 2);
    const inner = first(list, 9);
    if (inner === undefined) return undefined;
    from = inner.from;
    to = inner.to;
  }
  const type = to - from < HEADER_BYTES ? undefined : TYPES.get(bytes[from]);
  if (type === undefined) return undefined;
  const { list, isWhole } = optionsOf(bytes, from + HEADER_BYTES, to);
  if (list.length === 0) return undefined;
  const gathered: Gathered = {
    addresses: [],
    prefixes: [],
    status: undefined,
    statusMessage: '',
    state: isWhole ? 'complete' : 'cut',
  };
  gather(bytes, list, gathered, 0);
  const clientDuid = duidOf(bytes, first(list, 1));
  const vendor = first(list, 16);
  const elapsed = first(list, 8);
  const wanted = first(list, 6);
  return {
    type,
    transaction: u32(bytes, from) & 0xffffff,
    relays,
    clientDuid,
    serverDuid: duidOf(bytes, first(list, 2)),
    clientMac: linkLayer ?? clientDuid?.mac,
    fqdn: fqdnOf(bytes, first(list, 39)),
    vendorClass: firstString(bytes, vendor, 4),
    vendorEnterprise: vendor !== undefined && vendor.to - vendor.from >= 4 ? u32(bytes, vendor.from) : undefined,
    userClass: firstString(bytes, first(list, 15), 0),
    mudUrl: textOrHex(bytes, first(list, 112)),
    requestOrder: wanted === undefined ? '' : numbers(bytes, wanted).join(','),
    optionOrder: list.map(({ code }) => code).join(','),
    addresses: gathered.addresses,
    prefixes: gathered.prefixes,
    dnsServers: addressesOf(bytes, first(list, 23)),
    domains: namesOf(bytes, first(list, 24)),
    status: gathered.status,
    statusMessage: gathered.statusMessage,
    elapsedMs: elapsed !== undefined && elapsed.to - elapsed.from === 2 ? 10 * u16(bytes, elapsed.from) : undefined,
    state: gathered.state,
  };
}

/** Leases and refusals of these options and those inside their associations; three levels deep at most (association, address, status). */
function gather(bytes: Uint8Array, list: readonly Option[], into: Gathered, depth: number): void {
  for (const { code, from, to } of list) {
    // Bytes before the options inside: IA_NA, IA_TA, IAADDR, IA_PD, IAPREFIX.
    const header = code === 3 || code === 25 ? 12 : code === 4 ? 4 : code === 5 ? 24 : code === 26 ? 25 : 0;
    if (code === 13 && to - from >= 2) {
      const status = u16(bytes, from);
      // A refusal counts more than a success beside it.
      if (into.status === undefined || into.status === 0) {
        into.status = status;
        into.statusMessage = wireText(bytes, from + 2, to);
      }
    } else if (header > 0) {
      if (to - from < header) {
        into.state = 'malformed';
        continue;
      }
      if (code === 5 && into.addresses.length < MAX_ADDRESSES)
        into.addresses.push({
          address: ipv6At(bytes, from),
          preferredSeconds: u32(bytes, from + 16),
          validSeconds: u32(bytes, from + 20),
        });
      if (code === 26 && into.prefixes.length < MAX_ADDRESSES)
        into.prefixes.push({
          address: `${ipv6At(bytes, from + 9)}/${bytes[from + 8]}`,
          preferredSeconds: u32(bytes, from),
          validSeconds: u32(bytes, from + 4),
        });
      const inside = optionsOf(bytes, from + header, to);
      if (!inside.isWhole) into.state = 'malformed';
      if (depth < 2) gather(bytes, inside.list, into, depth + 1);
    }
  }
}

function duidOf(bytes: Uint8Array, option: Option | undefined): Duid | undefined {
  return option === undefined ? undefined : decodeDuid(bytes, option.from, option.to);
}

/** The DUID that fills [from, to), or undefined when it is shorter than its type or longer than 130 bytes. */
export function decodeDuid(bytes: Uint8Array, from: number, to: number): Duid | undefined {
  const length = to - from;
  if (length < 3 || length > 130) return undefined;
  const hex = wireHex(bytes, from, to, 130);
  const type = u16(bytes, from);
  // Hardware type 1 is Ethernet, 6 bytes.
  const macAt = type === 1 ? from + 8 : from + 4;
  const mac = (type === 1 || type === 3) && length >= 4 && u16(bytes, from + 2) === 1 && to - macAt === 6;
  return {
    kind:
      type === 1 && length >= 8
        ? 'link-layer and time'
        : type === 2 && length >= 6
          ? 'enterprise'
          : type === 3 && length >= 4
            ? 'link-layer'
            : type === 4 && length === 18
              ? 'uuid'
              : 'other',
    hex,
    mac: mac ? formatMac(bytes, macAt) : undefined,
    enterprise: type === 2 && length >= 6 ? u32(bytes, from + 2) : undefined,
  };
}

/** Flags, then a name, perhaps a partial one. */
function fqdnOf(bytes: Uint8Array, option: Option | undefined): string {
  if (option === undefined || option.to - option.from < 2) return '';
  return loneName(bytes, option.from + 1, option.to)?.name ?? wireHex(bytes, option.from + 1, option.to);
}

/** The first of strings that stand behind lengths of two bytes. */
function firstString(bytes: Uint8Array, option: Option | undefined, skip: number): string {
  if (option === undefined || option.to - option.from < skip + 2) return '';
  const from = option.from + skip + 2;
  const to = from + u16(bytes, from - 2);
  return to > option.to ? '' : textOrHex(bytes, { code: option.code, from, to });
}

function numbers(bytes: Uint8Array, option: Option): number[] {
  const found: number[] = [];
  for (let at = option.from; at + 2 <= option.to && found.length < MAX_OPTIONS; at += 2) found.push(u16(bytes, at));
  return found;
}

function addressesOf(bytes: Uint8Array, option: Option | undefined): string[] {
  const found: string[] = [];
  for (
    let at = option?.from ?? 0;
    option !== undefined && at + 16 <= option.to && found.length < MAX_ADDRESSES;
    at += 16
  )
    found.push(ipv6At(bytes, at));
  return found;
}

function namesOf(bytes: Uint8Array, option: Option | undefined): string[] {
  const found: string[] = [];
  for (let at = option?.from ?? 0; option !== undefined && at < option.to && found.length < MAX_ADDRESSES; ) {
    const name = loneName(bytes, at, option.to);
    if (name === undefined) break;
    if (name.name !== '') found.push(name.name);
    at = name.next;
  }
  return found;
}

/** The DUID of a MAC, with a time in seconds since 2000 when one is given. */
export function encodeDuid(fields: { readonly mac: string; readonly time?: number }): Uint8Array {
  const { mac, time } = fields;
  const out = new ByteWriter().u16(time === undefined ? 3 : 1).u16(1);
  if (time !== undefined) out.u32(time);
  return out.bytes(hexToBytes(mac)).finish();
}

export interface Dhcpv6Fields {
  readonly type?: string;
  readonly transaction?: number;
  /** Outermost first. */
  readonly relays?: readonly Partial<Dhcpv6Relay>[];
  readonly clientDuid?: Uint8Array;
  readonly serverDuid?: Uint8Array;
  readonly fqdn?: string;
  readonly vendorClass?: string;
  readonly vendorEnterprise?: number;
  readonly userClass?: string;
  /** '23,24'. */
  readonly requestOrder?: string;
  readonly addresses?: readonly Dhcpv6Lease[];
  readonly prefixes?: readonly Dhcpv6Lease[];
  readonly dnsServers?: readonly string[];
  readonly domains?: readonly string[];
  readonly status?: number;
  readonly statusMessage?: string;
  readonly elapsedMs?: number;
  /** More options, behind those that the fields above make. */
  readonly options?: readonly { readonly code: number; readonly content: Uint8Array }[];
}

function ipv6Bytes(address: string): Uint8Array {
  const out = new ByteWriter();
  for (const word of parseAddress(address)?.words ?? [0, 0, 0, 0]) out.u32(word);
  return out.finish();
}

function option(code: number, ...content: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  const out = new ByteWriter().u16(code).u16(content.reduce((n, { length }) => n + length, 0));
  for (const part of content) out.bytes(part);
  return out.finish();
}

/** A message, inside of its relays. Addresses and prefixes stand in one association each. */
export function encodeDhcpv6(fields: Dhcpv6Fields): Uint8Array {
  const { type = 'solicit', transaction = 0, relays = [], addresses = [], prefixes = [], dnsServers = [] } = fields;
  const { domains = [], options = [], clientDuid, serverDuid, fqdn, vendorClass, userClass, requestOrder } = fields;
  const typeNumber = [...TYPES].find(([, name]) => name === type)?.[0] ?? 1;
  const out = new ByteWriter().u32(typeNumber * 0x1000000 + transaction);
  const string = (text: string): Uint8Array => {
    const bytes = utf8Bytes(text);
    return new ByteWriter().u16(bytes.length).bytes(bytes).finish();
  };
  const number = (value: number): Uint8Array => new ByteWriter().u32(value).finish();
  if (clientDuid !== undefined) out.bytes(option(1, clientDuid));
  if (serverDuid !== undefined) out.bytes(option(2, serverDuid));
  if (addresses.length > 0)
    out.bytes(
      option(
        3,
        new Uint8Array(12),
        ...addresses.map(({ address, preferredSeconds, validSeconds }) =>
          option(5, ipv6Bytes(address), number(preferredSeconds), number(validSeconds)),
        ),
      ),
    );
  if (prefixes.length > 0)
    out.bytes(
      option(
        25,
        new Uint8Array(12),
        ...prefixes.map(({ address, preferredSeconds, validSeconds }) => {
          const [network = '', bits = '64'] = address.split('/');
          return option(26, number(preferredSeconds), number(validSeconds), [Number(bits)], ipv6Bytes(network));
        }),
      ),
    );
  if (requestOrder !== undefined && requestOrder !== '')
    out.bytes(option(6, ...requestOrder.split(',').map((code) => new ByteWriter().u16(Number(code)).finish())));
  if (fields.elapsedMs !== undefined) out.bytes(option(8, new ByteWriter().u16(fields.elapsedMs / 10).finish()));
  if (fields.status !== undefined)
    out.bytes(option(13, new ByteWriter().u16(fields.status).finish(), utf8Bytes(fields.statusMessage ?? '')));
  if (userClass !== undefined && userClass !== '') out.bytes(option(15, string(userClass)));
  if (vendorClass !== undefined && vendorClass !== '')
    out.bytes(option(16, number(fields.vendorEnterprise ?? 0), string(vendorClass)));
  if (dnsServers.length > 0) out.bytes(option(23, ...dnsServers.map(ipv6Bytes)));
  if (domains.length > 0) out.bytes(option(24, ...domains.map(encodeLoneName)));
  if (fqdn !== undefined && fqdn !== '') out.bytes(option(39, [0], encodeLoneName(fqdn)));
  for (const { code, content } of options) out.bytes(option(code, content));
  let message = out.finish();
  for (const relay of [...relays].reverse()) {
    const around = new ByteWriter().u8(type === 'reply' || type === 'advertise' ? RELAY_REPLY : RELAY_FORWARD);
    around
      .u8(relay.hops ?? 0)
      .bytes(ipv6Bytes(relay.linkAddress ?? '::'))
      .bytes(ipv6Bytes(relay.peerAddress ?? '::'));
    if (relay.interfaceId !== undefined && relay.interfaceId !== '')
      around.bytes(option(18, utf8Bytes(relay.interfaceId)));
    if (relay.remoteId !== undefined && relay.remoteId !== '')
      around.bytes(option(37, new Uint8Array(4), utf8Bytes(relay.remoteId)));
    message = around.bytes(option(9, message)).finish();
  }
  return message;
}

/** 'solicit 3c:07:54:00:00:01 host.example.org', 'reply 2001:db8::5 (no addresses available)'. */
export function summarizeDhcpv6(message: Dhcpv6Message): string {
  const { type, clientMac, clientDuid, fqdn, addresses, prefixes, status, statusMessage, relays } = message;
  const words = [type, clientMac ?? clientDuid?.hex ?? '', fqdn];
  words.push(...[...addresses, ...prefixes].slice(0, 4).map(({ address }) => address));
  if (status !== undefined && status !== 0) words.push(`(${statusMessage || `status ${status}`})`);
  if (relays.length > 0) words.push(`through ${relays.length} ${relays.length === 1 ? 'relay' : 'relays'}`);
  return words.filter((word) => word !== '').join(' ');
}
