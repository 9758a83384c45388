import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FlowRecord, flowTable } from '../flow/index.ts';
import type { Detection } from './detection.ts';
import { createFloodDetector, type FloodOptions, floodInfo } from './flood.ts';

const NO_FEATURES = { features: [], rowCount: 0, values: new Float32Array() };
const T0 = 1_600_000_000_000;
const context = { isHome: (address: string) => address.startsWith('10.') };

function create(options: Partial<FloodOptions> = {}) {
  return createFloodDetector(context, options);
}

function detect(records: readonly FlowRecord[], options: Partial<FloodOptions> = {}): Detection[] {
  const detector = create(options);
  detector.observe(flowTable(records), NO_FEATURES);
  return detector.finish();
}

let nextId = 1;

function flow(fields: FlowRecord): FlowRecord {
  const startMs = fields.startMs ?? T0;
  return {
    id: nextId++,
    protocol: 'tcp',
    initiator: '203.0.113.5',
    initiatorPort: 1024 + (nextId % 60_000),
    responder: '10.10.10.10',
    responderPort: 30_120,
    startMs,
    endMs: startMs,
    initiatorPackets: 1,
    responderPackets: 0,
    initiatorPayloadBytes: 0,
    responderPayloadBytes: 0,
    initiatorFlags: 'S',
    outcome: 'unanswered',
    ...fields,
  };
}

function range<T>(n: number, make: (i: number) => T): T[] {
  return Array.from({ length: n }, (_, i) => make(i));
}

const forged = (i: number): string => `${20 + (i % 7)}.${(i * 31) & 255}.${i >> 8}.${i & 255}`;
const summary = (found: readonly Detection[]): string[] =>
  found.map((d) => `${d.kind} ${d.actor} ${d.peerCount} ${d.port ?? '-'} ${d.score.toFixed(2)}`);
const sentence = (d: Detection | undefined, name: string): string =>
  d?.reasons.find((r) => r.name === name)?.sentence ?? '';

const spoofed = range(9878, (i) => flow({ initiator: forged(i), initiatorFlags: 'CES', startMs: T0 + i * 3.47 }));

describe('flood.syn', () => {
  it('names the target of a flood from forged addresses, its port, rate and odd flags', () => {
    const [found, ...rest] = detect(spoofed);
    expect(rest).toEqual([]);
    expect([found?.kind, found?.actor, found?.port, found?.protocol]).toEqual([
      'flood.syn',
      '10.10.10.10',
      30_120,
      'tcp',
    ]);
    expect(Math.abs((found?.peerCount ?? 0) / 9878 - 1)).toBeLessThan(0.05);
    expect([found?.flowCount, found?.flows.length]).toEqual([9878, 20]);
    expect(found?.score).toBeCloseTo(2882 / 3382, 2);
    expect(found?.reasons.map((r) => r.name)).toEqual([
      'flood.role',
      'flood.rate',
      'flood.packets',
      'flood.sources',
      'flood.half-open',
      'flood.flags',
      'flood.scope',
    ]);
    expect(found?.reasons[0]?.value).toBe('target');
    expect(sentence(found, 'flood.rate')).toBe(
      'At its busiest, 288 connection attempts a second reached port 30120/tcp of the target.',
    );
    expect(sentence(found, 'flood.packets')).toBe('9,878 connection attempts came within 34.3 s.');
    expect(sentence(found, 'flood.sources')).toContain('addresses seen hardly more than once are usually forged');
    expect(found?.reasons.find((r) => r.name === 'flood.flags')?.value).toBe('CES');
  });

  it('names the source where one source sends nearly all', () => {
    const flows = range(2000, (i) =>
      flow({ initiator: i % 20 === 0 ? forged(i) : '203.0.113.5', startMs: T0 + i, responderPort: 80 }),
    );
    const [found] = detect(flows);
    expect([found?.actor, found?.peers, found?.peerCount]).toEqual(['203.0.113.5', ['10.10.10.10'], 1]);
    expect(sentence(found, 'flood.role')).toBe(
      'The host named first is the source: it sent at least 90 % of the packets; the other host is the target.',
    );
  });

  it('counts attempts that the target answers and the initiator never finishes', () => {
    const flows = range(800, (i) =>
      flow({ initiator: forged(i), outcome: 'answered', responderPackets: 3, responderFlags: 'AS', startMs: T0 + i }),
    );
    const [found] = detect(flows);
    expect([found?.kind, found?.actor, found?.flowCount]).toEqual(['flood.syn', '10.10.10.10', 800]);
    expect(found?.score).toBeCloseTo(800 / 1300, 6);
  });

  it('counts packets, not flows, where all come from one port', () => {
    const one = flow({ initiatorPackets: 4000, startMs: T0, endMs: T0 + 19_999 });
    expect(summary(detect([one]))).toEqual(['flood.syn 203.0.113.5 1 30120 0.80']);
  });

  it('stays silent at 499 attempts in ten seconds and speaks at 500', () => {
    const flows = range(500, (i) => flow({ initiator: forged(i % 200), startMs: T0 + i }));
    expect(detect(flows.slice(1))).toEqual([]);
    expect(summary(detect(flows))).toEqual(['flood.syn 10.10.10.10 200 30120 0.50']);
  });

  it('adds up attempts over all ports of a host, unless one source makes them', () => {
    const overPorts = (source: (i: number) => string) =>
      range(3000, (i) => flow({ initiator: source(i), responderPort: 1 + i, startMs: T0 + i }));
    const [found, ...rest] = detect(overPorts((i) => forged(i % 100)));
    expect(rest).toEqual([]);
    expect([found?.actor, found?.port, found?.peerCount]).toEqual(['10.10.10.10', undefined, 100]);
    expect(detect(overPorts(() => '203.0.113.5'))).toEqual([]);
  });
});

