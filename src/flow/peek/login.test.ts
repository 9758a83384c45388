import * as fs from 'node:fs';
import { describe, expect, it } from 'vitest';
import { NO_TIMEOUTS, runCapture } from '../../../test/support/capture.ts';
import { cutAt, cutEvery, type DialogOptions, dialog, type Turn } from '../../../test/support/dialog.ts';
import { FlowLab, flowsFrom, hexBytes, type TestFrame } from '../../../test/support/frames.ts';
import { Random } from '../../core/index.ts';
import {
  encodeMysqlGreeting,
  encodeMysqlLogin,
  encodePostgresqlMessage,
  encodePostgresqlStartup,
  encodeRedis,
  encodeSocks4,
  encodeSocks5,
  encodeTelnet,
} from '../../wire/index.ts';
import type { FlowRecord } from '../schema.ts';

const COLUMNS = ['service', 'serviceBasis', 'user', 'login', 'client', 'server', 'operations'] as const;

/** What the peeks say of a flow, in the order of COLUMNS; '-' where nothing. */
function said(flow: FlowRecord | undefined): string {
  return COLUMNS.map((name) => flow?.[name] ?? '-').join(' | ');
}

function saidOf(port: number, turns: readonly Turn[], options: DialogOptions = {}): string {
  const flows = flowsFrom(dialog(port, turns, options));
  expect(flows.length).toBe(1);
  return said(flows[0]);
}

const b64 = (text: string): string => btoa(text);

const FTP: readonly Turn[] = [
  ['<', '220 ProFTPD 1.3.5 Server ready.\r\n'],
  ['>', 'USER bob\r\n'],
  ['<', '331 Password required for bob\r\n'],
  ['>', 'PASS hunter2\r\n'],
  ['<', '230 User bob logged in\r\n'],
  ['>', 'TYPE I\r\n'],
  ['<', '200 Type set to I\r\n'],
  ['>', 'PASV\r\n'],
  ['<', '227 Entering Passive Mode (10,0,0,2,200,10).\r\n'],
  ['>', 'STOR shell.php\r\n'],
  ['<', '150 Opening\r\n226 Transfer complete\r\n'],
];

const SMTP: readonly Turn[] = [
  ['<', '220 mx.example.net ESMTP Postfix\r\n'],
  ['>', 'EHLO mail.example.com\r\n'],
  ['<', '250-mx.example.net\r\n250 AUTH PLAIN\r\n'],
  ['>', `AUTH PLAIN ${b64('\0bob\0hunter2')}\r\n`],
  ['<', '235 ok\r\n'],
  ['>', 'MAIL FROM:<bob@example.com>\r\n'],
  ['<', '250 ok\r\n'],
  ['>', 'RCPT TO:<a@one.example>\r\n'],
  ['<', '250 ok\r\n'],
  ['>', 'RCPT TO:<b@two.example>\r\n'],
  ['<', '250 ok\r\n'],
  ['>', 'DATA\r\n'],
  ['<', '354 go\r\n'],
  ['>', 'Subject: x\r\n\r\nhunter2\r\n.\r\n'],
  ['<', '250 queued\r\n'],
];

