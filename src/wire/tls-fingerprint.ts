import { md5 } from '@noble/hashes/legacy.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { hexByte } from '../core/index.ts';
import type { ClientHello, ServerHello } from './tls.ts';
import { isGrease } from './tls-name.ts';

/**
 * Fingerprints of TLS clients and servers: which library speaks, whatever name it asks for.
 *
 * JA3 and JA3S (Althouse, Atkinson, Atkins, "TLS Fingerprinting with JA3 and JA3S", 2019) hash lists in the order of the wire; browsers shuffle their
 * extensions since 2023, so each connection of theirs has another JA3. JA4 (Althouse, "JA4+ Network Fingerprinting", 2023; technical description in
 * FoxIO-LLC/ja4, BSD 3-Clause) sorts them. All of them are the same for everything that is built on one library with one configuration, and are imitated by
 * whoever wants to: they are a hint, not an identity. JA4S and the rest of JA4+ have another licence and are not here (docs/decisions.md).
 *
 * A hello that is cut or malformed has no fingerprint.
 */

const EXTENSION_SERVER_NAME = 0;
const EXTENSION_ALPN = 16;
/** A part without values, so that it is not mistaken for a hash. */
const NOTHING = '000000000000';

/** What carries the hello: TLS over TCP, QUIC, DTLS. */
export type TlsTransport = 'tcp' | 'quic' | 'dtls';

/** The text that JA3 hashes: version, ciphers, extensions, groups and point formats in decimal, without GREASE. */
export function ja3Text(hello: ClientHello): string | undefined {
  // JA3 is not defined for the SSL 2.0 form, and no other tool computes it.
  if (hello.state !== 'complete' || hello.isSslv2) return undefined;
  const { legacyVersion, ciphers, extensions, groups, pointFormats } = hello;
  const list = (values: readonly number[]): string => values.filter((value) => !isGrease(value)).join('-');
  return `${legacyVersion},${list(ciphers)},${list(extensions)},${list(groups)},${pointFormats.join('-')}`;
}

/** MD5 of `ja3Text` in lower-case hex. */
export function ja3(hello: ClientHello): string | undefined {
  const text = ja3Text(hello);
  return text === undefined ? undefined : JA3_HASHES.of(text);
}

/** The text that JA3S hashes: version, cipher, extensions. */
export function ja3sText(hello: ServerHello): string | undefined {
  if (hello.state !== 'complete') return undefined;
  return `${hello.legacyVersion},${hello.cipher},${hello.extensions.filter((type) => !isGrease(type)).join('-')}`;
}

/** MD5 of `ja3sText` in lower-case hex. */
export function ja3s(hello: ServerHello): string | undefined {
  const text = ja3sText(hello);
  return text === undefined ? undefined : JA3_HASHES.of(text);
}

/** JA4 before hashing (JA4_r): 't13d1516h2_002f,0035,..._0005,000a,..._0403,0804,...'. */
export function ja4Text(hello: ClientHello, transport: TlsTransport = 'tcp'): string | undefined {
  const parts = ja4Parts(hello, transport);
  return parts?.join('_');
}

/** JA4: 't13d1516h2_8daaf6152771_e5627efa2ab1'. */
export function ja4(hello: ClientHello, transport: TlsTransport = 'tcp'): string | undefined {
  const parts = ja4Parts(hello, transport);
  if (parts === undefined) return undefined;
  const [head, ciphers, ...rest] = parts;
  // Without extensions there are no signature algorithms either.
  return `${head}_${shortHash(ciphers)}_${rest[0] === '' ? NOTHING : shortHash(rest.join('_'))}`;
}

function ja4Parts(hello: ClientHello, transport: TlsTransport): string[] | undefined {
  if (hello.state !== 'complete') return undefined;
  const ciphers = hello.ciphers.filter((value) => !isGrease(value));
  const extensions = hello.extensions.filter((value) => !isGrease(value));
  const algorithms = hello.signatureAlgorithms.filter((value) => !isGrease(value));
  const target = extensions.includes(EXTENSION_SERVER_NAME) ? 'd' : 'i';
  const head = `${letter(transport)}${versionCode(hello.version)}${target}${twoDigits(ciphers.length)}${twoDigits(extensions.length)}${alpnCode(hello.alpn[0])}`;
  const sorted = extensions.filter((type) => type !== EXTENSION_SERVER_NAME && type !== EXTENSION_ALPN).sort(ascending);
  return [
    head,
    hexList(ciphers.sort(ascending)),
    hexList(sorted),
    ...(algorithms.length > 0 ? [hexList(algorithms)] : []),
  ];
}

/** JA3 and JA4 of a hello. */
export interface TlsFingerprints {
  readonly ja3: string | undefined;
  readonly ja4: string | undefined;
}

interface KnownHello extends TlsFingerprints {
  readonly hello: ClientHello;
  readonly transport: TlsTransport;
}

