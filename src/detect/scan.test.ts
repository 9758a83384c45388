import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../core/index.ts';
import { type FlowRecord, flowTable } from '../flow/index.ts';
import { formatIpv4 } from '../wire/index.ts';
import { pairHash } from './bounded/pair.ts';
import { ipv4Bits } from './bounded/text-number.ts';
import type { Detection, Detector } from './detection.ts';
import { createScanDetector, type ScanOptions, scanInfo } from './scan.ts';

const NO_FEATURES = { features: [], rowCount: 0, values: new Float32Array() };
const T0 = 1_600_000_000_000;
const context = { isHome: (address: string) => /^(10\.|192\.168\.|fd)/.test(address) };

function detector(options: Partial<ScanOptions> = {}): Detector {
  return createScanDetector(context, options);
}

function detect(records: readonly FlowRecord[], options: Partial<ScanOptions> = {}): Detection[] {
  const scan = detector(options);
  scan.observe(flowTable(records), NO_FEATURES);
  return scan.finish();
}

let nextId = 1;
const chance = new Random(7);

function tcp(fields: FlowRecord): FlowRecord {
  const startMs = fields.startMs ?? T0;
  const outcome = fields.outcome ?? 'unanswered';
  return {
    id: nextId++,
    protocol: 'tcp',
    initiator: '198.51.100.7',
    initiatorPort: 40_000 + (nextId % 20_000),
    responder: '10.0.0.1',
    responderPort: 445,
    startMs,
    endMs: startMs,
    durationMs: 0,
    initiatorPackets: outcome === 'answered' ? 8 : 1,
    responderPackets: outcome === 'unanswered' ? 0 : 1,
    initiatorFlags: outcome === 'answered' ? 'APSF' : 'S',
    outcome,
    ...fields,
  };
}

function udp(fields: FlowRecord): FlowRecord {
  return { ...tcp({ initiatorFlags: '', ...fields }), protocol: 'udp' };
}

function range<T>(n: number, make: (i: number) => T): T[] {
  return Array.from({ length: n }, (_, i) => make(i));
}

function reason(d: Detection | undefined, name: string): { value: number | string | undefined; sentence: string } {
  const found = d?.reasons.find((r) => r.name === name);
  return { value: found?.value, sentence: found?.sentence ?? '' };
}

const summary = (found: readonly Detection[]): string[] =>
  found.map((d) => `${d.kind} ${d.actor} ${d.peerCount} ${d.port ?? '-'} ${d.score.toFixed(2)}`);

const slowScan = range(7, (i) => tcp({ responder: `10.${i}.3.${i * 9}`, startMs: T0 + i * 870_000 }));

describe('lists of addresses', () => {
  /** `count` hosts outside on port 80 within half a minute, the first `failed` of every `of` of them silent, and questions to a resolver. */
  function calls(count: number, failed: number, questions: number, paceMs = 1000): FlowRecord[] {
    return [
      ...range(questions, (i) =>
        udp({ initiator: '10.0.0.9', responder: '10.0.0.1', responderPort: 53, startMs: T0 + i, outcome: 'answered' }),
      ),
      ...range(count, (i) =>
        tcp({
          initiator: '10.0.0.9',
          responder: `203.0.113.${i}`,
          responderPort: 80,
          startMs: T0 + i * paceMs,
          outcome:
            Math.floor(((i + 1) * failed) / count) > Math.floor((i * failed) / count) ? 'unanswered' : 'answered',
        }),
      ),
    ];
  }

  it('finds a host that calls addresses it never asked for, of which a part is dead', () => {
    const [found, ...rest] = detect(calls(24, 9, 3));
    expect(rest).toEqual([]);
    expect(found).toMatchObject({ kind: 'scan.horizontal', actor: '10.0.0.9', port: 80, peerCount: 24 });
    expect(found?.score).toBeGreaterThan(0.3);
    expect(found?.score).toBeLessThanOrEqual(0.45);
    expect(reason(found, 'scan.names').sentence).toBe(
      'It sent the DNS no more than 3 flows in all, so it had most of these addresses from elsewhere: a list, of which a part is dead. Bots that look for their masters call like this, and so do peer-to-peer programs.',
    );
    expect(reason(found, 'scan.odds').sentence).toMatch(
      /times likelier from a list of addresses than from who browses/,
    );
  });

  it('leaves alone who asks for names, and where no question is in the input', () => {
    expect(detect(calls(24, 9, 6))).toEqual([]);
    expect(detect(calls(24, 9, 0))).toEqual([]);
    expect(detect(calls(24, 9, 5))).toHaveLength(1);
  });

  it('needs twenty hosts within a minute, and so many dead that they decide', () => {
    expect(detect(calls(20, 8, 2))).toHaveLength(1);
    expect(detect(calls(19, 8, 2))).toEqual([]);
    expect(detect(calls(20, 8, 2, 3000))).toHaveLength(1);
    expect(detect(calls(20, 8, 2, 3200))).toEqual([]);
    expect(detect(calls(24, 9, 2))).toHaveLength(1);
    expect(detect(calls(24, 8, 2))).toEqual([]);
    const hardly = calls(24, 7, 2);
    expect(detect(hardly, { minScore: 0 })).toEqual([]);
    expect(detect(calls(24, 8, 2), { minScore: 0 })).toHaveLength(1);
  });

  it('asks for hosts outside, of a host inside', () => {
    const inside = calls(24, 9, 3).map((flow) =>
      flow.responderPort === 80 ? { ...flow, responder: `10.1.0.${flow.id}` } : flow,
    );
    expect(detect(inside)).toEqual([]);
    expect(detect(calls(24, 9, 3).map((flow) => ({ ...flow, initiator: '198.51.100.7' })))).toEqual([]);
  });
});