describe('flood.udp and flood.icmp', () => {
  const udp = (fields: FlowRecord): FlowRecord => flow({ ...fields, protocol: 'udp', initiatorFlags: '' });

  it('finds unanswered UDP from many sources, and says when it is reflected', () => {
    const flows = range(200, (i) =>
      udp({ initiator: forged(i), initiatorPort: 53, responderPort: 4444, initiatorPackets: 50, startMs: T0 + i * 10 }),
    );
    const [found] = detect(flows);
    expect(summary(detect(flows))).toEqual(['flood.udp 10.10.10.10 200 4444 0.67']);
    expect(found?.reasons.find((r) => r.name === 'flood.reflected')?.value).toBe('dns');
  });

  it('sees reflection also where the flow table takes the name server for the responder', () => {
    const flows = range(200, (i) =>
      udp({
        initiator: '10.10.10.10',
        initiatorPort: 4444,
        responder: forged(i),
        responderPort: 53,
        initiatorPackets: 0,
        responderPackets: 50,
        outcome: 'unknown',
        startMs: T0 + i * 10,
      }),
    );
    expect(summary(detect(flows))).toEqual(['flood.udp 10.10.10.10 200 4444 0.67']);
  });

  it('asks for ten times the packets of a single stream, and is less sure of it', () => {
    const stream = (packets: number) => [udp({ initiatorPackets: packets, endMs: T0 + 9_000 })];
    expect(detect(stream(49_999))).toEqual([]);
    expect(summary(detect(stream(150_000)))).toEqual(['flood.udp 203.0.113.5 1 30120 0.52']);
  });

  it('spreads the packets of a long row over its duration', () => {
    expect(detect([udp({ initiatorPackets: 300_000, endMs: T0 + 1_800_000 })])).toEqual([]);
  });

  it('finds an echo flood, answered or not', () => {
    const ping = flow({
      protocol: 'icmp',
      icmpType: 8,
      initiatorPackets: 3000,
      responderPackets: 3000,
      outcome: 'answered',
      endMs: T0 + 9000,
    });
    expect(summary(detect([ping]))).toEqual(['flood.icmp 203.0.113.5 1 - 0.75']);
    expect(detect([{ ...ping, initiatorPackets: 999 }])).toEqual([]);
  });
});

