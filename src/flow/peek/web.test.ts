import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { runCapture } from '../../../test/support/capture.ts';
import { cutAt, cutEvery, dialog, type Turn } from '../../../test/support/dialog.ts';
import { asciiBytes, flowsFrom, udp } from '../../../test/support/frames.ts';
import { Random } from '../../core/index.ts';
import {
  encodeCertificateMessage,
  encodeClientHello,
  encodeHttp2Preface,
  encodeHttpRequest,
  encodeHttpResponse,
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
  'tlsVersion',
  'certificateSubject',
  'httpHost',
  'httpRequest',
  'httpStatus',
  'client',
  'server',
  'user',
  'login',
  'operations',
] as const;

function told(flow: FlowRecord | undefined): Record<string, unknown> {
  return Object.fromEntries(COLUMNS.flatMap((name) => (flow?.[name] === undefined ? [] : [[name, flow[name]]])));
}

const one = (turns: readonly Turn[], options: Parameters<typeof dialog>[2] & { port?: number } = {}) =>
  told(flowsFrom(dialog(options.port ?? 80, turns, options))[0]);
const basic = (login: string): readonly [string, string] => ['Authorization', `Basic ${btoa(login)}`];

const REQUEST = encodeHttpRequest('GET', '/index.html?q=1', [
  ['Host', 'WWW.example.org'],
  ['User-Agent', 'curl/8.5.0'],
  ['Accept', '*/*'],
]);
const RESPONSE = encodeHttpResponse(200, 'OK', [
  ['Server', 'nginx/1.22.1'],
  ['Content-Length', '5'],
]);
const HTTP = { service: 'http', serviceBasis: 'content' };
const EXCHANGE = {
  ...HTTP,
  httpHost: 'www.example.org',
  httpRequest: 'GET /index.html?q=1',
  httpStatus: 200,
  client: 'curl/8.5.0',
  server: 'nginx/1.22.1',
};

