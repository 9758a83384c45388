import { formatIpv4, formatIpv6, parseAddress } from './address.ts';
import { ByteWriter, utf8Bytes, wireText } from './bytes.ts';

/**
 * STUN (RFC 8489) and TURN (RFC 8656): how hosts behind NAT find the address they are seen under, and relay traffic. Also messages of the first STUN (RFC 3489),
 * which have no cookie, and TURN's channel data.
 */

const HEADER_BYTES = 20;
const COOKIE = 0x2112a442;
const MAX_ATTRIBUTES = 64;

const CLASSES = ['request', 'indication', 'success', 'error'] as const;
export type StunClass = (typeof CLASSES)[number];

/** RFC 8489 section 18.2, 8656 section 17, 6062 section 6, 3489 (shared secret). */
const METHODS = new Map<number, string>([
  [0x001, 'binding'],
  [0x002, 'shared-secret'],
  [0x003, 'allocate'],
  [0x004, 'refresh'],
  [0x006, 'send'],
  [0x007, 'data'],
  [0x008, 'create-permission'],
  [0x009, 'channel-bind'],
  [0x00a, 'connect'],
  [0x00b, 'connection-bind'],
  [0x00c, 'connection-attempt'],
]);

const MAPPED_ADDRESS = 0x0001;
const USERNAME = 0x0006;
const MESSAGE_INTEGRITY = 0x0008;
const ERROR_CODE = 0x0009;
const LIFETIME = 0x000d;
const XOR_PEER_ADDRESS = 0x0012;
const DATA = 0x0013;
const REALM = 0x0014;
const XOR_RELAYED_ADDRESS = 0x0016;
const REQUESTED_TRANSPORT = 0x0019;
const MESSAGE_INTEGRITY_SHA256 = 0x001c;
const XOR_MAPPED_ADDRESS = 0x0020;
const USE_CANDIDATE = 0x0025;
/** What Windows Server 2003 and its time used before the number was assigned. */
const XOR_MAPPED_ADDRESS_OLD = 0x8020;
const SOFTWARE = 0x8022;
const FINGERPRINT = 0x8028;
const ICE_CONTROLLED = 0x8029;
const ICE_CONTROLLING = 0x802a;

export interface StunEndpoint {
  readonly address: string;
  readonly port: number;
}

export interface StunMessage {
  readonly class: StunClass;
  /** 'binding', 'allocate', ... or 'method <n>'. */
  readonly method: string;
  /** True for the first STUN, without the cookie. */
  readonly isClassic: boolean;
  /** Where the server sees the client. */
  readonly mapped: StunEndpoint | undefined;
  /** The address that a TURN server gives to the client. */
  readonly relayed: StunEndpoint | undefined;
  /** Whom the client wants to reach through the relay. */
  readonly peer: StunEndpoint | undefined;
  readonly software: string;
  readonly realm: string;
  /** Bytes of the user name; ICE's are random. Undefined without one. */
  readonly usernameBytes: number | undefined;
  /** 401, 438, ...; 0 without. */
  readonly errorCode: number;
  readonly errorReason: string;
  /** Seconds of an allocation; 0 gives it back. Undefined without. */
  readonly lifetimeSeconds: number | undefined;
  /** Protocol that the relay shall use: 17 UDP, 6 TCP; undefined without. */
  readonly transport: number | undefined;
  /** Bytes that are relayed inside of it. */
  readonly dataBytes: number;
  readonly hasIntegrity: boolean;
  readonly hasFingerprint: boolean;
  /** Part of ICE (RFC 8445): a check between two hosts, not a question to a server. */
  readonly isIce: boolean;
  /** Bytes of the message, its header included, as it claims. */
  readonly bytes: number;
  /** 'cut' when the bytes end before the message does, 'malformed' when an attribute leaves it. */
  readonly state: 'complete' | 'cut' | 'malformed';
}

function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 8) | bytes[at + 1];
}

function u32(bytes: Uint8Array, at: number): number {
  return u16(bytes, at) * 0x10000 + u16(bytes, at + 2);
}

/**
 * The message that begins at `at`, or undefined when none does: it needs the two zero bits and the cookie; without the cookie a method of RFC 3489, a length
 * in fours and attributes that fill it to the end.
 */
