import { expect, test } from 'vitest';
import { type FlowRecord, flowTable } from '../flow/index.ts';
import { Baseline } from './baseline/baseline.ts';
import type { BaselineDocument } from './baseline/schema.ts';
import type { Detection, Detector, NetworkContext } from './detection.ts';
import { createNewDeviceDetector } from './new-device.ts';
import { createNewEdgeDetector } from './new-edge.ts';
import { createNewServiceDetector } from './new-service.ts';
import { createPolicyDetector, type PolicyOptions } from './policy.ts';

const NO_FEATURES = { features: [], rowCount: 0, values: new Float32Array() };
const AT = Date.parse('2026-03-02T09:00:00Z');

const PC = { initiator: '10.0.0.8', initiatorMac: '3c:52:82:00:00:08' };
const NAS = { responder: '10.0.0.5', responderMac: '00:11:32:00:00:05' };
const GATE = '00:00:5e:00:00:01';
const DEVICES: NonNullable<BaselineDocument['devices']> = [
  { name: 'pc', mac: '3c:52:82:00:00:08', services: [], peers: ['nas', '*.example.com'] },
  { name: 'nas', mac: '00:11:32:00:00:05', ip: '10.0.0.5', services: ['smb/445'] },
  { name: 'gate', mac: GATE, ip: '10.0.0.1', role: 'router', services: ['dns/53'], peers: [] },
];

function context(document: Omit<BaselineDocument, 'version'> | undefined): NetworkContext {
  const isHome = (address: string): boolean => address.startsWith('10.');
  return document === undefined
    ? { isHome }
    : { isHome, baseline: new Baseline({ version: 1, ...document }, 'b.yaml') };
}

/** Fields of a flow; undefined takes one away. */
type Fields = { readonly [K in keyof FlowRecord]?: FlowRecord[K] | undefined };

