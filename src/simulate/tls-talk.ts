import type { Random } from '../core/index.ts';
import {
  ByteWriter,
  encodeCertificateMessage,
  encodeClientHelloMessage,
  encodeServerHelloMessage,
  encodeX509,
} from '../wire/index.ts';
import { exponential, integer, pick, randomBytes, randomHex } from './chance.ts';
import type { Step } from './engine.ts';
import type { Host } from './network.ts';
import { type TalkOptions, TcpTalk } from './tcp-talk.ts';
import { MS, type World } from './world.ts';

/** TLS 1.2 and 1.3 (RFC 5246, RFC 8446) as it looks from outside: hellos in the clear, in the cipher and extension order of real clients; the rest unreadable. */

const CHANGE_CIPHER_SPEC = 20;
const ALERT = 21;
const HANDSHAKE = 22;
const APPLICATION = 23;
const GREASE = 0x0a0a;
const X25519 = 0x001d;

/** A client software: what JA3 and JA4 are made of. Extensions by number, in order. */
interface ClientProfile {
  readonly ciphers: readonly number[];
  readonly extensions: readonly number[];
  readonly groups: readonly number[];
  readonly versions: readonly number[];
  readonly signatures: readonly number[];
  readonly alpn: readonly string[];
}

const MODERN_SIGNATURES = [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601];
const ECDHE = [0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8];

const PROFILES = {
  chromium: {
    ciphers: [GREASE, 0x1301, 0x1302, 0x1303, ...ECDHE, 0xc013, 0xc014, 0x9c, 0x9d, 0x2f, 0x35],
    extensions: [GREASE, 0, 23, 65281, 10, 11, 35, 16, 5, 13, 18, 51, 45, 43, 27, GREASE + 0x1010],
    groups: [GREASE, X25519, 0x17, 0x18],
    versions: [GREASE, 0x0304, 0x0303],
    signatures: MODERN_SIGNATURES,
    alpn: ['h2', 'http/1.1'],
  },
  gecko: {
    ciphers: [
      0x1301, 0x1303, 0x1302, 0xc02b, 0xc02f, 0xcca9, 0xcca8, 0xc02c, 0xc030, 0xc00a, 0xc009, 0xc013, 0xc014, 0x9c,
      0x9d, 0x2f, 0x35,
    ],
    extensions: [0, 23, 65281, 10, 11, 35, 16, 5, 34, 51, 43, 13, 45, 28],
    groups: [X25519, 0x17, 0x18, 0x19],
    versions: [0x0304, 0x0303],
    signatures: [0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601],
    alpn: ['h2', 'http/1.1'],
  },
  apple: {
    ciphers: [
      GREASE,
      0x1301,
      0x1302,
      0x1303,
      0xc02c,
      0xc02b,
      0xcca9,
      0xc030,
      0xc02f,
      0xcca8,
      0xc00a,
      0xc009,
      0xc014,
      0xc013,
      0x9d,
      0x9c,
      0x35,
      0x2f,
    ],
    extensions: [GREASE, 0, 23, 65281, 10, 11, 16, 5, 13, 18, 51, 45, 43, 27],
    groups: [GREASE, X25519, 0x17, 0x18, 0x19],
    versions: [GREASE, 0x0304, 0x0303],
    signatures: MODERN_SIGNATURES,
    alpn: ['h2', 'http/1.1'],
  },
  schannel: {
    ciphers: [
      0x1302, 0x1301, 0xc02c, 0xc02b, 0xc030, 0xc02f, 0xc024, 0xc023, 0xc028, 0xc027, 0xc00a, 0xc009, 0xc014, 0xc013,
      0x9d, 0x9c, 0x3d, 0x3c, 0x35, 0x2f,
    ],
    extensions: [0, 5, 10, 11, 13, 35, 16, 23, 43, 45, 51, 65281],
    groups: [X25519, 0x17, 0x18],
    versions: [0x0304, 0x0303],
    signatures: [0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0403, 0x0503, 0x0203, 0x0603, 0x0601],
    alpn: ['h2', 'http/1.1'],
  },
  openssl: {
    ciphers: [
      0x1302, 0x1303, 0x1301, 0xc02c, 0xc030, 0x9f, 0xcca9, 0xcca8, 0xccaa, 0xc02b, 0xc02f, 0x9e, 0xc024, 0xc028, 0x6b,
      0xc023, 0xc027, 0x67, 0xc00a, 0xc014, 0x39, 0xc009, 0xc013, 0x33, 0x9d, 0x9c, 0x3d, 0x3c, 0x35, 0x2f, 0xff,
    ],
    extensions: [0, 11, 10, 35, 16, 22, 23, 13, 43, 45, 51],
    groups: [X25519, 0x17, 0x1e, 0x19, 0x18],
    versions: [0x0304, 0x0303],
    signatures: [
      0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0809, 0x080a, 0x080b, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601,
    ],
    alpn: ['http/1.1'],
  },
  golang: {
    ciphers: [0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc009, 0xc013, 0xc00a, 0xc014, 0x1301, 0x1302, 0x1303],
    extensions: [0, 5, 10, 11, 13, 65281, 18, 43, 51],
    groups: [X25519, 0x17, 0x18, 0x19],
    versions: [0x0304, 0x0303],
    signatures: [0x0804, 0x0403, 0x0807, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0503, 0x0603],
    alpn: [],
  },
  embedded: {
    ciphers: [0xc02c, 0xc02b, 0xc030, 0xc02f, 0xc024, 0xc023, 0xc028, 0xc027, 0x9d, 0x9c, 0xff],
    extensions: [0, 13, 10, 11, 22, 23, 35],
    groups: [0x17, 0x18],
    versions: [],
    signatures: [0x0603, 0x0503, 0x0403, 0x0401],
    alpn: [],
  },
} as const satisfies Record<string, ClientProfile>;

