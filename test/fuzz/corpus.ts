/**
 * What is mutated: conversations of the committed captures, of the committed streams, and one message of every encoder of `wire`, as frames.
 */
import { readdirSync, readFileSync } from 'node:fs';
import * as wire from '../../src/wire/index.ts';
import { OddityCounter, TimeBase } from '../../src/wire/index.ts';
import { addressWords, asciiBytes, hexBytes, ipFrame, tcp, udp } from '../support/frames.ts';

export interface CorpusFrame {
  readonly bytes: Uint8Array;
  readonly linkType: number;
  readonly wireLength: number;
  /** Since the beginning of its conversation. */
  readonly timeNs: number;
}

export interface Conversation {
  /** The file and, for one of several, its number; or the name of the encoder. */
  readonly name: string;
  readonly frames: readonly CorpusFrame[];
}

const FIXTURES = new URL('../fixture/', import.meta.url);
/** The first frames of a conversation tell all that is looked at; few conversations of a capture are of a new kind. */
const MOST_FRAMES = 10;
const MOST_CONVERSATIONS = 16;
const MOST_FRAME_BYTES = 2000;

/** All conversations, in the same order on every machine. */
export function readCorpus(): Conversation[] {
  return [...captures(), ...streams(), ...encoded()];
}

function captures(): Conversation[] {
  const found: Conversation[] = [];
  const files = readdirSync(FIXTURES, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(pcap|pcapng)$/.test(name))
    .map((name) => name.replaceAll('\\', '/'))
    .sort();
  for (const file of files) {
    const groups = new Map<string, CorpusFrame[]>();
    eachFrame(readFileSync(new URL(file, FIXTURES)), (frame, key) => {
      let group = groups.get(key);
      if (group === undefined && groups.size < MOST_CONVERSATIONS) {
        group = [];
        groups.set(key, group);
      }
      if (group !== undefined && group.length < MOST_FRAMES && frame.bytes.length <= MOST_FRAME_BYTES)
        group.push(frame);
    });
    let i = 0;
    for (const frames of groups.values()) if (frames.length > 0) found.push({ name: `${file} ${++i}`, frames });
  }
  return found;
}

function eachFrame(bytes: Uint8Array, visit: (frame: CorpusFrame, key: string) => void): void {
  const oddities = new OddityCounter();
  const reader = new wire.CaptureReader(new TimeBase(), oddities);
  const packet = new wire.Packet();
  const fragments = new wire.Fragments();
  for (let at = 0; !reader.done; ) {
    if (reader.next() > 0) {
      const { batch } = reader;
      for (let i = 0; i < batch.count; i++) {
        const [offset, captured, wireLength, linkType] = [
          batch.offset[i],
          batch.captureLength[i],
          batch.wireLength[i],
          batch.linkType[i],
        ];
        const timeNs = batch.timeNs[i];
        fragments.timeNs = timeNs;
        const p = packet;
        const belongs = wire.decodeFrame(
          batch.bytes,
          batch.view,
          offset,
          captured,
          wireLength,
          linkType,
          p,
          fragments,
          oddities,
        );
        const ends = [
          `${p.src0},${p.src1},${p.src2},${p.src3},${p.srcPort}`,
          `${p.dst0},${p.dst1},${p.dst2},${p.dst3},${p.dstPort}`,
        ].sort();
        const key = belongs ? `${p.protocol} ${ends.join(' ')}` : `${p.other}`;
        visit({ bytes: batch.bytes.slice(offset, offset + captured), linkType, wireLength, timeNs }, key);
      }
    } else if (!reader.done) {
      const space = reader.space();
      const n = Math.min(space.length, bytes.length - at);
      space.set(bytes.subarray(at, at + n));
      reader.fill(n);
      at += n;
    }
  }
}

/** Port of the server by the beginning of the file's name. */
const STREAM_PORTS: readonly (readonly [string, number])[] = [
  ['dtls', 4433],
  ['quic', 443],
  ['ssh', 22],
  ['smb', 445],
  ['ldap', 389],
  ['kerberos', 88],
  ['rpc', 135],
  ['rdp', 3389],
  ['vnc', 5900],
];

