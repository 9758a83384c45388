import { asciiText } from '../core/index.ts';

/**
 * Addresses as text and as words.
 *
 * The texts are made of characters at once: one that is joined of parts stays a tree of parts for V8, a third larger, even after it was asked for as a whole, and state of hosts holds tens of thousands.
 */

/** Characters of a text in the making. */
const CHARACTERS = new Uint8Array(17);
const HEX = '0123456789abcdef';

/** Dotted IPv4 of a big-endian int32 word. */
export function formatIpv4(word: number): string {
  let at = 0;
  for (let shift = 24; shift >= 0; shift -= 8) {
    const byte = (word >>> shift) & 255;
    if (byte > 99) CHARACTERS[at++] = 48 + Math.floor(byte / 100);
    if (byte > 9) CHARACTERS[at++] = 48 + (Math.floor(byte / 10) % 10);
    CHARACTERS[at++] = 48 + (byte % 10);
    if (shift > 0) CHARACTERS[at++] = 46;
  }
  return asciiText(CHARACTERS, 0, at);
}

/** Canonical IPv6 text (RFC 5952) of four big-endian int32 words. */
export function formatIpv6(a: number, b: number, c: number, d: number): string {
  const groups = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff, c >>> 16, c & 0xffff, d >>> 16, d & 0xffff];
  if (a === 0 && b === 0 && c === 0xffff) return `::ffff:${formatIpv4(d)}`;
  let bestStart = -1;
  let bestLength = 1;
  for (let i = 0; i < 8; ) {
    let j = i;
    while (j < 8 && groups[j] === 0) j++;
    if (j - i > bestLength) {
      bestStart = i;
      bestLength = j - i;
    }
    i = j + 1;
  }
  if (bestStart < 0) return groups.map((g) => g.toString(16)).join(':');
  const head = groups
    .slice(0, bestStart)
    .map((g) => g.toString(16))
    .join(':');
  const tail = groups
    .slice(bestStart + bestLength)
    .map((g) => g.toString(16))
    .join(':');
  return [head, '', tail].join(':');
}

/** Lower-case MAC with colons, of the 6 bytes at `at`. */
export function formatMac(bytes: Uint8Array, at: number): string {
  for (let i = 0; i < 6; i++) {
    CHARACTERS[3 * i] = HEX.charCodeAt(bytes[at + i] >> 4);
    CHARACTERS[3 * i + 1] = HEX.charCodeAt(bytes[at + i] & 15);
    CHARACTERS[3 * i + 2] = 58;
  }
  return asciiText(CHARACTERS, 0, 17);
}

/** 4 words of an address: IPv4 gives [word, 0, 0, 0] and `isV6` false. Undefined when the text is no address. */
export function parseAddress(text: string): { isV6: boolean; words: [number, number, number, number] } | undefined {
  if (!text.includes(':')) {
    const word = parseIpv4(text);
    return word === undefined ? undefined : { isV6: false, words: [word, 0, 0, 0] };
  }
  let body = text;
  const groups: number[] = [];
  const lastColon = body.lastIndexOf(':');
  if (body.includes('.')) {
    const word = parseIpv4(body.slice(lastColon + 1));
    if (word === undefined) return undefined;
    body = `${body.slice(0, lastColon)}:${(word >>> 16).toString(16)}:${(word & 0xffff).toString(16)}`;
  }
  const halves = body.split('::');
  if (halves.length > 2) return undefined;
  const parse = (half: string): boolean => {
    if (half === '') return true;
    for (const part of half.split(':')) {
      if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return false;
      groups.push(Number.parseInt(part, 16));
    }
    return true;
  };
  if (!parse(halves[0])) return undefined;
  if (halves.length === 2) {
    const before = groups.length;
    if (!parse(halves[1])) return undefined;
    const missing = 8 - groups.length;
    if (missing < 1) return undefined;
    groups.splice(before, 0, ...new Array<number>(missing).fill(0));
  }
  if (groups.length !== 8) return undefined;
  const word = (i: number): number => (groups[i] << 16) | groups[i + 1];
  return { isV6: true, words: [word(0), word(2), word(4), word(6)] };
}

