import { describe, expect, it } from 'vitest';
import { CONTEXT, detection, EXAMPLES, flow, reason, START } from '../../test/support/detection.ts';
import type { Detection } from '../detect/index.ts';
import { type Feedback, groupWithFeedback } from './feedback.ts';
import { groupDetections } from './group.ts';
import type { Severity } from './incident.ts';
import {
  behaviourOf,
  describeRule,
  limitsOf,
  type SuppressionRule,
  type SuppressionScope,
  Suppressor,
  scopeOf,
} from './suppression.ts';

const HOUR = 3_600_000;
const calls = detection('beacon.interval', {
  actor: '192.168.1.10',
  peers: ['203.0.113.7'],
  port: 443,
  protocol: 'tcp',
  firstMs: START,
  lastMs: START + 2 * HOUR,
  flowCount: 100,
  flows: [
    flow(1, '192.168.1.10', '203.0.113.7', 443, {
      initiatorBytes: 600,
      responderBytes: 400,
      serverName: 'a.example.com',
    }),
  ],
});

function ruleOf(scope: SuppressionScope, more: Partial<SuppressionRule> = {}): SuppressionRule {
  return { id: 's1', scope, limits: {}, ...more };
}

function answer(rule: SuppressionRule, fields: Partial<Detection> = {}, severity: Severity = 'medium'): unknown {
  const said = new Suppressor(rule).ask({ ...calls, ...fields }, severity);
  return said.answer === 'changed' ? said.changes : said.answer;
}

describe('the scope of a rule', () => {
  it('binds by detector, source, destination, organisation, port and hours, each part by itself', () => {
    const fits: readonly (readonly [SuppressionScope, SuppressionScope])[] = [
      [{ detector: ['beacon'] }, { detector: ['scan'] }],
      [{ source: ['192.168.1.10'] }, { source: ['192.168.1.11'] }],
      [{ source: ['192.168.1.0/24'] }, { source: ['192.168.2.0/24'] }],
      [{ destination: ['203.0.113.0/24'] }, { destination: ['198.51.100.0/24'] }],
      [{ organisation: ['example.com'] }, { organisation: ['example.org'] }],
      [{ port: [80, 443] }, { port: [80] }],
      // 2024-05-14 is a Tuesday; the calls last from 07:30 to 09:30.
      [{ schedule: ['tue 07:00-10:00'] }, { schedule: ['tue 08:00-10:00'] }],
      [{ schedule: ['daily 06:00-10:00'] }, { schedule: ['mon 06:00-10:00'] }],
    ];
    for (const [within, without] of fits) {
      expect(answer(ruleOf(within))).toBe('hidden');
      expect(answer(ruleOf(without))).toBe('elsewhere');
      expect(answer(ruleOf({ ...within, detector: ['scan'] }))).toBe('elsewhere');
    }
  });

  it('does not fit a list of destinations that is cut, nor an organisation where a flow asks for nothing', () => {
    expect(answer(ruleOf({ destination: ['203.0.113.7'] }), { peerCount: 2 })).toBe('elsewhere');
    const nameless = [...calls.flows, flow(2, '192.168.1.10', '203.0.113.7', 443)];
    expect(answer(ruleOf({ organisation: ['example.com'] }), { flows: nameless })).toBe('elsewhere');
  });

  it('ends at its expiry, by the time of the traffic', () => {
    const rule = ruleOf({ detector: ['beacon'] }, { expiresMs: START + 2 * HOUR });
    expect(answer(rule)).toBe('expired');
    expect(answer(rule, { lastMs: START + 2 * HOUR - 1 })).toBe('hidden');
  });
});