/** Hellos whose fingerprints are kept, by a hash of what they are made of; a newcomer that comes a second time takes the place of whoever had it. */
const KNOWN_HELLOS = 256;
const KNOWN: (KnownHello | undefined)[] = new Array<KnownHello | undefined>(KNOWN_HELLOS).fill(undefined);
const SEEN = new Int32Array(KNOWN_HELLOS);

/** As `ja3` and `ja4` give them. Most hellos are those of a program that said the like before, and cost a comparison. */
export function tlsFingerprints(hello: ClientHello, transport: TlsTransport = 'tcp'): TlsFingerprints {
  const hash = hashOf(hello);
  const place = hash & (KNOWN_HELLOS - 1);
  if (SEEN[place] === hash) {
    const known = KNOWN[place];
    if (known !== undefined && known.transport === transport && hasSameParts(known.hello, hello)) return known;
  }
  const fingerprints = { ja3: ja3(hello), ja4: ja4(hello, transport) };
  KNOWN[place] = SEEN[place] === hash ? { ...fingerprints, hello, transport } : undefined;
  SEEN[place] = hash;
  return fingerprints;
}

function hashOf(hello: ClientHello): number {
  let hash = mixed(hello.legacyVersion ^ (hello.version << 16), hello.ciphers);
  hash = mixed(hash, hello.extensions);
  hash = mixed(hash, hello.groups);
  hash = mixed(hash, hello.signatureAlgorithms);
  return hash ^ (hash >>> 15);
}

function mixed(seed: number, values: readonly number[]): number {
  let hash = seed ^ values.length;
  for (let i = 0; i < values.length; i++) hash = Math.imul(hash ^ values[i], 0x01000193);
  return hash ^ (hash >>> 13);
}

/** Whether two hellos agree in all that their fingerprints are made of. */
function hasSameParts(a: ClientHello, b: ClientHello): boolean {
  return (
    a.state === b.state &&
    a.isSslv2 === b.isSslv2 &&
    a.legacyVersion === b.legacyVersion &&
    a.version === b.version &&
    a.alpn[0] === b.alpn[0] &&
    isSame(a.ciphers, b.ciphers) &&
    isSame(a.extensions, b.extensions) &&
    isSame(a.groups, b.groups) &&
    isSame(a.pointFormats, b.pointFormats) &&
    isSame(a.signatureAlgorithms, b.signatureAlgorithms)
  );
}

function isSame(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function letter(transport: TlsTransport): string {
  return transport === 'quic' ? 'q' : transport === 'dtls' ? 'd' : 't';
}

const VERSION_CODES = new Map<number, string>([
  [0x0002, 's2'],
  [0x0300, 's3'],
  [0x0301, '10'],
  [0x0302, '11'],
  [0x0303, '12'],
  [0x0304, '13'],
  [0xfeff, 'd1'],
  [0xfefd, 'd2'],
  [0xfefc, 'd3'],
]);

function versionCode(version: number): string {
  return VERSION_CODES.get(version) ?? '00';
}

function twoDigits(n: number): string {
  return `${Math.min(n, 99)}`.padStart(2, '0');
}

/** First and last character of the protocol, or of its hex where one of the two is not a letter or digit. */
function alpnCode(alpn: string | undefined): string {
  if (alpn === undefined || alpn === '') return '00';
  const text = /^[0-9a-z](?:.*[0-9a-z])?$/is.test(alpn)
    ? alpn
    : Array.from(alpn, (c) => c.charCodeAt(0).toString(16).padStart(2, '0')).join('');
  return `${text.charAt(0)}${text.charAt(text.length - 1)}`;
}

function ascending(a: number, b: number): number {
  return a - b;
}

function hexList(values: readonly number[]): string {
  let text = '';
  for (let i = 0; i < values.length; i++) text += i === 0 ? hex4(values[i]) : `,${hex4(values[i])}`;
  return text;
}

function hex4(value: number): string {
  return hexByte(value >> 8) + hexByte(value);
}

function shortHash(text: string): string {
  return text === '' ? NOTHING : JA4_HASHES.of(text);
}

/** A network has few kinds of clients: nearly every text was hashed before. The kinds that are made up are forgotten all at once. */
class HashMemo {
  #hash: (text: string) => string;
  #known = new Map<string, string>();

  constructor(hash: (text: string) => string) {
    this.#hash = hash;
  }

  of(text: string): string {
    let hash = this.#known.get(text);
    if (hash === undefined) {
      hash = this.#hash(text);
      if (this.#known.size >= MEMO_TEXTS) this.#known.clear();
      if (text.length <= MEMO_CHARACTERS) this.#known.set(text, hash);
    }
    return hash;
  }
}

const MEMO_TEXTS = 512;
const MEMO_CHARACTERS = 2048;
const JA3_HASHES = new HashMemo((text) => bytesToHex(md5(utf8ToBytes(text))));
const JA4_HASHES = new HashMemo((text) => bytesToHex(sha256(utf8ToBytes(text))).slice(0, 12));
