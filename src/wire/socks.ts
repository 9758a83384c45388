import { formatIpv4, formatIpv6 } from './address.ts';
import { ByteWriter, utf8Bytes, wireText } from './bytes.ts';
import { isPrintable } from './line.ts';
import type { Login, LoginOutcome } from './login.ts';

/** SOCKS 4 and 4a (the memoranda of Ying-Da Lee), SOCKS 5 (RFC 1928), user name and password (RFC 1929). */

const COMMANDS = ['connect', 'bind', 'associate'] as const;
const METHODS = new Map<number, string>([
  [0, 'none'],
  [1, 'gssapi'],
  [2, 'password'],
  [255, 'no-acceptable'],
]);
const MAX_USER = 128;

export interface SocksClient {
  readonly version: 4 | 5;
  /** What is asked of the proxy; undefined when that is not there (yet). */
  readonly command: (typeof COMMANDS)[number] | undefined;
  /** Where to: an address or a name, lower case. */
  readonly host: string | undefined;
  readonly port: number | undefined;
  /** User id of version 4, user name of RFC 1929. */
  readonly user: string | undefined;
  /** Authentication methods that the client offers (version 5). */
  readonly methods: readonly string[];
  /** A password was sent (RFC 1929); it is never returned. */
  readonly hasPassword: boolean;
  /** Where the relayed data of the client begin in `bytes`; undefined when the request is not whole. */
  readonly dataAt: number | undefined;
}

export interface SocksServer {
  readonly version: 4 | 5;
  /** Method that the proxy chose (version 5). */
  readonly method: string | undefined;
  /** Answer to user name and password. */
  readonly login: LoginOutcome;
  /** The request was granted; undefined when the answer is not there. */
  readonly isGranted: boolean | undefined;
  /** Reply code: 90 to 93 of version 4, 0 to 8 of version 5. */
  readonly reply: number | undefined;
  readonly dataAt: number | undefined;
}

/** The client's side at [at, end); undefined when it is none. Which method the proxy chose shows in what the client sends next. */
export function decodeSocksClient(bytes: Uint8Array, at: number, end: number): SocksClient | undefined {
  const stop = Math.min(end, bytes.length);
  if (stop - at < 3) return undefined;
  return bytes[at] === 4
    ? decodeVersion4(bytes, at, stop)
    : bytes[at] === 5
      ? decodeVersion5(bytes, at, stop)
      : undefined;
}

function decodeVersion4(bytes: Uint8Array, at: number, end: number): SocksClient | undefined {
  if (end - at < 9 || (bytes[at + 1] !== 1 && bytes[at + 1] !== 2)) return undefined;
  const port = (bytes[at + 2] << 8) | bytes[at + 3];
  const user = nulText(bytes, at + 8, end);
  if (user === undefined) return undefined;
  const common = { version: 4, command: COMMANDS[bytes[at + 1] - 1], port, methods: [], hasPassword: false } as const;
  const userText = user.to > user.from ? wireText(bytes, user.from, user.to, MAX_USER) : undefined;
  // 4a: the address 0.0.0.x says that a name follows.
  const isName = bytes[at + 4] === 0 && bytes[at + 5] === 0 && bytes[at + 6] === 0 && bytes[at + 7] !== 0;
  if (!isName) {
    const host = formatIpv4(u32(bytes, at + 4));
    return { ...common, host, user: userText, dataAt: user.to + 1 };
  }
  const host = nulText(bytes, user.to + 1, end);
  if (host === undefined) return { ...common, host: undefined, user: userText, dataAt: undefined };
  const name = wireText(bytes, host.from, host.to, 255).toLowerCase();
  return { ...common, host: name, user: userText, dataAt: host.to + 1 };
}

function nulText(
  bytes: Uint8Array,
  from: number,
  end: number,
): { readonly from: number; readonly to: number } | undefined {
  const length = bytes.subarray(from, Math.min(end, from + 256)).indexOf(0);
  return from > end || length < 0 ? undefined : { from, to: from + length };
}

function u32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}

