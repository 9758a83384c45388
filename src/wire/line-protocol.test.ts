import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asciiBytes, hexBytes } from '../../test/support/frames.ts';
import { Random } from '../core/index.ts';
import * as bittorrent from './bittorrent.ts';
import { encodeDhcp } from './dhcp.ts';
import { encodeDhcpv6 } from './dhcpv6.ts';
import { encodeDns } from './dns.ts';
import * as ftp from './ftp.ts';
import { encodeHttpRequest } from './http.ts';
import * as imap from './imap.ts';
import * as irc from './irc.ts';
import { encodeKerberos, encodeKerberosTcp } from './kerberos.ts';
import { summarizeLogin } from './login.ts';
import * as modbus from './modbus.ts';
import * as mqtt from './mqtt.ts';
import * as mysql from './mysql.ts';
import { encodeNetbiosDatagram, encodeNetbiosName } from './netbios.ts';
import { PROTO } from './packet.ts';
import * as pop3 from './pop3.ts';
import * as postgresql from './postgresql.ts';
import { encodeRdpConnect } from './rdp.ts';
import * as redis from './redis.ts';
import { encodeBase64 } from './sasl.ts';
import { serviceByContent } from './service.ts';
import * as sip from './sip.ts';
import { encodeNetbiosRequest } from './smb.ts';
import * as smtp from './smtp.ts';
import * as socks from './socks.ts';
import * as stratum from './stratum.ts';
import * as syslog from './syslog.ts';
import * as telnet from './telnet.ts';
import * as tftp from './tftp.ts';
import { encodeClientHello } from './tls.ts';

/** What the protocols of lines, logins and devices owe together: none claims another's bytes, none looks outside of its own, none gives away a password. */

type Looks = (bytes: Uint8Array, at: number, end: number) => boolean;
const LOOKS: Readonly<Record<string, Looks>> = {
  ftp: ftp.looksLikeFtp,
  smtp: smtp.looksLikeSmtp,
  imap: imap.looksLikeImap,
  pop3: pop3.looksLikePop3,
  telnet: telnet.looksLikeTelnet,
  irc: irc.looksLikeIrc,
  mqtt: mqtt.looksLikeMqtt,
  modbus: modbus.looksLikeModbus,
  sip: sip.looksLikeSip,
  bittorrent: bittorrent.looksLikeBitTorrent,
  stratum: stratum.looksLikeStratum,
  socks: socks.looksLikeSocks,
  mysql: mysql.looksLikeMysql,
  postgresql: postgresql.looksLikePostgresql,
  redis: redis.looksLikeRedis,
  tftp: tftp.looksLikeTftp,
  syslog: syslog.looksLikeSyslog,
};

const claims = (bytes: Uint8Array): string =>
  Object.entries(LOOKS)
    .filter(([, looks]) => looks(bytes, 0, bytes.length))
    .map(([name]) => name)
    .join('+');

