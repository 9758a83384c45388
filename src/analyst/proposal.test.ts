import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arbitraryDetections, EXAMPLES, incidentOf, incidentsOf } from '../../test/support/detection.ts';
import { type Proposal, type ProposalTool, proposeRules } from './proposal.ts';
import { judgeByRules } from './rules.ts';

const IP = '(?:\\d{1,3}(?:\\.\\d{1,3}){3}|[0-9a-f:.]*:[0-9a-f:.]*)';
const NAME = 'anomalyst [a-z.-]+ (?:inc-[0-9a-f]{12}|unnamed)';
/** The parts of the tools' languages that proposals are written in. */
const GRAMMAR: Readonly<Record<ProposalTool, RegExp>> = {
  nftables: new RegExp(
    `^table inet anomalyst_proposal \\{\\n {2}chain forward \\{\\n {4}type filter hook forward priority -10; policy accept;\\n {4}ip6? saddr ${IP}(?: ip6? daddr (?:${IP}|\\{ ${IP}(?:, ${IP})+ \\}))?(?: (?:tcp|udp) dport \\d{1,5}| meta l4proto (?:tcp|udp|icmp|icmpv6))? counter drop comment "${NAME}"\\n {2}\\}\\n\\}$`,
  ),
  netsh: new RegExp(
    `^netsh advfirewall firewall add rule name="${NAME}" dir=(?:in|out) action=block(?: remoteip=${IP}(?:,${IP})*)?(?: protocol=(?:TCP|UDP|icmpv4|icmpv6))?(?: (?:remoteport|localport)=\\d{1,5})?$`,
  ),
  suricata: new RegExp(
    `^alert (?:tcp|udp|icmp|ip) ${IP} any -> (?:any|${IP}|\\[${IP}(?:,${IP})+\\]) (?:any|\\d{1,5}) \\(msg:"${NAME}"; (?:flags:S,CE; |flow:to_server; )?threshold:type limit, track by_src, count 1, seconds 60; sid:1\\d{6}; rev:1;\\)$`,
  ),
};

function proposals(kind: keyof typeof EXAMPLES, change: Parameters<typeof incidentOf>[0] = EXAMPLES[kind]): Proposal[] {
  const incident = incidentOf(change);
  return proposeRules(incident, judgeByRules(incident));
}

describe('proposed rules', () => {
  it('stop calls to the outside, at their port', () => {
    const texts = proposals('beacon.interval').map(({ text }) => text);
    expect(texts[0]).toContain(
      '    ip saddr 192.168.10.23 ip daddr 203.0.113.77 tcp dport 443 counter drop comment "anomalyst beacon.interval inc-',
    );
    expect(texts[1]).toMatch(/dir=out action=block remoteip=203\.0\.113\.77 protocol=TCP remoteport=443$/);
    expect(texts[2]).toMatch(
      /^alert tcp 192\.168\.10\.23 any -> 203\.0\.113\.77 443 \(msg:"anomalyst beacon\.interval inc-\w+"; flow:to_server; /,
    );
  });

  it('stop what comes from outside', () => {
    const texts = proposals('scan.vertical').map(({ text }) => text);
    expect(texts[0]).toContain('ip saddr 203.0.113.9 ip daddr 192.168.10.5 meta l4proto tcp counter drop');
    expect(texts[1]).toMatch(/dir=in action=block remoteip=203\.0\.113\.9 protocol=TCP$/);
  });

  it('of many targets name the actor alone', () => {
    expect(proposals('scan.horizontal')[0]?.text).toContain('    ip saddr 192.168.10.23 tcp dport 445 counter drop');
  });

  it('are none where the actor suffers, and a rule that tells of it where monitoring is enough', () => {
    expect(proposals('flood.syn')).toEqual([]);
    expect(proposals('flood.backscatter')).toEqual([]);
    expect(proposals('burst.volume').map(({ tool }) => tool)).toEqual(['suricata']);
  });

  it('of any incident are written in the grammar of their tool, and rest on its evidence', () => {
    let seen = 0;
    fc.assert(
      fc.property(arbitraryDetections, (detections) => {
        for (const incident of incidentsOf(...detections)) {
          const ids = new Set([...incident.evidence.map(({ id }) => id), ...incident.detections.map(({ id }) => id)]);
          for (const { tool, text, cites } of proposeRules(incident, judgeByRules(incident))) {
            seen++;
            expect(text).toMatch(GRAMMAR[tool]);
            expect(cites.every((id) => ids.has(id))).toBe(true);
          }
        }
      }),
      { numRuns: 100 },
    );
    expect(seen).toBeGreaterThan(50);
  });

  const hasNft = spawnSync('nft', ['--version']).status === 0;
  it.skipIf(!hasNft)('of nftables are read by nft, where it is there', () => {
    const { status, stderr } = spawnSync('nft', ['-c', '-f', '-'], {
      input: proposals('beacon.interval')[0]?.text,
      encoding: 'utf8',
    });
    if (!/not permitted/.test(stderr)) expect([status, stderr]).toEqual([0, '']);
  });
});
