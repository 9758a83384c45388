import { isValid, numberAt, type Table, textAt } from '../core/index.ts';
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
  #numbers = new Map<string, number>();
  #mac: (string | undefined)[] = [];
  #spoke = new Uint8Array(0);
  #flowsOut = new Float64Array(0);
  #flowsIn = new Float64Array(0);
  #bytesOut = new Float64Array(0);
  #bytesIn = new Float64Array(0);
  #firstMs = new Float64Array(0);
  #lastMs = new Float64Array(0);
  #services: Tally;
  #names: Tally;

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
    const initiators = this.#resolve(f.initiator.dictionary);
    const responders = this.#resolve(f.responder.dictionary);
    for (let row = 0; row < table.rowCount; row++) {
      const from = initiators[f.initiator.codes[row]];
      const to = responders[f.responder.codes[row]];
      const startMs = f.startMs.values[row];
      const endMs = f.endMs.values[row];
      const out = f.initiatorBytes.values[row];
      const back = f.responderBytes.values[row];
      if (from === REFUSED) this.refused++;
      else {
        this.#touch(from, startMs, endMs);
        this.#flowsOut[from]++;
        if (!isValid(f.initiatorPackets, row) || f.initiatorPackets.values[row] > 0) this.#spoke[from] = 1;
        this.#bytesOut[from] += out;
        this.#bytesIn[from] += back;
        this.#mac[from] ??= textAt(f.initiatorMac, row);
      }
      if (to === REFUSED) this.refused++;
      else {
        this.#touch(to, startMs, endMs);
        this.#flowsIn[to]++;
        this.#bytesOut[to] += back;
        this.#bytesIn[to] += out;
        // A log that does not count packets may still say that there was an answer.
        if (
          isValid(f.responderPackets, row) ? f.responderPackets.values[row] > 0 : textAt(f.outcome, row) === 'answered'
        ) {
          this.#spoke[to] = 1;
          this.#mac[to] ??= textAt(f.responderMac, row);
          // A reset says that nothing listens there.
          if (textAt(f.outcome, row) === 'refused') continue;
          const port = numberAt(f.responderPort, row);
          if (port !== undefined)
            this.#services.count(to, `${textAt(f.service, row) ?? textAt(f.protocol, row)}/${port}`);
          const name = textAt(f.serverName, row) ?? textAt(f.httpHost, row);
          if (name !== undefined && name.length <= MAX_NAME_LENGTH && name !== textAt(f.responder, row))
            this.#names.count(to, name);
        }
      }
    }
  }

  #resolve(addresses: readonly string[]): Int32Array {
    const hosts = new Int32Array(addresses.length);
    for (let i = 0; i < addresses.length; i++) hosts[i] = this.#numberOf(addresses[i]);
    return hosts;
  }

  #numberOf(address: string): number {
    const known = this.#numbers.get(address);
    if (known !== undefined) return known;
    const host = this.#numbers.size;
    if (host >= this.capacity) return REFUSED;
    if (host >= this.#spoke.length) this.#grow();
    this.#firstMs[host] = Number.POSITIVE_INFINITY;
    this.#lastMs[host] = Number.NEGATIVE_INFINITY;
    this.#mac.push(undefined);
    this.#numbers.set(address, host);
    return host;
  }

  #touch(host: number, startMs: number, endMs: number): void {
    if (startMs < this.#firstMs[host]) this.#firstMs[host] = startMs;
    if (endMs > this.#lastMs[host]) this.#lastMs[host] = endMs;
  }

  #grow(): void {
    const n = Math.max(64, 2 * this.#spoke.length);
    const spoke = new Uint8Array(n);
    spoke.set(this.#spoke);
    this.#spoke = spoke;
    this.#flowsOut = grown(this.#flowsOut, n);
    this.#flowsIn = grown(this.#flowsIn, n);
    this.#bytesOut = grown(this.#bytesOut, n);
    this.#bytesIn = grown(this.#bytesIn, n);
    this.#firstMs = grown(this.#firstMs, n);
    this.#lastMs = grown(this.#lastMs, n);
  }

  /** How many hosts spoke. */
  get count(): number {
    return this.#speakers([...this.#numbers.keys()]).length;
  }

  /** All hosts that spoke, most bytes first, then by address; MACs of routers and group addresses taken away. With `most`, the first so many. */
  finish(most = Number.POSITIVE_INFINITY): HostFacts[] {
    const owners = new Map<string, number>();
    for (const mac of this.#mac) if (mac !== undefined) owners.set(mac, (owners.get(mac) ?? 0) + 1);
    const addresses = [...this.#numbers.keys()];
    const bytes = this.#bytesOut.map((out, host) => out + this.#bytesIn[host]);
    return this.#speakers(addresses)
      .sort((a, b) => bytes[b] - bytes[a] || (addresses[a] < addresses[b] ? -1 : 1))
      .slice(0, most)
      .map((host): HostFacts => {
        const mac = this.#mac[host];
        const isOwn = mac !== undefined && !isGroup(mac) && (owners.get(mac) ?? 0) <= MAC_ADDRESSES;
        return {
          address: addresses[host],
          mac: isOwn ? mac : undefined,
          spoke: true,
          flowsOut: this.#flowsOut[host],
          flowsIn: this.#flowsIn[host],
          bytesOut: this.#bytesOut[host],
          bytesIn: this.#bytesIn[host],
          firstMs: this.#firstMs[host],
          lastMs: this.#lastMs[host],
          services: this.#services.of(host),
          names: this.#names.of(host),
        };
      });
  }

  /** @param addresses of all hosts; their numbers are given as they come. */
  #speakers(addresses: readonly string[]): number[] {
    const hosts: number[] = [];
    for (let host = 0; host < addresses.length; host++)
      if (this.#spoke[host] === 1 && addresses[host] !== UNSPECIFIED) hosts.push(host);
    return hosts;
  }
}

/** The number of an address that found no place. */
const REFUSED = -1;

/** What a host says it is before DHCP has given it an address. */
const UNSPECIFIED = '0.0.0.0';

/** A MAC behind more addresses than this is taken for a router's: one device has an IPv4, a link-local and some IPv6 addresses. */
const MAC_ADDRESSES = 6;

/** A group address, or none at all. */
function isGroup(mac: string): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 1) !== 0 || mac === '00:00:00:00:00:00';
}

/**
 * Counts texts per host, of which at most `cap` are told apart, and at most `most` of all hosts; `refused` counts what is beyond the latter. Most hosts have none and many have
 * one: a map is made for the second.
 */
class Tally {
  refused = 0;
  #cap: number;
  #most: number;
  #size = 0;
  #first = new Map<number, string>();
  #times = new Map<number, number>();
  #more = new Map<number, Map<string, number>>();

  constructor(cap: number, most: number) {
    this.#cap = cap;
    this.#most = most;
  }

  count(host: number, text: string): void {
    const more = this.#more.get(host);
    if (more !== undefined) {
      const times = more.get(text);
      if (times !== undefined) more.set(text, times + 1);
      else if (more.size < this.#cap && this.#admits()) more.set(text, 1);
      return;
    }
    const first = this.#first.get(host);
    const times = this.#times.get(host) ?? 0;
    if (first === text) this.#times.set(host, times + 1);
    else if (!this.#admits()) return;
    else if (first === undefined) {
      this.#first.set(host, text);
      this.#times.set(host, 1);
    } else {
      this.#more.set(
        host,
        new Map([
          [first, times],
          [text, 1],
        ]),
      );
      this.#first.delete(host);
      this.#times.delete(host);
    }
  }

  #admits(): boolean {
    if (this.#size >= this.#most) {
      this.refused++;
      return false;
    }
    this.#size++;
    return true;
  }

  /** Undefined where nothing was counted. */
  of(host: number): ReadonlyMap<string, number> | undefined {
    const first = this.#first.get(host);
    return first === undefined ? this.#more.get(host) : new Map([[first, this.#times.get(host) ?? 0]]);
  }
}

function grown(from: Float64Array<ArrayBuffer>, n: number): Float64Array<ArrayBuffer> {
  const to = new Float64Array(n);
  to.set(from);
  return to;
}

/** Keys by falling count, then by name. */
export function mostFrequent(map: ReadonlyMap<string, number> | undefined, most: number): string[] {
  return [...(map ?? [])]
    .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
    .slice(0, most)
    .map(([key]) => key);
}
