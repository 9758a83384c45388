import { asciiText } from '../core/index.ts';

/** DNS messages, RFC 1035 section 4, as far as the first question: what is read of every packet. Whole messages are in dns-message.ts. */

const FLAGS = 2;
const QUESTION_COUNT = 4;
const ANSWER_COUNT = 6;
const HEADER_BYTES = 12;
const RESPONSE = 0x8000;
const MAX_NAME = 255;

export interface DnsMessage {
  readonly isResponse: boolean;
  /** Opcode 0 is an ordinary query. */
  readonly opcode: number;
  readonly rcode: number;
  /** Name of the first question, lower case, without the final dot; '' is the root; undefined when there is no question. Bytes that are no printable ASCII are written as \DDD. */
  readonly name: string | undefined;
  readonly type: number;
  readonly answers: number;
}

/** What `decodeDns` tells of a message, without a text: one object for many messages. */
export class DnsHead {
  isResponse = false;
  opcode = 0;
  rcode = 0;
  /** The name of the first question is `name[0, length)` as `DnsMessage` has it; -1 when there is no question. */
  length = -1;
  readonly name = new Uint8Array(4 * (MAX_NAME + 1));
  type = 0;
  answers = 0;

  /** Takes in the message at [at, end). @returns false when it is none; see `decodeDns`. */
  read(bytes: Uint8Array, at: number, end: number): boolean {
    if (end - at < HEADER_BYTES) return false;
    const flags = u16(bytes, at + FLAGS);
    const questions = u16(bytes, at + QUESTION_COUNT);
    this.opcode = (flags >> 11) & 15;
    this.answers = u16(bytes, at + ANSWER_COUNT);
    // Opcodes 0 to 6 are assigned (RFC 8490 last), and no real message has more than a handful of questions.
    if (this.opcode > 6 || questions > 16) return false;
    this.isResponse = (flags & RESPONSE) !== 0;
    this.rcode = flags & 15;
    if (questions > 0) return this.#question(bytes, at + HEADER_BYTES, end);
    this.length = -1;
    this.type = 0;
    return this.isResponse || this.opcode !== 0;
  }

  #question(bytes: Uint8Array, at: number, end: number): boolean {
    const { name } = this;
    let here = at;
    let length = 0;
    let written = 0;
    for (;;) {
      if (here >= end) return false;
      const label = bytes[here++];
      if (label === 0) break;
      length += label + 1;
      if (label > 63 || here + label > end || length > MAX_NAME) return false;
      if (written > 0) name[written++] = 0x2e;
      for (const stop = here + label; here < stop; here++) {
        const byte = bytes[here];
        if (byte > 0x20 && byte < 0x7f && byte !== 0x2e && byte !== 0x5c)
          name[written++] = byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte;
        else written = writeEscaped(name, byte, written);
      }
    }
    if (end - here < 4) return false;
    this.length = written;
    this.type = u16(bytes, here);
    return true;
  }

  /** Whether the first question's name is `text[0, n)`. */
  isNamed(text: Uint8Array, n: number): boolean {
    const { name, length } = this;
    if (n !== length) return false;
    for (let i = 0; i < length; i++) if (text[i] !== name[i]) return false;
    return true;
  }
}

const HEAD = new DnsHead();

/** The message at [at, end), or undefined when it is none. A compression pointer in the first question is malformed: there is nothing before it to point to. */
export function decodeDns(bytes: Uint8Array, at: number, end: number): DnsMessage | undefined {
  if (!HEAD.read(bytes, at, end)) return undefined;
  const { isResponse, opcode, rcode, length, type, answers } = HEAD;
  return { isResponse, opcode, rcode, name: length < 0 ? undefined : asciiText(HEAD.name, 0, length), type, answers };
}

function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 8) | bytes[at + 1];
}

/** Writes a byte of a name as \DDD and says where the next goes. */
function writeEscaped(name: Uint8Array, byte: number, at: number): number {
  name[at] = 0x5c;
  name[at + 1] = 0x30 + Math.floor(byte / 100);
  name[at + 2] = 0x30 + (Math.floor(byte / 10) % 10);
  name[at + 3] = 0x30 + (byte % 10);
  return at + 4;
}

