/**
 * Compares what the engine makes of captures with what tshark makes of the same bytes: frames, bytes and initiator of every TCP and UDP 5-tuple.
 *
 * Two comparisons, so that every difference has a place. First the flow table (all timeouts off) against tshark's frames added up per 5-tuple. Where a
 * tuple differs, its frames are looked up one by one, in our decoder and in tshark; a frame that we see otherwise must have a cause that is known
 * and named here. What is left over is unexplained, and the run fails.
 *
 * tshark runs with reassembly off, so that a frame is what it is on the wire; `-E occurrence=l` gives the innermost addresses and ports of a frame, as ours are.
 * For an ICMP error those are of the packet that it quotes, so there our quoted packet is what is compared.
 *
 * Beside it the records that the tests of ipfixprobe expect (`ipfixprobe.ts`) and the sessions that those of Arkime do (`test/support/arkime.ts`).
 *
 *     node bench/truth.ts [--markdown] [--only <text in the path>] [folder of the captures]
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import {
  decodeFrame,
  Fragments,
  formatIpv4,
  formatIpv6,
  OddityCounter,
  otherFrameKind,
  Packet,
  PROTO,
  serviceByPort,
  tunnelName,
} from '../src/wire/index.ts';
import { ARKIME_EXPLAINED, ARKIME_FILES, compareArkime } from '../test/support/arkime.ts';
import { NO_TIMEOUTS, runCapture } from '../test/support/capture.ts';
import { compareIpfixprobe } from './ipfixprobe.ts';

const FOLDERS = [
  'arkime',
  'cryptomining',
  'dns-tunnel',
  'elcabezzonn',
  'iot-sentinel',
  'ipfixprobe',
  'malcolm',
  'pcapng-suite',
  'slips',
  'stopddos',
  'tcpdump-tests',
  'wireshark-samples',
  'zeek-traces',
];
const TSHARK = [
  '-n',
  '-o',
  'ip.defragment:FALSE',
  '-o',
  'ipv6.defragment:FALSE',
  '-o',
  'tcp.desegment_tcp_streams:FALSE',
  '-T',
  'fields',
  '-E',
  'occurrence=l',
];
const FIELDS = [
  'frame.number',
  'frame.len',
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
  'frame.cap_len',
  'ip.frag_offset',
  'ipv6.fraghdr.offset',
];

interface Frame {
  /** 'tcp a:p b:q', endpoints in text order; undefined when the frame has no TCP or UDP ports. */
  readonly key: string | undefined;
  readonly source: string;
  readonly bytes: number;
  readonly flags: number;
}

interface TsharkFrame extends Frame {
  readonly protocols: string;
  readonly captured: number;
  readonly isLaterFragment: boolean;
}

interface OurFrame extends Frame {
  readonly other: string | undefined;
  readonly isFirstFragment: boolean;
  readonly isLaterFragment: boolean;
  readonly isReassembled: boolean;
  /** Key of the packet that an ICMP error quotes. */
  readonly quoted: string | undefined;
  readonly tunnel: string;
  readonly note: string | undefined;
}

interface Tuple {
  frames: number;
  bytes: number;
  initiator: string;
}

interface FileResult {
  readonly file: string;
  readonly tuples: number;
  readonly frames: number;
  readonly equal: number;
  /** Cause and number of frames or tuples it touches. */
  readonly causes: ReadonlyMap<string, number>;
  readonly unexplained: readonly string[];
  readonly unread: string | undefined;
}

const { values: flags, positionals } = parseArgs({
  options: { markdown: { type: 'boolean', default: false }, only: { type: 'string' } },
  allowPositionals: true,
});
const data = positionals[0] ?? new URL('../../shared/data', import.meta.url).pathname;
const tshark = spawnSync('tshark', ['--version'], { encoding: 'utf8' });
if (!existsSync(data) || tshark.status !== 0) {
  console.log(!existsSync(data) ? `skipped: the captures are not there (${data})` : 'skipped: tshark is not installed');
  process.exit(0);
}
const tsharkVersion = /\d+\.\d+\.\d+/.exec(tshark.stdout)?.[0] ?? 'unknown';

