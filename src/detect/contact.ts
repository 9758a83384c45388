import { hash32 } from './bounded.ts';

/** What became of a first contact: the best that any of its flows got. */
export const UNANSWERED = 0;
export const REFUSED = 1;
export const ANSWERED = 2;

export const CONTACT_PROTOCOLS = ['tcp', 'udp', 'icmp', 'arp'] as const;
export type ContactProtocol = (typeof CONTACT_PROTOCOLS)[number];

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

/** No slot: the end of a list, or not found. */
export const NONE = -1;
/** The longest way through the hash table. Chance does not come near it at half load; who makes addresses collide is refused. */
const MAX_PROBES = 256;

/**
 * The first contacts of a scan detector in columns, about 70 bytes each: at hundreds of thousands of them objects and maps would take three times as much.
 * A contact lives in a slot. The slots of one source are linked by `next`, from a head that the caller keeps, and found through one hash table.
 */
export class ContactStore {
  size = 0;
  #most: number;
  #used = 0;
  #free = NONE;
  #stale = false;
  #hosts: (string | undefined)[] = [];
  #source = new Int32Array(0);
  #place = new Int32Array(0);
  #hash = new Int32Array(0);
  #next = new Int32Array(0);
  #firstMs = new Float64Array(0);
  #lastMs = new Float64Array(0);
  #packets = new Float64Array(0);
  #flows = new Int32Array(0);
  #outcome = new Uint8Array(0);
  #evidenceMs = new Float64Array(0);
  #evidenceId = new Int32Array(0);
  #evidencePort = new Int32Array(0);
  /** Slot + 1; 0 is empty. Its length is a power of two, at least one and a half times the number of slots. */
  #table = new Int32Array(0);

  /** @param most how many contacts are ever held at a time; its columns never grow beyond. */
  constructor(most: number) {
    this.#most = most;
  }

