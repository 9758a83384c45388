/**
 * Builds the captures that the benchmarks run on, in .bench, and prints what is in them.
 *
 *     node bench/mix.ts [--kind mix|day|bulk|small|many|flood] [--mb 250] [--hours <1, for a day 24>] [--packets 2000000] [--seed 42] [--out <file>]
 *
 * mix: every real Ethernet capture under ../shared/data, again and again until the size is reached. Each repetition has its own addresses (MAC,
 * IPv4, IPv6, also inside ARP), so its flows are flows of their own; a private address stays private, a public one public, and broadcast and
 * multicast stay what they are. The captures start at random within the given hours and are merged in order of time; a capture that runs longer
 * than an hour is cut there. The flood captures of stopddos are left out: floods have an input of their own, and one of them would be half of all flows. Checksums are not corrected after the change of addresses (neither we nor tshark's defaults look at them), and
 * addresses that packets quote (tunnels, ICMP errors, DNS answers) are left as they are.
 *
 * day: the same captures as often, each as it is, at random moments of a day: one network whose devices do the same kinds of things from morning to night. It is what one gets by merging captures, while a mix of 1 GB is 39 networks at once,
 * with a hundred thousand hosts and every attack 39 times in an hour.
 *
 * bulk is made up: downloads of 300 packets each over TCP, 200 at a time, two full segments for each ACK. The mix has ten packets for every flow, as it is made of handshakes, scans and names; this is the other end.
 *
 * many is made up as well: packets of two million TCP and UDP conversations, one in five of them IPv6, in random order, the worst case for a flow table's memory and cache.
 *
 * small and flood are made up, for the two things that no capture here holds: small is nothing but small packets (30 % SYN scans, 34 % DNS,
 * small UDP, bare ACKs), flood is one new spoofed source with every packet. Both test memory and the price of a packet, not quality.
 *
 * The same options and the same sources give the same bytes; a file that is already there is not built again.
 */
import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { humanBytes, humanCount, Random, UserError } from '../src/core/index.ts';
import { FlowTable } from '../src/flow/index.ts';
import {
  CaptureReader,
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  encodeDns,
  encodeEthernet,
  encodeIpv4,
  encodeIpv6,
  encodePcapHeader,
  encodePcapRecord,
  encodeTcp,
  encodeUdp,
  OddityCounter,
  PROTO,
  TCP_ACK,
  TCP_FIN,
  TCP_SYN,
  TimeBase,
} from '../src/wire/index.ts';
import { DATA, WORK } from './child.ts';

export type MixKind = 'mix' | 'day' | 'bulk' | 'small' | 'many' | 'flood';

export interface MixOptions {
  readonly kind?: MixKind;
  /** Size of a mix or a day, MB; at least as much is written. */
  readonly mb?: number;
  /** Over how long the captures of a mix or a day start; 1 and 24 by default. */
  readonly hours?: number;
  /** Packets of a small or a flood. */
  readonly packets?: number;
  readonly seed?: number;
  readonly out?: string;
}

export interface MixInfo {
  readonly path: string;
  readonly what: string;
  readonly bytes: number;
  readonly packets: number;
  readonly flows: number;
}

const FOLDERS = [
  'slips',
  'malcolm',
  'elcabezzonn',
  'dns-tunnel',
  'iot-sentinel',
  'arkime',
  'zeek-traces',
  'ipfixprobe',
  'cryptomining',
];
const LINKTYPE_ETHERNET = 1;
/** 2026-01-05 08:00 UTC, a Monday morning. */
const BEGIN_SECONDS = 1_767_600_000;
const LONGEST_NS = 3600e9;