function endpoint(address: string, port: string | number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function tupleKey(protocol: string, a: string, b: string): string {
  return a <= b ? `${protocol} ${a} ${b}` : `${protocol} ${b} ${a}`;
}

/** tshark's frames, or the reason why there are none. What it printed before it stopped counts. */
function tsharkFrames(path: string): TsharkFrame[] | string {
  const run = spawnSync('tshark', [...TSHARK, ...FIELDS.flatMap((field) => ['-e', field]), '-r', path], {
    encoding: 'latin1',
    maxBuffer: 1 << 30,
    timeout: 120_000,
  });
  if (run.error !== undefined) return 'tshark did not finish within two minutes';
  const lines = run.stdout.split('\n').filter((line) => line !== '');
  if (lines.length === 0 && run.status !== 0) {
    const said = run.stderr.split('\n').find((line) => line.includes('tshark:'));
    return `tshark reads no frame${/network type|encapsulation/.test(run.stderr) ? ' (link type)' : said === undefined ? '' : ''}`;
  }
  return lines.map((line) => {
    const [, length, protocols = '', ip4a, ip4b, ip6a, ip6b, ta, tb, ua, ub, tcpFlags, captured, off4, off6] =
      line.split('\t');
    // The last network header in the chain of protocols is the innermost; both kinds may be present.
    const chain = protocols.split(':');
    const innermost = Math.max(...['ip', 'ipv6', 'arp'].map((name) => chain.lastIndexOf(name)));
    // Ports that stand before the innermost address are the carrier's: the packet inside has none.
    const hasPorts = ['tcp', 'udp', 'udplite'].some((name) => chain.lastIndexOf(name) > innermost);
    const isV6 =
      ip6a !== undefined && ip6a !== '' && (ip4a === '' || chain.lastIndexOf('ipv6') > chain.lastIndexOf('ip'));
    const source = isV6 ? ip6a : (ip4a ?? '');
    const destination = isV6 ? (ip6b ?? '') : (ip4b ?? '');
    const isTcp = ta !== undefined && ta !== '' && (ua === '' || chain.lastIndexOf('tcp') > chain.lastIndexOf('udp'));
    const p = isTcp ? ta : (ua ?? '');
    const q = isTcp ? (tb ?? '') : (ub ?? '');
    const from = endpoint(source, p);
    return {
      key:
        p === '' || source === '' || !hasPorts
          ? undefined
          : tupleKey(isTcp ? 'tcp' : 'udp', from, endpoint(destination, q)),
      source: from,
      bytes: Number(length),
      flags: Number(tcpFlags) || 0,
      protocols,
      captured: Number(captured),
      isLaterFragment: Number(off4) > 0 || Number(off6) > 0,
    };
  });
}

/** The same frames in our decoder, one by one, and the tuples of the flow table with all timeouts off. */
function ourFrames(bytes: Uint8Array): { frames: OurFrame[]; tuples: Map<string, Tuple>; refused: string | undefined } {
  const frames: OurFrame[] = [];
  const packet = new Packet();
  const fragments = new Fragments();
  const run = runCapture(bytes, {
    flow: { ...NO_TIMEOUTS, maxFlows: 262_144 },
    onBatch: ({ batch }) => {
      for (let i = 0; i < batch.count; i++) {
        const oddities = new OddityCounter();
        const captured = batch.captureLength[i];
        fragments.timeNs = batch.timeNs[i];
        const belongs = decodeFrame(
          batch.bytes,
          batch.view,
          batch.offset[i],
          captured,
          batch.wireLength[i],
          batch.linkType[i],
          packet,
          fragments,
          oddities,
        );
        const isPorts = belongs && (packet.protocol === PROTO.tcp || packet.protocol === PROTO.udp);
        const v6 = packet.isV6 !== 0;
        const source = v6 ? formatIpv6(packet.src0, packet.src1, packet.src2, packet.src3) : formatIpv4(packet.src0);
        const destination = v6
          ? formatIpv6(packet.dst0, packet.dst1, packet.dst2, packet.dst3)
          : formatIpv4(packet.dst0);
        const from = endpoint(source, packet.srcPort);
        frames.push({
          key: isPorts
            ? tupleKey(packet.protocol === PROTO.tcp ? 'tcp' : 'udp', from, endpoint(destination, packet.dstPort))
            : undefined,
          source: from,
          bytes: batch.wireLength[i],
          flags: packet.tcpFlags,
          other: belongs ? undefined : otherFrameKind(packet.other),
          isFirstFragment: packet.isFirstFragment !== 0,
          isLaterFragment: packet.isLaterFragment !== 0,
          isReassembled: packet.bytes !== batch.bytes,
          quoted: quotedKey(packet),
          tunnel: tunnelName(packet.tunnel),
          note: oddities.list()[0]?.name,
        });
      }
    },
  });
  const tuples = new Map<string, Tuple>();
  for (const flow of [...run.flows].sort((a, b) => (a.firstFrame ?? 0) - (b.firstFrame ?? 0))) {
    if (flow.protocol !== 'tcp' && flow.protocol !== 'udp') continue;
    const initiator = endpoint(flow.initiator ?? '', flow.initiatorPort ?? 0);
    const key = tupleKey(flow.protocol, initiator, endpoint(flow.responder ?? '', flow.responderPort ?? 0));
    const tuple = tuples.get(key) ?? { frames: 0, bytes: 0, initiator };
    tuple.frames += (flow.initiatorPackets ?? 0) + (flow.responderPackets ?? 0);
    tuple.bytes += (flow.initiatorBytes ?? 0) + (flow.responderBytes ?? 0);
    tuples.set(key, tuple);
  }
  return { frames, tuples, refused: run.refused };
}

/** The tuple that an ICMP error speaks of. */
function quotedKey(p: Packet): string | undefined {
  if (p.quoted === 0 || (p.quotedProtocol !== PROTO.tcp && p.quotedProtocol !== PROTO.udp)) return undefined;
  const v6 = p.quotedIsV6 !== 0;
  const source = v6 ? formatIpv6(p.quotedSrc0, p.quotedSrc1, p.quotedSrc2, p.quotedSrc3) : formatIpv4(p.quotedSrc0);
  const destination = v6
    ? formatIpv6(p.quotedDst0, p.quotedDst1, p.quotedDst2, p.quotedDst3)
    : formatIpv4(p.quotedDst0);
  return tupleKey(
    p.quotedProtocol === PROTO.tcp ? 'tcp' : 'udp',
    endpoint(source, p.quotedSrcPort),
    endpoint(destination, p.quotedDstPort),
  );
}

/** Frames added up per tuple; the initiator is the sender of the first SYN, the receiver of the first SYN-ACK, else the sender of the first frame. */
function addUp(frames: readonly Frame[]): Map<string, Tuple & { guessed: boolean }> {
  const tuples = new Map<string, Tuple & { guessed: boolean }>();
  for (const { key, source, bytes, flags: bits } of frames) {
    if (key === undefined) continue;
    let tuple = tuples.get(key);
    const syn = key.startsWith('tcp') && (bits & 2) !== 0;
    const starter = syn && (bits & 16) !== 0 ? otherEnd(key, source) : source;
    if (tuple === undefined) {
      tuple = { frames: 0, bytes: 0, initiator: starter, guessed: !syn };
      tuples.set(key, tuple);
    } else if (tuple.guessed && syn) {
      tuple.initiator = starter;
      tuple.guessed = false;
    }
    tuple.frames++;
    tuple.bytes += bytes;
  }
  return tuples;
}

function otherEnd(key: string, end: string): string {
  const [, a = '', b = ''] = key.split(' ');
  return a === end ? b : a;
}

/** What can stand between two networks in tshark's chain of protocols. */
const CARRIERS = [
  'wlan_centrino',
  'mpls',
  'pppoes',
  'ppp',
  'gre',
  'vxlan',
  'geneve',
  'gtp',
  'gtpprime',
  'teredo',
  'l2tp',
  'erspan',
  'capwap',
  'ipcomp',
  'nsh',
  'pbb',
  'ayiya',
  'llc',
  'sflow',
  'macsec',
  'lwapp',
  'vntag',
  'esp',
  'mip6',
  'openflow',
  'pktap',
  'dsa',
  'batadv',
  'mipv6',
  'ipxitp',
  'fabricpath',
  'cmd',
  'trill',
  'tzsp',
  'lisp-data',
  'wlan',
  'udpencap',
  'openvpn',
  'pflog',
  'cfp',
  'pim',
];

/** Why one frame is another to us than to tshark; undefined when no known cause fits. */
function cause(ours: OurFrame | undefined, theirs: TsharkFrame | undefined): string | undefined {
  if (ours === undefined || theirs === undefined) return undefined;
  const chain = theirs.protocols.split(':');
  if (ours.other?.startsWith('link type') === true) return `not read: ${ours.other}`;
  if (ours.isLaterFragment || theirs.isLaterFragment)
    return 'later fragment: joined to the flow of its first here, without ports in tshark';
  if (chain.includes('icmp') || chain.includes('icmpv6')) {
    if (theirs.key !== undefined && theirs.key === ours.quoted)
      return 'ICMP error: tshark shows the packet that it quotes, and it is the one that we say it quotes';
  }
  if (ours.isReassembled)
    return 'tunnel in fragments: looked into here when the last has come, in tshark when the first has';
  if (ours.note === 'tunnel.too-deep') return 'more than 8 tunnels inside of each other: not looked into';
  if (ours.note === 'wlan.aggregate') return 'several 802.11 frames in one: the first here, the last in tshark';
  const carrier = CARRIERS.find((name) => chain.includes(name));
  if (ours.isFirstFragment && carrier !== undefined)
    return 'tunnel in fragments: looked into here when the last has come, in tshark when the first has';
  if (carrier !== undefined && ours.tunnel === '')
    return `tunnel or encapsulation not looked into: ${carrier}${ours.note === undefined ? '' : ` (${ours.note})`}`;
  if (chain.filter((name) => name === 'ip' || name === 'ipv6').length > 1 && ours.tunnel === '')
    return `tunnel or encapsulation not looked into: IP in IP${ours.note === undefined ? '' : ` (${ours.note})`}`;
  if (ours.other !== undefined) return `not read: ${ours.other}`;
  if (ours.note !== undefined && theirs.key !== ours.key) return `damaged packet: ${ours.note}`;
  if (ours.tunnel !== '' && ours.bytes > 65_575) return 'tunnel of more than 64 kB: tshark does not look into it';
  if (theirs.key === undefined) {
    if (ours.key?.includes('[') === true && ours.bytes > 65_575)
      return 'IPv6 of more than 64 kB (payload length 0): tshark shows no ports';
    if (chain.includes('ipv6.dstopts'))
      return 'tshark gives up on a malformed IPv6 option, we go by the length of its header';
    if (theirs.protocols === '') return 'link type says IPv6, the packet is IPv4: we go by the packet';
  }
  return undefined;
}

function compare(file: string, bytes: Uint8Array, path: string): FileResult {
  let theirs = tsharkFrames(path);
  const ours = ourFrames(bytes);
  const none = { file, tuples: 0, frames: 0, equal: 0, causes: new Map<string, number>(), unexplained: [] };
  if (typeof theirs === 'string') return { ...none, unread: theirs };
  if (ours.refused !== undefined) return { ...none, unread: `we refuse it: ${ours.refused}` };
  // tshark numbers pcapng blocks without a packet (custom, journal) as frames; they are left out where they make the difference in number.
  if (theirs.length > ours.frames.length && path.endsWith('ng'))
    theirs = theirs.filter(({ protocols }) => protocols !== 'data');
  const causes = new Map<string, number>();
  const unexplained: string[] = [];
  const touched = new Map<string, boolean>();
  const count = Math.max(theirs.length, ours.frames.length);
  const add = (name: string): void => void causes.set(name, (causes.get(name) ?? 0) + 1);
  for (let i = 0; i < count; i++) {
    const a = ours.frames[i];
    const b = theirs[i];
    if (a?.key === b?.key && a?.bytes === b?.bytes) continue;
    if (a?.key === undefined && b?.key === undefined) continue;
    let why = cause(a, b);
    if (a !== undefined && b !== undefined && a.key === b.key) {
      why =
        b.captured > b.bytes
          ? 'record holds more bytes than the wire length says: the larger counts here'
          : b.bytes > 0x7fffffff
            ? 'wire length above 2 GB is clamped'
            : undefined;
    }
    if (why === undefined)
      unexplained.push(
        `frame ${i + 1}: ${a?.key ?? a?.other ?? '-'} ${a?.bytes} against ${b?.key ?? '-'} ${b?.bytes} (${b?.protocols})`,
      );
    else add(why);
    if (a?.key !== undefined) touched.set(a.key, true);
    if (b?.key !== undefined) touched.set(b.key, true);
  }
  // The flow table against our own frames: it may lose or double nothing, whatever tshark says.
  const own = addUp(ours.frames);
  for (const [key, tuple] of ours.tuples) {
    const sum = own.get(key);
    if (sum?.frames !== tuple.frames || sum.bytes !== tuple.bytes)
      unexplained.push(
        `flow table: ${key} has ${tuple.frames} frames, ${tuple.bytes} bytes, its frames add up to ${sum?.frames}, ${sum?.bytes}`,
      );
  }
  const expected = addUp(theirs);
  let equal = 0;
  for (const [key, tuple] of expected) {
    const found = ours.tuples.get(key);
    if (found?.frames === tuple.frames && found.bytes === tuple.bytes) {
      if (found.initiator === tuple.initiator) equal++;
      else if (tuple.guessed && betterServer(key, tuple.initiator))
        add('beginning not captured: initiator by port, not by first frame');
      else unexplained.push(`initiator of ${key}: ${found.initiator} against ${tuple.initiator}`);
    } else if (!touched.has(key))
      unexplained.push(
        `${key}: ${found?.frames} frames, ${found?.bytes} bytes against ${tuple.frames}, ${tuple.bytes}`,
      );
  }
  for (const key of ours.tuples.keys())
    if (!expected.has(key) && !touched.has(key)) unexplained.push(`${key} is unknown to tshark`);
  return { file, tuples: expected.size, frames: theirs.length, equal, causes, unexplained, unread: undefined };
}

/** True where the port of `first`, the sender of the first frame, is more of a server's than the other. */
function betterServer(key: string, first: string): boolean {
  const protocol = key.startsWith('tcp') ? PROTO.tcp : PROTO.udp;
  const rank = (end: string): number => {
    const port = Number(end.slice(end.lastIndexOf(':') + 1));
    return serviceByPort(protocol, port) !== undefined ? 2 : port < 1024 ? 1 : 0;
  };
  return rank(first) > rank(otherEnd(key, first));
}

const results: FileResult[] = [];
const scratch = mkdtempSync(join(tmpdir(), 'truth-'));
for (const folder of FOLDERS) {
  if (!existsSync(join(data, folder))) {
    console.error(`skipped: ${folder} is not there`);
    continue;
  }
  for (const name of readdirSync(join(data, folder), { recursive: true, encoding: 'utf8' }).sort()) {
    if (!/\.(pcap|pcapng|trace|cap|pcap\.gz)$/.test(name)) continue;
    const file = join(folder, name);
    if (flags.only !== undefined && !file.includes(flags.only)) continue;
    let path = join(data, file);
    let bytes: Uint8Array = readFileSync(path);
    if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
      bytes = gunzipSync(bytes);
      path = join(scratch, 'plain.pcap');
      writeFileSync(path, bytes);
    }
    results.push(compare(file, bytes, path));
  }
}
rmSync(scratch, { recursive: true });
const probe = flags.only === undefined ? compareIpfixprobe(data) : [];
const arkime = ARKIME_FILES.map((file) => {
  const { pairs, differences } = compareArkime(file);
  const reasons = new Map(ARKIME_EXPLAINED.filter(([name]) => name === file).map(([, pair, reason]) => [pair, reason]));
  return {
    file,
    pairs,
    equal: pairs - differences.size,
    reasons: [...differences.keys()].map((pair) => reasons.get(pair)).filter((reason) => reason !== undefined),
    unexplained: [...differences].filter(([pair]) => !reasons.has(pair)).map(([pair, text]) => `${pair}: ${text}`),
  };
});
report();

