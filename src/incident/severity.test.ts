import { describe, expect, it } from 'vitest';
import { detection, EXAMPLES, flow, incidentOf, incidentsOf, reason, START } from '../../test/support/detection.ts';
import type { Detection } from '../detect/index.ts';
import { groupDetections } from './group.ts';
import type { Incident } from './incident.ts';
import { scorePoints, severityOf } from './severity.ts';

function sum(incident: Incident | undefined): string {
  const steps = (incident?.severitySteps ?? []).map(({ rule, points }) => `${points} ${rule}`);
  return [...steps, `= ${incident?.urgency} ${incident?.severity}`].join('\n');
}

/** The detection with some reasons replaced by others of the same name, or added. */
function withReasons(base: Detection, ...reasons: Detection['reasons']): Detection {
  const names = new Set(reasons.map((r) => r.name));
  return { ...base, reasons: [...base.reasons.filter((r) => !names.has(r.name)), ...reasons] };
}

function without(base: Detection, ...names: string[]): Detection {
  return { ...base, reasons: base.reasons.filter((r) => !names.includes(r.name)) };
}

function severity(base: Detection, changes: Partial<Detection> = {}): string {
  return incidentOf({ ...base, ...changes }).severity;
}

describe('levels', () => {
  it('begin at 20, 40, 60 and 85 points', () => {
    expect([-30, 19, 20, 39, 40, 59, 60, 84, 85, 200].map(severityOf)).toEqual([
      'info',
      'info',
      'low',
      'low',
      'medium',
      'medium',
      'high',
      'high',
      'critical',
      'critical',
    ]);
  });

  it('the score gives -20 to 20 points, none at a half', () => {
    expect([0, 0.3, 0.49, 0.5, 0.51, 0.9, 1].map(scorePoints)).toEqual([-20, -8, 0, 0, 0, 16, 20]);
    expect(Object.is(scorePoints(0.495), 0)).toBe(true);
  });
});

describe('the sum of each kind', () => {
  it.each([
    [
      'scan.horizontal',
      `25 A search for hosts that answer on a port
20 The detector is very sure (score 0.99)
15 A host inside searches the home network: it may be compromised
8 It tried 100 targets or more
5 Something answered the search
= 73 high`,
    ],
    [
      'scan.vertical',
      `25 A search for open ports of one host
19 The detector is very sure (score 0.98)
-20 The search comes from outside, as it does all day on the Internet
8 It tried 100 targets or more
10 Something inside answered the search
= 42 medium`,
    ],
    [
      'scan.arp',
      `12 A search for hosts on the local network by ARP
18 The detector is very sure (score 0.96)
15 A host inside searches the home network: it may be compromised
8 It tried 100 targets or more
= 53 medium`,
    ],
    [
      'brute-force.login',
      `42 Many tries at a login service, as password guessing makes
15 The detector is sure (score 0.88)
12 A host inside tries to log in to another one: it may be compromised
4 A longer session between the same hosts: a login may have worked
= 73 high`,
    ],
    [
      'flood.syn',
      `40 Far more packets than the target can have asked for
20 The detector is very sure (score 0.99)
5 The target is a host of the home network
20 The rate is 100 times the threshold or more
10 No ordinary connection to the target came through in the same time
= 95 critical`,
    ],
    [
      'flood.backscatter',
      `10 Answers to connections that nobody here made: an echo of a flood somewhere else
5 The detector is fairly sure (score 0.62)
= 15 info`,
    ],
    [
      'beacon.interval',
      `25 Connections to the same place again and again
19 The detector is very sure (score 0.97)
8 There were 100 connections or more
6 The rhythm is nearly perfect, kept up over 100 connections to a host outside
= 58 medium`,
    ],
    [
      'long-connection.open',
      `25 A connection that stayed open for long
5 The detector is fairly sure (score 0.63)
8 It uses a port that no usual service has
= 38 low`,
    ],
    [
      'strange-flow.outlier',
      `20 A model finds the traffic strange, without a known pattern
0 The detector is not sure (score 0.49)
= 20 low`,
    ],
    [
      'burst.volume',
      `20 A detector found something that the severity rules have no entry for
16 The detector is very sure (score 0.90)
= 36 low`,
    ],
  ] as const)('%s', (kind, expected) => {
    expect(sum(incidentOf(EXAMPLES[kind]))).toBe(expected);
  });
});

