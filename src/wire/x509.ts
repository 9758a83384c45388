import { sha1 } from '@noble/hashes/legacy.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { safeText } from '../core/index.ts';
import { formatIpv4, formatIpv6, parseAddress } from './address.ts';
import {
  BER_BIT_STRING,
  BER_BOOLEAN,
  BER_INTEGER,
  BER_NULL,
  BER_OCTET_STRING,
  BER_OID,
  BER_SEQUENCE,
  BER_SET,
  type BerElement,
  berBoolean,
  berChildren,
  berOid,
  berText,
  encodeBer,
  encodeBerInteger,
  encodeBerOid,
  encodeBerText,
  expectBer,
  readBer,
} from './ber.ts';
import { hexToBytes, wireHex } from './bytes.ts';
import { latin1 } from './latin1.ts';

/** X.509 certificates, RFC 5280 section 4: who it is for, who says so, how long, and with which key. Signatures are not verified. */

const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
const BMP_STRING = 0x1e;
const T61_STRING = 0x14;
/** Context tags of the optional parts of a TBSCertificate. */
const TAG_VERSION = 0xa0;
const TAG_EXTENSIONS = 0xa3;
/** Context tags of a GeneralName, RFC 5280 section 4.2.1.6. */
const NAME_EMAIL = 0x81;
const NAME_DNS = 0x82;
const NAME_URI = 0x86;
const NAME_IP = 0x87;

const OID_BASIC_CONSTRAINTS = '2.5.29.19';
const OID_ALTERNATIVE_NAME = '2.5.29.17';
const OID_SUBJECT_KEY = '2.5.29.14';
const OID_AUTHORITY_KEY = '2.5.29.35';
const OID_RSA = '1.2.840.113549.1.1.1';
const OID_RSA_PSS = '1.2.840.113549.1.1.10';
const OID_DSA = '1.2.840.10040.4.1';
const OID_EC = '1.2.840.10045.2.1';
const OID_COMMON_NAME = '2.5.4.3';
const OID_ORGANIZATION = '2.5.4.10';

const MAX_EXTENSIONS = 64;
/** Alternative names that are kept, of all kinds together. A content network's certificate has some hundred. */
const MAX_ALTERNATIVE_NAMES = 200;
const MAX_ATTRIBUTES = 32;
/** Serial numbers have at most 20 bytes (RFC 5280 section 4.1.2.2); some issuers exceed that. */
const MAX_SERIAL_BYTES = 32;
const MAX_NAME_TEXT = 512;

/** A distinguished name. Text is UTF-8 as far as it is printable; the rest is escaped (`safeText`, `wireText`) and bounded. */
export interface DistinguishedName {
  /** The first CN. */
  readonly commonName: string | undefined;
  /** The first O. */
  readonly organization: string | undefined;
  /** All attributes as RFC 4514 writes them, last one first: 'CN=example.org,O=Example,C=US'. At most 512 characters. */
  readonly text: string;
}

export interface X509Certificate {
  /** 1 to 3. */
  readonly version: number;
  /** Lower-case hex without leading zero bytes; '00' is zero. */
  readonly serial: string;
  readonly subject: DistinguishedName;
  readonly issuer: DistinguishedName;
  /** Epoch milliseconds; undefined when the time does not parse. */
  readonly notBeforeMs: number | undefined;
  readonly notAfterMs: number | undefined;
  /** DNS names as they stand, lower case; at most 200 alternative names of all kinds. */
  readonly dnsNames: readonly string[];
  /** IP addresses among the alternative names. */
  readonly addresses: readonly string[];
  /** Email addresses and URIs among the alternative names. */
  readonly otherNames: readonly string[];
  /** How many alternative names there are, also of those that were not kept. */
  readonly alternativeNameCount: number;
  /** 'rsa', 'ec', 'dsa', 'ed25519', 'ml-dsa-44', ... or the dotted object identifier. */
  readonly keyType: string;
  /** Bits of the modulus, prime or curve; undefined where the type is not known. */
  readonly keyBits: number | undefined;
  /** 'P-256', ... or the dotted object identifier; undefined for other keys than 'ec'. */
  readonly curve: string | undefined;
  /** 'sha256WithRSAEncryption', 'ecdsa-with-SHA256', ... or the dotted object identifier. */
  readonly signatureAlgorithm: string;
  /** The basic constraints say that this is an authority. */
  readonly isAuthority: boolean;
  /** Subject and issuer are the same, and no key identifier says otherwise. The signature is not verified. */
  readonly isSelfSigned: boolean;
  /** SHA-256 of the whole certificate, lower-case hex; undefined where digests were not asked for. */
  readonly sha256: string | undefined;
  /** SHA-1 of the whole certificate, lower-case hex: the key of older block lists. */
  readonly sha1: string | undefined;
}

