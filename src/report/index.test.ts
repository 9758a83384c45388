import { expect, test } from 'vitest';
import { bigResult, sampleResult } from '../../test/support/sample.ts';
import { REPORT_FORMATS } from './index.ts';

test('every format has a name and a file of its own, renders the sample and alters nothing', () => {
  expect(REPORT_FORMATS.map((format) => format.name)).toEqual(['html', 'json', 'csv']);
  expect(new Set(REPORT_FORMATS.map((format) => format.file)).size).toBe(REPORT_FORMATS.length);
  const result = sampleResult();
  const before = JSON.stringify(result);
  for (const { render, parts } of REPORT_FORMATS) {
    const text = render(result);
    expect([...parts(result)].join('')).toBe(text);
    expect(text.endsWith('\n')).toBe(true);
    expect(render(sampleResult())).toBe(text);
  }
  expect(JSON.stringify(result)).toBe(before);
});

test.each(REPORT_FORMATS.map((format) => [format.name, format] as const))(
  'no part of %s is most of a report of many incidents',
  (_, { parts }) => {
    const lengths = [...parts(bigResult(1000))].map((part) => part.length);
    expect(Math.max(...lengths)).toBeLessThan(lengths.reduce((sum, length) => sum + length) / 2);
  },
);
