/**
 * What a flood of keys that an attacker chooses does to the memory of the detectors, and to what they already know.
 *
 *     node bench/state-flood.ts [--keys 10000000] [--json] [--check]
 *
 * Made-up flow tables go straight into every detector (and into nothing else: the flow table, the features and the host table have bounds and benchmarks of their own): every flow of the flood has a source, a destination, a
 * port, a question and a server name that were never there before and never come again, and its shape changes from flow to flow so that each detector has to keep something. A beacon, a scan and a
 * guessing of passwords begin before the flood and go on through it. Printed are the memory after a collection every twentieth of the way, whether the three are found at the end, and which caps were reached.
 *
 * --check ends with 1 when the last half of the flood takes more than a tenth (and 16 MB) more memory than the first half left, or one of the three is not found, or no cap was counted.
 */
import process from 'node:process';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { humanCount } from '../src/core/index.ts';
import { DETECTORS, type Detection, ThreatLists } from '../src/detect/index.ts';
import { type FlowRecord, flowTable } from '../src/flow/index.ts';
import { textTable } from './child.ts';

const BATCH = 20_000;
const STEPS = 20;
const START = Date.UTC(2026, 2, 2, 9);
/** Of a flood of any size: the flows are spread over so much time. */
const SPAN_MS = 6 * 3_600_000;

/** What goes on before, during and after the flood. */
export const UNDER_WAY = ['beacon.interval', 'scan.horizontal', 'brute-force.login'] as const;

export interface FloodStep {
  readonly keys: number;
  readonly heapMb: number;
  readonly rssMb: number;
}

export interface FloodResult {
  readonly steps: readonly FloodStep[];
  /** Kinds of `UNDER_WAY` that were found, with the right host. */
  readonly found: readonly string[];
  readonly saturations: readonly {
    readonly detector: string;
    readonly what: string;
    readonly cap: number;
    readonly refused: number;
  }[];
}