export function decodeStun(bytes: Uint8Array, at: number, end: number): StunMessage | undefined {
  if (end - at < HEADER_BYTES || bytes[at] >= 0x40) return undefined;
  const type = u16(bytes, at);
  const length = u16(bytes, at + 2);
  const isClassic = u32(bytes, at + 4) !== COOKIE;
  // Microsoft's dialect (MS-TURN) does not fill attributes up to four bytes.
  const isPadded = length % 4 === 0;
  if (isClassic && !isPadded) return undefined;
  // The class is in bits 8 and 4, the method in the others (section 5).
  const classNumber = ((type >> 7) & 2) | ((type >> 4) & 1);
  const methodNumber = ((type >> 2) & 0xf80) | ((type >> 1) & 0x70) | (type & 15);
  const to = at + HEADER_BYTES + length;
  if (isClassic && (methodNumber < 1 || methodNumber > 2 || classNumber === 1 || to !== end)) return undefined;
  let mapped: StunEndpoint | undefined;
  let xored: StunEndpoint | undefined;
  let relayed: StunEndpoint | undefined;
  let peer: StunEndpoint | undefined;
  let software = '';
  let realm = '';
  let usernameBytes: number | undefined;
  let errorCode = 0;
  let errorReason = '';
  let lifetimeSeconds: number | undefined;
  let transport: number | undefined;
  let dataBytes = 0;
  let hasIntegrity = false;
  let hasFingerprint = false;
  let isIce = false;
  let state: StunMessage['state'] = to > end ? 'cut' : 'complete';
  const stop = Math.min(to, end);
  let here = at + HEADER_BYTES;
  for (let i = 0; here + 4 <= stop && i < MAX_ATTRIBUTES; i++) {
    const kind = u16(bytes, here);
    const size = u16(bytes, here + 2);
    const from = here + 4;
    const last = from + size;
    if (last > stop) {
      if (state === 'complete' || last > to) state = 'malformed';
      break;
    }
    switch (kind) {
      case MAPPED_ADDRESS:
        mapped ??= decodeEndpoint(bytes, from, last);
        break;
      case XOR_MAPPED_ADDRESS:
      case XOR_MAPPED_ADDRESS_OLD:
        xored ??= decodeEndpoint(bytes, from, last, at + 4);
        break;
      case XOR_RELAYED_ADDRESS:
        relayed ??= decodeEndpoint(bytes, from, last, at + 4);
        break;
      case XOR_PEER_ADDRESS:
        peer ??= decodeEndpoint(bytes, from, last, at + 4);
        break;
      case SOFTWARE:
        software = trimmedText(bytes, from, last);
        break;
      case REALM:
        realm = trimmedText(bytes, from, last);
        break;
      case USERNAME:
        usernameBytes = size;
        break;
      case ERROR_CODE:
        if (size >= 4) {
          errorCode = 100 * (bytes[from + 2] & 7) + bytes[from + 3];
          errorReason = trimmedText(bytes, from + 4, last);
        }
        break;
      case LIFETIME:
        if (size === 4) lifetimeSeconds = u32(bytes, from);
        break;
      case REQUESTED_TRANSPORT:
        if (size === 4) transport = bytes[from];
        break;
      case DATA:
        dataBytes = size;
        break;
      case MESSAGE_INTEGRITY:
      case MESSAGE_INTEGRITY_SHA256:
        hasIntegrity = true;
        break;
      case FINGERPRINT:
        hasFingerprint = size === 4;
        break;
      case USE_CANDIDATE:
      case ICE_CONTROLLED:
      case ICE_CONTROLLING:
        isIce = true;
        break;
      default:
        break;
    }
    here = last + (isPadded ? (4 - (size & 3)) & 3 : 0);
  }
  if (isClassic && (state !== 'complete' || here !== to)) return undefined;
  return {
    class: CLASSES[classNumber],
    method: METHODS.get(methodNumber) ?? `method ${methodNumber}`,
    isClassic,
    mapped: xored ?? mapped,
    relayed,
    peer,
    software,
    realm,
    usernameBytes,
    errorCode,
    errorReason,
    lifetimeSeconds,
    transport,
    dataBytes,
    hasIntegrity,
    hasFingerprint,
    isIce,
    bytes: HEADER_BYTES + length,
    state,
  };
}

/** An address attribute (section 14.1); with `cookieAt` XORed with the cookie and, for IPv6, the transaction id behind it (section 14.2). */
function decodeEndpoint(bytes: Uint8Array, from: number, to: number, cookieAt = -1): StunEndpoint | undefined {
  const family = to - from >= 8 ? bytes[from + 1] : 0;
  const isV6 = family === 2 && to - from === 20;
  if (!isV6 && !(family === 1 && to - from === 8)) return undefined;
  const mask = (i: number): number => (cookieAt < 0 ? 0 : bytes[cookieAt + i]);
  const word = (i: number): number => {
    let value = 0;
    for (let j = 0; j < 4; j++) value = (value << 8) | (bytes[from + 4 + i + j] ^ mask(i + j));
    return value;
  };
  return {
    address: isV6 ? formatIpv6(word(0), word(4), word(8), word(12)) : formatIpv4(word(0)),
    port: ((bytes[from + 2] ^ mask(0)) << 8) | (bytes[from + 3] ^ mask(1)),
  };
}

/** Text without the spaces and zeros that old programs fill it up with. */
function trimmedText(bytes: Uint8Array, from: number, to: number): string {
  let last = to;
  while (last > from && (bytes[last - 1] === 0 || bytes[last - 1] === 0x20)) last--;
  return wireText(bytes, from, last);
}

