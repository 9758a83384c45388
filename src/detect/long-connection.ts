import { counted, humanBytes, humanDuration, numberAt, type Table, textAt, widened } from '../core/index.ts';
import { bindFlows, type FlowBatch } from '../flow/index.ts';
import { ritaThreatScore, type ThreatThresholds } from './beacon/rita-score.ts';
import { Cap, lighterHalf, saturationsOf } from './bounded/bounded.ts';
import { moreRows, NarrowColumn } from './bounded/number-column.ts';
import { NO_PORT, NONE, type PairKey, PairTable, RowPairs } from './bounded/pair.ts';
import { ipv4Bits, NO_NUMBER, TextNumbers } from './bounded/text-number.ts';
import { ConversationJudge } from './conversation.ts';
import type { Detection, Detector, DetectorInfo, NetworkContext, Reason } from './detection.ts';
import { EvidencePool } from './evidence/pool.ts';
import { shownService } from './service.ts';

/**
 * A connection that stays open for hours: an implant that keeps its line to the operator (reverse shell, remote access tool, tunnel, VPN), where
 * a beacon would call again and again.
 *
 * What is measured, per initiator, responder, port and protocol: for how long at least one connection was open that lasted ten minutes or more.
 * That is the union of their times and not the sum, so eight connections side by side for an hour are one hour; RITA sums (eight hours), and the
 * sum is given beside it. The rows of one connection are joined first: those that the active timeout cut (`continued`), and TCP that was
 * written after a silence and went on with keep-alives, told by the same ports and a beginning that was not seen, up to the two hours after
 * which TCP keep-alives are sent (RFC 1122 section 4.2.3.6). The silence between joined rows counts as open; where it is one silence only, it may as well lie between two connections that had
 * the same ports one after the other, and is left out.
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
 * Cost: one look at every row; only rows that lasted a minute, were cut, or fell silent are kept, 26 bytes each. Bounds: pairs and rows
 * in all (at the cap the shorter half of the pairs is dropped and counted, so short ones can't push out long ones), and rows per pair.
 */
