import { ByteWriter } from './bytes.ts';
import { type ExportedFlow, uptimeToMs } from './information-element.ts';
import { ODDITY, type OddityCounter } from './oddity.ts';

/**
 * NetFlow of fixed records: versions 1, 5 and 7 (Cisco, "NetFlow Export Datagram Format"). A header and up to 30 records of one layout, IPv4 alone; times are the exporter's uptime.
 */

const COUNT = 2;
const UPTIME = 4;
const SECONDS = 8;
const NANOSECONDS = 12;
const SEQUENCE = 16;
const ENGINE = 20;
const SAMPLING = 22;

const SOURCE = 0;
const DESTINATION = 4;
const INPUT = 12;
const OUTPUT = 14;
const PACKETS = 16;
const OCTETS = 20;
const FIRST = 24;
const LAST = 28;
const SOURCE_PORT = 32;
const DESTINATION_PORT = 34;
const FLAGS = 37;
const PROTOCOL = 38;
/** Version 1 has its flags behind the protocol. */
const FLAGS_V1 = 40;

interface Layout {
  readonly headerBytes: number;
  readonly recordBytes: number;
  readonly flags: number;
  /** The most records that fit into a datagram of 1,500 bytes, as the formats have it. */
  readonly mostRecords: number;
}

const LAYOUTS: Readonly<Record<number, Layout>> = {
  1: { headerBytes: 16, recordBytes: 52, flags: FLAGS_V1, mostRecords: 24 },
  5: { headerBytes: 24, recordBytes: 48, flags: FLAGS, mostRecords: 30 },
  7: { headerBytes: 24, recordBytes: 52, flags: FLAGS, mostRecords: 28 },
};

export interface Netflow5Header {
  readonly version: 1 | 5 | 7;
  /** Records that the header claims. */
  readonly count: number;
  /** ms. */
  readonly uptimeMs: number;
  /** Epoch ms. */
  readonly exportMs: number;
  /** Flows exported before this datagram; undefined in version 1. */
  readonly sequence: number | undefined;
  /** Type and number of the engine as one; 0 but in version 5. */
  readonly engine: number;
  /** One packet in so many was looked at; 1 where there is no sampling. */
  readonly samplingInterval: number;
  /** Where the datagram ends by its own count, counted from `at`. */
  readonly length: number;
}

/** The header at [at, end), or undefined when it is none of these versions or claims records that no datagram holds. */
export function decodeNetflow5(bytes: Uint8Array, at: number, end: number): Netflow5Header | undefined {
  if (end - at < 16) return undefined;
  const u16 = (o: number): number => (bytes[at + o] << 8) | bytes[at + o + 1];
  const u32 = (o: number): number => ((u16(o) << 16) | u16(o + 2)) >>> 0;
  const version = u16(0);
  if (version !== 1 && version !== 5 && version !== 7) return undefined;
  const layout = LAYOUTS[version];
  const count = u16(COUNT);
  if (end - at < layout.headerBytes || count === 0 || count > 2 * layout.mostRecords) return undefined;
  const nanoseconds = u32(NANOSECONDS);
  const sampling = version === 5 ? u16(SAMPLING) : 0;
  return {
    version,
    count,
    uptimeMs: u32(UPTIME),
    // Some exporters leave rubbish where the fraction stands.
    exportMs: u32(SECONDS) * 1000 + (nanoseconds < 1e9 ? nanoseconds / 1e6 : 0),
    sequence: version === 1 ? undefined : u32(SEQUENCE),
    engine: version === 5 ? u16(ENGINE) : 0,
    // Two bits of mode, 14 of interval. Exporters leave the mode at 0 and still mean the interval.
    samplingInterval: Math.max(1, sampling & 0x3fff),
    length: layout.headerBytes + count * layout.recordBytes,
  };
}

/**
 * Reads the records of the datagram at [at, end) into `flow` and tells of each. A header that claims more records than there are is counted, and those that are whole are read.
 * Returns how many were read.
 */