export type TlsClient = keyof typeof PROFILES;

/** The software that a host's system brings for its own connections. */
export function systemClient(host: Host): TlsClient {
  switch (host.os) {
    case 'windows':
      return 'schannel';
    case 'macos':
    case 'ios':
      return 'apple';
    case 'embedded':
      return 'embedded';
    default:
      return 'openssl';
  }
}

/** The browser of a host, the same all day. */
export function browserOf(host: Host): TlsClient {
  if (host.os === 'ios') return 'apple';
  return host.index % 4 === 3 ? 'gecko' : host.os === 'macos' && host.index % 2 === 0 ? 'apple' : 'chromium';
}

function be16(...values: readonly number[]): number[] {
  return values.flatMap((value) => [value >> 8, value & 255]);
}

function counted(values: readonly number[]): number[] {
  return [...be16(values.length), ...values];
}

/** A ClientHello message of a client software, RFC 8446 section 4.1.2. */
export function clientHello(
  client: TlsClient,
  serverName: string | undefined,
  alpn: readonly string[] | undefined,
  random: Random,
  quic?: Uint8Array,
): Uint8Array {
  const profile: ClientProfile = PROFILES[client];
  const protocols = alpn ?? profile.alpn;
  const extensions: [number, Uint8Array][] = [];
  for (const type of profile.extensions) {
    const content = extensionContent(type, profile, serverName, protocols, random);
    if (content !== undefined) extensions.push([type, Uint8Array.from(content)]);
  }
  if (quic !== undefined) extensions.push([57, quic]);
  const message = encodeClientHelloMessage({
    ciphers: quic === undefined ? profile.ciphers : profile.ciphers.filter((cipher) => cipher >> 8 === 0x13),
    sessionId: quic === undefined && profile.versions.length > 0 ? randomBytes(random, 32) : new Uint8Array(),
    extensions,
  });
  // Behind type, length and version.
  message.set(randomBytes(random, 32), 6);
  return message;
}

function extensionContent(
  type: number,
  profile: ClientProfile,
  serverName: string | undefined,
  alpn: readonly string[],
  random: Random,
): number[] | undefined {
  switch (type) {
    case 0:
      return serverName === undefined
        ? undefined
        : counted([0, ...counted(Array.from(serverName, (c) => c.charCodeAt(0)))]);
    case 5:
      return [1, 0, 0, 0, 0];
    case 10:
      return counted(be16(...profile.groups));
    case 11:
      return [1, 0];
    case 13:
      return counted(be16(...profile.signatures));
    case 16:
      return alpn.length === 0
        ? undefined
        : counted(alpn.flatMap((name) => [name.length, ...Array.from(name, (c) => c.charCodeAt(0))]));
    case 27:
      return [2, 0, 2];
    case 28:
      return [0x40, 0x01];
    case 34:
      return counted(be16(0x0403, 0x0503, 0x0603, 0x0203));
    case 43:
      return [2 * profile.versions.length, ...be16(...profile.versions)];
    case 45:
      return [1, 1];
    case 51:
      return counted([
        ...(profile.groups[0] === GREASE ? [...be16(GREASE), 0, 1, 0] : []),
        ...be16(X25519),
        ...counted(Array.from(randomBytes(random, 32))),
      ]);
    case 65281:
      return [0];
    case GREASE + 0x1010:
      return [0];
    default:
      // Empty ones: 18 (SCT), 22 (encrypt-then-MAC), 23 (extended master secret), 35 (ticket), GREASE.
      return [];
  }
}

