import { describe, expect, it } from 'vitest';
import {
  detection,
  EXAMPLE_KINDS,
  EXAMPLES,
  incidentOf,
  incidentsOf,
  reason,
  START,
} from '../../test/support/detection.ts';
import type { Detection } from '../detect/index.ts';
import { SEVERITIES, TECHNIQUES } from '../incident/index.ts';
import { CLAIM_SECTIONS, checkVerdict } from './check.ts';
import { HYPOTHESES } from './hypothesis.ts';
import { createRuleAnalyst, judgeByRules } from './rules.ts';
import type { Verdict } from './verdict.ts';

/** The whole verdict as text, every claim with what it cites. */
function words(verdict: Verdict): string {
  const { assessment, confidence, hypothesis, action } = verdict;
  const lines = [`${assessment} ${confidence}: ${hypothesis}; ${action}`];
  for (const section of CLAIM_SECTIONS) {
    lines.push(`${section}:`, ...verdict[section].map((claim) => `${claim.text} [${claim.cites.join(' ')}]`));
  }
  return `${lines.join('\n')}\n`;
}

function verdictOf(...detections: Detection[]): Verdict {
  const [incident] = incidentsOf(...detections);
  if (incident === undefined) throw new Error('no incident');
  const verdict = judgeByRules(incident);
  expect(checkVerdict(incident, verdict)).toEqual([]);
  return verdict;
}

function texts(verdict: Verdict): string[] {
  return CLAIM_SECTIONS.flatMap((section) => verdict[section].map((claim) => claim.text));
}

