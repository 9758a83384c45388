import { readdirSync, readFileSync } from 'node:fs';
import type { FlowRecord } from '../../src/flow/index.ts';
import { protocolName } from '../../src/wire/index.ts';
import { NO_TIMEOUTS, runCapture } from './capture.ts';

/**
 * Flows against the sessions that Arkime's own tests expect of the same captures. Both sides are added up per pair of endpoints first (addresses alone where the
 * protocol has no ports), because Arkime cuts and joins sessions by other rules. Arkime's `bytes` are those of the captured frames, without record headers.
 * Frames without IP are not compared.
 */
const FOLDER = new URL('../fixture/arkime/', import.meta.url);

/** Differences that are understood, one line each: capture, pair of endpoints, reason. One that no longer occurs fails the test, as does one that is not here. */
export const ARKIME_EXPLAINED: readonly (readonly [file: string, pair: string, reason: string])[] = [
  ['ah-esp', 'ah 10.0.0.1 10.0.0.2', 'Arkime hashes two zero ports into the Community ID of a protocol that has none'],
  ...['224.0.0.1', '239.1.1.1', '239.2.2.2', '239.3.3.3', '239.5.1.1', '239.6.2.2', '239.7.3.3'].map(
    (group) => ['igmp', `igmp 20.0.1.1 ${group}`, 'Arkime joins all IGMP of the capture into one session'] as const,
  ),
  ['igmp', 'igmp 20.0.1.100 224.0.0.22', 'Arkime joins all IGMP of the capture into one session'],
  [
    'single-packets',
    'tcp 192.168.25.150|49749 68.178.213.61|80',
    'one packet of an ended connection: we take port 80 for the server, Arkime the sender for the initiator',
  ],
  [
    'socks5-http-302-frag',
    'tcp 10.0.0.1|1637 10.0.0.2|21477',
    'every fragment counts here; Arkime counts the packets that they make up',
  ],
  [
    'v6',
    'icmpv6 3ffe:501:4819::42 3ffe:507:0:1:200:86ff:fe05:80da',
    'a one-way ICMP message: the specification keeps its order, Arkime sorts the addresses',
  ],
  ...['udp 0.0.0.0|68 255.255.255.255|67', 'udp 192.168.0.10|68 192.168.0.1|67'].map(
    (pair) => ['wireshark-dhcp', pair, 'Arkime joins DHCP by transaction'] as const,
  ),
  ...[
    'udp fe80::a00:27ff:fed4:10bb|547 fe80::a00:27ff:fefe:8f95|546',
    'udp fe80::a00:27ff:fefe:8f95|546 ff02::1:2|547',
  ].map((pair) => ['wireshark-dhcpv6', pair, 'Arkime joins DHCPv6 by transaction'] as const),
];

interface Side {
  packets: number;
  bytes: number;
}

interface Conversation {
  /** By endpoint, in text order. */
  readonly sides: Map<string, Side>;
  initiator: string;
  readonly communityIds: Set<string>;
}

interface End {
  readonly ip: string;
  readonly port?: number;
  readonly packets: number;
  readonly bytes: number;
}

interface Session {
  readonly body: {
    readonly source: End;
    readonly destination: End;
    readonly ipProtocol: number;
    readonly firstPacket: number;
    readonly network: { readonly community_id?: string };
  };
}

const WITH_PORTS = new Set(['tcp', 'udp', 'sctp']);

function add(
  into: Map<string, Conversation>,
  protocol: string,
  from: End,
  to: End,
  communityId: string | undefined,
): void {
  const name = (end: End): string => (WITH_PORTS.has(protocol) ? `${end.ip}|${end.port ?? '-'}` : end.ip);
  const [a, b] = [name(from), name(to)];
  const key = `${protocol} ${[a, b].sort().join(' ')}`;
  const known = into.get(key) ?? { sides: new Map<string, Side>(), initiator: a, communityIds: new Set<string>() };
  into.set(key, known);
  for (const [endpoint, end] of [
    [a, from],
    [b, to],
  ] as const) {
    const side = known.sides.get(endpoint) ?? { packets: 0, bytes: 0 };
    side.packets += end.packets;
    side.bytes += end.bytes;
    known.sides.set(endpoint, side);
  }
  if (communityId !== undefined) known.communityIds.add(communityId);
}

function expected(file: string): Map<string, Conversation> {
  const { sessions3 } = JSON.parse(readFileSync(new URL(`${file}.test`, FOLDER), 'utf8')) as { sessions3: Session[] };
  const found = new Map<string, Conversation>();
  for (const { body } of [...sessions3].sort((a, b) => a.body.firstPacket - b.body.firstPacket)) {
    if (body.ipProtocol === 0) continue;
    add(found, protocolName(body.ipProtocol), body.source, body.destination, body.network.community_id);
  }
  return found;
}

function ours(flows: readonly FlowRecord[]): Map<string, Conversation> {
  const found = new Map<string, Conversation>();
  for (const flow of [...flows].sort((a, b) => (a.firstFrame ?? 0) - (b.firstFrame ?? 0))) {
    if (flow.protocol === 'arp') continue;
    const end = (ip?: string, port?: number, packets?: number, bytes?: number): End => ({
      ip: ip ?? '',
      ...(port === undefined ? {} : { port }),
      packets: packets ?? 0,
      bytes: bytes ?? 0,
    });
    add(
      found,
      flow.protocol ?? '',
      end(flow.initiator, flow.initiatorPort, flow.initiatorPackets, flow.initiatorBytes),
      end(flow.responder, flow.responderPort, flow.responderPackets, flow.responderBytes),
      flow.communityId,
    );
  }
  return found;
}

/** The IDs to compare: all, or for ICMP those that Arkime has too, which writes one session, and one ID, where we have a flow for each kind of message. */
function describeConversation({ sides, initiator, communityIds }: Conversation, ids: ReadonlySet<string>): string {
  const parts = [...sides].sort(([a], [b]) => (a < b ? -1 : 1));
  const text = parts.map(
    ([end, { packets, bytes }]) => `${end}${end === initiator ? ' (initiator)' : ''} ${packets}/${bytes}`,
  );
  return `${text.join(', ')} ${[...communityIds]
    .filter((id) => ids.has(id))
    .sort()
    .join(' ')}`.trimEnd();
}

/** Pairs of endpoints that either has in one capture, and those on which the two disagree, with both views. */
export function compareArkime(file: string): {
  readonly pairs: number;
  readonly differences: ReadonlyMap<string, string>;
} {
  const run = runCapture(readFileSync(new URL(`${file}.pcap`, FOLDER)), { flow: NO_TIMEOUTS });
  if (run.refused !== undefined) throw new Error(`${file}: ${run.refused}`);
  const theirs = expected(file);
  const mine = ours(run.flows);
  const found = new Map<string, string>();
  const pairs = new Set([...theirs.keys(), ...mine.keys()]);
  for (const key of pairs) {
    const a = mine.get(key);
    const b = theirs.get(key);
    const theirIds = b?.communityIds ?? new Set<string>();
    const allIds =
      key.startsWith('icmp') || theirIds.size === 0 ? theirIds : new Set([...theirIds, ...(a?.communityIds ?? [])]);
    const left = a === undefined ? 'no flow' : describeConversation(a, allIds);
    const right = b === undefined ? 'no session' : describeConversation(b, allIds);
    if (left !== right) found.set(key, `${left} here, ${right} in Arkime`);
  }
  return { pairs: pairs.size, differences: found };
}

/** The captures, without their ending. */
export const ARKIME_FILES = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.pcap'))
  .map((name) => name.slice(0, -5))
  .sort();
