import { Random } from '../core/index.ts';

/** Draws from the distributions that traffic follows, all from a seeded generator. */

/**
 * The seed of an independent stream: FNV-1a of the name, mixed with the seed of the run. Every actor has a stream of its own, so that one more actor changes nothing about the others.
 */
export function streamSeed(seed: number, name: string): number {
  let hash = 0x811c9dc5 ^ (seed | 0);
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) ^ Math.imul(seed | 0, 0x297a2d39);
}

/** A generator that goes on from this one's next number: for a session that lives beside the actor who began it. */
export function fork(random: Random): Random {
  return new Random(random.uint32());
}

export function chance(random: Random, probability: number): boolean {
  return random.float() < probability;
}

/** Uniform over [low, high). */
export function between(random: Random, low: number, high: number): number {
  return low + random.float() * (high - low);
}

/** Uniform integer over low .. high, both included. */
export function integer(random: Random, low: number, high: number): number {
  return low + random.below(high - low + 1);
}

/** Exponential: the gaps of a Poisson process. */
export function exponential(random: Random, mean: number): number {
  return -mean * Math.log(1 - random.float());
}

/** Log-normal by its median: sizes of files and pages, times of thought. `sigma` of 1 spans about a factor of 7 between the 2.5th percentile and the median. */
export function logNormal(random: Random, median: number, sigma: number): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random.float()));
  return median * Math.exp(sigma * radius * Math.cos(2 * Math.PI * random.float()));
}

export function pick<T>(random: Random, list: readonly T[]): T {
  const item = list[random.below(list.length)];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
}

/** Of a ranked list, early ones more often: the popularity of sites (Zipf, exponent about 1). */
export function pickPopular<T>(random: Random, list: readonly T[]): T {
  const item = list[Math.min(list.length - 1, Math.floor((list.length + 1) ** random.float()) - 1)];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
}

export function randomBytes(random: Random, length: number): Uint8Array {
  const out = new Uint8Array(length);
  for (let i = 0; i < length; i++) out[i] = random.uint32() >>> 24;
  return out;
}

/** Random bytes in hexadecimal digits, two each. */
export function randomHex(random: Random, bytes: number): string {
  return Array.from(randomBytes(random, bytes), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Text of `length` characters of an alphabet. */
export function randomText(random: Random, length: number, alphabet: string): string {
  let out = '';
  for (let i = 0; i < length; i++) out += alphabet[random.below(alphabet.length)] ?? '';
  return out;
}

export const LETTERS = 'abcdefghijklmnopqrstuvwxyz';
export const HEX_LETTERS = '0123456789abcdef';
export const BASE32_LETTERS = 'abcdefghijklmnopqrstuvwxyz234567';
