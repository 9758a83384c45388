import type { JudgedIncident } from '../../src/analyst/index.ts';
import { fingerprint } from '../../src/core/index.ts';
import type { RelatedIncident, Severity } from '../../src/incident/index.ts';
import type { AnalysisResult } from '../../src/report/result.ts';
import { guessing, scan, spoof } from './sample/access.ts';
import { beacon, tunnel, upload } from './sample/control.ts';
import { END, HOUR, START } from './sample/draft.ts';
import { newService, oldTls, strangeFlow } from './sample/habit.ts';
import { hosts, timeline } from './sample/host.ts';

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
  const reference = ({ id, rank }: JudgedIncident, label: string): RelatedIncident[] => [
    { id, rank, label, shares: 'actor' },
  ];
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
