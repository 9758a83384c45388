import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { Random } from '../../src/core/index.ts';
import { hexBytes } from './frames.ts';

/** One side's contiguous first bytes over TCP, or one datagram. */
export interface Said {
  readonly fromClient: boolean;
  readonly bytes: Uint8Array;
}

/** What was said in a conversation of `test/fixture/stream`: lines of 'client' or 'server' and hex. */
export function readStream(name: string): Said[] {
  const text = readFileSync(new URL(`../fixture/stream/${name}.txt`, import.meta.url), 'latin1');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [side, hex = ''] = line.split(' ');
      return { fromClient: side === 'client', bytes: hexBytes(hex) };
    });
}

/** The first thing that one side says. */
export function saidBy(name: string, side: 'client' | 'server'): Uint8Array {
  const said = readStream(name).find(({ fromClient }) => fromClient === (side === 'client'));
  if (said === undefined) throw new Error(`${name} has no ${side}`);
  return said.bytes;
}

/**
 * Hands the bytes to a decoder at every truncation (every `step`th), damaged and followed by others: it must not throw, and must not see what lies around
 * what it was given.
 */
export function expectHarmless(
  bytes: Uint8Array,
  decode: (bytes: Uint8Array, at: number, end: number) => unknown,
  step = 1,
): void {
  const check = (content: Uint8Array, note: string): void => {
    const results = [0x00, 0xff, 0x16].map((fill) => {
      const held = new Uint8Array(content.length + 600).fill(fill);
      held.set(content, 300);
      return decode(held, 300, 300 + content.length);
    });
    for (const other of results.slice(1)) expect(other, note).toEqual(results[0]);
  };
  for (let n = 0; n <= bytes.length; n += step) check(bytes.subarray(0, n), `${n} bytes`);
  for (let seed = 0; seed < 150; seed++) {
    const random = new Random(seed);
    const damaged = bytes.slice();
    for (let i = 1 + random.below(6); i > 0 && damaged.length > 0; i--)
      damaged[random.below(damaged.length)] = [0, 1, 0x7f, 0x80, 0xff, random.below(256)][random.below(6)] ?? 0;
    check(damaged, `seed ${seed}`);
    check(
      Uint8Array.from({ length: random.below(200) }, () => random.below(256)),
      `noise ${seed}`,
    );
  }
}
