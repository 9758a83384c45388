import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { runCapture } from '../../../test/support/capture.ts';
import { cutAt, cutEvery, dialog, type Turn } from '../../../test/support/dialog.ts';
import { FlowLab, flowsFrom, hexBytes, tcp, udp } from '../../../test/support/frames.ts';
import { readStream } from '../../../test/support/stream.ts';
import { Random } from '../../core/index.ts';
import {
  encodeCertificateMessage,
  encodeClientHello,
  encodeClientHelloMessage,
  encodeQuicCrypto,
  encodeQuicInitial,
  encodeServerHelloMessage,
  encodeStun,
  encodeTlsRecords,
  encodeX509,
} from '../../wire/index.ts';
import type { FlowRecord } from '../index.ts';

const COLUMNS = [
  'service',
  'serviceBasis',
  'serverName',
  'alpn',
  'tlsVersion',
  'ja3',
  'ja3s',
  'ja4',
  'certificateSubject',
  'certificateIssuer',
  'certificateFromMs',
  'certificateToMs',
  'operations',
] as const;

/** What is told of TLS, without what is missing. */
function told(flow: FlowRecord | undefined): Record<string, unknown> {
  return Object.fromEntries(COLUMNS.flatMap((name) => (flow?.[name] === undefined ? [] : [[name, flow[name]]])));
}

const join = (...parts: readonly Uint8Array[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => Array.from(part)));
const record = (type: number, hex: string): Uint8Array => encodeTlsRecords(hexBytes(hex), type);

const FROM_MS = Date.UTC(2026, 0, 1);
const TO_MS = Date.UTC(2027, 0, 1);
const DER = encodeX509({
  subject: { commonName: 'www.example.org', organization: 'Example' },
  issuer: { organization: 'Example Trust' },
  notBeforeMs: FROM_MS,
  notAfterMs: TO_MS,
});

const HELLO = encodeClientHelloMessage({
  serverName: 'www.example.org',
  alpn: ['h2', 'http/1.1'],
  ciphers: [0xc02f, 0xc030],
  groups: [29],
  signatureAlgorithms: [0x0403],
});
const SERVER_HELLO = encodeServerHelloMessage({ cipher: 0xc02f, extensions: [[0xff01, hexBytes('00')]] });
/** ServerHello, Certificate of two, ServerHelloDone. */
const FLIGHT = join(SERVER_HELLO, encodeCertificateMessage([DER, DER]), hexBytes('0e000000'));
/** ClientKeyExchange and what is encrypted behind it. */
const KEY_EXCHANGE = join(record(22, '10 000003 020102'), record(20, '01'), record(22, '5a5a5a5a5a5a5a5a'));
const FINISHED = join(record(20, '01'), record(22, 'a5a5a5a5a5a5a5a5'));

const TLS_1_2 = {
  service: 'tls',
  serviceBasis: 'content',
  serverName: 'www.example.org',
  alpn: 'h2,http/1.1',
  tlsVersion: 'TLS 1.2',
  // MD5 of '771,49199-49200,0-16-10-13,29,' and '771,49199,65281'.
  ja3: '2752cd11e0c7c1c0cfa188f452ccf632',
  ja3s: 'fbe78c619e7ea20046131294ad087f05',
  // SHA-256 of 'c02f,c030' and '000a,000d_0403'.
  ja4: 't12d0204h2_04659ec43a24_63be3268461f',
  certificateSubject: 'www.example.org',
  certificateIssuer: 'Example Trust',
  certificateFromMs: FROM_MS,
  certificateToMs: TO_MS,
};

const turns = (hello: Uint8Array, flight: Uint8Array): Turn[] => [
  ['>', hello],
  ['<', flight],
  ['>', KEY_EXCHANGE],
  ['<', FINISHED],
  ['>', record(23, '00'.repeat(400))],
];
const one = (frames: Parameters<typeof flowsFrom>[0]): Record<string, unknown> => told(flowsFrom(frames)[0]);

