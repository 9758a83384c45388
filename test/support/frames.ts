import { type FlowRecord, FlowTable, type FlowTableOptions } from '../../src/flow/index.ts';
import {
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  encodeArp,
  encodeEthernet,
  encodeIcmp,
  encodeIpv4,
  encodeIpv6,
  encodeTcp,
  encodeUdp,
  FrameBatch,
  OddityCounter,
  PROTO,
  parseAddress,
  TCP_ACK,
  TCP_CWR,
  TCP_ECE,
  TCP_FIN,
  TCP_PSH,
  TCP_RST,
  TCP_SYN,
  TCP_URG,
  TimeBase,
} from '../../src/wire/index.ts';
import { flowsOf } from './capture.ts';

/** Builds frames for tests from text: '10.0.0.1:1000', '[fe80::1]:53', flags as in 'SA'. Every host has the MAC 02:00 and the last four bytes of its address. */

export interface TestFrame {
  readonly bytes: Uint8Array;
  readonly atMs: number;
  readonly wireLength?: number;
  readonly linkType?: number;
}

const FLAGS: Readonly<Record<string, number>> = {
  C: TCP_CWR,
  E: TCP_ECE,
  U: TCP_URG,
  A: TCP_ACK,
  P: TCP_PSH,
  R: TCP_RST,
  S: TCP_SYN,
  F: TCP_FIN,
};

export function flagBits(letters: string): number {
  let bits = 0;
  for (const letter of letters) bits |= FLAGS[letter] ?? 0;
  return bits;
}

export function hexBytes(hex: string): Uint8Array {
  const digits = hex.replace(/\s+/g, '');
  return Uint8Array.from({ length: digits.length / 2 }, (_, i) => Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16));
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
}

export function asciiBytes(text: string): Uint8Array {
  return Uint8Array.from(text, (c) => c.charCodeAt(0));
}

export function addressWords(text: string): { isV6: boolean; words: [number, number, number, number] } {
  const parsed = parseAddress(text);
  if (parsed === undefined) throw new Error(`no address: ${text}`);
  return parsed;
}

function split(endpoint: string): [string, number] {
  const v6 = /^\[(.*)\]:(\d+)$/.exec(endpoint);
  const [address = '', port = '0'] = v6 ? [v6[1], v6[2]] : endpoint.split(':');
  return [address, Number(port)];
}

function mac(word: number): Uint8Array {
  return Uint8Array.of(2, 0, word >>> 24, word >>> 16, word >>> 8, word);
}

export interface LinkFields {
  readonly vlans?: readonly number[];
  /** For fragments. */
  readonly identification?: number;
  readonly fragmentOffset?: number;
  readonly moreFragments?: boolean;
}

/** An Ethernet frame with an IP packet from one address to another. */
export function ipFrame(
  from: string,
  to: string,
  protocol: number,
  payload: Uint8Array,
  fields: LinkFields = {},
): Uint8Array {
  const a = addressWords(from);
  const b = addressWords(to);
  const last = a.isV6 ? 3 : 0;
  const packet = a.isV6
    ? encodeIpv6({ source: a.words, destination: b.words, nextHeader: protocol, payload })
    : encodeIpv4({
        source: a.words[0],
        destination: b.words[0],
        protocol,
        payload,
        identification: fields.identification ?? 0,
        fragmentOffset: fields.fragmentOffset ?? 0,
        moreFragments: fields.moreFragments ?? false,
      });
  return encodeEthernet({
    destination: mac(b.words[last]),
    source: mac(a.words[last]),
    etherType: a.isV6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4,
    payload: packet,
    tags: (fields.vlans ?? []).map((vlan) => ({ vlan })),
  });
}

export function tcp(
  atMs: number,
  from: string,
  to: string,
  flags: string,
  fields: LinkFields & { sequence?: number; payload?: Uint8Array | string } = {},
): TestFrame {
  const [source, srcPort] = split(from);
  const [destination, dstPort] = split(to);
  const { sequence = 0, payload = '' } = fields;
  const body = typeof payload === 'string' ? asciiBytes(payload) : payload;
  const segment = encodeTcp({ srcPort, dstPort, flags: flagBits(flags), sequence, payload: body });
  return { atMs, bytes: ipFrame(source, destination, PROTO.tcp, segment, fields) };
}

export function udp(
  atMs: number,
  from: string,
  to: string,
  payload: Uint8Array | string = '',
  fields: LinkFields = {},
): TestFrame {
  const [source, srcPort] = split(from);
  const [destination, dstPort] = split(to);
  const body = typeof payload === 'string' ? asciiBytes(payload) : payload;
  return { atMs, bytes: ipFrame(source, destination, PROTO.udp, encodeUdp(srcPort, dstPort, body), fields) };
}

export function icmp(
  atMs: number,
  from: string,
  to: string,
  fields: { type: number; code?: number; identifier?: number; payload?: Uint8Array },
): TestFrame {
  const protocol = from.includes(':') ? PROTO.icmpv6 : PROTO.icmp;
  return { atMs, bytes: ipFrame(from, to, protocol, encodeIcmp(fields)) };
}

/** An ARP packet on Ethernet; requests go to the broadcast address. */
export function arp(atMs: number, operation: number, sender: string, target: string): TestFrame {
  const from = addressWords(sender).words[0];
  const to = addressWords(target).words[0];
  const payload = encodeArp({ operation, senderMac: mac(from), sender: from, target: to });
  const destination = operation === 1 ? new Uint8Array(6).fill(255) : mac(to);
  return { atMs, bytes: encodeEthernet({ destination, source: mac(from), etherType: ETHERTYPE_ARP, payload }) };
}

/** A flow table that is fed with frames made here. Times are milliseconds since the first whole second of the base, 1,600,000,000. */
export class FlowLab {
  readonly oddities = new OddityCounter();
  readonly table: FlowTable;
  #frames = 0;

  constructor(options: Partial<FlowTableOptions> = {}) {
    const base = new TimeBase();
    base.seconds = 1_600_000_000;
    this.table = new FlowTable(base, this.oddities, { maxFlows: 1024, batchRows: 1, ...options });
  }

  /** Takes frames in, in one batch. */
  take(frames: readonly TestFrame[]): void {
    const total = frames.reduce((n, { bytes }) => n + bytes.length, 0);
    const bytes = new Uint8Array(total);
    const batch = new FrameBatch(frames.length, bytes);
    let at = 0;
    frames.forEach((frame, i) => {
      bytes.set(frame.bytes, at);
      batch.offset[i] = at;
      batch.captureLength[i] = frame.bytes.length;
      batch.wireLength[i] = frame.wireLength ?? frame.bytes.length;
      batch.linkType[i] = frame.linkType ?? 1;
      batch.timeNs[i] = frame.atMs * 1e6;
      at += frame.bytes.length;
    });
    batch.count = frames.length;
    batch.firstFrame = this.#frames + 1;
    this.#frames += frames.length;
    this.table.process(batch);
  }

  /** Rows that have ended since the last call, in tables that are full (of one row, when not told otherwise). */
  ended(): FlowRecord[] {
    return flowsOf(this.table);
  }

  /** Ends the input and gives the rows that had not been taken. */
  finish(): FlowRecord[] {
    this.table.finish();
    return flowsOf(this.table);
  }
}

/** All flows of some frames. */
export function flowsFrom(frames: readonly TestFrame[], options: Partial<FlowTableOptions> = {}): FlowRecord[] {
  const lab = new FlowLab(options);
  lab.take(frames);
  return lab.finish();
}
