/**
 * Damaged packets against tshark, one by one: the frames of the fuzz's corpus with broken headers, lengths, fragments, tags and tunnels, written to one capture,
 * decoded here and by tshark. What the two say of addresses, ports, TCP flags, payload length, VLAN, DNS question, TLS server name and HTTP host must be equal, or
 * differ for a cause that is known and named here; the run fails when one has none. The same seed makes the same packets.
 *
 *     node bench/differential.ts [--packets 20000] [--seed 1] [--keep <file for the capture>]
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { Random } from '../src/core/index.ts';
import {
  decodeClientHello,
  decodeDns,
  decodeFrame,
  decodeHttpRequest,
  encodePcapHeader,
  encodePcapRecord,
  Fragments,
  formatIpv4,
  formatIpv6,
  isDnsPort,
  OddityCounter,
  type OddityName,
  Packet,
  PROTO,
  QuicHandshake,
  TUNNEL,
} from '../src/wire/index.ts';
import { type CorpusFrame, readCorpus } from '../test/fuzz/corpus.ts';
import { flipBits, lie, splice } from '../test/fuzz/mutate.ts';
import { toHex } from '../test/support/frames.ts';

const { values } = parseArgs({
  options: {
    packets: { type: 'string', default: '20000' },
    seed: { type: 'string', default: '1' },
    keep: { type: 'string' },
  },
});
const [packets, seed] = [Number(values.packets), Number(values.seed)];
const version = spawnSync('tshark', ['--version'], { encoding: 'utf8' });
if (version.status !== 0) {
  console.log('skipped: tshark is not installed');
  process.exit(0);
}

/** Headers end before here in nearly all frames. */
const HEADERS = 96;
const FIELDS = [
  'frame.protocols',
  'ip.src',
  'ip.dst',
  'ipv6.src',
  'ipv6.dst',
  'tcp.srcport',
  'tcp.dstport',
  'udp.srcport',
  'udp.dstport',
  'tcp.flags',
  'tcp.len',
  'udp.length',
  'vlan.id',
  'ieee8021ad.id',
  'dns.qry.name',
  'tls.handshake.extensions_server_name',
  'http.host',
  'ipv6.plen',
  'ip.frag_offset',
  'ipv6.fraghdr.offset',
  '_ws.malformed',
] as const;
type FieldName = (typeof FIELDS)[number];
type Row = (name: FieldName) => readonly string[];

/** What both say of a packet; '' where one says nothing. */
interface View {
  readonly tuple: string;
  readonly flags: string;
  readonly length: string;
  readonly vlan: string;
  readonly query: string;
  readonly serverName: string;
  readonly host: string;
}

interface Ours extends View {
  readonly notes: readonly OddityName[];
  readonly helloState: string;
  readonly packet: Packet;
  readonly belongs: boolean;
  readonly quoted: string;
}

function made(random: Random, frames: readonly CorpusFrame[]): Uint8Array {
  const any = (): Uint8Array => (frames[random.below(frames.length)] as CorpusFrame).bytes;
  const bytes = any();
  const head = bytes.subarray(0, Math.min(bytes.length, HEADERS));
  const withHead = (broken: Uint8Array): Uint8Array => {
    const out = bytes.slice();
    out.set(broken.subarray(0, head.length));
    return out;
  };
  switch (random.below(8)) {
    case 0:
      return bytes;
    case 1:
    case 2:
      return withHead(flipBits(head, random));
    case 3:
    case 4:
    case 5:
      return withHead(lie(head, random));
    case 6:
      return splice(bytes, any(), random).subarray(0, 4000);
    default:
      return bytes.subarray(0, random.below(bytes.length + 1));
  }
}

const address = (p: Packet, which: 'src' | 'dst'): string =>
  p.isV6 !== 0
    ? formatIpv6(p[`${which}0`], p[`${which}1`], p[`${which}2`], p[`${which}3`])
    : formatIpv4(p[`${which}0`]);

