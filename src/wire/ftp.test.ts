import { describe, expect, it } from 'vitest';
import { asciiBytes } from '../../test/support/frames.ts';
import {
  decodeFtpClient,
  decodeFtpServer,
  encodeFtpClient,
  encodeFtpServer,
  joinFtp,
  looksLikeFtp,
  summarizeFtp,
} from './ftp.ts';

const client = (bytes: Uint8Array) => decodeFtpClient(bytes, 0, bytes.length);
const server = (bytes: Uint8Array) => decodeFtpServer(bytes, 0, bytes.length);
const looks = (text: string) => looksLikeFtp(asciiBytes(text), 0, text.length);

describe('FTP', () => {
  it('commands, files and data connections of the client', () => {
    // Lines of zeek-traces/ftp/ipv6.pcap; tshark -Y ftp.request -T fields -e ftp.request.command -e ftp.eprt.port says USER, PASS, EPRT to 49189 and so on.
    const side = client(
      encodeFtpClient([
        ['USER', 'anonymous'],
        ['PASS', 'test'],
        ['SYST'],
        ['EPRT', '|2|2001:470:1f11:81f:c999:d94:aa7c:2e3e|49189|'],
        ['PORT', '10,0,0,1,192,42'],
        ['RETR', 'robots.txt'],
        ['NOOP'],
        ['NOOP'],
        ['FROB', 'x'],
      ]),
    );
    expect(side).toEqual({
      commands: [
        { name: 'USER', count: 1 },
        { name: 'PASS', count: 1 },
        { name: 'SYST', count: 1 },
        { name: 'EPRT', count: 1 },
        { name: 'PORT', count: 1 },
        { name: 'RETR', count: 1 },
        { name: 'NOOP', count: 2 },
        { name: '?', count: 1 },
      ],
      attempts: [{ user: 'anonymous', method: 'PASS', isCleartext: true, command: 1 }],
      files: [{ command: 'RETR', path: 'robots.txt' }],
      dataEndpoints: [
        { mode: 'active', address: '2001:470:1f11:81f:c999:d94:aa7c:2e3e', port: 49189 },
        { mode: 'active', address: '10.0.0.1', port: 49194 },
      ],
      asksTls: false,
      tlsAt: undefined,
    });
    expect(summarizeFtp(side!)).toBe('FTP commands USER, PASS, SYST, EPRT, PORT, RETR, NOOP x2, ?');
  });

  it('replies of several lines count once, whatever stands in them', () => {
    const bytes = encodeFtpServer([
      [220, 'ftp.NetBSD.org FTP server (NetBSD-ftpd 20100320) ready.'],
      [331, 'Guest login ok, type your name as password.'],
      [230, '', '    Welcome', '530 is no reply here', 'Guest login ok.'],
      [229, 'Entering Extended Passive Mode (|||57086|)'],
      [227, 'Entering Passive Mode (192,168,1,2,4,1).'],
      [227, '=10,1,2,3,0,21'],
      [226, 'done'],
    ]);
    const side = server(bytes);
    expect(side).toEqual({
      banner: 'ftp.NetBSD.org FTP server (NetBSD-ftpd 20100320) ready.',
      replies: [220, 331, 230, 229]
        .map((name) => ({ name, count: 1 }))
        .concat([
          { name: 227, count: 2 },
          { name: 226, count: 1 },
        ]),
      dataEndpoints: [
        { mode: 'passive', address: undefined, port: 57086 },
        { mode: 'passive', address: '192.168.1.2', port: 1025 },
      ],
      tlsAt: undefined,
    });
    expect(summarizeFtp(side!)).toBe(
      'FTP replies 220, 331, 230, 229, 227 x2, 226 from "ftp.NetBSD.org FTP server (NetBSD-ftpd 20100320) ready."',
    );
  });

  it('a guessing client is refused twice, then let in', () => {
    const both = joinFtp(
      client(
        encodeFtpClient([
          ['USER', 'root'],
          ['PASS', 'a'],
          ['USER', 'root'],
          ['PASS', 'b'],
          ['USER', 'bob'],
          ['PASS', 'c'],
          ['LIST'],
        ]),
      ),
      server(
        encodeFtpServer([
          [220, 'hello'],
          [331, 'x'],
          [530, 'no'],
          [331, 'x'],
          [530, 'no'],
          [331, 'x'],
          [230, 'yes'],
          [150, 'opening'],
          [226, 'done'],
        ]),
      ),
    );
    expect(both.logins.map(({ user, outcome }) => `${user} ${outcome}`)).toEqual([
      'root refused',
      'root refused',
      'bob accepted',
    ]);
    expect(both.isTls).toBe(false);
  });

  it('a preliminary reply is no answer, and a login without its answer, or without the greeting, is unknown', () => {
    const side = client(encodeFtpClient([['SYST'], ['RETR', 'a'], ['USER', 'bob'], ['PASS', 'x']]));
    const replies = (...codes: number[]) => server(encodeFtpServer(codes.map((code) => [code, 'x'] as const)));
    const outcome = (...codes: number[]) => joinFtp(side, replies(...codes)).logins[0]?.outcome;
    expect(outcome(220, 215, 150, 226, 331, 230)).toBe('accepted');
    expect(outcome(220, 215, 150, 226, 331)).toBe('unknown');
    expect(outcome(215, 150, 226, 331, 230)).toBe('unknown');
    expect(joinFtp(side, undefined).logins[0]?.outcome).toBe('unknown');
    // USER alone may do: 230 without a password.
    expect(joinFtp(client(encodeFtpClient([['USER', 'anonymous']])), replies(220, 230)).logins).toEqual([
      { user: 'anonymous', method: 'USER', isCleartext: false, outcome: 'accepted' },
    ]);
  });

  it('AUTH TLS ends what can be read', () => {
    const up = asciiBytes('AUTH TLS\r\n\x16\x03\x01\x02\x00\x01...\nUSER x\r\n');
    const down = asciiBytes('220 FTP\r\n234 go on\r\n\x16\x03\x03\x00\x7a\x02');
    expect(client(up)).toMatchObject({
      asksTls: true,
      tlsAt: 10,
      attempts: [],
      commands: [{ name: 'AUTH', count: 1 }],
    });
    expect(server(down)?.tlsAt).toBe(20);
    expect(joinFtp(client(up), server(down))).toEqual({ logins: [], isTls: true });
    expect(joinFtp(undefined, server(asciiBytes('220 FTP\r\n534 no\r\n'))).isTls).toBe(false);
  });

  it('an interrupt of Telnet before ABOR is passed over, and a cut name is not returned', () => {
    expect(client(asciiBytes('NOOP\r\n\xff\xf4\xff\xf2ABOR\r\n'))?.commands).toEqual([
      { name: 'NOOP', count: 1 },
      { name: 'ABOR', count: 1 },
    ]);
    expect(client(asciiBytes('USER admini'))?.attempts[0]?.user).toBeUndefined();
    expect(client(asciiBytes('USER a\x01\xe9b\r\n'))?.attempts[0]?.user).toBe('a\\x01\\xe9b');
  });

  it('shows itself by greeting, by replies, by commands that others do not have', () => {
    expect(looks('220 ProFTPD Server ready.\r\n')).toBe(true);
    expect(looks('220---------- Welcome to Pure-FTPd [privsep] [TLS] ----------\r\n')).toBe(true);
    expect(looks('220 hello\r\n331 Password?\r\n')).toBe(true);
    expect(looks('USER bob\r\nPASS x\r\nSYST\r\n')).toBe(true);
    expect(looks('AUTH TLS\r\n')).toBe(true);
    expect(looks('FEAT\r\n')).toBe(true);
    for (const text of [
      '220 hello\r\n',
      '220 mx ESMTP not FTP\r\n',
      'USER bob\r\nPASS x\r\n',
      '220 FTP',
      'TYPEWRITER\r\n',
      '',
    ])
      expect(looks(text), text).toBe(false);
  });

  it('is none of it', () => {
    for (const text of ['', 'GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n', '\x00\x01\x02\n\x03\n\x04\n'])
      expect(client(asciiBytes(text)), text).toBeUndefined();
    for (const text of ['', '22', 'HTTP/1.1 200 OK\r\n', '999 x\r\n', '2200 x\r\n'])
      expect(server(asciiBytes(text)), text).toBeUndefined();
  });
});
