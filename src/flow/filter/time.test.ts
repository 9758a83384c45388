import { describe, expect, it } from 'vitest';
import { parseTime } from './time.ts';

const START = Date.UTC(2024, 4, 14, 7, 30);

describe('times', () => {
  it.each([
    ['2024-05-14', Date.UTC(2024, 4, 14)],
    ['2024-05-14T07:30', START],
    ['2024-05-14 07:30:00', START],
    ['2024-05-14T09:30+02:00', START],
    ['2024-05-14T02:00:00.123456-0530', START + 123.456],
    ['2024-02-30', undefined],
    ['2024-05-14T25:00', undefined],
    ['yesterday', undefined],
  ])('%s', (text, ms) => {
    expect(parseTime(text)).toBe(ms);
  });
});