function ours(bytes: Uint8Array): Ours {
  const packet = new Packet();
  const oddities = new OddityCounter();
  const belongs = decodeFrame(
    bytes,
    new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    0,
    bytes.length,
    bytes.length,
    1,
    packet,
    new Fragments(),
    oddities,
  );
  const p = packet;
  const isTcp = belongs && p.protocol === PROTO.tcp;
  const isUdp = belongs && p.protocol === PROTO.udp;
  const hasPorts = (isTcp || isUdp) && !(p.isLaterFragment !== 0);
  const end = p.payload + p.payloadCaptured;
  const isFirst = belongs && p.isLaterFragment === 0 && p.payloadCaptured > 0;
  const quic = new QuicHandshake();
  if (isUdp && isFirst) quic.take(bytes, p.payload, end, true);
  const hello = isTcp && isFirst ? decodeClientHello(bytes, p.payload, end) : quic.clientHello;
  const v6 = p.quotedIsV6 !== 0;
  const quotedFrom = v6 ? formatIpv6(p.quotedSrc0, p.quotedSrc1, p.quotedSrc2, p.quotedSrc3) : formatIpv4(p.quotedSrc0);
  const quotedTo = v6 ? formatIpv6(p.quotedDst0, p.quotedDst1, p.quotedDst2, p.quotedDst3) : formatIpv4(p.quotedDst0);
  const quotedName = p.quotedProtocol === PROTO.tcp ? 'tcp' : 'udp';
  return {
    tuple:
      !belongs || p.protocol === PROTO.arp
        ? ''
        : hasPorts
          ? `${isTcp ? 'tcp' : 'udp'} ${address(p, 'src')} ${p.srcPort} ${address(p, 'dst')} ${p.dstPort}`
          : `${address(p, 'src')} ${address(p, 'dst')}`,
    flags: isTcp && hasPorts ? String(p.tcpFlags) : '',
    length: hasPorts ? String(p.payloadLength) : '',
    vlan: p.vlan < 0 ? '' : String(p.vlan),
    query:
      isUdp && isFirst && (isDnsPort(p.srcPort) || isDnsPort(p.dstPort))
        ? (decodeDns(bytes, p.payload, end)?.name ?? '')
        : '',
    serverName: hello?.serverName ?? '',
    host: isTcp && isFirst ? (decodeHttpRequest(bytes, p.payload, end)?.host ?? '') : '',
    helloState: hello?.state ?? '',
    notes: oddities.list().map(({ name }) => name),
    packet,
    belongs,
    quoted: p.quoted === 0 ? '' : `${quotedName} ${quotedFrom} ${p.quotedSrcPort} ${quotedTo} ${p.quotedDstPort}`,
  };
}

function shown(cell: string, write: (value: number) => string): string {
  return cell === '' ? '' : write(Number(cell));
}

/** tshark writes '::0.1.0.2' for what RFC 5952 writes '::1:2'. */
function plainV6(text: string): string {
  const [a, b, c, d] = (/^::(?:ffff:)?(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text) ?? []).slice(1).map(Number);
  if (a === undefined || b === undefined || c === undefined || d === undefined) return text;
  return formatIpv6(0, 0, text.startsWith('::ffff:') ? 0xffff : 0, (a << 24) | (b << 16) | (c << 8) | d);
}

function theirs(row: Row): View {
  const last = (name: FieldName): string => row(name).at(-1) ?? '';
  const chain = (row('frame.protocols')[0] ?? '').split(':');
  const network = Math.max(chain.lastIndexOf('ip'), chain.lastIndexOf('ipv6'));
  const isV6 = network >= 0 && chain[network] === 'ipv6';
  const [source, destination] = isV6
    ? [plainV6(last('ipv6.src')), plainV6(last('ipv6.dst'))]
    : [last('ip.src'), last('ip.dst')];
  const behind = chain.slice(network + 1);
  const isTcp = behind.includes('tcp') && last('tcp.srcport') !== '';
  const isUdp = !isTcp && behind.includes('udp') && last('udp.srcport') !== '';
  const ports = isTcp ? [last('tcp.srcport'), last('tcp.dstport')] : [last('udp.srcport'), last('udp.dstport')];
  return {
    tuple:
      source === ''
        ? ''
        : isTcp || isUdp
          ? `${isTcp ? 'tcp' : 'udp'} ${source} ${ports[0]} ${destination} ${ports[1]}`
          : `${source} ${destination}`,
    // The upper four bits of tshark's are reserved ones; a packet of ours has the lower eight.
    flags: isTcp ? shown(last('tcp.flags'), (value) => String(value & 0xff)) : '',
    length: isTcp ? last('tcp.len') : isUdp ? shown(last('udp.length'), (value) => String(value - 8)) : '',
    // Tags of all tunnels, one behind the other; ours is one of them.
    vlan: [...row('vlan.id'), ...row('ieee8021ad.id')].join(' '),
    query: isUdp && chain.includes('dns') ? (row('dns.qry.name')[0] ?? '') : '',
    serverName: row('tls.handshake.extensions_server_name')[0] ?? '',
    host: isTcp ? (row('http.host')[0] ?? '') : '',
  };
}

