import type { JudgedIncident } from '../../../src/analyst/index.ts';
import { CAMERA, claim, host, incident, MINUTE, SERVER, START, tcp } from './draft.ts';

/** Incidents of the sample that are unusual rather than an attack: a strange flow, a new service, old TLS. */

export function strangeFlow(): JudgedIncident {
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

export function newService(): JudgedIncident {
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

export function oldTls(): JudgedIncident {
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