function streams(): Conversation[] {
  const found: Conversation[] = [];
  for (const folder of ['stream', 'windows'])
    for (const file of readdirSync(new URL(`${folder}/`, FIXTURES))
      .filter((name) => name.endsWith('.txt'))
      .sort()) {
      const port = STREAM_PORTS.find(([start]) => file.startsWith(start))?.[1] ?? 443;
      const said = readFileSync(new URL(`${folder}/${file}`, FIXTURES), 'latin1')
        .split('\n')
        .map((line) => /^(client|server) ([0-9a-f]+)$/.exec(line))
        .filter((match) => match !== null)
        .map(([, side, hex = '']) => ({ fromClient: side === 'client', bytes: hexBytes(hex) }));
      found.push({ name: `${folder}/${file}`, frames: dialogue(said, port, /^(dtls|quic)/.test(file)) });
    }
  return found;
}

function dialogue(
  said: readonly { fromClient: boolean; bytes: Uint8Array }[],
  port: number,
  isUdp: boolean,
): CorpusFrame[] {
  const [client, server] = ['10.1.0.1:40000', `10.1.0.2:${port}`];
  const frames = isUdp
    ? []
    : [tcp(0, client, server, 'S', { sequence: 999 }), tcp(1, server, client, 'SA', { sequence: 999 })];
  const sequence = { client: 1000, server: 1000 };
  let at = 2;
  for (const { fromClient, bytes } of said) {
    const from = fromClient ? client : server;
    const to = fromClient ? server : client;
    const side = fromClient ? 'client' : 'server';
    if (isUdp) frames.push(udp(at++, from, to, bytes));
    else
      for (let here = 0; here < bytes.length && here < 3 * 1400; here += 1400) {
        const payload = bytes.subarray(here, here + 1400);
        frames.push(tcp(at++, from, to, 'PA', { sequence: sequence[side], payload }));
        sequence[side] += payload.length;
      }
  }
  return frames.slice(0, MOST_FRAMES).map(plain);
}

function plain({
  bytes,
  atMs,
  linkType = 1,
  wireLength = bytes.length,
}: {
  bytes: Uint8Array;
  atMs: number;
  linkType?: number;
  wireLength?: number;
}): CorpusFrame {
  return { bytes, linkType, wireLength, timeNs: atMs * 1e6 };
}

const text = asciiBytes;
const word = (address: string): number => addressWords(address).words[0];
const MACS = { destination: hexBytes('020000000001'), source: hexBytes('020000000002') };
const INNER4 = wire.encodeIpv4({
  source: word('10.0.0.1'),
  destination: word('10.0.0.2'),
  protocol: 17,
  payload: wire.encodeUdp(4000, 53, wire.encodeDns({ name: 'example.org' })),
});
const INNER6 = wire.encodeIpv6({
  source: addressWords('2001:db8::1').words,
  destination: addressWords('2001:db8::2').words,
  nextHeader: 6,
  payload: wire.encodeTcp({
    srcPort: 4000,
    dstPort: 80,
    flags: 24,
    sequence: 1,
    payload: text('GET / HTTP/1.1\r\nHost: a\r\n\r\n'),
  }),
});
const FRAME = wire.encodeEthernet({ ...MACS, etherType: 0x0800, payload: INNER4, tags: [{ vlan: 7 }] });
const ethernet = (etherType: number, payload: Uint8Array): Uint8Array =>
  wire.encodeEthernet({ ...MACS, etherType, payload });
const inUdp = (port: number, payload: Uint8Array, source = 50_000): Uint8Array =>
  ethernet(
    0x0800,
    wire.encodeIpv4({
      source: word('1.1.1.1'),
      destination: word('2.2.2.2'),
      protocol: 17,
      payload: wire.encodeUdp(source, port, payload),
    }),
  );
const inIp = (protocol: number, payload: Uint8Array): Uint8Array => ipFrame('1.1.1.1', '2.2.2.2', protocol, payload);
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
const NTLM = wire.encodeNtlm({
  type: 'authenticate',
  user: 'alice',
  domain: 'CORP',
  workstation: 'PC1',
  osVersion: [10, 0, 19041],
});
const NEGOTIATE = wire.encodeNtlm({ type: 'negotiate', domain: 'CORP', workstation: 'PC1' });
const KERBEROS = wire.encodeKerberos({
  type: 'AS-REQ',
  client: 'alice',
  realm: 'CORP.EXAMPLE',
  service: 'krbtgt/CORP.EXAMPLE',
  encryptionTypes: [18, 23],
  preauthentication: [2, 128],
});
const LSA = '12345778-1234-abcd-ef00-0123456789ab';
const BIND = wire.encodeRpc({ type: 'bind', contexts: [{ id: 0, uuid: LSA, version: 0 }] });
const CALL = wire.encodeRpc({
  type: 'request',
  contextId: 0,
  operation: 6,
  stub: text('\\\x00\\\x00D\x00C\x00'),
  auth: { type: 10, level: 5, token: NTLM },
});

