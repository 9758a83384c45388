import { ByteWriter, wireText } from './bytes.ts';
import type { Login, LoginOutcome } from './login.ts';

/** The greeting and login of MySQL and MariaDB: "Connection Phase" of the MySQL client/server protocol, HandshakeV10 and HandshakeResponse41 (and 320). */

const CLIENT_CONNECT_WITH_DB = 0x8;
const CLIENT_PROTOCOL_41 = 0x200;
const CLIENT_SSL = 0x800;
const CLIENT_SECURE_CONNECTION = 0x8000;
const CLIENT_PLUGIN_AUTH = 0x80000;
const CLIENT_LENENC_AUTH = 0x200000;
const MAX_USER = 128;
const MAX_PACKETS = 64;

export interface MysqlClient {
  readonly user: string | undefined;
  readonly database: string | undefined;
  /** Authentication plugin, e.g. 'mysql_native_password', 'caching_sha2_password', 'mysql_clear_password'. */
  readonly plugin: string | undefined;
  /** The client asked for TLS and sent its login inside. */
  readonly asksTls: boolean;
  /** Where in `bytes` a TLS record begins. */
  readonly tlsAt: number | undefined;
}

export interface MysqlServer {
  /** '8.0.36', '5.5.5-10.11.6-MariaDB', ... */
  readonly version: string | undefined;
  readonly plugin: string | undefined;
  /** Answer to the login. */
  readonly login: LoginOutcome;
  /** Code of the error, e.g. 1045 access denied, 1130 host not allowed. */
  readonly error: number | undefined;
  readonly tlsAt: number | undefined;
}

interface Body {
  readonly from: number;
  /** End of the packet's body, as far as it is there. */
  readonly to: number;
  /** Behind the packet, though that may lie outside of the bytes. */
  readonly next: number;
  readonly sequence: number;
}

/** Length in three bytes, little-endian, then a sequence number. */
function packetAt(bytes: Uint8Array, at: number, end: number): Body | undefined {
  if (end - at < 5) return undefined;
  const length = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16);
  if (length === 0) return undefined;
  return { from: at + 4, to: Math.min(end, at + 4 + length), next: at + 4 + length, sequence: bytes[at + 3] };
}

function nulEnd(bytes: Uint8Array, from: number, to: number): number {
  const length = from < to ? bytes.subarray(from, Math.min(to, from + 512)).indexOf(0) : -1;
  return length < 0 ? -1 : from + length;
}

function capabilitiesAt(bytes: Uint8Array, at: number): number {
  return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
}

/** The client's side at [at, end); undefined when it does not begin with a login or a request for TLS. */
export function decodeMysqlClient(bytes: Uint8Array, at: number, end: number): MysqlClient | undefined {
  const stop = Math.min(end, bytes.length);
  const packet = packetAt(bytes, at, stop);
  if (packet === undefined || packet.sequence !== 1 || packet.to - packet.from < 8) return undefined;
  const { from, to } = packet;
  const capabilities = capabilitiesAt(bytes, from);
  if ((capabilities & CLIENT_PROTOCOL_41) === 0) return decodeResponse320(bytes, packet);
  // 32 bytes of fixed fields, of which 19 to 23 are filler (MariaDB uses the last four).
  if (packet.next - from < 32 || !isZero(bytes, from + 9, Math.min(to, from + 28))) return undefined;
  if ((capabilities & CLIENT_SSL) !== 0 && packet.next - from === 32) {
    const tlsAt = packet.next < stop ? packet.next : undefined;
    return { user: undefined, database: undefined, plugin: undefined, asksTls: true, tlsAt };
  }
  const none = { user: undefined, database: undefined, plugin: undefined, asksTls: false, tlsAt: undefined };
  const userEnd = nulEnd(bytes, from + 32, to);
  if (userEnd < 0) return to < packet.next ? none : undefined;
  const user = wireText(bytes, from + 32, userEnd, MAX_USER);
  const response = responseEnd(bytes, userEnd + 1, to, capabilities);
  if (response < 0 || response > to) return { ...none, user };
  let here = response;
  let database: string | undefined;
  if ((capabilities & CLIENT_CONNECT_WITH_DB) !== 0) {
    const databaseEnd = nulEnd(bytes, here, to);
    if (databaseEnd < 0) return { ...none, user };
    database = wireText(bytes, here, databaseEnd, MAX_USER);
    here = databaseEnd + 1;
  }
  const pluginEnd = (capabilities & CLIENT_PLUGIN_AUTH) !== 0 ? nulEnd(bytes, here, to) : -1;
  const plugin = pluginEnd > here ? wireText(bytes, here, pluginEnd, MAX_USER) : undefined;
  return { ...none, user, database: database === '' ? undefined : database, plugin };
}

