import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FlowRecord, flowTable } from '../flow/index.ts';
import type { Detection, Detector } from './detection.ts';
import { createMiningDetector, type MiningOptions } from './mining.ts';
import { poolName } from './pool-name.ts';

const NO_FEATURES = { features: [], rowCount: 0, values: new Float32Array() };
const T0 = Date.UTC(2024, 0, 1);
const MIN = 60_000;
const isHome = (address: string): boolean => address.startsWith('10.');

function detector(options: Partial<MiningOptions> = {}): Detector {
  return createMiningDetector({ isHome }, options);
}

function detect(records: readonly FlowRecord[], options: Partial<MiningOptions> = {}): Detection[] {
  const d = detector(options);
  d.observe(flowTable(records), NO_FEATURES);
  return d.finish();
}

const summary = (found: readonly Detection[]): string[] =>
  found.map((d) => `${d.kind} ${d.actor} > ${d.peers.join(' ')} ${d.port ?? '-'} ${d.score}`);

let nextId = 1;
const base = (more: FlowRecord): FlowRecord => ({
  id: nextId++,
  startMs: T0,
  endMs: T0 + 30 * MIN,
  durationMs: 30 * MIN,
  protocol: 'tcp',
  initiator: '10.0.0.5',
  initiatorPort: 50_000,
  responder: '203.0.113.7',
  responderPort: 3333,
  initiatorPackets: 60,
  responderPackets: 60,
  initiatorPayloadBytes: 12_000,
  responderPayloadBytes: 20_000,
  outcome: 'answered',
  ...more,
});
const stratum = (more: FlowRecord = {}): FlowRecord =>
  base({ service: 'stratum', serviceBasis: 'content', operations: 'login, submit', login: 'accepted', ...more });
/** A session that nobody can read: 120 packets in 30 minutes, 267 bytes each. */
const hidden = (more: FlowRecord = {}): FlowRecord => base({ service: 'tls', serviceBasis: 'content', ...more });
const lookup = (name: string, answers: string): FlowRecord =>
  base({
    protocol: 'udp',
    responder: '10.0.0.1',
    responderPort: 53,
    service: 'dns',
    serviceBasis: 'content',
    dnsQuery: name,
    dnsAnswers: answers,
  });

describe('the mining detector, by content', () => {
  it('finds a miner at work, whatever the port', () => {
    const [found, ...others] = detect([stratum({ responderPort: 443 })]);
    expect(others).toEqual([]);
    expect(found).toMatchObject({
      kind: 'mining.stratum',
      actor: '10.0.0.5',
      peers: ['203.0.113.7'],
      port: 443,
      service: 'stratum',
      score: 0.99,
      flowCount: 1,
      firstMs: T0,
      lastMs: T0 + 30 * MIN,
    });
    expect(found?.reasons.map((r) => r.sentence)).toEqual([
      'The content of 1 connection to 1 pool is the protocol of mining pools.',
      'From the first to the last of it 30 min passed, and 32 kB of payload went both ways.',
      'A pool accepted its account on 1 connection.',
      'It handed in results of its computing on 1 connection: the miner is at work.',
      'The miner is inside the home network.',
    ]);
  });

  it('is less sure of a login than of shares, and least of a miner that nobody answers', () => {
    const score = (more: FlowRecord): number | undefined => detect([stratum(more)])[0]?.score;
    expect(score({ operations: 'mining.subscribe, mining.submit' })).toBe(0.99);
    expect(score({ operations: 'login' })).toBe(0.9);
    expect(score({ operations: 'mining.subscribe', login: 'unknown', responderPayloadBytes: 0 })).toBe(0.8);
  });

  it('makes one detection of one miner and many pools, with a port only where all have the same', () => {
    const pools = [1, 2, 3].map((i) => stratum({ responder: `203.0.113.${i}` }));
    expect(summary(detect(pools))).toEqual(['mining.stratum 10.0.0.5 > 203.0.113.1 203.0.113.2 203.0.113.3 3333 0.99']);
    expect(detect([...pools, stratum({ responderPort: 4444 })])[0]).not.toHaveProperty('port');
  });
});

