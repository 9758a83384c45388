/**
 * AES-128 (FIPS 197) and its Galois/Counter Mode (NIST SP 800-38D), to open what is sealed with keys that everybody on the way can derive. The time that it takes depends on the key: never for a secret
 * one. With a library's general one each Initial packet of QUIC took as long as twenty whole flows of other kinds.
 */

const ROUNDS = 10;
const BLOCK_BYTES = 16;
const TAG_BYTES = 16;
/** What a multiplication by x adds where a bit leaves the block, SP 800-38D section 6.3. */
const REDUCTION = 0xe1000000;

/** FIPS 197 section 5.1.1, and the four tables that join SubBytes, ShiftRows and MixColumns for a byte of each row. */
const SBOX = new Uint8Array(256);
const T0 = new Int32Array(256);
const T1 = new Int32Array(256);
const T2 = new Int32Array(256);
const T3 = new Int32Array(256);
/** What the four bits that leave a block by multiplications by x add to its first word. */
const LEFT = new Int32Array(16);

function doubled(byte: number): number {
  return ((byte << 1) ^ (byte & 0x80 ? 0x11b : 0)) & 0xff;
}

function fillTables(): void {
  // 3 generates all bytes but 0 (p), and 0xf6 is its inverse (q): so q is always the inverse of p.
  let p = 1;
  let q = 1;
  do {
    p ^= doubled(p);
    q ^= q << 1;
    q ^= q << 2;
    q ^= q << 4;
    q &= 0xff;
    if (q & 0x80) q ^= 0x09;
    const turned = q ^ (q << 1) ^ (q << 2) ^ (q << 3) ^ (q << 4);
    SBOX[p] = (turned ^ (turned >> 8) ^ 0x63) & 0xff;
  } while (p !== 1);
  SBOX[0] = 0x63;
  for (let i = 0; i < 256; i++) {
    const s = SBOX[i];
    const twice = doubled(s);
    const word = (twice << 24) | (s << 16) | (s << 8) | (twice ^ s);
    T0[i] = word;
    T1[i] = (word >>> 8) | (word << 24);
    T2[i] = (word >>> 16) | (word << 16);
    T3[i] = (word >>> 24) | (word << 8);
  }
  for (let left = 0; left < 16; left++) {
    let word = 0;
    for (let i = 0, rest = left; i < 4; i++, rest >>= 1) word = (word >>> 1) ^ (rest & 1 ? REDUCTION : 0);
    LEFT[left] = word;
  }
}
fillTables();

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
}

/** One block, in words: what was encrypted last. */
const OUT = new Int32Array(4);
/** The hash of what is sealed, under way. */
const HASH = new Int32Array(4);

/** A key of 16 bytes, made ready. */
export class AesKey {
  /** Of all rounds, FIPS 197 section 5.2. */
  #words = new Int32Array(4 * (ROUNDS + 1));
  /** The hash key times each of the sixteen nibbles, four words each; made when it is first wanted. */
  #products: Int32Array | undefined;

  constructor(key: Uint8Array) {
    const w = this.#words;
    for (let i = 0; i < 4; i++) w[i] = word(key, 4 * i);
    let constant = 1;
    for (let i = 4; i < w.length; i++) {
      let before = w[i - 1];
      if (i % 4 === 0) {
        before =
          ((SBOX[(before >>> 16) & 255] ^ constant) << 24) |
          (SBOX[(before >>> 8) & 255] << 16) |
          (SBOX[before & 255] << 8) |
          SBOX[before >>> 24];
        constant = doubled(constant);
      }
      w[i] = w[i - 4] ^ before;
    }
  }

  /** The block of 16 bytes at `at`, encrypted. */
  encrypt(bytes: Uint8Array, at: number): Uint8Array {
    this.#encrypt(word(bytes, at), word(bytes, at + 4), word(bytes, at + 8), word(bytes, at + 12));
    return Uint8Array.from({ length: BLOCK_BYTES }, (_, i) => OUT[i >> 2] >>> (24 - 8 * (i & 3)));
  }

