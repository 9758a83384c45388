import { formatIpv4, formatIpv6, parseAddress } from './address.ts';
import { ByteWriter, hexToBytes, wireHex } from './bytes.ts';
import { dnsTypeName, dnsTypeNumber } from './dns.ts';
import { type DnsReader, quotedText, unescapeText, writeName } from './dns-name.ts';

/**
 * Record data as text and back, in the presentation form of each type's RFC: 1035 (A, NS, CNAME, SOA, PTR, MX, TXT, HINFO), 1183 (RP), 3596 (AAAA), 2782 (SRV),
 * 3403 (NAPTR), 6672 (DNAME), 4034 (DS, DNSKEY, RRSIG, NSEC), 4255 (SSHFP), 6698 (TLSA), 7553 (URI), 8659 (CAA), 8945 (TSIG), 9460 (SVCB, HTTPS).
 * Keys, digests and signatures are hex, not base64, and like every other type's data cut at 64 bytes.
 */

const MAX_HEX = 64;
/** Characters of one record's data. A TXT record of 64 KiB is a transfer, and its size is told apart. */
const MAX_DATA_TEXT = 1024;
const MAX_PARAMETERS = 32;

type Writer = (out: ByteWriter, words: readonly string[], seen: Map<string, number> | undefined) => void;

interface DataForm {
  /** Text of the data, undefined when it contradicts its own form. The reader's end is the data's end. */
  readonly decode: (reader: DnsReader) => string | undefined;
  /** Words are those of the text, quotes removed and escapes kept. Absent where only hex can be written. */
  readonly encode?: Writer;
}

const nameForm: DataForm = {
  decode: (reader) => lowerName(reader),
  encode: (out, words, seen) => writeName(out, words[0] ?? '', seen),
};

/** A preference and a name: MX, AFSDB, KX, RT. */
const preferenceForm: DataForm = {
  decode: (reader) => (reader.left < 3 ? undefined : after(reader, String(reader.u16()))),
  encode: (out, words, seen) => writeName(out.u16(Number(words[0])), words[1] ?? '', seen),
};

const textForm: DataForm = {
  decode: (reader) => strings(reader, Number.POSITIVE_INFINITY),
  encode: (out, words) => {
    for (const word of words) writeString(out, word);
  },
};

const keyForm: DataForm = {
  decode: (reader) =>
    reader.left < 4 ? undefined : `${reader.u16()} ${reader.u8()} ${reader.u8()} ${restHex(reader)}`.trimEnd(),
  encode: (out, words) => {
    out
      .u16(Number(words[0]))
      .u8(Number(words[1]))
      .u8(Number(words[2]))
      .bytes(hexToBytes(words.slice(3).join('')));
  },
};

const signerForm: DataForm = {
  decode: (reader) =>
    reader.left < 4 ? undefined : `${reader.u16()} ${reader.u8()} ${reader.u8()} ${restHex(reader)}`.trimEnd(),
};

const serviceForm: DataForm = { decode: decodeService, encode: encodeService };

