import { counted, humanBytes, humanDuration, numberAt, type Table, textAt } from '../core/index.ts';
import { bindFlows, type FlowBatch } from '../flow/index.ts';
import { ritaThreatScore, type ThreatThresholds } from './beacon.ts';
import { Cap, type EvidenceCollector, EvidencePool, HeavyMap, saturationsOf, TimeSpan } from './bounded.ts';
import { ConversationJudge } from './conversation.ts';
import type { Detection, Detector, DetectorInfo, NetworkContext, Reason } from './detection.ts';

/**
 * A connection that stays open for hours: an implant that keeps its line to the operator (reverse shell, remote access tool, tunnel, VPN), where
 * a beacon would call again and again.
 *
 * What is measured, per initiator, responder, port and protocol: for how long at least one connection was open that lasted ten minutes or more.
 * That is the union of their times and not the sum, so eight connections side by side for an hour are one hour; RITA sums (eight hours), and the
 * sum is given beside it. The rows of one connection are joined first: those that the active timeout cut (`continued`), and TCP that was
 * written after a silence and went on with keep-alives, told by the same ports and a beginning that was not seen, up to the two hours after
 * which TCP keep-alives are sent (RFC 1122 section 4.2.3.6). The silence between joined rows counts as open.
 *
 * To be open is more than to have packets far apart. A connection counts when both sides sent two packets or more, or one sent four where the other is not seen at all, and payload went at least one way,
 * or when plain ACKs went both ways, as keep-alives do; so neither a half-open attempt that is repeated for hours nor stray SYN-ACKs and RSTs (the
 * backscatter of a flood elsewhere) is a connection. A row with a silence in it that is longer than the interval of keep-alives, or whose packets came back
 * in time, was joined across a jump of the clock and says nothing about time.
 *
 * Score: RITA's buckets (Active Countermeasures, `analysis/analysis.go`): 0.2 at 1 h, 0.4 at 4 h, 0.6 at 8 h, 0.8 at 12 h and above, straight
 * lines between. From inside to inside half of it, because file shares, databases and remote desktops stay open all day there.
 *
 * Innocent, and left alone: many short connections over the day, however long they are together; multicast, broadcast, ARP, ICMP, and the
 * network's own protocols (see `ConversationJudge`). Innocent, and found: push services, VPN clients, video calls, remote work.
 * What fools it: a tunnel that reconnects every few minutes (it becomes a beacon), spreads over many addresses or ports, or is older and goes on
 * longer than the capture: nothing shorter than an hour can be found, so a short capture holds no long connection.
 *
 * Cost: one look at every row; only rows that lasted a minute, were cut, or fell silent are kept, 100 bytes each. Bounds: pairs and rows
 * in all (at the cap the shorter half of the pairs is dropped and counted, so short ones can't push out long ones), and rows per pair.
 */
export const longConnectionInfo: DetectorInfo = {
  id: 'long-connection',
  kinds: ['long-connection.open'],
  sees: 'A connection between two hosts that stays open for an hour or more.',
  fooledBy:
    'Reconnecting every few minutes, spreading over many addresses, captures shorter than the connection. Push services, VPNs and remote work look the same and are found too.',
  cost: 'One look per flow; 100 bytes per row that lasted a minute or more.',
  source: 'RITA 5 long connections (Active Countermeasures, analysis/analysis.go)',
};

/** RITA's shipped thresholds, in seconds. */
export const LONG_CONNECTION_THREAT: ThreatThresholds = { base: 3600, low: 14_400, medium: 28_800, high: 43_200 };

export interface LongConnectionOptions {
  /** Weaker findings are not reported. */
  readonly minScore: number;
  readonly maxPairs: number;
  readonly maxRowsPerPair: number;
  /** Rows kept in all; beyond it the shorter half of the pairs is dropped. */
  readonly maxRows: number;
  /** Evidence flows in all. */
  readonly maxEvidence: number;
}

export const DEFAULT_LONG_CONNECTION_OPTIONS: LongConnectionOptions = {
  minScore: 0.2,
  maxPairs: 16_384,
  maxRowsPerPair: 4096,
  maxRows: 65_536,
  maxEvidence: 10_000,
};

