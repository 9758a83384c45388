import { formatIpv4, formatMac, parseAddress } from './address.ts';
import { ByteWriter, hexToBytes, utf8Bytes, wireText } from './bytes.ts';

/**
 * NetBIOS over UDP: the name service on port 137 (RFC 1002 section 4.2) and the datagram service on port 138 (section 4.4), there the announcements of the
 * computer browser (MS-BRWS section 2.2), by which Windows and Samba hosts tell their names, versions and workgroups.
 */

const HEADER_BYTES = 12;
const TYPE_NB = 0x20;
const TYPE_NBSTAT = 0x21;
/** RFC 1002 section 4.2.18 has room for 255; a host has a dozen. */
const MAX_NAMES = 64;
const MAX_RECORDS = 16;
const MAX_ADDRESSES = 16;
const MAX_SCOPE = 200;

export interface NetbiosName {
  /** At most 15 characters, without the spaces (or zeros) that fill it up. '*' asks for any name. */
  readonly name: string;
  /** The 16th byte: what kind of name it is, see `netbiosSuffix`. */
  readonly suffix: number;
  /** The scope, nearly always ''. */
  readonly scope: string;
}

export interface NetbiosAddress {
  readonly address: string;
  /** True for a name that many hosts may have, such as a workgroup. */
  readonly isGroup: boolean;
  /** How the host resolves names: by broadcast, point to point, mixed, hybrid. */
  readonly nodeType: 'B' | 'P' | 'M' | 'H';
}

export interface NetbiosRecord {
  readonly name: NetbiosName;
  readonly ttl: number;
  /** At most 16. */
  readonly addresses: readonly NetbiosAddress[];
}

export interface NetbiosStatusName {
  readonly name: string;
  readonly suffix: number;
  readonly isGroup: boolean;
  readonly isActive: boolean;
  readonly isConflict: boolean;
}

/** What a host answers to a node status request (`nbtstat -A`). */
export interface NetbiosStatus {
  readonly name: NetbiosName;
  /** At most 64. */
  readonly names: readonly NetbiosStatusName[];
  /** Hardware address, '00:00:00:00:00:00' from Samba; undefined when it is cut. */
  readonly mac: string | undefined;
}

export interface NetbiosNameMessage {
  readonly id: number;
  readonly isResponse: boolean;
  /** 'query', 'registration', 'release', 'wait', 'refresh', 'multi-homed registration'. */
  readonly operation: string;
  /** 0 good, 1 format, 2 server failure, 3 no such name, 4 unsupported, 5 refused, 6 in use by another, 7 in conflict. */
  readonly rcode: number;
  readonly isBroadcast: boolean;
  /** The name that is asked for or registered. */
  readonly question: NetbiosName | undefined;
  /** True for a node status request. */
  readonly isStatusRequest: boolean;
  /** Names with addresses: answers, and what a registration or release is about. At most 16. */
  readonly records: readonly NetbiosRecord[];
  readonly status: NetbiosStatus | undefined;
  /** 'cut' when the bytes end before what the header claims, 'malformed' when they contradict it. */
  readonly state: 'complete' | 'cut' | 'malformed';
}

/** Opcodes of RFC 1002 section 4.2.1.1; 9 and 15 are Windows'. */
const OPERATIONS = new Map<number, string>([
  [0, 'query'],
  [5, 'registration'],
  [6, 'release'],
  [7, 'wait'],
  [8, 'refresh'],
  [9, 'refresh'],
  [15, 'multi-homed registration'],
]);
const RCODES = ['', 'format error', 'server failure', 'no such name', 'unsupported', 'refused', 'in use', 'conflict'];
const NODE_TYPES = ['B', 'P', 'M', 'H'] as const;

/** Where a name ended and what it was. */
interface NameAt {
  readonly name: NetbiosName;
  readonly next: number;
}

