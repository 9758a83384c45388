/**
 * How much could have left in a sequence of texts: an upper bound in bits on what a receiver learns from them, after Paxson et al., "Practical
 * Comprehensive Bounds on Surreptitious Communication Over DNS" (USENIX Security 2013), whatever the encoding. Theirs is the size under gzip; ours is a
 * small deterministic code, so that every platform agrees:
 *
 * - a text that was seen before costs the choice among the texts seen: log2 of their number;
 * - a new one costs that it is new (log2 of that number + 1) and its characters by LZW (Welch 1984): each phrase the log2 of the size of the dictionary,
 *   which starts with 64 symbols and grows with each phrase up to its cap.
 *
 * The same name asked a thousand times costs nothing; a thousand random labels cost nearly all their bits. When a text is asked is no part of the bound.
 */
export class InformationCounter {
  /** So far, in bits. */
  bits = 0;
  #seen = new Set<number>();
  #phrases = new Map<number, number>();
  #size = ALPHABET;

  /** Different texts that it holds. */
  get texts(): number {
    return this.#seen.size;
  }

  /** Texts and phrases that it holds, for who keeps the sum over all counters in bounds. */
  get held(): number {
    return this.#seen.size + this.#phrases.size;
  }

  /**
   * @param text what was sent; @param key a 53-bit hash of it; @param mayGrow false to keep what is known and learn nothing new: the bits still count.
   * @returns the bits that this text added.
   */
  add(text: string, key: number, mayGrow: boolean = true): number {
    const known = this.#seen.size;
    let bits: number;
    if (this.#seen.has(key)) bits = Math.log2(known);
    else {
      bits = Math.log2(known + 1) + this.#code(text, mayGrow);
      if (mayGrow && known < MAX_TEXTS) this.#seen.add(key);
    }
    this.bits += bits;
    return bits;
  }

  #code(text: string, mayGrow: boolean): number {
    let bits = 0;
    let phrase = -1;
    for (let i = 0; i < text.length; i++) {
      const symbol = symbolOf(text.charCodeAt(i));
      if (phrase < 0) {
        phrase = symbol;
        continue;
      }
      const key = phrase * ALPHABET + symbol;
      const longer = this.#phrases.get(key);
      if (longer !== undefined) {
        phrase = longer;
        continue;
      }
      bits += Math.log2(this.#size);
      if (mayGrow && this.#size < MAX_PHRASES) this.#phrases.set(key, this.#size++);
      phrase = symbol;
    }
    return phrase < 0 ? bits : bits + Math.log2(this.#size);
  }
}

/** 26 letters whatever their case, 10 digits, hyphen, dot and underscore; what else there is shares the rest by its low bits. */
const ALPHABET = 64;
const MAX_PHRASES = 4096;
const MAX_TEXTS = 16_384;

function symbolOf(code: number): number {
  const lower = code | 32;
  if (lower >= 97 && lower <= 122) return lower - 97;
  if (code >= 48 && code <= 57) return code - 22;
  return code === 45 ? 36 : code === 46 ? 37 : code === 95 ? 38 : 39 + (code % 25);
}
