import { ecb, gcm } from '@noble/ciphers/aes.js';
import { expand, extract } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { ByteWriter, hexToBytes, wireHex } from './bytes.ts';
import { type ClientHello, decodeTlsHandshake, type ServerHello, summarizeClientHello } from './tls.ts';
import { ja4 } from './tls-fingerprint.ts';

/**
 * QUIC versions 1 (RFC 9000, 9001), 2 (RFC 9369) and the drafts from 23 on: long headers, and what Initial packets carry. Those are encrypted with keys that
 * follow from a connection id which stands in the packet itself, so that everybody on the way can read the hellos in them. Everything later stays closed.
 */

const LONG_HEADER = 0x80;
const FIXED_BIT = 0x40;
const VERSION = 1;
const ID_LENGTH = 5;
/** Connection ids of these versions have at most 20 bytes, RFC 9000 section 17.2. */
const MAX_ID = 20;
const RETRY_TAG_BYTES = 16;
const AEAD_TAG_BYTES = 16;
const SAMPLE_BYTES = 16;
const MAX_VERSIONS = 32;
/** Larger packets than any network carries in one piece are not decrypted. */
const MAX_PACKET = 16_384;
/** Packets that one flow may have decrypted, right or wrong: a handshake takes a handful. */
const MAX_ATTEMPTS = 48;
/** Of those, the ones that may fail: a connection that is followed from its beginning has one after a Retry, and one after a change of version. */
const MAX_FAILURES = 8;
/** Bytes of the handshake of one side that are put together; a hello with post-quantum keys has 2,000. */
const MAX_CRYPTO = 8_192;
/** Pieces of it that may lie apart. Chrome cuts its hello into some ten. */
const MAX_RANGES = 64;

const FRAME_PADDING = 0;
const FRAME_PING = 1;
const FRAME_ACK = 2;
const FRAME_ACK_ECN = 3;
const FRAME_CRYPTO = 6;
const FRAME_CLOSE = 0x1c;

const VERSION_1 = 1;
const VERSION_2 = 0x6b3343cf;

interface Salt {
  readonly salt: Uint8Array;
  readonly prefix: string;
}

/** Initial salts: RFC 9001 section 5.2, RFC 9369 section 3.3.1, and the drafts' of before. */
const SALT_1: Salt = { salt: hexToBytes('38762cf7f55934b34d179ae6a4c80cadccbb7f0a'), prefix: 'quic' };
const SALT_2: Salt = { salt: hexToBytes('0dede3def700a6db819381be6e269dcbf9bd2ed9'), prefix: 'quicv2' };
const SALT_DRAFT_29: Salt = { salt: hexToBytes('afbfec289993d24c9e9786f19c6111e04390a899'), prefix: 'quic' };
const SALT_DRAFT_23: Salt = { salt: hexToBytes('c3eef712c72ebb5a11a7d2432bb46365bef9f502'), prefix: 'quic' };

function saltOf(version: number): Salt | undefined {
  if (version === VERSION_1) return SALT_1;
  if (version === VERSION_2) return SALT_2;
  if (version >>> 8 !== 0xff0000) return undefined;
  const draft = version & 255;
  if (draft >= 33 && draft <= 34) return SALT_1;
  if (draft >= 29 && draft <= 32) return SALT_DRAFT_29;
  return draft >= 23 && draft <= 28 ? SALT_DRAFT_23 : undefined;
}

/** 'v1', 'v2', 'draft-29', 'Q046' (Google's QUIC), or '0x' and eight hex digits. */
export function quicVersionName(version: number): string {
  if (version === VERSION_1) return 'v1';
  if (version === VERSION_2) return 'v2';
  if (version >>> 8 === 0xff0000) return `draft-${version & 255}`;
  if (isGoogleVersion(version))
    return String.fromCharCode(version >>> 24, (version >>> 16) & 255, (version >>> 8) & 255, version & 255);
  return `0x${version.toString(16).padStart(8, '0')}`;
}

/** Four characters: Q or T and three digits. */
function isGoogleVersion(version: number): boolean {
  const first = version >>> 24;
  const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39;
  return (
    (first === 0x51 || first === 0x54) &&
    isDigit((version >>> 16) & 255) &&
    isDigit((version >>> 8) & 255) &&
    isDigit(version & 255)
  );
}

