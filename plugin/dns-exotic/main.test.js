import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decoders, features, filters } from './main.js';

const of = (feature, name, settings) => features[feature]({ name: [name] }, settings)[0];

test('data in a label alternates, and words do not', () => {
  assert.equal(of('alternation', 'a1b2'), 1);
  assert.equal(of('alternation', 'example'), 0);
});

test('the longest label, the most frequent pair, and the shape of the first label', () => {
  assert.equal(of('longest_label', 'www.example.com.'), 7);
  assert.equal(of('repetition', 'ababa'), 0.5);
  assert.equal(of('label_shape', 'Host12-AB.example'), 'a9-a');
});

test('the entropy of Base32 is that of its bytes', () => {
  assert.equal(of('b32_entropy', 'aaaqeayeaudaocaj.t.example', { least: 16 }), Math.log2(10));
  assert.equal(of('b32_entropy', 'www.example.com', { least: 16 }), NaN);
});

test('questions for the name of an address are reverse', () => {
  assert.deepEqual(filters.is_reverse({ name: ['1.0.0.10.in-addr.arpa', 'example.com'] }), [true, false]);
});

test('a cookie is found, and no truncation of the message throws', () => {
  const hex =
    '123401000001000000000001' +
    '07' +
    '6578616d706c65' +
    '00' +
    '00010001' +
    '00' +
    '0029' +
    '1000' +
    '00000000' +
    '000c' +
    '000a0008' +
    '0123456789abcdef';
  const bytes = Uint8Array.from(hex.match(/../g), (pair) => Number.parseInt(pair, 16));
  assert.deepEqual(decoders.dns_cookie(bytes), {
    name: 'dns-cookie',
    summary: 'client cookie 0123456789abcdef',
    columns: { client: '0123456789abcdef' },
  });
  for (let n = 0; n < bytes.length; n++) assert.equal(decoders.dns_cookie(bytes.subarray(0, n)), undefined);
});