describe('HTTP', () => {
  const usual: Turn[] = [
    ['>', REQUEST],
    ['<', RESPONSE],
    ['<', 'hello'],
  ];

  it('the first exchange becomes columns, on any port', () => {
    expect(one(usual)).toEqual(EXCHANGE);
    expect(one(usual, { port: 51_234 })).toEqual(EXCHANGE);
    const more: Turn[] = [
      ...usual,
      ['>', encodeHttpRequest('GET', '/second', [basic('bob:secret')])],
      ['<', encodeHttpResponse(500, 'No', [['Server', 'other']])],
    ];
    expect(one(more)).toEqual(EXCHANGE);
  });

  it('wherever the segments are cut', () => {
    for (const port of [80, 51_234]) {
      for (let at = 1; at < REQUEST.length; at++)
        expect(one(usual, { port, cut: cutAt(at) }), `at ${at}`).toEqual(EXCHANGE);
      for (const size of [1, 2, 3, 10]) expect(one(usual, { port, cut: cutEvery(size) }), `${size}`).toEqual(EXCHANGE);
    }
  });

  it('without its beginning the answer alone speaks', () => {
    expect(one([['<', RESPONSE]], { isLate: true })).toEqual({ ...HTTP, httpStatus: 200, server: 'nginx/1.22.1' });
  });

  it('an interim answer is not the status, a change of protocols is', () => {
    const early = encodeHttpResponse(100, 'Continue', []);
    expect(
      one([
        ['>', REQUEST],
        ['<', early],
        ['<', RESPONSE],
      ]),
    ).toEqual(EXCHANGE);
    const upgrade = encodeHttpRequest('GET', '/chat', [
      ['Host', 'a.example'],
      ['Connection', 'Upgrade'],
      ['Upgrade', 'websocket'],
    ]);
    expect(
      one([
        ['>', upgrade],
        ['<', encodeHttpResponse(101, 'Switching Protocols', [])],
      ]),
    ).toEqual({
      ...HTTP,
      httpHost: 'a.example',
      httpRequest: 'GET /chat',
      httpStatus: 101,
      operations: 'upgrade websocket',
    });
  });

  it('a login is told with its user and outcome, never with the password', () => {
    const login = (status: number): Record<string, unknown> => {
      const flow = flowsFrom(
        dialog(80, [
          ['>', encodeHttpRequest('GET', '/', [['Host', 'a'], basic('alice:s3cr3t')])],
          ['<', encodeHttpResponse(status, 'x', [])],
        ]),
      )[0];
      // First bytes are the front of the request line.
      expect(JSON.stringify(flow)).not.toMatch(/s3cr3t|czNjcjN0/);
      return told(flow);
    };
    expect(login(200)).toMatchObject({ user: 'alice', login: 'accepted' });
    expect(login(302)).toMatchObject({ user: 'alice', login: 'accepted' });
    expect(login(401)).toMatchObject({ user: 'alice', login: 'refused' });
    expect(login(407)).toMatchObject({ user: 'alice', login: 'refused' });
    expect(login(500)).toMatchObject({ user: 'alice', login: 'unknown' });
  });

  it('the answer to a challenge on the same connection is read too', () => {
    const first = encodeHttpRequest('GET', '/a', [['Host', 'a']]);
    const again = encodeHttpRequest('GET', '/a', [['Host', 'a'], basic('bob:secret')]);
    const challenge = encodeHttpResponse(401, 'Unauthorized', [
      ['WWW-Authenticate', 'Basic realm="x"'],
      ['Content-Length', '6000'],
    ]);
    const body = new Uint8Array(6000).fill(0x41);
    const turns: Turn[] = [
      ['>', first],
      ['<', challenge],
      ['<', body],
      ['>', again],
      ['<', RESPONSE],
    ];
    const expected = {
      ...HTTP,
      httpHost: 'a',
      httpRequest: 'GET /a',
      httpStatus: 401,
      user: 'bob',
      login: 'accepted',
      operations: 'password in clear',
      server: 'nginx/1.22.1',
    };
    expect(one(turns)).toEqual(expected);
    expect(one(turns, { cut: cutEvery(700) })).toEqual(expected);
    expect(one(turns, { cut: cutEvery(41) })).toEqual(expected);
  });

  it('a password in the target is left out', () => {
    const target = 'http://alice:s3cr3t@www.example.org/x';
    expect(one([['>', encodeHttpRequest('GET', target, [['Host', 'www.example.org']])]])).toEqual({
      ...HTTP,
      httpHost: 'www.example.org',
      httpRequest: 'GET http://alice@www.example.org/x',
      operations: 'proxy www.example.org',
    });
  });

  const der = encodeX509({ subject: { commonName: 'inner.example' }, notBeforeMs: 0, notAfterMs: 1e12 });
  const connect = encodeHttpRequest('CONNECT', 'inner.example:443', [['Host', 'inner.example:443']]);
  const hello = encodeClientHello({ serverName: 'inner.example' });
  const flight = encodeTlsRecords(
    Uint8Array.from([...encodeServerHelloMessage({ cipher: 0xc02f }), ...encodeCertificateMessage([der])]),
  );

  it('behind CONNECT is TLS with names of its own', () => {
    const made = encodeHttpResponse(200, 'Connection established', []);
    const turns: Turn[] = [
      ['>', connect],
      ['<', made],
      ['>', hello],
      ['<', flight],
    ];
    const expected = {
      ...HTTP,
      serverName: 'inner.example',
      tlsVersion: 'TLS 1.2',
      certificateSubject: 'inner.example',
      httpHost: 'inner.example:443',
      httpRequest: 'CONNECT inner.example:443',
      httpStatus: 200,
      operations: 'CONNECT inner.example:443',
    };
    expect(one(turns, { port: 8080 })).toEqual(expected);
    expect(one(turns, { port: 3128, cut: cutEvery(13) })).toEqual(expected);
  });

  it('a proxy may want a login before it makes the tunnel', () => {
    const wanted = encodeHttpResponse(407, 'Proxy Authentication Required', [['Content-Length', '0']]);
    const again = encodeHttpRequest('CONNECT', 'inner.example:443', [
      ['Host', 'inner.example:443'],
      ['Proxy-Authorization', `Basic ${btoa('carol:secret')}`],
    ]);
    const turns: Turn[] = [
      ['>', connect],
      ['<', wanted],
      ['>', again],
      ['<', encodeHttpResponse(200, 'OK', [])],
      ['>', hello],
      ['<', flight],
    ];
    expect(one(turns, { port: 3128 })).toMatchObject({
      httpStatus: 407,
      user: 'carol',
      login: 'accepted',
      serverName: 'inner.example',
      certificateSubject: 'inner.example',
    });
  });

  it('HTTP/2 without TLS shows itself by its preface', () => {
    const preface = Uint8Array.from([...encodeHttp2Preface(), 0, 0, 0, 4, 0, 0, 0, 0, 0]);
    const settings = Uint8Array.of(0, 0, 0, 4, 0, 0, 0, 0, 0);
    for (const port of [80, 50_051])
      for (const size of [1, 7, 100])
        expect(
          one(
            [
              ['>', preface],
              ['<', settings],
            ],
            { port, cut: cutEvery(size) },
          ),
        ).toEqual({ ...HTTP, operations: 'h2c' });
  });

  it('other protocols on its port are none of it', () => {
    expect(
      one([
        ['>', 'SUBSCRIBE sip:a@b SIP/2.0\r\n'],
        ['<', 'x'],
      ]),
    ).not.toHaveProperty('httpRequest');
    expect(one([['>', 'OPTIONS rtsp://a/ RTSP/1.0\r\nCSeq: 1\r\n\r\n']])).not.toHaveProperty('httpRequest');
    expect(one([['>', 'nonsense and more of it\r\n']])).toEqual({ service: 'http', serviceBasis: 'port' });
    expect(
      one([
        ['>', 'GET /old\r\n'],
        ['<', 'text'],
      ]),
    ).toEqual({ ...HTTP, httpRequest: 'GET /old' });
  });

  it('a head that never ends is told by its front', () => {
    const endless = asciiBytes(`GET /a HTTP/1.1\r\nHost: a\r\nUser-Agent: b\r\nX-Long: ${'y'.repeat(40_000)}`);
    expect(one([['>', endless]], { cut: cutEvery(500) })).toMatchObject({
      httpRequest: 'GET /a',
      httpHost: 'a',
      client: 'b',
    });
  });

  it('of a request that the capture cut what is there is told', () => {
    const [syn, ack, done, request] = dialog(80, usual);
    const cut = { ...request, bytes: request.bytes.subarray(0, 54 + 60), wireLength: request.bytes.length };
    expect(told(flowsFrom([syn, ack, done, cut])[0])).toEqual({
      ...HTTP,
      httpRequest: 'GET /index.html?q=1',
      httpHost: 'www.example.org',
    });
    const short = { ...request, bytes: request.bytes.subarray(0, 54 + 12), wireLength: request.bytes.length };
    expect(told(flowsFrom([syn, ack, done, short])[0])).toEqual({ ...HTTP, httpRequest: 'GET /index.h' });
  });

  // tshark -r https-connect.pcap -Y 'http or tls.handshake' -T fields -e http.request.method -e http.request.uri -e http.user_agent -e http.response.code
  // -e http.server -e tls.handshake.ja3 -e tls.handshake.ja3s -e x509sat.printableString -e x509sat.uTF8String -e x509af.utcTime
  it('of a tunnel in a capture is what tshark says', () => {
    const file = new URL('../../../test/fixture/session/https-connect.pcap', import.meta.url);
    const { flows } = runCapture(readFileSync(file));
    expect(flows).toHaveLength(1);
    expect(flows[0]).toMatchObject({
      service: 'http',
      httpRequest: 'CONNECT ts01-b.cloudsink.net:443',
      httpStatus: 200,
      client: 'CrowdStrike Falcon Sensor',
      server: 'XXX',
      tlsVersion: 'TLS 1.2',
      ja3: 'b288289af2999820648eb3ca4d8304c5',
      ja3s: 'b7bd51222a09f3ad66a340710ae9c01a',
      certificateSubject: 'lfoup01-b.cloudsink.net',
      certificateIssuer: 'DigiCert SHA2 High Assurance Server CA',
      certificateFromMs: Date.UTC(2017, 4, 25),
      certificateToMs: Date.UTC(2020, 4, 29, 12),
    });
  });

  // tshark -r v6-http.pcap (http-syn-ack.pcap) -Y http -T fields -e http.request.method -e http.request.uri -e http.host -e http.user_agent -e http.response.code -e http.server
  it.each([
    [
      'v6-http',
      {
        httpRequest: 'GET /',
        httpHost: 'cl-1985.ham-01.de.sixxs.net',
        httpStatus: 200,
        client: 'Lynx/2.8.6rel.2 libwww-FM/2.14 SSL-MM/1.4.1 OpenSSL/0.9.8b',
        server: 'Apache',
      },
    ],
    [
      'http-syn-ack',
      {
        httpRequest: 'GET /1',
        httpHost: 'js.navigator.io',
        httpStatus: 200,
        client:
          'Mozilla/5.0 (Windows NT 6.1; WOW64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/51.0.2704.103 Safari/537.36',
        server: 'nginx',
      },
    ],
  ])('of %s is what tshark says', (name, expected) => {
    const file = new URL(`../../../test/fixture/arkime/${name}.pcap`, import.meta.url);
    const flow = runCapture(readFileSync(file)).flows.find(({ service }) => service === 'http');
    expect(flow).toMatchObject(expected);
  });

  it('damaged and cut conversations do no harm', () => {
    const turns: Turn[] = [
      ['>', connect],
      ['<', encodeHttpResponse(200, 'OK', [])],
      ['>', hello],
      ['<', flight],
    ];
    for (let seed = 0; seed < 150; seed++) {
      const random = new Random(seed);
      const damaged = (seed % 2 === 0 ? turns : [...usual, ...usual]).map(([from, payload]): Turn => {
        const bytes = (typeof payload === 'string' ? asciiBytes(payload) : payload).slice(0, 1 + random.below(400));
        for (let i = random.below(6); i > 0; i--) bytes[random.below(bytes.length)] = random.below(256);
        return [from, bytes];
      });
      const frames = dialog(80, damaged, { cut: cutEvery(1 + random.below(200)) });
      expect(flowsFrom(frames.filter(() => random.below(15) > 0)), `seed ${seed}`).toHaveLength(1);
    }
  });
});