const HASH = '0123456789abcdef0123456789abcdef01234567';
const SAMPLES: readonly (readonly [owner: string, bytes: Uint8Array])[] = [
  ['ftp', asciiBytes('220 ProFTPD Server (x) [10.0.0.1]\r\n331 Password required\r\n230 ok\r\n')],
  ['ftp', asciiBytes('USER bob\r\nPASS x\r\nPASV\r\nRETR a\r\n')],
  ['smtp', asciiBytes('220 mx.example ESMTP Postfix\r\n250-mx\r\n250 STARTTLS\r\n')],
  ['smtp', asciiBytes('EHLO a\r\nAUTH LOGIN\r\nYQ==\r\nYg==\r\nMAIL FROM:<a@b>\r\n')],
  ['imap', asciiBytes('* OK [CAPABILITY IMAP4rev1] ready\r\na1 OK done\r\n')],
  ['imap', asciiBytes('a001 LOGIN bob x\r\na002 SELECT INBOX\r\n')],
  ['pop3', asciiBytes('+OK Dovecot ready.\r\n+OK\r\n-ERR no\r\n')],
  ['pop3', asciiBytes('CAPA\r\nUSER bob\r\nPASS x\r\n')],
  ['telnet', hexBytes('fffd18fffd20fffd23fffd27')],
  ['irc', asciiBytes(':irc.example 001 bob :Welcome\r\n')],
  ['irc', asciiBytes('NICK bob\r\nUSER bob 0 * :Bob\r\n')],
  ['mqtt', mqtt.encodeMqttConnect({ clientId: 'sensor', user: 'bob', password: 'x' })],
  ['mqtt', mqtt.encodeMqttConnack(0)],
  ['modbus', hexBytes('0001000000060a0300050002')],
  ['modbus', hexBytes('0001000000070a030400090018')],
  ['sip', sip.encodeSip('REGISTER sip:a SIP/2.0', [['From', '<sip:bob@a>']])],
  ['sip', sip.encodeSip('SIP/2.0 403 Forbidden', [['CSeq', '1 REGISTER']])],
  ['bittorrent', bittorrent.encodeBitTorrent({ infoHash: HASH })],
  ['bittorrent', bittorrent.encodeDhtQuery('get_peers', HASH)],
  ['bittorrent', hexBytes('4100 1234 0000beef 00000000 00100000 0001 0000')],
  ['stratum', stratum.encodeStratum([{ id: 1, method: 'mining.subscribe', params: [] }])],
  ['stratum', stratum.encodeStratum([{ id: 1, method: 'login', params: { login: 'w', pass: 'x' } }])],
  ['socks', socks.encodeSocks5({ methods: [0, 2], user: 'bob', password: 'x', host: 'a.example', port: 443 })],
  ['socks', socks.encodeSocks4({ host: 'a.example', port: 443 })],
  ['mysql', mysql.encodeMysqlGreeting('8.0.36')],
  ['mysql', mysql.encodeMysqlLogin({ user: 'bob', database: 'shop' })],
  ['postgresql', postgresql.encodePostgresqlStartup([['user', 'bob']])],
  ['postgresql', hexBytes('520000000c00000005ca521115')],
  ['redis', redis.encodeRedis([['AUTH', 'bob', 'x'], ['INFO']])],
  ['redis', asciiBytes('-NOAUTH Authentication required.\r\n')],
  ['tftp', tftp.encodeTftpRequest({ operation: 'read', file: 'boot.cfg' })],
  ['syslog', asciiBytes('<34>Oct 11 22:14:15 host su: x')],
  ['syslog', syslog.encodeSyslog({ priority: 13, host: 'a', application: 'b' })],
  // What all of them must leave alone.
  ['', encodeClientHello({ serverName: 'example.org', alpn: ['h2'] })],
  ['', encodeHttpRequest('GET', '/', [['Host', 'example.org']])],
  ['', asciiBytes('HTTP/1.1 200 OK\r\nServer: x\r\n\r\n')],
  ['', asciiBytes('SSH-2.0-OpenSSH_9.2\r\n')],
  ['', asciiBytes('RFB 003.008\n')],
  ['', encodeDns({ name: 'example.org' })],
  ['', hexBytes('00000054ff534d4272000000001801c8')],
  ['', hexBytes('0300002621e00000000000436f6f6b69653a20')],
  ['', hexBytes('05000b03100000004800000001000000')],
  ['', hexBytes(`23${'00'.repeat(47)}`)],
  ['', hexBytes(`c000000001${'08'.repeat(40)}`)],
  ['', asciiBytes('{"jsonrpc":"2.0","method":"tools/list","id":1}\n')],
  ['', asciiBytes('USER bob\r\n')],
  ['', asciiBytes('220 hello\r\n')],
  ['', asciiBytes('+OK\r\n')],
  ['', asciiBytes('<html><body>1: x</body></html>')],
  ['', asciiBytes('The quick brown fox\r\njumps over\r\n')],
  ['', new Uint8Array(64)],
  ['', new Uint8Array(64).fill(255)],
];

/** Every decoder, with what makes text of its result. */
type Decoder = (bytes: Uint8Array, at: number, end: number) => unknown;
const both = (range: { bytes: Uint8Array; at: number; end: number }): unknown => telnet.telnetLogins(range, range);
const DECODERS: Readonly<Record<string, Decoder>> = {
  ftpClient: ftp.decodeFtpClient,
  ftpServer: ftp.decodeFtpServer,
  smtpClient: smtp.decodeSmtpClient,
  smtpServer: smtp.decodeSmtpServer,
  imapClient: imap.decodeImapClient,
  imapServer: imap.decodeImapServer,
  pop3Client: pop3.decodePop3Client,
  pop3Server: pop3.decodePop3Server,
  telnet: telnet.decodeTelnet,
  telnetLogins: (bytes, at, end) => both({ bytes, at, end }),
  irc: irc.decodeIrc,
  mqtt: mqtt.decodeMqtt,
  modbusRequest: (bytes, at, end) => modbus.decodeModbus(bytes, at, end, 'request'),
  modbusResponse: (bytes, at, end) => modbus.decodeModbus(bytes, at, end, 'response'),
  sip: sip.decodeSip,
  sipStream: sip.decodeSipStream,
  bittorrent: bittorrent.decodeBitTorrent,
  dht: bittorrent.decodeDht,
  utp: bittorrent.decodeUtp,
  stratum: stratum.decodeStratum,
  socksClient: socks.decodeSocksClient,
  socksServer: socks.decodeSocksServer,
  mysqlClient: mysql.decodeMysqlClient,
  mysqlServer: mysql.decodeMysqlServer,
  postgresqlClient: postgresql.decodePostgresqlClient,
  postgresqlServer: postgresql.decodePostgresqlServer,
  redisClient: redis.decodeRedisClient,
  redisServer: redis.decodeRedisServer,
  tftp: tftp.decodeTftp,
  syslog: syslog.decodeSyslog,
  ...LOOKS,
};

