import * as zlib from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hexBytes } from '../../../test/support/frames.ts';
import { unlz4, unpackBlock, XxHash32, xxHash32 } from './lz4.ts';

/** Files that lz4 1.9.4 made of TEXT, in gzip and Base64 to be short: `lz4 -c <options> | gzip -9 | base64`. */
const FILES: readonly (readonly [options: string, packed: string])[] = [
  [
    '-B4 -BD (linked blocks of 64 KiB)',
    'H4sIAAAAAAACA2NR8pVwcYjjYmJg+Miek5mXqmCgkJ+mUJKRqpCcWFBSWpTKJcYgbyjGwCRvBCKMQYQJiDAFEWYgwhxEWIAISxBheJeBhf8eA7O84X0Q8QBEPAQRj0DEYxDxBEQ8BRHPgIQRyYQxqQQ/0DJ+oK38j4Fu42Jm4gc6iB/oMn6gE0Fu5b8LxHeAuI/5/wgGpQHgeOdiZGDg//B/pIMXAYagvMAIzBt/2ZFzBDifGIHkgHmDcI7QNzQQB6V1cUh6G4xZ4g7TaJbADqYGgKNbkwGYJZL+EFB8NQCcPoBqGabZL78FAFauZppdBQAA',
  ],
  [
    '-B4 -BX (blocks by themselves, with checksums)',
    'H4sIAAAAAAACA2NR8pUocdjLxcTA8JE9JzMvVcFAIT9NoSQjVSE5saCktCiVS4xB3lCMgUneCEQYgwgTEGEKIsxAhDmIsAARliDC8C4DC/89BmZ5w/sg4gGIeAgiHoGIxyDiCYh4CiKeAQkjkgljUgl+oGX8QFv5HwPdxsXMxA90ED/QZfxAJ4Lcyn8XiO8AcR/z/xEMSgPA8e4j8n0fGzBFfGeHpABwujBEpAtgiiAyMegbGohDQnjQpobPTKOpATtoDQDH+a3DP64yAlPDX3bkUgGcJoxA8sDUQGxCkDcUh4TyYEwId0YTAg4wNQAc3SF+/3nkGBkY/nNCIh4jOYzsZDApABwSB7POP2EAgmn2y28BANEBDWteBwAA',
  ],
  [
    '-l (legacy)',
    'H4sIAAAAAAACA2NS9JHQYWFg+Miek5mXqmCgkJ+mUJKRqpCcWFBSWpTKJcYgbyjGwCRvBCKMQYQJiDAFEWYgwhxEWIAISxBheJeBhf8eA7O84X0Q8QBEPAQRj0DEYxDxBEQ8BRHPgIQRyYQxqQQ/0DJ+oK38j4Fu42Jm4gc6iB/oMn6gE0Fu5b8LxHeAuI/5/ygYBaMAB0gNAJcJAGu7HKw0BAAA',
  ],
  [
    '-B7 --content-size -BD -BX (linked blocks of 4 MiB, length, checksums)',
    'H4sIAAAAAAACA2NR8pWoCTgnz8wAAid0WBgYPrLnZOalKhgo5KcplGSkKiQnFpSUFqVyiTHIG4oxMMkbgQhjEGECIkxBhBmIMAcRFiDCEkQY3mVg4b/HwCxveB9EPAARD0HEIxDxGEQ8ARFPQcQzIGFEMmFMKsEPtIwfaCv/Y6DbuJiZ+IEO4ge6jB/oRJBb+e8C8R0g7mP+PwpGwSjAAVIDwGXCHd763aCCY5r98lsAxfQ9q0sEAAA=',
  ],
];
const TEXT = Array.from({ length: 9000 }, (_, i) => `line ${i % 40} of the capture\n`).join('');
const files = FILES.map(
  ([options, packed]) => [options, new Uint8Array(zlib.gunzipSync(Buffer.from(packed, 'base64')))] as const,
);
const [LINKED, CHECKED] = files.map(([, bytes]) => bytes) as [Uint8Array, Uint8Array];

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** What came out, and what went wrong at the end of it. */
async function unpack(bytes: Uint8Array, size = 65_536): Promise<{ text: string; error: string | undefined }> {
  const parts: Buffer[] = [];
  let error: string | undefined;
  try {
    for await (const part of unlz4(inPieces(bytes, size))) parts.push(Buffer.from(part));
  } catch (reason) {
    if (!(reason instanceof Error)) throw reason;
    error = reason.message;
  }
  return { text: Buffer.concat(parts).toString('latin1'), error };
}

