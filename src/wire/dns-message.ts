import { asciiText } from '../core/index.ts';
import { formatIpv4, formatIpv6 } from './address.ts';
import { ByteWriter, utf8Bytes, wireHex, wireText } from './bytes.ts';
import { dnsRcodeName, dnsTypeName } from './dns.ts';
import { decodeDnsData, encodeDnsData } from './dns-data.ts';
import { DNS_NAME, DnsReader, writeName } from './dns-name.ts';

/**
 * Whole DNS messages, RFC 1035 section 4, with EDNS (RFC 6891): every question and record. The same format carries mDNS (RFC 6762), LLMNR (RFC 4795), dynamic
 * updates (RFC 2136) and zone transfers (RFC 5936); over TCP each message stands behind a two-byte length (RFC 7766 section 8).
 */

const HEADER_BYTES = 12;
const OPT = 41;
/** Questions and records that are listed; what is beyond is counted. */
const MAX_LISTED = 64;
/** An mDNS query asks for a few dozen names at most; a header that claims more is no DNS. */
const MAX_QUESTIONS = 255;
const MAX_OPTIONS = 32;
const MAX_LABEL = 63;
const MAX_NAME = 255;
const MAX_OPTION_TEXT = 128;
const OPCODE_UPDATE = 5;

export interface DnsQuestion {
  /** Lower case, in presentation form without the final dot; '' is the root. */
  readonly name: string;
  /** The name with its case as it was sent; resolvers mix it at random to prove that an answer is theirs. */
  readonly written: string;
  readonly type: number;
  /** 1 is Internet. In mDNS without the top bit. */
  readonly class: number;
  /** Top bit of the class: in mDNS the asker wants the answer to itself alone (RFC 6762 section 5.4). */
  readonly unicastResponse: boolean;
}

export interface DnsRecord {
  /** As in a question. */
  readonly name: string;
  readonly written: string;
  readonly type: number;
  readonly class: number;
  /** Top bit of the class: in mDNS these data replace all others of that name and type (RFC 6762 section 10.2). */
  readonly cacheFlush: boolean;
  /** Seconds, 0 to 4,294,967,295. */
  readonly ttl: number;
  /** Data in presentation form, or their hex; at most about 1,024 characters. */
  readonly data: string;
  /** Bytes of the data in this message. */
  readonly dataBytes: number;
  /** True where the data contradict their type; `data` is their hex then. */
  readonly isMalformed: boolean;
}

export interface DnsOption {
  readonly code: number;
  /** 'COOKIE', ... or 'OPTION<n>'. */
  readonly name: string;
  /** Its content for people: an address with prefix length (ECS), text (NSID, EDE), hex of at most 64 bytes. */
  readonly text: string;
  readonly bytes: number;
}

/** The OPT pseudo-record, RFC 6891 section 6.1. */
export interface DnsEdns {
  readonly version: number;
  /** Bytes of UDP payload that the sender takes. */
  readonly udpSize: number;
  /** DNSSEC records wanted (RFC 3225). */
  readonly dnssecOk: boolean;
  /** At most 32. */
  readonly options: readonly DnsOption[];
}

export interface DnsFullMessage {
  readonly id: number;
  readonly isResponse: boolean;
  /** 0 query, 4 notify, 5 update, 6 stateful operations. */
  readonly opcode: number;
  /** AA; LLMNR's C. */
  readonly isAuthoritative: boolean;
  /** TC: the rest did not fit. */
  readonly isTruncated: boolean;
  /** RD; LLMNR's T. */
  readonly recursionDesired: boolean;
  readonly recursionAvailable: boolean;
  readonly authenticData: boolean;
  readonly checkingDisabled: boolean;
  /** With the upper bits of EDNS where there are such. */
  readonly rcode: number;
  /** What the header claims, per section: questions, answers, authority, additional. */
  readonly counts: readonly [number, number, number, number];
  readonly questions: readonly DnsQuestion[];
  readonly answers: readonly DnsRecord[];
  readonly authorities: readonly DnsRecord[];
  /** Without OPT, which is `edns`. */
  readonly additionals: readonly DnsRecord[];
  readonly edns: DnsEdns | undefined;
  /** Questions and records that were there but are not listed, because there are more than 64 together. */
  readonly unlisted: number;
  /** Records whose data contradict their type, and OPT records that should not be. Among the listed ones. */
  readonly malformedRecords: number;
  /** Bytes of data of all records, OPT's included. */
  readonly dataBytes: number;
  /** Bytes of data in the answer section: what the question brought. */
  readonly answerBytes: number;
  /** Bytes of the whole message, from its header to the last byte that was read. */
  readonly bytes: number;
  /** 'complete'; 'cut': the bytes end before what the header claims; 'malformed': a name or length that cannot be. What came before is kept. */
  readonly state: 'complete' | 'cut' | 'malformed';
}

