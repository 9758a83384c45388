import { describe, expect, it } from 'vitest';
import * as wire from '../../src/wire/index.ts';
import { hexBytes } from '../support/frames.ts';
import { readCorpus } from './corpus.ts';
import { DECODED_OTHERWISE, PAYLOAD_DECODERS } from './decoders.ts';
import { ENCODED, ENCODED_INSIDE } from './encoded/index.ts';
import { Fuzz } from './fuzz.ts';

/** A slice of what `node bench/fuzz.ts` does with a million inputs, and the inputs that once broke what must hold. */

const CORPUS = readCorpus();
const EXPORTS = Object.keys(wire);

/** Link type, hex of the frame, and what it did before it was mended. */
const BROKEN_ONCE: readonly (readonly [note: string, linkType: number, hex: string])[] = [
  [
    'an HTTP host with control characters was given on as it was',
    1,
    '0011223344020011446688010800450000500001000040062d3c0ab49c010ab49c029c41005000000065000000c95018ffff20cb0000474554202f7463702d6e6f726d616c20485454502f312e300d0a486f73743a20746500740d0a0d0a',
  ],
];

describe('fuzz', () => {
  it('20,000 truncated, flipped, lying, spliced and swapped inputs break nothing', () => {
    const seed = 20_261_121;
    const report = new Fuzz(CORPUS).run({ seed, inputs: 20_000, mostFailures: 3 });
    expect(report.failures, `seed ${seed}`).toEqual([]);
    // It is no fuzz when most of it is turned away at the door.
    expect([...report.kinds.keys()].sort()).toEqual([
      'capture file',
      'conversation',
      'noise',
      'one frame',
      'truncation',
    ]);
    expect(report.services.size).toBeGreaterThan(45);
    expect(report.oddities.size).toBeGreaterThan(20);
  });

  it('the same seed gives the same inputs, whatever ran before', () => {
    const kinds = (from: number, inputs: number): string => {
      const { kinds: found, frames } = new Fuzz(CORPUS).run({ seed: 5, from, inputs, total: 3000 });
      return JSON.stringify([...found].sort()) + frames;
    };
    expect(kinds(2500, 100)).toBe(kinds(2500, 100));
    expect(kinds(2500, 100)).not.toBe(kinds(2600, 100));
  });

  it.each(BROKEN_ONCE)('%s', (_, linkType, hex) => {
    const bytes = hexBytes(hex);
    expect(new Fuzz(CORPUS).check([{ bytes, linkType, wireLength: bytes.length, timeNs: 0 }])).toBeUndefined();
  });

  it('a decoder that looks outside, throws, or says too much is found', () => {
    const found = (decode: (bytes: Uint8Array, at: number, end: number) => unknown): string | undefined => {
      const decoders = PAYLOAD_DECODERS as Record<string, unknown>;
      decoders.decodeFaulty = decode;
      try {
        return new Fuzz(CORPUS).check(CORPUS[0]?.frames.slice(0, 1) ?? []);
      } finally {
        delete decoders.decodeFaulty;
      }
    };
    expect(found((bytes, _, end) => bytes[end])).toBe('decodeFaulty: 0 with zeros around it, 255 with ones');
    expect(found((bytes, at) => bytes[at - 1] === 0)).toBe('decodeFaulty: true with zeros around it, false with ones');
    expect(
      found(() => {
        throw new RangeError('offset');
      }),
    ).toMatch(/^decodeFaulty: RangeError: offset/);
    expect(found(() => ({ name: 'a\u0007' }))).toBe('decodeFaulty.name: control characters in "a\\u0007"');
    expect(found(() => 'x'.repeat(8193))).toBe('decodeFaulty: a text of 8193 characters');
    expect(found(() => [1, Number.NaN])).toBe('decodeFaulty.1 is NaN');
    expect(found(() => undefined)).toBeUndefined();
  });

  it('every decoder is asked, and knows something of the corpus', () => {
    const decoders = EXPORTS.filter((name) => /^(decode|looksLike|walk)/.test(name));
    const listed = new Set([...Object.keys(PAYLOAD_DECODERS), ...DECODED_OTHERWISE]);
    expect(decoders.filter((name) => !listed.has(name))).toEqual([]);
    expect([...listed].filter((name) => !EXPORTS.includes(name))).toEqual([]);
    const fuzz = new Fuzz(CORPUS);
    const { accepted } = fuzz.run({ seed: 0, inputs: 0 });
    for (const { frames } of CORPUS) fuzz.check(frames);
    expect(Object.keys(PAYLOAD_DECODERS).filter((name) => !accepted.has(name))).toEqual([]);
  });

  it('every encoder has made something of the corpus', () => {
    const encoders = EXPORTS.filter((name) => name.startsWith('encode'));
    const listed = new Set([...Object.keys(ENCODED), ...ENCODED_INSIDE]);
    expect(encoders.filter((name) => !listed.has(name))).toEqual([]);
    expect([...listed].filter((name) => !EXPORTS.includes(name))).toEqual([]);
  });
});
