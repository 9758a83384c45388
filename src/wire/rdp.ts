import { ByteWriter, hexToBytes, wireText } from './bytes.ts';
import { terminatorAt, utf16Bytes, utf16Text } from './windows-bytes.ts';

/**
 * The beginning of the Remote Desktop Protocol: a connection request and its confirmation (ITU-T X.224 sections 13.3 and 13.4, class 0) in a TPKT
 * (RFC 1006 section 6), with the cookie and the security negotiation of [MS-RDPBCGR] sections 2.2.1.1 and 2.2.1.2. What comes then is TLS, or, with RDP's
 * own security, an MCS Connect Initial in which the client describes itself (section 2.2.1.3).
 */

const TPKT_VERSION = 3;
const TPKT_HEADER = 4;
/** Length, code, two references, class. */
const X224_HEADER = 7;
const CONNECTION_REQUEST = 0xe0;
const CONNECTION_CONFIRM = 0xd0;
const NEGOTIATION_REQUEST = 1;
const NEGOTIATION_RESPONSE = 2;
const NEGOTIATION_FAILURE = 3;
const NEGOTIATION_BYTES = 8;
/** X.224 data, class 0, end of the unit. */
const X224_DATA = [2, 0xf0, 0x80];
const CLIENT_KEY = [0x44, 0x75, 0x63, 0x61];
/** The key stands some 130 bytes in. */
const KEY_WINDOW = 512;
/** Offsets in the core data, its header of type 0xc001 included. */
const CORE_KEYBOARD = 16;
const CORE_BUILD = 20;
const CORE_NAME = 24;
const CORE_NAME_BYTES = 32;
/** Domain selectors, the upward flag, and three times eight domain parameters (T.125 section 7), as a client sends them. */
const CONNECT_PARAMETERS = hexToBytes(
  '0401010401010101ff3019020122020102020100020101020100020101020' +
    '2ffff02010230190201010201010201010201010201000201010202042002010230190201220201020201000201010201000201010202ffff020102',
);

/** RFC 1006: version 3, a reserved byte, and the length of the whole packet. */
export interface Tpkt {
  /** First byte of the content. */
  readonly from: number;
  /** End of the packet as it claims, which may lie behind the end that was given. */
  readonly to: number;
}

/** The TPKT header at `at`, or undefined when there is none. S7comm, H.225 and MMS use it too. */
export function decodeTpkt(bytes: Uint8Array, at: number, end: number): Tpkt | undefined {
  if (at + TPKT_HEADER > end || bytes[at] !== TPKT_VERSION || bytes[at + 1] !== 0) return undefined;
  const length = (bytes[at + 2] << 8) | bytes[at + 3];
  return length < TPKT_HEADER ? undefined : { from: at + TPKT_HEADER, to: at + length };
}

/** Security protocols in the bits of the negotiation, [MS-RDPBCGR] section 2.2.1.1.1. No bit is RDP's own security. */
const PROTOCOLS: readonly (readonly [number, string])[] = [
  [1, 'tls'],
  [2, 'credssp'],
  [4, 'rdstls'],
  [8, 'credssp-ex'],
  [16, 'aad'],
];

/** 'rdp' (its own security) or the names of the bits: 'tls', 'credssp' (network level authentication), 'rdstls', 'credssp-ex', 'aad'. */
export function rdpProtocolNames(bits: number): string[] {
  const names = PROTOCOLS.filter(([bit]) => (bits & bit) !== 0).map(([, name]) => name);
  return names.length === 0 ? ['rdp'] : names;
}

const FAILURES = new Map<number, string>([
  [1, 'tls-required'],
  [2, 'tls-not-allowed'],
  [3, 'no-certificate'],
  [4, 'inconsistent-flags'],
  [5, 'credssp-required'],
  [6, 'tls-with-user-authentication-required'],
]);

/** 'tls-required', 'credssp-required', ... ([MS-RDPBCGR] section 2.2.1.2.2) or 'failure-<n>'. */
export function rdpFailureName(code: number): string {
  return FAILURES.get(code) ?? `failure-${code}`;
}

export interface RdpConnect {
  readonly kind: 'request' | 'confirm';
  /** The user name that the client hands to a load balancer ("Cookie: mstshash="); clients cut it at nine characters. Undefined without one. */
  readonly user: string | undefined;
  /** A routing token ("Cookie: msts=", or another line): which server of a farm is meant. */
  readonly routingToken: string | undefined;
  /** Bits of `rdpProtocolNames` that the client offers; undefined in a confirmation, and from clients before RDP 5.2. */
  readonly requestedProtocols: number | undefined;
  /** The bit that the server has chosen, 0 for RDP's own security; undefined without a negotiation. */
  readonly selectedProtocol: number | undefined;
  /** Why the server refuses; `rdpFailureName` has its name. */
  readonly failureCode: number | undefined;
  /** The client asks not to hand its credentials over (restricted admin mode): used by administrators, and with stolen hashes. */
  readonly isRestrictedAdmin: boolean;
}

