import fc from 'fast-check';
import { expect } from 'vitest';

/** What holds for every decoder of `(bytes, at, end)`: it reads nothing outside of [at, end) and throws on no input. */
type Decoder = (bytes: Uint8Array, at: number, end: number) => unknown;

const MARGIN = 300;

/** Decodes `bytes` in the midst of a buffer of zeros and in one of 0xff, expects the same result, and gives it. */
export function decodeInside<T>(decode: (bytes: Uint8Array, at: number, end: number) => T, bytes: Uint8Array): T {
  const [quiet, loud] = [0x00, 0xff].map((fill) => {
    const held = new Uint8Array(bytes.length + 2 * MARGIN).fill(fill);
    held.set(bytes, MARGIN);
    return decode(held, MARGIN, MARGIN + bytes.length);
  });
  expect(loud).toEqual(quiet);
  return quiet as T;
}

/** Every truncation of these messages, messages with bytes changed at random, and random bytes: all decode without an error and from their own bytes alone. */
export function expectHarmless(decode: Decoder, messages: readonly Uint8Array[], seed = 1): void {
  for (const message of messages)
    for (let n = 0; n <= message.length; n++) decodeInside(decode, message.subarray(0, n));
  const mutated = fc
    .tuple(
      fc.constantFrom(...messages),
      fc.array(fc.tuple(fc.nat(), fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xc0, 0xff), fc.nat(255))), {
        minLength: 1,
        maxLength: 8,
      }),
    )
    .map(([message, changes]) => {
      const bytes = message.slice();
      for (const [at, value] of changes) bytes[at % bytes.length] = value;
      return bytes;
    });
  fc.assert(
    fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 200 })), (bytes) => {
      decodeInside(decode, bytes);
    }),
    { numRuns: 1000, seed },
  );
}
