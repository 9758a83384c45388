import { describe, expect, it } from 'vitest';
import { PackedTextColumn, type StringColumn } from '../core/index.ts';
import { classesOf, codeCount, Told, textOf, toldOf } from './told.ts';

const COLUMN: StringColumn = {
  kind: 'string',
  codes: Int32Array.of(1, -1, 0, 1),
  dictionary: ['tcp', 'udp'],
};

describe('classesOf', () => {
  it('tells each text by its code and one, and nothing where a row has none', () => {
    const classes = classesOf(COLUMN, (text) => (text === 'tcp' ? 2 : 7));
    expect([...COLUMN.codes].map((code) => classes[code + 1])).toEqual([7, 0, 2, 7]);
    expect([...classesOf(COLUMN, (text) => text === 'udp')]).toEqual([0, 0, 1]);
  });
});

describe('Told', () => {
  it('asks once for each text that a row has, and says no where it has none', () => {
    const asked: string[] = [];
    const told = new Told(COLUMN, (text) => {
      asked.push(text);
      return text === 'udp';
    });
    expect([0, 1, 2, 3, 0].map((row) => told.at(row))).toEqual([true, false, false, true, true]);
    expect(told.of(0)).toBe(false);
    expect(asked).toEqual(['udp', 'tcp']);
  });

  it('is one for all who ask the same of a column', () => {
    const isTcp = (text: string): boolean => text === 'tcp';
    expect(toldOf(COLUMN, isTcp)).toBe(toldOf(COLUMN, isTcp));
    expect(toldOf(COLUMN, (text) => text === 'udp')).not.toBe(toldOf(COLUMN, isTcp));
    expect(toldOf({ ...COLUMN }, isTcp)).not.toBe(toldOf(COLUMN, isTcp));
  });

  it('makes no text of a packed column but those that it asks for', () => {
    const bytes = new TextEncoder().encode('abcd');
    const packed = new PackedTextColumn(Int32Array.of(1, 0), bytes, Int32Array.of(1, 4));
    expect(codeCount(packed)).toBe(2);
    expect(codeCount(COLUMN)).toBe(2);
    expect(textOf(packed, 1)).toBe('bcd');
    expect(new Told(packed, (text) => text === 'bcd').at(0)).toBe(true);
  });
});