const ATTRIBUTES = new Map<string, string>([
  [OID_COMMON_NAME, 'CN'],
  ['2.5.4.4', 'SN'],
  ['2.5.4.5', 'serialNumber'],
  ['2.5.4.6', 'C'],
  ['2.5.4.7', 'L'],
  ['2.5.4.8', 'ST'],
  ['2.5.4.9', 'street'],
  [OID_ORGANIZATION, 'O'],
  ['2.5.4.11', 'OU'],
  ['2.5.4.12', 'title'],
  ['2.5.4.15', 'businessCategory'],
  ['2.5.4.17', 'postalCode'],
  ['2.5.4.42', 'GN'],
  ['0.9.2342.19200300.100.1.1', 'UID'],
  ['0.9.2342.19200300.100.1.25', 'DC'],
  ['1.2.840.113549.1.9.1', 'emailAddress'],
  ['1.3.6.1.4.1.311.60.2.1.2', 'jurisdictionST'],
  ['1.3.6.1.4.1.311.60.2.1.3', 'jurisdictionC'],
]);

/** Named curves with their bits: RFC 5480 section 2.1.1.1, SEC 2, RFC 5639. */
const CURVES = new Map<string, readonly [string, number]>([
  ['1.2.840.10045.3.1.1', ['P-192', 192]],
  ['1.3.132.0.33', ['P-224', 224]],
  ['1.2.840.10045.3.1.7', ['P-256', 256]],
  ['1.3.132.0.34', ['P-384', 384]],
  ['1.3.132.0.35', ['P-521', 521]],
  ['1.3.132.0.10', ['secp256k1', 256]],
  ['1.3.36.3.3.2.8.1.1.7', ['brainpoolP256r1', 256]],
  ['1.3.36.3.3.2.8.1.1.11', ['brainpoolP384r1', 384]],
  ['1.3.36.3.3.2.8.1.1.13', ['brainpoolP512r1', 512]],
  ['1.2.156.10197.1.301', ['SM2', 256]],
]);

/** Keys whose type says their size: RFC 8410, and FIPS 204 with the bits of the public key. */
const FIXED_KEYS = new Map<string, readonly [string, number]>([
  ['1.3.101.110', ['x25519', 255]],
  ['1.3.101.111', ['x448', 448]],
  ['1.3.101.112', ['ed25519', 255]],
  ['1.3.101.113', ['ed448', 448]],
  ['2.16.840.1.101.3.4.3.17', ['ml-dsa-44', 10_496]],
  ['2.16.840.1.101.3.4.3.18', ['ml-dsa-65', 15_616]],
  ['2.16.840.1.101.3.4.3.19', ['ml-dsa-87', 20_736]],
]);

