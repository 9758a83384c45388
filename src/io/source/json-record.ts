import { decodeText } from '../../core/index.ts';

/**
 * One JSON object (RFC 8259) out of bytes, as its leaves: for every scalar and array the place of its key in the tree of keys that were ever seen, its kind, and where its bytes lie.
 * Nothing is built that nobody asks for, which makes it faster than JSON.parse with the objects that it leaves behind. Keys mostly come in the order in which they came last, so
 * each key is first compared with the one that followed then. What is no JSON is told with the place.
 */

export const LEAF_TEXT = 0;
/** A text with escapes in it. */
export const LEAF_ESCAPED = 1;
export const LEAF_NUMBER = 2;
export const LEAF_TRUE = 3;
export const LEAF_FALSE = 4;
/** null; NaN and the infinities too, which some programs write although JSON has none. */
export const LEAF_NULL = 5;
export const LEAF_ARRAY = 6;
/** An object below the depth to which objects are taken apart. */
export const LEAF_OBJECT = 7;

/** Different keys, by their path, that are told apart; further ones are counted in `refusedKeys`. */
export const MAX_KEYS = 4096;
/** A longer key is refused. */
const MAX_KEY_BYTES = 256;
/** Objects within objects that are taken apart. */
const MAX_FLAT_DEPTH = 16;
/** Deeper nesting is no record. */
const MAX_DEPTH = 128;
/** Values of one record. */
const MAX_LEAVES = 65_536;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const MINUS = 0x2d;
const PLUS = 0x2b;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;

const HASH_SLOTS = 4 * MAX_KEYS;
/** 10^0 to 10^22, which float64 holds exactly. */
const POWERS = Array.from({ length: 23 }, (_, i) => Number(`1e${i}`));

/** Reads one record after the other. What it says of a record stands until the next `scan`. */
export class JsonScanner {
  /** Values of the record, in its order; of a key that stands twice, both. */
  leafCount = 0;
  leafNode = new Int32Array(256);
  leafKind = new Uint8Array(256);
  /** First byte of the value: of a text, the one behind the quote. */
  leafFrom = new Int32Array(256);
  /** Behind the last byte of the value: of a text, its closing quote. */
  leafTo = new Int32Array(256);
  leafNumber = new Float64Array(256);

  /** Why `scan` said no, and the offset where, counted from the beginning of the record. */
  error = '';
  errorAt = 0;
  /** Keys that stood twice in their object so far. */
  duplicateKeys = 0;
  /** Values left out so far because their key was too long, or one too many. */
  refusedKeys = 0;
  /** Keys known so far; node 0 is the record itself. */
  nodeCount = 1;

  #parent = new Int32Array(MAX_KEYS + 1);
  #keyFrom = new Int32Array(MAX_KEYS + 1);
  #keyTo = new Int32Array(MAX_KEYS + 1);
  #keys = new Uint8Array(4096);
  #keysEnd = 0;
  #hash = new Int32Array(HASH_SLOTS);
  /** The key that came first in the object when it was last read, and the one that came after a key. */
  #first = new Int32Array(MAX_KEYS + 1);
  #after = new Int32Array(MAX_KEYS + 1);
  #stamp = new Float64Array(MAX_KEYS + 1);
  #unwanted = new Uint8Array(MAX_KEYS + 1);
  #record = 0;
  #stack = new Int32Array(MAX_FLAT_DEPTH + 1);
  #nesting = new Uint8Array(MAX_DEPTH + 1);
  /** Where the last helper stopped; -1 after an error. */
  #at = 0;
  #wasEscaped = false;
  #number = 0;

  /** The node of a key by its path, made where it is not known. -1 at the cap. */
  node(...path: readonly string[]): number {
    let node = 0;
    for (const key of path) {
      const bytes = Buffer.from(key);
      node = this.#child(node, bytes, 0, bytes.length);
      if (node < 0) return -1;
    }
    return node;
  }

  /** Values below this key are read over. */
  ignore(node: number): void {
    if (node > 0) this.#unwanted[node] = 1;
  }

