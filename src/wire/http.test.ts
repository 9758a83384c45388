import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asciiBytes } from '../../test/support/frames.ts';
import { expectHarmless } from '../../test/support/stream.ts';
import {
  decodeHttpRequest,
  decodeHttpRequestHead,
  decodeHttpResponseHead,
  encodeHttp2Preface,
  encodeHttpRequest,
  encodeHttpResponse,
  isHttp2Preface,
  summarizeHttpRequest,
  summarizeHttpResponse,
} from './index.ts';

const request = (text: string) => decodeHttpRequestHead(asciiBytes(text), 0, text.length);
const response = (text: string) => decodeHttpResponseHead(asciiBytes(text), 0, text.length);
const withHeaders = (...lines: string[]) =>
  request(`GET / HTTP/1.1\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`)!;

describe('the head of a request', () => {
  it('encode, then decode, is identity', () => {
    const value = fc.string({ unit: fc.constantFrom(...'abcXYZ/;=.()1'), minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(value, value, fc.nat(), fc.boolean(), (userAgent, contentType, contentLength, hasCookie) => {
        const bytes = encodeHttpRequest('POST', '/x', [
          ['Host', 'Example.org:8080'],
          ['User-Agent', userAgent],
          ['Content-Type', contentType],
          ['Content-Length', `${contentLength}`],
          ...(hasCookie ? ([['Cookie', 'secret=1']] as const) : []),
        ]);
        const head = decodeHttpRequestHead(bytes, 0, bytes.length);
        expect(head).toMatchObject({
          ...decodeHttpRequest(bytes, 0, bytes.length),
          method: 'POST',
          host: 'example.org:8080',
          version: '1.1',
          state: 'complete',
          bodyAt: bytes.length,
          fieldCount: hasCookie ? 5 : 4,
          userAgent,
          contentType,
          contentLength,
          hasCookie,
          hasAmbiguousLength: false,
        });
        expect(JSON.stringify(head)).not.toContain('secret');
      }),
      { numRuns: 150, seed: 3 },
    );
  });

  it('names and values are read as servers read them', () => {
    const head = withHeaders(
      'USER-AGENT:\t curl/8 \t',
      'user-agent: second',
      'Referer: https://user:pw@Example.org:444/a?secret',
      'X-Forwarded-For: 10.0.0.1, 10.0.0.2',
      'Upgrade: WebSocket',
      'Content-Encoding: GZIP',
      ' folded: Host: evil',
      'Content-Type : text/plain',
    );
    expect(head).toMatchObject({
      userAgent: 'curl/8',
      refererHost: 'example.org:444',
      forwardedFor: '10.0.0.1, 10.0.0.2',
      upgrade: 'websocket',
      contentEncoding: 'gzip',
      contentType: 'text/plain',
      host: undefined,
      fieldCount: 7,
    });
  });

  // The example of RFC 7617 section 2 is Aladdin with the password "open sesame".
  it.each([
    ['Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==', 'basic', 'Aladdin'],
    ['basic   QWxhZGRpbjpvcGVuIHNlc2FtZQ', 'basic', 'Aladdin'],
    ['Basic OnBhc3M=', 'basic', ''],
    ['Basic QWxhZGRpbg==', 'basic', undefined],
    ['Basic !!!', 'basic', undefined],
    [`Basic ${Buffer.from('a\u001bb:c', 'latin1').toString('base64')}`, 'basic', 'a\\x1bb'],
    [`Basic ${Buffer.from(`${'u'.repeat(1000)}:p`).toString('base64')}`, 'basic', `${'u'.repeat(256)}…`],
    [
      'Digest realm="x, username=\\"y", username="Mufasa", response="6629fae49393a05397450978507c4ef1"',
      'digest',
      'Mufasa',
    ],
    ['Bearer eyJhbGciOi', 'bearer', undefined],
    ['NTLM TlRMTVNTUAAB', 'ntlm', undefined],
  ])('Authorization: %s', (value, authorizationScheme, user) => {
    const head = withHeaders(`Authorization: ${value}`);
    expect(head).toMatchObject({ authorizationScheme, user });
    for (const secret of ['sesame', 'pass', 'eyJhbGciOi', '6629fae', 'TlRMTVNT'])
      expect(JSON.stringify(head)).not.toContain(secret);
  });

  it.each([
    ['GET /a HTTP/1.1', 'origin', undefined],
    ['GET http://User:pw@Example.org:81/a HTTP/1.1', 'absolute', 'example.org:81'],
    ['CONNECT Example.org:443 HTTP/1.1', 'authority', 'example.org:443'],
    ['OPTIONS * HTTP/1.0', 'asterisk', undefined],
    ['GET a HTTP/1.1', 'other', undefined],
  ])('target of %s', (line, targetForm, targetHost) => {
    expect(request(`${line}\r\n\r\n`)).toMatchObject({ targetForm, targetHost, state: 'complete' });
  });

  it.each([
    ['Content-Length: 5', 5, false],
    ['Content-Length: 5\r\nContent-Length: 5', 5, false],
    ['Content-Length: 5\r\nContent-Length: 6', 5, true],
    ['Content-Length: 5\r\nTransfer-Encoding: chunked', 5, true],
    ['Transfer-Encoding: chunked', undefined, false],
    ['Content-Length: +5', undefined, true],
    ['Content-Length: 5, 5', undefined, true],
    ['Content-Length:', undefined, true],
  ])('length from %j', (lines, contentLength, hasAmbiguousLength) => {
    expect(withHeaders(lines)).toMatchObject({ contentLength, hasAmbiguousLength });
  });

  it('is cut before the empty line, malformed where a line is no field', () => {
    expect(request('GET / HTTP/1.1\r\nHost: a\r\n')).toMatchObject({ state: 'cut', host: 'a', bodyAt: 25 });
    expect(request('GET / HTTP/1.1\r\nHost: a')).toMatchObject({ state: 'cut', host: undefined });
    expect(request('GET / HTTP/1.1')).toMatchObject({ state: 'cut', version: '1.1' });
    expect(request('GET /\n')).toMatchObject({ state: 'cut', version: undefined });
    expect(request('GET / HTTP/1.1\nHost: a\n\nbody')).toMatchObject({ state: 'complete', host: 'a', bodyAt: 24 });
    expect(withHeaders('no field')).toMatchObject({ state: 'malformed' });
    expect(withHeaders(': x')).toMatchObject({ state: 'malformed' });
    expect(request('FOO / HTTP/1.1\r\n\r\n')).toBeUndefined();
  });

  it('100 fields, 16 KiB and 256 characters of a value are read', () => {
    expect(withHeaders(...new Array<string>(100).fill('A: b'))).toMatchObject({ state: 'complete', fieldCount: 100 });
    expect(withHeaders(...new Array<string>(101).fill('A: b'))).toMatchObject({ state: 'malformed', fieldCount: 100 });
    expect(withHeaders(`User-Agent: ${'x'.repeat(300)}`).userAgent).toBe(`${'x'.repeat(256)}…`);
    expect(withHeaders(`A: ${'x'.repeat(20_000)}`, 'User-Agent: far')).toMatchObject({
      state: 'malformed',
      userAgent: undefined,
    });
    expect(withHeaders(`${'n'.repeat(500)}: x`, 'User-Agent: y')).toMatchObject({ state: 'complete', userAgent: 'y' });
  });
});

describe('the head of a response', () => {
  it('encode, then decode, is identity', () => {
    const bytes = encodeHttpResponse(301, 'Moved Permanently', [
      ['Server', 'nginx/1.22'],
      ['Content-Type', 'text/html'],
      ['Content-Length', '162'],
      ['Location', 'https://Example.org/x'],
      ['Set-Cookie', 'a=b'],
      ['Content-Disposition', 'attachment; filename=x.exe'],
    ]);
    const head = decodeHttpResponseHead(bytes, 0, bytes.length)!;
    expect(head).toMatchObject({
      status: 301,
      reason: 'Moved Permanently',
      server: 'nginx/1.22',
      contentType: 'text/html',
      contentLength: 162,
      locationHost: 'example.org',
      setsCookie: true,
      contentDisposition: 'attachment; filename=x.exe',
      state: 'complete',
      bodyAt: bytes.length,
    });
    expect(summarizeHttpResponse(head)).toBe('301 Moved Permanently text/html, 162 bytes from nginx/1.22');
  });

  it.each([
    ['HTTP/1.0 404 \r\n\r\n', { version: '1.0', status: 404, reason: '' }],
    ['HTTP/1.1 200\r\n\r\n', { status: 200, reason: '' }],
    ['HTTP/1.1  200 OK\n\n', { status: 200, reason: 'OK', state: 'complete' }],
    ['HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n', { status: 101, upgrade: 'websocket' }],
    [
      'HTTP/1.1 401 x\r\nWWW-Authenticate: Negotiate\r\nWWW-Authenticate: Basic realm="a"\r\n\r\n',
      { challengeScheme: 'negotiate' },
    ],
    ['HTTP/1.1 302 Found\r\nLocation: /local\r\n\r\n', { locationHost: undefined }],
    ['HTTP/1.1 200 a\x1bb', { reason: 'a\\x1bb', state: 'cut' }],
  ])('%j', (text, expected) => {
    expect(response(text)).toMatchObject(expected);
  });

  it.each(['HTTP/1.1 20', 'HTTP/1.1 2000 OK\r\n', 'HTTP/2 200 OK\r\n', 'HTTP/1.1 abc\r\n', ''])(
    'is none: %j',
    (text) => {
      expect(response(text)).toBeUndefined();
    },
  );
});

describe('HTTP', () => {
  it('the preface of HTTP/2 is recognised, and is no request of HTTP/1', () => {
    const bytes = encodeHttp2Preface();
    expect(isHttp2Preface(bytes, 0, bytes.length)).toBe(true);
    expect(isHttp2Preface(bytes, 0, bytes.length - 1)).toBe(false);
    expect(isHttp2Preface(asciiBytes('PRI * HTTP/2.0\r\n\r\nSM\r\n\rx'), 0, 24)).toBe(false);
    expect(decodeHttpRequestHead(bytes, 0, bytes.length)).toBeUndefined();
  });

  it('summaries', () => {
    expect(summarizeHttpRequest(withHeaders('Host: a'))).toBe('GET / on a');
    expect(summarizeHttpResponse(response('HTTP/1.1 204\r\n\r\n')!)).toBe('204');
  });

  it('is harmless at any length, damaged or not', () => {
    const text =
      'POST http://a/b HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YTpi\r\nContent-Length: 7\r\nCookie: a\r\n\r\nbody';
    expectHarmless(asciiBytes(text), decodeHttpRequestHead);
    expectHarmless(asciiBytes('HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 7\r\n\r\nbody'), decodeHttpResponseHead);
  });
});