function counted(reasons: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts].map(([reason, n]) => `${reason} (${n})`).join('; ');
}

function probeTable(): string {
  const rows = probe.map(
    ({ plugin, capture, records, tuples, equal, facts, factsEqual, causes, unexplained }) =>
      `| ${plugin} | ${capture} | ${records} | ${tuples} | ${equal} | ${facts} | ${factsEqual} | ${[...causes].map(([name, n]) => `${name} (${n})`).join('; ')}${unexplained.length > 0 ? ` **unexplained: ${unexplained.length}**` : ''} |`,
  );
  return [
    '| plugin | capture | records | pairs | equal | facts | equal | cause of the others |',
    '| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |',
    ...rows,
  ].join('\n');
}

function arkimeTable(): string {
  const sum = (of: (row: (typeof arkime)[number]) => number): number => arkime.reduce((n, row) => n + of(row), 0);
  const rows = arkime
    .filter(({ pairs, equal }) => equal < pairs)
    .map(
      ({ file, pairs, equal, reasons, unexplained }) =>
        `| ${file}.pcap | ${pairs} | ${equal} | ${counted(reasons)}${unexplained.length > 0 ? ` **unexplained: ${unexplained.length}**` : ''} |`,
    );
  const whole = arkime.filter(({ pairs, equal }) => equal === pairs);
  return [
    '| capture | pairs | equal | cause of the others |',
    '| --- | ---: | ---: | --- |',
    `| ${whole.length} captures all equal | ${whole.reduce((n, { pairs }) => n + pairs, 0)} | ${whole.reduce((n, { pairs }) => n + pairs, 0)} | |`,
    ...rows,
    `| **all** | ${sum(({ pairs }) => pairs)} | ${sum(({ equal }) => equal)} | |`,
  ].join('\n');
}