/** Builds the capture unless it is there already. Throws UserError when there is nothing to build it from. */
export function buildMix(options: MixOptions = {}): MixInfo {
  const { kind = 'mix', mb = 250, packets = 2_000_000, seed = 42 } = options;
  const { hours = kind === 'day' ? 24 : 1 } = options;
  const isMerged = kind === 'mix' || kind === 'day';
  const name = isMerged ? `${kind}-${mb}mb.pcap` : `${kind}-${packets}.pcap`;
  const path = options.out ?? join(WORK, kind === 'mix' && mb === 250 ? 'mix.pcap' : name);
  const sources = isMerged ? sourceFiles() : [];
  const key = createHash('sha256')
    .update(
      JSON.stringify([kind, mb, hours, packets, seed, sources.map((file) => [file, statSync(join(DATA, file)).size])]),
    )
    .update(readFileSync(fileURLToPath(import.meta.url)))
    .digest('hex');
  const known = readInfo(path, key);
  if (known !== undefined) return known;

  mkdirSync(dirname(path), { recursive: true });
  const writer = new Writer(`${path}.part`);
  const random = new Random(seed);
  let what: string;
  if (isMerged) what = writeMix(writer, sources, mb * 1e6, hours, random, kind === 'mix');
  else if (kind === 'bulk') what = writeBulk(writer, packets, random);
  else if (kind === 'small') what = writeSmall(writer, packets, random);
  else if (kind === 'many') what = writeMany(writer, packets, random);
  else what = writeFlood(writer, packets, random);
  writer.end();
  renameSync(`${path}.part`, path);
  const info = { path, what, bytes: writer.bytes, packets: writer.packets, flows: countFlows(path) };
  writeFileSync(`${path}.json`, `${JSON.stringify({ key, ...info }, null, 2)}\n`);
  return info;
}

function readInfo(path: string, key: string): MixInfo | undefined {
  if (!existsSync(path) || !existsSync(`${path}.json`)) return undefined;
  const info: MixInfo & { key: string } = JSON.parse(readFileSync(`${path}.json`, 'utf8'));
  return info.key === key && statSync(path).size === info.bytes ? { ...info, path } : undefined;
}

/** Captures below ../shared/data that a mix is made of, without the ones that were made to break parsers. */
function sourceFiles(): string[] {
  if (!existsSync(DATA))
    throw new UserError(
      `the captures are not there (${DATA})`,
      'only --kind bulk, small, many and flood can be built without them',
    );
  return FOLDERS.flatMap((folder) =>
    existsSync(join(DATA, folder))
      ? readdirSync(join(DATA, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name))
      : [],
  )
    .filter((file) => /\.(pcap|pcapng|cap|trace|pcap\.gz)$/.test(file) && !/fuzz|oobr/i.test(file))
    .sort();
}

/** Collects records and writes them in large pieces. */
class Writer {
  bytes = 0;
  packets = 0;
  #fd: number;
  #buffer = new Uint8Array(1 << 22);
  #used = 0;

  constructor(path: string) {
    this.#fd = openSync(path, 'w');
    this.#put(encodePcapHeader({ linkType: LINKTYPE_ETHERNET }));
  }

  /** @param timeNs since BEGIN_SECONDS. */
  packet(timeNs: number, frame: Uint8Array, wireLength = frame.length): void {
    const microseconds = Math.floor(timeNs / 1000);
    this.#put(encodePcapRecord(BEGIN_SECONDS + Math.floor(microseconds / 1e6), microseconds % 1e6, frame, wireLength));
    this.packets++;
  }