const TALKS: readonly (readonly [name: string, port: number, turns: readonly Turn[], expected: string])[] = [
  [
    'FTP',
    2121,
    FTP,
    'ftp | content | bob | accepted | - | ProFTPD 1.3.5 Server ready. | password in clear, USER, PASS, TYPE, PASV, STOR shell.php',
  ],
  [
    'FTP that is refused',
    21,
    [
      ['<', '220 ready\r\n'],
      ['>', 'USER root\r\n'],
      ['<', '331 go on\r\n'],
      ['>', 'PASS a\r\n'],
      ['<', '530 no\r\n'],
    ],
    'ftp | content | root | refused | - | ready | password in clear, USER, PASS',
  ],
  [
    'SMTP',
    2525,
    SMTP,
    'smtp | content | bob | accepted | - | mx.example.net ESMTP Postfix | password in clear, EHLO mail.example.com, AUTH, MAIL example.com, RCPT one.example, RCPT two.example, DATA',
  ],
  [
    'SMTP to STARTTLS',
    25,
    [
      ['<', '220 mx\r\n'],
      ['>', 'EHLO a.example\r\n'],
      ['<', '250 STARTTLS\r\n'],
      ['>', 'STARTTLS\r\n'],
      ['<', '220 go\r\n'],
      ['>', hexBytes('16030100050100000100')],
    ],
    'smtp | content | - | - | - | mx | EHLO a.example, STARTTLS',
  ],
  [
    'IMAP',
    143,
    [
      ['<', '* OK [CAPABILITY IMAP4rev1] Dovecot ready.\r\n'],
      ['>', 'a1 LOGIN "bob" "hunter2"\r\n'],
      ['<', 'a1 NO [AUTHENTICATIONFAILED] failed\r\n'],
      ['>', 'a2 LOGIN "bob" "hunter3"\r\n'],
      ['<', 'a2 OK done\r\n'],
      ['>', 'a3 SELECT INBOX\r\n'],
      ['<', 'a3 OK done\r\n'],
    ],
    'imap | content | bob | accepted | - | [CAPABILITY IMAP4rev1] Dovecot ready. | password in clear, LOGIN, SELECT',
  ],
  [
    'POP3',
    110,
    [
      ['<', '+OK Dovecot ready.\r\n'],
      ['>', 'USER bob\r\n'],
      ['<', '+OK\r\n'],
      ['>', 'PASS hunter2\r\n'],
      ['<', '-ERR no\r\n'],
    ],
    'pop3 | content | bob | refused | - | Dovecot ready. | password in clear, USER, PASS',
  ],
  [
    'POP3 with nothing but its port to tell',
    110,
    [
      ['<', '+OK\r\n'],
      ['>', 'USER bob\r\n'],
      ['<', '+OK\r\n'],
      ['>', 'PASS hunter2\r\n'],
      ['<', '+OK\r\n'],
    ],
    'pop3 | content | bob | accepted | - | - | password in clear, USER, PASS',
  ],
  [
    'Telnet',
    2323,
    [
      ['<', encodeTelnet({ options: [{ verb: 'DO', option: 'terminal-type' }] })],
      ['>', encodeTelnet({ options: [{ verb: 'WILL', option: 'terminal-type' }], terminal: 'XTERM' })],
      ['<', 'login: '],
      ['>', 'admin\r\n'],
      ['<', 'admin\r\nPassword: '],
      ['>', 'hunter2\r\n'],
      ['<', '\r\nLogin incorrect\r\nlogin: '],
    ],
    'telnet | content | admin | refused | XTERM | - | password in clear',
  ],
  [
    'Telnet without negotiation',
    23,
    [
      ['<', 'Router\r\nUsername: '],
      ['>', 'admin\r\n'],
      ['<', 'admin\r\nPassword: '],
      ['>', 'hunter2\r\n'],
      ['<', '\r\nrouter#'],
    ],
    'telnet | content | admin | accepted | - | - | password in clear',
  ],
  [
    'IRC',
    8000,
    [
      ['>', 'NICK bot4711\r\nUSER bot 0 * :x\r\n'],
      ['<', ':irc.example 001 bot4711 :Welcome\r\n'],
      ['>', 'JOIN #cmd hunter2\r\nPRIVMSG #cmd :hunter2\r\n'],
    ],
    'irc | content | bot | accepted | - | irc.example | NICK, USER, JOIN #cmd, PRIVMSG',
  ],
  [
    'Redis',
    6379,
    [
      ['>', encodeRedis([['AUTH', 'hunter2']])],
      ['<', '-WRONGPASS invalid\r\n'],
      ['>', encodeRedis([['CONFIG', 'SET', 'dir', '/root/.ssh'], ['SAVE']])],
      ['<', '-NOAUTH Authentication required.\r\n-NOAUTH Authentication required.\r\n'],
    ],
    'redis | content | default | refused | - | - | password in clear, AUTH, CONFIG SET dir, SAVE',
  ],
  [
    'MySQL',
    3307,
    [
      ['<', encodeMysqlGreeting('8.0.36')],
      ['>', encodeMysqlLogin({ user: 'root', database: 'shop' })],
      ['<', hexBytes('170000 02 ff 1504 2332383030304163636573732064656e696564')],
    ],
    'mysql | content | root | refused | - | 8.0.36 | database shop',
  ],
  [
    'PostgreSQL',
    15432,
    [
      [
        '>',
        encodePostgresqlStartup([
          ['user', 'bob'],
          ['database', 'shop'],
          ['application_name', 'psql'],
        ]),
      ],
      ['<', encodePostgresqlMessage('R', [0, 0, 0, 5, 1, 2, 3, 4])],
      ['>', encodePostgresqlMessage('p', new TextEncoder().encode('md5aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\0'))],
      ['<', encodePostgresqlMessage('R', [0, 0, 0, 0])],
      ['<', encodePostgresqlMessage('S', new TextEncoder().encode('server_version\x0014.5\0'))],
    ],
    'postgresql | content | bob | accepted | psql | 14.5 | database shop',
  ],
  [
    'SOCKS 5',
    9050,
    [
      ['>', encodeSocks5({ methods: [0, 2] })],
      ['<', hexBytes('0502')],
      ['>', encodeSocks5({ methods: [0, 2], user: 'bob', password: 'hunter2' }).subarray(4)],
      ['<', hexBytes('0100')],
      ['>', encodeSocks5({ methods: [0], host: 'c2.example', port: 443 }).subarray(3)],
      ['<', hexBytes('05000001000000000000')],
      ['>', hexBytes('16030100050100000100')],
    ],
    'socks | content | bob | accepted | - | - | password in clear, CONNECT c2.example:443',
  ],
  [
    'SOCKS 4a',
    1080,
    [
      ['>', encodeSocks4({ host: 'c2.example', port: 25 })],
      ['<', hexBytes('005b000000000000')],
    ],
    'socks | content | - | - | - | - | CONNECT c2.example:25',
  ],
  [
    'SOCKS 5 to an address of version 6',
    1080,
    [
      ['>', hexBytes('050100')],
      ['<', hexBytes('0500')],
      ['>', hexBytes('05010004 20010db8000000000000000000000001 0050')],
    ],
    'socks | content | - | - | - | - | CONNECT [2001:db8::1]:80',
  ],
];