/** The SYN of a uTP connection (BEP 29): version 1, type 4, no extension. */
const UTP_SYN = hexBytes('4100 1234 00000001 00000000 00100000 0001 0000');
const ANNOUNCE = wire.encodeHttpRequest(
  'GET',
  `/announce?info_hash=${'%ab'.repeat(20)}&peer_id=-TR2940-k8hj0wgej6ch&port=51413&event=started`,
  [['Host', 'tracker.example']],
);

/** A template of the fields that a biflow has, and one of options. */
const FLOW_TEMPLATE = wire.compileTemplate(256, 'ipfix', [
  ...[8, 12, 1, 2].map((element) => ({ enterprise: 0, element, length: 4 })),
  ...[7, 11].map((element) => ({ enterprise: 0, element, length: 2 })),
  { enterprise: 0, element: 4, length: 1 },
  { enterprise: wire.ENTERPRISE_REVERSE, element: 1, length: 4 },
  { enterprise: 0, element: 96, length: wire.VARIABLE_LENGTH },
]);
const V9_TEMPLATE = wire.compileTemplate(257, 'v9', [
  ...[8, 12, 1, 2, 21, 22].map((element) => ({ enterprise: 0, element, length: 4 })),
  { enterprise: 0, element: 4, length: 1 },
]);
const SAMPLER_TEMPLATE = wire.compileTemplate(
  258,
  'v9-options',
  [
    { enterprise: wire.ENTERPRISE_V9_SCOPE, element: 1, length: 4 },
    { enterprise: 0, element: 34, length: 4 },
  ],
  1,
);
const WORDS = [word('10.0.0.1'), word('10.0.0.2')].map((w) => w >>> 0);

/** Bytes of one client and, where there is one, one server message over TCP on a port, or of datagrams, or whole frames. */
type Encoded =
  | { readonly tcp: number; readonly client?: readonly Uint8Array[]; readonly server?: readonly Uint8Array[] }
  | { readonly udp: number; readonly client?: readonly Uint8Array[]; readonly server?: readonly Uint8Array[] }
  | { readonly frames: readonly Uint8Array[]; readonly linkType?: number };