describe('the mining detector, where the content is hidden', () => {
  it('knows pool and miner apart where the beginning was not seen and the pool spoke first', () => {
    const turned = {
      outcome: 'unknown',
      initiator: '203.0.113.7',
      responder: '10.0.0.5',
      responderPort: 50_000,
      login: 'unknown',
      operations: 'job',
    };
    const miner = ['mining.stratum 10.0.0.5 > 203.0.113.7 3333 0.9'];
    expect(summary(detect([stratum({ ...turned, initiatorPort: 3333 })]))).toEqual(miner);
    expect(summary(detect([stratum({ ...turned, initiator: '10.0.0.7', initiatorPort: 3333 })]))).toHaveLength(1);
    expect(detect([stratum({ ...turned, initiatorPort: 5 })])[0]?.actor).toBe('10.0.0.5');
    expect(detect([stratum({ ...turned, initiatorPort: 5, outcome: 'answered' })])[0]?.actor).toBe('203.0.113.7');
    expect(detect([stratum({ ...turned, initiatorPort: 5, responderPort: 3333 })])[0]?.actor).toBe('203.0.113.7');
  });

  it('adds up name, port and shape, in words', () => {
    const [found] = detect([hidden({ serverName: 'pool.supportxmr.com' })]);
    expect(found).toMatchObject({ kind: 'mining.pool', port: 3333, score: 0.85 });
    expect(found?.reasons.map((r) => r.sentence)).toEqual([
      'The name of the other side is one of a mining pool that is known.',
      'Port 3333 is one that mining pools use and no usual service has.',
      'A session of 30 min consists of small messages at a steady pace, as jobs and results of mining are.',
      '1 connection carried 32 kB of payload; what is in it cannot be read.',
    ]);
  });

  it('knows a pool by the name whose answer gave its address, before or after the session', () => {
    const session = hidden({ responderPort: 443 });
    const asked = lookup('xmr-eu1.nanopool.org', 'A 203.0.113.8, A 203.0.113.7');
    expect(summary(detect([asked, session]))).toEqual(['mining.pool 10.0.0.5 > 203.0.113.7 443 0.75']);
    expect(summary(detect([session, asked]))).toEqual(['mining.pool 10.0.0.5 > 203.0.113.7 443 0.75']);
    expect(detect([session, lookup('xmr-eu1.nanopool.org', '203.0.113.9')])).toEqual([]);
  });

  it('takes port and shape together for a weak sign, and either alone for none', () => {
    expect(summary(detect([hidden()]))).toEqual(['mining.pool 10.0.0.5 > 203.0.113.7 3333 0.45']);
    expect(detect([hidden({ responderPort: 443 })])).toEqual([]);
    expect(detect([hidden({ durationMs: 5 * MIN })])).toEqual([]);
    expect(detect([hidden()], { minScore: 0.46 })).toEqual([]);
  });

  it('leaves alone who reads the web pages of a pool', () => {
    const visit = { durationMs: 20_000, responderPort: 443 };
    expect(detect([hidden({ ...visit, serverName: 'www.nanopool.org' })])).toEqual([]);
    expect(detect([hidden({ ...visit, serverName: 'xmr.nanopool.org' })])).toEqual([]);
    expect(detect([lookup('nanopool.org', '203.0.113.7'), hidden(visit)])).toEqual([]);
  });

  it('leaves alone games and downloads on the ports of pools, and what is another protocol', () => {
    expect(detect([hidden({ initiatorPackets: 6000, responderPackets: 6000 })])).toEqual([]);
    expect(detect([hidden({ responderPayloadBytes: 5_000_000 })])).toEqual([]);
    expect(detect([hidden({ service: 'http', serverName: 'xmr.pool.example' })])).toEqual([]);
    expect(detect([hidden({ responderPackets: 0, responderPayloadBytes: 0 })])).toEqual([]);
    const bytes = (text: string): FlowRecord => {
      const { service: _service, serviceBasis: _basis, ...unknown } = hidden();
      return { ...unknown, initiatorFirstBytes: Buffer.from(text, 'latin1').toString('hex') };
    };
    expect(detect([bytes('HELLO world\n')])).toEqual([]);
    expect(detect([bytes('\x00\x01\x80\xff')])).toHaveLength(1);
  });

  it.each([
    [
      'the length of a session',
      { durationMs: 10 * MIN, initiatorPackets: 60, responderPackets: 60 },
      { durationMs: 10 * MIN - 1, initiatorPackets: 60, responderPackets: 60 },
    ],
    [
      'the size of messages',
      { initiatorPayloadBytes: 18_000, responderPayloadBytes: 30_000 },
      { initiatorPayloadBytes: 18_000, responderPayloadBytes: 30_001 },
    ],
    [
      'the least pace',
      { initiatorPackets: 8, responderPackets: 7, initiatorPayloadBytes: 100, responderPayloadBytes: 100 },
      { initiatorPackets: 7, responderPackets: 7, initiatorPayloadBytes: 100, responderPayloadBytes: 100 },
    ],
    [
      'the greatest pace',
      { initiatorPackets: 1800, responderPackets: 1800 },
      { initiatorPackets: 1800, responderPackets: 1801 },
    ],
    [
      'messages of both sides',
      { initiatorPackets: 100, responderPackets: 5 },
      { initiatorPackets: 100, responderPackets: 4 },
    ],
  ])('has a limit for %s', (_what, inside, outside) => {
    expect(detect([hidden(inside)])).toHaveLength(1);
    expect(detect([hidden(outside)])).toEqual([]);
  });
});