  /** The object of this key is one leaf, whatever is in it. */
  keepWhole(node: number): void {
    if (node > 0) this.#unwanted[node] = 2;
  }

  /** Whether a key stands below another one, or is it. */
  isWithin(node: number, top: number): boolean {
    for (let at = node; at > 0; at = this.#parent[at]!) if (at === top) return true;
    return top === 0;
  }

  /** Keys from the record down, joined by dots. */
  name(node: number): string {
    const parts: string[] = [];
    for (let at = node; at > 0; at = this.#parent[at]!)
      parts.unshift(Buffer.from(this.#keys.subarray(this.#keyFrom[at], this.#keyTo[at])).toString());
    return parts.join('.');
  }

  /** Reads the object in `bytes[from, to)`. False where it is none: `error` and `errorAt` say why. */
  scan(bytes: Uint8Array, from: number, to: number): boolean {
    this.leafCount = 0;
    this.#record++;
    this.error = '';
    let at = space(bytes, from, to);
    if (at >= to) return this.#fail('empty', at, from);
    if (bytes[at] !== OPEN_OBJECT)
      return this.#fail(bytes[at] === OPEN_ARRAY ? 'an array, not an object' : 'no JSON object', at, from);
    const stamp = this.#stamp;
    const after = this.#after;
    const first = this.#first;
    // Keys that come to stand elsewhere while this record is read are found by their hash.
    const keys = this.#keys;
    const stack = this.#stack;
    let depth = 0;
    let object = 0;
    let previous = 0;
    stack[0] = 0;
    at++;
    let mayClose = true;
    for (;;) {
      if (at < to && bytes[at]! <= 0x20) at = space(bytes, at, to);
      if (at >= to) return this.#fail('ends within an object', at, from);
      let c = bytes[at]!;
      if (c === QUOTE) {
        at++;
        // The key that stood here last time, most likely.
        let node = previous === 0 ? first[object]! : after[previous]!;
        let isKnown = false;
        if (node > 0) {
          const keyFrom = this.#keyFrom[node]!;
          const length = this.#keyTo[node]! - keyFrom;
          if (at + length < to && bytes[at + length] === QUOTE) {
            let i = 0;
            while (i < length && bytes[at + i] === keys[keyFrom + i]) i++;
            if (i === length) {
              isKnown = true;
              at += length + 1;
            }
          }
        }
        if (!isKnown) {
          const end = this.#string(bytes, at, to, from);
          if (end < 0) return false;
          if (object < 0) node = -1;
          else if (this.#wasEscaped) {
            const plain = new Uint8Array(end - at);
            node = this.#child(object, plain, 0, unescapeJson(bytes, at, end, plain));
          } else node = this.#child(object, bytes, at, end);
          at = end + 1;
          if (node < 0) this.refusedKeys++;
          // A key with escapes stands otherwise in the bytes than it is known: it is not expected.
          else if (previous === 0) first[object] = this.#wasEscaped ? 0 : node;
          else after[previous] = this.#wasEscaped ? 0 : node;
        }
        if (node > 0) {
          previous = node;
          if (stamp[node] === this.#record) this.duplicateKeys++;
          else stamp[node] = this.#record;
        }
        if (at < to && bytes[at]! <= 0x20) at = space(bytes, at, to);
        if (at >= to || bytes[at] !== COLON)
          return this.#fail(at >= to ? 'ends behind a key' : "no ':' behind a key", at, from);
        at++;
        if (at < to && bytes[at]! <= 0x20) at = space(bytes, at, to);
        if (at >= to) return this.#fail('ends behind a key', at, from);
        c = bytes[at]!;
        if (c === OPEN_OBJECT && depth < MAX_FLAT_DEPTH && node > 0 && this.#unwanted[node] === 0) {
          stack[++depth] = node;
          object = node;
          previous = 0;
          at++;
          mayClose = true;
          continue;
        }
        const start = at;
        let kind: number;
        if (c === QUOTE) {
          at = this.#string(bytes, at + 1, to, from);
          if (at < 0) return false;
          kind = this.#wasEscaped ? LEAF_ESCAPED : LEAF_TEXT;
          if (node > 0) this.#leaf(node, kind, start + 1, at, 0, from);
          at++;
        } else {
          kind = this.#value(bytes, at, to, from);
          if (kind < 0) return false;
          at = this.#at;
          if (node > 0) this.#leaf(node, kind, start, at, this.#number, from);
        }
        if (this.error !== '') return false;
      } else if (c !== CLOSE_OBJECT || !mayClose) {
        return this.#fail(c === CLOSE_OBJECT ? "a ',' before a '}'" : 'no quoted key', at, from);
      }
      // Behind a value, or at the end of an empty object.
      for (;;) {
        if (at < to && bytes[at]! <= 0x20) at = space(bytes, at, to);
        if (at >= to) return this.#fail('ends within an object', at, from);
        c = bytes[at]!;
        if (c === COMMA) {
          at++;
          mayClose = false;
          break;
        }
        if (c !== CLOSE_OBJECT) return this.#fail("neither ',' nor '}' behind a value", at, from);
        at++;
        if (depth === 0) {
          at = space(bytes, at, to);
          return at === to || this.#fail('more behind the object', at, from);
        }
        // The node of an object that ends is the key before the next one.
        previous = stack[depth--]!;
        object = stack[depth]!;
      }
    }
  }

  /** Text of a leaf; bytes that are no UTF-8 stay visible in it. */
  text(bytes: Uint8Array, leaf: number): string {
    const from = this.leafFrom[leaf]!;
    const to = this.leafTo[leaf]!;
    if (this.leafKind[leaf] !== LEAF_ESCAPED) return decodeText(bytes, from, to);
    const plain = new Uint8Array(to - from);
    return decodeText(plain, 0, unescapeJson(bytes, from, to, plain));
  }

  #fail(reason: string, at: number, from: number): false {
    this.error = reason;
    this.errorAt = at - from;
    this.#at = -1;
    return false;
  }

  #leaf(node: number, kind: number, from: number, to: number, value: number, start: number): void {
    if (this.#unwanted[node] === 1) return;
    const i = this.leafCount;
    if (i === this.leafNode.length) {
      if (i >= MAX_LEAVES) {
        this.#fail(`more than 65,536 values`, from, start);
        return;
      }
      this.leafNode = grown(this.leafNode, new Int32Array(2 * i));
      this.leafKind = grown(this.leafKind, new Uint8Array(2 * i));
      this.leafFrom = grown(this.leafFrom, new Int32Array(2 * i));
      this.leafTo = grown(this.leafTo, new Int32Array(2 * i));
      this.leafNumber = grown(this.leafNumber, new Float64Array(2 * i));
    }
    this.leafNode[i] = node;
    this.leafKind[i] = kind;
    this.leafFrom[i] = from;
    this.leafTo[i] = to;
    this.leafNumber[i] = value;
    this.leafCount = i + 1;
  }

  /** Node of a key of an object; 0 stands for none in the hash table, as the record itself is nobody's key. */
  #child(object: number, bytes: Uint8Array, from: number, to: number): number {
    const length = to - from;
    if (length > MAX_KEY_BYTES) return -1;
    let hash = Math.imul(object + 1, 0x9e3779b1);
    for (let i = from; i < to; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
    hash ^= hash >>> 15;
    let slot = hash & (HASH_SLOTS - 1);
    for (;;) {
      const node = this.#hash[slot]!;
      if (node === 0) break;
      const keyFrom = this.#keyFrom[node]!;
      if (this.#parent[node] === object && this.#keyTo[node]! - keyFrom === length) {
        let i = 0;
        while (i < length && this.#keys[keyFrom + i] === bytes[from + i]) i++;
        if (i === length) return node;
      }
      slot = (slot + 1) & (HASH_SLOTS - 1);
    }
    if (this.nodeCount > MAX_KEYS) return -1;
    const node = this.nodeCount++;
    if (this.#keysEnd + length > this.#keys.length)
      this.#keys = grown(this.#keys, new Uint8Array(2 * this.#keys.length + length));
    this.#keys.set(bytes.subarray(from, to), this.#keysEnd);
    this.#parent[node] = object;
    this.#keyFrom[node] = this.#keysEnd;
    this.#keysEnd += length;
    this.#keyTo[node] = this.#keysEnd;
    this.#unwanted[node] = this.#unwanted[object]!;
    this.#hash[slot] = node;
    return node;
  }

  /** From behind an opening quote to the closing one, or -1. */
  #string(bytes: Uint8Array, from: number, to: number, start: number): number {
    let escaped = false;
    for (let at = from; at < to; at++) {
      const c = bytes[at]!;
      if (c === QUOTE) {
        this.#wasEscaped = escaped;
        return at;
      }
      if (c < 0x20) {
        this.#fail('a control character in a text', at, start);
        return -1;
      }
      if (c !== BACKSLASH) continue;
      escaped = true;
      at++;
      if (at >= to) break;
      const e = bytes[at]!;
      if (e === 0x75) {
        for (let i = 1; i <= 4; i++)
          if (at + i < to && hexValue(bytes[at + i]!) < 0) {
            this.#fail('an escape that JSON does not know', at - 1, start);
            return -1;
          }
        at += 4;
      } else if (!isEscape(e)) {
        this.#fail('an escape that JSON does not know', at - 1, start);
        return -1;
      }
    }
    this.#fail('ends within a text', to, start);
    return -1;
  }

  /** A value that is neither a text nor an object to be taken apart: its kind, or -1. `#at` is behind it. */
  #value(bytes: Uint8Array, at: number, to: number, start: number): number {
    const c = bytes[at]!;
    if (c === OPEN_ARRAY || c === OPEN_OBJECT) {
      if (!this.#skip(bytes, at, to, start)) return -1;
      return c === OPEN_ARRAY ? LEAF_ARRAY : LEAF_OBJECT;
    }
    if ((c >= ZERO && c <= NINE) || c === MINUS) {
      if (c === MINUS && bytes[at + 1] === 0x49) return this.#word(bytes, at, to, start, '-Infinity', LEAF_NULL);
      return this.#numeral(bytes, at, to, start) ? LEAF_NUMBER : -1;
    }
    if (c === 0x74) return this.#word(bytes, at, to, start, 'true', LEAF_TRUE);
    if (c === 0x66) return this.#word(bytes, at, to, start, 'false', LEAF_FALSE);
    if (c === 0x6e) return this.#word(bytes, at, to, start, 'null', LEAF_NULL);
    if (c === 0x4e) return this.#word(bytes, at, to, start, 'NaN', LEAF_NULL);
    if (c === 0x49) return this.#word(bytes, at, to, start, 'Infinity', LEAF_NULL);
    this.#fail('no value behind a key', at, start);
    return -1;
  }

  #word(bytes: Uint8Array, at: number, to: number, start: number, word: string, kind: number): number {
    for (let i = 0; i < word.length; i++) {
      if (at + i >= to) {
        this.#fail('ends within a word', to, start);
        return -1;
      }
      if (bytes[at + i] !== word.charCodeAt(i)) {
        this.#fail('a word that is neither true, false nor null', at, start);
        return -1;
      }
    }
    this.#at = at + word.length;
    return kind;
  }

  /** A number by the grammar, exact: where 2^53 or 10^22 are not enough for one division, Number() reads the text. */
  #numeral(bytes: Uint8Array, from: number, to: number, start: number): boolean {
    let at = from;
    const negative = bytes[at] === MINUS;
    if (negative) at++;
    let mantissa = 0;
    let digits = 0;
    let c = at < to ? bytes[at]! : 0;
    if (c === ZERO && at + 1 < to && bytes[at + 1]! >= ZERO && bytes[at + 1]! <= NINE)
      return this.#fail('a number with a leading zero', at, start);
    const whole = at;
    while (c >= ZERO && c <= NINE) {
      mantissa = mantissa * 10 + (c - ZERO);
      if (mantissa !== 0) digits++;
      at++;
      c = at < to ? bytes[at]! : 0;
    }
    if (at === whole) return this.#fail('a number without digits', at, start);
    let scale = 0;
    if (c === POINT) {
      at++;
      const fraction = at;
      c = at < to ? bytes[at]! : 0;
      while (c >= ZERO && c <= NINE) {
        mantissa = mantissa * 10 + (c - ZERO);
        if (mantissa !== 0) digits++;
        at++;
        c = at < to ? bytes[at]! : 0;
      }
      scale = at - fraction;
      if (scale === 0) return this.#fail('a number without digits', at, start);
    }
    let isPlain = digits <= 15 && scale <= 22;
    if (c === 0x65 || c === 0x45) {
      isPlain = false;
      at++;
      if (at < to && (bytes[at] === PLUS || bytes[at] === MINUS)) at++;
      const exponent = at;
      while (at < to && bytes[at]! >= ZERO && bytes[at]! <= NINE) at++;
      if (at === exponent) return this.#fail('a number without digits', at, start);
    }
    if (isPlain) {
      const value = scale === 0 ? mantissa : mantissa / POWERS[scale]!;
      this.#number = negative ? -value : value;
    } else this.#number = Number(latin1(bytes, from, at));
    this.#at = at;
    return true;
  }

  /** Reads over an array or object, holding it to the grammar. */
  #skip(bytes: Uint8Array, from: number, to: number, start: number): boolean {
    const nesting = this.#nesting;
    let depth = 0;
    let at = from;
    // True where a value may stand; in an object, a key before it.
    let wants = true;
    let mayClose = false;
    for (;;) {
      if (at < to && bytes[at]! <= 0x20) at = space(bytes, at, to);
      if (at >= to) return this.#fail('ends within an array or object', at, start);
      const c = bytes[at]!;
      if (c === CLOSE_ARRAY || c === CLOSE_OBJECT) {
        if ((wants && !mayClose) || depth === 0 || nesting[depth] !== c)
          return this.#fail(`a '${String.fromCharCode(c)}' in the wrong place`, at, start);
        at++;
        if (--depth === 0) {
          this.#at = at;
          return true;
        }
        wants = false;
        mayClose = false;
        continue;
      }
      if (!wants) {
        if (c !== COMMA) return this.#fail("no ',' between values", at, start);
        at++;
        wants = true;
        mayClose = false;
        continue;
      }
      mayClose = false;
      if (nesting[depth] === CLOSE_OBJECT && depth > 0) {
        if (c !== QUOTE) return this.#fail('no quoted key', at, start);
        at = this.#string(bytes, at + 1, to, start);
        if (at < 0) return false;
        at = space(bytes, at + 1, to);
        if (at >= to || bytes[at] !== COLON)
          return this.#fail(at >= to ? 'ends behind a key' : "no ':' behind a key", at, start);
        at = space(bytes, at + 1, to);
        if (at >= to) return this.#fail('ends behind a key', at, start);
      }
      const v = bytes[at]!;
      if (v === OPEN_ARRAY || v === OPEN_OBJECT) {
        if (++depth > MAX_DEPTH) return this.#fail(`nested deeper than ${MAX_DEPTH} levels`, at, start);
        nesting[depth] = v + 2;
        at++;
        mayClose = true;
        continue;
      }
      if (v === QUOTE) {
        at = this.#string(bytes, at + 1, to, start);
        if (at < 0) return false;
        at++;
      } else {
        if (this.#value(bytes, at, to, start) < 0) return false;
        at = this.#at;
      }
      wants = false;
    }
  }
}

/** At most this much of an array becomes a text. */
export const MAX_ARRAY_TEXT = 4096;

/**
 * A JSON array that is known to be well-formed as one text: its scalars joined by commas; where arrays or objects stand in it, the JSON itself. Cut at `MAX_ARRAY_TEXT` characters.
 * An empty array is undefined: there is nothing in it to tell.
 */
export function arrayText(bytes: Uint8Array, from: number, to: number): string | undefined {
  const parts: string[] = [];
  let length = 0;
  let at = from + 1;
  for (;;) {
    at = space(bytes, at, to);
    const c = bytes[at]!;
    if (at >= to || c === CLOSE_ARRAY) break;
    if (c === COMMA) {
      at++;
      continue;
    }
    if (c === OPEN_ARRAY || c === OPEN_OBJECT) return decodeText(bytes, from, Math.min(to, from + MAX_ARRAY_TEXT));
    const start = at;
    if (c === QUOTE) {
      at++;
      let escaped = false;
      while (at < to && bytes[at] !== QUOTE) {
        if (bytes[at] === BACKSLASH) {
          escaped = true;
          at++;
        }
        at++;
      }
      if (length <= MAX_ARRAY_TEXT) {
        if (escaped) {
          const plain = new Uint8Array(at - start);
          parts.push(decodeText(plain, 0, unescapeJson(bytes, start + 1, at, plain)));
        } else parts.push(decodeText(bytes, start + 1, at));
      }
      at++;
    } else {
      while (at < to && bytes[at] !== COMMA && bytes[at] !== CLOSE_ARRAY && bytes[at]! > 0x20) at++;
      if (length <= MAX_ARRAY_TEXT) parts.push(latin1(bytes, start, at));
    }
    length += at - start;
  }
  return parts.length === 0 ? undefined : parts.join(',').slice(0, MAX_ARRAY_TEXT);
}

/** Writes the text in `bytes[from, to)`, whose escapes are known to be well-formed, as UTF-8 to `out`, which has room for as much. @returns bytes written. */
export function unescapeJson(bytes: Uint8Array, from: number, to: number, out: Uint8Array): number {
  let n = 0;
  for (let at = from; at < to; at++) {
    const c = bytes[at]!;
    if (c !== BACKSLASH) {
      out[n++] = c;
      continue;
    }
    const e = bytes[++at]!;
    if (e !== 0x75) {
      out[n++] = e === 0x6e ? 10 : e === 0x74 ? 9 : e === 0x72 ? 13 : e === 0x62 ? 8 : e === 0x66 ? 12 : e;
      continue;
    }
    let code = hex4(bytes, at + 1);
    at += 4;
    if (code >= 0xd800 && code < 0xdc00 && bytes[at + 1] === BACKSLASH && bytes[at + 2] === 0x75 && at + 6 < to) {
      const low = hex4(bytes, at + 3);
      if (low >= 0xdc00 && low < 0xe000) {
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        at += 6;
      }
    }
    if (code >= 0xd800 && code < 0xe000) code = 0xfffd;
    if (code < 0x80) out[n++] = code;
    else if (code < 0x800) {
      out[n++] = 0xc0 | (code >> 6);
      out[n++] = 0x80 | (code & 63);
    } else if (code < 0x10000) {
      out[n++] = 0xe0 | (code >> 12);
      out[n++] = 0x80 | ((code >> 6) & 63);
      out[n++] = 0x80 | (code & 63);
    } else {
      out[n++] = 0xf0 | (code >> 18);
      out[n++] = 0x80 | ((code >> 12) & 63);
      out[n++] = 0x80 | ((code >> 6) & 63);
      out[n++] = 0x80 | (code & 63);
    }
  }
  return n;
}

/** The first byte from `at` that is no white space. */
export function space(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to) {
    const c = bytes[at]!;
    if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) break;
    at++;
  }
  return at;
}

function latin1(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('latin1');
}

function hexValue(c: number): number {
  if (c >= ZERO && c <= NINE) return c - ZERO;
  const lower = c | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

function hex4(bytes: Uint8Array, at: number): number {
  let code = 0;
  for (let i = 0; i < 4; i++) code = (code << 4) | hexValue(bytes[at + i]!);
  return code;
}

function isEscape(c: number): boolean {
  return (
    c === QUOTE || c === BACKSLASH || c === 0x2f || c === 0x62 || c === 0x66 || c === 0x6e || c === 0x72 || c === 0x74
  );
}

function grown<T extends Uint8Array | Int32Array | Float64Array>(from: T, to: T): T {
  to.set(from as never);
  return to;
}
