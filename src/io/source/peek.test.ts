import { describe, expect, it } from 'vitest';
import { UserError } from '../../core/index.ts';
import type { ByteSource } from './input.ts';
import { HEAD_BYTES, peekSource } from './peek.ts';

function sourceOf(bytes: Uint8Array, piece: number, error?: Error): ByteSource & { closed: number } {
  let at = 0;
  return {
    name: 'test',
    compression: 'gzip',
    totalBytes: 7,
    closed: 0,
    bytesTaken: () => at,
    read(into) {
      const n = Math.min(into.length, piece, bytes.length - at);
      if (n === 0 && error !== undefined) return Promise.reject(error);
      into.set(bytes.subarray(at, at + n));
      at += n;
      return n;
    },
    close() {
      this.closed++;
    },
  };
}

async function allOf(source: ByteSource, piece = 1000): Promise<number[]> {
  const all: number[] = [];
  const into = new Uint8Array(piece);
  for (;;) {
    const n = await source.read(into);
    if (n === 0) return all;
    all.push(...into.subarray(0, n));
  }
}

const BYTES = Uint8Array.from({ length: 100_000 }, (_, i) => i % 251);

describe('a source whose beginning was looked at', () => {
  it('gives all of its bytes once, whatever the size of the pieces', async () => {
    for (const piece of [1, 999, 70_000, 200_000]) {
      const bytes = piece === 1 ? BYTES.subarray(0, 500) : BYTES;
      const { head, source } = await peekSource(sourceOf(bytes, piece), () => false);
      expect(head.length).toBe(Math.min(bytes.length, HEAD_BYTES));
      expect(await allOf(source, 777)).toEqual([...bytes]);
    }
  });

  it('is not read further than what tells enough', async () => {
    const whole = sourceOf(BYTES, 4);
    const { head } = await peekSource(whole, (seen) => seen.length >= 8);
    expect([head.length, whole.bytesTaken()]).toEqual([8, 8]);
  });

  it('fails at once where there was nothing before the failure, and else behind what was read', async () => {
    const error = new UserError('damaged', '');
    await expect(peekSource(sourceOf(new Uint8Array(0), 4, error), () => false)).rejects.toBe(error);
    const { head, source } = await peekSource(sourceOf(BYTES.subarray(0, 6), 4, error), () => false);
    expect([...head]).toEqual([0, 1, 2, 3, 4, 5]);
    const into = new Uint8Array(100);
    expect(await source.read(into)).toBe(6);
    await expect(source.read(into)).rejects.toBe(error);
  });

  it('keeps its name, size and kind, can be closed, and has an end of its own only where it had one', async () => {
    const whole = sourceOf(BYTES, 10);
    const { source } = await peekSource(whole, () => true);
    expect([source.name, source.compression, source.totalBytes, source.stop]).toEqual(['test', 'gzip', 7, undefined]);
    source.close();
    expect(whole.closed).toBe(1);
  });
});