describe('scans', () => {
  const scan = EXAMPLES['scan.horizontal'];
  const fromOutside = { ...scan, actor: '203.0.113.9' };

  it('from outside that find nothing are weather', () => {
    expect(severity(withReasons(fromOutside, reason('scan.answered', 0, 'targets', 'None.')))).toBe('low');
  });

  it('from outside that find something are worth a look', () => {
    expect(severity(fromOutside)).toBe('medium');
  });

  it('of a few hosts from inside with a moderate score stay below high', () => {
    const few = withReasons(
      scan,
      reason('scan.targets', 6, 'hosts', 'Six.'),
      reason('scan.answered', 0, 'targets', 'None.'),
    );
    expect(severity({ ...few, peerCount: 6 }, { score: 0.6 })).toBe('medium');
  });

  it('that look like a web client without a way out weigh less', () => {
    const web = withReasons(
      scan,
      reason('scan.web-client', 'yes', '', 'A client.'),
      reason('scan.answered', 0, 'targets', 'None.'),
    );
    expect(severity({ ...web, peers: ['203.0.113.1'], port: 443 }, { score: 0.92 })).toBe('low');
  });

  it('of hosts outside that never answer weigh less, unless a worm could spread by the port', () => {
    const outward = {
      ...withReasons(scan, reason('scan.answered', 0, 'targets', 'None.')),
      peers: ['203.0.113.1', '198.51.100.2'],
      flows: [flow(1, scan.actor, '203.0.113.1', 3333), flow(2, scan.actor, '198.51.100.2', 8333)],
      port: 3333,
    };
    expect(sum(incidentOf(outward))).toBe(`25 A search for hosts that answer on a port
20 The detector is very sure (score 0.99)
15 A host inside searches networks outside: it may be compromised
8 It tried 100 targets or more
-15 Nobody outside answered, on ports by which no worm spreads: peer-to-peer programs and miners with old lists of addresses do the same
= 53 medium`);
    const { port: _port, ...noPort } = outward;
    expect(severity({ ...noPort, kind: 'scan.block' })).toBe('medium');
    expect(severity({ ...outward, port: 445 })).toBe('high');
    expect(severity({ ...noPort, flows: [...noPort.flows, flow(3, scan.actor, '203.0.113.1', 23)] })).toBe('high');
    expect(severity(withReasons(outward, reason('scan.answered', 1, 'targets', 'One.')))).toBe('high');
    expect(severity(without(outward, 'scan.answered'))).toBe('high');
    expect(severity({ ...outward, peers: ['192.168.10.5'] })).toBe('high');
  });

  it('count the peers where no measure says how many targets there were', () => {
    expect(sum(incidentOf(without(scan, 'scan.targets')))).toContain('8 It tried 100 targets or more');
  });

  it('with two patterns of one detector weigh a little more', () => {
    const arp = { ...EXAMPLES['scan.arp'], actor: scan.actor };
    expect(sum(incidentOf(scan, arp))).toContain('4 The same detector found more than one pattern');
  });
});

describe('logins', () => {
  const guessing = without(EXAMPLES['brute-force.login'], 'brute-force.session');

  it('tried from inside, or where nobody is known, are high', () => {
    expect(severity(guessing)).toBe('high');
    expect(severity(guessing, { actor: '147.32.80.40', peers: ['147.32.80.37'], score: 0.7 })).toBe('high');
  });

  it('tried from outside are medium, and high when one may have worked', () => {
    const outside = { ...guessing, actor: '203.0.113.9', score: 0.95 };
    expect(severity(outside)).toBe('medium');
    expect(severity(withReasons(outside, reason('brute-force.session', 1, 'sessions', 'One.')))).toBe('high');
  });

  it('tried nine times at the threshold are not high', () => {
    expect(severity(guessing, { score: 0.5 })).toBe('medium');
  });

  it('of a service where programs do so all day are not high', () => {
    const chatty = withReasons(guessing, reason('brute-force.chatty', 'mysql', '', 'Programs.'));
    expect(severity(chatty, { score: 0.68 })).toBe('medium');
  });

  it('tried a hundred and a thousand times weigh more', () => {
    const times = (n: number): number =>
      incidentOf(withReasons(guessing, reason('brute-force.attempts', n, '', 'So many.'))).urgency;
    expect([times(99), times(100), times(1000)].map((points) => points - times(99))).toEqual([0, 7, 10]);
  });
});

