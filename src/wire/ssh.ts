import { md5 } from '@noble/hashes/legacy.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { ByteWriter, wireText } from './bytes.ts';

/**
 * The beginning of SSH, RFC 4253: the version line (section 4.2) and the key exchange proposal (section 7.1), both in the clear. HASSH and HASSHServer
 * (Salesforce, 2018) are the MD5 of four lists of that proposal: which library speaks.
 */

const KEXINIT = 20;
/** Length (4), padding length (1), message number (1), cookie (16). */
const KEXINIT_LISTS = 22;
/** Longest version line with its end, RFC 4253 section 4.2. */
const MAX_BANNER = 255;
/** Other lines that a server may send before it: so many bytes are searched. */
const MAX_PREAMBLE = 4096;
/** Packets of more than 35,000 bytes need not be taken, RFC 4253 section 6.1. */
const MAX_PACKET = 35_000;
/** Bytes of one name list; OpenSSH's longest has some 500. */
const MAX_LIST_BYTES = 4096;
const MAX_NAMES = 128;

export interface SshBanner {
  /** '2.0', '1.99' (both), '1.5'. */
  readonly protocol: string;
  /** 'OpenSSH_9.2p1': product and version. */
  readonly software: string;
  /** What stands behind the first space: 'Debian-2+deb12u2'; '' when nothing does. */
  readonly comment: string;
  /** First byte behind the line. */
  readonly to: number;
}

/** Algorithm names of one side in its order of preference, at most 128 in each list. */
export interface SshKexInit {
  readonly kex: readonly string[];
  readonly hostKey: readonly string[];
  readonly encryptionToServer: readonly string[];
  readonly encryptionToClient: readonly string[];
  readonly macToServer: readonly string[];
  readonly macToClient: readonly string[];
  readonly compressionToServer: readonly string[];
  readonly compressionToClient: readonly string[];
  /** A guess of the first message of the exchange follows. */
  readonly isGuessing: boolean;
  /** 'kex;encryption;mac;compression' towards the server: what HASSH hashes. */
  readonly hasshText: string;
  /** The same towards the client: what HASSHServer hashes. */
  readonly hasshServerText: string;
}

export interface SshOpening {
  readonly banner: SshBanner;
  /** Undefined when it is not there, cut, or contradicts its lengths. */
  readonly kexInit: SshKexInit | undefined;
  /** 'complete' with both, 'cut' when the proposal is not all there, 'malformed' when what follows the version line is no proposal of version 2. */
  readonly state: 'complete' | 'cut' | 'malformed';
}

/** What one side says first, at [at, end): the version line and the proposal. Undefined when there is no version line. */
export function decodeSsh(bytes: Uint8Array, at: number, end: number): SshOpening | undefined {
  const banner = decodeSshBanner(bytes, at, end);
  if (banner === undefined) return undefined;
  const from = banner.to;
  if (from + KEXINIT_LISTS > end) return { banner, kexInit: undefined, state: 'cut' };
  const length = u32(bytes, from);
  if (length > MAX_PACKET || length < KEXINIT_LISTS || bytes[from + 5] !== KEXINIT)
    return { banner, kexInit: undefined, state: 'malformed' };
  const kexInit = decodeSshKexInit(bytes, from, end);
  const state = kexInit !== undefined ? 'complete' : from + 4 + length > end ? 'cut' : 'malformed';
  return { banner, kexInit, state };
}

/** The version line at `at`, or behind other lines of text that a server sends before it; undefined when there is none with its end. */
export function decodeSshBanner(bytes: Uint8Array, at: number, end: number): SshBanner | undefined {
  const limit = Math.min(end, at + MAX_PREAMBLE);
  let here = at;
  while (here < limit) {
    let stop = here;
    while (stop < limit && bytes[stop] !== 0x0a && bytes[stop] !== 0) stop++;
    if (stop === limit || bytes[stop] === 0) return undefined;
    if (startsWithSsh(bytes, here, stop)) return stop - here < MAX_BANNER ? bannerOf(bytes, here, stop) : undefined;
    here = stop + 1;
  }
  return undefined;
}

function startsWithSsh(bytes: Uint8Array, at: number, end: number): boolean {
  return (
    at + 4 <= end && bytes[at] === 0x53 && bytes[at + 1] === 0x53 && bytes[at + 2] === 0x48 && bytes[at + 3] === 0x2d
  );
}