/**
 * The message at [at, end), or undefined when it is none: as `decodeDns`, no header, an opcode that does not exist, a first question that does not parse, a
 * query that asks nothing.
 */
export function decodeDnsMessage(bytes: Uint8Array, at: number, end: number): DnsFullMessage | undefined {
  if (end - at < HEADER_BYTES) return undefined;
  const reader = new DnsReader(bytes, at, end, at);
  const id = reader.u16();
  const flags = reader.u16();
  const counts = [reader.u16(), reader.u16(), reader.u16(), reader.u16()] as const;
  const isResponse = (flags & 0x8000) !== 0;
  const opcode = (flags >> 11) & 15;
  if (opcode > 6 || counts[0] > MAX_QUESTIONS || (counts[0] === 0 && !isResponse && opcode === 0)) return undefined;
  const body = new Body(reader, opcode);
  body.readQuestions(counts[0]);
  if (counts[0] > 0 && body.questions.length === 0) return undefined;
  const answers = body.readRecords(counts[1]);
  const answerBytes = body.dataBytes;
  const authorities = body.readRecords(counts[2]);
  const additionals = body.readRecords(counts[3]);
  return {
    id,
    isResponse,
    opcode,
    isAuthoritative: (flags & 0x0400) !== 0,
    isTruncated: (flags & 0x0200) !== 0,
    recursionDesired: (flags & 0x0100) !== 0,
    recursionAvailable: (flags & 0x0080) !== 0,
    authenticData: (flags & 0x0020) !== 0,
    checkingDisabled: (flags & 0x0010) !== 0,
    rcode: (body.extendedRcode << 4) | (flags & 15),
    counts,
    questions: body.questions,
    answers,
    authorities,
    additionals,
    edns: body.edns,
    unlisted: body.unlisted,
    malformedRecords: body.malformedRecords,
    dataBytes: body.dataBytes,
    answerBytes,
    bytes: Math.min(reader.here, end) - at,
    state: body.state,
  };
}

/** The sections of one message while they are read. */
class Body {
  readonly questions: DnsQuestion[] = [];
  edns: DnsEdns | undefined;
  extendedRcode = 0;
  unlisted = 0;
  malformedRecords = 0;
  dataBytes = 0;
  state: DnsFullMessage['state'] = 'complete';
  #reader: DnsReader;
  #opcode: number;
  #listed = 0;

  constructor(reader: DnsReader, opcode: number) {
    this.#reader = reader;
    this.#opcode = opcode;
  }