  /** Encrypts four words into OUT. */
  #encrypt(in0: number, in1: number, in2: number, in3: number): void {
    const w = this.#words;
    let a = in0 ^ w[0];
    let b = in1 ^ w[1];
    let c = in2 ^ w[2];
    let d = in3 ^ w[3];
    let k = 4;
    for (let round = 1; round < ROUNDS; round++, k += 4) {
      const a1 = T0[a >>> 24] ^ T1[(b >>> 16) & 255] ^ T2[(c >>> 8) & 255] ^ T3[d & 255] ^ w[k];
      const b1 = T0[b >>> 24] ^ T1[(c >>> 16) & 255] ^ T2[(d >>> 8) & 255] ^ T3[a & 255] ^ w[k + 1];
      const c1 = T0[c >>> 24] ^ T1[(d >>> 16) & 255] ^ T2[(a >>> 8) & 255] ^ T3[b & 255] ^ w[k + 2];
      d = T0[d >>> 24] ^ T1[(a >>> 16) & 255] ^ T2[(b >>> 8) & 255] ^ T3[c & 255] ^ w[k + 3];
      a = a1;
      b = b1;
      c = c1;
    }
    OUT[0] = substituted(a, b, c, d) ^ w[k];
    OUT[1] = substituted(b, c, d, a) ^ w[k + 1];
    OUT[2] = substituted(c, d, a, b) ^ w[k + 2];
    OUT[3] = substituted(d, a, b, c) ^ w[k + 3];
  }

  /**
   * Opens `sealed[from, to)`, whose last 16 bytes are the tag; `head` is what was sealed with it and left readable.
   * @param nonce of 12 bytes. @returns what it holds; undefined when the tag does not fit.
   */
  open(nonce: Uint8Array, head: Uint8Array, sealed: Uint8Array, from: number, to: number): Uint8Array | undefined {
    const end = to - TAG_BYTES;
    if (end < from) return undefined;
    HASH.fill(0);
    this.#hash(head, 0, head.length);
    this.#hash(sealed, from, end);
    HASH[1] ^= 8 * head.length;
    HASH[3] ^= 8 * (end - from);
    this.#multiply();
    const n0 = word(nonce, 0);
    const n1 = word(nonce, 4);
    const n2 = word(nonce, 8);
    this.#encrypt(n0, n1, n2, 1);
    for (let i = 0; i < 4; i++) if ((HASH[i] ^ OUT[i]) !== word(sealed, end + 4 * i)) return undefined;
    const plain = new Uint8Array(end - from);
    for (let at = 0, counter = 2; at < plain.length; counter++) {
      this.#encrypt(n0, n1, n2, counter);
      const stop = Math.min(at + BLOCK_BYTES, plain.length);
      for (let i = 0; at < stop; i++, at++) plain[at] = sealed[from + at] ^ (OUT[i >> 2] >>> (24 - 8 * (i & 3)));
    }
    return plain;
  }

  /** Takes bytes into HASH, block by block, the last one filled up with zeros. */
  #hash(bytes: Uint8Array, from: number, to: number): void {
    let at = from;
    for (; at + BLOCK_BYTES <= to; at += BLOCK_BYTES) {
      HASH[0] ^= word(bytes, at);
      HASH[1] ^= word(bytes, at + 4);
      HASH[2] ^= word(bytes, at + 8);
      HASH[3] ^= word(bytes, at + 12);
      this.#multiply();
    }
    if (at === to) return;
    for (let i = 0; at < to; i++, at++) HASH[i >> 2] ^= bytes[at] << (24 - 8 * (i & 3));
    this.#multiply();
  }

  /** HASH times the hash key, four bits at a time from the last. */
  #multiply(): void {
    this.#products ??= this.#productsOf();
    const products = this.#products;
    let a = 0;
    let b = 0;
    let c = 0;
    let d = 0;
    for (let i = 3; i >= 0; i--) {
      for (let rest = HASH[i], n = 0; n < 8; n++, rest >>>= 4) {
        const left = d & 15;
        const at = (rest & 15) << 2;
        d = ((d >>> 4) | (c << 28)) ^ products[at + 3];
        c = ((c >>> 4) | (b << 28)) ^ products[at + 2];
        b = ((b >>> 4) | (a << 28)) ^ products[at + 1];
        a = (a >>> 4) ^ LEFT[left] ^ products[at];
      }
    }
    HASH[0] = a;
    HASH[1] = b;
    HASH[2] = c;
    HASH[3] = d;
  }

  #productsOf(): Int32Array {
    const products = new Int32Array(4 * 16);
    this.#encrypt(0, 0, 0, 0);
    // The first of a nibble's bits stands for 1, the last for x cubed.
    products.set(OUT, 4 * 8);
    for (let n = 4; n > 0; n >>= 1) {
      let carry = 0;
      for (let k = 0; k < 4; k++) {
        const twice = products[8 * n + k];
        products[4 * n + k] = (twice >>> 1) | (carry << 31);
        carry = twice & 1;
      }
      if (carry !== 0) products[4 * n] ^= REDUCTION;
    }
    for (let n = 1; n < 16; n++) {
      const lowest = n & -n;
      if (n !== lowest)
        for (let k = 0; k < 4; k++) products[4 * n + k] = products[4 * lowest + k] ^ products[4 * (n - lowest) + k];
    }
    return products;
  }
}

/** A word of the last round, which mixes no columns. */
function substituted(a: number, b: number, c: number, d: number): number {
  return (SBOX[a >>> 24] << 24) | (SBOX[(b >>> 16) & 255] << 16) | (SBOX[(c >>> 8) & 255] << 8) | SBOX[d & 255];
}
