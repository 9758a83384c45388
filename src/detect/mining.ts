import { counted, humanBytes, humanDuration, numberAt, type Table, textAt } from '../core/index.ts';
import { bindFlows, type FlowBatch } from '../flow/index.ts';
import { BoundedMap, Cap } from './bounded/bounded.ts';
import { byScore, Case, CaseBook, Judged, operationsOf } from './case.ts';
import type { Detection, Detector, DetectorInfo, NetworkContext, Reason, Saturation } from './detection.ts';
import { answeredAddresses } from './dns/answer.ts';
import { DnsNames, poolOf } from './dns/name.ts';
import { KNOWN_POOL, NO_NAME, poolName } from './pool-name.ts';
import { readableText } from './protocol-mismatch.ts';
import { classesOf } from './told.ts';

/**
 * Cryptocurrency mining: a host that computes for a pool, most often because somebody put a miner on it.
 *
 * What it sees, strongest first. The content of the pool protocol, in clear, on any port (Stratum version 1, the CryptoNote dialect of Monero, the Ethereum proxies):
 * `mining.stratum`, one detection per miner. Score 0.8 for a subscription that nobody answered, 0.9 for a login or an answer, 0.99 for shares that were handed in: then it
 * computes. Where the content is hidden (TLS, or a protocol that is not known), points are added up, at most 0.85, into `mining.pool`, one detection per miner, pool and
 * port:
 *
 *   0.50  the name (TLS server name, or the DNS answer that gave the address) is of a pool that is known
 *   0.30  the name reads like a pool's: a word of mining beside a coin or 'pool'
 *   0.20  a port that pools use and no usual service has (3333, 14444 ...)
 *   0.25  the shape of mining: a session of ten minutes or more of small messages, one every few seconds to minutes, both ways
 *
 * From 0.45 on it is reported: a known name with a port or the shape, or a port with the shape, which alone is weak and stays low. The shape alone says nothing, as every
 * push service has it; nor does a name alone, for people read the web pages of pools.
 *
 * What fools it: a pool of one's own behind TLS on port 443 with a name that says nothing; mining over a VPN, Tor or a web socket; a browser that mines for the page.
 * Innocent and found: miners whose owner knows of them. Left alone: games and chats on the same ports (too many or too large packets), web pages of pools.
 *
 * Cost: two look-ups per flow in small tables; 1 kB per miner or suspicious pair, capped.
 * Source: the protocols as miners publish them (see `wire/stratum.ts`); MITRE ATT&CK T1496.001.
 */
export const miningInfo: DetectorInfo = {
  id: 'mining',
  kinds: ['mining.stratum', 'mining.pool'],
  needs: ['initiator', 'responder', 'responderPort', 'protocol', 'service', 'startMs'],
  sees: 'The protocol of mining pools on any port; where it is encrypted, names and ports of pools and long sessions of small regular messages.',
  fooledBy:
    'TLS on port 443 to a pool without a known name; mining through a VPN or a web page. Miners with leave of their owner are found too.',
  cost: 'Two look-ups per flow; about 1 kB per miner.',
  source: 'Stratum as miners publish it; ATT&CK T1496.001 (Resource Hijacking: Compute Hijacking).',
};

export interface MiningOptions {
  /** Weaker findings are not reported. Default 0.45: a port of pools together with the shape of mining. */
  readonly minScore: number;
  /** A session that ends sooner does not have the shape of mining. Default ten minutes. */
  readonly minSessionMs: number;
  /** Payload bytes per packet, on average, at most. Jobs and shares of all dialects are below 400 bytes with acknowledgements counted. */
  readonly maxMeanPayloadBytes: number;
  /** Packets a minute, on average, at least and at most. Shares come every 5 to 60 seconds, jobs every 10 to 120. */
  readonly minPacketsPerMinute: number;
  readonly maxPacketsPerMinute: number;
  readonly maxMiners: number;
  readonly maxPairs: number;
  /** Addresses remembered that a name of a pool led to. */
  readonly maxAddresses: number;
}

export const DEFAULT_MINING_OPTIONS: MiningOptions = {
  minScore: 0.45,
  minSessionMs: 600_000,
  maxMeanPayloadBytes: 400,
  minPacketsPerMinute: 0.5,
  maxPacketsPerMinute: 120,
  maxMiners: 4096,
  maxPairs: 8192,
  maxAddresses: 4096,
};

const NAME_POINTS = [0, 0.3, 0.5] as const;
const PORT_POINTS = 0.2;
const SHAPE_POINTS = 0.25;
const MOST_POINTS = 0.85;

