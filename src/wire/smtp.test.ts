import { describe, expect, it } from 'vitest';
import { asciiBytes } from '../../test/support/frames.ts';
import { encodeBase64 } from './sasl.ts';
import {
  decodeSmtpClient,
  decodeSmtpServer,
  encodeSmtpClient,
  encodeSmtpServer,
  joinSmtp,
  looksLikeSmtp,
  summarizeSmtp,
} from './smtp.ts';

const client = (lines: readonly string[]) => {
  const bytes = encodeSmtpClient(lines);
  return decodeSmtpClient(bytes, 0, bytes.length);
};
const server = (replies: Parameters<typeof encodeSmtpServer>[0]) => {
  const bytes = encodeSmtpServer(replies);
  return decodeSmtpServer(bytes, 0, bytes.length);
};

// Both sides of ipfixprobe's smtp.pcap without the mail text: tshark -q -z follow,tcp,ascii,0.
const MAIL = [
  'EHLO GP',
  'AUTH LOGIN',
  'Z3VycGFydGFwQHBhdHJpb3RzLmlu',
  'cHVuamFiQDEyMw==',
  'MAIL FROM: <gurpartap@patriots.in>',
  'RCPT TO: <raj_deol2002in@yahoo.co.in>',
  'DATA',
  'Subject: x',
  '',
  'QUIT and RCPT TO:<x@not.a.command> are mail text here',
  '.',
  'QUIT',
];
const ANSWERS = [
  [220, 'xc90.websitewelcome.com ESMTP Exim 4.69', 'We do not authorize', 'and/or bulk e-mail.'],
  [250, 'xc90.websitewelcome.com Hello GP', 'AUTH PLAIN LOGIN', 'STARTTLS', 'HELP'],
  [334, 'VXNlcm5hbWU6'],
  [334, 'UGFzc3dvcmQ6'],
  [235, 'Authentication succeeded'],
  [250, 'OK'],
  [250, 'Accepted'],
  [354, 'Enter message'],
  [250, 'OK id=1Mugho-0003Dg-Un'],
  [221, 'bye'],
] as const;