describe('horizontal scans', () => {
  it('finds seven silent hosts on one port spread over 1.5 hours', () => {
    const [found, ...rest] = detect(slowScan);
    expect(rest).toEqual([]);
    expect(found?.kind).toBe('scan.horizontal');
    expect(found?.actor).toBe('198.51.100.7');
    expect([found?.port, found?.protocol, found?.peerCount, found?.flowCount]).toEqual([445, 'tcp', 7, 7]);
    expect(found?.score).toBeCloseTo((7 / 11) * (1 / (1 + 7 / 4 ** 7)), 6);
    expect(found?.flows).toHaveLength(7);
    expect(reason(found, 'scan.targets').sentence).toBe(
      'It tried 7 different hosts on port 445/tcp (smb) within 1 h 27 min.',
    );
    expect(reason(found, 'scan.failed-ratio').value).toBe(1);
    expect(reason(found, 'scan.odds').sentence).toBe(
      'Read as a random walk over first contacts, this is 2,341 times likelier from a scanner than from an ordinary client (decided at 99).',
    );
    expect(reason(found, 'scan.rate').sentence).toBe('It took up a new target every 14 min 30 s on average.');
    expect(reason(found, 'scan.scope').value).toBe('outside to inside');
  });

  it('stays silent at four hosts and speaks at five', () => {
    expect(detect(slowScan.slice(0, 4))).toEqual([]);
    expect(summary(detect(slowScan.slice(0, 5)))).toEqual(['scan.horizontal 198.51.100.7 5 445 0.55']);
  });

  it('is surer of ten hosts within 0.1 ms', () => {
    const burst = range(10, (i) => tcp({ responder: `10.0.0.${i}`, responderPort: 23, startMs: T0 + i * 0.01 }));
    expect(summary(detect(burst))).toEqual(['scan.horizontal 198.51.100.7 10 23 0.86']);
  });

  it('joins a few ports tried on several hosts into one story', () => {
    const ports = [80, 8080, 88, 80, 88, 80, 8080, 80];
    const flows = ports.map((responderPort, i) =>
      tcp({ responder: `10.0.${i}.9`, responderPort, startMs: T0 + i * 1_900_000 }),
    );
    const [found] = detect(flows);
    expect(summary(detect(flows))).toEqual(['scan.horizontal 198.51.100.7 8 - 0.67']);
    expect(reason(found, 'scan.targets').sentence).toBe(
      'It tried 8 different hosts on ports 80, 88 and 8080/tcp within 3 h 42 min.',
    );
  });

  it('finds the scan of a host that also browses, and does not count what browsing reaches', () => {
    const browsing = range(400, (i) =>
      tcp({
        initiator: '10.0.0.5',
        responder: `203.0.113.${i % 250}`,
        responderPort: 443,
        outcome: 'answered',
        startMs: T0 + i * 1000,
      }),
    );
    const scan = range(30, (i) => tcp({ initiator: '10.0.0.5', responder: `10.0.1.${i}`, startMs: T0 + i * 5000 }));
    const [found] = detect([...browsing, ...scan]);
    expect([found?.kind, found?.actor, found?.port, found?.peerCount]).toEqual([
      'scan.horizontal',
      '10.0.0.5',
      445,
      30,
    ]);
  });

  it('names the hosts that answered first, and says so', () => {
    const flows = range(40, (i) =>
      tcp({ responder: `10.0.0.${i}`, outcome: i === 17 ? 'answered' : 'refused', startMs: T0 + i * 100 }),
    );
    const [found] = detect(flows);
    expect(found?.peers[0]).toBe('10.0.0.17');
    expect(reason(found, 'scan.answered').sentence).toBe('1 target answered: that is what it found.');
    expect(reason(found, 'scan.failed-ratio').sentence).toBe(
      '97.5 % of these first contacts failed: 0 stayed without an answer, 39 were refused.',
    );
  });

  it('finds a UDP sweep, from ten hosts on and less sure', () => {
    const sweep = (n: number) =>
      range(n, (i) => udp({ responder: `10.0.0.${i + 1}`, responderPort: 161, startMs: T0 + i * 1000 }));
    expect(detect(sweep(9))).toEqual([]);
    expect(summary(detect(sweep(10)))).toEqual(['scan.horizontal 198.51.100.7 10 161 0.57']);
  });
});