/** Ports that the instructions of pools name and no usual service has; 443, 80 and 8080, which they name too, say nothing. */
const POOL_PORTS: ReadonlySet<number> = new Set([
  1314, 3032, 3332, 3333, 3334, 3335, 3336, 3337, 3338, 3339, 3353, 3355, 3357, 4444, 5555, 6633, 6666, 7777, 9999,
  10128, 10300, 10343, 12222, 13333, 14433, 14444, 15555, 16666, 17777, 18888, 19999, 20535, 20555, 20580, 45560, 45700,
  45791,
]);

class Miner extends Case {
  /** A port where all flows have one. */
  port: number | undefined;
  bytes = 0;
  answered = 0;
  accepted = 0;
  sharing = 0;
}

class Suspect extends Case {
  name = NO_NAME;
  hasShape = false;
  longestMs = 0;
  bytes = 0;
  isTls = false;
}

export function createMiningDetector(context: NetworkContext, options: Partial<MiningOptions> = {}): Detector {
  return new MiningDetector(context, { ...DEFAULT_MINING_OPTIONS, ...options });
}

class MiningDetector implements Detector {
  readonly id = miningInfo.id;
  readonly #context: NetworkContext;
  readonly #options: MiningOptions;
  readonly #miners: CaseBook<Miner>;
  readonly #suspects: CaseBook<Suspect>;
  readonly #addresses: BoundedMap<string, { name: number }>;

  constructor(context: NetworkContext, options: MiningOptions) {
    this.#context = context;
    this.#options = options;
    this.#miners = new CaseBook('miners', options.maxMiners, Miner);
    this.#suspects = new CaseBook('pairs that may be miner and pool', options.maxPairs, Suspect);
    this.#addresses = new BoundedMap(new Cap('addresses of mining pools', options.maxAddresses));
  }

  observe(table: Table): void {
    const flows = bindFlows(table);
    const isTcp = classesOf(flows.protocol, (protocol) => protocol === 'tcp');
    const kinds = classesOf(flows.service, serviceClass);
    const serverName = new Judged(flows.serverName, poolName, NO_NAME);
    const names = DnsNames.of(flows.dnsQuery);
    const queries = flows.dnsQuery.codes;
    const byContent = classesOf(flows.serviceBasis, (basis) => basis === 'content');
    const protocols = flows.protocol.codes;
    const services = flows.service.codes;
    for (let row = 0; row < flows.rowCount; row++) {
      const kind = kinds[(services[row] as number) + 1] ?? UNKNOWN;
      if (kind === DNS) {
        if ((queries[row] as number) < 0) continue;
        const pool = poolOf(names.marksAt(row));
        if (pool !== NO_NAME) this.#learn(flows, row, pool);
        continue;
      }
      if (isTcp[(protocols[row] as number) + 1] === 0) continue;
      if (kind === STRATUM) this.#mines(flows, row);
      else if (kind !== OTHER || byContent[(flows.serviceBasis.codes[row] as number) + 1] === 0)
        this.#suspect(flows, row, serverName.at(row), kind === TLS);
    }
  }

