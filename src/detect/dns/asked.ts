import { widened } from '../../core/index.ts';
import { type Cap, DistinctCounter, lighterHalf, PeerCounter } from '../bounded/bounded.ts';
import { HashRows, NO_ROW } from '../bounded/hash-rows.ts';
import { NumberCounts, NumberSets, type OwnedByRows, TextSets } from '../bounded/owned-set.ts';
import { NO_BITS, TextNumbers } from '../bounded/text-number.ts';

/** No group: not found, or refused. */
export const NO_GROUP = NO_ROW;
const NO_PORT = -1;
const NO_DAY = -(2 ** 31);
const MAX_TYPES = 16;
/** Different answers that are told apart, and addresses that are looked for among the contacts. */
export const MAX_ANSWERS = 64;
export const MAX_ADDRESSES = 32;
const MAX_SERVERS = 16;

/** The day (UTC) of a time; of times without one, all the same. */
export function dayOf(ms: number | undefined): number {
  const day = Math.floor((ms ?? 0) / 86_400_000);
  return day > NO_DAY && day < 2 ** 31 ? day : NO_DAY;
}

/** What one client asked below one domain on one day. */
export interface Asked {
  readonly client: string;
  readonly domain: string;
  /** The different names kept, in no order. */
  readonly names: readonly string[];
  /** Of the different names kept. */
  readonly characters: number;
  /** Different names that were told. */
  readonly told: number;
  /** Whether these were counted beyond those kept, and are an estimate. */
  readonly isEstimate: boolean;
  /** Different names, those that no flow tells included. */
  readonly distinct: number;
  readonly questions: number;
  /** Questions that flows hold beyond those that they tell, taken to be new names, and their characters. */
  readonly untold: number;
  readonly untoldCharacters: number;
  /** Questions by type. */
  readonly types: readonly (readonly [string, number])[];
  readonly answerBytes: number;
  readonly answered: number;
  readonly failed: number;
  readonly loopback: number;
  /** Different answers, `MAX_ANSWERS` for as many or more. */
  readonly answers: number;
  /** `hash32` of addresses in the answers, as signed numbers. */
  readonly addresses: Int32Array;
  readonly servers: readonly string[];
  readonly serverCount: number;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly flows: number;
  readonly port: number | undefined;
  readonly protocol: string | undefined;
  /** Number of the collector. */
  readonly evidence: number;
}

/** What few groups have. */
interface Rare {
  /** Counts different names once there are more than are kept. */
  more: DistinctCounter | undefined;
  untold: number;
  untoldCharacters: number;
  /** Once it asked more than one. */
  servers: PeerCounter | undefined;
}

/**
 * The groups of the detector of tunnels in columns, some 150 bytes each and those of their names: there are tens of thousands, most of which are a name or two. A group is a number; groups lie
 * in the order in which they came, without gaps. At the cap the lighter half goes, of equally light ones those that came first: `add` may give all others new numbers.
 */
export class AskedGroups {
  readonly cap: Cap;
  readonly #release: (evidence: number) => void;
  readonly #rows: HashRows;
  readonly #texts = new TextNumbers();
  #domain: string[] = [];
  #client = new Int32Array(0);
  #day = new Int32Array(0);
  #evidence = new Int32Array(0);
  #names = new Int32Array(0);
  /** Of the names kept: the heavier groups stay. */
  #characters = new Int32Array(0);
  #questions = new Float64Array(0);
  #answerBytes = new Float64Array(0);
  #answered = new Int32Array(0);
  #failed = new Int32Array(0);
  #loopback = new Int32Array(0);
  #flows = new Int32Array(0);
  #port = new Int32Array(0);
  /** Numbers of texts; `NO_BITS` where there is none. */
  #protocol = new Int32Array(0);
  /** The first that it asked. */
  #server = new Int32Array(0);
  #firstMs = new Float64Array(0);
  #lastMs = new Float64Array(0);
  readonly #kept = new TextSets();
  readonly #types = new NumberCounts();
  readonly #answers = new NumberSets();
  readonly #addresses = new NumberSets();
  #rare = new Map<number, Rare>();

  /** @param release is told of the collector of each group that goes. */
  constructor(cap: Cap, release: (evidence: number) => void) {
    this.cap = cap;
    this.#release = release;
    this.#rows = new HashRows(cap.cap);
  }

  get size(): number {
    return this.#rows.size;
  }

  /** Names kept of all groups. */
  get names(): number {
    return this.#kept.size;
  }