  readQuestions(count: number): void {
    const reader = this.#reader;
    for (let i = 0; i < count; i++) {
      // Nothing comes before the first question that a pointer could lead to: DnsReader refuses it.
      const written = reader.name();
      if (written === undefined || reader.left < 4) {
        this.#stop();
        return;
      }
      const type = reader.u16();
      const classBits = reader.u16();
      if (this.#listed >= MAX_LISTED) this.unlisted++;
      else {
        this.#listed++;
        const name = written.toLowerCase();
        this.questions.push({
          name,
          written: name === written ? name : written,
          type,
          class: classBits & 0x7fff,
          unicastResponse: classBits >= 0x8000,
        });
      }
    }
  }

  readRecords(count: number): DnsRecord[] {
    const reader = this.#reader;
    const records: DnsRecord[] = [];
    for (let i = 0; i < count && this.state === 'complete'; i++) {
      const isListed = this.#listed < MAX_LISTED;
      const written = isListed ? reader.name() : reader.skipName() ? '' : undefined;
      if (written === undefined || reader.left < 10) {
        this.#stop();
        break;
      }
      const type = reader.u16();
      const classBits = reader.u16();
      const ttl = reader.u32();
      const dataBytes = reader.u16();
      const dataEnd = reader.here + dataBytes;
      if (dataEnd > reader.end) {
        this.#stop();
        break;
      }
      this.dataBytes += dataBytes;
      const data = reader.window(dataEnd);
      if (type === OPT) this.#readOpt(data, classBits, ttl);
      else if (!isListed) this.unlisted++;
      else {
        this.#listed++;
        // In an update, no data means "any data" (RFC 2136 section 2.5).
        const { text, bad } =
          dataBytes === 0 && this.#opcode === OPCODE_UPDATE ? { text: '', bad: false } : decodeDnsData(type, data);
        if (bad) this.malformedRecords++;
        const name = written.toLowerCase();
        records.push({
          name,
          written: name === written ? name : written,
          type,
          class: classBits & 0x7fff,
          cacheFlush: classBits >= 0x8000,
          ttl,
          data: text,
          dataBytes,
          isMalformed: bad,
        });
      }
      reader.here = dataEnd;
    }
    return records;
  }

  #readOpt(data: DnsReader, udpSize: number, ttl: number): void {
    // Only one is allowed (RFC 6891 section 6.1.1).
    if (this.edns !== undefined) {
      this.malformedRecords++;
      return;
    }
    const options: DnsOption[] = [];
    while (data.left >= 4) {
      const code = data.u16();
      const length = data.u16();
      if (length > data.left) {
        data.here = data.end + 1;
        break;
      }
      if (options.length < MAX_OPTIONS)
        options.push({
          code,
          name: OPTIONS.get(code) ?? `OPTION${code}`,
          text: optionText(code, data.bytes, data.here, data.here + length),
          bytes: length,
        });
      data.here += length;
    }
    if (data.left !== 0) this.malformedRecords++;
    this.extendedRcode = Math.floor(ttl / 2 ** 24);
    this.edns = { version: (ttl >>> 16) & 255, udpSize, dnssecOk: (ttl & 0x8000) !== 0, options };
  }

  #stop(): void {
    this.state = this.#reader.problem === 'malformed' ? 'malformed' : 'cut';
  }
}

const OPTIONS = new Map<number, string>([
  [1, 'LLQ'],
  [2, 'UL'],
  [3, 'NSID'],
  [4, 'OWNER'],
  [5, 'DAU'],
  [6, 'DHU'],
  [7, 'N3U'],
  [8, 'ECS'],
  [9, 'EXPIRE'],
  [10, 'COOKIE'],
  [11, 'KEEPALIVE'],
  [12, 'PADDING'],
  [13, 'CHAIN'],
  [14, 'KEYTAG'],
  [15, 'EDE'],
  [16, 'CLIENT-TAG'],
  [17, 'SERVER-TAG'],
  [18, 'REPORT-CHANNEL'],
]);

function optionText(code: number, bytes: Uint8Array, from: number, to: number): string {
  const length = to - from;
  switch (code) {
    case 3:
      return wireText(bytes, from, to, MAX_OPTION_TEXT);
    case 8: {
      // Family, source and scope prefix length, then as many bytes of the address as the prefix needs (RFC 7871 section 6).
      const family = length < 4 ? 0 : (bytes[from] << 8) | bytes[from + 1];
      const most = family === 1 ? 4 : family === 2 ? 16 : 0;
      if (most === 0 || length - 4 > most || bytes[from + 2] > 8 * most) break;
      const word = (n: number): number => {
        let value = 0;
        for (let i = 0; i < 4; i++) value = (value << 8) | (4 + 4 * n + i < length ? bytes[from + 4 + 4 * n + i] : 0);
        return value;
      };
      const address = family === 1 ? formatIpv4(word(0)) : formatIpv6(word(0), word(1), word(2), word(3));
      return `${address}/${bytes[from + 2]}/${bytes[from + 3]}`;
    }
    case 12:
      // Padding is zeros (RFC 7830); what else is in it is worth seeing.
      for (let i = from; i < to; i++) if (bytes[i] !== 0) return wireHex(bytes, from, to, 64);
      return '';
    case 15:
      if (length >= 2)
        return `${(bytes[from] << 8) | bytes[from + 1]} ${wireText(bytes, from + 2, to, MAX_OPTION_TEXT)}`.trimEnd();
      break;
    default:
      break;
  }
  return wireHex(bytes, from, to, 64);
}