describe('floods', () => {
  const flood = EXAMPLES['flood.syn'];

  it('at the threshold are medium, at ten times of it high', () => {
    const rate = (n: number): Detection => withReasons(flood, reason('flood.rate', n, 'packets/s', 'So fast.', 50));
    expect(severity(without(rate(50), 'flood.half-open'), { score: 0.5 })).toBe('medium');
    expect(severity(without(rate(500), 'flood.half-open'), { score: 0.91 })).toBe('high');
  });

  it('work without any measure', () => {
    expect(sum(incidentOf({ ...flood, reasons: [] }))).toBe(`40 Far more packets than the target can have asked for
20 The detector is very sure (score 0.99)
10 A host inside takes part in a flood against others
= 70 high`);
  });

  it('that are one stream weigh less', () => {
    const stream = withReasons(
      EXAMPLES['flood.udp'],
      reason('flood.few-flows', 3, 'flows', 'Few.'),
      reason('flood.rate', 5000, 'packets/s', 'So fast.', 5000),
    );
    expect(severity({ ...stream, actor: '192.168.1.9', peers: ['192.168.1.8'] }, { score: 0.4 })).toBe('low');
  });

  it('elsewhere leave no more than a low echo, even of a host inside', () => {
    expect(severity(EXAMPLES['flood.backscatter'], { score: 1, actor: '192.168.1.80' })).toBe('low');
  });
});

