import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  domainParts,
  labelEntropy,
  labelsOf,
  normalName,
  ownerAndDomain,
  publicSuffix,
  registrableDomain,
  subdomainOf,
} from './domain.ts';

test.each([
  ['www.example.co.uk', 'example.co.uk', 'www', 'co.uk'],
  ['WWW.Example.COM.', 'example.com', 'www', 'com'],
  ['example.com', 'example.com', '', 'com'],
  ['a.b.example.com:8443', 'example.com', 'a.b', 'com'],
  ['d3f8.cloudfront.net', 'cloudfront.net', 'd3f8', 'net'],
  ['co.uk', undefined, undefined, 'co.uk'],
  ['localhost', undefined, undefined, undefined],
  ['printer.local', 'printer.local', '', 'local'],
  ['192.0.2.1', undefined, undefined, undefined],
  ['[2001:db8::1]', undefined, undefined, undefined],
  ['', undefined, undefined, undefined],
  ['a..b.com', undefined, undefined, undefined],
  ['a b.com', undefined, undefined, undefined],
])('%s belongs to %s', (name, domain, subdomain, suffix) => {
  expect([registrableDomain(name), subdomainOf(name), publicSuffix(name)]).toEqual([domain, subdomain, suffix]);
});

test('with private suffixes each customer of a provider is a domain of its own', () => {
  const options = { privateSuffixes: true };
  expect(registrableDomain('a.d3f8.cloudfront.net', options)).toBe('d3f8.cloudfront.net');
  expect(registrableDomain('x.me.github.io', options)).toBe('me.github.io');
  expect(subdomainOf('x.me.github.io', options)).toBe('x');
});

test('a name under no suffix of the list is known as such', () => {
  expect(domainParts('nas.lan')?.known).toBe(false);
  expect(domainParts('nas.example')?.known).toBe(false);
  expect(domainParts('nas.com')?.known).toBe(true);
});

test('the label entropy is of the most random label, without the public suffix', () => {
  expect(labelEntropy('aaaa.abcd.co.uk')).toBe(2);
  expect(labelEntropy('abcdefgh.aaaa.com')).toBe(3);
  expect(labelEntropy('10.0.0.1')).toBeNaN();
});

test('names are split into labels, and what is no name has none', () => {
  expect(labelsOf('A.b.C')).toEqual(['a', 'b', 'c']);
  expect(labelsOf('10.0.0.1')).toEqual([]);
});

test('any text is taken, and a normal name stays as it is', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.domain()), (text) => {
      const name = normalName(text);
      if (name !== undefined) expect(normalName(name)).toBe(name);
      const parts = domainParts(text);
      if (parts?.domain !== undefined)
        expect(parts.subdomain === '' ? parts.domain : `${parts.subdomain}.${parts.domain}`).toBe(parts.name);
    }),
  );
});

test.each([
  'www.example.co.uk',
  'a.d3f8.cloudfront.net',
  'd3f8.cloudfront.net',
  'cloudfront.net',
  'x.me.github.io',
  'github.io',
  'co.uk',
  'printer.local',
  'localhost',
  'a.b.ck',
  'www.ck',
  'a..b.com',
])('both domains of %s are those of its two readings', (name) => {
  const both = ownerAndDomain(name);
  const options = { privateSuffixes: true };
  expect([both?.owner, both?.domain, both?.subdomain]).toEqual([
    registrableDomain(name, options),
    registrableDomain(name),
    domainParts(name, options)?.subdomain,
  ]);
});
