import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asciiBytes } from '../../test/support/frames.ts';
import { decodeSip, decodeSipStream, encodeSip, looksLikeSip, sipRegisterOutcome, summarizeSip } from './sip.ts';

const sip = (bytes: Uint8Array) => decodeSip(bytes, 0, bytes.length);

// ipfixprobe's sip.pcap, frames 17 and 18; tshark -e sip.Method -e sip.from.user -e sip.User-Agent says REGISTER 3241636936 friendly-scanner.
const REGISTER = encodeSip('REGISTER sip:195.113.172.39 SIP/2.0', [
  ['Via', 'SIP/2.0/UDP 127.0.1.1:5060;branch=z9hG4bK-1521677406;rport'],
  ['Content-Length', '0'],
  ['From', '"3241636936"<sip:3241636936@195.113.172.39>;tag=3332'],
  ['Accept', 'application/sdp'],
  ['User-Agent', 'friendly-scanner'],
  ['To', '"3241636936"<sip:3241636936@195.113.172.39>'],
  ['CSeq', '1 REGISTER'],
  ['Call-ID', '1722771985'],
]);
const response = (status: string, method = 'REGISTER') =>
  encodeSip(`SIP/2.0 ${status}`, [
    ['f', '<sip:100@1.1.1.1>'],
    ['t', '<sip:100@1.1.1.1>;tag=a'],
    ['CSeq', `1 ${method}`],
    ['Server', 'Asterisk'],
    ['l', '0'],
  ]);

describe('SIP', () => {
  it('a scanner that registers', () => {
    const message = sip(REGISTER)!;
    expect(message).toEqual({
      method: 'REGISTER',
      uri: 'sip:195.113.172.39',
      status: undefined,
      from: { user: '3241636936', host: '195.113.172.39' },
      to: { user: '3241636936', host: '195.113.172.39' },
      agent: 'friendly-scanner',
      callId: '1722771985',
      credentialsUser: undefined,
      hasCredentials: false,
      media: undefined,
      length: REGISTER.length,
    });
    expect(summarizeSip(message)).toBe(
      'REGISTER sip:195.113.172.39 from 3241636936@195.113.172.39 to 3241636936@195.113.172.39 by friendly-scanner',
    );
  });

  it('credentials: the name, not the digest, and no password of a URI', () => {
    const message = sip(
      encodeSip('INVITE sip:bob:se@cret@example.org:5060 SIP/2.0', [
        ['From', '"sip:fake@x" <sips:alice:secret@Example.org;transport=tcp>'],
        ['To', 'sip:bob:secret@example.org;x=y'],
        [
          'Authorization',
          'Digest username="6001",realm="asterisk",nonce="1471336061/c37d",uri="sip:195.113.172.39",response="54a869c4bfa3a04ba68de81a91d7b225"',
        ],
      ]),
    )!;
    expect(message).toMatchObject({
      uri: 'sip:bob@example.org:5060',
      from: { user: 'alice', host: 'example.org' },
      to: { user: 'bob', host: 'example.org' },
      credentialsUser: '6001',
      hasCredentials: true,
    });
    expect(JSON.stringify(message) + summarizeSip(message)).not.toMatch(/secret|cret@|54a869/);
  });

  it('what a response says about a registration', () => {
    const outcome = (status: string, method?: string) => sipRegisterOutcome(sip(response(status, method))!);
    expect(outcome('200 OK')).toBe('accepted');
    expect(outcome('401 Unauthorized')).toBe('challenged');
    expect(outcome('403 Forbidden')).toBe('refused');
    expect(outcome('404 Not found')).toBe('refused');
    expect(outcome('100 Trying')).toBeUndefined();
    expect(outcome('403 Forbidden', 'INVITE')).toBeUndefined();
    expect(sipRegisterOutcome(sip(REGISTER)!)).toBeUndefined();
    expect(summarizeSip(sip(response('403 Forbidden'))!)).toBe(
      '403 to REGISTER from 100@1.1.1.1 to 100@1.1.1.1 by Asterisk',
    );
  });

  it('messages of a stream one after the other, by their length', () => {
    const call = encodeSip(
      'INVITE sip:a@b SIP/2.0',
      [
        ['From', '<sip:x@y>'],
        ['Content-Length', '27'],
      ],
      'v=0\r\nm=audio 49170 RTP/AVP 0',
    );
    const bytes = Uint8Array.from([
      ...call.subarray(0, call.length - 1),
      13,
      10,
      13,
      10,
      ...REGISTER,
      ...response('200 OK'),
    ]);
    const messages = decodeSipStream(bytes, 0, bytes.length)!;
    expect(messages.map(({ method, status, media }) => [method, status, media])).toEqual([
      ['INVITE', undefined, 'audio'],
      ['REGISTER', undefined, undefined],
      ['REGISTER', 200, undefined],
    ]);
    expect(decodeSipStream(bytes, 1, bytes.length)).toBeUndefined();
  });

  it('encode, then decode, is identity', () => {
    const word = fc.string({ unit: fc.constantFrom(...'abcdefgh0123456789.-'), minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(word, word, word, word, word, (user, host, target, agent, callId) => {
        const bytes = encodeSip(`OPTIONS sip:${target} SIP/2.0`, [
          ['From', `<sip:${user}@${host}>`],
          ['User-Agent', agent],
          ['Call-ID', callId],
        ]);
        expect(sip(bytes)).toMatchObject({ uri: `sip:${target}`, from: { user, host }, agent, callId });
      }),
      { numRuns: 100, seed: 6 },
    );
  });

  it('shows itself by its start line', () => {
    const looks = (text: string) => looksLikeSip(asciiBytes(text), 0, text.length);
    for (const text of ['OPTIONS sip:a SIP/2.0\r\n', 'SIP/2.0 200 OK\r\n']) expect(looks(text), text).toBe(true);
    for (const text of [
      'OPTIONS * HTTP/1.1\r\n',
      'SIP/2.0 2000 OK\r\n',
      'SIP/2.0 200 OK',
      'FROB sip:a SIP/2.0\r\n',
      '',
    ])
      expect(looks(text), text).toBe(false);
  });
});
