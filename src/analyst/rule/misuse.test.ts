import { describe, expect, it } from 'vitest';
import { incidentOf } from '../../../test/support/detection.ts';
import { MISUSE_EXAMPLES } from '../../../test/support/misuse.ts';
import type { Detection } from '../../detect/index.ts';
import { checkVerdict } from '../check.ts';
import { judgeByRules } from '../rules.ts';

const cases = Object.entries(MISUSE_EXAMPLES);
const texts = (detection: Detection): string[] => {
  const { whatHappened, whyItMatters, whatToDoFirst, whatWouldMakeItInnocent } = judgeByRules(incidentOf(detection));
  return [whatHappened, whyItMatters, whatToDoFirst, whatWouldMakeItInnocent].flat().map((claim) => claim.text);
};

describe('verdicts on misuse', () => {
  it.each(cases)('%s: every sentence stands on its evidence', (_kind, detection) => {
    const incident = incidentOf(detection);
    expect(checkVerdict(incident, judgeByRules(incident))).toEqual([]);
  });

  it.each(cases)('%s: the same holds in many hosts and from outside', (_kind, detection) => {
    for (const more of [
      { actor: '203.0.113.200' },
      { peers: ['198.51.100.1'], peerCount: 1 },
      { peers: [], peerCount: 0 },
      { reasons: [] },
    ]) {
      const incident = incidentOf({ ...detection, ...more });
      expect(checkVerdict(incident, judgeByRules(incident))).toEqual([]);
    }
  });

  it('name what it looks like, and what to do with it', () => {
    expect(
      cases.map(([kind, detection]) => {
        const { hypothesis, assessment, action } = judgeByRules(incidentOf(detection));
        return `${kind}: ${hypothesis}, ${assessment}, ${action}`;
      }),
    ).toEqual([
      'mining.stratum: cryptocurrency mining, malicious, investigate',
      'mining.pool: cryptocurrency mining, unsure, monitor',
      'protocol-mismatch.shell: command shell over the network, malicious, investigate',
      'protocol-mismatch.service: traffic on the wrong port, suspicious, investigate',
      'protocol-mismatch.plain-text: traffic on the wrong port, unsure, monitor',
      'cleartext-login.password: exposed password, suspicious, investigate',
      'cleartext-login.community: exposed password, unsure, monitor',
      'lateral-movement.execution: lateral movement, suspicious, investigate',
      'lateral-movement.credentials: theft of credentials, malicious, investigate',
      'lateral-movement.enumeration: lateral movement, suspicious, investigate',
      'lateral-movement.encryption: encryption of files, malicious, investigate',
      'lateral-movement.fan-out: lateral movement, suspicious, investigate',
      'arp-spoof.poisoning: interception on the local network, malicious, investigate',
      'arp-spoof.conflict: address used twice, unsure, monitor',
      'name-poison.answers: interception on the local network, malicious, investigate',
      'dhcp-starvation.pool: denial of service, suspicious, investigate',
      'rogue-dhcp.server: interception on the local network, malicious, investigate',
      'rogue-dhcp.resolver: interception on the local network, malicious, investigate',
    ]);
  });

  it('say on which machine the shell is', () => {
    const shell = MISUSE_EXAMPLES['protocol-mismatch.shell'] as Detection;
    expect(texts(shell)).toContain(
      'Take the machine with the shell off the network before you look at it: 192.168.1.3.',
    );
    const reasons = shell.reasons.map((reason) =>
      reason.name === 'protocol-mismatch.shell-side' ? { ...reason, value: 'responder' } : reason,
    );
    expect(texts({ ...shell, reasons })).toContain(
      'Take the machine with the shell off the network before you look at it: 203.0.113.23.',
    );
  });

  it('tell of a password inside otherwise than of one on the Internet', () => {
    const login = MISUSE_EXAMPLES['cleartext-login.password'] as Detection;
    expect(texts(login).join(' ')).toContain('crossed networks that are not yours');
    expect(texts({ ...login, peers: ['192.168.1.7'] }).join(' ')).toContain('Whoever listens on the local network');
  });

  it('read as a person would write them', () => {
    expect(texts(MISUSE_EXAMPLES['arp-spoof.poisoning'] as Detection)).toEqual([
      '192.168.1.66 told others on the local network, by ARP and unasked, that 192.168.1.1 and 192.168.1.50 are its own within 10 min.',
      'It began at 2024-05-14 07:30:00 UTC.',
      'It claimed 2 addresses of others in 402 ARP packets within 10 min; nobody had asked for 400 of them.',
      'The true owner claims the same in between: it changed hands 20 times.',
      '192.168.1.1 is the gateway: traffic to the Internet goes through its hardware address 00:11:22:00:00:01.',
      'It claims both ends of a conversation, so that it can pass on what it reads.',
      'Its hardware address is 00:11:22:00:00:66, its own address 192.168.1.66.',
      'Who answers for the address of another gets its traffic, can read what is not encrypted, change it or cut it off.',
      'Find the device: 00:11:22:00:00:66. The table of addresses of your switch shows the port that it is on.',
      'Take it off the network, and change passwords that were sent without encryption since then.',
      'Switches that check ARP against DHCP (dynamic ARP inspection) stop this.',
      'Pairs of routers that stand in for one another, some load balancers and tools that keep unknown devices out claim addresses like this; each of them is known to whoever set it up.',
    ]);
  });
});