function report(): void {
  const lines: string[] = [];
  const row = (...cells: (string | number)[]): void => void lines.push(`| ${cells.join(' | ')} |`);
  row('folder', 'captures', 'compared', 'frames', '5-tuples', 'equal', 'captures all equal', 'unexplained');
  row('---', '---:', '---:', '---:', '---:', '---:', '---:', '---:');
  const folders = [...new Set(results.map(({ file }) => file.split('/')[0] ?? ''))];
  const totals = (list: readonly FileResult[]): number[] => {
    const compared = list.filter((r) => r.unread === undefined);
    const sum = (of: (r: FileResult) => number): number => compared.reduce((n, r) => n + of(r), 0);
    return [
      list.length,
      compared.length,
      sum((r) => r.frames),
      sum((r) => r.tuples),
      sum((r) => r.equal),
      compared.filter((r) => r.causes.size === 0 && r.unexplained.length === 0).length,
      sum((r) => r.unexplained.length),
    ];
  };
  for (const folder of folders) row(folder, ...totals(results.filter(({ file }) => file.startsWith(`${folder}/`))));
  row('**all**', ...totals(results));
  const table = lines.join('\n');
  const byCause = new Map<string, { frames: number; files: number }>();
  for (const { causes } of results)
    for (const [name, n] of causes) {
      const entry = byCause.get(name) ?? { frames: 0, files: 0 };
      entry.frames += n;
      entry.files++;
      byCause.set(name, entry);
    }
  const causeTable = [
    '| cause | frames or tuples | captures |',
    '| --- | ---: | ---: |',
    ...[...byCause]
      .sort((a, b) => b[1].files - a[1].files || (a[0] < b[0] ? -1 : 1))
      .map(([name, n]) => `| ${name} | ${n.frames} | ${n.files} |`),
  ].join('\n');
  const differing = results
    .filter((r) => r.causes.size > 0 || r.unexplained.length > 0)
    .map(
      (r) =>
        `| ${r.file} | ${r.equal} of ${r.tuples} | ${[...r.causes].map(([name, n]) => `${name} (${n})`).join('; ')}${r.unexplained.length > 0 ? ` **unexplained: ${r.unexplained.length}**` : ''} |`,
    );
  const unread = results.filter((r) => r.unread !== undefined).map((r) => `| ${r.file} | ${r.unread} |`);
  const sections = [
    table,
    causeTable,
    ['| capture | tuples equal | cause of the others |', '| --- | --- | --- |', ...differing].join('\n'),
    unread.length === 0
      ? 'Every capture was read by both.'
      : ['| capture | why it was not compared |', '| --- | --- |', ...unread].join('\n'),
    probeTable(),
    arkimeTable(),
  ];
  if (flags.markdown) writeFileSync(new URL('../docs/flow-truth.md', import.meta.url), markdown(sections));
  console.log(sections.join('\n\n'));
  const open: { readonly file: string; readonly unexplained: readonly string[] }[] = results.filter(
    (r) => r.unexplained.length > 0,
  );
  for (const { plugin, unexplained } of probe)
    if (unexplained.length > 0) open.push({ file: `ipfixprobe, plugin ${plugin}`, unexplained });
  for (const { file, unexplained } of arkime)
    if (unexplained.length > 0) open.push({ file: `Arkime, ${file}`, unexplained });
  for (const { file, unexplained } of open) {
    console.log(`\nunexplained in ${file}:`);
    for (const line of unexplained.slice(0, 12)) console.log(`  ${line}`);
  }
  console.log(`\ntshark ${tsharkVersion}, Node ${process.version}`);
  process.exitCode = open.length > 0 ? 1 : 0;
}

