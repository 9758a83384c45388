import { NO_ROW as NO_DOMAIN_ROW, widened } from '../../core/index.ts';
import { type Cap, lighterHalf, PeerCounter } from '../bounded/bounded.ts';
import { HashRows, NO_ROW } from '../bounded/hash-rows.ts';
import { pairHash } from '../bounded/pair.ts';
import { NO_NUMBER, TextNumbers } from '../bounded/text-number.ts';

/** No client: not found, or refused. */
export const NO_CLIENT = NO_ROW;
const NO_PORT = -1;
const MAX_SERVERS = 16;

/** What a client leaves behind that has to make room. */
export interface Leaving {
  /** The first row of its domains. */
  readonly first: number;
  readonly generated: number;
  readonly failing: number;
}

/**
 * Hosts that ask for names in columns, some 60 bytes each. A client is a number; at the cap those go that have the fewest odd domains, half of all, of equal ones those that came first: `obtain` may
 * give all others new numbers then, and `drops` tells how often that was. The domains of a client are a list of rows that belong to its `owner`, a number that stays.
 */
export class DgaClients {
  readonly cap: Cap;
  /** How often clients had to make room. */
  drops = 0;
  readonly #texts = new TextNumbers();
  readonly #release: (leaving: Leaving) => void;
  readonly #rows: HashRows;
  #owners = 0;
  #address = new Int32Array(0);
  #owner = new Int32Array(0);
  /** Odd domains: who has many stays. */
  #odd = new Int32Array(0);
  #domains = new Int32Array(0);
  #first = new Int32Array(0);
  #last = new Int32Array(0);
  #flows = new Int32Array(0);
  /** The first that it asked. */
  #server = new Int32Array(0);
  #port = new Int32Array(0);
  #protocol = new Int32Array(0);
  #hasCodes = new Uint8Array(0);
  /** Numbers of collectors. */
  #generated = new Int32Array(0);
  #failing = new Int32Array(0);
  /** Of owners that asked more than one. */
  readonly #servers = new Map<number, PeerCounter>();

  constructor(cap: Cap, release: (leaving: Leaving) => void) {
    this.cap = cap;
    this.#release = release;
    this.#rows = new HashRows(cap.cap);
  }

  get size(): number {
    return this.#rows.size;
  }