/** Behind the answer to the challenge, which for mysql_clear_password is the password itself; -1 when that is not there. */
function responseEnd(bytes: Uint8Array, at: number, to: number, capabilities: number): number {
  if (at >= to) return -1;
  if ((capabilities & CLIENT_LENENC_AUTH) !== 0) {
    // Length-encoded: one byte below 251, or 252 and two bytes.
    return bytes[at] < 251
      ? at + 1 + bytes[at]
      : bytes[at] === 252
        ? at + 3 + (bytes[at + 1] | (bytes[at + 2] << 8))
        : -1;
  }
  if ((capabilities & CLIENT_SECURE_CONNECTION) !== 0) return at + 1 + bytes[at];
  const stop = nulEnd(bytes, at, to);
  return stop < 0 ? -1 : stop + 1;
}

/** Before 4.1: capabilities in two bytes, greatest packet in three, user, answer, database. */
function decodeResponse320(bytes: Uint8Array, packet: Body): MysqlClient | undefined {
  const userEnd = nulEnd(bytes, packet.from + 5, packet.to);
  if (userEnd <= packet.from + 5 || userEnd - packet.from > 5 + 32) return undefined;
  for (let i = packet.from + 5; i < userEnd; i++) if (bytes[i] < 0x20 || bytes[i] > 0x7e) return undefined;
  const user = wireText(bytes, packet.from + 5, userEnd, MAX_USER);
  return { user, database: undefined, plugin: undefined, asksTls: false, tlsAt: undefined };
}

function isZero(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (bytes[i] !== 0) return false;
  return true;
}

/** The server's side at [at, end); undefined when it does not begin with a greeting or an error in its place. */
export function decodeMysqlServer(bytes: Uint8Array, at: number, end: number): MysqlServer | undefined {
  const stop = Math.min(end, bytes.length);
  const greeting = packetAt(bytes, at, stop);
  if (greeting === undefined || greeting.sequence !== 0) return undefined;
  const { from, to } = greeting;
  const none = { version: undefined, plugin: undefined, login: 'unknown', error: undefined, tlsAt: undefined } as const;
  if (bytes[from] === 0xff) {
    // 'Host is not allowed', 'Too many connections': an error instead of the greeting.
    const error = errorCode(bytes, from, to);
    return error === undefined ? undefined : { ...none, login: 'refused', error };
  }
  const versionEnd = nulEnd(bytes, from + 1, to);
  if (bytes[from] !== 10 || versionEnd < 0 || versionEnd - from > 100) return undefined;
  const version = wireText(bytes, from + 1, versionEnd);
  if (!/^\d+\.\d+/.test(version)) return undefined;
  // Behind it: thread (4), challenge (8), filler, capabilities (2), character set, status (2), capabilities (2), length, 10 zeros, challenge, NUL, plugin.
  const second = versionEnd + 1 + 31;
  const length = second - 11 < to ? bytes[second - 11] : 0;
  const pluginFrom = second + Math.max(13, length - 8);
  const pluginEnd = nulEnd(bytes, pluginFrom, to);
  const plugin = pluginEnd > pluginFrom ? wireText(bytes, pluginFrom, pluginEnd, MAX_USER) : undefined;
  let login: LoginOutcome = 'unknown';
  let error: number | undefined;
  let here = greeting.next;
  for (let i = 0; i < MAX_PACKETS && here < stop && login === 'unknown'; i++) {
    if (bytes[here] === 22 && bytes[here + 1] === 3 && here + 2 < stop)
      return { version, plugin, login, error, tlsAt: here };
    const packet = packetAt(bytes, here, stop);
    if (packet === undefined) break;
    if (bytes[packet.from] === 0) login = 'accepted';
    else if (bytes[packet.from] === 0xff) {
      login = 'refused';
      error = errorCode(bytes, packet.from, packet.to);
    }
    here = packet.next;
  }
  return { version, plugin, login, error, tlsAt: undefined };
}

