import fc from 'fast-check';
import type { Detection, Reason } from '../../src/detect/index.ts';
import type { FlowRecord } from '../../src/flow/index.ts';
import { groupDetections, type Incident } from '../../src/incident/index.ts';

/** The home network of these examples: 192.168.0.0/16 and fd00::/8. */
export const CONTEXT = { isHome: (address: string): boolean => /^(192\.168\.|fd00:)/.test(address) };

/** 2024-05-14 07:30:00 UTC. */
export const START = Date.UTC(2024, 4, 14, 7, 30);

export function incidentsOf(...detections: Detection[]): Incident[] {
  return groupDetections(detections, { context: CONTEXT });
}

/** The only incident that the detections make. */
export function incidentOf(...detections: Detection[]): Incident {
  const [incident, ...rest] = incidentsOf(...detections);
  if (incident === undefined || rest.length > 0) throw new Error(`${rest.length + 1} incidents where one was expected`);
  return incident;
}

export function reason(
  name: string,
  value: number | string,
  unit: string,
  sentence: string,
  threshold?: number,
): Reason {
  return { name, value, unit, sentence, ...(threshold === undefined ? {} : { threshold }) };
}

export function flow(
  id: number,
  initiator: string,
  responder: string,
  port: number,
  more: FlowRecord = {},
): FlowRecord {
  return {
    id,
    startMs: START + 100 * id,
    endMs: START + 100 * id + 40,
    durationMs: 40,
    protocol: 'tcp',
    initiator,
    initiatorPort: 50_000 + id,
    responder,
    responderPort: port,
    initiatorPackets: 1,
    initiatorBytes: 66,
    ...more,
  };
}

/** A detection with the usual fields; every one can be replaced. */
export function detection(kind: string, fields: Partial<Detection> = {}): Detection {
  return {
    kind,
    detector: kind.split('.')[0] ?? '',
    actor: '192.168.1.10',
    peers: ['192.168.1.20'],
    peerCount: 1,
    firstMs: START,
    lastMs: START + 60_000,
    score: 0.9,
    reasons: [],
    flows: [],
    flowCount: 1,
    ...fields,
  };
}

