import { formatIpv4 } from './address.ts';
import { ByteWriter, wireText } from './bytes.ts';

/**
 * NTP: time messages of versions 1 to 4 (RFC 1305, RFC 5905 section 7.3, SNTP alike), control messages (mode 6, RFC 9327) and the private mode 7 of ntpd, whose
 * `monlist` answers a request of 8 bytes with up to 100 packets and was much used to flood others.
 */

const HEADER_BYTES = 48;
const CONTROL_BYTES = 12;
const PRIVATE_BYTES = 8;
/** Seconds from 1900 to 1970. */
const ERA_SECONDS = 2_208_988_800;
const ERA = 2 ** 32;
const MAX_TEXT = 240;

const MODES = [
  'reserved',
  'symmetric active',
  'symmetric passive',
  'client',
  'server',
  'broadcast',
  'control',
  'private',
] as const;

export type NtpMode = (typeof MODES)[number];

export interface NtpTime {
  /** 0 none, 1 a second is inserted, 2 a second is left out, 3 the clock is not synchronised. */
  readonly leap: number;
  /** 0 unspecified ("kiss of death" when `referenceId` is a code), 1 has a clock of its own, 2 to 15 hops from one, 16 not synchronised. */
  readonly stratum: number;
  /** Seconds between messages as a power of two, -128 to 127. */
  readonly pollExponent: number;
  /** Precision of the clock in seconds as a power of two. */
  readonly precisionExponent: number;
  /** Milliseconds to the reference clock and back. */
  readonly rootDelayMs: number;
  readonly rootDispersionMs: number;
  /** 'GPS', 'PPS' for a clock, 'RATE' for a kiss; the upstream server's IPv4 address (of IPv6 a part of its hash) from stratum 2 on; '' when it is zero. */
  readonly referenceId: string;
  /** Milliseconds since 1970; undefined when zero. Seconds below 2^31 are taken for those from 2036 on (RFC 4330 section 3). */
  readonly referenceTimeMs: number | undefined;
  readonly originTimeMs: number | undefined;
  readonly receiveTimeMs: number | undefined;
  readonly transmitTimeMs: number | undefined;
  /** Bytes behind the header: extension fields, key id and digest. */
  readonly extraBytes: number;
  /** True where a key id and a digest stand at the end (section 7.3), or the 4 bytes of a crypto-NAK. */
  readonly isAuthenticated: boolean;
}

export interface NtpControl {
  readonly isResponse: boolean;
  readonly isError: boolean;
  /** Another fragment follows. */
  readonly isMore: boolean;
  /** 'read variables', 'read status', ... or 'operation <n>'. */
  readonly operation: string;
  readonly sequence: number;
  readonly associationId: number;
  /** Bytes of data that the message claims. */
  readonly dataBytes: number;
  /** Text of variables, 'version="ntpd 4.2.8p15", ...', at most 240 characters; '' for requests and binary data. */
  readonly text: string;
}

export interface NtpPrivate {
  readonly isResponse: boolean;
  readonly isMore: boolean;
  readonly isAuthenticated: boolean;
  readonly sequence: number;
  /** 0 universal, 2 XNTPD_OLD, 3 XNTPD. */
  readonly implementation: number;
  /** 'monlist', 'peer list', ... or 'request <n>'. */
  readonly request: string;
  /** True for the lists of clients that answer a small request with many large packets. */
  readonly isMonlist: boolean;
  /** 0 good. */
  readonly error: number;
  readonly items: number;
  readonly itemBytes: number;
}

export interface NtpMessage {
  /** 1 to 4 are in use. */
  readonly version: number;
  readonly mode: NtpMode;
  /** Of modes 1 to 5. */
  readonly time: NtpTime | undefined;
  readonly control: NtpControl | undefined;
  readonly private: NtpPrivate | undefined;
  /** Bytes of the whole message. */
  readonly bytes: number;
  /** 'cut' when the bytes end before the data that mode 6 or 7 claims. */
  readonly state: 'complete' | 'cut';
}

