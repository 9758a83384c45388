import { formatIpv4, formatIpv6 } from './address.ts';
import { ByteWriter } from './bytes.ts';
import { decodeFrame } from './decode.ts';
import type { Fragments } from './fragment.ts';
import type { ExportedFlow } from './information-element.ts';
import { LINK_ETHERNET } from './link.ts';
import { ODDITY, type OddityCounter } from './oddity.ts';
import { type Packet, PROTO } from './packet.ts';

/**
 * sFlow version 5 (sFlow.org, "sFlow Version 5", sflow_version_5.txt): datagrams of an agent with samples. A flow sample is one packet out of `rate`, by the bytes it began with; a counter
 * sample is the state of an interface and no flow.
 */

const ADDRESS_TYPE = 4;
const ADDRESS = 8;
const IPV4 = 1;
const IPV6 = 2;
/** Behind the address of the agent. */
const SUB_AGENT = 0;
const SEQUENCE = 4;
const UPTIME = 8;
const SAMPLES = 12;
const TAIL_BYTES = 16;

const FLOW_SAMPLE = 1;
const COUNTER_SAMPLE = 2;
const EXPANDED_FLOW_SAMPLE = 3;
const EXPANDED_COUNTER_SAMPLE = 4;

const RAW_HEADER = 1;
const ETHERNET_DATA = 2;
const IPV4_DATA = 3;
const IPV6_DATA = 4;
const EXTENDED_SWITCH = 1001;

/** Link types (tcpdump.org) of the header protocols that can be read: Ethernet, frame relay, PPP, IPv4, IPv6, 802.11. */
const LINK_TYPES: ReadonlyMap<number, number> = new Map([
  [1, LINK_ETHERNET],
  [5, 107],
  [7, 9],
  [11, 101],
  [12, 101],
  [14, 105],
]);
const NO_LINK = -1;

export interface SflowHeader {
  /** Address of the agent, as text. */
  readonly agent: string;
  readonly subAgent: number;
  readonly sequence: number;
  readonly uptimeMs: number;
  /** Samples that the header claims. */
  readonly samples: number;
  /** Bytes of this header. */
  readonly length: number;
}

/** The header at [at, end), or undefined when it is no sFlow of version 5. */
export function decodeSflow(bytes: Uint8Array, at: number, end: number): SflowHeader | undefined {
  if (end - at < ADDRESS + 4 + TAIL_BYTES) return undefined;
  const u32 = (o: number): number =>
    ((bytes[o] << 24) | (bytes[o + 1] << 16) | (bytes[o + 2] << 8) | bytes[o + 3]) >>> 0;
  const type = u32(at + ADDRESS_TYPE);
  if (u32(at) !== 5 || (type !== IPV4 && type !== IPV6)) return undefined;
  const tail = at + ADDRESS + (type === IPV4 ? 4 : 16);
  if (end - tail < TAIL_BYTES) return undefined;
  const samples = u32(tail + SAMPLES);
  // A sample is 8 bytes or more, and a datagram 65,507 at most.
  if (samples > 8192) return undefined;
  const a = at + ADDRESS;
  return {
    agent:
      type === IPV4 ? formatIpv4(u32(a) | 0) : formatIpv6(u32(a) | 0, u32(a + 4) | 0, u32(a + 8) | 0, u32(a + 12) | 0),
    subAgent: u32(tail + SUB_AGENT),
    sequence: u32(tail + SEQUENCE),
    uptimeMs: u32(tail + UPTIME),
    samples,
    length: tail + TAIL_BYTES - at,
  };
}

/** One flow sample, moved from sample to sample. Numbers that it does not say are -1. */
export class SflowSample {
  bytes: Uint8Array = new Uint8Array();
  view: DataView = new DataView(this.bytes.buffer);
  /** One packet in so many was taken; 0 where the agent does not say. */
  rate = 0;
  /** Packets that could have been taken, and those that the agent had no room for, since it began. */
  pool = 0;
  drops = 0;
  input = -1;
  output = -1;
  /** The first bytes of the packet: where, how many, what link type; and how long the packet was, and what of it was left out before. */
  header = -1;
  headerBytes = 0;
  linkType = NO_LINK;
  frameBytes = 0;
  strippedBytes = 0;
  /** Offset of a decoded IPv4 or IPv6 header where the agent sends that instead. */
  ipv4 = -1;
  ipv6 = -1;
  /** Offset of the Ethernet addresses in that case, source first. */
  ethernet = -1;
  vlan = -1;

  clear(): void {
    this.rate = this.pool = this.drops = this.headerBytes = this.frameBytes = this.strippedBytes = 0;
    this.input = this.output = this.header = this.ipv4 = this.ipv6 = this.ethernet = this.vlan = -1;
    this.linkType = NO_LINK;
  }
}

/** What `walkSflow` stepped over. */
export interface SflowSkipped {
  counterSamples: number;
  otherSamples: number;
}

