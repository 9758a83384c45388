import { NO_ROW, widened } from '../../core/index.ts';
import type { Cap } from '../bounded/bounded.ts';
import { type HeavyColumns, HeavyRows } from '../bounded/heavy-rows.ts';
import {
  ANSWERED,
  ARP,
  type Contact,
  type ContactProtocol,
  type ContactStore,
  NONE,
  TCP,
  UNANSWERED,
} from './contact.ts';

/** The sources of first contacts, and what the capture shows of them all. */

/** Sources in columns. The row of one is its number in the store of contacts. */
export class Sources implements HeavyColumns {
  readonly rows: HeavyRows;
  /** How many contacts it has; the source is kept for them. */
  weight = new Int32Array(0);
  /** First of its slots in the store. */
  head = new Int32Array(0);
  /** Flows to the DNS port; each counts, so that they are at least as many as the names that it asked for by a resolver of its own. */
  questions = new Int32Array(0);
  /** Which of `PROBES` it sent, as bits. */
  probes = new Uint8Array(0);
  /** The hardware address that most of its contacts came from, as a number, and by how many more than from others (Boyer and Moore, 1991). */
  mac = new Float64Array(0);
  #macVotes = new Int32Array(0);
  /** 1 where a contact of this source was refused at a cap: counts are then lower bounds. */
  cut = new Uint8Array(0);
  readonly #store: ContactStore;

  constructor(cap: Cap, store: ContactStore) {
    this.rows = new HeavyRows(cap, this);
    this.#store = store;
  }

  /** `NO_ROW` where it is refused. */
  obtain(address: string, bits: number): number {
    const known = this.rows.find(address, bits);
    if (known !== NO_ROW) return known;
    const row = this.rows.add(address, bits);
    if (row === NO_ROW) return NO_ROW;
    const n = this.rows.capacity;
    if (n > this.weight.length) {
      this.weight = widened(this.weight, n);
      this.head = widened(this.head, n);
      this.questions = widened(this.questions, n);
      this.probes = widened(this.probes, n);
      this.mac = widened(this.mac, n);
      this.#macVotes = widened(this.#macVotes, n);
      this.cut = widened(this.cut, n);
    }
    this.weight[row] = 0;
    this.head[row] = NONE;
    this.questions[row] = 0;
    this.probes[row] = 0;
    this.mac[row] = Number.NaN;
    this.#macVotes[row] = 0;
    this.cut[row] = 0;
    return row;
  }

  cameFrom(row: number, mac: number): void {
    if (Number.isNaN(mac)) return;
    const votes = this.#macVotes[row] as number;
    if (votes === 0) this.mac[row] = mac;
    this.#macVotes[row] = votes + (this.mac[row] === mac ? 1 : -1);
  }

  weightOf(row: number): number {
    return this.weight[row] as number;
  }

  release(row: number): void {
    this.#store.release(this.headOf(row));
  }

  headOf(row: number): number {
    return this.head[row] as number;
  }
}

/** A source with its contacts by protocol, while it is judged. */
export interface Suspect {
  readonly address: string;
  readonly questions: number;
  readonly probes: number;
  readonly cut: boolean;
  readonly contacts: Record<ContactProtocol, Contact[]>;
  /** Contacts whose flows may be shown, by time; made when first needed. */
  sample: Contact[] | undefined;
}

/** True where an ARP request of anybody was answered. */
export function showsArpReplies(sources: Sources, store: ContactStore): boolean {
  for (const source of sources.rows.rows())
    for (const slot of store.slots(sources.headOf(source)))
      if (store.protocolAt(slot) === ARP && store.outcomeAt(slot) === ANSWERED) return true;
  return false;
}

/**
 * True where hardly any first contact over TCP got a reply and no single source is to blame: at least 50 contacts of at least 5 sources, below 1 %
 * with a reply, and no source with half of them. Then the capture may hold one direction only, or SYNs only.
 */
export function looksOneWay(sources: Sources, store: ContactStore): boolean {
  let contacts = 0;
  let replied = 0;
  let senders = 0;
  let largest = 0;
  for (const source of sources.rows.rows()) {
    let n = 0;
    for (const slot of store.slots(sources.headOf(source))) {
      if (store.protocolAt(slot) !== TCP) continue;
      n++;
      if (store.outcomeAt(slot) !== UNANSWERED) replied++;
    }
    if (n === 0) continue;
    contacts += n;
    senders++;
    if (n > largest) largest = n;
  }
  return contacts >= 50 && senders >= 5 && replied < 0.01 * contacts && largest < 0.5 * contacts;
}
