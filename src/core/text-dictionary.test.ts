import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ColumnWriter } from './column-writer.ts';
import type { Schema } from './table.ts';
import { decodeText, isUtf8, TextDictionary } from './text-dictionary.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('TextDictionary', () => {
  it('gives equal bytes the same code and different bytes another, whatever they are', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 6, unit: 'binary' }), { maxLength: 600 }), (texts) => {
        const dictionary = new TextDictionary();
        const codes = Int32Array.from(texts, (text) => {
          const bytes = bytesOf(`..${text}..`);
          return dictionary.code(bytes, 2, bytes.length - 2);
        });
        const column = dictionary.column(codes);
        expect(texts.map((_, i) => column.dictionary[codes[i]])).toEqual(texts);
        expect(new Set(column.dictionary).size).toBe(column.dictionary.length);
      }),
    );
  });

  it('leaves a column as it was when it is cleared and filled again', () => {
    const dictionary = new TextDictionary();
    dictionary.codeOf('first');
    const column = dictionary.column(Int32Array.of(0));
    dictionary.clear();
    expect(dictionary.codeOf('second')).toBe(0);
    expect(column.dictionary).toEqual(['first']);
  });
});

describe('decodeText', () => {
  it('shows bytes that are no UTF-8 and keeps the text around them', () => {
    const bytes = Uint8Array.of(0x63, 0x61, 0x66, 0xe9, 0x20, 0xc3, 0xa9, 0xed, 0xa0, 0x80, 0xf0, 0x9f);
    expect(decodeText(bytes, 0, bytes.length)).toBe('caf\\xE9 é\\xED\\xA0\\x80\\xF0\\x9F');
    expect(isUtf8(bytes, 0, bytes.length)).toBe(false);
    expect(isUtf8(bytes, 5, 7)).toBe(true);
  });

  it('agrees with the strict decoder on every text', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        let strict: string | undefined;
        try {
          strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
        } catch {
          strict = undefined;
        }
        expect(isUtf8(bytes, 0, bytes.length)).toBe(strict !== undefined);
        if (strict !== undefined) expect(decodeText(bytes, 0, bytes.length)).toBe(strict);
      }),
    );
  });
});

const SCHEMA: Schema = {
  name: 'test',
  version: 1,
  columns: [
    { name: 'n', kind: 'int32', unit: '', meaning: '' },
    { name: 'x', kind: 'float64', unit: '', meaning: '' },
    { name: 's', kind: 'string', unit: '', meaning: '' },
    { name: 'never', kind: 'string', unit: '', meaning: '' },
    { name: 'neverN', kind: 'float64', unit: '', meaning: '' },
  ],
};

describe('ColumnWriter', () => {
  it('leaves what is not set missing, takes a row back, and keeps a table while it makes the next', () => {
    const writer = new ColumnWriter(SCHEMA, 10, new Set(['n', 'x', 's']));
    const row = writer.addRow();
    writer.setNumber(0, row, 7);
    writer.setText(2, row, 'one');
    const gone = writer.addRow();
    writer.setNumber(1, gone, 3);
    writer.setText(2, gone, 'gone');
    writer.dropRow();
    writer.addRow();
    const table = writer.finish();
    writer.setText(2, writer.addRow(), 'two');
    const next = writer.finish();
    expect(table.rowCount).toBe(2);
    expect([0, 1, 2, 3, 4].map((c) => table.value(c, 0))).toEqual([7, undefined, 'one', undefined, undefined]);
    expect([0, 1, 2, 3, 4].map((c) => table.value(c, 1))).toEqual([...Array(5)]);
    expect(next.text('s', 0)).toBe('two');
  });
});