/** Only connections that lasted this long count. */
const LASTING_MS = 600_000;
/** Rows that lasted less are not kept, unless they may be part of a longer connection. */
const KEPT_MS = 60_000;
/** A silence that joined rows may have between them: a cut by the active timeout is no silence, so the longest idle timeout is enough for it. */
const CUT_GAP_MS = 300_000;
const KEEP_ALIVE_GAP_MS = 7_500_000;
/** Packets of a connection at least: two of each side, or as many of one where the capture shows one direction only. */
const ENOUGH = 4;
const EVIDENCE_PER_PAIR = 10;
const INSIDE_FACTOR = 0.5;

interface Row {
  readonly startMs: number;
  readonly endMs: number;
  readonly initiatorPort: number;
  /** How long the silence before it may have been for it to go on from an earlier row; 0 where it is a beginning. */
  readonly joinMs: number;
  /** Packets from each side, at most `ENOUGH`, which is also taken where it is not known. */
  readonly sent: number;
  readonly returned: number;
  /** Payload either way, or plain ACKs both ways. */
  readonly used: boolean;
}

interface Pair {
  readonly initiator: string;
  readonly responder: string;
  readonly port: number | undefined;
  readonly protocol: string;
  readonly rows: Row[];
  readonly evidence: EvidenceCollector;
  readonly span: TimeSpan;
  /** The smallest name of a service seen, so that it does not depend on order. */
  service: string | undefined;
  initiatorBytes: number;
  responderBytes: number;
  /** Sum of the durations, ms. */
  weight: number;
}

export function createLongConnectionDetector(
  context: NetworkContext,
  options: Partial<LongConnectionOptions> = {},
): Detector {
  return new LongConnectionDetector(context, options);
}

class LongConnectionDetector implements Detector {
  readonly id = longConnectionInfo.id;
  #context: NetworkContext;
  #minScore: number;
  #pairCap: Cap;
  #rowCap: Cap;
  #perPairCap: Cap;
  #pool: EvidencePool;
  #pairs: HeavyMap<Pair>;
  #rows = 0;