function decodeVersion5(bytes: Uint8Array, at: number, end: number): SocksClient | undefined {
  const count = bytes[at + 1];
  if (count === 0 || count > 16 || at + 2 + count > end) return undefined;
  const methods: string[] = [];
  for (let i = 0; i < count; i++) methods.push(METHODS.get(bytes[at + 2 + i]) ?? `method-${bytes[at + 2 + i]}`);
  let here = at + 2 + count;
  let user: string | undefined;
  let hasPassword = false;
  // RFC 1929: version 1, name, password, each behind its length.
  if (here < end && bytes[here] === 1 && methods.includes('password')) {
    const nameEnd = here + 2 + bytes[here + 1];
    if (here + 1 >= end || nameEnd > end) return { ...EMPTY, methods };
    user = wireText(bytes, here + 2, nameEnd, MAX_USER);
    hasPassword = true;
    here = nameEnd + 1 + bytes[nameEnd];
    if (nameEnd >= end || here > end) return { ...EMPTY, methods, user, hasPassword };
  }
  const common = { ...EMPTY, methods, user, hasPassword };
  if (here + 4 > end || bytes[here] !== 5 || bytes[here + 1] < 1 || bytes[here + 1] > 3) return common;
  const address = decodeAddress(bytes, here + 3, end);
  if (address === undefined) return { ...common, command: COMMANDS[bytes[here + 1] - 1] };
  return {
    ...common,
    command: COMMANDS[bytes[here + 1] - 1],
    host: address.host,
    port: address.port,
    dataAt: address.next,
  };
}

const EMPTY: SocksClient = {
  version: 5,
  command: undefined,
  host: undefined,
  port: undefined,
  user: undefined,
  methods: [],
  hasPassword: false,
  dataAt: undefined,
};

/** Address type, address, port (RFC 1928 section 5). */
function decodeAddress(
  bytes: Uint8Array,
  at: number,
  end: number,
): { readonly host: string; readonly port: number; readonly next: number } | undefined {
  const type = bytes[at];
  const from = type === 3 ? at + 2 : at + 1;
  const length = type === 1 ? 4 : type === 4 ? 16 : type === 3 && at + 1 < end ? bytes[at + 1] : -1;
  const to = from + length;
  if (length <= 0 || to + 2 > end) return undefined;
  const host =
    type === 1
      ? formatIpv4(u32(bytes, from))
      : type === 4
        ? formatIpv6(u32(bytes, from), u32(bytes, from + 4), u32(bytes, from + 8), u32(bytes, from + 12))
        : wireText(bytes, from, to, 255).toLowerCase();
  return { host, port: (bytes[to] << 8) | bytes[to + 1], next: to + 2 };
}

/** The proxy's side at [at, end); undefined when it is none. */
export function decodeSocksServer(bytes: Uint8Array, at: number, end: number): SocksServer | undefined {
  const stop = Math.min(end, bytes.length);
  if (stop - at < 2) return undefined;
  if (bytes[at] === 0) {
    if (stop - at < 8 || bytes[at + 1] < 90 || bytes[at + 1] > 93) return undefined;
    const reply = bytes[at + 1];
    return { version: 4, method: undefined, login: 'unknown', isGranted: reply === 90, reply, dataAt: at + 8 };
  }
  if (bytes[at] !== 5) return undefined;
  const method = METHODS.get(bytes[at + 1]) ?? (bytes[at + 1] < 10 ? `method-${bytes[at + 1]}` : undefined);
  if (method === undefined) return undefined;
  let here = at + 2;
  let login: LoginOutcome = 'unknown';
  if (method === 'password' && here + 2 <= stop && bytes[here] === 1) {
    login = bytes[here + 1] === 0 ? 'accepted' : 'refused';
    here += 2;
  }
  const common = { version: 5, method, login } as const;
  if (here + 4 > stop || bytes[here] !== 5 || bytes[here + 1] > 8)
    return { ...common, isGranted: undefined, reply: undefined, dataAt: undefined };
  const reply = bytes[here + 1];
  return { ...common, isGranted: reply === 0, reply, dataAt: decodeAddress(bytes, here + 3, stop)?.next };
}