/** RFC 9327 section 3. */
const OPERATIONS = new Map<number, string>([
  [0, 'unspecified'],
  [1, 'read status'],
  [2, 'read variables'],
  [3, 'write variables'],
  [4, 'read clock variables'],
  [5, 'write clock variables'],
  [6, 'set trap'],
  [7, 'trap response'],
  [8, 'configure'],
  [9, 'save configuration'],
  [10, 'read MRU list'],
  [11, 'read ordered list'],
  [12, 'request nonce'],
  [31, 'unset trap'],
]);

/** Requests of ntpd's `ntp_request.h`; those that are asked in earnest. */
const REQUESTS = new Map<number, string>([
  [0, 'peer list'],
  [1, 'peer list sum'],
  [2, 'peer info'],
  [3, 'peer stats'],
  [4, 'system info'],
  [5, 'system stats'],
  [6, 'I/O stats'],
  [7, 'memory stats'],
  [8, 'loop info'],
  [9, 'timer stats'],
  [10, 'configure'],
  [11, 'unconfigure'],
  [12, 'set flag'],
  [13, 'clear flag'],
  [16, 'restriction list'],
  [17, 'restrict add'],
  [18, 'restrict remove'],
  [20, 'monlist'],
  [28, 'authentication info'],
  [42, 'monlist'],
]);

function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 8) | bytes[at + 1];
}

function u32(bytes: Uint8Array, at: number): number {
  return u16(bytes, at) * 0x10000 + u16(bytes, at + 2);
}

/** The message at [at, end), or undefined when it is none: version 0 or above 4, mode 0, or shorter than its mode's header. */
export function decodeNtp(bytes: Uint8Array, at: number, end: number): NtpMessage | undefined {
  const length = end - at;
  if (length < PRIVATE_BYTES) return undefined;
  const version = (bytes[at] >> 3) & 7;
  const modeNumber = bytes[at] & 7;
  if (version === 0 || version > 4 || modeNumber === 0) return undefined;
  const common = {
    version,
    mode: MODES[modeNumber],
    time: undefined,
    control: undefined,
    private: undefined,
    bytes: length,
  };
  if (modeNumber === 6) {
    if (length < CONTROL_BYTES) return undefined;
    const control = decodeControl(bytes, at, end);
    return { ...common, control, state: at + CONTROL_BYTES + control.dataBytes > end ? 'cut' : 'complete' };
  }
  if (modeNumber === 7) {
    const details = decodePrivate(bytes, at);
    const dataEnd = at + PRIVATE_BYTES + details.items * details.itemBytes;
    // A request may leave out the bytes of its items that are zero.
    return { ...common, private: details, state: details.isResponse && dataEnd > end ? 'cut' : 'complete' };
  }
  if (length < HEADER_BYTES) return undefined;
  return { ...common, time: decodeTime(bytes, at, end), state: 'complete' };
}

function decodeTime(bytes: Uint8Array, at: number, end: number): NtpTime {
  const stratum = bytes[at + 1];
  const extraBytes = end - at - HEADER_BYTES;
  return {
    leap: bytes[at] >> 6,
    stratum,
    pollExponent: (bytes[at + 2] << 24) >> 24,
    precisionExponent: (bytes[at + 3] << 24) >> 24,
    // 16.16 fixed point seconds; the delay is signed in version 3.
    rootDelayMs: ((u32(bytes, at + 4) | 0) / 65_536) * 1000,
    rootDispersionMs: (u32(bytes, at + 8) / 65_536) * 1000,
    referenceId: referenceText(bytes, at + 12, stratum),
    referenceTimeMs: timestampMs(bytes, at + 16),
    originTimeMs: timestampMs(bytes, at + 24),
    receiveTimeMs: timestampMs(bytes, at + 32),
    transmitTimeMs: timestampMs(bytes, at + 40),
    extraBytes,
    isAuthenticated: hasDigest(bytes, at + HEADER_BYTES, end),
  };
}