  /** The slot of a contact, or NONE. `hostHash` is hash32(host); the place is that of `placeOf`. */
  find(source: number, host: string, hostHash: number, place: number): number {
    if (this.#stale) this.#rebuild();
    const hash = mix(source, hostHash, place);
    const mask = this.#table.length - 1;
    for (let probe = 0; probe < MAX_PROBES && mask > 0; probe++) {
      const slot = (this.#table[(hash + probe) & mask] ?? 0) - 1;
      if (slot < 0) return NONE;
      if (
        this.#hash[slot] === hash &&
        this.#source[slot] === source &&
        this.#place[slot] === place &&
        this.#hosts[slot] === host
      )
        return slot;
    }
    return NONE;
  }

  /** A new contact before `next` in the list of its source: its slot, or NONE where its way through the table would be too long or the store is full. */
  add(source: number, host: string, hostHash: number, place: number, next: number): number {
    if (this.#free === NONE && this.#used === this.#source.length) {
      if (this.#used >= this.#most) return NONE;
      this.#grow();
    }
    if (this.#stale) this.#rebuild();
    const hash = mix(source, hostHash, place);
    const at = this.#vacant(hash);
    if (at === NONE) return NONE;
    let slot = this.#free;
    if (slot === NONE) slot = this.#used++;
    else this.#free = this.#next[slot] ?? NONE;
    this.#table[at] = slot + 1;
    this.#hosts[slot] = host;
    this.#source[slot] = source;
    this.#place[slot] = place;
    this.#hash[slot] = hash;
    this.#next[slot] = next;
    this.#firstMs[slot] = Number.POSITIVE_INFINITY;
    this.#lastMs[slot] = Number.NEGATIVE_INFINITY;
    this.#packets[slot] = 0;
    this.#flows[slot] = 0;
    this.#outcome[slot] = UNANSWERED;
    this.#evidenceMs[slot] = Number.POSITIVE_INFINITY;
    this.#evidenceId[slot] = NO_EVIDENCE;
    this.#evidencePort[slot] = -1;
    this.size++;
    return slot;
  }

  /** One flow of a contact; times may be missing. */
  saw(slot: number, startMs: number | undefined, endMs: number | undefined, outcome: number, packets: number): void {
    if (startMs !== undefined && startMs < (this.#firstMs[slot] ?? 0)) this.#firstMs[slot] = startMs;
    if (endMs !== undefined && endMs > (this.#lastMs[slot] ?? 0)) this.#lastMs[slot] = endMs;
    if (outcome > (this.#outcome[slot] ?? 0)) this.#outcome[slot] = outcome;
    this.#flows[slot] = (this.#flows[slot] ?? 0) + 1;
    this.#packets[slot] = (this.#packets[slot] ?? 0) + packets;
  }

  /** Keeps the flow as evidence where it is the earliest, or of the earliest the one with the smallest id; -1 stands for an id or port that is missing. */
  offer(slot: number, startMs: number, id: number, initiatorPort: number): void {
    const keptMs = this.#evidenceMs[slot] ?? 0;
    const keptId = this.#evidenceId[slot] ?? 0;
    if (keptId !== NO_EVIDENCE && (startMs > keptMs || (startMs === keptMs && id >= keptId))) return;
    this.#evidenceMs[slot] = startMs;
    this.#evidenceId[slot] = id;
    this.#evidencePort[slot] = initiatorPort;
  }

  /** Gives up all contacts of a list. */
  release(head: number): void {
    let slot = head;
    while (slot !== NONE) {
      const next = this.#next[slot] ?? NONE;
      this.#hosts[slot] = undefined;
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
    return (this.#place[slot] ?? 0) & 3;
  }

  contactAt(slot: number): Contact {
    const place = this.#place[slot] ?? 0;
    return {
      protocol: place & 3,
      host: this.#hosts[slot] ?? '',
      port: (place >> 2) - 1,
      firstMs: this.#firstMs[slot] ?? 0,
      lastMs: this.#lastMs[slot] ?? 0,
      outcome: this.#outcome[slot] ?? 0,
      flows: this.#flows[slot] ?? 0,
      packets: this.#packets[slot] ?? 0,
      evidence: {
        startMs: this.#evidenceMs[slot] ?? 0,
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
    const n = Math.min(Math.max(1024, 2 * this.#source.length), this.#most);
    this.#source = grown(this.#source, new Int32Array(n));
    this.#place = grown(this.#place, new Int32Array(n));
    this.#hash = grown(this.#hash, new Int32Array(n));
    this.#next = grown(this.#next, new Int32Array(n));
    this.#firstMs = grown(this.#firstMs, new Float64Array(n));
    this.#lastMs = grown(this.#lastMs, new Float64Array(n));
    this.#packets = grown(this.#packets, new Float64Array(n));
    this.#flows = grown(this.#flows, new Int32Array(n));
    this.#outcome = grown(this.#outcome, new Uint8Array(n));
    this.#evidenceMs = grown(this.#evidenceMs, new Float64Array(n));
    this.#evidenceId = grown(this.#evidenceId, new Int32Array(n));
    this.#evidencePort = grown(this.#evidencePort, new Int32Array(n));
    this.#table = new Int32Array(2 ** Math.ceil(Math.log2(1.5 * n)));
    this.#stale = true;
  }

  #rebuild(): void {
    this.#stale = false;
    this.#table.fill(0);
    for (let slot = 0; slot < this.#used; slot++) {
      if ((this.#source[slot] ?? -1) < 0) continue;
      const at = this.#vacant(this.#hash[slot] ?? 0);
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
  return ((port + 1) << 2) | protocol;
}

/** Puts the contacts of a source in an order that has nothing to do with arrival: the first ones are a sample in which every pattern has its share. */
export function sampleRank(contact: Contact): number {
  return hash32(`${CONTACT_PROTOCOLS[contact.protocol]} ${contact.host} ${contact.port}`);
}

function mix(source: number, hostHash: number, place: number): number {
  let h = Math.imul(hostHash ^ Math.imul(source, 0x9e3779b1), 0x85ebca6b) ^ Math.imul(place, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  return h ^ (h >>> 13);
}

function grown<T extends Int32Array | Float64Array | Uint8Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
