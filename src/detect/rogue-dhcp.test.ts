import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ArpView, type FlowRecord, flowTable } from '../flow/index.ts';
import type { Detection, Detector } from './detection.ts';
import { createRogueDhcpDetector, type RogueDhcpOptions } from './rogue-dhcp.ts';

const NO_FEATURES = { features: [], rowCount: 0, values: new Float32Array() };
const T0 = Date.UTC(2024, 0, 1);
const isHome = (address: string): boolean => address.startsWith('192.168.');

function detector(options: Partial<RogueDhcpOptions> = {}, arp?: ArpView): Detector {
  return createRogueDhcpDetector(arp === undefined ? { isHome } : { isHome, arp }, options);
}

function detect(records: readonly FlowRecord[], options: Partial<RogueDhcpOptions> = {}): Detection[] {
  const d = detector(options);
  d.observe(flowTable(records), NO_FEATURES);
  return d.finish();
}

const summary = (found: readonly Detection[]): string[] =>
  found.map((d) => `${d.actor} beside ${d.peers.join(' ')} ${d.score}`);

let nextId = 1;
const macOf = (address: string): string =>
  `02:00:00:00:00:${Number(address.slice(address.lastIndexOf('.') + 1))
    .toString(16)
    .padStart(2, '0')}`;
/** Answers of a server; by broadcast where no client is given. */
const answers = (server: string, operations: string, more: FlowRecord = {}): FlowRecord => ({
  id: nextId++,
  startMs: T0,
  endMs: T0 + 1000,
  protocol: 'udp',
  initiator: server,
  initiatorPort: 67,
  initiatorMac: macOf(server),
  responder: '255.255.255.255',
  responderPort: 68,
  responderMac: 'ff:ff:ff:ff:ff:ff',
  service: 'dhcp',
  serviceBasis: 'content',
  operations,
  ...more,
});
/** A lease that a client renews at its server. */
const renewal = (client: string, server: string, operations: string, more: FlowRecord = {}): FlowRecord =>
  answers(server, operations, {
    initiator: client,
    initiatorPort: 68,
    initiatorMac: macOf(client),
    responder: server,
    responderPort: 67,
    responderMac: macOf(server),
    ...more,
  });
const out = (mac: string): FlowRecord => ({
  protocol: 'tcp',
  initiator: '192.168.1.50',
  responder: '203.0.113.9',
  responderPort: 443,
  responderMac: mac,
  startMs: T0,
});

const TRUE = 'REQUEST, ACK, lease 192.168.1.50, router 192.168.1.1, dns 192.168.1.1';
const FALSE = 'OFFER, offered 192.168.1.250, router 192.168.1.9, dns 192.168.1.9';
const later = { startMs: T0 + 60_000, endMs: T0 + 61_000 };

