import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  arbitraryDetections,
  CONTEXT,
  detection,
  EXAMPLES,
  flow,
  incidentOf,
  incidentsOf,
  reason,
  START,
} from '../../test/support/detection.ts';
import type { Detection } from '../detect/index.ts';
import { MAX_INCIDENT_FLOWS, MAX_INCIDENT_MEASURES } from './evidence.ts';
import { groupDetections } from './group.ts';
import { severityRank } from './incident.ts';
import { severityOf } from './severity.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** A detection that lasts from one minute to another. */
function between(from: number, to: number, fields: Partial<Detection> = {}, kind = 'scan.horizontal'): Detection {
  return detection(kind, { firstMs: START + from * MINUTE, lastMs: START + to * MINUTE, ...fields });
}

function sizes(...detections: Detection[]): number[] {
  return incidentsOf(...detections)
    .map((incident) => incident.detections.length)
    .sort((a, b) => a - b);
}

describe('what else a host does', () => {
  it('counts for an incident, but for regular calls from inside to inside', () => {
    const scan = between(0, 10);
    const beacon = (peer: string): Detection => ({ ...EXAMPLES['beacon.interval'], actor: scan.actor, peers: [peer] });
    const others = (peer: string): string[] =>
      incidentsOf(scan, beacon(peer))
        .filter(({ kind }) => kind === scan.kind)
        .flatMap(({ severitySteps }) => severitySteps.map(({ rule }) => rule))
        .filter((rule) => rule.includes('other behaviour'));
    expect(others('203.0.113.77')).toEqual(['The same host also shows other behaviour (command and control)']);
    expect(others('192.168.10.77')).toEqual([]);
  });
});

