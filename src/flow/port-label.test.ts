import { expect, test } from 'vitest';
import type { StringColumn } from '../core/index.ts';
import { NO_LABEL, PortLabels } from './port-label.ts';

const column = (...texts: (string | undefined)[]): StringColumn => ({
  kind: 'string',
  codes: Int32Array.from(texts, (text, i) => (text === undefined ? -1 : i)),
  dictionary: texts.map((text) => text ?? ''),
});

test('a label is of the service or else the protocol, and of the port; it has a number once it was taken', () => {
  const labels = new PortLabels();
  const rows = labels.columns(
    column('http', undefined, undefined, 'http'),
    column('tcp', 'udp', undefined, 'tcp'),
    '-',
  );
  expect([0, 1, 2].map((row) => rows.find(row, 80))).toEqual([NO_LABEL, NO_LABEL, NO_LABEL]);
  const taken = [0, 1, 2, 3].map((row) => rows.take(row, 80));
  expect(taken.map((label) => labels.text(label))).toEqual(['http/80', 'udp/80', '-/80', 'http/80']);
  expect(taken[3]).toBe(taken[0]);
  expect([0, 1, 2].map((row) => rows.find(row, 80))).toEqual(taken.slice(0, 3));
  expect([0, 65_535, undefined].map((port) => labels.text(rows.take(0, port)))).toEqual([
    'http/0',
    'http/65535',
    'http',
  ]);
});

test('ports that are none and kinds beyond those that have numbers are labels all the same', () => {
  const labels = new PortLabels();
  const odd = [-1, 65_536, 0.5, Number.NaN, -1];
  const rows = labels.columns(column('a'), column('b'), '');
  const numbers = odd.map((port) => rows.take(0, port));
  expect(numbers.map((label) => labels.text(label))).toEqual(['a/-1', 'a/65536', 'a/0.5', 'a/NaN', 'a/-1']);
  expect(numbers.map((label) => label < NO_LABEL)).toEqual(odd.map(() => true));
  expect([numbers[4], rows.find(0, 65_537)]).toEqual([numbers[0], NO_LABEL]);
  const kinds = Array.from({ length: 40_000 }, (_, i) => `kind${i}`);
  const many = labels.columns(column(...kinds), column(...kinds), '');
  const taken = kinds.map((_, row) => many.take(row, row % 100));
  expect(new Set(taken).size).toBe(40_000);
  expect(kinds.every((kind, row) => labels.text(taken[row] ?? 0) === `${kind}/${row % 100}`)).toBe(true);
  expect(kinds.every((_, row) => many.find(row, row % 100) === taken[row])).toBe(true);
});