const SIGNATURES = new Map<string, string>([
  ['1.2.840.113549.1.1.2', 'md2WithRSAEncryption'],
  ['1.2.840.113549.1.1.4', 'md5WithRSAEncryption'],
  ['1.2.840.113549.1.1.5', 'sha1WithRSAEncryption'],
  [OID_RSA_PSS, 'rsassaPss'],
  ['1.2.840.113549.1.1.11', 'sha256WithRSAEncryption'],
  ['1.2.840.113549.1.1.12', 'sha384WithRSAEncryption'],
  ['1.2.840.113549.1.1.13', 'sha512WithRSAEncryption'],
  ['1.2.840.113549.1.1.14', 'sha224WithRSAEncryption'],
  ['1.2.840.10040.4.3', 'dsa-with-sha1'],
  ['2.16.840.1.101.3.4.3.2', 'dsa-with-sha256'],
  ['1.2.840.10045.4.1', 'ecdsa-with-SHA1'],
  ['1.2.840.10045.4.3.1', 'ecdsa-with-SHA224'],
  ['1.2.840.10045.4.3.2', 'ecdsa-with-SHA256'],
  ['1.2.840.10045.4.3.3', 'ecdsa-with-SHA384'],
  ['1.2.840.10045.4.3.4', 'ecdsa-with-SHA512'],
  ['1.3.101.112', 'ed25519'],
  ['1.3.101.113', 'ed448'],
  ['2.16.840.1.101.3.4.3.17', 'ml-dsa-44'],
  ['2.16.840.1.101.3.4.3.18', 'ml-dsa-65'],
  ['2.16.840.1.101.3.4.3.19', 'ml-dsa-87'],
]);

/**
 * The certificate in DER at `at`, or undefined when the bytes up to `end` hold no whole one. What lies behind it is ignored.
 * @param digests whether to compute SHA-256 and SHA-1, which cost more than all else.
 */
export function decodeX509(bytes: Uint8Array, at: number, end: number, digests = true): X509Certificate | undefined {
  const whole = expectBer(bytes, at, end, BER_SEQUENCE);
  if (whole === undefined || whole.cut) return undefined;
  const tbs = expectBer(bytes, whole.from, whole.to, BER_SEQUENCE);
  if (tbs === undefined || tbs.cut) return undefined;
  // Version, serial number, signature, issuer, validity, subject, key, two unique identifiers, extensions.
  const parts = berChildren(bytes, tbs, 10);
  if (parts.some((part) => part.cut)) return undefined;
  let next = 0;
  let version = 1;
  if (parts[0]?.tag === TAG_VERSION) {
    const held = expectBer(bytes, parts[0].from, parts[0].to, BER_INTEGER);
    if (held === undefined || held.to - held.from !== 1) return undefined;
    version = bytes[held.from] + 1;
    next = 1;
  }
  const [serial, , issuer, validity, subject, key] = parts.slice(next);
  if (key === undefined || serial.tag !== BER_INTEGER || serial.from === serial.to) return undefined;
  if ([issuer, validity, subject, key].some((part) => part.tag !== BER_SEQUENCE)) return undefined;
  const outer = expectBer(bytes, tbs.to, whole.to, BER_SEQUENCE);
  const signature = outer === undefined ? undefined : oidAt(bytes, outer.from, outer.to);
  if (signature === undefined) return undefined;
  const [notBefore, notAfter] = berChildren(bytes, validity, 2);
  const publicKey = decodeKey(bytes, key);
  if (publicKey === undefined) return undefined;
  const more = decodeExtensions(
    bytes,
    parts.slice(next + 6).find((part) => part.tag === TAG_EXTENSIONS),
  );
  const der = bytes.subarray(at, whole.to);
  return {
    version,
    serial: integerHex(bytes, serial),
    subject: decodeName(bytes, subject),
    issuer: decodeName(bytes, issuer),
    notBeforeMs: notBefore === undefined ? undefined : decodeTime(bytes, notBefore),
    notAfterMs: notAfter === undefined ? undefined : decodeTime(bytes, notAfter),
    dnsNames: more.dnsNames,
    addresses: more.addresses,
    otherNames: more.otherNames,
    alternativeNameCount: more.alternativeNameCount,
    keyType: publicKey.type,
    keyBits: publicKey.bits,
    curve: publicKey.curve,
    signatureAlgorithm: SIGNATURES.get(signature) ?? signature,
    isAuthority: more.isAuthority,
    isSelfSigned:
      sameBytes(bytes, issuer, subject) &&
      (more.authorityKey === undefined || more.subjectKey === undefined || more.authorityKey === more.subjectKey),
    sha256: digests ? bytesToHex(sha256(der)) : undefined,
    sha1: digests ? bytesToHex(sha1(der)) : undefined,
  };
}

