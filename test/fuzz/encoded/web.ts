import * as wire from '../../../src/wire/index.ts';
import { type Encoded, text } from './part.ts';

/** Messages of the web: HTTP, TLS, QUIC, STUN. */

const ANNOUNCE = wire.encodeHttpRequest(
  'GET',
  `/announce?info_hash=${'%ab'.repeat(20)}&peer_id=-TR2940-k8hj0wgej6ch&port=51413&event=started`,
  [['Host', 'tracker.example']],
);

const DAY = 86_400_000;

const CERTIFICATE = wire.encodeX509({
  subject: { commonName: 'example.org' },
  issuer: { organization: 'An Authority' },
  notBeforeMs: 1_600_000_000_000,
  notAfterMs: 1_600_000_000_000 + 365 * DAY,
  dnsNames: ['example.org', '*.example.org'],
  addresses: ['10.0.0.1'],
});

const HELLO = {
  serverName: 'example.org',
  alpn: ['h2', 'http/1.1'],
  ciphers: [0x1301, 0xc02f, 0x0035],
  groups: [29, 23],
  pointFormats: [0],
  signatureAlgorithms: [0x0403, 0x0804],
  supportedVersions: [0x0304, 0x0303],
  keyShares: [29],
};

export const WEB: Readonly<Record<string, Encoded>> = {
  encodeHttpRequest: {
    tcp: 80,
    client: [
      wire.encodeHttpRequest('POST', '/a?b=c', [
        ['Host', 'example.org'],
        ['User-Agent', 'x/1'],
        ['Authorization', 'Basic YWxpY2U6c2VjcmV0'],
        ['Content-Length', '3'],
        ['Transfer-Encoding', 'chunked'],
      ]),
      text('abc'),
    ],
    server: [
      wire.encodeHttpResponse(200, 'OK', [
        ['Server', 'nginx'],
        ['Content-Type', 'text/html'],
        ['Content-Length', '0'],
      ]),
    ],
  },
  encodeHttp2Preface: { tcp: 80, client: [wire.encodeHttp2Preface(), ANNOUNCE] },
  encodeQuicInitial: {
    udp: 443,
    client: [
      wire.encodeQuicInitial({
        destinationId: '8394c8f03e515708',
        frames: wire.encodeQuicCrypto(0, wire.encodeClientHelloMessage({ ...HELLO, alpn: ['h3'] })),
        frameBytes: 1162,
      }),
    ],
    server: [
      wire.encodeQuicInitial({
        destinationId: '',
        sourceId: '0102',
        keyId: '8394c8f03e515708',
        fromClient: false,
        frames: wire.encodeQuicCrypto(0, wire.encodeServerHelloMessage({ cipher: 0x1301 })),
      }),
    ],
  },
  encodeStun: {
    udp: 3478,
    client: [
      wire.encodeStun({ method: 'allocate', username: 'alice', realm: 'x', transport: 17, lifetimeSeconds: 600 }),
    ],
    server: [
      wire.encodeStun({ class: 'success', mapped: { address: '192.0.2.1', port: 4 }, software: 'coturn' }),
      Uint8Array.of(0x40, 0, 0, 5, ...text('hello')),
      wire.encodeStun({ class: 'error', errorCode: 401, errorReason: 'Unauthorized' }),
    ],
  },
  encodeClientHello: {
    tcp: 443,
    client: [wire.encodeClientHello(HELLO)],
    server: [
      wire.encodeTlsRecords(
        Uint8Array.of(
          ...wire.encodeServerHelloMessage({ cipher: 0xc02f }),
          ...wire.encodeCertificateMessage([CERTIFICATE, CERTIFICATE]),
        ),
        undefined,
        300,
      ),
    ],
  },
  encodeX509: { udp: 9999, client: [CERTIFICATE] },
};
