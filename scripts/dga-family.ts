/**
 * Families of generated names to train and test the DGA score on: our own generators, made after what has been published on the algorithms of malware
 * (length, alphabet, kind of generator, syllables, word lists), each marked "-like". Seeds, constants and word lists are ours, so no name here is that of
 * anybody's server on purpose. Published descriptions: Plohmann et al., "A Comprehensive Measurement Study of Domain Generating Malware", USENIX Security
 * 2016; Porras et al. on Conficker, 2009; Geffner on Suppobox, Black Hat 2013; Schiavoni et al. (Phoenix), DIMVA 2014.
 */
import { Random } from '../src/core/index.ts';

export interface DgaFamily {
  readonly name: string;
  /** arithmetic (letters or digits at random), hash (hexadecimal or base 36 of a digest), syllable (pronounceable), word (from a dictionary). */
  readonly kind: 'arithmetic' | 'hash' | 'syllable' | 'word';
  readonly label: (random: Random, words: readonly string[]) => string;
}

const AZ = 'abcdefghijklmnopqrstuvwxyz';
const AY = AZ.slice(0, 25);
const HEX = '0123456789abcdef';
const BASE36 = `0123456789${AZ}`;
const VOWELS = 'aeiou';
const CONSONANTS = 'bcdfghjklmnpqrstvwxz';

const pick = (random: Random, from: string | readonly string[]): string => from[random.below(from.length)] ?? '';
const between = (random: Random, low: number, high: number): number => low + random.below(high - low + 1);
const letters = (random: Random, alphabet: string, low: number, high: number = low): string =>
  Array.from({ length: between(random, low, high) }, () => pick(random, alphabet)).join('');

/** Letters of a linear congruential generator (Park and Miller 1988), which Ramnit and Tinba use: its low bits are poorer than those of `Random`. */
function congruential(random: Random, alphabet: string, length: number): string {
  let state = 1 + random.below(2147483646);
  let text = '';
  for (let i = 0; i < length; i++) {
    state = (state * 16807) % 2147483647;
    text += alphabet[state % alphabet.length];
  }
  return text;
}

