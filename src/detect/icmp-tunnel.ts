import {
  counted,
  humanBytes,
  humanCount,
  humanDuration,
  NO_ROW,
  numberAt,
  type Table,
  textAt,
  widened,
} from '../core/index.ts';
import { bindFlows, type FlowBatch } from '../flow/index.ts';
import { Cap, saturationsOf, TimeSpan } from './bounded/bounded.ts';
import { type HeavyColumns, HeavyRows, type KeyText } from './bounded/heavy-rows.ts';
import { AddressBits } from './bounded/text-number.ts';
import type { Detection, Detector, DetectorInfo, NetworkContext, Reason } from './detection.ts';
import { EvidencePool } from './evidence/pool.ts';
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
interface Exchange {
  readonly client: string;
  readonly server: string;
  readonly protocol: string;
  readonly requests: number;
  readonly replies: number;
  readonly requestBytes: number;
  readonly replyBytes: number;
  /** Packets in flows whose lengths vary. */
  readonly varied: number;
  /** Flows whose first reply is not the first request, of those that show both. */
  readonly unequal: number;
  readonly compared: number;
  readonly flows: number;
  readonly span: TimeSpan;
}

const PROTOCOLS = ['icmp', 'icmpv6'] as const;

/** Exchanges in columns, of which those with fewest bytes make room. */
class Exchanges implements HeavyColumns {
  readonly rows: HeavyRows;
  readonly #pool: EvidencePool;
  /** Index into `PROTOCOLS`. */
  #protocol = new Uint8Array(0);
  #evidence = new Int32Array(0);
  #requests = new Float64Array(0);
  #replies = new Float64Array(0);
  #requestBytes = new Float64Array(0);
  #replyBytes = new Float64Array(0);
  #varied = new Float64Array(0);
  #unequal = new Int32Array(0);
  #compared = new Int32Array(0);
  #flows = new Int32Array(0);
  #firstMs = new Float64Array(0);
  #lastMs = new Float64Array(0);

  constructor(cap: Cap, pool: EvidencePool) {
    this.rows = new HeavyRows(cap, this);
    this.#pool = pool;
  }