describe('flood.backscatter', () => {
  const answer = (i: number, fields: FlowRecord = {}): FlowRecord =>
    flow({
      initiator: `10.0.0.${i}`,
      initiatorPort: 2000 + i,
      responder: '203.0.113.80',
      responderPort: 80,
      initiatorPackets: 0,
      responderPackets: 3,
      initiatorFlags: '',
      responderFlags: 'AS',
      outcome: 'unknown',
      startMs: T0 + i * 60_000,
      ...fields,
    });

  it('names the victim of a flood elsewhere by the SYN-ACKs it sends to us', () => {
    const [found] = detect(
      range(50, (i) => answer(i, i % 2 === 0 ? {} : { initiatorFlags: 'R', initiatorPackets: 1 })),
    );
    expect([found?.kind, found?.actor, found?.peerCount, found?.port]).toEqual([
      'flood.backscatter',
      '203.0.113.80',
      50,
      80,
    ]);
    expect(found?.score).toBeCloseTo(50 / 75, 6);
    expect(found?.reasons[0]?.value).toBe('victim');
    expect(sentence(found, 'flood.receivers')).toBe(
      'It sent SYN-ACKs to 50 hosts whose SYN the input does not show, from port 80/tcp (http).',
    );
  });

  it('stays silent at 24 hosts and speaks at 25', () => {
    const flows = range(25, (i) => answer(i));
    expect(detect(flows.slice(1))).toEqual([]);
    expect(summary(detect(flows))).toEqual(['flood.backscatter 203.0.113.80 25 80 0.50']);
  });

  it('needs 100 hosts where it sees RSTs only', () => {
    const resets = range(100, (i) => answer(i, { responderFlags: 'AR' }));
    expect(detect(resets.slice(1))).toEqual([]);
    expect(summary(detect(resets))).toEqual(['flood.backscatter 203.0.113.80 100 80 0.48']);
  });

  it('leaves servers alone whose clients are out of view but served', () => {
    expect(detect(range(60, (i) => answer(i, { responderFlags: 'APSF', responderPayloadBytes: 5000 })))).toEqual([]);
  });
});