  end(): void {
    this.#flush();
    closeSync(this.#fd);
  }

  #put(bytes: Uint8Array): void {
    if (this.#used + bytes.length > this.#buffer.length) this.#flush();
    this.#buffer.set(bytes, this.#used);
    this.#used += bytes.length;
    this.bytes += bytes.length;
  }

  #flush(): void {
    writeSync(this.#fd, this.#buffer, 0, this.#used);
    this.#used = 0;
  }
}

/** Frames of one capture, as places in `bytes`, with times since the earliest of them. */
interface Source {
  readonly bytes: Uint8Array;
  readonly at: number[];
  readonly captured: number[];
  readonly wire: number[];
  readonly timeNs: number[];
}

/** The Ethernet frames of a capture; undefined when it holds none or is no capture. */
function loadSource(file: string): Source | undefined {
  const raw = readFileSync(join(DATA, file));
  const bytes = raw[0] === 0x1f && raw[1] === 0x8b ? gunzipSync(raw) : raw;
  const reader = new CaptureReader(new TimeBase(), new OddityCounter());
  const source: Source = { bytes: new Uint8Array(bytes.length), at: [], captured: [], wire: [], timeNs: [] };
  let given = 0;
  let used = 0;
  try {
    while (!reader.done) {
      if (reader.next() > 0) {
        const { batch } = reader;
        for (let i = 0; i < batch.count; i++) {
          const length = batch.captureLength[i];
          if (batch.linkType[i] !== LINKTYPE_ETHERNET || length < 14) continue;
          source.bytes.set(batch.bytes.subarray(batch.offset[i], batch.offset[i] + length), used);
          source.at.push(used);
          source.captured.push(length);
          source.wire.push(batch.wireLength[i]);
          source.timeNs.push(batch.timeNs[i]);
          used += length;
        }
      } else if (!reader.done) {
        const space = reader.space();
        const n = Math.min(space.length, bytes.length - given);
        space.set(bytes.subarray(given, given + n));
        reader.fill(n);
        given += n;
      }
    }
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return undefined;
  }
  if (source.at.length === 0) return undefined;
  const first = source.timeNs.reduce((a, b) => Math.min(a, b));
  source.timeNs.forEach((time, i) => {
    source.timeNs[i] = time - first;
  });
  return source;
}

function writeMix(
  writer: Writer,
  files: readonly string[],
  bytesWanted: number,
  hours: number,
  random: Random,
  isRenumbered: boolean,
): string {
  const sources = files.map(loadSource).filter((source) => source !== undefined);
  if (sources.length === 0)
    throw new UserError(
      `no Ethernet capture found under ${DATA}`,
      'only --kind bulk, small, many and flood can be built without',
    );
  const times: number[] = [];
  const places: number[] = [];
  let bytes = 24;
  let copies = 0;
  for (; bytes < bytesWanted; copies++) {
    for (const [s, source] of sources.entries()) {
      if (bytes >= bytesWanted) break;
      const start = random.float() * hours * 3600e9;
      for (let i = 0; i < source.at.length; i++) {
        if (source.timeNs[i] > LONGEST_NS) continue;
        times.push(start + source.timeNs[i]);
        // Which copy of which source, and which frame of it: 8 + 12 + 30 bits of a double's 53.
        places.push((copies * 4096 + s) * 2 ** 30 + i);
        bytes += 16 + source.captured[i];
      }
    }
  }
  if (isRenumbered && copies > 255)
    throw new UserError(`${copies} repetitions are more than there are addresses for`, 'ask for fewer --mb');
  const order = new Uint32Array(times.length).map((_, i) => i);
  order.sort((a, b) => times[a] - times[b] || a - b);
  const frame = new Uint8Array(1 << 18);
  for (const k of order) {
    const i = places[k] % 2 ** 30;
    const of = Math.floor(places[k] / 2 ** 30);
    const source = sources[of % 4096];
    const length = source.captured[i];
    const copy = frame.subarray(0, length);
    copy.set(source.bytes.subarray(source.at[i], source.at[i] + length));
    if (isRenumbered) renumber(copy, Math.floor(of / 4096));
    writer.packet(times[k], copy, source.wire[i]);
  }
  return `${sources.length} real Ethernet captures, up to ${copies} times each${isRenumbered ? ' and each time with other addresses' : ''}, starting within ${hours} h`;
}

/** Gives the hosts of a frame the addresses of repetition k; the first keeps its own. */
function renumber(frame: Uint8Array, k: number): void {
  if (k === 0) return;
  renumberMac(frame, 0, k);
  renumberMac(frame, 6, k);
  let at = 12;
  let type = uint16(frame, at);
  while ((type === 0x8100 || type === 0x88a8 || type === 0x9100) && at + 6 <= frame.length) {
    at += 4;
    type = uint16(frame, at);
  }
  at += 2;
  // PPPoE session (RFC 2516): six bytes, then the PPP protocol.
  if (type === 0x8864 && at + 8 <= frame.length) {
    const ppp = uint16(frame, at + 6);
    type = ppp === 0x21 ? ETHERTYPE_IPV4 : ppp === 0x57 ? ETHERTYPE_IPV6 : 0;
    at += 8;
  }
  // MPLS (RFC 3032): labels until the bottom of the stack, then an IP version tells what follows.
  if (type === 0x8847 || type === 0x8848) {
    while (at + 4 < frame.length && (frame[at + 2] & 1) === 0) at += 4;
    at += 4;
    type = at >= frame.length ? 0 : frame[at] >> 4 === 4 ? ETHERTYPE_IPV4 : frame[at] >> 4 === 6 ? ETHERTYPE_IPV6 : 0;
  }
  if (type === ETHERTYPE_IPV4 && at + 20 <= frame.length) {
    renumberIpv4(frame, at + 12, k);
    renumberIpv4(frame, at + 16, k);
  } else if (type === ETHERTYPE_IPV6 && at + 40 <= frame.length) {
    renumberIpv6(frame, at + 8, k);
    renumberIpv6(frame, at + 24, k);
  } else if (type === ETHERTYPE_ARP && at + 28 <= frame.length && uint16(frame, at) === 1) {
    renumberMac(frame, at + 8, k);
    renumberIpv4(frame, at + 14, k);
    renumberMac(frame, at + 18, k);
    renumberIpv4(frame, at + 24, k);
  }
}

function uint16(bytes: Uint8Array, at: number): number {
  return at + 2 <= bytes.length ? (bytes[at] << 8) | bytes[at + 1] : 0;
}

function renumberMac(frame: Uint8Array, at: number, k: number): void {
  const isGroup = (frame[at] & 1) === 1;
  const isZero = frame.subarray(at, at + 6).every((byte) => byte === 0);
  if (!isGroup && !isZero) frame[at + 4] += k;
}

/** Moves an address to another subnet of the same kind: the host's own part, and so broadcasts, stay. */
function renumberIpv4(frame: Uint8Array, at: number, k: number): void {
  const a = frame[at];
  const b = frame[at + 1];
  const isSpecial = a === 0 || a === 127 || a >= 224;
  if (isSpecial) return;
  const isLocal = (a === 192 && b === 168) || (a === 172 && b >= 16 && b < 32) || (a === 169 && b === 254);
  frame[at + (isLocal ? 2 : 1)] += k;
  // 172.x and 192.x outside the private blocks must not step into them.
  const isPrivateNow = (a === 192 && frame[at + 1] === 168) || (a === 172 && frame[at + 1] >= 16 && frame[at + 1] < 32);
  if (!isLocal && isPrivateNow) frame[at + 1] += 64;
}

function renumberIpv6(frame: Uint8Array, at: number, k: number): void {
  const isMulticast = frame[at] === 0xff;
  const isZeroOrLoopback = frame.subarray(at, at + 15).every((byte) => byte === 0);
  if (isMulticast || isZeroOrLoopback) return;
  const isLinkLocal = frame[at] === 0xfe && (frame[at + 1] & 0xc0) === 0x80;
  frame[at + (isLinkLocal ? 9 : 5)] += k;
}

const ipv4 = (a: number, b: number, c: number, d: number): number => (a << 24) | (b << 16) | (c << 8) | d | 0;

function ethernet(payload: Uint8Array, fromHost: number, etherType: number = ETHERTYPE_IPV4): Uint8Array {
  const source = Uint8Array.of(2, 0, fromHost >>> 24, fromHost >>> 16, fromHost >>> 8, fromHost);
  const out = encodeEthernet({
    destination: Uint8Array.of(2, 0, 0, 0, 0, 1),
    source,
    etherType,
    payload,
  });
  if (out.length >= 60) return out;
  const padded = new Uint8Array(60);
  padded.set(out);
  return padded;
}

function tcpFrame(
  source: number,
  destination: number,
  srcPort: number,
  dstPort: number,
  flags: number,
  sequence: number,
): Uint8Array {
  const payload = encodeTcp({ srcPort, dstPort, flags, sequence });
  return ethernet(encodeIpv4({ source, destination, protocol: PROTO.tcp, payload }), source);
}

function udpFrame(
  source: number,
  destination: number,
  srcPort: number,
  dstPort: number,
  payload: Uint8Array,
): Uint8Array {
  return ethernet(
    encodeIpv4({ source, destination, protocol: PROTO.udp, payload: encodeUdp(srcPort, dstPort, payload) }),
    source,
  );
}

/** A packet of the IPv6 conversation of host `k` with one server, from the host or to it. */
function udpFrame6(k: number, port: number, isOut: boolean): Uint8Array {
  const host: [number, number, number, number] = [0x20010db8, 0, k >>> 20, k];
  const server: [number, number, number, number] = [0x20010db8, 0xffff, 0, 1];
  const payload = encodeUdp(isOut ? port : 5004, isOut ? 5004 : port, new Uint8Array(16));
  const packet = encodeIpv6({
    source: isOut ? host : server,
    destination: isOut ? server : host,
    nextHeader: PROTO.udp,
    payload,
  });
  return ethernet(packet, k, ETHERTYPE_IPV6);
}

const SMALL_PER_SECOND = 5000;

function writeSmall(writer: Writer, packets: number, random: Random): string {
  const resolver = ipv4(10, 0, 0, 53);
  const host = (): number => ipv4(10, 0, random.below(4), 1 + random.below(250));
  const outside = (): number => ipv4(198, 18 + random.below(2), random.below(256), 1 + random.below(254));
  const scanners = Array.from({ length: 8 }, outside);
  const conversation = (): { from: number; to: number; port: number } => ({
    from: host(),
    to: outside(),
    port: 32_768 + random.below(28_000),
  });
  const open = Array.from({ length: 2000 }, conversation);
  const talking = Array.from({ length: 2000 }, conversation);
  let answer: Uint8Array | undefined;
  for (let i = 0; i < packets; i++) {
    const timeNs = (i * 1e9) / SMALL_PER_SECOND;
    const share = random.below(100);
    if (answer !== undefined) {
      writer.packet(timeNs, answer);
      answer = undefined;
    } else if (share < 36) {
      const scanner = scanners[random.below(scanners.length)];
      writer.packet(
        timeNs,
        tcpFrame(scanner, host(), 40_000 + random.below(20_000), 1 + random.below(10_000), TCP_SYN, random.uint32()),
      );
    } else if (share < 57) {
      // One question, and its answer is the next packet: of 121 packets 36 are SYNs, 42 DNS, 21 UDP, 22 ACKs.
      const client = host();
      const port = 1024 + random.below(64_000);
      const id = random.below(65_536);
      const name = `h${random.below(50_000)}.example`;
      writer.packet(timeNs, udpFrame(client, resolver, port, 53, encodeDns({ id, name })));
      answer = udpFrame(
        resolver,
        client,
        53,
        port,
        encodeDns({ id, name, isResponse: true, rcode: random.below(20) === 0 ? 3 : 0 }),
      );
    } else if (share < 78) {
      // Conversations in both directions; one packet in fifty begins a new one.
      const k = random.below(talking.length);
      if (random.below(50) === 0) talking[k] = conversation();
      const { from, to, port } = talking[k];
      const payload = new Uint8Array(8 + random.below(24));
      const isOut = random.below(2) === 0;
      writer.packet(timeNs, isOut ? udpFrame(from, to, port, 3478, payload) : udpFrame(to, from, 3478, port, payload));
    } else {
      const { from, to, port } = open[random.below(open.length)];
      const isOut = random.below(2) === 0;
      writer.packet(
        timeNs,
        isOut ? tcpFrame(from, to, port, 443, TCP_ACK, i) : tcpFrame(to, from, 443, port, TCP_ACK, i),
      );
    }
  }
  return `made up: small packets alone, ${humanCount(SMALL_PER_SECOND)} a second (30 % SYN scans, 34 % DNS, small UDP, bare ACKs)`;
}

const MANY_FLOWS = 2_000_000;
const MANY_PER_SECOND = 100_000;

/** Each packet belongs to one of two million 5-tuples, chosen at random: the number says all of it, so nothing has to be remembered. */
function writeMany(writer: Writer, packets: number, random: Random): string {
  for (let i = 0; i < packets; i++) {
    const k = random.below(MANY_FLOWS);
    const timeNs = (i * 1e9) / MANY_PER_SECOND;
    const client = ipv4(10, (k >>> 16) & 31, (k >>> 8) & 255, k & 255);
    const server = ipv4(198, 18, (k >>> 9) & 255, 1 + ((k >>> 3) % 254));
    const port = 1024 + (k % 60_000);
    const isOut = random.below(2) === 0;
    if (k % 5 === 0) writer.packet(timeNs, udpFrame6(k, port, isOut));
    else if (k % 5 < 3)
      writer.packet(
        timeNs,
        isOut ? tcpFrame(client, server, port, 443, TCP_ACK, i) : tcpFrame(server, client, 443, port, TCP_ACK, i),
      );
    else
      writer.packet(
        timeNs,
        isOut
          ? udpFrame(client, server, port, 5004, new Uint8Array(16))
          : udpFrame(server, client, 5004, port, new Uint8Array(16)),
      );
  }
  return `made up: ${humanCount(MANY_FLOWS)} conversations in random order, one in five over IPv6, ${humanCount(MANY_PER_SECOND)} packets a second`;
}

const BULK_PER_SECOND = 50_000;
const BULK_AT_A_TIME = 200;
const BULK_PACKETS_PER_FLOW = 300;
const BULK_SEGMENT = 1400;

/** A download: who, from where, the next sequence numbers of both sides and the packets so far. */
interface Download {
  readonly client: number;
  readonly server: number;
  readonly port: number;
  readonly isHttp: boolean;
  asked: number;
  given: number;
  packets: number;
}

function writeBulk(writer: Writer, packets: number, random: Random): string {
  const segment = new Uint8Array(BULK_SEGMENT);
  for (let i = 0; i < segment.length; i++) segment[i] = random.below(256);
  const request = new TextEncoder().encode(
    'GET /file HTTP/1.1\r\nHost: files.example\r\nUser-Agent: curl/8.5.0\r\n\r\n',
  );
  const nothing = new Uint8Array(0);
  let count = 0;
  const begin = (): Download => {
    const k = count++;
    return {
      client: ipv4(10, 0, (k >>> 6) & 255, 1 + (k & 63)),
      server: ipv4(198, 18, (k * 7) & 255, 1 + ((k * 13) % 250)),
      port: 32_768 + ((k * 31) % 28_000),
      isHttp: k % 3 === 0,
      asked: random.uint32(),
      given: random.uint32(),
      packets: 0,
    };
  };
  const going = Array.from({ length: BULK_AT_A_TIME }, begin);
  for (let i = 0; i < packets; i++) {
    const k = random.below(going.length);
    const download = going[k];
    const { client, server, port, isHttp } = download;
    const n = download.packets++;
    const serverPort = isHttp ? 80 : 443;
    const send = (fromServer: boolean, flags: number, payload: Uint8Array): void => {
      const sequence = fromServer ? download.given : download.asked;
      const acknowledgement = flags === TCP_SYN ? 0 : fromServer ? download.asked : download.given;
      const tcp = fromServer
        ? encodeTcp({ srcPort: serverPort, dstPort: port, flags, sequence, acknowledgement, payload })
        : encodeTcp({ srcPort: port, dstPort: serverPort, flags, sequence, acknowledgement, payload });
      const [source, destination] = fromServer ? [server, client] : [client, server];
      writer.packet(
        (i * 1e9) / BULK_PER_SECOND,
        ethernet(encodeIpv4({ source, destination, protocol: PROTO.tcp, payload: tcp }), source),
      );
      const next = (sequence + payload.length + ((flags & (TCP_SYN | TCP_FIN)) === 0 ? 0 : 1)) >>> 0;
      if (fromServer) download.given = next;
      else download.asked = next;
    };
    if (n === 0) send(false, TCP_SYN, nothing);
    else if (n === 1) send(true, TCP_SYN | TCP_ACK, nothing);
    else if (n === 2) send(false, TCP_ACK, isHttp ? request : nothing);
    else if (n < BULK_PACKETS_PER_FLOW - 2) send(n % 3 !== 0, TCP_ACK, n % 3 === 0 ? nothing : segment);
    else {
      send(n === BULK_PACKETS_PER_FLOW - 2, TCP_FIN | TCP_ACK, nothing);
      if (n === BULK_PACKETS_PER_FLOW - 1) going[k] = begin();
    }
  }
  return `made up: downloads over TCP of ${BULK_PACKETS_PER_FLOW} packets each, ${BULK_AT_A_TIME} at a time, ${humanCount(BULK_PER_SECOND)} packets a second`;
}

const FLOOD_PER_SECOND = 50_000;

function writeFlood(writer: Writer, packets: number, random: Random): string {
  const victim = ipv4(10, 0, 0, 80);
  for (let i = 0; i < packets; i++) {
    const source = ipv4(1 + random.below(9), 0, 0, 0) + random.below(1 << 24);
    writer.packet(
      (i * 1e9) / FLOOD_PER_SECOND,
      tcpFrame(source | 0, victim, 1024 + random.below(64_000), 80, TCP_SYN, random.uint32()),
    );
  }
  return `made up: a SYN flood on one host, ${humanCount(FLOOD_PER_SECOND)} a second, every packet from a new spoofed source`;
}

/** Flows that the flow table makes of a capture with its default timeouts. */
function countFlows(path: string): number {
  const base = new TimeBase();
  const oddities = new OddityCounter();
  const reader = new CaptureReader(base, oddities);
  const table = new FlowTable(base, oddities);
  const fd = openSync(path, 'r');
  while (!reader.done) {
    reader.fill(readSync(fd, reader.space()));
    while (reader.next() > 0) {
      table.process(reader.batch);
      table.takeTables();
    }
  }
  closeSync(fd);
  table.finish();
  return table.rows;
}

/** The first packets of a capture as a capture of their own, for programs that are too slow for all of it. */
export function takeHead(info: MixInfo, packets: number): MixInfo {
  const path = info.path.replace(/\.pcap$/, `-first-${packets}.pcap`);
  const fd = openSync(info.path, 'r');
  const header = new Uint8Array(16);
  let at = 24;
  let n = 0;
  for (; n < packets && readSync(fd, header, 0, 16, at) === 16; n++)
    at += 16 + new DataView(header.buffer).getUint32(8, true);
  const bytes = new Uint8Array(at);
  readSync(fd, bytes, 0, at, 0);
  closeSync(fd);
  writeFileSync(path, bytes);
  return {
    path,
    what: `the first packets of ${relative(WORK, info.path)}`,
    bytes: at,
    packets: n,
    flows: countFlows(path),
  };
}

/** One line: what, packets, bytes, flows. */
export function summarizeMix(info: MixInfo): string {
  return `${info.path}: ${humanCount(info.packets)} packets, ${humanBytes(info.bytes)}, ${humanCount(info.flows)} flows; ${info.what}`;
}

function main(): void {
  const { values } = parseArgs({
    options: {
      kind: { type: 'string', default: 'mix' },
      mb: { type: 'string', default: '250' },
      hours: { type: 'string' },
      packets: { type: 'string', default: '2000000' },
      seed: { type: 'string', default: '42' },
      out: { type: 'string' },
    },
  });
  const kind = (['mix', 'day', 'bulk', 'small', 'many', 'flood'] as const).find((one) => one === values.kind);
  if (kind === undefined)
    throw new UserError(
      `--kind ${values.kind} is none of mix, day, bulk, small, many, flood`,
      'see the head of bench/mix.ts',
    );
  const number = (name: 'mb' | 'hours' | 'packets' | 'seed'): number => {
    const value = Number(values[name]);
    if (Number.isFinite(value) && value > 0) return value;
    throw new UserError(`--${name} ${values[name]} is not a number above 0`, 'see the head of bench/mix.ts');
  };
  const options = {
    kind,
    mb: number('mb'),
    packets: number('packets'),
    seed: number('seed'),
    ...(values.hours === undefined ? {} : { hours: number('hours') }),
  };
  console.log(summarizeMix(buildMix(values.out === undefined ? options : { ...options, out: values.out })));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    main();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    console.error(`${error.message}\n${error.hint ?? ''}`);
    process.exitCode = 2;
  }
}
