import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  arbitraryDetections,
  detection,
  EXAMPLES,
  flow,
  incidentOf,
  incidentsOf,
  reason,
} from '../../test/support/detection.ts';
import { TOLD_INCIDENTS } from '../../test/support/paraphrase.ts';
import type { Incident } from '../incident/index.ts';
import { checkSense, checkStatement, type SenseOptions } from './check-sense.ts';
import { References } from './reference.ts';
import { judgeByRules } from './rules.ts';

const scan = incidentOf(EXAMPLES['scan.horizontal']);
const guess = incidentOf(EXAMPLES['brute-force.login']);
const beacon = incidentOf(EXAMPLES['beacon.interval']);

function problems(incident: Incident, text: string, options: SenseOptions = {}): string[] {
  return checkSense(incident, { text, cites: ['d1'] }, 'here', options).map(
    ({ kind, message }) => `${kind}: ${message}`,
  );
}

describe('who did it to whom', () => {
  it.each([
    [
      '192.168.1.37 guessed passwords on 192.168.1.40.',
      "Nothing shows that '192.168.1.37' did this to '192.168.1.40'.",
    ],
    ['192.168.1.40 was attacked by 192.168.1.37.', "Nothing shows that '192.168.1.37' did this to '192.168.1.40'."],
    ['The attacker 192.168.1.37 stopped.', "Nothing shows that '192.168.1.37' is the attacker."],
    ['Logins from 192.168.1.37 came in.', "Nothing shows that '192.168.1.37' did this."],
    ['It went 192.168.1.37 -> 192.168.1.40.', "Nothing shows that '192.168.1.37' did this to '192.168.1.40'."],
    ['192.168.1.40 answered 192.168.1.37.', "Nothing shows that '192.168.1.40' did this to '192.168.1.37'."],
  ])('%s', (text, message) => {
    expect(problems(guess, text)).toContain(`claim.direction: ${message}`);
  });

  it.each([
    '192.168.1.40 guessed passwords on 192.168.1.37.',
    '192.168.1.37 was attacked by 192.168.1.40.',
    'The target 192.168.1.37 and the source 192.168.1.40 are yours.',
    'Guessing passwords, 192.168.1.40 tried 192.168.1.37.',
  ])('%s passes', (text) => {
    expect(problems(guess, text)).toEqual([]);
  });

  it('who sent what back counts with its bytes alone', () => {
    const upload = incidentOf(
      detection('exfiltration.upload', {
        flows: [flow(1, '192.168.1.10', '192.168.1.20', 443, { responderBytes: 3_100_000, responderPackets: 9 })],
      }),
    );
    const of = (text: string) => checkSense(upload, { text, cites: ['f1'] }, 'here').map(({ kind }) => kind);
    expect(of('192.168.1.20 sent 3.1 MB to 192.168.1.10.')).toEqual([]);
    expect(of('192.168.1.20 sent 9.9 MB to 192.168.1.10.')).toEqual(['claim.direction']);
  });
});

describe('what was done', () => {
  it.each([
    ['192.168.1.40 compromised 192.168.1.37.', "claim.verb: Nothing shows that somebody 'compromised'."],
    ['A login succeeded.', "claim.verb: Nothing shows that somebody 'succeeded'."],
    ['192.168.1.40 uploaded files to 192.168.1.37.', "claim.verb: Nothing shows that somebody 'uploaded'."],
  ])('%s', (text, problem) => {
    expect(problems(guess, text)).toEqual([problem]);
  });

  it('may be thought of, and advised against', () => {
    expect(problems(guess, 'A login may have succeeded.')).toEqual([]);
    expect(problems(guess, 'Check whether a login succeeded.')).toEqual([]);
    expect(problems(guess, 'If it succeeded, change the password.', { section: 'whatToDoFirst' })).toEqual([]);
    expect(problems(guess, 'Verify that nothing was installed.')).toEqual([]);
    expect(problems(guess, 'Look for signs of compromise.')).toEqual([]);
    expect(problems(guess, '192.168.1.40 infected others.', { section: 'whyItMatters' })).toHaveLength(1);
  });

  it('is held to how many it happened to', () => {
    expect(problems(scan, '58 were refused.')).toEqual([]);
    expect(problems(scan, 'Only 4 of the 212 hosts responded.')).toEqual([]);
    expect(problems(scan, 'Only 6 of the 212 hosts responded.')).toContain(
      "claim.verb: '212' is not how many answered.",
    );
    expect(problems(scan, '4 of the attempts were refused.')).toContain("claim.verb: '4' is not how many refused.");
    expect(problems(scan, 'None of the targets answered.')).toHaveLength(1);
  });
});