describe('joining', () => {
  it('joins the scans of one host that overlap or follow within an hour', () => {
    expect(sizes(between(0, 10), between(5, 12, {}, 'scan.arp'), between(70, 71, {}, 'scan.vertical'))).toEqual([3]);
  });

  it('splits the scans of one host after more than an hour of silence', () => {
    expect(sizes(between(0, 10), between(71, 72))).toEqual([1, 1]);
  });

  it('takes the length of silence that ends a story as an option', () => {
    const detections = [between(0, 10), between(71, 72)];
    expect(groupDetections(detections, { context: CONTEXT, options: { gapMs: 2 * HOUR } })).toHaveLength(1);
  });

  it('counts the silence from the latest end, not from the end of the detection before', () => {
    expect(sizes(between(0, 300), between(10, 20), between(330, 340))).toEqual([3]);
  });

  it('reads a span that runs backwards as if it ran forwards', () => {
    const backwards = between(200, 0);
    expect(sizes(backwards, between(100, 101), between(250, 251))).toEqual([3]);
    expect(incidentOf(backwards)).toMatchObject({ firstMs: START, lastMs: START + 200 * MINUTE });
  });

  it('keeps the scans of different hosts apart', () => {
    expect(sizes(between(0, 10), between(0, 10, { actor: '192.168.1.11' }))).toEqual([1, 1]);
  });

  it('joins a scan and guessing at the same targets, led by the heavier part with the other one beside it', () => {
    const scan = between(0, 10);
    const logins = between(4, 12, {}, 'brute-force.login');
    const incident = incidentOf(scan, logins);
    expect(incident.kind).toBe('brute-force.login');
    expect(incident.detections.map((d) => d.kind)).toEqual(['brute-force.login', 'scan.horizontal']);
    expect(incident.severitySteps).toContainEqual({
      rule: 'The same host also shows other behaviour (reconnaissance)',
      points: 15,
    });
    expect(incident.techniques.map(({ id }) => id)).toEqual(['T1046', 'T1110.001']);
    // Each with the times of what shows it.
    for (const { id, firstMs, lastMs } of incident.techniques) {
      const showing = incident.detections.filter(({ kind }) => kind.startsWith('scan.') === (id === 'T1046'));
      expect([firstMs, lastMs]).toEqual([
        Math.min(...showing.map((one) => one.firstMs)),
        Math.max(...showing.map((one) => one.lastMs)),
      ]);
    }
    const apart = incidentsOf(scan, { ...logins, peers: ['192.168.1.99'] });
    expect(apart.map((one) => one.kind)).toEqual(['brute-force.login', 'scan.horizontal']);
    expect(apart[0]?.urgency).toBe(incident.urgency);
    expect(apart[1]?.severitySteps).toContainEqual({
      rule: 'The same host also shows other behaviour (access)',
      points: 15,
    });
  });

  it('joins a scan, guessing and movement by one host in a chain of targets, and tells each of them in the title', () => {
    const steps = [
      between(0, 1, { peers: ['192.168.1.20', '192.168.1.21'], peerCount: 2 }),
      between(10, 11, { peers: ['192.168.1.20'] }, 'brute-force.login'),
      between(50, 51, { peers: ['192.168.1.20'] }, 'lateral-movement.execution'),
    ];
    const incident = incidentOf(...steps);
    expect(incident.detections).toHaveLength(3);
    expect(incident.title.split('; it also ')).toHaveLength(3);
    expect(incident.firstMs).toBe(START);
    expect(incident.lastMs).toBe(START + 51 * MINUTE);
  });

  it('keeps steps against the same target apart after more than an hour of silence, and those of two hosts', () => {
    const scan = between(0, 10);
    expect(sizes(scan, between(70, 80, {}, 'brute-force.login'))).toEqual([2]);
    expect(sizes(scan, between(71, 80, {}, 'brute-force.login'))).toEqual([1, 1]);
    expect(sizes(scan, between(0, 10, { actor: '192.168.1.11' }, 'brute-force.login'))).toEqual([1, 1]);
  });

  it('takes a target in the same network for one of a search whose list of targets is cut, and not of one that is whole', () => {
    const guess = between(0, 10, { peers: ['192.168.1.99'] }, 'brute-force.login');
    expect(sizes(between(0, 10, { peerCount: 200 }), guess)).toEqual([2]);
    expect(sizes(between(0, 10, { peerCount: 200, peers: ['192.168.2.20'] }), guess)).toEqual([1, 1]);
    expect(sizes(between(0, 10, { peerCount: 1 }), guess)).toEqual([1, 1]);
  });

  it('never makes a story less urgent than its heaviest part would be alone', () => {
    const parts = [between(0, 10, { score: 0.6 }), between(0, 10, { score: 1 }, 'brute-force.login')];
    const alone = parts.map((part) => incidentOf(part).urgency);
    expect(incidentOf(...parts).urgency).toBeGreaterThanOrEqual(Math.max(...alone));
  });

  it('joins calls to one service wherever it lives: by domain, by neighbours on one port, by a port of its own', () => {
    const call = (peer: string, fields: Partial<Detection> = {}): Detection =>
      between(0, 10, { peers: [peer], port: 443, protocol: 'tcp', ...fields }, 'beacon.interval');
    const named = (name: string): Partial<Detection> => ({
      reasons: [reason('beacon.name', name, '', 'It asked for a name.')],
    });
    expect(sizes(call('203.0.113.1'), call('198.51.100.1'))).toEqual([1, 1]);
    expect(sizes(call('203.0.113.1'), call('203.0.113.200'))).toEqual([2]);
    expect(sizes(call('203.0.113.1'), call('203.0.113.200', { port: 8443 }))).toEqual([1, 1]);
    expect(sizes(call('203.0.113.1', named('a.example.com')), call('198.51.100.1', named('b.example.com')))).toEqual([
      2,
    ]);
    expect(sizes(call('203.0.113.1', named('a.example.com')), call('198.51.100.1', named('a.example.org')))).toEqual([
      1, 1,
    ]);
    const odd = { port: 7084 };
    expect(sizes(call('203.0.113.1', odd), call('198.51.100.1', odd))).toEqual([2]);
    expect(sizes(call('203.0.113.1', odd), call('198.51.100.1', { ...odd, actor: '192.168.1.11' }))).toEqual([1, 1]);
  });

  it('joins a beacon and a lasting connection to the same peer, and not to another one', () => {
    expect(sizes(EXAMPLES['beacon.interval'], EXAMPLES['long-connection.open'])).toEqual([2]);
    expect(sizes(EXAMPLES['beacon.interval'], { ...EXAMPLES['long-connection.open'], peers: ['192.0.2.78'] })).toEqual([
      1, 1,
    ]);
  });

  it('joins what floods one target, seen from the source and from the target', () => {
    const target = EXAMPLES['flood.syn'];
    const source = { ...EXAMPLES['flood.udp'], actor: '203.0.113.1', peers: [target.actor] };
    const incident = incidentOf(target, source);
    expect(incident.actors.map((host) => host.address)).toEqual(['192.168.10.80']);
    expect(incident.peers.map((host) => host.address)).toEqual(['203.0.113.1', '203.0.113.2']);
    expect(incident.peerCount).toBe(9607);
  });

  it('keeps the echo of a flood apart from a flood', () => {
    expect(sizes(EXAMPLES['flood.backscatter'], { ...EXAMPLES['flood.icmp'], actor: '203.0.113.80' })).toEqual([1, 1]);
  });

  it('groups kinds that nobody knows by their family', () => {
    expect(sizes(detection('tunnel.dns'), detection('tunnel.icmp'), detection('dga.names'))).toEqual([1, 2]);
  });
});