/**
 * Order of addresses as numbers, for lists that people read: IPv4, then IPv6, each by value, then other text (MAC addresses) by UTF-16 units. Two
 * spellings of one address are told apart by their text, so that only equal texts give 0.
 */
export function compareAddresses(a: string, b: string): number {
  const x = parseAddress(a);
  const y = parseAddress(b);
  if (x !== undefined && y !== undefined && x.isV6 === y.isV6) {
    for (let i = 0; i < 4; i++) {
      const difference = (x.words[i] >>> 0) - (y.words[i] >>> 0);
      if (difference !== 0) return difference;
    }
  } else if (x !== undefined || y !== undefined) return family(x) - family(y);
  return a < b ? -1 : a > b ? 1 : 0;
}

function family(address: { readonly isV6: boolean } | undefined): number {
  if (address === undefined) return 2;
  return address.isV6 ? 1 : 0;
}

/** Dotted decimal, four octets of one to three digits; a loop, because this runs once for every address of a batch. */
function parseIpv4(text: string): number | undefined {
  let word = 0;
  let octet = -1;
  let digits = 0;
  let octets = 0;
  for (let i = 0; i <= text.length; i++) {
    const c = i < text.length ? text.charCodeAt(i) : 0x2e;
    if (c === 0x2e) {
      if (digits === 0 || octet > 255) return undefined;
      word = (word << 8) | octet;
      octets++;
      octet = -1;
      digits = 0;
    } else {
      if (c < 0x30 || c > 0x39 || ++digits > 3) return undefined;
      octet = (octet < 0 ? 0 : octet * 10) + c - 0x30;
    }
  }
  return octets === 4 ? word : undefined;
}

/** A set of networks in CIDR notation, as `--home-net` takes them. */
export class NetworkSet {
  readonly networks: readonly string[];
  #v4: { word: number; mask: number }[] = [];
  #v6: { words: readonly number[]; bits: number }[] = [];

  private constructor(networks: readonly string[]) {
    this.networks = networks;
  }

  /** Undefined when an entry is neither an address nor a network. */
  static parse(networks: readonly string[]): NetworkSet | undefined {
    const set = new NetworkSet(networks);
    for (const text of networks) {
      const [address, length, ...rest] = text.split('/');
      const parsed = parseAddress(address);
      const most = parsed?.isV6 ? 128 : 32;
      const bits = length === undefined ? most : /^\d{1,3}$/.test(length) ? Number(length) : 999;
      if (parsed === undefined || bits > most || rest.length > 0) return undefined;
      if (parsed.isV6) set.#v6.push({ words: parsed.words, bits });
      else {
        const mask = bits === 0 ? 0 : (0xffffffff << (32 - bits)) | 0;
        set.#v4.push({ word: parsed.words[0] & mask, mask });
      }
    }
    return set;
  }

  has(address: string): boolean {
    const word = parseIpv4(address);
    if (word !== undefined) return this.#hasIpv4(word);
    const parsed = parseAddress(address);
    if (parsed === undefined) return false;
    return this.#v6.some(({ words, bits }) => samePrefix(words, parsed.words, bits));
  }

  #hasIpv4(word: number): boolean {
    const networks = this.#v4;
    for (let i = 0; i < networks.length; i++) if ((word & networks[i].mask) === networks[i].word) return true;
    return false;
  }
}

function samePrefix(a: readonly number[], b: readonly number[], bits: number): boolean {
  for (let i = 0; i < 4; i++) {
    const left = bits - 32 * i;
    if (left <= 0) return true;
    const mask = left >= 32 ? -1 : (0xffffffff << (32 - left)) | 0;
    if ((a[i] & mask) !== (b[i] & mask)) return false;
  }
  return true;
}

/** RFC 1918, RFC 6598 (shared), RFC 4193 (unique local), link-local and loopback: what is home when nobody says otherwise. */
export const DEFAULT_HOME_NETWORKS = [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '169.254.0.0/16',
  '127.0.0.0/8',
  'fc00::/7',
  'fe80::/10',
  '::1',
] as const;
