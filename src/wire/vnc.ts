import { ByteWriter, wireText } from './bytes.ts';

/** The Remote Framebuffer protocol of VNC, RFC 6143 section 7.1: versions, and how the client has to show who it is. */

/** 'RFB xxx.yyy\n'. */
const VERSION_BYTES = 12;
/** There are about thirty registered security types. */
const MAX_TYPES = 64;
/** Characters of the reason for a refusal. */
const MAX_REASON = 255;

export interface VncOpening {
  /** '3.8': major and minor without leading zeros. Apple says '3.889'. */
  readonly version: string;
  /**
   * From the server, the security types it offers, at most 64; from the client, the one it chose. Up to version 3.3 the server chooses and the client
   * says nothing. Empty when nothing but the version is there. `vncSecurityName` has the names.
   */
  readonly securityTypes: readonly number[];
  /** The server refuses the connection: why, in its words. Undefined when it does not, or the text is not there. */
  readonly refusal: string | undefined;
}

/** What one side says first, at [at, end): `fromServer` tells which. Undefined when no version is there. */
export function decodeVnc(bytes: Uint8Array, at: number, end: number, fromServer: boolean): VncOpening | undefined {
  if (at + VERSION_BYTES > end || bytes[at + VERSION_BYTES - 1] !== 0x0a) return undefined;
  const match = /^RFB (\d{3})\.(\d{3})$/.exec(wireText(bytes, at, at + VERSION_BYTES - 1));
  if (match === null) return undefined;
  const major = Number(match[1]);
  const minor = Number(match[2]);
  const version = `${major}.${minor}`;
  const from = at + VERSION_BYTES;
  const nothing = { version, securityTypes: [], refusal: undefined };
  if (!fromServer) {
    if (major < 3 || (major === 3 && minor < 7)) return nothing;
    return { ...nothing, securityTypes: Array.from(bytes.subarray(from, Math.min(end, from + 1))) };
  }
  if (from >= end) return nothing;
  // A list: its count, then one byte each. The client may have answered with a lower version than the server's; then the server says one type in four bytes.
  const count = bytes[from];
  if (count > 0) {
    const to = Math.min(end, from + 1 + Math.min(count, MAX_TYPES));
    return { ...nothing, securityTypes: Array.from(bytes.subarray(from + 1, to)) };
  }
  if (from + 4 > end) return nothing;
  const word = u32(bytes, from);
  // An empty list is a refusal, with a text behind its length. One of 256 bytes and more looks like a type, but ends where the server stops talking.
  const isLongRefusal = word > 0 && from + 5 < end && from + 5 + u32(bytes, from + 1) === end;
  if (word > 0 && !isLongRefusal) return { ...nothing, securityTypes: [word] };
  // The type 0 is a refusal too, and its length has a first byte of 0.
  const reasonAt = isLongRefusal || bytes[from + 4] > 0 ? from + 1 : from + 4;
  return from + 5 > end ? nothing : { ...nothing, refusal: decodeReason(bytes, reasonAt, end) };
}

function decodeReason(bytes: Uint8Array, at: number, end: number): string | undefined {
  if (at + 4 > end) return undefined;
  const length = u32(bytes, at);
  return length === 0 ? undefined : wireText(bytes, at + 4, Math.min(end, at + 4 + length), MAX_REASON);
}

function u32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}

/** Security types, RFC 6143 section 8.1.2 and the IANA registry "RFB Security Types". */
const SECURITY = new Map<number, string>([
  [0, 'invalid'],
  [1, 'none'],
  [2, 'vnc'],
  [5, 'ra2'],
  [6, 'ra2ne'],
  [16, 'tight'],
  [17, 'ultra'],
  [18, 'tls'],
  [19, 'vencrypt'],
  [20, 'sasl'],
  [21, 'md5'],
  [22, 'xvp'],
  [30, 'apple-dh'],
  [33, 'apple-kerberos'],
  [35, 'apple-srp'],
  [129, 'ra2-256'],
  [130, 'ra2ne-256'],
]);

/** 'none' (no password at all), 'vnc' (a password of eight characters, DES), 'vencrypt', ... or 'type-<n>'. */
export function vncSecurityName(type: number): string {
  return SECURITY.get(type) ?? `type-${type}`;
}

/** The first bytes of one side: a version, then what fits to the side. A client says at most one security type. */
export function encodeVnc(fields: Partial<VncOpening> & Pick<VncOpening, 'version'>, fromServer: boolean): Uint8Array {
  const { version, securityTypes = [], refusal } = fields;
  const [major = 3, minor = 8] = version.split('.').map(Number);
  const pad = (n: number): string => `${n}`.padStart(3, '0');
  const out = new ByteWriter().text(`RFB ${pad(major)}.${pad(minor)}\n`);
  const hasList = major > 3 || minor >= 7;
  if (refusal !== undefined) {
    const reason = new ByteWriter().text(refusal).finish();
    out
      .zeros(hasList ? 1 : 4)
      .u32(reason.length)
      .bytes(reason);
  } else if (!hasList) {
    if (fromServer && securityTypes.length > 0) out.u32(securityTypes[0]);
  } else if (securityTypes.length > 0) {
    if (fromServer) out.u8(securityTypes.length);
    out.bytes(securityTypes);
  }
  return out.finish();
}

/** 'VNC 3.8 none,vnc'. */
export function summarizeVnc(opening: VncOpening): string {
  const { version, securityTypes, refusal } = opening;
  const what = refusal === undefined ? securityTypes.map(vncSecurityName).join(',') : `refused: ${refusal}`;
  return `VNC ${version} ${what}`.trimEnd();
}