describe('SMTP', () => {
  it('a mail with its login', () => {
    const up = client(MAIL)!;
    const down = server(ANSWERS)!;
    expect(up).toEqual({
      commands: ['EHLO', 'AUTH', 'MAIL', 'RCPT', 'DATA', 'QUIT'].map((name) => ({ name, count: 1 })),
      helo: 'GP',
      attempts: [{ user: 'gurpartap@patriots.in', method: 'LOGIN', isCleartext: true, command: 1 }],
      senderDomains: ['patriots.in'],
      senders: 1,
      recipientDomains: ['yahoo.co.in'],
      recipients: 1,
      mailBytes: 12 + 2 + 55,
      asksTls: false,
      tlsAt: undefined,
    });
    expect(down.replies).toEqual([
      { name: 220, count: 1 },
      { name: 250, count: 1 },
      { name: 334, count: 2 },
      { name: 235, count: 1 },
      { name: 250, count: 2 },
      { name: 354, count: 1 },
      { name: 250, count: 1 },
      { name: 221, count: 1 },
    ]);
    expect(joinSmtp(up, down)).toEqual({
      logins: [{ user: 'gurpartap@patriots.in', method: 'LOGIN', isCleartext: true, outcome: 'accepted' }],
      isTls: false,
    });
    expect(summarizeSmtp(up)).toBe('SMTP commands EHLO, AUTH, MAIL, RCPT, DATA, QUIT as GP, mail from 1 to 1');
    expect(summarizeSmtp(down)).toBe(
      'SMTP replies 220, 250, 334 x2, 235, 250 x2, 354, 250, 221 from "xc90.websitewelcome.com ESMTP Exim 4.69"',
    );
  });

  it.each([
    // arkime's smtp-data-250.pcap: tshark -Y smtp.auth.username_password says '12345678@aol.com'.
    ['PLAIN with the command', ['AUTH PLAIN ADEyMzQ1Njc4QGFvbC5jb20AcGFzc3dk'], '12345678@aol.com', 'PLAIN'],
    ['PLAIN in a line of its own', ['AUTH PLAIN', encodeBase64('\0bob\0secret')], 'bob', 'PLAIN'],
    ['PLAIN for another', ['AUTH PLAIN', encodeBase64('alice\0bob\0secret')], 'bob', 'PLAIN'],
    ['PLAIN without its second NUL', ['AUTH PLAIN', encodeBase64('\0secret')], undefined, 'PLAIN'],
    ['PLAIN that is no base64', ['AUTH PLAIN', 'secret!'], undefined, 'PLAIN'],
    ['LOGIN with the name at once', [`AUTH LOGIN ${encodeBase64('bob')}`, encodeBase64('secret')], 'bob', 'LOGIN'],
    ['LOGIN that was taken back', ['AUTH LOGIN', '*', 'NOOP'], undefined, 'LOGIN'],
    ['CRAM-MD5', ['AUTH CRAM-MD5', encodeBase64('tim b913a602c7eda7a495b4e6e7334d3890')], 'tim', 'CRAM-MD5'],
    [
      'XOAUTH2',
      ['AUTH XOAUTH2', encodeBase64('user=a@b.example\x01auth=Bearer secret\x01\x01')],
      'a@b.example',
      'XOAUTH2',
    ],
    ['SCRAM', ['AUTH SCRAM-SHA-256', encodeBase64('n,,n=user,r=rOprNGfwEbeRWgbNEkqO')], 'user', 'SCRAM-SHA-256'],
    [
      'DIGEST-MD5',
      ['AUTH DIGEST-MD5', encodeBase64('charset=utf-8,username="chris",realm="x",response=d388dad9')],
      'chris',
      'DIGEST-MD5',
    ],
    ['a mechanism that is none of ours', ['AUTH secret', 'c2VjcmV0'], undefined, 'other'],
  ])('the user of %s', (_, lines, user, method) => {
    const side = client(['EHLO a', ...lines, 'RSET'])!;
    expect(side.attempts.map((attempt) => [attempt.user, attempt.method])).toEqual([[user, method]]);
    expect(side.commands.at(-1)?.name).toBe('RSET');
    expect(JSON.stringify(side)).not.toMatch(/secret|c2VjcmV0/);
  });

  it('refused logins, one after the other', () => {
    const up = client([
      'EHLO a',
      'AUTH LOGIN',
      'Ym9i',
      'eA==',
      'AUTH LOGIN',
      'Ym9i',
      'eQ==',
      'AUTH PLAIN',
      'AGJvYgB6',
      'QUIT',
    ]);
    const down = server([
      [220, 'ESMTP'],
      [250, 'a'],
      [334, 'x'],
      [334, 'y'],
      [535, 'no'],
      [334, 'x'],
      [334, 'y'],
      [535, 'no'],
      [334, ''],
      [235, 'yes'],
    ]);
    expect(joinSmtp(up, down).logins.map(({ user, method, outcome }) => `${user} ${method} ${outcome}`)).toEqual([
      'bob LOGIN refused',
      'bob LOGIN refused',
      'bob PLAIN accepted',
    ]);
  });

  it('domains and counts of senders and recipients', () => {
    const side = client([
      'HELO a',
      'MAIL FROM:<>',
      'RCPT TO:<"odd@local"@Example.ORG> NOTIFY=NEVER',
      'RCPT TO:<b@example.org>',
      'RCPT TO:postmaster',
      'RSET',
      'MAIL FROM: c@example.net SIZE=5',
    ])!;
    expect([side.senderDomains, side.senders]).toEqual([['', 'example.net'], 2]);
    expect([side.recipientDomains, side.recipients]).toEqual([['example.org', ''], 3]);
  });

  it('BDAT is skipped by its size, even where it holds commands', () => {
    const bytes = asciiBytes('EHLO a\r\nBDAT 12 LAST\r\nAUTH LOGIN\r\nQUIT\r\nBDAT 999999\r\nQUIT\r\n');
    const side = decodeSmtpClient(bytes, 0, bytes.length)!;
    expect(side.commands.map(({ name }) => name)).toEqual(['EHLO', 'BDAT', 'QUIT', 'BDAT']);
    expect(side.mailBytes).toBe(12 + 6);
    expect(side.attempts).toEqual([]);
  });

  it('STARTTLS ends what can be read', () => {
    // arkime's smtp-starttls.pcap.
    const up = asciiBytes('EHLO xxxxxxxxxxxxx.xxx.com\r\nSTARTTLS\r\n\x16\x03\x01\x00\x6b\x01');
    const side = decodeSmtpClient(up, 0, up.length);
    expect(side).toMatchObject({ asksTls: true, tlsAt: 38 });
    expect(joinSmtp(side, undefined).isTls).toBe(true);
    expect(
      joinSmtp(
        client(['EHLO a', 'STARTTLS']),
        server([
          [220, 'ESMTP'],
          [250, 'a'],
          [454, 'no'],
        ]),
      ).isTls,
    ).toBe(false);
  });

  it('shows itself by its hello, by a greeting that says so, by replies that FTP does not have', () => {
    const looks = (text: string) => looksLikeSmtp(asciiBytes(text), 0, text.length);
    for (const text of [
      'EHLO a\r\n',
      'helo a',
      'MAIL FROM:<a@b>\r\n',
      '220 mx ESMTP\r\n',
      '220 mx\r\n250 a\r\n334 x\r\n',
    ])
      expect(looks(text), text).toBe(true);
    for (const text of ['220 hello\r\n', '220 FTP\r\n331 x\r\n', 'HELO', 'QUIT\r\n', ''])
      expect(looks(text), text).toBe(false);
  });

  it('is none of it', () => {
    expect(client(['GET / HTTP/1.1', 'Host: a', 'X: y'])).toBeUndefined();
    expect(decodeSmtpServer(asciiBytes('HTTP/1.1 200\r\n'), 0, 14)).toBeUndefined();
  });
});