/** What may differ where we name a packet's damage, and how the two go on from there. */
const DAMAGE: Readonly<Partial<Record<OddityName, readonly [fields: readonly (keyof View)[], meaning: string]>>> = {
  'ethernet.truncated-header': [
    ['vlan', 'tuple', 'length'],
    'frame cut in its Ethernet header or tag: tshark shows what is left of it',
  ],
  'ipv4.truncated-header': [['tuple'], 'cut in the IPv4 header: tshark shows the address that is left'],
  'ipv4.bad-version': [
    ['tuple'],
    'IPv4 by the type, another version in the header: tshark goes by the version, no flow here',
  ],
  'ipv4.bad-total-length': [
    ['tuple'],
    'IPv4 total length shorter than the header: tshark stops, ports are unknown here',
  ],
  'ipv4.total-length-beyond-frame': [
    ['tuple', 'flags', 'length', 'query', 'serverName', 'host'],
    'IPv4 longer than its frame: what is there is read here, tshark stops or shows the lengths that the headers claim',
  ],
  'ipv6.truncated-header': [['tuple'], 'cut in the IPv6 header: tshark shows the address that is left'],
  'ipv6.payload-length-beyond-frame': [
    ['tuple', 'flags', 'length', 'query', 'serverName', 'host'],
    'IPv6 longer than its frame: what is there is read here, tshark stops or shows the lengths that the headers claim',
  ],
  'ipv6.truncated-extension': [['tuple'], 'cut in an IPv6 extension header: protocol known here, ports are not'],
  'ip.fragment-bad-length': [
    ['tuple', 'flags', 'length', 'query'],
    'fragment of a length that can not be: its headers are read here as far as they are there',
  ],
  'tunnel.unreadable': [['tuple'], 'IP in a tunnel that can not be read: the packet counts for the tunnel'],
  'tcp.truncated-header': [['tuple', 'flags', 'length'], 'cut in the TCP header: ports as far as they are there'],
  'tcp.bad-data-offset': [
    ['flags', 'length'],
    'TCP data offset below 20 or beyond the segment: flags are kept and no payload here, tshark stops',
  ],
  'udp.truncated-header': [['tuple', 'length'], 'cut in the UDP header: ports as far as they are there'],
  'udp.bad-length': [
    ['length', 'tuple', 'query'],
    'UDP length below 8 or beyond the packet: the packet counts here, tshark shows the field',
  ],
  'wlan.aggregate': [['tuple', 'flags', 'length'], 'several 802.11 frames in one: the first here, the last in tshark'],
};

/** Tunnels whose headers tshark believes more, or less, than we do. */
const CHECKED: readonly string[] = [
  'mpls',
  'gtp',
  'teredo',
  'l2tp',
  'ppp',
  'vxlan',
  'erspan',
  'wlan',
  'gre',
  'geneve',
  'ayiya',
  'nsh',
];
const WARY =
  'tunnel that is known by a port or label alone, or whose header is damaged: looked into here when its flags and what is inside fit, in tshark by other rules';
const PLAIN = /^[\w.:-]*$/;

/** Whether a UDP tuple is one of those that tshark shows of this frame. */
function isOneOf(tuple: string, row: Row): boolean {
  const [protocol, source = '', sourcePort = '', destination = '', destinationPort = ''] = tuple.split(' ');
  return (
    protocol === 'udp' &&
    [...row('ip.src'), ...row('ipv6.src').map(plainV6)].includes(source) &&
    [...row('ip.dst'), ...row('ipv6.dst').map(plainV6)].includes(destination) &&
    row('udp.srcport').includes(sourcePort) &&
    row('udp.dstport').includes(destinationPort)
  );
}