  /** `hash` is that of `pairHash` over client, domain and day, `bits` are those of the client. */
  find(hash: number, client: string, bits: number, domain: string, day: number): number {
    for (let group = this.#rows.first(hash); group !== NO_ROW; group = this.#rows.further())
      if (
        this.#day[group] === day &&
        this.#domain[group] === domain &&
        this.#client[group] === this.#texts.find(client, bits)
      )
        return group;
    return NO_GROUP;
  }

  /** A group that is new; `NO_GROUP` where its way through the table would be too long, which is counted as refused. */
  add(hash: number, client: string, bits: number, domain: string, day: number, evidence: number): number {
    if (this.size >= this.cap.cap) this.cap.refused += this.#dropLightest();
    const group = this.#rows.add(hash);
    if (group === NO_ROW) {
      this.cap.refused++;
      return NO_GROUP;
    }
    if (group >= this.#client.length) this.#widen(this.#rows.capacity);
    this.#client[group] = this.#texts.take(client, bits);
    this.#domain[group] = domain;
    this.#day[group] = day;
    this.#evidence[group] = evidence;
    for (const column of this.#counts()) column[group] = 0;
    this.#port[group] = NO_PORT;
    this.#protocol[group] = NO_BITS;
    this.#server[group] = NO_BITS;
    this.#firstMs[group] = Number.POSITIVE_INFINITY;
    this.#lastMs[group] = Number.NEGATIVE_INFINITY;
    return group;
  }

  evidence(group: number): number {
    return this.#evidence[group] as number;
  }

  /** Counts questions of a type. */
  asked(group: number, type: string, count: number): void {
    this.#questions[group] = (this.#questions[group] as number) + count;
    const known = this.#texts.find(type);
    if (known !== NO_BITS && this.#types.raise(group, known, count)) return;
    if (this.#types.size(group) < MAX_TYPES) this.#types.add(group, this.#texts.take(type), count);
  }

  /** Whether the first `length` characters of `text` are one of the names kept; `hash` is theirs. */
  hasName(group: number, hash: number, text: string, length: number): boolean {
    return this.#kept.has(group, hash, text, length);
  }

  /** How many names are kept of a group. */
  namesOf(group: number): number {
    return this.#names[group] as number;
  }

  /** Keeps a name that is new; false where there is no way to it. */
  addName(group: number, hash: number, text: string, length: number): boolean {
    if (!this.#kept.add(group, hash, text, length)) return false;
    this.#names[group] = (this.#names[group] as number) + 1;
    this.#characters[group] = (this.#characters[group] as number) + length;
    return true;
  }

  /** Whether different names are only counted from here on. */
  isCounting(group: number): boolean {
    return this.#rare.size > 0 && this.#rare.get(group)?.more !== undefined;
  }

  /** Counts a name, and does no more than that with all names from here on. */
  countName(group: number, name: string): void {
    const rare = this.#rareOf(group);
    if (rare.more === undefined) {
      rare.more = new DistinctCounter(0);
      for (const known of this.#kept.members(group)) rare.more.add(known);
    }
    rare.more.add(name);
  }

  addUntold(group: number, names: number, characters: number): void {
    if (names === 0 && characters === 0) return;
    const rare = this.#rareOf(group);
    rare.untold += names;
    rare.untoldCharacters += characters;
  }

  /** Counts a flow to a server. */
  sawFlow(group: number, server: string, bits: number): void {
    const flows = this.#flows[group] as number;
    this.#flows[group] = flows + 1;
    if (this.#server[group] === NO_BITS) this.#server[group] = this.#texts.take(server, bits);
    const first = this.#server[group] as number;
    let servers = this.#rare.size === 0 ? undefined : this.#rare.get(group)?.servers;
    if (servers === undefined) {
      if (first === this.#texts.find(server, bits)) return;
      servers = new PeerCounter(MAX_SERVERS);
      servers.add(this.#texts.text(first), flows);
      this.#rareOf(group).servers = servers;
    }
    servers.add(server);
  }

  sawTime(group: number, ms: number | undefined): void {
    if (ms === undefined || !Number.isFinite(ms)) return;
    if (ms < (this.#firstMs[group] as number)) this.#firstMs[group] = ms;
    if (ms > (this.#lastMs[group] as number)) this.#lastMs[group] = ms;
  }

  /** The first ones that are known stay. */
  sawTransport(group: number, port: number | undefined, protocol: string | undefined): void {
    if (this.#port[group] === NO_PORT && port !== undefined) this.#port[group] = port;
    if (this.#protocol[group] === NO_BITS && protocol !== undefined) this.#protocol[group] = this.#texts.take(protocol);
  }

  sawAnswerBytes(group: number, bytes: number): void {
    this.#answerBytes[group] = (this.#answerBytes[group] as number) + bytes;
  }

  sawFailure(group: number): void {
    this.#answered[group] = (this.#answered[group] as number) + 1;
    this.#failed[group] = (this.#failed[group] as number) + 1;
  }

  sawLoopback(group: number): void {
    this.#answered[group] = (this.#answered[group] as number) + 1;
    this.#loopback[group] = (this.#loopback[group] as number) + 1;
  }

  /** An answer that says something. */
  sawAnswer(group: number): void {
    this.#answered[group] = (this.#answered[group] as number) + 1;
  }

  /** Whether different answers are still told apart. */
  wantsAnswers(group: number): boolean {
    return this.#answers.size(group) < MAX_ANSWERS;
  }

  addAnswer(group: number, hash: number): void {
    this.#answers.add(group, hash);
  }

  /** Whether addresses of answers are still wanted. */
  wantsAddresses(group: number): boolean {
    return this.#addresses.size(group) < MAX_ADDRESSES;
  }

  addAddress(group: number, hash: number): void {
    this.#addresses.add(group, hash);
  }

  /** Different names, those that no flow tells included. */
  distinct(group: number): number {
    const rare = this.#rare.get(group);
    return Math.min(this.#questions[group] as number, this.#told(group, rare) + (rare?.untold ?? 0));
  }

  /** Whether any time is known. */
  hasTime(group: number): boolean {
    return (this.#firstMs[group] as number) <= (this.#lastMs[group] as number);
  }

  at(group: number): Asked {
    const rare = this.#rare.get(group);
    const port = this.#port[group] as number;
    const protocol = this.#protocol[group] as number;
    const server = this.#server[group] as number;
    return {
      client: this.#texts.text(this.#client[group] as number),
      domain: this.#domain[group] as string,
      names: this.#kept.members(group),
      characters: this.#characters[group] as number,
      told: this.#told(group, rare),
      isEstimate: rare?.more !== undefined,
      distinct: this.distinct(group),
      questions: this.#questions[group] as number,
      untold: rare?.untold ?? 0,
      untoldCharacters: rare?.untoldCharacters ?? 0,
      types: this.#types.entries(group).map(([type, count]) => [this.#texts.text(type), count]),
      answerBytes: this.#answerBytes[group] as number,
      answered: this.#answered[group] as number,
      failed: this.#failed[group] as number,
      loopback: this.#loopback[group] as number,
      answers: this.#answers.size(group),
      addresses: this.#addresses.members(group),
      servers: rare?.servers?.top() ?? [server === NO_BITS ? '' : this.#texts.text(server)],
      serverCount: rare?.servers?.count ?? 1,
      firstMs: this.#firstMs[group] as number,
      lastMs: this.#lastMs[group] as number,
      flows: this.#flows[group] as number,
      port: port === NO_PORT ? undefined : port,
      protocol: protocol === NO_BITS ? undefined : this.#texts.text(protocol),
      evidence: this.#evidence[group] as number,
    };
  }

  #told(group: number, rare: Rare | undefined): number {
    return rare?.more?.count ?? (this.#names[group] as number);
  }

  #rareOf(group: number): Rare {
    const known = this.#rare.get(group);
    if (known !== undefined) return known;
    const made: Rare = { more: undefined, untold: 0, untoldCharacters: 0, servers: undefined };
    this.#rare.set(group, made);
    return made;
  }

  #counts(): (Int32Array | Float64Array)[] {
    return [
      this.#names,
      this.#characters,
      this.#questions,
      this.#answerBytes,
      this.#answered,
      this.#failed,
      this.#loopback,
      this.#flows,
    ];
  }

  /** Drops the lighter half, at least one: how many went. */
  #dropLightest(): number {
    const before = this.size;
    const isLight = lighterHalf(Float64Array.from(this.#characters.subarray(0, before)));
    const kept = new Int32Array(before);
    let n = 0;
    for (let group = 0; group < before; group++) {
      if (isLight(this.#characters[group] as number)) this.#forget(group);
      else kept[n++] = group;
    }
    this.#keep(kept.subarray(0, n));
    return before - n;
  }

  #forget(group: number): void {
    this.#release(this.#evidence[group] as number);
    for (const column of [this.#client, this.#protocol, this.#server]) this.#texts.drop(column[group] as number);
    for (const [type] of this.#types.entries(group)) this.#texts.drop(type);
  }

  #keep(kept: Int32Array): void {
    const columns = [
      ...this.#counts(),
      this.#client,
      this.#day,
      this.#evidence,
      this.#port,
      this.#protocol,
      this.#server,
      this.#firstMs,
      this.#lastMs,
    ];
    const rare = new Map<number, Rare>();
    for (let group = 0; group < kept.length; group++) {
      const from = kept[group] as number;
      for (const column of columns) column[group] = column[from] as number;
      this.#domain[group] = this.#domain[from] as string;
      const odd = this.#rare.get(from);
      if (odd !== undefined) rare.set(group, odd);
    }
    this.#domain.length = kept.length;
    this.#rare = rare;
    const sets: readonly OwnedByRows[] = [this.#kept, this.#types, this.#answers, this.#addresses];
    for (const one of sets) one.keep(kept);
    this.#rows.keep(kept);
  }

  #widen(n: number): void {
    this.#client = widened(this.#client, n);
    this.#day = widened(this.#day, n);
    this.#evidence = widened(this.#evidence, n);
    this.#names = widened(this.#names, n);
    this.#characters = widened(this.#characters, n);
    this.#questions = widened(this.#questions, n);
    this.#answerBytes = widened(this.#answerBytes, n);
    this.#answered = widened(this.#answered, n);
    this.#failed = widened(this.#failed, n);
    this.#loopback = widened(this.#loopback, n);
    this.#flows = widened(this.#flows, n);
    this.#port = widened(this.#port, n);
    this.#protocol = widened(this.#protocol, n);
    this.#server = widened(this.#server, n);
    this.#firstMs = widened(this.#firstMs, n);
    this.#lastMs = widened(this.#lastMs, n);
  }
}