/** `printf 'hello, hello, hello, hello!\n' | lz4 -c`, with -BX --content-size. */
const HELLO = hexBytes(
  '04224d187c401c00000000000000af100000007c68656c6c6f2c200700506c6c6f210af26032cd000000002ef8164c',
);
const HELLO_TEXT = 'hello, hello, hello, hello!\n';

describe('lz4', () => {
  it.each(files)('reads what lz4 %s writes, in pieces of any size', async (_, bytes) => {
    for (const size of [1 << 16, 1000, 7, 1]) {
      const { text, error } = await unpack(bytes, size);
      expect(error).toBeUndefined();
      expect(text === TEXT).toBe(true);
    }
  });

  it('reads frames one after the other, skippable ones between them', async () => {
    const skippable = hexBytes('5f2a4d18 05000000 0102030405');
    const all = Buffer.concat([skippable, HELLO, skippable, files[2]?.[1] ?? HELLO, HELLO, skippable]);
    const { text, error } = await unpack(all, 100);
    expect(error).toBeUndefined();
    expect(text === HELLO_TEXT + TEXT + HELLO_TEXT).toBe(true);
  });

  it.each<[string, number, number, string]>([
    ['the header', 6, 1, 'the checksum of their frame header does not match'],
    ['a block', 22, 0x69, 'the checksum of a block does not match'],
    ['the checksum of the contents', 46, 0, 'the checksum of their contents does not match'],
    ['the version', 4, 0xbc, 'their frame version 2 is not known'],
    ['a reserved bit', 5, 0x41, 'their frame header has values that the format does not have'],
    ['the magic', 0, 5, 'they are no LZ4 frame'],
  ])('tells damage to %s', async (_, at, value, message) => {
    const bytes = HELLO.slice();
    bytes[at] = value;
    expect((await unpack(bytes)).error).toBe(message);
  });

  it('gives what came before the damage', async () => {
    const bytes = CHECKED.slice();
    bytes[bytes.length - 6] = 255;
    const { text, error } = await unpack(bytes);
    expect(error).toMatch(/does not match|larger than/);
    expect(text.length).toBeGreaterThan(150_000);
    expect(TEXT.startsWith(text)).toBe(true);
  });

  it('says that data end early wherever they are cut, and never invents any', async () => {
    for (const whole of [HELLO, LINKED]) {
      for (let length = 1; length < whole.length; length += 1 + (whole.length >> 6)) {
        const { text, error } = await unpack(whole.subarray(0, length));
        expect(error).toBe('unexpected end of the data');
        expect((whole === HELLO ? HELLO_TEXT : TEXT).startsWith(text)).toBe(true);
      }
    }
    expect((await unpack(Buffer.concat([HELLO, Buffer.from('abc')]))).error).toBe('unexpected end of the data');
    expect((await unpack(Buffer.concat([HELLO, Buffer.from('abcd')]))).error).toBe(
      'what follows the last frame is no LZ4 frame',
    );
  });

  it('ends, whatever is changed in it, with an error or the same text', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(HELLO.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const bytes = HELLO.slice();
        bytes[at] = (bytes[at] ?? 0) ^ flip;
        const { text, error } = await unpack(bytes);
        if (error === undefined) expect(text).toBe(HELLO_TEXT);
      }),
      { numRuns: 500 },
    );
  });

  it('keeps a block from reading or writing outside its place', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(20), (block, at) => {
        const out = new Uint8Array(64).fill(0xee);
        const end = unpackBlock(block, out, at, 48);
        expect(end).toBeLessThanOrEqual(48);
        expect(out.subarray(0, at).every((b) => b === 0xee)).toBe(true);
        expect(out.subarray(48).every((b) => b === 0xee)).toBe(true);
      }),
      { numRuns: 3000 },
    );
  });
});

describe('xxHash32', () => {
  it.each([
    // xxhash_spec.md's reference implementation: `printf '' | xxh32sum`, and so on.
    ['', 0x02cc5d05],
    ['a', 0x550d7456],
    ['abc', 0x32d153ff],
    ['Nobody inspects the spammish repetition', 0xe2293b2f],
  ])('of %j', (text, hash) => {
    expect(xxHash32(Buffer.from(text))).toBe(hash);
  });

  it('is the same in pieces', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.array(fc.nat(100), { maxLength: 5 }), (bytes, cuts) => {
        const hash = new XxHash32();
        let at = 0;
        for (const cut of [...cuts, bytes.length].sort((a, b) => a - b)) {
          hash.update(bytes.subarray(at, cut));
          at = Math.max(at, Math.min(cut, bytes.length));
        }
        expect(hash.digest()).toBe(xxHash32(bytes));
      }),
    );
  });
});