describe('names of pools', () => {
  it.each([
    ['xmr-eu1.nanopool.org', 2],
    ['gulf.moneroocean.stream', 2],
    ['eu.stratum.slushpool.com.', 2],
    ['stratum.eth-rig.example', 1],
    ['xmr-pool.example.net', 1],
    ['pool.coin-quarry.example', 0],
    ['www.f2pool.com', 0],
    ['f2pool.com', 0],
    ['pool.ntp.org', 0],
    ['carpool.example', 0],
    ['whirlpool-dryer.example', 0],
    ['localhost', 0],
    [`${'a.'.repeat(200)}nanopool.org`, 0],
  ])('%s: %i', (name, expected) => {
    expect(poolName(name)).toBe(expected);
  });
});

describe('its state', () => {
  it('refuses miners beyond the cap, counts them, and keeps those it has', () => {
    const d = detector({ maxMiners: 50, maxPairs: 40, maxAddresses: 30 });
    for (let block = 0; block < 10; block++) {
      const records = Array.from({ length: 100 }, (_, i) => i + 100 * block).flatMap((i) => [
        stratum({ initiator: `10.1.${i >> 8}.${i & 255}` }),
        hidden({ responder: `198.51.${i >> 8}.${i & 255}` }),
        lookup('xmr.nanopool.org', `198.52.${i >> 8}.${i & 255}`),
      ]);
      d.observe(flowTable(records), NO_FEATURES);
    }
    expect(d.finish()).toHaveLength(90);
    expect(d.saturations()).toEqual([
      { detector: 'mining', what: 'miners', cap: 50, refused: 950 },
      { detector: 'mining', what: 'pairs that may be miner and pool', cap: 40, refused: 960 },
      { detector: 'mining', what: 'addresses of mining pools', cap: 30, refused: 970 },
    ]);
  });

  it('says the same in any order of the flows', () => {
    const records = [
      stratum(),
      stratum({ responder: '203.0.113.9', responderPort: 4444, operations: 'login' }),
      hidden(),
      hidden({ responderPort: 443, responder: '203.0.113.20' }),
      lookup('xmr.nanopool.org', '203.0.113.20'),
      lookup('stratum.xmr.example', '203.0.113.7'),
    ];
    const expected = detect(records);
    fc.assert(
      fc.property(fc.shuffledSubarray(records, { minLength: records.length }), (shuffled) => {
        expect(detect(shuffled)).toEqual(expected);
      }),
    );
  });

  it('takes rows with anything missing', () => {
    fc.assert(
      fc.property(fc.subarray(Object.keys(stratum()) as (keyof FlowRecord)[]), (kept) => {
        const whole = stratum({ serverName: 'xmr.nanopool.org' });
        for (const one of detect([Object.fromEntries(kept.map((name) => [name, whole[name]]))])) {
          expect(one.score).toBeGreaterThan(0);
          expect(Number.isFinite(one.firstMs)).toBe(true);
        }
      }),
    );
  });
});