describe('counts, times and places', () => {
  it('a number must count what it counted', () => {
    expect(problems(scan, 'It tried 212 hosts.')).toEqual([]);
    // 5 is the bound of the measure, and no number of hosts.
    expect(problems(scan, 'It tried 5 hosts.')).toEqual([
      "claim.count: '5 hosts' is a count that the evidence does not show.",
    ]);
    expect(problems(scan, 'It tried 210 hosts.')).toHaveLength(1);
    expect(problems(scan, 'It tried about 210 hosts.')).toEqual([]);
  });

  it('sums of the cited flows are facts of a claim', () => {
    const sent = incidentOf(
      detection('beacon.interval', {
        flows: [1, 2, 3].map((id) => flow(id, '192.168.1.10', '192.168.1.20', 443, { initiatorBytes: 1500 })),
      }),
    );
    const of = (text: string, ...cites: string[]) =>
      checkStatement(sent, { text, cites }, 'here').map(({ kind }) => kind);
    expect(of('These 3 flows carried 4.5 kB.', 'f1', 'f2', 'f3')).toEqual([]);
    expect(of('These 3 flows carried 4500 bytes.', 'f1', 'f2', 'f3')).toEqual([]);
    expect(of('These 2 flows carried 3 kB.', 'f1', 'f2')).toEqual([]);
    expect(of('They carried 4.5 kB.', 'f1', 'f2')).toEqual(['claim.number']);
  });

  it('the end is not the beginning', () => {
    expect(problems(scan, 'It began at 07:30:00.')).toEqual([]);
    expect(problems(scan, 'It began at 07:30:38.')).toEqual(["claim.time: '07:30:38' is not when it began."]);
    expect(problems(scan, 'It ended at 07:30:00.')).toEqual(["claim.time: '07:30:00' is not when it ended."]);
  });

  it('whose a host is', () => {
    expect(problems(beacon, '203.0.113.77, a host of your network, was called.')).toContain(
      "claim.place: '203.0.113.77' is not in the home network.",
    );
    expect(problems(beacon, 'Take 203.0.113.77 off the network.', { section: 'whatToDoFirst' })).toEqual([
      "claim.place: '203.0.113.77' is not in the home network.",
    ]);
    expect(problems(beacon, 'Block 192.168.10.23 on your router.', { section: 'whatToDoFirst' })).toEqual([
      "claim.place: '192.168.10.23' is in the home network.",
    ]);
  });
});

describe('nobody is accused by name', () => {
  it.each([
    'This is Emotet.',
    'Zorkadex does this.',
    'It is typical of the zorkadex ransomware.',
    'It points to APT28.',
    'mimikatz was at work.',
    'It looks like the work of a Russian group.',
    'Fancy Bear scans like this.',
  ])('%s', (text) => {
    expect(problems(scan, text, { section: 'whyItMatters' }).map((problem) => problem.split(':')[0])).toContain(
      'claim.attribution',
    );
  });

  it('but whom the own intelligence or a threat list names', () => {
    const options = { section: 'whyItMatters', intelligence: ['Zorkadex'] };
    expect(problems(scan, 'This is like Zorkadex.', options)).toEqual([]);
    const listed = incidentOf(
      detection('threat-list.match', {
        reasons: [reason('threat-list.label', 'Zorkadex', '', 'What the list calls it stands beside this line.')],
      }),
    );
    expect(problems(listed, 'A list of yours calls it Zorkadex.', { section: 'whyItMatters' })).toEqual([]);
  });

  it.each([
    'Windows file sharing over SMB is used by Microsoft software.',
    'Interview the user; Kerberos and LDAP logs help.',
    'It is T1046, as ATT&CK calls it.',
  ])('%s passes', (text) => {
    expect(problems(scan, text, { section: 'whyItMatters' })).toEqual([]);
  });
});