/** Runs everything over the bytes between two kinds of surroundings: nothing throws, and nothing of the surroundings shows. */
function runAll(bytes: Uint8Array, where: string): void {
  const around = [0x00, 0x41, 0x0a].map((fill) => {
    const held = new Uint8Array(bytes.length + 600).fill(fill);
    held.set(bytes, 300);
    return held;
  });
  for (const [name, decode] of Object.entries(DECODERS)) {
    const [first, ...others] = around.map((held) => JSON.stringify(decode(held, 300, 300 + bytes.length)) ?? 'none');
    for (const other of others) if (other !== first) expect(other, `${name} ${where}`).toBe(first);
    for (const text of first?.match(/"(?:[^"\\]|\\.)*"/g) ?? [])
      if (text.length > 4096) expect.fail(`${name} ${where}: text of ${text.length} characters`);
  }
}

describe('identification by content', () => {
  it.each(SAMPLES.map(([owner, bytes], i) => [i, owner, bytes] as const))(
    'sample %i is claimed by "%s" alone',
    (_, owner, bytes) => {
      expect(claims(bytes)).toBe(owner);
    },
  );

  it('random bytes are claimed by nobody', () => {
    const random = new Random(41);
    const found: string[] = [];
    for (let i = 0; i < 60_000; i++) {
      const bytes = Uint8Array.from({ length: 1 + random.below(60) }, () => random.below(256));
      const names = claims(bytes);
      if (names !== '') found.push(names);
    }
    expect(found).toEqual([]);
  });

  it('random lines of text are claimed by nobody', () => {
    const random = new Random(43);
    const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJ0123456789 .,:;/-+*<>{}"@\r\n';
    const found: string[] = [];
    for (let i = 0; i < 60_000; i++) {
      const length = 1 + random.below(60);
      const text = Array.from({ length }, () => letters[random.below(letters.length)]).join('');
      const names = claims(asciiBytes(`${text}\r\n`));
      if (names !== '') found.push(`${names}: ${text}`);
    }
    expect(found).toEqual([]);
  });
});