/** Why the two differ in `what`; undefined when no known cause fits. */
function cause(what: keyof View, a: Ours, b: View, row: Row, bytes: Uint8Array): string | undefined {
  const chain = (row('frame.protocols')[0] ?? '').split(':');
  const isMalformed = row('_ws.malformed').length > 0;
  const { packet: p } = a;
  for (const note of a.notes) {
    const damage = DAMAGE[note];
    if (damage?.[0].includes(what) === true) return damage[1];
  }
  if (what === 'tuple') {
    if (chain.includes('icmp') || chain.includes('icmpv6')) {
      const meaning = 'tshark shows the packet that an ICMP message quotes: where we name its flow, it is the same one';
      const [, from = '', to = ''] = /^\S+ (\S+) \d+ (\S+) \d+$/.exec(a.quoted) ?? [];
      if (a.quoted === '' || a.quoted === b.tuple || `${from} ${to}` === b.tuple) return meaning;
    }
    if (p.isLaterFragment !== 0 || Number(row('ip.frag_offset').at(-1) ?? 0) > 0)
      return 'later fragment: without ports, and not looked into for tunnels';
    if (chain.includes('sflow') && row('ip.dst').length > 1 && isOneOf(a.tuple, row))
      return 'tshark goes on into the packets that an sFlow datagram samples: here they are its data, and it is the conversation';
    if (p.isFirstFragment !== 0)
      return 'tunnel in fragments: looked into here when the last has come, in tshark when the first has';
    if (!a.belongs && chain.includes('pppoes')) return 'PPPoE of another version or type than 1: not looked into here';
    if (chain.some((name) => CHECKED.includes(name))) return WARY;
    if (p.tunnel !== TUNNEL.none && !a.belongs) return WARY;
    if (isMalformed && chain.at(-1) === 'llc')
      return '802.3 length shorter than the packet: the packet counts here, tshark stops at the length';
    if (p.tunnel !== TUNNEL.none && isMalformed)
      return 'a tunnel around a packet that can not be read: tshark shows what is left of it';
    if (chain.at(-1) === 'ipv6.dstopts')
      return 'damaged IPv6 option: tshark gives up, we go by the length of its header';
    if (row('ipv6.plen').at(-1) === '0')
      return 'IPv6 payload length 0: up to the end of the frame here (RFC 2675, offloading), tshark shows no ports';
    if (!chain.includes('ipv6') && chain.some((name) => name.startsWith('ipv6.')))
      return 'IPv6 extension headers behind IPv4: tshark reads them, they are none there';
  }
  if (what === 'vlan' && chain.some((name) => CHECKED.includes(name))) return WARY;
  if (what === 'length') {
    if (chain.includes('pppoes'))
      return 'PPPoE length that is not that of its packet: the packet counts here, the PPPoE length in tshark';
    if (p.isFirstFragment !== 0)
      return 'first fragment: the payload that it has counts here, tshark shows that of the whole or nothing';
    if (row('udp.length').at(-1) === '0')
      return 'UDP length 0: up to the end of the packet here (RFC 2675), tshark shows the field';
  }
  if (what === 'query') {
    if (!PLAIN.test(a.query) || !PLAIN.test(b.query))
      return 'DNS name with bytes that are no letters or labels that are none: written or refused in other ways';
    if (a.query === '' && a.belongs && !isDnsPort(p.srcPort) && !isDnsPort(p.dstPort)) return 'DNS on another port';
    if (a.query === '' && ((bytes[p.payload + 2] ?? 0) >> 3) % 16 > 6)
      return 'DNS message with an operation that is not assigned: refused here';
    if (isMalformed) return 'damaged DNS message: refused here, or read as far as it goes';
    if (!chain.includes('dns')) return `tshark takes the payload for another protocol: ${chain.at(-1)}`;
  }
  if (what === 'serverName') {
    if (!PLAIN.test(a.serverName) || !PLAIN.test(b.serverName))
      return 'server name with bytes that are no letters: written in another way';
    if (a.helloState === 'cut' || (p.protocol === PROTO.tcp && 5 + u16(bytes, p.payload + 3) > p.payloadCaptured))
      return 'ClientHello that goes on in another segment: its name is read here already';
    if (
      p.protocol === PROTO.tcp &&
      (bytes[p.payload + 6] ?? 0) * 65_536 + u16(bytes, p.payload + 7) + 4 !== u16(bytes, p.payload + 3)
    )
      return 'ClientHello whose length is not that of its record: read here as far as it goes';
    if (a.helloState === 'malformed') return 'ClientHello that contradicts its lengths: read here as far as it goes';
    if (!chain.includes('tls')) return `tshark takes the payload for another protocol: ${chain.at(-1)}`;
  }
  if (what === 'host') {
    if (!PLAIN.test(a.host) || !PLAIN.test(b.host))
      return 'host with bytes that are no letters: written in another way';
    if (!chain.includes('http') || chain.includes('http2') || b.host === '')
      return 'HTTP that tshark does not take for it: another port, or a first line that is damaged';
  }
  return undefined;
}

function u16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

function isSame(what: keyof View, a: View, b: View): boolean {
  if (what === 'vlan') return a.vlan === b.vlan || b.vlan.split(' ').includes(a.vlan);
  if (what === 'query' || what === 'serverName' || what === 'host')
    return a[what].toLowerCase() === b[what].toLowerCase();
  return a[what] === b[what];
}

