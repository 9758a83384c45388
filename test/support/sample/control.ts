import type { JudgedIncident } from '../../../src/analyst/index.ts';
import { Random } from '../../../src/core/index.ts';
import type { FlowRecord } from '../../../src/flow/index.ts';
import { BEACONER, claim, host, incident, MINUTE, START, TUNNELER, tcp } from './draft.ts';

/** Incidents of the sample in which a machine answers to somebody outside: regular calls, a tunnel, an upload. */

export function beacon(): JudgedIncident {
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

export function upload(): JudgedIncident {
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

export function tunnel(): JudgedIncident {
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