const A = 1;
const NS = 2;
const CNAME = 5;
const PTR = 12;
const AAAA = 28;
const RRSIG = 46;
const ANY = 255;
/** Characters of all answers together behind which no further one is begun. */
const MAX_ANSWERS_TEXT = 1024;
/** Answers under way, as UTF-8: the longest record there can be (1,025 characters and its type, see `decodeDnsData`) may begin just below the maximum. */
const ANSWERS = new Uint8Array(MAX_ANSWERS_TEXT + 3 * 1200);
const UTF8 = new TextDecoder();

export interface DnsAnswers {
  /** Of the header, without what EDNS adds. */
  readonly rcode: number;
  /** True when the first question is the one that the caller asked about. */
  readonly isAsked: boolean;
  /** 'CNAME example.org, A 192.0.2.1': the answer section in its order, up to the record with the 1,024th character; '' when it is empty or of another question. */
  readonly text: string;
  /** False only where something in it was cut with an ellipsis. */
  readonly isAscii: boolean;
  /** Seconds: the least of those records; undefined when there are none. */
  readonly leastTtl: number | undefined;
}

/** What `decodeDnsAnswers` tells of a response, without a text: one object for many. */
export class DnsAnswerReader {
  rcode = 0;
  isAsked = false;
  /** The answers as UTF-8 are `bytes[0, length)`, until any reader reads another response; `isAscii` when they are ASCII. */
  readonly bytes = ANSWERS;
  length = 0;
  isAscii = true;
  leastTtl: number | undefined;
  #reader = new DnsReader(ANSWERS, 0, 0);

  /**
   * Takes in the response at [at, end).
   * @param name its first `length` bytes are the name of the question whose answer is wanted. @returns false when it is none; see `decodeDnsAnswers`.
   */
  read(bytes: Uint8Array, at: number, end: number, name: Uint8Array, length: number, type: string): boolean {
    if (end - at < HEADER_BYTES || bytes[at + 2] < 0x80) return false;
    const questions = (bytes[at + 4] << 8) | bytes[at + 5];
    const records = (bytes[at + 6] << 8) | bytes[at + 7];
    if (((bytes[at + 2] >> 3) & 15) > 6 || questions > MAX_QUESTIONS) return false;
    this.rcode = bytes[at + 3] & 15;
    this.isAsked = false;
    this.length = 0;
    this.isAscii = true;
    this.leastTtl = undefined;
    if (questions === 0) return true;
    const nameStop = nameEnd(bytes, at + HEADER_BYTES, end, name, length);
    const next = Math.abs(nameStop);
    if (next === 0 || next + 4 > end) return false;
    const asked = (bytes[next] << 8) | bytes[next + 1];
    this.isAsked = nameStop > 0 && dnsTypeName(asked) === type;
    if (!this.isAsked || records === 0) return true;
    const reader = this.#reader;
    reader.move(bytes, at, end, next + 4);
    for (let i = 1; i < questions; i++) {
      if (!reader.skipName()) return true;
      reader.here += 4;
    }
    this.#records(reader, records, asked === RRSIG || asked === ANY);
    return true;
  }