/**
 * A name in the form of RFC 1001 section 14.1: 32 letters A to P, two for each byte, then the labels of the scope. A pointer is allowed where the name was
 * sent before (`start` of the message, backwards only). Undefined when it is none.
 */
function decodeName(bytes: Uint8Array, start: number, at: number, end: number): NameAt | undefined {
  let here = at;
  let next = -1;
  if (here + 2 <= end && bytes[here] >= 0xc0) {
    const target = start + (((bytes[here] & 63) << 8) | bytes[here + 1]);
    if (target >= here || target < start + HEADER_BYTES) return undefined;
    next = here + 2;
    here = target;
  }
  if (here + 34 > end || bytes[here] !== 32) return undefined;
  here++;
  const plain = new Uint8Array(16);
  for (let i = 0; i < 16; i++) {
    const high = bytes[here + 2 * i] - 0x41;
    const low = bytes[here + 2 * i + 1] - 0x41;
    if (high < 0 || high > 15 || low < 0 || low > 15) return undefined;
    plain[i] = (high << 4) | low;
  }
  here += 32;
  let scope = '';
  for (;;) {
    if (here >= end) return undefined;
    const label = bytes[here++];
    if (label === 0) break;
    if (label > 63 || here + label > end || scope.length > MAX_SCOPE) return undefined;
    scope += `${scope === '' ? '' : '.'}${wireText(bytes, here, here + label)}`;
    here += label;
  }
  return { name: { name: trimmedName(plain, 0, 15), suffix: plain[15], scope }, next: next < 0 ? here : next };
}

/** A padded name of n bytes, without the spaces and zeros at its end. */
function trimmedName(bytes: Uint8Array, from: number, n: number): string {
  let to = from + n;
  while (to > from && (bytes[to - 1] === 0x20 || bytes[to - 1] === 0)) to--;
  return wireText(bytes, from, to);
}

/** The name service message at [at, end), or undefined when it is none: an operation that does not exist, no question and no record, or a first name that does not parse. */
export function decodeNetbiosName(bytes: Uint8Array, at: number, end: number): NetbiosNameMessage | undefined {
  if (end - at < HEADER_BYTES) return undefined;
  const u16 = (o: number): number => (bytes[o] << 8) | bytes[o + 1];
  const flags = u16(at + 2);
  const operation = OPERATIONS.get((flags >> 11) & 15);
  const questions = u16(at + 4);
  const recordCount = u16(at + 6) + u16(at + 8) + u16(at + 10);
  if (operation === undefined || questions > 1 || (questions === 0 && recordCount === 0) || recordCount > 255)
    return undefined;
  let here = at + HEADER_BYTES;
  let question: NetbiosName | undefined;
  let isStatusRequest = false;
  let status: NetbiosStatus | undefined;
  let state: NetbiosNameMessage['state'] = 'complete';
  const records: NetbiosRecord[] = [];
  if (questions === 1) {
    const found = decodeName(bytes, at, here, end);
    if (found === undefined || found.next + 4 > end) return undefined;
    question = found.name;
    isStatusRequest = u16(found.next) === TYPE_NBSTAT && (flags & 0x8000) === 0;
    here = found.next + 4;
  }
  for (let i = 0; i < recordCount; i++) {
    const found = decodeName(bytes, at, here, end);
    if (found === undefined) {
      if (i === 0 && question === undefined) return undefined;
      // A name takes 34 bytes or a pointer's two; fewer were cut off.
      state = end - here < 2 || (end - here < 34 && bytes[here] === 32) ? 'cut' : 'malformed';
      break;
    }
    const fixed = found.next;
    if (fixed + 10 > end) {
      state = 'cut';
      break;
    }
    const type = u16(fixed);
    const ttl = u16(fixed + 4) * 0x10000 + u16(fixed + 6);
    const from = fixed + 10;
    const to = from + u16(fixed + 8);
    const stop = Math.min(to, end);
    if (to > end) state = 'cut';
    if (type === TYPE_NBSTAT) status ??= decodeStatus(bytes, from, stop, found.name);
    else if (type === TYPE_NB && records.length < MAX_RECORDS)
      records.push({ name: found.name, ttl, addresses: decodeAddresses(bytes, from, stop) });
    if (to > end) break;
    here = to;
  }
  return {
    id: u16(at),
    isResponse: (flags & 0x8000) !== 0,
    operation,
    rcode: flags & 15,
    isBroadcast: (flags & 0x10) !== 0,
    question,
    isStatusRequest,
    records,
    status,
    state,
  };
}

