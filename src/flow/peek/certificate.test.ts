import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeX509, encodeX509 } from '../../wire/index.ts';
import { Certificates } from './certificate.ts';

const FIELDS = { subject: { commonName: 'www.example.org' }, issuer: { commonName: 'Example CA' } };
const DER = encodeX509({
  ...FIELDS,
  notBeforeMs: Date.UTC(2024, 0, 1),
  notAfterMs: Date.UTC(2025, 0, 1),
});

test('a certificate that was seen before is the one that the decoder gives, also elsewhere in other bytes', () => {
  const certificates = new Certificates();
  const expected = decodeX509(DER, 0, DER.length, false);
  expect(expected?.subject.commonName).toBe('www.example.org');
  const first = certificates.decode(DER, 0, DER.length);
  expect(first).toEqual(expected);
  const moved = new Uint8Array(DER.length + 20).fill(7);
  moved.set(DER, 11);
  expect(certificates.decode(moved, 11, moved.length)).toBe(first);
});

test('a certificate that differs in one byte, is cut, or is no certificate is decoded for itself', () => {
  const certificates = new Certificates();
  fc.assert(
    fc.property(fc.nat(DER.length - 1), fc.nat(255), fc.nat(DER.length), (at, byte, end) => {
      const changed = DER.slice();
      changed[at] = byte;
      for (const [bytes, to] of [
        [changed, changed.length],
        [DER, end],
        [DER, DER.length],
      ] as const)
        expect(certificates.decode(bytes, 0, to)).toEqual(decodeX509(bytes, 0, to, false));
    }),
    { numRuns: 500 },
  );
});
