import { expect, test } from 'vitest';
import {
  Baseline,
  createNewDeviceDetector,
  createNewEdgeDetector,
  createNewServiceDetector,
  createPolicyDetector,
} from '../../detect/index.ts';
import { type FlowRecord, flowTable } from '../../flow/index.ts';
import { groupDetections } from '../../incident/index.ts';
import { judgeByRules } from '../rules.ts';

const AT = Date.parse('2026-03-02T21:00:00Z');
const BASELINE = new Baseline(
  {
    version: 1,
    devices: [
      { name: 'pc', mac: '3c:52:82:00:00:08', peers: ['nas'], hours: 'mon-fri 07:00-19:00' },
      { name: 'nas', mac: '00:11:32:00:00:05', services: ['smb/445'] },
      { name: 'guest', mac: 'b8:27:eb:00:00:67', expires: '2026-03-01' },
    ],
    protocols: { application: ['SMB', 'SSH', 'TLS'], network: ['IPv4'] },
  },
  'b.yaml',
);

function flow(fields: FlowRecord): FlowRecord {
  return {
    startMs: AT,
    endMs: AT + 1000,
    protocol: 'tcp',
    initiator: '10.0.0.8',
    initiatorMac: '3c:52:82:00:00:08',
    responder: '10.0.0.5',
    responderMac: '00:11:32:00:00:05',
    responderPort: 445,
    service: 'smb',
    outcome: 'answered',
    initiatorPackets: 5,
    responderPackets: 4,
    ...fields,
  };
}

/** Kind, severity, assessment, action and title of every incident of some flows. */
function told(rows: readonly FlowRecord[]): string[] {
  const isHome = (address: string): boolean => address.startsWith('10.');
  const context = { isHome, baseline: BASELINE };
  const table = flowTable(rows.map((row, i) => ({ id: i + 1, ...row })));
  const detections = [
    createNewDeviceDetector,
    createNewEdgeDetector,
    createNewServiceDetector,
    createPolicyDetector,
  ].flatMap((create) => {
    const detector = create(context);
    detector.observe(table, { features: [], rowCount: 0, values: new Float32Array() });
    return detector.finish();
  });
  return groupDetections(detections, { context }).map((incident) => {
    const verdict = judgeByRules(incident);
    for (const section of [
      verdict.whatHappened,
      verdict.whyItMatters,
      verdict.whatToDoFirst,
      verdict.whatWouldMakeItInnocent,
    ])
      expect(section.length).toBeGreaterThan(0);
    return `${incident.kind} ${incident.severity} ${verdict.assessment}, ${verdict.action}: ${incident.title}`;
  });
}

test('a new device with all that is said of it is one incident of medium weight', () => {
  expect(told([flow({ initiator: '10.0.0.66', initiatorMac: 'b8:27:eb:00:00:66' })])).toEqual([
    'new-device.station medium suspicious, investigate: 10.0.0.66 is a device that the baseline does not know; it talked to 10.0.0.5; it also sent to 10.0.0.5, and the baseline does not approve it.',
  ]);
});

test('one that offers services to others weighs more, a phone with a made-up address hardly anything', () => {
  const stranger = { responder: '10.0.0.66', responderMac: 'b8:27:eb:00:00:66', service: 'ssh', responderPort: 22 };
  expect(told([flow({ ...stranger, startMs: AT - 12 * 3_600_000 })])[0]).toMatch(/^new-device\.station high /);
  expect(told([flow({ initiator: '10.0.0.70', initiatorMac: 'da:a1:19:00:00:01' })])[0]).toMatch(
    /^new-device\.randomised low unsure, monitor: /,
  );
});

test('a protocol that a stranger speaks belongs to what is said of the stranger, also what it sent before it had an address', () => {
  const stranger = { initiator: '10.0.0.66', initiatorMac: 'b8:27:eb:00:00:66' };
  const asking = { initiator: '0.0.0.0', responder: '255.255.255.255', responderMac: 'ff:ff:ff:ff:ff:ff' };
  const incidents = told([
    flow({ ...stranger, ...asking, protocol: 'udp', service: 'dhcp', responderPort: 67, outcome: 'unanswered' }),
    flow({ ...stranger, service: 'http', responderPort: 80 }),
  ]);
  expect(incidents.filter((text) => /^(?:new-device|policy)/.test(text))).toHaveLength(1);
  expect(incidents[0]).toMatch(/^new-device\.station medium /);
  expect(incidents[0]).toContain('it also spoke ');
});

test('an expired device is named as such', () => {
  expect(told([flow({ initiator: '10.0.0.67', initiatorMac: 'b8:27:eb:00:00:67' })])).toEqual([
    'policy.unknown-source low unsure, monitor: 10.0.0.67 sent to 10.0.0.5, and the baseline does not approve it: its entry has expired.',
  ]);
});

test('new services, contacts, protocols and hours of known devices read as what they are', () => {
  const night = Array.from({ length: 10 }, (_, i) => flow({ startMs: AT + i }));
  expect(told(night)).toEqual([
    'policy.hours low unsure, monitor: 10.0.0.8 began 10 flows outside of the hours that the baseline gives it.',
  ]);
  const day = { startMs: AT - 8 * 3_600_000, endMs: AT - 8 * 3_600_000 };
  expect(told([flow({ ...day, service: 'ssh', responderPort: 22 })])).toEqual([
    'new-service.offered medium suspicious, investigate: 10.0.0.5 answered 10.0.0.8 on port 22 (SSH), a service that the baseline does not name for it.',
  ]);
  expect(
    told([
      flow({ ...day, responder: '203.0.113.9', responderMac: '00:11:32:00:00:05', service: 'tls', responderPort: 443 }),
    ]),
  ).toEqual([
    'new-edge.outside low unsure, monitor: 10.0.0.8 contacted 203.0.113.9 on port 443 (TLS), which the baseline does not name for it.',
  ]);
  expect(told([flow({ ...day, protocol: 'gre', service: 'gre' })]).join('\n')).toMatch(
    /^policy\.protocol low unsure, monitor: 10\.0\.0\.8 spoke GRE with 10\.0\.0\.5, which the baseline does not allow\.$/m,
  );
});