function flow(fields: Fields): FlowRecord {
  const all: Fields = {
    startMs: AT,
    endMs: AT + 1000,
    protocol: 'tcp',
    responderPort: 445,
    service: 'smb',
    serviceBasis: 'content',
    outcome: 'answered',
    initiatorPackets: 5,
    responderPackets: 4,
    initiatorPayloadBytes: 100,
    responderPayloadBytes: 200,
    ...PC,
    ...NAS,
    ...fields,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

type Create = (context: NetworkContext, options?: Partial<PolicyOptions>) => Detector;

function run(
  create: Create,
  document: Omit<BaselineDocument, 'version'> | undefined,
  rows: readonly FlowRecord[],
  options = {},
): Detection[] {
  const detector = create(context(document), options);
  detector.observe(flowTable(rows.map((row, i) => ({ id: i + 1, ...row }))), NO_FEATURES);
  return detector.finish();
}

const kinds = (found: readonly Detection[]): string[] => found.map(({ kind, actor }) => `${kind} ${actor}`);
const condition = (found: readonly Detection[]): unknown[] =>
  found.map(({ reasons }) => reasons.find(({ name }) => name === 'policy.condition')?.value);

const STRANGER = { initiator: '10.0.0.66', initiatorMac: 'b8:27:eb:00:00:66' };

test.each([createNewDeviceDetector, createNewEdgeDetector, createNewServiceDetector, createPolicyDetector] as const)(
  'without a baseline nothing is said (%#)',
  (create) => {
    const rows = [flow(STRANGER), flow({ responder: '203.0.113.9', responderMac: GATE })];
    expect(run(create, undefined, rows)).toEqual([]);
    // A baseline that nobody has approved anything in is none.
    const proposed = DEVICES.map((device) => ({ ...device, status: 'proposed' as const }));
    expect(run(create, { devices: proposed }, rows)).toEqual([]);
  },
);

test.each([createNewDeviceDetector, createNewEdgeDetector, createNewServiceDetector, createPolicyDetector] as const)(
  'known devices that do what is written down are left alone (%#)',
  (create) => {
    const rows = [
      flow({}),
      flow({
        responder: '203.0.113.9',
        responderMac: GATE,
        responderPort: 443,
        service: 'tls',
        serverName: 'www.example.com',
      }),
      // From the Internet by way of the router, and to a group.
      flow({ initiator: '203.0.113.9', initiatorMac: GATE, ...NAS }),
      flow({
        responder: '239.255.255.250',
        responderMac: '01:00:5e:7f:ff:fa',
        protocol: 'udp',
        service: 'ssdp',
        responderPackets: 0,
        outcome: 'unanswered',
      }),
      flow({ responder: '10.0.0.5', responderMac: 'ff:ff:ff:ff:ff:ff', protocol: 'arp' }),
    ];
    expect(kinds(run(create, { devices: DEVICES }, rows))).toEqual([]);
  },
);

test('a device that no approved entry fits is new, with what it is told by', () => {
  const [found, ...others] = run(createNewDeviceDetector, { devices: DEVICES }, [
    flow(STRANGER),
    flow({ ...PC, responder: '10.0.0.66', responderMac: 'b8:27:eb:00:00:66', responderPort: 22, service: 'ssh' }),
  ]);
  expect(others).toEqual([]);
  expect(found).toMatchObject({
    kind: 'new-device.station',
    actor: '10.0.0.66',
    score: 0.9,
    flowCount: 2,
    peerCount: 2,
  });
  expect(found?.reasons.map(({ sentence }) => sentence)).toEqual([
    'None of the 3 approved entries of the baseline fits it.',
    "Its hardware address is b8:27:eb:00:00:66, from a vendor's block.",
    'It took part in 2 flows with 2 addresses.',
    'Others got answers from it on 1 service, as servers give them.',
  ]);
});

test('an unknown hardware address that shows the address of a known device goes by its own, so that nobody blames the known one', () => {
  const taker = { initiator: PC.initiator, initiatorMac: 'b8:27:eb:00:00:66' };
  const rows = [flow({}), flow(taker), flow({ ...taker, startMs: AT + 9000 })];
  expect(kinds(run(createNewDeviceDetector, { devices: DEVICES }, rows))).toEqual([
    'new-device.station b8:27:eb:00:00:66',
  ]);
  expect(kinds(run(createPolicyDetector, { devices: DEVICES }, rows))).toEqual([
    'policy.unknown-source b8:27:eb:00:00:66',
  ]);
  // Where the known one was not seen at it, the address is what people know.
  expect(kinds(run(createNewDeviceDetector, { devices: DEVICES }, rows.slice(1)))).toEqual([
    `new-device.station ${PC.initiator}`,
  ]);
});

test('a made-up hardware address is told apart from that of a virtual machine, and from an address alone', () => {
  const found = run(createNewDeviceDetector, { devices: DEVICES }, [
    flow({ initiator: '10.0.0.70', initiatorMac: 'da:a1:19:00:00:01' }),
    flow({ initiator: '10.0.0.71', initiatorMac: '52:54:00:00:00:01' }),
    flow({ initiator: '10.0.0.72', initiatorMac: undefined }),
  ]);
  expect(found.map(({ kind, actor, score }) => [kind, actor, score])).toEqual([
    ['new-device.station', '10.0.0.71', 0.9],
    ['new-device.station', '10.0.0.72', 0.75],
    ['new-device.randomised', '10.0.0.70', 0.5],
  ]);
});

test('who only asked for an address, or was asked and did not answer, is no new device', () => {
  const rows = [
    flow({ responder: '10.0.0.99', responderMac: 'b8:27:eb:00:00:99', responderPackets: 0, outcome: 'unanswered' }),
    flow({ ...STRANGER, initiatorPackets: 0 }),
  ];
  expect(run(createNewDeviceDetector, { devices: DEVICES }, rows)).toEqual([]);
});

test('a new device counts from minFlows flows on, not one below', () => {
  const rows = [flow(STRANGER), flow({ ...STRANGER, startMs: AT + 5000 })];
  expect(kinds(run(createNewDeviceDetector, { devices: DEVICES }, rows, { minFlows: 2 }))).toEqual([
    'new-device.station 10.0.0.66',
  ]);
  expect(run(createNewDeviceDetector, { devices: DEVICES }, rows, { minFlows: 3 })).toEqual([]);
});

test('the condition that fired is recorded: unknown, expired with its entry, or only proposed', () => {
  const devices = [
    ...DEVICES,
    { name: 'guest', mac: 'b8:27:eb:00:00:67', expires: '2026-03-01' },
    { name: 'later', mac: 'b8:27:eb:00:00:68', status: 'proposed' as const },
  ];
  const found = run(createPolicyDetector, { devices }, [
    flow(STRANGER),
    flow({ initiator: '10.0.0.67', initiatorMac: 'b8:27:eb:00:00:67' }),
    flow({ initiator: '10.0.0.68', initiatorMac: 'b8:27:eb:00:00:68' }),
  ]);
  expect(found.map(({ kind, actor, score }, i) => [kind, actor, score, condition(found)[i]])).toEqual([
    ['policy.unknown-source', '10.0.0.67', 0.85, 'expired source'],
    ['policy.unknown-source', '10.0.0.66', 0.8, 'unknown source'],
    ['policy.unknown-source', '10.0.0.68', 0.7, 'proposed source'],
  ]);
  expect(found[0]?.reasons.map(({ sentence }) => sentence).slice(0, 2)).toEqual([
    'The condition that fired: the entry of the source has expired.',
    'It is entry 4 under devices, which was valid until 2026-03-01.',
  ]);
  // An expired guest is known: no new device. What is only proposed silences nothing.
  const again = run(createNewDeviceDetector, { devices }, [
    flow({ initiator: '10.0.0.67', initiatorMac: 'b8:27:eb:00:00:67' }),
    flow({ initiator: '10.0.0.68', initiatorMac: 'b8:27:eb:00:00:68' }),
  ]);
  expect(kinds(again)).toEqual(['new-device.station 10.0.0.68']);
  expect(again[0]?.reasons.at(-1)?.sentence).toBe('The baseline holds a proposal for it that nobody has approved.');
});

test('the same device is approved until its day is over', () => {
  const devices = [{ mac: '3c:52:82:00:00:08', expires: '2026-03-02' }, ...DEVICES.slice(1)];
  const midnight = Date.parse('2026-03-03T00:00:00Z');
  expect(run(createPolicyDetector, { devices }, [flow({ startMs: midnight - 1 })])).toEqual([]);
  expect(kinds(run(createPolicyDetector, { devices }, [flow({ startMs: midnight })]))).toEqual([
    'policy.unknown-source 10.0.0.8',
  ]);
});

test('an unknown unicast destination is told, whether it answered or not; groups are not', () => {
  const found = run(createPolicyDetector, { devices: DEVICES }, [
    flow({ responder: '10.0.0.99', responderMac: 'b8:27:eb:00:00:99', responderPackets: 0, outcome: 'unanswered' }),
    flow({ responder: '10.0.0.255', responderMac: 'ff:ff:ff:ff:ff:ff', responderPackets: 0 }),
  ]);
  expect(kinds(found)).toEqual(['policy.unknown-destination 10.0.0.99']);
  expect(found[0]?.peers).toEqual(['10.0.0.8']);
  expect(condition(found)).toEqual(['unknown destination']);
});

test('every layer is judged by its own list, and one without an approved entry is not', () => {
  const base = { devices: DEVICES };
  const protocols = { network: ['IPv4', 'ICMPv6', 'IPv6'], transport: ['TCP'], application: ['SMB', 'tcp/9100'] };
  const named = (rows: FlowRecord[], lists: BaselineDocument['protocols'] = protocols): unknown[] =>
    run(createPolicyDetector, { ...base, protocols: lists }, rows).map(
      ({ reasons }) => reasons.find(({ name }) => name === 'policy.protocol')?.value,
    );
  expect(named([flow({})])).toEqual([]);
  expect(named([flow({ protocol: 'udp', service: 'dns', responderPort: 53 })])).toEqual(['UDP']);
  expect(named([flow({ service: 'ssh', responderPort: 22 })])).toEqual(['SSH']);
  expect(named([flow({ protocol: 'gre' })])).toEqual(['GRE']);
  // ICMPv6 is what older tools never recognised.
  expect(named([flow({ protocol: 'icmpv6', initiator: 'fd00::1', responder: 'fd00::2' })])).toEqual([]);
  // The layer link has no list.
  expect(named([flow({ protocol: 'arp' })])).toEqual([]);
  expect(named([flow({ protocol: 'arp' })], { link: ['LLDP'] })).toEqual(['ARP']);
  // What nobody recognises goes by its port, below the dynamic ones, where it was answered.
  const unknown = { service: undefined, serviceBasis: undefined };
  expect(named([flow({ ...unknown, responderPort: 9100 })])).toEqual([]);
  expect(named([flow({ ...unknown, responderPort: 9101 })])).toEqual(['tcp/9101']);
  expect(named([flow({ ...unknown, responderPort: 49_151 })])).toEqual(['tcp/49151']);
  expect(named([flow({ ...unknown, responderPort: 49_152 })])).toEqual([]);
  expect(named([flow({ ...unknown, responderPort: 9101, responderPackets: 0, outcome: 'unanswered' })])).toEqual([]);
  expect(named([flow({ ...unknown, responderPort: 9101, outcome: 'unknown' })])).toEqual([]);
  expect(named([flow({ ...unknown, responderPort: 9101 })], { application: ['SMB', 'unrecognised'] })).toEqual([]);
});

test('who speaks from outside is told by its own address, not by the router that carried it', () => {
  const rows = [flow({ initiator: '203.0.113.9', initiatorMac: GATE, service: 'ssh', responderPort: 22 })];
  expect(kinds(run(createPolicyDetector, { devices: DEVICES, protocols: { application: ['SMB'] } }, rows))).toEqual([
    'policy.protocol 203.0.113.9',
  ]);
});

test('an entry that says what a device uses decides for that device', () => {
  const devices = DEVICES.map((device) => (device.name === 'pc' ? { ...device, uses: ['tls'] } : device));
  const found = run(createPolicyDetector, { devices }, [flow({})]);
  expect(found.map(({ reasons }) => reasons[0]?.sentence)).toEqual([
    "The condition that fired: SMB is none of the services that the device's own entry says it uses.",
  ]);
  expect(run(createPolicyDetector, { devices }, [flow({ service: 'tls', responderPort: 443 })])).toEqual([]);
});

test('outside of its hours a device is told of from minOffHours flows on, not one below', () => {
  const devices = DEVICES.map((device) =>
    device.name === 'pc' ? { ...device, hours: 'mon-fri 07:00-19:00' } : device,
  );
  const night = Date.parse('2026-03-02T19:00:00Z');
  const rows = (n: number, startMs: number): FlowRecord[] =>
    Array.from({ length: n }, (_, i) => flow({ startMs: startMs + 1000 * i }));
  expect(kinds(run(createPolicyDetector, { devices }, rows(10, night)))).toEqual(['policy.hours 10.0.0.8']);
  expect(run(createPolicyDetector, { devices }, rows(9, night))).toEqual([]);
  expect(run(createPolicyDetector, { devices }, rows(50, night - 60_000))).toEqual([]);
});

test('a service that an entry does not name is new when both sides spoke, not when a search opened a port', () => {
  const web = { responderPort: 8080, service: 'http' };
  const [found] = run(createNewServiceDetector, { devices: DEVICES }, [
    flow(web),
    flow({ ...web, initiator: '10.0.0.9' }),
  ]);
  expect(found).toMatchObject({
    kind: 'new-service.offered',
    actor: '10.0.0.5',
    port: 8080,
    service: 'http',
    score: 0.9,
    peerCount: 2,
  });
  expect(found?.reasons[0]?.sentence).toBe(
    'Its entry (number 2 under devices) names 1 service, and none of them is port 8080/tcp (http).',
  );
  for (const twin of [
    { ...web, responderPayloadBytes: 0, initiatorPayloadBytes: 0 },
    { ...web, outcome: 'refused' },
    { ...web, responderPackets: 0, outcome: 'unanswered' },
    { ...web, outcome: 'unknown' },
  ])
    expect(run(createNewServiceDetector, { devices: DEVICES }, [flow(twin)])).toEqual([]);
});

test('ports that are given to clients count only where the content says what is spoken', () => {
  const at = (fields: Fields): number => run(createNewServiceDetector, { devices: DEVICES }, [flow(fields)]).length;
  const unknown = { service: undefined, serviceBasis: undefined };
  expect(at({ ...unknown, responderPort: 32_767 })).toBe(1);
  expect(at({ ...unknown, responderPort: 32_768 })).toBe(0);
  expect(at({ responderPort: 32_768, service: 'ssh' })).toBe(1);
  expect(at({ responderPort: 32_768, service: 'ssh', serviceBasis: 'port' })).toBe(0);
});

test('a new service counts from minFlows flows on; one that was answered outside is said to be', () => {
  const rows = [
    flow({ responderPort: 22, service: 'ssh', initiator: '203.0.113.9', initiatorMac: GATE }),
    flow({ responderPort: 22, service: 'ssh' }),
  ];
  const [found] = run(createNewServiceDetector, { devices: DEVICES }, rows, { minFlows: 2 });
  expect(found?.reasons.map(({ name }) => name)).toEqual([
    'new-service.known',
    'new-service.flows',
    'new-service.outside',
  ]);
  expect(run(createNewServiceDetector, { devices: DEVICES }, rows, { minFlows: 3 })).toEqual([]);
});

test('a contact says where three other devices have the same host in their entries, not where they have all', () => {
  const named = (n: number, peers: string[], status: 'approved' | 'proposed' = 'approved'): number | undefined => {
    const others = Array.from({ length: n }, (_, i) => ({ name: `pc${i}`, ip: `10.0.7.${i}`, peers, status }));
    const [found] = run(createNewEdgeDetector, { devices: [...DEVICES, ...others] }, [
      flow({ responder: '10.0.0.9', responderMac: '3c:52:82:00:00:09', responderPort: 9100, service: 'printer' }),
    ]);
    return found?.reasons.find(({ name }) => name === 'new-edge.named-by')?.value as number | undefined;
  };
  expect(named(3, ['10.0.0.9'])).toBe(3);
  expect(named(2, ['10.0.0.9'])).toBeUndefined();
  expect(named(3, ['home'])).toBeUndefined();
  expect(named(3, ['10.0.0.9'], 'proposed')).toBeUndefined();
});

test('contacts that an entry does not name are new by service, inside and outside apart', () => {
  const found = run(createNewEdgeDetector, { devices: DEVICES }, [
    flow({ responder: '10.0.0.9', responderMac: '3c:52:82:00:00:09', responderPort: 3389, service: 'rdp' }),
    flow({ responder: '10.0.0.10', responderMac: '3c:52:82:00:00:10', responderPort: 3389, service: 'rdp' }),
    flow({
      responder: '203.0.113.9',
      responderMac: GATE,
      responderPort: 443,
      service: 'tls',
      serverName: 'cdn.elsewhere.example',
    }),
  ]);
  expect(found.map(({ kind, actor, score, peerCount, port }) => [kind, actor, score, peerCount, port])).toEqual([
    ['new-edge.inside', '10.0.0.8', 0.85, 2, 3389],
    ['new-edge.outside', '10.0.0.8', 0.7, 1, 443],
  ]);
  expect(found[0]?.reasons.map(({ sentence }) => sentence)).toEqual([
    'Its entry (number 1 under devices) names 2 peers, and none of them fits.',
    'It contacted 2 hosts that its entry does not name, in 2 flows.',
  ]);
  for (const twin of [{ responderPackets: 0, outcome: 'unanswered' }, { outcome: 'refused' }, { protocol: 'arp' }])
    expect(
      run(createNewEdgeDetector, { devices: DEVICES }, [
        flow({ responder: '10.0.0.9', responderMac: '3c:52:82:00:00:09', ...twin }),
      ]),
    ).toEqual([]);
});

test('a contact counts from minFlows flows on, not one below', () => {
  const rows = [1, 2].map((i) => flow({ responder: '10.0.0.9', responderMac: '3c:52:82:00:00:09', startMs: AT + i }));
  expect(run(createNewEdgeDetector, { devices: DEVICES }, rows, { minFlows: 2 }).length).toBe(1);
  expect(run(createNewEdgeDetector, { devices: DEVICES }, rows, { minFlows: 3 })).toEqual([]);
});

test.each([
  ['new-device', createNewDeviceDetector, { maxStations: 8 }],
  ['new-service', createNewServiceDetector, { maxServices: 8 }],
  ['new-edge', createNewEdgeDetector, { maxEdges: 8 }],
  ['policy', createPolicyDetector, { maxFindings: 8 }],
] as const)('%s holds no more than its cap, and counts what it refused', (_id, create: Create, options) => {
  const detector = create(context({ devices: DEVICES }), options as Partial<PolicyOptions>);
  for (let batch = 0; batch < 20; batch++) {
    const rows = Array.from({ length: 50 }, (_, i) => {
      const n = 50 * batch + i;
      const mac = `b8:27:eb:00:${(n >> 8).toString(16).padStart(2, '0')}:${(n & 255).toString(16).padStart(2, '0')}`;
      return [
        flow({ initiator: `10.1.${n >> 8}.${n & 255}`, initiatorMac: mac }),
        flow({ responderPort: 1000 + n, service: `s${n}` }),
        flow({ responder: '10.0.0.99', responderMac: '3c:52:82:00:00:09', responderPort: 1000 + n, service: `s${n}` }),
      ];
    }).flat();
    detector.observe(flowTable(rows), NO_FEATURES);
  }
  expect(detector.finish().length).toBe(8);
  const [first] = detector.saturations();
  expect(first?.cap).toBe(8);
  expect(first?.refused).toBeGreaterThan(900);
});

test('the order of flows plays no part below the caps', () => {
  const rows = [
    flow(STRANGER),
    flow({
      ...STRANGER,
      responder: '10.0.0.9',
      responderMac: '3c:52:82:00:00:09',
      startMs: AT + 10,
      service: 'ssh',
      responderPort: 22,
    }),
    flow({ responderPort: 22, service: 'ssh', startMs: AT + 20 }),
    flow({ responder: '10.0.0.9', responderMac: '3c:52:82:00:00:09', startMs: AT + 30 }),
  ].map((row, i) => ({ id: i + 1, ...row }));
  const document = { devices: DEVICES, protocols: { application: ['SMB'] } };
  for (const create of [
    createNewDeviceDetector,
    createNewEdgeDetector,
    createNewServiceDetector,
    createPolicyDetector,
  ]) {
    const forth = run(create, document, rows);
    expect(forth.length).toBeGreaterThan(0);
    expect(run(create, document, rows.toReversed())).toEqual(forth);
  }
});

test('a log without times has its findings, too', () => {
  const bare = { startMs: undefined, endMs: undefined };
  const document = { devices: DEVICES, protocols: { application: ['DNS'] } };
  const rows = [flow({ ...STRANGER, ...bare }), flow({ ...bare, responderPort: 22, service: 'ssh' })];
  for (const create of [createNewDeviceDetector, createNewServiceDetector, createPolicyDetector])
    expect(run(create, document, rows).map(({ firstMs, lastMs }) => [firstMs, lastMs])[0]).toEqual([0, 0]);
});
