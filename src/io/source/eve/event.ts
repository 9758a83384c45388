import { decodeText, parseNumber, parseTime, TextDictionary, type TimeShape } from '../../../core/index.ts';
import { formatIpv4, formatIpv6, parseAddress, protocolName } from '../../../wire/index.ts';
import {
  JsonScanner,
  LEAF_ARRAY,
  LEAF_ESCAPED,
  LEAF_NULL,
  LEAF_NUMBER,
  LEAF_OBJECT,
  LEAF_TEXT,
  LEAF_TRUE,
} from '../json-record.ts';
import { F, FIELD_NAMES, FIELDS, UNWANTED } from './field.ts';

/** Longest text that goes into a column. */
export const MAX_TEXT = 1024;
const MAX_MICROSECONDS = 8.64e15;

/** The event at hand: what its fields hold, as numbers, times and texts. A value of another type than the field's is missing. */
export class EveEvent {
  readonly scanner = new JsonScanner();
  #bytes: Uint8Array = new Uint8Array();
  readonly #fieldOf = new Int32Array(8192).fill(-1);
  /** Leaf of each field in the record at hand, -1 where it has none. */
  readonly #leafOf = new Int32Array(FIELD_NAMES.length);
  readonly #texts = new RepeatedTexts();
  readonly #addresses = new Map<string, string>();
  readonly #protocols = new Map<string, string>();
  readonly #shape: TimeShape = { zoneless: false };

  constructor() {
    const { scanner } = this;
    const nodes = FIELD_NAMES.map((name) => scanner.node(...FIELDS[name]));
    for (const path of UNWANTED) scanner.ignore(scanner.node(...path));
    scanner.keepWhole(nodes[F.dnsGrouped]!);
    nodes.forEach((node, i) => {
      this.#fieldOf[node] = i;
    });
  }

  /** Takes the record in `bytes` that the scanner has just read. Good until it reads the next. */
  take(bytes: Uint8Array): void {
    this.#bytes = bytes;
    const { scanner } = this;
    const leafOf = this.#leafOf;
    leafOf.fill(-1);
    for (let i = 0; i < scanner.leafCount; i++) {
      const field = this.#fieldOf[scanner.leafNode[i]!]!;
      if (field >= 0 && scanner.leafKind[i] !== LEAF_NULL) leafOf[field] = i;
    }
  }

  /** A time without a zone came. */
  get zoneless(): boolean {
    return this.#shape.zoneless;
  }

  has(field: number): boolean {
    return this.#leafOf[field]! >= 0;
  }

  isTrue(field: number): boolean {
    const leaf = this.#leafOf[field]!;
    return leaf >= 0 && this.scanner.leafKind[leaf] === LEAF_TRUE;
  }

