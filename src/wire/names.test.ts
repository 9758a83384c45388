import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asciiBytes, hexBytes } from '../../test/support/frames.ts';
import {
  decodeClientHello,
  decodeDns,
  decodeHttpRequest,
  dnsRcodeName,
  dnsService,
  dnsTypeName,
  encodeClientHello,
  encodeDns,
  encodeHttpRequest,
  isDnsPort,
  looksLikeHttpResponse,
  looksLikeTls,
  PROTO,
  SERVICE_NAMES,
  serviceByContent,
  serviceByPort,
  serviceNumber,
  summarizeClientHello,
  summarizeDns,
  summarizeHttpRequest,
} from './index.ts';

const dns = (bytes: Uint8Array) => decodeDns(bytes, 0, bytes.length);
const hello = (bytes: Uint8Array) => decodeClientHello(bytes, 0, bytes.length);
const http = (text: string) => decodeHttpRequest(asciiBytes(text), 0, text.length);

describe('DNS', () => {
  const QUERY = '1234 0100 0001 0000 0000 0000 03777777 076578616d706c65 036f7267 00 0010 0001';

  it('a query from hex', () => {
    expect(dns(hexBytes(QUERY))).toEqual({
      isResponse: false,
      opcode: 0,
      rcode: 0,
      answers: 0,
      name: 'www.example.org',
      type: 16,
    });
    expect(summarizeDns(dns(hexBytes(QUERY))!)).toBe('query TXT www.example.org');
    expect(summarizeDns(dns(hexBytes(QUERY.replace('0100', '8183')))!)).toBe('response NXDOMAIN TXT www.example.org');
  });

  it('encode, then decode, is identity', () => {
    const label = fc.string({
      unit: fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz0123456789-_'),
      minLength: 1,
      maxLength: 20,
    });
    fc.assert(
      fc.property(
        fc.array(label, { maxLength: 6 }),
        fc.integer({ min: 0, max: 65_535 }),
        fc.boolean(),
        fc.integer({ min: 0, max: 15 }),
        (labels, type, isResponse, rcode) => {
          const name = labels.join('.');
          expect(dns(encodeDns({ name, type, isResponse, rcode, answers: 3 }))).toEqual({
            isResponse,
            opcode: 0,
            rcode,
            answers: 3,
            name,
            type,
          });
        },
      ),
      { numRuns: 200, seed: 1 },
    );
  });

  it('names are lower case, and bytes that are no printable ASCII are written as \\DDD', () => {
    expect(dns(hexBytes('0000 0100 0001 0000 0000 0000 06 41002e5c20ff 00 0001 0001'))?.name).toBe(
      'a\\000\\046\\092\\032\\255',
    );
    const long = `${'ff'.repeat(63)}`;
    expect(
      dns(hexBytes(`0000 0100 0001 0000 0000 0000 3f${long} 3f${long} 3f${long} 3d${'ff'.repeat(61)} 00 0001 0001`))
        ?.name,
    ).toHaveLength((63 * 3 + 61) * 4 + 3);
  });

  it.each([
    ['cut header', QUERY.slice(0, 20)],
    ['cut name', '0000 0100 0001 0000 0000 0000 05 6162'],
    ['no end of name', '0000 0100 0001 0000 0000 0000 02 6162'],
    ['cut type', '0000 0100 0001 0000 0000 0000 00 0001'],
    ['a compression pointer in the question', '0000 0100 0001 0000 0000 0000 c00c 0001 0001'],
    ['a name above 255 bytes', `0000 0100 0001 0000 0000 0000 ${`3f${'61'.repeat(63)}`.repeat(5)} 00 0001 0001`],
    ['an opcode that does not exist', QUERY.replace('0100', '7900')],
    ['far too many questions', QUERY.replace('0001 0000', '0100 0000')],
    ['a query without a question', '0000 0100 0000 0000 0000 0000'],
  ])('is no message: %s', (_, hex) => {
    expect(dns(hexBytes(hex))).toBeUndefined();
  });

  it('a response without a question has no name', () => {
    expect(dns(hexBytes('0000 8180 0000 0001 0000 0000'))).toMatchObject({
      isResponse: true,
      name: undefined,
      answers: 1,
    });
  });

  it('numbers without a name keep their number', () => {
    expect([dnsTypeName(28), dnsTypeName(64999), dnsRcodeName(2), dnsRcodeName(15)]).toEqual([
      'AAAA',
      'TYPE64999',
      'SERVFAIL',
      'RCODE15',
    ]);
  });
});

