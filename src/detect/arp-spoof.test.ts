import { describe, expect, it } from 'vitest';
import type { ArpClaim, ArpView, ClaimedAddress, FlowRecord } from '../flow/index.ts';
import { flowTable } from '../flow/index.ts';
import { type ArpSpoofOptions, createArpSpoofDetector } from './arp-spoof.ts';
import type { Detection, Detector } from './detection.ts';

const NO_FEATURES = { features: [], rowCount: 0, values: new Float32Array() };
const T0 = Date.UTC(2024, 0, 1);
const MIN = 60_000;
const ROUTER = '00:11:22:00:00:01';
const VICTIM = '00:11:22:00:00:50';
const THIEF = '00:11:22:00:00:66';
const GATE = '192.168.1.1';
const isHome = (address: string): boolean => address.startsWith('192.168.');

const claim = (mac: string, told: number, unasked: number, fromMin = 0, toMin = 30, announced = 0): ArpClaim => ({
  mac,
  told,
  unasked,
  announced,
  firstMs: T0 + fromMin * MIN,
  lastMs: T0 + toMin * MIN,
});
const place = (address: string, changes: number, ...claims: ArpClaim[]): ClaimedAddress => ({
  address,
  vlan: -1,
  changes,
  claims,
});

/** A view of claims that says what the places say; `own` are the uncontested addresses of hardware addresses. */
function view(places: readonly ClaimedAddress[], own: Readonly<Record<string, readonly string[]>> = {}): ArpView {
  const at = (address: string): ClaimedAddress | undefined => places.find((one) => one.address === address);
  return {
    isContested: (address) => at(address) !== undefined,
    firstClaimant: (address) => at(address)?.claims[0]?.mac,
    contested: () => places,
    ownAddresses: (mac) => own[mac] ?? [],
    claimCount: (mac) =>
      (own[mac] ?? []).length + places.filter(({ claims }) => claims.some((one) => one.mac === mac)).length,
    macOf: () => undefined,
  };
}

function detector(arp: ArpView | undefined, options: Partial<ArpSpoofOptions> = {}): Detector {
  return createArpSpoofDetector(arp === undefined ? { isHome } : { isHome, arp }, options);
}

function detect(
  places: readonly ClaimedAddress[],
  {
    flows = [],
    own = {},
    options = {},
  }: { flows?: readonly FlowRecord[]; own?: Record<string, string[]>; options?: Partial<ArpSpoofOptions> } = {},
): Detection[] {
  const d = detector(view(places, own), options);
  d.observe(flowTable(flows), NO_FEATURES);
  return d.finish();
}

const summary = (found: readonly Detection[]): string[] =>
  found.map((d) => `${d.kind.slice('arp-spoof.'.length)} ${d.actor} > ${d.peers.join(' ')} ${d.score}`);

const usurped = place(GATE, 20, claim(ROUTER, 40, 0), claim(THIEF, 2, 400, 10, 30));

