/**
 * What a text looks like, in numbers: entropy, digits, the shapes of encoded data, the distance of two texts. Pure functions; a text that has
 * nothing to measure gives NaN, never 0. They read UTF-16 code units: names on the wire are ASCII.
 */

const counts = new Uint16Array(128);

/**
 * Shannon entropy of the characters, in bits per character: -sum p log2 p over the share p of each character (Shannon 1948). 0 for a text of one
 * repeated character, at most log2 of its length; NaN for ''. Short texts cannot have a high one: compare texts of like length.
 */
export function shannonEntropy(text: string): number {
  const n = text.length;
  if (n === 0) return Number.NaN;
  let others: Map<number, number> | undefined;
  // A table for ASCII, a map only for what lies beyond. Texts longer than its 16 bits go by the map as well.
  const inTable = n < 65_536;
  for (let i = 0; i < n; i++) {
    const code = text.charCodeAt(i);
    if (code < 128 && inTable) counts[code]++;
    else {
      others ??= new Map();
      others.set(code, (others.get(code) ?? 0) + 1);
    }
  }
  let bits = 0;
  if (inTable)
    for (let i = 0; i < n; i++) {
      const code = text.charCodeAt(i);
      if (code >= 128 || counts[code] === 0) continue;
      bits += counts[code] * Math.log2(n / counts[code]);
      counts[code] = 0;
    }
  if (others !== undefined) for (const count of others.values()) bits += count * Math.log2(n / count);
  return bits / n;
}

/** Share of the digits 0 to 9 in the text, 0..1; NaN for ''. */
export function digitRatio(text: string): number {
  return share(text, isDigit);
}

/** Share of the vowels a, e, i, o, u in the letters of the text, 0..1; NaN without a letter. English words lie near 0.4, random letters at 0.19. */
export function vowelRatio(text: string): number {
  let letters = 0;
  let vowels = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i) | 32;
    if (code < 97 || code > 122) continue;
    letters++;
    if (isVowel(code)) vowels++;
  }
  return letters === 0 ? Number.NaN : vowels / letters;
}

/** The longest run of consonants (letters but a, e, i, o, u), 0 for a text without one. */
export function longestConsonantRun(text: string): number {
  let longest = 0;
  let run = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i) | 32;
    run = code >= 97 && code <= 122 && !isVowel(code) ? run + 1 : 0;
    if (run > longest) longest = run;
  }
  return longest;
}