describe('what a login and its commands say of a flow', () => {
  it.each(TALKS)('%s', (_, port, turns, expected) => {
    expect(saidOf(port, turns)).toBe(expected);
  });

  it.each(TALKS)('%s, in segments of one byte, of three and of seven', (_, port, turns, expected) => {
    for (const size of [1, 3, 7]) expect(saidOf(port, turns, { cut: cutEvery(size) }), `size ${size}`).toBe(expected);
  });

  it('FTP and SMTP are the same wherever their segments are cut', () => {
    for (let at = 1; at < 60; at++) {
      expect(saidOf(2121, FTP, { cut: cutAt(at) }), `at ${at}`).toBe(TALKS[0]?.[3]);
      expect(saidOf(2525, SMTP, { cut: cutAt(at) }), `at ${at}`).toBe(TALKS[2]?.[3]);
    }
  });

  it('a segment that is lost or comes twice changes nothing but what it held', () => {
    const frames = dialog(2121, FTP);
    expect(said(flowsFrom([...frames.slice(0, 6), ...frames.slice(4)])[0])).toBe(TALKS[0]?.[3]);
    // Without the server's 230.
    const without = frames.filter((_, i) => i !== 7);
    expect(said(flowsFrom(without)[0])).toBe(
      'ftp | content | bob | unknown | - | ProFTPD 1.3.5 Server ready. | password in clear, USER, PASS, TYPE, PASV, STOR shell.php',
    );
  });

  it('no password is in any column', () => {
    for (const [name, port, turns] of TALKS) {
      const text = JSON.stringify(
        flowsFrom(dialog(port, turns)).map(({ initiatorFirstBytes: _, responderFirstBytes: __, ...flow }) => flow),
      );
      expect(text, name).not.toMatch(/hunter|aaaaaaaa/);
    }
  });

  it('a port is no proof: what is no FTP on port 21 stays a guess, and TLS there is TLS', () => {
    expect(
      saidOf(21, [
        ['>', 'hello there\r\n'],
        ['<', 'who are you\r\n'],
      ]),
    ).toBe('ftp | port | - | - | - | - | -');
    expect(saidOf(21, [['>', hexBytes('16030100050100000100')]])).toMatch(/^tls \| content/);
    expect(saidOf(21, [['<', 'SSH-2.0-OpenSSH_9.2\r\n']])).toMatch(/^ssh \| content/);
  });

  it('of many logins in one connection the one that succeeds is told', () => {
    const turns: Turn[] = [['<', '220 FTP\r\n']];
    for (let i = 0; i < 9; i++)
      turns.push(
        ['>', `USER user${i}\r\n`],
        ['<', '331 go on\r\n'],
        ['>', `PASS p${i}\r\n`],
        ['<', i === 7 ? '230 in\r\n' : '530 no\r\n'],
      );
    expect(saidOf(21, turns)).toBe(
      'ftp | content | user7 | accepted | - | FTP | password in clear, 8 logins refused, USER, PASS',
    );
  });

  it('a session of which both sides are full is told before it ends, so that any number of them may be open', () => {
    // 1,100 connections with 4 KiB on each side are more than all buffers together hold.
    const bulk = 'x'.repeat(1400);
    const turns: Turn[] = [
      ['>', encodeRedis([['AUTH', 'bob', 'hunter2']])],
      ['<', '+OK\r\n'],
    ];
    for (let i = 0; i < 3; i++)
      turns.push(['>', encodeRedis([['SET', `key-${i}`, bulk]])], ['<', `$${bulk.length}\r\n${bulk}\r\n`]);
    const lab = new FlowLab({ maxFlows: 2048 });
    const connections = Array.from({ length: 1100 }, (_, i) =>
      dialog(6379, turns, { client: `10.1.${i >> 8}.${i & 255}:40000` }).slice(0, -2),
    );
    for (const frames of connections) lab.take(frames);
    const told = new Set(lab.finish().map(said));
    expect([...told]).toEqual(['redis | content | bob | accepted | - | - | password in clear, AUTH, SET']);
  });

  it('of more open sessions than there are buffers, those that give way are told as far as they went', () => {
    const lab = new FlowLab({ maxFlows: 4096 });
    for (let i = 0; i < 3000; i++)
      lab.take(dialog(2121, FTP.slice(0, 5), { client: `10.1.${i >> 8}.${i & 255}:40000` }).slice(0, -2));
    const told = new Set(lab.finish().map(said));
    expect([...told]).toEqual([
      'ftp | content | bob | accepted | - | ProFTPD 1.3.5 Server ready. | password in clear, USER, PASS',
    ]);
  });

  it('the middle of a connection is told as far as it goes', () => {
    const rest: Turn[] = FTP.slice(5);
    expect(saidOf(21, rest, { isLate: true })).toBe('ftp | content | - | - | - | - | TYPE, PASV, STOR shell.php');
  });
});

