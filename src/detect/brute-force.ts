import { counted, humanBytes, humanCount, humanDuration, median, numberAt, type Table, textAt } from '../core/index.ts';
import type { FeatureMatrix } from '../feature/index.ts';
import { bindFlows, type FlowRecord } from '../flow/index.ts';
import {
  BoundedMap,
  Cap,
  type EvidenceCollector,
  EvidencePool,
  hash32,
  mergeEvidence,
  saturationsOf,
  TimeSpan,
} from './bounded.ts';
import {
  type Detection,
  type Detector,
  type DetectorInfo,
  MAX_PEERS,
  type NetworkContext,
  type Reason,
  type Saturation,
} from './detection.ts';
import { type LoginService, loginService } from './service.ts';

/**
 * Password guessing, told by the shape of connections alone: many short, alike, completed connections from one host to a login service.
 *
 * What it sees. A flow to a service that asks for a login (by content first, so SSH on port 902 is SSH; see `service.ts`) is an attempt when both
 * sides sent payload, it lasted at most a minute, and neither side sent more than a failed login takes there. Attempts are counted per source,
 * target and port. At least 9 within five minutes (the number that Slips uses) and at least 60 % of them alike (payload each way within a quarter
 * or 64 bytes of the median) make a detection. Spraying, a few passwords on each of many hosts, is counted per source and service: at least 15 attempts
 * on 3 hosts or more within five minutes, two or more per host on average. The five minutes are the busiest ones: what lies around them is counted too.
 *
 * Score: n / (n + 9), n being the attempts that are alike; times 0.7 for services where ordinary programs log in again and
 * again with equal shape (databases, directories, file shares, mail). 9 attempts give 0.5, 40 give 0.82, 1,000 give 0.99.
 *
 * What does not count: a few sessions of differing size (an administrator), sessions with real work in them (git, rsync and ansible move more
 * bytes than a login), connections that say nothing (a port check every minute), mail clients that poll every few minutes (too few in five minutes).
 * A longer or larger session between the same two hosts after the attempts is reported, as a login may have worked.
 *
 * What fools it: automation that opens one SSH connection per trivial command looks exactly like guessing, because a failed and a short successful
 * login differ by few encrypted bytes; many guesses in one connection, as SMB and HTTP allow; guessing slower than 9 in five minutes; spraying from many sources.
 * Logins over HTTP are not seen at all: their shape is that of any request.
 *
 * Cost: one look-up per flow to a login service; 40 to 80 bytes per remembered attempt, at most 2,000 per pair (beyond that a sample by hash, which does not depend on the order),
 * 150,000 in all.
 *
 * Source: attempt threshold of Stratosphere Linux IPS; flow-shape approach of Hellemans et al., "SSHCure", AIMS 2012.
 */
export interface BruteForceOptions {
  /** Attempts on one target within `windowMs`. */
  readonly minAttempts: number;
  readonly windowMs: number;
  /** Share of attempts that must be alike. */
  readonly minAlike: number;
  /** Attempts and targets of one source within `windowMs` for spraying. */
  readonly minSprayAttempts: number;
  readonly minSprayHosts: number;
  /** A longer connection is no failed login. */
  readonly maxAttemptMs: number;
  readonly maxPairs: number;
  readonly maxAttemptsPerPair: number;
  readonly maxAttempts: number;
}

export const DEFAULT_BRUTE_FORCE_OPTIONS: BruteForceOptions = {
  minAttempts: 9,
  windowMs: 300_000,
  minAlike: 0.6,
  minSprayAttempts: 15,
  minSprayHosts: 3,
  maxAttemptMs: 60_000,
  maxPairs: 10_000,
  maxAttemptsPerPair: 2_000,
  maxAttempts: 150_000,
};

export const bruteForceInfo: DetectorInfo = {
  id: 'brute-force',
  kinds: ['brute-force.login', 'brute-force.spray'],
  sees: 'Many short, alike, completed connections from one host to a login service, or to the same service of several hosts.',
  fooledBy:
    'Automation that opens one short login per command; many guesses in one connection; fewer than 9 guesses in five minutes; logins over HTTP.',
  cost: 'One look-up per flow to a login service; 40 to 80 bytes per attempt, at most 150,000 of them.',
  source: 'Attempt threshold of Stratosphere Linux IPS; flow shape as in SSHCure (Hellemans et al. 2012).',
};