export const DGA_FAMILIES: readonly DgaFamily[] = [
  { name: 'conficker-like', kind: 'arithmetic', label: (r) => letters(r, AZ, 5, 11) },
  { name: 'necurs-like', kind: 'arithmetic', label: (r) => letters(r, AY, 7, 21) },
  { name: 'ramnit-like', kind: 'arithmetic', label: (r) => congruential(r, AY, between(r, 8, 19)) },
  { name: 'cryptolocker-like', kind: 'arithmetic', label: (r) => letters(r, AY, 12, 15) },
  { name: 'locky-like', kind: 'arithmetic', label: (r) => letters(r, AY, 5, 17) },
  { name: 'tinba-like', kind: 'arithmetic', label: (r) => congruential(r, AY, 12) },
  { name: 'qakbot-like', kind: 'arithmetic', label: (r) => letters(r, AZ, 8, 25) },
  { name: 'nymaim-like', kind: 'arithmetic', label: (r) => letters(r, AZ, 5, 12) },
  { name: 'corebot-like', kind: 'arithmetic', label: (r) => letters(r, `${AY}012345678`, 12, 23) },
  { name: 'chinad-like', kind: 'arithmetic', label: (r) => letters(r, BASE36, 16) },
  {
    name: 'padcrypt-like',
    kind: 'arithmetic',
    label: (r) => letters(r, 'abcdnfolmk', pick(r, ['a', 'b']) === 'a' ? 16 : 24),
  },
  { name: 'gameover-like', kind: 'hash', label: (r) => letters(r, BASE36, 21, 28) },
  { name: 'bamital-like', kind: 'hash', label: (r) => letters(r, HEX, 32) },
  { name: 'dyre-like', kind: 'hash', label: (r) => pick(r, AZ) + letters(r, HEX, 33) },
  { name: 'infy-like', kind: 'hash', label: (r) => letters(r, HEX, 8) },
  { name: 'ccleaner-like', kind: 'hash', label: (r) => `ab${letters(r, HEX, 10, 14)}` },
  { name: 'moneroer-like', kind: 'hash', label: (r) => letters(r, HEX, 13) },
  { name: 'fobber-like', kind: 'arithmetic', label: (r) => letters(r, AZ, pick(r, ['a', 'b']) === 'a' ? 10 : 17) },
  { name: 'tempedreve-like', kind: 'arithmetic', label: (r) => letters(r, AZ, 7, 11) },
  {
    // A fixed stem with its first four letters changed step by step.
    name: 'banjori-like',
    kind: 'word',
    label: (r, words) =>
      letters(r, AZ, 4) + `${pick(r, words)}${pick(r, words)}${pick(r, words)}`.slice(4, between(r, 12, 24)),
  },
  {
    name: 'simda-like',
    kind: 'syllable',
    label: (r) =>
      Array.from({ length: between(r, 5, 11) }, (_, i) =>
        pick(r, i % 2 === 0 ? 'qwrtpsdfghjklzxcvbnm' : 'eyuioa'),
      ).join(''),
  },
  {
    name: 'symmi-like',
    kind: 'syllable',
    label: (r) => {
      const start = r.below(2);
      return Array.from({ length: between(r, 8, 15) }, (_, i) => pick(r, i % 2 === start ? VOWELS : CONSONANTS)).join(
        '',
      );
    },
  },
  {
    name: 'pykspa-like',
    kind: 'syllable',
    label: (r) => {
      // Vowels with the probability of a coin, never three of a kind.
      let text = '';
      let run = 0;
      let wasVowel = false;
      for (let n = between(r, 6, 15); n > 0; n--) {
        const vowel: boolean = run >= 2 ? !wasVowel : r.below(5) < 2;
        run = vowel === wasVowel ? run + 1 : 1;
        wasVowel = vowel;
        text += pick(r, vowel ? VOWELS : CONSONANTS);
      }
      return text;
    },
  },
  {
    name: 'kraken-like',
    kind: 'syllable',
    label: (r) =>
      letters(r, AZ, 4, 7) + pick(r, ['able', 'dom', 'hood', 'ment', 'ness', 'ship', 'age', 'ly', 'ed', 'ing']),
  },
  {
    name: 'vawtrak-like',
    kind: 'syllable',
    label: (r) =>
      Array.from(
        { length: between(r, 3, 5) },
        () => pick(r, CONSONANTS) + pick(r, VOWELS) + (r.below(3) === 0 ? pick(r, CONSONANTS) : ''),
      ).join(''),
  },
  {
    // Open syllables, now and then with a double consonant.
    name: 'pushdo-like',
    kind: 'syllable',
    label: (r) =>
      Array.from(
        { length: between(r, 4, 6) },
        () => pick(r, 'bcdfghjklmnpqrstvxz') + (r.below(8) === 0 ? pick(r, 'lrsn') : '') + pick(r, 'aeiouy'),
      ).join(''),
  },
  { name: 'suppobox-like', kind: 'word', label: (r, words) => pick(r, words) + pick(r, words) },
  {
    name: 'matsnu-like',
    kind: 'word',
    label: (r, words) => {
      const joint = r.below(2) === 0 ? '-' : '';
      let text = pick(r, words);
      while (text.length < 12) text += joint + pick(r, words);
      return text.slice(0, 24).replace(/-$/, '');
    },
  },
  {
    name: 'gozi-like',
    kind: 'word',
    label: (r, words) => {
      let text = '';
      const length = between(r, 12, 24);
      while (text.length < length) text += pick(r, words).slice(0, between(r, 3, 8));
      return text.slice(0, length);
    },
  },
];

/** `count` different labels of a family; the words of a word family are a part of the dictionary of its own, so that families share none. */
export function generateLabels(family: DgaFamily, count: number, words: readonly string[], seed: number): string[] {
  const position = DGA_FAMILIES.indexOf(family);
  const random = new Random(seed + 7919 * position);
  const own = words.filter((_, i) => i % DGA_FAMILIES.length === position);
  const labels = new Set<string>();
  for (let tries = 0; labels.size < count && tries < 20 * count; tries++) labels.add(family.label(random, own));
  return [...labels];
}
