import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hexBytes } from '../../test/support/frames.ts';
import { expectHarmless, saidBy } from '../../test/support/stream.ts';
import { encodeBer, encodeBerOid, encodeBerText } from './ber.ts';
import { decodeTls, decodeX509, encodeX509, summarizeX509, type X509Certificate, type X509Fields } from './index.ts';

const decode = (der: Uint8Array) => decodeX509(der, 0, der.length);
const chain = (name: string, side: 'client' | 'server' = 'server'): readonly X509Certificate[] => {
  const bytes = saidBy(name, side);
  return decodeTls(bytes, 0, bytes.length)!.certificates;
};
const plain: X509Fields = { subject: { commonName: 'example.org' }, notBeforeMs: 0, notAfterMs: 86_400_000 };

/** The DER of a certificate with one run of bytes in it replaced by another of the same length. */
function altered(der: Uint8Array, from: Uint8Array, to: Uint8Array): Uint8Array {
  const at = Buffer.from(der).indexOf(Buffer.from(from));
  if (at < 0 || from.length !== to.length) throw new Error('nothing to replace');
  const out = der.slice();
  out.set(to, at);
  return out;
}

describe('X.509', () => {
  it('encode, then decode, is identity', () => {
    const text = fc.string({ unit: fc.constantFrom(...'abcXYZ é漢-. '), minLength: 1, maxLength: 30 });
    const name = fc.record({ commonName: text, organization: text });
    const label = fc.string({ unit: fc.constantFrom(...'abc123-.'), minLength: 1, maxLength: 30 });
    const seconds = fc.integer({ min: -600_000_000, max: 4_000_000_000 });
    fc.assert(
      fc.property(
        fc.record({
          subject: name,
          issuer: name,
          serial: fc.bigInt({ min: 1n, max: 2n ** 159n }).map((n) => {
            const digits = n.toString(16);
            return digits.length % 2 === 0 ? digits : `0${digits}`;
          }),
          notBeforeMs: seconds.map((s) => s * 1000),
          notAfterMs: seconds.map((s) => s * 1000),
          dnsNames: fc.array(label, { maxLength: 5 }),
          addresses: fc.array(fc.constantFrom('192.0.2.1', '2001:db8::1'), { maxLength: 3 }),
          otherNames: fc.array(fc.constantFrom('a@example.org', 'https://example.org/'), { maxLength: 3 }),
          key: fc.constantFrom<(number | 'P-256')[]>(512, 1024, 2047, 2048, 4096, 'P-256'),
          isAuthority: fc.boolean(),
        }),
        (fields) => {
          const { key, ...same } = fields;
          const certificate = decode(encodeX509(fields))!;
          expect(certificate).toMatchObject({
            ...same,
            version: 3,
            keyType: key === 'P-256' ? 'ec' : 'rsa',
            keyBits: key === 'P-256' ? 256 : key,
            alternativeNameCount: fields.dnsNames.length + fields.addresses.length + fields.otherNames.length,
            signatureAlgorithm: 'sha256WithRSAEncryption',
          });
        },
      ),
      { numRuns: 150, seed: 9 },
    );
  });

  // openssl x509 -noout -subject -issuer -serial -dates -fingerprint -sha256 -text, of the certificates in the captures.
  it('a chain with elliptic curves is what openssl says', () => {
    const [leaf, authority] = chain('tls-ecdsa');
    expect(leaf).toMatchObject({
      version: 3,
      serial: 'f0afbbf558bf4d1b71fed9cb33793ee4',
      subject: { commonName: 'pantz.org', text: 'CN=pantz.org,OU=PositiveSSL,OU=Domain Control Validated' },
      issuer: { commonName: 'COMODO ECC Domain Validation Secure Server CA', organization: 'COMODO CA Limited' },
      notBeforeMs: Date.UTC(2014, 10, 8),
      notAfterMs: Date.UTC(2019, 10, 7, 23, 59, 59),
      dnsNames: ['pantz.org', 'www.pantz.org'],
      keyType: 'ec',
      keyBits: 384,
      curve: 'P-384',
      signatureAlgorithm: 'ecdsa-with-SHA256',
      isAuthority: false,
      isSelfSigned: false,
      sha256: '11db6d4f6e4df14cec874b9d4a306c64c282dacbd479788ee0510b2c99382dc4',
      sha1: 'e69968e62a6e0cccb811ca0a5c4d35b8731b5dd0',
    });
    expect(authority).toMatchObject({ isAuthority: true, curve: 'P-256', signatureAlgorithm: 'ecdsa-with-SHA384' });
    expect(summarizeX509(leaf)).toBe(
      'pantz.org by COMODO ECC Domain Validation Secure Server CA, ec P-384, until 2019-11-07',
    );
  });

  it('a chain of RSA keys, and a name without a CN', () => {
    const certificates = chain('tls-client-certificate');
    expect(certificates.map(({ keyBits }) => keyBits)).toEqual([2048, 2048, 4096]);
    expect(certificates.map(({ issuer }) => issuer.commonName)).toEqual(['R3', 'ISRG Root X1', 'DST Root CA X3']);
    const [old] = chain('tls-sslv2');
    expect(old).toMatchObject({ keyBits: 1024, signatureAlgorithm: 'sha1WithRSAEncryption' });
    expect(old.issuer.commonName).toBeUndefined();
    expect(old.issuer.organization).toBe('VeriSign Trust Network');
    // RFC 4514 section 2.4 escapes the comma in a value.
    expect(old.issuer.text).toContain('OU=VeriSign\\, Inc.,O=VeriSign Trust Network');
  });

  it('subject and issuer of one name are self-signed unless the key identifiers differ', () => {
    expect(decode(encodeX509(plain))?.isSelfSigned).toBe(true);
    expect(decode(encodeX509({ ...plain, issuer: { commonName: 'other.org' } }))?.isSelfSigned).toBe(false);
    const withKeys = (subjectKey: string, authorityKey: string) => {
      const extension = (oid: string, value: Uint8Array) => encodeBer(0x30, encodeBerOid(oid), encodeBer(0x04, value));
      const der = encodeX509({ ...plain, otherNames: ['x'.repeat(54)] });
      // The alternative names make room for two other extensions of the same length.
      const from = encodeBer(0x30, extension('2.5.29.17', encodeBer(0x30, encodeBerText('x'.repeat(54), 0x81))));
      const pad = (n: number) => extension('2.5.29.99', new Uint8Array(n));
      const keys = [
        extension('2.5.29.14', encodeBer(0x04, hexBytes(subjectKey))),
        extension('2.5.29.35', encodeBer(0x30, encodeBer(0x80, hexBytes(authorityKey)))),
      ];
      const used = keys[0].length + keys[1].length;
      return decode(altered(der, from, encodeBer(0x30, ...keys, pad(from.length - 2 - used - pad(0).length))));
    };
    expect(withKeys('aabb', 'aabb')?.isSelfSigned).toBe(true);
    expect(withKeys('aabb', 'aabc')?.isSelfSigned).toBe(false);
    expect(summarizeX509(decode(encodeX509(plain))!)).toBe('example.org self-signed, rsa 2048, until 1970-01-02');
  });

  it('times with offsets and without seconds, and times that are none', () => {
    const der = encodeX509({ ...plain, notBeforeMs: Date.UTC(2020, 0, 1) });
    const time = (text: string) => {
      const old = encodeBerText('200101000000Z', 0x17);
      return decode(altered(der, old, encodeBerText(text, 0x17)))?.notBeforeMs;
    };
    expect(time('491231235959Z')).toBe(Date.UTC(2049, 11, 31, 23, 59, 59));
    expect(time('500101000000Z')).toBe(Date.UTC(1950, 0, 1));
    expect(time('200230000000Z')).toBeUndefined();
    expect(time('201301000000Z')).toBeUndefined();
    expect(time('20010100000 Z')).toBeUndefined();
    const short = encodeX509({ ...plain, notBeforeMs: Date.UTC(2050, 0, 1) });
    const general = (text: string) =>
      decode(altered(short, encodeBerText('20500101000000Z', 0x18), encodeBerText(text, 0x18)))?.notBeforeMs;
    expect(general('20500101000000Z')).toBe(Date.UTC(2050, 0, 1));
    expect(general('205001010000.0Z')).toBe(Date.UTC(2050, 0, 1));
    const offset = (text: string) =>
      decode(altered(short, encodeBerText('20500101000000Z', 0x18), encodeBerText(text, 0x17)))?.notBeforeMs;
    expect(offset('2001010100+0200')).toBe(Date.UTC(2019, 11, 31, 23, 0));
    expect(offset('2001010100-0130')).toBe(Date.UTC(2020, 0, 1, 2, 30));
  });

  it('names in two bytes per character, in Latin-1, and with what misleads a reader', () => {
    const der = encodeX509({ ...plain, subject: { commonName: 'ABCDEF' } });
    const name = (tag: number, hex: string) => {
      const old = encodeBerText('ABCDEF', 0x0c);
      // Subject and issuer are the same; the subject comes second.
      const certificate = decode(
        altered(altered(der, old, encodeBer(tag, hexBytes(hex))), old, encodeBer(tag, hexBytes(hex))),
      );
      return certificate?.subject.commonName;
    };
    expect(name(0x1e, '00e4 6f22 0042')).toBe('ä漢B');
    expect(name(0x14, 'e4e5e6e7e8e9')).toBe('äåæçèé');
    expect(name(0x0c, '61e280ae6200')).toBe('a\\u{202e}b\\x00');
  });

  it('200 alternative names are kept, all are counted', () => {
    const dnsNames = Array.from({ length: 500 }, (_, i) => `h${i}.example.org`);
    const certificate = decode(encodeX509({ ...plain, dnsNames }))!;
    expect(certificate.dnsNames).toEqual(dnsNames.slice(0, 200));
    expect(certificate.alternativeNameCount).toBe(500);
  });

  it('what is cut or no certificate is none', () => {
    const der = encodeX509(plain);
    expect(decodeX509(der, 0, der.length - 1)).toBeUndefined();
    expect(decode(hexBytes('3003020101'))).toBeUndefined();
    expect(decode(hexBytes('3000'))).toBeUndefined();
    expect(decode(new Uint8Array())).toBeUndefined();
    expectHarmless(encodeX509({ ...plain, key: 'P-256', dnsNames: ['a.b', 'c.d'], addresses: ['::1'] }), decodeX509, 3);
  });
});
