import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arbitraryDetections, EXAMPLES, incidentOf, incidentsOf } from '../../test/support/detection.ts';
import { TOLD_INCIDENTS } from '../../test/support/paraphrase.ts';
import { draftRules, type PROPOSAL_TOOLS } from './proposal.ts';
import { proposalProblem } from './proposal-syntax.ts';
import { judgeByRules } from './rules.ts';

const scan = incidentOf(EXAMPLES['scan.horizontal']);
const rules = draftRules(scan, { ...judgeByRules(scan), action: 'block' });
const of = (tool: (typeof PROPOSAL_TOOLS)[number]): string => rules.find((rule) => rule.tool === tool)?.text ?? '';

describe('the syntax of a proposal', () => {
  it('is right for every incident, whatever is in it', () => {
    for (const incident of TOLD_INCIDENTS.values())
      for (const action of ['block', 'investigate', 'monitor'] as const)
        for (const rule of draftRules(incident, { ...judgeByRules(incident), action }))
          expect([rule.text, proposalProblem(rule)]).toEqual([rule.text, undefined]);
    fc.assert(
      fc.property(arbitraryDetections, (detections) => {
        for (const incident of incidentsOf(...detections.slice(0, 4)))
          for (const rule of draftRules(incident, { ...judgeByRules(incident), action: 'block' }))
            expect([rule.text, proposalProblem(rule)]).toEqual([rule.text, undefined]);
      }),
      { numRuns: 60 },
    );
  });

  it.each([
    ['nftables', 'dport 445', 'dport 99445', 'Its port is none.'],
    ['nftables', 'drop', 'accept', 'Its rule does not end in counter drop and a comment.'],
    ['nftables', 'saddr 192', 'saddr 999', 'Its saddr holds no addresses of ip.'],
    ['nftables', 'forward {', 'forward { }', 'It is not one table with one chain and one rule.'],
    ['nftables', 'tcp dport 445', 'meta l4proto icmpv6', 'Its protocol is not of its family of addresses.'],
    ['nftables', 'comment "', 'comment "x', 'Its comment is not a name of an incident.'],
    ['netsh', 'action=block', 'action=allow', 'Its action is not block.'],
    ['netsh', 'protocol=TCP', 'program=calc.exe', 'Its program is not what netsh takes: calc.exe.'],
    ['netsh', 'netsh', 'del x & netsh', 'It is not one netsh command with name and settings.'],
    ['suricata', 'sid:1', 'sid:9', 'It has an option that is none: sid:9'],
    ['suricata', '; rev:1', '', 'It has no rev.'],
    [
      'suricata',
      'alert tcp',
      'alert udp',
      'It asks for flags or the state of a connection, and its protocol is not TCP.',
    ],
    ['suricata', ' 445 (', ' 445 (content:"x"; ', 'It has an option that is none: content:"x".'],
    ['suricata', ' 445 (', ' 445 (constructor:"x"; ', 'It has an option that is none: constructor:"x".'],
    ['suricata', 'alert', 'drop', 'It is not one alert with a header and options.'],
  ] as const)('%s with %s as %s is found out', (tool, right, wrong, problem) => {
    expect(of(tool)).toContain(right);
    expect(proposalProblem({ tool, text: of(tool).replace(right, wrong) })).toContain(problem);
  });
});
