import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asciiBytes } from '../../test/support/frames.ts';
import { decodeInside, expectHarmless } from '../../test/support/window.ts';
import { decodeSsdp, encodeSsdp, summarizeSsdp } from './ssdp.ts';

const decode = (text: string) => decodeInside(decodeSsdp, asciiBytes(text));

describe('SSDP', () => {
  it('a search', () => {
    const message = decode(
      'M-SEARCH * HTTP/1.1\r\nHost:239.255.255.250:1900\r\nST:upnp:rootdevice\r\nMan:"ssdp:discover"\r\nMX:3\r\nUSER-AGENT: Chromium/58.0\r\n\r\n',
    )!;
    expect(message).toEqual({
      kind: 'search',
      startLine: 'M-SEARCH * HTTP/1.1',
      status: 0,
      notification: '',
      target: 'upnp:rootdevice',
      usn: '',
      location: '',
      server: '',
      userAgent: 'Chromium/58.0',
      friendlyName: '',
      man: '"ssdp:discover"',
      maxWaitSeconds: 3,
      maxAgeSeconds: undefined,
      state: 'complete',
    });
    expect(summarizeSsdp(message)).toBe('search upnp:rootdevice "Chromium/58.0"');
  });

  it('an announcement and an answer', () => {
    const notify = decode(
      'NOTIFY * HTTP/1.1\r\nNT: urn:schemas-upnp-org:device:MediaServer:1\r\nNTS: ssdp:alive\r\nLocation: http://192.168.0.9:2869/d.xml\r\nServer: Microsoft-Windows-NT/5.1 UPnP/1.0\r\nCache-Control: max-age = 1800\r\nUSN: uuid:1::x\r\n\r\n',
    )!;
    expect(notify).toMatchObject({
      kind: 'notify',
      notification: 'ssdp:alive',
      target: 'urn:schemas-upnp-org:device:MediaServer:1',
      usn: 'uuid:1::x',
      maxAgeSeconds: 1800,
    });
    expect(summarizeSsdp(notify)).toBe(
      'notify ssdp:alive urn:schemas-upnp-org:device:MediaServer:1 http://192.168.0.9:2869/d.xml "Microsoft-Windows-NT/5.1 UPnP/1.0"',
    );
    expect(decode('HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nEXT:\r\n\r\n')).toMatchObject({
      kind: 'response',
      status: 200,
      target: 'upnp:rootdevice',
    });
  });

  it.each([
    ['lines that end with LF alone', 'M-SEARCH * HTTP/1.1\nST: a\n\n', { target: 'a', state: 'complete' }],
    ['no empty line at the end', 'M-SEARCH * HTTP/1.1\r\nST: a\r\n', { target: 'a', state: 'cut' }],
    ['a line that is cut', 'M-SEARCH * HTTP/1.1\r\nST: a', { target: 'a', state: 'cut' }],
    ['a repeated header', 'M-SEARCH * HTTP/1.1\r\nST: a\r\nST: b\r\n\r\n', { target: 'a' }],
    ['a header without a colon', 'M-SEARCH * HTTP/1.1\r\nnonsense\r\nst\t:\ta \r\n\r\n', { target: 'a' }],
    ['control bytes', 'M-SEARCH * HTTP/1.1\r\nST: a\x1b[1mb\r\n\r\n', { target: 'a\\x1b[1mb' }],
    ['a wait that is no number', 'M-SEARCH * HTTP/1.1\r\nMX: many\r\n\r\n', { maxWaitSeconds: undefined }],
  ])('%s', (_, text, expected) => {
    expect(decode(text)).toMatchObject(expected);
  });

  it.each([
    '',
    'GET / HTTP/1.1\r\n\r\n',
    'NOTIFY /x HTTP/1.1\r\n\r\n',
    'HTTP/1.1 OK\r\n\r\n',
    'M-SEARCH * HTTP/2\r\n\r\n',
  ])('is no message: %j', (text) => {
    expect(decode(text)).toBeUndefined();
  });

  it('looks at 32 headers and 4096 bytes, and cuts long texts', () => {
    const many = `M-SEARCH * HTTP/1.1\r\n${'A: b\r\n'.repeat(32)}ST: a\r\n\r\n`;
    expect(decode(many)).toMatchObject({ target: '', state: 'cut' });
    expect(decode(`M-SEARCH * HTTP/1.1\r\nX: ${'x'.repeat(5000)}\r\nST: a\r\n\r\n`)?.target).toBe('');
    expect(decode(`M-SEARCH * HTTP/1.1\r\nST: ${'x'.repeat(500)}\r\n\r\n`)?.target).toHaveLength(256);
  });

  it('encode, then decode, is identity', () => {
    const text = fc.string({ unit: fc.constantFrom(...'abcXYZ012:/.-é"'), minLength: 1, maxLength: 40 });
    const fields = fc.record({
      kind: fc.constantFrom('search' as const, 'notify' as const, 'response' as const),
      notification: text,
      target: text,
      usn: text,
      location: text,
      server: text,
      userAgent: text,
      friendlyName: text,
      man: text,
      maxWaitSeconds: fc.option(fc.nat(120), { nil: undefined }),
      maxAgeSeconds: fc.option(fc.nat(86_400), { nil: undefined }),
    });
    fc.assert(
      fc.property(fields, (sent) => {
        expect(decodeInside(decodeSsdp, encodeSsdp(sent as Parameters<typeof encodeSsdp>[0]))).toMatchObject({
          ...sent,
          state: 'complete',
        });
      }),
      { numRuns: 200, seed: 1 },
    );
  });

  it('no input throws, and no read leaves the message', () => {
    expectHarmless(decodeSsdp, [encodeSsdp({ kind: 'notify', notification: 'ssdp:alive', maxAgeSeconds: 5 })], 2);
  });
});
