import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../core/index.ts';
import type { ByteSource } from './input.ts';
import { LineReader, peekHead } from './lines.ts';
import type { Reject } from './table-source.ts';

/** A source that gives `bytes` in pieces of the given sizes, by turns at once and later, and fails at its end with `error`. */
function sourceOf(bytes: Uint8Array, { pieces = [7, 3, 11], error }: { pieces?: number[]; error?: Error } = {}) {
  let at = 0;
  let turn = 0;
  const source: ByteSource = {
    name: 'test.log',
    compression: '',
    totalBytes: bytes.length,
    bytesTaken: () => at,
    read(into) {
      const n = Math.min(into.length, pieces[turn % pieces.length] ?? 1, bytes.length - at);
      into.set(bytes.subarray(at, at + n));
      at += n;
      turn++;
      if (n === 0 && error !== undefined) return Promise.reject(error);
      return turn % 2 === 0 ? n : Promise.resolve(n);
    },
    close: () => undefined,
  };
  return source;
}

async function linesOf(source: ByteSource, options: { maxLineBytes?: number; batchLines?: number } = {}) {
  const rejects: Reject[] = [];
  const reader = new LineReader(source, { ...options, onReject: (r) => rejects.push(r) });
  const lines: string[] = [];
  for (let n = await reader.next(); n > 0; n = await reader.next()) {
    for (let i = 0; i < n; i++)
      lines.push(
        `${reader.firstLine + i}:${Buffer.from(reader.bytes.subarray(reader.starts[i], reader.ends[i])).toString()}`,
      );
  }
  return { lines, rejects, reader };
}

const utf8 = (text: string): Uint8Array => Buffer.from(text);

describe('LineReader', () => {
  it('gives lines with LF and CR LF, empty ones too, and a last one without a line end', async () => {
    const { lines, reader } = await linesOf(sourceOf(utf8('one\r\n\ntwo\nthree')));
    expect(lines).toEqual(['1:one', '2:', '3:two', '4:three']);
    expect(reader.lastUnended).toBe(true);
  });

  it('gives no line for an empty input, and none behind the last line end', async () => {
    expect((await linesOf(sourceOf(utf8('')))).lines).toEqual([]);
    const { lines, reader } = await linesOf(sourceOf(utf8('one\n')));
    expect(lines).toEqual(['1:one']);
    expect(reader.lastUnended).toBe(false);
  });

  it('skips a UTF-8 byte order mark and turns UTF-16 that has one into UTF-8', async () => {
    expect((await linesOf(sourceOf(utf8('\ufeffa\nb')))).lines).toEqual(['1:a', '2:b']);
    const text = 'naïve\n日本\n'.repeat(3000);
    const little = Buffer.from(`\ufeff${text}`, 'utf16le');
    const expected = text
      .trimEnd()
      .split('\n')
      .map((line, i) => `${i + 1}:${line}`);
    expect((await linesOf(sourceOf(little, { pieces: [1, 4999] }))).lines).toEqual(expected);
    const big = Buffer.from(little).swap16();
    expect((await linesOf(sourceOf(big, { pieces: [2, 5001] }))).lines).toEqual(expected);
  });

  it('rejects a line that is too long, holds none of it, and goes on behind it with the right number', async () => {
    const { lines, rejects } = await linesOf(sourceOf(utf8(`ok\n${'x'.repeat(5000)}\nlater\n`)), { maxLineBytes: 64 });
    expect(lines).toEqual(['1:ok', '3:later']);
    expect(rejects).toHaveLength(1);
    expect(rejects[0]).toMatchObject({ line: 2, reason: 'longer than 64 bytes' });
    expect(rejects[0]?.bytes.length).toBeLessThanOrEqual(66);
  });

  it('takes a line of exactly the longest length with each line end, and rejects one more byte', async () => {
    for (const end of ['\n', '\r\n', '']) {
      expect((await linesOf(sourceOf(utf8(`${'x'.repeat(64)}${end}`)), { maxLineBytes: 64 })).lines).toEqual([
        `1:${'x'.repeat(64)}`,
      ]);
      const over = await linesOf(sourceOf(utf8(`${'x'.repeat(65)}${end}`)), { maxLineBytes: 64 });
      expect(over.lines).toEqual([]);
      expect(over.rejects).toHaveLength(1);
    }
  });

  it('keeps what came before damage and says why it ended', async () => {
    const error = new UserError('test.log: the gzip data end early', 'gzip -t test.log tells more');
    const { lines, reader } = await linesOf(sourceOf(utf8('one\ntwo\nthr'), { error }));
    expect(lines).toEqual(['1:one', '2:two', '3:thr']);
    expect(reader.failure).toBe('the gzip data end early');
    expect(reader.lastUnended).toBe(true);
  });

  it('rejects where the source fails before it gave anything', async () => {
    const error = new UserError('test.log: the gzip data are damaged', undefined);
    await expect(linesOf(sourceOf(utf8(''), { error }))).rejects.toBe(error);
  });

  it('gives the lines of any bytes in any pieces as splitting them whole would', async () => {
    const byte = fc.oneof(fc.constantFrom(10, 13, 10, 65, 0xff), fc.integer({ min: 0, max: 255 }));
    await fc.assert(
      fc.asyncProperty(
        fc.array(byte, { maxLength: 400 }),
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 9 }),
        async (numbers, pieces, batchLines) => {
          // A first byte that can't begin a byte order mark.
          const bytes = Uint8Array.from([65, ...numbers]);
          const reader = new LineReader(sourceOf(bytes, { pieces }), { batchLines, maxLineBytes: 40 });
          const got: number[][] = [];
          for (let n = await reader.next(); n > 0; n = await reader.next())
            for (let i = 0; i < n; i++) got.push([...reader.bytes.subarray(reader.starts[i], reader.ends[i])]);
          const latin1 = Buffer.from(bytes).toString('latin1');
          const whole = latin1.split('\n');
          if (whole.at(-1) === '') whole.pop();
          const expected = whole.map((l) => (l.endsWith('\r') ? l.slice(0, -1) : l)).filter((l) => l.length <= 40);
          expect(got).toEqual(expected.map((l) => [...Buffer.from(l, 'latin1')]));
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('peekHead', () => {
  it('shows the beginning and gives it again', async () => {
    const bytes = utf8('x'.repeat(100_000));
    const { head, source } = await peekHead(sourceOf(bytes, { pieces: [30_000] }));
    expect(head.length).toBe(65_536);
    const { lines } = await linesOf(source);
    expect(lines).toEqual([`1:${'x'.repeat(100_000)}`]);
  });
});
