/** TLS records and the ClientHello, RFC 8446 sections 4.1.2 and 5.1, RFC 6066 section 3 (SNI), RFC 7301 (ALPN). */

const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const RECORD_HEADER = 5;
const EXTENSION_SERVER_NAME = 0;
const EXTENSION_ALPN = 16;
const MAX_ALPN = 16;

/** True where a TLS record of version 1.0 to 1.3 (or SSL 3.0) plausibly begins: handshake, alert, change cipher spec or application data. */
export function looksLikeTls(bytes: Uint8Array, at: number, end: number): boolean {
  return (
    end - at >= RECORD_HEADER &&
    bytes[at] >= 20 &&
    bytes[at] <= 23 &&
    bytes[at + 1] === 3 &&
    bytes[at + 2] <= 4 &&
    ((bytes[at + 3] << 8) | bytes[at + 4]) <= 16_640
  );
}

export interface ClientHello {
  /** Server name, lower case; undefined without the extension or when it lies behind the captured bytes. */
  readonly serverName: string | undefined;
  readonly alpn: readonly string[];
  /** 'complete', 'cut' (goes on in another segment or behind the snap length), 'malformed' (contradicts its own lengths). */
  readonly state: 'complete' | 'cut' | 'malformed';
}

/** The ClientHello whose record begins at `at`, or undefined when there is none. What lies behind `end` is not read; what was found before it is kept. */
export function decodeClientHello(bytes: Uint8Array, at: number, end: number): ClientHello | undefined {
  if (
    !looksLikeTls(bytes, at, end) ||
    bytes[at] !== HANDSHAKE ||
    end - at < RECORD_HEADER + 6 ||
    bytes[at + RECORD_HEADER] !== CLIENT_HELLO
  )
    return undefined;
  const recordEnd = at + RECORD_HEADER + u16(bytes, at + 3);
  const body = at + RECORD_HEADER + 4;
  const helloEnd = body + ((bytes[body - 3] << 16) | u16(bytes, body - 2));
  // A hello may be spread over records; then its later parts count as cut.
  const limit = Math.min(end, recordEnd, helloEnd);
  const cut = limit < helloEnd ? 'cut' : 'malformed';
  let serverName: string | undefined;
  const alpn: string[] = [];
  const stop = (): ClientHello => ({ serverName, alpn, state: cut });
  let here = body + 2 + 32;
  if (here + 1 > limit) return stop();
  here += 1 + bytes[here];
  if (here + 2 > limit) return stop();
  here += 2 + u16(bytes, here);
  if (here + 1 > limit) return stop();
  here += 1 + bytes[here];
  if (here === helloEnd) return { serverName, alpn, state: 'complete' };
  if (here + 2 > limit) return stop();
  const extensionsEnd = here + 2 + u16(bytes, here);
  if (extensionsEnd > helloEnd) return { serverName, alpn, state: 'malformed' };
  here += 2;
  while (here + 4 <= Math.min(limit, extensionsEnd)) {
    const type = u16(bytes, here);
    const from = here + 4;
    const to = from + u16(bytes, here + 2);
    if (to > extensionsEnd) return { serverName, alpn, state: 'malformed' };
    if (to > limit) return stop();
    if (type === EXTENSION_SERVER_NAME && serverName === undefined) serverName = decodeServerName(bytes, from, to);
    else if (type === EXTENSION_ALPN) decodeAlpn(bytes, from, to, alpn);
    here = to;
  }
  if (here < extensionsEnd) return stop();
  return { serverName, alpn, state: 'complete' };
}

function decodeServerName(bytes: Uint8Array, from: number, to: number): string | undefined {
  // A list of one: length(2) type(1, 0 = host name) length(2) name.
  if (to - from < 5 || bytes[from + 2] !== 0) return undefined;
  const length = u16(bytes, from + 3);
  if (length === 0 || length > 255 || from + 5 + length > to) return undefined;
  return latin1(bytes, from + 5, from + 5 + length).toLowerCase();
}

function decodeAlpn(bytes: Uint8Array, from: number, to: number, into: string[]): void {
  let here = from + 2;
  while (here < to && into.length < MAX_ALPN) {
    const length = bytes[here];
    if (length === 0 || here + 1 + length > to) return;
    into.push(latin1(bytes, here + 1, here + 1 + length));
    here += 1 + length;
  }
}

function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 8) | bytes[at + 1];
}

/** One character per byte: network bytes are not assumed to be UTF-8. */
export function latin1(bytes: Uint8Array, from: number, to: number): string {
  // One flat string: joined piece by piece it would stay a chain of pieces, many times its size, for as long as its flow lives.
  return from < to ? Reflect.apply(String.fromCharCode, null, bytes.subarray(from, to)) : '';
}

/** A ClientHello in one record, TLS 1.2 on the outside, one cipher suite. */
export function encodeClientHello(fields: { serverName?: string; alpn?: readonly string[] }): Uint8Array {
  const { serverName, alpn = [] } = fields;
  const extensions: number[] = [];
  if (serverName !== undefined) {
    const n = serverName.length;
    extensions.push(0, EXTENSION_SERVER_NAME, ...be16(n + 5), ...be16(n + 3), 0, ...be16(n), ...ascii(serverName));
  }
  if (alpn.length > 0) {
    const list = alpn.flatMap((name) => [name.length, ...ascii(name)]);
    extensions.push(0, EXTENSION_ALPN, ...be16(list.length + 2), ...be16(list.length), ...list);
  }
  const body = [
    3,
    3,
    ...new Array<number>(32).fill(7),
    0,
    0,
    2,
    0x13,
    0x01,
    1,
    0,
    ...be16(extensions.length),
    ...extensions,
  ];
  return Uint8Array.from([HANDSHAKE, 3, 1, ...be16(body.length + 4), CLIENT_HELLO, 0, ...be16(body.length), ...body]);
}

function be16(n: number): [number, number] {
  return [(n >> 8) & 255, n & 255];
}

function ascii(text: string): number[] {
  return Array.from(text, (c) => c.charCodeAt(0));
}

export function summarizeClientHello(hello: ClientHello): string {
  const alpn = hello.alpn.length > 0 ? ` alpn ${hello.alpn.join(',')}` : '';
  return `ClientHello ${hello.serverName ?? 'without server name'}${alpn}`;
}
