import { ByteWriter, wireText } from './bytes.ts';
import type { Login, LoginOutcome } from './login.ts';

/** The start and login of PostgreSQL connections: "Frontend/Backend Protocol" of its manual, versions 3.0 and 3.2, sections 55.2.1 and 55.7. */

const CANCEL_REQUEST = 80877102;
const SSL_REQUEST = 80877103;
const GSS_REQUEST = 80877104;
const MAX_NAME = 128;
const MAX_PARAMETERS = 32;
const MAX_MESSAGES = 128;
const MAX_STARTUP = 10_000;

const METHODS = new Map<number, string>([
  [0, 'none'],
  [2, 'kerberos'],
  [3, 'password'],
  [5, 'md5'],
  [7, 'gssapi'],
  [8, 'gssapi'],
  [9, 'sspi'],
  [10, 'sasl'],
  [11, 'sasl'],
  [12, 'sasl'],
]);

export interface PostgresqlClient {
  readonly user: string | undefined;
  readonly database: string | undefined;
  /** application_name, 'psql' for instance. */
  readonly application: string | undefined;
  readonly asksTls: boolean;
  /** The connection only cancels a query of another. */
  readonly isCancel: boolean;
  readonly tlsAt: number | undefined;
}

export interface PostgresqlServer {
  /** Method that was asked for: 'none', 'password' (in the clear), 'md5', 'sasl' ... */
  readonly method: string | undefined;
  readonly login: LoginOutcome;
  /** SQLSTATE of the first error: '28P01' wrong password, '28000' not allowed, '3D000' no such database. */
  readonly sqlState: string | undefined;
  /** server_version. */
  readonly version: string | undefined;
  /** 'accepted' or 'refused' where a request for TLS was answered. */
  readonly tls: 'accepted' | 'refused' | undefined;
  readonly tlsAt: number | undefined;
}

function u32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}

/** The client's side at [at, end); undefined when it begins with none of the start messages. */
export function decodePostgresqlClient(bytes: Uint8Array, at: number, end: number): PostgresqlClient | undefined {
  const stop = Math.min(end, bytes.length);
  let here = at;
  let asksTls = false;
  const none = { user: undefined, database: undefined, application: undefined, isCancel: false, tlsAt: undefined };
  // GSS and TLS may both be asked for, one after the other.
  for (let i = 0; i < 3; i++) {
    if (stop - here < 8) return i === 0 ? undefined : { ...none, asksTls };
    const length = u32(bytes, here);
    const code = u32(bytes, here + 4);
    if (length === 8 && (code === SSL_REQUEST || code === GSS_REQUEST)) {
      asksTls ||= code === SSL_REQUEST;
      here += 8;
      continue;
    }
    if (length === 16 && code === CANCEL_REQUEST) return { ...none, asksTls, isCancel: true };
    if (i > 0 && bytes[here] === 22 && bytes[here + 1] === 3) return { ...none, asksTls, tlsAt: here };
    if (code >>> 16 !== 3 || (code & 0xffff) > 2 || length < 9 || length > MAX_STARTUP) break;
    return decodeStartup(bytes, here + 8, Math.min(stop, here + length), here + length > stop, asksTls);
  }
  return here > at ? { ...none, asksTls } : undefined;
}

/** Names and values, each ended with NUL, and one more NUL. */
function decodeStartup(
  bytes: Uint8Array,
  from: number,
  to: number,
  isCut: boolean,
  asksTls: boolean,
): PostgresqlClient | undefined {
  let user: string | undefined;
  let database: string | undefined;
  let application: string | undefined;
  let here = from;
  for (let i = 0; i < MAX_PARAMETERS && here < to && bytes[here] !== 0; i++) {
    const nameEnd = nulEnd(bytes, here, to);
    const valueEnd = nameEnd < 0 ? -1 : nulEnd(bytes, nameEnd + 1, to);
    if (valueEnd < 0) {
      if (!isCut) return undefined;
      break;
    }
    const name = wireText(bytes, here, nameEnd, 32);
    if (name === 'user') user = wireText(bytes, nameEnd + 1, valueEnd, MAX_NAME);
    else if (name === 'database') database = wireText(bytes, nameEnd + 1, valueEnd, MAX_NAME);
    else if (name === 'application_name') application = wireText(bytes, nameEnd + 1, valueEnd, MAX_NAME);
    here = valueEnd + 1;
  }
  // The user is required.
  if (user === undefined && !isCut) return undefined;
  return { user, database, application, asksTls, isCancel: false, tlsAt: undefined };
}

function nulEnd(bytes: Uint8Array, from: number, to: number): number {
  const length = from < to ? bytes.subarray(from, to).indexOf(0) : -1;
  return length < 0 ? -1 : from + length;
}