function decodeAddresses(bytes: Uint8Array, from: number, to: number): NetbiosAddress[] {
  const addresses: NetbiosAddress[] = [];
  for (let i = from; i + 6 <= to && addresses.length < MAX_ADDRESSES; i += 6)
    addresses.push({
      address: ipv4At(bytes, i + 2),
      isGroup: bytes[i] >= 0x80,
      nodeType: NODE_TYPES[(bytes[i] >> 5) & 3],
    });
  return addresses;
}

function ipv4At(bytes: Uint8Array, at: number): string {
  return formatIpv4((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]);
}

function decodeStatus(bytes: Uint8Array, from: number, to: number, name: NetbiosName): NetbiosStatus | undefined {
  if (from >= to) return undefined;
  const count = bytes[from];
  const names: NetbiosStatusName[] = [];
  let here = from + 1;
  for (let i = 0; i < count && here + 18 <= to; i++, here += 18) {
    if (names.length === MAX_NAMES) continue;
    const flags = bytes[here + 16];
    names.push({
      name: trimmedName(bytes, here, 15),
      suffix: bytes[here + 15],
      isGroup: (flags & 0x80) !== 0,
      isConflict: (flags & 0x08) !== 0,
      isActive: (flags & 0x04) !== 0,
    });
  }
  const isWhole = here === from + 1 + 18 * count && here + 6 <= to;
  return { name, names, mac: isWhole ? formatMac(bytes, here) : undefined };
}

const SUFFIXES: readonly (readonly [number, string, string])[] = [
  [0x00, 'workstation', 'workgroup or domain'],
  [0x01, 'messenger', 'master browser'],
  [0x03, 'messenger', 'messenger'],
  [0x06, 'remote access server', 'remote access server'],
  [0x1b, 'domain master browser', 'domain master browser'],
  [0x1c, 'domain controllers', 'domain controllers'],
  [0x1d, 'master browser', 'master browser'],
  [0x1e, 'browser election', 'browser election'],
  [0x1f, 'NetDDE', 'NetDDE'],
  [0x20, 'file server', 'file server'],
  [0x21, 'remote access client', 'remote access client'],
  [0x30, 'modem sharing server', 'modem sharing server'],
  [0x31, 'modem sharing client', 'modem sharing client'],
  [0x43, 'SMS remote control', 'SMS remote control'],
  [0x44, 'SMS remote control', 'SMS remote control'],
  [0x45, 'SMS remote chat', 'SMS remote chat'],
  [0x46, 'SMS remote transfer', 'SMS remote transfer'],
  [0x6a, 'Exchange', 'Exchange'],
  [0x87, 'Exchange', 'Exchange'],
  [0xbe, 'network monitor agent', 'network monitor agent'],
  [0xbf, 'network monitor', 'network monitor'],
];

/** What the 16th byte of a name says: 'file server', 'workgroup or domain', ... or 'suffix 0x<n>'. A few mean another thing for group names. */
export function netbiosSuffix(suffix: number, isGroup = false): string {
  const found = SUFFIXES.find(([number]) => number === suffix);
  if (found === undefined) return `suffix 0x${suffix.toString(16).padStart(2, '0')}`;
  return isGroup ? found[2] : found[1];
}

