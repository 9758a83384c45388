import { counted, humanBytes, humanCount, humanDuration, numberAt, type Table, textAt } from '../core/index.ts';
import { bindFlows, type FlowBatch } from '../flow/index.ts';
import { Cap, HeavyMap, saturationsOf, TimeSpan } from './bounded.ts';
import type { Detection, Detector, DetectorInfo, NetworkContext, Reason } from './detection.ts';
import { EvidencePool } from './evidence-pool.ts';
import { classesOf } from './told.ts';

/**
 * Data carried in echo requests and replies (ping): ptunnel, icmptx, hans, icmpsh and their like. Networks that stop everything else often let ping out.
 *
 * An echo reply returns the data of its request as it was (RFC 792, RFC 4443 section 4.2), and a ping program sends data of one length. So of all that two hosts exchanged by
 * echo, whatever the content:
 *
 *   score = volume x (0.35 varied + 0.35 unlike + 0.3 other)
 *   volume  0.5 at `minBytes` of data, 1 at a hundred times as much
 *   varied  share of the packets in flows whose bytes are no multiple of their number: packets of one length can't make that
 *   unlike  how much the mean length of the replies differs from that of the requests, over 10 %
 *   other   1 where the first reply does not begin with the bytes of the first request, or replies outnumber requests by a tenth
 *
 * Where only one direction was seen, only `varied` can speak, for 0.6 of the shape.
 *
 * Innocent twins: ping with any length (-s 1400), a monitor that pings every second, floods of pings: one length, and it comes back. A search for the path MTU varies lengths, over few packets that come
 * back as they were. Some servers cut long requests short: replies are shorter than requests, but all alike, which alone is not enough.
 *
 * What fools it: a tunnel that pads to one length in both directions and returns what it was sent; less than `minBytes`, as an idle shell sends. Sources without payload sizes (NetFlow) show nothing.
 *
 * Cost: one read per row that is not ICMP. Bounds: pairs (`maxPairs`; those with fewest bytes make room).
 */
export const icmpTunnelInfo: DetectorInfo = {
  id: 'icmp-tunnel',
  kinds: ['icmp-tunnel.echo'],
  needs: [
    'initiator',
    'responder',
    'protocol',
    'icmpType',
    'initiatorPackets',
    'initiatorPayloadBytes',
    'responderPayloadBytes',
  ],
  sees: 'Two hosts whose echo requests and replies (ping) carry data: lengths vary, and replies are not what was sent.',
  fooledBy: 'Data padded to one length in both directions; very little data; flow sources without payload sizes.',
  cost: 'One read per row of other protocols; a look-up per row of ICMP echo.',
  source: 'RFC 792 and RFC 4443 (an echo reply returns the data of the request)',
};

export interface IcmpTunnelOptions {
  /** Detection score from which a pair is reported. */
  readonly minScore: number;
  /** Echo packets of both directions at least. */
  readonly minPackets: number;
  /** Data in them at least, bytes. */
  readonly minBytes: number;
  /** Pairs of hosts. */
  readonly maxPairs: number;
  /** Evidence flows in all. */
  readonly maxEvidence: number;
}

export const DEFAULT_ICMP_TUNNEL_OPTIONS: IcmpTunnelOptions = {
  minScore: 0.5,
  minPackets: 40,
  minBytes: 4096,
  maxPairs: 10_000,
  maxEvidence: 2000,
};

const EVIDENCE_PER_PAIR = 10;
/** Difference of the mean lengths that counts in full. */
const FULL_UNLIKE = 0.1;
/** Replies per request above which somebody speaks without being asked. */
const SURPLUS = 1.1;
const ONE_WAY_SHAPE = 0.6;
/** Share of the replies that may be missing where the first ones are compared. */
const LOSS = 0.01;

/** What two hosts exchanged by echo; the client is the one that sent requests. */
class Exchange {
  weight = 0;
  readonly client: string;
  readonly server: string;
  readonly protocol: string;
  readonly evidence: number;
  requests = 0;
  replies = 0;
  requestBytes = 0;
  replyBytes = 0;
  /** Packets in flows whose lengths vary. */
  varied = 0;
  /** Flows whose first reply is not the first request, of those that show both. */
  unequal = 0;
  compared = 0;
  flows = 0;
  readonly span = new TimeSpan();

