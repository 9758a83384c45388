import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PackedTextColumn, PackedTexts } from './index.ts';

const latin1 = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));

function add(texts: PackedTexts, text: string): number {
  const bytes = latin1(`<${text}>`);
  return texts.of(bytes, 1, bytes.length - 1);
}

function columnOf(texts: PackedTexts): PackedTextColumn {
  const ends = texts.ends.subarray(0, texts.count);
  return new PackedTextColumn(Int32Array.of(), texts.bytes, ends, texts.isPlain, texts.isAscii);
}

describe('packed texts', () => {
  it('give a text that came lately the code that it has', () => {
    const texts = new PackedTexts(8);
    expect(['a.example', 'b.example', 'a.example', 'b.example'].map((text) => add(texts, text))).toEqual([0, 1, 0, 1]);
    expect([texts.count, texts.isPlain, texts.isAscii]).toEqual([2, false, true]);
  });

  it('take nothing for a text of the batch before', () => {
    const texts = new PackedTexts(8);
    add(texts, 'a.example');
    add(texts, 'b.example');
    texts.clear();
    expect(texts.isPlain).toBe(true);
    expect(add(texts, 'b.example')).toBe(0);
    expect(add(texts, 'a.example')).toBe(1);
    expect(columnOf(texts).dictionary).toEqual(['b.example', 'a.example']);
  });

  it('tell characters of Latin-1 from the bytes that another text has for them', () => {
    const texts = new PackedTexts(8);
    const codes = ['é', 'Ã©', 'é', 'e'].map((text) => add(texts, text));
    expect(codes.map((code) => columnOf(texts).text(code))).toEqual(['é', 'Ã©', 'é', 'e']);
    expect(texts.isAscii).toBe(false);
  });

  it('hold any text, however much they must grow for it', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            fc.record({ wide: fc.constant(true), text: fc.string({ unit: 'binary', maxLength: 300 }) }),
            fc.record({ wide: fc.constant(false), text: fc.string({ maxLength: 20 }) }),
            fc.record({
              wide: fc.constant(false),
              text: fc.array(fc.integer({ min: 0, max: 255 })).map((codes) => String.fromCharCode(...codes)),
            }),
          ),
          { maxLength: 30 },
        ),
        (list) => {
          const texts = new PackedTexts(list.length);
          const codes = list.map(({ wide, text }) => (wide ? texts.ofText(text) : add(texts, text)));
          expect(codes.map((code) => columnOf(texts).text(code))).toEqual(list.map(({ text }) => text));
        },
      ),
    );
  });
});