describe('vertical scans', () => {
  const ports = (n: number, host = '10.0.0.1', step = 0.02) =>
    range(n, (i) => tcp({ responder: host, responderPort: 20 + i, startMs: T0 + i * step }));

  it('finds ten ports of one host within 0.2 ms', () => {
    const [found] = detect(ports(10));
    expect(summary(detect(ports(10)))).toEqual(['scan.vertical 198.51.100.7 1 - 0.86']);
    expect(reason(found, 'scan.ports').sentence).toBe(
      'It tried 10 different ports of 1 host within 0.18 ms: ports 20, 21, 22, 23, 24, 25, 26, 27 and 2 more (tcp).',
    );
  });

  it('stays silent at five ports', () => {
    expect(detect(ports(5))).toEqual([]);
    expect(summary(detect(ports(6, '10.0.0.1', 60_000)))).toEqual(['scan.vertical 198.51.100.7 1 - 0.60']);
  });

  it('calls many ports of several hosts a block', () => {
    const flows = range(4, (h) => ports(50, `10.0.0.${h}`)).flat();
    expect(summary(detect(flows))).toEqual(['scan.block 198.51.100.7 4 - 0.99']);
  });

  it('takes no notice of a DHCP server that renews leases, for clients alone', () => {
    const renewed = (from: number, to: number): FlowRecord[] =>
      range(30, (i) => udp({ initiatorPort: from, responder: `10.0.0.${i + 20}`, responderPort: to, startMs: T0 + i }));
    expect(detect([...renewed(67, 68), ...renewed(547, 546)])).toEqual([]);
    expect(detect(renewed(68, 67))).toHaveLength(1);
  });

  it('takes no notice of a traceroute, or of late DNS answers', () => {
    const traceroute = range(30, (i) => udp({ responder: '8.8.8.8', responderPort: 33_434 + i, startMs: T0 + i }));
    const late = range(60, (i) =>
      udp({ initiator: '8.8.8.8', initiatorPort: 53, responder: '10.0.0.9', responderPort: 50_000 + i }),
    );
    expect(detect([...traceroute, ...late])).toEqual([]);
  });
});

describe('sweeps', () => {
  const arp = (responder: string, fields: FlowRecord = {}): FlowRecord => ({
    id: nextId++,
    protocol: 'arp',
    initiator: '192.168.1.50',
    responder,
    startMs: T0,
    endMs: T0,
    initiatorPackets: 1,
    outcome: 'unanswered',
    ...fields,
  });
  const replySeen = arp('192.168.1.1', { initiator: '192.168.1.9', outcome: 'answered' });

  it('finds an ARP sweep of a /24', () => {
    const flows = range(254, (i) =>
      arp(`192.168.1.${i + 1}`, { startMs: T0 + i * 25, outcome: i % 50 === 0 ? 'answered' : 'unanswered' }),
    );
    const [found] = detect(flows);
    expect(summary(detect(flows))).toEqual(['scan.arp 192.168.1.50 253 - 0.96']);
    expect(reason(found, 'scan.targets').sentence).toBe('It asked by ARP for 253 different addresses within 6.3 s.');
    expect(reason(found, 'scan.answered').value).toBe(6);
    expect(found?.flows).toHaveLength(20);
  });

  it('needs ten silent addresses in a minute, and twenty where no reply to anybody is seen', () => {
    const sweep = (n: number) => range(n, (i) => arp(`192.168.1.${i + 60}`, { startMs: T0 + i * 1000 }));
    expect(detect([replySeen, ...sweep(9)])).toEqual([]);
    expect(summary(detect([replySeen, ...sweep(10)]))).toEqual(['scan.arp 192.168.1.50 10 - 0.50']);
    expect(detect(sweep(19))).toEqual([]);
    expect(summary(detect(sweep(20)))).toEqual(['scan.arp 192.168.1.50 20 - 0.53']);
  });

  it('takes the minute exactly: ten in it, and nine with the tenth just after', () => {
    const within = (ms: number) =>
      detect([replySeen, ...range(10, (i) => arp(`192.168.1.${i + 60}`, { startMs: T0 + (i === 9 ? ms : i * 1000) }))]);
    expect([within(60_000).length, within(60_001).length]).toEqual([1, 0]);
    expect(detect([replySeen, ...range(10, (i) => arp(`192.168.1.${i + 60}`))], { minScore: 0.51 })).toEqual([]);
  });

  it('leaves a router alone that looks for its own hosts again and again', () => {
    const flows = range(300, (i) =>
      arp(`192.168.1.${i % 20}`, { initiator: '192.168.1.1', startMs: T0 + i * 2000, initiatorPackets: 3 }),
    );
    expect(detect([replySeen, ...flows])).toEqual([]);
  });

  const echo = (responder: string, fields: FlowRecord = {}): FlowRecord => ({
    ...arp(responder, fields),
    protocol: 'icmp',
    icmpType: 8,
    ...fields,
  });

  it('finds an echo sweep of a network where most hosts answer', () => {
    const flows = range(17, (i) =>
      echo(`192.168.1.${100 + i}`, { startMs: T0 + i * 90, outcome: i % 3 === 0 ? 'unanswered' : 'answered' }),
    );
    expect(summary(detect(flows))).toEqual(['scan.icmp 192.168.1.50 17 - 0.72']);
  });

  it('takes ten hosts for a sweep where a fifth is silent, and thirty where all answer; not one less', () => {
    const sweep = (n: number, silent: number) =>
      detect(
        range(n, (i) =>
          echo(`192.168.1.${100 + i}`, { startMs: T0 + i * 90, outcome: i % silent === 0 ? 'unanswered' : 'answered' }),
        ),
      ).length;
    expect([sweep(9, 3), sweep(10, 3)]).toEqual([0, 1]);
    expect([sweep(29, 1000), sweep(30, 1000)]).toEqual([0, 1]);
  });

  it('finds a slow echo sweep of an empty network', () => {
    const flows = range(8, (i) => echo(`192.168.7.${i}`, { startMs: T0 + i * 600_000 }));
    expect(detect(flows.slice(0, 7))).toEqual([]);
    expect(summary(detect(flows))).toEqual(['scan.icmp 192.168.1.50 8 - 0.67']);
  });

  it('leaves monitoring alone that asks the same hosts over and over', () => {
    const flows = range(40, (h) =>
      range(20, (i) =>
        echo(`192.168.1.${h}`, { startMs: T0 + i * 60_000 + h, outcome: h % 8 === 0 ? 'unanswered' : 'answered' }),
      ),
    ).flat();
    expect(detect(flows)).toEqual([]);
  });

  it('does not count ICMP errors', () => {
    const flows = range(50, (i) => echo(`192.168.1.${i}`, { icmpType: 3, outcome: 'unknown' }));
    expect(detect(flows)).toEqual([]);
  });
});

