import { longestConsonantRun, shannonEntropy, vowelRatio } from './text-shape.ts';

/** What the DGA model sees of a label. Shared by `dga.ts`, which scores, and scripts/dga.ts, which trains. */

/** a-z, 0-9, the hyphen (and whatever else), and the border of the label. */
export const SYMBOLS = 38;
const BORDER = 37;

export function symbolOf(code: number): number {
  if (code >= 97 && code <= 122) return code - 97;
  if (code >= 48 && code <= 57) return 26 + code - 48;
  return 36;
}

/** Information of a symbol after others, in bits: `[first][second][next]` among honest labels, `[previous][next]` among generated ones. */
export interface SymbolTables {
  /** SYMBOLS^3 values. */
  readonly honest: Float32Array;
  /** SYMBOLS^2 values. */
  readonly generated: Float32Array;
}

/** The names of the numbers that `labelShape` writes, in order. */
export const SHAPE_NAMES = [
  'ln length',
  'bits per character, honest names',
  'bits of the worst five characters',
  'bits per character, honest against generated',
  'share of surprising characters',
  'share of digits',
  'changes between letters and digits',
  'share of vowels',
  'longest consonant run',
  'longest consonant run by length',
  'alternation of vowels and consonants',
  'distinct characters by length',
  'entropy',
  'hexadecimal alphabet',
  'hyphens',
  'longest stretch of familiar characters',
  'share of familiar characters',
  'repeated pairs',
] as const;

const WORST = 5;
/** A symbol of at least so many bits is one that honest names hardly have there. */
const SURPRISING = 8;
/** And one of at most so many is what they usually have. */
const FAMILIAR = 4.5;
const MAX_LABEL = 63;
const bits = new Float64Array(MAX_LABEL + 1);
/** The characters of the label that is measured. */
const codes = new Uint16Array(MAX_LABEL + 1);

/** Measures a label (RFC 1035: at most 63 characters; longer ones are cut) into `out`, of `SHAPE_NAMES.length`. All numbers are finite. */
export function labelShape(text: string, tables: SymbolTables, out: Float64Array): void {
  const label = text.length > MAX_LABEL ? text.slice(0, MAX_LABEL) : text;
  const n = label.length;
  let first = BORDER;
  let second = BORDER;
  let honest = 0;
  let ratio = 0;
  let surprising = 0;
  let familiar = 0;
  let stretch = 0;
  let longestStretch = 0;
  let digits = 0;
  let kindChanges = 0;
  let hyphens = 0;
  let hex = true;
  let vowelPairs = 0;
  let letterPairs = 0;
  let previousKind = -1;
  let previousVowel = -1;
  let distinct = 0;
  let seenLow = 0;
  let seenHigh = 0;
  for (let i = 0; i <= n; i++) {
    const code = i === n ? -1 : label.charCodeAt(i);
    codes[i] = code;
    const symbol = i === n ? BORDER : symbolOf(code);
    const own = tables.honest[(first * SYMBOLS + second) * SYMBOLS + symbol];
    bits[i] = own;
    honest += own;
    ratio += own - tables.generated[second * SYMBOLS + symbol];
    if (own >= SURPRISING) surprising++;
    if (own <= FAMILIAR) {
      familiar++;
      stretch++;
      if (stretch > longestStretch) longestStretch = stretch;
    } else stretch = 0;
    first = second;
    second = symbol;
    if (i === n) break;
    if (symbol < 32 ? (seenLow & (1 << symbol)) === 0 : (seenHigh & (1 << (symbol - 32))) === 0) distinct++;
    if (symbol < 32) seenLow |= 1 << symbol;
    else seenHigh |= 1 << (symbol - 32);
    const kind = symbol < 26 ? 0 : symbol < 36 ? 1 : 2;
    if (kind === 1) digits++;
    if (kind === 2) hyphens++;
    if (kind === 2 || (kind === 0 && symbol > 5)) hex = false;
    if (previousKind >= 0 && kind !== previousKind) kindChanges++;
    previousKind = kind;
    // y counts as a vowel here: generators of pronounceable names use it so.
    const vowel =
      kind !== 0
        ? -1
        : symbol === 0 || symbol === 4 || symbol === 8 || symbol === 14 || symbol === 20 || symbol === 24
          ? 1
          : 0;
    if (vowel >= 0 && previousVowel >= 0) {
      letterPairs++;
      if (vowel !== previousVowel) vowelPairs++;
    }
    previousVowel = vowel;
  }
  const terms = n + 1;
  let window = 0;
  let worst = 0;
  for (let i = 0; i < terms; i++) {
    window += bits[i] - (i >= WORST ? bits[i - WORST] : 0);
    if (window > worst) worst = window;
  }
  let repeated = 0;
  for (let i = 2; i + 1 < n; i++) if (stoodBefore(i)) repeated++;
  const length = Math.max(1, n);
  const consonants = longestConsonantRun(label);
  const vowels = vowelRatio(label);
  out[0] = Math.log(length);
  out[1] = honest / terms;
  out[2] = worst / Math.min(WORST, terms);
  out[3] = ratio / terms;
  out[4] = surprising / terms;
  out[5] = digits / length;
  out[6] = kindChanges / length;
  out[7] = Number.isNaN(vowels) ? 0.4 : vowels;
  out[8] = Math.min(12, consonants);
  out[9] = consonants / length;
  out[10] = letterPairs === 0 ? 0.5 : vowelPairs / letterPairs;
  out[11] = distinct / length;
  out[12] = n === 0 ? 0 : shannonEntropy(label);
  out[13] = hex ? 1 : 0;
  out[14] = Math.min(4, hyphens);
  out[15] = Math.min(20, longestStretch);
  out[16] = familiar / terms;
  out[17] = repeated / length;
}

/** Whether the pair of characters at `i` stands before it too, without a character in common. */
function stoodBefore(i: number): boolean {
  const first = codes[i];
  const second = codes[i + 1];
  for (let j = 0; j < i - 1; j++) if (codes[j] === first && codes[j + 1] === second) return true;
  return false;
}
