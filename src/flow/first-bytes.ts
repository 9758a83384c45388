/**
 * How many of the first bytes of a side may be shown: all, or those before a secret that stands in the clear. Columns `initiatorFirstBytes` and
 * `responderFirstBytes` are for telling protocols apart, and no password is ever kept.
 *
 * What is looked for: the word before a password or its like in line protocols (PASS of FTP, POP3 and IRC, AUTH of SMTP and Redis, LOGIN and AUTHENTICATE of
 * IMAP), wherever in the bytes, in capitals or not; and the community of SNMP versions 1 and 2c (RFC 1157 section 4, RFC 1901 section 3).
 * @param further names of headers, in capitals, behind whose colon a secret stands too, where more than first bytes is kept
 * @returns 0 to `length`; what leads up to the secret stays.
 */
export function showableLength(
  bytes: Uint8Array,
  at: number,
  length: number,
  further: ReadonlySet<string> = NOTHING_FURTHER,
): number {
  const end = at + length;
  if (bytes[at] === BER_SEQUENCE) {
    const community = communityAt(bytes, at, end);
    if (community >= 0) return community - at;
  }
  let word = at;
  for (let here = at; here < end; here++) {
    const byte = bytes[here];
    if (byte > BLANK && byte !== COLON) continue;
    if (
      byte === BLANK &&
      ((SECRET_LENGTHS >> (here - word)) & 1) !== 0 &&
      SECRET_BEHIND.has(upperCase(bytes, word, here))
    )
      return here + 1 - at;
    // No blank need stand behind the name of a header.
    if (byte === COLON && further.size > 0 && further.has(upperCase(bytes, word, here))) return here + 1 - at;
    if (byte <= BLANK) word = here + 1;
  }
  return length;
}

const BLANK = 0x20;
const COLON = 0x3a;
/** No word behind which a secret stands is longer. */
const LONGEST_WORD = 32;
const SECRET_BEHIND: ReadonlySet<string> = new Set(['PASS', 'AUTH', 'LOGIN', 'AUTHENTICATE']);
/** How long these words are: bit n for n characters. */
const SECRET_LENGTHS = Array.from(SECRET_BEHIND).reduce((bits, word) => bits | (1 << word.length), 0);
/** Headers of HTTP, and of what is made like it, that carry credentials (RFC 9110 section 11, RFC 6265). */
export const SECRET_HEADER: ReadonlySet<string> = new Set([
  'AUTHORIZATION',
  'PROXY-AUTHORIZATION',
  'COOKIE',
  'SET-COOKIE',
  'X-API-KEY',
  'X-AUTH-TOKEN',
]);
const NOTHING_FURTHER: ReadonlySet<string> = new Set();

function upperCase(bytes: Uint8Array, at: number, end: number): string {
  if (end - at > LONGEST_WORD) return '';
  let text = '';
  for (let i = at; i < end; i++) text += String.fromCharCode(bytes[i]);
  return text.toUpperCase();
}

const BER_SEQUENCE = 0x30;
const BER_INTEGER = 0x02;
const BER_OCTET_STRING = 0x04;

/** Where an SNMP community begins, `end` at most; -1 where there is none. */
function communityAt(bytes: Uint8Array, at: number, end: number): number {
  // The length of the message in short or long form, then the version in one byte: 0 or 1.
  const size = bytes[at + 1];
  const version = at + 2 + (size > 0x80 ? size - 0x80 : 0);
  if (version + 5 > end) return -1;
  if (bytes[version] !== BER_INTEGER || bytes[version + 1] !== 1 || bytes[version + 2] > 1) return -1;
  if (bytes[version + 3] !== BER_OCTET_STRING) return -1;
  const long = bytes[version + 4];
  return Math.min(end, version + 5 + (long > 0x80 ? long - 0x80 : 0));
}