describe('calls', () => {
  const beacon = EXAMPLES['beacon.interval'];
  const few = withReasons(beacon, reason('beacon.connections', 40, 'connections', 'Forty.'));

  it('of score 0.9 alone are medium, and of 0.85 low', () => {
    expect(severity(few, { score: 0.9 })).toBe('medium');
    expect(severity(few, { score: 0.85 })).toBe('low');
  });

  it('alone are never high below 100 connections, whatever the port', () => {
    expect(severity(few, { score: 1, port: 7084 })).toBe('medium');
  });

  it('inside the home network are low, and on the port of a usual service information, however many; but not through a proxy', () => {
    expect(severity(beacon, { peers: ['192.168.10.5'], port: 7084 })).toBe('low');
    expect(severity(beacon, { peers: ['192.168.10.5'] })).toBe('info');
    const steps = (changes: Partial<Detection>) =>
      incidentOf({ ...beacon, ...changes }).severitySteps.map((s) => s.rule);
    expect(steps({})).toContain('There were 100 connections or more');
    expect(steps({ peers: ['192.168.10.5'] })).not.toContain('There were 100 connections or more');
    expect(severity(beacon, { peers: ['192.168.10.5'], port: 3128, service: 'http' })).toBe('medium');
  });

  it('that five hosts or half of the home network make as well weigh less, but not through a proxy, which all call', () => {
    const common = (share: number): Detection =>
      withReasons(few, reason('beacon.prevalence', share, 'ratio 0..1', 'So many call the same place.'));
    expect(severity(common(0.02), { score: 0.95 })).toBe('low');
    for (const share of [0.02, 0.49])
      expect(sum(incidentOf(common(share)))).toContain(
        '-12 Five hosts of the home network or more call the same place',
      );
    expect(sum(incidentOf(common(0.5)))).toContain(
      '-20 Half of the hosts of the home network or more call the same place',
    );
    const proxied = { score: 0.95, peers: ['192.168.10.5'], port: 3128, service: 'http' };
    expect(severity(common(0.5), proxied)).toBe(severity(few, proxied));
  });

  it('are high by their rhythm alone in no case, but on a port that no usual service has', () => {
    const many = withReasons(few, reason('beacon.connections', 10_000, 'connections', 'So many.'));
    expect([severity(many, { score: 1 }), severity(many, { score: 1, port: 7084 })]).toEqual(['medium', 'high']);
  });

  it('that other hosts make as well weigh less, however many they are', () => {
    const many = withReasons(few, reason('beacon.connections', 10_000, 'connections', 'So many.'));
    const shared = withReasons(many, reason('beacon.callers', 2, 'hosts', 'Two.'));
    expect(severity({ ...shared, score: 1 })).toBe('low');
    expect(severity({ ...shared, score: 1, port: 7084 })).toBe('medium');
    const proxied = { peers: ['192.168.10.5'], port: 3128, service: 'http' };
    expect(severity(shared, proxied)).toBe(severity(many, proxied));
  });

  it('for mail weigh less, however many they are', () => {
    const many = withReasons(few, reason('beacon.connections', 10_000, 'connections', 'So many.'));
    for (const port of [143, 993, 110, 995])
      expect(
        sum(incidentOf({ ...many, score: 1, port, service: 'tls' })),
      ).toBe(`25 Connections to the same place again and again
20 The detector is very sure (score 1.00)
-10 It is the port of a service of mail boxes, which programs ask by the clock
= 35 low`);
    expect(severity({ ...many, score: 1, port: 587, service: 'tls' })).toBe('medium');
  });

  it('to a popular domain weigh less', () => {
    const popular = withReasons(few, reason('beacon.popular', 12, 'rank', 'It is popular.'));
    expect(incidentOf(few).urgency - incidentOf(popular).urgency).toBe(10);
  });

  it('of a nearly perfect rhythm weigh more, unless five hosts keep it alike', () => {
    const many = withReasons(few, reason('beacon.connections', 400, 'connections', 'So many.'));
    const strong = [1, 2, 3, 4, 5].map((i) => ({ ...many, score: 1, actor: `192.168.10.${i}` }));
    const rule = 'The rhythm is nearly perfect';
    expect(sum(incidentOf(strong[0] ?? many))).toContain(rule);
    expect(sum(incidentOf(...strong))).not.toContain(rule);
  });

  it('that stay open from five hosts to one place are one incident, which weighs less; from four they are four', () => {
    const open = EXAMPLES['long-connection.open'];
    const phones = [1, 2, 3, 4, 5].map((i) => ({
      ...open,
      actor: `192.168.10.${i}`,
      peers: ['203.0.113.52'],
      port: 5223,
    }));
    expect(incidentsOf(...phones.slice(0, 4))).toHaveLength(4);
    const [joined, ...others] = incidentsOf(...phones);
    expect(others).toEqual([]);
    expect(joined?.title).toBe(
      '5 hosts (192.168.10.1 and others) kept a connection to 203.0.113.52 on port 5223 open for 9 h 2 min.',
    );
    expect(incidentOf(phones[0] ?? open).urgency - (joined?.urgency ?? 0)).toBe(10);
  });

  it('that went on for less than two hours of a longer time weigh a little less', () => {
    const during = (ms: number): number =>
      incidentOf(few).urgency - incidentOf(withReasons(few, reason('beacon.window', ms, 'ms', 'A part.'))).urgency;
    expect([during(7_199_999), during(7_200_000), during(604_800_000)]).toEqual([5, 0, 0]);
  });

  it('of five hosts and more to one name are one incident, which weighs a little less for that, and counts what most of them do beside', () => {
    const named = withReasons(few, reason('beacon.name', 'update.vendor.example', 'name', 'One name.'));
    const hosts = [1, 2, 3, 4, 5].map((i) => ({ ...named, actor: `192.168.10.${i}`, peers: [`203.0.113.${i}`] }));
    expect(incidentsOf(...hosts.slice(0, 4))).toHaveLength(4);
    const [joined, ...others] = incidentsOf(...hosts);
    expect(others).toEqual([]);
    expect(joined?.title).toBe(
      '5 hosts (192.168.10.1 and others) called 5 hosts (203.0.113.1, 203.0.113.2 and others) on port 443 (TLS) at even times, 200 times together in 4 h 38 min.',
    );
    expect(joined?.urgency).toBe(incidentOf(named).urgency - 12);
    const scan = EXAMPLES['scan.horizontal'];
    const beside = (n: number): number =>
      incidentsOf(...hosts, ...hosts.slice(0, n).map(({ actor }) => ({ ...scan, actor, peers: [`10.9.9.${n}`] }))).find(
        ({ kind }) => kind === 'beacon.interval',
      )?.urgency ?? 0;
    expect([beside(2), beside(3)]).toEqual([joined?.urgency, (joined?.urgency ?? 0) + 15]);
  });

  it('in vain are judged like calls, from a lower base, inside the home network lower still', () => {
    const vain = detection('beacon.attempts', {
      peers: ['203.0.113.7'],
      port: 1177,
      protocol: 'tcp',
      score: 0.9,
      reasons: [
        reason('beacon.connections', 237, 'connections', 'It tried 237 times.'),
        reason('beacon.interval-median', 11_500, 'ms', 'Half of the intervals are longer.'),
      ],
    });
    expect(incidentOf(vain).title).toBe(
      '192.168.1.10 tried in vain to connect to 203.0.113.7 on port 1177 about every 11.5 s, 237 times in 1 min.',
    );
    expect([severity(vain), severity(vain, { peers: ['192.168.1.77'] })]).toEqual(['medium', 'low']);
    expect(incidentOf(vain).techniques.map(({ id }) => id)).toEqual(['T1095']);
  });

  it('to DNS over TLS in vain are low', () => {
    const vain = detection('beacon.attempts', {
      peers: ['203.0.113.53'],
      port: 853,
      protocol: 'tcp',
      score: 0.99,
      reasons: [reason('beacon.connections', 237, 'connections', 'It tried 237 times.')],
    });
    expect([853, 443].map((port) => severity(vain, { port }))).toEqual(['low', 'medium']);
  });

  it('by name over TLS weigh less where the device is one of one purpose, and only so', () => {
    const named = withReasons(few, reason('beacon.name', 'api.plug.example', 'name', 'One name.'));
    const by = (role: string, changes: Partial<Detection> = {}, base = named): string =>
      (
        groupDetections([{ ...base, ...changes }], {
          context: { isHome: (address) => address.startsWith('192.168.') },
          weights: { roleOf: (address) => (address === '192.168.10.23' ? role : undefined) },
        })[0]?.severitySteps ?? []
      )
        .filter(({ rule }) => rule.startsWith('It is a device of one purpose'))
        .map(({ points }) => points)
        .join();
    expect(by('iot')).toBe('-20');
    expect(by('camera', { port: 8883 })).toBe('-20');
    expect(by('computer')).toBe('');
    expect(by('iot', { port: 8443 })).toBe('');
    expect(by('iot', { service: 'http' })).toBe('');
    expect(by('iot', {}, few)).toBe('');
    expect(by('iot', { actor: '192.168.10.24' })).toBe('');
  });

  it('through a proxy name the host that was asked for', () => {
    const named = withReasons(few, reason('beacon.name', 'c2.bad.example', 'name', 'One name.'));
    const proxied = { ...named, peers: ['192.168.10.5'], port: 3128, service: 'http' };
    expect(incidentOf(proxied).title).toContain('called “c2.bad.example” through 192.168.10.5 on port 3128');
    expect(incidentOf(named).title).not.toContain('c2.bad.example');
  });

  it('with a lasting connection, a strange flow and a search by the same host are critical', () => {
    const { 'long-connection.open': open, 'strange-flow.outlier': strange, 'scan.horizontal': scan } = EXAMPLES;
    const [first] = incidentsOf(beacon, open, strange, scan);
    expect(sum(first)).toBe(`25 Connections to the same place again and again
19 The detector is very sure (score 0.97)
8 There were 100 connections or more
6 The rhythm is nearly perfect, kept up over 100 connections to a host outside
10 Another detector found the same hosts
6 A model finds flows between these hosts strange, too
15 The same host also shows other behaviour (reconnaissance)
= 89 critical`);
  });
});

