import { describe, expect, it } from 'vitest';
import { asciiBytes } from '../../test/support/frames.ts';
import {
  decodeImapClient,
  decodeImapServer,
  encodeImapClient,
  encodeImapServer,
  joinImap,
  looksLikeImap,
  summarizeImap,
} from './imap.ts';
import { encodeBase64 } from './sasl.ts';

const client = (lines: readonly string[]) => {
  const bytes = encodeImapClient(lines);
  return decodeImapClient(bytes, 0, bytes.length);
};
const server = (lines: readonly string[]) => {
  const bytes = encodeImapServer(lines);
  return decodeImapServer(bytes, 0, bytes.length);
};
const names = (side: ReturnType<typeof client>) => side?.commands.map(({ name, count }) => `${name} ${count}`);

describe('IMAP', () => {
  it('a session from its greeting to its end', () => {
    // arkime's imap.pcap, its beginning: tshark -q -z follow,tcp,ascii,0.
    const up = client([
      'a0000 CAPABILITY',
      'a0001 LOGIN "neulingern" "XXXXXX"',
      'a0002 LIST "" ""',
      'a0003 SELECT "INBOX"',
    ]);
    const down = server([
      '* OK Microsoft Exchange IMAP4rev1 server version 5.5.2650.23 (umr-mail02) ready',
      '* CAPABILITY IMAP4 IMAP4rev1 IDLE LITERAL+ AUTH=NTLM',
      'a0000 OK CAPABILITY completed.',
      'a0001 OK LOGIN completed.',
      '* LIST (\\Noselect) "/" ""',
      'a0002 OK LIST completed.',
    ]);
    expect(names(up)).toEqual(['CAPABILITY 1', 'LOGIN 1', 'LIST 1', 'SELECT 1']);
    expect(down?.replies).toEqual([{ name: 'OK', count: 3 }]);
    expect(joinImap(up, down)).toEqual({
      logins: [{ user: 'neulingern', method: 'LOGIN', isCleartext: true, outcome: 'accepted' }],
      isTls: false,
    });
    expect(summarizeImap(up!)).toBe('IMAP commands CAPABILITY, LOGIN, LIST, SELECT');
    expect(summarizeImap(down!)).toBe(
      'IMAP completions OK x3 from "Microsoft Exchange IMAP4rev1 server version 5.5.2650.23 (umr-mail02) ready"',
    );
  });

  it.each([
    ['words', ['a LOGIN bob secret'], 'bob'],
    ['quoted strings', ['a LOGIN "bo\\"b s" "sec\\"ret secret"'], 'bo"b s'],
    ['literals', ['a LOGIN {5}', 'b\r\nob {6}', 'secret'], 'b\\x0d\\x0aob'],
    ['literals that do not wait', ['a LOGIN {3+}', 'bob {6+}', 'secret'], 'bob'],
    ['a word and a literal that looks like a command', ['a LOGIN bob {16}', 'b LOGIN secret x'], 'bob'],
    ['a literal that goes on behind the bytes', ['a LOGIN {300}', 'bob secret'], undefined],
    ['an open quote', ['a LOGIN "bob secret'], undefined],
    ['no arguments', ['a LOGIN'], undefined],
    ['PLAIN at once', [`a AUTHENTICATE PLAIN ${encodeBase64('\0bob\0secret')}`], 'bob'],
    ['PLAIN in a line of its own', ['a AUTHENTICATE PLAIN', encodeBase64('\0bob\0secret')], 'bob'],
    ['LOGIN', ['a authenticate login', encodeBase64('bob'), encodeBase64('secret')], 'bob'],
  ])('the user of a login by %s', (_, lines, user) => {
    const side = client([...lines, 'z LOGOUT']);
    expect(side?.attempts.map((attempt) => attempt.user)).toEqual([user]);
    expect(JSON.stringify(side)).not.toMatch(/secret|c2VjcmV0/);
  });

  it('literals of other commands are no lines', () => {
    const side = client(['1 SELECT x', '2 APPEND x (\\Seen) {24}', '3 LOGIN a b\r\n4 LOGIN c x', '5 LOGOUT']);
    expect(names(side)).toEqual(['SELECT 1', 'APPEND 1', 'LOGOUT 1']);
    expect(side?.attempts).toEqual([]);
    expect(server(['* OK hi', '* 1 FETCH (BODY {13}', 'a NO in mail)', 'b OK done'])?.replies).toEqual([
      { name: 'OK', count: 1 },
    ]);
  });

  it('refused logins, IDLE with its DONE between them', () => {
    const up = client(['1 LOGIN a b', '2 IDLE', 'DONE', '3 LOGIN a c', '4 NOOP']);
    const down = server(['* OK hi', '1 NO bad', '+ idling', '2 OK', '3 BAD what', '4 OK']);
    expect(joinImap(up, down).logins.map(({ outcome }) => outcome)).toEqual(['refused', 'refused']);
    expect(joinImap(up, server(['* OK hi'])).logins.map(({ outcome }) => outcome)).toEqual(['unknown', 'unknown']);
    expect(server(['* PREAUTH welcome bob'])?.isPreauthenticated).toBe(true);
  });

  it('STARTTLS ends what can be read', () => {
    const up = asciiBytes('. CAPABILITY\r\n. STARTTLS\r\n\x16\x03\x01\x02\x00\x01');
    const side = decodeImapClient(up, 0, up.length);
    expect(side).toMatchObject({ asksTls: true, tlsAt: 26 });
    expect(joinImap(side, undefined)).toEqual({ logins: [], isTls: true });
  });

  it('shows itself by greeting or by tag and command', () => {
    const looks = (text: string) => looksLikeImap(asciiBytes(text), 0, text.length);
    for (const text of [
      '* OK IMAP4 ready\r\n',
      '* PREAUTH x\r\n',
      'a001 CAPABILITY\r\n',
      '. STARTTLS\r\n',
      '1 ID ("name" "x")\r\n',
      'A1 login x y\r\n',
    ])
      expect(looks(text), text).toBe(true);
    for (const text of [
      '* FLAGS\r\n',
      'GET LOGIN\r\n',
      'a001 FETCH 1\r\n',
      'a001 LOGI',
      'a001 NOOP x\r\n',
      '2n Id C47\r\n',
      'a1 LOGIN',
      '12\r\n',
      '',
    ])
      expect(looks(text), text).toBe(false);
  });

  it('is none of it', () => {
    expect(client(['GET / HTTP/1.1', 'Host: a', 'X: y'])).toBeUndefined();
    expect(server(['HTTP/1.1 200 OK'])).toBeUndefined();
  });
});
