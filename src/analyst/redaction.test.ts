import { describe, expect, test } from 'vitest';
import { Pseudonyms } from './redaction.ts';

const HIDDEN = new Pseudonyms('addresses', 'key');

describe('every address in a sentence is hidden, whatever stands around it', () => {
  test.each([
    '192.168.1.5: 60 flows in this run.',
    'It called 192.168.1.5:443.',
    'From 192.168.1.5, (192.168.1.5), [192.168.1.5] and 192.168.1.5.',
    'to:192.168.1.5',
    'fe80::c0a8:105: 60 flows.',
    'It called [fe80::c0a8:105]:443.',
    'Seen at fe80::c0a8:105.',
    '::ffff:192.168.1.5 is the same.',
    'The card 02:00:c0:a8:01:05: an unknown one.',
    'The card is 02-00-c0-a8-01-05.',
  ])('%s', (text) => {
    const hidden = HIDDEN.hide(text);
    expect(hidden).not.toMatch(/192\.168|c0a8|c0[:-]a8/);
    expect(hidden).toMatch(/(?:HOST|MAC)-[0-9a-f]{6}/);
    expect(HIDDEN.restore(hidden)).toBe(text);
  });
});

test('what is no address stays', () => {
  for (const text of [
    'It began at 2024-05-14 07:30:00 UTC.',
    'Version 1.2.3, 98.1 %, 10:30: fine.',
    'Ports 1, 3 and 7: none.',
  ])
    expect(HIDDEN.hide(text)).toBe(text);
});

test('without a profile nothing is hidden', () => {
  expect(new Pseudonyms('none', '').hide('192.168.1.5: 3 flows')).toBe('192.168.1.5: 3 flows');
});
