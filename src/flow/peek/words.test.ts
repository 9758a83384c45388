import { describe, expect, it } from 'vitest';
import { Words } from './words.ts';

describe('words', () => {
  it('have the same number each time, and numbers that 16 bits hold for every value of two bytes', () => {
    const words = new Words();
    const numbers = new Uint16Array(65_536).map((_, i) => words.number(`TYPE${i}`));
    for (const i of [65_535, 0, 0, 41, 65_534]) {
      expect(words.number(`TYPE${i}`)).toBe(numbers[i]);
      expect(words.text(numbers[i]!)).toBe(`TYPE${i}`);
    }
    expect(new Set(numbers).size).toBe(65_536);
  });

  it('may be empty, and there is none for a number that was not given', () => {
    const words = new Words();
    expect(words.text(0)).toBe('');
    expect(words.number('')).toBe(0);
    expect(words.number('a')).toBe(1);
    expect(words.number('')).toBe(0);
    expect(words.text(2)).toBe('');
  });
});