function isVowel(lower: number): boolean {
  return lower === 97 || lower === 101 || lower === 105 || lower === 111 || lower === 117;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function share(text: string, test: (code: number) => boolean): number {
  if (text.length === 0) return Number.NaN;
  let n = 0;
  for (let i = 0; i < text.length; i++) if (test(text.charCodeAt(i))) n++;
  return n / text.length;
}

/** A text shorter than this is too often a word, a date or a version to be called encoded data. */
export const ENCODED_MIN_LENGTH = 16;

/**
 * Whether the text is data in hexadecimal: `minLength` characters or more, all of 0-9 and a-f in one case, and both digits and letters among them (a run of
 * digits is a number, one of letters may be a word). An odd number is fine: tunnels cut their data where a label ends. A random hex text of 16 characters
 * lacks one of the two with a chance of 0.06 %.
 */
export function looksHex(text: string, minLength: number = ENCODED_MIN_LENGTH): boolean {
  if (text.length < minLength) return false;
  if (!/^(?:[0-9a-f]+|[0-9A-F]+)$/.test(text)) return false;
  return /[0-9]/.test(text) && /[a-fA-F]/.test(text);
}

/**
 * Whether the text is data in Base32 (RFC 4648 section 6: A-Z and 2-7; section 7, base32hex, 0-9 and A-V), in one case, with or without '='
 * padding, of a length that the encoding can have (no remainder of 1, 3 or 6 characters by 8), `minLength` or more. Words are of that alphabet as
 * well, so it also asks for digits in the proportion of random data (6 in 32 characters; a quarter of that or more, and 2 at least) and for an
 * entropy of at least 70 % of what its length allows. Text of the hexadecimal alphabet alone is that and not this.
 */
export function looksBase32(text: string, minLength: number = ENCODED_MIN_LENGTH): boolean {
  const body = text.replace(/={1,6}$/, '');
  if (body.length < minLength || (body.length !== text.length && text.length % 8 !== 0)) return false;
  if (!/^(?:[A-Z2-7]+|[a-z2-7]+|[0-9A-V]+|[0-9a-v]+)$/.test(body)) return false;
  if (/^[0-9a-f]+$/i.test(body)) return false;
  const rest = body.length % 8;
  if (rest === 1 || rest === 3 || rest === 6) return false;
  return hasRandomDigits(body, 6 / 32) && isDense(body, 32);
}

/**
 * Whether the text is data in Base64 (RFC 4648 section 4) or base64url (section 5, with - and _), with or without '=' padding, of a length that the
 * encoding can have, `minLength` or more. It asks for both cases and a digit or sign, and for an entropy of at least 70 % of what its length allows;
 * names in the DNS, which loses case, are therefore never called so where they come in lower case.
 */
export function looksBase64(text: string, minLength: number = ENCODED_MIN_LENGTH): boolean {
  const body = text.replace(/={1,2}$/, '');
  if (body.length < minLength || body.length % 4 === 1) return false;
  if (body.length !== text.length && text.length % 4 !== 0) return false;
  if (!/^(?:[A-Za-z0-9+/]+|[A-Za-z0-9_-]+)$/.test(body)) return false;
  if (!/[a-z]/.test(body) || !/[A-Z]/.test(body) || !/[0-9+/_-]/.test(body)) return false;
  // Names in camel case and paths have long runs of one case; random data changes it every other letter.
  let letters = 0;
  let changes = 0;
  let previous = -1;
  for (let i = 0; i < body.length; i++) {
    const code = body.charCodeAt(i);
    const kind = code >= 97 && code <= 122 ? 1 : code >= 65 && code <= 90 ? 0 : -1;
    if (kind < 0) continue;
    if (previous >= 0) {
      letters++;
      if (kind !== previous) changes++;
    }
    previous = kind;
  }
  return letters > 0 && changes / letters >= 0.25 && isDense(body, 64);
}

function hasRandomDigits(body: string, expected: number): boolean {
  const digits = digitRatio(body) * body.length;
  return digits >= 2 && digits >= (body.length * expected) / 4;
}

/** Entropy against the most that so many characters of an alphabet can have. */
function isDense(body: string, alphabet: number): boolean {
  return shannonEntropy(body) >= 0.7 * Math.log2(Math.min(body.length, alphabet));
}

/**
 * Levenshtein's edit distance (1966): insertions, deletions and substitutions that turn one text into the other, each 1. Where it is above `atMost`
 * the answer is `atMost` + 1 and the work stops early; so a search for near names costs O(length x atMost). `atMost` below 0 is taken as 0.
 */
export function levenshtein(a: string, b: string, atMost: number = 64): number {
  const cap = Math.max(0, Math.floor(atMost)) + 1;
  if (a === b) return 0;
  if (a.length < b.length) [a, b] = [b, a];
  const n = a.length;
  const m = b.length;
  if (n - m >= cap) return cap;
  let previous = new Int32Array(m + 1);
  let current = new Int32Array(m + 1);
  for (let j = 0; j <= m; j++) previous[j] = Math.min(j, cap);
  for (let i = 1; i <= n; i++) {
    // Only the band in which a distance below the cap is possible; what lies outside counts as the cap.
    const from = Math.max(1, i - cap + 1);
    const to = Math.min(m, i + cap - 1);
    current.fill(cap);
    if (from === 1) current[0] = Math.min(i, cap);
    let least = current[0];
    const code = a.charCodeAt(i - 1);
    for (let j = from; j <= to; j++) {
      const substituted = previous[j - 1] + (code === b.charCodeAt(j - 1) ? 0 : 1);
      const distance = Math.min(substituted, previous[j] + 1, current[j - 1] + 1, cap);
      current[j] = distance;
      if (distance < least) least = distance;
    }
    if (least >= cap) return cap;
    [previous, current] = [current, previous];
  }
  return previous[m];
}
