import { formatIpv6, parseAddress } from '../../wire/index.ts';

/**
 * The entries of threat lists in columns, found by one hash table over bytes: about 60 bytes each with a name of 20 letters, so that a million fits where objects would
 * take half a gigabyte. Exact: a hash leads to an entry, the bytes decide. At its cap new entries are refused and counted.
 */

export type IndicatorType = 'address' | 'network' | 'name' | 'url' | 'ja3' | 'ja4';

/** What one line or one object of a list says. */
export interface Indicator {
  readonly key: IndicatorKey;
  /** Only on this port; any where absent. */
  readonly port?: number;
  /** What the list calls it: a malware family, a campaign. */
  readonly label?: string;
  /** Who is behind it, as the list says. */
  readonly group?: string;
  /** 0 to 100. */
  readonly confidence?: number;
  /** Epoch ms: since when it counts, until when, and when it was last seen at work. */
  readonly fromMs?: number;
  readonly untilMs?: number;
  readonly seenMs?: number;
}

/** An entry as it was found again. */
export interface ThreatEntry extends Omit<Indicator, 'key'> {
  readonly type: IndicatorType;
  /** In canonical writing. */
  readonly text: string;
  /** Number of the list. */
  readonly list: number;
  /** Line of the list, or number of the object in it, from 1. */
  readonly line: number;
}

/** What an indicator is looked up by: a text, or an address with its bits. */
export type IndicatorKey =
  | {
      readonly type: 'name' | 'url' | 'ja3' | 'ja4';
      readonly text: string;
      /** Of a name: only itself is meant, not what is below. */
      readonly exact?: true;
    }
  | {
      readonly type: 'address' | 'network';
      readonly isV6: boolean;
      readonly words: readonly number[];
      readonly bits: number;
    };

const V4 = 1;
const V6 = 2;
const NAME = 3;
/** A name of which only itself is meant, not what is below. */
const EXACT_NAME = 4;
const URL_KEY = 5;
const JA3 = 6;
const JA4 = 7;

export const NO_ENTRY = -1;
const NO_CONFIDENCE = 255;
/** Entries of one key: other lists, other ports. */
const MAX_SAME = 64;
const MAX_LABELS = 65_535;
const MAX_KEY = 600;

/** What became of an indicator that was added. */
export type Added = 'new' | 'repeated' | 'full';

export class ThreatIndex {
  readonly cap: number;
  size = 0;
  /** Whether there is any of a type: what is not on any list need not be looked up. */
  readonly has: Record<'address' | 'name' | 'url' | 'ja3' | 'ja4', boolean> = {
    address: false,
    name: false,
    url: false,
    ja3: false,
    ja4: false,
  };
  /** Lengths of networks on the lists, longest first. */
  #lengths4: number[] = [];
  #lengths6: number[] = [];
  #bytes = new Uint8Array(4096);
  #used = 0;
  #start = new Uint32Array(256);
  #length = new Uint16Array(256);
  #list = new Uint16Array(256);
  #line = new Uint32Array(256);
  #port = new Uint16Array(256);
  #confidence = new Uint8Array(256);
  #label = new Uint16Array(256);
  #group = new Uint16Array(256);
  #next = new Int32Array(256);
  /** Made with the first entry that has one. */
  #fromMs = new Float64Array(0);
  #untilMs = new Float64Array(0);
  #seenMs = new Float64Array(0);
  #labels: string[] = [''];
  #labelIds = new Map<string, number>([['', 0]]);
  /** Entry + 1 of the first entry of a key; 0 is empty. */
  #table = new Int32Array(512);
  #key = new Uint8Array(MAX_KEY);
  #keyLength = 0;

  /** @param cap entries that are ever held. */
  constructor(cap: number) {
    this.cap = cap;
  }

