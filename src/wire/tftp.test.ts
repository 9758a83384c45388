import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asciiBytes, hexBytes } from '../../test/support/frames.ts';
import { decodeTftp, encodeTftpRequest, looksLikeTftp, summarizeTftp } from './tftp.ts';

const tftp = (bytes: Uint8Array) => decodeTftp(bytes, 0, bytes.length);

describe('TFTP', () => {
  it.each([
    // arkime's tftp_rrq.pcap, frames 1 and 3; tshark -e tftp.source_file -e tftp.type says rfc1350.txt, octet.
    ['0001726663313335302e747874006f6374657400', 'TFTP read rfc1350.txt (octet)'],
    ['00040001', 'TFTP acknowledge 1'],
    ['00030002 4142', 'TFTP data 2'],
    ['00050001 4e6f7420666f756e6400', 'TFTP error 1 Not found'],
    ['0006626c6b73697a6500313432380000', undefined],
    ['0006626c6b73697a65003134323800', 'TFTP option-acknowledge'],
    ['0007', undefined],
    ['0001', undefined],
    ['0001610062696e00', undefined],
    ['0001006f6374657400', undefined],
    ['0004000100', undefined],
    ['0005ffff4100', undefined],
  ])('%s', (hex, summary) => {
    const message = tftp(hexBytes(hex));
    expect(message === undefined ? undefined : summarizeTftp(message)).toBe(summary);
  });

  it('encode, then decode, is identity', () => {
    const text = fc.string({ unit: fc.constantFrom(...'abcdefgh/._-019'), minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(fc.constantFrom('read' as const, 'write' as const), text, text, (operation, file, value) => {
        const bytes = encodeTftpRequest({ operation, file, options: [['blksize', value.slice(0, 32)]] });
        expect(tftp(bytes)).toEqual({
          operation,
          file,
          mode: 'octet',
          options: [['blksize', value.slice(0, 32)]],
          block: undefined,
          error: undefined,
        });
        expect(looksLikeTftp(bytes, 0, bytes.length)).toBe(true);
      }),
      { numRuns: 100, seed: 11 },
    );
  });

  it('shows itself by a request only', () => {
    for (const text of ['\0\x04\0\x01', '\0\x03\0\x01abcdef', '\0\x01a\x01b\0octet\0', '\0\x01ab\0octet', ''])
      expect(looksLikeTftp(asciiBytes(text), 0, text.length), text).toBe(false);
  });
});