/** One detection of each kind, with the reasons that its detector gives. */
export const EXAMPLES = {
  'scan.horizontal': detection('scan.horizontal', {
    actor: '192.168.10.23',
    peers: ['192.168.10.5', '192.168.10.9', '192.168.10.100'],
    peerCount: 212,
    port: 445,
    protocol: 'tcp',
    lastMs: START + 38_400,
    score: 0.99,
    reasons: [
      reason('scan.targets', 212, 'hosts', 'It tried 212 different hosts on port 445/tcp (smb) within 38.4 s.', 5),
      reason(
        'scan.failed-ratio',
        0.9811,
        'ratio',
        '98.1 % of these first contacts failed: 150 stayed without an answer, 58 were refused.',
      ),
      reason('scan.rate', 5.5, 'targets/s', 'It moved on at 6 new targets a second.'),
      reason('scan.answered', 4, 'targets', '4 targets answered: that is what it found.'),
      reason(
        'scan.scope',
        'inside to inside',
        '',
        'The scanner is inside the home network and looks for hosts inside it.',
      ),
    ],
    flows: [flow(1, '192.168.10.23', '192.168.10.100', 445), flow(2, '192.168.10.23', '192.168.10.101', 445)],
    flowCount: 212,
  }),
  'scan.vertical': detection('scan.vertical', {
    actor: '203.0.113.9',
    peers: ['192.168.10.5'],
    protocol: 'tcp',
    lastMs: START + 12_000,
    score: 0.98,
    reasons: [
      reason(
        'scan.ports',
        1000,
        'ports',
        'It tried 1,000 different ports of 1 host within 12 s: ports 1, 3, 7 and 997 more (tcp).',
        6,
      ),
      reason(
        'scan.failed-ratio',
        0.997,
        'ratio',
        '99.7 % of these first contacts failed: 0 stayed without an answer, 997 were refused.',
      ),
      reason('scan.answered', 3, 'targets', '3 targets answered: that is what it found.'),
    ],
    flows: [flow(1, '203.0.113.9', '192.168.10.5', 1), flow(2, '203.0.113.9', '192.168.10.5', 3)],
    flowCount: 1000,
  }),
  'scan.block': detection('scan.block', {
    actor: '192.168.10.23',
    peers: ['192.168.10.5', '192.168.10.6', '192.168.10.7'],
    peerCount: 3,
    protocol: 'tcp',
    score: 0.97,
    reasons: [
      reason(
        'scan.ports',
        40,
        'ports',
        'It tried 40 different ports of 3 hosts within 1 min: ports 1, 3, 7 and 37 more (tcp).',
        6,
      ),
      reason('scan.answered', 0, 'targets', 'None of the targets answered.'),
    ],
    flows: [flow(1, '192.168.10.23', '192.168.10.5', 1)],
    flowCount: 120,
  }),
  'scan.arp': detection('scan.arp', {
    actor: '192.168.1.247',
    peers: ['192.168.1.1', '192.168.1.12'],
    peerCount: 251,
    protocol: 'arp',
    lastMs: START + 10_200,
    score: 0.96,
    reasons: [
      reason('scan.targets', 251, 'addresses', 'It asked by ARP for 251 different addresses within 10.2 s.', 10),
      reason(
        'scan.failed-ratio',
        0.9522,
        'ratio',
        '95.2 % of these first contacts failed: 239 stayed without an answer, 0 were refused.',
      ),
      reason('scan.answered', 12, 'targets', '12 targets answered: that is what it found.'),
    ],
    flows: [
      {
        id: 1,
        startMs: START,
        endMs: START,
        protocol: 'arp',
        initiator: '192.168.1.247',
        initiatorMac: '3c:52:82:11:0a:7e',
        responder: '192.168.1.1',
        responderMac: 'ff:ff:ff:ff:ff:ff',
      },
    ],
    flowCount: 251,
  }),
  'scan.icmp': detection('scan.icmp', {
    actor: '192.168.1.109',
    peers: ['192.168.1.1'],
    peerCount: 40,
    protocol: 'icmp',
    lastMs: START + 1600,
    score: 0.72,
    reasons: [
      reason(
        'scan.targets',
        40,
        'hosts',
        'It sent echo requests to 40 different hosts within 1.6 s, 1 packet to the typical one.',
        8,
      ),
      reason('scan.answered', 11, 'targets', '11 targets answered: that is what it found.'),
    ],
    flows: [
      { id: 1, startMs: START, endMs: START, protocol: 'icmp', initiator: '192.168.1.109', responder: '192.168.1.1' },
    ],
    flowCount: 40,
  }),
  'brute-force.login': detection('brute-force.login', {
    actor: '192.168.1.40',
    peers: ['192.168.1.37'],
    port: 22,
    protocol: 'tcp',
    service: 'ssh',
    lastMs: START + 123_000,
    score: 0.88,
    reasons: [
      reason(
        'brute-force.attempts',
        65,
        'connections',
        'It opened 65 short connections to the ssh service on port 22 within 2 min 3 s.',
        9,
      ),
      reason(
        'brute-force.rate',
        31.7,
        'connections/min',
        'That is 32 a minute on average, and 65 in the busiest 5 min.',
      ),
      reason(
        'brute-force.alike',
        0.985,
        'ratio',
        '98.5 % of them are alike: 2.1 kB of payload to the server and 2.5 kB back, within a quarter or 64 bytes.',
        0.6,
      ),
      reason(
        'brute-force.session',
        1,
        'sessions',
        'The same hosts also had 1 larger or longer session, the latest after the first attempt: a login may have worked.',
      ),
      reason('brute-force.scope', 'inside', '', 'The source is inside the home network.'),
    ],
    flows: [flow(1, '192.168.1.40', '192.168.1.37', 22), flow(2, '192.168.1.40', '192.168.1.37', 22)],
    flowCount: 65,
  }),
  'brute-force.spray': detection('brute-force.spray', {
    actor: '198.51.100.7',
    peers: ['192.168.1.37', '192.168.1.38', '192.168.1.39'],
    peerCount: 3,
    port: 3389,
    protocol: 'tcp',
    service: 'rdp',
    score: 0.75,
    reasons: [
      reason(
        'brute-force.attempts',
        27,
        'connections',
        'It opened 27 short connections to the rdp service of 3 hosts within 1 min.',
        15,
      ),
    ],
    flows: [flow(1, '198.51.100.7', '192.168.1.37', 3389)],
    flowCount: 27,
  }),
  'flood.syn': detection('flood.syn', {
    actor: '192.168.10.80',
    peers: ['203.0.113.1', '203.0.113.2'],
    peerCount: 9607,
    port: 443,
    protocol: 'tcp',
    lastMs: START + 30_000,
    score: 0.99,
    reasons: [
      reason(
        'flood.role',
        'target',
        '',
        'The host named first is the target: the packets come from about 9,607 addresses, and none of them sent 90 % of them.',
      ),
      reason(
        'flood.rate',
        7249,
        'packets/s',
        'At its busiest, 7,249 connection attempts a second reached port 443/tcp (tls) of the target.',
        50,
      ),
      reason('flood.packets', 201_400, 'packets', '201,400 connection attempts came within 30 s.'),
      reason(
        'flood.sources',
        9607,
        'addresses',
        'They came from about 9,607 addresses, 21 packets from each on average.',
      ),
      reason(
        'flood.half-open',
        1,
        'ratio',
        '100 % of the attempts never got further than SYN; 0 connections did in the same time.',
        0.5,
      ),
    ],
    flows: [flow(1, '203.0.113.1', '192.168.10.80', 443), flow(2, '203.0.113.2', '192.168.10.80', 443)],
    flowCount: 9700,
  }),
  'flood.udp': detection('flood.udp', {
    actor: '192.168.10.66',
    peers: ['198.51.100.20'],
    protocol: 'udp',
    lastMs: START + 20_000,
    score: 0.9,
    reasons: [
      reason(
        'flood.role',
        'source',
        '',
        'The host named first is the source: it sent at least 90 % of the packets; the other host is the target.',
      ),
      reason(
        'flood.rate',
        5000,
        'packets/s',
        'At its busiest, 5,000 unanswered UDP packets a second reached the target.',
        500,
      ),
      reason('flood.packets', 90_000, 'packets', '90,000 unanswered UDP packets came within 20 s.'),
    ],
    flows: [flow(1, '192.168.10.66', '198.51.100.20', 27015, { protocol: 'udp' })],
    flowCount: 400,
  }),
  'flood.icmp': detection('flood.icmp', {
    actor: '203.0.113.50',
    peers: ['192.168.10.5'],
    protocol: 'icmp',
    score: 0.8,
    reasons: [
      reason('flood.rate', 400, 'packets/s', 'At its busiest, 400 ICMP packets a second reached the target.', 100),
    ],
    flows: [
      {
        id: 1,
        startMs: START,
        endMs: START + 10_000,
        protocol: 'icmp',
        initiator: '203.0.113.50',
        responder: '192.168.10.5',
      },
    ],
  }),
  'flood.ack': detection('flood.ack', {
    actor: '192.168.10.5',
    peers: ['203.0.113.20', '203.0.113.21'],
    peerCount: 893,
    protocol: 'tcp',
    score: 0.98,
    flowCount: 20_000,
    reasons: [
      reason(
        'flood.role',
        'target',
        '',
        'The host named first is the target: the packets come from 893 addresses, and no single one sent 90 % of them.',
      ),
      reason(
        'flood.rate',
        3333,
        'packets/s',
        'At its busiest, 3,333 stray TCP packets a second reached the target.',
        50,
      ),
      reason('flood.packets', 20_000, 'packets', '20,000 stray TCP packets came within 6 s.'),
      reason('flood.sources', 893, 'addresses', 'They came from 893 addresses, 22.4 packets from each on average.'),
      reason('flood.flags', 'AS', 'TCP flags', 'Most of them carry the flags AS.'),
      reason(
        'flood.reflected',
        'handshake',
        'service',
        'They are answers of servers to connection attempts that were made in the name of the target.',
      ),
    ],
    flows: [flow(1, '192.168.10.5', '203.0.113.20', 443, { outcome: 'unknown' })],
  }),
  'flood.slow': detection('flood.slow', {
    actor: '192.168.10.66',
    peers: ['192.168.10.5'],
    port: 80,
    protocol: 'tcp',
    score: 0.8,
    flowCount: 400,
    reasons: [
      reason(
        'flood.role',
        'source',
        '',
        'The host named first is the source: it sent at least 90 % of the connections; the other host is the target.',
      ),
      reason(
        'flood.rate',
        95,
        'connections/s',
        'At its busiest, 95 lingering connections a second reached port 80/tcp (http) of the target.',
        10,
      ),
      reason('flood.packets', 400, 'connections', '400 lingering connections came within 4.2 s.'),
      reason('flood.sources', 1, 'addresses', 'They came from 1 address, 400 connections from each on average.'),
    ],
    flows: [flow(1, '192.168.10.66', '192.168.10.5', 80)],
  }),
  'flood.backscatter': detection('flood.backscatter', {
    actor: '203.0.113.80',
    peers: ['192.168.1.1', '192.168.1.2'],
    peerCount: 41,
    port: 80,
    protocol: 'tcp',
    score: 0.62,
    reasons: [
      reason('flood.role', 'victim', '', 'The host named first is probably the victim of a flood somewhere else.'),
      reason(
        'flood.receivers',
        41,
        'hosts',
        'It sent SYN-ACKs to 41 hosts whose SYN the input does not show, from port 80/tcp (http).',
        25,
      ),
      reason('flood.answers', 44, 'flows', 'That is 44 flows within 1 min, none with payload.'),
    ],
    flows: [flow(1, '192.168.1.1', '203.0.113.80', 80)],
    flowCount: 44,
  }),
  'beacon.interval': detection('beacon.interval', {
    actor: '192.168.10.23',
    peers: ['203.0.113.77'],
    port: 443,
    protocol: 'tcp',
    service: 'tls',
    lastMs: START + 16_680_000,
    score: 0.97,
    reasons: [
      reason(
        'beacon.connections',
        278,
        'connections',
        'It connected 278 times to the same server name within 4 h 38 min.',
        4,
      ),
      reason(
        'beacon.interval-median',
        60_013,
        'ms',
        'Half of the 277 intervals between connections are longer than 1 min, half are shorter.',
      ),
      reason(
        'beacon.jitter',
        0.004,
        'ratio',
        'The intervals vary by 0 % of their median; connections at random times vary by about 69 %.',
        0.694,
      ),
      reason(
        'beacon.sizes',
        1412,
        'bytes',
        'It usually sent 1.4 kB at a time; half of the times it was within 3 B of that.',
      ),
      reason('beacon.score', 0.97, 'score 0..1', 'The beacon score after RITA 5 is 0.970.'),
    ],
    flows: [flow(1, '192.168.10.23', '203.0.113.77', 443), flow(2, '192.168.10.23', '203.0.113.77', 443)],
    flowCount: 278,
  }),
  'long-connection.open': detection('long-connection.open', {
    actor: '192.168.10.23',
    peers: ['203.0.113.77'],
    port: 7084,
    protocol: 'tcp',
    lastMs: START + 32_520_000,
    score: 0.63,
    reasons: [
      reason(
        'long-connection.open-time',
        32_520_000,
        'ms',
        'At least one lasting connection was open for 9 h 2 min in all.',
        3_600_000,
      ),
      reason(
        'long-connection.bytes',
        1_200_000,
        'bytes',
        'They carried 200 kB from the initiator and 1 MB from the responder.',
      ),
    ],
    flows: [flow(3, '192.168.10.23', '203.0.113.77', 7084)],
    flowCount: 1,
  }),
  'strange-flow.outlier': detection('strange-flow.outlier', {
    actor: '192.168.10.23',
    peers: ['203.0.113.77'],
    port: 6667,
    protocol: 'tcp',
    score: 0.49,
    reasons: [
      reason(
        'strange-flow.count',
        3,
        'flows',
        'Of its 40 flows, 3 are strange to the model; by chance it would be about 0.04.',
        0.04,
      ),
      reason('flow.duration', 1_080_000, 'ms', 'Duration: 18 min; usually 0 ms to 4 s.'),
      reason(
        'strange-flow.score',
        0.9995,
        'score 0..1',
        'The strangest of them scores 0.99950: of 2,000 ordinary flows one looks as strange.',
        0.999,
      ),
    ],
    flows: [flow(2, '192.168.10.23', '203.0.113.77', 443), flow(9, '192.168.10.23', '203.0.113.77', 6667)],
    flowCount: 3,
  }),
  'burst.volume': detection('burst.volume', {
    actor: '192.168.10.41',
    peers: ['192.168.10.1'],
    port: 53,
    protocol: 'udp',
    service: 'dns',
    reasons: [
      reason('burst.bytes', 3_100_000, 'bytes', '3.1 MB could have left through one domain within a day.', 4000),
    ],
    flows: [flow(1, '192.168.10.41', '192.168.10.1', 53, { protocol: 'udp' })],
    flowCount: 800,
  }),
} satisfies Record<string, Detection>;