const FORMS: Readonly<Record<string, DataForm>> = {
  A: {
    decode: (reader) => (reader.left === 4 ? formatIpv4(reader.u32() | 0) : undefined),
    encode: (out, words) => writeAddress(out, words[0], false),
  },
  AAAA: {
    decode: (reader) => (reader.left === 16 ? readIpv6(reader) : undefined),
    encode: (out, words) => writeAddress(out, words[0], true),
  },
  NS: nameForm,
  CNAME: nameForm,
  DNAME: nameForm,
  PTR: {
    // The case of a service instance's name is part of what people see (RFC 6763 section 4.1.1).
    decode: (reader) => reader.name(),
    encode: nameForm.encode!,
  },
  SOA: {
    decode: (reader) => {
      const primary = lowerName(reader);
      const mailbox = primary === undefined ? undefined : lowerName(reader);
      if (mailbox === undefined || reader.left < 20) return undefined;
      return [primary || '.', mailbox || '.', ...Array.from({ length: 5 }, () => reader.u32())].join(' ');
    },
    encode: (out, words, seen) => {
      writeName(out, words[0] ?? '', seen);
      writeName(out, words[1] ?? '', seen);
      for (let i = 2; i < 7; i++) out.u32(Number(words[i]));
    },
  },
  MX: preferenceForm,
  AFSDB: preferenceForm,
  TXT: textForm,
  SPF: textForm,
  HINFO: { decode: (reader) => strings(reader, 2), encode: textForm.encode! },
  RP: {
    decode: (reader) => {
      const mailbox = lowerName(reader);
      return mailbox === undefined ? undefined : after(reader, mailbox || '.');
    },
  },
  SRV: {
    decode: (reader) =>
      reader.left < 7 ? undefined : after(reader, `${reader.u16()} ${reader.u16()} ${reader.u16()}`),
    encode: (out, words, seen) => {
      for (let i = 0; i < 3; i++) out.u16(Number(words[i]));
      writeName(out, words[3] ?? '', seen);
    },
  },
  NAPTR: {
    decode: (reader) => {
      if (reader.left < 8) return undefined;
      const order = `${reader.u16()} ${reader.u16()}`;
      const texts = strings(reader, 3);
      return texts === undefined ? undefined : after(reader, `${order} ${texts}`);
    },
  },
  KEY: keyForm,
  DNSKEY: keyForm,
  CDNSKEY: keyForm,
  DS: signerForm,
  CDS: signerForm,
  SSHFP: {
    decode: (reader) => (reader.left < 2 ? undefined : `${reader.u8()} ${reader.u8()} ${restHex(reader)}`.trimEnd()),
  },
  TLSA: {
    decode: (reader) =>
      reader.left < 3 ? undefined : `${reader.u8()} ${reader.u8()} ${reader.u8()} ${restHex(reader)}`.trimEnd(),
  },
  RRSIG: {
    decode: (reader) => {
      if (reader.left < 19) return undefined;
      const covered = `${dnsTypeName(reader.u16())} ${reader.u8()} ${reader.u8()} ${reader.u32()} ${reader.u32()} ${reader.u32()} ${reader.u16()}`;
      const signer = lowerName(reader);
      return signer === undefined ? undefined : `${covered} ${signer || '.'} ${restHex(reader)}`.trimEnd();
    },
  },
  NSEC: {
    decode: (reader) => {
      const next = lowerName(reader);
      const types = next === undefined ? undefined : typeBitmap(reader);
      return types === undefined ? undefined : [next || '.', ...types].join(' ');
    },
  },
  TSIG: {
    decode: (reader) => {
      const algorithm = lowerName(reader);
      if (algorithm === undefined || reader.left < 10) return undefined;
      const seconds = reader.u16() * 2 ** 32 + reader.u32();
      const fudge = reader.u16();
      const macBytes = reader.u16();
      if (reader.left < macBytes + 6) return undefined;
      reader.here += macBytes;
      const original = reader.u16();
      return `${algorithm} ${seconds} ${fudge} ${macBytes} bytes ${original} ${reader.u16()}`;
    },
  },
  URI: {
    decode: (reader) =>
      reader.left < 4
        ? undefined
        : `${reader.u16()} ${reader.u16()} ${quotedText(reader.bytes, reader.here, Math.min(reader.end, reader.here + MAX_DATA_TEXT))}`,
    encode: (out, words) => {
      out
        .u16(Number(words[0]))
        .u16(Number(words[1]))
        .bytes(unescapeText(words[2] ?? ''));
    },
  },
  CAA: {
    decode: (reader) => {
      if (reader.left < 3) return undefined;
      const flags = reader.u8();
      const length = reader.u8();
      if (length === 0 || length > reader.left) return undefined;
      const tag = quotedText(reader.bytes, reader.here, reader.here + length).slice(1, -1);
      reader.here += length;
      return `${flags} ${tag} ${quotedText(reader.bytes, reader.here, reader.end)}`;
    },
    encode: (out, words) => {
      writeString(out.u8(Number(words[0])), words[1] ?? '');
      out.bytes(unescapeText(words[2] ?? ''));
    },
  },
  SVCB: serviceForm,
  HTTPS: serviceForm,
};

/** Forms by number, so that a record costs no look-up of its type's name. */
const BY_TYPE = new Map(Object.entries(FORMS).map(([name, form]) => [dnsTypeNumber(name), form]));

/**
 * Data of a record as text. The reader stands at its first byte and ends behind its last; pointers inside may lead out of it.
 * `bad` is true where the data contradict their type; the text is their hex then. Text beyond 1,024 characters is cut with an ellipsis.
 */