describe('conversations that nobody means well with', () => {
  it('cut, mutated and mixed ones are told without an error, and within bounds', () => {
    for (let seed = 0; seed < 400; seed++) {
      const random = new Random(seed);
      const [, port, turns] = TALKS[random.below(TALKS.length)]!;
      const [, , others] = TALKS[random.below(TALKS.length)]!;
      const mixed = turns.map((turn, i) => (random.below(6) === 0 ? (others[i] ?? turn) : turn));
      const frames: TestFrame[] = dialog(port, mixed, { cut: cutEvery(1 + random.below(40)) });
      for (const frame of frames) {
        for (let i = random.below(3); i > 0; i--)
          if (random.below(3) === 0 && frame.bytes.length > 54)
            frame.bytes[54 + random.below(frame.bytes.length - 54)] = random.below(256);
      }
      const kept = frames.filter(() => random.below(20) !== 0);
      for (const flow of flowsFrom(kept)) {
        for (const name of COLUMNS) expect((flow[name] ?? '').length, `seed ${seed}`).toBeLessThan(1400);
      }
    }
  });
});

describe('real connections, as tshark 4.0.17 sees them', () => {
  const flowsOf = (name: string): string[] => {
    const file = new URL(`../../../test/fixture/${name}`, import.meta.url);
    return runCapture(new Uint8Array(fs.readFileSync(file)), { flow: NO_TIMEOUTS }).flows.map(said);
  };

  it('FTP: tshark -Y ftp -T fields -e ftp.request.command -e ftp.request.arg -e ftp.response.code', () => {
    expect(flowsOf('session/ipv6-retr-samba.pcap')).toEqual([
      'ftp | content | anonymous | accepted | - | 2001:6f8:200:1::5:33 FTP server ready | password in clear, USER, PASS, PWD, CWD, MODE, TYPE, SIZE samba-3.4.17.tar.gz, MDTM, EPSV, RETR samba-3.4.17.tar.gz',
    ]);
  });

  it('SMTP: -Y smtp -T fields -e smtp.req.command -e smtp.req.parameter -e smtp.response.code', () => {
    expect(flowsOf('session/smtp-rcpt-553.pcap')).toEqual([
      'smtp | content | - | - | - | mtaout-ma04.r1000.mx.aol.com ESMTP MUA/Third Party Client Interface | EHLO localhost, MAIL aol.com, RCPT example',
    ]);
  });

  it('IRC: -Y irc -T fields -e irc.request.command', () => {
    expect(flowsOf('session/irc.pcap')).toEqual([
      'irc | content | xxxxx | accepted | - | card.freenode.net | USER, NICK, USERHOST, MODE, JOIN #moloch-fpc',
    ]);
  });

  it('MySQL: -Y mysql -T fields -e mysql.user -e mysql.version -e mysql.error_code (1045)', () => {
    expect(flowsOf('session/mysql-deny.pcap')).toEqual([
      'mysql | content | user0 | refused | - | 5.5.35-0FUNntu0.12.04.2 | -',
    ]);
  });

  it('PostgreSQL: -Y pgsql -T fields -e pgsql.parameter_value -e pgsql.code (28P01)', () => {
    expect(flowsOf('session/psql-login-fail.pcap')).toEqual([
      'postgresql | content | postgres | refused | psql | - | database postgres',
    ]);
  });

  it('SOCKS: -Y socks -V', () => {
    expect(flowsOf('session/socks4-https.pcap')).toEqual([
      'socks | content | fd7bcf7b5c9e1d | accepted | - | - | CONNECT login.live.com:443',
    ]);
    expect(flowsOf('arkime/socks-http-pass.pcap')).toEqual([
      'socks | content | - | - | - | - | -',
      'socks | content | testuser | refused | - | - | password in clear',
      'socks | content | testuser | accepted | - | - | password in clear, CONNECT 93.184.216.119:80',
    ]);
    expect(flowsOf('arkime/socks5-http-302-frag.pcap')).toEqual([
      'socks | content | - | - | - | - | CONNECT www.google.com:80',
    ]);
  });
});