describe('a second DHCP server', () => {
  it('that names itself as router is found, with what it told', () => {
    const [found, ...others] = detect([
      renewal('192.168.1.50', '192.168.1.1', TRUE),
      answers('192.168.1.9', FALSE, later),
      out(macOf('192.168.1.1')),
    ]);
    expect(others).toEqual([]);
    expect(found).toMatchObject({
      kind: 'rogue-dhcp.server',
      actor: '192.168.1.9',
      peers: ['192.168.1.1'],
      service: 'dhcp',
      firstMs: T0 + 60_000,
      lastMs: T0 + 61_000,
      score: 0.95,
      flowCount: 1,
    });
    expect(found?.reasons.map((r) => r.sentence)).toEqual([
      'It answered DHCP in 1 flow, beside 1 other server on the same wire.',
      'As router it names 192.168.1.9; beside it 192.168.1.1 is named.',
      'As DNS server it names 192.168.1.9; beside it 192.168.1.1 is named.',
      'It names itself, 192.168.1.9, so that the traffic of its clients comes to it.',
      'Traffic to the Internet goes through 192.168.1.1, which the other server names.',
    ]);
  });

  it('is the one whose router is not the way out, though it answered first', () => {
    const early = answers('192.168.1.9', FALSE);
    const truth = renewal('192.168.1.50', '192.168.1.1', TRUE, later);
    expect(summary(detect([early, truth, out(macOf('192.168.1.1'))]))).toEqual(['192.168.1.9 beside 192.168.1.1 0.95']);
    expect(summary(detect([early, truth]))).toEqual(['192.168.1.1 beside 192.168.1.9 0.7']);
  });

  it('is the later one where nothing else tells, and says so', () => {
    const [found] = detect([answers('192.168.1.1', TRUE), answers('192.168.1.9', FALSE, later)]);
    expect(found?.actor).toBe('192.168.1.9');
    expect(found?.score).toBe(0.7);
    expect(found?.reasons.at(-1)?.sentence).toBe(
      '192.168.1.1 answered before it; which of the two is the right one the traffic does not say.',
    );
    const other = 'ACK, router 192.168.1.254, dns 192.168.1.254';
    expect(detect([answers('192.168.1.1', other), answers('192.168.1.9', FALSE, later)])[0]?.score).toBe(0.9);
  });

  it('is found in a network larger than a /24 by its own address', () => {
    const elsewhere = 'OFFER, offered 192.168.3.250, router 192.168.1.9, dns 192.168.1.9';
    const truth = renewal('192.168.1.50', '192.168.1.1', TRUE);
    expect(summary(detect([truth, answers('192.168.1.9', elsewhere, later)]))).toHaveLength(1);
    expect(detect([truth, answers('192.168.2.9', elsewhere, later)])).toEqual([]);
  });

  it('is found by another DNS server alone', () => {
    const dns = 'ACK, lease 192.168.1.60, router 192.168.1.1, dns 192.168.1.9';
    expect(summary(detect([answers('192.168.1.1', TRUE), answers('192.168.1.9', dns, later)]))).toHaveLength(1);
    const same = 'ACK, lease 192.168.1.60, router 192.168.1.1, dns 192.168.1.1 9.9.9.9';
    expect(detect([answers('192.168.1.1', TRUE), answers('192.168.1.9', same, later)])).toEqual([]);
  });

  it('knows the hardware address of a router that is no server by its claims in ARP', () => {
    const arp: ArpView = {
      isContested: () => false,
      firstClaimant: () => undefined,
      contested: () => [],
      ownAddresses: () => [],
      claimCount: () => 0,
      macOf: (address) => (address === '192.168.1.254' ? '02:00:00:00:00:fe' : undefined),
    };
    const d = detector({}, arp);
    const truth = 'ACK, lease 192.168.1.50, router 192.168.1.254, dns 192.168.1.2';
    d.observe(
      flowTable([answers('192.168.1.9', FALSE), answers('192.168.1.2', truth, later), out('02:00:00:00:00:fe')]),
      NO_FEATURES,
    );
    expect(summary(d.finish())).toEqual(['192.168.1.9 beside 192.168.1.2 0.95']);
  });

  it('needs as many answers as the option asks for', () => {
    const two = [
      answers('192.168.1.1', TRUE),
      answers('192.168.1.1', TRUE),
      answers('192.168.1.9', FALSE, later),
      answers('192.168.1.9', FALSE, later),
    ];
    expect(detect(two, { minAnswers: 2 })).toHaveLength(1);
    expect(detect(two, { minAnswers: 3 })).toEqual([]);
  });
});

describe('innocent servers', () => {
  const truth = answers('192.168.1.1', TRUE);
  it.each([
    ['a pair that tells the same', [truth, answers('192.168.1.2', TRUE, later)]],
    [
      'one device with two addresses',
      [truth, answers('192.168.1.9', FALSE, { ...later, initiatorMac: macOf('192.168.1.1') })],
    ],
    ['a relay', [truth, answers('192.168.1.9', FALSE, { ...later, responder: '192.168.1.1', responderPort: 67 })]],
    [
      'servers of two VLANs',
      [answers('192.168.1.1', TRUE, { vlan: 10 }), answers('192.168.1.9', FALSE, { ...later, vlan: 20 })],
    ],
    [
      'servers of two networks that are routed',
      [
        renewal('192.168.1.50', '192.168.1.1', TRUE),
        renewal('192.168.7.50', '192.168.7.1', 'ACK, lease 192.168.7.50, router 192.168.7.1', later),
      ],
    ],
    ['one that names neither', [truth, answers('192.168.1.9', 'ACK, lease 192.168.1.70', later)]],
    ['clients that only ask', [truth, renewal('192.168.1.9', '192.168.1.3', 'DISCOVER, options 1,3,6', later)]],
    ['other services on the port', [truth, answers('192.168.1.9', FALSE, { ...later, service: 'tftp' })]],
  ])('%s', (_what, records) => {
    expect(detect(records)).toEqual([]);
  });
});

