import fc from 'fast-check';
import { expect, it } from 'vitest';
import { answeredAddresses } from './answer.ts';

it.each([
  ['A 192.0.2.1, CNAME x.example, AAAA 2001:db8::1', ['192.0.2.1', '2001:db8::1']],
  ['192.0.2.1,192.0.2.2', ['192.0.2.1', '192.0.2.2']],
  ['CNAME x.example, A 192.0.2.', []],
  ['', []],
  [undefined, []],
] as const)('the addresses of %s', (answers, expected) => {
  expect(answeredAddresses(answers)).toEqual(expected);
});

it('takes any text', () => {
  fc.assert(fc.property(fc.string(), (text) => Array.isArray(answeredAddresses(text))));
});