describe('innocent twins', () => {
  it.each([
    [
      'a crawler that reaches most of 2,000 hosts',
      range(2000, (i) =>
        tcp({
          initiator: '10.0.0.5',
          responder: `203.${i >> 8}.113.${i & 255}`,
          responderPort: 443,
          outcome: i % 12 === 0 ? 'unanswered' : 'answered',
          startMs: T0 + i * 50,
        }),
      ),
    ],
    [
      'a mail server whose peers fail one time in three',
      range(900, (i) =>
        tcp({
          initiator: '10.0.0.25',
          responder: `203.${i >> 8}.113.${i & 255}`,
          responderPort: 25,
          outcome: chance.below(100) < 33 ? 'unanswered' : 'answered',
          startMs: T0 + i * 5000,
        }),
      ),
    ],
    [
      'many failures at one server that is down',
      range(800, (i) =>
        tcp({ initiator: '10.0.0.5', responder: '10.0.0.80', responderPort: 8080, startMs: T0 + i * 100 }),
      ),
    ],
    [
      'clients of one server that retry',
      range(300, (i) =>
        tcp({ initiator: `10.0.1.${i % 60}`, responder: '10.0.0.80', responderPort: 80, startMs: T0 + i }),
      ),
    ],
    [
      'a resolver that reaches most name servers',
      range(1500, (i) =>
        udp({
          initiator: '10.0.0.53',
          responder: `198.18.${i >> 8}.${i & 255}`,
          responderPort: 53,
          outcome: i % 9 === 0 ? 'unanswered' : 'answered',
          startMs: T0 + i * 10,
        }),
      ),
    ],
    [
      'a victim of a flood whose SYN-ACKs come to us',
      range(200, (i) =>
        tcp({
          initiator: '203.0.113.80',
          responder: `10.0.0.${i}`,
          outcome: 'unknown',
          initiatorFlags: 'AS',
          tcpState: 'OTH',
        }),
      ),
    ],
    [
      'multicast and broadcast discovery',
      range(60, (i) =>
        udp({
          initiator: '10.0.0.5',
          responder: i % 2 === 0 ? `239.255.255.${i}` : `10.0.${i}.255`,
          responderPort: i % 2 === 0 ? 1900 : 137,
        }),
      ),
    ],
    [
      'a device that answers whoever asked for it by SSDP',
      range(200, (i) =>
        udp({
          initiator: '10.0.0.9',
          initiatorPort: 1900,
          responder: '10.0.0.5',
          responderPort: 32_768 + i * 97,
          startMs: T0 + i * 1000,
        }),
      ),
    ],
    [
      'QUIC that a firewall drops while TCP works',
      range(100, (i) => [
        udp({ initiator: '10.0.0.5', responder: `203.0.113.${i}`, responderPort: 443, startMs: T0 + i * 100 }),
        tcp({
          initiator: '10.0.0.5',
          responder: `203.0.113.${i}`,
          responderPort: 443,
          startMs: T0 + i * 100,
          outcome: 'answered',
        }),
      ]).flat(),
    ],
    [
      'peer-to-peer over UDP with random ports',
      range(600, (i) =>
        udp({
          initiator: '10.0.0.5',
          initiatorPort: 51_413,
          responder: `203.${i >> 8}.7.${i & 255}`,
          responderPort: i % 30 === 0 ? 6881 : 1024 + ((i * 7919) % 60_000),
          startMs: T0 + i * 200,
        }),
      ),
    ],
    [
      'clients in a capture of one direction that go on after the SYN',
      range(200, (i) =>
        tcp({
          initiator: `10.0.0.${i % 4}`,
          responder: `203.0.113.${i}`,
          responderPort: 443,
          initiatorFlags: 'APSF',
          initiatorPackets: 9,
        }),
      ),
    ],
    ['later parts of flows that the active timeout cut', slowScan.map((f) => ({ ...f, continued: 1 }))],
  ])('stays silent about %s', (_, flows) => {
    expect(detect(flows)).toEqual([]);
  });

  it('does not take any other high source port for that of a service that answers', () => {
    const flows = range(200, (i) =>
      udp({
        initiator: '10.0.0.9',
        initiatorPort: 1901,
        responder: '10.0.0.5',
        responderPort: 32_768 + ((i * 97) % 700),
        startMs: T0 + i * 1000,
      }),
    );
    expect(detect(flows).map(({ kind }) => kind)).toEqual(['scan.vertical']);
  });

  it('doubts a client that fails at web servers outside', () => {
    const flows = range(12, (i) =>
      tcp({ initiator: '10.0.0.5', responder: `203.0.113.${i}`, responderPort: 80, startMs: T0 + i * 1000 }),
    );
    const [found] = detect(flows);
    expect(found?.score).toBeCloseTo(0.5, 2);
    expect(reason(found, 'scan.web-client').value).toBe('yes');
  });

  it('asks for more, and is never sure, where a capture seems to hold SYNs only', () => {
    const crowd = range(10, (c) =>
      range(12, (i) =>
        tcp({
          initiator: `10.0.0.${c}`,
          responder: `203.0.113.${c * 12 + i}`,
          responderPort: 443,
          startMs: T0 + i * 9000,
        }),
      ),
    ).flat();
    expect(detect(crowd)).toEqual([]);
    const wide = range(60, (i) => tcp({ responder: `10.9.0.${i}`, startMs: T0 + i }));
    const [found] = detect([...crowd, ...wide]);
    expect([found?.actor, found?.score]).toEqual(['198.51.100.7', 0.6]);
    expect(reason(found, 'scan.one-way').value).toBe('yes');
  });
});

