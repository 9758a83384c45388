import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hexBytes } from '../../test/support/frames.ts';
import { decodeInside, expectHarmless } from '../../test/support/window.ts';
import { decodeNtp, encodeNtp, encodeNtpControl, encodeNtpPrivate, type NtpMessage, summarizeNtp } from './ntp.ts';

function decode(source: string | Uint8Array): NtpMessage {
  const message = decodeInside(decodeNtp, typeof source === 'string' ? hexBytes(source) : source);
  if (message === undefined) throw new Error('no NTP message');
  return message;
}

describe('NTP', () => {
  // Frames 4 and 2 of tcpdump's tests/ntp.pcap, frame 2 of ntp-mode7.pcap; what is expected is what `tshark -V` says of them.
  const SERVER =
    '240200e9000027cf000000670a051b0adcf25be5b86d5655ae9d0aa81b8971a7dcf25be67e92d240dcf25be67e9a9fc900000008629990a7fc22cc8467dd88b7af2d220dbe3287d6';
  const KISS =
    'e40003e9000000000000005a535445500000000000000000a4b39cd101fb24bfdcf25a3984199119dcf25a39841d6dc500000000';
  const PRIVATE = '9700031c000100240050606a0000000a0000000e0000000000002866000029d300001595000000000000650a';

  it('the answer of a server, signed', () => {
    const message = decode(SERVER);
    expect(message).toMatchObject({ version: 4, mode: 'server', bytes: 72, state: 'complete', control: undefined });
    expect(message.time).toMatchObject({
      leap: 0,
      stratum: 2,
      pollExponent: 0,
      precisionExponent: -23,
      referenceId: '10.5.27.10',
      extraBytes: 24,
      isAuthenticated: true,
    });
    expect(message.time?.rootDelayMs).toBeCloseTo(155.502, 2);
    expect(message.time?.rootDispersionMs).toBeCloseTo(1.572, 2);
    expect(message.time?.referenceTimeMs).toBeCloseTo(Date.UTC(2017, 5, 19, 14, 19, 17) + 720.418, 2);
    expect(message.time?.originTimeMs).toBeCloseTo(Date.UTC(1992, 9, 31, 13, 37, 44) + 107.566, 2);
    expect(message.time?.transmitTimeMs).toBeCloseTo(Date.UTC(2017, 5, 19, 14, 19, 18) + 494.547, 2);
    expect(summarizeNtp(message)).toBe('NTPv4 server, stratum 2, 10.5.27.10');
  });

  it('a kiss of death, with a crypto-NAK', () => {
    const message = decode(KISS);
    expect(message.time).toMatchObject({
      leap: 3,
      stratum: 0,
      referenceId: 'STEP',
      referenceTimeMs: undefined,
      extraBytes: 4,
      isAuthenticated: true,
    });
    expect(summarizeNtp(message)).toBe('NTPv4 server, stratum 0, STEP');
  });

  it('a private message', () => {
    const message = decode(PRIVATE);
    expect(message.private).toEqual({
      isResponse: true,
      isMore: false,
      isAuthenticated: false,
      sequence: 0,
      implementation: 3,
      request: 'authentication info',
      isMonlist: false,
      error: 0,
      items: 1,
      itemBytes: 36,
    });
    expect(summarizeNtp(message)).toBe('NTPv2 private authentication info response, 1 items of 36 bytes');
  });

  it('monlist, asked and answered', () => {
    // The eight bytes that scanners send, and six items of 72 bytes as ntpd answers.
    const request = decode('17 00 03 2a 0000 0000');
    expect(request.private).toMatchObject({ isResponse: false, isMonlist: true, request: 'monlist' });
    expect(summarizeNtp(request)).toBe('NTPv2 private monlist request');
    const response = encodeNtpPrivate({
      isResponse: true,
      isMore: true,
      sequence: 5,
      request: 42,
      items: 6,
      itemBytes: 72,
    });
    expect(response).toHaveLength(440);
    expect(decode(response)).toMatchObject({
      bytes: 440,
      state: 'complete',
      private: { isMonlist: true, isMore: true, sequence: 5, items: 6, itemBytes: 72 },
    });
    expect(decode(response.subarray(0, 200)).state).toBe('cut');
    expect(decode('17 00 02 14 0000 0000').private?.isMonlist).toBe(true);
  });

  it('a control message', () => {
    const text = 'version="ntpd 4.2.8p15",\r\nstratum=2';
    const bytes = encodeNtpControl({
      isResponse: true,
      operation: 'read variables',
      sequence: 68,
      associationId: 7,
      text,
    });
    const message = decode(bytes);
    expect(message.control).toEqual({
      isResponse: true,
      isError: false,
      isMore: false,
      operation: 'read variables',
      sequence: 68,
      associationId: 7,
      dataBytes: text.length,
      text: 'version="ntpd 4.2.8p15",\\x0d\\x0astratum=2',
    });
    expect(summarizeNtp(message)).toBe('NTPv2 control read variables response, 35 bytes');
    expect(decode(bytes.subarray(0, 30)).state).toBe('cut');
    expect(decode(encodeNtpControl({ operation: 'read MRU list', text: 'nonce=1' })).control?.text).toBe('');
    expect(decode('16 0d 0001 0000 0000 0000 0000').control?.operation).toBe('operation 13');
  });

  it.each([
    ['without anything', 0, '', false],
    ['an MD5 digest', 20, '00000001', true],
    ['a SHA-1 digest', 24, '00000001', true],
    ['an extension field of 16 bytes and a digest', 40, '01040014', true],
    ['an extension field alone', 28, '0104001c', false],
    ['an extension field with an impossible length', 28, '0104000c', false],
  ])('what stands behind the header: %s', (_, length, hex, isAuthenticated) => {
    const extra = new Uint8Array(length);
    extra.set(hexBytes(hex));
    expect(decode(encodeNtp({ extra })).time).toMatchObject({ extraBytes: length, isAuthenticated });
  });

  it('seconds after the era ends in 2036 are taken for that era', () => {
    const transmitTimeMs = Date.UTC(2040, 0, 1);
    expect(decode(encodeNtp({ transmitTimeMs })).time?.transmitTimeMs).toBe(transmitTimeMs);
  });

  it('encode, then decode, is identity', () => {
    const time = fc.oneof(fc.constant(undefined), fc.integer({ min: Date.UTC(1970, 0), max: Date.UTC(2100, 0) }));
    const reference = fc.oneof(
      fc.record({ stratum: fc.constantFrom(0, 1), referenceId: fc.constantFrom('GPS', 'PPS', 'RATE', '') }),
      fc.record({ stratum: fc.integer({ min: 2, max: 16 }), referenceId: fc.constantFrom('192.0.2.1', '') }),
    );
    const fields = fc.record({
      version: fc.integer({ min: 1, max: 4 }),
      mode: fc.constantFrom('symmetric active', 'symmetric passive', 'client', 'server', 'broadcast'),
      leap: fc.nat(3),
      pollExponent: fc.integer({ min: -128, max: 127 }),
      precisionExponent: fc.integer({ min: -128, max: 127 }),
      rootDelayMs: fc.nat(1000).map((n) => n * 125),
      rootDispersionMs: fc.nat(1000).map((n) => n * 125),
      times: fc.array(time, { minLength: 4, maxLength: 4 }),
      reference,
    });
    fc.assert(
      fc.property(fields, ({ version, mode, times, reference, ...rest }) => {
        const stamps = Object.fromEntries(
          ['referenceTimeMs', 'originTimeMs', 'receiveTimeMs', 'transmitTimeMs']
            .map((name, i) => [name, times[i]] as const)
            .filter(([, value]) => value !== undefined),
        );
        const bytes = encodeNtp({ version, mode: mode as 'client', ...rest, ...reference, ...stamps });
        const message = decode(bytes);
        expect(message).toMatchObject({ version, mode, time: { ...rest, ...reference } });
        for (const [name, value] of Object.entries(stamps))
          expect(message.time?.[name as 'originTimeMs']).toBeCloseTo(value as number, 3);
      }),
      { numRuns: 200, seed: 1 },
    );
  });

  it.each([
    ['version 0', `03 ${'00'.repeat(47)}`],
    ['version 5', `2b ${'00'.repeat(47)}`],
    ['mode 0', `20 ${'00'.repeat(47)}`],
    ['a time message of 47 bytes', `23 ${'00'.repeat(46)}`],
    ['a control message of 11 bytes', `16 ${'00'.repeat(10)}`],
    ['seven bytes', '17 00 03 2a 0000 00'],
  ])('is no message: %s', (_, hex) => {
    expect(decodeNtp(hexBytes(hex), 0, hexBytes(hex).length)).toBeUndefined();
  });

  it('no input throws, and no read leaves the message', () => {
    expectHarmless(decodeNtp, [SERVER, KISS, PRIVATE].map(hexBytes), 2);
    expectHarmless(decodeNtp, [encodeNtpControl({ isResponse: true, operation: 'read variables', text: 'a=1' })], 3);
  });
});