describe('many actors at one target', () => {
  const guessers = (count: number, peer = '192.168.1.37'): Detection[] =>
    Array.from({ length: count }, (_, i) =>
      between(i, i + 1, { actor: `203.0.113.${i + 1}`, peers: [peer], port: 22, service: 'ssh' }, 'brute-force.login'),
    );

  it('makes one incident of five hosts that guess at one service', () => {
    const incident = incidentOf(...guessers(5));
    expect(incident.actors).toHaveLength(5);
    expect(incident.title).toBe(
      '5 hosts (203.0.113.1 and others) opened short SSH connections again and again to 192.168.1.37 on port 22 in 5 min, as password guessing does.',
    );
    expect(incident.severitySteps).toContainEqual({ rule: 'Many hosts do the same to the same target', points: 5 });
  });

  it('keeps four of them apart', () => {
    expect(sizes(...guessers(4))).toEqual([1, 1, 1, 1]);
  });

  it('keeps a host apart whose aim is another one', () => {
    const [other] = guessers(1, '192.168.1.38');
    expect(sizes(...guessers(6).slice(1), { ...other, actor: '203.0.113.99' } as Detection)).toEqual([1, 5]);
  });

  it('keeps apart what lies more than an hour away', () => {
    const late = guessers(6).map((d, i) =>
      i === 5 ? { ...d, firstMs: START + 3 * HOUR, lastMs: START + 3 * HOUR } : d,
    );
    expect(sizes(...late)).toEqual([1, 5]);
  });

  it('keeps hosts inside apart from those outside that do the same to the same target', () => {
    const insiders = guessers(2).map((d, i) => ({ ...d, actor: `192.168.1.${50 + i}` }));
    expect(sizes(...guessers(5), ...insiders)).toEqual([1, 1, 5]);
  });

  it('makes one incident of hosts that search one network for one port', () => {
    const searchers = Array.from({ length: 7 }, (_, i) =>
      between(0, 1, {
        actor: `203.0.113.${i + 1}`,
        peers: ['192.168.1.7', '192.168.1.8', '192.168.1.9'],
        peerCount: 90,
        port: 3389,
      }),
    );
    expect(incidentOf(...searchers).title).toBe(
      '7 hosts (203.0.113.1 and others) tried 90 hosts on port 3389 (Remote Desktop) in 1 min.',
    );
    const elsewhere = searchers.map((d, i) => ({ ...d, peers: [...d.peers, `10.0.${i}.1`] }));
    expect(sizes(...elsewhere)).toEqual([1, 1, 1, 1, 1, 1, 1]);
  });
});