describe('the verdict on each kind', () => {
  const expected: readonly (readonly [keyof typeof EXAMPLES, string])[] = [
    [
      'scan.horizontal',
      `malicious 0.9: port scan; investigate
whatHappened:
192.168.10.23, a host of your network, tried 212 different hosts on port 445 (Windows file sharing) within 38.4 s. [d1 m1 f1 f2]
It began at 2024-05-14 07:30:00 UTC. [d1]
98.1 % of these attempts failed: no answer, or a refusal. [d1 m2]
4 hosts answered. [d1 m4]
whyItMatters:
Somebody who wants to move from one machine to the next first looks for doors that open. As this search comes from inside, 192.168.10.23 itself may be under somebody else's control. [d1 m4]
Port 445 carries Windows file sharing, which malware uses to move from one machine to the next. [d1]
whatToDoFirst:
Find out who uses 192.168.10.23 and ask whether a network scanner, an inventory tool or a security check ran there at 2024-05-14 07:30:00 UTC. [d1]
If nobody knows of one, take 192.168.10.23 off the network and look for the program that opened these connections. [d1 f1 f2]
Then check the logs of the hosts that answered for logins from 192.168.10.23 after 2024-05-14 07:30:00 UTC. Start with 192.168.10.5 and 192.168.10.9. [d1 m4]
whatWouldMakeItInnocent:
A vulnerability scanner, an inventory tool or a monitoring system that you run on purpose does exactly this. [d1]
`,
    ],
    [
      'scan.vertical',
      `suspicious 0.89: port scan; investigate
whatHappened:
203.0.113.9, a host outside your network, tried 1,000 different ports of 192.168.10.5 within 12 s. [d1 m1 f1 f2]
It began at 2024-05-14 07:30:00 UTC. [d1]
99.7 % of these attempts failed: no answer, or a refusal. [d1 m2]
3 ports answered. [d1 m3]
whyItMatters:
Networks are searched from the Internet all day. What counts is what answered: the searcher now knows of it. [d1 m3]
whatToDoFirst:
On your router or firewall, check whether 192.168.10.5 should be reachable from outside at all, and close what nobody needs. [d1]
Check the logs of the hosts that answered for logins or requests from 203.0.113.9 after 2024-05-14 07:30:00 UTC. [d1 m3]
If 203.0.113.9 comes back again and again, block it on the router or firewall. [d1]
whatWouldMakeItInnocent:
Research projects and search engines for devices search the whole Internet like this, and do nothing more. [d1]
`,
    ],
    [
      'scan.block',
      `malicious 0.89: port scan; investigate
whatHappened:
192.168.10.23, a host of your network, tried 40 different ports of 3 hosts (192.168.10.5, 192.168.10.6 and others) within 1 min. [d1 m1 f1]
It began at 2024-05-14 07:30:00 UTC. [d1]
None of the targets answered. [d1 m2]
whyItMatters:
Somebody who wants to move from one machine to the next first looks for doors that open. As this search comes from inside, 192.168.10.23 itself may be under somebody else's control. [d1 m2]
whatToDoFirst:
Find out who uses 192.168.10.23 and ask whether a network scanner, an inventory tool or a security check ran there at 2024-05-14 07:30:00 UTC. [d1]
If nobody knows of one, take 192.168.10.23 off the network and look for the program that opened these connections. [d1 f1]
whatWouldMakeItInnocent:
A vulnerability scanner, an inventory tool or a monitoring system that you run on purpose does exactly this. [d1]
`,
    ],
    [
      'scan.arp',
      `suspicious 0.88: search for hosts; investigate
whatHappened:
192.168.1.247, a host of your network, asked for 251 different addresses by ARP, the question "who has this address?" on the local network, within 10.2 s. [d1 m1 f1]
It began at 2024-05-14 07:30:00 UTC. [d1]
95.2 % of the questions stayed without an answer. [d1 m2]
12 hosts answered. [d1 m3]
whyItMatters:
An attacker who has just got into a network first asks which hosts there are. If nobody did this on purpose, 192.168.1.247 may be under somebody else's control. [d1]
whatToDoFirst:
Find out which device 192.168.1.247 is, and ask whether somebody searched for devices there at 2024-05-14 07:30:00 UTC. [d1]
If nobody did, look at what else 192.168.1.247 sent after 2024-05-14 07:30:00 UTC: connections to the hosts that answered come next in an attack. [d1 f1]
whatWouldMakeItInnocent:
A monitoring system, a phone app that lists the devices around it, a printer set-up or a router that keeps its tables fresh does the same. [d1]
`,
    ],
    [
      'scan.icmp',
      `suspicious 0.76: search for hosts; investigate
whatHappened:
192.168.1.109, a host of your network, sent echo requests (ping) to 40 different hosts within 1.6 s. [d1 m1 f1]
It began at 2024-05-14 07:30:00 UTC. [d1]
11 hosts answered. [d1 m2]
whyItMatters:
An attacker who has just got into a network first asks which hosts there are. If nobody did this on purpose, 192.168.1.109 may be under somebody else's control. [d1]
whatToDoFirst:
Find out which device 192.168.1.109 is, and ask whether somebody searched for devices there at 2024-05-14 07:30:00 UTC. [d1]
If nobody did, look at what else 192.168.1.109 sent after 2024-05-14 07:30:00 UTC: connections to the hosts that answered come next in an attack. [d1 f1]
whatWouldMakeItInnocent:
A monitoring system, a phone app that lists the devices around it, a printer set-up or a router that keeps its tables fresh does the same. [d1]
`,
    ],
    [
      'brute-force.login',
      `malicious 0.84: password guessing; investigate
whatHappened:
192.168.1.40, a host of your network, opened 65 short connections to the SSH service of 192.168.1.37 on port 22 within 2 min 3 s. [d1 m1 f1 f2]
Servers allow several guesses in one connection, so there may have been more guesses than connections. [d1 m1]
It began at 2024-05-14 07:30:00 UTC. [d1]
That is about 32 a minute. [d1 m2]
98.5 % of them are alike in size. [d1 m3]
There was also longer or larger use between the same hosts (1 session), the latest after the first try: a login may have worked. [d1 m4]
whyItMatters:
Connections that are short and alike are what wrong passwords look like. If one of the guesses is right, whoever sits at 192.168.1.40 can log in to 192.168.1.37. [d1 m3]
The guesses come from a host of your own network, so 192.168.1.40 may already be under somebody else's control. [d1 m5]
whatToDoFirst:
Look in the login log (auth.log, or the journal of sshd) of 192.168.1.37 for failed logins from 192.168.1.40, and for a successful one after 2024-05-14 07:30:00 UTC. [d1]
If a login worked, change that password and treat the host as taken over. [d1 m4]
Find out who uses 192.168.1.40 and which program made these connections; if nobody can say, take 192.168.1.40 off the network. [d1 f1 f2]
whatWouldMakeItInnocent:
A script, a backup job or a monitoring check that logs in again and again looks the same, above all with an old password; its owner knows it. [d1]
`,
    ],
    [
      'brute-force.spray',
      `suspicious 0.78: password spraying; investigate
whatHappened:
198.51.100.7, a host outside your network, opened 27 short connections to the Remote Desktop service of 3 hosts (192.168.1.37, 192.168.1.38 and others) on port 3389 within 1 min. [d1 m1 f1]
Servers allow several guesses in one connection, so there may have been more guesses than connections. [d1 m1]
It began at 2024-05-14 07:30:00 UTC. [d1]
whyItMatters:
Connections that are short and alike are what wrong passwords look like. If one of the guesses is right, whoever sits at 198.51.100.7 can log in to 3 hosts (192.168.1.37, 192.168.1.38 and others). [d1]
Logins that are open to the Internet are tried all day; what counts is whether one worked. [d1]
whatToDoFirst:
Look in the Windows security log (event 4625 for a failed login, event 4624 for a good one) of 3 hosts (192.168.1.37, 192.168.1.38 and others) for failed logins from 198.51.100.7, and for a successful one after 2024-05-14 07:30:00 UTC. [d1]
If a login worked, change that password and treat the host as taken over. [d1]
Close the service on port 3389 to the Internet, or allow it from known addresses or through a VPN only; block 198.51.100.7. [d1]
whatWouldMakeItInnocent:
A script, a backup job or a monitoring check that logs in again and again looks the same, above all with an old password; its owner knows it. [d1]
`,
    ],
    [
      'flood.syn',
      `malicious 0.9: denial of service; investigate
whatHappened:
192.168.10.80 received connection attempts that never get further than the first packet on port 443 (TLS) from 9,607 addresses within 30 s, at its busiest 7,249 a second. [d1 m2 m1 f1 f2]
It began at 2024-05-14 07:30:00 UTC. [d1]
That is 201,400 packets in all. [d1 m3]
100 % of all connection attempts there were of this kind in that time. [d1 m5]
whyItMatters:
While it lasts, 192.168.10.80 may have no room for real visitors, and the line may be full for everybody. [d1 m2]
whatToDoFirst:
Check whether 192.168.10.80 still answers its users on port 443 (TLS). [d1]
The sender addresses of such packets are often forged or rented, so blocking them one by one helps little: ask your Internet provider to filter, and switch on SYN cookies or rate limits where the target offers them. [d1 m4 m1]
whatWouldMakeItInnocent:
A load test that somebody runs on purpose does the same, and so does a crowd of real users at a server that has just failed. [d1 m5]
`,
    ],
    [
      'flood.udp',
      `malicious 0.85: denial of service; investigate
whatHappened:
192.168.10.66, a host of your network, sent UDP packets that nobody answers to 198.51.100.20 within 20 s, at its busiest 5,000 a second. [d1 m2 m1 f1]
It began at 2024-05-14 07:30:00 UTC. [d1]
That is 90,000 packets in all. [d1 m3]
whyItMatters:
While it lasts, 198.51.100.20 may have no room for real visitors, and the line may be full for everybody. [d1 m2]
The packets come from 192.168.10.66, a host of your own network: it may be under somebody else's control. [d1 m1]
whatToDoFirst:
Take 192.168.10.66 off the network and look for the program that sends the packets. [d1 m1 f1]
whatWouldMakeItInnocent:
A stream of sound, video or measurements that is sent one way looks the same; somebody set it up and knows it. [d1]
`,
    ],
    [
      'flood.icmp',
      `suspicious 0.8: denial of service; investigate
whatHappened:
203.0.113.50, a host outside your network, sent ICMP packets to 192.168.10.5 within 1 min, at its busiest 400 a second. [d1 m1 f1]
It began at 2024-05-14 07:30:00 UTC. [d1]
whyItMatters:
While it lasts, 192.168.10.5 may have no room for real visitors, and the line may be full for everybody. [d1 m1]
whatToDoFirst:
Block 203.0.113.50 on your router or firewall, and tell your Internet provider. [d1 f1]
Check whether 192.168.10.5 still answers its users. [d1]
whatWouldMakeItInnocent:
A load test that somebody runs on purpose does the same, and so does a crowd of real users at a server that has just failed. [d1]
`,
    ],
    [
      'flood.ack',
      `malicious 0.89: denial of service; investigate
whatHappened:
192.168.10.5 received TCP packets of no connection from 893 addresses within 1 min, at its busiest 3,333 a second. [d1 m2 m1 f1]
It began at 2024-05-14 07:30:00 UTC. [d1]
That is 20,000 packets in all. [d1 m3]
They are answers of servers to connection attempts that were made in the name of the target. [m6 d1]
whyItMatters:
While it lasts, 192.168.10.5 may have no room for real visitors, and the line may be full for everybody. [d1 m2]
whatToDoFirst:
Check whether 192.168.10.5 still answers its users. [d1]
The senders are real servers that are misused, and there are always more of them: ask your Internet provider to filter what comes from them, by the port of their service where it has one. [d1 m6 m4]
whatWouldMakeItInnocent:
Where the capture shows one direction alone, answers look as if nobody had asked for them. [d1 m6]
`,
    ],
    [
      'flood.slow',
      `malicious 0.8: denial of service; investigate
whatHappened:
192.168.10.66, a host of your network, made connections that keep a server waiting to 192.168.10.5 on port 80 (HTTP) within 1 min, at its busiest 95 a second. [d1 m2 m1 f1]
It began at 2024-05-14 07:30:00 UTC. [d1]
That is 400 connections in all. [d1 m3]
whyItMatters:
Each of these connections holds a place of 192.168.10.5, which has only so many: while they last there may be none for real visitors. It costs the client hardly any traffic, so that no line is full and no counter of bytes shows it. [d1 m3]
The connections come from 192.168.10.66, a host of your own network: it may be under somebody else's control. [d1 m1]
whatToDoFirst:
Take 192.168.10.66 off the network and look for the program that makes the connections. [d1 m1 f1]
Check whether 192.168.10.5 still answers its users on port 80 (HTTP). [d1]
Set a limit of connections for each address, and of the time that a request may take, on the web server or a proxy before it. [d1 m2 m1]
whatWouldMakeItInnocent:
A proxy that hands on the requests of many people to a server that hangs makes the same; the log of the server tells. [d1]
`,
    ],
    [
      'flood.backscatter',
      `benign 0.71: echo of a flood elsewhere; allow
whatHappened:
203.0.113.80 answered connections that 41 hosts never made. [d1 m2 f1]
It began at 2024-05-14 07:30:00 UTC. [d1]
That is 44 flows within 1 min, none with payload. [m3 d1]
whyItMatters:
Somebody floods 203.0.113.80 with connection attempts under forged addresses, and its answers go to the owners of these addresses. The hosts that receive them did nothing and are not attacked. [d1 m1]
whatToDoFirst:
Nothing needs to be done here. Do not complain to the sender: it is the victim. [d1 m1]
whatWouldMakeItInnocent:
A capture that shows only one direction of ordinary connections looks the same. [d1 m2]
`,
    ],
    [
      'beacon.interval',
      `suspicious 0.89: command and control; investigate
whatHappened:
192.168.10.23, a host of your network, connected to 203.0.113.77 on port 443 (TLS) 278 times within 4 h 38 min, about every 1 min. [d1 m1 m2 f1 f2]
It began at 2024-05-14 07:30:00 UTC. [d1]
The times between the calls vary by 0.4 %; people and chance vary much more. [d1 m3]
It usually sent 1.4 kB at a time. [d1 m4]
In times, sizes and spread taken together they score 97 % of what a perfect timer would. [d1 m5]
whyItMatters:
Malware that waits for orders reports to its operator like this, day and night, whether or not anybody sits at the machine. Most programs that do so are honest: updates, mail, messages. [d1 m3]
whatToDoFirst:
On 192.168.10.23, find the program that owns the connections to 203.0.113.77 on port 443 (TLS), and ask its owner what it is for. [d1 f1 f2]
Find out whom 203.0.113.77 belongs to; the names that the connections show are with the evidence, and may be false. [d1 f1 f2]
If nobody knows the program, block 203.0.113.77 on your router or firewall and look at what else 192.168.10.23 did since 2024-05-14 07:30:00 UTC. [d1]
whatWouldMakeItInnocent:
Software that looks for updates, mail and messages that are fetched on a timer, monitoring, and smart devices that report to their maker all do this. [d1]
`,
    ],
    [
      'long-connection.open',
      `unsure 0.5: regular service traffic; monitor
whatHappened:
192.168.10.23, a host of your network, kept a connection to 203.0.113.77 on port 7084 open for 9 h 2 min. [d1 m1 f1]
They carried 200 kB from the initiator and 1 MB from the responder. [m2 d1]
It began at 2024-05-14 07:30:00 UTC. [d1]
whyItMatters:
Malware that waits for orders reports to its operator like this, day and night, whether or not anybody sits at the machine. Most programs that do so are honest: updates, mail, messages. [d1 m1]
No usual service is at home on port 7084 with this kind of traffic, which malware often chooses. [d1]
whatToDoFirst:
On 192.168.10.23, find the program that owns the connections to 203.0.113.77 on port 7084, and ask its owner what it is for. [d1 f1]
Find out whom 203.0.113.77 belongs to; the names that the connections show are with the evidence, and may be false. [d1 f1]
If nobody knows the program, block 203.0.113.77 on your router or firewall and look at what else 192.168.10.23 did since 2024-05-14 07:30:00 UTC. [d1]
whatWouldMakeItInnocent:
A VPN, a remote desktop, a video call, push messages or a smart device that waits for commands of its owner keeps connections open for hours. [d1]
`,
    ],
    [
      'strange-flow.outlier',
      `unsure 0.5: unusual traffic; monitor
whatHappened:
192.168.10.23, a host of your network, had 3 flows with 203.0.113.77 unlike the other traffic, the strangest on port 6667 (IRC). [d1 m1 f1 f2]
It began at 2024-05-14 07:30:00 UTC. [d1]
Of its 40 flows, 3 are strange to the model; by chance it would be about 0.04. [m1 d1]
Duration: 18 min; usually 0 ms to 4 s. [m2 d1]
The strangest of them scores 0.99950: of 2,000 ordinary flows one looks as strange. [m3 d1]
whyItMatters:
A model that has learned what is usual here finds this unusual. That is a hint and no proof: new things are unusual, too, and attacks can look usual. [d1 m3]
whatToDoFirst:
Look at the flows that are listed, and ask who uses 192.168.10.23 whether they expect them. [d1 f1 f2]
whatWouldMakeItInnocent:
A new device, a first backup, a big download or a program that is used for the first time explains most of these. [d1]
`,
    ],
    [
      'burst.volume',
      `unsure 0.5: unusual traffic; monitor
whatHappened:
192.168.10.41, a host of your network, behaved in an unusual way towards 192.168.10.1 on UDP port 53 (DNS): 800 flows of the kind burst volume. [d1 f1]
It began at 2024-05-14 07:30:00 UTC. [d1]
3.1 MB could have left through one domain within a day. [m1 d1]
whyItMatters:
A detector looks for this because attacks can show themselves in it. There is no written rule yet that says more. [d1]
whatToDoFirst:
Look at the flows that are listed, and ask who uses 192.168.10.41 whether they expect them. [d1 f1]
whatWouldMakeItInnocent:
A program or a device that somebody set up on purpose may explain it. [d1]
`,
    ],
  ];

  it('is written for every example', () => {
    expect(expected.map(([kind]) => kind)).toEqual(EXAMPLE_KINDS);
  });

  it.each(expected)('%s', (kind, text) => {
    expect(words(verdictOf(EXAMPLES[kind]))).toBe(text);
  });
});

