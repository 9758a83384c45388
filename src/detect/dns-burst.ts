import {
  counted,
  type Few,
  type FewCounts,
  fewAdd,
  fewCounted,
  fewEntries,
  fewKeys,
  fewKnows,
  fewMembers,
  fewSize,
  humanCount,
  humanDuration,
  numberAt,
  type Table,
  textAt,
} from '../core/index.ts';
import { bindFlows } from '../flow/index.ts';
import { Cap, HeavyMap, saturationsOf, TimeSpan } from './bounded/bounded.ts';
import { byScore } from './case.ts';
import type { Detection, Detector, DetectorInfo, NetworkContext, Reason } from './detection.ts';
import { EvidencePool } from './evidence/pool.ts';
import { classesOf } from './told.ts';

/**
 * Names that an algorithm makes, where the flows tell no names: NetFlow, Argus, nfdump. `dga` looks at names themselves.
 *
 * What it sees. A program that searches its operator asks for dozens of names at a time, and many such algorithms make names of one length. Questions of one packet to UDP port 53 are counted by client and stretch of
 * ten seconds. A stretch counts that has at least 40, of which four fifths have the same size, while their answers have at least three sizes with a tenth each: other names, then, and not one name again and again.
 * A page with all that it brings asks for some thirty names at most, of all lengths. Score: 0.5 for one such stretch, 0.6 for more, or for 80 questions in one.
 *
 * What fools it: names of different lengths; a pace of less than four a second; DNS over HTTPS. Innocent and found: a program that tries a list of names of one length, as a test of a resolver.
 *
 * Cost: one look-up per DNS flow without a name; about 1 kB per client and stretch, capped: where there are too many, the half with the fewest questions goes.
 * Source: ATT&CK T1568.002 (Domain Generation Algorithms); Plohmann et al., "A Comprehensive Measurement Study of Domain Generating Malware", USENIX Security 2016 (lengths of names by family).
 */
export const dnsBurstInfo: DetectorInfo = {
  id: 'dns-burst',
  kinds: ['dns-burst.alike'],
  needs: ['initiator', 'responder', 'responderPort', 'protocol', 'startMs', 'initiatorBytes', 'responderBytes'],
  sees: 'Dozens of questions to the DNS within seconds that have one size and answers of several, in flows that tell no names.',
  fooledBy: 'Names of different lengths; questions a quarter of a second and more apart; DNS over HTTPS.',
  cost: 'One look-up per DNS flow without a name; about 1 kB per client and ten seconds.',
  source: 'ATT&CK T1568.002; Plohmann et al., A Comprehensive Measurement Study of Domain Generating Malware, 2016.',
};

export interface DnsBurstOptions {
  /** Questions of a client in one stretch. */
  readonly minQuestions: number;
  /** Share of them that has the same size, 0..1. */
  readonly minAlike: number;
  /** Sizes of answers that have a tenth each. */
  readonly minAnswerSizes: number;
  /** Length of a stretch; they lie behind one another from 1970 on. */
  readonly windowMs: number;
  /** Weaker findings are not reported. */
  readonly minScore: number;
  /** Clients with a stretch of time. */
  readonly maxStretches: number;
}

export const DEFAULT_DNS_BURST_OPTIONS: DnsBurstOptions = {
  minQuestions: 40,
  minAlike: 0.8,
  minAnswerSizes: 3,
  windowMs: 10_000,
  minScore: 0.5,
  maxStretches: 5000,
};

const DNS_PORT = 53;
const MANY_QUESTIONS = 80;
const ONE_SCORE = 0.5;
const MORE_SCORE = 0.6;
const NOTICEABLE = 0.1;
/** Sizes told apart in one stretch; what comes beyond has none that it shares. */
const MOST_SIZES = 32;
const MOST_SERVERS = 8;
/** Flows shown of one stretch. */
const EVIDENCE = 4;

class Stretch {
  weight = 0;
  readonly span = new TimeSpan();
  /** Questions and answers by size. */
  asked: FewCounts<number>;
  answered: FewCounts<number>;
  servers: Few<string>;
  readonly evidence: number;

  constructor(evidence: number) {
    this.evidence = evidence;
  }
}