/** The connection request or confirmation at `at`, or undefined when there is none or it is cut. */
export function decodeRdpConnect(bytes: Uint8Array, at: number, end: number): RdpConnect | undefined {
  const tpkt = decodeTpkt(bytes, at, end);
  if (tpkt === undefined || tpkt.to > end || tpkt.from + X224_HEADER > tpkt.to) return undefined;
  // The length counts what follows it, and in class 0 the whole packet.
  if (bytes[tpkt.from] + 1 !== tpkt.to - tpkt.from || bytes[tpkt.from + 6] >> 4 !== 0) return undefined;
  const code = bytes[tpkt.from + 1] & 0xf0;
  const from = tpkt.from + X224_HEADER;
  if (code === CONNECTION_REQUEST) return decodeRequest(bytes, from, tpkt.to);
  if (code === CONNECTION_CONFIRM) return decodeConfirm(bytes, from, tpkt.to);
  return undefined;
}

function decodeRequest(bytes: Uint8Array, from: number, to: number): RdpConnect | undefined {
  let here = from;
  let user: string | undefined;
  let routingToken: string | undefined;
  // Neither the cookie nor the token begins with the type of a negotiation.
  if (here < to && bytes[here] !== NEGOTIATION_REQUEST) {
    let stop = here;
    while (stop + 1 < to && !(bytes[stop] === 0x0d && bytes[stop + 1] === 0x0a)) stop++;
    // ISO applications send parameters (type, length, value) here: then this is not RDP.
    if (stop + 1 >= to) return undefined;
    const line = wireText(bytes, here, stop);
    const match = /^Cookie: mstshash=(.*)$/i.exec(line);
    if (match !== null) user = match[1];
    else routingToken = line.replace(/^Cookie: /i, '');
    here = stop + 2;
  }
  let requestedProtocols: number | undefined;
  let isRestrictedAdmin = false;
  if (here + NEGOTIATION_BYTES <= to && bytes[here] === NEGOTIATION_REQUEST && bytes[here + 2] === NEGOTIATION_BYTES) {
    isRestrictedAdmin = (bytes[here + 1] & 1) !== 0;
    requestedProtocols = u32le(bytes, here + 4);
  } else if (here < to && bytes[here] === NEGOTIATION_REQUEST) return undefined;
  return {
    kind: 'request',
    user,
    routingToken,
    requestedProtocols,
    selectedProtocol: undefined,
    failureCode: undefined,
    isRestrictedAdmin,
  };
}

function decodeConfirm(bytes: Uint8Array, from: number, to: number): RdpConnect | undefined {
  let selectedProtocol: number | undefined;
  let failureCode: number | undefined;
  let isRestrictedAdmin = false;
  if (from < to) {
    if (from + NEGOTIATION_BYTES > to || bytes[from + 2] !== NEGOTIATION_BYTES) return undefined;
    if (bytes[from] === NEGOTIATION_RESPONSE) {
      selectedProtocol = u32le(bytes, from + 4);
      isRestrictedAdmin = (bytes[from + 1] & 8) !== 0;
    } else if (bytes[from] === NEGOTIATION_FAILURE) failureCode = u32le(bytes, from + 4);
    else return undefined;
  }
  return {
    kind: 'confirm',
    user: undefined,
    routingToken: undefined,
    requestedProtocols: undefined,
    selectedProtocol,
    failureCode,
    isRestrictedAdmin,
  };
}

/** How a client describes itself, [MS-RDPBCGR] section 2.2.1.3.2. */
export interface RdpClientCore {
  /** Name of the computer, cut by the client at 15 characters. */
  readonly clientName: string;
  /** Build of the client software: 2600 is that of Windows XP. */
  readonly clientBuild: number;
  /** Input locale: 0x409 is that of the United States. */
  readonly keyboardLayout: number;
}

/**
 * The client core data in the MCS Connect Initial at `at` (T.125 section 11.1, behind TPKT and X.224), or undefined when it is none or the data is cut. The
 * two layers of ASN.1 around it are not taken apart: the data begins behind the key of the conference request, 'Duca' (T.124 section 8.7).
 */
export function decodeRdpClientCore(bytes: Uint8Array, at: number, end: number): RdpClientCore | undefined {
  const tpkt = decodeTpkt(bytes, at, end);
  if (tpkt === undefined) return undefined;
  const limit = Math.min(tpkt.to, end);
  // X.224 data, then the tag of a Connect Initial.
  const mcs = tpkt.from + X224_DATA.length;
  if (mcs + 2 > limit || !X224_DATA.every((byte, i) => bytes[tpkt.from + i] === byte)) return undefined;
  if (bytes[mcs] !== 0x7f || bytes[mcs + 1] !== 0x65) return undefined;
  const stop = Math.min(limit, mcs + KEY_WINDOW) - CLIENT_KEY.length;
  for (let key = mcs; key <= stop; key++) {
    if (!CLIENT_KEY.every((byte, i) => bytes[key + i] === byte)) continue;
    // A length of one or two bytes, X.691 section 11.9.
    const lengthAt = key + CLIENT_KEY.length;
    const core = lengthAt + (bytes[lengthAt] >= 0x80 ? 2 : 1);
    if (core + CORE_NAME + CORE_NAME_BYTES > limit) return undefined;
    if (bytes[core] !== 0x01 || bytes[core + 1] !== 0xc0) return undefined;
    const name = core + CORE_NAME;
    const terminator = terminatorAt(bytes, name, name + CORE_NAME_BYTES, 2);
    return {
      clientName: utf16Text(bytes, name, terminator < 0 ? name + CORE_NAME_BYTES : terminator),
      clientBuild: u32le(bytes, core + CORE_BUILD),
      keyboardLayout: u32le(bytes, core + CORE_KEYBOARD),
    };
  }
  return undefined;
}