describe('who stands where', () => {
  it('names programs with old lists of addresses where nobody outside answers', () => {
    const outward = { ...EXAMPLES['scan.block'], peers: ['203.0.113.1', '203.0.113.2'] };
    const text =
      'A file-sharing program, a game or a miner with an old list of addresses also calls many hosts outside of which none answers.';
    expect(verdictOf(outward).whatWouldMakeItInnocent.map((c) => c.text)).toContain(text);
    expect(verdictOf(EXAMPLES['scan.block']).whatWouldMakeItInnocent.map((c) => c.text)).not.toContain(text);
    const answered = { ...outward, reasons: [reason('scan.answered', 2, 'targets', 'Two.')] };
    expect(verdictOf(answered).whatWouldMakeItInnocent.map((c) => c.text)).not.toContain(text);
  });

  it('a search from inside to outside speaks of responsibility, and takes the host off the network', () => {
    const verdict = verdictOf({ ...EXAMPLES['scan.horizontal'], peers: ['203.0.113.1'] });
    expect(texts(verdict)).toContain(
      'A computer that searches networks outside is often infected and looks for its next victims. Others will hold your network responsible for 192.168.10.23.',
    );
    expect(texts(verdict).join(' ')).toContain('take 192.168.10.23 off the network');
  });

  it('a search from outside that found nothing says so, and asks for no hunt inside', () => {
    const base = EXAMPLES['scan.vertical'];
    const verdict = verdictOf({
      ...base,
      reasons: [reason('scan.answered', 0, 'targets', 'None of the targets answered.')],
    });
    expect(texts(verdict)).toContain(
      'Networks are searched from the Internet all day. Nothing shows that the searcher found anything here.',
    );
    expect(texts(verdict).join(' ')).not.toContain('Check the logs');
  });

  it('where neither side is at home, the home network is called in doubt', () => {
    const verdict = verdictOf({ ...EXAMPLES['brute-force.login'], actor: '147.32.80.40', peers: ['147.32.80.37'] });
    expect(verdict.whatHappened[0]?.text).toBe(
      '147.32.80.40 opened 65 short connections to the SSH service of 147.32.80.37 on port 22 within 2 min 3 s.',
    );
    expect(texts(verdict)).toContain(
      'Neither side is in the home network as configured; if one of them is yours, set the home network right.',
    );
  });

  it('guessing from outside that may have worked is to be blocked', () => {
    const verdict = verdictOf({ ...EXAMPLES['brute-force.login'], actor: '203.0.113.9' });
    expect([verdict.assessment, verdict.action]).toEqual(['malicious', 'block']);
  });

  it('a flood by a host inside takes that host off the network', () => {
    expect(verdictOf(EXAMPLES['flood.udp']).whatToDoFirst.map((claim) => claim.text)).toEqual([
      'Take 192.168.10.66 off the network and look for the program that sends the packets.',
    ]);
  });

  it('the echo of a flood against a host inside is not benign', () => {
    const verdict = verdictOf({
      ...EXAMPLES['flood.backscatter'],
      actor: '192.168.1.80',
      peers: ['203.0.113.1'],
      score: 0.95,
    });
    expect([verdict.assessment, verdict.action]).toEqual(['unsure', 'monitor']);
    expect(texts(verdict)).toContain(
      'Check whether 192.168.1.80 still answers its users, and capture its traffic on the side of the Internet.',
    );
  });

  it('calls inside the home network and calls from outside are regular traffic until somebody knows better', () => {
    const inside = verdictOf({ ...EXAMPLES['beacon.interval'], peers: ['192.168.10.5'] });
    const inward = verdictOf({ ...EXAMPLES['beacon.interval'], actor: '203.0.113.9', peers: ['192.168.10.5'] });
    expect([inside.hypothesis, inward.hypothesis]).toEqual(['regular service traffic', 'regular service traffic']);
    expect(texts(inside).join(' ')).not.toContain('Malware');
    expect(texts(inward)).toContain(
      'A program outside does this, and no host of yours calls out. It matters only if nobody knows why it does.',
    );
  });

  it('calls through a proxy inside are calls to somebody outside', () => {
    const verdict = verdictOf({ ...EXAMPLES['beacon.interval'], peers: ['192.168.10.5'], port: 3128, service: 'http' });
    expect(verdict.hypothesis).toBe('command and control');
  });

  it('a call on a port of no usual service says so', () => {
    expect(texts(verdictOf({ ...EXAMPLES['beacon.interval'], port: 7084 }))).toContain(
      'No usual service is at home on port 7084 with this kind of traffic, which malware often chooses.',
    );
  });
});