export function tlsRecord(type: number, content: Uint8Array, version = 0x0303): Uint8Array {
  return new ByteWriter().u8(type).u16(version).u16(content.length).bytes(content).finish();
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new ByteWriter();
  for (const part of parts) out.bytes(part);
  return out.finish();
}

/** Certificates by name, at most so many. */
const MAX_CHAINS = 2000;
const chains = new WeakMap<World, Map<string, Uint8Array>>();

/** A Certificate message for a server: its own and the issuer's, or one that it signed itself. */
function certificateMessage(world: World, name: string, isSelfSigned: boolean): Uint8Array {
  let known = chains.get(world);
  if (known === undefined) {
    known = new Map();
    chains.set(world, known);
  }
  const key = `${isSelfSigned ? 'self ' : ''}${name}`;
  const chain = known.get(key);
  if (chain !== undefined) return chain;
  const random = world.stream(`certificate ${key}`);
  const serial = randomHex(random, 12);
  const day = 86_400_000;
  const fromMs = Math.floor(world.startMs / day - integer(random, 3, 70)) * day;
  const message = isSelfSigned
    ? encodeCertificateMessage([
        encodeX509({ serial, subject: { commonName: name }, notBeforeMs: fromMs, notAfterMs: fromMs + 3650 * day }),
      ])
    : encodeCertificateMessage([
        encodeX509({
          serial,
          subject: { commonName: name },
          issuer: { commonName: 'Simulated Issuing CA 3', organization: 'Simulated Trust Services' },
          notBeforeMs: fromMs,
          notAfterMs: fromMs + 90 * day,
          dnsNames: [name, `*.${name.split('.').slice(-2).join('.')}`],
          key: 'P-256',
        }),
        encodeX509({
          serial: '2a5f',
          subject: { commonName: 'Simulated Issuing CA 3', organization: 'Simulated Trust Services' },
          issuer: { commonName: 'Simulated Root X1', organization: 'Simulated Trust Services' },
          notBeforeMs: Date.UTC(2022, 0, 1),
          notAfterMs: Date.UTC(2032, 0, 1),
          isAuthority: true,
        }),
      ]);
  if (known.size < MAX_CHAINS) known.set(key, message);
  return message;
}

export interface TlsTalkOptions extends TalkOptions {
  readonly client: TlsClient;
  /** Undefined sends no server name. */
  readonly serverName?: string | undefined;
  readonly alpn?: readonly string[];
  /** 1.3 unless the client or the server is older. */
  readonly version?: '1.2' | '1.3';
  readonly isSelfSigned?: boolean;
  /** Whom the certificate is made out to; the server name asked for, else the server's own, where it is absent. */
  readonly certificateName?: string;
}

/** A TLS connection over TCP. */
export class TlsTalk {
  readonly tcp: TcpTalk;
  #world: World;
  #random: Random;
  #options: TlsTalkOptions;
  #is13: boolean;
  #server: Host;

  constructor(world: World, client: Host, server: Host, port: number, random: Random, options: TlsTalkOptions) {
    this.#world = world;
    this.#random = random;
    this.#options = options;
    this.#server = server;
    const profile: ClientProfile = PROFILES[options.client];
    const oldServer = server.isLocal ? server.os === 'embedded' : server.index % 6 === 5;
    this.#is13 = options.version === undefined ? profile.versions.length > 0 && !oldServer : options.version === '1.3';
    this.tcp = new TcpTalk(world, client, server, port, random, options);
  }

  *open(): Step {
    yield* this.tcp.open();
    yield* this.handshake();
  }