export function decodeDnsData(type: number, reader: DnsReader): { text: string; bad: boolean } {
  const from = reader.here;
  const form = BY_TYPE.get(type);
  if (form === undefined) return { text: wireHex(reader.bytes, from, reader.end, MAX_HEX), bad: false };
  const text = form.decode(reader);
  if (text === undefined) return { text: wireHex(reader.bytes, from, reader.end, MAX_HEX), bad: true };
  return { text: text.length > MAX_DATA_TEXT ? `${text.slice(0, MAX_DATA_TEXT)}…` : text, bad: false };
}

/**
 * Writes a record's data from the text that `decodeDnsData` gives: types without a form of their own from hex. Throws a RangeError when the text is none of
 * its type, or the type can only be read (RP, NAPTR, DS, SSHFP, TLSA, RRSIG, NSEC, TSIG).
 */
export function encodeDnsData(out: ByteWriter, type: number, text: string, seen?: Map<string, number>): void {
  const form = BY_TYPE.get(type);
  if (form === undefined) out.bytes(hexToBytes(text));
  else if (form.encode === undefined) throw new RangeError(`${dnsTypeName(type)} data cannot be written from text`);
  else form.encode(out, textWords(text), seen);
}

/** Words of presentation form: parted at spaces outside of quotes; quotes are removed, escapes stay. */
function textWords(text: string): string[] {
  return (text.match(/(?:\\.|"(?:\\.|[^"\\])*"|[^\s"\\])+/g) ?? []).map((word) =>
    word.replace(/(\\.)|"/g, (_, escaped: string | undefined) => escaped ?? ''),
  );
}

function lowerName(reader: DnsReader): string | undefined {
  return reader.name()?.toLowerCase();
}

/** The words before, then the name that follows; the root is a dot here, so that the words can be counted. */
function after(reader: DnsReader, words: string): string | undefined {
  const name = lowerName(reader);
  return name === undefined ? undefined : `${words} ${name || '.'}`;
}

/** At most `most` character strings, between quotes; undefined when one does not fit. */
function strings(reader: DnsReader, most: number): string | undefined {
  const out: string[] = [];
  let length = 0;
  while (reader.left > 0 && out.length < most) {
    const size = reader.u8();
    if (size > reader.left) return undefined;
    if (length <= MAX_DATA_TEXT) {
      const text = quotedText(reader.bytes, reader.here, reader.here + size);
      out.push(text);
      length += text.length + 1;
    }
    reader.here += size;
  }
  return out.join(' ');
}

function writeString(out: ByteWriter, text: string): void {
  const bytes = unescapeText(text);
  if (bytes.length > 255) throw new RangeError(`a character string of ${bytes.length} bytes`);
  out.u8(bytes.length).bytes(bytes);
}

function restHex(reader: DnsReader): string {
  return wireHex(reader.bytes, reader.here, reader.end, MAX_HEX);
}

function readIpv6(reader: DnsReader): string {
  return formatIpv6(reader.u32() | 0, reader.u32() | 0, reader.u32() | 0, reader.u32() | 0);
}

function writeAddress(out: ByteWriter, text: string | undefined, isV6: boolean): void {
  const address = parseAddress(text ?? '');
  if (address === undefined || address.isV6 !== isV6) throw new RangeError(`not an address of that kind: ${text}`);
  for (let i = 0; i < (isV6 ? 4 : 1); i++) out.u32(address.words[i]);
}

/** Types present at a name, RFC 4034 section 4.1.2: windows of up to 256 types, each with a bitmap of at most 32 bytes. At most 64 are named. */
function typeBitmap(reader: DnsReader): string[] | undefined {
  const types: string[] = [];
  while (reader.left > 0) {
    if (reader.left < 2) return undefined;
    const window = reader.u8();
    const length = reader.u8();
    if (length === 0 || length > 32 || length > reader.left) return undefined;
    for (let i = 0; i < 8 * length; i++)
      if (reader.bytes[reader.here + (i >> 3)] & (0x80 >> (i & 7)) && types.length < 64)
        types.push(dnsTypeName(window * 256 + i));
    reader.here += length;
  }
  return types;
}

