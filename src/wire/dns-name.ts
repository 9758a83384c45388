import { ByteWriter, utf8Bytes, wireText } from './bytes.ts';
import { latin1 } from './tls.ts';

/** Domain names inside whole messages: compression (RFC 1035 section 4.1.4), presentation form (section 5.1), and text for people. */

const MAX_NAME = 255;
const MAX_LABEL = 63;
/** Pointers followed for one name. Writers need one or two; a name of 127 labels could use as many. */
const MAX_POINTERS = 127;
const HEADER_BYTES = 12;

/** The name that was read last in presentation form, as ASCII: at most 4 characters for each of 255 bytes. */
export const DNS_NAME = new Uint8Array(4 * (MAX_NAME + 1));

/** A place in a message. `problem` says why the last read gave undefined. */
export class DnsReader {
  bytes: Uint8Array;
  /** First byte of the message: pointers count from here. */
  start: number;
  end: number;
  /** Next byte to be read. */
  here: number;
  problem: 'none' | 'cut' | 'malformed' = 'none';

  constructor(bytes: Uint8Array, start: number, end: number, here = start) {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.here = here;
  }

  /** Begins anew at `here` of another message. */
  move(bytes: Uint8Array, start: number, end: number, here: number): void {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.here = here;
    this.problem = 'none';
  }

  /** The same message, read from here to an earlier end. */
  window(end: number): DnsReader {
    return new DnsReader(this.bytes, this.start, Math.min(end, this.end), this.here);
  }

  get left(): number {
    return this.end - this.here;
  }

  u8(): number {
    return this.bytes[this.here++];
  }

  u16(): number {
    return (this.u8() << 8) | this.u8();
  }

  u32(): number {
    return this.u16() * 0x10000 + this.u16();
  }

  i32(): number {
    return (this.u16() << 16) | this.u16();
  }

  /**
   * The name that begins here, in presentation form without the final dot and with its case as it was sent: '' is the root, bytes that are no printable
   * ASCII, dots and backslashes inside a label are \DDD. A pointer must lead to before the run of labels it ends, so that every name ends.
   */
  name(): string | undefined {
    const length = this.nameInto();
    return length < 0 ? undefined : latin1(DNS_NAME, 0, length);
  }

  /** As `name`, written into DNS_NAME. @returns its characters, or -1. */
  nameInto(): number {
    const { bytes, start } = this;
    let here = this.here;
    let end = this.end;
    let run = here;
    let after = -1;
    let length = 1;
    let written = 0;
    let pointers = 0;
    for (;;) {
      if (here >= end) return this.#fail(after < 0 ? 'cut' : 'malformed');
      const label = bytes[here];
      if (label >= 0xc0) {
        if (here + 2 > end) return this.#fail(after < 0 ? 'cut' : 'malformed');
        const target = start + (((label & 63) << 8) | bytes[here + 1]);
        if (target >= run || target < start + HEADER_BYTES || ++pointers > MAX_POINTERS) return this.#fail('malformed');
        if (after < 0) after = here + 2;
        // What lies before this run has been seen, so its end is a safe end for the labels at the target.
        end = run;
        run = target;
        here = target;
        continue;
      }
      if (label > MAX_LABEL) return this.#fail('malformed');
      here++;
      if (label === 0) break;
      length += label + 1;
      if (length > MAX_NAME) return this.#fail('malformed');
      if (here + label > end) return this.#fail(after < 0 ? 'cut' : 'malformed');
      if (written > 0) DNS_NAME[written++] = 0x2e;
      for (const stop = here + label; here < stop; here++) written = escapeInto(DNS_NAME, written, bytes[here]);
    }
    this.here = after < 0 ? here : after;
    return written;
  }

  /** Goes behind the name that begins here without reading it. */
  skipName(): boolean {
    while (this.here < this.end) {
      const label = this.u8();
      if (label === 0) return true;
      if (label >= 0xc0) {
        if (++this.here <= this.end) return true;
        break;
      }
      if (label > MAX_LABEL) {
        this.problem = 'malformed';
        return false;
      }
      this.here += label;
    }
    this.problem = 'cut';
    return false;
  }

  #fail(problem: 'cut' | 'malformed'): number {
    this.problem = problem;
    return -1;
  }
}