/** A query or an answerless response for one question. */
export function encodeDns(fields: {
  id?: number;
  isResponse?: boolean;
  rcode?: number;
  name: string;
  type?: number;
  answers?: number;
}): Uint8Array {
  const { id = 0, isResponse = false, rcode = 0, name, type = 1, answers = 0 } = fields;
  const labels = name === '' ? [] : name.split('.');
  const out = new Uint8Array(HEADER_BYTES + labels.reduce((n, label) => n + label.length + 1, 1) + 4);
  const view = new DataView(out.buffer);
  view.setUint16(0, id);
  view.setUint16(FLAGS, (isResponse ? 0x8080 : 0) | 0x0100 | rcode);
  view.setUint16(QUESTION_COUNT, 1);
  view.setUint16(ANSWER_COUNT, answers);
  let at = HEADER_BYTES;
  for (const label of labels) {
    out[at++] = label.length;
    for (let i = 0; i < label.length; i++) out[at++] = label.charCodeAt(i);
  }
  view.setUint16(at + 1, type);
  view.setUint16(at + 3, 1);
  return out;
}

const TYPES = new Map<number, string>([
  [1, 'A'],
  [2, 'NS'],
  [5, 'CNAME'],
  [6, 'SOA'],
  [10, 'NULL'],
  [11, 'WKS'],
  [12, 'PTR'],
  [13, 'HINFO'],
  [15, 'MX'],
  [16, 'TXT'],
  [17, 'RP'],
  [18, 'AFSDB'],
  [24, 'SIG'],
  [25, 'KEY'],
  [28, 'AAAA'],
  [29, 'LOC'],
  [33, 'SRV'],
  [35, 'NAPTR'],
  [37, 'CERT'],
  [39, 'DNAME'],
  [41, 'OPT'],
  [43, 'DS'],
  [44, 'SSHFP'],
  [46, 'RRSIG'],
  [47, 'NSEC'],
  [48, 'DNSKEY'],
  [50, 'NSEC3'],
  [51, 'NSEC3PARAM'],
  [52, 'TLSA'],
  [59, 'CDS'],
  [60, 'CDNSKEY'],
  [61, 'OPENPGPKEY'],
  [63, 'ZONEMD'],
  [64, 'SVCB'],
  [65, 'HTTPS'],
  [99, 'SPF'],
  [249, 'TKEY'],
  [250, 'TSIG'],
  [251, 'IXFR'],
  [252, 'AXFR'],
  [255, 'ANY'],
  [256, 'URI'],
  [257, 'CAA'],
]);

const TYPE_NUMBERS = new Map(Array.from(TYPES, ([number, name]) => [name, number]));

/** The same by number. */
const TYPE_NAMES: readonly (string | undefined)[] = Array.from({ length: 258 }, (_, type) => TYPES.get(type));

/** 'A', 'TXT', ... or 'TYPE<n>' (RFC 3597). */
export function dnsTypeName(type: number): string {
  return (type < TYPE_NAMES.length ? TYPE_NAMES[type] : undefined) ?? `TYPE${type}`;
}

/** The number of 'A', 'TXT', ... or 'TYPE<n>'; undefined for another name. */
export function dnsTypeNumber(name: string): number | undefined {
  const unnamed = /^TYPE(\d{1,5})$/.exec(name);
  return unnamed === null ? TYPE_NUMBERS.get(name) : Number(unnamed[1]);
}

const RCODES = [
  'NOERROR',
  'FORMERR',
  'SERVFAIL',
  'NXDOMAIN',
  'NOTIMP',
  'REFUSED',
  'YXDOMAIN',
  'YXRRSET',
  'NXRRSET',
  'NOTAUTH',
  'NOTZONE',
  'DSOTYPENI',
];
/** From 16 on: the extended codes of EDNS, TSIG and TKEY (RFC 6895 section 2.3, 7873 section 8). */
const EXTENDED_RCODES = ['BADVERS', 'BADKEY', 'BADTIME', 'BADMODE', 'BADNAME', 'BADALG', 'BADTRUNC', 'BADCOOKIE'];

/** 'NOERROR', 'NXDOMAIN', ... or 'RCODE<n>'. */
export function dnsRcodeName(rcode: number): string {
  return RCODES[rcode] ?? EXTENDED_RCODES[rcode - 16] ?? `RCODE${rcode}`;
}

export function summarizeDns(message: DnsMessage): string {
  return `${message.isResponse ? `response ${dnsRcodeName(message.rcode)}` : 'query'} ${dnsTypeName(message.type)} ${message.name ?? ''}`.trimEnd();
}
