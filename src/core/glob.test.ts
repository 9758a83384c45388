import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileGlob } from './glob.ts';

describe('patterns', () => {
  it.each([
    ['*.example.com', 'www.Example.com', true],
    ['*.example.com', 'example.com', false],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['*', '', true],
    ['', 'a', false],
    ['a*b*c', 'a1b2b3c', true],
    ['a*b*c', 'a1b2b3', false],
    [String.raw`100\*`, '100*', true],
    [String.raw`100\*`, '1000', false],
  ])('%j on %j is %s', (pattern, text, fits) => {
    expect(compileGlob(pattern)(text)).toBe(fits);
  });

  it('say the same as a regular expression made of them', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 12 });
    const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 8 });
    fc.assert(
      fc.property(pattern, letters, (glob, text) => {
        const expression = new RegExp(`^${glob.replace(/\*+/g, '.*').replaceAll('?', '.')}$`);
        expect(compileGlob(glob)(text)).toBe(expression.test(text));
      }),
      { numRuns: 2000 },
    );
  });

  it('take no longer than pattern times text, where a backtracking engine would not return', () => {
    const fits = compileGlob(`${'a*'.repeat(30)}b`);
    expect(fits('a'.repeat(3000))).toBe(false);
  });
});