describe('false claims', () => {
  it('to the address of the gateway are found, with who makes them', () => {
    const out: FlowRecord = {
      id: 1,
      protocol: 'tcp',
      initiator: '192.168.1.50',
      responder: '203.0.113.9',
      responderMac: ROUTER,
    };
    const shown: FlowRecord = {
      id: 2,
      protocol: 'arp',
      initiator: '192.168.1.50',
      initiatorMac: VICTIM,
      responder: GATE,
      responderMac: THIEF,
    };
    const asked: FlowRecord = {
      id: 3,
      protocol: 'arp',
      initiator: '192.168.1.50',
      initiatorMac: VICTIM,
      responder: GATE,
      responderMac: 'ff:ff:ff:ff:ff:ff',
    };
    const [found, ...others] = detect([usurped], { flows: [out, shown, asked], own: { [THIEF]: ['192.168.1.66'] } });
    expect(others).toEqual([]);
    expect(found).toMatchObject({
      kind: 'arp-spoof.poisoning',
      actor: '192.168.1.66',
      peers: [GATE],
      protocol: 'arp',
      firstMs: T0 + 10 * MIN,
      lastMs: T0 + 30 * MIN,
      score: 0.99,
      flowCount: 1,
    });
    expect(found?.flows.map(({ id }) => id)).toEqual([2]);
    expect(found?.reasons.map((r) => r.sentence)).toEqual([
      'It claimed 1 address of others in 402 ARP packets within 20 min; nobody had asked for 400 of them.',
      'The true owner claims the same in between: it changed hands 20 times.',
      '192.168.1.1 is the gateway: traffic to the Internet goes through its hardware address 00:11:22:00:00:01.',
      'Its hardware address is 00:11:22:00:00:66, its own address 192.168.1.66.',
    ]);
  });

  it('are those of a hardware address where no single address is its own', () => {
    expect(summary(detect([usurped]))).toEqual([`poisoning ${THIEF} > ${GATE} 0.99`]);
    expect(detect([usurped], { own: { [THIEF]: ['192.168.1.66', '192.168.1.67'] } })[0]?.actor).toBe(THIEF);
  });

  it('to both ends weigh more, and count where they were asked for, too', () => {
    const both = [
      place(GATE, 9, claim(ROUTER, 40, 0), claim(THIEF, 3, 2, 10)),
      place('192.168.1.50', 9, claim(VICTIM, 40, 0), claim(THIEF, 5, 0, 10)),
    ];
    const [found] = detect(both);
    expect(summary(detect(both))).toEqual([`poisoning ${THIEF} > ${GATE} 192.168.1.50 0.7`]);
    expect(found?.reasons.map((r) => r.name)).toContain('arp-spoof.both');
    const fewer = [both[0] as ClaimedAddress, place('192.168.1.50', 9, claim(VICTIM, 40, 0), claim(THIEF, 4, 0, 10))];
    expect(detect(fewer).map((d) => d.kind)).toEqual(['arp-spoof.conflict', 'arp-spoof.conflict']);
  });

  it('need enough unasked ones and enough changes of hands', () => {
    const kinds = (unasked: number, changes: number): string[] =>
      detect([place(GATE, changes, claim(ROUTER, 9, 0), claim(THIEF, 0, unasked, 1))]).map((d) => d.kind);
    expect(kinds(5, 3)).toEqual(['arp-spoof.poisoning']);
    expect(kinds(4, 3)).toEqual(['arp-spoof.conflict']);
    expect(kinds(5, 2)).toEqual([]);
    expect(detect([place(GATE, 3, claim(ROUTER, 9, 0), claim(THIEF, 0, 5, 1))])[0]?.score).toBe(0.6);
    expect(detect([place(GATE, 3, claim(ROUTER, 9, 0), claim(THIEF, 0, 10, 1))])[0]?.score).toBe(0.7);
  });

  it('need one change of hands alone where one neighbour is told again and again', () => {
    const kinds = (unasked: number, announced: number, changes: number): string[] =>
      detect([place(GATE, changes, claim(ROUTER, 9, 0), claim(THIEF, 0, unasked, 1, 5, announced))]).map((d) => d.kind);
    expect(kinds(20, 0, 1)).toEqual(['arp-spoof.poisoning']);
    expect(kinds(19, 0, 1)).toEqual([]);
    expect(kinds(60, 41, 1)).toEqual([]);
    expect(kinds(20, 0, 0)).toEqual([]);
  });

  it('are the later one’s, unless the first claims unasked nearly always and the other does not', () => {
    const actor = (first: ArpClaim, second: ArpClaim): string[] =>
      detect([place(GATE, 9, first, second)]).map((d) => d.actor);
    expect(actor(claim(ROUTER, 10, 30), claim(THIEF, 10, 30, 1))).toEqual([THIEF]);
    expect(actor(claim(THIEF, 1, 99), claim(ROUTER, 20, 10, 1))).toEqual([THIEF]);
    expect(actor(claim(ROUTER, 20, 80), claim(THIEF, 20, 10, 1))).toEqual([THIEF]);
    expect(actor(claim(ROUTER, 19, 81), claim(THIEF, 20, 20, 1))).toEqual([THIEF]);
  });
});