  constructor(client: string, server: string, protocol: string, evidence: number) {
    this.client = client;
    this.server = server;
    this.protocol = protocol;
    this.evidence = evidence;
  }
}

export function createIcmpTunnelDetector(context: NetworkContext, options: Partial<IcmpTunnelOptions> = {}): Detector {
  const { minScore, minPackets, minBytes, maxPairs, maxEvidence } = { ...DEFAULT_ICMP_TUNNEL_OPTIONS, ...options };
  const pairCap = new Cap('pairs of hosts that ping', maxPairs);
  const pool = new EvidencePool(maxEvidence);
  const exchanges = new HeavyMap<Exchange>(pairCap, ({ evidence }) => pool.release(evidence));

  function observe(flows: Table): void {
    const batch = bindFlows(flows);
    const types = batch.icmpType.values;
    const isIcmp = classesOf(batch.protocol, (name) => name === 'icmp' || name === 'icmpv6');
    const protocols = batch.protocol.codes;
    for (let row = 0; row < batch.rowCount; row++) {
      if (isIcmp[(protocols[row] as number) + 1] === 0) continue;
      const type = types[row];
      if (type === 8 || type === 128) take(batch, row, true);
      else if ((type === 0 || type === 129) && numberAt(batch.icmpType, row) !== undefined) take(batch, row, false);
    }
  }

  /** @param isAsked whether the flow began with a request; else with a reply, whose request was not seen. */
  function take(batch: FlowBatch, row: number, isAsked: boolean): void {
    const initiator = textAt(batch.initiator, row);
    const responder = textAt(batch.responder, row);
    const protocol = textAt(batch.protocol, row);
    const sentBytes = numberAt(batch.initiatorPayloadBytes, row);
    const sent = numberAt(batch.initiatorPackets, row) ?? 0;
    if (initiator === undefined || responder === undefined || protocol === undefined || sentBytes === undefined) return;
    const returned = numberAt(batch.responderPackets, row) ?? 0;
    const returnedBytes = numberAt(batch.responderPayloadBytes, row) ?? 0;
    const [client, server] = isAsked ? [initiator, responder] : [responder, initiator];
    const exchange = exchanges.obtain(
      `${client} ${server}`,
      () => new Exchange(client, server, protocol, pool.collector(EVIDENCE_PER_PAIR)),
    );
    const [requests, replies] = isAsked ? [sent, returned] : [returned, sent];
    const [requestBytes, replyBytes] = isAsked ? [sentBytes, returnedBytes] : [returnedBytes, sentBytes];
    exchange.requests += requests;
    exchange.replies += replies;
    exchange.requestBytes += requestBytes;
    exchange.replyBytes += replyBytes;
    exchange.weight += requestBytes + replyBytes;
    if (isVaried(requestBytes, requests) || isVaried(replyBytes, replies)) exchange.varied += requests + replies;
    const asked = textAt(batch.initiatorFirstBytes, row);
    const answered = textAt(batch.responderFirstBytes, row);
    // Where more replies are missing the first one may be.
    if (asked !== undefined && answered !== undefined && Math.abs(requests - replies) <= 1 + LOSS * requests) {
      exchange.compared++;
      if (asked !== answered) exchange.unequal++;
    }
    exchange.flows++;
    exchange.span.add(numberAt(batch.startMs, row), numberAt(batch.endMs, row));
    pool.offer(exchange.evidence, batch.table, row, -(sentBytes + returnedBytes));
  }

  function finish(): Detection[] {
    const found: Detection[] = [];
    for (const [, exchange] of exchanges.sortedEntries()) {
      const { requests, replies, requestBytes, replyBytes, client, server, span } = exchange;
      const bytes = requestBytes + replyBytes;
      if (requests + replies < minPackets || bytes < minBytes || !span.known) continue;
      const judged = judge(exchange, minBytes);
      if (judged.score < minScore) continue;
      found.push({
        kind: 'icmp-tunnel.echo',
        detector: icmpTunnelInfo.id,
        actor: client,
        peers: [server],
        peerCount: 1,
        protocol: exchange.protocol,
        firstMs: span.firstMs,
        lastMs: span.lastMs,
        score: judged.score,
        reasons: reasonsOf(exchange, judged, minBytes, context.isHome(client)),
        flows: pool.flows(exchange.evidence),
        flowCount: exchange.flows,
      });
    }
    return found.sort(
      (a, b) => b.score - a.score || compareText(a.actor, b.actor) || compareText(a.peers[0] ?? '', b.peers[0] ?? ''),
    );
  }

  return {
    id: icmpTunnelInfo.id,
    observe,
    finish,
    saturations: () => saturationsOf(icmpTunnelInfo.id, [pairCap, pool.cap]),
  };
}