describe('several detections', () => {
  it('of other kinds add a sentence each', () => {
    const { 'beacon.interval': beacon, 'long-connection.open': open, 'strange-flow.outlier': strange } = EXAMPLES;
    const verdict = verdictOf(strange, open, beacon);
    expect(verdict.whatHappened.slice(-2)).toEqual([
      {
        text: '192.168.10.23, a host of your network, kept a connection to 203.0.113.77 on port 7084 open for 9 h 2 min.',
        cites: ['d2', 'm6', 'f3'],
      },
      {
        text: 'A model that has learned what is usual here also finds traffic of this host unusual (3 flows).',
        cites: ['d3', 'm8', 'f2', 'f4'],
      },
    ]);
  });

  it('of the same kind add none, and of more than three further kinds only the first', () => {
    const scans = ['scan.horizontal', 'scan.vertical', 'scan.block', 'scan.arp', 'scan.icmp'].map((kind) =>
      detection(kind),
    );
    expect(verdictOf(...scans, detection('scan.block', { score: 0.5 })).whatHappened).toHaveLength(2 + 3);
  });

  it('of several actors are told with their number', () => {
    const guessers = Array.from({ length: 6 }, (_, i) =>
      detection('brute-force.login', { actor: `203.0.113.${i + 1}`, port: 22, service: 'ssh', firstMs: START + i }),
    );
    const verdict = verdictOf(...guessers);
    expect(verdict.whatHappened[0]?.text).toBe(
      '6 hosts (203.0.113.1 and others) opened many short connections to the SSH service of 192.168.1.20 on port 22 within 1 min.',
    );
  });
});