describe('TLS over TCP', () => {
  const usual = turns(encodeTlsRecords(HELLO), encodeTlsRecords(FLIGHT));

  it('hellos and certificate become columns', () => {
    expect(one(dialog(443, usual))).toEqual(TLS_1_2);
    expect(one(dialog(50_123, usual))).toEqual(TLS_1_2);
  });

  it('wherever the segments are cut', () => {
    const longest = encodeTlsRecords(FLIGHT).length;
    for (let at = 1; at < longest; at++)
      expect(one(dialog(443, usual, { cut: cutAt(at) })), `at ${at}`).toEqual(TLS_1_2);
    for (const size of [1, 2, 7, 100])
      expect(one(dialog(8123, usual, { cut: cutEvery(size) })), `${size}`).toEqual(TLS_1_2);
  });

  it('however messages are cut into records', () => {
    for (const size of [19, 20, 64, 333, 1000]) {
      const cut = turns(encodeTlsRecords(HELLO, 22, size), encodeTlsRecords(FLIGHT, 22, size));
      for (const options of [{}, { cut: cutEvery(50) }, { cut: cutEvery(3) }])
        expect(one(dialog(443, cut, options)), `records of ${size}`).toEqual(TLS_1_2);
    }
  });

  it('segments that change places with their neighbours, or come twice', () => {
    const frames = dialog(443, usual, { cut: cutEvery(100) });
    for (let seed = 0; seed < 30; seed++) {
      const random = new Random(seed);
      const order = frames.map((frame, i) => ({ frame, key: i < 3 ? i : i + 3 * random.below(2) }));
      const twice = frames.slice(3, 3 + random.below(6)).map((frame, i) => ({ frame, key: 3 + 4 * i }));
      const sent = [...order, ...twice].sort((a, b) => a.key - b.key).map(({ frame }, i) => ({ ...frame, atMs: i }));
      expect(one(sent), `seed ${seed}`).toEqual(TLS_1_2);
    }
  });

  it('the first certificate is enough, of a chain that is longer than what is kept', () => {
    const chain = encodeCertificateMessage([DER, ...new Array<Uint8Array>(70).fill(DER)]);
    const flight = encodeTlsRecords(join(SERVER_HELLO, chain));
    expect(flight.length).toBeGreaterThan(16_384 * 2);
    expect(one(dialog(443, turns(encodeTlsRecords(HELLO), flight), { cut: cutEvery(1400) }))).toEqual(TLS_1_2);
  });

  it("a client's certificate is not the server's", () => {
    const other = encodeX509({ subject: { commonName: 'alice' }, notBeforeMs: 0, notAfterMs: 1e12 });
    const asked: Turn[] = [
      ['>', encodeTlsRecords(HELLO)],
      ['<', encodeTlsRecords(join(SERVER_HELLO, hexBytes('0e000000')))],
      ['>', encodeTlsRecords(encodeCertificateMessage([other]))],
    ];
    const {
      certificateSubject: _,
      certificateIssuer: __,
      certificateFromMs: ___,
      certificateToMs: ____,
      ...rest
    } = TLS_1_2;
    expect(one(dialog(443, asked))).toEqual(rest);
  });

  it('TLS 1.3 is what the server chose, also after a retry; nothing is read behind its hello', () => {
    const chosen: readonly (readonly [number, Uint8Array])[] = [[43, hexBytes('0304')]];
    const hello = encodeClientHello({ serverName: 'a.example', supportedVersions: [0x0304, 0x0303] });
    const answer = encodeTlsRecords(encodeServerHelloMessage({ cipher: 0x1301, extensions: chosen }));
    const retry = encodeTlsRecords(encodeServerHelloMessage({ cipher: 0x1301, extensions: chosen, isRetry: true }));
    const certificate = encodeTlsRecords(encodeCertificateMessage([DER]));
    const plain = one(
      dialog(443, [
        ['>', hello],
        ['<', join(answer, certificate)],
      ]),
    );
    expect(plain).toMatchObject({ tlsVersion: 'TLS 1.3', serverName: 'a.example' });
    expect(plain).not.toHaveProperty('certificateSubject');
    const retried: Turn[] = [
      ['>', hello],
      ['<', join(retry, record(20, '01'))],
      ['>', join(record(20, '01'), hello)],
      ['<', answer],
    ];
    expect(one(dialog(443, retried))).toEqual(plain);
    expect(one(dialog(443, retried, { cut: cutEvery(3) }))).toEqual(plain);
  });

  it('alerts are told with who sent them and what for, up to the first encrypted record', () => {
    const hello = encodeClientHello({ serverName: 'a.example' });
    const alert = (turns: Turn[]) => one(dialog(443, turns)).operations;
    expect(
      alert([
        ['>', hello],
        ['<', record(21, '0228')],
      ]),
    ).toBe('server alert fatal handshake_failure');
    expect(
      alert([
        ['>', hello],
        ['<', join(record(21, '0170'), encodeTlsRecords(FLIGHT), record(21, '0100'))],
      ]),
    ).toBe('server alert warning unrecognized_name');
    expect(
      alert([
        ['>', hello],
        ['<', encodeTlsRecords(FLIGHT)],
        ['>', record(21, '0230')],
      ]),
    ).toBe('client alert fatal unknown_ca');
    expect(
      alert([
        ['>', hello],
        ['<', encodeTlsRecords(FLIGHT)],
        ['>', KEY_EXCHANGE],
        ['>', record(21, '0230')],
      ]),
    ).toBeUndefined();
  });

  it('a heartbeat that claims more than it brings is counted, an honest one is not', () => {
    const count = (hex: string): number => {
      const lab = new FlowLab();
      lab.take(
        dialog(443, [
          ['>', encodeTlsRecords(HELLO)],
          ['<', encodeTlsRecords(FLIGHT)],
          ['>', record(24, hex)],
        ]),
      );
      lab.finish();
      return lab.oddities.of('tls.overlong-heartbeat');
    };
    expect(count('014000')).toBe(1);
    expect(count(`010004 01020304 ${'00'.repeat(16)}`)).toBe(0);
  });

  it('of a hello that the capture cut the name is kept, without fingerprints', () => {
    const [syn, ack, done, hello] = dialog(443, usual);
    const cut = { ...hello, bytes: hello.bytes.subarray(0, hello.bytes.length - 12), wireLength: hello.bytes.length };
    expect(one([syn, ack, done, cut])).toEqual({
      service: 'tls',
      serviceBasis: 'content',
      serverName: 'www.example.org',
      alpn: 'h2,http/1.1',
    });
  });

  it('a hello whose second segment was lost still gives its name', () => {
    const frames = dialog(443, usual, {
      cut: (bytes) => (bytes.length < 200 ? [bytes.subarray(0, 120), bytes.subarray(120)] : [bytes]),
    });
    expect(one(frames.filter((_, i) => i !== 4))).toMatchObject({
      serverName: 'www.example.org',
      certificateSubject: 'www.example.org',
    });
  });

  it('a hello that contradicts its own lengths is counted once', () => {
    const lab = new FlowLab();
    const bad = HELLO.slice();
    // The length of all extensions.
    bad[4 + 2 + 32 + 1 + 2 + 4 + 2] = 0xff;
    lab.take(dialog(443, [['>', encodeTlsRecords(bad)]]));
    lab.finish();
    expect(lab.oddities.of('tls.malformed-hello')).toBe(1);
  });

  it('what is none of TLS on its port is told as what it is, or as a guess', () => {
    expect(one(dialog(443, [['>', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n']]))).toEqual({
      service: 'http',
      serviceBasis: 'content',
    });
    expect(one(dialog(443, [['>', hexBytes('0102030405060708'.repeat(10))]]))).toEqual({
      service: 'tls',
      serviceBasis: 'port',
    });
    // One byte at a time, so that nothing but the port speaks first.
    expect(one(dialog(443, [['>', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n']], { cut: cutEvery(1) }))).toEqual({
      service: 'http',
      serviceBasis: 'content',
    });
  });

  // tshark -r <capture> -T fields -e tls.handshake.extensions_server_name -e tls.handshake.ja3 -e tls.handshake.ja3s -e x509sat.uTF8String -e x509sat.printableString
  // -e x509af.utcTime; of zeek's client-certificate (2023-01-04 16:14:07 to 2023-04-04 16:14:06), ecdsa-cert (2014-11-08 00:00:00 to 2019-11-07 23:59:59),
  // ssl.v3 (2006-11-14 00:00:00 to 2007-11-14 23:59:59), hrr, and arkime's openssl-ssl3 (2014-09-24 10:08:05 to 2014-12-23 00:00:00).
  it.each([
    [
      'tls-client-certificate',
      {
        serverName: 'certauth.idrix.fr',
        tlsVersion: 'TLS 1.2',
        ja3: '579ccef312d18482fc42e2b822ca2430',
        ja3s: 'd154fcfa5bb4f0748e1dd1992c681104',
        certificateSubject: 'certauth.idrix.fr',
        certificateIssuer: 'R3',
        certificateFromMs: Date.UTC(2023, 0, 4, 16, 14, 7),
        certificateToMs: Date.UTC(2023, 3, 4, 16, 14, 6),
      },
    ],
    [
      'tls-ecdsa',
      {
        ja3: '99faefb55d94da8c713fd5c89f8dc5a1',
        ja3s: '6ce5b396167553eefc3fc5cbc4a16a02',
        certificateSubject: 'pantz.org',
        certificateIssuer: 'COMODO ECC Domain Validation Secure Server CA',
        certificateFromMs: Date.UTC(2014, 10, 8),
        certificateToMs: Date.UTC(2019, 10, 7, 23, 59, 59),
      },
    ],
    [
      'tls-sslv2',
      {
        tlsVersion: 'TLS 1.0',
        ja3s: '53611273a714cb4789c8222932efd5a7',
        certificateSubject: 'www.dresdner-privat.de',
        certificateIssuer: 'VeriSign Trust Network',
        certificateFromMs: Date.UTC(2006, 10, 14),
        certificateToMs: Date.UTC(2007, 10, 14, 23, 59, 59),
      },
    ],
    [
      'ssl3',
      {
        tlsVersion: 'SSL 3.0',
        ja3: 'f917ae2520ef9784557b0a3c02489c2c',
        ja3s: '59e3f99fd4b68388f5ba9349e0ca71a4',
        certificateSubject: '*.google.com',
        certificateIssuer: 'Google Internet Authority G2',
        certificateFromMs: Date.UTC(2014, 8, 24, 10, 8, 5),
        certificateToMs: Date.UTC(2014, 11, 23),
      },
    ],
    [
      'tls-hrr',
      { tlsVersion: 'TLS 1.3', ja3: '0f14b679807628ec7f9c02cada3ee941', ja3s: '907bf3ecef1c987c889946b737b43de8' },
    ],
    ['tls-ech', { serverName: 'cloudflare-ech.com', tlsVersion: 'TLS 1.3', ja3s: 'f4febc55ea12b31ae17cfb7e614afda8' }],
    ['tls-post-quantum', { serverName: 'lh3.google.com', ja3: '9d33d8206d4fec4c8b1423c728f4cd3c' }],
    ['tls-split-hello', { ja3: '35708a08e7be9f7aa5bce7f2d5c1cecb', ja4: 't13d1516h2_8daaf6152771_02713d6af862' }],
    ['tls-alert', { operations: 'server alert fatal handshake_failure' }],
    ['tls-draft-16', { tlsVersion: 'TLS 1.3 draft 16', operations: 'client alert fatal unknown_ca' }],
  ])('of %s is what tshark says', (name, expected) => {
    const said = readStream(name).map(({ fromClient, bytes }): Turn => [fromClient ? '>' : '<', bytes]);
    for (const size of [97, 1400]) expect(one(dialog(443, said, { cut: cutEvery(size) }))).toMatchObject(expected);
  });

  // tshark -r office.pcap -Y 'tls.handshake.type==1 or tls.handshake.type==2' -T fields -e tls.handshake.extensions_server_name -e tls.handshake.ja3 -e tls.handshake.ja3s
  // -e x509sat.uTF8String -e x509af.utcTime | sort | uniq -c
  it('of every TLS flow of the demo is what tshark says', () => {
    const file = new URL('../../../test/fixture/demo/office.pcap', import.meta.url);
    const flows = runCapture(readFileSync(file)).flows.filter(
      ({ serviceBasis, service }) => serviceBasis === 'content' && service === 'tls',
    );
    const counts = new Map<string, number>();
    for (const { serverName, ja3, ja3s, certificateSubject, certificateFromMs, certificateToMs } of flows) {
      const key = `${serverName} ${certificateSubject} ${ja3} ${ja3s} ${certificateFromMs} ${certificateToMs}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    const rest = `0149f47eabf9a20d0893e2a44e5a6323 fe0146829eef1917ba6c2dd4f5c08905 ${Date.UTC(2026, 10, 21, 5, 25, 55)} ${Date.UTC(2029, 1, 23, 5, 25, 55)}`;
    expect(Object.fromEntries(counts)).toEqual({
      [`cdn-metrics.example.org cdn-metrics.example.org ${rest}`]: 64,
      [`news.example.net www.example.net ${rest}`]: 18,
      [`www.example.net www.example.net ${rest}`]: 13,
      [`updates.example.com updates.example.com ${rest}`]: 1,
    });
  });

  const mail: Turn[] = [
    ['<', '220 mail.example ESMTP\r\n'],
    ['>', 'EHLO client.example\r\n'],
    ['<', '250-mail.example\r\n250 STARTTLS\r\n'],
    ['>', 'STARTTLS\r\n'],
    ['<', '220 go\r\n'],
  ];

  it('behind STARTTLS it has the same columns, whatever the service', () => {
    const flow = one(dialog(25, [...mail, ...usual], { cut: cutEvery(150) }));
    expect(flow).toEqual({ ...TLS_1_2, service: 'smtp', operations: 'EHLO client.example, STARTTLS' });
  });

  it('a session in which nothing is TLS has none of it', () => {
    const text: Turn = ['>', Uint8Array.from({ length: 3000 }, (_, i) => [22, 3, 1, 0, 9, 7][i % 6])];
    expect(one(dialog(25, [...mail, text]))).toEqual({
      service: 'smtp',
      serviceBasis: 'content',
      operations: 'EHLO client.example, STARTTLS',
    });
  });

  // The server's bytes from 160303 on, as a connection to port 443 (tshark does not see through this half of a proxy's connection): tshark -Y tls.handshake -T fields
  // -e tls.handshake.ja3s -e x509sat.printableString -e x509af.utcTime (2014-10-17 00:00:00 to 2015-11-30 23:59:59)
  it('behind a SOCKS proxy of which only one side was seen it is what tshark says', () => {
    const file = new URL('../../../test/fixture/session/socks4-https.pcap', import.meta.url);
    expect(runCapture(readFileSync(file)).flows.map(told)).toEqual([
      {
        service: 'socks',
        serviceBasis: 'content',
        tlsVersion: 'TLS 1.2',
        ja3s: '45c746ac8e66bbaef4f2ebd6e6cd82db',
        certificateSubject: 'login.live.com',
        certificateIssuer: 'VeriSign Class 3 Extended Validation SSL SGC CA',
        certificateFromMs: Date.UTC(2014, 9, 17),
        certificateToMs: Date.UTC(2015, 10, 30, 23, 59, 59),
        operations: 'CONNECT login.live.com:443',
      },
    ]);
  });

  it('damaged, cut and shuffled conversations do no harm', () => {
    const streams = ['tls-client-certificate', 'tls-hrr', 'tls-sslv2', 'tls-heartbleed', 'tls-split-hello'];
    for (let seed = 0; seed < 150; seed++) {
      const random = new Random(seed);
      const said = readStream(streams[seed % streams.length]).map(({ fromClient, bytes }): Turn => {
        const damaged = bytes.slice(0, 1 + random.below(bytes.length));
        for (let i = random.below(8); i > 0; i--)
          damaged[random.below(Math.min(400, damaged.length))] = random.below(256);
        return [fromClient ? '>' : '<', damaged];
      });
      const frames = dialog(443, said, { cut: cutEvery(1 + random.below(300)) });
      expect(flowsFrom(frames.filter(() => random.below(20) > 0)), `seed ${seed}`).toHaveLength(1);
    }
  });
});

describe('QUIC', () => {
  const datagrams = (name: string, port: number) =>
    readStream(name).map(({ fromClient, bytes }, i) =>
      fromClient
        ? udp(i, '10.0.0.1:40000', `10.0.0.2:${port}`, bytes)
        : udp(i, `10.0.0.2:${port}`, '10.0.0.1:40000', bytes),
    );

  // tshark -r <capture> -Y 'tls.handshake.type==1 or tls.handshake.type==2' -T fields -e quic.version -e tls.handshake.extensions_server_name
  // -e tls.handshake.extensions_alpn_str -e tls.handshake.ja3 -e tls.handshake.ja3s; JA4 is of Arkime's expectations of quicietf where it has one.
  it.each([
    [
      'quic-handshake',
      {
        serverName: 'localhost',
        alpn: 'h3',
        ja3: '9a78264e64e221797705e75a3c55df01',
        ja3s: 'eb1d94daa7e0344597e756a1fb6e7054',
      },
    ],
    [
      'quic-retry',
      {
        serverName: 'localhost',
        alpn: 'h3',
        ja3: '9a78264e64e221797705e75a3c55df01',
        ja3s: 'eb1d94daa7e0344597e756a1fb6e7054',
      },
    ],
    [
      'quic-fragmented',
      { serverName: 'googleads.g.doubleclick.net', alpn: 'h3', ja3: 'a737e2cfe3b7e8f28cf5a2afd1427700' },
    ],
    ['quic-google', { serverName: 'ssl.gstatic.com', alpn: 'h3', ja3: 'ddfef2ad23ab6dd55307813c2d0b7d58' }],
    ['quic-draft-29', { serverName: 'www.google.com', alpn: 'h3-29', operations: 'QUIC draft-29' }],
  ])('of %s is what tshark says, on any port', (name, expected) => {
    for (const port of [443, 4433]) {
      const flow = one(datagrams(name, port));
      expect(flow).toMatchObject({ service: 'quic', serviceBasis: 'content', tlsVersion: 'TLS 1.3', ...expected });
      expect(flow.ja4).toMatch(/^q13d03\d\dh[39]_55b375c5d22e_[0-9a-f]{12}$/);
    }
  });

  it('a refusal is told as an alert', () => {
    const hello = encodeQuicCrypto(0, encodeClientHelloMessage({ serverName: 'a.example', alpn: ['h3'] }));
    const close = hexBytes('1c 4128 06 00');
    const flow = one([
      udp(0, '10.0.0.1:40000', '10.0.0.2:443', encodeQuicInitial({ destinationId: 'aabb', frames: hello })),
      udp(
        1,
        '10.0.0.2:443',
        '10.0.0.1:40000',
        encodeQuicInitial({ destinationId: '', keyId: 'aabb', fromClient: false, frames: close, frameBytes: 40 }),
      ),
    ]);
    expect(flow).toMatchObject({
      serverName: 'a.example',
      operations: 'QUIC v1, server alert fatal handshake_failure',
    });
  });

  it('without its beginning, or when it is something else, the port is a guess', () => {
    const short = udp(0, '10.0.0.1:40000', '10.0.0.2:443', new Uint8Array(60).fill(0x41));
    expect(one([short])).toEqual({ service: 'quic', serviceBasis: 'port' });
    const noise = udp(0, '10.0.0.1:40000', '10.0.0.2:443', new Uint8Array(60).fill(0xff));
    expect(one([noise])).toEqual({ service: 'quic', serviceBasis: 'port' });
  });

  it('damaged datagrams do no harm', () => {
    const names = ['quic-handshake', 'quic-retry', 'quic-fragmented'];
    for (let seed = 0; seed < 60; seed++) {
      const random = new Random(seed);
      const frames = datagrams(names[seed % names.length], 443).map((frame) => {
        const bytes = frame.bytes.slice();
        for (let i = random.below(4); i > 0; i--)
          bytes[42 + random.below(Math.min(60, bytes.length - 42))] = random.below(256);
        return { ...frame, bytes };
      });
      expect(flowsFrom(frames), `seed ${seed}`).toHaveLength(1);
    }
  });
});

describe('DTLS', () => {
  const said = readStream('dtls');
  const frames = said.map(({ fromClient, bytes }, i) =>
    fromClient ? udp(i, '10.0.0.1:40000', '10.0.0.2:4444', bytes) : udp(i, '10.0.0.2:4444', '10.0.0.1:40000', bytes),
  );

  // tshark -r wireshark-dtls12.pcap -Y dtls.handshake -T fields -e tls.handshake.ja3 -e tls.handshake.ja3s; JA4 of Arkime's expectations.
  it('of a capture is what tshark says', () => {
    expect(one(frames)).toEqual({
      service: 'dtls',
      serviceBasis: 'content',
      tlsVersion: 'DTLS 1.2',
      ja3: 'b873950d512f587035f617fb93b988ac',
      ja3s: '6070981cae5ee8ae4e5db0c2b23115f3',
      ja4: 'dd2i030300_f7e428980f70_6c817ce3d217',
    });
  });

  it('behind STUN, over the path that it has found, it has the same columns', () => {
    const stun = encodeStun({ class: 'request', method: 'binding' });
    const first = udp(0, '10.0.0.1:40000', '10.0.0.2:4444', stun);
    expect(one([first, ...frames.map((frame) => ({ ...frame, atMs: frame.atMs + 1 }))])).toEqual({
      service: 'stun',
      serviceBasis: 'content',
      tlsVersion: 'DTLS 1.2',
      ja3: 'b873950d512f587035f617fb93b988ac',
      ja3s: '6070981cae5ee8ae4e5db0c2b23115f3',
      ja4: 'dd2i030300_f7e428980f70_6c817ce3d217',
      operations: 'binding',
    });
  });

  it('alerts in the clear are told, encrypted ones are not', () => {
    const alert = (epoch: string) =>
      udp(9, '10.0.0.2:4444', '10.0.0.1:40000', hexBytes(`15 fefd ${epoch} 000000000001 0002 0228`));
    expect(one([frames[0], alert('0000')]).operations).toBe('server alert fatal handshake_failure');
    expect(one([frames[0], alert('0001')]).operations).toBeUndefined();
  });

  it('damaged datagrams do no harm', () => {
    for (let seed = 0; seed < 60; seed++) {
      const random = new Random(seed);
      const damaged = frames.map((frame) => {
        const bytes = frame.bytes.slice(0, 60 + random.below(frame.bytes.length - 60));
        for (let i = random.below(6); i > 0; i--) bytes[42 + random.below(bytes.length - 42)] = random.below(256);
        return { ...frame, bytes, wireLength: frame.bytes.length };
      });
      expect(flowsFrom(damaged), `seed ${seed}`).toHaveLength(1);
    }
  });
});

it('a flow whose first packet is of the server has the same columns', () => {
  const hello = encodeTlsRecords(HELLO);
  const frames = [
    tcp(0, '10.0.0.2:443', '10.0.0.1:40000', 'A', { sequence: 5000 }),
    tcp(1, '10.0.0.1:40000', '10.0.0.2:443', 'PA', { sequence: 1000, payload: hello }),
    tcp(2, '10.0.0.2:443', '10.0.0.1:40000', 'PA', { sequence: 5000, payload: encodeTlsRecords(FLIGHT) }),
  ];
  expect(one(frames)).toEqual(TLS_1_2);
});