export function createDnsBurstDetector(_context: NetworkContext, options: Partial<DnsBurstOptions> = {}): Detector {
  const settings = { ...DEFAULT_DNS_BURST_OPTIONS, ...options };
  const { minQuestions, minAlike, minAnswerSizes, windowMs, minScore } = settings;
  // Room for all that can be held, so that none is ever refused.
  const pool = new EvidencePool(EVIDENCE * settings.maxStretches);
  const stretches = new HeavyMap<Stretch>(new Cap('clients of the DNS by ten seconds', settings.maxStretches), (one) =>
    pool.release(one.evidence),
  );

  function observe(table: Table): void {
    const flows = bindFlows(table);
    const isUdp = classesOf(flows.protocol, (name) => name === 'udp');
    const protocols = flows.protocol.codes;
    const queries = flows.dnsQuery.codes;
    for (let row = 0; row < flows.rowCount; row++) {
      if ((queries[row] as number) >= 0 || isUdp[(protocols[row] as number) + 1] === 0) continue;
      if (numberAt(flows.responderPort, row) !== DNS_PORT) continue;
      if ((numberAt(flows.initiatorPackets, row) ?? 1) !== 1) continue;
      const client = textAt(flows.initiator, row);
      const server = textAt(flows.responder, row);
      const startMs = numberAt(flows.startMs, row);
      const asked = numberAt(flows.initiatorBytes, row);
      const answered = numberAt(flows.responderBytes, row);
      if (client === undefined || server === undefined || startMs === undefined || asked === undefined) continue;
      if (answered === undefined || answered === 0) continue;
      const one = stretches.obtain(
        `${client} ${Math.floor(startMs / windowMs)}`,
        () => new Stretch(pool.collector(EVIDENCE)),
      );
      one.weight++;
      one.span.add(startMs, startMs);
      one.asked = withOne(one.asked, asked);
      one.answered = withOne(one.answered, answered);
      if (fewSize(one.servers) < MOST_SERVERS) one.servers = fewAdd(one.servers, server);
      pool.offer(one.evidence, table, row, 0);
    }
  }

  function isBurst(one: Stretch): boolean {
    if (one.weight < minQuestions) return false;
    const alike = Math.max(...counts(one.asked)) / one.weight;
    const sizes = counts(one.answered).filter((n) => n >= NOTICEABLE * one.weight).length;
    return alike >= minAlike && sizes >= minAnswerSizes;
  }

  function finish(): Detection[] {
    const byClient = new Map<string, Stretch[]>();
    for (const [key, one] of stretches.sortedEntries()) {
      if (!isBurst(one)) continue;
      const client = key.slice(0, key.indexOf(' '));
      byClient.set(client, [...(byClient.get(client) ?? []), one]);
    }
    return [...byClient]
      .map(([client, bursts]) => report(client, bursts))
      .filter(({ score }) => score >= minScore)
      .sort(byScore);
  }

  function report(client: string, bursts: readonly Stretch[]): Detection {
    const span = new TimeSpan();
    for (const one of bursts) span.add(one.span.firstMs, one.span.lastMs);
    const questions = bursts.reduce((sum, one) => sum + one.weight, 0);
    const most = Math.max(...bursts.map((one) => one.weight));
    const alike = bursts.reduce((sum, one) => sum + Math.max(...counts(one.asked)), 0) / questions;
    const sizes = Math.max(
      ...bursts.map((one) => counts(one.answered).filter((n) => n >= NOTICEABLE * one.weight).length),
    );
    const servers = [...new Set(bursts.flatMap((one) => [...fewMembers(one.servers)]))].sort().slice(0, MOST_SERVERS);
    const reasons: Reason[] = [
      {
        name: 'dns-burst.questions',
        value: questions,
        unit: 'questions',
        threshold: minQuestions,
        sentence: `It sent the DNS ${counted(questions, 'question')} in ${counted(bursts.length, 'burst')} of ${humanDuration(windowMs)} at most, up to ${humanCount(most)} in one.`,
      },
      {
        name: 'dns-burst.alike',
        value: Number(alike.toFixed(3)),
        unit: 'ratio',
        threshold: minAlike,
        sentence: `${Number((100 * alike).toFixed(1))} % of them have the same size, so names of one length.`,
      },
      {
        name: 'dns-burst.answers',
        value: sizes,
        unit: 'sizes',
        threshold: minAnswerSizes,
        sentence: `The answers have ${counted(sizes, 'usual size')}, so it was not one name again and again.`,
      },
    ];
    return {
      kind: 'dns-burst.alike',
      detector: dnsBurstInfo.id,
      actor: client,
      peers: servers,
      peerCount: servers.length,
      port: DNS_PORT,
      protocol: 'udp',
      service: 'dns',
      firstMs: span.known ? span.firstMs : 0,
      lastMs: span.known ? span.lastMs : 0,
      score: bursts.length > 1 || most >= MANY_QUESTIONS ? MORE_SCORE : ONE_SCORE,
      reasons,
      flows: bursts.flatMap((one) => pool.flows(one.evidence)).slice(0, 24),
      flowCount: questions,
    };
  }

  return {
    id: dnsBurstInfo.id,
    observe,
    finish,
    saturations: () => saturationsOf(dnsBurstInfo.id, [stretches.cap]),
  };
}

function withOne(sizes: FewCounts<number>, size: number): FewCounts<number> {
  return fewKeys(sizes) < MOST_SIZES || fewKnows(sizes, size) ? fewCounted(sizes, size) : sizes;
}

function counts(sizes: FewCounts<number>): number[] {
  return [...fewEntries(sizes)].map(([, count]) => count);
}
