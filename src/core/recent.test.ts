import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PackedTexts } from './packed-texts.ts';
import { Recent } from './recent.ts';
import { PackedTextColumn } from './table.ts';

function counting(places: number): { readonly recent: Recent<{ text: string }>; readonly told: string[] } {
  const told: string[] = [];
  const recent = new Recent(places, (text) => {
    told.push(text);
    return { text };
  });
  return { recent, told };
}

describe('Recent', () => {
  it('tells a text once, as a whole and as a part of another', () => {
    const { recent, told } = counting(64);
    const first = recent.of('example.com');
    expect(recent.of('example.com')).toBe(first);
    expect(recent.ofPart('A example.com, A b.example', 2, 13)).toBe(first);
    expect(recent.ofPart('A example.com, A b.example', 17, 26)).toEqual({ text: 'b.example' });
    expect(recent.of('b.example')).toEqual({ text: 'b.example' });
    expect(told).toEqual(['example.com', 'b.example']);
  });

  it('tells of the texts of a column what it tells of them by themselves, however the column has them', () => {
    const text = fc.oneof(
      fc.string({ maxLength: 20 }),
      fc.string({ unit: 'binary', maxLength: 20 }),
      fc.string({ minLength: 250, maxLength: 600 }),
    );
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 20 }), (texts) => {
        const packed = new PackedTexts(texts.length);
        for (const one of texts) packed.ofText(one);
        const codes = Int32Array.from(texts, (_, i) => i);
        const ends = packed.ends.subarray(0, packed.count);
        const isAscii = texts.every((one) => /^[\0-\x7f]*$/.test(one));
        const { recent } = counting(64);
        for (const column of [
          new PackedTextColumn(codes, packed.bytes, ends, false, isAscii),
          { kind: 'string' as const, codes, dictionary: texts },
        ])
          for (const [code, one] of texts.entries()) {
            const told = recent.ofCode(column, code);
            expect(told.text).toBe(one);
            expect(recent.of(one)).toBe(told);
            expect(recent.ofCode(column, code)).toBe(told);
          }
      }),
    );
  });

  it('tells of the right text where long ones have the same hash', () => {
    const { recent } = counting(4);
    const [a, b] = [`${'x'.repeat(99)}ay`, `${'x'.repeat(99)}by`];
    for (const text of [a, b, a, b, '', a]) expect(recent.of(text).text).toBe(text);
  });

  it('keeps most texts while half of its places are taken', () => {
    const { recent, told } = counting(4096);
    for (let round = 0; round < 10; round++) for (let i = 0; i < 2048; i++) recent.of(`host${i}.example`);
    expect(told.length).toBeLessThan(2048 * 3);
  });

  it('tells the oldest again where more texts come than it has places', () => {
    const { recent, told } = counting(4);
    for (let i = 0; i < 5; i++) recent.of(`${i}`);
    recent.of('4');
    recent.of('1');
    expect(told).toEqual(['0', '1', '2', '3', '4']);
    recent.of('0');
    expect(told).toHaveLength(6);
  });
});