  text(field: number): string | undefined {
    const leaf = this.#leafOf[field]!;
    if (leaf < 0) return undefined;
    const { scanner } = this;
    const kind = scanner.leafKind[leaf]!;
    if (kind > LEAF_NUMBER) return undefined;
    const text =
      kind === LEAF_ESCAPED
        ? scanner.text(this.#bytes, leaf)
        : this.#texts.of(this.#bytes, scanner.leafFrom[leaf]!, scanner.leafTo[leaf]!);
    return text === '' ? undefined : text;
  }

  /** Text that goes into a column: bounded. */
  fact(field: number): string | undefined {
    return this.text(field)?.slice(0, MAX_TEXT);
  }

  number(field: number): number | undefined {
    const leaf = this.#leafOf[field]!;
    if (leaf < 0) return undefined;
    const { scanner } = this;
    const kind = scanner.leafKind[leaf]!;
    const value =
      kind === LEAF_NUMBER
        ? scanner.leafNumber[leaf]!
        : kind === LEAF_TEXT
          ? parseNumber(this.#bytes, scanner.leafFrom[leaf]!, scanner.leafTo[leaf]!)
          : Number.NaN;
    return Number.isFinite(value) ? value : undefined;
  }

  /** A whole number from 0 to `most`. */
  count(field: number, most: number): number | undefined {
    const value = this.number(field);
    return value !== undefined && value >= 0 && value <= most && Number.isInteger(value) ? value : undefined;
  }

  time(field: number): number | undefined {
    const leaf = this.#leafOf[field]!;
    if (leaf < 0 || this.scanner.leafKind[leaf] !== LEAF_TEXT) return undefined;
    const time = parseTime(this.#bytes, this.scanner.leafFrom[leaf]!, this.scanner.leafTo[leaf]!, this.#shape);
    return Math.abs(time) <= MAX_MICROSECONDS ? time : undefined;
  }

  /** Certificates speak of UTC without saying so: RFC 5280 section 4.1.2.5. */
  certificateTime(field: number): number | undefined {
    const { zoneless } = this.#shape;
    const time = this.time(field);
    this.#shape.zoneless = zoneless;
    return time;
  }

  /** An array or object of the record, parsed; undefined where it is none. */
  nested(field: number): unknown {
    const leaf = this.#leafOf[field]!;
    if (leaf < 0) return undefined;
    const kind = this.scanner.leafKind[leaf]!;
    if (kind !== LEAF_ARRAY && kind !== LEAF_OBJECT) return undefined;
    try {
      return JSON.parse(decodeText(this.#bytes, this.scanner.leafFrom[leaf]!, this.scanner.leafTo[leaf]!)) as unknown;
    } catch {
      // NaN and bytes that are no UTF-8 pass the scanner, not the parser: what they stand in says nothing.
      return undefined;
    }
  }

  list(field: number): readonly unknown[] {
    const value = this.nested(field);
    return Array.isArray(value) ? value : [];
  }

  /** An address as our columns write it: Suricata writes IPv6 without abbreviations. */
  address(field: number): string | undefined {
    const text = this.text(field);
    if (text === undefined || !text.includes(':')) return text?.slice(0, 64);
    const known = this.#addresses.get(text);
    if (known !== undefined) return known;
    const parsed = parseAddress(text);
    const address =
      parsed === undefined
        ? text.slice(0, 64)
        : parsed.isV6
          ? formatIpv6(...parsed.words)
          : formatIpv4(parsed.words[0]);
    if (this.#addresses.size >= 4096) this.#addresses.clear();
    this.#addresses.set(text, address);
    return address;
  }

  protocol(): string | undefined {
    const text = this.text(F.proto);
    if (text === undefined) return undefined;
    const known = this.#protocols.get(text);
    if (known !== undefined) return known;
    const protocol = protocolOf(text);
    if (this.#protocols.size < 256) this.#protocols.set(text, protocol);
    return protocol;
  }

  /** Number or text by which events of one flow are known: its flow_id, else its addresses, ports and protocol. */
  key(src: string | undefined, dst: string | undefined): number | string {
    const leaf = this.#leafOf[F.flowId]!;
    if (leaf >= 0 && this.scanner.leafKind[leaf] === LEAF_NUMBER) {
      const number = this.scanner.leafNumber[leaf]!;
      if (Number.isSafeInteger(number)) return number;
    }
    const text = this.text(F.flowId);
    if (text !== undefined) return text.slice(0, 64);
    return `${src} ${this.number(F.srcPort) ?? ''} ${dst} ${this.number(F.destPort) ?? ''} ${this.text(F.proto) ?? ''}`;
  }

  /** First of an array of numbers or texts, or the value itself. */
  #firstOf(field: number): string | undefined {
    const leaf = this.#leafOf[field]!;
    if (leaf < 0) return undefined;
    if (this.scanner.leafKind[leaf] !== LEAF_ARRAY) return this.text(field);
    const [first] = this.list(field);
    return typeof first === 'string' || typeof first === 'number' ? String(first) : undefined;
  }

  vlan(): number | undefined {
    const text = this.#firstOf(F.vlan);
    const id = text === undefined ? Number.NaN : Number(text);
    return Number.isInteger(id) && id >= 0 && id <= 4095 ? id : undefined;
  }

  flags(field: number): number | undefined {
    const text = this.text(field);
    return text !== undefined && /^[0-9a-f]{1,4}$/i.test(text) ? Number.parseInt(text, 16) & 255 : undefined;
  }

  mac(list: number, one: number): string | undefined {
    return (this.#firstOf(list) ?? this.text(one))?.toLowerCase().slice(0, 17);
  }
}

/** Texts of bytes, made once for those that come again: event types, protocols, addresses, names. Begun anew when it is full. */
class RepeatedTexts {
  #known = new TextDictionary();
  #texts: string[] = [];
  #bytes = 0;

  of(bytes: Uint8Array, from: number, to: number): string {
    // Long texts hardly ever come again.
    if (to - from > LONG_TEXT) return decodeText(bytes, from, to);
    if (this.#texts.length >= MAX_REPEATED || this.#bytes >= MAX_REPEATED_BYTES) {
      this.#known = new TextDictionary();
      this.#texts = [];
      this.#bytes = 0;
    }
    const code = this.#known.code(bytes, from, to);
    if (code === this.#texts.length) {
      this.#texts.push(decodeText(bytes, from, to));
      this.#bytes += to - from;
    }
    return this.#texts[code]!;
  }
}

const LONG_TEXT = 64;
const MAX_REPEATED = 32_768;
const MAX_REPEATED_BYTES = 1 << 20;

/** 'TCP', 'IPv6-ICMP', '047' as our columns have them. */
function protocolOf(text: string): string {
  const lower = text.toLowerCase();
  if (lower === 'ipv6-icmp') return 'icmpv6';
  if (/^\d{1,3}$/.test(lower)) return protocolName(Number(lower));
  return lower.slice(0, 32);
}