function markdown([
  summary = '',
  causes = '',
  differing = '',
  unread = '',
  probed = '',
  sessions = '',
]: readonly string[]): string {
  return `# Flow truth

How far the flow table agrees with tshark, ipfixprobe and Arkime on real captures that nobody here made. Written by \`node bench/truth.ts --markdown\` with tshark ${tsharkVersion}; do not edit.

A 5-tuple is equal when its frames, its bytes (\`frame.len\`) and its initiator are. The initiator in tshark's frames is the sender of the first SYN, the receiver of
the first SYN-ACK, else the sender of the first frame. Timeouts are off, and tshark runs without reassembly, so that every frame counts where it was sent.

${summary}

## ipfixprobe

What the functional tests of ipfixprobe expect of its captures, in packets and IP bytes of each side, added up per pair of endpoints; and what its plugins read:
server names, JA3 and JA4, HTTP hosts, requests, status and software, DNS questions and answers, VLANs.

${probed}

## Arkime

What Arkime's own tests expect of its captures: packets, bytes, initiator and Community ID of both sides, added up per pair of endpoints; also a test (\`test/flow-truth.test.ts\`).

${sessions}

## Why tuples differ

Every differing frame has one of these causes; the run fails when one has none. Inside a tunnel the innermost packets are compared.

${causes}

## Captures with a difference

${differing}

## Not compared

${unread}
`;
}