describe('opinions of a model', () => {
  const { 'strange-flow.outlier': strange, 'beacon.interval': beacon } = EXAMPLES;

  it('support an incident of the same host with the same peer at the same time', () => {
    const incident = incidentOf(strange, beacon);
    expect(incident.kind).toBe('beacon.interval');
    expect(incident.detections.map((d) => d.kind)).toEqual(['beacon.interval', 'strange-flow.outlier']);
    expect(incident.severitySteps).toContainEqual({
      rule: 'A model finds flows between these hosts strange, too',
      points: 6,
    });
  });

  it('stand alone without a common peer, at another time, or of another host', () => {
    expect(sizes({ ...strange, peers: ['203.0.113.1'] }, beacon)).toEqual([1, 1]);
    expect(sizes({ ...strange, firstMs: START - 10, lastMs: START - 1 }, beacon)).toEqual([1, 1]);
    expect(sizes({ ...strange, actor: '192.168.10.24' }, beacon)).toEqual([1, 1]);
  });

  it('choose the incident with most peers in common', () => {
    const peers = ['203.0.113.77', '203.0.113.78', '203.0.113.79'];
    const one = { ...beacon, port: 443, reasons: [], flows: [], peers: peers.slice(0, 1) };
    const two = { ...one, port: 8883, peers: peers.slice(1), peerCount: 2, score: 0.8 };
    const incident = incidentsOf(one, two, { ...strange, peers }).find((i) => i.detections.length === 2);
    expect(incident?.peers.map((peer) => peer.address)).toEqual(['203.0.113.78', '203.0.113.79', '203.0.113.77']);
  });

  it('never lead, however sure the model is', () => {
    expect(incidentOf({ ...strange, score: 1 }, { ...beacon, score: 0.01 }).kind).toBe('beacon.interval');
  });
});

describe('evidence', () => {
  it('is named once, whatever shows it, and every detection lists its own', () => {
    const incident = incidentOf(EXAMPLES['beacon.interval'], EXAMPLES['strange-flow.outlier']);
    expect(incident.evidence.map((item) => item.id)).toEqual([
      'm1',
      'm2',
      'm3',
      'm4',
      'm5',
      'm6',
      'm7',
      'm8',
      'f1',
      'f2',
      'f3',
    ]);
    expect(incident.detections.map((d) => [d.id, d.evidence])).toEqual([
      ['d1', ['m1', 'm2', 'm3', 'm4', 'm5', 'f1', 'f2']],
      ['d2', ['m6', 'm7', 'm8', 'f2', 'f3']],
    ]);
    expect(incident.evidence[5]).toMatchObject({ type: 'measure', detection: 'd2', name: 'strange-flow.count' });
    expect(incident.evidence[9]).toMatchObject({ type: 'flow', flow: { id: 2 } });
  });

  it('is bounded, and the leading detection keeps all its measures', () => {
    const many = Array.from({ length: 100 }, (_, i) =>
      detection('scan.vertical', {
        peers: [`192.168.1.${i}`],
        score: i === 50 ? 1 : 0.6,
        reasons: Array.from({ length: 8 }, (_, j) => reason(`scan.${'abcdefgh'[j]}`, j, '', 'So it is.')),
        flows: Array.from({ length: 20 }, (_, j) => flow(20 * i + j + 1, '192.168.1.10', `192.168.1.${i}`, j)),
      }),
    );
    const { detections, evidence } = incidentOf(...many);
    expect(detections).toHaveLength(100);
    expect(evidence.filter((item) => item.type === 'flow')).toHaveLength(MAX_INCIDENT_FLOWS);
    expect(evidence.filter((item) => item.type === 'measure')).toHaveLength(MAX_INCIDENT_MEASURES);
    expect(detections[0]).toMatchObject({ peers: ['192.168.1.50'] });
    expect(detections.map((d) => d.evidence.filter((id) => id.startsWith('m')).length).slice(0, 55)).toEqual([
      8,
      ...new Array(52).fill(1),
      0,
      0,
    ]);
  });

  it('tells flows without a number apart by their content', () => {
    const { id: _id, ...unnumbered } = flow(1, '192.168.1.10', '192.168.1.20', 22);
    const twin = { ...unnumbered };
    const other = { ...unnumbered, initiatorBytes: 67 };
    const incident = incidentOf(detection('scan.vertical', { flows: [unnumbered, twin, other] }));
    expect(incident.evidence.map((item) => item.id)).toEqual(['f1', 'f2']);
  });
});

describe('hosts', () => {
  it('carry the MAC that their flows show where they are at home, and no group address', () => {
    const incident = incidentOf(EXAMPLES['scan.arp']);
    expect(incident.actors).toEqual([{ address: '192.168.1.247', home: true, mac: '3c:52:82:11:0a:7e' }]);
    expect(incident.peers[0]).toEqual({ address: '192.168.1.1', home: true });
    const outside = flow(1, '192.168.1.10', '203.0.113.5', 443, { responderMac: '00:0d:b9:44:10:20' });
    expect(incidentOf(detection('beacon.interval', { peers: ['203.0.113.5'], flows: [outside] })).peers).toEqual([
      { address: '203.0.113.5', home: false },
    ]);
  });

  it('are listed up to fifty peers, and counted in truth', () => {
    const peers = Array.from({ length: 50 }, (_, i) => `192.168.1.${i}`);
    const others = Array.from({ length: 50 }, (_, i) => `192.168.2.${i}`);
    const incident = incidentOf(
      detection('scan.arp', { peers, peerCount: 50 }),
      detection('scan.icmp', { peers: others, peerCount: 50 }),
    );
    expect(incident.peers).toHaveLength(50);
    expect(incident.peerCount).toBe(100);
  });
});