describe('alerts of another sensor', () => {
  const scan = {
    ...EXAMPLES['scan.vertical'],
    actor: '203.0.113.9',
    peers: ['192.168.10.23'],
    firstMs: START,
    lastMs: START + 1000,
  };
  const alert = (fields: Partial<Detection>, severity = 'medium'): Detection =>
    detection('alert.signature', {
      actor: scan.actor,
      peers: scan.peers,
      firstMs: scan.firstMs,
      lastMs: scan.lastMs,
      score: 1,
      reasons: [
        reason('alert.count', 1, 'alerts', 'One alert.'),
        reason('alert.severity', severity, '', 'The severity.'),
        reason('alert.category', 'Attempted Information Leak', '', 'The class.'),
      ],
      ...fields,
    });
  const step = { rule: 'Another sensor raised an alert about the same hosts', points: 10 };
  const ofScan = (...others: Detection[]) =>
    incidentsOf(scan, ...others).find(({ kind }) => kind === 'scan.vertical')?.severitySteps;

  it('speak for what is found about the same two hosts in the same time', () => {
    expect(ofScan(alert({}))).toContainEqual(step);
    expect(ofScan(alert({ firstMs: scan.lastMs + 3_600_000, lastMs: scan.lastMs + 3_600_000 }))).toContainEqual(step);
  });

  it('do not where they are mere information, or of another host, target or time', () => {
    expect(ofScan()).not.toContainEqual(step);
    expect(ofScan(alert({}, 'info'))).not.toContainEqual(step);
    expect(ofScan(alert({ actor: '203.0.113.10' }))).not.toContainEqual(step);
    expect(ofScan(alert({ peers: ['192.168.10.24'] }))).not.toContainEqual(step);
    const later = scan.lastMs + 3_600_001;
    expect(ofScan(alert({ firstMs: later, lastMs: later }))).not.toContainEqual(step);
  });

  it('do not speak for one another', () => {
    const other = alert({
      reasons: [...alert({}).reasons.slice(0, 2), reason('alert.category', 'Misc Attack', '', 'The class.')],
    });
    for (const { severitySteps } of incidentsOf(alert({}), other)) expect(severitySteps).not.toContainEqual(step);
  });
});