export interface BrowserAnnouncement {
  /** 'host', 'local master', 'domain', 'request', 'election', 'master', or 'command <n>' (then the rest is empty). */
  readonly kind: string;
  /** Host name; the workgroup's for 'domain', '' where the message has none. */
  readonly host: string;
  /** '10.0', as the host says; '' where the message has none. Windows since 2000 say what they are: 5.1 XP, 6.1 7, 10.0 10 and 11. Samba says what it is told to. */
  readonly osVersion: string;
  /** What the administrator wrote, for 'domain' the name of its master browser; at most 43 bytes. */
  readonly comment: string;
  /** What it serves: 'server', 'domain controller', 'print server', ... */
  readonly roles: readonly string[];
}

export interface NetbiosDatagram {
  readonly type: 'direct' | 'group' | 'broadcast';
  readonly id: number;
  /** Address that the sender gives for itself; differs from the packet's behind NAT, or when it is forged. */
  readonly sourceAddress: string;
  readonly source: NetbiosName;
  /** For announcements the workgroup or domain of the sender. */
  readonly destination: NetbiosName;
  /** '\MAILSLOT\BROWSE', '\MAILSLOT\NET\NETLOGON', ...; '' where the datagram carries something else. */
  readonly mailslot: string;
  readonly announcement: BrowserAnnouncement | undefined;
}

const DATAGRAM_TYPES = new Map<number, NetbiosDatagram['type']>([
  [0x10, 'direct'],
  [0x11, 'group'],
  [0x12, 'broadcast'],
]);
const DATAGRAM_HEADER = 14;

/** SV_TYPE bits of MS-BRWS section 2.2.1 that say something about the host. */
const ROLES: readonly (readonly [number, string])[] = [
  [0x2, 'server'],
  [0x4, 'SQL server'],
  [0x8, 'domain controller'],
  [0x10, 'backup domain controller'],
  [0x20, 'time source'],
  [0x40, 'Apple server'],
  [0x100, 'domain member'],
  [0x200, 'print server'],
  [0x400, 'dial-in server'],
  [0x800, 'Unix'],
  [0x1000, 'Windows NT'],
  [0x8000, 'Windows server'],
  [0x20000, 'backup browser'],
  [0x40000, 'master browser'],
  [0x80000, 'domain master browser'],
  [0x2000000, 'terminal server'],
];

/** The datagram at [at, end), or undefined when it is none that goes from name to name. */
export function decodeNetbiosDatagram(bytes: Uint8Array, at: number, end: number): NetbiosDatagram | undefined {
  const type = end - at < DATAGRAM_HEADER ? undefined : DATAGRAM_TYPES.get(bytes[at]);
  if (type === undefined) return undefined;
  // Names here are never compressed: with the message's start behind them no pointer is good.
  const source = decodeName(bytes, end, at + DATAGRAM_HEADER, end);
  const destination = source === undefined ? undefined : decodeName(bytes, end, source.next, end);
  if (source === undefined || destination === undefined) return undefined;
  const mail = decodeMailslot(bytes, destination.next, end);
  return {
    type,
    id: (bytes[at + 2] << 8) | bytes[at + 3],
    sourceAddress: ipv4At(bytes, at + 4),
    source: source.name,
    destination: destination.name,
    mailslot: mail?.mailslot ?? '',
    announcement: mail?.announcement,
  };
}

/** An SMB_COM_TRANSACTION to a mailslot (MS-MAIL section 2.2.1): SMB header of 32 bytes, 17 words, byte count, name, data at an offset from the header. */
function decodeMailslot(
  bytes: Uint8Array,
  at: number,
  end: number,
): { mailslot: string; announcement: BrowserAnnouncement | undefined } | undefined {
  const words = at + 33;
  const name = words + 2 * 17 + 2;
  if (name > end || bytes[at] !== 0xff || bytes[at + 1] !== 0x53 || bytes[at + 2] !== 0x4d || bytes[at + 3] !== 0x42)
    return undefined;
  if (bytes[at + 4] !== 0x25 || bytes[at + 32] !== 17) return undefined;
  const u16 = (o: number): number => bytes[o] | (bytes[o + 1] << 8);
  const mailslot = zeroEnded(bytes, name, Math.min(end, name + 64));
  const from = at + u16(words + 24);
  const to = Math.min(end, from + u16(words + 22));
  const isBrowser = /^\\MAILSLOT\\(BROWSE|LANMAN)$/i.test(mailslot);
  return { mailslot, announcement: isBrowser && from >= name ? decodeBrowser(bytes, from, to) : undefined };
}