/** The login to the proxy; undefined when the client sent no name. */
export function joinSocks(client: SocksClient | undefined, server: SocksServer | undefined): Login | undefined {
  if (client?.user === undefined) return undefined;
  const granted = server?.isGranted === undefined ? 'unknown' : server.isGranted ? 'accepted' : 'refused';
  const outcome = client.hasPassword ? (server?.login ?? 'unknown') : granted;
  return {
    user: client.user,
    method: client.hasPassword ? 'password' : 'ident',
    isCleartext: client.hasPassword,
    outcome,
  };
}

/**
 * True for a client whose request in version 4 is whole, with a public or private unicast address or a name, a plain user id, and nothing but text or TLS behind
 * it; or that greets in version 5 with methods that exist and nothing, a request or a login behind it. For TCP only: over UDP these few bytes prove nothing.
 */
export function looksLikeSocks(bytes: Uint8Array, at: number, end: number): boolean {
  const client = decodeSocksClient(bytes, at, end);
  if (client === undefined) return false;
  if (client.version === 4) return looksLikeVersion4(bytes, at, end, client);
  const count = bytes[at + 1];
  for (let i = 0; i < count; i++) {
    const method = bytes[at + 2 + i];
    if (method > 9 || bytes.subarray(at + 2, at + 2 + i).includes(method)) return false;
  }
  return end === at + 2 + count || client.command !== undefined || client.hasPassword;
}

function looksLikeVersion4(bytes: Uint8Array, at: number, end: number, client: SocksClient): boolean {
  const { dataAt, port } = client;
  if (dataAt === undefined || port === 0 || dataAt - at > 400) return false;
  // Text fields: visible ASCII up to their NUL.
  for (let i = at + 8; i < dataAt; i++) if (bytes[i] !== 0 && (bytes[i] <= 0x20 || bytes[i] > 0x7e)) return false;
  const first = bytes[at + 4];
  if (first === 127 || first > 223 || (first === 0 && (client.host ?? '') === '')) return false;
  const isTls = end - dataAt >= 3 && bytes[dataAt] === 22 && bytes[dataAt + 1] === 3;
  return isTls || isPrintable(bytes, dataAt, Math.min(end, dataAt + 4));
}

/** A version 4 request, 4a where the host is no IPv4 address in `words`. */
export function encodeSocks4(fields: { command?: 1 | 2; host: string; port: number; user?: string }): Uint8Array {
  const { command = 1, host, port, user = '' } = fields;
  const parts = /^\d+\.\d+\.\d+\.\d+$/.test(host) ? host.split('.').map(Number) : undefined;
  const out = new ByteWriter()
    .u8(4)
    .u8(command)
    .u16(port)
    .bytes(parts ?? [0, 0, 0, 1])
    .text(user)
    .u8(0);
  if (parts === undefined) out.text(host).u8(0);
  return out.finish();
}

/** A version 5 client as far as the fields go: greeting, login, request for a name. */
export function encodeSocks5(fields: {
  methods?: readonly number[];
  user?: string;
  password?: string;
  command?: 1 | 2 | 3;
  host?: string;
  port?: number;
}): Uint8Array {
  const { methods = [0], user, password = '', command = 1, host, port = 0 } = fields;
  const out = new ByteWriter().u8(5).u8(methods.length).bytes(methods);
  if (user !== undefined) {
    const name = utf8Bytes(user);
    const secret = utf8Bytes(password);
    out.u8(1).u8(name.length).bytes(name).u8(secret.length).bytes(secret);
  }
  if (host !== undefined) {
    const name = utf8Bytes(host);
    out.u8(5).u8(command).u8(0).u8(3).u8(name.length).bytes(name).u16(port);
  }
  return out.finish();
}

export function summarizeSocks(side: SocksClient | SocksServer): string {
  if ('methods' in side) {
    const target = side.host === undefined ? '' : ` ${side.host}:${side.port}`;
    const user = side.user === undefined ? '' : ` as ${side.user}`;
    return `SOCKS${side.version} ${side.command ?? `offers ${side.methods.join(', ')}`}${target}${user}`;
  }
  const granted = side.isGranted === undefined ? '' : side.isGranted ? ' granted' : ` refused (${side.reply})`;
  return `SOCKS${side.version}${side.method === undefined ? '' : ` method ${side.method}`}${granted}`;
}