  add(indicator: Indicator, list: number, line: number): Added {
    this.#setKey(indicator.key);
    const slot = this.#slot();
    const head = (this.#table[slot] ?? 0) - 1;
    let last = NO_ENTRY;
    let same = 0;
    for (let i = head; i !== NO_ENTRY; i = this.#next[i] ?? NO_ENTRY) {
      if (this.#list[i] === list && this.#port[i] === (indicator.port ?? 0)) {
        this.#renew(i, indicator);
        return 'repeated';
      }
      last = i;
      if (++same >= MAX_SAME) return 'repeated';
    }
    if (this.size >= this.cap) return 'full';
    if (this.size >= this.#start.length) this.#grow();
    const i = this.size++;
    if (head === NO_ENTRY) {
      this.#start[i] = this.#keep();
      this.#table[slot] = i + 1;
    } else {
      this.#start[i] = this.#start[head] ?? 0;
      this.#next[last] = i;
    }
    this.#length[i] = this.#keyLength;
    this.#next[i] = NO_ENTRY;
    this.#list[i] = list;
    this.#line[i] = line;
    this.#port[i] = indicator.port ?? 0;
    this.#confidence[i] = indicator.confidence ?? NO_CONFIDENCE;
    this.#label[i] = this.#labelId(indicator.label);
    this.#group[i] = this.#labelId(indicator.group);
    this.#setTime('from', i, indicator.fromMs);
    this.#setTime('until', i, indicator.untilMs);
    this.#setTime('seen', i, indicator.seenMs);
    this.#note(indicator.key);
    if (2 * this.size > this.#table.length) this.#rehash();
    return 'new';
  }

  /** The first entry of the longest network in which the address lies, or NO_ENTRY. */
  findAddress(address: string): number {
    const parsed = this.has.address ? parseAddress(address) : undefined;
    if (parsed === undefined) return NO_ENTRY;
    const [a, b, c, d] = parsed.words;
    // An IPv4 address in an IPv6 one (RFC 4291 section 2.5.5.2) is that address.
    const mapped = parsed.isV6 && a === 0 && b === 0 && c === 0xffff;
    const isV6 = parsed.isV6 && !mapped;
    const words = mapped ? [d] : parsed.words;
    for (const bits of isV6 ? this.#lengths6 : this.#lengths4) {
      this.#setKey({ type: 'network', isV6, words, bits });
      const entry = (this.#table[this.#slot()] ?? 0) - 1;
      if (entry !== NO_ENTRY) return entry;
    }
    return NO_ENTRY;
  }

  /** The first entry of a name or of the nearest name above it, or NO_ENTRY. Case, a port and the root's dot do not matter. */
  findName(given: string): number {
    if (!this.has.name || given.length > 260) return NO_ENTRY;
    const name = given
      .toLowerCase()
      .replace(/:\d{1,5}$/, '')
      .replace(/\.$/, '');
    if (name === '' || !/^[!-~]+$/.test(name)) return NO_ENTRY;
    const exact = this.#find(EXACT_NAME, name, 0);
    if (exact !== NO_ENTRY) return exact;
    for (let from = 0; from >= 0 && from < name.length; ) {
      const entry = this.#find(NAME, name, from);
      if (entry !== NO_ENTRY) return entry;
      const dot = name.indexOf('.', from);
      from = dot < 0 ? -1 : dot + 1;
    }
    return NO_ENTRY;
  }

  /** By the key that `urlKey` makes. */
  findUrl(key: string): number {
    return this.has.url && key.length < MAX_KEY && /^[!-~]+$/.test(key) ? this.#find(URL_KEY, key, 0) : NO_ENTRY;
  }

  findFingerprint(type: 'ja3' | 'ja4', text: string): number {
    if (!this.has[type] || !/^[0-9a-z_]{1,64}$/i.test(text)) return NO_ENTRY;
    return this.#find(type === 'ja3' ? JA3 : JA4, text.toLowerCase(), 0);
  }

  /** Every entry of the key whose first one is `head`. */
  entries(head: number): ThreatEntry[] {
    const found: ThreatEntry[] = [];
    for (let i = head; i !== NO_ENTRY; i = this.#next[i] ?? NO_ENTRY) found.push(this.#entry(i));
    return found;
  }

  /** True where an entry of the key holds on this port; `port` undefined where it is not known. */
  holdsOn(head: number, port: number | undefined): boolean {
    for (let i = head; i !== NO_ENTRY; i = this.#next[i] ?? NO_ENTRY) {
      if (this.#port[i] === 0 || this.#port[i] === port) return true;
    }
    return false;
  }

  #entry(i: number): ThreatEntry {
    const start = this.#start[i] ?? 0;
    const bytes = this.#bytes.subarray(start, start + (this.#length[i] ?? 0));
    const [label, group] = [this.#labels[this.#label[i] ?? 0], this.#labels[this.#group[i] ?? 0]];
    const confidence = this.#confidence[i] ?? NO_CONFIDENCE;
    const [from, until, seen] = [this.#fromMs[i], this.#untilMs[i], this.#seenMs[i]];
    const port = this.#port[i] ?? 0;
    return {
      ...keyText(bytes),
      list: this.#list[i] ?? 0,
      line: this.#line[i] ?? 0,
      ...(port === 0 ? {} : { port }),
      ...(label === undefined || label === '' ? {} : { label }),
      ...(group === undefined || group === '' ? {} : { group }),
      ...(confidence === NO_CONFIDENCE ? {} : { confidence }),
      ...(from === undefined || Number.isNaN(from) ? {} : { fromMs: from }),
      ...(until === undefined || Number.isNaN(until) ? {} : { untilMs: until }),
      ...(seen === undefined || Number.isNaN(seen) ? {} : { seenMs: seen }),
    };
  }

  /** What a list says twice counts from the earlier beginning to the later end; no end is the latest. */
  #renew(i: number, { fromMs, untilMs, seenMs }: Indicator): void {
    if (i < this.#untilMs.length && (untilMs === undefined || untilMs > (this.#untilMs[i] ?? Number.NaN)))
      this.#untilMs[i] = untilMs ?? Number.NaN;
    if (i < this.#fromMs.length && (fromMs === undefined || fromMs < (this.#fromMs[i] ?? Number.NaN)))
      this.#fromMs[i] = fromMs ?? Number.NaN;
    if (i < this.#seenMs.length && seenMs !== undefined && !((this.#seenMs[i] ?? Number.NaN) >= seenMs))
      this.#seenMs[i] = seenMs;
  }

  #setTime(which: 'from' | 'until' | 'seen', i: number, ms: number | undefined): void {
    let column = which === 'from' ? this.#fromMs : which === 'until' ? this.#untilMs : this.#seenMs;
    if (column.length === 0) {
      if (ms === undefined) return;
      column = new Float64Array(this.#start.length).fill(Number.NaN);
      if (which === 'from') this.#fromMs = column;
      else if (which === 'until') this.#untilMs = column;
      else this.#seenMs = column;
    }
    column[i] = ms ?? Number.NaN;
  }

  #labelId(label: string | undefined): number {
    if (label === undefined || label === '') return 0;
    let id = this.#labelIds.get(label);
    if (id === undefined) {
      if (this.#labels.length >= MAX_LABELS) return 0;
      id = this.#labels.length;
      this.#labels.push(label);
      this.#labelIds.set(label, id);
    }
    return id;
  }

  #note(key: IndicatorKey): void {
    if (key.type !== 'address' && key.type !== 'network') {
      this.has[key.type] = true;
      return;
    }
    this.has.address = true;
    const lengths = key.isV6 ? this.#lengths6 : this.#lengths4;
    if (lengths.includes(key.bits)) return;
    lengths.push(key.bits);
    lengths.sort((a, b) => b - a);
  }

  #setKey(key: IndicatorKey): void {
    if ('bits' in key) {
      const bytes = this.#key;
      bytes[0] = key.isV6 ? V6 : V4;
      bytes[1] = key.bits;
      let at = 2;
      for (let i = 0; i < (key.isV6 ? 4 : 1); i++) {
        const left = key.bits - 32 * i;
        const mask = left >= 32 ? -1 : left <= 0 ? 0 : (0xffffffff << (32 - left)) | 0;
        const word = (key.words[i] ?? 0) & mask;
        for (let shift = 24; shift >= 0; shift -= 8) bytes[at++] = (word >>> shift) & 255;
      }
      this.#keyLength = at;
      return;
    }
    this.#setText(key.exact === true ? EXACT_NAME : TAGS[key.type], key.text, 0);
  }

  #setText(tag: number, text: string, from: number): void {
    const bytes = this.#key;
    bytes[0] = tag;
    let at = 1;
    for (let i = from; i < text.length && at < MAX_KEY; i++) bytes[at++] = text.charCodeAt(i);
    this.#keyLength = at;
  }

  #find(tag: number, text: string, from: number): number {
    this.#setText(tag, text, from);
    return (this.#table[this.#slot()] ?? 0) - 1;
  }

  /** The place of the key in the table: where it is, or where it would be. */
  #slot(): number {
    const mask = this.#table.length - 1;
    let slot = hashBytes(this.#key, 0, this.#keyLength) & mask;
    for (;;) {
      const entry = (this.#table[slot] ?? 0) - 1;
      if (entry === NO_ENTRY || this.#isKeyOf(entry)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #isKeyOf(entry: number): boolean {
    if (this.#length[entry] !== this.#keyLength) return false;
    const start = this.#start[entry] ?? 0;
    for (let i = 0; i < this.#keyLength; i++) if (this.#bytes[start + i] !== this.#key[i]) return false;
    return true;
  }

  #keep(): number {
    const start = this.#used;
    if (start + this.#keyLength > this.#bytes.length) {
      const more = new Uint8Array(Math.ceil(1.5 * this.#bytes.length) + MAX_KEY);
      more.set(this.#bytes);
      this.#bytes = more;
    }
    this.#bytes.set(this.#key.subarray(0, this.#keyLength), start);
    this.#used += this.#keyLength;
    return start;
  }

  #grow(): void {
    const n = Math.ceil(1.5 * this.#start.length);
    const grown = <T extends Uint32Array | Uint16Array | Uint8Array | Int32Array | Float64Array>(from: T, to: T): T => {
      to.set(from);
      return to;
    };
    this.#start = grown(this.#start, new Uint32Array(n));
    this.#length = grown(this.#length, new Uint16Array(n));
    this.#list = grown(this.#list, new Uint16Array(n));
    this.#line = grown(this.#line, new Uint32Array(n));
    this.#port = grown(this.#port, new Uint16Array(n));
    this.#confidence = grown(this.#confidence, new Uint8Array(n));
    this.#label = grown(this.#label, new Uint16Array(n));
    this.#group = grown(this.#group, new Uint16Array(n));
    this.#next = grown(this.#next, new Int32Array(n));
    const times = (from: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> =>
      from.length === 0 ? from : grown(from, new Float64Array(n).fill(Number.NaN));
    this.#fromMs = times(this.#fromMs);
    this.#untilMs = times(this.#untilMs);
    this.#seenMs = times(this.#seenMs);
  }

  #rehash(): void {
    const old = this.#table;
    this.#table = new Int32Array(2 * old.length);
    const mask = this.#table.length - 1;
    for (const place of old) {
      if (place === 0) continue;
      const start = this.#start[place - 1] ?? 0;
      let slot = hashBytes(this.#bytes, start, start + (this.#length[place - 1] ?? 0)) & mask;
      while (this.#table[slot] !== 0) slot = (slot + 1) & mask;
      this.#table[slot] = place;
    }
  }
}

const TAGS = { name: NAME, url: URL_KEY, ja3: JA3, ja4: JA4 } as const;

/** FNV-1a with the finaliser of MurmurHash3. */
function hashBytes(bytes: Uint8Array, from: number, to: number): number {
  let h = 0x811c9dc5;
  for (let i = from; i < to; i++) h = Math.imul(h ^ (bytes[i] ?? 0), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function keyText(bytes: Uint8Array): { type: IndicatorType; text: string } {
  const [tag = 0, bits = 0] = bytes;
  const text = (): string => String.fromCharCode(...bytes.subarray(1));
  if (tag === V4) {
    const address = bytes.subarray(2).join('.');
    return bits === 32 ? { type: 'address', text: address } : { type: 'network', text: `${address}/${bits}` };
  }
  if (tag === V6) {
    const view = new DataView(bytes.buffer, bytes.byteOffset + 2, 16);
    const address = formatIpv6(view.getInt32(0), view.getInt32(4), view.getInt32(8), view.getInt32(12));
    return bits === 128 ? { type: 'address', text: address } : { type: 'network', text: `${address}/${bits}` };
  }
  const type = tag === URL_KEY ? 'url' : tag === JA3 ? 'ja3' : tag === JA4 ? 'ja4' : 'name';
  return { type, text: text() };
}