function oidAt(bytes: Uint8Array, at: number, end: number): string | undefined {
  const element = expectBer(bytes, at, end, BER_OID);
  return element === undefined ? undefined : berOid(bytes, element);
}

function sameBytes(bytes: Uint8Array, a: BerElement, b: BerElement): boolean {
  if (a.to - a.from !== b.to - b.from) return false;
  for (let i = 0; i < a.to - a.from; i++) if (bytes[a.from + i] !== bytes[b.from + i]) return false;
  return true;
}

function integerHex(bytes: Uint8Array, element: BerElement): string {
  let from = element.from;
  while (from < element.to - 1 && bytes[from] === 0) from++;
  return wireHex(bytes, from, element.to, MAX_SERIAL_BYTES);
}

function decodeName(bytes: Uint8Array, name: BerElement): DistinguishedName {
  let commonName: string | undefined;
  let organization: string | undefined;
  const parts: string[] = [];
  for (const set of berChildren(bytes, name, MAX_ATTRIBUTES)) {
    for (const attribute of berChildren(bytes, set, 4)) {
      const type = expectBer(bytes, attribute.from, attribute.to, BER_OID);
      const oid = type === undefined ? undefined : berOid(bytes, type);
      const value = type === undefined ? undefined : readBer(bytes, type.to, attribute.to);
      if (oid === undefined || value === undefined) continue;
      const text = decodeString(bytes, value);
      if (oid === OID_COMMON_NAME) commonName ??= text;
      else if (oid === OID_ORGANIZATION) organization ??= text;
      // RFC 4514 section 2.4: what would be read as structure is escaped.
      parts.unshift(`${ATTRIBUTES.get(oid) ?? oid}=${text.replace(/[",+;<>\\]/g, '\\$&')}`);
    }
  }
  return { commonName, organization, text: safeText(parts.join(','), MAX_NAME_TEXT) };
}

/** A DirectoryString or one of its relatives, RFC 5280 appendix A.1. */
function decodeString(bytes: Uint8Array, element: BerElement): string {
  if (element.tag === BMP_STRING) {
    let text = '';
    for (let i = element.from; i + 1 < element.to && text.length <= 255; i += 2)
      text += String.fromCharCode((bytes[i] << 8) | bytes[i + 1]);
    return safeText(text, 255);
  }
  if (element.tag === T61_STRING)
    return safeText(latin1(bytes, element.from, Math.min(element.to, element.from + 256)), 255);
  return berText(bytes, element);
}

/** Year, month, day, hour, minute, second, sign and offset. */
const UTC_FORM = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?(?:Z|([+-])(\d\d)(\d\d))$/;
const GENERALIZED_FORM = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?(?:\.\d+)?(?:Z|([+-])(\d\d)(\d\d))$/;

/** UTCTime and GeneralizedTime, RFC 5280 section 4.1.2.5, and the offsets and missing seconds that older certificates have. */
function decodeTime(bytes: Uint8Array, element: BerElement): number | undefined {
  if (element.to - element.from > 32 || (element.tag !== UTC_TIME && element.tag !== GENERALIZED_TIME))
    return undefined;
  const text = latin1(bytes, element.from, element.to);
  const form = element.tag === UTC_TIME ? UTC_FORM : GENERALIZED_FORM;
  const match = form.exec(text);
  if (match === null) return undefined;
  const [, yearText, month, day, hour, minute, second = '0', sign, offsetHours = '0', offsetMinutes = '0'] = match;
  let year = Number(yearText);
  if (yearText.length === 2) year += year < 50 ? 2000 : 1900;
  const date = new Date(0);
  // Date.UTC would take years below 100 for the last century's.
  date.setUTCFullYear(year, Number(month) - 1, Number(day));
  date.setUTCHours(Number(hour), Number(minute), Number(second));
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) return undefined;
  const offsetMs = (Number(offsetHours) * 60 + Number(offsetMinutes)) * 60_000;
  return date.getTime() - (sign === '-' ? -offsetMs : offsetMs);
}