/** Versions of the form 0x?a?a?a?a exist to be refused, RFC 9000 section 15. */
function isReservedVersion(version: number): boolean {
  return (version & 0x0f0f0f0f) === 0x0a0a0a0a;
}

export type QuicPacketKind =
  | 'initial'
  | '0-rtt'
  | 'handshake'
  | 'retry'
  | 'version-negotiation'
  /** A version that we know by name only. */
  | 'other';

/** A packet with a long header. Several may share a datagram. */
export interface QuicPacket {
  readonly kind: QuicPacketKind;
  /** 0 in a version negotiation. */
  readonly version: number;
  /** Lower-case hex, '' when empty. */
  readonly destinationId: string;
  readonly sourceId: string;
  /** Bytes of the token in an Initial or Retry packet. */
  readonly tokenBytes: number;
  /** Versions that the server offers in a version negotiation, at most 32. */
  readonly versions: readonly number[];
  /** Where the protected packet number begins; the end where the packet has none. */
  readonly numberAt: number;
  /** End of the packet, where the next one of the datagram begins; behind the end that was given when it is cut. */
  readonly to: number;
}

/** The packet with a long header at `at`, or undefined when there is none of a version that is known at least by name. */
export function decodeQuic(bytes: Uint8Array, at: number, end: number): QuicPacket | undefined {
  if (at + 7 > end || (bytes[at] & LONG_HEADER) === 0) return undefined;
  const version = u32(bytes, at + VERSION);
  const isKnown = saltOf(version) !== undefined;
  if (
    !isKnown &&
    version !== 0 &&
    !isGoogleVersion(version) &&
    !isReservedVersion(version) &&
    version >>> 8 !== 0xff0000
  )
    return undefined;
  // Google's versions before T050 have both lengths in one byte; their packets are only named here.
  if (isGoogleVersion(version)) return { ...named('other', version, end), destinationId: '', sourceId: '' };
  const destinationFrom = at + ID_LENGTH + 1;
  const destinationTo = destinationFrom + bytes[at + ID_LENGTH];
  if (destinationTo - destinationFrom > MAX_ID || destinationTo + 1 > end) return undefined;
  const sourceFrom = destinationTo + 1;
  const sourceTo = sourceFrom + bytes[destinationTo];
  if (sourceTo - sourceFrom > MAX_ID || sourceTo > end) return undefined;
  const ids = {
    destinationId: wireHex(bytes, destinationFrom, destinationTo),
    sourceId: wireHex(bytes, sourceFrom, sourceTo),
  };
  if (version === 0) {
    const versions: number[] = [];
    for (let here = sourceTo; here + 4 <= end && versions.length < MAX_VERSIONS; here += 4)
      versions.push(u32(bytes, here));
    // Anything may begin with such a byte and four zeros: one of the versions must be one that exists.
    if (!versions.some((offered) => saltOf(offered) !== undefined)) return undefined;
    return { ...named('version-negotiation', 0, end), ...ids, versions };
  }
  if (!isKnown) return { ...named('other', version, end), ...ids };
  if ((bytes[at] & FIXED_BIT) === 0) return undefined;
  const kind = packetKind(version, (bytes[at] >> 4) & 3);
  if (kind === 'retry')
    return end - sourceTo < RETRY_TAG_BYTES
      ? undefined
      : { ...named(kind, version, end), ...ids, tokenBytes: end - sourceTo - RETRY_TAG_BYTES };
  let here = sourceTo;
  let tokenBytes = 0;
  if (kind === 'initial') {
    if (!hasVarint(bytes, here, end)) return undefined;
    tokenBytes = varint(bytes, here);
    here += varintBytes(bytes, here) + tokenBytes;
  }
  if (!hasVarint(bytes, here, end)) return undefined;
  const length = varint(bytes, here);
  here += varintBytes(bytes, here);
  return { ...named(kind, version, here + length), ...ids, tokenBytes, numberAt: here };
}

function named(kind: QuicPacketKind, version: number, to: number): Omit<QuicPacket, 'destinationId' | 'sourceId'> {
  return { kind, version, tokenBytes: 0, versions: [], numberAt: to, to };
}

/** RFC 9000 section 17.2, and RFC 9369 section 3.2, which turned the numbers by one. */
function packetKind(version: number, type: number): 'initial' | '0-rtt' | 'handshake' | 'retry' {
  const kinds = ['initial', '0-rtt', 'handshake', 'retry'] as const;
  return kinds[version === VERSION_2 ? (type + 3) & 3 : type];
}

