import { widened } from '../../core/index.ts';
import { hash32 } from '../bounded/bounded.ts';
import { moreRows, NarrowColumn } from '../bounded/number-column.ts';
import { NO_NUMBER, TextNumbers } from '../bounded/text-number.ts';

/** What became of a first contact: the best that any of its flows got. */
export const UNANSWERED = 0;
export const REFUSED = 1;
export const ANSWERED = 2;

/**
 * Odd and late are TCP that begins no connection: flags that no connection has, and flags of a connection that nobody saw. A name is that of an address, which the DNS was asked for.
 */
export const CONTACT_PROTOCOLS = ['tcp', 'udp', 'icmp', 'arp', 'odd', 'late', 'name'] as const;

/** Places in `CONTACT_PROTOCOLS`. */
export const TCP = 0;
export const UDP = 1;
export const ICMP = 2;
export const ARP = 3;
/** TCP that begins no connection: flags that no connection has, and flags of a connection of which nothing else was seen. */
export const ODD = 4;
export const LATE = 5;
/** An address whose name was asked for. */
export const NAME = 6;
export type ContactProtocol = (typeof CONTACT_PROTOCOLS)[number];

export const DNS_PORT = 53;

/** One (source, host, port) and what was seen of it. */
export interface Contact {
  /** Index into `CONTACT_PROTOCOLS`. */
  readonly protocol: number;
  readonly host: string;
  /** -1 where the protocol has none. */
  readonly port: number;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly outcome: number;
  readonly flows: number;
  readonly packets: number;
  /** The earliest flow that speaks for a scan; `startMs` is infinite where its time is not known, `id` then -1 where no flow does. */
  readonly evidence: { readonly startMs: number; readonly id: number; readonly initiatorPort: number };
}

/** Bits of a place that tell the protocol. */
const PROTOCOL_BITS = 3;
const PROTOCOL_MASK = (1 << PROTOCOL_BITS) - 1;

/** No slot: the end of a list, or not found. */
export const NONE = -1;
/** The longest way through the hash table. Chance does not come near it at half load; who makes addresses collide is refused. */
const MAX_PROBES = 256;

/**
 * The first contacts of a scan detector in columns, about 55 bytes each: at hundreds of thousands of them objects and maps would take three times as much.
 * A contact lives in a slot. The slots of one source are linked by `next`, from a head that the caller keeps, and found through one hash table.
 */
export class ContactStore {
  size = 0;
  #most: number;
  #used = 0;
  #free = NONE;
  #stale = false;
  readonly #texts = new TextNumbers();
  #host = new Int32Array(0);
  #source = new Int32Array(0);
  #place = new Int32Array(0);
  #next = new Int32Array(0);
  #firstMs = new Float64Array(0);
  #lastMs = new Float64Array(0);
  readonly #packets = new NarrowColumn();
  #flows = new Int32Array(0);
  #outcome = new Uint8Array(0);
  /** When the flow began that is kept as evidence, where that is not `firstMs`, which it nearly always is. */
  readonly #evidenceMs = new Map<number, number>();
  #evidenceId = new Int32Array(0);
  #evidencePort = new Int32Array(0);
  /** Slot + 1; 0 is empty. Its length is a power of two, at least one and a half times the number of slots. */
  #table = new Int32Array(0);

  /** @param most how many contacts are ever held at a time; its columns never grow beyond. */
  constructor(most: number) {
    this.#most = most;
  }

