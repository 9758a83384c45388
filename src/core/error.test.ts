import { expect, test } from 'vitest';
import { nearest } from './error.ts';

test('the nearest name is one that a slip of the fingers makes, two letters in the wrong order before two wrong ones', () => {
  expect(nearest('cvs', ['eve', 'csv', 'json'])).toBe('csv');
  expect(nearest('serverity', ['name', 'severity', 'message'])).toBe('severity');
  expect(nearest('HIHG', ['low', 'high'])).toBe('high');
  expect(nearest('ab', ['ba', 'xy'])).toBe('ba');
});

test('a word that resembles none has no nearest name', () => {
  expect(nearest('quantum', ['name', 'severity', 'message'])).toBeUndefined();
  expect(nearest('x', [])).toBeUndefined();
  expect(nearest('', ['severity'])).toBeUndefined();
});
