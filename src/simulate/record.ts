import { Random } from '../core/index.ts';
import type { FlowRecord } from '../flow/index.ts';
import { integer, pick, streamSeed } from './chance.ts';
import type { RecordMix } from './scenario.ts';

/** The plain records of system 002: five members, no addresses, no times. */
export interface PlainRecord {
  readonly src_port: number;
  readonly dst_port: number;
  /** Bytes. */
  readonly packet_size: number;
  readonly duration_ms: number;
  readonly protocol: 'TCP' | 'UDP' | 'UNKNOWN';
}

export interface LabelledRecord {
  readonly record: PlainRecord;
  /** 'benign', or the kind of anomaly: port, packet, duration, protocol. */
  readonly label: string;
}

const SERVICE_PORTS = [80, 443, 22, 8080];
const STRANGE_PORTS = [1337, 9999, 6666];

/** The mix that 002's server streams: ranges and shares of its generator, without end. */
export function* mixRecords(mix: RecordMix, seed: number): Generator<LabelledRecord, never, undefined> {
  const random = new Random(streamSeed(seed, 'record mix'));
  for (;;) {
    // Every record takes the same number of draws, so that a share can change without changing the rest.
    const isAnomaly = random.float() < mix.anomalyShare;
    const kind = pick(random, mix.classes);
    const usual: PlainRecord = {
      src_port: pick(random, SERVICE_PORTS),
      dst_port: integer(random, 1024, 65_535),
      packet_size: integer(random, 100, 1500),
      duration_ms: integer(random, 50, 500),
      protocol: random.below(2) === 0 ? 'TCP' : 'UDP',
    };
    const strange = strangeOf(kind, usual, random);
    yield isAnomaly ? { record: strange, label: kind } : { record: usual, label: 'benign' };
  }
}

function strangeOf(kind: RecordMix['classes'][number], usual: PlainRecord, random: Random): PlainRecord {
  const port = pick(random, STRANGE_PORTS);
  const high = integer(random, 60_000, 65_535);
  const size = integer(random, 2000, 10_000);
  const duration = integer(random, 2000, 5000);
  switch (kind) {
    case 'port':
      return { ...usual, src_port: port, dst_port: high, protocol: 'TCP' };
    case 'packet':
      return { ...usual, src_port: 443, packet_size: size };
    case 'duration':
      return { ...usual, src_port: 80, duration_ms: duration };
    case 'protocol':
      return { ...usual, src_port: 443, protocol: 'UNKNOWN' };
  }
}

/** A flow in the same form, undefined for one without ports: `packet_size` is the mean over its packets. */
export function plainRecord(flow: FlowRecord): PlainRecord | undefined {
  const {
    initiatorPort,
    responderPort,
    initiatorBytes = 0,
    responderBytes = 0,
    initiatorPackets = 0,
    responderPackets = 0,
  } = flow;
  if (initiatorPort === undefined || responderPort === undefined) return undefined;
  const packets = initiatorPackets + responderPackets;
  return {
    src_port: initiatorPort,
    dst_port: responderPort,
    packet_size: packets === 0 ? 0 : Math.round((initiatorBytes + responderBytes) / packets),
    duration_ms: Math.round(flow.durationMs ?? 0),
    protocol: flow.protocol === 'tcp' ? 'TCP' : flow.protocol === 'udp' ? 'UDP' : 'UNKNOWN',
  };
}
