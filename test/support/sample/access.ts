import type { JudgedIncident } from '../../../src/analyst/index.ts';
import { BEACONER, claim, host, incident, MINUTE, SERVER, START, tcp } from './draft.ts';

/** Incidents of the sample in which somebody seeks a way in: a scan, guessed passwords, a forged address. */

export function scan(): JudgedIncident {
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

export function guessing(): JudgedIncident {
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

export function spoof(): JudgedIncident {
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