export function walkNetflow5(
  header: Netflow5Header,
  bytes: Uint8Array,
  at: number,
  end: number,
  flow: ExportedFlow,
  oddities: OddityCounter,
  visit: (flow: ExportedFlow) => void,
): number {
  const { headerBytes, recordBytes, flags } = LAYOUTS[header.version];
  const whole = Math.floor((end - at - headerBytes) / recordBytes);
  if (whole < header.count) oddities.count(ODDITY['netflow.lying-length']);
  const records = Math.min(header.count, whole);
  flow.bytes = bytes;
  for (let i = 0, here = at + headerBytes; i < records; i++, here += recordBytes) {
    const u16 = (o: number): number => (bytes[here + o] << 8) | bytes[here + o + 1];
    const word = (o: number): number => (u16(o) << 16) | u16(o + 2);
    flow.clear();
    flow.src[0] = word(SOURCE);
    flow.dst[0] = word(DESTINATION);
    flow.hasSrc = flow.hasDst = true;
    flow.input = u16(INPUT);
    flow.output = u16(OUTPUT);
    flow.packets = word(PACKETS) >>> 0;
    flow.octets = word(OCTETS) >>> 0;
    flow.startMs = uptimeToMs(word(FIRST) >>> 0, header.uptimeMs, header.exportMs);
    flow.endMs = uptimeToMs(word(LAST) >>> 0, header.uptimeMs, header.exportMs);
    flow.protocol = bytes[here + PROTOCOL];
    flow.srcPort = u16(SOURCE_PORT);
    flow.dstPort = u16(DESTINATION_PORT);
    if (flow.protocol === 6) flow.tcpFlags = bytes[here + flags];
    else if (flow.protocol === 1) {
      flow.icmpType = flow.dstPort >> 8;
      flow.icmpCode = flow.dstPort & 255;
    }
    visit(flow);
  }
  return records;
}

export interface Netflow5Record {
  /** Big-endian words. */
  readonly source: number;
  readonly destination: number;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  readonly protocol: number;
  readonly flags?: number;
  readonly packets: number;
  readonly octets: number;
  /** Uptime, ms. */
  readonly first: number;
  readonly last: number;
  readonly input?: number;
  readonly output?: number;
}

/** A datagram of version 5. `count` is the number of records unless it is to lie. */
export function encodeNetflow5(fields: {
  uptimeMs: number;
  /** Epoch ms. */
  exportMs: number;
  sequence: number;
  engine?: number;
  samplingInterval?: number;
  count?: number;
  records: readonly Netflow5Record[];
}): Uint8Array {
  const { uptimeMs, exportMs, sequence, engine = 0, samplingInterval = 0, records, count = records.length } = fields;
  const out = new ByteWriter().u16(5).u16(count).u32(uptimeMs);
  out.u32(Math.floor(exportMs / 1000)).u32(Math.round((exportMs % 1000) * 1e6));
  out.u32(sequence).u16(engine);
  out.u16(samplingInterval === 0 ? 0 : 0x4000 | samplingInterval);
  for (const r of records) {
    out.u32(r.source).u32(r.destination).u32(0);
    out.u16(r.input ?? 0).u16(r.output ?? 0);
    out.u32(r.packets).u32(r.octets).u32(r.first).u32(r.last);
    out.u16(r.sourcePort ?? 0).u16(r.destinationPort ?? 0);
    out
      .u8(0)
      .u8(r.flags ?? 0)
      .u8(r.protocol)
      .u8(0);
    out.zeros(8);
  }
  return out.finish();
}

export function summarizeNetflow5(header: Netflow5Header): string {
  const sampling = header.samplingInterval > 1 ? ` sampled 1 in ${header.samplingInterval}` : '';
  return `NetFlow v${header.version} ${header.count} flows${header.sequence === undefined ? '' : ` from ${header.sequence}`}${sampling}`;
}