describe('innocent claims', () => {
  it.each([
    ['VRRP and CARP', '00:00:5e:00:01:07'],
    ['HSRP', '00:00:0c:07:ac:0a'],
    ['HSRP version 2', '00:00:0c:9f:f0:01'],
    ['GLBP', '00:07:b4:00:01:01'],
  ])('of routers that stand in for one another: %s', (_what, virtual) => {
    expect(detect([place(GATE, 50, claim(ROUTER, 9, 50), claim(virtual, 9, 50, 1))])).toEqual([]);
    expect(detect([place(GATE, 50, claim(virtual, 9, 50), claim(ROUTER, 9, 50, 1))])).toEqual([]);
  });

  it('of both ends are found in a short capture, where one is told to single neighbours unasked', () => {
    const both = (unasked: number, announced = 0): ClaimedAddress[] => [
      place(GATE, 2, claim(ROUTER, 2, 3), claim(THIEF, 0, unasked, 0, 1, announced)),
      place('192.168.1.50', 2, claim(VICTIM, 2, 3), claim(THIEF, 4, 2, 0, 1)),
    ];
    expect(detect(both(7))).toMatchObject([{ kind: 'arp-spoof.poisoning', actor: THIEF, peerCount: 2 }]);
    expect(detect(both(4))).toEqual([]);
    // A router that takes over two addresses announces them and answers who asks.
    expect(detect(both(7, 7))).toEqual([]);
  });

  it('of a failover and of a lease that goes to another host change hands once or twice', () => {
    expect(detect([place('192.168.1.9', 1, claim(VICTIM, 9, 2), claim(THIEF, 20, 60, 31, 60, 60))])).toEqual([]);
    expect(detect([place('192.168.1.9', 2, claim(VICTIM, 9, 9), claim(THIEF, 20, 9, 31, 60))])).toEqual([]);
  });

  it('of a router that answers for others when it is asked', () => {
    const own = (n: number): Record<string, string[]> => ({
      [ROUTER]: Array.from({ length: n }, (_, i) => `10.0.0.${i}`),
    });
    const places = [place('192.168.1.50', 9, claim(VICTIM, 9, 0), claim(ROUTER, 30, 0, 1))];
    expect(detect(places, { own: own(7) })).toEqual([]);
    expect(detect(places, { own: own(6) }).map((d) => d.kind)).toEqual(['arp-spoof.conflict']);
  });

  it('that only quarrel are a conflict, in words', () => {
    const [found] = detect([place('192.168.1.9', 12, claim(VICTIM, 9, 2), claim(THIEF, 20, 2, 1))]);
    expect(found).toMatchObject({ kind: 'arp-spoof.conflict', actor: THIEF, peers: ['192.168.1.9'], score: 0.5 });
    expect(found?.reasons.map((r) => r.sentence)).toEqual([
      'The address changed hands 12 times between 2 hardware addresses: 00:11:22:00:00:50, 00:11:22:00:00:66.',
      'Nobody had asked for 4 of the claims, which is too few for an attack.',
      'Its hardware address is 00:11:22:00:00:66; no single address of its own is known.',
    ]);
  });

  it('are all there are where no packets are read', () => {
    const d = detector(undefined);
    d.observe(flowTable([{ protocol: 'arp', initiator: GATE, responder: GATE }]), NO_FEATURES);
    expect([d.finish(), d.saturations()]).toEqual([[], []]);
  });
});

describe('its state', () => {
  it('keeps flows of as many contested addresses as the cap allows, and counts the others', () => {
    const places = Array.from({ length: 40 }, (_, i) =>
      place(`192.168.2.${i}`, 1, claim(ROUTER, 1, 0), claim(THIEF, 1, 0)),
    );
    const d = detector(view(places), { maxAddresses: 10 });
    d.observe(
      flowTable(
        places.map(({ address }) => ({
          protocol: 'arp',
          initiator: address,
          responder: '192.168.3.1',
          initiatorMac: THIEF,
        })),
      ),
      NO_FEATURES,
    );
    expect(d.saturations()).toEqual([{ detector: 'arp-spoof', what: 'contested addresses', cap: 10, refused: 30 }]);
  });
});