interface Judged {
  readonly score: number;
  readonly volume: number;
  readonly varied: number;
  readonly unlike: number;
  readonly other: number;
  readonly isOneWay: boolean;
}

/** Packets of one length make a multiple of their number. */
function isVaried(bytes: number, packets: number): boolean {
  return packets > 1 && bytes % packets !== 0;
}

function judge(exchange: Exchange, minBytes: number): Judged {
  const { requests, replies, requestBytes, replyBytes, unequal, compared } = exchange;
  const volume = 0.5 + 0.5 * Math.min(1, Math.log10((requestBytes + replyBytes) / minBytes) / 2);
  const varied = exchange.varied / (requests + replies);
  const isOneWay = requests === 0 || replies === 0;
  if (isOneWay) return { score: volume * ONE_WAY_SHAPE * varied, volume, varied, unlike: 0, other: 0, isOneWay };
  const asked = requestBytes / requests;
  const answered = replyBytes / replies;
  const unlike = Math.min(1, Math.abs(asked - answered) / Math.max(asked, answered) / FULL_UNLIKE);
  const other = 2 * unequal > compared || replies > SURPLUS * requests ? 1 : 0;
  return { score: volume * (0.35 * varied + 0.35 * unlike + 0.3 * other), volume, varied, unlike, other, isOneWay };
}

function reasonsOf(exchange: Exchange, judged: Judged, minBytes: number, isHome: boolean): Reason[] {
  const { requests, replies, requestBytes, replyBytes, span } = exchange;
  const { volume, varied, unlike, other, isOneWay } = judged;
  const percent = (share: number): string => `${Math.round(100 * share)} %`;
  const seconds = span.lengthMs / 1000;
  const mean = (bytes: number, packets: number): string => humanBytes(packets === 0 ? 0 : bytes / packets);
  return [
    {
      name: 'icmp-tunnel.bytes',
      value: requestBytes + replyBytes,
      unit: 'bytes',
      threshold: minBytes,
      sentence: `Echo requests and replies carried ${humanBytes(requestBytes)} there and ${humanBytes(replyBytes)} back.`,
    },
    {
      name: 'icmp-tunnel.packets',
      value: requests + replies,
      unit: 'packets',
      sentence: `${counted(requests, 'request')} and ${counted(replies, 'reply', 'replies')} within ${humanDuration(span.lengthMs)}${seconds > 0 ? `, ${humanCount((requests + replies) / seconds)} a second` : ''}.`,
    },
    {
      name: 'icmp-tunnel.varied',
      value: Number(varied.toFixed(3)),
      unit: 'ratio 0..1',
      contribution: volume * (isOneWay ? ONE_WAY_SHAPE : 0.35) * varied,
      sentence: `${percent(varied)} of them are in flows with data of different lengths; ping sends one length.`,
    },
    ...(isOneWay
      ? [
          {
            name: 'icmp-tunnel.one-way',
            value: 1,
            unit: '',
            sentence: 'Only one direction was seen, so that replies can not be compared with requests.',
          },
        ]
      : [
          {
            name: 'icmp-tunnel.unlike',
            value: Number(unlike.toFixed(3)),
            unit: 'ratio 0..1',
            contribution: volume * 0.35 * unlike,
            sentence: `A request carried ${mean(requestBytes, requests)} on average, a reply ${mean(replyBytes, replies)}; a reply should return what was sent.`,
          },
          {
            name: 'icmp-tunnel.other',
            value: other,
            unit: '0 or 1',
            contribution: volume * 0.3 * other,
            sentence:
              other === 0
                ? 'Replies are not more than requests, and begin with the bytes that were sent.'
                : 'Replies begin with other bytes than the requests, or there are more of them.',
          },
        ]),
    {
      name: 'icmp-tunnel.scope',
      value: isHome ? 'inside' : 'outside',
      unit: '',
      sentence: `Who sent the requests is ${isHome ? 'inside' : 'outside'} the home network.`,
    },
  ];
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