/**
 * Tells of every flow sample of the datagram at [at, end). Counter samples and those of other makers are stepped over and counted in `skipped`. A length that leads out of the datagram
 * or of its sample is counted as an oddity and ends the walk; what came before it was told.
 */
export function walkSflow(
  header: SflowHeader,
  bytes: Uint8Array,
  at: number,
  end: number,
  sample: SflowSample,
  skipped: SflowSkipped,
  oddities: OddityCounter,
  visit: (sample: SflowSample) => void,
): number {
  const u32 = (o: number): number =>
    ((bytes[o] << 24) | (bytes[o + 1] << 16) | (bytes[o + 2] << 8) | bytes[o + 3]) >>> 0;
  if (sample.bytes !== bytes) {
    sample.bytes = bytes;
    sample.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  let here = at + header.length;
  let flows = 0;
  for (let i = 0; i < header.samples; i++) {
    if (end - here < 8) return lying(oddities, flows);
    const format = u32(here);
    const length = u32(here + 4);
    here += 8;
    if (length > end - here) return lying(oddities, flows);
    const stop = here + length;
    if (format === FLOW_SAMPLE || format === EXPANDED_FLOW_SAMPLE) {
      sample.clear();
      if (decodeFlowSample(bytes, here, stop, format === EXPANDED_FLOW_SAMPLE, sample)) {
        flows++;
        visit(sample);
      } else oddities.count(ODDITY['netflow.lying-length']);
    } else if (format === COUNTER_SAMPLE || format === EXPANDED_COUNTER_SAMPLE) skipped.counterSamples++;
    else skipped.otherSamples++;
    here = stop;
  }
  return flows;
}

function lying(oddities: OddityCounter, flows: number): number {
  oddities.count(ODDITY['netflow.lying-length']);
  return flows;
}

function decodeFlowSample(
  bytes: Uint8Array,
  at: number,
  end: number,
  isExpanded: boolean,
  sample: SflowSample,
): boolean {
  const u32 = (o: number): number =>
    ((bytes[o] << 24) | (bytes[o + 1] << 16) | (bytes[o + 2] << 8) | bytes[o + 3]) >>> 0;
  if (end - at < (isExpanded ? 44 : 32)) return false;
  // Sequence and source come first; an expanded sample has the kind of each interface before its number.
  const rate = at + (isExpanded ? 12 : 8);
  sample.rate = u32(rate);
  sample.pool = u32(rate + 4);
  sample.drops = u32(rate + 8);
  // Format 0 is one interface; others are "discarded" and "several".
  const input = u32(rate + 12);
  const output = u32(rate + (isExpanded ? 20 : 16));
  if ((isExpanded ? input : input >>> 30) === 0) sample.input = isExpanded ? u32(rate + 16) : input;
  if ((isExpanded ? output : output >>> 30) === 0) sample.output = isExpanded ? u32(rate + 24) : output;
  const countAt = rate + (isExpanded ? 28 : 20);
  const records = u32(countAt);
  let here = countAt + 4;
  for (let i = 0; i < records && here < end; i++) {
    if (end - here < 8) return false;
    const format = u32(here);
    const length = u32(here + 4);
    here += 8;
    if (length > end - here) return false;
    if (format === RAW_HEADER && length >= 16) {
      const headerBytes = u32(here + 12);
      if (headerBytes > length - 16) return false;
      sample.linkType = LINK_TYPES.get(u32(here)) ?? NO_LINK;
      sample.frameBytes = Math.min(u32(here + 4), 0x7fffffff);
      sample.strippedBytes = u32(here + 8);
      sample.headerBytes = headerBytes;
      sample.header = here + 16;
    } else if (format === ETHERNET_DATA && length >= 20) sample.ethernet = here + 4;
    else if (format === IPV4_DATA && length >= 32) sample.ipv4 = here;
    else if (format === IPV6_DATA && length >= 56) sample.ipv6 = here;
    else if (format === EXTENDED_SWITCH && length >= 16) {
      const vlan = u32(here);
      if (vlan > 0 && vlan < 4095) sample.vlan = vlan;
    }
    here += length;
  }
  return true;
}

/**
 * What the sampled packet says as a record of one packet, unscaled: addresses, ports, flags, and its bytes on the wire. False when it belongs to no flow. `packet` stays as it was decoded, so that the
 * payload can be looked at; `oddities` should be a counter of its own, for a header that was cut is nothing odd here.
 */
export function takeSflowSample(
  sample: SflowSample,
  flow: ExportedFlow,
  packet: Packet,
  fragments: Fragments,
  oddities: OddityCounter,
): boolean {
  flow.clear();
  flow.bytes = sample.bytes;
  flow.packets = 1;
  flow.input = sample.input;
  flow.output = sample.output;
  flow.vlan = sample.vlan;
  packet.protocol = -1;
  if (sample.header >= 0 && sample.linkType !== NO_LINK) {
    const { bytes, view, header, headerBytes } = sample;
    // The length counts what was taken off before (check sequence, tags), the header does not have it.
    const wire = sample.frameBytes - Math.min(sample.strippedBytes, 64);
    const wireBytes = Math.max(wire, headerBytes);
    if (!decodeFrame(bytes, view, header, headerBytes, wireBytes, sample.linkType, packet, fragments, oddities))
      return false;
    if (packet.protocol === PROTO.arp || packet.protocol < 0) return false;
    flow.isV6 = packet.isV6;
    flow.src[0] = packet.src0;
    flow.src[1] = packet.src1;
    flow.src[2] = packet.src2;
    flow.src[3] = packet.src3;
    flow.dst[0] = packet.dst0;
    flow.dst[1] = packet.dst1;
    flow.dst[2] = packet.dst2;
    flow.dst[3] = packet.dst3;
    flow.hasSrc = flow.hasDst = true;
    flow.protocol = packet.protocol;
    flow.layer2Octets = wireBytes;
    if (packet.vlan > 0) flow.vlan = packet.vlan;
    if (packet.sourceMac >= 0 && packet.bytes === bytes) {
      flow.srcMac = packet.sourceMac;
      flow.dstMac = packet.destinationMac;
    }
    if (packet.icmpType >= 0) {
      flow.icmpType = packet.icmpType;
      flow.icmpCode = packet.icmpCode;
    } else {
      flow.srcPort = packet.srcPort;
      flow.dstPort = packet.dstPort;
    }
    if (packet.protocol === PROTO.tcp) flow.tcpFlags = packet.tcpFlags;
    return true;
  }
  const at = sample.ipv4 >= 0 ? sample.ipv4 : sample.ipv6;
  if (at < 0) return false;
  const { view } = sample;
  const words = sample.ipv4 >= 0 ? 1 : 4;
  flow.isV6 = words === 4 ? 1 : 0;
  flow.octets = view.getUint32(at);
  flow.protocol = view.getUint32(at + 4) & 255;
  for (let k = 0; k < 4; k++) {
    flow.src[k] = k < words ? view.getInt32(at + 8 + 4 * k) : 0;
    flow.dst[k] = k < words ? view.getInt32(at + 8 + 4 * (words + k)) : 0;
  }
  flow.hasSrc = flow.hasDst = true;
  const ports = at + 8 + 8 * words;
  flow.srcPort = view.getUint32(ports) & 0xffff;
  flow.dstPort = view.getUint32(ports + 4) & 0xffff;
  if (flow.protocol === PROTO.tcp) flow.tcpFlags = view.getUint32(ports + 8) & 255;
  if (sample.ethernet >= 0) {
    flow.srcMac = sample.ethernet;
    flow.dstMac = sample.ethernet + 8;
  }
  return true;
}

/** A datagram of flow samples, each a frame of Ethernet cut at 128 bytes, as agents do it; expanded ones for interfaces beyond 2^24, and one counter sample where asked for. */
export function encodeSflow(fields: {
  /** Big-endian word. */
  agent: number;
  subAgent?: number;
  sequence: number;
  uptimeMs: number;
  expanded?: boolean;
  counters?: boolean;
  samples: readonly {
    readonly rate: number;
    readonly frame: Uint8Array;
    readonly input?: number;
    readonly output?: number;
  }[];
}): Uint8Array {
  const { agent, subAgent = 0, sequence, uptimeMs, expanded = false, counters = false, samples } = fields;
  const out = new ByteWriter().u32(5).u32(IPV4).u32(agent).u32(subAgent).u32(sequence).u32(uptimeMs);
  out.u32(samples.length + (counters ? 1 : 0));
  if (counters) out.u32(COUNTER_SAMPLE).u32(12).u32(1).u32(1).u32(0);
  samples.forEach(({ rate, frame, input = 1, output = 2 }, i) => {
    const kept = frame.subarray(0, 128);
    const padded = (kept.length + 3) & ~3;
    const record = 16 + padded;
    out.u32(expanded ? EXPANDED_FLOW_SAMPLE : FLOW_SAMPLE).u32((expanded ? 44 : 32) + 8 + record);
    out.u32(i + 1);
    if (expanded) out.u32(0);
    out
      .u32(input)
      .u32(rate)
      .u32(rate * (i + 1))
      .u32(0);
    if (expanded) out.u32(0);
    out.u32(input);
    if (expanded) out.u32(0);
    out.u32(output).u32(1);
    // With the frame check sequence, which is never in the header.
    out
      .u32(RAW_HEADER)
      .u32(record)
      .u32(1)
      .u32(frame.length + 4)
      .u32(4)
      .u32(kept.length);
    out.bytes(kept).zeros(padded - kept.length);
  });
  return out.finish();
}

export function summarizeSflow(header: SflowHeader): string {
  return `sFlow datagram ${header.sequence} of ${header.agent}, ${header.samples} samples`;
}