const random = new Random(seed);
const frames = readCorpus()
  .flatMap((conversation) => conversation.frames)
  .filter(({ linkType, bytes, wireLength }) => linkType === 1 && bytes.length === wireLength);
const list = Array.from({ length: packets }, () => made(random, frames).slice());
const scratch = mkdtempSync(join(tmpdir(), 'differential-'));
const path = values.keep ?? join(scratch, 'packets.pcap');
writeCapture(path, list);
const options = [
  'ip.defragment:FALSE',
  'ipv6.defragment:FALSE',
  'tcp.desegment_tcp_streams:FALSE',
  'tcp.analyze_sequence_numbers:FALSE',
];
/** The fields of every packet of a capture, as tshark prints them. */
function tsharkLines(capture: string): string[] {
  const fields = FIELDS.flatMap((field) => ['-e', field]);
  const settings = options.flatMap((option) => ['-o', option]);
  const run = spawnSync(
    'tshark',
    ['-n', ...settings, '-T', 'fields', '-E', 'occurrence=a', '-E', 'aggregator=|', ...fields, '-r', capture],
    {
      encoding: 'latin1',
      maxBuffer: 1 << 30,
      timeout: 300_000,
    },
  );
  if (run.status !== 0) throw new Error(`tshark does not read ${capture}: ${run.stderr.slice(-500)}`);
  return run.stdout.split('\n').slice(0, -1);
}

function writeCapture(file: string, list: readonly Uint8Array[]): void {
  writeFileSync(
    file,
    Buffer.concat([encodePcapHeader(), ...list.map((bytes, i) => encodePcapRecord(1_600_000_000 + 100 * i, 0, bytes))]),
  );
}

function rowOf(line: string): Row {
  const cells = line.split('\t');
  return (name) => (cells[FIELDS.indexOf(name)] ?? '').split('|').filter((cell) => cell !== '');
}

const lines = tsharkLines(path);
if (lines.length !== packets) throw new Error(`tshark read ${lines.length} of ${packets} packets`);
const classes = new Map<string, number>();
const unexplained: string[] = [];
let equal = 0;
const fields = Object.keys(theirs(() => [])) as (keyof View)[];
/** The first field in which the two differ: where the packets are not the same, what they carry can't be. */
const difference = (
  a: Ours,
  row: Row,
  bytes: Uint8Array,
): readonly [field: keyof View | undefined, why: string | undefined] => {
  const b = theirs(row);
  const what = fields.find((field) => !isSame(field, a, b));
  return [what, what === undefined ? undefined : cause(what, a, b, row, bytes)];
};
list.forEach((bytes, i) => {
  const row = rowOf(lines[i] ?? '');
  const a = ours(bytes);
  const [what, why] = difference(a, row, bytes);
  if (what === undefined) {
    equal++;
    return;
  }
  let reason = why;
  if (reason === undefined) {
    // tshark has seen other packets on these ports before; here it sees this one alone.
    const alone = join(scratch, 'alone.pcap');
    writeCapture(alone, [bytes]);
    const [differs, second] = difference(a, rowOf(tsharkLines(alone)[0] ?? ''), bytes);
    if (differs === undefined)
      reason = 'tshark remembers earlier packets on the same ports; of the packet alone it says the same as we do';
    else reason = second;
  }
  if (reason !== undefined) classes.set(reason, (classes.get(reason) ?? 0) + 1);
  else {
    const tail = row('_ws.malformed').length > 0 ? ', malformed' : '';
    unexplained.push(
      `number ${i}, ${what}: '${a[what]}' against '${theirs(row)[what]}' (hello '${a.helloState}', ${row('frame.protocols')[0]}${tail}; tunnel ${a.packet.tunnel})\n    ${toHex(bytes.subarray(0, 400))}`,
    );
  }
});
rmSync(scratch, { recursive: true });
console.log(`seed ${seed}: ${equal} of ${packets} packets are the same in ${fields.join(', ')}`);
for (const [why, n] of [...classes].sort((x, y) => y[1] - x[1] || (x[0] < y[0] ? -1 : 1)))
  console.log(`${String(n).padStart(6)}  ${why}`);
console.log(`${unexplained.length} differ without a known cause`);
for (const text of unexplained.slice(0, 40)) console.log(`  ${text}`);
console.log(`tshark ${/\d+\.\d+\.\d+/.exec(version.stdout)?.[0]}, Node ${process.version}`);
process.exitCode = unexplained.length > 0 ? 1 : 0;