  #records(reader: DnsReader, records: number, wantsSignatures: boolean): void {
    const { bytes, end } = reader;
    let written = 0;
    for (let i = 0; i < records && i < MAX_LISTED && written <= MAX_ANSWERS_TEXT; i++) {
      if (!reader.skipName() || reader.left < 10) break;
      const { here } = reader;
      const recordType = (bytes[here] << 8) | bytes[here + 1];
      const ttl = ((bytes[here + 4] << 24) | (bytes[here + 5] << 16) | (bytes[here + 6] << 8) | bytes[here + 7]) >>> 0;
      reader.here = here + 10;
      const dataEnd = here + 10 + ((bytes[here + 8] << 8) | bytes[here + 9]);
      if (dataEnd > end) break;
      if (recordType !== OPT && (recordType !== RRSIG || wantsSignatures)) {
        const after = writeAnswer(reader, recordType, dataEnd, written);
        if (after > written) {
          written = after;
          if (this.leastTtl === undefined || ttl < this.leastTtl) this.leastTtl = ttl;
        }
      }
      reader.here = dataEnd;
    }
    this.length = written;
    for (let i = 0; i < written && this.isAscii; i++) this.isAscii = ANSWERS[i] < 0x80;
  }

  /** The answers as text. */
  get text(): string {
    const { bytes, length } = this;
    return this.isAscii ? asciiText(bytes, 0, length) : UTF8.decode(bytes.subarray(0, length));
  }
}

const ANSWER_READER = new DnsAnswerReader();

/**
 * The answer section of a response as text, and nothing else of it, at a part of the cost of `decodeDnsMessage`. Signatures (RRSIG) are left out unless they are
 * asked for, and so are records whose data contradict their type. What is cut is given as far as it goes. Undefined for what is no response.
 * @param name,type the question whose answer is wanted, both as `decodeDns` and `dnsTypeName` write them.
 */
export function decodeDnsAnswers(
  bytes: Uint8Array,
  at: number,
  end: number,
  name: string,
  type: string,
): DnsAnswers | undefined {
  const question = utf8Bytes(name);
  if (!ANSWER_READER.read(bytes, at, end, question, question.length, type)) return undefined;
  const { rcode, isAsked, text, isAscii, leastTtl } = ANSWER_READER;
  return { rcode, isAsked, text, isAscii, leastTtl };
}

/** Appends one record to ANSWERS and says where the next goes: `at` where the data contradict the type. */
function writeAnswer(reader: DnsReader, type: number, dataEnd: number, at: number): number {
  let to = at === 0 ? 0 : writeText(', ', at);
  switch (type) {
    case A: {
      if (dataEnd - reader.here !== 4) return at;
      ANSWERS[to] = 0x41;
      ANSWERS[to + 1] = 0x20;
      to = writeOctet(reader.u8(), to + 2);
      for (let i = 0; i < 3; i++) {
        ANSWERS[to] = 0x2e;
        to = writeOctet(reader.u8(), to + 1);
      }
      return to;
    }
    case AAAA: {
      if (dataEnd - reader.here !== 16) return at;
      return writeText(`AAAA ${formatIpv6(reader.i32(), reader.i32(), reader.i32(), reader.i32())}`, to);
    }
    case NS:
    case CNAME:
    case PTR: {
      const length = reader.nameInto();
      if (length < 0 || reader.here > dataEnd) return at;
      to = writeText(type === CNAME ? 'CNAME ' : type === NS ? 'NS ' : 'PTR ', to);
      if (length === 0) return writeText('.', to);
      for (let i = 0; i < length; i++) {
        const code = DNS_NAME[i];
        ANSWERS[to++] = code >= 0x41 && code <= 0x5a ? code + 32 : code;
      }
      return to;
    }
    default: {
      const { text, bad } = decodeDnsData(type, reader.window(dataEnd));
      return bad ? at : writeText(`${dnsTypeName(type)} ${text}`.trimEnd(), to);
    }
  }
}

function writeText(text: string, at: number): number {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 0x80) {
      const bytes = utf8Bytes(text);
      ANSWERS.set(bytes, at);
      return at + bytes.length;
    }
    ANSWERS[at + i] = code;
  }
  return at + text.length;
}

function writeOctet(value: number, at: number): number {
  let to = at;
  if (value >= 100) ANSWERS[to++] = 0x30 + Math.floor(value / 100);
  if (value >= 10) ANSWERS[to++] = 0x30 + (Math.floor(value / 10) % 10);
  ANSWERS[to++] = 0x30 + (value % 10);
  return to;
}

/**
 * Where the uncompressed name at `at` ends, negative when it is another name than `name[0, length)` (lower case, presentation form), 0 when it is none. As `decodeDns` reads
 * it, without making text of it.
 */
