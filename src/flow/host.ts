import {
  isValid,
  NO_ROW,
  numberAt,
  type StringColumn,
  type Table,
  TextHashes,
  TextNumbering,
  TextTable,
  textAt,
  widened,
} from '../core/index.ts';
import { CountedLists } from './counted-lists.ts';
import { NO_LABEL, PortLabels } from './port-label.ts';
import { bindFlows } from './schema.ts';

/** What the flows tell of one host. */
export interface HostFacts {
  readonly address: string;
  readonly mac: string | undefined;
  /** Whether any packet came from it; an address that was only asked for may be nobody's. */
  readonly spoke: boolean;
  readonly flowsOut: number;
  readonly flowsIn: number;
  readonly bytesOut: number;
  readonly bytesIn: number;
  readonly firstMs: number;
  readonly lastMs: number;
  /** Answered flows by service it answered on, as in 'http/80' or 'udp/5000'. */
  readonly services: ReadonlyMap<string, number> | undefined;
  /** Names that flows to it carried (SNI, Host). */
  readonly names: ReadonlyMap<string, number> | undefined;
}

const MAX_SERVICES = 64;
const MAX_NAMES = 32;
/** Longer than a host name may be (RFC 1035 section 2.3.4), and so none. */
const MAX_NAME_LENGTH = 255;
/** Services, and names, of all hosts together, for each place that there is for a host. */
const TEXTS_PER_HOST = 2;

/**
 * Hosts seen in flows, at most `capacity`; further addresses are refused and counted. A host's MAC is known only from links of the same segment; one that
 * stands for many addresses is a router's and is given to none (`finish`). A host is a number into columns.
 */
export class HostTable {
  readonly capacity: number;
  /** Flow ends whose address had no place. */
  refused = 0;
  #addresses = new TextTable();
  #macs = new TextTable();
  /** The number of a host's MAC + 1; 0 where none is known. */
  #mac = new Int32Array(0);
  #spoke = new Uint8Array(0);
  #flowsOut = new Float64Array(0);
  #flowsIn = new Float64Array(0);
  #bytesOut = new Float64Array(0);
  #bytesIn = new Float64Array(0);
  #firstMs = new Float64Array(0);
  #lastMs = new Float64Array(0);
  #services: Tally;
  #labels = new PortLabels();
  #names: Tally;
  #nameTexts = new TextTable();

  constructor(capacity = 32_768) {
    this.capacity = capacity;
    this.#services = new Tally(MAX_SERVICES, TEXTS_PER_HOST * capacity);
    this.#names = new Tally(MAX_NAMES, TEXTS_PER_HOST * capacity);
  }

  /** How many services and names of all hosts together may be told apart, and how many times one more had no place. */
  get texts(): { readonly capacity: number; readonly refused: number } {
    return {
      capacity: 2 * TEXTS_PER_HOST * this.capacity,
      refused: this.#services.refused + this.#names.refused,
    };
  }

