import fc from 'fast-check';
import { expect, it } from 'vitest';
import { asciiText } from './text.ts';
import { TextMemo } from './text-memo.ts';

const bytesOf = (text: string) => Uint8Array.from(text, (c) => c.charCodeAt(0));

it('gives the text of the bytes, whatever was asked for before', () => {
  const texts = fc.array(fc.oneof(fc.constantFrom('example.org', 'example.net', '', 'x'.repeat(80)), fc.string()), {
    maxLength: 100,
  });
  fc.assert(
    fc.property(texts, fc.nat(3), (asked, before) => {
      const memo = new TextMemo(4);
      for (const text of [...asked, ...asked]) {
        const bytes = bytesOf(`${'-'.repeat(before)}${text}-`);
        const to = before + text.length;
        expect(memo.of(bytes, before, to)).toBe(asciiText(bytes, before, to));
      }
    }),
  );
});

it('tells texts apart that share a place, and makes one that comes again twice at most', () => {
  const memo = new TextMemo(1);
  for (let round = 0; round < 3; round++)
    for (const text of ['a.example', 'b.example', 'c.example', 'x'.repeat(81)])
      expect(memo.of(bytesOf(text), 0, text.length)).toBe(text);
});