function nameEnd(bytes: Uint8Array, at: number, end: number, name: Uint8Array, length: number): number {
  let here = at;
  let i = 0;
  let isSame = true;
  for (;;) {
    if (here >= end) return 0;
    const label = bytes[here++];
    if (label === 0) break;
    if (label > MAX_LABEL || here + label > end || here + label - at > MAX_NAME) return 0;
    if (i > 0 && name[i++] !== 0x2e) isSame = false;
    for (const stop = here + label; here < stop; here++) {
      const byte = bytes[here];
      if (byte > 0x20 && byte < 0x7f && byte !== 0x2e && byte !== 0x5c) {
        if (name[i++] !== (byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte)) isSame = false;
      } else {
        if (isSame && !isEscaped(name, i, byte)) isSame = false;
        i += 4;
      }
    }
  }
  return isSame && i === length ? here : -here;
}

/** Whether \DDD of the byte stands at `i`. */
function isEscaped(name: Uint8Array, i: number, byte: number): boolean {
  return (
    name[i] === 0x5c &&
    name[i + 1] === 0x30 + Math.floor(byte / 100) &&
    name[i + 2] === 0x30 + (Math.floor(byte / 10) % 10) &&
    name[i + 3] === 0x30 + (byte % 10)
  );
}

export interface DnsStream {
  readonly messages: readonly DnsFullMessage[];
  /** Where the first message begins that is not among them; `end` when all were read. */
  readonly next: number;
  /** True when the last message goes on behind `end`. */
  readonly cut: boolean;
}

/**
 * Messages of one direction of a TCP connection, beginning with the length of the first. A last message that is cut is given as far as it goes (state 'cut')
 * and `next` stands at its length, so that it can be read again when more is there. Undefined when the first is no DNS.
 */
export function decodeDnsStream(bytes: Uint8Array, at: number, end: number, max = 32): DnsStream | undefined {
  const messages: DnsFullMessage[] = [];
  let here = at;
  while (here < end && messages.length < max) {
    if (here + 2 > end) return messages.length === 0 ? undefined : { messages, next: here, cut: true };
    const length = (bytes[here] << 8) | bytes[here + 1];
    const to = here + 2 + length;
    const message = length < HEADER_BYTES ? undefined : decodeDnsMessage(bytes, here + 2, Math.min(end, to));
    if (message !== undefined) messages.push(message);
    else if (to <= end || length < HEADER_BYTES) break;
    if (to > end) return messages.length === 0 ? undefined : { messages, next: here, cut: true };
    here = to;
  }
  return messages.length === 0 ? undefined : { messages, next: here, cut: false };
}

/** C (the name is in conflict) and T (it is not yet verified) of an LLMNR message, RFC 4795 section 2.1.1: bits that DNS calls AA and RD. */
export function llmnrFlags(message: DnsFullMessage): { readonly conflict: boolean; readonly tentative: boolean } {
  return { conflict: message.isAuthoritative, tentative: message.recursionDesired };
}

export interface DnsRecordFields {
  /** Presentation form; \DDD for bytes that are no printable ASCII. */
  readonly name: string;
  /** Number; 1 (A) when absent. */
  readonly type?: number;
  readonly class?: number;
  readonly cacheFlush?: boolean;
  readonly ttl?: number;
  /** As `decodeDnsMessage` gives it, or the bytes themselves. */
  readonly data: string | Uint8Array;
}

export interface DnsMessageFields {
  readonly id?: number;
  readonly isResponse?: boolean;
  readonly opcode?: number;
  readonly isAuthoritative?: boolean;
  readonly isTruncated?: boolean;
  readonly recursionDesired?: boolean;
  readonly recursionAvailable?: boolean;
  readonly authenticData?: boolean;
  readonly checkingDisabled?: boolean;
  /** Above 15 only with `edns`. */
  readonly rcode?: number;
  readonly questions?: readonly {
    readonly name: string;
    readonly type?: number;
    readonly class?: number;
    readonly unicastResponse?: boolean;
  }[];
  readonly answers?: readonly DnsRecordFields[];
  readonly authorities?: readonly DnsRecordFields[];
  readonly additionals?: readonly DnsRecordFields[];
  /** Written as the last additional record. */
  readonly edns?: {
    readonly version?: number;
    readonly udpSize?: number;
    readonly dnssecOk?: boolean;
    readonly options?: readonly { readonly code: number; readonly content: Uint8Array }[];
  };
  /** Names that were written before become pointers, as servers do; true when absent. */
  readonly isCompressed?: boolean;
}

