import * as wire from '../../../src/wire/index.ts';
import { type Encoded, text } from './part.ts';

/** Messages of services that people and programs log in to. */

export const LOGINS: Readonly<Record<string, Encoded>> = {
  encodeFtpClient: {
    tcp: 21,
    client: [
      wire.encodeFtpClient([
        ['USER', 'alice'],
        ['PASS', 'secret'],
        ['PORT', '10,0,0,1,4,1'],
        ['RETR', 'a.txt'],
      ]),
    ],
    server: [
      wire.encodeFtpServer([
        [220, 'ready'],
        [331, 'password'],
        [230, 'in'],
        [227, 'Entering Passive Mode (10,0,0,2,4,2)'],
      ]),
    ],
  },
  encodeImapClient: {
    tcp: 143,
    client: [wire.encodeImapClient(['a LOGIN alice secret', 'b SELECT INBOX'])],
    server: [wire.encodeImapServer(['* OK IMAP4rev1 ready', 'a OK done'])],
  },
  encodeIrc: {
    tcp: 6667,
    client: [wire.encodeIrc(['NICK bot', 'USER a b c :d', 'JOIN #x', 'PRIVMSG #x :hello'])],
    server: [wire.encodeIrc([':s 001 bot :welcome', 'PING :x'])],
  },
  encodeMysqlLogin: {
    tcp: 3306,
    server: [wire.encodeMysqlGreeting('8.0.36')],
    client: [wire.encodeMysqlLogin({ user: 'alice', database: 'shop' })],
  },
  encodePop3Client: {
    tcp: 110,
    client: [wire.encodePop3Client(['USER alice', 'PASS secret', 'STAT'])],
    server: [
      wire.encodePop3Server([
        ['+OK', 'ready'],
        ['+OK', ''],
        ['-ERR', 'no'],
      ]),
    ],
  },
  encodePostgresqlStartup: {
    tcp: 5432,
    client: [
      wire.encodePostgresqlStartup([
        ['user', 'alice'],
        ['database', 'shop'],
      ]),
      wire.encodePostgresqlMessage('p', text('md5abc\0')),
    ],
    server: [
      wire.encodePostgresqlMessage('R', [0, 0, 0, 5, 1, 2, 3, 4]),
      wire.encodePostgresqlMessage('E', text('SFATAL\0C28P01\0Mno\0\0')),
    ],
  },
  encodeRedis: {
    tcp: 6379,
    client: [
      wire.encodeRedis([
        ['AUTH', 'x', 'secret'],
        ['CONFIG', 'SET', 'dir', '/tmp'],
      ]),
    ],
    server: [text('-NOAUTH no\r\n+OK\r\n$2\r\nab\r\n*1\r\n:1\r\n')],
  },
  encodeSmtpClient: {
    tcp: 25,
    client: [
      wire.encodeSmtpClient([
        'EHLO a',
        'AUTH PLAIN AGFsaWNlAHNlY3JldA==',
        'MAIL FROM:<a@b>',
        'RCPT TO:<c@d>',
        'DATA',
        'Subject: x',
        '',
        'hi',
        '.',
      ]),
    ],
    server: [
      wire.encodeSmtpServer([
        [220, 'x ESMTP'],
        [250, 'a', 'STARTTLS', 'AUTH PLAIN'],
        [235, 'ok'],
      ]),
    ],
  },
  encodeSocks4: {
    tcp: 1080,
    client: [wire.encodeSocks4({ host: 'example.org', port: 80, user: 'alice' })],
    server: [Uint8Array.of(0, 90, 0, 80, 1, 2, 3, 4)],
  },
  encodeSocks5: {
    tcp: 1080,
    client: [wire.encodeSocks5({ methods: [0, 2], user: 'alice', password: 'secret', host: 'example.org', port: 443 })],
    server: [Uint8Array.of(5, 2, 1, 0, 5, 0, 0, 1, 1, 2, 3, 4, 0, 80)],
  },
  encodeSshBanner: {
    tcp: 22,
    client: [
      wire.encodeSshBanner('OpenSSH_9.6', { comment: 'x' }),
      wire.encodeSshKexInit({
        kex: ['curve25519-sha256'],
        hostKey: ['ssh-ed25519'],
        encryptionToServer: ['aes256-gcm@openssh.com'],
      }),
    ],
    server: [wire.encodeSshBanner('dropbear_2022.83')],
  },
  encodeTelnet: {
    tcp: 23,
    client: [
      wire.encodeTelnet({
        terminal: 'xterm',
        window: { columns: 80, rows: 24 },
        environmentUser: 'alice',
        text: 'alice\r\nsecret\r\n',
      }),
    ],
    server: [
      wire.encodeTelnet({
        options: [{ verb: 'WILL', option: 'echo' }],
        text: 'login: alice\r\nPassword: \r\nLast login\r\n$ ',
      }),
    ],
  },
  encodeVnc: {
    tcp: 5900,
    server: [wire.encodeVnc({ version: '3.8', securityTypes: [2, 19] }, true)],
    client: [wire.encodeVnc({ version: '3.8', securityTypes: [2] }, false)],
  },
};