/** Every service that content shows, over TCP and UDP; '' where it shows none. The port is one that says nothing unless it is given. */
const SERVICES: readonly (readonly [service: string, bytes: Uint8Array, port?: number])[] = [
  ...SAMPLES.filter(([owner]) => owner !== '').map(
    ([owner, bytes]) =>
      [owner === 'tftp' || isBitTorrentDatagram(bytes) ? `udp ${owner}` : `tcp ${owner}`, bytes] as const,
  ),
  ['udp syslog', asciiBytes('<34>Oct 11 22:14:15 host su: x')],
  ['udp sip', sip.encodeSip('REGISTER sip:a SIP/2.0', [['From', '<sip:bob@a>']])],
  ['udp bittorrent', asciiBytes('BT-SEARCH * HTTP/1.1\r\nHost: 239.192.152.143:6771\r\n\r\n')],
  ['udp bittorrent', hexBytes('00000417271019800000000000001234')],
  ['tcp tls', encodeClientHello({ serverName: 'example.org', alpn: ['h2'] })],
  ['tcp tls', hexBytes(`802e010002001500000010${'010080'.repeat(7)}${'5a'.repeat(16)}`)],
  ['tcp http', encodeHttpRequest('GET', '/', [['Host', 'example.org']])],
  ['tcp http', encodeHttpRequest('OPTIONS', '*', [])],
  ['tcp http', encodeHttpRequest('CONNECT', 'example.org:443', [])],
  ['tcp http', asciiBytes('GET /\r\n')],
  ['tcp http', asciiBytes('HTTP/1.1 200 OK\r\nServer: x\r\n\r\n')],
  ['tcp http', asciiBytes('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')],
  ['tcp rtsp', asciiBytes('OPTIONS rtsp://192.168.1.9/live RTSP/1.0\r\nCSeq: 1\r\n\r\n')],
  ['tcp rtsp', asciiBytes('RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n')],
  ['tcp ssh', asciiBytes('SSH-2.0-OpenSSH_9.2\r\n')],
  ['tcp vnc', asciiBytes('RFB 003.008\n')],
  ['tcp smb', hexBytes('00000054ff534d4272000000001801c8')],
  ['tcp smb', hexBytes('0000006cfe534d4240000000000000000000')],
  ['tcp smb', encodeNetbiosRequest('SERVER', 0x20, 'CLIENT', 0)],
  ['tcp rdp', hexBytes('0300002621e00000000000436f6f6b69653a20')],
  ['tcp rdp', encodeRdpConnect({ kind: 'request', requestedProtocols: 3 })],
  ['tcp rdp', encodeRdpConnect({ kind: 'confirm', selectedProtocol: 2 })],
  ['tcp dcerpc', hexBytes('05000b03100000004800000001000000')],
  [
    'tcp kerberos',
    encodeKerberosTcp(encodeKerberos({ type: 'AS-REQ', client: 'bob', realm: 'CORP', service: 'krbtgt' })),
  ],
  ['udp kerberos', encodeKerberos({ type: 'AS-REQ', client: 'bob', realm: 'CORP', service: 'krbtgt' })],
  ['tcp ldap', hexBytes('300c020101600702010304008000')],
  ['udp cldap', hexBytes('302502010163200400 0a0100 0a0100 020100 020100 010100 870b6f626a656374436c617373 3000')],
  ['udp snmp', hexBytes('302902010104067075626c6963a01c02047d4a9bd6020100020100300e300c06082b060102010101000500')],
  [
    'udp snmp-trap',
    hexBytes('302902010104067075626c6963a71c02047d4a9bd6020100020100300e300c06082b060102010101000500'),
    162,
  ],
  ['udp netbios-ns', encodeNetbiosName({ question: { name: 'WPAD', suffix: 0 } })],
  [
    'udp netbios-dgm',
    encodeNetbiosDatagram({
      source: { name: 'PC', suffix: 0 },
      destination: { name: 'CORP', suffix: 0x1d },
      announcement: { host: 'PC' },
    }),
  ],
  ['udp dhcp', encodeDhcp({ type: 'discover', clientMac: '02:00:0a:00:00:01' })],
  ['udp dhcpv6', encodeDhcpv6({ type: 'solicit', fqdn: 'pc.example' }), 547],
  ['udp ntp', hexBytes(`23${'00'.repeat(47)}`), 123],
  ['udp ssdp', asciiBytes('M-SEARCH * HTTP/1.1\r\nST: ssdp:all\r\n\r\n')],
  ['udp ssdp', asciiBytes('NOTIFY * HTTP/1.1\r\nNTS: ssdp:alive\r\n\r\n')],
  ['udp ssdp', asciiBytes('HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\n\r\n')],
  ['udp stun', hexBytes('000100002112a442000102030405060708090a0b')],
  ['udp quic', hexBytes(`c00000000108${'07'.repeat(8)}00${'55'.repeat(40)}`)],
  ['udp quic', hexBytes(`c351303436${'07'.repeat(40)}`)],
  ['udp dtls', hexBytes(`16feff000000000000000000100100000400000000000000040000${'0000'}00`)],
  ['udp wireguard', hexBytes(`01000000${'5a'.repeat(144)}`)],
  // What content alone does not show.
  ['tcp ', asciiBytes('USER bob\r\n')],
  ['tcp ', asciiBytes('220 hello\r\n')],
  ['tcp ', asciiBytes('+OK\r\n')],
  ['tcp ', asciiBytes('{"jsonrpc":"2.0","method":"tools/list","id":1}\n')],
  ['tcp ', asciiBytes('<html><body>1: x</body></html>')],
  ['tcp ', asciiBytes('The quick brown fox\r\njumps over\r\n')],
  ['tcp ', asciiBytes('OPTIONS icap://a/b ICAP/1.0\r\n\r\n')],
  // S7comm: the same TPKT and X.224 as RDP, with parameters behind them.
  ['tcp ', hexBytes('0300001611e00000000100c0010ac1020100c2020102')],
  ['udp ', hexBytes(`23${'00'.repeat(47)}`)],
  ['udp ', new Uint8Array(64)],
  ['udp ', new Uint8Array(64).fill(255)],
  ['tcp ', new Uint8Array(64)],
  ['tcp ', new Uint8Array(64).fill(255)],
];

function isBitTorrentDatagram(bytes: Uint8Array): boolean {
  const kind = bittorrent.bitTorrentKind(bytes, 0, bytes.length);
  return kind !== undefined && kind !== 'peer';
}

function serviceOf(transport: string, bytes: Uint8Array, port = 40_000): string | undefined {
  return serviceByContent(transport === 'udp' ? PROTO.udp : PROTO.tcp, port, bytes, 0, bytes.length);
}