describe('assessment, action and confidence', () => {
  it('come from the severity, which the analyst does not touch', () => {
    const incident = incidentOf(EXAMPLES['scan.horizontal']);
    const judged = SEVERITIES.map((severity) => {
      const { assessment, action } = judgeByRules({ ...incident, severity });
      return `${severity}: ${assessment}, ${action}`;
    });
    expect(judged).toEqual([
      'info: unsure, monitor',
      'low: suspicious, monitor',
      'medium: suspicious, investigate',
      'high: malicious, investigate',
      'critical: malicious, investigate',
    ]);
    const frozen = JSON.stringify(incident);
    judgeByRules(incident);
    expect(JSON.stringify(incident)).toBe(frozen);
  });

  it('of a call home at critical severity is to block', () => {
    const incident = incidentOf(EXAMPLES['beacon.interval']);
    expect(judgeByRules({ ...incident, severity: 'critical' })).toMatchObject({
      assessment: 'malicious',
      action: 'block',
    });
    expect(judgeByRules({ ...incident, severity: 'high' })).toMatchObject({
      assessment: 'suspicious',
      action: 'investigate',
    });
  });

  it('a confidence grows with the score and with every further detector, and stays modest where it is unsure', () => {
    const beacon = EXAMPLES['beacon.interval'];
    expect(verdictOf({ ...beacon, score: 0.92 }).confidence).toBe(0.86);
    expect(verdictOf({ ...beacon, score: 0.92 }, EXAMPLES['long-connection.open']).confidence).toBe(0.91);
    expect(
      verdictOf({ ...beacon, score: 1 }, EXAMPLES['long-connection.open'], EXAMPLES['strange-flow.outlier']).confidence,
    ).toBe(0.95);
    expect(verdictOf({ ...beacon, score: 0.6 }).confidence).toBe(0.5);
  });

  it('a hypothesis is one of the list, and the list names techniques that exist', () => {
    for (const kind of EXAMPLE_KINDS)
      expect(HYPOTHESES.map((hypothesis) => hypothesis.name)).toContain(verdictOf(EXAMPLES[kind]).hypothesis);
    const known = TECHNIQUES.map((technique) => technique.id);
    for (const hypothesis of HYPOTHESES) for (const id of hypothesis.techniques) expect(known).toContain(id);
  });
});

it('the analyst answers as the rules do, under the name rules', async () => {
  const analyst = createRuleAnalyst();
  const incident = incidentOf(EXAMPLES['scan.arp']);
  expect(analyst.name).toBe('rules');
  expect(await analyst.judge(incident)).toEqual(judgeByRules(incident));
  expect((await analyst.judge(incident)).by).toBe('rules');
});

it('a rule that cites what the incident does not have is a bug and throws', async () => {
  const incident = incidentOf(EXAMPLES['scan.arp']);
  const broken = { ...incident, evidence: incident.evidence.filter((item) => item.type === 'measure') };
  await expect(createRuleAnalyst().judge(broken)).rejects.toThrow(
    "scan.arp, whatHappened[0]: The claim cites 'f1', which the incident does not have.",
  );
});

it('an incident without a detection is a bug and throws', () => {
  const incident = incidentOf(EXAMPLES['scan.arp']);
  expect(() => judgeByRules({ ...incident, detections: [] })).toThrow(`incident ${incident.id} has no detection`);
});