describe('references', () => {
  const named = incidentOf(
    detection('beacon.interval', {
      flows: [flow(1, '192.168.1.10', '192.168.1.20', 443, { serverName: 'a.example' })],
    }),
  );
  const of = (text: string) =>
    checkStatement(named, { text, cites: ['f1'] }, 'here', { references: new References(named) }).map(
      ({ message }) => message,
    );

  it('must be those of the incident', () => {
    expect(of('It asked for {{sni:1}}.')).toEqual([]);
    expect(of('It asked for {{sni:2}}.')).toEqual([
      "'{{sni:2}}' is a reference that the cited evidence does not show.",
    ]);
    expect(of('It asked for {{sni:1.')).toHaveLength(1);
    expect(of('It asked for a.example.')).toEqual(["'a.example' is a name that the cited evidence does not show."]);
  });
});

describe('any text', () => {
  it('is read without an error, and in time', () => {
    fc.assert(
      fc.property(arbitraryDetections, fc.string({ unit: 'binary', maxLength: 600 }), (detections, noise) => {
        for (const incident of incidentsOf(...detections.slice(0, 4))) {
          checkStatement(incident, { text: noise, cites: ['d1'] }, 'here');
          for (const claim of judgeByRules(incident).whatHappened) checkStatement(incident, claim, 'here');
        }
      }),
      { numRuns: 40 },
    );
    const start = performance.now();
    for (const hostile of [
      '1.1.1.1 '.repeat(75),
      'a '.repeat(300),
      ':'.repeat(600),
      '192.168.10.23 towards '.repeat(27),
      'The '.repeat(150),
      '9'.repeat(600),
    ])
      checkStatement(scan, { text: hostile, cites: ['d1'] }, 'here');
    expect(performance.now() - start).toBeLessThan(2000);
  });
});

describe('sentences in the manner of models', () => {
  const TOLD: readonly (readonly [kind: string, right: readonly string[], wrong: readonly string[]])[] = [
    [
      'scan.horizontal',
      [
        'The host 192.168.10.23 performed a horizontal scan on port 445, targeting 212 hosts within 38.4 seconds.',
        'A total of 212 hosts were targeted on port 445, with a 98.1% failure rate.',
        'Host 192.168.10.23 (internal) attempted to connect to SMB (port 445) on 212 internal hosts over 38.4 s.',
        'Lateral movement via SMB is a common next step after such reconnaissance.',
        'Check the four hosts that responded for signs of compromise.',
      ],
      ['The host 192.168.10.23 performed a horizontal scan on port 446, targeting 212 hosts within 38.4 seconds.'],
    ],
    [
      'dns-tunnel.names',
      [
        '192.168.10.41 issued 840 DNS questions for 812 distinct names under a single domain.',
        'This volume of unique names is typical for DNS tunneling.',
        'An antivirus product that encodes hashes in names could be the reason.',
      ],
      [
        '192.168.10.1 asked 192.168.10.41 for 812 names.',
        '3.1 MB of passwords were stolen through DNS.',
        'It asked for 840 different names.',
        'The tool iodine was used.',
        '192.168.10.41 downloaded malware from the domain.',
      ],
    ],
    [
      'flood.udp',
      [
        'The internal host 192.168.10.66 sent 90,000 UDP packets to 198.51.100.20 within 20 s.',
        'None of the packets received an answer.',
        '192.168.10.66 may be part of a botnet.',
      ],
      [
        '198.51.100.20 flooded 192.168.10.66 with UDP packets.',
        '192.168.10.66 sent 90,001 packets.',
        'The target went down and was disabled.',
        'The Mirai botnet is responsible.',
        'It began at 07:30:20.',
      ],
    ],
    [
      'lateral-movement.execution',
      ['192.168.1.8 remotely executed something on 3 hosts, among them 192.168.1.13.'],
      [
        '192.168.1.13 executed a program on 192.168.1.8.',
        '192.168.1.8 encrypted files on 192.168.1.13.',
        'Ransomware was installed on 4 hosts.',
      ],
    ],
    [
      'arp-spoof.poisoning',
      ['The attacker could read unencrypted traffic.', 'Failover routers sometimes behave like this.'],
      ['192.168.1.1 claimed the address of 192.168.1.66.', 'Passwords were stolen.'],
    ],
  ];

  it.each(TOLD)('%s', (kind, right, wrong) => {
    const incident = TOLD_INCIDENTS.get(kind);
    if (incident === undefined) throw new Error(`no incident of ${kind}`);
    const cites = [...incident.detections, ...incident.evidence].map(({ id }) => id);
    const passes = (text: string) => checkStatement(incident, { text, cites }, 'here').length === 0;
    expect(right.filter((text) => !passes(text))).toEqual([]);
    expect(wrong.filter(passes)).toEqual([]);
  });
});