  /** The slot of a contact, or NONE. `bits` is `ipv4Bits(host)`; the place is that of `placeOf`. */
  find(source: number, host: string, bits: number, place: number): number {
    if (this.#stale) this.#rebuild();
    const number = this.#texts.find(host, bits);
    if (number === NO_NUMBER) return NONE;
    const hash = contactHash(source, number, place);
    const mask = this.#table.length - 1;
    for (let probe = 0; probe < MAX_PROBES && mask > 0; probe++) {
      const slot = (this.#table[(hash + probe) & mask] ?? 0) - 1;
      if (slot < 0) return NONE;
      if (this.#host[slot] === number && this.#place[slot] === place && this.#source[slot] === source) return slot;
    }
    return NONE;
  }

  /** A new contact before `next` in the list of its source: its slot, or NONE where its way through the table would be too long or the store is full. */
  add(source: number, host: string, bits: number, place: number, next: number): number {
    if (this.#free === NONE && this.#used === this.#source.length) {
      if (this.#used >= this.#most) return NONE;
      this.#grow();
    }
    if (this.#stale) this.#rebuild();
    const number = this.#texts.take(host, bits);
    const at = this.#vacant(contactHash(source, number, place));
    if (at === NONE) {
      this.#texts.drop(number);
      return NONE;
    }
    let slot = this.#free;
    if (slot === NONE) slot = this.#used++;
    else this.#free = this.#next[slot] ?? NONE;
    this.#table[at] = slot + 1;
    this.#host[slot] = number;
    this.#source[slot] = source;
    this.#place[slot] = place;
    this.#next[slot] = next;
    this.#firstMs[slot] = Number.POSITIVE_INFINITY;
    this.#lastMs[slot] = Number.NEGATIVE_INFINITY;
    this.#packets.set(slot, 0);
    this.#flows[slot] = 0;
    this.#outcome[slot] = UNANSWERED;
    this.#evidenceId[slot] = NO_EVIDENCE;
    this.#evidencePort[slot] = -1;
    this.size++;
    return slot;
  }

  /** One flow of a contact; times may be missing. */
  saw(slot: number, startMs: number | undefined, endMs: number | undefined, outcome: number, packets: number): void {
    if (startMs !== undefined && startMs < (this.#firstMs[slot] ?? 0)) {
      const evidenceMs = this.#evidenceMsAt(slot);
      this.#firstMs[slot] = startMs;
      this.#setEvidenceMs(slot, evidenceMs);
    }
    if (endMs !== undefined && endMs > (this.#lastMs[slot] ?? 0)) this.#lastMs[slot] = endMs;
    if (outcome > (this.#outcome[slot] ?? 0)) this.#outcome[slot] = outcome;
    this.#flows[slot] = (this.#flows[slot] ?? 0) + 1;
    this.#packets.set(slot, this.#packets.get(slot) + packets);
  }

  /** Keeps the flow as evidence where it is the earliest, or of the earliest the one with the smallest id; -1 stands for an id or port that is missing. */
  offer(slot: number, startMs: number, id: number, initiatorPort: number): void {
    const keptMs = this.#evidenceMsAt(slot);
    const keptId = this.#evidenceId[slot] ?? 0;
    if (keptId !== NO_EVIDENCE && (startMs > keptMs || (startMs === keptMs && id >= keptId))) return;
    this.#evidenceId[slot] = id;
    this.#setEvidenceMs(slot, startMs);
    this.#evidencePort[slot] = initiatorPort;
  }

  #evidenceMsAt(slot: number): number {
    const odd = this.#evidenceMs.size === 0 ? undefined : this.#evidenceMs.get(slot);
    return odd ?? (this.#firstMs[slot] as number);
  }

  #setEvidenceMs(slot: number, startMs: number): void {
    if (this.#evidenceId[slot] !== NO_EVIDENCE && startMs !== this.#firstMs[slot]) this.#evidenceMs.set(slot, startMs);
    else if (this.#evidenceMs.size > 0) this.#evidenceMs.delete(slot);
  }

  /** Gives up all contacts of a list. */
  release(head: number): void {
    let slot = head;
    while (slot !== NONE) {
      const next = this.#next[slot] ?? NONE;
      this.#texts.drop(this.#host[slot] as number);
      this.#packets.clear(slot);
      this.#evidenceMs.delete(slot);
      this.#source[slot] = -1;
      this.#next[slot] = this.#free;
      this.#free = slot;
      this.size--;
      slot = next;
    }
    this.#stale = true;
  }

  /** The slots of a list. */
  *slots(head: number): Iterable<number> {
    for (let slot = head; slot !== NONE; slot = this.#next[slot] ?? NONE) yield slot;
  }

  outcomeAt(slot: number): number {
    return this.#outcome[slot] ?? UNANSWERED;
  }

  protocolAt(slot: number): number {
    return (this.#place[slot] ?? 0) & PROTOCOL_MASK;
  }

  contactAt(slot: number): Contact {
    const place = this.#place[slot] ?? 0;
    return {
      protocol: place & PROTOCOL_MASK,
      host: this.#texts.text(this.#host[slot] as number),
      port: (place >> PROTOCOL_BITS) - 1,
      firstMs: this.#firstMs[slot] ?? 0,
      lastMs: this.#lastMs[slot] ?? 0,
      outcome: this.#outcome[slot] ?? 0,
      flows: this.#flows[slot] ?? 0,
      packets: this.#packets.get(slot),
      evidence: {
        startMs: this.#evidenceId[slot] === NO_EVIDENCE ? Number.POSITIVE_INFINITY : this.#evidenceMsAt(slot),
        id: this.#evidenceId[slot] ?? 0,
        initiatorPort: this.#evidencePort[slot] ?? 0,
      },
    };
  }

  #vacant(hash: number): number {
    const mask = this.#table.length - 1;
    for (let probe = 0; probe < MAX_PROBES; probe++) {
      const at = (hash + probe) & mask;
      if (this.#table[at] === 0) return at;
    }
    return NONE;
  }

  #grow(): void {
    const n = moreRows(this.#source.length, this.#most);
    this.#host = widened(this.#host, n);
    this.#source = widened(this.#source, n);
    this.#place = widened(this.#place, n);
    this.#next = widened(this.#next, n);
    this.#firstMs = widened(this.#firstMs, n);
    this.#lastMs = widened(this.#lastMs, n);
    this.#packets.widen(n);
    this.#flows = widened(this.#flows, n);
    this.#outcome = widened(this.#outcome, n);
    this.#evidenceId = widened(this.#evidenceId, n);
    this.#evidencePort = widened(this.#evidencePort, n);
    const slots = 2 ** Math.ceil(Math.log2(1.5 * n));
    if (slots === this.#table.length) return;
    this.#table = new Int32Array(slots);
    this.#stale = true;
  }

  #rebuild(): void {
    this.#stale = false;
    this.#table.fill(0);
    for (let slot = 0; slot < this.#used; slot++) {
      if ((this.#source[slot] ?? -1) < 0) continue;
      const at = this.#vacant(
        contactHash(this.#source[slot] as number, this.#host[slot] as number, this.#place[slot] as number),
      );
      // Without a place it can't be found again and becomes a second contact when it is seen again: only collisions by design come here.
      if (at !== NONE) this.#table[at] = slot + 1;
    }
  }
}

const NO_EVIDENCE = -2;

/** True where a flow was kept. */
export function hasEvidence(contact: Contact): boolean {
  return contact.evidence.id !== NO_EVIDENCE;
}

/** Protocol and port in one number. */
export function placeOf(protocol: number, port: number): number {
  return ((port + 1) << PROTOCOL_BITS) | protocol;
}

/** Puts the contacts of a source in an order that has nothing to do with arrival: the first ones are a sample in which every pattern has its share. */
export function sampleRank(contact: Contact): number {
  return hash32(`${CONTACT_PROTOCOLS[contact.protocol]} ${contact.host} ${contact.port}`);
}

/** Where the way of a contact through the table begins; `host` is its number (`TextNumbers`). */
export function contactHash(source: number, host: number, place: number): number {
  let h = Math.imul(host ^ Math.imul(source, 0x9e3779b1), 0x85ebca6b) ^ Math.imul(place, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  return h ^ (h >>> 13);
}