  /** The handshake on a connection that is open, for protocols that begin in the clear. */
  *handshake(): Step {
    const random = this.#random;
    const { client, serverName, alpn, certificateName } = this.#options;
    const { tcp } = this;
    const offered: readonly string[] = alpn ?? PROFILES[client].alpn;
    const chosen = offered[0];
    const hello = clientHello(client, serverName, alpn, random);
    yield* tcp.send(true, tlsRecord(HANDSHAKE, hello, 0x0301));
    yield* tcp.wait(false, 400 + exponential(random, 900));
    const alpnExtension: [number, Uint8Array][] =
      chosen === undefined
        ? []
        : [[16, Uint8Array.from(counted([chosen.length, ...Array.from(chosen, (c) => c.charCodeAt(0))]))]];
    const chain = certificateMessage(
      this.#world,
      certificateName ?? serverName ?? this.#server.name,
      this.#options.isSelfSigned === true,
    );
    if (this.#is13) {
      const key = Uint8Array.from([...be16(X25519), ...counted(Array.from(randomBytes(random, 32)))]);
      const answer = encodeServerHelloMessage({
        cipher: 0x1301,
        extensions: [
          [51, key],
          [43, Uint8Array.of(3, 4)],
        ],
      });
      answer.set(randomBytes(random, 32), 6);
      // Encrypted extensions, certificate, its proof, finished: one record that nobody can read.
      const sealed = chain.length + 190 + integer(random, 0, 90);
      yield* tcp.send(
        false,
        join(
          tlsRecord(HANDSHAKE, answer),
          tlsRecord(CHANGE_CIPHER_SPEC, Uint8Array.of(1)),
          recordHead(APPLICATION, sealed),
        ),
        sealed,
      );
      yield* tcp.wait(true, 300 + exponential(random, 1500));
      yield* tcp.send(true, join(tlsRecord(CHANGE_CIPHER_SPEC, Uint8Array.of(1)), recordHead(APPLICATION, 53)), 53);
    } else {
      const answer = encodeServerHelloMessage({
        cipher: this.#options.client === 'embedded' ? 0xc02b : 0xc02f,
        extensions: [[65281, Uint8Array.of(0)], [23, new Uint8Array()], ...alpnExtension],
      });
      answer.set(randomBytes(random, 32), 6);
      yield* tcp.send(
        false,
        join(
          tlsRecord(HANDSHAKE, answer),
          tlsRecord(HANDSHAKE, chain),
          tlsRecord(HANDSHAKE, keyExchange(random)),
          tlsRecord(HANDSHAKE, Uint8Array.of(14, 0, 0, 0)),
        ),
      );
      yield* tcp.wait(true, 500 + exponential(random, 2500));
      const point = new ByteWriter().u8(16).u8(0).u16(66).u8(65).u8(4).bytes(randomBytes(random, 64)).finish();
      yield* tcp.send(
        true,
        join(tlsRecord(HANDSHAKE, point), tlsRecord(CHANGE_CIPHER_SPEC, Uint8Array.of(1)), recordHead(HANDSHAKE, 40)),
        40,
      );
      yield* tcp.wait(false, 300 + exponential(random, 900));
      yield* tcp.send(false, join(tlsRecord(CHANGE_CIPHER_SPEC, Uint8Array.of(1)), recordHead(HANDSHAKE, 40)), 40);
      yield* tcp.wait(true, 100 + exponential(random, 300));
    }
  }

  /** Application data: so many bytes of plain text, in records of at most 16,384 (RFC 8446 section 5.1). */
  *send(fromClient: boolean, bytes: number): Step {
    let left = Math.max(1, Math.round(bytes));
    while (left > 0) {
      const size = Math.min(16_384, left);
      left -= size;
      yield* this.tcp.send(fromClient, recordHead(APPLICATION, size + 17), size + 17);
    }
  }

  /** A request and its answer. */
  *exchange(up: number, down: number, thinkUs: number): Step {
    yield* this.send(true, up);
    yield* this.tcp.wait(false, thinkUs);
    yield* this.send(false, down);
    yield* this.tcp.wait(true);
  }

  *pause(us: number): Step {
    yield* this.tcp.pause(us);
  }

  *close(byClient = true): Step {
    if (this.#random.float() < 0.75)
      yield* this.tcp.send(byClient, recordHead(this.#is13 ? APPLICATION : ALERT, 26), 26);
    yield* this.tcp.close(byClient);
  }
}

function recordHead(type: number, length: number): Uint8Array {
  return Uint8Array.of(type, 3, 3, length >> 8, length & 255);
}

/** ServerKeyExchange with a point on P-256 and a signature nobody could verify, RFC 8422 section 5.4. */
function keyExchange(random: Random): Uint8Array {
  const signature = randomBytes(random, 70);
  return new ByteWriter()
    .u8(12)
    .u8(0)
    .u16(4 + 65 + 4 + signature.length)
    .u8(3)
    .u16(0x17)
    .u8(65)
    .u8(4)
    .bytes(randomBytes(random, 64))
    .u16(0x0403)
    .u16(signature.length)
    .bytes(signature)
    .finish();
}

/** A pause of a person or a program, for callers that wait between requests. */
export function thinkUs(random: Random, medianMs: number): number {
  return pick(random, [0.5, 0.8, 1, 1.3, 2.2]) * medianMs * MS;
}