/** Writes one byte of a label in presentation form and says where the next goes. */
function escapeInto(out: Uint8Array, at: number, byte: number): number {
  if (byte > 0x20 && byte < 0x7f && byte !== 0x2e && byte !== 0x5c) {
    out[at] = byte;
    return at + 1;
  }
  out[at] = 0x5c;
  out[at + 1] = 0x30 + Math.floor(byte / 100);
  out[at + 2] = 0x30 + (Math.floor(byte / 10) % 10);
  out[at + 3] = 0x30 + (byte % 10);
  return at + 4;
}

/** A character string in presentation form between quotes: `"` and `\` behind a backslash, what is no printable ASCII as \DDD. */
export function quotedText(bytes: Uint8Array, from: number, to: number): string {
  let out = '"';
  for (let i = from; i < to; i++) {
    const byte = bytes[i];
    if (byte === 0x22 || byte === 0x5c) out += `\\${String.fromCharCode(byte)}`;
    else if (byte >= 0x20 && byte < 0x7f) out += String.fromCharCode(byte);
    else out += `\\${String(byte).padStart(3, '0')}`;
  }
  return `${out}"`;
}

/** The bytes behind presentation form: \DDD and \c undone, other characters as UTF-8. */
export function unescapeText(text: string): Uint8Array {
  const out: number[] = [];
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) === 0x5c && i + 1 < text.length) {
      const [a, b, c] = [1, 2, 3].map((n) => text.charCodeAt(i + n) - 0x30);
      if (a >= 0 && a <= 9 && b >= 0 && b <= 9 && c >= 0 && c <= 9) {
        out.push((100 * a + 10 * b + c) & 255);
        i += 3;
        continue;
      }
      i++;
    }
    const code = text.codePointAt(i) ?? 0;
    if (code < 0x80) out.push(code);
    else {
      out.push(...utf8Bytes(String.fromCodePoint(code)));
      if (code > 0xffff) i++;
    }
  }
  return Uint8Array.from(out);
}

/** The labels of a name in presentation form; none of the root. A dot behind a backslash does not part labels. */
export function dnsLabels(name: string): string[] {
  if (!name.includes('\\')) return name.split('.').filter((label) => label !== '');
  return name === '' || name === '.' ? [] : (name.replace(/\.$/, '').match(/(?:\\.|[^.\\])+/g) ?? []);
}

/** A label or name for people: escapes undone and read as UTF-8 (RFC 6762 section 16), made safe to print. "Bob\226\128\153s\032iPhone" is "Bob’s iPhone". */
export function dnsNameText(name: string): string {
  // Most need nothing of it.
  if (/^[!-[\]-~]{0,255}$/.test(name)) return name;
  const bytes = unescapeText(name);
  return wireText(bytes, 0, bytes.length);
}

/**
 * Writes names, with pointers to names that were written before (whole suffixes, case kept apart) when it is given a table of them.
 * Throws a RangeError for a label above 63 bytes or a name above 255: no such message exists.
 */
export function writeName(out: ByteWriter, name: string, seen?: Map<string, number>): void {
  const labels = dnsLabels(name);
  const whole = labels.map(unescapeText);
  if (whole.some(({ length }) => length > MAX_LABEL) || whole.reduce((n, { length }) => n + length + 1, 1) > MAX_NAME)
    throw new RangeError(`not a domain name: ${name}`);
  for (let i = 0; i < labels.length; i++) {
    const suffix = labels.slice(i).join('.');
    const target = seen?.get(suffix);
    if (target !== undefined) {
      out.u16(0xc000 | target);
      return;
    }
    if (out.length < 0x4000) seen?.set(suffix, out.length);
    out.u8(whole[i].length).bytes(whole[i]);
  }
  out.u8(0);
}

/**
 * A name that stands alone, as DHCP options carry it: uncompressed labels, with or without the final zero (a partial name, RFC 4702 section 2.3.1). Text for
 * people, dots between labels; undefined when a label leaves the bytes or a pointer is there. `next` is behind the name.
 */
export function loneName(bytes: Uint8Array, from: number, to: number): { name: string; next: number } | undefined {
  const labels: string[] = [];
  let here = from;
  let length = 1;
  while (here < to) {
    const label = bytes[here++];
    if (label === 0) break;
    length += label + 1;
    if (label > MAX_LABEL || here + label > to || length > MAX_NAME) return undefined;
    labels.push(wireText(bytes, here, here + label));
    here += label;
  }
  return { name: labels.join('.'), next: here };
}

/** The wire form of a name of plain labels, as `loneName` reads it. */
export function encodeLoneName(name: string): Uint8Array {
  const out = new ByteWriter();
  writeName(out, name);
  return out.finish();
}