function errorCode(bytes: Uint8Array, from: number, to: number): number | undefined {
  if (to - from < 4) return undefined;
  const code = bytes[from + 1] | (bytes[from + 2] << 8);
  return code >= 1000 && code < 6000 ? code : undefined;
}

/** The login of a connection; undefined when the client sent none that can be read. */
export function joinMysql(client: MysqlClient | undefined, server: MysqlServer | undefined): Login | undefined {
  if (client?.user === undefined) return undefined;
  return {
    user: client.user,
    method: client.plugin ?? 'mysql',
    isCleartext: client.plugin === 'mysql_clear_password',
    outcome: server?.login ?? 'unknown',
  };
}

/** True for a greeting of protocol 10 with a version, a whole refusal in its place, or a login or TLS request of 4.1 and later. */
export function looksLikeMysql(bytes: Uint8Array, at: number, end: number): boolean {
  const packet = packetAt(bytes, at, end);
  if (packet === undefined) return false;
  if (packet.sequence === 0) {
    const server = decodeMysqlServer(bytes, at, end);
    if (server === undefined) return false;
    // Filler behind the challenge of the greeting; text behind the code of an error.
    if (server.error !== undefined)
      return packet.next === end && bytes[packet.from + 3] >= 0x20 && bytes[packet.from + 3] < 0x7f;
    const filler = nulEnd(bytes, packet.from + 1, packet.to) + 1 + 12;
    return filler < packet.to && bytes[filler] === 0;
  }
  if (packet.sequence !== 1 || packet.next - packet.from < 32 || packet.to - packet.from < 32) return false;
  if ((capabilitiesAt(bytes, packet.from) & CLIENT_PROTOCOL_41) === 0) return false;
  return decodeMysqlClient(bytes, at, end) !== undefined;
}

/** A greeting of protocol 10 with mysql_native_password. */
export function encodeMysqlGreeting(version: string): Uint8Array {
  const body = new ByteWriter()
    .u8(10)
    .text(version)
    .u8(0)
    .bytes([1, 0, 0, 0])
    .bytes(new Array<number>(8).fill(0x41))
    .u8(0);
  body.u16(0xfff7).u8(8).u16(0x0200).u16(0x0f80).u8(21).zeros(10).bytes(new Array<number>(12).fill(0x42)).u8(0);
  return framed(0, body.text('mysql_native_password').u8(0).finish());
}

/** A login of 4.1 and later; the answer to the challenge is as given. */
export function encodeMysqlLogin(fields: {
  user: string;
  database?: string | undefined;
  response?: Uint8Array;
  plugin?: string;
}): Uint8Array {
  const { user, database, response = new Uint8Array(20).fill(0x55), plugin = 'mysql_native_password' } = fields;
  const capabilities =
    CLIENT_PROTOCOL_41 |
    CLIENT_SECURE_CONNECTION |
    CLIENT_PLUGIN_AUTH |
    (database === undefined ? 0 : CLIENT_CONNECT_WITH_DB);
  const body = new ByteWriter();
  for (const shift of [0, 8, 16, 24]) body.u8((capabilities >> shift) & 255);
  body.bytes([0, 0, 0, 1, 33]).zeros(23).text(user).u8(0).u8(response.length).bytes(response);
  if (database !== undefined) body.text(database).u8(0);
  return framed(1, body.text(plugin).u8(0).finish());
}

function framed(sequence: number, body: Uint8Array): Uint8Array {
  const { length } = body;
  return new ByteWriter()
    .bytes([length & 255, (length >> 8) & 255, length >> 16, sequence])
    .bytes(body)
    .finish();
}

export function summarizeMysql(side: MysqlClient | MysqlServer): string {
  if ('asksTls' in side) {
    if (side.asksTls) return 'MySQL login over TLS';
    return `MySQL login ${side.user ?? '(name not seen)'}${side.database === undefined ? '' : ` to ${side.database}`}`;
  }
  const error = side.error === undefined ? '' : ` error ${side.error}`;
  return `MySQL server ${side.version ?? '(no greeting)'}${side.login === 'unknown' ? '' : ` login ${side.login}`}${error}`;
}