  /** `NO_ROW` where it is refused. */
  obtain(client: KeyText, server: KeyText, protocol: string): number {
    const known = this.rows.find(client.text, client.bits, server);
    if (known !== NO_ROW) return known;
    const row = this.rows.add(client.text, client.bits, server);
    if (row === NO_ROW) return NO_ROW;
    if (this.rows.capacity > this.#flows.length) this.#widen(this.rows.capacity);
    this.#protocol[row] = protocol === PROTOCOLS[0] ? 0 : 1;
    this.#evidence[row] = this.#pool.collector(EVIDENCE_PER_PAIR);
    for (const column of [this.#requests, this.#replies, this.#requestBytes, this.#replyBytes, this.#varied])
      column[row] = 0;
    for (const column of [this.#unequal, this.#compared, this.#flows]) column[row] = 0;
    this.#firstMs[row] = Number.POSITIVE_INFINITY;
    this.#lastMs[row] = Number.NEGATIVE_INFINITY;
    return row;
  }

  /** One flow, its packets and bytes. */
  saw(row: number, requests: number, replies: number, requestBytes: number, replyBytes: number): void {
    raise(this.#requests, row, requests);
    raise(this.#replies, row, replies);
    raise(this.#requestBytes, row, requestBytes);
    raise(this.#replyBytes, row, replyBytes);
    if (isVaried(requestBytes, requests) || isVaried(replyBytes, replies)) raise(this.#varied, row, requests + replies);
    raise(this.#flows, row, 1);
  }

  /** The first bytes of both directions of a flow are known. */
  compare(row: number, isEqual: boolean): void {
    raise(this.#compared, row, 1);
    if (!isEqual) raise(this.#unequal, row, 1);
  }

  last(row: number, startMs: number | undefined, endMs: number | undefined): void {
    for (const ms of [startMs, endMs ?? startMs]) {
      if (ms === undefined || !Number.isFinite(ms)) continue;
      if (ms < (this.#firstMs[row] as number)) this.#firstMs[row] = ms;
      if (ms > (this.#lastMs[row] as number)) this.#lastMs[row] = ms;
    }
  }

  /** Number of its collector. */
  evidenceOf(row: number): number {
    return this.#evidence[row] as number;
  }

  /** Bytes of data. */
  weightOf(row: number): number {
    return (this.#requestBytes[row] as number) + (this.#replyBytes[row] as number);
  }

  release(row: number): void {
    this.#pool.release(this.evidenceOf(row));
  }

  exchange(row: number): Exchange {
    const span = new TimeSpan();
    span.add(this.#firstMs[row], this.#lastMs[row]);
    return {
      client: this.rows.text(row),
      server: this.rows.otherText(row),
      protocol: PROTOCOLS[this.#protocol[row] as 0 | 1],
      requests: this.#requests[row] as number,
      replies: this.#replies[row] as number,
      requestBytes: this.#requestBytes[row] as number,
      replyBytes: this.#replyBytes[row] as number,
      varied: this.#varied[row] as number,
      unequal: this.#unequal[row] as number,
      compared: this.#compared[row] as number,
      flows: this.#flows[row] as number,
      span,
    };
  }

  #widen(n: number): void {
    this.#protocol = widened(this.#protocol, n);
    this.#evidence = widened(this.#evidence, n);
    this.#requests = widened(this.#requests, n);
    this.#replies = widened(this.#replies, n);
    this.#requestBytes = widened(this.#requestBytes, n);
    this.#replyBytes = widened(this.#replyBytes, n);
    this.#varied = widened(this.#varied, n);
    this.#unequal = widened(this.#unequal, n);
    this.#compared = widened(this.#compared, n);
    this.#flows = widened(this.#flows, n);
    this.#firstMs = widened(this.#firstMs, n);
    this.#lastMs = widened(this.#lastMs, n);
  }
}

function raise(column: Int32Array | Float64Array, row: number, by: number): void {
  column[row] = (column[row] as number) + by;
}

export function createIcmpTunnelDetector(context: NetworkContext, options: Partial<IcmpTunnelOptions> = {}): Detector {
  const { minScore, minPackets, minBytes, maxPairs, maxEvidence } = { ...DEFAULT_ICMP_TUNNEL_OPTIONS, ...options };
  const pairCap = new Cap('pairs of hosts that ping', maxPairs);
  const pool = new EvidencePool(maxEvidence);
  const exchanges = new Exchanges(pairCap, pool);

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
    const sides = [
      { text: initiator, bits: AddressBits.of(batch.initiator).at(row) },
      { text: responder, bits: AddressBits.of(batch.responder).at(row) },
    ] as const;
    const [client, server] = isAsked ? sides : [sides[1], sides[0]];
    const exchange = exchanges.obtain(client, server, protocol);
    if (exchange === NO_ROW) return;
    const [requests, replies] = isAsked ? [sent, returned] : [returned, sent];
    if (isAsked) exchanges.saw(exchange, sent, returned, sentBytes, returnedBytes);
    else exchanges.saw(exchange, returned, sent, returnedBytes, sentBytes);
    const asked = textAt(batch.initiatorFirstBytes, row);
    const answered = textAt(batch.responderFirstBytes, row);
    // Where more replies are missing the first one may be.
    if (asked !== undefined && answered !== undefined && Math.abs(requests - replies) <= 1 + LOSS * requests)
      exchanges.compare(exchange, asked === answered);
    exchanges.last(exchange, numberAt(batch.startMs, row), numberAt(batch.endMs, row));
    pool.offer(exchanges.evidenceOf(exchange), batch.table, row, -(sentBytes + returnedBytes));
  }

  function finish(): Detection[] {
    const found: Detection[] = [];
    for (const row of exchanges.rows.rows()) {
      const exchange = exchanges.exchange(row);
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
        flows: pool.flows(exchanges.evidenceOf(row)),
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