  #learn(flows: FlowBatch, row: number, name: number): void {
    for (const address of answeredAddresses(textAt(flows.dnsAnswers, row))) {
      const known = this.#addresses.obtain(address, () => ({ name }));
      if (known !== undefined && name > known.name) known.name = name;
    }
  }

  #mines(flows: FlowBatch, row: number): void {
    const isTurned = this.#isTurned(flows, row);
    const miner = textAt(isTurned ? flows.responder : flows.initiator, row);
    const pool = textAt(isTurned ? flows.initiator : flows.responder, row);
    const one = miner === undefined || pool === undefined ? undefined : this.#miners.obtain(miner);
    if (one === undefined || pool === undefined) return;
    const port = numberAt(isTurned ? flows.initiatorPort : flows.responderPort, row);
    if (one.flowCount === 0) one.port = port;
    else if (one.port !== port) one.port = undefined;
    const returned = numberAt(isTurned ? flows.initiatorPayloadBytes : flows.responderPayloadBytes, row) ?? 0;
    one.bytes += (numberAt(isTurned ? flows.responderPayloadBytes : flows.initiatorPayloadBytes, row) ?? 0) + returned;
    const isShare = operationsOf(textAt(flows.operations, row) ?? '').some((operation) => SHARES.has(operation));
    const isAccepted = textAt(flows.login, row) === 'accepted';
    if (isShare) one.sharing++;
    if (isAccepted) one.accepted++;
    if (returned > 0) one.answered++;
    // What computes, and what was let in, is the better evidence.
    this.#miners.saw(
      one,
      flows.table,
      row,
      timesOf(flows, row, pool),
      isShare ? 0 : isAccepted ? 1 : returned > 0 ? 2 : 3,
    );
  }

  /** Of a session whose beginning was not seen, whoever spoke first stands as initiator: the pool, where it has a port of pools, or is outside and the other is not. */
  #isTurned(flows: FlowBatch, row: number): boolean {
    if (textAt(flows.outcome, row) !== 'unknown') return false;
    const from = POOL_PORTS.has(numberAt(flows.initiatorPort, row) ?? -1);
    const to = POOL_PORTS.has(numberAt(flows.responderPort, row) ?? -1);
    if (from !== to) return from;
    const { isHome } = this.#context;
    return isHome(textAt(flows.responder, row) ?? '') && !isHome(textAt(flows.initiator, row) ?? '');
  }

  #suspect(flows: FlowBatch, row: number, name: number, isTls: boolean): void {
    const durationMs = numberAt(flows.durationMs, row) ?? 0;
    const port = numberAt(flows.responderPort, row);
    const { minSessionMs } = this.#options;
    if (port === undefined || (name === NO_NAME && durationMs < minSessionMs && !POOL_PORTS.has(port))) return;
    const sent = numberAt(flows.initiatorPayloadBytes, row) ?? 0;
    const returned = numberAt(flows.responderPayloadBytes, row) ?? 0;
    if (sent === 0 || returned === 0) return;
    // Text that can be read and is no Stratum is something else.
    if (!isTls && readableText(textAt(flows.initiatorFirstBytes, row)) !== undefined) return;
    const hasShape = durationMs >= minSessionMs && this.#hasShape(flows, row, durationMs, sent + returned);
    if (name === NO_NAME && !hasShape && !POOL_PORTS.has(port)) return;
    const miner = textAt(flows.initiator, row);
    const pool = textAt(flows.responder, row);
    if (miner === undefined || pool === undefined) return;
    const one = this.#suspects.obtain(miner, pool, port);
    if (one === undefined) return;
    one.name = Math.max(one.name, name);
    one.hasShape ||= hasShape;
    one.isTls ||= isTls;
    one.longestMs = Math.max(one.longestMs, durationMs);
    one.bytes += sent + returned;
    this.#suspects.saw(one, flows.table, row, timesOf(flows, row, pool), hasShape ? 0 : 1);
  }

  #hasShape(flows: FlowBatch, row: number, durationMs: number, payloadBytes: number): boolean {
    const { maxMeanPayloadBytes, minPacketsPerMinute, maxPacketsPerMinute } = this.#options;
    const sent = numberAt(flows.initiatorPackets, row) ?? 0;
    const returned = numberAt(flows.responderPackets, row) ?? 0;
    const packets = sent + returned;
    const perMinute = packets / (durationMs / 60_000);
    return (
      Math.min(sent, returned) >= 5 &&
      payloadBytes / packets <= maxMeanPayloadBytes &&
      perMinute >= minPacketsPerMinute &&
      perMinute <= maxPacketsPerMinute
    );
  }

  saturations(): Saturation[] {
    return [...this.#miners.saturations(this.id), ...this.#suspects.saturations(this.id, [this.#addresses.cap])];
  }

  finish(): Detection[] {
    const found = this.#miners.entries().map(([miner, one]) => this.#minerDetection(miner, one));
    for (const [key, one] of this.#suspects.entries()) {
      const [miner = '', pool = '', port = ''] = key.split(' ');
      one.name = Math.max(one.name, this.#addresses.get(pool)?.name ?? NO_NAME);
      const hasPort = POOL_PORTS.has(Number(port));
      const points = (NAME_POINTS[one.name] ?? 0) + (hasPort ? PORT_POINTS : 0) + (one.hasShape ? SHAPE_POINTS : 0);
      const score = Number(Math.min(MOST_POINTS, points).toFixed(2));
      // A name alone is a visit of the pool's pages, the shape alone a push service.
      if (score < this.#options.minScore || (!hasPort && !one.hasShape)) continue;
      found.push({
        kind: 'mining.pool',
        detector: this.id,
        actor: miner,
        peers: [pool],
        peerCount: 1,
        port: Number(port),
        protocol: 'tcp',
        ...(one.isTls ? { service: 'tls' } : {}),
        firstMs: one.span.known ? one.span.firstMs : 0,
        lastMs: one.span.known ? one.span.lastMs : 0,
        score,
        reasons: suspectReasons(one, Number(port), hasPort),
        flows: this.#suspects.flows(one),
        flowCount: one.flowCount,
      });
    }
    return found.sort(byScore);
  }

  #minerDetection(miner: string, one: Miner): Detection {
    const pools = one.peers.count;
    const span = one.span.lengthMs;
    const reasons: Reason[] = [
      {
        name: 'mining.connections',
        value: one.flowCount,
        unit: 'connections',
        sentence: `The content of ${counted(one.flowCount, 'connection')} to ${counted(pools, 'pool')} is the protocol of mining pools.`,
      },
      {
        name: 'mining.time',
        value: span,
        unit: 'ms',
        sentence: `From the first to the last of it ${humanDuration(span)} passed, and ${humanBytes(one.bytes)} of payload went both ways.`,
      },
    ];
    if (one.accepted > 0)
      reasons.push({
        name: 'mining.accepted',
        value: one.accepted,
        unit: 'connections',
        sentence: `A pool accepted its account on ${counted(one.accepted, 'connection')}.`,
      });
    if (one.sharing > 0)
      reasons.push({
        name: 'mining.shares',
        value: one.sharing,
        unit: 'connections',
        sentence: `It handed in results of its computing on ${counted(one.sharing, 'connection')}: the miner is at work.`,
      });
    if (one.answered === 0)
      reasons.push({
        name: 'mining.unanswered',
        value: one.flowCount,
        unit: 'connections',
        sentence: 'No pool answered: a miner is there, and found no work.',
      });
    reasons.push({
      name: 'mining.scope',
      value: this.#context.isHome(miner) ? 'inside' : 'outside',
      unit: '',
      sentence: `The miner is ${this.#context.isHome(miner) ? 'inside' : 'outside'} the home network.`,
    });
    return {
      kind: 'mining.stratum',
      detector: this.id,
      actor: miner,
      peers: one.peers.top(),
      peerCount: pools,
      ...(one.port === undefined ? {} : { port: one.port }),
      protocol: 'tcp',
      service: 'stratum',
      firstMs: one.span.known ? one.span.firstMs : 0,
      lastMs: one.span.known ? one.span.lastMs : 0,
      score: one.sharing > 0 ? 0.99 : one.accepted + one.answered > 0 ? 0.9 : 0.8,
      reasons,
      flows: this.#miners.flows(one),
      flowCount: one.flowCount,
    };
  }
}

const UNKNOWN = 0;
const STRATUM = 1;
const DNS = 2;
const TLS = 3;
const OTHER = 4;

function serviceClass(service: string): number {
  if (service === 'stratum') return STRATUM;
  if (service === 'dns') return DNS;
  return service === 'tls' ? TLS : OTHER;
}

/** Operations by which a miner hands in what it computed. */
const SHARES: ReadonlySet<string> = new Set(['submit', 'mining.submit', 'eth_submitWork']);

function timesOf(
  flows: FlowBatch,
  row: number,
  peer: string,
): { peer: string; startMs: number | undefined; endMs: number | undefined } {
  return { peer, startMs: numberAt(flows.startMs, row), endMs: numberAt(flows.endMs, row) };
}

function suspectReasons(one: Suspect, port: number, hasPort: boolean): Reason[] {
  const reasons: Reason[] = [];
  if (one.name !== NO_NAME)
    reasons.push({
      name: 'mining.name',
      value: one.name === KNOWN_POOL ? 'known' : 'alike',
      unit: '',
      contribution: NAME_POINTS[one.name] ?? 0,
      sentence:
        one.name === KNOWN_POOL
          ? 'The name of the other side is one of a mining pool that is known.'
          : 'The name of the other side reads like one of a mining pool.',
    });
  if (hasPort)
    reasons.push({
      name: 'mining.port',
      value: port,
      unit: '',
      contribution: PORT_POINTS,
      sentence: `Port ${port} is one that mining pools use and no usual service has.`,
    });
  if (one.hasShape)
    reasons.push({
      name: 'mining.shape',
      value: one.longestMs,
      unit: 'ms',
      contribution: SHAPE_POINTS,
      sentence: `A session of ${humanDuration(one.longestMs)} consists of small messages at a steady pace, as jobs and results of mining are.`,
    });
  reasons.push({
    name: 'mining.bytes',
    value: one.bytes,
    unit: 'bytes',
    sentence: `${counted(one.flowCount, 'connection')} carried ${humanBytes(one.bytes)} of payload; what is in it cannot be read.`,
  });
  return reasons;
}