describe('a DHCPv6 server that draws names to itself', () => {
  const ROGUE = 'fe80::4491:c8ff:fe10:fd81';
  const CLIENT = 'fe80::6856:48ff:fee6:a4d9';
  const reply = (operations: string, more: FlowRecord = {}): FlowRecord => ({
    id: nextId++,
    startMs: T0,
    endMs: T0 + 1000,
    protocol: 'udp',
    initiator: ROGUE,
    initiatorPort: 547,
    initiatorMac: '46:91:c8:10:fd:81',
    responder: CLIENT,
    responderPort: 546,
    service: 'dhcpv6',
    operations,
    ...more,
  });

  it('is found by leases that no server gives, as mitm6 does', () => {
    const [found, ...others] = detect([reply(`ADVERTISE, REPLY, lease fe80::6721:1, dns ${ROGUE}`)]);
    expect(others).toEqual([]);
    expect(found).toMatchObject({
      kind: 'rogue-dhcp.resolver',
      actor: ROGUE,
      peers: [CLIENT],
      service: 'dhcpv6',
      firstMs: T0,
      score: 0.95,
      flowCount: 1,
    });
    expect(found?.reasons.map((r) => r.sentence)).toEqual([
      'It answered 1 client by DHCPv6 in 1 flow.',
      `It names itself, ${ROGUE}, as DNS server, so that its clients ask it for names.`,
      'It gives addresses such as fe80::6721:1, which hold on this wire alone and which every host makes for itself; no server does that.',
    ]);
  });

  it('is found where the traffic to outside goes another way', () => {
    const rogue = reply(`REPLY, lease 2001:db8::7, dns ${ROGUE}`);
    expect(detect([rogue, out(macOf('192.168.1.1'))]).map(({ kind, score }) => [kind, score])).toEqual([
      ['rogue-dhcp.resolver', 0.7],
    ]);
    expect(detect([rogue])).toEqual([]);
    expect(detect([rogue, out('46:91:c8:10:fd:81')])).toEqual([]);
  });

  it.each([
    ['one that names another', reply('REPLY, lease fe80::6721:1, dns 2001:db8::53')],
    [
      'one that names itself by an address of the network',
      reply('REPLY, lease 2001:db8::7, dns 2001:db8::53', { initiator: '2001:db8::53' }),
    ],
    ['offers alone', reply(`ADVERTISE, lease fe80::6721:1, dns ${ROGUE}`)],
    ['a relay', reply(`REPLY, lease fe80::6721:1, dns ${ROGUE}`, { responderPort: 547 })],
  ])('leaves %s alone', (_what, record) => {
    expect(detect([record, out(macOf('192.168.1.1'))])).toEqual([]);
  });
});

describe('its state', () => {
  it('refuses servers beyond the cap and counts them', () => {
    const d = detector({ maxServers: 10 });
    for (let block = 0; block < 4; block++)
      d.observe(
        flowTable(Array.from({ length: 20 }, (_, i) => answers(`192.168.${block}.${i + 1}`, FALSE))),
        NO_FEATURES,
      );
    expect(d.saturations()).toEqual([{ detector: 'rogue-dhcp', what: 'DHCP servers', cap: 10, refused: 70 }]);
    expect(d.finish()).toEqual([]);
  });

  it('says the same in any order of the flows', () => {
    const records = [
      answers('192.168.1.1', TRUE),
      answers('192.168.1.9', FALSE, later),
      answers('192.168.1.8', 'ACK, router 192.168.1.8', later),
      out(macOf('192.168.1.1')),
    ];
    const expected = detect(records);
    expect(expected).toHaveLength(2);
    fc.assert(
      fc.property(fc.shuffledSubarray(records, { minLength: records.length }), (shuffled) => {
        expect(detect(shuffled)).toEqual(expected);
      }),
    );
  });

  it('takes rows with anything missing, and any text for operations', () => {
    const whole = answers('192.168.1.9', FALSE);
    fc.assert(
      fc.property(fc.subarray(Object.keys(whole) as (keyof FlowRecord)[]), fc.string(), (kept, text) => {
        const row = {
          ...Object.fromEntries(kept.map((name) => [name, whole[name]])),
          operations: `ACK, router ${text}`,
        };
        expect(Array.isArray(detect([answers('192.168.1.1', TRUE), row]))).toBe(true);
      }),
    );
  });
});