function decodeKey(
  bytes: Uint8Array,
  info: BerElement,
): { type: string; bits: number | undefined; curve: string | undefined } | undefined {
  const algorithm = expectBer(bytes, info.from, info.to, BER_SEQUENCE);
  if (algorithm === undefined) return undefined;
  const oidElement = expectBer(bytes, algorithm.from, algorithm.to, BER_OID);
  const oid = oidElement === undefined ? undefined : berOid(bytes, oidElement);
  if (oidElement === undefined || oid === undefined) return undefined;
  const key = expectBer(bytes, algorithm.to, info.to, BER_BIT_STRING);
  if (oid === OID_RSA || oid === OID_RSA_PSS) {
    // RSAPublicKey, RFC 3279 section 2.3.1, behind the count of unused bits.
    const sequence = key === undefined ? undefined : expectBer(bytes, key.from + 1, key.to, BER_SEQUENCE);
    const modulus = sequence === undefined ? undefined : expectBer(bytes, sequence.from, sequence.to, BER_INTEGER);
    return { type: 'rsa', bits: modulus === undefined ? undefined : bitLength(bytes, modulus), curve: undefined };
  }
  if (oid === OID_DSA) {
    const sequence = expectBer(bytes, oidElement.to, algorithm.to, BER_SEQUENCE);
    const prime = sequence === undefined ? undefined : expectBer(bytes, sequence.from, sequence.to, BER_INTEGER);
    return { type: 'dsa', bits: prime === undefined ? undefined : bitLength(bytes, prime), curve: undefined };
  }
  if (oid === OID_EC) {
    const curve = oidAt(bytes, oidElement.to, algorithm.to);
    const known = curve === undefined ? undefined : CURVES.get(curve);
    return { type: 'ec', bits: known?.[1], curve: known?.[0] ?? curve };
  }
  const fixed = FIXED_KEYS.get(oid);
  return { type: fixed?.[0] ?? oid, bits: fixed?.[1], curve: undefined };
}

function bitLength(bytes: Uint8Array, element: BerElement): number | undefined {
  if (element.cut) return undefined;
  let from = element.from;
  while (from < element.to && bytes[from] === 0) from++;
  return from === element.to ? 0 : 8 * (element.to - from) - Math.clz32(bytes[from]) + 24;
}

interface Extensions {
  readonly dnsNames: string[];
  readonly addresses: string[];
  readonly otherNames: string[];
  alternativeNameCount: number;
  isAuthority: boolean;
  subjectKey: string | undefined;
  authorityKey: string | undefined;
}

function decodeExtensions(bytes: Uint8Array, holder: BerElement | undefined): Extensions {
  const found: Extensions = {
    dnsNames: [],
    addresses: [],
    otherNames: [],
    alternativeNameCount: 0,
    isAuthority: false,
    subjectKey: undefined,
    authorityKey: undefined,
  };
  const list = holder === undefined ? undefined : expectBer(bytes, holder.from, holder.to, BER_SEQUENCE);
  if (list === undefined) return found;
  for (const extension of berChildren(bytes, list, MAX_EXTENSIONS)) {
    const oid = expectBer(bytes, extension.from, extension.to, BER_OID);
    if (oid === undefined) continue;
    const critical = expectBer(bytes, oid.to, extension.to, BER_BOOLEAN);
    const value = expectBer(bytes, critical?.to ?? oid.to, extension.to, BER_OCTET_STRING);
    if (value === undefined) continue;
    const name = berOid(bytes, oid);
    if (name === OID_ALTERNATIVE_NAME) decodeAlternativeNames(bytes, value, found);
    else if (name === OID_BASIC_CONSTRAINTS) {
      const constraints = expectBer(bytes, value.from, value.to, BER_SEQUENCE);
      const flag =
        constraints === undefined ? undefined : expectBer(bytes, constraints.from, constraints.to, BER_BOOLEAN);
      found.isAuthority = flag !== undefined && berBoolean(bytes, flag) === true;
    } else if (name === OID_SUBJECT_KEY) {
      const id = expectBer(bytes, value.from, value.to, BER_OCTET_STRING);
      if (id !== undefined) found.subjectKey = wireHex(bytes, id.from, id.to, 64);
    } else if (name === OID_AUTHORITY_KEY) {
      const sequence = expectBer(bytes, value.from, value.to, BER_SEQUENCE);
      // keyIdentifier is [0], and first where it is there (RFC 5280 section 4.2.1.1).
      const id = sequence === undefined ? undefined : expectBer(bytes, sequence.from, sequence.to, 0x80);
      if (id !== undefined) found.authorityKey = wireHex(bytes, id.from, id.to, 64);
    }
  }
  return found;
}