describe('order, damage and bounds', () => {
  const mixed = [
    ...slowScan,
    ...range(600, (i) =>
      tcp({ initiator: '10.9.0.66', responder: `10.0.${i >> 8}.${i & 255}`, startMs: T0 - i * 977 }),
    ),
    ...range(40, (i) => tcp({ initiator: '10.0.0.67', responderPort: i, startMs: T0 + ((i * 7919) % 40) * 1000 })),
    ...range(300, (i) =>
      tcp({
        initiator: '10.0.0.5',
        responder: `203.0.113.${i % 90}`,
        responderPort: 443,
        outcome: 'answered',
        startMs: T0 + i,
      }),
    ),
  ];

  it('finds the same in any order and in any batches', () => {
    const expected = detect(mixed);
    expect(summary(expected)).toEqual([
      'scan.horizontal 10.9.0.66 600 445 0.99',
      'scan.vertical 10.0.0.67 1 - 0.91',
      'scan.horizontal 198.51.100.7 7 445 0.64',
    ]);
    fc.assert(
      fc.property(
        fc.shuffledSubarray(mixed, { minLength: mixed.length }),
        fc.integer({ min: 1, max: 400 }),
        (shuffled, size) => {
          const scan = detector();
          for (let at = 0; at < shuffled.length; at += size)
            scan.observe(flowTable(shuffled.slice(at, at + size)), NO_FEATURES);
          expect(scan.finish()).toEqual(expected);
        },
      ),
      { numRuns: 12 },
    );
  });

  it('survives rows in which everything but the endpoints and the outcome is missing', () => {
    const bare = slowScan.map(({ protocol, initiator, responder, responderPort, outcome }) => ({
      protocol,
      initiator,
      responder,
      responderPort,
      outcome,
    })) as FlowRecord[];
    const [found] = detect([...bare, {}, { protocol: 'tcp' }, { protocol: 'udp', outcome: 'unanswered' }]);
    expect([found?.kind, found?.firstMs, found?.lastMs, found?.peerCount]).toEqual(['scan.horizontal', 0, 0, 7]);
  });

  it('takes a one-way flow without flags for a connection when it has data, or more packets than retries', () => {
    const noFlags = (fields: FlowRecord) => slowScan.map(({ initiatorFlags, ...rest }) => ({ ...rest, ...fields }));
    expect(detect(noFlags({ initiatorPackets: 7 }))).toHaveLength(1);
    expect(detect(noFlags({ initiatorPackets: 8 }))).toEqual([]);
    expect(detect(noFlags({ initiatorPackets: 3, initiatorPayloadBytes: 1 }))).toEqual([]);
    expect(detect(noFlags({ initiatorPackets: 8, initiatorPayloadBytes: 0 }))).toHaveLength(1);
  });

  it('reaches a plateau when sources and contacts flood it, and says what it refused', () => {
    const scan = detector({ maxSources: 50, maxContacts: 200, maxContactsPerSource: 100 });
    const flows = [
      ...range(150, (i) => tcp({ initiator: '10.0.0.66', responder: `10.0.1.${i}`, startMs: T0 + i })),
      ...range(500, (i) => tcp({ initiator: `10.7.${i >> 8}.${i & 255}`, responder: '10.0.0.9' })),
      ...range(300, (i) => tcp({ initiator: `10.7.0.${i % 10}`, responder: `10.8.${i >> 8}.${i & 255}` })),
    ];
    scan.observe(flowTable(flows), NO_FEATURES);
    const saturations = scan.saturations();
    expect(saturations.map((s) => [s.what, s.cap])).toEqual([
      ['sources of first contacts', 50],
      ['first contacts', 200],
      ['first contacts of one source', 100],
    ]);
    expect(saturations.map((s) => s.refused > 0)).toEqual([true, true, true]);
    const found = scan.finish().find((d) => d.actor === '10.0.0.66');
    expect(reason(found, 'scan.targets').sentence).toBe(
      'It tried at least 100 different hosts on port 445/tcp (smb) within 99 ms.',
    );
  });

  it('finds a scanner that comes after and among 100,000 forged sources with one contact each', () => {
    const scan = detector();
    const forged = (from: number, n: number) =>
      range(n, (i) => {
        const k = from + i;
        return tcp({
          initiator: `100.${k >> 16}.${(k >> 8) & 255}.${k & 255}`,
          responder: '10.0.0.9',
          startMs: T0 + k,
        });
      });
    scan.observe(flowTable(forged(0, 100_000)), NO_FEATURES);
    for (let i = 0; i < 40; i++) {
      const probe = tcp({ initiator: '203.0.113.66', responder: `10.0.1.${i}`, startMs: T0 + 100_000 + i * 500 });
      scan.observe(flowTable([...forged(100_000 + i * 500, 500), probe]), NO_FEATURES);
    }
    const found = scan.finish().filter((d) => d.actor === '203.0.113.66');
    expect(found.map((d) => [d.kind, d.peerCount])).toEqual([['scan.horizontal', 40]]);
    expect(scan.saturations().map((s) => [s.what, s.cap])).toEqual([['sources of first contacts', 20_000]]);
  });

  it('finds a scanner whose place in the table was filled with forged sources before', () => {
    const home = pairHash(ipv4Bits('203.0.113.66'), 0, 0) & 0xffff;
    const forged: string[] = [];
    for (let bits = 0x64000000; forged.length < 600; bits++)
      if (forged.length < 300 || (pairHash(bits, 0, 0) & 0xffff) === home) forged.push(formatIpv4(bits));
    const scan = detector();
    const before = forged.map((initiator, i) => tcp({ initiator, responder: '10.0.0.9', startMs: T0 + i }));
    const probes = range(40, (i) =>
      tcp({ initiator: '203.0.113.66', responder: `10.0.1.${i}`, startMs: T0 + 1000 + i }),
    );
    for (const batch of [before, probes]) scan.observe(flowTable(batch), NO_FEATURES);
    expect(scan.finish().map((d) => [d.kind, d.actor, d.peerCount])).toContainEqual([
      'scan.horizontal',
      '203.0.113.66',
      40,
    ]);
    expect(scan.saturations()).toEqual([]);
  });

  it('makes room at the cap of contacts by dropping sources that have too few for a scan', () => {
    const scan = detector({ maxContacts: 1000 });
    const light = range(2000, (i) => tcp({ initiator: `100.64.${i >> 8}.${i & 255}`, responder: '10.0.0.9' }));
    const probes = range(50, (i) => tcp({ initiator: '203.0.113.66', responder: `10.0.1.${i}`, startMs: T0 + i }));
    for (const batch of [light, probes]) scan.observe(flowTable(batch), NO_FEATURES);
    expect(scan.finish().map((d) => [d.kind, d.actor, d.peerCount])).toContainEqual([
      'scan.horizontal',
      '203.0.113.66',
      50,
    ]);
    expect(scan.saturations()).toEqual([{ detector: 'scan', what: 'first contacts', cap: 1000, refused: 2000 }]);
  });

  it('scores within 0 and 1 and names only kinds it has announced, on random flows', () => {
    const anyFlow = fc.record(
      {
        protocol: fc.constantFrom('tcp', 'udp', 'icmp', 'icmpv6', 'arp', 'igmp'),
        initiator: fc.constantFrom('10.0.0.1', '10.0.0.2', 'fe80::1', '0.0.0.0', 'x'),
        responder: fc.constantFrom('10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6', '10.0.0.7', '10.0.0.8', ''),
        responderPort: fc.integer({ min: 0, max: 12 }),
        icmpType: fc.constantFrom(0, 3, 8, 128),
        outcome: fc.constantFrom('answered', 'refused', 'unanswered', 'unknown'),
        startMs: fc.oneof(fc.integer({ min: -1e6, max: 1e6 }), fc.constant(Number.NaN)),
        initiatorFlags: fc.constantFrom('S', 'AS', 'SR', 'CES', ''),
        initiatorPackets: fc.integer({ min: 0, max: 5 }),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.array(anyFlow, { maxLength: 300, minLength: 50 }), (flows) => {
        for (const d of detect(flows as FlowRecord[], { minScore: 0 })) {
          expect(d.score).toBeGreaterThanOrEqual(0);
          expect(d.score).toBeLessThanOrEqual(1);
          expect(scanInfo.kinds).toContain(d.kind);
          expect(Number.isFinite(d.firstMs) && Number.isFinite(d.lastMs)).toBe(true);
          expect(d.reasons.every((r) => typeof r.value === 'string' || Number.isFinite(r.value))).toBe(true);
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('probes that begin no connection', () => {
  /** One packet with these flags to each of `count` ports from 1 on, answered by a reset. */
  function probes(count: number, flags: string, fields: FlowRecord = {}): FlowRecord[] {
    return range(count, (i) => ({
      ...tcp({ initiator: '10.0.0.9', responderPort: 1 + i, startMs: T0 + 10 * i }),
      initiatorFlags: flags,
      initiatorPayloadBytes: 0,
      responderPackets: 1,
      responderPayloadBytes: 0,
      responderFlags: 'AR',
      outcome: 'unknown',
      ...fields,
    }));
  }

  it('finds FIN, XMAS and NULL scans of six ports, and says what they carry', () => {
    for (const [flags, name] of [
      ['F', 'fin'],
      ['UPF', 'xmas'],
      ['', 'null'],
    ] as const) {
      const [found, ...rest] = detect(probes(6, flags));
      expect(rest).toEqual([]);
      expect(found).toMatchObject({ kind: 'scan.vertical', actor: '10.0.0.9', peers: ['10.0.0.1'], protocol: 'tcp' });
      expect(reason(found, 'scan.probe').value).toBe(name);
      expect(found?.flows[0]).toMatchObject({ protocol: 'tcp', responderPort: 1 });
      expect(detect(probes(5, flags))).toEqual([]);
    }
    expect(reason(detect(probes(8, 'F'))[0], 'scan.probe').sentence).toBe(
      'None of these packets begins a connection: they carry FIN alone. Only tools that look for open ports send such packets, past filters and logs that look for SYNs.',
    );
  });

  it('counts the silent ports of a FIN scan, and none of no flags at all, which may be a header that was cut', () => {
    const silent = { responderPackets: 0, responderFlags: '' };
    const [found] = detect([...probes(6, 'F'), ...probes(2, 'F', { ...silent, responder: '10.0.0.1' })]);
    expect(reason(found, 'scan.refused').value).toBe(6);
    expect(detect(probes(9, 'F', silent))).toHaveLength(1);
    expect(detect(probes(40, '', silent))).toEqual([]);
  });

  it('finds a FIN scan of one port on five hosts', () => {
    const wide = (n: number) =>
      range(n, (i) => ({ ...probes(1, 'F')[0], responder: `10.0.1.${i}`, responderPort: 22 }));
    expect(summary(detect(wide(5)))).toEqual(['scan.horizontal 10.0.0.9 5 22 0.56']);
    expect(detect(wide(4))).toEqual([]);
  });

  it('takes twenty services of a host for a search by ACK, and what is left of old connections for none', () => {
    expect(summary(detect(probes(20, 'A')))).toEqual(['scan.vertical 10.0.0.9 1 - 0.92']);
    expect(summary(detect(probes(20, 'AF')))).toEqual(['scan.vertical 10.0.0.9 1 - 0.92']);
    expect(detect(probes(19, 'A'))).toEqual([]);
    // A server lets go of the connections of a client that is gone.
    const clients = range(60, (i) => ({ ...probes(1, 'AF')[0], initiatorPort: 50_051, responderPort: 40_000 + i }));
    expect(detect(clients)).toEqual([]);
    // Connections of a browser that began before the capture.
    const sites = range(60, (i) => ({ ...probes(1, 'AF')[0], responder: `203.0.113.${i}`, responderPort: 443 }));
    expect(detect(sites)).toEqual([]);
  });

  it('leaves alone what carried payload, went on, was answered by more than a reset, or had been a connection', () => {
    expect(detect(probes(40, 'A', { initiatorPayloadBytes: 1 }))).toEqual([]);
    expect(detect(probes(40, 'A', { initiatorPackets: 3 }))).toEqual([]);
    expect(detect(probes(40, 'A', { responderFlags: 'A' }))).toEqual([]);
    expect(detect(probes(40, 'AR'))).toEqual([]);
    const before = range(40, (i) =>
      tcp({ initiator: '10.0.0.9', responderPort: 1 + i, startMs: T0 - 5000, outcome: 'answered' }),
    );
    expect(detect([...before, ...probes(40, 'A')])).toEqual([]);
  });
});

describe('what is told of a search', () => {
  const ping = (i: number, outcome: string, fields: FlowRecord = {}): FlowRecord => ({
    ...tcp({ responder: `10.0.1.${i}`, startMs: T0 + 10 * i, ...fields }),
    protocol: 'icmp',
    icmpType: 8,
    outcome,
  });

  it('has the hosts that answered before and after those that did not', () => {
    const sweep = range(40, (i) => ping(i, i < 12 || i >= 34 ? 'answered' : 'unanswered'));
    const [found] = detect(sweep);
    expect(found).toMatchObject({ kind: 'scan.icmp', peerCount: 40 });
    expect(reason(found, 'scan.answered').value).toBe(18);
  });

  it('has none of the contacts of another time', () => {
    const sweep = range(20, (i) => ping(i + 100, 'unanswered'));
    const before = range(12, (i) => ping(i, 'answered', { startMs: T0 - 60_000 + 10 * i }));
    expect(detect([...before, ...sweep])[0]).toMatchObject({ peerCount: 20 });
    const slow = range(20, (i) => ping(i, i < 8 ? 'answered' : 'unanswered', { startMs: T0 + 60_000 * i }));
    expect(detect(slow)[0]).toMatchObject({ peerCount: 12 });
  });

  it('has the ports that answered where others failed', () => {
    const hosts = range(6, (i) => i);
    const tries = hosts.flatMap((i) =>
      [21, 22, 443].map((responderPort) =>
        tcp({
          responder: `10.0.1.${i}`,
          responderPort,
          startMs: T0 + 10 * i,
          outcome: responderPort === 22 ? 'answered' : 'refused',
        }),
      ),
    );
    const [found, ...rest] = detect(tries);
    expect(rest).toEqual([]);
    expect(reason(found, 'scan.targets').sentence).toBe(
      'It tried 6 different hosts on ports 21, 22 and 443/tcp within 50 ms.',
    );
    expect(reason(found, 'scan.answered')).toMatchObject({
      value: 6,
      sentence: '6 targets answered: that is what it found.',
    });
  });
});

describe('names of addresses', () => {
  const asks = (n: number, named: (i: number) => boolean, paceMs = 10): FlowRecord[] =>
    range(n, (i) =>
      udp({
        initiator: '10.0.0.9',
        responder: '10.0.0.53',
        responderPort: 53,
        startMs: T0 + paceMs * i,
        outcome: 'answered',
        dnsQuery: `${i}.4.0.10.in-addr.arpa`,
        dnsType: 'PTR',
        dnsRcode: named(i) ? 'NOERROR' : 'NXDOMAIN',
      }),
    );

  it('asked of a whole network, most of which have none, are a search', () => {
    const [found, ...rest] = detect(asks(64, (i) => i % 4 === 0));
    expect(rest).toEqual([]);
    expect(found).toMatchObject({ kind: 'scan.reverse-dns', actor: '10.0.0.9', peerCount: 64, port: 53 });
    expect(reason(found, 'scan.named').sentence).toBe(
      '16 of them have names, the others have none, so nobody was sent to them by name.',
    );
    expect(found?.flows[0]).toMatchObject({ protocol: 'udp' });
  });

  it('are none where they are few, have names, are asked for over a day, or lie outside', () => {
    expect(detect(asks(63, () => false))).toEqual([]);
    expect(detect(asks(200, (i) => i % 20 > 8))).toEqual([]);
    expect(detect(asks(200, () => false, 60_000))).toEqual([]);
    const outside = asks(200, () => false).map((flow) => ({
      ...flow,
      dnsQuery: flow.dnsQuery?.replace('4.0.10', '4.0.11') ?? '',
    }));
    expect(detect(outside)).toEqual([]);
  });
});