/** TURN's short frame, RFC 8656 section 12.4: a channel of 0x4000 to 0x4FFF and the bytes in it. Undefined when it is none, or another length than the payload. */
export function decodeChannelData(
  bytes: Uint8Array,
  at: number,
  end: number,
): { readonly channel: number; readonly dataBytes: number } | undefined {
  if (end - at < 4 || bytes[at] < 0x40 || bytes[at] > 0x4f) return undefined;
  const dataBytes = u16(bytes, at + 2);
  // Over UDP it may be filled up to a multiple of four.
  const spare = end - at - 4 - dataBytes;
  return spare < 0 || spare > 3 ? undefined : { channel: u16(bytes, at), dataBytes };
}

export interface StunFields {
  readonly class?: StunClass;
  readonly method?: string;
  /** 12 bytes. */
  readonly transaction?: Uint8Array;
  readonly mapped?: StunEndpoint;
  readonly relayed?: StunEndpoint;
  readonly peer?: StunEndpoint;
  readonly username?: string;
  readonly software?: string;
  readonly realm?: string;
  readonly errorCode?: number;
  readonly errorReason?: string;
  readonly lifetimeSeconds?: number;
  readonly transport?: number;
  readonly data?: Uint8Array;
}

/** A message of RFC 8489, without integrity and fingerprint. */
export function encodeStun(fields: StunFields): Uint8Array {
  const { method = 'binding', transaction = new Uint8Array(12), username, software, realm, errorCode = 0 } = fields;
  const { errorReason = '', lifetimeSeconds, transport, data } = fields;
  const classNumber = CLASSES.indexOf(fields.class ?? 'request');
  const number = [...METHODS].find(([, name]) => name === method)?.[0] ?? Number(method.slice(7));
  const type =
    ((number & 0xf80) << 2) |
    ((number & 0x70) << 1) |
    (number & 15) |
    ((classNumber & 2) << 7) |
    ((classNumber & 1) << 4);
  const out = new ByteWriter().u16(type).u16(0).u32(COOKIE).bytes(transaction.subarray(0, 12));
  const attribute = (kind: number, content: Uint8Array | readonly number[]): void => {
    out
      .u16(kind)
      .u16(content.length)
      .bytes(content)
      .zeros((4 - (content.length & 3)) & 3);
  };
  const xored = (kind: number, endpoint: StunEndpoint | undefined): void => {
    if (endpoint === undefined) return;
    const parsed = parseAddress(endpoint.address);
    const content = new ByteWriter()
      .u8(0)
      .u8(parsed?.isV6 ? 2 : 1)
      .u16(endpoint.port ^ (COOKIE >>> 16));
    const plain = new ByteWriter();
    for (const word of parsed?.words.slice(0, parsed.isV6 ? 4 : 1) ?? []) plain.u32(word);
    const mask = new ByteWriter().u32(COOKIE).bytes(transaction).finish();
    attribute(kind, content.bytes(plain.finish().map((byte, i) => byte ^ mask[i])).finish());
  };
  if (username !== undefined) attribute(USERNAME, utf8Bytes(username));
  if (errorCode !== 0)
    attribute(ERROR_CODE, [0, 0, Math.floor(errorCode / 100), errorCode % 100, ...utf8Bytes(errorReason)]);
  if (realm !== undefined && realm !== '') attribute(REALM, utf8Bytes(realm));
  if (transport !== undefined) attribute(REQUESTED_TRANSPORT, [transport, 0, 0, 0]);
  if (lifetimeSeconds !== undefined) attribute(LIFETIME, new ByteWriter().u32(lifetimeSeconds).finish());
  xored(XOR_MAPPED_ADDRESS, fields.mapped);
  xored(XOR_RELAYED_ADDRESS, fields.relayed);
  xored(XOR_PEER_ADDRESS, fields.peer);
  if (data !== undefined) attribute(DATA, data);
  if (software !== undefined && software !== '') attribute(SOFTWARE, utf8Bytes(software));
  return out.setU16(2, out.length - HEADER_BYTES).finish();
}

/** 'binding request', 'binding success 192.0.2.1:32853', 'allocate error 401 Unauthorized', 'send indication to 192.0.2.7:9000, 40 bytes'. */
export function summarizeStun(message: StunMessage): string {
  const { mapped, relayed, peer, errorCode, errorReason, dataBytes, software } = message;
  const text = ({ address, port }: StunEndpoint): string =>
    address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  const words = [message.method, message.class];
  if (errorCode !== 0) words.push(`${errorCode} ${errorReason}`.trimEnd());
  if (mapped !== undefined) words.push(text(mapped));
  if (relayed !== undefined) words.push(`relayed ${text(relayed)}`);
  if (peer !== undefined) words.push(`${message.method === 'data' ? 'from' : 'to'} ${text(peer)}`);
  const parts = [words.join(' ')];
  if (dataBytes > 0) parts.push(`${dataBytes} bytes`);
  if (software !== '') parts.push(`"${software}"`);
  return parts.join(', ');
}