describe('opinions of a model', () => {
  it('alone are never above low', () => {
    const certain = { ...EXAMPLES['strange-flow.outlier'], score: 1 };
    expect(sum(incidentOf(certain))).toBe(`20 A model finds the traffic strange, without a known pattern
20 The detector is very sure (score 1.00)
-1 Only a model's opinion, without a known pattern behind it: at most low
= 39 low`);
    expect(severity(certain, { score: 0.4 })).toBe('info');
  });

  it('do not make other behaviour of the same host more urgent', () => {
    const elsewhere = { ...EXAMPLES['strange-flow.outlier'], peers: ['203.0.113.200'] };
    const [scan] = incidentsOf({ ...EXAMPLES['scan.horizontal'], actor: elsewhere.actor }, elsewhere);
    expect(scan?.urgency).toBe(73);
  });
});

it('what a host suffers is no behaviour of its own', () => {
  const [, scan] = incidentsOf(EXAMPLES['flood.syn'], { ...EXAMPLES['scan.horizontal'], actor: '192.168.10.80' });
  expect(scan?.kind).toBe('scan.horizontal');
  expect(scan?.urgency).toBe(73);
});

it('a light finding does not support another', () => {
  const [scan] = incidentsOf(EXAMPLES['scan.horizontal'], {
    ...EXAMPLES['brute-force.login'],
    actor: '192.168.10.23',
    score: 0.4,
  });
  expect(scan?.kind).toBe('scan.horizontal');
  expect(scan?.urgency).toBe(73);
});

describe('what a baseline says', () => {
  it('is said once, however many detectors ask it', () => {
    const of = (kind: string, score: number): Detection =>
      detection(kind, { actor: '192.168.1.10', peers: ['192.168.1.1'], score });
    const device = of('new-device.station', 0.9);
    const policy = of('policy.unknown-source', 0.8);
    expect(sum(incidentsOf(device, policy)[0])).toBe(sum(incidentOf(device)));
    expect(incidentOf(device).severity).toBe('medium');
    expect(incidentOf(of('new-device.randomised', 0.5)).severity).toBe('low');
    const [offers] = incidentsOf(of('new-service.offered', 0.8), of('new-edge.outside', 0.7));
    expect(sum(offers)).not.toContain('Another detector');
  });
});