describe('innocent twins', () => {
  it.each([
    [
      'a crowd of real clients',
      range(6000, (i) =>
        flow({
          initiator: forged(i % 5000),
          outcome: 'answered',
          initiatorFlags: 'APSF',
          initiatorPackets: 8,
          initiatorPayloadBytes: 300,
          startMs: T0 + i,
        }),
      ),
    ],
    [
      'a crowd of which a quarter does not get through',
      range(8000, (i) =>
        flow(
          i % 4 === 0
            ? { initiator: forged(i), startMs: T0 + i }
            : { initiator: forged(i), outcome: 'answered', initiatorFlags: 'APSF', startMs: T0 + i },
        ),
      ),
    ],
    [
      'a download',
      [flow({ outcome: 'answered', initiatorFlags: 'APSF', initiatorPackets: 900_000, responderPackets: 2_000_000 })],
    ],
    [
      'a port scan',
      range(6000, (i) => flow({ responderPort: 1 + i, outcome: 'refused', initiatorFlags: 'S', startMs: T0 + i / 10 })),
    ],
    [
      'a sweep of a network',
      range(6000, (i) =>
        flow({ responder: `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, responderPort: 445, startMs: T0 + i / 10 }),
      ),
    ],
    [
      'a busy name server',
      range(6000, (i) =>
        flow({
          protocol: 'udp',
          initiator: forged(i % 400),
          responderPort: 53,
          outcome: 'answered',
          responderPackets: 1,
          startMs: T0 + i / 4,
        }),
      ),
    ],
    [
      'a server that is down, with some hundred retries of its clients',
      range(400, (i) =>
        flow({
          initiator: `10.0.1.${i % 80}`,
          responderPort: 443,
          initiatorPackets: 3,
          startMs: T0 + i * 1500,
          endMs: T0 + i * 1500 + 3000,
        }),
      ),
    ],
    [
      'a syslog collector',
      range(300, (i) =>
        flow({
          protocol: 'udp',
          initiator: `10.0.2.${i % 250}`,
          responderPort: 514,
          initiatorPackets: 900,
          endMs: T0 + 9000,
        }),
      ),
    ],
    ['a video stream to a group', [flow({ protocol: 'udp', responder: '239.1.1.1', initiatorPackets: 900_000 })]],
    [
      'monitoring by ping',
      range(900, (i) =>
        flow({ protocol: 'icmp', icmpType: 8, responderPackets: 1, outcome: 'answered', startMs: T0 + i * 100 }),
      ),
    ],
  ])('stays silent about %s', (_, flows) => {
    expect(detect(flows)).toEqual([]);
  });
});

describe('order, damage and bounds', () => {
  const mixed = [
    ...range(1200, (i) => flow({ initiator: forged(i), responder: '10.1.1.1', startMs: T0 + i * 2 })),
    ...range(900, (i) => flow({ responderPort: 80, startMs: T0 - i * 7 })),
    ...range(60, (i) =>
      flow({
        initiator: '203.0.113.80',
        responder: `10.0.0.${i}`,
        initiatorFlags: 'AS',
        outcome: 'unknown',
        startMs: T0 + i,
      }),
    ),
    ...range(500, (i) =>
      flow({
        initiator: `10.0.3.${i % 50}`,
        responder: '10.1.1.1',
        outcome: 'answered',
        initiatorFlags: 'APSF',
        startMs: T0 + i * 2,
      }),
    ),
  ];

  it('finds the same in any order and in any batches, also where sources are estimated', () => {
    const expected = detect(mixed);
    expect(expected.map((d) => `${d.kind} ${d.actor}`)).toEqual([
      'flood.backscatter 203.0.113.80',
      'flood.syn 203.0.113.5',
      'flood.syn 10.1.1.1',
    ]);
    fc.assert(
      fc.property(
        fc.shuffledSubarray(mixed, { minLength: mixed.length }),
        fc.integer({ min: 1, max: 900 }),
        (shuffled, size) => {
          const detector = create();
          for (let at = 0; at < shuffled.length; at += size)
            detector.observe(flowTable(shuffled.slice(at, at + size)), NO_FEATURES);
          expect(detector.finish()).toEqual(expected);
        },
      ),
      { numRuns: 8 },
    );
  });

  it('takes no harm from rows in which columns are missing', () => {
    const bare = range(600, () => ({
      protocol: 'tcp',
      initiator: 'a',
      responder: 'b',
      responderPort: 80,
      startMs: T0,
      outcome: 'unanswered',
    }));
    expect(detect([{}, { protocol: 'tcp' }, { protocol: 'udp', initiator: 'a', responder: 'b' }])).toEqual([]);
    expect(summary(detect(bare))).toEqual(['flood.syn a 1 80 0.55']);
    expect(detect([{ ...bare[0], initiatorPackets: 600 }])).toEqual([]);
  });

  it('finds a flood after a million-key sweep filled its maps, which stay at their cap', () => {
    const detector = create({ maxTargets: 100 });
    const sweep = (from: number) =>
      range(2000, (i) => flow({ responder: `10.${from}.${i >> 8}.${i & 255}`, responderPort: 445, startMs: T0 + i }));
    detector.observe(flowTable(sweep(1)), NO_FEATURES);
    detector.observe(flowTable(spoofed.slice(0, 3000)), NO_FEATURES);
    detector.observe(flowTable(sweep(2)), NO_FEATURES);
    const refused = detector.saturations();
    expect(refused.map((s) => [s.what, s.cap])).toEqual([['hosts with connection attempts', 100]]);
    expect(refused.every((s) => s.refused > 3800 && s.refused <= 4001)).toBe(true);
    expect(detector.finish().map((d) => `${d.kind} ${d.actor}`)).toEqual(['flood.syn 10.10.10.10']);
  });

  it('finds a flood of one port of a host whose other ports fill the map, which stays at its cap', () => {
    const detector = create({ maxTargets: 100 });
    const sweep = (from: number) =>
      range(2000, (i) => flow({ responder: '10.10.10.10', responderPort: from + i, startMs: T0 + i }));
    for (const batch of [sweep(1), spoofed.slice(0, 3000), sweep(3000)])
      detector.observe(flowTable(batch), NO_FEATURES);
    const [ports, ...others] = detector.saturations();
    expect([ports?.what, ports?.cap, others]).toEqual(['hosts and ports with connection attempts', 100, []]);
    expect(ports?.refused).toBeGreaterThan(3800);
    expect(detector.finish().map((d) => [d.kind, d.actor, d.port])).toEqual([['flood.syn', '10.10.10.10', 30_120]]);
  });

  it('drops the time slices with the fewest packets at their cap, not those of a flood, and says so', () => {
    const detector = create({ maxSlices: 10 });
    const trickle = range(50, (i) => flow({ startMs: T0 + i * 10_000, responder: '10.10.10.99' }));
    for (const batch of [trickle.slice(0, 5), spoofed.slice(0, 3000), trickle.slice(5)])
      detector.observe(flowTable(batch), NO_FEATURES);
    const [slices, ...others] = detector.saturations();
    expect([slices?.what, slices?.cap, others]).toEqual(['time slices of flood targets', 10, []]);
    expect(slices?.refused).toBeGreaterThan(40);
    expect(detector.finish().map((d) => [d.kind, d.actor])).toEqual([['flood.syn', '10.10.10.10']]);
  });

  it('drops the lightest targets where all have more sources than may be held, and keeps the flood', () => {
    const detector = create({ maxPeers: 600 });
    const known = range(3000, (i) => flow({ responder: `10.3.0.${i % 100}`, initiator: `198.51.${i % 90}.${i % 70}` }));
    for (const batch of [known, spoofed.slice(0, 3000), known]) detector.observe(flowTable(batch), NO_FEATURES);
    const [peers, ...others] = detector.saturations().filter((s) => !s.what.startsWith('hosts'));
    expect([peers?.what, peers?.cap, others]).toEqual(['sources of flood targets', 600, []]);
    expect(detector.finish().map((d) => [d.kind, d.actor])).toEqual([['flood.syn', '10.10.10.10']]);
  });

  it('announces every kind it reports', () => {
    const kinds = new Set(detect(mixed).map((d) => d.kind));
    for (const kind of kinds) expect(floodInfo.kinds).toContain(kind);
  });
});

describe('flood.ack', () => {
  const stray = (i: number, fields: FlowRecord = {}): FlowRecord =>
    flow({
      initiator: '10.10.10.66',
      responderPort: 80,
      startMs: T0 + i,
      responderPackets: 1,
      initiatorFlags: 'A',
      responderFlags: 'R',
      outcome: 'unknown',
      ...fields,
    });

  it('names who sends packets of no connection to one port', () => {
    const [found, ...rest] = detect(range(1000, (i) => stray(i)));
    expect(rest).toEqual([]);
    expect(found).toMatchObject({
      kind: 'flood.ack',
      actor: '10.10.10.66',
      peers: ['10.10.10.10'],
      port: 80,
      protocol: 'tcp',
    });
    expect(sentence(found, 'flood.rate')).toBe(
      'At its busiest, 1,000 stray TCP packets a second reached port 80/tcp (http) of the target.',
    );
  });

  it('names the target where the addresses are forged, on whatever ports', () => {
    const many = range(1000, (i) =>
      stray(i, { initiator: forged(i), responderPort: 1 + i, responderPackets: 0, responderFlags: '' }),
    );
    expect(detect(many)).toMatchObject([{ kind: 'flood.ack', actor: '10.10.10.10', peerCount: expect.any(Number) }]);
  });

  it.each([
    ['fewer of them', range(499, (i) => stray(i))],
    ['a scan by ACK, which goes to many ports', range(1000, (i) => stray(i, { responderPort: 1 + i }))],
    [
      'connections that were under way, whose other side answers',
      range(1000, (i) => stray(i, { responderFlags: 'A' })),
    ],
    [
      'acknowledgements of a download of which one direction is seen',
      [stray(0, { initiatorPackets: 50_000, responderPackets: 0, responderFlags: '' })],
    ],
    ['connections that end', range(1000, (i) => stray(i, { initiatorFlags: 'AF' }))],
  ])('leaves %s alone', (_what, flows) => {
    expect(detect(flows).filter(({ kind }) => kind === 'flood.ack')).toEqual([]);
  });
});

describe('several sources', () => {
  const from = (hosts: readonly string[], target: string): FlowRecord[] =>
    range(4000, (i) => flow({ initiator: hosts[i % hosts.length] ?? '', responder: target, startMs: T0 + i }));

  it('that are few and all inside are each named', () => {
    const bots = ['10.0.0.5', '10.0.0.6', '10.0.0.7', '10.0.0.8'];
    const found = detect(from(bots, '203.0.113.80'));
    expect(found.map(({ actor, peers, flowCount }) => [actor, ...peers, flowCount])).toEqual(
      bots.map((host) => [host, '203.0.113.80', 1000]),
    );
    expect(sentence(found[0], 'flood.role')).toBe(
      'The host named first is one of 4 sources, all of the home network, and sent 25 % of the packets; the other host is the target.',
    );
  });

  it('that are many, or of which one is outside, are the target’s', () => {
    const many = range(17, (i) => `10.0.1.${i}`);
    expect(detect(from(many, '203.0.113.80')).map(({ actor }) => actor)).toEqual(['203.0.113.80']);
    expect(detect(from(['10.0.0.5', '198.51.100.7'], '203.0.113.80')).map(({ actor }) => actor)).toEqual([
      '203.0.113.80',
    ]);
  });
});

describe('many ports from a few sources', () => {
  const sources = range(5, (i) => `203.0.113.${i}`);

  it('are a scan with decoys where each source tries each port once or twice', () => {
    for (const tries of [1, 2]) {
      const scan = range(300 * tries, (i) =>
        sources.map((initiator) => flow({ initiator, responderPort: 1 + (i % 300), startMs: T0 + i })),
      ).flat();
      expect(detect(scan)).toEqual([]);
    }
  });

  it('are a flood where ports are random, or few', () => {
    const random = range(2000, (i) =>
      flow({ initiator: sources[i % 5] ?? '', responderPort: 1 + ((i * 7919) % 60_000), startMs: T0 + i }),
    );
    expect(summary(detect(random))).toEqual(['flood.syn 10.10.10.10 5 - 0.67']);
    const few = range(2000, (i) =>
      flow({ initiator: sources[i % 5] ?? '', responderPort: 1 + (i % 30), startMs: T0 + i }),
    );
    expect(summary(detect(few))).toEqual(['flood.syn 10.10.10.10 5 - 0.67']);
  });
});

/** A record without some of its columns. */
function without(record: FlowRecord, ...names: (keyof FlowRecord)[]): FlowRecord {
  return Object.fromEntries(Object.entries(record).filter(([name]) => !names.includes(name as keyof FlowRecord)));
}

describe('single packets of no connection', () => {
  const single = (i: number, fields: FlowRecord = {}): FlowRecord =>
    flow({
      initiator: forged(i % 200),
      responderPort: 443,
      initiatorFlags: 'AP',
      initiatorPayloadBytes: 500,
      outcome: 'unknown',
      startMs: T0 + i,
      ...fields,
    });

  it.each(['AP', 'UAPRSF', '', 'SF', 'UPF'])(
    'with the flags "%s" are counted at whom they come to',
    (initiatorFlags) => {
      expect(summary(detect(range(600, (i) => single(i, { initiatorFlags }))))).toEqual([
        'flood.ack 10.10.10.10 200 443 0.55',
      ]);
      expect(detect(range(499, (i) => single(i, { initiatorFlags })))).toEqual([]);
    },
  );

  it('that may be what is left of connections count a quarter', () => {
    for (const initiatorFlags of ['R', 'AR', 'AF', 'APF']) {
      expect(detect(range(1999, (i) => single(i, { initiatorFlags })))).toEqual([]);
      expect(detect(range(2000, (i) => single(i, { initiatorFlags }))).map(({ kind }) => kind)).toEqual(['flood.ack']);
    }
  });

  it('are left alone where they may be samples', () => {
    expect(detect(range(600, (i) => without(single(i), 'initiatorPayloadBytes')))).toEqual([]);
    expect(detect(range(600, (i) => without(single(i), 'initiatorFlags')))).toEqual([]);
    expect(detect(range(600, (i) => single(i, { initiatorPackets: 2 })))).toEqual([]);
  });

  it('that answer attempts in the name of one host are reflected', () => {
    const answer = (i: number): FlowRecord =>
      single(i, {
        initiator: '10.10.10.10',
        initiatorPort: 1024 + i,
        initiatorFlags: '',
        initiatorPackets: 0,
        initiatorPayloadBytes: 0,
        responder: forged(i % 200),
        responderFlags: 'AS',
        responderPackets: 1,
      });
    const [found, ...rest] = detect(range(600, answer));
    expect(rest).toEqual([]);
    expect(summary(found === undefined ? [] : [found])).toEqual(['flood.ack 10.10.10.10 200 - 0.55']);
    expect(sentence(found, 'flood.reflected')).toBe(
      'They are answers of servers to connection attempts that were made in the name of the target.',
    );
  });
});

describe('flood.ip', () => {
  const esp = (i: number, fields: FlowRecord = {}): FlowRecord =>
    without(
      flow({ protocol: 'esp', initiator: forged(i % 200), outcome: 'unknown', startMs: T0 + i, ...fields }),
      'initiatorPort',
      'responderPort',
      'initiatorFlags',
    );

  it('finds packets of other protocols from many sources', () => {
    const [found, ...rest] = detect(range(6000, (i) => esp(i)));
    expect(rest).toEqual([]);
    expect(found).toMatchObject({ kind: 'flood.ip', actor: '10.10.10.10', peerCount: 200 });
    expect(found?.protocol).toBeUndefined();
  });

  it.each([
    [
      'a tunnel of which one side is seen',
      range(20, (i) => esp(i, { initiator: '203.0.113.5', initiatorPackets: 90_000, endMs: T0 + 9000 })),
    ],
    ['tunnels that are answered', range(6000, (i) => esp(i, { responderPackets: 1 }))],
    ['what routers say to each other', range(6000, (i) => esp(i, { protocol: 'ospf' }))],
    ['fewer', range(4900, (i) => esp(i))],
  ])('leaves %s alone', (_what, records) => {
    expect(detect(records)).toEqual([]);
  });
});

describe('services that amplify', () => {
  const answer = (i: number, initiatorPort: number): FlowRecord =>
    without(
      flow({
        protocol: 'udp',
        initiator: forged(i % 90),
        initiatorPort,
        responderPort: 1024 + i,
        startMs: T0 + i,
      }),
      'initiatorFlags',
    );

  it('are a flood at a fifth of the packets, but for the DNS, of which a capture may show the answers alone', () => {
    expect(summary(detect(range(1000, (i) => answer(i, 389))))).toEqual(['flood.udp 10.10.10.10 90 - 0.50']);
    expect(detect(range(999, (i) => answer(i, 389)))).toEqual([]);
    expect(detect(range(4999, (i) => answer(i, 53)))).toEqual([]);
    expect(detect(range(4999, (i) => answer(i, 40_000)))).toEqual([]);
  });

  it('need as much as any other where it is one stream or few: a tunnel looks like that', () => {
    const stream = flow({ protocol: 'udp', initiatorPort: 1194, initiatorPackets: 40_000, endMs: T0 + 9000 });
    expect(detect([stream])).toEqual([]);
  });

  it.each([
    [3283, 'apple-remote-desktop'],
    [3702, 'ws-discovery'],
    [37_810, 'dvr-discovery'],
    [11_211, 'memcached'],
  ])('are known by port %i', (port, name) => {
    const [found] = detect(range(1200, (i) => answer(i, port)));
    expect(found?.reasons.find((r) => r.name === 'flood.reflected')?.value).toBe(name);
  });
});

describe('flood.slow', () => {
  const waiting = (i: number, fields: FlowRecord = {}): FlowRecord =>
    flow({
      service: 'http',
      responderPort: 80,
      outcome: 'answered',
      initiatorFlags: 'APSF',
      startMs: T0 + 10 * i,
      endMs: T0 + 10 * i + 30_000,
      initiatorPackets: 7,
      responderPackets: 7,
      initiatorPayloadBytes: 400,
      ...fields,
    });

  it('names who keeps a web server waiting with requests that never end', () => {
    const [found, ...rest] = detect(range(100, (i) => waiting(i)));
    expect(rest).toEqual([]);
    expect(found).toMatchObject({
      kind: 'flood.slow',
      actor: '203.0.113.5',
      peers: ['10.10.10.10'],
      port: 80,
      score: 0.5,
    });
    expect(detect(range(99, (i) => waiting(i)))).toEqual([]);
  });

  it('finds answers that are not taken, by the window that is shut', () => {
    const held = { responderPayloadBytes: 1152, initiatorZeroWindows: 6 };
    expect(detect(range(100, (i) => waiting(i, held)))).toHaveLength(1);
    expect(detect(range(100, (i) => waiting(i, { ...held, initiatorZeroWindows: 0 })))).toEqual([]);
  });

  it.each([
    ['requests that are answered', { responderPayloadBytes: 300 }],
    ['uploads', { initiatorPayloadBytes: 100_000 }],
    ['connections that end soon', { endMs: T0 + 5000 }],
    ['connections that ask nothing', { initiatorPayloadBytes: 0 }],
    ['other services', { service: 'ssh' }],
  ])('leaves %s alone', (_what, fields) => {
    expect(detect(range(100, (i) => waiting(i, fields)))).toEqual([]);
  });
});
