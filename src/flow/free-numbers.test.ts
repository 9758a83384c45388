import { describe, expect, it } from 'vitest';
import { FreeNumbers } from './free-numbers.ts';

describe('free numbers', () => {
  it('begin with the first and go up, and what came back last is handed out before any new one', () => {
    const numbers = new FreeNumbers(1);
    expect(numbers.end).toBe(1);
    expect([numbers.take(), numbers.take(), numbers.take()]).toEqual([1, 2, 3]);
    numbers.give(1);
    numbers.give(3);
    expect([numbers.take(), numbers.take(), numbers.take()]).toEqual([3, 1, 4]);
    expect(numbers.end).toBe(5);
  });

  it('are never handed out twice at a time, however many there are', () => {
    const numbers = new FreeNumbers();
    const taken = new Set(Array.from({ length: 5000 }, () => numbers.take()));
    expect(taken.size).toBe(5000);
    for (const number of taken) numbers.give(number);
    expect(new Set(Array.from({ length: 5000 }, () => numbers.take()))).toEqual(taken);
    expect(numbers.take()).toBe(5000);
  });
});