describe('TLS', () => {
  it('encode, then decode, is identity', () => {
    const name = fc.string({ unit: fc.constantFrom(...'abcdefghij.-'), minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(fc.option(name, { nil: undefined }), fc.array(name, { maxLength: 5 }), (serverName, alpn) => {
        expect(hello(encodeClientHello({ ...(serverName === undefined ? {} : { serverName }), alpn }))).toMatchObject({
          serverName,
          alpn,
          state: 'complete',
        });
      }),
      { numRuns: 100, seed: 2 },
    );
  });

  it('a hello that goes on in another segment keeps what came before, at every length', () => {
    const whole = encodeClientHello({ serverName: 'example.org', alpn: ['h2'] });
    for (let n = 11; n < whole.length; n++) expect(decodeClientHello(whole, 0, n)?.state).toBe('cut');
    expect(decodeClientHello(whole, 0, whole.length - 1)).toMatchObject({ serverName: 'example.org', state: 'cut' });
    expect(summarizeClientHello(hello(whole)!)).toBe('ClientHello example.org alpn h2');
    expect(summarizeClientHello(decodeClientHello(whole, 0, 20)!)).toBe('ClientHello without server name');
  });

  it('control characters in a server name are escaped, and in a summary those of application protocols too', () => {
    const odd = hello(encodeClientHello({ serverName: 'a\u0000b\u001b.example', alpn: ['\n\n'] }));
    expect(odd).toMatchObject({ serverName: 'a\\x00b\\x1b.example', alpn: ['\n\n'] });
    expect(summarizeClientHello(odd!)).toBe('ClientHello a\\x00b\\x1b.example alpn \\u{a}\\u{a}');
  });

  it('a hello that contradicts its lengths is malformed', () => {
    const bad = encodeClientHello({ serverName: 'example.org' });
    bad[5 + 4 + 2 + 32 + 1 + 2 + 2 + 2 + 1] = 0xff;
    expect(hello(bad)?.state).toBe('malformed');
  });

  it('what is no hello is none', () => {
    expect(hello(hexBytes('1603010005 0200000100'))).toBeUndefined();
    expect(looksLikeTls(hexBytes('1703030010'), 0, 5)).toBe(true);
    expect(looksLikeTls(hexBytes('1703050010'), 0, 5)).toBe(false);
    expect(looksLikeTls(hexBytes('170303ffff'), 0, 5)).toBe(false);
    expect(looksLikeTls(hexBytes('17030300'), 0, 4)).toBe(false);
  });
});

describe('HTTP', () => {
  it('a request and its host', () => {
    const bytes = encodeHttpRequest('POST', '/x?y', [
      ['Accept', '*/*'],
      ['hOsT', '  Example.ORG:81 '],
    ]);
    const request = decodeHttpRequest(bytes, 0, bytes.length);
    expect(request).toEqual({ method: 'POST', target: '/x?y', host: 'example.org:81' });
    expect(summarizeHttpRequest(request!)).toBe('POST /x?y on example.org:81');
  });

  it.each([
    ['GET / HTTP/1.1\r\n\r\nHost: body', { method: 'GET', target: '/', host: undefined }],
    ['GET /\nHost: a\n', { method: 'GET', target: '/', host: 'a' }],
    ['GET / HTTP/1.1\r\nHost:\r\n', { method: 'GET', target: '/', host: undefined }],
    ['GET / HTTP/1.1\r\nHos', { method: 'GET', target: '/', host: undefined }],
    [`GET /${'x'.repeat(500)} HTTP/1.1`, { method: 'GET', target: `/${'x'.repeat(239)}`, host: undefined }],
    [
      'GET /a\x00b\x7f\xff HTTP/1.1\r\nHost: A\x1bb\r\n',
      { method: 'GET', target: '/a\\x00b\\x7f\\xff', host: 'a\\x1bb' },
    ],
    ['GET  HTTP/1.1', undefined],
    ['FOO / HTTP/1.1', undefined],
    ['GE', undefined],
    ['', undefined],
  ])('%j', (text, expected) => {
    expect(http(text)).toEqual(expected);
  });

  it('a host behind the window is not looked for', () => {
    expect(http(`GET / HTTP/1.1\r\nX: ${'x'.repeat(2100)}\r\nHost: a\r\n`)?.host).toBeUndefined();
  });

  it('a response', () => {
    expect(looksLikeHttpResponse(asciiBytes('HTTP/1.1 200 OK'), 0, 15)).toBe(true);
    expect(looksLikeHttpResponse(asciiBytes('HTTP/2 200 OK'), 0, 13)).toBe(false);
  });
});

describe('services', () => {
  const tcp = (bytes: Uint8Array | string, port = 9999): string | undefined => {
    const held = typeof bytes === 'string' ? asciiBytes(bytes) : bytes;
    return serviceByContent(PROTO.tcp, port, held, 0, held.length);
  };
  const udp = (bytes: Uint8Array | string, port = 9999): string | undefined => {
    const held = typeof bytes === 'string' ? asciiBytes(bytes) : bytes;
    return serviceByContent(PROTO.udp, port, held, 0, held.length);
  };

  it('over TCP by content', () => {
    expect(tcp('SSH-2.0-OpenSSH')).toBe('ssh');
    expect(tcp(encodeClientHello({}))).toBe('tls');
    expect(tcp(hexBytes('00000054 ff534d42'))).toBe('smb');
    expect(tcp(hexBytes('00000054 fe534d42'))).toBe('smb');
    expect(tcp(hexBytes('0300000b 06e00000000000'))).toBe('rdp');
    expect(tcp(hexBytes('05000b03 10000000 4800 0000 01000000'))).toBe('dcerpc');
    expect(tcp('RFB 003.008\n')).toBe('vnc');
    expect(tcp(hexBytes('100c 0004 4d515454 04 02 003c 0000'))).toBe('mqtt');
    expect(tcp('* OK IMAP4 ready')).toBe('imap');
    expect(tcp('+OK ready')).toBe('pop3');
    expect(tcp('\x13BitTorrent protocol')).toBe('bittorrent');
    expect(tcp('220 mail.example ESMTP')).toBe('smtp');
    expect(tcp('220 FTP server ready\r\n')).toBe('ftp');
    // Which of both it is, only the other side or the port can say.
    expect(tcp('220 hello\r\n', 21)).toBeUndefined();
    expect(tcp('220 hello')).toBeUndefined();
    expect(tcp('EHLO example.org')).toBe('smtp');
    expect(tcp('GET / HTTP/1.0\r\n')).toBe('http');
    expect(tcp('HTTP/1.1 200')).toBe('http');
    expect(tcp('abc')).toBeUndefined();
    expect(tcp('whatever else')).toBeUndefined();
  });

  it('over UDP by content', () => {
    expect(udp(encodeDns({ name: 'a' }))).toBeUndefined();
    const dhcp = new Uint8Array(240);
    dhcp[0] = 1;
    dhcp.set([0x63, 0x82, 0x53, 0x63], 236);
    expect(udp(dhcp)).toBe('dhcp');
    expect(udp('M-SEARCH * HTTP/1.1')).toBe('ssdp');
    expect(udp(hexBytes(`00010000 2112a442 ${'00'.repeat(12)}`))).toBe('stun');
    expect(udp(hexBytes(`c0 00000001 ${'00'.repeat(15)}`))).toBe('quic');
    expect(udp(hexBytes(`23 ${'00'.repeat(47)}`), 123)).toBe('ntp');
    expect(udp(hexBytes(`23 ${'00'.repeat(47)}`))).toBeUndefined();
  });

  it('which of the protocols in DNS format, by either port', () => {
    expect([dnsService(53, 5353), dnsService(5353, 40_000), dnsService(40_000, 5355)]).toEqual([
      'dns',
      'mdns',
      'llmnr',
    ]);
    expect([53, 5353, 5355, 54].map(isDnsPort)).toEqual([true, true, true, false]);
  });

  it('by port as a guess', () => {
    expect([
      serviceByPort(PROTO.tcp, 445),
      serviceByPort(PROTO.udp, 445),
      serviceByPort(PROTO.udp, 53),
      serviceByPort(PROTO.icmp, 53),
    ]).toEqual(['smb', undefined, 'dns', undefined]);
    expect(SERVICE_NAMES[serviceNumber(PROTO.sctp, 80)]).toBe('http');
    expect(serviceNumber(PROTO.udplite, 53)).toBe(serviceNumber(PROTO.tcp, 53));
    expect([serviceNumber(PROTO.icmp, 53), serviceNumber(PROTO.tcp, 65_535)]).toEqual([0, 0]);
  });

  it('random bytes hardly ever look like a protocol, and no read leaves the payload', () => {
    let found = 0;
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 0, maxLength: 80 }), fc.constantFrom(53, 80, 123, 9999), (bytes, port) => {
        const quiet = new Uint8Array(bytes.length + 600);
        const loud = new Uint8Array(bytes.length + 600).fill(0x61);
        quiet.set(bytes, 300);
        loud.set(bytes, 300);
        for (const protocol of [PROTO.tcp, PROTO.udp]) {
          const a = serviceByContent(protocol, port, quiet, 300, 300 + bytes.length);
          expect(serviceByContent(protocol, port, loud, 300, 300 + bytes.length)).toBe(a);
          if (a !== undefined && port === 9999) found++;
        }
        const end = 300 + bytes.length;
        expect(decodeDns(loud, 300, end)).toEqual(decodeDns(quiet, 300, end));
        expect(decodeClientHello(loud, 300, end)).toEqual(decodeClientHello(quiet, 300, end));
        expect(decodeHttpRequest(loud, 300, end)).toEqual(decodeHttpRequest(quiet, 300, end));
      }),
      { numRuns: 3000, seed: 23 },
    );
    expect(found).toBeLessThan(5);
  });
});