  observe(table: Table): void {
    const f = bindFlows(table);
    const initiators = this.#resolve(f.initiator);
    const responders = this.#resolve(f.responder);
    const initiatorMacs = new TextNumbering(this.#macs, f.initiatorMac);
    const responderMacs = new TextNumbering(this.#macs, f.responderMac);
    const labels = this.#labels.columns(f.service, f.protocol, 'undefined');
    const serverNames = new TextNumbering(this.#nameTexts, f.serverName);
    const httpHosts = new TextNumbering(this.#nameTexts, f.httpHost);
    for (let row = 0; row < table.rowCount; row++) {
      const from = hostAt(initiators, f.initiator.codes[row]);
      const to = hostAt(responders, f.responder.codes[row]);
      const startMs = f.startMs.values[row];
      const endMs = f.endMs.values[row];
      const out = f.initiatorBytes.values[row];
      const back = f.responderBytes.values[row];
      if (from === REFUSED) this.refused++;
      else if (from !== MISSING) {
        this.#touch(from, startMs, endMs);
        this.#flowsOut[from]++;
        if (!isValid(f.initiatorPackets, row) || f.initiatorPackets.values[row] > 0) this.#spoke[from] = 1;
        this.#bytesOut[from] += out;
        this.#bytesIn[from] += back;
        if (this.#mac[from] === 0) this.#noteMac(from, f.initiatorMac.codes[row], initiatorMacs);
      }
      if (to === REFUSED) this.refused++;
      else if (to !== MISSING) {
        this.#touch(to, startMs, endMs);
        this.#flowsIn[to]++;
        this.#bytesOut[to] += back;
        this.#bytesIn[to] += out;
        // A log that does not count packets may still say that there was an answer.
        if (
          isValid(f.responderPackets, row) ? f.responderPackets.values[row] > 0 : textAt(f.outcome, row) === 'answered'
        ) {
          this.#spoke[to] = 1;
          if (this.#mac[to] === 0) this.#noteMac(to, f.responderMac.codes[row], responderMacs);
          // A reset says that nothing listens there.
          if (textAt(f.outcome, row) === 'refused') continue;
          const port = numberAt(f.responderPort, row);
          if (port !== undefined && !this.#services.raise(to, labels.find(row, port)) && this.#services.admits(to))
            this.#services.add(to, labels.take(row, port));
          const serverName = f.serverName.codes[row];
          const httpHost = f.httpHost.codes[row];
          if (serverName >= 0) this.#countName(to, serverNames, serverName, textAt(f.responder, row));
          else if (httpHost >= 0) this.#countName(to, httpHosts, httpHost, textAt(f.responder, row));
        }
      }
    }
  }

  #resolve(addresses: StringColumn): Int32Array {
    const { dictionary } = addresses;
    const hashes = new TextHashes(addresses);
    const hosts = new Int32Array(dictionary.length);
    for (let i = 0; i < dictionary.length; i++) hosts[i] = this.#numberOf(dictionary[i], hashes.of(i));
    return hosts;
  }

  #numberOf(address: string, hash: number): number {
    const known = this.#addresses.find(address, hash);
    if (known !== NO_ROW) return known;
    if (this.#addresses.size >= this.capacity) return REFUSED;
    const host = this.#addresses.add(address, hash);
    if (host === NO_ROW) return REFUSED;
    if (host >= this.#spoke.length) this.#grow();
    this.#firstMs[host] = Number.POSITIVE_INFINITY;
    this.#lastMs[host] = Number.NEGATIVE_INFINITY;
    return host;
  }

  #noteMac(host: number, code: number, macs: TextNumbering): void {
    if (code >= 0) this.#mac[host] = macs.take(code) + 1;
  }

  #countName(host: number, names: TextNumbering, code: number, address: string | undefined): void {
    if (this.#names.raise(host, names.find(code))) return;
    const name = names.text(code);
    if (name.length <= MAX_NAME_LENGTH && name !== address && this.#names.admits(host))
      this.#names.add(host, names.take(code));
  }

  #touch(host: number, startMs: number, endMs: number): void {
    if (startMs < this.#firstMs[host]) this.#firstMs[host] = startMs;
    if (endMs > this.#lastMs[host]) this.#lastMs[host] = endMs;
  }

  #grow(): void {
    const n = Math.max(64, 2 * this.#spoke.length);
    this.#mac = widened(this.#mac, n);
    this.#spoke = widened(this.#spoke, n);
    this.#flowsOut = widened(this.#flowsOut, n);
    this.#flowsIn = widened(this.#flowsIn, n);
    this.#bytesOut = widened(this.#bytesOut, n);
    this.#bytesIn = widened(this.#bytesIn, n);
    this.#firstMs = widened(this.#firstMs, n);
    this.#lastMs = widened(this.#lastMs, n);
    this.#services.widen(n);
    this.#names.widen(n);
  }

  /** How many hosts spoke. */
  get count(): number {
    return this.#speakers().length;
  }

  /** All hosts that spoke, most bytes first, then by address; MACs of routers and group addresses taken away. With `most`, the first so many. */
  finish(most = Number.POSITIVE_INFINITY): HostFacts[] {
    const owners = new Int32Array(this.#macs.size);
    for (let host = 0; host < this.#addresses.size; host++) if (this.#mac[host] > 0) owners[this.#mac[host] - 1]++;
    const bytes = this.#bytesOut.map((out, host) => out + this.#bytesIn[host]);
    const speakers = this.#speakers();
    const addresses = new Map(speakers.map((host) => [host, this.#addresses.text(host)]));
    const address = (host: number): string => addresses.get(host) ?? '';
    return speakers
      .sort((a, b) => bytes[b] - bytes[a] || (address(a) < address(b) ? -1 : 1))
      .slice(0, most)
      .map((host): HostFacts => {
        const number = this.#mac[host] - 1;
        const mac = number < 0 ? undefined : this.#macs.text(number);
        const isOwn = mac !== undefined && !isGroup(mac) && owners[number] <= MAC_ADDRESSES;
        return {
          address: address(host),
          mac: isOwn ? mac : undefined,
          spoke: true,
          flowsOut: this.#flowsOut[host],
          flowsIn: this.#flowsIn[host],
          bytesOut: this.#bytesOut[host],
          bytesIn: this.#bytesIn[host],
          firstMs: this.#firstMs[host],
          lastMs: this.#lastMs[host],
          services: this.#services.of(host, (label) => this.#labels.text(label)),
          names: this.#names.of(host, (name) => this.#nameTexts.text(name)),
        };
      });
  }

  #speakers(): number[] {
    const hosts: number[] = [];
    const unspecified = this.#addresses.find(UNSPECIFIED);
    for (let host = 0; host < this.#addresses.size; host++)
      if (this.#spoke[host] === 1 && host !== unspecified) hosts.push(host);
    return hosts;
  }
}

/** The number of an address that found no place. */
const REFUSED = -1;
/** In place of a number where a row has no address. */
const MISSING = -2;

function hostAt(hosts: Int32Array, code: number): number {
  return code < 0 ? MISSING : hosts[code];
}

/** What a host says it is before DHCP has given it an address. */
const UNSPECIFIED = '0.0.0.0';

/** A MAC behind more addresses than this is taken for a router's: one device has an IPv4, a link-local and some IPv6 addresses. */
const MAC_ADDRESSES = 6;

/** A group address, or none at all. */
function isGroup(mac: string): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 1) !== 0 || mac === '00:00:00:00:00:00';
}

/** Counts what has a number per host, of which at most `cap` are told apart, and at most `most` of all hosts; `refused` counts what is beyond the latter. */
class Tally {
  refused = 0;
  readonly #cap: number;
  readonly #most: number;
  readonly #counts: CountedLists;

  constructor(cap: number, most: number) {
    this.#cap = cap;
    this.#most = most;
    this.#counts = new CountedLists(1, most);
  }

  /** Makes room for `n` hosts. */
  widen(n: number): void {
    this.#counts.widen(n);
  }

  /** Counts a number that the host has; false where it has not. -1 is no number. */
  raise(host: number, number: number): boolean {
    return number !== NO_LABEL && this.#counts.raise(host, number);
  }

  /** Whether the host may have one more; counts what is refused. */
  admits(host: number): boolean {
    if (this.#counts.length(host) >= this.#cap) return false;
    if (this.#counts.size < this.#most) return true;
    this.refused++;
    return false;
  }

  /** Counts a number that the host has not, for which there is room; -1 is none and is refused. */
  add(host: number, number: number): void {
    if (number === NO_LABEL || !this.#counts.add(host, number)) this.refused++;
  }

  /** Counts by text, in the order in which they came. Undefined where nothing was counted. */
  of(host: number, textOf: (number: number) => string): ReadonlyMap<string, number> | undefined {
    const counts = new Map<string, number>();
    for (const [number, times] of this.#counts.entries(host)) counts.set(textOf(number), times);
    return counts.size === 0 ? undefined : counts;
  }
}

/** Keys by falling count, then by name. */
export function mostFrequent(map: ReadonlyMap<string, number> | undefined, most: number): string[] {
  return [...(map ?? [])]
    .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
    .slice(0, most)
    .map(([key]) => key);
}