const KINDS = new Map<number, string>([
  [0x01, 'host'],
  [0x02, 'request'],
  [0x08, 'election'],
  [0x0c, 'domain'],
  [0x0d, 'master'],
  [0x0f, 'local master'],
]);

function decodeBrowser(bytes: Uint8Array, from: number, to: number): BrowserAnnouncement | undefined {
  if (from >= to) return undefined;
  const kind = KINDS.get(bytes[from]) ?? `command ${bytes[from]}`;
  const named = (at: number): BrowserAnnouncement => ({
    kind,
    host: zeroEnded(bytes, Math.min(at, to), Math.min(to, at + 16)),
    osVersion: '',
    comment: '',
    roles: [],
  });
  switch (kind) {
    case 'request':
      return named(from + 2);
    case 'election':
      return named(from + 14);
    case 'master':
      return named(from + 1);
    case 'host':
    case 'local master':
    case 'domain': {
      // Command, update count, period (4), name (16), version (2), type (4), browser version (2), signature (2), comment.
      if (to - from < 32) return undefined;
      const at = from + 24;
      const type = (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
      return {
        kind,
        host: zeroEnded(bytes, from + 6, from + 22),
        osVersion: `${bytes[from + 22]}.${bytes[from + 23]}`,
        comment: zeroEnded(bytes, from + 32, Math.min(to, from + 32 + 43)),
        roles: ROLES.filter(([bit]) => (type & bit) !== 0).map(([, role]) => role),
      };
    }
    default:
      return { kind, host: '', osVersion: '', comment: '', roles: [] };
  }
}

/** Text up to the first zero, or to the end. */
function zeroEnded(bytes: Uint8Array, from: number, end: number): string {
  let to = from;
  while (to < end && bytes[to] !== 0) to++;
  return wireText(bytes, from, to);
}

export interface NetbiosNameFields {
  readonly id?: number;
  readonly isResponse?: boolean;
  /** One of the operations that `decodeNetbiosName` names. */
  readonly operation?: string;
  readonly rcode?: number;
  readonly isBroadcast?: boolean;
  readonly question?: { readonly name: string; readonly suffix?: number; readonly scope?: string };
  readonly isStatusRequest?: boolean;
  readonly records?: readonly {
    readonly name: { readonly name: string; readonly suffix?: number; readonly scope?: string };
    readonly ttl?: number;
    readonly addresses: readonly Partial<NetbiosAddress>[];
  }[];
  readonly status?: {
    readonly name: { readonly name: string; readonly suffix?: number; readonly scope?: string };
    readonly names: readonly (Partial<NetbiosStatusName> & { readonly name: string })[];
    readonly mac?: string;
  };
}

/** Writes a name: filled with spaces to 15 bytes ('*' with zeros, RFC 1002 section 4.2.12), the suffix, the scope. */
function writeNetbiosName(
  out: ByteWriter,
  fields: { readonly name: string; readonly suffix?: number; readonly scope?: string },
): void {
  const { name, suffix = 0, scope = '' } = fields;
  out.u8(32);
  for (const byte of [...paddedName(name), suffix]) out.u8(0x41 + (byte >> 4)).u8(0x41 + (byte & 15));
  for (const label of scope === '' ? [] : scope.split('.')) out.u8(utf8Bytes(label).length).text(label);
  out.u8(0);
}

function paddedName(name: string): Uint8Array {
  const padded = new Uint8Array(15).fill(name === '*' ? 0 : 0x20);
  padded.set(utf8Bytes(name).subarray(0, 15));
  return padded;
}

/** A name service message; requests carry their records in the additional section, responses in the answers. */
export function encodeNetbiosName(fields: NetbiosNameFields): Uint8Array {
  const { id = 0, isResponse = false, operation = 'query', rcode = 0, isBroadcast = false, question } = fields;
  const { isStatusRequest = false, records = [], status } = fields;
  const opcode = [...OPERATIONS].find(([, name]) => name === operation)?.[0] ?? 0;
  const count = records.length + (status === undefined ? 0 : 1);
  const out = new ByteWriter()
    .u16(id)
    .u16((isResponse ? 0x8400 : 0x0100) | (opcode << 11) | (isBroadcast ? 0x10 : 0) | rcode)
    .u16(question === undefined ? 0 : 1)
    .u16(isResponse ? count : 0)
    .u16(0)
    .u16(isResponse ? 0 : count);
  if (question !== undefined) {
    writeNetbiosName(out, question);
    out.u16(isStatusRequest ? TYPE_NBSTAT : TYPE_NB).u16(1);
  }
  for (const { name, ttl = 0, addresses } of records) {
    writeNetbiosName(out, name);
    out
      .u16(TYPE_NB)
      .u16(1)
      .u32(ttl)
      .u16(6 * addresses.length);
    for (const { address = '0.0.0.0', isGroup = false, nodeType = 'B' } of addresses)
      out.u16((isGroup ? 0x8000 : 0) | (NODE_TYPES.indexOf(nodeType) << 13)).u32(parseAddress(address)?.words[0] ?? 0);
  }
  if (status !== undefined) {
    const { name, names, mac = '00:00:00:00:00:00' } = status;
    writeNetbiosName(out, name);
    out
      .u16(TYPE_NBSTAT)
      .u16(1)
      .u32(0)
      .u16(1 + 18 * names.length + 46)
      .u8(names.length);
    for (const { name: plain, suffix = 0, isGroup = false, isActive = true, isConflict = false } of names)
      out
        .bytes(paddedName(plain))
        .u8(suffix)
        .u16((isGroup ? 0x8000 : 0) | (isConflict ? 0x0800 : 0) | (isActive ? 0x0400 : 0));
    out.bytes(hexToBytes(mac)).zeros(40);
  }
  return out.finish();
}

export interface NetbiosDatagramFields {
  readonly type?: NetbiosDatagram['type'];
  readonly id?: number;
  readonly sourceAddress?: string;
  readonly source: { readonly name: string; readonly suffix?: number; readonly scope?: string };
  readonly destination: { readonly name: string; readonly suffix?: number; readonly scope?: string };
  /** '\MAILSLOT\BROWSE' when absent. */
  readonly mailslot?: string;
  readonly announcement: Partial<BrowserAnnouncement> & { readonly host: string };
}

/** A datagram with an announcement of the computer browser. */
export function encodeNetbiosDatagram(fields: NetbiosDatagramFields): Uint8Array {
  const { type = 'group', id = 0, sourceAddress = '0.0.0.0', source, destination, announcement } = fields;
  const { mailslot = '\\MAILSLOT\\BROWSE' } = fields;
  const names = new ByteWriter();
  writeNetbiosName(names, source);
  writeNetbiosName(names, destination);
  const mail = encodeMailslot(mailslot, encodeBrowser(announcement));
  return new ByteWriter()
    .u8([...DATAGRAM_TYPES].find(([, name]) => name === type)?.[0] ?? 0x11)
    .u8(0x02)
    .u16(id)
    .u32(parseAddress(sourceAddress)?.words[0] ?? 0)
    .u16(138)
    .u16(names.length + mail.length)
    .u16(0)
    .bytes(names.finish())
    .bytes(mail)
    .finish();
}

function encodeMailslot(mailslot: string, data: Uint8Array): Uint8Array {
  const name = utf8Bytes(`${mailslot}\0`);
  const offset = 33 + 2 * 17 + 2 + name.length;
  const little = (n: number): [number, number] => [n & 255, (n >> 8) & 255];
  const out = new ByteWriter().bytes([0xff, 0x53, 0x4d, 0x42, 0x25]).zeros(27).u8(17);
  out
    .bytes([...little(0), ...little(data.length)])
    .zeros(18)
    .bytes([...little(data.length), ...little(offset)]);
  // Three set-up words: write to a mailslot, priority 1, class 2 (unreliable).
  out.bytes([3, 0, 1, 0, 1, 0, 2, 0, ...little(name.length + data.length)]);
  return out.bytes(name).bytes(data).finish();
}

function encodeBrowser(announcement: Partial<BrowserAnnouncement> & { readonly host: string }): Uint8Array {
  const { kind = 'host', host, osVersion = '10.0', comment = '', roles = [] } = announcement;
  const command = [...KINDS].find(([, name]) => name === kind)?.[0] ?? Number(kind.slice(8));
  const out = new ByteWriter().u8(command);
  if (kind === 'request' || kind === 'election' || kind === 'master')
    return out
      .zeros(kind === 'request' ? 1 : kind === 'election' ? 13 : 0)
      .text(host)
      .u8(0)
      .finish();
  if (!KINDS.has(command)) return out.finish();
  const name = new Uint8Array(16);
  name.set(utf8Bytes(host).subarray(0, 15));
  const [major = 0, minor = 0] = osVersion.split('.').map(Number);
  const type = ROLES.reduce((bits, [bit, role]) => (roles.includes(role) ? bits | bit : bits), 0);
  return out
    .bytes([1, 0xc0, 0xd4, 1, 0])
    .bytes(name)
    .bytes([major, minor, type & 255, (type >> 8) & 255, (type >> 16) & 255, (type >> 24) & 255, 15, 1, 0x55, 0xaa])
    .text(comment)
    .u8(0)
    .finish();
}

/** 'query WPAD<00>', 'query response WPAD<00> 192.168.0.5', 'status of PC: PC<00> workstation, ...', at most four names. */
export function summarizeNetbiosName(message: NetbiosNameMessage): string {
  const { question, records, status, operation, rcode, isResponse } = message;
  const text = (name: NetbiosName | NetbiosStatusName): string =>
    `${name.name}<${name.suffix.toString(16).padStart(2, '0')}>`;
  if (status !== undefined)
    return `status of ${status.mac ?? status.name.name}: ${status.names
      .slice(0, 4)
      .map((name) => `${text(name)} ${netbiosSuffix(name.suffix, name.isGroup)}`)
      .join(', ')}`;
  const name = question ?? records[0]?.name;
  const addresses = records.flatMap((record) => record.addresses.map(({ address }) => address)).slice(0, 4);
  const kind = message.isStatusRequest ? 'status request' : isResponse ? `${operation} response` : operation;
  return [
    kind,
    ...(rcode === 0 ? [] : [RCODES[rcode] ?? `code ${rcode}`]),
    ...(name === undefined ? [] : [text(name)]),
    ...addresses,
  ].join(' ');
}

/** 'PC<20> to WORKGROUP<1d>: host announcement PC 10.0', 'A<00> to B<00>: \MAILSLOT\NET\NETLOGON'. */
export function summarizeNetbiosDatagram(datagram: NetbiosDatagram): string {
  const { source, destination, announcement, mailslot } = datagram;
  const text = (name: NetbiosName): string => `${name.name}<${name.suffix.toString(16).padStart(2, '0')}>`;
  const what =
    announcement === undefined
      ? mailslot
      : `${announcement.kind} announcement ${announcement.host} ${announcement.osVersion}`;
  return `${text(source)} to ${text(destination)}: ${what}`.replace(/[: ]+$/, '');
}