/** [MS-RDPBCGR] is little-endian inside of X.224. */
function u32le(bytes: Uint8Array, at: number): number {
  return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
}

function writeU32le(out: ByteWriter, value: number): ByteWriter {
  return out
    .u8(value & 255)
    .u8((value >>> 8) & 255)
    .u8((value >>> 16) & 255)
    .u8(value >>> 24);
}

/** A connection request or confirmation in its TPKT. `isRestrictedAdmin` is carried only beside a negotiation. */
export function encodeRdpConnect(fields: Partial<RdpConnect> & Pick<RdpConnect, 'kind'>): Uint8Array {
  const { kind, user, routingToken, requestedProtocols, selectedProtocol, failureCode, isRestrictedAdmin } = fields;
  const data = new ByteWriter();
  if (user !== undefined) data.text(`Cookie: mstshash=${user}\r\n`);
  else if (routingToken !== undefined) data.text(`Cookie: ${routingToken}\r\n`);
  const flag = isRestrictedAdmin === true;
  if (requestedProtocols !== undefined)
    writeU32le(data.bytes([NEGOTIATION_REQUEST, flag ? 1 : 0, NEGOTIATION_BYTES, 0]), requestedProtocols);
  else if (selectedProtocol !== undefined)
    writeU32le(data.bytes([NEGOTIATION_RESPONSE, flag ? 8 : 0, NEGOTIATION_BYTES, 0]), selectedProtocol);
  else if (failureCode !== undefined)
    writeU32le(data.bytes([NEGOTIATION_FAILURE, 0, NEGOTIATION_BYTES, 0]), failureCode);
  const body = data.finish();
  return new ByteWriter()
    .bytes([TPKT_VERSION, 0])
    .u16(TPKT_HEADER + X224_HEADER + body.length)
    .u8(X224_HEADER - 1 + body.length)
    .u8(kind === 'request' ? CONNECTION_REQUEST : CONNECTION_CONFIRM)
    .zeros(X224_HEADER - 2)
    .bytes(body)
    .finish();
}

/** An MCS Connect Initial with nothing in it but the client core data. The name is cut at 15 characters. */
export function encodeRdpClientCore(fields: RdpClientCore): Uint8Array {
  const { clientName, clientBuild, keyboardLayout } = fields;
  const name = new Uint8Array(CORE_NAME_BYTES);
  name.set(utf16Bytes(clientName).subarray(0, CORE_NAME_BYTES - 2));
  const core = new ByteWriter().bytes([0x01, 0xc0, CORE_NAME + CORE_NAME_BYTES, 0]).zeros(CORE_KEYBOARD - 4);
  writeU32le(writeU32le(core, keyboardLayout), clientBuild).bytes(name);
  // ConferenceCreateRequest of T.124 section 8.7 with everything left out that may be, lengths in two bytes.
  const userData = new ByteWriter()
    .bytes([0, 8, 0, 0x10, 0, 1, 0xc0, 0])
    .bytes(CLIENT_KEY)
    .u16(0x8000 | (CORE_NAME + CORE_NAME_BYTES))
    .bytes(core.finish())
    .finish();
  const request = new ByteWriter()
    .bytes([0, 5, 0, 0x14, 0x7c, 0, 1])
    .u16(0x8000 | userData.length)
    .bytes(userData)
    .finish();
  const body = new ByteWriter()
    .bytes(CONNECT_PARAMETERS)
    .bytes([0x04, 0x82])
    .u16(request.length)
    .bytes(request)
    .finish();
  return new ByteWriter()
    .bytes([TPKT_VERSION, 0])
    .u16(TPKT_HEADER + X224_DATA.length + 5 + body.length)
    .bytes(X224_DATA)
    .bytes([0x7f, 0x65, 0x82])
    .u16(body.length)
    .bytes(body)
    .finish();
}

/** 'RDP request by eltons for tls,credssp'. */
export function summarizeRdpConnect(connect: RdpConnect): string {
  const { kind, user, requestedProtocols, selectedProtocol, failureCode } = connect;
  const by = user === undefined ? '' : ` by ${user}`;
  if (failureCode !== undefined) return `RDP ${kind}${by}: ${rdpFailureName(failureCode)}`;
  const bits = requestedProtocols ?? selectedProtocol;
  return `RDP ${kind}${by}${bits === undefined ? '' : ` for ${rdpProtocolNames(bits).join(',')}`}`;
}