/** What every encoder makes; `decoders.test.ts` holds the names complete. */
export const ENCODED: Readonly<Record<string, Encoded>> = {
  encodeArp: {
    frames: [
      ethernet(
        0x0806,
        wire.encodeArp({ operation: 1, senderMac: MACS.source, sender: word('10.0.0.1'), target: word('10.0.0.2') }),
      ),
    ],
  },
  encodeAyiya: { frames: [inUdp(5072, wire.encodeAyiya(INNER6))] },
  encodeBer: {
    udp: 389,
    client: [
      wire.encodeBer(0x30, wire.encodeBerInteger(1), wire.encodeBerText('x'), wire.encodeBerOid('1.2.840.113549')),
    ],
  },
  encodeBitTorrent: {
    tcp: 6881,
    client: [wire.encodeBitTorrent({ infoHash: 'ab'.repeat(20) })],
    server: [wire.encodeBitTorrent({ infoHash: 'ab'.repeat(20) })],
  },
  encodeDhtQuery: {
    udp: 6881,
    client: [wire.encodeDhtQuery('get_peers', 'ab'.repeat(20)), wire.encodeDhtQuery('ping'), UTP_SYN],
  },
  encodeRpc: {
    tcp: 135,
    client: [BIND, CALL],
    server: [
      wire.encodeRpc({ type: 'bind_ack', contexts: [{ id: 0, uuid: LSA }], secondaryAddress: '\\pipe\\lsass' }),
      wire.encodeRpc({ type: 'fault', status: 5 }),
    ],
  },
  encodeDhcp: {
    udp: 67,
    client: [
      wire.encodeDhcp({
        type: 'request',
        clientMac: '02:00:00:00:00:01',
        hostname: 'pc1',
        fqdn: 'pc1.example.org',
        vendorClass: 'MSFT 5.0',
        requestedAddress: '10.0.0.9',
        parameterOrder: '1,3,6',
      }),
    ],
  },
  encodeDhcpv6: {
    udp: 547,
    client: [
      wire.encodeDhcpv6({
        type: 'request',
        clientDuid: wire.encodeDuid({ mac: '020000000001', time: 7 }),
        serverDuid: wire.encodeDuid({ mac: '020000000002' }),
        fqdn: 'pc1.example.org',
        vendorClass: 'x',
        domains: ['example.org'],
        dnsServers: ['2001:db8::1'],
      }),
    ],
  },
  encodeDnsMessage: {
    udp: 53,
    client: [
      wire.encodeDnsMessage({
        id: 7,
        recursionDesired: true,
        questions: [{ name: 'www.example.org', type: 1 }],
        edns: { udpSize: 1232, options: [{ code: 10, content: new Uint8Array(8) }] },
      }),
    ],
    server: [
      wire.encodeDnsMessage({
        id: 7,
        isResponse: true,
        questions: [{ name: 'www.example.org', type: 1 }],
        answers: [
          { name: 'www.example.org', type: 5, ttl: 60, data: 'a.example.org' },
          { name: 'a.example.org', type: 1, ttl: 60, data: '192.0.2.1' },
          { name: 'a.example.org', type: 16, ttl: 60, data: '"v=spf1 -all"' },
          { name: 'a.example.org', type: 28, ttl: 60, data: '2001:db8::1' },
          { name: 'a.example.org', type: 15, ttl: 60, data: '10 mx.example.org' },
        ],
      }),
    ],
  },
  encodeDns: {
    udp: 5353,
    client: [wire.encodeDns({ name: '_http._tcp.local', type: 12 })],
    server: [wire.encodeDns({ name: 'x.local', isResponse: true, answers: 1 })],
  },
  encodeDnsStream: {
    tcp: 53,
    client: [wire.encodeDnsStream([wire.encodeDns({ name: 'a.example' }), wire.encodeDns({ name: 'b.example' })])],
  },
  encodeEthernet: { frames: [FRAME, ethernet(0x86dd, INNER6)] },
  encodeFrameRelay: { frames: [wire.encodeFrameRelay(100, 0xcc, INNER4)], linkType: 107 },
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
  encodeGeneve: {
    frames: [inUdp(6081, wire.encodeGeneve({ vni: 5, protocol: 0x6558, payload: FRAME, options: new Uint8Array(8) }))],
  },
  encodeGre: {
    frames: [
      inIp(47, wire.encodeGre({ protocol: 0x0800, payload: INNER4, checksum: true, key: 3, sequence: 9 })),
      inUdp(4754, wire.encodeGre({ protocol: 0x86dd, payload: INNER6 })),
    ],
  },
  encodePptpGre: {
    frames: [
      inIp(
        47,
        wire.encodePptpGre({ callId: 1, sequence: 1, acknowledgement: 1, payload: wire.encodePpp(0x21, INNER4) }),
      ),
    ],
  },
  encodeErspan: { frames: [inIp(47, wire.encodeErspan(2, 7, FRAME)), inIp(47, wire.encodeErspan(3, 7, FRAME))] },
  encodeSpnegoNtlm: {
    tcp: 445,
    client: [
      wire.encodeSmb(
        wire.encodeSmb2({
          command: 1,
          messageId: 1,
          body: wire.encodeSmb2Body.sessionSetup(wire.encodeSpnegoNtlm(NEGOTIATE)),
        }),
      ),
    ],
  },
  encodeGtp: {
    frames: [
      inUdp(
        2152,
        wire.encodeGtp({
          teid: 9,
          payload: INNER4,
          sequence: 1,
          extensions: [{ type: 0x85, content: new Uint8Array(2) }],
        }),
      ),
    ],
  },
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
  encodeIcmp: {
    frames: [
      inIp(1, wire.encodeIcmp({ type: 3, code: 3, payload: INNER4 })),
      inIp(1, wire.encodeIcmp({ type: 8, identifier: 1, payload: text('ping') })),
    ],
  },
  encodeImapClient: {
    tcp: 143,
    client: [wire.encodeImapClient(['a LOGIN alice secret', 'b SELECT INBOX'])],
    server: [wire.encodeImapServer(['* OK IMAP4rev1 ready', 'a OK done'])],
  },
  encodeIpv4: { frames: [inIp(4, INNER4), inIp(41, INNER6)] },
  encodeIpv6: {
    frames: [
      ethernet(0x86dd, INNER6),
      ipFrame(
        '2001:db8::1',
        '2001:db8::2',
        0,
        Uint8Array.of(
          60,
          0,
          1,
          4,
          0,
          0,
          0,
          0,
          44,
          0,
          1,
          4,
          0,
          0,
          0,
          0,
          17,
          0,
          0,
          1,
          0,
          0,
          0,
          9,
          ...wire.encodeUdp(1, 53, text('abc')),
        ),
      ),
    ],
  },
  encodeIrc: {
    tcp: 6667,
    client: [wire.encodeIrc(['NICK bot', 'USER a b c :d', 'JOIN #x', 'PRIVMSG #x :hello'])],
    server: [wire.encodeIrc([':s 001 bot :welcome', 'PING :x'])],
  },
  encodeKerberos: {
    udp: 88,
    client: [KERBEROS],
    server: [
      wire.encodeKerberos({
        type: 'KRB-ERROR',
        realm: 'CORP.EXAMPLE',
        service: 'krbtgt/CORP.EXAMPLE',
        errorCode: 25,
        errorText: 'x',
      }),
    ],
  },
  encodeKerberosTcp: {
    tcp: 88,
    client: [wire.encodeKerberosTcp(KERBEROS)],
    server: [
      wire.encodeKerberosTcp(
        wire.encodeKerberos({
          type: 'AS-REP',
          client: 'alice',
          realm: 'CORP.EXAMPLE',
          service: 'krbtgt/CORP.EXAMPLE',
          ticketEncryption: 23,
          replyEncryption: 18,
        }),
      ),
    ],
  },
  encodeL2tp: { frames: [inUdp(1701, wire.encodeL2tp(1, 2, wire.encodePpp(0x21, INNER4)), 1701)] },
  encodeLdap: {
    tcp: 389,
    client: [
      wire.encodeLdap({ operation: 'bind-request', id: 1, name: 'cn=a', mechanism: 'GSS-SPNEGO', credentials: NTLM }),
      wire.encodeLdap({
        operation: 'search-request',
        id: 2,
        name: 'dc=corp',
        scope: 2,
        equals: ['servicePrincipalName', '*'],
        attributes: ['cn'],
      }),
    ],
    server: [
      wire.encodeLdap({ operation: 'bind-response', id: 1, result: 49, diagnostic: 'bad' }),
      wire.encodeLdap({ operation: 'search-done', id: 2, result: 0 }),
    ],
  },
  encodeLlc: {
    frames: [wire.encodeEthernet({ ...MACS, etherType: INNER4.length + 8, payload: wire.encodeLlc(0x0800, INNER4) })],
  },
  encodeModbus: {
    tcp: 502,
    client: [
      wire.encodeModbus({ function: 16, data: [0, 1, 0, 2, 4, 0, 1, 0, 2] }),
      wire.encodeModbus({ function: 3, data: [0, 0, 0, 9] }),
    ],
    server: [wire.encodeModbus({ function: 0x90, data: [2] })],
  },
  encodeMpls: {
    frames: [ethernet(0x8847, wire.encodeMpls([16, 17], INNER4)), inUdp(6635, wire.encodeMpls([18], INNER6))],
  },
  encodeMqttConnect: {
    tcp: 1883,
    client: [
      wire.encodeMqttConnect({ clientId: 'x', user: 'alice', password: 'secret', willTopic: 'w' }),
      wire.encodeMqttSubscribe(['a/#', 'b/+']),
    ],
    server: [wire.encodeMqttConnack(0)],
  },
  encodeMqttPublish: {
    tcp: 1883,
    client: [wire.encodeMqttConnect({ clientId: 'x', level: 5 }), wire.encodeMqttPublish('a/b', text('on'), 5)],
    server: [wire.encodeMqttConnack(5, 5)],
  },
  encodeMysqlLogin: {
    tcp: 3306,
    server: [wire.encodeMysqlGreeting('8.0.36')],
    client: [wire.encodeMysqlLogin({ user: 'alice', database: 'shop' })],
  },
  encodeNetflow5: {
    udp: 2055,
    client: [
      wire.encodeNetflow5({
        uptimeMs: 100_000,
        exportMs: 1_700_000_000_000,
        sequence: 7,
        samplingInterval: 10,
        records: [
          {
            source: word('10.0.0.1'),
            destination: word('10.0.0.2'),
            protocol: 6,
            flags: 2,
            packets: 1,
            octets: 40,
            first: 9,
            last: 9,
          },
        ],
      }),
    ],
  },
  encodeNetflow9: {
    udp: 2055,
    client:
      V9_TEMPLATE === undefined || SAMPLER_TEMPLATE === undefined
        ? []
        : [
            wire.encodeNetflow9({
              uptimeMs: 100_000,
              exportMs: 1_700_000_000_000,
              sequence: 1,
              sets: [
                wire.encodeTemplates('v9', [V9_TEMPLATE]),
                wire.encodeTemplates('v9-options', [SAMPLER_TEMPLATE]),
                wire.encodeRecords(SAMPLER_TEMPLATE, [[0, 100]]),
                wire.encodeRecords(V9_TEMPLATE, [
                  [...WORDS, 1500, 3, 90_000, 80_000, 17],
                  [...WORDS, 150, 1, 90_000, 80_000, 1],
                ]),
              ],
            }),
          ],
  },
  encodeIpfix: {
    udp: 4739,
    client:
      FLOW_TEMPLATE === undefined
        ? []
        : [
            wire.encodeIpfix({
              exportMs: 1_700_000_000_000,
              sequence: 1,
              sets: [
                wire.encodeTemplates('ipfix', [FLOW_TEMPLATE]),
                wire.encodeRecords(FLOW_TEMPLATE, [[...WORDS, 1500, 3, 5000, 443, 6, 900, text('tls')]]),
              ],
            }),
          ],
  },
  encodeSflow: {
    udp: 6343,
    client: [
      wire.encodeSflow({
        agent: word('10.0.0.9'),
        sequence: 3,
        uptimeMs: 5000,
        counters: true,
        samples: [{ rate: 512, frame: FRAME }],
      }),
      wire.encodeSflow({
        agent: word('10.0.0.9'),
        sequence: 4,
        uptimeMs: 5000,
        expanded: true,
        samples: [{ rate: 512, frame: FRAME }],
      }),
    ],
  },
  encodeNetbiosName: {
    udp: 137,
    client: [wire.encodeNetbiosName({ id: 1, question: { name: 'PC1', suffix: 0x20 } })],
    server: [
      wire.encodeNetbiosName({
        id: 1,
        isResponse: true,
        status: { name: { name: 'PC1' }, names: [{ name: 'PC1' }, { name: 'CORP' }], mac: '02:00:00:00:00:01' },
      }),
    ],
  },
  encodeNetbiosDatagram: {
    udp: 138,
    client: [
      wire.encodeNetbiosDatagram({
        source: { name: 'PC1' },
        destination: { name: 'CORP', suffix: 0x1d },
        announcement: { host: 'PC1' },
      }),
    ],
  },
  encodeNsh: { frames: [ethernet(0x894f, wire.encodeNsh(5, 1, INNER4))] },
  encodePbb: { frames: [ethernet(0x88e7, wire.encodePbb(5, FRAME))] },
  encodeNtlm: {
    udp: 9999,
    client: [NTLM, NEGOTIATE, text(`NTLM ${Buffer.from(NTLM).toString('base64')}`), text('Basic YWxpY2U6c2VjcmV0')],
  },
  encodeNtp: {
    udp: 123,
    client: [wire.encodeNtp({ mode: 'client', transmitTimeMs: 1_600_000_000_000 })],
    server: [wire.encodeNtp({ mode: 'server', stratum: 2, referenceId: '10.0.0.1' })],
  },
  encodeNtpControl: {
    udp: 123,
    client: [wire.encodeNtpControl({ operation: 'read-variables' })],
    server: [
      wire.encodeNtpControl({
        operation: 'read-variables',
        isResponse: true,
        text: 'version="ntpd 4.2.8", system="Linux"',
      }),
    ],
  },
  encodeNtpPrivate: {
    udp: 123,
    client: [wire.encodeNtpPrivate({ request: 42 })],
    server: [wire.encodeNtpPrivate({ request: 42, isResponse: true, items: 6, itemBytes: 72 })],
  },
  encodeUdp: { udp: 9999, client: [text('hello')], server: [text('there')] },
  encodeTcp: { tcp: 9999, client: [text('hello')], server: [text('there')] },
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
  encodePpp: { frames: [wire.encodePpp(0x21, INNER4)], linkType: 9 },
  encodePppoe: { frames: [ethernet(0x8864, wire.encodePppoe(1, wire.encodePpp(0x57, INNER6, false)))] },
  encodeCiscoHdlc: { frames: [wire.encodeCiscoHdlc(0x0800, INNER4)], linkType: 104 },
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
  encodeRdpConnect: {
    tcp: 3389,
    client: [wire.encodeRdpConnect({ kind: 'request', user: 'alice', requestedProtocols: 3 })],
    server: [wire.encodeRdpConnect({ kind: 'confirm', selectedProtocol: 2 })],
  },
  encodeRdpClientCore: {
    tcp: 3389,
    client: [
      wire.encodeRdpConnect({ kind: 'request' }),
      wire.encodeRdpClientCore({ clientName: 'PC1', clientBuild: 2600, keyboardLayout: 0x409 }),
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
  encodeSip: {
    udp: 5060,
    client: [
      wire.encodeSip('INVITE sip:100@example.org SIP/2.0', [
        ['Via', 'SIP/2.0/UDP a'],
        ['From', '<sip:a@b>'],
        ['To', '<sip:c@d>'],
        ['Call-ID', '1'],
        ['CSeq', '1 INVITE'],
        ['User-Agent', 'x'],
        ['Content-Length', '0'],
      ]),
    ],
    server: [
      wire.encodeSip('SIP/2.0 401 Unauthorized', [
        ['Via', 'SIP/2.0/UDP a'],
        ['CSeq', '1 INVITE'],
      ]),
    ],
  },
  encodeSmb: {
    tcp: 445,
    client: [
      wire.encodeSmb(wire.encodeSmb1Negotiate(['NT LM 0.12', 'SMB 2.002'])),
      wire.encodeSmb(
        wire.encodeSmb2({
          command: 3,
          messageId: 2,
          body: wire.encodeSmb2Body.treeConnect('\\\\dc\\IPC$'),
          next: { command: 1, messageId: 3, body: wire.encodeSmb2Body.sessionSetup(NTLM) },
        }),
      ),
    ],
    server: [
      wire.encodeSmb(
        wire.encodeSmb2({
          command: 0,
          isResponse: true,
          body: wire.encodeSmb2Body.negotiateResponse(0x0311, wire.encodeSpnegoNtlm(NEGOTIATE)),
        }),
      ),
    ],
  },
  encodeSmb1: {
    tcp: 139,
    client: [
      wire.encodeNetbiosRequest('SERVER', 0x20, 'PC1', 0),
      wire.encodeSmb(wire.encodeSmb1({ command: 0x73, words: new Uint8Array(24), data: NTLM })),
    ],
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
  encodeSnmp: {
    udp: 161,
    client: [
      wire.encodeSnmp({ pdu: 'get-bulk', maxRepetitions: 50, variables: [{ oid: '1.3.6.1.2.1.1.1.0' }] }),
      wire.encodeSnmp({ version: '3', security: { user: 'alice', engineId: '80001f8880' } }),
    ],
    server: [
      wire.encodeSnmp({ version: '1', pdu: 'response', variables: [{ oid: '1.3.6.1.2.1.1.1.0', value: 'Linux' }] }),
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
  encodeSsdp: {
    udp: 1900,
    client: [wire.encodeSsdp({ kind: 'search', man: '"ssdp:discover"', maxWaitSeconds: 2, userAgent: 'x' })],
    server: [
      wire.encodeSsdp({ kind: 'response', server: 'Linux UPnP/1.0', location: 'http://10.0.0.1/', usn: 'uuid:1' }),
    ],
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
  encodeStratum: {
    tcp: 3333,
    client: [
      wire.encodeStratum([
        { id: 1, method: 'mining.subscribe', params: ['xmrig/6'] },
        { id: 2, method: 'login', params: { login: 'w', pass: 'x', agent: 'a' } },
      ]),
    ],
    server: [wire.encodeStratum([{ id: 1, result: [[], 'ab', 4], error: null }])],
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
  encodeSyslog: {
    udp: 514,
    client: [wire.encodeSyslog({ priority: 13, host: 'pc1', application: 'su', message: 'x' })],
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
  encodeTeredo: { frames: [inUdp(3544, wire.encodeTeredo(INNER6, { port: 5, address: 6 }))] },
  encodeTftpRequest: {
    udp: 69,
    client: [wire.encodeTftpRequest({ operation: 'read', file: 'boot.bin', options: [['blksize', '1428']] })],
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
  encodeVnc: {
    tcp: 5900,
    server: [wire.encodeVnc({ version: '3.8', securityTypes: [2, 19] }, true)],
    client: [wire.encodeVnc({ version: '3.8', securityTypes: [2] }, false)],
  },
  encodeVxlan: {
    frames: [
      inUdp(4789, wire.encodeVxlan(5, FRAME)),
      inUdp(4789, wire.encodeVxlan(6, inUdp(4789, wire.encodeVxlan(7, FRAME)))),
    ],
  },
  encodeWlan: {
    frames: [
      wire.encodeWlan({
        destination: MACS.destination,
        source: MACS.source,
        station: MACS.source,
        toDs: true,
        qos: 0,
        payload: wire.encodeLlc(0x0800, INNER4),
      }),
    ],
    linkType: 105,
  },
  encodeRadiotap: {
    frames: [
      wire.encodeRadiotap(
        wire.encodeWlan({
          destination: MACS.destination,
          source: MACS.source,
          station: MACS.source,
          fromDs: true,
          payload: wire.encodeLlc(0x86dd, INNER6),
        }),
      ),
    ],
    linkType: 127,
  },
  encodePpi: {
    frames: [
      wire.encodePpi(
        wire.encodeWlan({
          destination: MACS.destination,
          source: MACS.source,
          station: MACS.source,
          payload: wire.encodeLlc(0x0800, INNER4),
        }),
      ),
    ],
    linkType: 192,
  },
};

/** Encoders whose output is part of what others in `ENCODED` make, and those of capture files. */
export const ENCODED_INSIDE: readonly string[] = [
  ...[
    'encodeBerInteger',
    'encodeBerText',
    'encodeBerOid',
    'encodeDuid',
    'encodeFtpServer',
    'encodeHttpResponse',
    'encodeImapServer',
    'encodeMqttConnack',
    'encodeMqttSubscribe',
    'encodeMysqlGreeting',
    'encodePop3Server',
    'encodePostgresqlMessage',
    'encodeQuicCrypto',
  ],
  ...[
    'encodeNetbiosRequest',
    'encodeSet',
    'encodeTemplates',
    'encodeRecords',
    'encodeSmb1Negotiate',
    'encodeSmb2',
    'encodeSmb2Body',
    'encodeSmtpServer',
    'encodeSshKexInit',
    'encodeCertificateMessage',
    'encodeClientHelloMessage',
    'encodeServerHelloMessage',
    'encodeTlsRecords',
  ],
  ...[
    'encodePcapHeader',
    'encodePcapRecord',
    'encodeBlock',
    'encodeSection',
    'encodeInterface',
    'encodeEnhancedPacket',
    'encodeSimplePacket',
  ],
];

function encoded(): Conversation[] {
  return Object.entries(ENCODED).map(([name, made]) => {
    if ('frames' in made)
      return {
        name,
        frames: made.frames.map((bytes, i) =>
          plain({ bytes, atMs: i, ...(made.linkType === undefined ? {} : { linkType: made.linkType }) }),
        ),
      };
    const isUdp = 'udp' in made;
    const client = (made.client ?? []).map((bytes) => ({ fromClient: true, bytes }));
    const server = (made.server ?? []).map((bytes) => ({ fromClient: false, bytes }));
    return { name, frames: dialogue([...client, ...server], isUdp ? made.udp : made.tcp, isUdp) };
  });
}