describe('STUN', () => {
  const peer = { address: '192.0.2.1', port: 443 };
  const up = (i: number, bytes: Uint8Array) => udp(i, '10.0.0.1:40000', '10.0.0.2:3478', bytes);
  const down = (i: number, bytes: Uint8Array) => udp(i, '10.0.0.2:3478', '10.0.0.1:40000', bytes);

  it('what a relay is asked for and whom it shall reach become columns', () => {
    const frames = [
      up(0, encodeStun({ class: 'request', method: 'allocate', software: 'client 1.0' })),
      down(1, encodeStun({ class: 'error', method: 'allocate', errorCode: 401, software: 'Coturn-4.6.1' })),
      up(2, encodeStun({ class: 'request', method: 'create-permission', peer })),
      up(3, encodeStun({ class: 'indication', method: 'send', peer: { address: '2001:db8::1', port: 53 } })),
      up(4, encodeStun({ class: 'indication', method: 'binding' })),
    ];
    expect(told(flowsFrom(frames)[0])).toEqual({
      service: 'stun',
      serviceBasis: 'content',
      client: 'client 1.0',
      server: 'Coturn-4.6.1',
      operations: 'allocate, create-permission 192.0.2.1:443, send [2001:db8::1]:53',
    });
  });

  // tshark -r stun.pcap -T fields -e frame.number -e _ws.col.Info: of six flows four are binding or allocate requests over UDP, one is of another protocol
  it('of a capture is what tshark says', () => {
    const file = new URL('../../../test/fixture/arkime/stun.pcap', import.meta.url);
    const flows = runCapture(readFileSync(file)).flows;
    expect(flows.map(({ initiatorPort, operations }) => [initiatorPort, operations])).toEqual([
      [16948, 'binding'],
      [48650, 'allocate'],
      [64379, undefined],
      [1144, 'binding'],
      [62919, 'binding'],
      [53633, undefined],
    ]);
  });

  it('damaged datagrams do no harm', () => {
    for (let seed = 0; seed < 100; seed++) {
      const random = new Random(seed);
      const bytes = encodeStun({ class: 'request', method: 'channel-bind', peer, software: 'a'.repeat(40) });
      for (let i = 1 + random.below(6); i > 0; i--) bytes[random.below(bytes.length)] = random.below(256);
      expect(flowsFrom([up(0, bytes), up(1, bytes.subarray(0, 1 + random.below(60)))]), `seed ${seed}`).toHaveLength(1);
    }
  });
});