describe('identity', () => {
  it('is a fingerprint of who did what to whom and when', () => {
    expect(incidentOf(EXAMPLES['scan.arp']).id).toBe('inc-aa300e03b393');
  });

  it('stays when the detector is surer or explains itself better', () => {
    const better = { ...EXAMPLES['scan.arp'], score: 0.99, reasons: [], flows: [] };
    expect(incidentOf(better).id).toBe(incidentOf(EXAMPLES['scan.arp']).id);
  });

  it('changes with the time, the actor, the peers, the port and the kind', () => {
    const base = EXAMPLES['scan.horizontal'];
    const others: Detection[] = [
      { ...base, lastMs: base.lastMs + 1 },
      { ...base, actor: '192.168.10.24' },
      { ...base, peers: base.peers.slice(1) },
      { ...base, port: 139 },
      { ...base, kind: 'scan.vertical' },
    ];
    expect(new Set([base, ...others].map((d) => incidentOf(d).id)).size).toBe(6);
  });
});

it('refuses a detection without a finite time or with a score outside 0 to 1', () => {
  expect(() => incidentsOf(detection('scan.arp', { lastMs: Number.NaN }))).toThrow(
    'scan.arp of 192.168.1.10 has no finite time',
  );
  expect(() => incidentsOf(detection('scan.arp', { score: 1.01 }))).toThrow(
    'scan.arp of 192.168.1.10 has a score of 1.01, outside 0..1',
  );
});

it('makes no incident of no detection', () => {
  expect(incidentsOf()).toEqual([]);
});

describe('for any detections', () => {
  it('every detection is in exactly one incident', () => {
    fc.assert(
      fc.property(arbitraryDetections, (detections) => {
        const placed = incidentsOf(...detections).flatMap((i) => i.detections.map((d) => d.flowCount));
        expect(placed.sort()).toEqual(detections.map((d) => d.flowCount).sort());
      }),
    );
  });

  it('the order of the input changes no byte', () => {
    fc.assert(
      fc.property(
        arbitraryDetections.chain((detections) =>
          fc.tuple(fc.constant(detections), fc.shuffledSubarray(detections, { minLength: detections.length })),
        ),
        ([detections, shuffled]) => {
          expect(JSON.stringify(incidentsOf(...shuffled))).toBe(JSON.stringify(incidentsOf(...detections)));
        },
      ),
    );
  });

  it('ids are unique and well-formed, ranks count from 1 in order of urgency', () => {
    fc.assert(
      fc.property(arbitraryDetections, (detections) => {
        const incidents = incidentsOf(...detections);
        expect(new Set(incidents.map((i) => i.id)).size).toBe(incidents.length);
        for (const [i, incident] of incidents.entries()) {
          expect(incident.id).toMatch(/^inc-[0-9a-f]{12}$/);
          expect(incident.rank).toBe(i + 1);
          const next = incidents[i + 1];
          if (next === undefined) continue;
          expect(severityRank(incident.severity)).toBeGreaterThanOrEqual(severityRank(next.severity));
          if (incident.severity === next.severity) expect(incident.urgency).toBeGreaterThanOrEqual(next.urgency);
        }
      }),
    );
  });

  it('evidence is bounded, unique, and resolves', () => {
    fc.assert(
      fc.property(arbitraryDetections, (detections) => {
        for (const { evidence, detections: named } of incidentsOf(...detections)) {
          const ids = [...evidence, ...named].map((item) => item.id);
          expect(new Set(ids).size).toBe(ids.length);
          expect(evidence.filter((item) => item.type === 'flow').length).toBeLessThanOrEqual(MAX_INCIDENT_FLOWS);
          expect(evidence.filter((item) => item.type === 'measure').length).toBeLessThanOrEqual(MAX_INCIDENT_MEASURES);
          const known = new Set(evidence.map((item) => item.id));
          for (const d of named) for (const id of d.evidence) expect(known.has(id)).toBe(true);
          for (const item of evidence)
            if (item.type === 'measure')
              expect(named.find((d) => d.id === item.detection)?.evidence).toContain(item.id);
        }
      }),
    );
  });

  it('the severity is the sum of its steps, and the span holds all of its detections', () => {
    fc.assert(
      fc.property(arbitraryDetections, (detections) => {
        for (const incident of incidentsOf(...detections)) {
          expect(incident.severitySteps.reduce((sum, step) => sum + step.points, 0)).toBe(incident.urgency);
          expect(severityOf(incident.urgency)).toBe(incident.severity);
          for (const d of incident.detections) {
            expect(Math.min(d.firstMs, d.lastMs)).toBeGreaterThanOrEqual(incident.firstMs);
            expect(Math.max(d.firstMs, d.lastMs)).toBeLessThanOrEqual(incident.lastMs);
          }
        }
      }),
    );
  });

  it('a title is one sentence that repeats nothing from the network but addresses', () => {
    fc.assert(
      fc.property(arbitraryDetections, (detections) => {
        for (const { title } of incidentsOf(...detections)) {
          expect(title).toMatch(/^[\x20-\x7e]{20,300}\.$/);
          expect(title).not.toMatch(/ignore|evil|benign|<|undefined|NaN|Infinity/);
        }
      }),
    );
  });
});