function decodeAlternativeNames(bytes: Uint8Array, value: BerElement, found: Extensions): void {
  const list = expectBer(bytes, value.from, value.to, BER_SEQUENCE);
  if (list === undefined) return;
  for (let at = list.from; at < list.to; ) {
    const name = readBer(bytes, at, list.to);
    if (name === undefined || name.cut) return;
    at = name.to;
    if (++found.alternativeNameCount > MAX_ALTERNATIVE_NAMES) continue;
    const length = name.to - name.from;
    if (name.tag === NAME_DNS) found.dnsNames.push(berText(bytes, name).toLowerCase());
    else if (name.tag === NAME_EMAIL || name.tag === NAME_URI) found.otherNames.push(berText(bytes, name));
    else if (name.tag === NAME_IP && (length === 4 || length === 16)) {
      const word = (o: number): number =>
        (bytes[name.from + o] << 24) |
        (bytes[name.from + o + 1] << 16) |
        (bytes[name.from + o + 2] << 8) |
        bytes[name.from + o + 3];
      found.addresses.push(length === 4 ? formatIpv4(word(0)) : formatIpv6(word(0), word(4), word(8), word(12)));
    }
  }
}

export interface X509Fields {
  readonly serial?: string;
  readonly subject: { readonly commonName?: string; readonly organization?: string };
  /** The same as the subject when left out. */
  readonly issuer?: { readonly commonName?: string; readonly organization?: string };
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly dnsNames?: readonly string[];
  readonly addresses?: readonly string[];
  readonly otherNames?: readonly string[];
  /** RSA modulus bits, or 'P-256'. */
  readonly key?: number | 'P-256';
  readonly isAuthority?: boolean;
}

/** A version 3 certificate in DER with a key and a signature of no value: for tests and simulated traffic, nobody could verify it. */
export function encodeX509(fields: X509Fields): Uint8Array {
  const {
    serial = '01',
    subject,
    issuer = subject,
    dnsNames = [],
    addresses = [],
    otherNames = [],
    key = 2048,
  } = fields;
  const extensions: Uint8Array[] = [];
  const names = [
    ...dnsNames.map((name) => encodeBerText(name, NAME_DNS)),
    ...addresses.map((address) => encodeBer(NAME_IP, addressBytes(address))),
    ...otherNames.map((name) => encodeBerText(name, name.includes('://') ? NAME_URI : NAME_EMAIL)),
  ];
  if (names.length > 0) extensions.push(encodeExtension(OID_ALTERNATIVE_NAME, encodeBer(BER_SEQUENCE, ...names)));
  if (fields.isAuthority === true)
    extensions.push(
      encodeExtension(OID_BASIC_CONSTRAINTS, encodeBer(BER_SEQUENCE, encodeBer(BER_BOOLEAN, Uint8Array.of(0xff)))),
    );
  const algorithm = encodeBer(BER_SEQUENCE, encodeBerOid('1.2.840.113549.1.1.11'), encodeBer(BER_NULL));
  const serialBytes = hexToBytes(serial);
  const tbs = encodeBer(
    BER_SEQUENCE,
    encodeBer(TAG_VERSION, encodeBerInteger(2)),
    encodeBer(BER_INTEGER, serialBytes[0] >= 0x80 ? Uint8Array.of(0) : new Uint8Array(), serialBytes),
    algorithm,
    encodeName(issuer),
    encodeBer(BER_SEQUENCE, encodeTime(fields.notBeforeMs), encodeTime(fields.notAfterMs)),
    encodeName(subject),
    encodeKey(key),
    ...(extensions.length > 0 ? [encodeBer(TAG_EXTENSIONS, encodeBer(BER_SEQUENCE, ...extensions))] : []),
  );
  return encodeBer(BER_SEQUENCE, tbs, algorithm, encodeBer(BER_BIT_STRING, new Uint8Array(65)));
}

