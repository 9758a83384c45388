/** Ways to break bytes, each with the random numbers it is handed, so that the same numbers break the same bytes the same way. */
import type { Random } from '../../src/core/index.ts';

/** Flips 1 to 8 bits. */
export function flipBits(bytes: Uint8Array, random: Random): Uint8Array {
  const out = bytes.slice();
  if (out.length === 0) return out;
  for (let i = 1 + random.below(8); i > 0; i--) out[place(out.length, random)] ^= 1 << random.below(8);
  return out;
}

/** Sets 1 to 3 fields of 1, 2, 3 or 4 bytes, of either byte order, to what a length, count or offset must not be: 0, 1, the largest, the sign bit, one more, one less, one from elsewhere. */
export function lie(bytes: Uint8Array, random: Random): Uint8Array {
  const out = bytes.slice();
  for (let i = 1 + random.below(3); i > 0; i--) {
    const width = Math.min(1 + random.below(4), out.length);
    if (width === 0) return out;
    const at = Math.min(place(out.length, random), out.length - width);
    const isLittle = random.below(3) === 0;
    const byte = (n: number): number => (isLittle ? at + n : at + width - 1 - n);
    let value = 0;
    for (let n = 0; n < width; n++) value += out[byte(n)] * 256 ** n;
    const largest = 256 ** width - 1;
    const choices = [
      0,
      1,
      largest,
      (largest + 1) / 2,
      (largest - 1) / 2,
      value + 1,
      value - 1,
      value * 2,
      random.below(largest + 1),
      out.length,
      out.length - at,
    ];
    let told = Math.min(largest, Math.max(0, Math.floor(choices[random.below(choices.length)] ?? 0)));
    for (let n = 0; n < width; n++) {
      out[byte(n)] = told % 256;
      told = Math.floor(told / 256);
    }
  }
  return out;
}

/** The front of one and the back of another, each cut anywhere. */
export function splice(a: Uint8Array, b: Uint8Array, random: Random): Uint8Array {
  const head = a.subarray(0, random.below(a.length + 1));
  const tail = b.subarray(random.below(b.length + 1));
  const out = new Uint8Array(head.length + tail.length);
  out.set(head);
  out.set(tail, head.length);
  return out;
}

/** Doubles a stretch, takes one out, or swaps two of the same length. */
export function shuffleBytes(bytes: Uint8Array, random: Random): Uint8Array {
  if (bytes.length < 2) return bytes.slice();
  const from = place(bytes.length, random);
  const size = 1 + random.below(Math.min(64, bytes.length - from));
  const kind = random.below(3);
  if (kind === 2) {
    const out = bytes.slice();
    const to = random.below(bytes.length - size + 1);
    const moved = out.slice(from, from + size);
    out.copyWithin(from, to, to + size);
    out.set(moved, to);
    return out;
  }
  const times = kind === 0 ? 2 + random.below(3) : 0;
  const out = new Uint8Array(bytes.length + size * (times - 1));
  out.set(bytes.subarray(0, from));
  for (let i = 0; i < times; i++) out.set(bytes.subarray(from, from + size), from + i * size);
  out.set(bytes.subarray(from + size), from + times * size);
  return out;
}

/** A cut of the end, or noise behind it. */
export function resize(bytes: Uint8Array, random: Random): Uint8Array {
  if (random.below(2) === 0) return bytes.slice(0, random.below(bytes.length + 1));
  const out = new Uint8Array(bytes.length + 1 + random.below(200));
  out.set(bytes);
  for (let i = bytes.length; i < out.length; i++) out[i] = random.below(256);
  return out;
}

/** One of the ways above; `other` is what may be spliced in. */
export function mutate(bytes: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  switch (random.below(8)) {
    case 0:
    case 1:
      return flipBits(bytes, random);
    case 2:
    case 3:
    case 4:
      return lie(bytes, random);
    case 5:
      return splice(bytes, other, random);
    case 6:
      return shuffleBytes(bytes, random);
    default:
      return resize(bytes, random);
  }
}

/** Half of the places are among the first 64 bytes, where headers are. */
function place(length: number, random: Random): number {
  return random.below(random.below(2) === 0 ? Math.min(64, length) : length);
}
