import type { Claim, JudgedIncident, Verdict } from '../../src/analyst/index.ts';
import { fingerprint, Random } from '../../src/core/index.ts';
import type { Reason } from '../../src/detect/index.ts';
import type { FlowRecord } from '../../src/flow/index.ts';
import type {
  Evidence,
  HostReference,
  IncidentDetection,
  Severity,
  SeverityStep,
  Technique,
} from '../../src/incident/index.ts';
import type { AnalysisResult, HostSummary } from '../../src/report/result.ts';

/**
 * A made-up but whole analysis of a small office network, for the tests of the reports and for looking at them. Nothing in the product
 * calls it. Every address is from a range that RFC 1918 or RFC 5737 sets aside.
 */
export function sampleResult(): AnalysisResult {
  const incidents = [
    beacon(),
    scan(),
    upload(),
    tunnel(),
    guessing(),
    strangeFlow(),
    spoof(),
    newService(),
    oldTls(),
  ].map((incident, i) => ({ ...incident, rank: i + 1 }));
  const [calls, search] = incidents;
  if (calls === undefined || search === undefined) throw new Error('the sample has incidents');
  const reference = ({ id, rank }: JudgedIncident, label: string) => [{ id, rank, label }];
  incidents[0] = { ...calls, related: reference(search, 'port scan'), relatedCount: 1 };
  incidents[1] = { ...search, related: reference(calls, 'regular calls'), relatedCount: 4 };
  return {
    run: {
      tool: { name: 'Anomalyst', version: '0.1.0' },
      inputs: [
        {
          name: 'office-morning.pcapng',
          format: 'pcapng',
          compression: '',
          bytes: 1_402_113_204,
          packets: 1_812_440,
          firstMs: START,
          lastMs: START + 4 * HOUR,
          status: 'complete',
        },
        {
          name: 'office-noon.pcap.gz',
          format: 'pcap (nanoseconds)',
          compression: 'gzip',
          bytes: 310_200_118,
          packets: 402_113,
          firstMs: START + 4 * HOUR,
          lastMs: END,
          status: 'cut',
          message:
            'the file ends inside packet 402,114, at byte 310,200,118 of the decompressed stream; the packets before it were kept',
        },
        {
          name: 'switch-port-7.pcap',
          format: 'unreadable',
          compression: '',
          bytes: 24,
          packets: 0,
          status: 'failed',
          message: 'the file ends after its header',
        },
      ],
      firstMs: START,
      lastMs: END,
      packets: 2_214_553,
      bytes: 2_684_113_902,
      flows: 48_312,
      hosts: 1_283,
      otherFrames: [
        { kind: 'LLDP', packets: 582 },
        { kind: 'STP', packets: 8_720 },
      ],
      homeNet: ['192.168.10.0/24', 'fd00:10::/64'],
      seed: 42,
      model: {
        kind: 'isolation forest, nearest neighbours and PCA, mean of calibrated ranks',
        fittedOn: 'this capture',
        rows: 48_312,
        features: [
          'flow.duration',
          'flow.bytes-ratio',
          'flow.packets-initiator',
          'flow.packets-responder',
          'flow.payload-mean',
          'flow.iat-mean',
          'flow.iat-sd',
          'flow.port-rarity',
          'flow.service-rarity',
          'flow.peer-rarity',
        ],
        checksum: 'sha256:5b0c6a0f4d0d1f9e1a6a1b7d',
      },
      blindSpots: [
        'No traffic between hosts on the same switch was captured except on port 7, so movement inside the network is mostly invisible here.',
        '61 % of the bytes are encrypted; their content was not seen.',
        'The capture began in the middle of 212 TCP connections, so who started them is a guess.',
      ],
      saturations: [{ detector: 'scan', what: 'targets remembered per host', cap: 4096, refused: 1_204 }],
      severityCounts: { critical: 1, high: 3, medium: 3, low: 1, info: 1 },
    },
    oddities: [
      {
        name: 'ipv4.bad-checksum',
        count: 18_220,
        meaning: 'The header checksum is wrong, most often because the network card fills it in later.',
        firstFrame: 12,
        firstInput: 1,
      },
      {
        name: 'tcp.gap',
        count: 1_031,
        meaning: 'Bytes of a stream were acknowledged but are not in the capture.',
        firstFrame: 8_814,
        firstInput: 1,
      },
      {
        name: 'dns.truncated-name',
        count: 17,
        meaning: 'A name runs past the end of the message.',
        firstFrame: 90_122,
        firstInput: 2,
      },
      {
        name: 'clock.backwards',
        count: 3,
        meaning: 'A packet is older than the one before it.',
        firstFrame: 1_204_112,
        firstInput: 1,
      },
    ],
    incidents,
    hosts: hosts(),
    timeline: timeline(),
  };
}