/** 'SSH-protoversion-softwareversion SP comments'. */
function bannerOf(bytes: Uint8Array, from: number, newline: number): SshBanner | undefined {
  let lineEnd = newline;
  if (bytes[lineEnd - 1] === 0x0d) lineEnd--;
  let dash = from + 4;
  while (dash < lineEnd && bytes[dash] !== 0x2d) dash++;
  if (dash === lineEnd || dash === from + 4) return undefined;
  let space = dash + 1;
  while (space < lineEnd && bytes[space] !== 0x20) space++;
  return {
    protocol: wireText(bytes, from + 4, dash),
    software: wireText(bytes, dash + 1, space),
    comment: wireText(bytes, Math.min(space + 1, lineEnd), lineEnd),
    to: newline + 1,
  };
}

/** The KEXINIT packet at `at`, or undefined when it is none or not all of its ten lists are there. */
export function decodeSshKexInit(bytes: Uint8Array, at: number, end: number): SshKexInit | undefined {
  if (at + KEXINIT_LISTS > end || bytes[at + 5] !== KEXINIT) return undefined;
  const length = u32(bytes, at);
  if (length > MAX_PACKET) return undefined;
  const limit = Math.min(end, at + 4 + length);
  const texts: string[] = [];
  let here = at + KEXINIT_LISTS;
  for (let i = 0; i < 10; i++) {
    if (here + 4 > limit) return undefined;
    const size = u32(bytes, here);
    here += 4;
    if (size > MAX_LIST_BYTES || here + size > limit) return undefined;
    texts.push(wireText(bytes, here, here + size, MAX_LIST_BYTES));
    here += size;
  }
  if (here >= limit) return undefined;
  const names = (i: number): string[] => (texts[i] === '' ? [] : texts[i].split(',', MAX_NAMES));
  return {
    kex: names(0),
    hostKey: names(1),
    encryptionToServer: names(2),
    encryptionToClient: names(3),
    macToServer: names(4),
    macToClient: names(5),
    compressionToServer: names(6),
    compressionToClient: names(7),
    isGuessing: bytes[here] !== 0,
    hasshText: [texts[0], texts[2], texts[4], texts[6]].join(';'),
    hasshServerText: [texts[0], texts[3], texts[5], texts[7]].join(';'),
  };
}

/** HASSH of a client: MD5 of `hasshText` in lower-case hex. */
export function hassh(kexInit: SshKexInit): string {
  return bytesToHex(md5(utf8ToBytes(kexInit.hasshText)));
}

/** HASSHServer: MD5 of `hasshServerText` in lower-case hex. */
export function hasshServer(kexInit: SshKexInit): string {
  return bytesToHex(md5(utf8ToBytes(kexInit.hasshServerText)));
}

function u32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}

/** A version line with CR LF. */
export function encodeSshBanner(software: string, fields: { protocol?: string; comment?: string } = {}): Uint8Array {
  const { protocol = '2.0', comment = '' } = fields;
  return new ByteWriter().text(`SSH-${protocol}-${software}${comment === '' ? '' : ` ${comment}`}\r\n`).finish();
}

export type SshKexInitFields = Partial<Omit<SshKexInit, 'hasshText' | 'hasshServerText'>>;

/** A KEXINIT packet with these lists, empty where left out, padded to a multiple of 8 bytes (RFC 4253 section 6). */
export function encodeSshKexInit(fields: SshKexInitFields): Uint8Array {
  const payload = new ByteWriter().u8(KEXINIT).bytes(new Uint8Array(16).fill(0x5a));
  const { kex, hostKey, encryptionToServer, encryptionToClient, macToServer, macToClient } = fields;
  const { compressionToServer, compressionToClient, isGuessing = false } = fields;
  const lists = [kex, hostKey, encryptionToServer, encryptionToClient, macToServer, macToClient];
  for (const list of [...lists, compressionToServer, compressionToClient, [], []]) {
    const text = (list ?? []).join(',');
    payload.u32(text.length).text(text);
  }
  const body = payload
    .u8(isGuessing ? 1 : 0)
    .u32(0)
    .finish();
  const padding = 8 - ((5 + body.length) % 8) + 8;
  return new ByteWriter()
    .u32(1 + body.length + padding)
    .u8(padding)
    .bytes(body)
    .zeros(padding)
    .finish();
}

/** 'SSH 2.0 OpenSSH_9.2p1 Debian-2+deb12u2'. */
export function summarizeSsh(opening: SshOpening): string {
  const { protocol, software, comment } = opening.banner;
  return `SSH ${protocol} ${software}${comment === '' ? '' : ` ${comment}`}`;
}