describe('incidents of one host', () => {
  const scan = between(0, 10);
  const guess = between(20, 25, { peers: ['192.168.1.99'] }, 'brute-force.login');
  const call = between(5, 300, { peers: ['203.0.113.7'] }, 'beacon.interval');

  it('name each other, most urgent first', () => {
    const incidents = incidentsOf(scan, guess, call);
    const named = incidents.map(({ id, rank }, i) => ({
      id,
      rank,
      label: ['password guessing', 'port scan', 'regular calls'][i],
      shares: 'actor',
    }));
    expect(incidents.map((incident) => incident.related)).toEqual(
      named.map((own) => named.filter((other) => other !== own)),
    );
    expect(incidents.map((incident) => incident.relatedCount)).toEqual([2, 2, 2]);
  });

  it('stand alone where the hosts differ or more than an hour lies between', () => {
    const apart = [
      between(100, 110, { peers: ['192.168.1.99'] }, 'brute-force.login'),
      { ...call, actor: '192.168.1.11' },
    ];
    for (const incident of incidentsOf(scan, ...apart)) {
      expect(incident).not.toHaveProperty('related');
      expect(incident).not.toHaveProperty('relatedCount');
    }
    const options = { gapMs: 2 * HOUR };
    const late = groupDetections([scan, ...apart], { context: CONTEXT, options });
    expect(late.map((incident) => incident.relatedCount)).toEqual([1, 1, undefined]);
  });

  it('are named where they have other actors and show the same flow', () => {
    const shown = flow(7, '192.168.1.10', '192.168.1.20', 22);
    const [guessed, called] = incidentsOf(
      { ...guess, flows: [shown] },
      { ...call, actor: '192.168.1.20', flows: [shown, flow(8, '192.168.1.20', '203.0.113.7', 443)] },
    );
    expect(guessed?.related).toMatchObject([{ id: called?.id, label: 'regular calls', shares: 'flow' }]);
    expect(called?.related).toMatchObject([{ id: guessed?.id, label: 'password guessing', shares: 'flow' }]);
    const { id: _id, ...unnumbered } = shown;
    for (const incident of incidentsOf(
      { ...guess, flows: [unnumbered] },
      { ...call, actor: '192.168.1.20', flows: [shown] },
    ))
      expect(incident).not.toHaveProperty('related');
  });

  it('are named ten at most and counted all', () => {
    const calls = Array.from({ length: 14 }, (_, i) => ({ ...call, peers: [`203.0.113.${i}`] }));
    const [first, , , last] = incidentsOf(...calls);
    expect(first?.related?.map((other) => other.rank)).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(last?.related?.map((other) => other.rank)).toEqual([1, 2, 3, 5, 6, 7, 8, 9, 10, 11]);
    expect(first?.relatedCount).toBe(13);
  });
});