interface Attempt {
  readonly hash: number;
  readonly startMs: number;
  readonly clientBytes: number;
  readonly serverBytes: number;
  readonly durationMs: number;
}

/** Attempts as five numbers each: a quarter of what an object takes. */
class Attempts {
  length = 0;
  #data: Float64Array = new Float64Array(FIELDS);

  push({ hash, startMs, clientBytes, serverBytes, durationMs }: Attempt): void {
    const from = this.length * FIELDS;
    if (from >= this.#data.length) {
      const grown = new Float64Array(2 * this.#data.length);
      grown.set(this.#data);
      this.#data = grown;
    }
    this.#data.set([hash, startMs, clientBytes, serverBytes, durationMs], from);
    this.length++;
  }

  *[Symbol.iterator](): Iterator<Attempt> {
    for (let i = 0; i < this.length; i++) {
      const [hash = 0, startMs = 0, clientBytes = 0, serverBytes = 0, durationMs = 0] = this.#data.subarray(
        i * FIELDS,
        (i + 1) * FIELDS,
      );
      yield { hash, startMs, clientBytes, serverBytes, durationMs };
    }
  }

  /** Those with a hash below `ceiling`. */
  below(ceiling: number): Attempts {
    const kept = new Attempts();
    for (const attempt of this) if (attempt.hash < ceiling) kept.push(attempt);
    return kept;
  }
}

const FIELDS = 5;

/** One source, one target, one port, one service. */
interface Pair {
  readonly source: string;
  readonly host: string;
  readonly port: number;
  readonly service: LoginService;
  attempts: Attempts;
  /** All attempts, also those that the sample left out. */
  attemptCount: number;
  /** Attempts with a hash above this are not remembered. */
  ceiling: number;
  readonly span: TimeSpan;
  /** Sessions with more in them than a failed login. */
  sessions: number;
  lastSessionMs: number;
  readonly evidence: EvidenceCollector;
  readonly sessionEvidence: EvidenceCollector;
}

export function createBruteForceDetector(context: NetworkContext, options: Partial<BruteForceOptions> = {}): Detector {
  const {
    minAttempts,
    windowMs,
    minAlike,
    minSprayAttempts,
    minSprayHosts,
    maxAttemptMs,
    maxPairs,
    maxAttemptsPerPair,
    maxAttempts,
  } = { ...DEFAULT_BRUTE_FORCE_OPTIONS, ...options };
  const pairs = new BoundedMap<string, Pair>(new Cap('pairs of client and login service', maxPairs));
  const attemptCap = new Cap('login attempts', maxAttempts);
  const pool = new EvidencePool(maxPairs + 15_000);
  let held = 0;

  function observe(table: Table, _features: FeatureMatrix): void {
    const flows = bindFlows(table);
    const tcp = flows.protocol.dictionary.map((name) => name === 'tcp');
    for (let row = 0; row < flows.rowCount; row++) {
      if (tcp[flows.protocol.codes[row] ?? -1] !== true) continue;
      const clientBytes = numberAt(flows.initiatorPayloadBytes, row) ?? 0;
      if (clientBytes === 0) continue;
      const serverBytes = numberAt(flows.responderPayloadBytes, row) ?? 0;
      if (serverBytes === 0 || numberAt(flows.continued, row) === 1) continue;
      const port = numberAt(flows.responderPort, row);
      const service = loginService(textAt(flows.service, row), port);
      const source = textAt(flows.initiator, row);
      const host = textAt(flows.responder, row);
      if (service === undefined || port === undefined || source === undefined || host === undefined) continue;
      const startMs = numberAt(flows.startMs, row);
      if (startMs === undefined) continue;
      const endMs = numberAt(flows.endMs, row) ?? startMs;
      const durationMs = numberAt(flows.durationMs, row) ?? endMs - startMs;
      const pair = pairs.obtain(`${source} ${host} ${port} ${service.name}`, () => ({
        source,
        host,
        port,
        service,
        attempts: new Attempts(),
        attemptCount: 0,
        ceiling: 2 ** 32,
        span: new TimeSpan(),
        sessions: 0,
        lastSessionMs: Number.NEGATIVE_INFINITY,
        evidence: pool.collector(),
        sessionEvidence: pool.collector(2),
      }));
      if (pair === undefined) continue;
      if (clientBytes > service.clientBytes || serverBytes > service.serverBytes || durationMs > maxAttemptMs) {
        pair.sessions++;
        if (startMs > pair.lastSessionMs) pair.lastSessionMs = startMs;
        // The latest first: what matters is a session after the attempts.
        pair.sessionEvidence.offer(table, row, -startMs);
        continue;
      }
      pair.attemptCount++;
      pair.span.add(startMs, endMs);
      pair.evidence.offer(table, row);
      const hash = hash32(`${startMs} ${numberAt(flows.initiatorPort, row)} ${numberAt(flows.id, row)}`);
      if (hash >= pair.ceiling) continue;
      if (held >= maxAttempts) {
        attemptCap.refused++;
        continue;
      }
      pair.attempts.push({ hash, startMs, clientBytes, serverBytes, durationMs });
      held++;
      while (pair.attempts.length > maxAttemptsPerPair) {
        pair.ceiling /= 2;
        held -= pair.attempts.length;
        pair.attempts = pair.attempts.below(pair.ceiling);
        held += pair.attempts.length;
      }
    }
  }

  function finish(): Detection[] {
    const detections: Detection[] = [];
    const bySource = new Map<string, Pair[]>();
    for (const [, pair] of pairs.sortedEntries()) {
      if (pair.attempts.length === 0) continue;
      const alone = judge([pair], minAttempts);
      if (alone !== undefined) {
        detections.push(alone);
        continue;
      }
      const key = `${pair.source} ${pair.service.name}`;
      const group = bySource.get(key);
      if (group === undefined) bySource.set(key, [pair]);
      else group.push(pair);
    }
    for (const group of bySource.values()) {
      const hosts = new Set(group.map((pair) => pair.host)).size;
      const attempts = group.reduce((n, pair) => n + pair.attemptCount, 0);
      if (hosts < minSprayHosts || attempts < 2 * hosts) continue;
      const spray = judge(group, minSprayAttempts);
      if (spray !== undefined) detections.push(spray);
    }
    return detections.sort(
      (a, b) =>
        b.score - a.score ||
        compareText(a.actor, b.actor) ||
        compareText(a.peers[0] ?? '', b.peers[0] ?? '') ||
        (a.port ?? 0) - (b.port ?? 0),
    );
  }

  function judge(group: readonly Pair[], threshold: number): Detection | undefined {
    const first = group[0];
    const attempts = group.flatMap((pair) => [...pair.attempts]);
    if (first === undefined || attempts.length < Math.min(threshold, maxAttemptsPerPair / 2)) return undefined;
    const total = group.reduce((n, pair) => n + pair.attemptCount, 0);
    const sampled = total / attempts.length;
    const busiest = busiestWindow(
      attempts.map((a) => a.startMs),
      windowMs,
    );
    const busiestCount = Math.round(busiest * sampled);
    if (busiestCount < threshold) return undefined;
    const client = median(attempts.map((a) => a.clientBytes));
    const server = median(attempts.map((a) => a.serverBytes));
    const alike =
      attempts.filter((a) => near(a.clientBytes, client) && near(a.serverBytes, server)).length / attempts.length;
    if (alike < minAlike) return undefined;

    const service = first.service;
    const hosts = [...groupTotals(group)].sort((a, b) => b[1] - a[1] || compareText(a[0], b[0]));
    const ports = [...new Set(group.map((pair) => pair.port))].sort((a, b) => a - b);
    const span = new TimeSpan();
    for (const pair of group) span.add(pair.span.firstMs, pair.span.lastMs);
    const effective = total * alike;
    const score = (effective / (effective + 9)) * (service.chatty ? 0.7 : 1);
    const duration = median(attempts.map((a) => a.durationMs));
    const perMinute = (60_000 * total) / Math.max(1000, span.lengthMs);
    const later = group.filter((pair) => pair.lastSessionMs >= pair.span.firstMs);
    const spray = group.length > 1;
    const where = spray
      ? `the ${service.name} service of ${counted(hosts.length, 'host')}`
      : `the ${service.name} service on port ${first.port}`;

    const reasons: Reason[] = [
      {
        name: 'brute-force.attempts',
        value: total,
        unit: 'connections',
        threshold,
        sentence: `It opened ${counted(total, 'short connection')} to ${where} within ${humanDuration(span.lengthMs)}.`,
      },
      {
        name: 'brute-force.rate',
        value: round(perMinute),
        unit: 'connections/min',
        sentence: `That is ${humanCount(perMinute)} a minute on average, and ${humanCount(busiestCount)} in the busiest ${humanDuration(windowMs)}.`,
      },
      {
        name: 'brute-force.alike',
        value: round(alike),
        unit: 'ratio',
        threshold: minAlike,
        sentence: `${Number((100 * alike).toFixed(1))} % of them are alike: ${humanBytes(client)} of payload to the server and ${humanBytes(server)} back, within a quarter or 64 bytes.`,
      },
      {
        name: 'brute-force.duration',
        value: round(duration),
        unit: 'ms',
        threshold: maxAttemptMs,
        sentence: `The typical one lasted ${humanDuration(duration)}, too short for work in a session.`,
      },
    ];
    if (service.chatty) {
      reasons.push({
        name: 'brute-force.chatty',
        value: service.name,
        unit: '',
        sentence: `Ordinary programs also log in to ${service.name} again and again with equal shape; the score is lowered by that.`,
      });
    }
    if (later.length > 0) {
      const sessions = later.reduce((n, pair) => n + pair.sessions, 0);
      reasons.push({
        name: 'brute-force.session',
        value: sessions,
        unit: 'sessions',
        sentence: `The same hosts also had ${counted(sessions, 'larger or longer session')}, the latest after the first attempt: a login may have worked.`,
      });
    }
    reasons.push({
      name: 'brute-force.scope',
      value: context.isHome(first.source) ? 'inside' : 'outside',
      unit: '',
      sentence: `The source is ${context.isHome(first.source) ? 'inside' : 'outside'} the home network.`,
    });
    const onlyPort = ports.length === 1 ? ports[0] : undefined;
    return {
      kind: spray ? 'brute-force.spray' : 'brute-force.login',
      detector: bruteForceInfo.id,
      actor: first.source,
      peers: hosts.slice(0, MAX_PEERS).map(([host]) => host),
      peerCount: hosts.length,
      ...(onlyPort === undefined ? {} : { port: onlyPort }),
      protocol: 'tcp',
      service: service.name,
      firstMs: span.firstMs,
      lastMs: span.lastMs,
      score,
      reasons,
      flows: evidence(group, later),
      flowCount: total,
    };
  }

  return {
    id: bruteForceInfo.id,
    observe,
    finish,
    saturations: (): Saturation[] => saturationsOf(bruteForceInfo.id, [pairs.cap, attemptCap, pool.cap]),
  };
}

/** Attempts first, and the sessions that came after them. */
function evidence(group: readonly Pair[], later: readonly Pair[]): FlowRecord[] {
  return mergeEvidence([
    ...later.slice(0, 2).map((pair) => pair.sessionEvidence),
    ...group.map((pair) => pair.evidence),
  ]);
}

function groupTotals(group: readonly Pair[]): Map<string, number> {
  const totals = new Map<string, number>();
  for (const pair of group) totals.set(pair.host, (totals.get(pair.host) ?? 0) + pair.attemptCount);
  return totals;
}

/** The most times that lie within `windowMs`. */
function busiestWindow(times: readonly number[], windowMs: number): number {
  const ordered = Float64Array.from(times).sort();
  let from = 0;
  let most = 0;
  for (let i = 0; i < ordered.length; i++) {
    while ((ordered[i] ?? 0) - (ordered[from] ?? 0) > windowMs) from++;
    most = Math.max(most, i + 1 - from);
  }
  return most;
}

function near(bytes: number, usual: number): boolean {
  return Math.abs(bytes - usual) <= Math.max(64, usual / 4);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}
