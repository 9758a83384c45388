import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { Random } from '../../src/core/index.ts';
import { hexBytes } from './frames.ts';

/** The bytes of both sides of one TCP connection from `test/fixture/windows`, as tshark joins them. */
export function sidesOf(name: string): { client: Uint8Array; server: Uint8Array } {
  const text = readFileSync(new URL(`../fixture/windows/${name}.txt`, import.meta.url), 'utf8');
  const side = (who: string): Uint8Array => hexBytes(new RegExp(`^${who} ([0-9a-f]*)$`, 'm').exec(text)?.[1] ?? '');
  return { client: side('client'), server: side('server') };
}

/**
 * Runs a decoder that gives text lines over every truncation of a message (of a long one every 7th behind the first 600 bytes) and over copies with
 * changed bytes. It must not throw, and must read nothing behind the end it is given: bytes that stand there change nothing.
 */
export function survives(
  bytes: Uint8Array,
  decode: (bytes: Uint8Array, at: number, end: number) => readonly string[],
): void {
  const random = new Random(bytes.length);
  const check = (part: Uint8Array): void => {
    const padded = new Uint8Array(part.length + 69).fill(0x41);
    padded.set(part, 5);
    expect(decode(padded, 5, 5 + part.length)).toEqual(decode(part, 0, part.length));
  };
  for (let n = 0; n <= bytes.length; n += n < 600 ? 1 : 7) check(bytes.slice(0, n));
  for (let i = 0; i < 300; i++) {
    const changed = bytes.slice(0, 4000);
    for (let j = 0; j < 1 + (i % 8); j++) changed[random.below(changed.length)] = random.below(256);
    check(changed);
  }
  for (let i = 0; i < 200; i++) check(Uint8Array.from({ length: i }, () => random.below(256)));
}