  constructor(context: NetworkContext, options: Partial<LongConnectionOptions>) {
    const { minScore, maxPairs, maxRowsPerPair, maxRows, maxEvidence } = {
      ...DEFAULT_LONG_CONNECTION_OPTIONS,
      ...options,
    };
    this.#minScore = minScore;
    this.#context = context;
    this.#pairCap = new Cap('pairs of hosts with lasting connections', maxPairs);
    this.#rowCap = new Cap('lasting flows in all', maxRows);
    this.#perPairCap = new Cap('lasting flows of one pair', maxRowsPerPair);
    this.#pool = new EvidencePool(maxEvidence);
    this.#pairs = new HeavyMap(this.#pairCap, (pair) => {
      this.#rows -= pair.rows.length;
      pair.evidence.release();
    });
  }

  observe(flows: Table): void {
    const batch = bindFlows(flows);
    const judge = new ConversationJudge(batch);
    for (let row = 0; row < batch.rowCount; row++) {
      const startMs = numberAt(batch.startMs, row);
      const durationMs = numberAt(batch.durationMs, row);
      const endMs = numberAt(batch.endMs, row) ?? (startMs === undefined ? undefined : startMs + (durationMs ?? 0));
      if (startMs === undefined || endMs === undefined || !Number.isFinite(endMs - startMs) || endMs < startMs)
        continue;
      const cut = numberAt(batch.continued, row) === 1;
      const lasting = endMs - startMs >= KEPT_MS || cut;
      const silent = judge.isTcp(row) && textAt(batch.closeReason, row) === 'idle';
      if ((!lasting && !silent && !judge.beganUnseen(row)) || !judge.isConversation(row)) continue;
      if (clockJumped(batch, row, endMs - startMs)) continue;
      const joinMs = cut ? CUT_GAP_MS : judge.beganUnseen(row) ? KEEP_ALIVE_GAP_MS : 0;
      this.#take(batch, row, {
        startMs,
        endMs,
        initiatorPort: numberAt(batch.initiatorPort, row) ?? -1,
        joinMs,
        sent: Math.min(ENOUGH, numberAt(batch.initiatorPackets, row) ?? ENOUGH),
        returned: Math.min(ENOUGH, numberAt(batch.responderPackets, row) ?? ENOUGH),
        used: isUsed(batch, row),
      });
    }
  }

  #take(batch: FlowBatch, row: number, kept: Row): void {
    const initiator = textAt(batch.initiator, row);
    const responder = textAt(batch.responder, row);
    const protocol = textAt(batch.protocol, row);
    if (initiator === undefined || responder === undefined || protocol === undefined) return;
    const port = numberAt(batch.responderPort, row);
    if (this.#rows >= this.#rowCap.cap) {
      if (this.#pairs.size < 2) {
        this.#rowCap.refused++;
        return;
      }
      const before = this.#rows;
      this.#pairs.dropLightest();
      this.#rowCap.refused += before - this.#rows;
    }
    const pair = this.#pairs.obtain(`${initiator} ${responder} ${port ?? '-'} ${protocol}`, () => ({
      initiator,
      responder,
      port,
      protocol,
      rows: [],
      evidence: this.#pool.collector(EVIDENCE_PER_PAIR),
      span: new TimeSpan(),
      service: undefined,
      initiatorBytes: 0,
      responderBytes: 0,
      weight: 0,
    }));
    if (pair.rows.length >= this.#perPairCap.cap) {
      this.#perPairCap.refused++;
      return;
    }
    this.#rows++;
    pair.rows.push(kept);
    pair.weight += kept.endMs - kept.startMs;
    pair.span.add(kept.startMs, kept.endMs);
    pair.initiatorBytes += numberAt(batch.initiatorBytes, row) ?? 0;
    pair.responderBytes += numberAt(batch.responderBytes, row) ?? 0;
    const service = textAt(batch.service, row);
    if (service !== undefined && (pair.service === undefined || service < pair.service)) pair.service = service;
    pair.evidence.offer(batch.table, row, kept.startMs - kept.endMs);
  }

  saturations(): ReturnType<Detector['saturations']> {
    return saturationsOf(this.id, [this.#pairCap, this.#rowCap, this.#perPairCap, this.#pool.cap]);
  }

  finish(): Detection[] {
    const found: Detection[] = [];
    for (const [, pair] of this.#pairs.sortedEntries()) {
      const connections = joinRows(pair.rows).filter((c) => c.endMs - c.startMs >= LASTING_MS);
      const openMs = unionMs(connections);
      const threat = ritaThreatScore(openMs / 1000, LONG_CONNECTION_THREAT);
      const inside = this.#context.isHome(pair.initiator) && this.#context.isHome(pair.responder);
      const score = inside ? threat * INSIDE_FACTOR : threat;
      if (threat === 0 || score < this.#minScore) continue;
      found.push({
        kind: 'long-connection.open',
        detector: this.id,
        actor: pair.initiator,
        peers: [pair.responder],
        peerCount: 1,
        ...(pair.port === undefined ? {} : { port: pair.port }),
        protocol: pair.protocol,
        ...(pair.service === undefined ? {} : { service: pair.service }),
        firstMs: pair.span.firstMs,
        lastMs: pair.span.lastMs,
        score,
        reasons: reasonsOf(pair, connections, openMs, threat, score),
        flows: pair.evidence.flows(),
        flowCount: pair.rows.length,
      });
    }
    // The entries came in order of the key, and the sort is stable.
    return found.sort((a, b) => b.score - a.score);
  }
}

interface Stretch {
  readonly startMs: number;
  readonly endMs: number;
}

/** A silence that no connection survives, or more time between first and last packet than between one packet and the next in sum: the clock ran back. */
function clockJumped(batch: FlowBatch, row: number, spanMs: number): boolean {
  if ((numberAt(batch.iatMaxMs, row) ?? 0) > KEEP_ALIVE_GAP_MS) return true;
  const meanMs = numberAt(batch.iatMeanMs, row);
  const sent = numberAt(batch.initiatorPackets, row);
  const returned = numberAt(batch.responderPackets, row);
  if (meanMs === undefined || sent === undefined || returned === undefined) return false;
  return meanMs * (sent + returned - 1) < spanMs / 2;
}

/** Whether a row shows that both ends were there: payload, which is assumed where it is not known, or keep-alives. */
function isUsed(batch: FlowBatch, row: number): boolean {
  const sent = numberAt(batch.initiatorPayloadBytes, row);
  const returned = numberAt(batch.responderPayloadBytes, row);
  if (sent === undefined || returned === undefined || sent + returned > 0) return true;
  return textAt(batch.initiatorFlags, row) === 'A' && textAt(batch.responderFlags, row) === 'A';
}

/** Rows of the same ports that go on from one another, as one stretch each; those that were no connections are left out. */
function joinRows(rows: readonly Row[]): Stretch[] {
  const ordered = rows.toSorted(
    (a, b) => a.initiatorPort - b.initiatorPort || a.startMs - b.startMs || a.endMs - b.endMs || a.joinMs - b.joinMs,
  );
  const stretches: (Stretch & {
    endMs: number;
    initiatorPort: number;
    sent: number;
    returned: number;
    used: boolean;
  })[] = [];
  for (const { startMs, endMs, initiatorPort, joinMs, sent, returned, used } of ordered) {
    const last = stretches[stretches.length - 1];
    if (last !== undefined && last.initiatorPort === initiatorPort && joinMs > 0 && startMs - last.endMs <= joinMs) {
      last.endMs = Math.max(last.endMs, endMs);
      last.sent += sent;
      last.returned += returned;
      last.used ||= used;
    } else stretches.push({ startMs, endMs, initiatorPort, sent, returned, used });
  }
  return stretches.filter(
    ({ sent, returned, used }) => used && sent !== 1 && returned !== 1 && sent + returned >= ENOUGH,
  );
}

/** Length of the union of stretches. */
function unionMs(stretches: readonly Stretch[]): number {
  let total = 0;
  let reached = Number.NEGATIVE_INFINITY;
  for (const { startMs, endMs } of stretches.toSorted((a, b) => a.startMs - b.startMs)) {
    if (endMs <= reached) continue;
    total += endMs - Math.max(startMs, reached);
    reached = endMs;
  }
  return total;
}

function reasonsOf(
  pair: Pair,
  connections: readonly Stretch[],
  openMs: number,
  threat: number,
  score: number,
): Reason[] {
  const durations = connections.map((c) => c.endMs - c.startMs);
  const longestMs = durations.reduce((a, b) => Math.max(a, b), 0);
  const sumMs = durations.reduce((a, b) => a + b, 0);
  const reasons: Reason[] = [
    {
      name: 'long-connection.open-time',
      value: openMs,
      unit: 'ms',
      threshold: LONG_CONNECTION_THREAT.base * 1000,
      contribution: threat,
      sentence: `At least one lasting connection was open for ${humanDuration(openMs)} in all.`,
    },
    {
      name: 'long-connection.longest',
      value: longestMs,
      unit: 'ms',
      sentence: `The longest single connection lasted ${humanDuration(longestMs)}.`,
    },
    {
      name: 'long-connection.sum',
      value: sumMs,
      unit: 'ms',
      sentence: `Added up, ${counted(connections.length, 'connection')} of ten minutes or more lasted ${humanDuration(sumMs)}.`,
    },
    {
      name: 'long-connection.bytes',
      value: pair.initiatorBytes + pair.responderBytes,
      unit: 'bytes',
      sentence: `They carried ${humanBytes(pair.initiatorBytes)} from the initiator and ${humanBytes(pair.responderBytes)} from the responder.`,
    },
  ];
  if (score !== threat)
    reasons.push({
      name: 'long-connection.inside',
      value: INSIDE_FACTOR,
      unit: 'factor',
      contribution: score - threat,
      sentence: 'Both hosts are in the home network, where long connections are common: the score is halved.',
    });
  return reasons;
}