const PARAMETERS = ['mandatory', 'alpn', 'no-default-alpn', 'port', 'ipv4hint', 'ech', 'ipv6hint', 'dohpath', 'ohttp'];

/** Priority, target and parameters, RFC 9460 section 2.2; keys in the order they were sent. ECH configurations are told by their size. */
function decodeService(reader: DnsReader): string | undefined {
  if (reader.left < 3) return undefined;
  const priority = reader.u16();
  const target = lowerName(reader);
  if (target === undefined) return undefined;
  const words = [`${priority} ${target || '.'}`];
  while (reader.left > 0 && words.length <= MAX_PARAMETERS) {
    if (reader.left < 4) return undefined;
    const key = reader.u16();
    const length = reader.u16();
    if (length > reader.left) return undefined;
    const value = reader.window(reader.here + length);
    const text = decodeParameter(key, value);
    if (text === undefined) return undefined;
    const name = PARAMETERS[key] ?? `key${key}`;
    words.push(text === '' ? name : `${name}=${text}`);
    reader.here += length;
  }
  return words.join(' ');
}

function decodeParameter(key: number, value: DnsReader): string | undefined {
  const list: string[] = [];
  switch (PARAMETERS[key]) {
    case 'mandatory':
      if (value.left % 2 !== 0) return undefined;
      for (; value.left > 0 && list.length < MAX_PARAMETERS; ) {
        const number = value.u16();
        list.push(PARAMETERS[number] ?? `key${number}`);
      }
      return list.join(',');
    case 'alpn':
      while (value.left > 0) {
        const size = value.u8();
        if (size === 0 || size > value.left) return undefined;
        if (list.length < MAX_PARAMETERS)
          list.push(
            quotedText(value.bytes, value.here, value.here + size)
              .slice(1, -1)
              .replace(/[, ]/g, escapeAsNumber),
          );
        value.here += size;
      }
      return list.join(',');
    case 'no-default-alpn':
    case 'ohttp':
      return value.left === 0 ? '' : undefined;
    case 'port':
      return value.left === 2 ? String(value.u16()) : undefined;
    case 'ipv4hint':
      if (value.left === 0 || value.left % 4 !== 0) return undefined;
      while (value.left > 0 && list.length < MAX_PARAMETERS) list.push(formatIpv4(value.u32() | 0));
      return list.join(',');
    case 'ipv6hint':
      if (value.left === 0 || value.left % 16 !== 0) return undefined;
      while (value.left > 0 && list.length < MAX_PARAMETERS) list.push(readIpv6(value));
      return list.join(',');
    case 'dohpath':
      return quotedText(value.bytes, value.here, Math.min(value.end, value.here + 255));
    default:
      return restHex(value);
  }
}

function escapeAsNumber(character: string): string {
  return `\\${String(character.charCodeAt(0)).padStart(3, '0')}`;
}

function encodeService(out: ByteWriter, words: readonly string[]): void {
  out.u16(Number(words[0]));
  // Names in these records are never compressed (section 2.2).
  writeName(out, words[1] ?? '');
  for (const word of words.slice(2)) {
    const equals = word.indexOf('=');
    const name = equals < 0 ? word : word.slice(0, equals);
    const content = encodeParameter(name, equals < 0 ? '' : word.slice(equals + 1));
    out.u16(parameterNumber(name)).u16(content.length).bytes(content);
  }
}

function parameterNumber(name: string): number {
  const known = PARAMETERS.indexOf(name);
  return known >= 0 ? known : Number(name.slice(3));
}

function encodeParameter(name: string, value: string): Uint8Array {
  const out = new ByteWriter();
  switch (name) {
    case 'mandatory':
      for (const key of value.split(',')) out.u16(parameterNumber(key));
      break;
    case 'alpn':
      for (const id of value.split(',')) writeString(out, id);
      break;
    case 'no-default-alpn':
    case 'ohttp':
      break;
    case 'port':
      out.u16(Number(value));
      break;
    case 'ipv4hint':
    case 'ipv6hint':
      for (const address of value.split(',')) writeAddress(out, address, name === 'ipv6hint');
      break;
    case 'dohpath':
      out.bytes(unescapeText(value));
      break;
    default:
      out.bytes(hexToBytes(value));
  }
  return out.finish();
}