/** The server's side at [at, end); undefined when it does not begin with an answer to the start. */
export function decodePostgresqlServer(bytes: Uint8Array, at: number, end: number): PostgresqlServer | undefined {
  const stop = Math.min(end, bytes.length);
  let here = at;
  let tls: PostgresqlServer['tls'];
  let method: string | undefined;
  let login: LoginOutcome = 'unknown';
  let sqlState: string | undefined;
  let version: string | undefined;
  // One byte alone answers a request for TLS or GSS: 'S' or 'G' yes, 'N' no. A message has its type in that place and a length behind it.
  for (let i = 0; i < 2 && here < stop; i++) {
    const isAlone = here + 1 === stop;
    if (bytes[here] === 0x53 && (isAlone || bytes[here + 1] === 22)) {
      const tlsAt = isAlone ? undefined : here + 1;
      return { method, login, sqlState, version, tls: 'accepted', tlsAt };
    }
    if (bytes[here] !== 0x4e || (!isAlone && bytes[here + 1] === 0)) break;
    tls = 'refused';
    here++;
  }
  let messages = 0;
  for (; messages < MAX_MESSAGES && here + 5 <= stop; messages++) {
    const type = bytes[here];
    const length = u32(bytes, here + 1);
    if (messages === 0 && type !== 0x52 && type !== 0x45 && type !== 0x76) break;
    if (length < 4 || length > 1 << 20) break;
    const from = here + 5;
    const to = here + 1 + length;
    if (type === 0x52 && from + 4 <= stop) {
      const code = u32(bytes, from);
      if (code === 0) {
        login = 'accepted';
        method ??= 'none';
      } else method ??= METHODS.get(code);
      if (messages === 0 && !METHODS.has(code)) break;
    } else if (type === 0x45 && to <= stop) {
      sqlState ??= sqlStateOf(bytes, from, to);
      if (login === 'unknown') login = 'refused';
    } else if (type === 0x53 && to <= stop) {
      const nameEnd = nulEnd(bytes, from, to);
      const valueEnd = nameEnd < 0 ? -1 : nulEnd(bytes, nameEnd + 1, to);
      if (valueEnd >= 0 && wireText(bytes, from, nameEnd, 32) === 'server_version')
        version = wireText(bytes, nameEnd + 1, valueEnd, 64);
    }
    here = to;
  }
  if (messages === 0 && tls === undefined) return undefined;
  return { method, login, sqlState, version, tls, tlsAt: undefined };
}

/** Fields of ErrorResponse: a type byte and a text each; 'C' is the SQLSTATE. The message may repeat what the client sent, so it is not kept. */
function sqlStateOf(bytes: Uint8Array, from: number, to: number): string | undefined {
  let here = from;
  for (let i = 0; i < 32 && here < to && bytes[here] !== 0; i++) {
    const stop = nulEnd(bytes, here + 1, to);
    if (stop < 0) return undefined;
    if (bytes[here] === 0x43) {
      const state = wireText(bytes, here + 1, stop, 8);
      return /^[0-9A-Z]{5}$/.test(state) ? state : undefined;
    }
    here = stop + 1;
  }
  return undefined;
}

/** The login of a connection; undefined when the client sent none that can be read. */
export function joinPostgresql(
  client: PostgresqlClient | undefined,
  server: PostgresqlServer | undefined,
): Login | undefined {
  if (client?.user === undefined) return undefined;
  const method = server?.method ?? 'postgresql';
  return { user: client.user, method, isCleartext: method === 'password', outcome: server?.login ?? 'unknown' };
}

/** True for a start message with a user, a request for TLS, GSS or to cancel, or an authentication or error message of the server whose length fits. */
export function looksLikePostgresql(bytes: Uint8Array, at: number, end: number): boolean {
  if (end - at < 8) return false;
  const code = u32(bytes, at + 4);
  const length = u32(bytes, at);
  if (length === 8 && (code === SSL_REQUEST || code === GSS_REQUEST)) return true;
  if (length === 16 && code === CANCEL_REQUEST) return true;
  if (code >>> 16 === 3 && (code & 0xffff) <= 2) return decodePostgresqlClient(bytes, at, end)?.user !== undefined;
  const size = u32(bytes, at + 1);
  // AuthenticationRequest: type, length 8 to 64, a method.
  if (bytes[at] === 0x52)
    return end - at >= 9 && size >= 8 && size <= 64 && at + 1 + size <= end && METHODS.has(u32(bytes, at + 5));
  if (bytes[at] !== 0x45 || size < 20 || size > 2000 || at + 1 + size > end || bytes[at + 5] !== 0x53) return false;
  return sqlStateOf(bytes, at + 5, at + 1 + size) !== undefined;
}

/** A start message of version 3.0. */
export function encodePostgresqlStartup(parameters: readonly (readonly [name: string, value: string])[]): Uint8Array {
  const body = new ByteWriter();
  for (const [name, value] of parameters) body.text(name).u8(0).text(value).u8(0);
  body.u8(0);
  return new ByteWriter()
    .u32(body.length + 8)
    .u32(3 << 16)
    .bytes(body.finish())
    .finish();
}

/** A message with its type, its length and a body. */
export function encodePostgresqlMessage(type: string, body: Uint8Array | readonly number[]): Uint8Array {
  return new ByteWriter()
    .u8(type.charCodeAt(0))
    .u32(body.length + 4)
    .bytes(body)
    .finish();
}

export function summarizePostgresql(side: PostgresqlClient | PostgresqlServer): string {
  if ('asksTls' in side) {
    if (side.isCancel) return 'PostgreSQL cancel request';
    if (side.user === undefined) return `PostgreSQL start${side.asksTls ? ', asks for TLS' : ''}`;
    return `PostgreSQL login ${side.user}${side.database === undefined ? '' : ` to ${side.database}`}`;
  }
  const state = side.sqlState === undefined ? '' : ` error ${side.sqlState}`;
  return `PostgreSQL server ${side.version ?? ''} login ${side.login} by ${side.method ?? '?'}${state}`.replace(
    '  ',
    ' ',
  );
}