/** The sample with so many incidents of the same size, to see what a big result costs. */
export function bigResult(incidentCount: number): AnalysisResult {
  const base = sampleResult();
  const incidents: JudgedIncident[] = [];
  const severityCounts: Record<Severity, number> = { info: 0, low: 0, medium: 0, high: 0, critical: 0 };
  for (let i = 0; i < incidentCount; i++) {
    const incident = base.incidents[Math.floor((i * base.incidents.length) / incidentCount)];
    if (incident === undefined) continue;
    severityCounts[incident.severity]++;
    incidents.push({ ...incident, rank: i + 1, id: `inc-${fingerprint([incident.id, i])}` });
  }
  return { ...base, incidents, run: { ...base.run, severityCounts } };
}

/** The sample of a network where nothing was found. */
export function quietResult(): AnalysisResult {
  const base = sampleResult();
  return {
    ...base,
    incidents: [],
    oddities: [],
    run: {
      ...base.run,
      inputs: base.run.inputs.slice(0, 1),
      severityCounts: { info: 0, low: 0, medium: 0, high: 0, critical: 0 },
      saturations: [],
      emptyBecause:
        'All 14 detectors ran on 48,312 flows and none of them reached its threshold. The highest model score was 0.71; the threshold is 0.99.',
    },
  };
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const START = Date.UTC(2024, 4, 14, 6, 58, 12, 408);
const END = START + 5 * HOUR + 12 * MINUTE;

const BEACONER = host('192.168.10.23', '3c:52:82:11:0a:7e');
const TUNNELER = host('192.168.10.41', 'a4:83:e7:5b:90:02');
const SERVER = host('192.168.10.5', '00:1b:21:aa:30:11');
const CAMERA = host('192.168.10.77', 'b0:c5:54:00:12:9f');

function host(address: string, mac?: string): HostReference {
  return mac === undefined ? { address, home: address.startsWith('192.168.10.') } : { address, home: true, mac };
}

interface Draft {
  readonly severity: Severity;
  readonly kind: string;
  readonly title: string;
  readonly actors: readonly HostReference[];
  readonly peers: readonly HostReference[];
  readonly peerCount?: number;
  readonly techniques: readonly Technique[];
  readonly startMs: number;
  readonly endMs: number;
  readonly port?: number;
  readonly service?: string;
  readonly score: number;
  readonly reasons: readonly Reason[];
  readonly flows: readonly FlowRecord[];
  readonly flowCount: number;
  readonly steps: readonly SeverityStep[];
  readonly verdict: Omit<Verdict, 'by'>;
}

function incident(draft: Draft): JudgedIncident {
  const evidence: Evidence[] = [
    ...draft.reasons.map((reason, i): Evidence => ({ id: `m${i + 1}`, type: 'measure', detection: 'd1', ...reason })),
    ...draft.flows.map((flow, i): Evidence => ({ id: `f${i + 1}`, type: 'flow', flow })),
  ];
  const detection: IncidentDetection = {
    id: 'd1',
    kind: draft.kind,
    detector: draft.kind.split('.')[0] ?? '',
    actor: draft.actors[0]?.address ?? '',
    peers: draft.peers.map((peer) => peer.address),
    peerCount: draft.peerCount ?? draft.peers.length,
    ...(draft.port === undefined ? {} : { port: draft.port, protocol: 'tcp' }),
    ...(draft.service === undefined ? {} : { service: draft.service }),
    firstMs: draft.startMs,
    lastMs: draft.endMs,
    score: draft.score,
    flowCount: draft.flowCount,
    evidence: evidence.map((item) => item.id),
  };
  return {
    id: `inc-${fingerprint([draft.kind, detection.actor, draft.startMs])}`,
    rank: 0,
    severity: draft.severity,
    urgency: draft.steps.reduce((sum, step) => sum + step.points, 0),
    severitySteps: draft.steps,
    kind: draft.kind,
    title: draft.title,
    actors: draft.actors,
    peers: draft.peers,
    peerCount: draft.peerCount ?? draft.peers.length,
    techniques: draft.techniques,
    firstMs: draft.startMs,
    lastMs: draft.endMs,
    detections: [detection],
    evidence,
    flowCount: draft.flowCount,
    verdict: { by: 'rules', ...draft.verdict },
  };
}

function claim(text: string, ...cites: string[]): Claim {
  return { text, cites };
}

function tcp(
  startMs: number,
  from: string,
  fromPort: number,
  to: string,
  toPort: number,
  more: Partial<FlowRecord>,
): FlowRecord {
  const id = Math.round((startMs - START) / 400) + 1;
  const flow: FlowRecord = {
    id,
    startMs,
    endMs: startMs + 420,
    durationMs: 420,
    protocol: 'tcp',
    initiator: from,
    initiatorPort: fromPort,
    responder: to,
    responderPort: toPort,
    initiatorPackets: 9,
    responderPackets: 8,
    initiatorBytes: 1_412,
    responderBytes: 4_980,
    tcpState: 'SF',
    closeReason: 'fin',
    outcome: 'answered',
    communityId: `1:${btoa(fingerprint([from, fromPort, to, toPort], 20)).slice(0, 27)}=`,
    firstFrame: id * 37 + 11,
    input: 1,
  };
  return { ...flow, ...more };
}

function beacon(): JudgedIncident {
  const flows = Array.from({ length: 12 }, (_, i) =>
    tcp(START + 20 * MINUTE + i * 60_013, BEACONER.address, 49_200 + i, '203.0.113.77', 443, {
      service: 'tls',
      serviceBasis: 'content',
      serverName: 'cdn-metrics.example.net',
      initiatorBytes: 1_412 + (i % 3),
      responderBytes: 4_980,
    }),
  );
  return incident({
    severity: 'critical',
    kind: 'beacon.periodic',
    title: '192.168.10.23 called 203.0.113.77 on port 443 every 60.0 s for 4 h 38 min, 278 times.',
    actors: [BEACONER],
    peers: [host('203.0.113.77')],
    techniques: [
      { id: 'T1071.001', name: 'Application Layer Protocol: Web Protocols', tactic: 'Command and Control' },
      { id: 'T1573.002', name: 'Encrypted Channel: Asymmetric Cryptography', tactic: 'Command and Control' },
    ],
    startMs: START + 20 * MINUTE,
    endMs: START + 298 * MINUTE,
    port: 443,
    service: 'tls',
    score: 0.97,
    reasons: [
      {
        name: 'beacon.interval-median',
        value: 60_013,
        unit: 'ms',
        sentence: 'The middle of the times between two calls is 60.0 s.',
        contribution: 0.31,
      },
      {
        name: 'beacon.interval-deviation',
        value: 0.004,
        unit: 'ratio',
        threshold: 0.1,
        sentence:
          'The times between calls differ from their middle by 0.4 %; a person or an update check differs by far more.',
        contribution: 0.38,
      },
      {
        name: 'beacon.size-deviation',
        value: 0.0007,
        unit: 'ratio',
        threshold: 0.1,
        sentence: 'The calls are nearly all the same size.',
        contribution: 0.19,
      },
      {
        name: 'beacon.calls',
        value: 278,
        unit: 'calls',
        threshold: 20,
        sentence: 'There were 278 calls, and none was missing in 4 h 38 min.',
        contribution: 0.09,
      },
      {
        name: 'beacon.prevalence',
        value: 1,
        unit: 'hosts',
        threshold: 3,
        sentence: 'No other host of the home network talked to this address.',
      },
    ],
    flows,
    flowCount: 278,
    steps: [
      { rule: 'A regular call to a host outside', points: 40 },
      { rule: 'The detector is very sure (score 0.97)', points: 19 },
      { rule: 'Only one home host talks to this address', points: 10 },
      { rule: 'It went on for more than an hour', points: 10 },
      { rule: 'The same host is in another incident of high severity', points: 15 },
      { rule: 'The server name is on no list of known update services', points: 0 },
    ],
    verdict: {
      assessment: 'malicious',
      confidence: 0.86,
      hypothesis: 'command and control',
      action: 'block',
      whatHappened: [
        claim(
          '192.168.10.23 opened a TLS connection to 203.0.113.77 on port 443 about every 60.0 s, 278 times between 07:18 and 11:56 UTC.',
          'm1',
          'm4',
          'f1',
          'f2',
          'f3',
        ),
        claim('The times between calls differ by only 0.4 %, and the sizes by less than 0.1 %.', 'm2', 'm3'),
      ],
      whyItMatters: [
        claim('Programs that wait for orders from outside call home in this way; people do not.', 'm2'),
        claim('No other host of the network talks to this address, so a common service is unlikely.', 'm5'),
      ],
      whatToDoFirst: [
        claim(
          'Take 192.168.10.23 off the network, or block 203.0.113.77 at the edge, then look for the process that owns the connections to port 443.',
          'f1',
          'd1',
        ),
        claim('Keep a memory image before you restart the machine.', 'd1'),
      ],
      whatWouldMakeItInnocent: [
        claim(
          'A monitoring agent or a health check that someone set up to report once a minute would look the same; ask the owner of 192.168.10.23 for such a program.',
          'm1',
          'm3',
        ),
      ],
    },
  });
}

function scan(): JudgedIncident {
  const targets = Array.from({ length: 50 }, (_, i) => host(`192.168.10.${100 + i}`));
  const flows = Array.from({ length: 20 }, (_, i) =>
    tcp(START + 31 * MINUTE + i * 181, BEACONER.address, 50_110 + i, `192.168.10.${100 + i}`, 445, {
      durationMs: 0.4,
      initiatorPackets: 1,
      responderPackets: i % 4 === 0 ? 1 : 0,
      initiatorBytes: 66,
      responderBytes: i % 4 === 0 ? 54 : 0,
      tcpState: i % 4 === 0 ? 'REJ' : 'S0',
      outcome: i % 4 === 0 ? 'refused' : 'unanswered',
      service: 'smb',
      serviceBasis: 'port',
    }),
  );
  return incident({
    severity: 'high',
    kind: 'scan.horizontal',
    title: '192.168.10.23 tried 212 hosts on port 445 within 38.4 s; 4 answered.',
    actors: [BEACONER],
    peers: targets,
    peerCount: 212,
    techniques: [
      { id: 'T1046', name: 'Network Service Discovery', tactic: 'Discovery' },
      { id: 'T1021.002', name: 'Remote Services: SMB/Windows Admin Shares', tactic: 'Lateral Movement' },
    ],
    startMs: START + 31 * MINUTE,
    endMs: START + 31 * MINUTE + 38_400,
    port: 445,
    service: 'smb',
    score: 0.99,
    reasons: [
      {
        name: 'scan.targets',
        value: 212,
        unit: 'hosts',
        threshold: 25,
        sentence: 'It tried 212 different hosts on port 445 within 38.4 s.',
        contribution: 0.62,
      },
      {
        name: 'scan.failed-share',
        value: 0.981,
        unit: 'ratio',
        threshold: 0.5,
        sentence: '98.1 % of the tries were refused or stayed without an answer.',
        contribution: 0.37,
      },
      { name: 'scan.rate', value: 5.52, unit: 'hosts per second', sentence: 'That is 5.5 new hosts per second.' },
    ],
    flows,
    flowCount: 212,
    steps: [
      { rule: 'A search for an open service inside the home network', points: 30 },
      { rule: 'The detector is very sure (score 0.99)', points: 20 },
      { rule: 'Four hosts answered', points: 10 },
      { rule: 'The same host is in another incident', points: 15 },
      { rule: 'It lasted less than a minute', points: -5 },
    ],
    verdict: {
      assessment: 'malicious',
      confidence: 0.9,
      hypothesis: 'port scan',
      action: 'investigate',
      whatHappened: [
        claim('192.168.10.23 tried to reach 212 hosts on port 445 within 38.4 s.', 'm1', 'f1', 'f2', 'f20'),
        claim('98.1 % of the tries failed, which is what a search for open doors looks like.', 'm2'),
      ],
      whyItMatters: [
        claim(
          'Port 445 carries Windows file sharing, the usual way for malware to move from one machine to the next.',
          'd1',
        ),
      ],
      whatToDoFirst: [
        claim(
          'Check the 4 hosts that answered for new sessions from 192.168.10.23 and for files that changed after 07:29 UTC.',
          'm1',
          'd1',
        ),
      ],
      whatWouldMakeItInnocent: [
        claim(
          'An inventory or vulnerability scanner that runs on 192.168.10.23 by intention would do exactly this.',
          'm3',
        ),
      ],
    },
  });
}

function upload(): JudgedIncident {
  const flows = Array.from({ length: 4 }, (_, i) =>
    tcp(START + (185 + i * 9) * MINUTE, BEACONER.address, 51_800 + i, '198.51.100.14', 443, {
      durationMs: 8 * MINUTE,
      initiatorPackets: 322_000 + i * 911,
      responderPackets: 101_000,
      initiatorBytes: 471_200_345 + i * 1_100_000,
      responderBytes: 6_700_120,
      service: 'tls',
      serviceBasis: 'content',
      serverName: 'files.example.org',
      closeReason: i === 3 ? 'end' : 'fin',
      tcpState: i === 3 ? 'S1' : 'SF',
    }),
  );
  return incident({
    severity: 'high',
    kind: 'volume.upload',
    title: '192.168.10.23 sent 1.9 GB to 198.51.100.14 in 36 min, 70 times what it received.',
    actors: [BEACONER],
    peers: [host('198.51.100.14')],
    techniques: [{ id: 'T1048', name: 'Exfiltration Over Alternative Protocol', tactic: 'Exfiltration' }],
    startMs: START + 185 * MINUTE,
    endMs: START + 221 * MINUTE,
    port: 443,
    service: 'tls',
    score: 0.94,
    reasons: [
      {
        name: 'volume.bytes-out',
        value: 1_891_401_380,
        unit: 'bytes',
        threshold: 500_000_000,
        sentence: 'It sent 1.9 GB to one address outside.',
        contribution: 0.55,
      },
      {
        name: 'volume.out-in-ratio',
        value: 70.6,
        unit: 'ratio',
        threshold: 10,
        sentence: 'It sent 70 times as much as it received.',
        contribution: 0.39,
      },
    ],
    flows,
    flowCount: 4,
    steps: [
      { rule: 'Much data went to one host outside', points: 35 },
      { rule: 'The detector is sure (score 0.94)', points: 18 },
      { rule: 'The same host is in another incident', points: 15 },
    ],
    verdict: {
      assessment: 'suspicious',
      confidence: 0.72,
      hypothesis: 'data theft',
      action: 'investigate',
      whatHappened: [
        claim('192.168.10.23 sent 1.9 GB to 198.51.100.14 over four TLS connections.', 'm1', 'f1', 'f2', 'f3', 'f4'),
      ],
      whyItMatters: [
        claim(
          'The data left the network in the hours in which the same machine called a regular address outside.',
          'm2',
          'd1',
        ),
      ],
      whatToDoFirst: [
        claim(
          'Ask the person at 192.168.10.23 whether they sent a large file around 10:03 UTC, and to whom files.example.org belongs.',
          'f1',
        ),
      ],
      whatWouldMakeItInnocent: [
        claim('A backup to a cloud store, or a film or a disk image sent on purpose, has the same shape.', 'm1', 'm2'),
      ],
    },
  });
}

function tunnel(): JudgedIncident {
  const random = new Random(7);
  const letters = 'abcdefghijklmnopqrstuvwxyz234567';
  const flows = Array.from({ length: 16 }, (_, i) => {
    const label = Array.from({ length: 44 }, () => letters[random.below(32)]).join('');
    return tcp(START + 96 * MINUTE + i * 1_910, TUNNELER.address, 53_000 + i, '192.168.10.1', 53, {
      protocol: 'udp',
      durationMs: 31,
      initiatorPackets: 1,
      responderPackets: 1,
      initiatorBytes: 121,
      responderBytes: 244,
      service: 'dns',
      serviceBasis: 'content',
      dnsQuery: `${label}.t.example.com`,
      dnsType: 'TXT',
      dnsRcode: 'NOERROR',
      closeReason: 'idle',
      input: 1,
    });
  }).map(({ tcpState: _, ...flow }): FlowRecord => flow);
  return incident({
    severity: 'high',
    kind: 'dns.tunnel',
    title: '192.168.10.41 asked for 1,904 different names under one domain in 61 min, 44 random letters each.',
    actors: [TUNNELER],
    peers: [host('192.168.10.1')],
    techniques: [{ id: 'T1071.004', name: 'Application Layer Protocol: DNS', tactic: 'Command and Control' }],
    startMs: START + 96 * MINUTE,
    endMs: START + 157 * MINUTE,
    port: 53,
    service: 'dns',
    score: 0.92,
    reasons: [
      {
        name: 'dns.names-per-domain',
        value: 1_904,
        unit: 'names',
        threshold: 200,
        sentence: 'It asked for 1,904 different names under one registered domain.',
        contribution: 0.41,
      },
      {
        name: 'dns.label-entropy',
        value: 4.71,
        unit: 'bits per letter',
        threshold: 3.8,
        sentence: 'The letters of the names are close to random.',
        contribution: 0.33,
      },
      {
        name: 'dns.txt-share',
        value: 0.97,
        unit: 'ratio',
        threshold: 0.2,
        sentence: '97 % of the questions asked for TXT records.',
        contribution: 0.18,
      },
    ],
    flows,
    flowCount: 1_904,
    steps: [
      { rule: 'Data inside name queries', points: 40 },
      { rule: 'The detector is sure (score 0.92)', points: 18 },
    ],
    verdict: {
      assessment: 'malicious',
      confidence: 0.8,
      hypothesis: 'dns tunnel',
      action: 'block',
      whatHappened: [
        claim(
          '192.168.10.41 asked 1,904 times for TXT records of ever new, random-looking names under one domain.',
          'm1',
          'm2',
          'm3',
          'f1',
          'f2',
        ),
      ],
      whyItMatters: [
        claim('Name queries pass most firewalls, so they are used to carry data and orders past them.', 'd1'),
      ],
      whatToDoFirst: [
        claim('Block the domain at the resolver 192.168.10.1 and look at what runs on 192.168.10.41.', 'f1'),
      ],
      whatWouldMakeItInnocent: [
        claim(
          'Some anti-virus and mail filters look files up by such names; a known vendor domain would settle it.',
          'm1',
        ),
      ],
    },
  });
}

function guessing(): JudgedIncident {
  const flows = Array.from({ length: 10 }, (_, i) =>
    tcp(START + 210 * MINUTE + i * 2_100, '198.51.100.200', 40_000 + 7 * i, SERVER.address, 22, {
      durationMs: 1_930,
      initiatorBytes: 2_310,
      responderBytes: 2_902,
      service: 'ssh',
      serviceBasis: 'content',
      tcpState: 'RSTO',
      closeReason: 'rst',
      input: 1,
    }),
  );
  return incident({
    severity: 'medium',
    kind: 'bruteforce.ssh',
    title: '198.51.100.200 opened 341 short SSH connections to 192.168.10.5 in 12 min.',
    actors: [host('198.51.100.200')],
    peers: [SERVER],
    techniques: [{ id: 'T1110.001', name: 'Brute Force: Password Guessing', tactic: 'Credential Access' }],
    startMs: START + 210 * MINUTE,
    endMs: START + 222 * MINUTE,
    port: 22,
    service: 'ssh',
    score: 0.88,
    reasons: [
      {
        name: 'bruteforce.connections',
        value: 341,
        unit: 'connections',
        threshold: 30,
        sentence: 'There were 341 connections to one SSH server in 12 min.',
        contribution: 0.5,
      },
      {
        name: 'bruteforce.size-deviation',
        value: 0.03,
        unit: 'ratio',
        threshold: 0.2,
        sentence: 'They are all about the same size, as failed logins are.',
        contribution: 0.38,
      },
    ],
    flows,
    flowCount: 341,
    steps: [
      { rule: 'Many tries to log in, from outside', points: 30 },
      { rule: 'The detector is sure (score 0.88)', points: 17 },
      { rule: 'No connection stands out as a success', points: -10 },
    ],
    verdict: {
      assessment: 'suspicious',
      confidence: 0.78,
      hypothesis: 'password guessing',
      action: 'block',
      whatHappened: [
        claim(
          '198.51.100.200 opened 341 short SSH connections of about the same size to 192.168.10.5.',
          'm1',
          'm2',
          'f1',
        ),
      ],
      whyItMatters: [claim('If one of the guesses is right, the server belongs to someone else.', 'd1')],
      whatToDoFirst: [
        claim(
          'Look in the log of 192.168.10.5 for an accepted login after 10:28 UTC, and close port 22 to the outside.',
          'f1',
          'f10',
        ),
      ],
      whatWouldMakeItInnocent: [
        claim('A deployment script with a wrong password that tries again and again does the same.', 'm2'),
      ],
    },
  });
}

function strangeFlow(): JudgedIncident {
  const flows = [
    tcp(START + 244 * MINUTE, CAMERA.address, 60_123, '203.0.113.250', 6667, {
      durationMs: 18 * MINUTE,
      initiatorPackets: 804,
      responderPackets: 1_377,
      initiatorBytes: 70_332,
      responderBytes: 240_118,
      service: 'irc',
      serviceBasis: 'port',
      input: 2,
      firstFrame: 3_188,
    }),
  ];
  return incident({
    severity: 'medium',
    kind: 'model.rare-flow',
    title: '192.168.10.77 had a connection to 203.0.113.250 on port 6667 that looks like nothing else in this network.',
    actors: [CAMERA],
    peers: [host('203.0.113.250')],
    techniques: [],
    startMs: START + 244 * MINUTE,
    endMs: START + 262 * MINUTE,
    port: 6667,
    score: 0.993,
    reasons: [
      {
        name: 'flow.port-rarity',
        value: 10.8,
        unit: 'bits',
        sentence: 'Responder port 6667 was seen in 1 of 48,312 flows.',
        contribution: 0.41,
      },
      {
        name: 'flow.peer-rarity',
        value: 9.2,
        unit: 'bits',
        sentence: 'The address outside was seen in 1 of 48,312 flows.',
        contribution: 0.27,
      },
      {
        name: 'flow.duration',
        value: 1_080_000,
        unit: 'ms',
        sentence: 'It lasted 18 min; half of all flows last less than 0.4 s.',
        contribution: 0.183,
      },
      {
        name: 'flow.iat-sd',
        value: 2_210,
        unit: 'ms',
        sentence: 'The pauses between packets vary as they do when people type.',
        contribution: 0.13,
      },
      {
        name: 'flow.bytes-ratio',
        value: 0.293,
        unit: 'ratio',
        sentence: 'The ratio of bytes sent to bytes received is ordinary.',
        contribution: -0.0,
      },
    ],
    flows,
    flowCount: 1,
    steps: [
      { rule: 'A flow stranger than 99.3 % of the others', points: 25 },
      { rule: 'It goes to a host outside', points: 10 },
      { rule: 'One flow only', points: -5 },
    ],
    verdict: {
      assessment: 'unsure',
      confidence: 0.4,
      hypothesis: 'unusual traffic',
      action: 'investigate',
      whatHappened: [
        claim('192.168.10.77 talked for 18 min to 203.0.113.250 on port 6667.', 'm3', 'f1'),
        claim('No other flow used this port or this address.', 'm1', 'm2'),
      ],
      whyItMatters: [
        claim(
          'The device answers RTSP, as cameras do, and port 6667 belongs to chat; cheap devices that were taken over are led through such channels.',
          'f1',
        ),
      ],
      whatToDoFirst: [
        claim(
          'Look at the content of frame 3,188 and after it in office-noon.pcap.gz, then ask what the device is for.',
          'f1',
        ),
      ],
      whatWouldMakeItInnocent: [claim('A person who used a chat program from this address would explain it.', 'm4')],
    },
  });
}

function spoof(): JudgedIncident {
  return incident({
    severity: 'medium',
    kind: 'arp.conflict',
    title: 'Two machines claimed the address 192.168.10.1 within 4 min.',
    actors: [host('192.168.10.41', 'a4:83:e7:5b:90:02')],
    peers: [host('192.168.10.1')],
    techniques: [
      { id: 'T1557.002', name: 'Adversary-in-the-Middle: ARP Cache Poisoning', tactic: 'Credential Access' },
    ],
    startMs: START + 90 * MINUTE,
    endMs: START + 94 * MINUTE,
    score: 0.81,
    reasons: [
      {
        name: 'arp.claims',
        value: 2,
        unit: 'machines',
        threshold: 1,
        sentence: 'Two Ethernet addresses answered for one IP address.',
      },
    ],
    flows: [
      {
        id: 13_400,
        startMs: START + 90 * MINUTE,
        endMs: START + 94 * MINUTE,
        durationMs: 4 * MINUTE,
        protocol: 'arp',
        initiator: '192.168.10.41',
        responder: '192.168.10.1',
        initiatorPackets: 48,
        responderPackets: 0,
        initiatorBytes: 2_880,
        responderBytes: 0,
        closeReason: 'idle',
        outcome: 'unknown',
        firstFrame: 495_120,
        input: 1,
      },
    ],
    flowCount: 1,
    steps: [
      { rule: 'Two machines claim one address', points: 25 },
      { rule: 'The address is the gateway', points: 10 },
    ],
    verdict: {
      assessment: 'suspicious',
      confidence: 0.6,
      hypothesis: 'address spoofing',
      action: 'investigate',
      whatHappened: [claim('192.168.10.41 answered for 192.168.10.1, which another machine owns.', 'm1', 'f1')],
      whyItMatters: [claim('Who answers for the gateway can read and change the traffic of the others.', 'm1')],
      whatToDoFirst: [claim('Find the switch port of a4:83:e7:5b:90:02 and look at the machine.', 'f1')],
      whatWouldMakeItInnocent: [
        claim('A pair of routers that share an address for fail-over does this by design.', 'm1'),
      ],
    },
  });
}

function newService(): JudgedIncident {
  return incident({
    severity: 'low',
    kind: 'service.odd-port',
    title: '192.168.10.88 answered HTTP on port 8081, where this network has no other web server.',
    actors: [host('192.168.10.88')],
    peers: [host('192.168.10.12'), host('192.168.10.13')],
    techniques: [{ id: 'T1571', name: 'Non-Standard Port', tactic: 'Command and Control' }],
    startMs: START + 12 * MINUTE,
    endMs: START + 301 * MINUTE,
    port: 8081,
    service: 'http',
    score: 0.64,
    reasons: [
      {
        name: 'service.port-count',
        value: 1,
        unit: 'hosts',
        threshold: 1,
        sentence: 'One host of the network answers HTTP on port 8081.',
      },
    ],
    flows: [
      tcp(START + 12 * MINUTE, '192.168.10.12', 50_001, '192.168.10.88', 8081, {
        service: 'http',
        serviceBasis: 'content',
        httpHost: 'printer.local:8081',
        httpRequest: 'GET /status.html?lang=en',
      }),
      tcp(START + 301 * MINUTE, '192.168.10.13', 50_321, '192.168.10.88', 8081, {
        service: 'http',
        serviceBasis: 'content',
        httpHost: 'printer.local:8081',
        httpRequest: 'GET /jobs',
        input: 2,
      }),
    ],
    flowCount: 37,
    steps: [{ rule: 'A service on a port of its own', points: 15 }],
    verdict: {
      assessment: 'benign',
      confidence: 0.7,
      hypothesis: 'device web page',
      action: 'monitor',
      whatHappened: [claim('192.168.10.88 answered 37 HTTP requests on port 8081.', 'm1', 'f1', 'f2')],
      whyItMatters: [claim('A web server that nobody knows of is a door that nobody looks after.', 'm1')],
      whatToDoFirst: [claim('Check that 192.168.10.88 is the printer that it says it is.', 'f1')],
      whatWouldMakeItInnocent: [claim('The status page of a printer is the likely explanation.', 'f1', 'f2')],
    },
  });
}

function oldTls(): JudgedIncident {
  return incident({
    severity: 'info',
    kind: 'tls.old-version',
    title: '192.168.10.5 still accepts TLS 1.0.',
    actors: [SERVER],
    peers: [host('192.168.10.12')],
    techniques: [],
    startMs: START + 55 * MINUTE,
    endMs: START + 55 * MINUTE,
    port: 443,
    service: 'tls',
    score: 0.5,
    reasons: [
      { name: 'tls.version', value: 'TLS 1.0', unit: '', sentence: 'The server chose TLS 1.0 for 1 connection.' },
    ],
    flows: [
      tcp(START + 55 * MINUTE, '192.168.10.12', 50_777, SERVER.address, 443, {
        service: 'tls',
        serviceBasis: 'content',
        serverName: 'intranet.example.com',
      }),
    ],
    flowCount: 1,
    steps: [{ rule: 'A setting that is out of date', points: 5 }],
    verdict: {
      assessment: 'benign',
      confidence: 0.9,
      hypothesis: 'weak setting',
      action: 'monitor',
      whatHappened: [claim('192.168.10.5 agreed to TLS 1.0 with 192.168.10.12.', 'm1', 'f1')],
      whyItMatters: [claim('This version can be attacked by someone on the path.', 'm1')],
      whatToDoFirst: [claim('Turn TLS 1.0 off on 192.168.10.5 when the clients allow it.', 'f1')],
      whatWouldMakeItInnocent: [claim('A machine that can speak nothing newer may be the reason.', 'f1')],
    },
  });
}

function hosts(): HostSummary[] {
  const known: HostSummary[] = [
    {
      address: BEACONER.address,
      home: true,
      mac: BEACONER.mac ?? '',
      flowsOut: 9_120,
      flowsIn: 41,
      bytesOut: 1_954_200_110,
      bytesIn: 210_330_411,
      firstMs: START,
      lastMs: END,
      services: [],
      names: [],
    },
    {
      address: SERVER.address,
      home: true,
      mac: SERVER.mac ?? '',
      flowsOut: 812,
      flowsIn: 14_210,
      bytesOut: 402_118_200,
      bytesIn: 77_201_004,
      firstMs: START,
      lastMs: END,
      services: ['tls/443', 'ssh/22', 'smb/445'],
      names: ['intranet.example.com'],
    },
    {
      address: '198.51.100.14',
      home: false,
      flowsOut: 0,
      flowsIn: 4,
      bytesOut: 26_800_480,
      bytesIn: 1_891_401_380,
      firstMs: START + 185 * MINUTE,
      lastMs: START + 221 * MINUTE,
      services: ['tls/443'],
      names: ['files.example.org'],
    },
    {
      address: TUNNELER.address,
      home: true,
      mac: TUNNELER.mac ?? '',
      flowsOut: 4_004,
      flowsIn: 2,
      bytesOut: 9_220_100,
      bytesIn: 60_181_920,
      firstMs: START + 4 * MINUTE,
      lastMs: END,
      services: [],
      names: [],
    },
    {
      address: CAMERA.address,
      home: true,
      mac: CAMERA.mac ?? '',
      flowsOut: 211,
      flowsIn: 380,
      bytesOut: 80_442_100,
      bytesIn: 1_204_881,
      firstMs: START,
      lastMs: END,
      services: ['rtsp/554', 'http/80'],
      names: ['cam-yard.local'],
    },
    {
      address: '192.168.10.1',
      home: true,
      mac: '00:0d:b9:44:10:20',
      flowsOut: 120,
      flowsIn: 11_020,
      bytesOut: 3_120_400,
      bytesIn: 2_002_118,
      firstMs: START,
      lastMs: END,
      services: ['dns/53', 'ntp/123'],
      names: [],
    },
    {
      address: 'fd00:10::8c4:11ff:fe20:91aa',
      home: true,
      flowsOut: 88,
      flowsIn: 0,
      bytesOut: 220_118,
      bytesIn: 1_870_220,
      firstMs: START + 70 * MINUTE,
      lastMs: END - 20 * MINUTE,
      services: [],
      names: [],
    },
    {
      address: '203.0.113.77',
      home: false,
      flowsOut: 0,
      flowsIn: 278,
      bytesOut: 1_384_440,
      bytesIn: 392_536,
      firstMs: START + 20 * MINUTE,
      lastMs: START + 298 * MINUTE,
      services: ['tls/443'],
      names: ['cdn-metrics.example.net'],
    },
  ];
  const random = new Random(3);
  for (let i = 0; known.length < 70; i++) {
    const bytes = Math.round(1_200_000 / (i + 1));
    known.push({
      address: `192.168.10.${100 + i}`,
      home: true,
      flowsOut: 20 + random.below(80),
      flowsIn: random.below(12),
      bytesOut: bytes,
      bytesIn: bytes * (1 + random.below(5)),
      firstMs: START + random.below(HOUR),
      lastMs: END - random.below(HOUR),
      services: [],
      names: [],
    });
  }
  return known;
}

function timeline(): AnalysisResult['timeline'] {
  const random = new Random(11);
  const bucketMs = 2 * MINUTE;
  const startMs = Math.floor(START / bucketMs) * bucketMs;
  const count = Math.ceil((END - startMs) / bucketMs);
  const bytes: number[] = [];
  const flows: number[] = [];
  for (let i = 0; i < count; i++) {
    const minute = (i * bucketMs) / MINUTE;
    const work = 0.4 + 0.6 * Math.sin((Math.PI * (minute + 20)) / 340) ** 2;
    let amount = work * (2_000_000 + random.below(3_500_000));
    let begun = work * (80 + random.below(120));
    if (minute >= 185 && minute < 221) amount += 100_000_000 + random.below(9_000_000);
    if (random.below(30) === 0) amount += 20_000_000 + random.below(30_000_000);
    if (minute >= 30 && minute < 33) begun += 110;
    if (minute >= 96 && minute < 157) begun += 62;
    if (minute >= 210 && minute < 222) begun += 57;
    bytes.push(Math.round(amount));
    flows.push(Math.round(begun));
  }
  return { startMs, bucketMs, bytes, flows };
}