  /**
   * The client of an address and its `ipv4Bits`, new where it is not known; `NO_CLIENT` where it is refused, which is counted.
   * @param collector makes the number of a collector.
   */
  obtain(address: string, bits: number, collector: () => number): number {
    const number = this.#texts.find(address, bits);
    const known = number === NO_NUMBER ? NO_CLIENT : this.#find(number);
    if (known !== NO_CLIENT) return known;
    if (this.size >= this.cap.cap) this.cap.refused += this.#dropLightest();
    const taken = this.#texts.take(address, bits);
    const client = this.#rows.add(pairHash(taken, 0, 0));
    if (client === NO_ROW) {
      this.#texts.drop(taken);
      this.cap.refused++;
      return NO_CLIENT;
    }
    if (client >= this.#address.length) this.#widen(this.#rows.capacity);
    this.#address[client] = taken;
    this.#owner[client] = this.#owners++;
    for (const column of [this.#odd, this.#domains, this.#flows, this.#hasCodes]) column[client] = 0;
    this.#first[client] = NO_DOMAIN_ROW;
    this.#last[client] = NO_DOMAIN_ROW;
    this.#server[client] = NO_NUMBER;
    this.#port[client] = NO_PORT;
    this.#protocol[client] = NO_NUMBER;
    this.#generated[client] = collector();
    this.#failing[client] = collector();
    return client;
  }

  /** Counts a question to a server, `bits` are those of the server. The first port and protocol that are known stay. */
  asked(client: number, server: string, bits: number, port: number | undefined, protocol: string | undefined): void {
    const flows = this.#flows[client] as number;
    this.#flows[client] = flows + 1;
    if (this.#port[client] === NO_PORT && port !== undefined) this.#port[client] = port;
    if (this.#protocol[client] === NO_NUMBER && protocol !== undefined)
      this.#protocol[client] = this.#texts.take(protocol);
    if (flows === 0) this.#server[client] = this.#texts.take(server, bits);
    const first = this.#server[client] as number;
    const owner = this.#owner[client] as number;
    let servers = this.#servers.size === 0 ? undefined : this.#servers.get(owner);
    if (servers === undefined) {
      if (first === this.#texts.find(server, bits)) return;
      servers = new PeerCounter(MAX_SERVERS);
      servers.add(this.#texts.text(first), flows);
      this.#servers.set(owner, servers);
    }
    servers.add(server);
  }

  setHasCodes(client: number): void {
    this.#hasCodes[client] = 1;
  }

  addOdd(client: number): void {
    this.#odd[client] = (this.#odd[client] as number) + 1;
  }

  /** Puts a domain behind the others of the client. */
  addDomain(client: number, row: number): void {
    if (this.#first[client] === NO_DOMAIN_ROW) this.#first[client] = row;
    this.#last[client] = row;
    this.#domains[client] = (this.#domains[client] as number) + 1;
  }

  /** Whose the rows of its domains are. */
  owner(client: number): number {
    return this.#owner[client] as number;
  }

  odd(client: number): number {
    return this.#odd[client] as number;
  }

  domains(client: number): number {
    return this.#domains[client] as number;
  }

  first(client: number): number {
    return this.#first[client] as number;
  }

  last(client: number): number {
    return this.#last[client] as number;
  }

  /** Whether any question of it shows a response code. */
  hasCodes(client: number): boolean {
    return this.#hasCodes[client] === 1;
  }

  generated(client: number): number {
    return this.#generated[client] as number;
  }

  failing(client: number): number {
    return this.#failing[client] as number;
  }

  address(client: number): string {
    return this.#texts.text(this.#address[client] as number);
  }

  servers(client: number): { readonly top: readonly string[]; readonly count: number } {
    const servers = this.#servers.get(this.owner(client));
    if (servers !== undefined) return { top: servers.top(), count: servers.count };
    const first = this.#server[client] as number;
    return first === NO_NUMBER ? { top: [], count: 0 } : { top: [this.#texts.text(first)], count: 1 };
  }

  port(client: number): number | undefined {
    const port = this.#port[client] as number;
    return port === NO_PORT ? undefined : port;
  }

  protocol(client: number): string | undefined {
    const protocol = this.#protocol[client] as number;
    return protocol === NO_NUMBER ? undefined : this.#texts.text(protocol);
  }

  #find(address: number): number {
    for (let client = this.#rows.first(pairHash(address, 0, 0)); client !== NO_ROW; client = this.#rows.further())
      if (this.#address[client] === address) return client;
    return NO_CLIENT;
  }

  /** Drops the half with the fewest odd domains, at least one: how many went. */
  #dropLightest(): number {
    const before = this.size;
    const isLight = lighterHalf(Float64Array.from(this.#odd.subarray(0, before)));
    const kept = new Int32Array(before);
    let n = 0;
    for (let client = 0; client < before; client++) {
      if (isLight(this.odd(client))) this.#forget(client);
      else kept[n++] = client;
    }
    this.#keep(kept.subarray(0, n));
    this.drops++;
    return before - n;
  }

  #forget(client: number): void {
    this.#release({
      first: this.first(client),
      generated: this.generated(client),
      failing: this.failing(client),
    });
    this.#servers.delete(this.owner(client));
    for (const column of [this.#address, this.#server, this.#protocol]) this.#texts.drop(column[client] as number);
  }

  #keep(kept: Int32Array): void {
    const columns = [
      this.#address,
      this.#owner,
      this.#odd,
      this.#domains,
      this.#first,
      this.#last,
      this.#flows,
      this.#server,
      this.#port,
      this.#protocol,
      this.#hasCodes,
      this.#generated,
      this.#failing,
    ];
    for (const column of columns)
      for (let client = 0; client < kept.length; client++) column[client] = column[kept[client] as number] as number;
    this.#rows.keep(kept);
  }

  #widen(n: number): void {
    this.#address = widened(this.#address, n);
    this.#owner = widened(this.#owner, n);
    this.#odd = widened(this.#odd, n);
    this.#domains = widened(this.#domains, n);
    this.#first = widened(this.#first, n);
    this.#last = widened(this.#last, n);
    this.#flows = widened(this.#flows, n);
    this.#server = widened(this.#server, n);
    this.#port = widened(this.#port, n);
    this.#protocol = widened(this.#protocol, n);
    this.#hasCodes = widened(this.#hasCodes, n);
    this.#generated = widened(this.#generated, n);
    this.#failing = widened(this.#failing, n);
  }
}