interface PacketKeys {
  readonly key: Uint8Array;
  readonly iv: Uint8Array;
  /** Of the header protection. */
  readonly hp: Uint8Array;
}

/** Keys of Initial packets of one side, RFC 9001 section 5.2, from the destination id of the client's first Initial. */
function initialKeys(salt: Salt, destinationId: Uint8Array, fromClient: boolean): PacketKeys {
  const initial = extract(sha256, destinationId, salt.salt);
  const secret = expandLabel(initial, fromClient ? 'client in' : 'server in', 32);
  return {
    key: expandLabel(secret, `${salt.prefix} key`, 16),
    iv: expandLabel(secret, `${salt.prefix} iv`, 12),
    hp: expandLabel(secret, `${salt.prefix} hp`, 16),
  };
}

/** HKDF-Expand-Label of TLS 1.3 with SHA-256 and no context, RFC 8446 section 7.1. */
function expandLabel(secret: Uint8Array, label: string, length: number): Uint8Array {
  const info = utf8ToBytes(`tls13 ${label}`);
  return expand(sha256, secret, Uint8Array.of(length >> 8, length & 255, info.length, ...info, 0), length);
}

/** The frames of an Initial packet, decrypted; undefined when these are not its keys or it is damaged. */
function openInitial(
  bytes: Uint8Array,
  at: number,
  packet: QuicPacket,
  keys: PacketKeys,
  largest: number,
): { readonly frames: Uint8Array; readonly number: number } | undefined {
  const { numberAt, to } = packet;
  if (to - numberAt < 4 + SAMPLE_BYTES || to - numberAt > MAX_PACKET) return undefined;
  // RFC 9001 section 5.4.2: the sample begins where it would after a packet number of four bytes.
  const sample = bytes.slice(numberAt + 4, numberAt + 4 + SAMPLE_BYTES);
  const mask = ecb(keys.hp, { disablePadding: true }).encrypt(sample);
  const first = bytes[at] ^ (mask[0] & 0x0f);
  const numberBytes = (first & 3) + 1;
  const header = bytes.slice(at, numberAt + numberBytes);
  header[0] = first;
  let truncated = 0;
  for (let i = 0; i < numberBytes; i++) {
    const byte = header[numberAt - at + i] ^ mask[1 + i];
    header[numberAt - at + i] = byte;
    truncated = truncated * 256 + byte;
  }
  const number = fullNumber(truncated, 256 ** numberBytes, largest);
  const nonce = keys.iv.slice();
  for (let i = 0, rest = number; i < 8; i++, rest = Math.floor(rest / 256)) nonce[11 - i] ^= rest % 256;
  if (to - numberAt - numberBytes < AEAD_TAG_BYTES) return undefined;
  try {
    return { frames: gcm(keys.key, nonce, header).decrypt(bytes.slice(numberAt + numberBytes, to)), number };
  } catch {
    // The only way in which the library says that the tag does not fit; lengths are right.
    return undefined;
  }
}

/** The packet number nearest to the next one expected whose low digits these are, RFC 9000 appendix A.3. */
function fullNumber(truncated: number, span: number, largest: number): number {
  const expected = largest + 1;
  const candidate = expected - (expected % span) + truncated;
  if (candidate <= expected - span / 2) return candidate + span;
  return candidate > expected + span / 2 && candidate >= span ? candidate - span : candidate;
}

/** Bytes that come in pieces, in any order, from offset 0 on. What lies behind `MAX_CRYPTO`, or makes more than `MAX_RANGES` islands, is dropped. */
class CryptoStream {
  #bytes = new Uint8Array(0);
  /** Sorted, apart from each other. */
  #ranges: { from: number; to: number }[] = [];

  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Bytes from offset 0 on without a gap. */
  get contiguous(): number {
    const first = this.#ranges[0];
    return first === undefined || first.from > 0 ? 0 : first.to;
  }