function encodeExtension(oid: string, value: Uint8Array): Uint8Array {
  return encodeBer(BER_SEQUENCE, encodeBerOid(oid), encodeBer(BER_OCTET_STRING, value));
}

function encodeName(name: { readonly commonName?: string; readonly organization?: string }): Uint8Array {
  const attribute = (oid: string, text: string | undefined): Uint8Array[] =>
    text === undefined
      ? []
      : [encodeBer(BER_SET, encodeBer(BER_SEQUENCE, encodeBerOid(oid), encodeBerText(text, 0x0c)))];
  return encodeBer(
    BER_SEQUENCE,
    ...attribute(OID_ORGANIZATION, name.organization),
    ...attribute(OID_COMMON_NAME, name.commonName),
  );
}

/** UTCTime until 2049, GeneralizedTime after (RFC 5280 section 4.1.2.5), whole seconds. */
function encodeTime(ms: number): Uint8Array {
  const text = `${new Date(ms).toISOString().slice(0, 19).replace(/[-T:]/g, '')}Z`;
  const year = Number(text.slice(0, 4));
  return year >= 1950 && year < 2050 ? encodeBerText(text.slice(2), UTC_TIME) : encodeBerText(text, GENERALIZED_TIME);
}

function encodeKey(key: number | 'P-256'): Uint8Array {
  if (key === 'P-256')
    return encodeBer(
      BER_SEQUENCE,
      encodeBer(BER_SEQUENCE, encodeBerOid(OID_EC), encodeBerOid('1.2.840.10045.3.1.7')),
      encodeBer(BER_BIT_STRING, Uint8Array.of(0, 4), new Uint8Array(64)),
    );
  const modulus = new Uint8Array(1 + Math.ceil(key / 8));
  modulus[1] = 1 << ((key - 1) & 7);
  const body = encodeBer(BER_SEQUENCE, encodeBer(BER_INTEGER, modulus), encodeBerInteger(65_537));
  return encodeBer(
    BER_SEQUENCE,
    encodeBer(BER_SEQUENCE, encodeBerOid(OID_RSA), encodeBer(BER_NULL)),
    encodeBer(BER_BIT_STRING, Uint8Array.of(0), body),
  );
}

function addressBytes(text: string): Uint8Array {
  const parsed = parseAddress(text);
  if (parsed === undefined) throw new RangeError(`no IP address: ${text}`);
  const out = new DataView(new ArrayBuffer(parsed.isV6 ? 16 : 4));
  for (let i = 0; i < out.byteLength / 4; i++) out.setUint32(4 * i, parsed.words[i]);
  return new Uint8Array(out.buffer);
}

/** 'example.org by Example CA, rsa 2048, until 2026-01-01'. */
export function summarizeX509(certificate: X509Certificate): string {
  const { subject, issuer, keyType, keyBits, curve, notAfterMs } = certificate;
  const by = certificate.isSelfSigned ? 'self-signed' : `by ${issuer.commonName ?? issuer.text}`;
  const key = `${keyType} ${curve ?? keyBits ?? ''}`.trimEnd();
  const until = notAfterMs === undefined ? '' : `, until ${new Date(notAfterMs).toISOString().slice(0, 10)}`;
  return `${subject.commonName ?? (subject.text || 'no subject')} ${by}, ${key}${until}`;
}