function referenceText(bytes: Uint8Array, at: number, stratum: number): string {
  const word = u32(bytes, at);
  if (word === 0) return '';
  if (stratum > 1) return formatIpv4(word | 0);
  let to = at + 4;
  while (to > at && (bytes[to - 1] === 0 || bytes[to - 1] === 0x20)) to--;
  return wireText(bytes, at, to);
}

/** Milliseconds since 1970 of a 64-bit timestamp (section 6); undefined for zero, which means unknown. */
function timestampMs(bytes: Uint8Array, at: number): number | undefined {
  const seconds = u32(bytes, at);
  const fraction = u32(bytes, at + 4);
  if (seconds === 0 && fraction === 0) return undefined;
  const since1900 = seconds < 2 ** 31 ? seconds + ERA : seconds;
  return (since1900 - ERA_SECONDS) * 1000 + (fraction / ERA) * 1000;
}

/** Behind the extension fields (of 16 bytes and more, RFC 7822) stands a key id with a digest of 16 or 20 bytes, or the key id 0 alone. */
function hasDigest(bytes: Uint8Array, from: number, end: number): boolean {
  let here = from;
  for (let left = end - here; left >= 28; left = end - here) {
    const length = u16(bytes, here + 2);
    if (length < 16 || length % 4 !== 0 || length > left) return false;
    here += length;
  }
  const left = end - here;
  return left === 20 || left === 24 || left === 4;
}

function decodeControl(bytes: Uint8Array, at: number, end: number): NtpControl {
  const isResponse = (bytes[at + 1] & 0x80) !== 0;
  const dataBytes = u16(bytes, at + 10);
  const operation = bytes[at + 1] & 31;
  const from = at + CONTROL_BYTES;
  const isText = isResponse && [2, 4, 10, 11, 12].includes(operation);
  return {
    isResponse,
    isError: (bytes[at + 1] & 0x40) !== 0,
    isMore: (bytes[at + 1] & 0x20) !== 0,
    operation: OPERATIONS.get(operation) ?? `operation ${operation}`,
    sequence: u16(bytes, at + 2),
    associationId: u16(bytes, at + 6),
    dataBytes,
    text: isText ? wireText(bytes, from, Math.min(end, from + dataBytes), MAX_TEXT) : '',
  };
}

function decodePrivate(bytes: Uint8Array, at: number): NtpPrivate {
  const number = bytes[at + 3];
  const request = REQUESTS.get(number) ?? `request ${number}`;
  return {
    isResponse: (bytes[at] & 0x80) !== 0,
    isMore: (bytes[at] & 0x40) !== 0,
    isAuthenticated: (bytes[at + 1] & 0x80) !== 0,
    sequence: bytes[at + 1] & 0x7f,
    implementation: bytes[at + 2],
    request,
    isMonlist: request === 'monlist',
    error: bytes[at + 4] >> 4,
    items: u16(bytes, at + 4) & 0xfff,
    itemBytes: u16(bytes, at + 6) & 0xfff,
  };
}

export interface NtpTimeFields {
  readonly version?: number;
  /** Modes 1 to 5. */
  readonly mode?: NtpMode;
  readonly leap?: number;
  readonly stratum?: number;
  readonly pollExponent?: number;
  readonly precisionExponent?: number;
  readonly rootDelayMs?: number;
  readonly rootDispersionMs?: number;
  /** Four ASCII characters or an IPv4 address. */
  readonly referenceId?: string;
  /** Milliseconds since 1970. */
  readonly referenceTimeMs?: number;
  readonly originTimeMs?: number;
  readonly receiveTimeMs?: number;
  readonly transmitTimeMs?: number;
  /** Extension fields, key id and digest, as they are. */
  readonly extra?: Uint8Array;
}