describe('service by content', () => {
  it.each(SERVICES.map(([service, bytes, port], i) => [i, service, bytes, port] as const))(
    'sample %i is "%s"',
    (_, service, bytes, port) => {
      const [transport = '', name] = service.split(' ');
      expect(serviceOf(transport, bytes, port) ?? '').toBe(name);
    },
  );

  it('the front of a sample says the same as the whole, or nothing', () => {
    const wrong: string[] = [];
    for (const [service, bytes, port] of SERVICES) {
      const [transport = '', name] = service.split(' ');
      for (let n = 0; n < bytes.length; n++) {
        const found = serviceOf(transport, bytes.subarray(0, n), port);
        if (found !== undefined && found !== name) wrong.push(`${service}: ${found} after ${n} bytes`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('what lies around a payload does not matter', () => {
    for (const [service, bytes, port = 40_000] of SERVICES) {
      const [transport = '', name] = service.split(' ');
      const protocol = transport === 'udp' ? PROTO.udp : PROTO.tcp;
      for (const fill of [0, 0x0a, 0x41, 0xff]) {
        for (const n of [bytes.length, bytes.length >> 1]) {
          const held = new Uint8Array(bytes.length + 600).fill(fill);
          held.set(bytes.subarray(0, n), 300);
          const found = serviceByContent(protocol, port, held, 300, 300 + n);
          expect(found, service).toBe(serviceByContent(protocol, port, bytes.subarray(0, n), 0, n));
          if (n === bytes.length) expect(found ?? '').toBe(name);
        }
      }
    }
  });

  it('random bytes are no service, whatever the first byte is', () => {
    const random = new Random(47);
    const found: string[] = [];
    for (let i = 0; i < 80_000; i++) {
      const bytes = Uint8Array.from({ length: 3 + random.below(90) }, () => random.below(256));
      bytes[0] = i & 255;
      for (const transport of ['tcp', 'udp']) {
        const service = serviceOf(transport, bytes);
        if (service !== undefined) found.push(`${transport} ${service}: ${bytes.join(' ')}`);
      }
    }
    expect(found).toEqual([]);
  });

  it('bytes that are mostly 0 are no service either', () => {
    const random = new Random(53);
    const found: string[] = [];
    for (let i = 0; i < 40_000; i++) {
      const bytes = Uint8Array.from({ length: 3 + random.below(90) }, () =>
        random.below(4) === 0 ? random.below(256) : 0,
      );
      for (const transport of ['tcp', 'udp']) {
        const service = serviceOf(transport, bytes);
        // Four zeros, a length that fits and a small number are all there is of a Modbus message.
        if (service !== undefined && service !== 'modbus') found.push(`${transport} ${service}: ${bytes.join(' ')}`);
      }
    }
    expect(found).toEqual([]);
  });
});

describe('hostile bytes', () => {
  it('every truncation of every sample', () => {
    for (const [owner, bytes] of SAMPLES)
      for (let n = 0; n <= bytes.length; n++) runAll(bytes.subarray(0, n), `${owner} of ${n} bytes`);
  });

  it('mutated samples, one after the other', () => {
    for (let seed = 0; seed < 600; seed++) {
      const random = new Random(seed);
      const parts = [0, 1].map(() => SAMPLES[random.below(SAMPLES.length)]![1]);
      const bytes = Uint8Array.from(parts.flatMap((part) => [...part]));
      for (let i = random.below(6); i > 0; i--)
        bytes[random.below(bytes.length)] = [0, 10, 13, 32, 255, random.below(256)][random.below(6)]!;
      runAll(bytes, `seed ${seed}`);
    }
  });

  it('random bytes', () => {
    for (let seed = 0; seed < 1500; seed++) {
      const random = new Random(seed + 10_000);
      const bytes = Uint8Array.from({ length: random.below(120) }, () => random.below(seed % 3 === 0 ? 256 : 128));
      runAll(bytes, `seed ${seed}`);
    }
  });

  it('a side that is much longer than it should be gives lists of bounded length', () => {
    const flood = (text: string): Uint8Array => asciiBytes(text.repeat(Math.ceil(300_000 / text.length)));
    const floods = [
      'USER a\r\nPASS b\r\nRETR c\r\nPORT 1,2,3,4,5,6\r\n',
      'EHLO a\r\nMAIL FROM:<a@b>\r\nAUTH PLAIN AGEAYg==\r\n',
      'a1 LOGIN b c\r\na2 NOOP\r\n',
      'NICK a\r\nJOIN #b\r\nPRIVMSG #b :c\r\n',
      '*2\r\n$4\r\nAUTH\r\n$1\r\nx\r\n*1\r\n$4\r\nPING\r\n',
      '{"id":1,"method":"mining.authorize","params":["w","x"]}\n',
      '\xff\xfd\x18login: bob\r\nPassword: \r\nLogin incorrect\r\n',
      'OPTIONS sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n',
      '\r\n',
      '(',
      ' ',
      ':',
      '"',
      'login:',
    ];
    for (const text of floods) {
      const bytes = flood(text);
      for (const [name, decode] of Object.entries(DECODERS)) {
        const size = JSON.stringify(decode(bytes, 0, bytes.length))?.length ?? 0;
        expect(size, `${name} on ${JSON.stringify(text)}`).toBeLessThan(40_000);
      }
    }
  });
});

describe('passwords', () => {
  /** Each way in which a password crosses the wire, and the function that reads it. */
  const WAYS: readonly (readonly [way: string, read: (secret: string) => unknown])[] = [
    ['FTP PASS', (s) => ftpAll(`USER bob\r\nPASS ${s}\r\nACCT ${s}\r\nSITE PSWD ${s}\r\n${s}\r\n${s} x\r\n`)],
    ['FTP PASS in lower case behind spaces', (s) => ftpAll(`user bob\r\n  pass ${s}\r\npass\t${s}\r\n`)],
    ['FTP ADAT', (s) => ftpAll(`AUTH GSSAPI\r\nADAT ${encodeBase64(s)}\r\n`)],
    ['FTP replies that repeat it', (s) => ftpAll('NOOP\r\n', `220 hi\r\n331 ${s}\r\n530 ${s}\r\n`)],
    ['SMTP AUTH PLAIN at once', (s) => smtpAll(`EHLO a\r\nAUTH PLAIN ${encodeBase64(`\0bob\0${s}`)}\r\n`)],
    ['SMTP AUTH PLAIN in its own line', (s) => smtpAll(`EHLO a\r\nAUTH PLAIN\r\n${encodeBase64(`\0bob\0${s}`)}\r\n`)],
    ['SMTP AUTH PLAIN without a name', (s) => smtpAll(`EHLO a\r\nAUTH PLAIN ${encodeBase64(`\0${s}`)}\r\n`)],
    ['SMTP AUTH LOGIN', (s) => smtpAll(`EHLO a\r\nAUTH LOGIN\r\n${encodeBase64('bob')}\r\n${encodeBase64(s)}\r\n`)],
    [
      'SMTP AUTH LOGIN with the name at once',
      (s) => smtpAll(`EHLO a\r\nAUTH LOGIN ${encodeBase64('bob')}\r\n${encodeBase64(s)}\r\n`),
    ],
    [
      'SMTP AUTH LOGIN in raw text',
      (s) =>
        smtpAll(
          `EHLO a\r\nAUTH LOGIN ${encodeBase64('bob')}\r\n${s}\r\n${s}\r\n`,
          `220 ESMTP\r\n334 ${s}\r\n535 ${s}\r\n`,
        ),
    ],
    [
      'SMTP AUTH CRAM-MD5',
      (s) => smtpAll(`EHLO a\r\nAUTH CRAM-MD5\r\n${encodeBase64(`bob ${s.padEnd(32, '0').slice(0, 32)}`)}\r\n`),
    ],
    [
      'SMTP AUTH XOAUTH2',
      (s) => smtpAll(`EHLO a\r\nAUTH XOAUTH2 ${encodeBase64(`user=bob\x01auth=Bearer ${s}\x01\x01`)}\r\n`),
    ],
    ['SMTP AUTH with no mechanism', (s) => smtpAll(`EHLO a\r\nAUTH ${s}\r\n${s}\r\n`)],
    ['SMTP mail text', (s) => smtpAll(`EHLO a\r\nDATA\r\n${s}\r\nMAIL FROM:<a@${s}>\r\n.\r\n`)],
    ['POP3 PASS', (s) => pop3All(`USER bob\r\nPASS ${s}\r\nPASS ${s} ${s}\r\n${s}\r\n`)],
    ['POP3 APOP', (s) => pop3All(`APOP bob ${s}\r\nAPOP ${s}`)],
    ['POP3 AUTH LOGIN', (s) => pop3All(`AUTH LOGIN\r\n${encodeBase64('bob')}\r\n${encodeBase64(s)}\r\n`)],
    [
      'POP3 AUTH PLAIN',
      (s) => pop3All(`AUTH PLAIN\r\n${encodeBase64(`bob\0bob\0${s}`)}\r\n`, `+OK hi\r\n-ERR ${s}\r\n`),
    ],
    ['IMAP LOGIN', (s) => imapAll(`a LOGIN bob ${s}\r\n`)],
    ['IMAP LOGIN quoted', (s) => imapAll(`a LOGIN "bob" "${s}"\r\na LOGIN "bob ${s}\r\n`)],
    ['IMAP LOGIN literals', (s) => imapAll(`a LOGIN {3}\r\nbob {${s.length}}\r\n${s}\r\na2 NOOP\r\n`)],
    ['IMAP LOGIN literals that do not wait', (s) => imapAll(`a LOGIN bob {${s.length}+}\r\n${s}\r\na2 NOOP\r\n`)],
    [
      'IMAP LOGIN literal that holds commands',
      (s) =>
        imapAll(
          `a LOGIN bob {${s.length + 21}}\r\n${s}\r\nx LOGIN ${s}\r\nb NOOP\r\n`.replace(`LOGIN ${s}`, 'LOGIN zzzz'),
        ),
    ],
    ['IMAP AUTHENTICATE PLAIN', (s) => imapAll(`a AUTHENTICATE PLAIN\r\n${encodeBase64(`\0bob\0${s}`)}\r\n`)],
    ['IMAP without a tag', (s) => imapAll(`a NOOP\r\nLOGIN bob ${s}\r\n${s} x\r\n`, `* OK hi\r\na NO ${s}\r\n`)],
    [
      'IRC',
      (s) =>
        ircAll(`PASS ${s}\r\nNICK bob\r\nOPER bob ${s}\r\nJOIN #a ${s}\r\nPRIVMSG NickServ :IDENTIFY ${s}\r\n${s}\r\n`),
    ],
    ['IRC SASL', (s) => ircAll(`NICK bob\r\nAUTHENTICATE PLAIN\r\nAUTHENTICATE ${encodeBase64(`\0bob\0${s}`)}\r\n`)],
    [
      'Telnet typed',
      (s) => telnetAll(`bob\r\n${s}\r\n`, 'login: \r\nPassword: \r\nLogin incorrect\r\nlogin: \r\nPassword: \r\n$ '),
    ],
    [
      'Telnet echoed',
      (s) => telnetAll(`bob\r\n${s}\r\n`, `login: bob\r\nPassword: ${s}\r\nlogin: bob Password: ${s}\r\n$ `),
    ],
    ['Telnet without names', (s) => telnetAll(`${s}\r\n`, 'Password: \r\nrouter>')],
    [
      'MQTT',
      (s) => {
        const bytes = mqtt.encodeMqttConnect({ clientId: 'a', user: 'bob', password: s });
        const side = mqtt.decodeMqtt(bytes, 0, bytes.length);
        return [side, mqtt.joinMqtt(side, undefined), side === undefined ? '' : mqtt.summarizeMqtt(side)];
      },
    ],
    [
      'SIP',
      (s) => {
        const bytes = sip.encodeSip(`REGISTER sip:bob:${s}@a SIP/2.0`, [
          ['From', `<sip:bob:${s}@a>`],
          ['To', `sip:bob:${s}@a`],
          ['Authorization', `Digest username="bob",response="${s}"`],
          ['Proxy-Authorization', `Basic ${encodeBase64(`bob:${s}`)}`],
        ]);
        const message = sip.decodeSip(bytes, 0, bytes.length);
        return [message, message === undefined ? '' : sip.summarizeSip(message)];
      },
    ],
    [
      'mining',
      (s) => {
        const bytes = stratum.encodeStratum([
          { method: 'mining.authorize', params: ['bob', s] },
          { method: 'login', params: { login: 'bob', pass: s, rigid: s } },
          { method: 'eth_submitLogin', params: ['bob', s] },
        ]);
        const side = stratum.decodeStratum(bytes, 0, bytes.length);
        return [side, stratum.joinStratum(side, undefined), side === undefined ? '' : stratum.summarizeStratum(side)];
      },
    ],
    [
      'SOCKS',
      (s) => {
        const bytes = socks.encodeSocks5({ methods: [2], user: 'bob', password: s, host: 'a', port: 1 });
        const side = socks.decodeSocksClient(bytes, 0, bytes.length);
        return [side, socks.joinSocks(side, undefined), side === undefined ? '' : socks.summarizeSocks(side)];
      },
    ],
    [
      'MySQL in the clear',
      (s) => {
        const response = asciiBytes(`${s}\0`);
        const bytes = mysql.encodeMysqlLogin({ user: 'bob', database: 'd', response, plugin: 'mysql_clear_password' });
        const side = mysql.decodeMysqlClient(bytes, 0, bytes.length);
        return [side, mysql.joinMysql(side, undefined), side === undefined ? '' : mysql.summarizeMysql(side)];
      },
    ],
    [
      'PostgreSQL in the clear',
      (s) => {
        const start = postgresql.encodePostgresqlStartup([['user', 'bob']]);
        const password = postgresql.encodePostgresqlMessage('p', asciiBytes(`${s}\0`));
        const bytes = Uint8Array.from([...start, ...password]);
        const side = postgresql.decodePostgresqlClient(bytes, 0, bytes.length);
        return [
          side,
          postgresql.joinPostgresql(side, undefined),
          side === undefined ? '' : postgresql.summarizePostgresql(side),
        ];
      },
    ],
    [
      'Redis',
      (s) =>
        redisAll(
          redis.encodeRedis([
            ['PING'],
            ['AUTH', s],
            ['AUTH', 'bob', s],
            ['HELLO', '3', 'AUTH', 'bob', s],
            ['CONFIG', 'SET', 'requirepass', s],
            ['CONFIG', 'SET', 'masterauth', s],
            ['ACL', 'SETUSER', 'bob', `>${s}`],
            [s],
          ]),
        ),
    ],
    ['Redis by hand', (s) => redisAll(asciiBytes(`PING\r\nAUTH ${s}\r\nAUTH bob ${s}\r\n${s}\r\n`))],
  ];

  it.each(WAYS)('by %s never show, whatever they are and wherever the bytes are cut', (_, read) => {
    const characters = 'QZXJKVWqzxjkvw0123456789!#$%&()=?';
    const secrets = fc.string({ unit: fc.constantFrom(...characters), minLength: 8, maxLength: 20 });
    fc.assert(
      fc.property(secrets, (secret) => {
        const text = JSON.stringify(read(secret));
        for (const form of [secret, encodeBase64(secret).slice(0, 8), encodeBase64(`\0bob\0${secret}`).slice(8, 16)])
          if (text.includes(form)) expect.fail(`${secret} shows as ${form} in ${text}`);
      }),
      { numRuns: 40, seed: 14 },
    );
  });

  it('the name is there all the same', () => {
    const without: string[] = [];
    for (const [way, read] of WAYS) if (!JSON.stringify(read('Zq0-Zq0-Zq0')).includes('bob')) without.push(way);
    expect(without).toEqual([
      'FTP ADAT',
      'FTP replies that repeat it',
      'SMTP AUTH PLAIN without a name',
      'SMTP AUTH with no mechanism',
      'SMTP mail text',
      'IMAP without a tag',
      'Telnet without names',
    ]);
  });

  interface Protocol<C, S> {
    readonly client: (bytes: Uint8Array, at: number, end: number) => C | undefined;
    readonly server: (bytes: Uint8Array, at: number, end: number) => S | undefined;
    readonly join: (
      client: C | undefined,
      server: S | undefined,
    ) => { readonly logins: readonly Parameters<typeof summarizeLogin>[0][] };
    readonly summarize: (side: C | S) => string;
  }

  /** All that a protocol's functions say of two sides, of the client's at every length. */
  function everything<C, S>(protocol: Protocol<C, S>, up: string, down: string): unknown {
    const upBytes = asciiBytes(up);
    const downBytes = asciiBytes(down);
    const server = protocol.server(downBytes, 0, downBytes.length);
    const said: unknown[] = [server, server === undefined ? '' : protocol.summarize(server)];
    for (let n = upBytes.length; n > 0; n--) {
      const client = protocol.client(upBytes, 0, n);
      if (client === undefined) continue;
      const session = protocol.join(client, server);
      said.push(client, protocol.summarize(client), session, session.logins.map(summarizeLogin));
    }
    return said;
  }

  function ftpAll(up: string, down = '220 FTP\r\n331 x\r\n530 no\r\n'): unknown {
    return everything(
      { client: ftp.decodeFtpClient, server: ftp.decodeFtpServer, join: ftp.joinFtp, summarize: ftp.summarizeFtp },
      up,
      down,
    );
  }

  function smtpAll(up: string, down = '220 ESMTP\r\n250 a\r\n535 no\r\n'): unknown {
    return everything(
      {
        client: smtp.decodeSmtpClient,
        server: smtp.decodeSmtpServer,
        join: smtp.joinSmtp,
        summarize: smtp.summarizeSmtp,
      },
      up,
      down,
    );
  }

  function pop3All(up: string, down = '+OK hi\r\n+OK\r\n-ERR no\r\n'): unknown {
    return everything(
      {
        client: pop3.decodePop3Client,
        server: pop3.decodePop3Server,
        join: pop3.joinPop3,
        summarize: pop3.summarizePop3,
      },
      up,
      down,
    );
  }

  function imapAll(up: string, down = '* OK hi\r\na NO no\r\n'): unknown {
    return everything(
      {
        client: imap.decodeImapClient,
        server: imap.decodeImapServer,
        join: imap.joinImap,
        summarize: imap.summarizeImap,
      },
      up,
      down,
    );
  }

  function ircAll(up: string): unknown {
    const bytes = asciiBytes(up);
    const said: unknown[] = [];
    for (let n = bytes.length; n > 0; n--) {
      const side = irc.decodeIrc(bytes, 0, n);
      if (side !== undefined) said.push(side, irc.summarizeIrc(side), irc.joinIrc(side, undefined));
    }
    return said;
  }

  function telnetAll(up: string, down: string): unknown {
    const upBytes = asciiBytes(up);
    const downBytes = asciiBytes(down);
    const said: unknown[] = [];
    for (let n = downBytes.length; n >= 0; n--) {
      const logins = telnet.telnetLogins(
        { bytes: upBytes, at: 0, end: upBytes.length },
        { bytes: downBytes, at: 0, end: n },
      );
      said.push(logins, logins.map(summarizeLogin));
    }
    return said;
  }

  function redisAll(bytes: Uint8Array): unknown {
    const said: unknown[] = [];
    for (let n = bytes.length; n > 0; n--) {
      const side = redis.decodeRedisClient(bytes, 0, n);
      if (side === undefined) continue;
      said.push(side, redis.summarizeRedis(side), redis.joinRedis(side, undefined));
    }
    return said;
  }
});