/** A message. Throws a RangeError for names and data that cannot be written (see `writeName`, `encodeDnsData`). */
export function encodeDnsMessage(fields: DnsMessageFields): Uint8Array {
  const { id = 0, isResponse = false, opcode = 0, rcode = 0, questions = [], answers = [] } = fields;
  const { authorities = [], additionals = [], edns, isCompressed = true } = fields;
  const flag = (on: boolean | undefined, bit: number): number => (on === true ? bit : 0);
  const out = new ByteWriter()
    .u16(id)
    .u16(
      flag(isResponse, 0x8000) |
        (opcode << 11) |
        flag(fields.isAuthoritative, 0x0400) |
        flag(fields.isTruncated, 0x0200) |
        flag(fields.recursionDesired, 0x0100) |
        flag(fields.recursionAvailable, 0x0080) |
        flag(fields.authenticData, 0x0020) |
        flag(fields.checkingDisabled, 0x0010) |
        (rcode & 15),
    )
    .u16(questions.length)
    .u16(answers.length)
    .u16(authorities.length)
    .u16(additionals.length + (edns === undefined ? 0 : 1));
  const seen = isCompressed ? new Map<string, number>() : undefined;
  for (const question of questions) {
    writeName(out, question.name, seen);
    out.u16(question.type ?? 1).u16((question.class ?? 1) | flag(question.unicastResponse, 0x8000));
  }
  for (const record of [...answers, ...authorities, ...additionals]) {
    const { type = 1, ttl = 0, data } = record;
    writeName(out, record.name, seen);
    out
      .u16(type)
      .u16((record.class ?? 1) | flag(record.cacheFlush, 0x8000))
      .u32(ttl)
      .u16(0);
    const from = out.length;
    if (typeof data === 'string') encodeDnsData(out, type, data, seen);
    else out.bytes(data);
    out.setU16(from - 2, out.length - from);
  }
  if (edns !== undefined) {
    const { version = 0, udpSize = 1232, dnssecOk = false, options = [] } = edns;
    out
      .u8(0)
      .u16(OPT)
      .u16(udpSize)
      .u8(rcode >> 4)
      .u8(version)
      .u16(flag(dnssecOk, 0x8000));
    out.u16(options.reduce((n, { content }) => n + 4 + content.length, 0));
    for (const { code, content } of options) out.u16(code).u16(content.length).bytes(content);
  }
  return out.finish();
}

/** Messages as TCP carries them, each behind its length. */
export function encodeDnsStream(messages: readonly Uint8Array[]): Uint8Array {
  const out = new ByteWriter();
  for (const message of messages) out.u16(message.length).bytes(message);
  return out.finish();
}

/** 'query A www.example.org', 'response NOERROR A www.example.org: CNAME example.org, A 192.0.2.1'; at most four answers. */
export function summarizeDnsMessage(message: DnsFullMessage): string {
  const { questions, answers, isResponse, opcode } = message;
  const kind = opcode === 0 ? 'query' : (OPCODES[opcode] ?? `opcode ${opcode}`);
  const words = [isResponse ? `${opcode === 0 ? '' : `${kind} `}response ${dnsRcodeName(message.rcode)}` : kind];
  const [first] = questions;
  if (first !== undefined) words.push(`${dnsTypeName(first.type)} ${first.name || '.'}`);
  if (questions.length > 1) words.push(`(+${message.counts[0] - 1})`);
  const shown = answers.slice(0, 4).map(({ type, data }) => `${dnsTypeName(type)} ${data}`);
  if (message.counts[1] > shown.length && shown.length > 0) shown.push(`… of ${message.counts[1]}`);
  return words.join(' ') + (shown.length > 0 ? `: ${shown.join(', ')}` : '');
}

/** RFC 6895 section 2.2, RFC 8490. */
const OPCODES = ['query', 'inverse query', 'status', undefined, 'notify', 'update', 'stateful'];