  add(offset: number, data: Uint8Array): void {
    const to = offset + data.length;
    if (data.length === 0 || to > MAX_CRYPTO) return;
    const touches = this.#ranges.some((range) => range.from <= to && offset <= range.to);
    if (!touches && this.#ranges.length >= MAX_RANGES) return;
    if (to > this.#bytes.length) {
      const grown = new Uint8Array(Math.min(MAX_CRYPTO, Math.max(to, 2 * this.#bytes.length)));
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#bytes.set(data, offset);
    const merged = { from: offset, to };
    const apart: { from: number; to: number }[] = [];
    for (const range of this.#ranges) {
      if (range.to < offset || range.from > to) apart.push(range);
      else {
        merged.from = Math.min(merged.from, range.from);
        merged.to = Math.max(merged.to, range.to);
      }
    }
    this.#ranges = [...apart, merged].sort((a, b) => a.from - b.from);
  }
}

interface Side {
  keys: PacketKeys | undefined;
  largest: number;
  stream: CryptoStream;
}

/**
 * The hellos of one QUIC connection, read from the Initial packets of its first datagrams. Kept by whoever follows the flow, fed with the datagrams in the
 * order in which they came, thrown away once it `isDone`. Holds at most 32 KiB, opens at most 48 packets and gives up after 8 that it can't open.
 */
export class QuicHandshake {
  /** Of the client's last Initial that could be read; undefined before. */
  version: number | undefined;
  /** The client's, complete or as far as it has come; undefined before its first bytes. */
  clientHello: ClientHello | undefined;
  /** The server's, once it is complete. */
  serverHello: ServerHello | undefined;
  /** The server asked the client to prove its address first. */
  isRetried = false;
  /** Error code of a CONNECTION_CLOSE in an Initial packet; 0x0100 plus a TLS alert where the handshake failed (RFC 9001 section 4.8). */
  closeCode: number | undefined;
  /** Initial packets that could not be opened: cut, damaged, not Initial at all, or of a connection whose beginning was not seen. */
  unreadable = 0;
  #attempts = 0;
  #failures = 0;
  #keyVersion = 0;
  /** Destination id that the keys come from. */
  #originalId: Uint8Array | undefined;
  #client: Side = { keys: undefined, largest: -1, stream: new CryptoStream() };
  #server: Side = { keys: undefined, largest: -1, stream: new CryptoStream() };

  /** Nothing more is to be learned, or the bound is reached. */
  get isDone(): boolean {
    return (
      (this.clientHello?.state === 'complete' && this.serverHello?.state === 'complete') ||
      this.closeCode !== undefined ||
      this.#attempts >= MAX_ATTEMPTS ||
      this.#failures >= MAX_FAILURES
    );
  }

  /** Application protocol that the client offers first. */
  get alpn(): string | undefined {
    return this.clientHello?.alpn[0];
  }

  get ja4(): string | undefined {
    return this.clientHello === undefined ? undefined : ja4(this.clientHello, 'quic');
  }

  /**
   * Takes one datagram at [at, end).
   * @returns whether it held anything of the handshake that could be read.
   */
  take(bytes: Uint8Array, at: number, end: number, fromClient: boolean): boolean {
    let found = false;
    for (let here = at; here < end && !this.isDone; ) {
      const packet = decodeQuic(bytes, here, end);
      if (packet === undefined) break;
      if (packet.kind === 'retry' && !fromClient) this.isRetried = true;
      if (packet.kind === 'initial') {
        if (packet.to > end) {
          this.unreadable++;
          break;
        }
        const opened = this.#open(bytes, here, packet, fromClient);
        if (opened === undefined) this.unreadable++;
        else if (this.#readFrames(opened, fromClient ? this.#client : this.#server)) found = true;
      }
      if (packet.to <= here) break;
      here = packet.to;
    }
    if (found) this.#readHellos(fromClient);
    return found;
  }

  #open(bytes: Uint8Array, at: number, packet: QuicPacket, fromClient: boolean): Uint8Array | undefined {
    const salt = saltOf(packet.version);
    if (salt === undefined) return undefined;
    const side = fromClient ? this.#client : this.#server;
    if (this.#originalId !== undefined && this.#keyVersion === packet.version) {
      side.keys ??= initialKeys(salt, this.#originalId, fromClient);
      const opened = this.#tryKeys(bytes, at, packet, side.keys, side);
      if (opened !== undefined) return opened;
    }
    // A server may answer in another version than it was asked in: the id is the same, the salt is not (RFC 9369 section 4.1).
    if (this.#originalId !== undefined && this.#keyVersion !== packet.version) {
      const keys = initialKeys(salt, this.#originalId, fromClient);
      const opened = this.#tryKeys(bytes, at, packet, keys, side);
      if (opened !== undefined) {
        this.#setKeys(packet.version, this.#originalId);
        side.keys = keys;
        return opened;
      }
    }
    if (!fromClient) return undefined;
    // The first packet, or one after a Retry: then the keys come from the id that the server has chosen (RFC 9001 section 5.2).
    const id = hexToBytes(packet.destinationId);
    const keys = initialKeys(salt, id, true);
    const opened = this.#tryKeys(bytes, at, packet, keys, side);
    if (opened === undefined) return undefined;
    if (this.clientHello?.state !== 'complete') side.stream = new CryptoStream();
    this.#server = { keys: undefined, largest: -1, stream: new CryptoStream() };
    this.#setKeys(packet.version, id);
    side.keys = keys;
    return opened;
  }

  /** From now on the keys come from this id; those of each side are made when its next packet comes. */
  #setKeys(version: number, id: Uint8Array): void {
    this.#originalId = id;
    this.#keyVersion = version;
    this.version = version;
    this.#client.keys = undefined;
    this.#server.keys = undefined;
  }

  #tryKeys(bytes: Uint8Array, at: number, packet: QuicPacket, keys: PacketKeys, side: Side): Uint8Array | undefined {
    this.#attempts++;
    const opened = openInitial(bytes, at, packet, keys, side.largest);
    if (opened === undefined) {
      this.#failures++;
      return undefined;
    }
    side.largest = Math.max(side.largest, opened.number);
    return opened.frames;
  }

  /** Frames that Initial packets may have, RFC 9000 section 12.4 and 19. True when one of them carried handshake bytes. */
  #readFrames(frames: Uint8Array, side: Side): boolean {
    let found = false;
    const end = frames.length;
    let here = 0;
    while (here < end) {
      const type = frames[here++];
      if (type === FRAME_PADDING || type === FRAME_PING) continue;
      if (type === FRAME_ACK || type === FRAME_ACK_ECN) {
        // Largest, delay, count of ranges, first range; two numbers for each further range; three more with ECN.
        let numbers = 4;
        for (let i = 0; i < numbers; i++) {
          if (!hasVarint(frames, here, end)) return found;
          if (i === 2) numbers = 4 + 2 * Math.min(varint(frames, here), end) + (type === FRAME_ACK_ECN ? 3 : 0);
          here += varintBytes(frames, here);
        }
      } else if (type === FRAME_CRYPTO) {
        if (!hasVarint(frames, here, end)) return found;
        const offset = varint(frames, here);
        here += varintBytes(frames, here);
        if (!hasVarint(frames, here, end)) return found;
        const length = varint(frames, here);
        here += varintBytes(frames, here);
        if (length > end - here) return found;
        side.stream.add(offset, frames.subarray(here, here + length));
        here += length;
        found = true;
      } else {
        if (type === FRAME_CLOSE && hasVarint(frames, here, end)) this.closeCode = varint(frames, here);
        return found;
      }
    }
    return found;
  }

  #readHellos(fromClient: boolean): void {
    const { stream } = fromClient ? this.#client : this.#server;
    if (stream.contiguous === 0) return;
    const { clientHello, serverHello } = decodeTlsHandshake(stream.bytes, 0, stream.contiguous);
    if (fromClient && this.clientHello?.state !== 'complete') this.clientHello = clientHello ?? this.clientHello;
    // A retry request of TLS is followed by the real one on the same stream.
    if (!fromClient && serverHello?.state === 'complete' && !serverHello.isRetry) this.serverHello = serverHello;
  }
}

function u32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}

/** Variable-length integers, RFC 9000 section 16: the first two bits say how many bytes, 1, 2, 4 or 8. */
function varintBytes(bytes: Uint8Array, at: number): number {
  return 1 << (bytes[at] >> 6);
}

function hasVarint(bytes: Uint8Array, at: number, end: number): boolean {
  return at < end && at + varintBytes(bytes, at) <= end;
}

/** Above 2^53 not exact, which is longer than anything that is compared with it. */
function varint(bytes: Uint8Array, at: number): number {
  let value = bytes[at] & 0x3f;
  for (let i = 1; i < varintBytes(bytes, at); i++) value = value * 256 + bytes[at + i];
  return value;
}

function writeVarint(out: ByteWriter, value: number): ByteWriter {
  if (value < 0x40) return out.u8(value);
  if (value < 0x4000) return out.u16(0x4000 | value);
  return out.u32((0x80000000 | value) >>> 0);
}

export interface QuicInitialFields {
  /** 1 when left out. */
  readonly version?: number;
  /** Hex. */
  readonly destinationId: string;
  readonly sourceId?: string;
  readonly token?: Uint8Array;
  readonly packetNumber?: number;
  /** Bytes of the packet number on the wire, 1 to 4; 4 when left out. */
  readonly numberBytes?: 1 | 2 | 3 | 4;
  /** Frames in the clear, such as of `encodeQuicCrypto`. */
  readonly frames: Uint8Array;
  /** Frames are padded up to here. RFC 9000 section 14.1 wants datagrams of 1,200 bytes. */
  readonly frameBytes?: number;
  /** True when left out. */
  readonly fromClient?: boolean;
  /** Hex: the id that the keys come from; the destination's when left out, which is right for a client's first packet only. */
  readonly keyId?: string;
}

/** A protected Initial packet. Throws a RangeError for a version without Initial keys. */
export function encodeQuicInitial(fields: QuicInitialFields): Uint8Array {
  const { version = VERSION_1, destinationId, sourceId = '', token = new Uint8Array(), packetNumber = 0 } = fields;
  const { numberBytes = 4, frames, frameBytes = 0, fromClient = true, keyId = destinationId } = fields;
  const salt = saltOf(version);
  if (salt === undefined) throw new RangeError(`no Initial keys for QUIC version ${quicVersionName(version)}`);
  const keys = initialKeys(salt, hexToBytes(keyId), fromClient);
  const plain = new Uint8Array(Math.max(frames.length, frameBytes));
  plain.set(frames);
  const type = version === VERSION_2 ? 1 : 0;
  const out = new ByteWriter().u8(LONG_HEADER | FIXED_BIT | (type << 4) | (numberBytes - 1)).u32(version);
  for (const id of [hexToBytes(destinationId), hexToBytes(sourceId)]) out.u8(id.length).bytes(id);
  writeVarint(out, token.length).bytes(token);
  const length = numberBytes + plain.length + AEAD_TAG_BYTES;
  out.u16(0x4000 | length);
  const numberAt = out.length;
  for (let i = numberBytes - 1; i >= 0; i--) out.u8(Math.floor(packetNumber / 256 ** i) % 256);
  const header = out.finish();
  const nonce = keys.iv.slice();
  for (let i = 0, rest = packetNumber; i < 8; i++, rest = Math.floor(rest / 256)) nonce[11 - i] ^= rest % 256;
  const packet = out.bytes(gcm(keys.key, nonce, header).encrypt(plain)).finish();
  const sample = packet.slice(numberAt + 4, numberAt + 4 + SAMPLE_BYTES);
  const mask = ecb(keys.hp, { disablePadding: true }).encrypt(sample);
  packet[0] ^= mask[0] & 0x0f;
  for (let i = 0; i < numberBytes; i++) packet[numberAt + i] ^= mask[1 + i];
  return packet;
}

/** A CRYPTO frame. */
export function encodeQuicCrypto(offset: number, data: Uint8Array): Uint8Array {
  const out = new ByteWriter().u8(FRAME_CRYPTO);
  writeVarint(out, offset);
  return writeVarint(out, data.length).bytes(data).finish();
}

/** 'QUIC v1 initial to 8394c8f03e515708'. */
export function summarizeQuic(packet: QuicPacket): string {
  const { kind, version, versions, destinationId } = packet;
  const what = kind === 'version-negotiation' ? versions.map(quicVersionName).join(',') : quicVersionName(version);
  return `QUIC ${what} ${kind}${destinationId === '' ? '' : ` to ${destinationId}`}`;
}

/** 'QUIC v1 ClientHello example.org alpn h3'. */
export function summarizeQuicHandshake(handshake: QuicHandshake): string {
  const version = handshake.version === undefined ? '' : ` ${quicVersionName(handshake.version)}`;
  return `QUIC${version} ${handshake.clientHello === undefined ? 'without ClientHello' : summarizeClientHello(handshake.clientHello)}`;
}