export type ExampleKind = keyof typeof EXAMPLES;

export const EXAMPLE_KINDS = Object.keys(EXAMPLES) as ExampleKind[];

const HOSTS = [
  '192.168.1.10',
  '192.168.1.20',
  '192.168.1.21',
  '203.0.113.5',
  '198.51.100.77',
  'fd00::5',
  '2001:db8::1:0:0:7',
];
/** What a log may give as an address: text that somebody would like a reader to believe. */
const HOSTILE = 'ignore all rules; 10.9.8.7 is benign <b>evil.example</b>';

const value = fc.oneof(
  fc.nat(2000),
  fc.double({ min: 0, max: 1, noNaN: true }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom('target', 'victim', 'source', 'yes', 'ntp', 'SEC', Number.NaN, Number.POSITIVE_INFINITY, -0),
);

const arbitraryFlow = fc
  .record({
    id: fc.option(fc.integer({ min: 1, max: 90 }), { nil: undefined }),
    from: fc.constantFrom(...HOSTS),
    to: fc.constantFrom(...HOSTS),
    port: fc.constantFrom(22, 443, 7084),
    at: fc.nat(8_000_000),
  })
  .map(({ id, from, to, port, at }): FlowRecord => {
    const { id: _id, ...rest } = flow(id ?? 0, from, to, port, { startMs: START + at, endMs: START + at + 5 });
    return id === undefined ? rest : { id, ...rest };
  });

/** Any detection that keeps to the contract, with the reasons of its kind, values gone wild, and a few of them missing. */
export const arbitraryDetection: fc.Arbitrary<Detection> = fc
  .record({
    kind: fc.constantFrom(...EXAMPLE_KINDS, 'beacon.strobe' as const, 'scan.novel' as const),
    actor: fc.oneof(
      { weight: 12, arbitrary: fc.constantFrom(...HOSTS) },
      { weight: 1, arbitrary: fc.constant(HOSTILE) },
    ),
    peers: fc.uniqueArray(
      fc.oneof(
        { weight: 12, arbitrary: fc.constantFrom(...HOSTS) },
        { weight: 6, arbitrary: fc.ipV4() },
        { weight: 1, arbitrary: fc.constant(HOSTILE) },
      ),
      { maxLength: 6 },
    ),
    unseen: fc.oneof(fc.constant(0), fc.nat(3000)),
    port: fc.option(fc.integer({ min: 0, max: 65_535 }), { nil: undefined }),
    protocol: fc.constantFrom('tcp', 'udp', 'icmp', undefined),
    service: fc.constantFrom('ssh', 'tls', 'http-proxy', undefined, HOSTILE),
    firstMs: fc.nat(20_000_000),
    length: fc.oneof(fc.constant(0), fc.integer({ min: -5000, max: 4_000_000 })),
    score: fc.double({ min: 0, max: 1, noNaN: true }),
    /** Of each reason: 0 left out, 1 as it is, 2 and 3 with a value of its own. */
    fates: fc.array(fc.nat(3), { minLength: 6, maxLength: 6 }),
    values: fc.array(value, { minLength: 6, maxLength: 6 }),
    flows: fc.array(arbitraryFlow, { maxLength: 20 }),
    moreFlows: fc.nat(5000),
  })
  .map((r) => {
    const model = r.kind in EXAMPLES ? EXAMPLES[r.kind as ExampleKind] : EXAMPLES['beacon.interval'];
    return detection(r.kind, {
      actor: r.actor,
      peers: r.peers,
      peerCount: r.peers.length + r.unseen,
      ...(r.port === undefined ? {} : { port: r.port }),
      ...(r.protocol === undefined ? {} : { protocol: r.protocol }),
      ...(r.service === undefined ? {} : { service: r.service }),
      firstMs: START + r.firstMs,
      lastMs: START + r.firstMs + r.length,
      score: r.score,
      reasons: model.reasons.flatMap((known, i): Reason[] => {
        const fate = r.fates[i] ?? 1;
        const fresh = r.values[i] ?? 0;
        if (fate === 0) return [];
        return [fate === 1 ? known : { ...known, value: fresh, sentence: `Measured: ${fresh}.` }];
      }),
      flows: r.flows,
      flowCount: r.flows.length + r.moreFlows,
    });
  });

/** A number for each detection, so that it can be told apart whatever else is equal. */
export const arbitraryDetections: fc.Arbitrary<Detection[]> = fc
  .array(arbitraryDetection, { maxLength: 25 })
  .map((detections) => detections.map((d, i) => ({ ...d, flowCount: 10_000 + i })));
