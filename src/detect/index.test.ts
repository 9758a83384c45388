import { expect, it } from 'vitest';
import { flowTable } from '../flow/index.ts';
import { DETECTORS } from './index.ts';

const context = { isHome: (): boolean => true };
const NO_FEATURES = { features: [], rowCount: 0, values: new Float32Array() };

it('lists every detector once, with kinds that begin with its id', () => {
  expect(DETECTORS.map((entry) => entry.info.id)).toEqual([
    'scan',
    'brute-force',
    'flood',
    'beacon',
    'long-connection',
    'suspicious-tls',
    'dynamic-name',
    'dns-tunnel',
    'dga',
    'dns-burst',
    'exfiltration',
    'icmp-tunnel',
    'mining',
    'protocol-mismatch',
    'cleartext-login',
    'lateral-movement',
    'arp-spoof',
    'name-poison',
    'rogue-dhcp',
    'dhcp-starvation',
    'new-device',
    'new-service',
    'new-edge',
    'policy',
    'threat-list',
    'strange-flow',
  ]);
  for (const { info } of DETECTORS) {
    for (const kind of info.kinds) expect(kind).toMatch(new RegExp(`^${info.id}\\.[a-z-]+$`));
    for (const text of [info.sees, info.fooledBy, info.cost, info.source]) expect(text).toMatch(/\S\.?$/);
  }
});

it('makes detectors that find nothing in nothing, and go by their own id', () => {
  for (const { info, create } of DETECTORS) {
    const detector = create?.(context);
    if (detector === undefined) continue;
    detector.observe(flowTable([]), NO_FEATURES);
    expect([detector.id, detector.finish(), detector.saturations()]).toEqual([info.id, [], []]);
  }
});

it('hands settings on, and leaves aside what a detector has not or what is of another type', () => {
  const entry = DETECTORS.find(({ info }) => info.id === 'long-connection');
  const rows = flowTable([
    { startMs: 0, endMs: 5 * 3_600_000, protocol: 'tcp', initiator: '10.0.0.1', responder: '10.0.0.2' },
  ]);
  const found = (settings: Record<string, number | boolean>): number => {
    const detector = entry?.create?.(context, settings);
    detector?.observe(rows, NO_FEATURES);
    return detector?.finish().length ?? -1;
  };
  expect([found({}), found({ minScore: 0.9 }), found({ minScore: true }), found({ nonsense: 1 })]).toEqual([
    1, 0, 1, 1,
  ]);
});