/** A number that looks like chance, the same for the same `i`. */
function mixed(i: number): number {
  let h = Math.imul(i ^ 0x9e3779b9, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function address(i: number, inside: boolean): string {
  // A permutation: no address comes twice within 2^24 (inside) or 2^30 (outside).
  const h = inside ? Math.imul(i, 0x9e3779b1) & 0xffffff : Math.imul(i, 0x9e3779b1) >>> 2;
  return inside
    ? `10.${h >>> 16}.${(h >>> 8) & 255}.${h & 255}`
    : `${64 + (h >>> 24)}.${(h >>> 16) & 255}.${(h >>> 8) & 255}.${h & 255}`;
}

/** The flow of the flood with this number. */
function floodFlow(i: number, startMs: number): FlowRecord {
  const h = mixed(i);
  const inside = address(i, true);
  const outside = address(i, false);
  const common = { id: i + 1, startMs, initiatorPort: 1024 + (h % 60_000) };
  const name = `${h.toString(36)}${i.toString(36)}`;
  switch (i % 8) {
    case 0:
      return {
        ...common,
        ...lasting(startMs, 40),
        ...tcp(inside, outside, 1 + (h % 65_535)),
        service: 'tls',
        serverName: `${name}.example.com`,
      };
    case 1:
      return {
        ...common,
        ...lasting(startMs, 0),
        ...tcp(inside, outside, 1 + (h % 65_535)),
        outcome: 'unanswered',
        tcpState: 'S0',
        responderPackets: 0,
        responderBytes: 0,
      };
    case 2:
      return {
        ...common,
        ...lasting(startMs, 20),
        ...udp(inside, outside, 53),
        service: 'dns',
        dnsQuery: `${name}.${(h >>> 7).toString(36)}.com`,
        dnsType: 'TXT',
        dnsRcode: i % 16 === 2 ? 'NXDOMAIN' : 'NOERROR',
        outcome: 'answered',
      };
    case 3:
      return { ...common, ...lasting(startMs, 2 * 3_600_000), ...tcp(inside, outside, 443), service: 'tls' };
    case 4:
      return {
        ...common,
        ...lasting(startMs, 300),
        ...tcp(outside, inside, 22),
        service: 'ssh',
        responderPayloadBytes: 2000,
        initiatorPayloadBytes: 1800,
      };
    case 5:
      return {
        ...common,
        ...lasting(startMs, 60_000),
        ...tcp(inside, outside, 443),
        initiatorBytes: 80_000_000,
        initiatorPayloadBytes: 79_000_000,
        initiatorPackets: 60_000,
      };
    case 6:
      return {
        ...common,
        ...lasting(startMs, 1000),
        protocol: 'icmp',
        initiator: inside,
        responder: outside,
        icmpType: 8,
        initiatorPackets: 3,
        responderPackets: 3,
        initiatorPayloadBytes: 4000,
        responderPayloadBytes: 3000,
        initiatorBytes: 4200,
        responderBytes: 3200,
        outcome: 'answered',
      };
    default:
      return {
        ...common,
        ...lasting(startMs, 900_000),
        ...tcp(inside, outside, 3333),
        service: 'stratum',
        serviceBasis: 'content',
        operations: 'login, submit',
        login: 'accepted',
      };
  }
}

function lasting(startMs: number, durationMs: number): { readonly endMs: number; readonly durationMs: number } {
  return { endMs: startMs + durationMs, durationMs };
}

function tcp(initiator: string, responder: string, responderPort: number): FlowRecord {
  return {
    protocol: 'tcp',
    initiator,
    responder,
    responderPort,
    initiatorPackets: 10,
    responderPackets: 9,
    initiatorBytes: 1500,
    responderBytes: 3000,
    initiatorPayloadBytes: 700,
    responderPayloadBytes: 2200,
    initiatorFlags: 'APSF',
    responderFlags: 'APSF',
    tcpState: 'SF',
    outcome: 'answered',
  };
}

function udp(initiator: string, responder: string, responderPort: number): FlowRecord {
  return {
    protocol: 'udp',
    initiator,
    responder,
    responderPort,
    initiatorPackets: 1,
    responderPackets: 1,
    initiatorBytes: 90,
    responderBytes: 200,
    initiatorPayloadBytes: 48,
    responderPayloadBytes: 158,
  };
}

/** The flows of what goes on at a moment, `n`-th of `of`. */
function underWay(n: number, of: number, startMs: number): FlowRecord[] {
  const beacon = {
    ...lasting(startMs, 800),
    ...tcp('10.9.9.9', '198.51.100.7', 443),
    service: 'tls',
    serverName: 'status.honest.example',
  };
  const scan = Array.from({ length: 3 }, (_, k) => ({
    ...lasting(startMs + k, 0),
    ...tcp('10.9.9.8', `10.8.${(3 * n + k) >>> 8}.${(3 * n + k) & 255}`, 445),
    outcome: 'unanswered',
    tcpState: 'S0',
    initiatorPackets: 1,
    responderPackets: 0,
    responderBytes: 0,
    initiatorPayloadBytes: 0,
    responderPayloadBytes: 0,
    initiatorFlags: 'S',
    responderFlags: '',
  }));
  // A dozen within a minute, and again: slower guessing is left alone.
  const logins = Array.from({ length: 12 }, (_, k) => ({
    ...lasting(startMs + 4000 * k, 900),
    ...tcp('10.9.9.7', '10.9.9.1', 22),
    service: 'ssh',
    initiatorPayloadBytes: 2100,
    responderPayloadBytes: 2500,
  }));
  return [beacon, ...scan, ...logins].map((flow, k) => ({
    ...flow,
    id: -(20 * (n + of) + k),
    startMs: flow.endMs - flow.durationMs,
    initiatorPort: 40_000 + (n % 20_000),
  }));
}

/** Pours `keys` flows with keys of their own into all detectors. `memory` is asked after every step. */
export function flood(keys: number, memory: (keys: number) => Omit<FloodStep, 'keys'>): FloodResult {
  const threats = new ThreatLists();
  threats.add('64.0.0.0/8\n100.0.0.0/8\n', 'half of the world');
  const isHome = (text: string): boolean => text.startsWith('10.');
  const detectors = DETECTORS.flatMap(({ info, create }) =>
    create === undefined || info.needsBaseline === true ? [] : [create({ isHome, threats })],
  );
  const batches = Math.max(STEPS, Math.ceil(keys / BATCH));
  const size = Math.ceil(keys / batches);
  const steps: FloodStep[] = [];
  let poured = 0;
  // A function of its own: the rows and the table of a batch are gone from the stack before memory is taken, whichever compiler runs the loop.
  const pour = (b: number): void => {
    const rows: FlowRecord[] = [];
    const beginMs = START + (SPAN_MS * b) / batches;
    // At least 200 rounds of what goes on, whatever the number of batches, at even times.
    const rounds = Math.ceil(200 / batches);
    for (let r = 0; r < rounds; r++)
      rows.push(...underWay(b * rounds + r, batches, Math.round(beginMs + (SPAN_MS * r) / batches / rounds)));
    for (let k = 0; k < size && poured < keys; k++, poured++) {
      const startMs = Math.round(beginMs + (SPAN_MS / batches) * (k / size));
      rows.push(floodFlow(poured, startMs));
    }
    const table = flowTable(rows);
    for (const detector of detectors)
      detector.observe(table, { features: [], rowCount: 0, values: new Float32Array() });
  };
  for (let b = 0; b < batches; b++) {
    pour(b);
    if (Math.floor(((b + 1) * STEPS) / batches) > Math.floor((b * STEPS) / batches))
      steps.push({ keys: poured, ...memory(poured) });
  }
  const detections: Detection[] = detectors.flatMap((detector) => detector.finish());
  const actors: Readonly<Record<string, string>> = {
    'beacon.interval': '10.9.9.9',
    'scan.horizontal': '10.9.9.8',
    'brute-force.login': '10.9.9.7',
  };
  return {
    steps,
    found: UNDER_WAY.filter((kind) => detections.some((found) => found.kind === kind && found.actor === actors[kind])),
    saturations: detectors.flatMap((detector) => detector.saturations()),
  };
}

/** Growth of the second half over the first, MB, from the largest of each. */
export function growthMb(steps: readonly FloodStep[]): number {
  const half = steps.length >> 1;
  const most = (some: readonly FloodStep[]): number => Math.max(...some.map(({ heapMb }) => heapMb));
  return most(steps.slice(half)) - most(steps.slice(0, half));
}

/**
 * Runs the garbage collector, so that what is measured is what is kept. Twice: a collection that was under way when it is asked for is only ended, and what died
 * since it began stays until the next.
 */
export function collector(): () => void {
  setFlagsFromString('--expose-gc');
  const gc: unknown = runInNewContext('gc');
  if (typeof gc !== 'function') throw new Error('this Node.js does not let the collector be called');
  return () => {
    gc();
    gc();
  };
}

function main(): void {
  const { values: flags } = parseArgs({
    options: {
      keys: { type: 'string', default: '10000000' },
      json: { type: 'boolean', default: false },
      check: { type: 'boolean', default: false },
    },
  });
  const collect = collector();
  const result = flood(Number(flags.keys), (keys) => {
    collect();
    const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
    const now = { heapMb: (heapUsed + arrayBuffers) / 1e6, rssMb: rss / 1e6 };
    if (!flags.json)
      console.log(
        `${humanCount(keys).padStart(10)} keys: ${now.heapMb.toFixed(0)} MB kept, ${now.rssMb.toFixed(0)} MB RSS`,
      );
    return now;
  });
  const growth = growthMb(result.steps);
  if (flags.json) console.log(JSON.stringify({ ...result, growthMb: growth }));
  else {
    console.log(`\nthe second half of the flood kept ${growth.toFixed(1)} MB more than the first`);
    console.log(`found in spite of it: ${result.found.join(', ') || 'nothing'} (of ${UNDER_WAY.join(', ')})\n`);
    console.log(
      textTable(
        ['detector', 'cap on', 'cap', 'refused or dropped'],
        result.saturations.map(({ detector, what, cap, refused }) => [
          detector,
          what,
          humanCount(cap),
          humanCount(refused),
        ]),
        [0, 1],
      ),
    );
  }
  const first = Math.max(...result.steps.slice(0, STEPS >> 1).map(({ heapMb }) => heapMb));
  const isBad =
    growth > Math.max(16, 0.1 * first) || result.found.length < UNDER_WAY.length || result.saturations.length === 0;
  if (flags.check && isBad) process.exitCode = 1;
}

if (import.meta.main) main();
