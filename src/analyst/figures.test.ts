import { describe, expect, it } from 'vitest';
import { bearsCount, bearsMeasure, leadOf, plainFigures } from './figures.ts';

describe('figures as people write them', () => {
  it.each([
    ['on 21 September 2021', 'on 2021-09-21'],
    ['on September 21st, 2021 at 8:57 AM', 'on 2021-09-21 at 08:57'],
    ['the 4th of June 2024', 'the 2024-06-04'],
    ['on 14 May', 'on 05-14'],
    ['at 12:30 a.m. and 1:05:09 pm', 'at 00:30 and 13:05:09'],
    ['sixty-five connections of twenty hosts', '65 connections of 20 hosts'],
    ['over an hour and a half', 'over 1.5 h'],
    ['for three and a half hours', 'for 3.5 h'],
    ['in less than half a second', 'in less than 0.5 s'],
    ['within an hour.', 'within 1 h.'],
    ['roughly nine thousand names', 'roughly 9,000 names'],
    ['almost three quarters of them', 'almost 75 % of them'],
    ['in a fraction of a millisecond', 'under 1 ms'],
  ])('%s: %s', (text, plain) => {
    expect(plainFigures(text)).toBe(plain);
  });

  it.each([
    'It tried 5 hosts and may 3 times more.',
    'A second host answered.',
    'It was a second later.',
    'Half of the 21 intervals are longer.',
    '10.0.0.1:80 at 2024-05-14 07:30:00',
  ])('%s stays', (text) => {
    expect(plainFigures(text)).toBe(text);
  });
});

describe('what a figure claims', () => {
  it.each([
    ['It sent about ', 'about'],
    ['Nearly ', 'nearly'],
    ['just over ', 'beyond'],
    ['more than ', 'over'],
    ['in less than ', 'under'],
    ['It sent ', 'exact'],
  ] as const)('%s', (before, lead) => {
    expect(leadOf(before)).toBe(lead);
  });

  it('counts are exact, rounded after "about", and round bounds not far away', () => {
    expect(bearsCount('exact', 212, 212)).toBe(true);
    expect(bearsCount('exact', 210, 212)).toBe(false);
    expect(bearsCount('about', 210, 212)).toBe(true);
    expect(bearsCount('about', 211, 212)).toBe(false);
    expect(bearsCount('nearly', 10_000, 9748)).toBe(true);
    expect(bearsCount('nearly', 10_000, 10_100)).toBe(false);
    expect(bearsCount('over', 250, 255)).toBe(true);
    expect(bearsCount('over', 251, 255)).toBe(false);
    expect(bearsCount('over', 250, 249)).toBe(false);
    expect(bearsCount('over', 10, 255)).toBe(false);
    expect(bearsCount('under', 20, 17)).toBe(true);
  });

  it('spans, sizes and shares are rounded to their own decimals', () => {
    expect(bearsMeasure('exact', 13, 12.7, 0)).toBe(true);
    expect(bearsMeasure('exact', 2, 1.8, 0)).toBe(false);
    expect(bearsMeasure('exact', 12.6, 12.7, 1)).toBe(false);
    expect(bearsMeasure('nearly', 4, 3.74, 0)).toBe(true);
    expect(bearsMeasure('nearly', 3, 3.74, 0)).toBe(false);
    expect(bearsMeasure('over', 1, 1.74, 0)).toBe(true);
    expect(bearsMeasure('over', 2, 1.74, 0)).toBe(false);
    expect(bearsMeasure('under', 0.5, 0.442, 1)).toBe(true);
    expect(bearsMeasure('under', 1, 0.000189, 0)).toBe(false);
  });
});