/** A time message; a client's when nothing else is said. */
export function encodeNtp(fields: NtpTimeFields): Uint8Array {
  const { version = 4, mode = 'client', leap = 0, stratum = 0, pollExponent = 6, precisionExponent = -20 } = fields;
  const { rootDelayMs = 0, rootDispersionMs = 0, referenceId = '', extra = new Uint8Array() } = fields;
  const out = new ByteWriter()
    .u8((leap << 6) | (version << 3) | MODES.indexOf(mode))
    .u8(stratum)
    .u8(pollExponent)
    .u8(precisionExponent)
    .u32(Math.round((rootDelayMs / 1000) * 65_536))
    .u32(Math.round((rootDispersionMs / 1000) * 65_536));
  const octets = /^\d+\.\d+\.\d+\.\d+$/.test(referenceId) ? referenceId.split('.').map(Number) : undefined;
  out.bytes(octets ?? Array.from({ length: 4 }, (_, i) => (referenceId.charCodeAt(i) || 0) & 255));
  for (const time of [fields.referenceTimeMs, fields.originTimeMs, fields.receiveTimeMs, fields.transmitTimeMs]) {
    if (time === undefined) {
      out.zeros(8);
      continue;
    }
    const seconds = Math.floor(time / 1000);
    out.u32((seconds + ERA_SECONDS) % ERA).u32(Math.round((time / 1000 - seconds) * ERA));
  }
  return out.bytes(extra).finish();
}

/** A control message (mode 6) with its data. */
export function encodeNtpControl(fields: {
  readonly version?: number;
  readonly isResponse?: boolean;
  readonly isError?: boolean;
  readonly isMore?: boolean;
  readonly operation: string;
  readonly sequence?: number;
  readonly associationId?: number;
  readonly text?: string;
}): Uint8Array {
  const { version = 2, isResponse = false, isError = false, isMore = false, operation, sequence = 0 } = fields;
  const { associationId = 0, text = '' } = fields;
  const number = [...OPERATIONS].find(([, name]) => name === operation)?.[0] ?? 0;
  const out = new ByteWriter()
    .u8((version << 3) | 6)
    .u8((isResponse ? 0x80 : 0) | (isError ? 0x40 : 0) | (isMore ? 0x20 : 0) | number)
    .u16(sequence)
    .u16(0)
    .u16(associationId)
    .u16(0)
    .u16(text.length);
  return out.text(text).finish();
}

/** A private message (mode 7): the eight bytes of a request, or a response with items of zeros. */
export function encodeNtpPrivate(fields: {
  readonly version?: number;
  readonly isResponse?: boolean;
  readonly isMore?: boolean;
  readonly sequence?: number;
  readonly implementation?: number;
  /** 42 is monlist. */
  readonly request: number;
  readonly error?: number;
  readonly items?: number;
  readonly itemBytes?: number;
}): Uint8Array {
  const { version = 2, isResponse = false, isMore = false, sequence = 0, implementation = 3, request } = fields;
  const { error = 0, items = 0, itemBytes = 0 } = fields;
  return new ByteWriter()
    .u8((isResponse ? 0x80 : 0) | (isMore ? 0x40 : 0) | (version << 3) | 7)
    .u8(sequence)
    .u8(implementation)
    .u8(request)
    .u16((error << 12) | items)
    .u16(itemBytes)
    .zeros(isResponse ? items * itemBytes : 0)
    .finish();
}

/** 'NTPv4 server, stratum 2, 17.253.4.125', 'NTPv2 private monlist request', 'NTPv2 control read variables response, 440 bytes'. */
export function summarizeNtp(message: NtpMessage): string {
  const { version, mode, time, control } = message;
  const head = `NTPv${version} ${mode}`;
  if (time !== undefined) {
    if (mode === 'client') return head;
    const words = [head, `stratum ${time.stratum}`];
    if (time.referenceId !== '') words.push(time.referenceId);
    return words.join(', ');
  }
  if (control !== undefined)
    return `${head} ${control.operation} ${control.isResponse ? 'response' : 'request'}, ${control.dataBytes} bytes`;
  const details = message.private;
  if (details === undefined) return head;
  const size = details.isResponse ? `, ${details.items} items of ${details.itemBytes} bytes` : '';
  return `${head} ${details.request} ${details.isResponse ? 'response' : 'request'}${size}`;
}
