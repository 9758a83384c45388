import { numberAt, type StringColumn, type Table, textAt } from '../../core/index.ts';
import { bindFlows, type FlowBatch } from '../../flow/index.ts';
import { parseAddress } from '../../wire/index.ts';
import type { BeaconOptions } from '../beacon.ts';
import { BoundedMap, Cap } from '../bounded/bounded.ts';
import { NONE, type PairKey, RowPairs } from '../bounded/pair.ts';
import { TextNumbers } from '../bounded/text-number.ts';
import { ConversationJudge } from '../conversation.ts';
import type { EvidenceFlow, NetworkContext } from '../detection.ts';
import { EvidencePool } from '../evidence/pool.ts';
import { Recordings } from '../recording.ts';
import { shownService } from '../service.ts';
import { codeCount, textOf, toldOf } from '../told.ts';
import { ADMITTED, BeaconPairs, OLD, YOUNG } from './pairs.ts';
import { difference } from './window.ts';

const ADMIT_AT = 3;
/** Evidence flows of a pair. */
export const EVIDENCE_PER_PAIR = 10;
const MAX_NAME_LENGTH = 255;

/** What is held of connections or attempts, within its bounds, while flows go by. */
export class BeaconStore {
  readonly pairs: BeaconPairs;
  /** When flows of anybody began. */
  readonly recordings = new Recordings();
  /** Start of the first and of the last flow, epoch ms. */
  minMs = Number.POSITIVE_INFINITY;
  maxMs = Number.NEGATIVE_INFINITY;
  readonly #what: 'calls' | 'attempts';
  readonly #context: NetworkContext;
  readonly #perPair: number;
  readonly #pairCap: Cap;
  readonly #candidateCap: Cap;
  readonly #connectionCap: Cap;
  readonly #perPairCap: Cap;
  readonly #pool: EvidencePool;
  readonly #earlyPool: EvidencePool;
  readonly #names: BoundedMap<string, number>;
  /** How many there are of each generation. */
  #admitted = 0;
  #young = 0;
  #old = 0;

  constructor(context: NetworkContext, options: BeaconOptions, what: 'calls' | 'attempts') {
    const { maxPairs, maxCandidates, maxConnections, maxConnectionsPerPair, maxNames, maxEvidence } = options;
    const noun = what === 'calls' ? 'connections' : 'attempts';
    this.#what = what;
    this.#context = context;
    this.#perPair = maxConnectionsPerPair;
    this.#pairCap = new Cap(`pairs of hosts with repeated ${noun}`, maxPairs);
    this.#candidateCap = new Cap(`pairs of hosts ${what === 'calls' ? 'seen' : 'tried'} once or twice`, maxCandidates);
    this.#connectionCap = new Cap(`${noun} in all`, maxConnections);
    this.#perPairCap = new Cap(`${noun} of one pair`, maxConnectionsPerPair);
    const texts = new TextNumbers();
    // Admitted ones, and two generations of the others.
    this.pairs = new BeaconPairs({ pairs: maxPairs + 2 * maxCandidates, names: maxNames }, texts);
    this.#pool = new EvidencePool(maxEvidence, texts);
    this.#earlyPool = new EvidencePool(Math.floor(maxEvidence / 4), texts);
    this.#names = new BoundedMap(new Cap('names', maxNames));
  }

