import { describe, expect, it } from 'vitest';
import { asciiBytes } from '../../test/support/frames.ts';
import {
  decodePop3Client,
  decodePop3Server,
  encodePop3Client,
  encodePop3Server,
  joinPop3,
  looksLikePop3,
  summarizePop3,
} from './pop3.ts';
import { encodeBase64 } from './sasl.ts';

const client = (lines: readonly string[]) => {
  const bytes = encodePop3Client(lines);
  return decodePop3Client(bytes, 0, bytes.length);
};
const server = (replies: Parameters<typeof encodePop3Server>[0]) => {
  const bytes = encodePop3Server(replies);
  return decodePop3Server(bytes, 0, bytes.length);
};

describe('POP3', () => {
  it('a session: refused once, then let in', () => {
    const up = client(['CAPA', 'USER bob', 'PASS my secret', 'USER bob', 'PASS x', 'LIST', 'RETR 1', 'QUIT']);
    const down = server([
      ['+OK', 'POP3 ready <1896.697170952@dbc.mtview.ca.us>'],
      ['+OK', 'Capability list follows', 'TOP', '+OK in a list', 'UIDL'],
      ['+OK', ''],
      ['-ERR', 'invalid'],
      ['+OK', 'send PASS'],
      ['+OK', 'welcome'],
      ['+OK', '1 message', '1 120'],
    ]);
    expect(up?.commands).toEqual(
      ['CAPA', 'USER', 'PASS', 'USER', 'PASS', 'LIST', 'RETR', 'QUIT'].map((name) => ({ name, count: 1 })),
    );
    expect(down?.replies).toEqual([
      { name: '+OK', count: 3 },
      { name: '-ERR', count: 1 },
      { name: '+OK', count: 3 },
    ]);
    expect(joinPop3(up, down)).toEqual({
      logins: [
        { user: 'bob', method: 'PASS', isCleartext: true, outcome: 'refused' },
        { user: 'bob', method: 'PASS', isCleartext: true, outcome: 'accepted' },
      ],
      isTls: false,
    });
    expect(summarizePop3(up!)).toBe('POP3 commands CAPA, USER, PASS, USER, PASS, LIST, RETR, QUIT');
    expect(summarizePop3(down!)).toBe(
      'POP3 replies +OK x3, -ERR, +OK x3 from "POP3 ready <1896.697170952@dbc.mtview.ca.us>"',
    );
  });

  it.each([
    // The example of RFC 1939 section 7.
    ['APOP', ['APOP mrose c4c9334bac560ecc979e58001b3e22fb'], 'mrose', 'APOP', false],
    ['APOP without its digest', ['APOP mrose'], undefined, 'APOP', false],
    ['PLAIN', ['AUTH PLAIN', encodeBase64('\0bob\0secret')], 'bob', 'PLAIN', true],
    ['LOGIN', ['AUTH LOGIN', encodeBase64('bob'), encodeBase64('secret')], 'bob', 'LOGIN', true],
    ['CRAM-MD5', ['AUTH CRAM-MD5', encodeBase64(`bob ${'secret'.padEnd(32, '0')}`)], 'bob', 'CRAM-MD5', false],
    ['a password without a name', ['PASS secret'], undefined, 'PASS', true],
  ])('the user of %s', (_, lines, user, method, isCleartext) => {
    const side = client([...lines, 'STAT']);
    expect(side?.attempts).toEqual([{ user, method, isCleartext, command: 0 }]);
    expect(side?.commands.at(-1)?.name).toBe('STAT');
    expect(JSON.stringify(side)).not.toMatch(/secret|c2VjcmV0|c4c9334b/);
  });

  it('AUTH alone asks for a list, and STLS ends what can be read', () => {
    expect(client(['AUTH', 'CAPA'])?.attempts).toEqual([]);
    // zeek's tls/pop3-starttls.pcap.
    const up = asciiBytes('STLS\r\n\x16\x03\x01\x02\x00\x01');
    expect(joinPop3(decodePop3Client(up, 0, up.length), undefined)).toEqual({ logins: [], isTls: true });
  });

  it('shows itself by a greeting with text, CAPA, STLS or APOP', () => {
    const looks = (text: string) => looksLikePop3(asciiBytes(text), 0, text.length);
    for (const text of [
      '+OK POP3 ready\r\n',
      'CAPA\r\n',
      'stls\r\n',
      `APOP bob ${'0'.repeat(32)}\r\n`,
      'USER a\r\nPASS b\r\nUIDL\r\n',
    ])
      expect(looks(text), text).toBe(true);
    for (const text of ['+OK\r\n', '+OK \r\n', '-ERR\r\n', 'USER a\r\nPASS b\r\n', 'CAPABLE\r\n', 'CAPA', ''])
      expect(looks(text), text).toBe(false);
  });

  it('is none of it', () => {
    expect(client(['GET / HTTP/1.1', 'Host: a', 'X: y'])).toBeUndefined();
    expect(decodePop3Server(asciiBytes('* OK\r\n'), 0, 6)).toBeUndefined();
  });
});