describe('a changed behaviour', () => {
  const rule = ruleOf({ source: ['192.168.1.10'] }, { limits: limitsOf([calls], 'medium', {}) });

  it('does not hold to ports a behaviour whose evidence shows a part of them', () => {
    const scan = (ports: number): Detection =>
      detection('scan.vertical', {
        flows: [1, 2, 3].map((port) => flow(port, '192.168.1.10', '192.168.1.20', port)),
        reasons: [reason('scan.ports', ports, 'ports', 'Many ports.')],
      });
    const scope = { detector: ['scan'], source: ['192.168.1.10'] };
    expect(limitsOf([scan(3)], 'high', scope).ports).toEqual([1, 2, 3]);
    expect(limitsOf([scan(1000)], 'high', scope).ports).toBeUndefined();
  });

  it('has limits with headroom: twice the rate and the bytes, half as many peers again, the same ports and severity', () => {
    expect(behaviourOf(calls)).toEqual({
      flowsPerHour: 50,
      peers: 1,
      ports: [443],
      hasAllPorts: true,
      bytesPerFlow: 1000,
    });
    expect(rule.limits).toEqual({
      flowsPerHour: 100,
      peers: 2,
      ports: [443],
      organisations: ['example.com'],
      bytesPerFlow: 2000,
      severity: 'medium',
    });
  });

  it('is hidden up to each limit and shown beyond it, with what has changed', () => {
    const grown = (bytes: number): Partial<Detection> => ({
      flows: [flow(1, '192.168.1.10', '203.0.113.7', 443, { initiatorBytes: bytes, responderBytes: 0 })],
    });
    expect(answer(rule, { flowCount: 200 })).toBe('hidden');
    expect(answer(rule, { flowCount: 203 })).toEqual(['102 flows an hour instead of at most 100']);
    expect(answer(rule, { peerCount: 2 })).toBe('hidden');
    expect(answer(rule, { peerCount: 3 })).toEqual(['3 peers instead of at most 2']);
    expect(answer(rule, grown(2000))).toBe('hidden');
    expect(answer(rule, grown(2001))).toEqual(['a flow of 2,001 bytes instead of at most 2,000']);
    expect(answer(rule, { port: 8443 })).toEqual(['other ports (8443)']);
    expect(answer(rule, {}, 'low')).toBe('hidden');
    expect(answer(rule, {}, 'high')).toEqual(['severity high instead of at most medium']);
  });

  it('is another domain, for who asks for few: a second tunnel through the same name server is not hidden by the rule for the first', () => {
    const to = (domain: string): Detection => ({
      ...detection('dns-tunnel.names', { actor: '192.168.1.10', peers: ['192.168.1.1'] }),
      reasons: [reason('dns-tunnel.domain', domain, 'name', 'All names lie below one domain.')],
    });
    const { actor } = to('a.example');
    const scope = { detector: ['dns-tunnel'], source: [actor] };
    const of = { id: 's1', scope, limits: limitsOf([to('tunnel.example')], 'high', scope) };
    expect(of.limits.organisations).toEqual(['tunnel.example']);
    expect(new Suppressor(of).ask(to('tunnel.example'), 'high')).toEqual({ answer: 'hidden' });
    expect(new Suppressor(of).ask(to('other.example'), 'high')).toEqual({
      answer: 'changed',
      changes: ['names of another domain'],
    });
    // What asks for many names asks for others tomorrow, and what asks for none is not held against names.
    const many = {
      ...calls,
      flows: [1, 2, 3, 4].map((i) => ({ ...flow(i, '192.168.1.10', '203.0.113.7', 53), dnsQuery: `x${i}.example` })),
    };
    expect(limitsOf([many], 'medium', {}).organisations).toBeUndefined();
    expect(answer(rule, { flows: [flow(1, '192.168.1.10', '203.0.113.7', 443)] })).toBe('hidden');
  });

  it('is another kind, where the scope names the detector; shapes of one behaviour are one kind', () => {
    const scope = { detector: ['lateral-movement'], source: ['192.168.1.10'] };
    const listing = detection('lateral-movement.enumeration', { actor: '192.168.1.10', peers: ['192.168.1.20'] });
    const limits = limitsOf([listing], 'high', scope);
    expect(limits.kinds).toEqual(['lateral-movement.enumeration']);
    const suppressor = new Suppressor({ id: 's1', scope, limits });
    expect(suppressor.ask(listing, 'high')).toEqual({ answer: 'hidden' });
    expect(suppressor.ask({ ...listing, kind: 'lateral-movement.credentials' }, 'high')).toEqual({
      answer: 'changed',
      changes: ['another kind (lateral-movement.credentials)'],
    });
    expect(limitsOf([calls], 'low', { detector: ['beacon'] }).kinds).toEqual(['beacon']);
    expect(answer(ruleOf({}, { limits: { kinds: ['beacon'] } }), { kind: 'beacon.slow' })).toBe('hidden');
    expect(limitsOf([calls], 'low', { source: ['192.168.1.10'] }).kinds).toBeUndefined();
  });

  it('is another device that has the address, for what a baseline says of one', () => {
    const seen = (mac: string | undefined): Detection => ({
      ...detection('new-device.station', { actor: '192.168.1.10', peers: ['192.168.1.1'] }),
      flows: [
        {
          ...flow(1, '192.168.1.10', '192.168.1.1', 53),
          ...(mac === undefined ? {} : { initiatorMac: mac }),
          responderMac: '00:00:5e:00:01:01',
        },
      ],
    });
    const limits = limitsOf([seen('3c:52:82:00:00:08')], 'medium', {});
    expect(limits.hardware).toEqual(['3c:52:82:00:00:08']);
    const suppressor = new Suppressor(ruleOf({ source: ['192.168.1.10'] }, { limits }));
    expect(suppressor.ask(seen('3c:52:82:00:00:08'), 'medium')).toEqual({ answer: 'hidden' });
    expect(suppressor.ask(seen(undefined), 'medium')).toEqual({ answer: 'hidden' });
    expect(suppressor.ask(seen('e4:5f:01:aa:bb:cc'), 'medium')).toEqual({
      answer: 'changed',
      changes: ['another hardware address (e4:5f:01:aa:bb:cc)'],
    });
    // Who calls home is told by the call.
    expect(rule.limits.hardware).toBeUndefined();
  });

  it('tells the rate of what lasts ten minutes as well as of what lasts hours', () => {
    const short = { ...calls, flowCount: 60, lastMs: START + 600_000 };
    const long = { ...calls, flowCount: 720, lastMs: START + 2 * HOUR };
    expect(behaviourOf(short).flowsPerHour).toBe(360);
    expect(behaviourOf(long).flowsPerHour).toBe(360);
    expect(behaviourOf({ ...short, lastMs: START }).flowsPerHour).toBe(360);
  });
});