  observe(flows: Table): void {
    const batch = bindFlows(flows);
    const ends = new RowPairs(batch);
    const judge = new ConversationJudge(batch);
    const names = new SeriesNames(batch);
    const isHome = toldOf(batch.initiator, this.#context.isHome);
    const areCalls = this.#what === 'calls';
    for (let row = 0; row < batch.rowCount; row++) {
      const startMs = numberAt(batch.startMs, row);
      if (startMs === undefined || !Number.isFinite(startMs)) continue;
      if (startMs < this.minMs) this.minMs = startMs;
      if (startMs > this.maxMs) this.maxMs = startMs;
      this.recordings.saw(startMs);
      if (areCalls ? !judge.isConversation(row) || judge.beganUnseen(row) : !judge.isAttempt(row) || !isHome.at(row))
        continue;
      if (numberAt(batch.continued, row) === 1) continue;
      this.#take(batch, row, startMs, ends, names);
    }
  }

  #take(batch: FlowBatch, row: number, startMs: number, ends: RowPairs, names: SeriesNames): void {
    if (!ends.read(row, textAt(batch.protocol, row))) return;
    const pairs = this.pairs;
    const pair = this.#pairOf(ends);
    if (pair === NONE) return;
    const service = shownService(batch, row);
    if (service !== undefined) pairs.saw(pair, service);
    const isThird = pairs.total(pair) === ADMIT_AT - 1;
    if (isThird) pairs.evidence[pair] = this.#pool.collector(EVIDENCE_PER_PAIR);
    const evidence = at(pairs.evidence, pair);
    if (evidence === NONE) this.#earlyPool.offer(at(pairs.early, pair), batch.table, row);
    else this.#pool.offer(evidence, batch.table, row);
    if (at(pairs.count, pair) >= this.#perPair) {
      this.#perPairCap.refused++;
      pairs.refuse(pair, startMs);
    } else if (pairs.connections >= this.#connectionCap.cap) {
      this.#connectionCap.refused++;
      pairs.refuse(pair, startMs);
    } else {
      const bytes = numberAt(batch.initiatorBytes, row) ?? Number.NaN;
      const id = numberAt(batch.id, row) ?? Number.NaN;
      pairs.keep(pair, startMs, bytes, id, this.#nameOf(names, row));
    }
    if (isThird) this.#admit(pair);
  }

  #pairOf(key: PairKey): number {
    const pairs = this.pairs;
    const known = pairs.table.find(key);
    if (known !== NONE && at(pairs.generation, known) !== OLD) return known;
    if (known !== NONE) {
      // Young again, before there is room made for it: it is not to go with the other old ones.
      this.#old--;
      pairs.generation[known] = ADMITTED;
      this.#makeRoom();
      pairs.generation[known] = YOUNG;
      this.#young++;
      return known;
    }
    this.#makeRoom();
    if (this.#candidateCap.cap < 1) return NONE;
    const early = this.#earlyPool.collector(ADMIT_AT - 1);
    const made = pairs.add(key, early);
    if (made === NONE) {
      this.#earlyPool.release(early);
      this.#candidateCap.refused++;
    } else this.#young++;
    return made;
  }

  /** Where the young candidates are at their cap, the old ones are dropped and the young grow old. */
  #makeRoom(): void {
    if (this.#young < this.#candidateCap.cap) return;
    const { table, generation } = this.pairs;
    for (const pair of table.pairs()) {
      if (at(generation, pair) === OLD) this.#remove(pair);
      else if (at(generation, pair) === YOUNG) generation[pair] = OLD;
    }
    this.#candidateCap.refused += this.#old;
    this.#old = this.#young;
    this.#young = 0;
  }

  #remove(pair: number): void {
    this.#earlyPool.release(at(this.pairs.early, pair));
    const evidence = at(this.pairs.evidence, pair);
    if (evidence !== NONE) this.#pool.release(evidence);
    this.pairs.remove(pair);
  }

  #admit(pair: number): void {
    this.#young--;
    if (this.#admitted >= this.#pairCap.cap) {
      this.#pairCap.refused++;
      this.#remove(pair);
      return;
    }
    this.pairs.generation[pair] = ADMITTED;
    this.#admitted++;
  }

  #nameOf(names: SeriesNames, row: number): number {
    const server = names.servers.codes[row] as number;
    if (server >= 0) return this.#numberOf(names.servers, names.serverNumbers, server, false);
    const host = names.hosts.codes[row] as number;
    return host < 0 ? NO_NAME : this.#numberOf(names.hosts, names.hostNumbers, host, true);
  }

  #numberOf(column: StringColumn, numbers: Int32Array, code: number, hasPort: boolean): number {
    const known = numbers[code] as number;
    if (known !== NOT_ASKED) return known;
    const name = seriesName(textOf(column, code), hasPort);
    if (name === undefined) {
      numbers[code] = NO_NAME;
      return NO_NAME;
    }
    // One that is refused is refused again for each flow, and counted.
    const number = this.#names.obtain(name, () => this.#names.size);
    if (number === undefined) return NO_NAME;
    numbers[code] = number;
    return number;
  }

  /** The names by their numbers. */
  names(): string[] {
    return [...this.#names.keys()];
  }

  caps(): Cap[] {
    return [this.#pairCap, this.#candidateCap, this.#connectionCap, this.#perPairCap, this.#names.cap, this.#pool.cap];
  }

  /** The flows kept of a pair. */
  flowsOf(pair: number): EvidenceFlow[] {
    const evidence = at(this.pairs.evidence, pair);
    const early = this.#earlyPool.flows(at(this.pairs.early, pair));
    return (evidence === NONE ? early : [...early, ...this.#pool.flows(evidence)]).sort(compareFlows);
  }
}

const NO_NAME = -1;
const NOT_ASKED = -2;

/** The names of a batch, with their numbers by code as far as they were asked for. */
class SeriesNames {
  readonly servers: StringColumn;
  readonly hosts: StringColumn;
  readonly serverNumbers: Int32Array;
  readonly hostNumbers: Int32Array;

  constructor({ serverName, httpHost }: FlowBatch) {
    this.servers = serverName;
    this.hosts = httpHost;
    this.serverNumbers = new Int32Array(codeCount(serverName)).fill(NOT_ASKED);
    this.hostNumbers = new Int32Array(codeCount(httpHost)).fill(NOT_ASKED);
  }
}

/** The name of a series: lower case, without port and final dot. Undefined where there is none, or where it is just an address. */
function seriesName(text: string, hasPort: boolean): string | undefined {
  const raw = hasPort ? text.replace(/:\d{1,5}$/, '') : text;
  const name = raw.toLowerCase().replace(/\.$/, '').slice(0, MAX_NAME_LENGTH);
  if (name === '' || parseAddress(name.replace(/^\[|\]$/g, '')) !== undefined) return undefined;
  return name;
}

/** An element that is known to be there. */
function at(values: ArrayLike<number>, i: number): number {
  return values[i] ?? Number.NaN;
}

export function compareFlows(a: EvidenceFlow, b: EvidenceFlow): number {
  return difference(a.startMs, b.startMs) || difference(a.id, b.id);
}
