import { describe, expect, it } from 'vitest';
import { type ArpView, type FlowRecord, flowTable } from '../../flow/index.ts';
import type { Detection } from '../detection.ts';
import { createScanDetector } from '../scan.ts';
import { macText } from './author.ts';

const NO_FEATURES = { features: [], rowCount: 0, values: new Float32Array() };
const T0 = 1_600_000_000_000;
const SCANNER = '02:00:00:00:00:66';
const ROUTER = '02:00:00:00:00:01';
const SERVER = '02:00:00:00:00:10';

const arp: ArpView = {
  isContested: () => false,
  firstClaimant: () => undefined,
  contested: () => [],
  ownAddresses: (mac: string) => (mac === SCANNER ? ['10.0.0.66'] : mac === ROUTER ? ['10.0.0.1'] : []),
  claimCount: () => 1,
  macOf: () => undefined,
};

function detect(records: readonly FlowRecord[]): Detection[] {
  const detector = createScanDetector({ isHome: (address) => address.startsWith('10.'), arp });
  detector.observe(flowTable(records), NO_FEATURES);
  return detector.finish();
}

let id = 1;

function range<T>(n: number, make: (i: number) => T): T[] {
  return Array.from({ length: n }, (_, i) => make(i));
}

/** 40 ports of a host, refused. */
function ports(initiator: string, initiatorMac: string | undefined, afterMs = 0): FlowRecord[] {
  return range(40, (i) => ({
    id: id++,
    protocol: 'tcp',
    initiator,
    ...(initiatorMac === undefined ? {} : { initiatorMac }),
    responder: '10.0.0.10',
    responderMac: SERVER,
    responderPort: 1 + i,
    startMs: T0 + afterMs + 10 * i,
    endMs: T0 + afterMs + 10 * i,
    initiatorPackets: 1,
    initiatorFlags: 'S',
    outcome: 'refused',
  }));
}

const reason = (found: Detection | undefined, name: string) => found?.reasons.find((r) => r.name === name);

describe('decoys', () => {
  it('are the search of the host whose hardware address they all come from', () => {
    const found = detect([
      ...ports('10.0.0.101', SCANNER, 3),
      ...ports('10.0.0.66', SCANNER, 6),
      ...ports('203.0.113.9', SCANNER, 9),
    ]);
    expect(found.map(({ kind, actor }) => `${kind} ${actor}`)).toEqual(['scan.vertical 10.0.0.66']);
    expect(reason(found[0], 'scan.forged')).toMatchObject({
      value: 2,
      sentence:
        'The same search came with 2 other source addresses at the same time (10.0.0.101, 203.0.113.9), but from the hardware address of this host: they are forged, to hide it among them.',
    });
  });

  it('from behind a router are told as such, and all are named', () => {
    const found = detect(['203.0.113.7', '203.0.113.8', '198.51.100.9'].flatMap((host) => ports(host, ROUTER)));
    expect(found.map(({ actor }) => actor).sort()).toEqual(['198.51.100.9', '203.0.113.7', '203.0.113.8']);
    expect(found.map((d) => reason(d, 'scan.decoys')?.value)).toEqual([3, 3, 3]);
  });

  it('are no two hosts with hardware addresses of their own, and no searches at different times', () => {
    const two = detect([...ports('10.0.0.66', SCANNER), ...ports('10.0.0.67', '02:00:00:00:00:67')]);
    expect(two.map((d) => d.reasons.some(({ name }) => /forged|decoys/.test(name)))).toEqual([false, false]);
    const later = detect([...ports('10.0.0.66', SCANNER), ...ports('10.0.0.101', SCANNER, 3000)]);
    expect(later.map((d) => reason(d, 'scan.forged'))).toEqual([undefined, undefined]);
  });
});

describe('what a router asks for', () => {
  const asks = range(60, (i) => ({
    id: id++,
    protocol: 'arp',
    initiator: '10.0.0.1',
    initiatorMac: ROUTER,
    responder: `10.0.0.${100 + i}`,
    startMs: T0 + 20 * i,
    endMs: T0 + 20 * i,
    initiatorPackets: 1,
    outcome: i % 10 === 0 ? 'answered' : 'unanswered',
  })) satisfies FlowRecord[];
  /** A host inside that goes out through the router. */
  const out: FlowRecord[] = [
    {
      ...ports('10.0.0.5', '02:00:00:00:00:05')[0],
      responder: '198.51.100.80',
      responderMac: ROUTER,
      responderPort: 443,
      outcome: 'answered',
      initiatorFlags: 'APSF',
    },
  ];
  /** Echo requests of `source` to `n` of the hosts that are there. */
  const pings = (source: string, n: number): FlowRecord[] =>
    range(n, (i) => ({
      id: id++,
      protocol: 'icmp',
      icmpType: 8,
      initiator: source,
      initiatorMac: ROUTER,
      responder: `10.0.0.${100 + 10 * i}`,
      startMs: T0 + 200 * i,
      endMs: T0 + 200 * i,
      initiatorPackets: 1,
      outcome: 'answered',
    }));

  it('is the search of who turns to the hosts there', () => {
    const [found, ...rest] = detect([...asks, ...out, ...pings('203.0.113.66', 6)]);
    expect(rest).toEqual([]);
    expect(found).toMatchObject({ kind: 'scan.routed', actor: '203.0.113.66', peerCount: 60 });
    expect(reason(found, 'scan.targets')?.sentence).toBe(
      'It turned to 60 addresses of networks behind the router 10.0.0.1: 6 hosts that are there, and 54 for which the router asked by ARP in vain.',
    );
  });

  it('stays its own, with less weight, where nobody stands out', () => {
    for (const others of [[], pings('203.0.113.66', 2), [...pings('203.0.113.66', 6), ...pings('203.0.113.67', 4)]]) {
      const [found] = detect([...asks, ...out, ...others]);
      expect(found).toMatchObject({ kind: 'scan.arp', actor: '10.0.0.1' });
      expect(reason(found, 'scan.router')).toBeDefined();
    }
  });

  it('is its own where nothing leaves the network through it', () => {
    const [found] = detect([...asks, ...pings('203.0.113.66', 6)]);
    expect(found).toMatchObject({ kind: 'scan.arp', actor: '10.0.0.1' });
    expect(reason(found, 'scan.router')).toBeUndefined();
  });
});

it('hardware addresses keep their leading zeros', () => {
  expect(macText(0x0a_00_00_00_01)).toBe('00:0a:00:00:00:01');
  expect(macText(Number.NaN)).toBeUndefined();
});