describe('a scope that is made of detections', () => {
  it('holds what all of them have, and says why a part can not be filled', () => {
    const { port: _port, ...scan } = EXAMPLES['scan.horizontal'];
    expect(scopeOf([calls], ['detector', 'source', 'destination', 'organisation', 'port', 'schedule'])).toEqual({
      scope: {
        detector: ['beacon'],
        source: ['192.168.1.10'],
        destination: ['203.0.113.7'],
        organisation: ['example.com'],
        port: [443],
        schedule: ['tue 06:00-11:00'],
      },
      missing: [],
    });
    expect(scopeOf([scan], ['destination', 'organisation', 'port']).missing).toEqual([
      { part: 'destination', why: 'it has more peers than are listed' },
      { part: 'organisation', why: 'not all of its flows ask for a name' },
      { part: 'port', why: 'it is about no single port' },
    ]);
  });

  it('fits the detections that it was made of, also past midnight', () => {
    const late = { ...calls, firstMs: START + 15 * HOUR, lastMs: START + 18 * HOUR, flows: [] };
    const { scope } = scopeOf([late], ['schedule']);
    expect(scope.schedule).toEqual(['daily 21:00-03:00']);
    expect(new Suppressor(ruleOf(scope)).ask(late, 'low').answer).toBe('hidden');
  });

  it('is told in words', () => {
    expect(
      describeRule({
        scope: {
          detector: ['beacon'],
          source: ['10.0.0.5'],
          destination: ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4'],
          port: [443],
        },
        expiresMs: START,
      }),
    ).toBe('beacon of 10.0.0.5 to 192.0.2.1, 192.0.2.2 and 2 more, port 443, until 2024-05-14');
  });
});

describe('grouping with feedback', () => {
  const scan = detection('scan.horizontal', {
    actor: '192.168.1.10',
    peers: ['192.168.1.20'],
    lastMs: START + HOUR,
    score: 1,
  });
  const rule = ruleOf(
    { detector: ['beacon'], source: ['192.168.1.10'] },
    { reason: 'time service', createdMs: START, limits: limitsOf([calls], 'medium', { detector: ['beacon'] }) },
  );
  const feedback = (rules: readonly SuppressionRule[], labels: Feedback['labels'] = []): Feedback => ({
    rules,
    labels,
  });

  it('hides what a rule hides, and counts it for the rule', () => {
    const { incidents, outcome } = groupWithFeedback([calls], feedback([rule]), { context: CONTEXT });
    expect(incidents).toEqual([]);
    expect(outcome?.hidden).toBe(1);
    expect(outcome?.rules).toEqual([
      {
        rule: 's1',
        meaning: 'beacon of 192.168.1.10',
        reason: 'time service',
        createdMs: START,
        hidden: 1,
        incidents: 1,
        changed: 0,
        expired: 0,
      },
    ]);
  });

  it('shows what grew more severe than it was when it was labelled, and says so with the incident', () => {
    const both = { ...feedback([ruleOf(rule.scope, { limits: { severity: 'low' } })]) };
    const { incidents, outcome } = groupWithFeedback([calls, scan], both, { context: CONTEXT });
    const shown = incidents.find(({ kind }) => kind === 'beacon.interval');
    expect(shown?.severity).not.toBe('low');
    expect(shown?.notHidden).toEqual([{ rule: 's1', changes: [`severity ${shown?.severity} instead of at most low`] }]);
    expect(outcome?.rules[0]).toMatchObject({ hidden: 0, changed: 1 });
  });

  it('changes no byte where there is no feedback', () => {
    const plain = groupDetections([calls, scan], { context: CONTEXT });
    expect(groupWithFeedback([calls, scan], feedback([]), { context: CONTEXT })).toEqual({ incidents: plain });
  });

  it('never hides what was labelled malicious', () => {
    const [plain] = groupDetections([calls], { context: CONTEXT });
    const label = { incident: plain?.id ?? '', label: 'malicious', detectors: ['beacon'] } as const;
    const { incidents } = groupWithFeedback([calls], feedback([rule], [label]), { context: CONTEXT });
    expect(incidents.map(({ id, label: said }) => [id, said])).toEqual([[plain?.id, 'malicious']]);
  });

  it('hides by the first rule that does, and by name alone where the beacon has one', () => {
    const named = { ...calls, reasons: [reason('beacon.name', 'x.example.org', '', 'It asked for a name.')] };
    const rules = [
      ruleOf({ organisation: ['example.com'] }),
      { ...ruleOf({ organisation: ['example.org'] }), id: 's2' },
      { ...rule, id: 's3' },
    ];
    const { outcome } = groupWithFeedback([named], feedback(rules), { context: CONTEXT });
    expect(outcome?.rules.map(({ hidden }) => hidden)).toEqual([0, 1, 0]);
  });
});
