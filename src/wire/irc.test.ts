import { describe, expect, it } from 'vitest';
import { asciiBytes } from '../../test/support/frames.ts';
import { decodeIrc, encodeIrc, joinIrc, looksLikeIrc, summarizeIrc } from './irc.ts';
import { encodeBase64 } from './sasl.ts';

const irc = (lines: readonly string[]) => {
  const bytes = encodeIrc(lines);
  return decodeIrc(bytes, 0, bytes.length);
};

describe('IRC', () => {
  it('a client that joins, and the server that welcomes it', () => {
    // Lines of arkime's irc.pcap, whose .test has the nick 'molochtest' and the channel '#moloch-fpc'.
    const up = irc([
      'USER xxxxx +iw xxxxx :Xxxxxx Xxxx',
      'NICK molochtest',
      'JOIN #moloch-fpc,&two secretkey',
      'PRIVMSG #moloch-fpc :hello secret',
      'PRIVMSG NickServ :IDENTIFY secret',
    ])!;
    const down = irc([
      ':card.freenode.net NOTICE * :*** Looking up your hostname...',
      ':card.freenode.net 001 molochtest :Welcome to the freenode Internet Relay Chat Network molochtest',
      ':card.freenode.net 002 molochtest :Your host is card.freenode.net',
      ':molochtest!x@y JOIN #moloch-fpc',
    ])!;
    expect(up).toMatchObject({
      nick: 'molochtest',
      user: 'xxxxx',
      realName: 'Xxxxxx Xxxx',
      channels: ['#moloch-fpc', '&two'],
      messages: 2,
      server: undefined,
    });
    expect(down).toMatchObject({ nick: 'molochtest', server: 'card.freenode.net', outcome: 'accepted', messages: 1 });
    expect(joinIrc(up, down)).toEqual({ user: 'xxxxx', method: 'NICK', isCleartext: false, outcome: 'accepted' });
    expect(summarizeIrc(up)).toBe(
      'IRC USER, NICK, JOIN, PRIVMSG x2 nick molochtest user xxxxx channels #moloch-fpc &two',
    );
    expect(JSON.stringify(up)).not.toContain('secret');
  });

  it.each([
    ['PASS', ['PASS secret', 'NICK a', 'USER b 0 * :c'], { user: 'b', method: 'PASS', isCleartext: true }],
    ['OPER', ['NICK a', 'OPER root secret'], { user: 'root', method: 'OPER', isCleartext: true }],
    [
      'SASL',
      ['CAP REQ :sasl', 'NICK a', 'AUTHENTICATE PLAIN', `AUTHENTICATE ${encodeBase64('x\0bob\0secret')}`, 'CAP END'],
      { user: 'bob', method: 'PLAIN', isCleartext: true },
    ],
  ])('a login by %s, which the server refuses', (_, lines, expected) => {
    const up = irc(lines);
    const down = irc([':irc.example 464 a :Password incorrect']);
    expect(joinIrc(up, down)).toEqual({ ...expected, outcome: 'refused' });
    expect(JSON.stringify(up) + summarizeIrc(up!)).not.toMatch(/secret|c2VjcmV0|eABib2IAc2VjcmV0/);
  });

  it('tags, unknown commands and TLS', () => {
    const side = irc(['@time=2020;x=y :irc.example NOTICE a :b', ':irc.example FROB', '', ':irc.example PING'])!;
    expect(side.commands.map(({ name }) => name)).toEqual(['NOTICE', '?', 'PING']);
    const bytes = asciiBytes('STARTTLS\r\n\x16\x03\x01\x01\x38\x01');
    expect(decodeIrc(bytes, 0, bytes.length)?.tlsAt).toBe(10);
  });

  it('shows itself by its first lines', () => {
    const looks = (text: string) => looksLikeIrc(asciiBytes(text), 0, text.length);
    for (const text of [
      'NICK bob\r\n',
      'USER a b c :d\r\n',
      'PASS x\r\nNICK y\r\n',
      'CAP LS 302\r\n',
      ':a.b 001 c :d\r\n',
      ':a NOTICE b :c',
      'NOTICE AUTH :*** x',
    ])
      expect(looks(text), text).toBe(true);
    for (const text of ['USER bob\r\n', 'PASS x\r\n', 'NICK bob', 'NICK a b\r\n', ': 001 x', ':a 01 b', ''])
      expect(looks(text), text).toBe(false);
  });

  it('is none of it', () => {
    expect(irc(['GET / HTTP/1.1', 'Host: a', 'X: y'])).toBeUndefined();
    expect(irc([])).toBeUndefined();
  });
});