export const longConnectionInfo: DetectorInfo = {
  id: 'long-connection',
  kinds: ['long-connection.open'],
  needs: ['initiator', 'responder', 'protocol', 'startMs', 'durationMs'],
  sees: 'A connection between two hosts that stays open for an hour or more.',
  fooledBy:
    'Reconnecting every few minutes, spreading over many addresses, captures shorter than the connection. Push services, VPNs and remote work look the same and are found too.',
  cost: 'One look per flow; 26 bytes per row that lasted a minute or more.',
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
/** The largest frame of TCP without payload that is usual: Ethernet, IPv4, and a header with the options of a SYN. */
const BARE_BYTES = 74;
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

/** Bits of what a row says beside its times: `sent` in 0 to 2, `returned` in 3 to 5. */
const RETURNED_BITS = 3;
const COUNT_MASK = 7;
const USED = 64;
const CUT = 128;
const UNSEEN = 256;

/**
 * All pairs in columns, and the rows that are kept of them in columns of their own, linked by pair. At its cap the lighter half of the pairs goes, as in `HeavyMap`; of equally
 * light ones those that came first.
 */
class Pairs {
  readonly table: PairTable;
  readonly cap: Cap;
  /** Rows of all pairs. */
  rowCount = 0;
  evidence = new Int32Array(0);
  /** Rows of a pair. */
  count = new Int32Array(0);
  readonly #texts: TextNumbers;
  readonly #maxRows: number;
  readonly #sentBytes = new NarrowColumn();
  readonly #returnedBytes = new NarrowColumn();
  /** Sum of the durations, ms. */
  #weight = new Float64Array(0);
  /** Order of arrival, counted anew when pairs were dropped. */
  #age = new Int32Array(0);
  #added = 0;
  /** The smallest name of a service seen, so that it does not depend on order. */
  #service = new Int32Array(0);
  #head = new Int32Array(0);
  #release: (evidence: number) => void;
  // Columns of rows.
  #used = 0;
  #free = NONE;
  #next = new Int32Array(0);
  #startMs = new Float64Array(0);
  #endMs = new Float64Array(0);
  #initiatorPort = new Int32Array(0);
  #bits = new Uint16Array(0);

  /** @param maxRows rows of all pairs at the most; @param texts those of the detector; @param release is told the evidence of pairs that go. */
  constructor(cap: Cap, maxRows: number, texts: TextNumbers, release: (evidence: number) => void) {
    this.cap = cap;
    this.#maxRows = maxRows;
    this.#texts = texts;
    this.#release = release;
    this.table = new PairTable(cap.cap, texts);
  }

  add(key: PairKey, evidence: number): number {
    if (this.table.size >= this.cap.cap) this.cap.refused += this.dropLightest();
    const pair = this.table.add(key);
    if (pair === NONE) return NONE;
    if (this.table.capacity > this.#head.length) this.#growPairs(this.table.capacity);
    this.evidence[pair] = evidence;
    this.count[pair] = 0;
    this.#sentBytes.set(pair, 0);
    this.#returnedBytes.set(pair, 0);
    this.#weight[pair] = 0;
    this.#age[pair] = this.#added++;
    this.#service[pair] = NO_NUMBER;
    this.#head[pair] = NONE;
    return pair;
  }

  keep(pair: number, row: Row, service: string | undefined): void {
    let i = this.#free;
    if (i !== NONE) this.#free = at(this.#next, i);
    else {
      i = this.#used++;
      if (i >= this.#next.length) this.#growRows();
    }
    const { startMs, endMs, initiatorPort, joinMs, sent, returned, used } = row;
    this.#startMs[i] = startMs;
    this.#endMs[i] = endMs;
    this.#initiatorPort[i] = initiatorPort;
    const join = joinMs === CUT_GAP_MS ? CUT : joinMs === KEEP_ALIVE_GAP_MS ? UNSEEN : 0;
    this.#bits[i] = sent | (returned << RETURNED_BITS) | (used ? USED : 0) | join;
    this.#next[i] = at(this.#head, pair);
    this.#head[pair] = i;
    this.count[pair] = at(this.count, pair) + 1;
    this.rowCount++;
    this.#weight[pair] = at(this.#weight, pair) + endMs - startMs;
    if (service === undefined) return;
    const known = at(this.#service, pair);
    if (known !== NO_NUMBER && service >= this.#texts.text(known)) return;
    this.#texts.drop(known);
    this.#service[pair] = this.#texts.take(service, ipv4Bits(service));
  }

  addBytes(pair: number, sent: number, returned: number): void {
    this.#sentBytes.set(pair, this.#sentBytes.get(pair) + sent);
    this.#returnedBytes.set(pair, this.#returnedBytes.get(pair) + returned);
  }

  bytes(pair: number): { readonly sent: number; readonly returned: number } {
    return { sent: this.#sentBytes.get(pair), returned: this.#returnedBytes.get(pair) };
  }

  service(pair: number): string | undefined {
    const service = at(this.#service, pair);
    return service === NO_NUMBER ? undefined : this.#texts.text(service);
  }

  /** From the start of the first row of a pair to the end of its last one. */
  span(pair: number): { readonly firstMs: number; readonly lastMs: number } {
    let firstMs = Number.POSITIVE_INFINITY;
    let lastMs = Number.NEGATIVE_INFINITY;
    for (let i = at(this.#head, pair); i !== NONE; i = at(this.#next, i)) {
      firstMs = Math.min(firstMs, at(this.#startMs, i));
      lastMs = Math.max(lastMs, at(this.#endMs, i));
    }
    return { firstMs, lastMs };
  }

  rows(pair: number): Row[] {
    const rows: Row[] = [];
    for (let i = at(this.#head, pair); i !== NONE; i = at(this.#next, i)) {
      const bits = at(this.#bits, i);
      rows.push({
        startMs: at(this.#startMs, i),
        endMs: at(this.#endMs, i),
        initiatorPort: at(this.#initiatorPort, i),
        joinMs: (bits & CUT) !== 0 ? CUT_GAP_MS : (bits & UNSEEN) !== 0 ? KEEP_ALIVE_GAP_MS : 0,
        sent: bits & COUNT_MASK,
        returned: (bits >> RETURNED_BITS) & COUNT_MASK,
        used: (bits & USED) !== 0,
      });
    }
    return rows;
  }

  /** Drops the lighter half, at least one; the number of what went, which the caller counts under the cap that made it necessary. */
  dropLightest(): number {
    const pairs = [...this.table.pairs()].sort((a, b) => at(this.#age, a) - at(this.#age, b));
    const isLight = lighterHalf(Float64Array.from(pairs, (pair) => at(this.#weight, pair)));
    this.#added = 0;
    for (const pair of pairs) {
      if (isLight(at(this.#weight, pair))) this.#remove(pair);
      else this.#age[pair] = this.#added++;
    }
    return pairs.length - this.#added;
  }

  /** In order of the name, so that it does not depend on arrival. */
  sorted(): number[] {
    return [...this.table.pairs()]
      .map((pair) => ({ pair, name: this.table.name(pair) }))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map(({ pair }) => pair);
  }

  #remove(pair: number): void {
    for (let i = at(this.#head, pair); i !== NONE; ) {
      const next = at(this.#next, i);
      this.#next[i] = this.#free;
      this.#free = i;
      i = next;
    }
    this.rowCount -= at(this.count, pair);
    this.#texts.drop(at(this.#service, pair));
    this.#sentBytes.clear(pair);
    this.#returnedBytes.clear(pair);
    this.#release(at(this.evidence, pair));
    this.table.remove(pair);
  }

  #growPairs(n: number): void {
    this.evidence = widened(this.evidence, n);
    this.count = widened(this.count, n);
    this.#sentBytes.widen(n);
    this.#returnedBytes.widen(n);
    this.#weight = widened(this.#weight, n);
    this.#age = widened(this.#age, n);
    this.#service = widened(this.#service, n);
    this.#head = widened(this.#head, n);
  }

  #growRows(): void {
    const n = moreRows(this.#next.length, this.#maxRows);
    this.#next = widened(this.#next, n);
    this.#startMs = widened(this.#startMs, n);
    this.#endMs = widened(this.#endMs, n);
    this.#initiatorPort = widened(this.#initiatorPort, n);
    this.#bits = widened(this.#bits, n);
  }
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
  #pairs: Pairs;

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
    const texts = new TextNumbers();
    this.#pool = new EvidencePool(maxEvidence, texts);
    this.#pairs = new Pairs(this.#pairCap, maxRows, texts, (evidence) => this.#pool.release(evidence));
  }

  observe(flows: Table): void {
    const batch = bindFlows(flows);
    const judge = new ConversationJudge(batch);
    const ends = new RowPairs(batch);
    for (let row = 0; row < batch.rowCount; row++) {
      if (!judge.hasTransport(row)) continue;
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
      this.#take(batch, row, ends, {
        startMs,
        endMs,
        initiatorPort: numberAt(batch.initiatorPort, row) ?? -1,
        joinMs,
        sent: Math.min(ENOUGH, numberAt(batch.initiatorPackets, row) ?? ENOUGH),
        returned: Math.min(ENOUGH, numberAt(batch.responderPackets, row) ?? ENOUGH),
        used: isUsed(batch, row, judge.isTcp(row)),
      });
    }
  }

  #take(batch: FlowBatch, row: number, ends: RowPairs, kept: Row): void {
    if (!ends.read(row, textAt(batch.protocol, row))) return;
    const pairs = this.#pairs;
    if (pairs.rowCount >= this.#rowCap.cap) {
      if (pairs.table.size < 2) {
        this.#rowCap.refused++;
        return;
      }
      const before = pairs.rowCount;
      pairs.dropLightest();
      this.#rowCap.refused += before - pairs.rowCount;
    }
    let pair = pairs.table.find(ends);
    if (pair === NONE) {
      const evidence = this.#pool.collector(EVIDENCE_PER_PAIR);
      pair = pairs.add(ends, evidence);
      if (pair === NONE) {
        this.#pool.release(evidence);
        this.#pairCap.refused++;
        return;
      }
    }
    if (at(pairs.count, pair) >= this.#perPairCap.cap) {
      this.#perPairCap.refused++;
      return;
    }
    pairs.keep(pair, kept, shownService(batch, row));
    pairs.addBytes(pair, numberAt(batch.initiatorBytes, row) ?? 0, numberAt(batch.responderBytes, row) ?? 0);
    this.#pool.offer(at(pairs.evidence, pair), batch.table, row, kept.startMs - kept.endMs);
  }

  saturations(): ReturnType<Detector['saturations']> {
    return saturationsOf(this.id, [this.#pairCap, this.#rowCap, this.#perPairCap, this.#pool.cap]);
  }

  finish(): Detection[] {
    const found: Detection[] = [];
    const pairs = this.#pairs;
    const { table } = pairs;
    for (const pair of pairs.sorted()) {
      // What its rows span is the longest that it can have been open.
      const { firstMs, lastMs } = pairs.span(pair);
      if (lastMs - firstMs < LASTING_MS) continue;
      const connections = joinRows(pairs.rows(pair)).filter((c) => c.endMs - c.startMs >= LASTING_MS);
      const openMs = unionMs(connections);
      const threat = ritaThreatScore(openMs / 1000, LONG_CONNECTION_THREAT);
      const initiator = table.initiator(pair);
      const responder = table.responder(pair);
      const port = table.port(pair);
      const inside = this.#context.isHome(initiator) && this.#context.isHome(responder);
      const score = inside ? threat * INSIDE_FACTOR : threat;
      if (threat === 0 || score < this.#minScore) continue;
      const service = pairs.service(pair);
      found.push({
        kind: 'long-connection.open',
        detector: this.id,
        actor: initiator,
        peers: [responder],
        peerCount: 1,
        ...(port === NO_PORT ? {} : { port }),
        protocol: table.kind(pair),
        ...(service === undefined ? {} : { service }),
        firstMs,
        lastMs,
        score,
        reasons: reasonsOf(pairs.bytes(pair), connections, openMs, threat, score),
        flows: this.#pool.flows(at(pairs.evidence, pair)),
        flowCount: at(pairs.count, pair),
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

/** Whether a row shows that both ends were there: payload, which is assumed where it is not known and there is room for some, or keep-alives. */
function isUsed(batch: FlowBatch, row: number, isTcp: boolean): boolean {
  const sent = numberAt(batch.initiatorPayloadBytes, row);
  const returned = numberAt(batch.responderPayloadBytes, row);
  if (sent === undefined || returned === undefined) {
    if (!isTcp) return true;
    // Without payload counts: TCP that is seen from one side alone, in packets that hold no more than headers, is a stray answer or an attempt.
    const from = numberAt(batch.initiatorPackets, row);
    const back = numberAt(batch.responderPackets, row);
    if (from === undefined || back === undefined || (from > 0 && back > 0)) return true;
    const bytes = (numberAt(batch.initiatorBytes, row) ?? 0) + (numberAt(batch.responderBytes, row) ?? 0);
    return bytes === 0 || bytes > BARE_BYTES * (from + back);
  }
  if (sent + returned > 0) return true;
  return textAt(batch.initiatorFlags, row) === 'A' && textAt(batch.responderFlags, row) === 'A';
}

/** Rows of the same ports that go on from one another, as one stretch each; those that were no connections are left out. */
function joinRows(rows: readonly Row[]): Stretch[] {
  const ordered = rows.toSorted(
    (a, b) => a.initiatorPort - b.initiatorPort || a.startMs - b.startMs || a.endMs - b.endMs || a.joinMs - b.joinMs,
  );
  const stretches: OpenStretch[] = [];
  let last: OpenStretch | undefined;
  for (const { startMs, endMs, initiatorPort, joinMs, sent, returned, used } of ordered) {
    const silenceMs = last === undefined ? 0 : startMs - last.endMs;
    if (last !== undefined && last.initiatorPort === initiatorPort && joinMs > 0 && silenceMs <= joinMs) {
      if (silenceMs > CUT_GAP_MS) {
        last.silences++;
        last.pausedMs = last.endMs;
        last.resumedMs = startMs;
      }
      last.endMs = Math.max(last.endMs, endMs);
      last.sent += sent;
      last.returned += returned;
      last.used ||= used;
    } else {
      last = { startMs, endMs, initiatorPort, sent, returned, used, silences: 0, pausedMs: endMs, resumedMs: endMs };
      stretches.push(last);
    }
  }
  return stretches
    .filter(({ sent, returned, used }) => used && sent !== 1 && returned !== 1 && sent + returned >= ENOUGH)
    .flatMap(({ startMs, endMs, silences, pausedMs, resumedMs }) =>
      silences === 1
        ? [
            { startMs, endMs: pausedMs },
            { startMs: resumedMs, endMs },
          ]
        : [{ startMs, endMs }],
    );
}

/** Rows of one connection, while they are joined. */
interface OpenStretch extends Stretch {
  endMs: number;
  readonly initiatorPort: number;
  sent: number;
  returned: number;
  used: boolean;
  /** Silences longer than a cut, and where the latest began and ended. */
  silences: number;
  pausedMs: number;
  resumedMs: number;
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
  bytes: { readonly sent: number; readonly returned: number },
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
      value: bytes.sent + bytes.returned,
      unit: 'bytes',
      sentence: `They carried ${humanBytes(bytes.sent)} from the initiator and ${humanBytes(bytes.returned)} from the responder.`,
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

/** An element that is known to be there. */
function at(values: Int32Array | Uint16Array | Float64Array, i: number): number {
  return values[i] as number;
}
